// The proleptic Gregorian calendar: days since 1970-01-01 to year, month and day, and back. Years are
// astronomical:
// 0 is 1 BC. Works for every year that an Int64 of microseconds can reach and far beyond.

/// A day of the calendar.
public struct CivilDate: Sendable, Hashable {
  public var year: Int64
  /// 1...12
  public var month: Int
  /// 1...31
  public var day: Int

  /// Days from 1970-01-01 to PostgreSQL's epoch, 2000-01-01.
  public static let postgresEpoch: Int64 = 10_957

  public init(year: Int64, month: Int, day: Int) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// Years are counted from March, so that leap days come last; eras of 400 years have 146097 days.
  public init(daysSince1970: Int64) {
    let shifted = daysSince1970 &+ 719_468
    let era = shifted.flooredQuotient(by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    day = Int(dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    month = Int(marchMonth < 10 ? marchMonth + 3 : marchMonth - 9)
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  public init(daysSince2000 days: Int64) { self.init(daysSince1970: days &+ CivilDate.postgresEpoch) }

  /// Days since 1970-01-01. `day` may lie outside the month; `year` must be within ±10^13.
  public static func days(year: Int64, month: Int, day: Int) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted.flooredQuotient(by: 400)
    let yearOfEra = shifted - era * 400
    let marchMonth = Int64(month > 2 ? month - 3 : month + 9)
    let dayOfYear = (153 * marchMonth + 2) / 5 + Int64(day) - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  public var daysSince1970: Int64 { CivilDate.days(year: year, month: month, day: day) }
  public var daysSince2000: Int64 { daysSince1970 - CivilDate.postgresEpoch }

  public static func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

  public static func daysInMonth(year: Int64, month: Int) -> Int {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}

extension Int64 {
  /// Rounded towards negative infinity; the divisor is positive.
  @inline(__always)
  func flooredQuotient(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }

  /// In 0..<divisor.
  @inline(__always)
  func flooredRemainder(by divisor: Int64) -> Int64 {
    let remainder = self % divisor
    return remainder < 0 ? remainder + divisor : remainder
  }
}
