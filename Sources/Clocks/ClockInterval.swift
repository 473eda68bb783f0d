// What a node knows about true time: an interval that contains it.
//
// Invariant asked of every source: the true time of the moment of reading lies inside `earliest...latest`.
// Intervals replace guard constants: a lease holder serves while `latest < expiration`, its successor starts when
// `earliest > expiration`, a writer is acknowledged once `earliest > commit timestamp` (commit-wait).
// Sources read no clock themselves: the wall time is handed in, so that simulation decides it.

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

  /// Nanoseconds to wait until `earliest` has passed `timestamp`; 0 when it has.
  @inlinable
  public func commitWait(for timestamp: Timestamp) -> Int64 {
    if timestamp.wall < earliest { return 0 }
    let (gap, overflow) = timestamp.wall.subtractingReportingOverflow(earliest)
    if overflow || gap == Int64.max { return Int64.max }
    return gap + 1
  }
}

/// Where a node's notion of true time comes from.
public protocol TimeSource: Sendable {
  /// The bounds of true time at the moment when the wall clock showed `wallNow` nanoseconds.
  func interval(wallNow: Int64) -> ClockInterval

  /// The largest error that this source reports, in nanoseconds.
  var maximumError: Int64 { get }
}

/// One machine, one kernel clock: all members read the same clock, so it has no error against itself.
public struct OneClockSource: TimeSource {
  public init() {}

  public var maximumError: Int64 { 0 }

  @inlinable
  public func interval(wallNow: Int64) -> ClockInterval {
    ClockInterval(earliest: wallNow, latest: wallNow)
  }
}

/// A clock that is off by at most a stated number of nanoseconds in either direction.
public struct BoundedErrorSource: TimeSource {
  public let maximumError: Int64

  /// - Parameter maximumError: nanoseconds, not negative.
  public init(maximumError: Int64) {
    precondition(maximumError >= 0, "a clock's error bound is negative")
    self.maximumError = maximumError
  }

  @inlinable
  public func interval(wallNow: Int64) -> ClockInterval {
    let (earliest, below) = wallNow.subtractingReportingOverflow(maximumError)
    let (latest, above) = wallNow.addingReportingOverflow(maximumError)
    return ClockInterval(earliest: below ? Int64.min : earliest, latest: above ? Int64.max : latest)
  }
}

/// Nanoseconds until a commit at `timestamp` may be acknowledged.
@inlinable
public func commitWait(for timestamp: Timestamp, interval: ClockInterval) -> Int64 {
  interval.commitWait(for: timestamp)
}
