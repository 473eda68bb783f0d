// The numbers that Raft speaks of, each with a type of its own so that a term cannot be passed for an index.
// Zero means "none" for all three. Terms and indexes only grow; a peer's id is never given to another peer.
// Two ids at the top of the range name the local threads that write the log and apply entries.
// Source: Raft dissertation, section 3.1 and figure 3.1.

/// The number of an election. Zero before the first one.
public struct Term: RawRepresentable, Hashable, Comparable, Sendable {
  public var rawValue: UInt64

  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  public static let zero = Term(0)

  @inlinable public var next: Term { Term(rawValue + 1) }
  @inlinable public static func < (a: Term, b: Term) -> Bool { a.rawValue < b.rawValue }
}

/// A position in the log. The first entry stands at 1.
public struct LogIndex: RawRepresentable, Hashable, Comparable, Sendable {
  public var rawValue: UInt64

  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  public static let zero = LogIndex(0)
  /// What an empty quorum has committed: everything.
  public static let unbounded = LogIndex(.max)

  @inlinable public var next: LogIndex { LogIndex(rawValue + 1) }
  @inlinable public var previous: LogIndex { LogIndex(rawValue - 1) }

  @inlinable public static func < (a: LogIndex, b: LogIndex) -> Bool { a.rawValue < b.rawValue }
  @inlinable public static func + (index: LogIndex, count: Int) -> LogIndex {
    LogIndex(index.rawValue + UInt64(count))
  }
  @inlinable public static func - (index: LogIndex, count: Int) -> LogIndex {
    LogIndex(index.rawValue - UInt64(count))
  }
  /// How far `a` lies beyond `b`, which must not lie beyond `a`.
  @inlinable public static func - (a: LogIndex, b: LogIndex) -> Int { Int(a.rawValue - b.rawValue) }
}

/// A member of a group.
public struct PeerID: RawRepresentable, Hashable, Comparable, Sendable {
  public var rawValue: UInt64

  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
  @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  public static let none = PeerID(0)
  /// The local thread that persists entries, hard states and snapshots.
  public static let appendThread = PeerID(.max)
  /// The local thread that applies committed entries.
  public static let applyThread = PeerID(.max - 1)

  public var isLocalThread: Bool { self == .appendThread || self == .applyThread }

  @inlinable public static func < (a: PeerID, b: PeerID) -> Bool { a.rawValue < b.rawValue }
}

/// What identifies an entry: two logs that hold the same one are equal up to it (log matching).
public struct EntryID: Hashable, Sendable {
  public var term: Term
  public var index: LogIndex

  @inlinable public init(term: Term, index: LogIndex) {
    self.term = term
    self.index = index
  }

  /// Whether a log that ends here is at least as complete as one that ends with `other`.
  /// Source: dissertation, section 3.6.1.
  public func isUpToDate(with other: EntryID) -> Bool {
    term > other.term || (term == other.term && index >= other.index)
  }
}

extension Term: CustomStringConvertible, ExpressibleByIntegerLiteral {
  public init(integerLiteral value: UInt64) { self.init(value) }
  public var description: String { String(rawValue) }
}

extension LogIndex: CustomStringConvertible, ExpressibleByIntegerLiteral {
  public init(integerLiteral value: UInt64) { self.init(value) }
  public var description: String { self == .unbounded ? "∞" : String(rawValue) }
}

extension PeerID: CustomStringConvertible, ExpressibleByIntegerLiteral {
  public init(integerLiteral value: UInt64) { self.init(value) }
  /// Hexadecimal, as ids stand in events and messages.
  public var description: String { String(rawValue, radix: 16) }
}
