// Transfers move money between accounts: whoever reads all of them finds every account, and the sum that there was at the beginning.

enum BankChecker {
  static let exampleLimit = 20

  static func check(_ history: History) -> [Anomaly] {
    let sum = Workload.accountCount * Workload.openingBalance
    var anomalies: [Anomaly] = []
    for (number, transaction) in history.transactions.enumerated() where transaction.outcome == .committed {
      guard let balances = balances(transaction) else { continue }
      let total = balances.reduce(0) { $0 + ($1 ?? 0) }
      if balances.contains(nil) {
        anomalies.append(
          Anomaly(.lostWrite, [number], "T\(number) did not find every account\n  \(history.describe(number))"))
      } else if total != sum {
        anomalies.append(
          Anomaly(
            .wrongTotal, [number],
            "T\(number) found \(total) in all accounts, not \(sum)\n  \(history.describe(number))"))
      }
      if anomalies.count == exampleLimit { break }
    }
    return anomalies
  }

  /// Of all accounts, nil for one that is not there; nil if the transaction did not read all.
  private static func balances(_ transaction: RecordedTransaction) -> [Int?]? {
    guard transaction.operations.allSatisfy(\.isRead) else { return nil }
    var found = [Int?](repeating: nil, count: Workload.accountCount)
    var readCount = 0
    for operation in transaction.operations {
      switch operation {
      case .readAll(let all):
        for account in all where found.indices.contains(account.key) { found[account.key] = account.value }
        return found
      case .read(let key, let value) where found.indices.contains(key):
        found[key] = value
        readCount += 1
      default: break
      }
    }
    return readCount == Workload.accountCount ? found : nil
  }
}
