// Arithmetic, fields and truncation of dates, timestamps and intervals; the calendar itself is `SQLTypes.DateTime`'s.
// What depends on the session's time zone is stable, all else immutable.
// Source: PostgreSQL manual, 9.9.

import SQLTypes

extension FunctionCatalog {
  mutating func addDateTime() {
    addMixedComparisons()
    addDateArithmetic()
    addTimestampArithmetic()
    addIntervalArithmetic()
    addJustification()
    addFields()
    addTruncation()
    addConstruction()
    addBinning()
  }

  /// `date_bin(stride, source, origin)`: the begin of the stride that holds the source, counted from the origin.
  private mutating func addBinning() {
    for type in [SQLType.timestamp, .timestamptz] {
      function("date_bin", [.interval, type, type], type) { (a, n, _) throws(SQLError) in
        try map3(a, n) { (x: Bytes, source: Int64, origin: Int64) throws(SQLError) -> Int64 in
          if DateTime.isInfinite(timestamp: source) { return source }
          if DateTime.isInfinite(timestamp: origin) {
            throw SQLError(.datetimeFieldOverflow, "origin out of range")
          }
          let stride = Interval(bytes: x)
          if stride.months != 0 {
            throw SQLError(
              .featureNotSupported, "timestamps cannot be binned into intervals containing months or years")
          }
          let (days, first) = Int64(stride.days).multipliedReportingOverflow(by: Interval.microsecondsPerDay)
          let (step, second) = days.addingReportingOverflow(stride.microseconds)
          if first || second { throw SQLError(.datetimeFieldOverflow, "interval out of range") }
          if step <= 0 { throw SQLError(.datetimeFieldOverflow, "stride must be greater than zero") }
          let (distance, third) = source.subtractingReportingOverflow(origin)
          if third { throw SQLError(.datetimeFieldOverflow, "interval out of range") }
          let binned = distance - distance % step
          let (begin, fourth) = origin.addingReportingOverflow(
            distance % step < 0 && step > 1 ? binned - step : binned)
          if fourth || !DateTime.isValid(timestamp: begin) {
            throw SQLError(.datetimeFieldOverflow, "timestamp out of range")
          }
          return begin
        }
      }
    }
  }

  private mutating func addMixedComparisons() {
    for comparison in Comparison.allCases {
      mixed(comparison, .date, .timestamp, .immutable) { (date, _) throws(SQLError) in
        try DateTime.timestamp(date: date)
      }
      mixed(comparison, .date, .timestamptz, .stable) { (date, context) throws(SQLError) in
        try DateTime.timestamptz(local: try DateTime.timestamp(date: date), zone: context.settings.timeZone)
      }
      mixed(comparison, .timestamp, .timestamptz, .stable) { (local, context) throws(SQLError) in
        try DateTime.timestamptz(local: local, zone: context.settings.timeZone)
      }
    }
  }

