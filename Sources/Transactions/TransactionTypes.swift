// What callers say to a transaction and what it may answer: locks, scan options, isolation, errors.

import Clocks
import Encoding

/// The strength of a row lock. Exclusive conflicts with both; shared with exclusive only.
public enum LockStrength: UInt8, Sendable, Hashable {
  case shared, exclusive
}

/// What to do where another transaction holds a conflicting lock.
public enum LockWaitPolicy: UInt8, Sendable, Hashable {
  /// Queue, first come first served, until `lock_timeout`.
  case wait
  /// `NOWAIT`: fail at once with `TransactionError.lockNotAvailable`.
  case fail
  /// `SKIP LOCKED`: leave the row out of the result.
  case skip
}

/// A locking read's lock.
public struct LockRequest: Sendable, Hashable {
  public var strength: LockStrength
  public var wait: LockWaitPolicy

  public init(_ strength: LockStrength, wait: LockWaitPolicy = .wait) {
    self.strength = strength
    self.wait = wait
  }
}

public struct ScanOptions: Sendable {
  public var isReverse = false
  /// Rows after which the page ends; 0: no limit but the bytes.
  public var rowLimit = 0
  /// Bytes of keys and values after which the page ends.
  public var byteLimit = 1 << 20
  public var lock: LockRequest?

  public init(isReverse: Bool = false, rowLimit: Int = 0, lock: LockRequest? = nil) {
    self.isReverse = isReverse
    self.rowLimit = rowLimit
    self.lock = lock
  }
}

public enum IsolationLevel: UInt8, Sendable, Hashable {
  case readCommitted, repeatableRead, serializable
}

/// A point in a transaction's writes to roll back to.
public struct Savepoint: Sendable, Hashable {
  public var sequence: Int32
  public init(sequence: Int32) { self.sequence = sequence }
}

/// Why a request of a transaction failed. Expected outcomes (no such key) are results, not errors.
public enum TransactionError: Error, Sendable {
  /// The transaction must begin anew (40001): what collided, in plain words, and where.
  case retry(reason: String, key: Key?)
  /// This transaction was chosen to break a deadlock (40P01); who waited for whom, a line per edge.
  case deadlock(String)
  /// `NOWAIT` met a held lock, or `lock_timeout` passed (55P03).
  case lockNotAvailable(Key, timedOut: Bool)
  /// Cancelled by request or by `statement_timeout` (57014).
  case cancelled
  /// Whether the commit happened cannot be known (40003).
  case ambiguousCommit(String)
  /// A limit was hit: which, in plain words (54000, 53200).
  case limit(String)
  /// The range cannot serve; the node is stopping or its disk failed (57P03, 58030).
  case unavailable(String)
}
