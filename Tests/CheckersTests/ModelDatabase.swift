// A database of a few lines, with versions, snapshots and validation at the commit, whose clients take turns as a seed says; and the same with
// one defect. What it answers is what the checkers must judge rightly.

import Checkers
import Reactors

/// What is wrong with the model.
enum ModelDefect: CaseIterable {
  /// Snapshots of some transactions lie in the past.
  case oldSnapshots
  /// Nothing that was read is looked at again at the commit, whatever the level.
  case noValidation
  /// Writes are there at once, and stay when their transaction aborts.
  case dirtyWrites
  /// Some commits have no effect.
  case lostCommits
  /// Some commits appear in two parts.
  case halfCommits
  /// Some commits take place twice.
  case doubleCommits
  /// Some commits are acknowledged before they are there.
  case lateCommits
}

struct ModelDatabase {
  private enum Cell: Hashable {
    case list(Int), register(Int), bag(Int)
    case allRegisters
  }

  private struct Client {
    var script: Script?
    var begun: Int64 = 0
    var snapshot = 0
    var done: [Operation] = []
    var isReader: Bool
  }

  private let isolation: Isolation
  private let defect: ModelDefect?
  private var random: RandomSource
  private var source: ScriptSource
  private var clients: [Client]
  private var now: Int64 = 0
  /// Every version of every cell, with the number of its commit.
  private var versions: [Cell: [(commit: Int, values: [Int])]] = [:]
  private var commits = 0
  /// Under READ COMMITTED: who has written a cell and is not over.
  private var locks: [Cell: Int] = [:]
  /// Writes that come later, with their time.
  private var late: [(time: Int64, writes: [Operation])] = []
  private var history = History()

  /// The history of a run.
  static func run(
    _ workload: Workload, _ isolation: Isolation, _ defect: ModelDefect? = nil, seed: UInt64, steps: Int = 700
  ) -> History {
    var random = RandomSource(seed: seed)
    let keys = ScriptSource.Keys(count: random.draw(2...5), life: random.pick([20, 100]))
    var model = ModelDatabase(ScriptSource(workload, keys: keys), isolation, defect, random)
    model.perform(model.source.opening)
    for _ in 0..<steps { model.turn() }
    for write in model.late { model.apply(write.writes) }
    model.late = []
    for script in model.source.closing { model.perform(script) }
    return model.history
  }

  private init(_ source: ScriptSource, _ isolation: Isolation, _ defect: ModelDefect?, _ random: RandomSource) {
    self.source = source
    self.isolation = isolation
    self.defect = defect
    self.random = random
    clients = (0..<5).map { Client(isReader: $0 == 4) }
  }

  /// Runs a script with nobody beside.
  private mutating func perform(_ script: Script) {
    var client = Client(script: script, isReader: false)
    client.begun = tick()
    client.snapshot = commits
    while let step = script.next(after: client.done) { client.done.append(answer(step, client)) }
    apply(client.done)
    record(99, client, .committed)
  }

  private mutating func tick() -> Int64 {
    now += Int64(random.draw(1...3)) * 1000
    return now
  }

  private mutating func turn() {
    let number = random.draw(below: clients.count)
    for write in late where write.time <= now { apply(write.writes) }
    late.removeAll { $0.time <= now }
    guard let script = clients[number].script else {
      clients[number].script = source.next(isReader: clients[number].isReader, &random)
      clients[number].begun = tick()
      clients[number].done = []
      clients[number].snapshot = commits
      if defect == .oldSnapshots, random.chance(percent: 20) { clients[number].snapshot = max(0, commits - 4) }
      return
    }
    if isolation == .readCommitted, defect != .oldSnapshots { clients[number].snapshot = commits }
    if let step = script.next(after: clients[number].done) {
      if isolation == .readCommitted, defect != .noValidation, !step.isRead {
        let holder = locks[Self.cell(step)] ?? number
        // Who waits may wait in a circle.
        if holder != number { return random.chance(percent: 20) ? end(number, .aborted) : () }
        locks[Self.cell(step)] = number
      }
      let done = answer(step, clients[number])
      clients[number].done.append(done)
      if defect == .dirtyWrites, !done.isRead { apply([done]) }
      return
    }
    finish(number)
  }

