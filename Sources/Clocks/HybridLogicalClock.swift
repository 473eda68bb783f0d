// HOT: one node's hybrid logical clock.
//
// Invariant: readings ascend strictly, also when the wall clock stands still or goes back; no reading is below a
// `ClockTimestamp` that was fed in before. The clock reads no time itself: wall nanoseconds are handed in.
// Source: Kulkarni et al., "Logical Physical Clocks", 2014, figure 5.

/// A clock whose readings ascend strictly and follow those of the nodes it hears from.
public struct HybridLogicalClock: Sendable {
  /// The last reading given out, or the greatest one fed in.
  public private(set) var last: Timestamp

  public init(last: Timestamp = .zero) {
    self.last = last
  }

  /// The reading for an event at wall time `wall` (nanoseconds); above all earlier readings.
  @inlinable
  public mutating func now(wall: Int64) -> ClockTimestamp {
    advance(to: wall)
    return ClockTimestamp(reached: last)
  }

  @usableFromInline
  mutating func advance(to wall: Int64) {
    last = wall > last.wall ? Timestamp(wall: wall, logical: 0) : last.next
  }

  /// Takes note of another clock's reading: later readings here are above it.
  public mutating func update(_ other: ClockTimestamp, wall: Int64) {
    if other.timestamp > last { last = other.timestamp }
    if wall > last.wall { last = Timestamp(wall: wall, logical: 0) }
  }

  /// How far this clock runs ahead of `wall`, in nanoseconds; 0 when it does not.
  public func drift(wall: Int64) -> Int64 {
    let (ahead, overflow) = last.wall.subtractingReportingOverflow(wall)
    return overflow ? Int64.max : Swift.max(0, ahead)
  }
}
