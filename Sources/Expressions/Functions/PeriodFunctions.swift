// OVERLAPS, and make_interval, make_time. Source: PostgreSQL manual, 9.9; its timestamp.c for OVERLAPS with NULLs.

import SQLTypes

extension FunctionCatalog {
  mutating func addPeriods() {
    for type in [SQLType.timestamp, .timestamptz, .time, .timetz] {
      function("overlaps", [type, type, type, type], .bool, isStrict: false) { (a, n, _) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> Bool? in
          Periods.overlap(
            (row.integer(0), row.integer(1)), (row.integer(2), row.integer(3)))
        }
      }
    }
    for type in [SQLType.timestamp, .timestamptz] {
      // Ends may be given as lengths.
      for (first, second) in [(true, true), (false, true), (true, false)] {
        let arguments = [type, first ? .interval : type, type, second ? .interval : type]
        function("overlaps", arguments, .bool, type == .timestamptz ? .stable : .immutable, isStrict: false) {
          (a, n, context) throws(SQLError) in
          try mapAllRows(a, n) { (row) throws(SQLError) -> Bool? in
            func end(_ start: Int, _ place: Int, _ isLength: Bool) throws(SQLError) -> Int64? {
              if !isLength { return row.integer(place) }
              guard let begin = row.integer(start), !row.isNull(place) else { return nil }
              let length = Interval(row.bytes(place))
              return type == .timestamptz
                ? try DateTime.adding(length, toTimestamptz: begin, zone: context.settings.timeZone)
                : try DateTime.adding(length, toTimestamp: begin)
            }
            return Periods.overlap(
              (row.integer(0), try end(0, 1, first)), (row.integer(2), try end(2, 3, second)))
          }
        }
      }
    }
    function("make_interval", Array(repeating: .int4, count: 6) + [.float8], .interval) { (a, n, _) throws(SQLError) in
      try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
        func checked(_ value: (Int64, overflow: Bool)) throws(SQLError) -> Int64 {
          if value.overflow { throw SQLError(.datetimeFieldOverflow, "interval out of range") }
          return value.0
        }
        let seconds = row.float64(6)
        let micros = (seconds * 1_000_000).rounded(.toNearestOrEven)
        guard seconds.isFinite, let exact = Int64(exactly: micros),
          let months = Int32(exactly: row.int64(0) * 12 + row.int64(1)),
          let days = Int32(exactly: row.int64(2) * 7 + row.int64(3))
        else { throw SQLError(.datetimeFieldOverflow, "interval out of range") }
        let clock = (row.int64(4) * 60 + row.int64(5)) * 60_000_000
        let total = try checked(clock.addingReportingOverflow(exact))
        return Interval(months: months, days: days, microseconds: total).datum.text
      }
    }
    function("make_time", [.int4, .int4, .float8], .time) { (a, n, _) throws(SQLError) in
      try mapRows(a, n) { (row) throws(SQLError) -> Int64 in
        let (hour, minute, seconds) = (row.int64(0), row.int64(1), row.float64(2))
        guard hour >= 0, minute >= 0, minute < 60, seconds >= 0, seconds <= 60,
          hour < 24 || (hour == 24 && minute == 0 && seconds == 0)
        else {
          throw SQLError(
            .datetimeFieldOverflow,
            "time field value out of range: \(hour):\(minute < 10 && minute >= 0 ? "0" : "")\(minute):\(row.secondsText)"
          )
        }
        return (hour * 60 + minute) * 60_000_000 + Int64((seconds * 1_000_000).rounded(.toNearestOrEven))
      }
    }
  }
}

extension RowReader {
  fileprivate func integer(_ argument: Int) -> Int64? { isNull(argument) ? nil : int64(argument) }

  /// The third argument, at least two characters wide.
  fileprivate var secondsText: String {
    let text = String(decoding: TypeInfo.find(SQLType.float8.oid)?.text(.float64(float64(2))) ?? [], as: UTF8.self)
    return text.utf8.count == 1 ? "0" + text : text
  }
}

enum Periods {
  /// Whether two periods share a point of time; an end that is NULL makes the answer NULL where it would matter.
  static func overlap(_ a: (Int64?, Int64?), _ b: (Int64?, Int64?)) -> Bool? {
    // Of each the start first; a NULL stands for an end that is not known.
    func ordered(_ period: (Int64?, Int64?)) -> (Int64, Int64?)? {
      switch period {
      case (nil, nil): nil
      case (let start?, nil): (start, nil)
      case (nil, let end?): (end, nil)
      case (let start?, let end?): start > end ? (end, start) : (start, end)
      }
    }
    guard let first = ordered(a), let second = ordered(b) else { return nil }
    if first.0 == second.0 {
      return first.1 == nil || second.1 == nil ? nil : true
    }
    let (earlier, later) = first.0 < second.0 ? (first, second) : (second, first)
    guard let end = earlier.1 else { return nil }
    if later.0 < end { return true }
    return later.1 == nil ? nil : false
  }
}

/// Names of functions' parameters, and what those have that are left out, where calls may use them.
public enum FunctionParameters {
  public struct Parameter: Sendable {
    public var name: String
    /// What is meant if the argument is not given, as SQL text.
    public var defaultSQL: String?

    public init(name: String, defaultSQL: String? = nil) {
      self.name = name
      self.defaultSQL = defaultSQL
    }
  }

  public static func of(_ function: String) -> [Parameter]? { table[function] }

  private static func named(_ names: String) -> [Parameter] {
    names.split(separator: " ").map { Parameter(name: String($0)) }
  }

  private static let table: [String: [Parameter]] = [
    "make_interval": ["years", "months", "weeks", "days", "hours", "mins", "secs"].map {
      Parameter(name: $0, defaultSQL: "0")
    },
    "parse_ident": named("str") + [Parameter(name: "strict", defaultSQL: "true")],
    "jsonb_set_lax": named("jsonb_in path replacement") + [
      Parameter(name: "create_if_missing", defaultSQL: "true"),
      Parameter(name: "null_value_treatment", defaultSQL: "'use_json_null'"),
    ],
    "jsonb_set": named("jsonb_in path replacement") + [Parameter(name: "create_if_missing", defaultSQL: "true")],
    "jsonb_insert": named("jsonb_in path replacement") + [Parameter(name: "insert_after", defaultSQL: "false")],
    "make_date": named("year month day"), "make_time": named("hour min sec"),
    "make_timestamp": named("year month mday hour min sec"),
    "make_timestamptz": named("year month mday hour min sec"),
  ]
}
