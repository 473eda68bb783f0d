// Intervals from text: `1 year 2 mons -3 days 04:05:06.7`, `@ 1 hour ago`, `1-2 3 4:05`, `P1Y2M3DT4H5M6S`.
// Fields are read from the right, so that a unit is known before its number. Fractions flow into smaller
// units: a month
// has 30 days, a day 24 hours. Source: PostgreSQL manual, 8.5.4.

enum IntervalParser {
  enum Fault: Error {
    case format, overflow
    /// Every field is in range, their sum is not.
    case sum
  }

  static func parse(
    _ text: UnsafeRawBufferPointer, style: FormatSettings.IntervalStyle
  ) throws(SQLError) -> Interval {
    do throws(Fault) {
      let word = Text.trimmed(text)
      if word.first == UInt8(ascii: "P") { return try designators(word) }
      let fields: [DateTimeFields.Field]
      do throws(DateTimeParser.Fault) { fields = try DateTimeFields.split(text) } catch { throw .format }
      return try decode(fields, style)
    } catch {
      switch error {
      case .format:
        throw SQLError(
          .invalidDatetimeFormat, "invalid input syntax for type interval: \"\(Text.string(text))\"")
      case .sum: throw Interval.outOfRange
      case .overflow:
        throw SQLError(
          .intervalFieldOverflow, "interval field value out of range: \"\(Text.string(text))\"")
      }
    }
  }

  /// The sum so far, in 64 bits with checks.
  private struct Sum {
    var years: Int64 = 0
    var months: Int64 = 0
    var days: Int64 = 0
    var microseconds: Int64 = 0

    /// Years and months are counted apart, each in 32 bits.
    private func inRange(_ value: Int64) throws(Fault) -> Int64 {
      if Int32(exactly: value) == nil { throw .overflow }
      return value
    }

    mutating func add(years more: Int64) throws(Fault) { years = try inRange(years + (try inRange(more))) }
    mutating func add(months more: Int64) throws(Fault) { months = try inRange(months + (try inRange(more))) }
    mutating func add(days more: Int64) throws(Fault) { days = try checked(days.addingReportingOverflow(more)) }

    mutating func add(microseconds more: Int64) throws(Fault) {
      microseconds = try checked(microseconds.addingReportingOverflow(more))
    }

    mutating func add(_ count: Int64, microsecondsEach unit: Int64) throws(Fault) {
      try add(microseconds: try checked(count.multipliedReportingOverflow(by: unit)))
    }

    func checked(_ result: (partialValue: Int64, overflow: Bool)) throws(Fault) -> Int64 {
      if result.overflow { throw .overflow }
      return result.partialValue
    }

    /// A part of a day.
    mutating func add(dayFraction: Double) throws(Fault) {
      try add(microseconds: Int64((dayFraction * 86_400_000_000).rounded(.toNearestOrEven)))
    }

    /// A part of some days.
    mutating func add(fraction: Double, ofDays count: Double) throws(Fault) {
      let days = fraction * count
      let whole = days.rounded(.towardZero)
      try add(days: Int64(whole))
      try add(dayFraction: days - whole)
    }

    mutating func add(_ count: Int64, fraction: Double, unit: DateTimeUnit) throws(Fault) {
      switch unit {
      case .microsecond:
        try add(microseconds: try checked(count.addingReportingOverflow(Int64(fraction.rounded(.toNearestOrEven)))))
      case .millisecond: try addTime(count, fraction, 1_000)
      case .second: try addTime(count, fraction, 1_000_000)
      case .minute: try addTime(count, fraction, 60_000_000)
      case .hour: try addTime(count, fraction, 3_600_000_000)
      case .day:
        try add(days: count)
        try add(dayFraction: fraction)
      case .week:
        try add(days: try checked(count.multipliedReportingOverflow(by: 7)))
        try add(fraction: fraction, ofDays: 7)
      case .month:
        try add(months: count)
        try add(fraction: fraction, ofDays: 30)
      case .year: try addYears(count, fraction, 1)
      case .decade: try addYears(count, fraction, 10)
      case .century: try addYears(count, fraction, 100)
      case .millennium: try addYears(count, fraction, 1_000)
      default: throw .format
      }
    }

