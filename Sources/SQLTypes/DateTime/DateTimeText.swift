// HOT: Dates and timestamps as text, in the styles of `DateStyle`: `2024-02-29 12:34:56.789+01`, `0044-03-15 BC`,
// `infinity`; `02/29/2024 12:34:56.789 CET` (SQL), `29.02.2024 12:34:56` (German), `Thu Feb 29 12:34:56.789 2024 CET`
// (Postgres). Source: PostgreSQL manual, 8.5.2.

public enum DateTimeText {
  public static func appendDate(_ days: Int64, _ settings: FormatSettings, to output: inout [UInt8]) {
    if DateTime.isInfinite(date: days) {
      output.append(contentsOf: (days < 0 ? "-infinity" : "infinity").utf8)
      return
    }
    let date = CivilDate(daysSince2000: days)
    append(date, settings, to: &output)
    if date.year <= 0 { output.append(contentsOf: " BC".utf8) }
  }

  /// A date in digits; that of a timestamp in the Postgres style is in words instead.
  private static func append(_ date: CivilDate, _ settings: FormatSettings, to output: inout [UInt8]) {
    if settings.dateStyle == .iso {
      appendYear(date, to: &output)
      output.append(UInt8(ascii: "-"))
      append(two: date.month, to: &output)
      output.append(UInt8(ascii: "-"))
      append(two: date.day, to: &output)
      return
    }
    let separator: UInt8 =
      switch settings.dateStyle {
      case .sql: UInt8(ascii: "/")
      case .german: UInt8(ascii: ".")
      case .postgres, .iso: UInt8(ascii: "-")
      }
    let isDayFirst = settings.dateStyle == .german || settings.dateOrder == .dmy
    append(two: isDayFirst ? date.day : date.month, to: &output)
    output.append(separator)
    append(two: isDayFirst ? date.month : date.day, to: &output)
    output.append(separator)
    appendYear(date, to: &output)
  }

  private static func appendYear(_ date: CivilDate, to output: inout [UInt8]) {
    Text.appendPadded((date.year > 0 ? date.year : 1 - date.year).magnitude, width: 4, to: &output)
  }

  @inline(__always)
  private static func append(two value: Int, to output: inout [UInt8]) {
    output.append(48 &+ UInt8(truncatingIfNeeded: value / 10))
    output.append(48 &+ UInt8(truncatingIfNeeded: value % 10))
  }

  /// `zone` nil: a timestamp without time zone.
  public static func appendTimestamp(
    _ microseconds: Int64, zone: TimeZoneRules?, _ settings: FormatSettings, to output: inout [UInt8]
  ) {
    if DateTime.isInfinite(timestamp: microseconds) {
      output.append(contentsOf: (microseconds < 0 ? "-infinity" : "infinity").utf8)
      return
    }
    let isISO = settings.dateStyle == .iso
    var local = microseconds
    var offset = 0
    var abbreviation = ""
    if let zone {
      let time = DateTime.unixSeconds(microseconds)
      if isISO {
        offset = zone.offset(at: time)
      } else {
        let period = zone.period(at: time)
        (offset, abbreviation) = (period.offset, period.abbreviation)
      }
      local = microseconds &+ Int64(offset) * 1_000_000
    }
    let days = local.flooredQuotient(by: Interval.microsecondsPerDay)
    let date = CivilDate(daysSince2000: days)
    let time = local - days * Interval.microsecondsPerDay
    if settings.dateStyle == .postgres {
      appendWords(date, days: days, time: time, settings, to: &output)
    } else {
      append(date, settings, to: &output)
      output.append(0x20)
      appendTime(time, to: &output)
    }
    if zone != nil {
      if isISO {
        appendOffset(offset, to: &output)
      } else {
        output.append(0x20)
        if abbreviation.isEmpty {
          appendOffset(offset, to: &output)
        } else {
          output.append(contentsOf: abbreviation.utf8)
        }
      }
    }
    if date.year <= 0 { output.append(contentsOf: " BC".utf8) }
  }

  private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// `Mon Feb 10 17:32:01 1997`, or `Mon 10 Feb` where the day comes first.
  private static func appendWords(
    _ date: CivilDate, days: Int64, time: Int64, _ settings: FormatSettings, to output: inout [UInt8]
  ) {
    // 2000-01-01 was a Saturday.
    output.append(contentsOf: weekdays[Int((days + 6).flooredRemainder(by: 7))].utf8)
    output.append(0x20)
    let isDayFirst = settings.dateOrder == .dmy
    if isDayFirst {
      append(two: date.day, to: &output)
      output.append(0x20)
    }
    output.append(contentsOf: months[date.month - 1].utf8)
    output.append(0x20)
    if !isDayFirst {
      append(two: date.day, to: &output)
      output.append(0x20)
    }
    appendTime(time, to: &output)
    output.append(0x20)
    appendYear(date, to: &output)
  }

  /// `12:34:56.789`: microseconds since midnight.
  static func appendTime(_ microseconds: Int64, to output: inout [UInt8]) {
    let seconds = Int(microseconds / 1_000_000)
    append(two: seconds / 3600, to: &output)
    output.append(UInt8(ascii: ":"))
    append(two: seconds / 60 % 60, to: &output)
    output.append(UInt8(ascii: ":"))
    append(two: seconds % 60, to: &output)
    appendFraction((microseconds % 1_000_000).magnitude, to: &output)
  }

  /// `.789`, without zeros at the end; nothing for 0.
  static func appendFraction(_ microseconds: UInt64, to output: inout [UInt8]) {
    if microseconds == 0 { return }
    output.append(UInt8(ascii: "."))
    Text.appendPadded(microseconds, width: 6, to: &output)
    while output.last == 48 { output.removeLast() }
  }

  /// `+01`, `-03:30`, `+00:19:32`.
  static func appendOffset(_ seconds: Int, to output: inout [UInt8]) {
    output.append(UInt8(ascii: seconds < 0 ? "-" : "+"))
    let magnitude = Int(seconds.magnitude)
    append(two: magnitude / 3600, to: &output)
    if magnitude % 3600 != 0 {
      output.append(UInt8(ascii: ":"))
      append(two: magnitude / 60 % 60, to: &output)
      if magnitude % 60 != 0 {
        output.append(UInt8(ascii: ":"))
        append(two: magnitude % 60, to: &output)
      }
    }
  }
}
