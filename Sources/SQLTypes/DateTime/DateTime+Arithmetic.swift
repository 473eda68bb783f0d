// Synchronous arithmetic on dates and timestamps for expressions: conversions, sums with intervals,
// differences, and
// values made from fields. Every result is checked against PostgreSQL's range; nothing traps.

extension DateTime {
  /// Rounds to a modifier's precision, 0...6; -1 leaves the value alone.
  public static func rounded(timestamp: Int64, modifier: Int32) -> Int64 {
    if modifier < 0 || modifier >= 6 || isInfinite(timestamp: timestamp) { return timestamp }
    return DateTimeRounding.round(timestamp, precision: Int(modifier))
  }

  // MARK: Conversions

  /// Midnight of a date. Error 22008 beyond the timestamps' range.
  public static func timestamp(date: Int64) throws(SQLError) -> Int64 {
    if isInfinite(date: date) { return date < 0 ? timestampNegativeInfinity : timestampInfinity }
    let (product, overflow) = date.multipliedReportingOverflow(by: Interval.microsecondsPerDay)
    if overflow || !isValid(timestamp: product) {
      throw dateOutOfTimestamps
    }
    return product
  }

  /// The day of a timestamp.
  public static func date(timestamp: Int64) -> Int64 {
    if isInfinite(timestamp: timestamp) { return timestamp < 0 ? dateNegativeInfinity : dateInfinity }
    return timestamp.flooredQuotient(by: Interval.microsecondsPerDay)
  }

  /// The clock on the wall of a zone at a moment.
  public static func local(timestamptz: Int64, zone: TimeZoneRules) throws(SQLError) -> Int64 {
    if isInfinite(timestamp: timestamptz) { return timestamptz }
    let (sum, overflow) = timestamptz.addingReportingOverflow(
      Int64(zone.offset(at: unixSeconds(timestamptz))) * 1_000_000)
    if overflow || !isValid(timestamp: sum) { throw timestampOutOfRange }
    return sum
  }

  /// The moment at which a zone's clock shows a time.
  public static func timestamptz(local: Int64, zone: TimeZoneRules) throws(SQLError) -> Int64 {
    if isInfinite(timestamp: local) { return local }
    let offset = zone.period(atLocal: unixSeconds(local)).offset
    let (moment, overflow) = local.subtractingReportingOverflow(Int64(offset) * 1_000_000)
    if overflow || !isValid(timestamp: moment) { throw timestampOutOfRange }
    return moment
  }

  // MARK: Sums and differences

  /// `date + integer`.
  public static func adding(days: Int64, toDate date: Int64) throws(SQLError) -> Int64 {
    if isInfinite(date: date) { return date }
    let (sum, overflow) = date.addingReportingOverflow(days)
    if overflow || !isValid(date: sum) { throw dateOutOfRange }
    return sum
  }

  /// `date - date`, in days. Error 22008 for infinities.
  public static func days(from start: Int64, to end: Int64) throws(SQLError) -> Int64 {
    if isInfinite(date: start) || isInfinite(date: end) {
      throw SQLError(.datetimeFieldOverflow, "cannot subtract infinite dates")
    }
    return end - start
  }

  /// `timestamp + interval`: months first (the day is cut to the month's length), then days, then time.
  public static func adding(_ interval: Interval, toTimestamp timestamp: Int64) throws(SQLError) -> Int64 {
    if isInfinite(timestamp: timestamp) { return timestamp }
    var result = timestamp
    if interval.months != 0 { result = try adding(months: Int64(interval.months), to: result) }
    if interval.days != 0 {
      let (sum, overflow) = result.addingReportingOverflow(Int64(interval.days) * Interval.microsecondsPerDay)
      if overflow || !isValid(timestamp: sum) { throw timestampOutOfRange }
      result = sum
    }
    let (sum, overflow) = result.addingReportingOverflow(interval.microseconds)
    if overflow || !isValid(timestamp: sum) { throw timestampOutOfRange }
    return sum
  }

  /// `timestamptz + interval`: months and days move the clock on the wall, the time moves the moment.
  public static func adding(
    _ interval: Interval, toTimestamptz timestamp: Int64, zone: TimeZoneRules
  ) throws(SQLError) -> Int64 {
    if isInfinite(timestamp: timestamp) { return timestamp }
    var result = timestamp
    if interval.months != 0 || interval.days != 0 {
      var wall = try local(timestamptz: result, zone: zone)
      if interval.months != 0 {
        wall = try adding(months: Int64(interval.months), to: wall)
        result = try timestamptz(local: wall, zone: zone)
        wall = try local(timestamptz: result, zone: zone)
      }
      if interval.days != 0 {
        let (sum, overflow) = wall.addingReportingOverflow(Int64(interval.days) * Interval.microsecondsPerDay)
        if overflow || !isValid(timestamp: sum) { throw timestampOutOfRange }
        result = try timestamptz(local: sum, zone: zone)
      }
    }
    let (sum, overflow) = result.addingReportingOverflow(interval.microseconds)
    if overflow || !isValid(timestamp: sum) { throw timestampOutOfRange }
    return sum
  }

  private static func adding(months: Int64, to timestamp: Int64) throws(SQLError) -> Int64 {
    let days = timestamp.flooredQuotient(by: Interval.microsecondsPerDay)
    let time = timestamp - days * Interval.microsecondsPerDay
    let date = CivilDate(daysSince2000: days)
    let total = date.year * 12 + Int64(date.month - 1) + months
    let year = total.flooredQuotient(by: 12)
    let month = Int(total.flooredRemainder(by: 12)) + 1
    let day = min(date.day, CivilDate.daysInMonth(year: year, month: month))
    let (product, first) = CivilDate(year: year, month: month, day: day).daysSince2000
      .multipliedReportingOverflow(by: Interval.microsecondsPerDay)
    let (sum, second) = product.addingReportingOverflow(time)
    if first || second || !isValid(timestamp: sum) { throw timestampOutOfRange }
    return sum
  }

