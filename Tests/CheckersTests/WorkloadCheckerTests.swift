// The checkers besides that of lists: each anomaly planted, and what is all right beside it.

import Testing

@testable import Checkers

@Suite struct WorkloadCheckerTests {
  // MARK: Registers

  private func registers(_ transactions: RecordedTransaction...) -> [String] { Workload.register.names(transactions) }

  @Test func `Concurrent accesses of a register may come in any order`() {
    let writes = [
      transaction(1, 0...10, .write(key: 0, value: 1)), transaction(2, 0...10, .write(key: 0, value: 2)),
    ]
    #expect(Workload.register.names(writes + [transaction(3, 11...12, .read(key: 0, 1))]).isEmpty)
    #expect(Workload.register.names(writes + [transaction(3, 11...12, .read(key: 0, 2))]).isEmpty)
    #expect(Workload.register.names(writes + [transaction(3, 5...6, .read(key: 0, nil))]).isEmpty)
    // But not in both.
    #expect(
      Workload.register.names(
        writes + [transaction(3, 11...12, .read(key: 0, 1)), transaction(3, 13...14, .read(key: 0, 2))])
        == ["nonlinearizable-realtime"])
  }

  @Test func `A stale read of a register`() {
    let written = transaction(1, 0...1, .write(key: 0, value: 1))
    #expect(registers(written, transaction(2, 2...3, .read(key: 0, nil))) == ["nonlinearizable-realtime"])
    #expect(
      registers(written, transaction(2, 2...3, .write(key: 0, value: 2)), transaction(3, 4...5, .read(key: 0, 1)))
        == ["nonlinearizable-realtime"])
  }

  @Test func `A register that is read and replaced by two at once`() {
    func both(_ isolation: Isolation) -> [RecordedTransaction] {
      [
        transaction(1, 0...9, .read(key: 0, nil), .write(key: 0, value: 1), at: isolation),
        transaction(2, 0...9, .read(key: 0, nil), .write(key: 0, value: 2), at: isolation),
      ]
    }
    #expect(Workload.register.violations(both(.repeatableRead)) == ["nonlinearizable-realtime"])
    #expect(Workload.register.violations(both(.readCommitted)).isEmpty)
    #expect(
      registers(
        transaction(1, 0...9, .read(key: 0, 2), .write(key: 0, value: 1)),
        transaction(2, 0...9, .read(key: 0, nil), .write(key: 0, value: 2))
      ).isEmpty)
  }

  @Test func `A write that nobody knows of may happen late, once`() {
    let unknown = transaction(1, 0...1, .write(key: 0, value: 1), outcome: .unknown)
    let other = transaction(2, 2...3, .write(key: 0, value: 2))
    #expect(
      registers(unknown, other, transaction(3, 4...5, .read(key: 0, 2)), transaction(3, 6...7, .read(key: 0, 1)))
        .isEmpty)
    #expect(
      registers(
        unknown, other, transaction(3, 4...5, .read(key: 0, 1)), transaction(3, 6...7, .read(key: 0, 2)),
        transaction(3, 8...9, .read(key: 0, 1))) == ["nonlinearizable-realtime"])
  }

  @Test func `A register that holds what was aborted, or what nobody wrote`() {
    #expect(
      registers(
        transaction(1, 0...1, .write(key: 0, value: 1), outcome: .aborted), transaction(2, 2...3, .read(key: 0, 1)))
        == ["G1a"])
    #expect(registers(transaction(2, 2...3, .read(key: 0, 5))) == ["unwritten-read"])
  }

  @Test func `A register that is too wild is not vouched for`() {
    let crowd = (0..<130).map { transaction($0, 0...1000, .write(key: 0, value: $0)) }
    #expect(Workload.register.names(crowd) == ["unchecked"])
    #expect(!Workload.register.check(History(crowd)).violations.isEmpty)
  }

  // MARK: Bank

  private func audit(_ balances: [Int], at isolation: Isolation = .serializable) -> [String] {
    let found = balances.enumerated().map { RegisterValue(key: $0, value: $1) }
    return Workload.bank.violations([transaction(1, 0...1, .readAll(found), at: isolation)])
  }

  @Test func `Money that appears, and an account that vanishes`() {
    let whole = Array(repeating: 1000, count: 8)
    #expect(audit(whole).isEmpty)
    #expect(audit([990, 1010] + whole.dropLast(2)).isEmpty)
    #expect(audit([990] + whole.dropLast()) == ["wrong-total"])
    #expect(audit([990] + whole.dropLast(), at: .repeatableRead) == ["wrong-total"])
    #expect(audit([990] + whole.dropLast(), at: .readCommitted).isEmpty)
    #expect(audit(Array(whole.dropLast()), at: .readCommitted) == ["lost-write"])
  }

  // MARK: Long fork

  private func fork(_ seen: [[Bool]], at isolation: Isolation) -> [String] {
    let writes = (0..<4).map { transaction($0, 0...9, .write(key: $0, value: $0 + 1)) }
    let reads = seen.enumerated().map { client, seen in
      RecordedTransaction(
        client: 10 + client, isolation: isolation, begun: 0, ended: 9,
        operations: seen.enumerated().map { .read(key: $0, $1 ? $0 + 1 : nil) })
    }
    return Workload.longFork.violations(writes + reads)
  }

  @Test func `Two reads that saw two writes in opposite orders`() {
    let forked = [[true, false, true, false], [false, true, true, false]]
    #expect(
      fork([[true, false, true, false], [true, true, true, false], [false, false, false, false]], at: .serializable)
        .isEmpty)
    #expect(fork(forked, at: .serializable) == ["long-fork"])
    #expect(fork(forked, at: .repeatableRead) == ["long-fork"])
    #expect(fork(forked, at: .readCommitted).isEmpty)
  }

  // MARK: Monotonic

  private func counters(_ transactions: RecordedTransaction...) -> [String] { Workload.monotonic.names(transactions) }

  @Test func `Counters that go back, are raised twice, or are read in two orders`() {
    let first = transaction(1, 0...1, .read(key: 0, nil), .write(key: 0, value: 1))
    let second = transaction(2, 2...3, .read(key: 0, 1), .write(key: 0, value: 2))
    #expect(counters(first, second, transaction(3, 2...5, .read(key: 0, 1))).isEmpty)
    #expect(counters(first, second, transaction(3, 4...5, .read(key: 0, 1))) == ["nonmonotonic-realtime"])
    #expect(counters(first, transaction(2, 0...9, .read(key: 0, nil), .write(key: 0, value: 1))) == ["lost-update"])
    #expect(counters(transaction(3, 4...5, .read(key: 0, 1))) == ["unwritten-read"])
    var aborted = first
    aborted.outcome = .aborted
    #expect(counters(aborted, transaction(3, 4...5, .read(key: 0, 1))) == ["G1a"])
    #expect(
      counters(
        transaction(1, 0...9, .read(key: 0, nil), .write(key: 0, value: 1)),
        transaction(2, 0...9, .read(key: 1, nil), .write(key: 1, value: 1)),
        transaction(3, 0...9, .read(key: 0, 1), .read(key: 1, nil)),
        transaction(4, 0...9, .read(key: 1, 1), .read(key: 0, nil))) == ["long-fork"])
  }

  // MARK: Bags

  @Test func `A comment that is seen before what it replies to`() {
    let history = [
      transaction(1, 0...1, .insert(bag: 0, value: 1)), transaction(2, 2...3, .insert(bag: 1, value: 2)),
      transaction(3, 0...9, .bag(0, []), .bag(1, [2])),
    ]
    #expect(Workload.comments.violations(history) == ["causal-reverse-realtime"])
    var either = history
    either[1].begun = 1
    #expect(Workload.comments.violations(either).isEmpty)
    either = history
    either[2].operations = [.bag(1, []), .bag(0, [1])]
    #expect(Workload.comments.violations(either).isEmpty)
  }

  @Test func `Rows that are lost, late, doubled, aborted or invented`() {
    let added = transaction(1, 0...1, .insert(bag: 0, value: 1))
    func names(_ transactions: RecordedTransaction...) -> [String] { Workload.set.names(transactions) }
    #expect(names(added, transaction(2, 1...2, .bag(0, [])), transaction(2, 3...4, .bag(0, [1]))).isEmpty)
    #expect(names(added, transaction(2, 2...3, .bag(0, []))) == ["lost-write"])
    #expect(
      names(added, transaction(2, 2...3, .bag(0, [])), transaction(2, 4...5, .bag(0, [1]))) == ["stale-read-realtime"])
    #expect(names(added, transaction(2, 2...3, .bag(0, [1, 1]))) == ["duplicate"])
    #expect(names(added, transaction(2, 2...3, .bag(0, [1, 2]))) == ["unwritten-read"])
    var other = added
    other.outcome = .aborted
    #expect(names(other, transaction(2, 2...3, .bag(0, [1]))) == ["G1a"])
    other.outcome = .unknown
    #expect(names(other, transaction(2, 2...3, .bag(0, [])), transaction(2, 4...5, .bag(0, [1]))).isEmpty)
    #expect(
      names(other, transaction(2, 2...3, .bag(0, [1])), transaction(2, 4...5, .bag(0, []))) == ["stale-read-realtime"])
  }

  @Test func `Two that insert what each found absent, and a part of a transaction`() {
    func upserts(_ isolation: Isolation) -> [RecordedTransaction] {
      [
        transaction(1, 0...9, .bag(0, []), .insert(bag: 0, value: 1), at: isolation),
        transaction(2, 0...9, .bag(0, []), .insert(bag: 0, value: 2), at: isolation),
      ]
    }
    #expect(Workload.upsert.violations(upserts(.serializable)) == ["duplicate-upsert"])
    #expect(Workload.upsert.violations(upserts(.repeatableRead)).isEmpty)
    let both = transaction(1, 0...9, .bag(0, []), .bag(1, []), .insert(bag: 0, value: 1), .insert(bag: 1, value: 1))
    #expect(Workload.upsert.violations([both, transaction(2, 0...9, .bag(1, [1]), .bag(0, [1]))]).isEmpty)
    #expect(Workload.upsert.violations([both, transaction(2, 0...9, .bag(1, [1]), .bag(0, []))]) == ["fractured-read"])
  }
}
