// Interval literals with fields: `INTERVAL '1' YEAR`, `INTERVAL '1-2' YEAR TO MONTH`. A number alone counts the last field;
// what is smaller than it is cut off. Source: PostgreSQL manual, 8.5.4.

import SQLSyntax
import SQLTypes

extension Binder {
  func readInterval(
    _ text: [UInt8], _ fields: IntervalFields, _ type: SQLType, at position: SourcePosition
  ) throws(SQLError) -> Datum {
    guard let info = TypeInfo.find(type.oid) else { preconditionFailure("interval exists") }
    let last = fields.last
    let word = String(decoding: text, as: UTF8.self).split(separator: " ").joined(separator: " ")
    let written = Double(word) != nil ? Array("\(word) \(last)".utf8) : text
    context.dependsOnSettings = true
    let value = try context.located(position) { () throws(SQLError) in
      try info.input(written, modifier: type.modifier, settings: context.settings)
    }
    guard case .bytes(let bytes) = value else { return value }
    var interval = Interval(bytes)
    let hour: Int64 = 3_600_000_000
    switch last {
    case "year":
      interval = Interval(months: interval.months / 12 * 12)
    case "month": interval = Interval(months: interval.months)
    case "day": interval.microseconds = 0
    case "hour": interval.microseconds -= interval.microseconds % hour
    case "minute": interval.microseconds -= interval.microseconds % (hour / 60)
    default: break
    }
    return interval.datum
  }
}

extension IntervalFields {
  /// The smallest field, as a unit is written.
  fileprivate var last: String {
    switch self {
    case .year: "year"
    case .month, .yearToMonth: "month"
    case .day: "day"
    case .hour, .dayToHour: "hour"
    case .minute, .dayToMinute, .hourToMinute: "minute"
    case .second, .dayToSecond, .hourToSecond, .minuteToSecond: "second"
    }
  }
}
