// Every anomaly that the checker of lists knows, planted in a history as small as can be, and histories that have none.
// The histories are those by which Adya's thesis and the paper on Elle define the anomalies.

import Testing

@testable import Checkers

@Suite struct ListAppendTests {
  private func names(_ transactions: RecordedTransaction...) -> [String] { Workload.append.names(transactions) }

  // MARK: Histories that are all right

  @Test func `A serial history`() {
    #expect(
      names(
        transaction(1, 0...1, .append(list: 0, value: 1)),
        transaction(2, 2...3, .list(0, [1]), .append(list: 0, value: 2)),
        transaction(1, 4...5, .list(0, [1, 2]), .list(1, []))
      ).isEmpty)
  }

  @Test func `Who overlaps may come in either order`() {
    let writer = transaction(1, 0...10, .append(list: 0, value: 1), .append(list: 1, value: 2))
    #expect(names(writer, transaction(2, 5...6, .list(0, []), .list(1, []))).isEmpty)
    #expect(names(writer, transaction(2, 5...6, .list(0, [1]), .list(1, [2]))).isEmpty)
    // Two ends and begins at the same moment overlap.
    #expect(names(writer, transaction(2, 10...11, .list(0, []))).isEmpty)
  }

  @Test func `What is unknown may have happened, late even, or not`() {
    let unknown = transaction(1, 0...1, .append(list: 0, value: 1), outcome: .unknown)
    #expect(names(unknown, transaction(2, 5...6, .list(0, [])), transaction(2, 7...8, .list(0, [1]))).isEmpty)
    #expect(names(unknown, transaction(2, 5...6, .list(0, []))).isEmpty)
  }

  @Test func `Several appends of one transaction, read together, and its own reads`() {
    #expect(
      names(
        transaction(1, 0...9, .append(list: 0, value: 1), .list(0, [1]), .append(list: 0, value: 2), .list(0, [1, 2])),
        transaction(2, 10...11, .list(0, [1, 2]), .append(list: 0, value: 3), .list(0, [1, 2, 3]))
      ).isEmpty)
  }

  // MARK: Cycles

  @Test func `G0, writes over writes`() {
    #expect(
      names(
        transaction(1, 0...9, .append(list: 0, value: 1), .append(list: 1, value: 11)),
        transaction(2, 0...9, .append(list: 0, value: 2), .append(list: 1, value: 12)),
        transaction(3, 0...20, .list(0, [1, 2]), .list(1, [12, 11]))
      ).contains("G0"))
  }

  @Test func `G1c, circular flow`() {
    #expect(
      names(
        transaction(1, 0...9, .append(list: 0, value: 1), .list(1, [2])),
        transaction(2, 0...9, .append(list: 1, value: 2), .list(0, [1]))
      ) == ["G1c"])
  }

  @Test func `G-single, read skew`() {
    #expect(
      names(
        transaction(1, 0...9, .append(list: 0, value: 1), .append(list: 1, value: 2)),
        transaction(2, 0...9, .list(0, [1]), .list(1, [])), transaction(3, 8...20, .list(1, [2]))
      ) == ["G-single"])
  }

  @Test func `G-nonadjacent, a long fork`() {
    let fork = names(
      transaction(1, 0...9, .append(list: 0, value: 1)), transaction(2, 0...9, .append(list: 1, value: 2)),
      transaction(3, 0...9, .list(0, [1]), .list(1, [])), transaction(4, 0...9, .list(0, []), .list(1, [2])))
    #expect(fork == ["G-nonadjacent"])
  }

  private func skew(_ isolation: Isolation) -> [RecordedTransaction] {
    [
      transaction(1, 0...9, .list(0, []), .append(list: 1, value: 1), at: isolation),
      transaction(2, 0...9, .list(1, []), .append(list: 0, value: 2), at: isolation),
      transaction(3, 10...11, .list(0, [2]), .list(1, [1]), at: isolation),
    ]
  }

  @Test func `G2-item, write skew, which snapshot isolation allows`() {
    #expect(Workload.append.violations(skew(.serializable)) == ["G2-item"])
    #expect(Workload.append.violations(skew(.repeatableRead)).isEmpty)
    #expect(Workload.append.names(skew(.repeatableRead)) == ["G2-item"])
    #expect(Workload.append.violations(skew(.readCommitted)).isEmpty)
  }

  // MARK: Cycles that need real time

  @Test func `G0-realtime, a version older than one that was acknowledged before it began`() {
    #expect(
      names(
        transaction(1, 0...1, .append(list: 0, value: 1)), transaction(2, 2...3, .append(list: 0, value: 2)),
        transaction(3, 4...5, .list(0, [2, 1]))
      ) == ["G0-realtime"])
  }

  @Test func `G1c-realtime, a read of the future`() {
    #expect(
      names(transaction(1, 0...1, .list(0, [1])), transaction(2, 2...3, .append(list: 0, value: 1))) == ["G1c-realtime"]
    )
  }

  @Test func `G-single-realtime, a stale read`() {
    let stale = names(
      transaction(1, 0...1, .append(list: 0, value: 1)), transaction(2, 2...3, .list(0, [])),
      transaction(3, 4...5, .list(0, [1])))
    #expect(stale == ["G-single-realtime"])
  }

  @Test func `G-single-process, a client that unsees what it saw`() {
    // The writer is unknown: no real time binds it.
    let history = [
      transaction(1, 0...1, .append(list: 0, value: 1), outcome: .unknown), transaction(2, 2...3, .list(0, [1])),
      transaction(2, 4...5, .list(0, [])),
    ]
    #expect(Workload.append.names(history) == ["G-single-process"])
    #expect(Workload.append.violations(history).count == 1)
  }

  @Test func `G2-item-realtime, an order that real time forbids`() {
    // Without real time: 1, 2, 0. But 0 was over before 1 began.
    var history = [
      transaction(1, 0...1, .append(list: 1, value: 2)),
      transaction(2, 5...6, .list(0, [])),
      transaction(3, 0...12, .list(1, []), .append(list: 0, value: 1)),
      transaction(4, 20...21, .list(0, [1]), .list(1, [2])),
    ]
    #expect(Workload.append.violations(history) == ["G2-item-realtime"])
    for number in history.indices { history[number].isolation = .repeatableRead }
    #expect(Workload.append.violations(history).isEmpty)
    history[1].operations.append(.list(1, [2]))
    #expect(Workload.append.names(history) == ["G2-item"])
  }

  // MARK: Besides cycles

  @Test func `G1a, a read of what was aborted`() {
    #expect(
      names(
        transaction(1, 0...9, .append(list: 0, value: 1), outcome: .aborted), transaction(2, 2...3, .list(0, [1]))
      ) == ["G1a"])
  }

  @Test func `G1b, a read of what was not final`() {
    let found = names(
      transaction(1, 0...9, .append(list: 0, value: 1), .append(list: 0, value: 2)),
      transaction(2, 2...3, .list(0, [1])),
      transaction(3, 12...13, .list(0, [1, 2])))
    #expect(found.contains("G1b"))
  }

  @Test func `A write over an aborted one`() {
    let found = names(
      transaction(1, 0...1, .append(list: 0, value: 1), outcome: .aborted),
      transaction(2, 2...3, .append(list: 0, value: 2)), transaction(3, 4...5, .list(0, [1, 2])))
    #expect(found == ["G1a", "dirty-update"])
  }

  @Test func `A lost update`() {
    let found = Workload.append.violations([
      transaction(1, 0...9, .list(0, []), .append(list: 0, value: 1), at: .repeatableRead),
      transaction(2, 0...9, .list(0, []), .append(list: 0, value: 2), at: .repeatableRead),
      transaction(3, 10...11, .list(0, [1, 2]), at: .repeatableRead),
    ])
    #expect(found == ["G-single", "lost-update"])
  }

  @Test func `Two orders of one list`() {
    let found = names(
      transaction(1, 0...9, .append(list: 0, value: 1)), transaction(2, 0...9, .append(list: 0, value: 2)),
      transaction(3, 0...9, .list(0, [1, 2])), transaction(3, 10...11, .list(0, [2])))
    #expect(found.contains("incompatible-order"))
  }

  @Test func `A value that is there twice, and one that nobody wrote`() {
    let found = names(transaction(1, 0...1, .append(list: 0, value: 1)), transaction(2, 2...3, .list(0, [1, 1, 7])))
    #expect(found == ["duplicate", "unwritten-read"])
  }

  @Test func `An acknowledged append that nobody sees`() {
    let found = names(transaction(1, 0...1, .append(list: 0, value: 1)), transaction(2, 2...3, .list(0, [])))
    #expect(found == ["G-single-realtime", "lost-write"])
  }

  @Test func `An append that nobody was told about may come about later than it was asked for`() {
    let found = names(
      transaction(1, 0...1, .append(list: 0, value: 1), .append(list: 1, value: 2), outcome: .unknown),
      transaction(2, 2...3, .list(0, [])), transaction(2, 4...5, .list(1, [2])))
    #expect(found == [])
  }

  @Test func `A transaction that does not see its own append, and one that unsees`() {
    #expect(names(transaction(1, 0...1, .append(list: 0, value: 1), .list(0, []))).contains("internal"))
    #expect(
      names(
        transaction(1, 0...1, .append(list: 0, value: 1)), transaction(2, 2...3, .list(0, [1]), .list(0, []))
      ).contains("internal"))
  }

  @Test func `A read that is not repeatable, which READ COMMITTED allows`() {
    func history(_ isolation: Isolation) -> [RecordedTransaction] {
      [
        transaction(1, 0...9, .append(list: 0, value: 1)),
        transaction(2, 0...9, .list(0, []), .list(0, [1]), at: isolation),
      ]
    }
    #expect(Workload.append.violations(history(.serializable)).contains("P2"))
    #expect(Workload.append.violations(history(.repeatableRead)).contains("P2"))
    #expect(Workload.append.violations(history(.readCommitted)).isEmpty)
  }

  // MARK: What is told

  @Test func `A report tells the cycle so that a person can follow it`() {
    let report = Workload.append.check(History(skew(.serializable)))
    #expect(
      report.text == """
        append: 3 committed, 0 aborted, 0 unknown; VIOLATED: G2-item 1

        G2-item: a cycle of 2 transactions
          T0 (client 1, 0.000000 to 0.000000 s): list 0 is [], append 1 to list 1
          T1 (client 2, 0.000000 to 0.000000 s): list 1 is [], append 2 to list 0
          T0 before T1: T0 read list 0 without 2, which T1 appended next
          T1 before T0: T1 read list 1 without 1, which T0 appended next
        """)
  }

  @Test func `Of each class a short cycle is told, however long the others are`() {
    // A ring of write skews, and two that make one by themselves.
    var history: [RecordedTransaction] = []
    for number in 0..<200 {
      history.append(
        transaction(number, 0...9, .list(number, []), .append(list: (number + 1) % 200, value: number)))
    }
    for number in 0..<200 { history.append(transaction(1000, 10...11, .list(number, [(number + 199) % 200]))) }
    let ring = Workload.append.check(History(history))
    #expect(ring.violations.map(\.name) == ["G2-item"])
    #expect(ring.violations.first?.transactions.count == 200)
    history[5].operations.append(.list(900, []))
    history[5].operations.append(.append(list: 901, value: 7))
    history[9].operations.append(.list(901, []))
    history[9].operations.append(.append(list: 900, value: 8))
    history.append(transaction(1000, 10...11, .list(900, [8]), .list(901, [7])))
    #expect(Workload.append.check(History(history)).violations.first?.transactions.count == 2)
  }
}