    private mutating func addTime(_ count: Int64, _ fraction: Double, _ unit: Int64) throws(Fault) {
      try add(count, microsecondsEach: unit)
      try add(microseconds: Int64((fraction * Double(unit)).rounded(.toNearestOrEven)))
    }

    private mutating func addYears(_ count: Int64, _ fraction: Double, _ unit: Int64) throws(Fault) {
      try add(years: try checked(count.multipliedReportingOverflow(by: unit)))
      try add(months: Int64((fraction * Double(unit) * 12).rounded(.toNearestOrEven)))
    }

    func interval(negated: Bool) throws(Fault) -> Interval {
      let months = years * 12 + months
      guard months != .min, days != .min, microseconds != .min || !negated else { throw .overflow }
      guard let days = Int32(exactly: negated ? -days : days) else { throw .overflow }
      guard let months = Int32(exactly: negated ? -months : months) else { throw .sum }
      return Interval(months: months, days: days, microseconds: negated ? -microseconds : microseconds)
    }
  }

  private static func decode(
    _ fields: [DateTimeFields.Field], _ style: FormatSettings.IntervalStyle
  ) throws(Fault) -> Interval {
    guard !fields.isEmpty else { throw .format }
    var sum = Sum()
    var unit: DateTimeUnit?
    var taken: Set<DateTimeUnit> = []
    var isAgo = false
    // In sql_standard style a sign at the front, and no other, counts for all fields.
    let isAllNegative =
      style == .sqlStandard && fields[0].bytes.first == UInt8(ascii: "-")
      && fields.dropFirst().allSatisfy { $0.bytes.first != UInt8(ascii: "-") && $0.bytes.first != UInt8(ascii: "+") }
    func take(_ units: [DateTimeUnit]) throws(Fault) {
      for unit in units where !taken.insert(unit).inserted { throw .format }
    }
    for field in fields.reversed() {
      var bytes = field.bytes
      let isSigned = bytes.first == UInt8(ascii: "-") || bytes.first == UInt8(ascii: "+")
      let isNegative = bytes.first == UInt8(ascii: "-") || isAllNegative
      if isSigned { bytes.removeFirst() }
      switch field.type {
      case .time,
        .zone where bytes.contains(UInt8(ascii: ":")):
        let time = try self.time(bytes)
        try sum.add(microseconds: isNegative ? -time : time)
        try take([.hour, .minute, .second])
        unit = .day
      case .number, .date, .zone:
        let effective = unit ?? .second
        if let dash = bytes.firstIndex(of: UInt8(ascii: "-")) {
          // years-months
          guard bytes[..<dash].allSatisfy({ Text.isDigit($0) }), dash > 0 else { throw .format }
          guard let years = DateTimeFields.integer(bytes[..<dash]) else { throw .overflow }
          guard let months = DateTimeFields.integer(bytes[(dash + 1)...]) else { throw .format }
          guard months < 12 else { throw .overflow }
          try sum.add(years: isNegative ? -years : years)
          try sum.add(months: isNegative ? -months : months)
          try take([.month])
          unit = .month
        } else {
          let (count, fraction) = try number(bytes)
          try sum.add(isNegative ? -count : count, fraction: isNegative ? -fraction : fraction, unit: effective)
          try take([effective])
        }
      case .string, .special:
        if bytes == Array("ago".utf8) {
          isAgo = true
          // A number right before it lacks its unit.
          unit = .epoch
        } else {
          guard let named = DateTimeUnit(name: bytes) else { throw .format }
          unit = named
        }
      }
    }
    guard !taken.isEmpty else { throw .format }
    return try sum.interval(negated: isAgo)
  }

  /// `h:m[:s[.f]]`, hours without bound; `m:s.f`.
  private static func time(_ bytes: [UInt8]) throws(Fault) -> Int64 {
    let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard parts.count == 2 || parts.count == 3 else { throw .format }
    var whole: [Int64] = []
    var microseconds: Int64 = 0
    var hasFraction = false
    for (index, part) in parts.enumerated() {
      var digits = part
      if let point = part.firstIndex(of: UInt8(ascii: ".")) {
        guard index == parts.count - 1 else { throw .format }
        do throws(DateTimeParser.Fault) {
          microseconds = try DateTimeFields.fraction(part[(point + 1)...], digits: 6)
        } catch { throw .format }
        digits = part[..<point]
        hasFraction = true
      }
      guard digits.allSatisfy({ Text.isDigit($0) }), !digits.isEmpty else { throw .format }
      guard let value = DateTimeFields.integer(digits) else { throw .overflow }
      whole.append(value)
    }
    if whole.count == 2 {
      if hasFraction { whole.insert(0, at: 0) } else { whole.append(0) }
    }
    guard whole[1] < 60, whole[2] <= 60 else { throw .overflow }
    return (whole[0] * 3600 + whole[1] * 60 + whole[2]) * 1_000_000 + microseconds
  }

