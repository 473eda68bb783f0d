// Histories written by hand, and what checkers say of them.

import Checkers

/// A transaction of a planted history.
func transaction(
  _ client: Int, _ time: ClosedRange<Int64>, _ operations: Operation..., outcome: Outcome = .committed,
  at isolation: Isolation = .serializable
) -> RecordedTransaction {
  RecordedTransaction(
    client: client, isolation: isolation, begun: time.lowerBound, ended: time.upperBound, outcome: outcome,
    operations: operations)
}

extension Workload {
  /// The names of what is wrong with a history, in their order, each once.
  func names(_ transactions: [RecordedTransaction]) -> [String] {
    let report = check(History(transactions))
    return Report.counts(report.violations + report.allowed).map(\.name)
  }

  /// Of what its levels forbid.
  func violations(_ transactions: [RecordedTransaction]) -> [String] {
    Report.counts(check(History(transactions)).violations).map(\.name)
  }
}
