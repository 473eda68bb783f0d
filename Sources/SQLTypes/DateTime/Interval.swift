// `interval`: months, days and microseconds, kept apart because months and days vary in length.
// In memory, in rows and on the wire: int64 microseconds, int32 days, int32 months, big endian (16 bytes).
// Source: PostgreSQL manual, 8.5.4 "Interval Input" and 8.5.5 "Interval Output".

import Encoding

public struct Interval: Sendable {
  public var months: Int32
  public var days: Int32
  public var microseconds: Int64

  public static let microsecondsPerDay: Int64 = 86_400_000_000
  static let outOfRange = SQLError(.datetimeFieldOverflow, "interval out of range")

  public init(months: Int32 = 0, days: Int32 = 0, microseconds: Int64 = 0) {
    self.months = months
    self.days = days
    self.microseconds = microseconds
  }

  /// Reads the 16 bytes of the layout above; anything shorter is zero.
  @inline(__always)
  public init(bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= 16 else {
      self.init()
      return
    }
    self.init(
      months: Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 12, as: Int32.self)),
      days: Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: Int32.self)),
      microseconds: Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)))
  }

  public init(_ bytes: [UInt8]) { self = bytes.withUnsafeBytes { Interval(bytes: $0) } }

  public func append(to output: inout [UInt8]) {
    output.appendBigEndian(microseconds)
    output.appendBigEndian(days)
    output.appendBigEndian(months)
  }

  public var datum: Datum {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16)
    append(to: &bytes)
    return .bytes(bytes)
  }

  /// What comparison goes by: microseconds, with 30 days to the month.
  var comparable: Int128 {
    (Int128(months) * 30 + Int128(days)) * Int128(Interval.microsecondsPerDay) + Int128(microseconds)
  }

  func appendKey(descending: Bool, to key: inout [UInt8]) {
    var (days, rest) = comparable.quotientAndRemainder(dividingBy: Int128(Interval.microsecondsPerDay))
    if rest < 0 {
      days -= 1
      rest += Int128(Interval.microsecondsPerDay)
    }
    KeyEncoding.appendInt64(Int64(days), descending: descending, to: &key)
    KeyEncoding.appendInt64(Int64(rest), descending: descending, to: &key)
  }

  /// An interval equal to the one encoded, in days and microseconds as far as they reach.
  init(key reader: inout ByteReader, descending: Bool) throws(SQLError) {
    guard let days = reader.readOrderedInt64(descending: descending),
      let rest = reader.readOrderedInt64(descending: descending)
    else { throw TypeInfo.damagedKey }
    if let exact = Int32(exactly: days) {
      self.init(days: exact, microseconds: rest)
    } else {
      guard let months = Int32(exactly: days / 30) else { throw TypeInfo.damagedKey }
      self.init(months: months, days: Int32(days % 30), microseconds: rest)
    }
  }
}

extension Interval: Hashable, Comparable {
  public static func == (a: Interval, b: Interval) -> Bool { a.comparable == b.comparable }
  public static func < (a: Interval, b: Interval) -> Bool { a.comparable < b.comparable }
  public func hash(into hasher: inout Hasher) { hasher.combine(comparable) }
}

extension Interval {
  public func adding(_ other: Interval) throws(SQLError) -> Interval {
    let (months, a) = months.addingReportingOverflow(other.months)
    let (days, b) = days.addingReportingOverflow(other.days)
    let (microseconds, c) = microseconds.addingReportingOverflow(other.microseconds)
    if a || b || c { throw Interval.outOfRange }
    return Interval(months: months, days: days, microseconds: microseconds)
  }

  public func negated() throws(SQLError) -> Interval {
    if months == .min || days == .min || microseconds == .min { throw Interval.outOfRange }
    return Interval(months: -months, days: -days, microseconds: -microseconds)
  }

  public func subtracting(_ other: Interval) throws(SQLError) -> Interval {
    let (months, a) = months.subtractingReportingOverflow(other.months)
    let (days, b) = days.subtractingReportingOverflow(other.days)
    let (microseconds, c) = microseconds.subtractingReportingOverflow(other.microseconds)
    if a || b || c { throw Interval.outOfRange }
    return Interval(months: months, days: days, microseconds: microseconds)
  }