  private static func number(_ bytes: [UInt8]) throws(Fault) -> (Int64, Double) {
    let point = bytes.firstIndex(of: UInt8(ascii: ".")) ?? bytes.endIndex
    var count: Int64 = 0
    for digit in bytes[..<point] {
      guard Text.isDigit(digit) else { throw .format }
      let (product, first) = count.multipliedReportingOverflow(by: 10)
      let (next, second) = product.addingReportingOverflow(Int64(digit - 48))
      if first || second { throw .overflow }
      count = next
    }
    guard point < bytes.endIndex else { return (count, 0) }
    var fraction = 0.0
    var digits: [UInt8] = Array("0.".utf8)
    for digit in bytes[(point + 1)...] {
      guard Text.isDigit(digit) else { throw .format }
      digits.append(digit)
    }
    if digits.count > 2 { fraction = Double(String(decoding: digits, as: UTF8.self)) ?? 0 }
    return (count, fraction)
  }

  /// ISO 8601: `P1Y2M3W4DT5H6M7.8S`, `P0001-02-03T04:05:06`.
  private static func designators(_ text: UnsafeRawBufferPointer) throws(Fault) -> Interval {
    var sum = Sum()
    var index = 1
    var inTime = false
    var found = false
    /// Whether this half (before or after T) named its units: then every number must.
    var hasDesignators = false
    while index < text.count {
      if text[index] == UInt8(ascii: "T") {
        inTime = true
        hasDesignators = false
        index += 1
        // `PT` alone is zero.
        if index == text.count { found = true }
        continue
      }
      var isNegative = false
      if text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
        isNegative = text[index] == UInt8(ascii: "-")
        index += 1
      }
      let start = index
      while index < text.count, Text.isDigit(text[index]) || text[index] == UInt8(ascii: ".") { index += 1 }
      guard index > start else { throw .format }
      let (count, fraction) = try number(Array(text[start..<index]))
      let separator: UInt8 = index < text.count ? text[index] : 0
      if separator == UInt8(ascii: "-") || separator == UInt8(ascii: ":") || separator == 0
        || separator == UInt8(ascii: "T")
      {
        // The alternative form: positions tell the units.
        if hasDesignators { throw .format }
        let units: [DateTimeUnit] = inTime ? [.hour, .minute, .second] : [.year, .month, .day]
        var place = 0
        index = start
        while index < text.count, place < 3, text[index] != UInt8(ascii: "T") {
          let first = index
          while index < text.count, Text.isDigit(text[index]) || text[index] == UInt8(ascii: ".") { index += 1 }
          guard index > first else { throw .format }
          let (value, part) = try number(Array(text[first..<index]))
          try sum.add(isNegative ? -value : value, fraction: isNegative ? -part : part, unit: units[place])
          place += 1
          if index < text.count, text[index] == UInt8(ascii: inTime ? ":" : "-") { index += 1 }
        }
        found = true
        continue
      }
      let unit: DateTimeUnit
      switch (separator, inTime) {
      case (UInt8(ascii: "Y"), false): unit = .year
      case (UInt8(ascii: "M"), false): unit = .month
      case (UInt8(ascii: "W"), false): unit = .week
      case (UInt8(ascii: "D"), false): unit = .day
      case (UInt8(ascii: "H"), true): unit = .hour
      case (UInt8(ascii: "M"), true): unit = .minute
      case (UInt8(ascii: "S"), true): unit = .second
      default: throw .format
      }
      try sum.add(isNegative ? -count : count, fraction: isNegative ? -fraction : fraction, unit: unit)
      found = true
      hasDesignators = true
      index += 1
    }
    guard found else { throw .format }
    return try sum.interval(negated: false)
  }
}
