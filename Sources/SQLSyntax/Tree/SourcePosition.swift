// Where a piece of the syntax tree came from.
//
// Contract: a position never takes part in equality or hashing, so that two trees compare equal when they
// say the same thing, wherever they were written. Offsets are in bytes from the start of the whole query
// string (also for the second statement of a multi-statement string).

/// A byte offset into the query string; `-1` when the node was not written by a user.
public struct SourcePosition: Sendable, Hashable, ExpressibleByIntegerLiteral {
  /// Bytes from the start of the query string, or -1 when unknown.
  public var offset: Int32

  /// No position known.
  public static let unknown = SourcePosition(-1)

  public init(_ offset: Int32) { self.offset = offset }
  public init(_ offset: Int) { self.offset = Int32(truncatingIfNeeded: offset) }
  public init(integerLiteral value: Int32) { self.offset = value }

  /// Always true: see the contract above.
  public static func == (_: SourcePosition, _: SourcePosition) -> Bool { true }
  public func hash(into _: inout Hasher) {}
}
