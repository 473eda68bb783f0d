// The coordinator of one transaction: reads at one timestamp, buffers writes until commit, remembers what it read so that
// its timestamp may move forward, and commits in one command where one range holds everything.
// Source: Docs/Transactions.md.

import Clocks
import Encoding

/// One transaction, confined to its gateway's reactor: not `Sendable`, one request at a time.
public final class Transaction {
  public private(set) var readTimestamp: Timestamp = .zero

  /// Reads one key, this transaction's own writes included. Appends key and value to `block` and returns true if it exists.
  public func get(_ key: Key, lock: LockRequest? = nil, into block: inout KeyValueBlock)
    async throws(TransactionError) -> Bool
  {
    preconditionFailure("replaced by the coordinator")
  }

  /// Reads many keys at once, in the order given; absent (and skipped) keys add nothing.
  public func get(_ keys: [Key], lock: LockRequest? = nil, into block: inout KeyValueBlock)
    async throws(TransactionError)
  {
    preconditionFailure("replaced by the coordinator")
  }

  /// Appends the rows of `span` in key order, or its reverse, up to the limits. Returns what remains to be scanned, if anything.
  public func scan(_ span: KeySpan, _ options: ScanOptions = ScanOptions(), into block: inout KeyValueBlock)
    async throws(TransactionError) -> KeySpan?
  {
    preconditionFailure("replaced by the coordinator")
  }

  /// Buffers a write. The caller has made sure of what the statement must see (unique keys, locks) by locking reads.
  public func put(_ key: Key, _ value: [UInt8]) {}

  public func delete(_ key: Key) {}

  /// Sends buffered writes on as intents once they pass the limit; bulk writers call it between batches.
  public func flushIfNeeded() async throws(TransactionError) {}

  public func savepoint() -> Savepoint { Savepoint(sequence: 0) }

  /// Undoes the writes since `savepoint`, which stays valid. Locks are kept.
  public func rollback(to savepoint: Savepoint) {}

  /// Commits, waits until the commit may be told (commit-wait), and returns the commit timestamp (read-only: the read timestamp).
  public func commit() async throws(TransactionError) -> Timestamp { .zero }

  /// Gives everything up. Never fails: what could not be cleaned expires.
  public func rollback() async {}

  /// Cancels whatever this transaction waits for now; its request fails with `cancelled`. Called on its reactor.
  public func cancelWait() {}
}
