// HOT: Dates and timestamps as text, in ISO style: `2024-02-29 12:34:56.789+01`, `0044-03-15 BC`, `infinity`.

public enum DateTimeText {
  public static func appendDate(_ days: Int64, to output: inout [UInt8]) {
    if DateTime.isInfinite(date: days) {
      output.append(contentsOf: (days < 0 ? "-infinity" : "infinity").utf8)
      return
    }
    let date = CivilDate(daysSince2000: days)
    append(date, to: &output)
    if date.year <= 0 { output.append(contentsOf: " BC".utf8) }
  }

  private static func append(_ date: CivilDate, to output: inout [UInt8]) {
    Text.appendPadded((date.year > 0 ? date.year : 1 - date.year).magnitude, width: 4, to: &output)
    output.append(UInt8(ascii: "-"))
    append(two: date.month, to: &output)
    output.append(UInt8(ascii: "-"))
    append(two: date.day, to: &output)
  }

  @inline(__always)
  private static func append(two value: Int, to output: inout [UInt8]) {
    output.append(48 &+ UInt8(truncatingIfNeeded: value / 10))
    output.append(48 &+ UInt8(truncatingIfNeeded: value % 10))
  }

  /// `zone` nil: a timestamp without time zone.
  public static func appendTimestamp(_ microseconds: Int64, zone: TimeZoneRules?, to output: inout [UInt8]) {
    if DateTime.isInfinite(timestamp: microseconds) {
      output.append(contentsOf: (microseconds < 0 ? "-infinity" : "infinity").utf8)
      return
    }
    var local = microseconds
    var offset = 0
    if let zone {
      offset = zone.offset(at: DateTime.unixSeconds(microseconds))
      local = microseconds &+ Int64(offset) * 1_000_000
    }
    let days = local.flooredQuotient(by: Interval.microsecondsPerDay)
    let date = CivilDate(daysSince2000: days)
    append(date, to: &output)
    output.append(0x20)
    appendTime(local - days * Interval.microsecondsPerDay, to: &output)
    if zone != nil { appendOffset(offset, to: &output) }
    if date.year <= 0 { output.append(contentsOf: " BC".utf8) }
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
