// Counters that are read and set to the next number: every number is reached by one transaction, no reader sees a counter go back, in real
// time, and of two readers of several counters one is at least as far in all of them.

struct MonotonicChecker {
  static let exampleLimit = 20

  private let history: History
  private var anomalies: [Anomaly] = []

  static func check(_ history: History) -> [Anomaly] {
    var checker = MonotonicChecker(history)
    checker.checkIncrements()
    checker.checkOrder()
    checker.checkForks()
    return checker.anomalies
  }

  private init(_ history: History) { self.history = history }

  private mutating func report(_ kind: AnomalyKind, order: Anomaly.Order = .data, _ numbers: [Int], _ text: String) {
    if anomalies.count(where: { $0.kind == kind }) >= Self.exampleLimit { return }
    let lines = [text] + numbers.map { "  " + history.describe($0) }
    anomalies.append(Anomaly(kind, order: order, numbers, lines.joined(separator: "\n")))
  }

  private mutating func checkIncrements() {
    var writers: [RegisterValue: [Int]] = [:]
    for (number, transaction) in history.transactions.enumerated() {
      for case .write(let key, let value) in transaction.operations {
        writers[RegisterValue(key: key, value: value), default: []].append(number)
      }
    }
    for value in writers.keys.sorted(by: { ($0.key, $0.value) < ($1.key, $1.value) }) {
      let committed = (writers[value] ?? []).filter { history.transactions[$0].outcome == .committed }
      guard committed.count > 1 else { continue }
      report(
        .lostUpdate, committed,
        "\(committed.map { "T\($0)" }.joined(separator: " and ")) each raised counter \(value.key) to \(value.value)")
    }
    for (number, transaction) in history.transactions.enumerated() where transaction.outcome == .committed {
      for case .read(let key, let value?) in transaction.operations {
        let who = writers[RegisterValue(key: key, value: value)] ?? []
        if who.isEmpty {
          report(.unwrittenRead, [number], "T\(number) read \(value) in counter \(key), to which nobody raised it")
        } else if who.allSatisfy({ history.transactions[$0].outcome == .aborted }) {
          report(
            .abortedRead, [number, who[0]],
            "T\(number) read \(value) in counter \(key), to which T\(who[0]) raised it, and that was aborted")
        }
      }
    }
  }

  /// Whoever begins after another one has ended finds each counter at least where that one left it.
  private mutating func checkOrder() {
    let all = history.transactions
    let committed = all.indices.filter { all[$0].outcome == .committed }
    let begins = committed.sorted { (all[$0].begun, $0) < (all[$1].begun, $1) }
    let ends = committed.sorted { (all[$0].ended, $0) < (all[$1].ended, $1) }
    var least: [Int: (value: Int, number: Int)] = [:]
    var next = 0
    for number in begins {
      while next < ends.count, all[ends[next]].ended < all[number].begun {
        for operation in all[ends[next]].operations {
          guard let (key, value) = Self.counter(operation), value > least[key]?.value ?? 0 else { continue }
          least[key] = (value, ends[next])
        }
        next += 1
      }
      for operation in all[number].operations {
        guard let (key, value) = Self.counter(operation), let before = least[key], value < before.value else {
          continue
        }
        report(
          .nonmonotonic, order: .realTime, [before.number, number],
          "counter \(key) was at \(before.value) for T\(before.number), which was over before T\(number) began, and that found \(value)"
        )
        break
      }
    }
  }

  private static func counter(_ operation: Operation) -> (key: Int, value: Int)? {
    switch operation {
    case .read(let key, let value): (key, value ?? 0)
    case .write(let key, let value): (key, value)
    default: nil
    }
  }

  private mutating func checkForks() {
    var reads: [[Int]: [(number: Int, values: [Int])]] = [:]
    for (number, transaction) in history.transactions.enumerated()
    where transaction.outcome == .committed && transaction.operations.count > 1
      && transaction.operations.allSatisfy(\.isRead)
    {
      let found = transaction.operations.compactMap(Self.counter).sorted { $0.key < $1.key }
      reads[found.map(\.key), default: []].append((number, found.map(\.value)))
    }
    for keys in reads.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      let ordered = (reads[keys] ?? []).map { (sum: $0.values.reduce(0, +), $0.number, $0.values) }
        .sorted { ($0.sum, $0.1) < ($1.sum, $1.1) }
      for (one, other) in zip(ordered, ordered.dropFirst()) {
        guard let ahead = zip(one.2, other.2).enumerated().first(where: { $0.element.0 > $0.element.1 })?.offset,
          let behind = zip(one.2, other.2).enumerated().first(where: { $0.element.0 < $0.element.1 })?.offset
        else { continue }
        report(
          .longFork, [one.1, other.1],
          "T\(one.1) was further in counter \(keys[ahead]) than T\(other.1), and that further in counter \(keys[behind])"
        )
      }
    }
  }
}
