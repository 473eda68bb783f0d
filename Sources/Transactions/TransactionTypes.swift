// What callers say to a transaction and what it may answer: locks, scan options, isolation, errors.

import Clocks
import Encoding
import Ranges
import Storage

public typealias LockStrength = Ranges.LockStrength
public typealias LockWaitPolicy = Ranges.LockWaitPolicy
public typealias LockRequest = Ranges.LockRequest
public typealias IsolationLevel = Ranges.IsolationLevel
public typealias TransactionPriority = Ranges.TransactionPriority
public typealias TransactionID = Storage.TransactionID

public struct ScanOptions: Sendable {
  public var isReverse = false
  /// Rows after which the page ends; 0: no limit but the bytes.
  public var rowLimit = 0
  /// Bytes of keys and values after which the page ends.
  public var byteLimit = 1 << 20
  public var lock: LockRequest?
  /// Whether the transaction remembers that it read this, and fails if it changes; see `Transaction.getUnrecorded`.
  public var isRecorded = true

  public init(isReverse: Bool = false, rowLimit: Int = 0, lock: LockRequest? = nil) {
    self.isReverse = isReverse
    self.rowLimit = rowLimit
    self.lock = lock
  }
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

  init(_ failure: RangeFailure) {
    switch failure {
    case .retry(let reason, let key): self = .retry(reason: reason, key: key)
    case .writeTooOld(_, let key): self = .retry(reason: "a concurrent transaction wrote the row", key: key)
    case .deadlock(let cycle): self = .deadlock(cycle)
    case .lockNotAvailable(let key, let timedOut): self = .lockNotAvailable(key, timedOut: timedOut)
    case .cancelled: self = .cancelled
    case .limit(let text): self = .limit(text)
    case .unavailable(let text), .stalled(let text): self = .unavailable(text)
    case .notLeaseholder: self = .retry(reason: "the range's lease moved", key: nil)
    case .outOfRange: self = .retry(reason: "the range was split", key: nil)
    case .conflict: self = .retry(reason: "an unfinished transaction wrote the row", key: nil)
    case .ambiguous(let text): self = .ambiguousCommit(text)
    }
  }
}
