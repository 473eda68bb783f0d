// The ranges of dates and timestamps and their ways into each other. A date is days, a timestamp
// microseconds, since
// 2000-01-01 (with time zone: UTC). Infinity is the largest number that PostgreSQL's format holds, -infinity
// the least.
// Range: 4713 BC to 294276 AD for timestamps, to 5874897 AD for dates.

public enum DateTime {
  public static let dateInfinity = Int64(Int32.max)
  public static let dateNegativeInfinity = Int64(Int32.min)
  public static let timestampInfinity = Int64.max
  public static let timestampNegativeInfinity = Int64.min

  /// 4714-11-24 BC, Julian day 0.
  static let firstDate: Int64 = -2_451_545
  /// One past 5874897-12-31.
  static let endDate: Int64 = 2_145_031_949
  static let firstTimestamp: Int64 = -211_813_488_000_000_000
  /// One past 294276-12-31 23:59:59.999999.
  static let endTimestamp: Int64 = 9_223_371_331_200_000_000
  /// Seconds from 1970-01-01 to 2000-01-01.
  static let epochSeconds: Int64 = 946_684_800

  @inline(__always)
  public static func isInfinite(date: Int64) -> Bool { date >= dateInfinity || date <= dateNegativeInfinity }

  @inline(__always)
  public static func isInfinite(timestamp: Int64) -> Bool { timestamp == .max || timestamp == .min }

  static func isValid(date: Int64) -> Bool { date >= firstDate && date < endDate }
  public static func isValid(timestamp: Int64) -> Bool { timestamp >= firstTimestamp && timestamp < endTimestamp }

  /// Seconds since 1970 of a timestamp, rounded down.
  @inline(__always)
  static func unixSeconds(_ timestamp: Int64) -> Int64 {
    timestamp.flooredQuotient(by: 1_000_000) &+ epochSeconds
  }

  static let timestampOutOfRange = SQLError(.datetimeFieldOverflow, "timestamp out of range")
  static let dateOutOfTimestamps = SQLError(.datetimeFieldOverflow, "date out of range for timestamp")
  static let dateOutOfRange = SQLError(.datetimeFieldOverflow, "date out of range")
}
