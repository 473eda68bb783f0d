// Keys that are written once, each by a transaction of its own: of two reads of the same keys one must have seen all that the other saw. If
// each lacks what the other has, they saw two writes in opposite orders.

enum LongForkChecker {
  static let exampleLimit = 20

  static func check(_ history: History) -> [Anomaly] {
    var reads: [Int: [(number: Int, seen: Set<Int>)]] = [:]
    for (number, transaction) in history.transactions.enumerated() where transaction.outcome == .committed {
      var keys: Set<Int> = []
      var seen: Set<Int> = []
      for case .read(let key, let value) in transaction.operations {
        keys.insert(key)
        if value != nil { seen.insert(key) }
      }
      // Those of one group.
      if keys.count == ScriptSource.forkSize, let first = keys.min() {
        reads[first, default: []].append((number, seen))
      }
    }
    var anomalies: [Anomaly] = []
    for group in reads.keys.sorted() {
      // In the order of how much they saw each must have seen what the one before it saw.
      let ordered = (reads[group] ?? []).sorted { ($0.seen.count, $0.number) < ($1.seen.count, $1.number) }
      for (one, other) in zip(ordered, ordered.dropFirst()) {
        guard let first = one.seen.subtracting(other.seen).min(), let second = other.seen.subtracting(one.seen).min()
        else {
          continue
        }
        anomalies.append(
          Anomaly(
            .longFork, [one.number, other.number],
            """
            T\(one.number) saw \(first) written and not \(second), T\(other.number) saw \(second) and not \(first)
              \(history.describe(one.number))
              \(history.describe(other.number))
            """))
        if anomalies.count == exampleLimit { return anomalies }
        break
      }
    }
    return anomalies + RegisterChecker.check(history)
  }
}
