// Reads in the past. A historical transaction sees what was committed at or below one timestamp, for as long as it lives: it has
// nothing to refresh, nothing to commit, and waits only for what it read so near to the present that it may not be told yet.
//
// Since its timestamp never moves, whoever knows that nothing more is written at or below it may serve its reads: any replica,
// not only the one that holds the lease.

import Clocks
import Ranges

extension TransactionSystem {
  /// Begins a read-only transaction in the past: it sees what was committed at or below `timestamp`, which lies above
  /// `oldestReadable` and not in the future.
  /// - Parameter fromLeaseholders: whether no other replicas are asked.
  public func beginRead(asOf timestamp: Timestamp, label: String = "", fromLeaseholders: Bool = false) -> Transaction {
    let transaction = begin(
      isolation: .repeatableRead, isReadOnly: true, at: timestamp, isHistorical: true, label: label)
    transaction.header.isServedByAny = store.readsAnywhere && !fromLeaseholders
    return transaction
  }

  /// Versions that a read at or above this timestamp sees are kept; older ones may have been collected. It moves with time: a
  /// transaction that began above it may still find its versions gone later.
  public var oldestReadable: Timestamp { store.clock.now().adding(nanoseconds: -store.versionLifetime) }
}
