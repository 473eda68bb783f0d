// The number of a node within its cluster: given out once when the node joins, never given out again.

/// A node's number; 1 and up.
public struct NodeID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  public var rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public static func < (left: NodeID, right: NodeID) -> Bool { left.rawValue < right.rawValue }

  /// `n1`.
  public var description: String { "n\(rawValue)" }
}