  /// Both orders of a comparison whose first operand is converted to the second's type.
  private mutating func mixed(
    _ comparison: Comparison, _ left: SQLType, _ right: SQLType, _ volatility: Volatility,
    _ convert: @escaping @Sendable (Int64, EvaluationContext) throws(SQLError) -> Int64
  ) {
    @Sendable func holds(_ comparison: Comparison, _ x: Int64, _ y: Int64) -> Bool {
      switch comparison {
      case .equal: x == y
      case .notEqual: x != y
      case .less: x < y
      case .lessOrEqual: x <= y
      case .greater: x > y
      case .greaterOrEqual: x >= y
      }
    }
    infix(comparison.name, left, right, .bool, volatility, comparison: comparison) { (a, n, context) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Bool in holds(comparison, try convert(x, context), y) }
    }
    infix(comparison.name, right, left, .bool, volatility, comparison: comparison) { (a, n, context) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Bool in holds(comparison, x, try convert(y, context)) }
    }
  }

  private mutating func addDateArithmetic() {
    infix("+", .date, .int4, .date) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Int64 in try DateTime.adding(days: y, toDate: x) }
    }
    infix("+", .int4, .date, .date) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Int64 in try DateTime.adding(days: x, toDate: y) }
    }
    infix("-", .date, .int4, .date) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Int64 in try DateTime.adding(days: -y, toDate: x) }
    }
    infix("-", .date, .date, .int4) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Int64 in try DateTime.days(from: y, to: x) }
    }
    infix("+", .date, .interval, .timestamp) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Bytes) throws(SQLError) -> Int64 in
        try DateTime.adding(Interval(bytes: y), toTimestamp: try DateTime.timestamp(date: x))
      }
    }
    infix("+", .interval, .date, .timestamp) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, y: Int64) throws(SQLError) -> Int64 in
        try DateTime.adding(Interval(bytes: x), toTimestamp: try DateTime.timestamp(date: y))
      }
    }
    infix("-", .date, .interval, .timestamp) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Bytes) throws(SQLError) -> Int64 in
        try DateTime.adding(try Interval(bytes: y).negated(), toTimestamp: try DateTime.timestamp(date: x))
      }
    }
  }

  private mutating func addTimestampArithmetic() {
    infix("+", .timestamp, .interval, .timestamp) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Bytes) throws(SQLError) -> Int64 in
        try DateTime.adding(Interval(bytes: y), toTimestamp: x)
      }
    }
    infix("+", .interval, .timestamp, .timestamp) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, y: Int64) throws(SQLError) -> Int64 in
        try DateTime.adding(Interval(bytes: x), toTimestamp: y)
      }
    }
    infix("-", .timestamp, .interval, .timestamp) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Bytes) throws(SQLError) -> Int64 in
        try DateTime.adding(try Interval(bytes: y).negated(), toTimestamp: x)
      }
    }
    infix("+", .timestamptz, .interval, .timestamptz, .stable) { (a, n, context) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Bytes) throws(SQLError) -> Int64 in
        try DateTime.adding(Interval(bytes: y), toTimestamptz: x, zone: context.settings.timeZone)
      }
    }
    infix("+", .interval, .timestamptz, .timestamptz, .stable) { (a, n, context) throws(SQLError) in
      try map2(a, n) { (x: Bytes, y: Int64) throws(SQLError) -> Int64 in
        try DateTime.adding(Interval(bytes: x), toTimestamptz: y, zone: context.settings.timeZone)
      }
    }
    infix("-", .timestamptz, .interval, .timestamptz, .stable) { (a, n, context) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Bytes) throws(SQLError) -> Int64 in
        try DateTime.adding(try Interval(bytes: y).negated(), toTimestamptz: x, zone: context.settings.timeZone)
      }
    }
    for type in [SQLType.timestamp, .timestamptz] {
      infix("-", type, type, .interval) { (a, n, _) throws(SQLError) in
        try build2(a, n) { (x: Int64, y: Int64, out) throws(SQLError) in
          try DateTime.interval(from: y, to: x).append(to: &out)
        }
      }
      function("isfinite", [type], .bool) { (a, n, _) in
        fast1(a, n) { (x: Int64) in (!DateTime.isInfinite(timestamp: x)).int64 }
      }
    }
    function("isfinite", [.date], .bool) { (a, n, _) in
      fast1(a, n) { (x: Int64) in (!DateTime.isInfinite(date: x)).int64 }
    }
    function("isfinite", [.interval], .bool) { (_, n, _) in ColumnVector(int64s: Array(repeating: 1, count: n)) }
  }

  private mutating func addIntervalArithmetic() {
    infix("+", .interval, .interval, .interval) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (x: Bytes, y: Bytes, out) throws(SQLError) in
        try Interval(bytes: x).adding(Interval(bytes: y)).append(to: &out)
      }
    }
    infix("-", .interval, .interval, .interval) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (x: Bytes, y: Bytes, out) throws(SQLError) in
        try Interval(bytes: x).subtracting(Interval(bytes: y)).append(to: &out)
      }
    }
    infix("*", .interval, .float8, .interval) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (x: Bytes, y: Double, out) throws(SQLError) in
        try Interval(bytes: x).multiplied(by: y).append(to: &out)
      }
    }
    infix("*", .float8, .interval, .interval) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (x: Double, y: Bytes, out) throws(SQLError) in
        try Interval(bytes: y).multiplied(by: x).append(to: &out)
      }
    }
    infix("/", .interval, .float8, .interval) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (x: Bytes, y: Double, out) throws(SQLError) in
        try Interval(bytes: x).divided(by: y).append(to: &out)
      }
    }
    prefix("-", .interval, .interval) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Bytes, out) throws(SQLError) in try Interval(bytes: x).negated().append(to: &out) }
    }
    function("justify_days", [.interval], .interval) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Bytes, out) throws(SQLError) in
        try Interval(bytes: x).justifiedDays().append(to: &out)
      }
    }
    function("justify_hours", [.interval], .interval) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Bytes, out) throws(SQLError) in
        try Interval(bytes: x).justifiedHours().append(to: &out)
      }
    }
  }

  private mutating func addJustification() {
    function("justify_interval", [.interval], .interval) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Bytes, out) throws(SQLError) in
        var interval = Interval(bytes: x)
        // Days become months first where adding the hours' days might leave the range.
        func moveDays() throws(SQLError) {
          let whole = interval.days / 30
          interval.days -= whole * 30
          let (months, overflow) = interval.months.addingReportingOverflow(whole)
          if overflow { throw SQLError(.datetimeFieldOverflow, "interval out of range") }
          interval.months = months
        }
        if (interval.days > 0 && interval.microseconds > 0) || (interval.days < 0 && interval.microseconds < 0) {
          try moveDays()
        }
        let whole = interval.microseconds / Interval.microsecondsPerDay
        interval.microseconds -= whole * Interval.microsecondsPerDay
        interval.days += Int32(whole)
        try moveDays()
        // All three parts get the sign of the largest.
        if interval.months > 0 && (interval.days < 0 || (interval.days == 0 && interval.microseconds < 0)) {
          interval.days += 30
          interval.months -= 1
        } else if interval.months < 0 && (interval.days > 0 || (interval.days == 0 && interval.microseconds > 0)) {
          interval.days -= 30
          interval.months += 1
        }
        if interval.days > 0 && interval.microseconds < 0 {
          interval.microseconds += Interval.microsecondsPerDay
          interval.days -= 1
        } else if interval.days < 0 && interval.microseconds > 0 {
          interval.microseconds -= Interval.microsecondsPerDay
          interval.days += 1
        }
        interval.append(to: &out)
      }
    }
  }

  private mutating func addFields() {
    // extract gives numeric, date_part the same as float8.
    field(.date) { (row, name, _) throws(SQLError) in try DateTime.extract(name, fromDate: row.int64(1)) }
    field(.timestamp) { (row, name, _) throws(SQLError) in try DateTime.extract(name, fromTimestamp: row.int64(1)) }
    field(.timestamptz, .stable) { (row, name, context) throws(SQLError) in
      try DateTime.extract(name, fromTimestamptz: row.int64(1), zone: context.settings.timeZone)
    }
    field(.interval) { (row, name, _) throws(SQLError) in
      try DateTime.extract(name, fromInterval: Interval(row.arguments[1].bytes[row.index(1)]))
    }
  }

  private mutating func field(
    _ type: SQLType, _ volatility: Volatility = .immutable,
    _ body: @escaping @Sendable (RowReader, [UInt8], EvaluationContext) throws(SQLError) -> Numeric?
  ) {
    function("extract", [.text, type], .numeric, volatility) { (a, n, context) throws(SQLError) in
      try mapRows(a, n) { (row) throws(SQLError) -> Numeric? in
        try body(row, row.arguments[0].bytes[row.index(0)], context)
      }
    }
    function("date_part", [.text, type], .float8, volatility) { (a, n, context) throws(SQLError) in
      try mapRows(a, n) { (row) throws(SQLError) -> Double? in
        guard let value = try body(row, row.arguments[0].bytes[row.index(0)], context) else { return nil }
        return try value.double()
      }
    }
  }

  private mutating func addTruncation() {
    function("date_trunc", [.text, .timestamp], .timestamp) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (unit: Bytes, x: Int64) throws(SQLError) -> Int64 in
        try DateTime.truncate(Array(unit), timestamp: x)
      }
    }
    function("date_trunc", [.text, .timestamptz], .timestamptz, .stable) { (a, n, context) throws(SQLError) in
      try map2(a, n) { (unit: Bytes, x: Int64) throws(SQLError) -> Int64 in
        try DateTime.truncate(Array(unit), timestamptz: x, zone: context.settings.timeZone)
      }
    }
    function("date_trunc", [.text, .timestamptz, .text], .timestamptz, .stable) { (a, n, _) throws(SQLError) in
      try map3(a, n) { (unit: Bytes, x: Int64, zone: Bytes) throws(SQLError) -> Int64 in
        try DateTime.truncate(Array(unit), timestamptz: x, zone: try timeZone(zone, at: .instant(x)))
      }
    }
    function("date_trunc", [.text, .interval], .interval) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (unit: Bytes, x: Bytes, out) throws(SQLError) in
        try truncated(Interval(bytes: x), unit).append(to: &out)
      }
    }
    function("timezone", [.text, .timestamptz], .timestamp) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (zone: Bytes, x: Int64) throws(SQLError) -> Int64 in
        try DateTime.local(timestamptz: x, zone: try timeZone(zone, at: .instant(x)))
      }
    }
    for type in [SQLType.timestamptz, .timestamp] {
      function("timezone", [.interval, type], type == .timestamp ? .timestamptz : .timestamp) {
        (a, n, _) throws(SQLError) in
        try map2(a, n) { (zone: Bytes, x: Int64) throws(SQLError) -> Int64 in
          let offset = Interval(bytes: zone)
          if offset.months != 0 || offset.days != 0 {
            let text = TypeInfo.find(SQLType.interval.oid)?.text(offset.datum) ?? []
            throw SQLError(
              .invalidParameterValue,
              "interval time zone \"\(String(decoding: text, as: UTF8.self))\" must not include months or days")
          }
          let rules = TimeZoneRules.fixed(offset: Int(offset.microseconds / 1_000_000))
          return type == .timestamptz
            ? try DateTime.local(timestamptz: x, zone: rules) : try DateTime.timestamptz(local: x, zone: rules)
        }
      }
    }
    function("timezone", [.text, .timestamp], .timestamptz) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (zone: Bytes, x: Int64) throws(SQLError) -> Int64 in
        try DateTime.timestamptz(local: x, zone: try timeZone(zone, at: .local(x)))
      }
    }
  }

  private mutating func addConstruction() {
    function("age", [.timestamp, .timestamp], .interval) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (x: Int64, y: Int64, out) throws(SQLError) in
        try DateTime.age(from: y, to: x).append(to: &out)
      }
    }
    function("age", [.timestamptz, .timestamptz], .interval, .stable) { (a, n, context) throws(SQLError) in
      let zone = context.settings.timeZone
      return try build2(a, n) { (x: Int64, y: Int64, out) throws(SQLError) in
        let start = try DateTime.local(timestamptz: y, zone: zone)
        try DateTime.age(from: start, to: try DateTime.local(timestamptz: x, zone: zone)).append(to: &out)
      }
    }
    // Up to today's midnight.
    for type in [SQLType.timestamp, .timestamptz] {
      function("age", [type], .interval, .stable) { (a, n, context) throws(SQLError) in
        let zone = context.settings.timeZone
        let now = try DateTime.local(timestamptz: context.transactionTime, zone: zone)
        let today = try DateTime.timestamp(date: DateTime.date(timestamp: now))
        return try build1(a, n) { (x: Int64, out) throws(SQLError) in
          let start = type == .timestamptz ? try DateTime.local(timestamptz: x, zone: zone) : x
          try DateTime.age(from: start, to: today).append(to: &out)
        }
      }
    }
    function("make_date", [.int4, .int4, .int4], .date) { (a, n, _) throws(SQLError) in
      try map3(a, n) { (year: Int64, month: Int64, day: Int64) throws(SQLError) -> Int64 in
        try DateTime.makeDate(year: year, month: month, day: day)
      }
    }
    let parts: [SQLType] = [.int4, .int4, .int4, .int4, .int4, .float8]
    function("make_timestamp", parts, .timestamp) { (a, n, _) throws(SQLError) in
      try mapRows(a, n) { (row) throws(SQLError) -> Int64 in
        try DateTime.makeTimestamp(
          year: row.int64(0), month: row.int64(1), day: row.int64(2), hour: row.int64(3), minute: row.int64(4),
          seconds: row.float64(5))
      }
    }
    function("make_timestamptz", parts, .timestamptz, .stable) { (a, n, context) throws(SQLError) in
      try mapRows(a, n) { (row) throws(SQLError) -> Int64 in
        let local = try DateTime.makeTimestamp(
          year: row.int64(0), month: row.int64(1), day: row.int64(2), hour: row.int64(3), minute: row.int64(4),
          seconds: row.float64(5))
        return try DateTime.timestamptz(local: local, zone: context.settings.timeZone)
      }
    }
    function("make_timestamptz", parts + [.text], .timestamptz) { (a, n, _) throws(SQLError) in
      try mapRows(a, n) { (row) throws(SQLError) -> Int64 in
        let local = try DateTime.makeTimestamp(
          year: row.int64(0), month: row.int64(1), day: row.int64(2), hour: row.int64(3), minute: row.int64(4),
          seconds: row.float64(5))
        let offset = try row.text(6) { (name) throws(SQLError) in
          if let first = name.first, first >= 48, first <= 57 {
            let text = String(decoding: name, as: UTF8.self)
            throw SQLError(
              .invalidParameterValue, "invalid input syntax for type numeric time zone: \"\(text)\"",
              hint: "Numeric time zones must have \"-\" or \"+\" as first character.")
          }
          return try DateTime.writtenOffset(Array(name))
        }
        if let offset { return local - Int64(offset) * 1_000_000 }
        let zone = try row.text(6) { (name) throws(SQLError) in try timeZone(name, at: .local(local)) }
        return try DateTime.timestamptz(local: local, zone: zone)
      }
    }
    function("to_timestamp", [.float8], .timestamptz) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Double) throws(SQLError) -> Int64 in try DateTime.timestamp(unixSeconds: x) }
    }
    function("current_date", [], .date, .stable) { (_, n, context) throws(SQLError) in
      let now = try DateTime.local(timestamptz: context.transactionTime, zone: context.settings.timeZone)
      return ColumnVector(int64s: Array(repeating: DateTime.date(timestamp: now), count: n))
    }
    function("localtimestamp", [], .timestamp, .stable) { (_, n, context) throws(SQLError) in
      let now = try DateTime.local(timestamptz: context.transactionTime, zone: context.settings.timeZone)
      return ColumnVector(int64s: Array(repeating: now, count: n))
    }
    for (name, type) in [("current_timestamp", SQLType.timestamptz), ("localtimestamp", .timestamp)] {
      function(name, [.int4], type, .stable) { (a, n, context) throws(SQLError) in
        let now =
          type == .timestamptz
          ? context.transactionTime
          : try DateTime.local(timestamptz: context.transactionTime, zone: context.settings.timeZone)
        return try map1(a, n) { (precision: Int64) -> Int64 in
          DateTime.rounded(timestamp: now, modifier: Int32(max(0, min(6, precision))))
        }
      }
    }
  }
}

