// Times of day: comparison, arithmetic with intervals and dates, fields. Source: PostgreSQL manual, 9.9.

import SQLTypes

extension FunctionCatalog {
  mutating func addTimes() {
    for type in [SQLType.time, .timetz] {
      compareByOrder(type)
      let hasZone = type == .timetz
      @Sendable func moved(_ value: Int64, _ interval: Interval) -> Int64 {
        if !hasZone { return DateTime.adding(interval, toTime: value) }
        let zoned = ZonedTime(packed: value)
        return ZonedTime(time: DateTime.adding(interval, toTime: zoned.time), offset: zoned.offset).packed
      }
      infix("+", type, .interval, type) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (x: Int64, y: Bytes) throws(SQLError) -> Int64 in moved(x, Interval(bytes: y)) }
      }
      infix("+", .interval, type, type) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (x: Bytes, y: Int64) throws(SQLError) -> Int64 in moved(y, Interval(bytes: x)) }
      }
      infix("-", type, .interval, type) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (x: Int64, y: Bytes) throws(SQLError) -> Int64 in
          moved(x, try Interval(bytes: y).negated())
        }
      }
      function("extract", [.text, type], .numeric) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (name: Bytes, x: Int64) throws(SQLError) -> Numeric? in
          try TimeFields.extract(Array(name), x, hasZone: hasZone)
        }
      }
      function("date_part", [.text, type], .float8) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (name: Bytes, x: Int64) throws(SQLError) -> Double? in
          try TimeFields.extract(Array(name), x, hasZone: hasZone)?.double()
        }
      }
    }
    infix("-", .time, .time, .interval) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (x: Int64, y: Int64, out) throws(SQLError) in Interval(microseconds: x - y).append(to: &out) }
    }
    infix("+", .date, .time, .timestamp) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Int64 in try TimeFields.timestamp(x, y) }
    }
    infix("+", .time, .date, .timestamp) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Int64 in try TimeFields.timestamp(y, x) }
    }
    infix("+", .date, .timetz, .timestamptz) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Int64 in
        let zoned = ZonedTime(packed: y)
        return try TimeFields.timestamp(x, zoned.time - Int64(zoned.offset) * 1_000_000)
      }
    }
    infix("+", .timetz, .date, .timestamptz) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Int64 in
        let zoned = ZonedTime(packed: x)
        return try TimeFields.timestamp(y, zoned.time - Int64(zoned.offset) * 1_000_000)
      }
    }
  }
}

enum TimeFields {
  static func extract(_ name: [UInt8], _ value: Int64, hasZone: Bool) throws(SQLError) -> Numeric? {
    guard hasZone else { return try DateTime.extract(name, fromTime: value) }
    let zoned = ZonedTime(packed: value)
    return try DateTime.extract(name, fromTime: zoned.time, offset: zoned.offset)
  }

  /// A date and a time of it; an infinite date stays so.
  static func timestamp(_ date: Int64, _ time: Int64) throws(SQLError) -> Int64 {
    let start = try DateTime.timestamp(date: date)
    if DateTime.isInfinite(timestamp: start) { return start }
    return try DateTime.adding(Interval(microseconds: time), toTimestamp: start)
  }
}
