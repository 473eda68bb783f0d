// What a node knows about true time: an interval that contains it.
//
// Invariant asked of every source: the true time of the moment of reading lies inside `earliest...latest`.
// Intervals replace guard constants: a lease holder serves while `latest < expiration`, its successor starts when
// `earliest > expiration`, a writer is acknowledged once `earliest > commit timestamp` (commit-wait).
// Two intervals that hold true time at one moment have a moment in common; if they have none, one of the two is wrong.

/// Bounds of true time, in nanoseconds since 1970 (UTC); both ends belong to it.
public struct ClockInterval: Hashable, Sendable {
  public var earliest: Int64
  public var latest: Int64

  @inlinable
  public init(earliest: Int64, latest: Int64) {
    precondition(earliest <= latest, "a clock interval ends before it begins")
    self.earliest = earliest
    self.latest = latest
  }

  /// The greatest timestamp that may be true now: what a transaction reads at.
  @inlinable
  public var latestTimestamp: Timestamp { Timestamp(wall: latest, logical: 0) }

  /// Whether the wall time is certainly past `wall`.
  @inlinable
  public func isCertainlyAfter(_ wall: Int64) -> Bool { earliest > wall }

  /// Whether the wall time is certainly still below `wall`.
  @inlinable
  public func isCertainlyBefore(_ wall: Int64) -> Bool { latest < wall }

  /// Half of the width, rounded up: how far the middle may be from the truth.
  @inlinable
  public var error: Int64 {
    let (width, overflow) = latest.subtractingReportingOverflow(earliest)
    return overflow ? Int64.max : width / 2 + width % 2
  }

  /// Rounded down.
  @inlinable
  public var middle: Int64 { (earliest & latest) &+ ((earliest ^ latest) >> 1) }

  /// What both allow; nil if they contradict each other.
  @inlinable
  public func intersection(_ other: ClockInterval) -> ClockInterval? {
    let (first, last) = (Swift.max(earliest, other.earliest), Swift.min(latest, other.latest))
    return first <= last ? ClockInterval(earliest: first, latest: last) : nil
  }

  /// Nanoseconds by which they miss each other; 0 when they do not.
  public func distance(to other: ClockInterval) -> Int64 {
    let (gap, overflow) = Swift.max(earliest, other.earliest).subtractingReportingOverflow(
      Swift.min(latest, other.latest))
    return overflow ? Int64.max : Swift.max(0, gap)
  }

  /// Nanoseconds to wait until `earliest` has passed `timestamp`; 0 when it has.
  @inlinable
  public func commitWait(for timestamp: Timestamp) -> Int64 {
    if timestamp.wall < earliest { return 0 }
    let (gap, overflow) = timestamp.wall.subtractingReportingOverflow(earliest)
    if overflow || gap == Int64.max { return Int64.max }
    return gap + 1
  }
}

/// Nanoseconds until a commit at `timestamp` may be acknowledged.
@inlinable
public func commitWait(for timestamp: Timestamp, interval: ClockInterval) -> Int64 {
  interval.commitWait(for: timestamp)
}
