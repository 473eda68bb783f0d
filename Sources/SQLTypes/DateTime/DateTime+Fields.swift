// `extract`, `date_part` and `date_trunc`. Results are `numeric` with PostgreSQL's scales (seconds 6,
// milliseconds 3);
// `date_part` is their double. Of an infinite value the fields that grow for ever are infinite, the others
// NULL.

extension DateTime {
  private static func unsupported(_ unit: [UInt8], _ type: String) -> SQLError {
    SQLError(.featureNotSupported, "unit \"\(String(decoding: unit, as: UTF8.self))\" not supported for type \(type)")
  }

  /// A unit by name. Error 22023 when it is unknown.
  public static func unit(_ name: [UInt8], type: String) throws(SQLError) -> DateTimeUnit {
    guard let unit = DateTimeUnit(name: name) else {
      throw unrecognized(name, type)
    }
    return unit
  }

  private static func unrecognized(_ name: [UInt8], _ type: String) -> SQLError {
    SQLError(
      .invalidParameterValue,
      "unit \"\(String(decoding: name.map { Text.lower($0) }, as: UTF8.self))\" not recognized for type \(type)")
  }

  private static func scaled(_ value: Int64, _ scale: Int) -> Numeric {
    Numeric(coefficient: Int128(value), scale: scale)
  }

  private static func infinite(_ unit: DateTimeUnit, isNegative: Bool) -> Numeric? {
    switch unit {
    case .year, .decade, .century, .millennium, .julian, .isoYear, .epoch:
      isNegative ? .negativeInfinity : .infinity
    default: nil
    }
  }

  /// Fields of a calendar day.
  private static func calendar(_ unit: DateTimeUnit, days: Int64) -> Int64? {
    let date = CivilDate(daysSince2000: days)
    let year = date.year
    switch unit {
    case .day: return Int64(date.day)
    case .month: return Int64(date.month)
    case .quarter: return Int64((date.month - 1) / 3 + 1)
    case .week: return isoWeek(days).week
    case .year: return year > 0 ? year : year - 1
    case .decade: return year >= 0 ? year / 10 : -((8 - (year - 1)) / 10)
    case .century: return year > 0 ? (year + 99) / 100 : -((99 - (year - 1)) / 100)
    case .millennium: return year > 0 ? (year + 999) / 1000 : -((999 - (year - 1)) / 1000)
    case .isoYear:
      let isoYear = isoWeek(days).year
      return isoYear > 0 ? isoYear : isoYear - 1
    // 2000-01-01 was a Saturday.
    case .dayOfWeek: return (days + 6).flooredRemainder(by: 7)
    case .isoDayOfWeek: return (days + 5).flooredRemainder(by: 7) + 1
    case .dayOfYear: return days - CivilDate(year: year, month: 1, day: 1).daysSince2000 + 1
    case .julian: return days + 2_451_545
    default: return nil
    }
  }

  /// ISO 8601: week 1 holds the year's first Thursday.
  private static func isoWeek(_ days: Int64) -> (year: Int64, week: Int64) {
    let thursday = days - (days + 5).flooredRemainder(by: 7) + 3
    let year = CivilDate(daysSince2000: thursday).year
    return (year, (thursday - CivilDate(year: year, month: 1, day: 1).daysSince2000) / 7 + 1)
  }

  /// `extract(unit from date)`.
  public static func extract(_ name: [UInt8], fromDate days: Int64) throws(SQLError) -> Numeric? {
    let unit = try unit(name, type: "date")
    if isInfinite(date: days) {
      switch unit {
      case .microsecond, .millisecond, .second, .minute, .hour, .timezone, .timezoneHour, .timezoneMinute:
        throw unsupported(name, "date")
      default: return infinite(unit, isNegative: days < 0)
      }
    }
    if unit == .epoch { return Numeric((days + CivilDate.postgresEpoch) * 86_400) }
    guard let value = calendar(unit, days: days) else { throw unsupported(name, "date") }
    return Numeric(value)
  }

  /// `extract(unit from timestamp)`.
  public static func extract(_ name: [UInt8], fromTimestamp timestamp: Int64) throws(SQLError) -> Numeric? {
    let type = "timestamp without time zone"
    return try extract(try unit(name, type: type), name, timestamp, epoch: timestamp, offset: nil, type)
  }

  /// `extract(unit from timestamptz)`.
  public static func extract(
    _ name: [UInt8], fromTimestamptz timestamp: Int64, zone: TimeZoneRules
  ) throws(SQLError) -> Numeric? {
    let type = "timestamp with time zone"
    let unit = try unit(name, type: type)
    if isInfinite(timestamp: timestamp) {
      return try extract(unit, name, timestamp, epoch: timestamp, offset: 0, type)
    }
    let offset = zone.offset(at: unixSeconds(timestamp))
    return try extract(
      unit, name, timestamp &+ Int64(offset) * 1_000_000, epoch: timestamp, offset: offset, type)
  }