func timeZone(_ name: Bytes, at moment: TimeZoneRules.Moment) throws(SQLError) -> TimeZoneRules {
  let text = String(decoding: name, as: UTF8.self)
  guard let zone = TimeZoneRules.find(text, at: moment) else {
    throw SQLError(.invalidParameterValue, "time zone \"\(text)\" not recognized")
  }
  return zone
}

/// `date_trunc` of an interval: the parts below the unit become zero.
private func truncated(_ interval: Interval, _ name: Bytes) throws(SQLError) -> Interval {
  func clock(_ step: Int64) -> Interval {
    Interval(
      months: interval.months, days: interval.days,
      microseconds: interval.microseconds - interval.microseconds % step)
  }
  func calendar(_ step: Int32) -> Interval { Interval(months: interval.months - interval.months % step) }
  switch try DateTime.unit(Array(name), type: "interval") {
  case .millennium: return calendar(12_000)
  case .century: return calendar(1_200)
  case .decade: return calendar(120)
  case .year: return calendar(12)
  case .quarter: return calendar(3)
  case .month: return Interval(months: interval.months)
  case .day: return Interval(months: interval.months, days: interval.days)
  case .hour: return clock(3_600_000_000)
  case .minute: return clock(60_000_000)
  case .second: return clock(1_000_000)
  case .millisecond: return clock(1_000)
  case .microsecond: return interval
  case .week:
    throw SQLError(
      .featureNotSupported, "unit \"week\" not supported for type interval",
      detail: "Months usually have fractional weeks.")
  default:
    throw SQLError(
      .featureNotSupported,
      "unit \"\(String(decoding: name, as: UTF8.self))\" not supported for type interval")
  }
}