  /// `timestamp - timestamp`: days of 24 hours and the rest. Error 22008 for infinities.
  public static func interval(from start: Int64, to end: Int64) throws(SQLError) -> Interval {
    if isInfinite(timestamp: start) || isInfinite(timestamp: end) {
      throw SQLError(.datetimeFieldOverflow, "cannot subtract infinite timestamps")
    }
    let (difference, overflow) = end.subtractingReportingOverflow(start)
    if overflow { throw Interval.outOfRange }
    return try Interval(microseconds: difference).justifiedHours()
  }

  /// `age(end, start)`: years, months and days by the calendar, both by the clock on the wall.
  public static func age(from start: Int64, to end: Int64) throws(SQLError) -> Interval {
    if isInfinite(timestamp: start) || isInfinite(timestamp: end) { throw timestampOutOfRange }
    let isNegative = end < start
    let (low, high) = isNegative ? (end, start) : (start, end)
    let lowDays = low.flooredQuotient(by: Interval.microsecondsPerDay)
    let highDays = high.flooredQuotient(by: Interval.microsecondsPerDay)
    let a = CivilDate(daysSince2000: lowDays)
    let b = CivilDate(daysSince2000: highDays)
    var time = (high - highDays * Interval.microsecondsPerDay) - (low - lowDays * Interval.microsecondsPerDay)
    var days = b.day - a.day
    var months = (b.year - a.year) * 12 + Int64(b.month - a.month)
    if time < 0 {
      time += Interval.microsecondsPerDay
      days -= 1
    }
    while days < 0 {
      // The earlier date's month lends its days.
      days += CivilDate.daysInMonth(year: a.year, month: a.month)
      months -= 1
    }
    guard let whole = Int32(exactly: months) else { throw Interval.outOfRange }
    let result = Interval(months: whole, days: Int32(days), microseconds: time)
    return isNegative ? try result.negated() : result
  }

  // MARK: Values from fields

  /// `make_date`; a negative year is BC. Error 22008.
  public static func makeDate(year: Int64, month: Int64, day: Int64) throws(SQLError) -> Int64 {
    let invalid = SQLError(
      .datetimeFieldOverflow, "date field value out of range: \(year)-\(twoDigits(month))-\(twoDigits(day))")
    guard year != 0, year.magnitude < 10_000_000, (1...12).contains(month), (1...31).contains(day) else {
      throw invalid
    }
    let astronomical = year < 0 ? year + 1 : year
    guard day <= Int64(CivilDate.daysInMonth(year: astronomical, month: Int(month))) else { throw invalid }
    let days = CivilDate(year: astronomical, month: Int(month), day: Int(day)).daysSince2000
    if !isValid(date: days) {
      throw SQLError(
        .datetimeFieldOverflow, "date out of range: \(astronomical)-\(twoDigits(month))-\(twoDigits(day))")
    }
    return days
  }

  private static func twoDigits(_ value: Int64) -> String { (0..<10).contains(value) ? "0\(value)" : "\(value)" }

  /// `make_timestamp`. Error 22008.
  public static func makeTimestamp(
    year: Int64, month: Int64, day: Int64, hour: Int64, minute: Int64, seconds: Double
  ) throws(SQLError) -> Int64 {
    let date = try makeDate(year: year, month: month, day: day)
    let micros = (seconds * 1_000_000).rounded(.toNearestOrEven)
    guard (0...24).contains(hour), (0...59).contains(minute), micros >= 0, micros <= 60_000_000,
      hour < 24 || (minute == 0 && micros == 0)
    else {
      throw SQLError(
        .datetimeFieldOverflow, "time field value out of range: \(hour):\(twoDigits(minute)):\(seconds)")
    }
    let time = (hour * 60 + minute) * 60_000_000 + Int64(micros)
    let (product, first) = date.multipliedReportingOverflow(by: Interval.microsecondsPerDay)
    let (sum, second) = product.addingReportingOverflow(time)
    if first || second || !isValid(timestamp: sum) { throw timestampOutOfRange }
    return sum
  }

  /// Seconds east of Greenwich of `+05:30` and its like; nil for what is no offset. Error 22023.
  public static func writtenOffset(_ text: [UInt8]) throws(SQLError) -> Int? {
    guard let first = text.first, first == UInt8(ascii: "+") || first == UInt8(ascii: "-") else { return nil }
    do throws(DateTimeParser.Fault) {
      return try DateTimeFields.offset(text)
    } catch {
      let shown = String(decoding: text, as: UTF8.self)
      if case .displacement = error {
        throw SQLError(.invalidParameterValue, "numeric time zone \"\(shown)\" out of range")
      }
      return nil
    }
  }

  /// `to_timestamp(double precision)`: seconds since 1970.
  public static func timestamp(unixSeconds seconds: Double) throws(SQLError) -> Int64 {
    if seconds.isNaN { throw SQLError(.datetimeFieldOverflow, "timestamp cannot be NaN") }
    if seconds.isInfinite { return seconds < 0 ? timestampNegativeInfinity : timestampInfinity }
    let micros = ((seconds - Double(epochSeconds)) * 1_000_000).rounded(.toNearestOrEven)
    guard let value = Int64(exactly: micros), isValid(timestamp: value) else {
      var text: [UInt8] = []
      FloatText.append(seconds, significantDigits: 6, to: &text)
      throw SQLError(
        .datetimeFieldOverflow, "timestamp out of range: \"\(String(decoding: text, as: UTF8.self))\"")
    }
    return value
  }
}