  private static func extract(
    _ unit: DateTimeUnit, _ name: [UInt8], _ local: Int64, epoch: Int64, offset: Int?, _ type: String
  ) throws(SQLError) -> Numeric? {
    if isInfinite(timestamp: local) { return infinite(unit, isNegative: local < 0) }
    switch unit {
    case .timezone, .timezoneHour, .timezoneMinute: if offset == nil { throw unsupported(name, type) }
    default: break
    }
    let days = local.flooredQuotient(by: Interval.microsecondsPerDay)
    let time = local - days * Interval.microsecondsPerDay
    switch unit {
    case .microsecond: return Numeric(time % 60_000_000)
    case .millisecond: return scaled(time % 60_000_000, 3)
    case .second: return scaled(time % 60_000_000, 6)
    case .minute: return Numeric(time / 60_000_000 % 60)
    case .hour: return Numeric(time / 3_600_000_000)
    case .timezone: return offset.map { Numeric(Int64($0)) }
    case .timezoneHour: return offset.map { Numeric(Int64($0 / 3600)) }
    case .timezoneMinute: return offset.map { Numeric(Int64($0 / 60 % 60)) }
    case .epoch:
      return Numeric(coefficient: Int128(epoch) + Int128(epochSeconds) * 1_000_000, scale: 6)
    case .julian:
      let fraction = try Numeric(time).divided(by: Numeric(Interval.microsecondsPerDay))
      return try Numeric(days + 2_451_545).adding(fraction)
    default:
      guard let value = calendar(unit, days: days) else { throw unsupported(name, type) }
      return Numeric(value)
    }
  }

  /// `extract(unit from interval)`.
  public static func extract(_ name: [UInt8], fromInterval interval: Interval) throws(SQLError) -> Numeric? {
    let unit = try unit(name, type: "interval")
    let time = interval.microseconds
    let years = Int64(interval.months / 12)
    switch unit {
    case .microsecond: return Numeric(time % 60_000_000)
    case .millisecond: return scaled(time % 60_000_000, 3)
    case .second: return scaled(time % 60_000_000, 6)
    case .minute: return Numeric(time / 60_000_000 % 60)
    case .hour: return Numeric(time / 3_600_000_000)
    case .day: return Numeric(Int64(interval.days))
    case .month: return Numeric(Int64(interval.months % 12))
    case .quarter: return Numeric(Int64(interval.months % 12 / 3 + 1))
    case .year: return Numeric(years)
    case .decade: return Numeric(years / 10)
    case .century: return Numeric(years / 100)
    case .millennium: return Numeric(years / 1000)
    case .epoch:
      // A year has 365.25 days here, a month 30.
      let quarterDays = Int128(years) * 1461 + Int128(interval.months % 12) * 120 + Int128(interval.days) * 4
      return Numeric(coefficient: quarterDays * 21_600_000_000 + Int128(time), scale: 6)
    default: throw unsupported(name, "interval")
    }
  }

  // MARK: Truncation

  /// `date_trunc(unit, timestamp)`.
  public static func truncate(_ name: [UInt8], timestamp: Int64) throws(SQLError) -> Int64 {
    if isInfinite(timestamp: timestamp) { return timestamp }
    let type = "timestamp without time zone"
    return try truncate(try unit(name, type: type), name, timestamp, type)
  }

  /// `date_trunc(unit, timestamptz[, zone])`: whole days and more begin at the zone's midnight.
  public static func truncate(
    _ name: [UInt8], timestamptz: Int64, zone: TimeZoneRules
  ) throws(SQLError) -> Int64 {
    if isInfinite(timestamp: timestamptz) { return timestamptz }
    let type = "timestamp with time zone"
    let unit = try unit(name, type: type)
    let local = try local(timestamptz: timestamptz, zone: zone)
    let result = try truncate(unit, name, local, type)
    switch unit {
    case .microsecond, .millisecond, .second, .minute, .hour:
      // Within the hour the offset stays, even when the clock goes back.
      return timestamptz - (local - result)
    default: return try self.timestamptz(local: result, zone: zone)
    }
  }

  private static func truncate(
    _ unit: DateTimeUnit, _ name: [UInt8], _ local: Int64, _ type: String
  ) throws(SQLError) -> Int64 {
    func floor(_ step: Int64) -> Int64 {
      isInfinite(timestamp: local) ? local : local - local.flooredRemainder(by: step)
    }
    func begin(year: Int64, month: Int) throws(SQLError) -> Int64 {
      let (product, overflow) = CivilDate(year: year, month: month, day: 1).daysSince2000
        .multipliedReportingOverflow(by: Interval.microsecondsPerDay)
      if overflow || !isValid(timestamp: product) { throw timestampOutOfRange }
      return product
    }
    let days = local.flooredQuotient(by: Interval.microsecondsPerDay)
    let date = CivilDate(daysSince2000: days)
    let year = date.year
    switch unit {
    case .microsecond: return local
    case .millisecond: return floor(1_000)
    case .second: return floor(1_000_000)
    case .minute: return floor(60_000_000)
    case .hour: return floor(3_600_000_000)
    case .day: return floor(Interval.microsecondsPerDay)
    case .week:
      let (product, overflow) = (days - (days + 5).flooredRemainder(by: 7)).multipliedReportingOverflow(
        by: Interval.microsecondsPerDay)
      if overflow || !isValid(timestamp: product) { throw timestampOutOfRange }
      return product
    case .month: return try begin(year: year, month: date.month)
    case .quarter: return try begin(year: year, month: (date.month - 1) / 3 * 3 + 1)
    case .year: return try begin(year: year, month: 1)
    case .decade: return try begin(year: year > 0 ? year / 10 * 10 : -((8 - (year - 1)) / 10) * 10, month: 1)
    case .century:
      return try begin(
        year: year > 0 ? (year + 99) / 100 * 100 - 99 : -((99 - (year - 1)) / 100) * 100 + 1, month: 1)
    case .millennium:
      return try begin(
        year: year > 0 ? (year + 999) / 1000 * 1000 - 999 : -((999 - (year - 1)) / 1000) * 1000 + 1, month: 1)
    case .timezone, .timezoneHour, .timezoneMinute: throw unsupported(name, type)
    default: throw unrecognized(name, type)
    }
  }
}
