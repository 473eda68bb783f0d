// Where the sequences' values are kept: small transactions of their own on one reactor, so that drawing a value never waits
// for, and is never undone with, the transaction that draws it.

import Catalog
import Encoding
import Ranges
import Reactors
import Transactions

public struct SequenceStore: SequenceStorage {
  private let reactor: Reactor
  private let transactions: Confined<TransactionSystem>

  public init(_ transactions: TransactionSystem, on reactor: isolated Reactor) {
    self.reactor = reactor
    self.transactions = Confined(transactions, to: reactor)
  }

  public func update<R: Sendable>(
    _ key: Key, _ change: @Sendable (_ value: [UInt8]?) -> (value: [UInt8], result: R)
  ) async throws(TransactionError) -> R {
    let transactions = self.transactions
    let outcome: Result<R, TransactionError> = await reactor.perform { reactor in
      await Self.update(key, change, transactions.access(on: reactor))
    }
    return try outcome.get()
  }

  public func read(_ key: Key) async throws(TransactionError) -> [UInt8]? {
    let transactions = self.transactions
    let outcome: Result<[UInt8]?, TransactionError> = await reactor.perform { reactor in
      let transaction = transactions.access(on: reactor).begin(isReadOnly: true, label: "a sequence")
      do throws(TransactionError) {
        let value = try await transaction.value(key, lock: nil)
        _ = try await transaction.commit()
        return .success(value)
      } catch {
        await transaction.rollback()
        return .failure(error)
      }
    }
    return try outcome.get()
  }

  private static func update<R: Sendable>(
    _ key: Key, _ change: @Sendable (_ value: [UInt8]?) -> (value: [UInt8], result: R), _ system: TransactionSystem
  ) async -> Result<R, TransactionError> {
    var attempt = 0
    while true {
      let transaction = system.begin(label: "a sequence")
      do throws(TransactionError) {
        let (value, result) = change(try await transaction.value(key, lock: LockRequest(.exclusive)))
        transaction.put(key, value)
        _ = try await transaction.commit()
        return .success(result)
      } catch {
        await transaction.rollback()
        guard case .retry = error, attempt < 20 else { return .failure(error) }
        attempt += 1
        await system.backOff(attempt)
      }
    }
  }
}
