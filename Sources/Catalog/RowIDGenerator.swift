// HOT: Row ids for tables without primary key: unique in the cluster, rising with time on each node, made without waiting.
//
//   bit 63      0
//   bits 12-62  microseconds since 2020-01-01 UTC, or one more than the last id's where those have not moved on
//   bits 0-11   the node
//
// A microsecond is less than a row takes to be written, so the ids do not run ahead of the clock, and a node that
// restarts does not meet its own ids as long as its clock, which the caller takes from the hybrid logical clock, does
// not go back.

import Synchronization

public final class RowIDGenerator: Sendable {
  /// 2020-01-01 UTC in nanoseconds since the Unix epoch.
  static let epochNanoseconds: Int64 = 1_577_836_800_000_000_000
  static let nodeBits: Int64 = 12
  public static let maximumNode: Int64 = (1 << nodeBits) - 1

  public let node: Int64
  private let last = Atomic<Int64>(0)

  /// `node` is at most `maximumNode`.
  public init(node: Int64) {
    precondition((0...Self.maximumNode).contains(node), "a node's number fits 12 bits")
    self.node = node
  }

  /// The first of `count` ids; the others follow at distances of `RowIDGenerator.stride`. `wallTime` in nanoseconds since
  /// the Unix epoch.
  public func next(count: Int = 1, wallTime: Int64) -> Int64 {
    let now = max(0, wallTime &- Self.epochNanoseconds) / 1000
    while true {
      let before = last.load(ordering: .relaxed)
      let first = max(now, before &+ 1)
      let (exchanged, _) = last.compareExchange(
        expected: before, desired: first &+ Int64(max(count, 1)) &- 1, ordering: .relaxed)
      if exchanged { return (first &<< Self.nodeBits | node) & Int64.max }
    }
  }

  /// The distance between two ids drawn together.
  public static let stride: Int64 = 1 << nodeBits
}
