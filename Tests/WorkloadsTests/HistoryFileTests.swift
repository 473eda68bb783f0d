// A history that is written and read again is the same, and what is no history is refused.

import Checkers
import Testing

@testable import Workloads

@Suite struct HistoryFileTests {
  private let steps: [Checkers.Operation] = [
    .append(list: 1, value: 2), .list(3, []), .list(3, [4, 5]), .write(key: 6, value: -7), .read(key: 8, nil),
    .read(key: 8, 9), .readAll([]), .readAll([RegisterValue(key: 1, value: 1000), RegisterValue(key: 2, value: -3)]),
    .insert(bag: 1, value: 2), .bag(3, [4]),
  ]

  private func parse(_ lines: String...) throws -> (Workload, History) {
    try HistoryFile.parse(Array(lines.joined(separator: "\n").utf8))
  }

  @Test func `Every kind of step comes back`() throws {
    let transactions = Outcome.allCases.map { outcome in
      RecordedTransaction(
        client: 3, isolation: .repeatableRead, begun: 12, ended: 345_678_901_234, outcome: outcome, operations: steps)
    }
    let lines = transactions.map(HistoryFile.line).joined(separator: "\n")
    let (workload, history) = try parse("{\"workload\":\"long-fork\"}", lines)
    #expect(workload == .longFork)
    #expect(history.transactions == transactions)
  }

  @Test func `What is no history is refused`() {
    #expect(throws: HistoryFileError.self) { try parse("") }
    #expect(throws: HistoryFileError.self) { try parse("{\"workload\":\"append\"}", "{}") }
    #expect(throws: HistoryFileError.self) { try parse("{\"workload\":\"append\"}", "not JSON") }
    #expect(throws: HistoryFileError.self) {
      try parse(
        "{\"workload\":\"append\"}",
        "{\"client\":1,\"isolation\":\"serializable\",\"begun\":1,\"ended\":2,\"outcome\":\"committed\",\"steps\":[[\"list\",1,2]]}"
      )
    }
  }
}
