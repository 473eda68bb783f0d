// The workloads: what clients do so that a checker can tell from their answers whether the database keeps its promises. Whoever runs one,
// simulation or clients on a network, asks for scripts, carries out their steps, and records what came of them.

import Reactors

/// What clients do, and by which checker it is judged.
public enum Workload: String, CaseIterable, Sendable, Hashable {
  /// Transactions append to lists and read them: cycles of dependencies.
  case append
  /// Transfers between accounts, whose sum must stay.
  case bank
  /// Registers, each of which must be linearizable.
  case register
  /// Counters that only rise.
  case monotonic
  /// Keys that are written once, by one transaction each; nobody may see two of them in opposite orders.
  case longFork = "long-fork"
  /// Rows in several tables: who sees one sees those that were there before it was begun.
  case comments
  /// Rows that are added and must stay.
  case set
  /// Rows that are inserted unless there are any with their key.
  case upsert

  public static let accountCount = 8
  public static let openingBalance = 1000

  /// What is wrong with a history of this workload.
  public func check(_ history: History) -> Report {
    let anomalies =
      switch self {
      case .append: ListAppendChecker.check(history)
      case .bank: BankChecker.check(history)
      case .register: RegisterChecker.check(history)
      case .monotonic: MonotonicChecker.check(history)
      case .longFork: LongForkChecker.check(history)
      case .comments, .set, .upsert: BagChecker.check(history, self)
      }
    return Report(self, history, anomalies)
  }
}

/// What one transaction is to do: a value that tells the next step from those that were done.
public enum Script: Sendable, Hashable {
  case steps([Operation])
  /// Gives every account its money, unless that was done.
  case open
  case transfer(from: Int, to: Int, amount: Int)
  /// Reads a counter and sets it to the next number.
  case increment(key: Int)
  /// Reads a register and sets it.
  case replace(key: Int, value: Int)
  /// Reads bags and inserts into those that are empty.
  case upsert(bags: [Int], value: Int)

  /// The next step; nil when the transaction is to commit. What a step reads is left empty here.
  public func next(after done: [Operation]) -> Operation? {
    switch self {
    case .steps(let steps): return done.count < steps.count ? steps[done.count] : nil
    case .open:
      guard let first = done.first else { return .read(key: 0, nil) }
      guard case .read(_, nil) = first, done.count <= Workload.accountCount else { return nil }
      return .write(key: done.count - 1, value: Workload.openingBalance)
    case .transfer(let from, let to, let amount):
      switch done.count {
      case 0: return .read(key: from, nil)
      case 1: return .read(key: to, nil)
      default:
        guard case .read(_, let payer?) = done[0], case .read(_, let payee?) = done[1] else { return nil }
        return [.write(key: from, value: payer - amount), .write(key: to, value: payee + amount)].at(done.count - 2)
      }
    case .increment(let key):
      guard let first = done.first else { return .read(key: key, nil) }
      guard done.count == 1, case .read(_, let value) = first else { return nil }
      return .write(key: key, value: (value ?? 0) + 1)
    case .replace(let key, let value): return [.read(key: key, nil), .write(key: key, value: value)].at(done.count)
    case .upsert(let bags, let value):
      if done.count < bags.count { return .bag(bags[done.count], []) }
      let empty = done.prefix(bags.count).compactMap { step -> Int? in
        if case .bag(let bag, let values) = step, values.isEmpty { bag } else { nil }
      }
      return empty.at(done.count - bags.count).map { .insert(bag: $0, value: value) }
    }
  }

  public var isReadOnly: Bool {
    if case .steps(let steps) = self { steps.allSatisfy(\.isRead) } else { false }
  }

  /// Its only step, which a client may send as a statement of its own, without BEGIN and COMMIT.
  public var single: Operation? {
    if case .steps(let steps) = self, steps.count == 1 { steps[0] } else { nil }
  }
}

extension Array {
  fileprivate func at(_ index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}

/// Draws the scripts of one run.
public struct ScriptSource: Sendable {
  /// How many keys are in use at a time, and after how many scripts others take their place.
  public struct Keys: Sendable {
    public var count: Int
    public var life: Int

    public init(count: Int, life: Int) {
      self.count = count
      self.life = life
    }
  }

  public let workload: Workload
  private var keys: Keys
  /// Numbers the scripts; values are such numbers, so that each is written once.
  private var drawnCount = 0
  private var nextForkKey = 0

