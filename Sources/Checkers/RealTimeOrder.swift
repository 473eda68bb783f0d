// Real time as dependencies: a transaction that was over before another one began comes before it. Of these only those are made that do not
// follow from others, so that there are about as many for each transaction as there are clients.

enum RealTimeOrder {
  /// Dependencies between transactions of a history.
  /// - Parameter numbers: those that happened, as places in the history; dependencies name places in this list. What is unknown has a
  ///   begin but no end: it may take effect at any time after its begin.
  static func dependencies(_ history: History, _ numbers: [Int]) -> [Dependency] {
    let all = history.transactions
    let begins = numbers.indices.sorted { (all[numbers[$0]].begun, $0) < (all[numbers[$1]].begun, $1) }
    let ends = numbers.indices.filter { all[numbers[$0]].outcome == .committed }
      .sorted { (all[numbers[$0]].ended, $0) < (all[numbers[$1]].ended, $1) }
    var dependencies: [Dependency] = []
    // Those that are over, and that nobody who is over began after.
    var frontier: [Int] = []
    var next = 0
    for target in begins {
      while next < ends.count, all[numbers[ends[next]]].ended < all[numbers[target]].begun {
        let ended = ends[next]
        let begun = all[numbers[ended]].begun
        frontier.removeAll { all[numbers[$0]].ended < begun }
        frontier.append(ended)
        next += 1
      }
      for source in frontier {
        dependencies.append(Dependency(source: Int32(source), target: Int32(target), kind: .realTime))
      }
    }
    return dependencies
  }

  /// Each client's transactions in their order.
  static func sessions(_ history: History, _ numbers: [Int]) -> [Dependency] {
    let all = history.transactions
    var last: [Int: Int] = [:]
    var dependencies: [Dependency] = []
    for target in numbers.indices.sorted(by: { all[numbers[$0]].begun < all[numbers[$1]].begun }) {
      let transaction = all[numbers[target]]
      if let source = last[transaction.client] {
        dependencies.append(Dependency(source: Int32(source), target: Int32(target), kind: .session))
      }
      // After an unknown outcome a client is as good as a new one.
      last[transaction.client] = transaction.outcome == .committed ? target : nil
    }
    return dependencies
  }
}
