// The fields of dates, timestamps and intervals, by the names that `extract`, `date_trunc` and interval
// literals use.

public enum DateTimeUnit: Sendable, Hashable {
  case microsecond, millisecond, second, minute, hour, day, week, month, quarter, year, decade, century, millennium
  case dayOfWeek, isoDayOfWeek, dayOfYear, isoYear, julian, epoch, timezone, timezoneHour, timezoneMinute

  /// A unit by any of its names, without regard to case; nil for other words.
  public init?(name: [UInt8]) {
    let word = String(decoding: name.map { Text.lower($0) }, as: UTF8.self)
    guard let unit = DateTimeUnit.names[word] else { return nil }
    self = unit
  }

  private static let names: [String: DateTimeUnit] = {
    let all: [(DateTimeUnit, String)] = [
      (.microsecond, "us usec usecs usecond useconds microsecond microseconds"),
      (.millisecond, "ms msec msecs msecond mseconds millisecond milliseconds"),
      (.second, "s sec secs second seconds"), (.minute, "m min mins minute minutes"), (.hour, "h hr hrs hour hours"),
      (.day, "d day days"), (.week, "w week weeks"), (.month, "mon mons month months"), (.quarter, "qtr quarter"),
      (.year, "y yr yrs year years"), (.decade, "dec decs decade decades"), (.century, "c cent century centuries"),
      (.millennium, "mil mils millennium millennia"), (.dayOfWeek, "dow"), (.isoDayOfWeek, "isodow"),
      (.dayOfYear, "doy"), (.isoYear, "isoyear"), (.julian, "j jd julian"), (.epoch, "epoch"),
      (.timezone, "timezone"), (.timezoneHour, "timezone_hour timezone_h"),
      (.timezoneMinute, "timezone_minute timezone_m"),
    ]
    var names: [String: DateTimeUnit] = [:]
    for (unit, words) in all { for word in words.split(separator: " ") { names[String(word)] = unit } }
    return names
  }()
}