  public init(_ workload: Workload, keys: Keys) {
    self.workload = workload
    self.keys = keys
    // A bag that holds something is of no use to those who insert into empty ones.
    if workload == .upsert { self.keys.life = min(keys.life, 6 * keys.count) }
  }

  /// What must have happened before any other script.
  public var opening: Script {
    workload == .bank ? .open : .steps([])
  }

  /// The first of the keys in use.
  private var base: Int { drawnCount / keys.life * keys.count }

  /// - Parameter isReader: whether it is to write nothing.
  public mutating func next(isReader: Bool, _ random: inout RandomSource) -> Script {
    drawnCount += 1
    let value = drawnCount
    let reads = isReader || random.chance(percent: 40)
    func key(_ random: inout RandomSource) -> Int { base + random.draw(below: keys.count) }
    var all: [Int] = Array(base..<base + keys.count)
    random.shuffle(&all)
    switch workload {
    case .append:
      return .steps(
        (0..<random.draw(1...4)).map { step in
          let list = key(&random)
          // Several of one transaction to one list differ.
          return isReader || random.chance(percent: 45) ? .list(list, []) : .append(list: list, value: value * 4 + step)
        })
    case .bank:
      if reads {
        if random.chance(percent: 60) { return .steps([.readAll([])]) }
        return .steps((0..<Workload.accountCount).map { .read(key: $0, nil) })
      }
      let from = random.draw(below: Workload.accountCount)
      let to = (from + random.draw(1...Workload.accountCount - 1)) % Workload.accountCount
      return .transfer(from: from, to: to, amount: random.draw(1...50))
    case .register:
      let key = key(&random)
      if reads { return .steps([.read(key: key, nil)]) }
      return random.chance(percent: 50) ? .steps([.write(key: key, value: value)]) : .replace(key: key, value: value)
    case .monotonic:
      if reads { return .steps(all.prefix(random.draw(1...min(4, keys.count))).map { .read(key: $0, nil) }) }
      return .increment(key: key(&random))
    case .longFork:
      let group = max(0, nextForkKey - random.draw(below: 2)) / Self.forkSize
      if reads {
        var group = Array(group * Self.forkSize..<(group + 1) * Self.forkSize)
        random.shuffle(&group)
        return .steps(group.map { .read(key: $0, nil) })
      }
      nextForkKey += 1
      return .steps([.write(key: nextForkKey - 1, value: value)])
    case .comments:
      if reads { return .steps(all.map { .bag($0, []) }) }
      return .steps([.insert(bag: key(&random), value: value)])
    case .set:
      let bag = base / keys.count
      return .steps([reads ? .bag(bag, []) : .insert(bag: bag, value: value)])
    case .upsert:
      let some = Array(all.prefix(random.draw(1...min(3, keys.count))))
      return reads ? .steps(some.map { .bag($0, []) }) : .upsert(bags: some, value: value)
    }
  }

  /// Keys of one long fork.
  static let forkSize = 4

  /// What is to be read when everything is over, in transactions of bounded size.
  public var closing: [Script] {
    let used = Array(0..<base + keys.count)
    func reads(_ keys: [Int], _ each: (Int) -> Operation) -> [Script] {
      stride(from: 0, to: keys.count, by: 50).map { start in
        .steps(keys[start..<min(start + 50, keys.count)].map(each))
      }
    }
    switch workload {
    case .append: return reads(used) { .list($0, []) }
    case .bank: return [.steps([.readAll([])])]
    case .register: return reads(used) { .read(key: $0, nil) }.flatMap(\.apart)
    // Together those of one era, which a checker compares.
    case .monotonic:
      return stride(from: 0, to: used.count, by: keys.count).map { start in
        .steps((start..<start + keys.count).map { .read(key: $0, nil) })
      }
    case .longFork:
      return stride(from: 0, to: nextForkKey, by: Self.forkSize).suffix(100).map { start in
        .steps((start..<start + Self.forkSize).map { .read(key: $0, nil) })
      }
    case .comments:
      return stride(from: 0, to: used.count, by: keys.count).map { start in
        .steps((start..<start + keys.count).map { .bag($0, []) })
      }
    case .set: return (0...base / keys.count).map { .steps([.bag($0, [])]) }
    case .upsert: return reads(used) { .bag($0, []) }
    }
  }
}

extension Script {
  /// Each step as a transaction of its own.
  fileprivate var apart: [Script] {
    if case .steps(let steps) = self { steps.map { .steps([$0]) } } else { [self] }
  }
}