  /// Fractions of months flow into days of 30 to the month, and fractions of days into the time.
  public func multiplied(by factor: Double) throws(SQLError) -> Interval {
    let monthProduct = Double(months) * factor
    let dayProduct = Double(days) * factor
    guard monthProduct.isFinite && dayProduct.isFinite,
      let wholeMonths = Int32(exactly: monthProduct.rounded(.towardZero)),
      var wholeDays = Int32(exactly: dayProduct.rounded(.towardZero))
    else { throw Interval.outOfRange }
    // Rounded to a microsecond so that 0.1 does not leave dust.
    var monthRemainderDays = Interval.roundToMicro((monthProduct - Double(wholeMonths)) * 30)
    var secondRemainder =
      (dayProduct - Double(wholeDays) + monthRemainderDays - monthRemainderDays.rounded(.towardZero)) * 86400
    secondRemainder = Interval.roundToMicro(secondRemainder)
    if secondRemainder.magnitude >= 86400 {
      let extra = (secondRemainder / 86400).rounded(.towardZero)
      wholeDays = try Interval.sum(wholeDays, extra)
      secondRemainder -= extra * 86400
    }
    monthRemainderDays = monthRemainderDays.rounded(.towardZero)
    wholeDays = try Interval.sum(wholeDays, monthRemainderDays)
    let time = (Double(microseconds) * factor + secondRemainder * 1_000_000).rounded(.toNearestOrEven)
    guard let wholeTime = Int64(exactly: time) else { throw Interval.outOfRange }
    return Interval(months: wholeMonths, days: wholeDays, microseconds: wholeTime)
  }

  public func divided(by divisor: Double) throws(SQLError) -> Interval {
    if divisor == 0 { throw Numeric.divisionByZero }
    let monthQuotient = Double(months) / divisor
    let dayQuotient = Double(days) / divisor
    guard monthQuotient.isFinite && dayQuotient.isFinite,
      let wholeMonths = Int32(exactly: monthQuotient.rounded(.towardZero)),
      var wholeDays = Int32(exactly: dayQuotient.rounded(.towardZero))
    else { throw Interval.outOfRange }
    let monthRemainderDays = Interval.roundToMicro((monthQuotient - Double(wholeMonths)) * 30)
    var secondRemainder =
      (dayQuotient - Double(wholeDays) + monthRemainderDays - monthRemainderDays.rounded(.towardZero)) * 86400
    secondRemainder = Interval.roundToMicro(secondRemainder)
    if secondRemainder.magnitude >= 86400 {
      let extra = (secondRemainder / 86400).rounded(.towardZero)
      wholeDays = try Interval.sum(wholeDays, extra)
      secondRemainder -= extra * 86400
    }
    wholeDays = try Interval.sum(wholeDays, monthRemainderDays.rounded(.towardZero))
    let time = (Double(microseconds) / divisor + secondRemainder * 1_000_000).rounded(.toNearestOrEven)
    guard let wholeTime = Int64(exactly: time) else { throw Interval.outOfRange }
    return Interval(months: wholeMonths, days: wholeDays, microseconds: wholeTime)
  }

  private static func roundToMicro(_ value: Double) -> Double {
    (value * 1_000_000).rounded(.toNearestOrEven) / 1_000_000
  }

  private static func sum(_ days: Int32, _ more: Double) throws(SQLError) -> Int32 {
    guard let whole = Int32(exactly: more) else { throw outOfRange }
    let (sum, overflow) = days.addingReportingOverflow(whole)
    if overflow { throw outOfRange }
    return sum
  }

  /// `justify_hours`: 24 hours become a day; days and time get the same sign.
  public func justifiedHours() throws(SQLError) -> Interval {
    var result = self
    let whole = microseconds / Interval.microsecondsPerDay
    result.microseconds -= whole * Interval.microsecondsPerDay
    guard let more = Int32(exactly: whole) else { throw Interval.outOfRange }
    let (days, overflow) = days.addingReportingOverflow(more)
    if overflow { throw Interval.outOfRange }
    result.days = days
    if result.days > 0 && result.microseconds < 0 {
      result.microseconds += Interval.microsecondsPerDay
      result.days -= 1
    } else if result.days < 0 && result.microseconds > 0 {
      result.microseconds -= Interval.microsecondsPerDay
      result.days += 1
    }
    return result
  }

  /// `justify_days`: 30 days become a month; months and days get the same sign.
  public func justifiedDays() throws(SQLError) -> Interval {
    var result = self
    let whole = days / 30
    result.days -= whole * 30
    let (months, overflow) = months.addingReportingOverflow(whole)
    if overflow { throw Interval.outOfRange }
    result.months = months
    if result.months > 0 && result.days < 0 {
      result.days += 30
      result.months -= 1
    } else if result.months < 0 && result.days > 0 {
      result.days -= 30
      result.months += 1
    }
    return result
  }

  /// Rounds the seconds to `precision` digits, 0...6.
  func rounded(toPrecision precision: Int) -> Interval {
    guard precision >= 0 && precision < 6 else { return self }
    var result = self
    result.microseconds = DateTimeRounding.round(microseconds, precision: precision)
    return result
  }
}

/// Microseconds cut to fewer digits, half away from zero.
enum DateTimeRounding {
  private static let scales: [Int64] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1]

  static func round(_ microseconds: Int64, precision: Int) -> Int64 {
    let scale = scales[min(max(precision, 0), 6)]
    let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: scale)
    var units = quotient
    if remainder.magnitude * 2 >= UInt64(scale) { units += microseconds < 0 ? -1 : 1 }
    let (product, overflow) = units.multipliedReportingOverflow(by: scale)
    return overflow ? microseconds : product
  }
}