  private mutating func finish(_ number: Int) {
    let client = clients[number]
    guard isValid(client), !random.chance(percent: 5) else { return end(number, .aborted) }
    // What is unknown happened or not.
    let isUnknown = random.chance(percent: 5)
    if isUnknown, random.chance(percent: 50) { return end(number, .unknown) }
    let writes = client.done.filter { !$0.isRead }
    if !writes.isEmpty {
      let isUnlucky = random.chance(percent: 10)
      switch defect {
      case .dirtyWrites: break
      case .lostCommits where isUnlucky: break
      case .halfCommits where isUnlucky:
        apply(Array(writes.prefix(1)))
        late.append((now + 30_000, Array(writes.dropFirst())))
      case .doubleCommits where isUnlucky:
        apply(writes)
        apply(writes)
      case .lateCommits where isUnlucky: late.append((now + 30_000, writes))
      default: apply(writes)
      }
    }
    end(number, isUnknown ? .unknown : .committed)
  }

  private mutating func end(_ number: Int, _ outcome: Outcome) {
    record(number, clients[number], outcome)
    clients[number].script = nil
    locks = locks.filter { $0.value != number }
  }

  /// Whether the level lets the transaction commit: nothing that it read has changed, or under REPEATABLE READ nothing that it wrote.
  private func isValid(_ client: Client) -> Bool {
    if defect == .noValidation { return true }
    return client.done.allSatisfy { step in
      // Rows of a bag are apart from each other.
      if case .insert = step { return true }
      let isLookedAt = isolation == .serializable ? step.isRead : isolation == .repeatableRead && !step.isRead
      return !isLookedAt || (versions[Self.cell(step)]?.last?.commit ?? 0) <= client.snapshot
    }
  }

  private mutating func record(_ number: Int, _ client: Client, _ outcome: Outcome) {
    history.add(
      RecordedTransaction(
        client: number, isolation: isolation, begun: client.begun, ended: tick(), outcome: outcome,
        operations: client.done))
  }

  private static func cell(_ step: Operation) -> Cell {
    switch step {
    case .append(let list, _), .list(let list, _): .list(list)
    case .write(let key, _), .read(let key, _): .register(key)
    case .readAll: .allRegisters
    case .insert(let bag, _), .bag(let bag, _): .bag(bag)
    }
  }

  private mutating func apply(_ steps: [Operation]) {
    let writes = steps.filter { !$0.isRead }
    if writes.isEmpty { return }
    commits += 1
    for write in writes {
      let cell = Self.cell(write)
      let newest = versions[cell]?.last?.values ?? []
      switch write {
      case .append(_, let value), .insert(_, let value): versions[cell, default: []].append((commits, newest + [value]))
      case .write(_, let value):
        versions[cell, default: []].append((commits, [value]))
        versions[.allRegisters, default: []].append((commits, []))
      default: break
      }
    }
  }

  /// What a step reads: the snapshot, and over it what the transaction has written itself.
  private func answer(_ step: Operation, _ client: Client) -> Operation {
    func values(_ cell: Cell) -> [Int] {
      var values = versions[cell]?.last { $0.commit <= client.snapshot }?.values ?? []
      for own in client.done where Self.cell(own) == cell && defect != .dirtyWrites {
        switch own {
        case .append(_, let value), .insert(_, let value): values.append(value)
        case .write(_, let value): values = [value]
        default: break
        }
      }
      return values
    }
    switch step {
    case .list(let list, _): return .list(list, values(.list(list)))
    case .read(let key, _): return .read(key: key, values(.register(key)).first)
    case .bag(let bag, _): return .bag(bag, values(.bag(bag)))
    case .readAll:
      return .readAll(
        (0..<Workload.accountCount).compactMap { key in
          values(.register(key)).first.map { RegisterValue(key: key, value: $0) }
        })
    case .append, .write, .insert: return step
    }
  }
}
