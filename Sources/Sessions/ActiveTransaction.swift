// The transaction that a session is in: the coordinator's, the catalog as it sees it, and what SQL adds to both:
// savepoints by name, the failed state, and what must happen once it has committed.

import Catalog
import Clocks
import Encoding
import Execution
import Planning
import SQLTypes
import Transactions

struct NamedSavepoint {
  var name: String
  var kv: Savepoint
  var catalog: CatalogMark?
  var settings: SessionSettings.Values
}

final class ActiveTransaction {
  private(set) var kv: Transaction
  /// Read when the first statement needs it, and again when the read timestamp has moved.
  var catalog: CatalogView?
  /// The read timestamp at which `catalog` is true.
  var catalogTimestamp = Timestamp.zero
  /// Begun by `BEGIN`; else it ends with the statement, the query string or `Sync`.
  var isExplicit: Bool
  /// After an error: only the end of the block, or a rollback to a savepoint, is taken.
  var isFailed = false
  private(set) var isReadOnly: Bool
  var isolation: Transactions.IsolationLevel
  var savepoints: [NamedSavepoint] = []
  /// Checks of foreign keys that wait for the commit.
  let deferredReferences: DeferredReferences
  /// Microseconds since 2000-01-01 UTC: `now()`.
  private(set) var beginTime: Int64
  /// Statements run so far, those that only set something left out: while it is 0 isolation may still be set, and while it is
  /// at most 1 the transaction may be begun anew without the client noticing.
  var statementCount = 0
  /// Where the gateway has noted it, see `Gateway.oldestTransaction`.
  var place: Int

  init(
    kv: Transaction, isExplicit: Bool, isReadOnly: Bool, isolation: Transactions.IsolationLevel, beginTime: Int64,
    place: Int, deferredReferences: DeferredReferences
  ) {
    self.deferredReferences = deferredReferences
    self.kv = kv
    self.isExplicit = isExplicit
    self.isReadOnly = isReadOnly
    self.isolation = isolation
    self.beginTime = beginTime
    self.place = place
  }

  /// Whether something was done in it that would be lost if it began anew.
  var hasBegunWork: Bool { statementCount > 0 || catalog?.hasChanges == true }

  /// Whether it may write. Error 25001 where it cannot.
  func setReadOnly(_ isReadOnly: Bool) throws(SQLError) {
    if !isReadOnly, kv.isHistorical {
      throw SQLError(.activeSQLTransaction, "cannot set transaction read-write mode inside a read-only transaction")
    }
    self.isReadOnly = isReadOnly
  }

  /// It has done nothing so far, and reads through `past` from now on. Then is its `now()`.
  func moveIntoPast(_ past: Transaction) {
    past.lockTimeout = kv.lockTimeout
    past.priority = kv.priority
    kv = past
    isReadOnly = true
    beginTime = past.readTimestamp.wall / 1000 - 946_684_800_000_000
    catalog = nil
    catalogTimestamp = .zero
  }

  /// A plan is about to run: what it was made from must stay as it is until the commit.
  func depend(on keys: [Key]) { kv.depend(on: keys) }
}
