// A history of transactions that append their numbers to lists and read lists, checked for strict serializability. The
// final lists give the order of versions; the dependencies between transactions, real time included, must have no cycle.
// Nothing acknowledged may be missing; what nobody was told of may be there or not, but not in part.
// Source: Adya, "Weak Consistency", 1999; Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies", 2020.

struct ListTransaction {
  var number: Int
  /// Places in the order of all beginnings and ends.
  var begun: Int
  /// Nil when its client was never told.
  var ended: Int?
  /// What was read: a list, and the numbers in it.
  var reads: [(list: Int, numbers: [Int])] = []
  var appends: [Int] = []
}

struct ListHistory {
  private(set) var transactions: [ListTransaction] = []
  private(set) var moment = 0
  private var discarded: Set<Int> = []

  var acknowledgedCount: Int { transactions.count { $0.ended != nil } }
  var unknownCount: Int { transactions.count - acknowledgedCount - discarded.count }

  mutating func tick() -> Int {
    moment += 1
    return moment
  }

  mutating func add(_ transaction: ListTransaction) { transactions.append(transaction) }

  /// A transaction is about to commit; from here on it may have happened.
  mutating func begin(_ transaction: ListTransaction) -> Int {
    transactions.append(transaction)
    return transactions.count - 1
  }

  /// Its client was told that it happened.
  mutating func end(_ position: Int) { transactions[position].ended = tick() }

  /// Its client was told that it did not.
  mutating func discard(_ position: Int) { discarded.insert(position) }

  /// What is wrong with the history, given the lists at its end; nil when nothing is.
  func violation(final: [Int: [Int]]) -> String? {
    var present: [Int: Int] = [:]
    for list in final.keys.sorted() {
      for number in final[list] ?? [] { present[number, default: 0] += 1 }
    }
    // Whose outcome is unknown counts if any of its appends is there.
    let known = transactions.indices.filter { !discarded.contains($0) }.map { transactions[$0] }
    let happened = known.filter { transaction in
      transaction.ended != nil || transaction.appends.contains { _ in present[transaction.number] != nil }
    }
    var indexOf: [Int: Int] = [:]
    for (index, transaction) in happened.enumerated() { indexOf[transaction.number] = index }
    // Nodes: the transactions, then one for each moment. An end leads to its moment, moments to the next, a moment to
    // what begins after it.
    var edges = [[Int32]](repeating: [], count: happened.count + moment + 2)
    func node(at moment: Int) -> Int { happened.count + moment }
    for time in 0...moment { edges[node(at: time)].append(Int32(node(at: time + 1))) }
    for (index, transaction) in happened.enumerated() {
      if let ended = transaction.ended { edges[index].append(Int32(node(at: ended))) }
      edges[node(at: transaction.begun)].append(Int32(index))
    }
    for list in final.keys.sorted() {
      let numbers = final[list] ?? []
      for number in numbers where indexOf[number] == nil { return "list \(list) holds \(number), which nobody wrote" }
      for (a, b) in zip(numbers, numbers.dropFirst()) {
        if let from = indexOf[a], let to = indexOf[b], from != to { edges[from].append(Int32(to)) }
      }
    }
    for (index, transaction) in happened.enumerated() {
      for list in transaction.appends where (final[list] ?? []).count(where: { $0 == transaction.number }) != 1 {
        return "the append of \(transaction.number) to list \(list) is lost or doubled: \(final[list] ?? [])"
      }
      for (list, seen) in transaction.reads {
        let numbers = final[list] ?? []
        guard Array(numbers.prefix(seen.count)) == seen else {
          return "\(transaction.number) read \(seen) from list \(list), which became \(numbers)"
        }
        if let last = seen.last, let writer = indexOf[last], writer != index { edges[writer].append(Int32(index)) }
        if seen.count < numbers.count, let next = indexOf[numbers[seen.count]], next != index {
          edges[index].append(Int32(next))
        }
      }
    }
    return cycle(edges).map { nodes in
      let names = nodes.filter { $0 < happened.count }.map { "\(happened[$0].number)" }
      return "a cycle of dependencies: \(names.joined(separator: " -> "))"
    }
  }

  /// The nodes of some cycle.
  private func cycle(_ edges: [[Int32]]) -> [Int]? {
    // 0 new, 1 open, 2 closed.
    var color = [UInt8](repeating: 0, count: edges.count)
    for start in edges.indices where color[start] == 0 {
      var path: [(node: Int, next: Int)] = [(start, 0)]
      color[start] = 1
      while let top = path.last {
        guard top.next < edges[top.node].count else {
          color[top.node] = 2
          path.removeLast()
          continue
        }
        path[path.count - 1].next += 1
        let next = Int(edges[top.node][top.next])
        if color[next] == 1 { return path.drop { $0.node != next }.map(\.node) }
        if color[next] == 0 {
          color[next] = 1
          path.append((next, 0))
        }
      }
    }
    return nil
  }
}
