// What a request may say about locks, and about how its transaction is isolated.

/// The strength of a row lock. Exclusive conflicts with both; shared with exclusive only.
public enum LockStrength: UInt8, Sendable, Hashable, Comparable {
  case shared, exclusive
  public static func < (a: LockStrength, b: LockStrength) -> Bool { a.rawValue < b.rawValue }
}

/// What to do where another transaction holds a conflicting lock.
public enum LockWaitPolicy: UInt8, Sendable, Hashable {
  /// Queue, first come first served among those of one priority, until `lock_timeout`.
  case wait
  /// `NOWAIT`: fail at once.
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

/// Where a transaction stands in line for locks: before all of lower priority that wait, and after whoever holds them. Of a deadlock one of the
/// lowest priority goes.
public enum TransactionPriority: Int8, Sendable, Hashable, Comparable, CaseIterable {
  case low = -1
  case normal = 0
  case high = 1
  public static func < (a: TransactionPriority, b: TransactionPriority) -> Bool { a.rawValue < b.rawValue }
}

public enum IsolationLevel: UInt8, Sendable, Hashable {
  case readCommitted, repeatableRead, serializable
}
