// Intervals as text, in the four styles of `IntervalStyle`.

extension Interval {
  private struct Fields {
    var years, months, days, hours, minutes, seconds, fraction: Int64

    init(_ value: Interval) {
      years = Int64(value.months / 12)
      months = Int64(value.months % 12)
      days = Int64(value.days)
      hours = value.microseconds / 3_600_000_000
      minutes = value.microseconds / 60_000_000 % 60
      seconds = value.microseconds / 1_000_000 % 60
      fraction = value.microseconds % 1_000_000
    }

    var hasTime: Bool { hours != 0 || minutes != 0 || seconds != 0 || fraction != 0 }
    var isTimeNegative: Bool { hours < 0 || minutes < 0 || seconds < 0 || fraction < 0 }
  }

  public func append(style: FormatSettings.IntervalStyle, to output: inout [UInt8]) {
    let fields = Fields(self)
    switch style {
    case .postgres: Interval.appendPostgres(fields, &output)
    case .postgresVerbose: Interval.appendVerbose(fields, &output)
    case .sqlStandard: Interval.appendStandard(fields, &output)
    case .iso8601: Interval.appendISO(fields, &output)
    }
  }

  private static func appendSeconds(_ seconds: Int64, _ fraction: Int64, pad: Bool, _ output: inout [UInt8]) {
    Text.appendPadded(seconds.magnitude, width: pad ? 2 : 1, to: &output)
    DateTimeText.appendFraction(fraction.magnitude, to: &output)
  }

  private static func appendPostgres(_ fields: Fields, _ output: inout [UInt8]) {
    var isFirst = true
    var wasNegative = false
    for (value, unit) in [(fields.years, "year"), (fields.months, "mon"), (fields.days, "day")]
    where value != 0 {
      if !isFirst { output.append(0x20) }
      if wasNegative && value > 0 { output.append(UInt8(ascii: "+")) }
      Text.append(value, to: &output)
      output.append(0x20)
      output.append(contentsOf: unit.utf8)
      if value != 1 { output.append(UInt8(ascii: "s")) }
      wasNegative = value < 0
      isFirst = false
    }
    guard isFirst || fields.hasTime else { return }
    if !isFirst { output.append(0x20) }
    if fields.isTimeNegative {
      output.append(UInt8(ascii: "-"))
    } else if wasNegative {
      output.append(UInt8(ascii: "+"))
    }
    Text.appendPadded(fields.hours.magnitude, width: 2, to: &output)
    output.append(UInt8(ascii: ":"))
    Text.appendPadded(fields.minutes.magnitude, width: 2, to: &output)
    output.append(UInt8(ascii: ":"))
    appendSeconds(fields.seconds, fields.fraction, pad: true, &output)
  }

  private static func appendVerbose(_ fields: Fields, _ output: inout [UInt8]) {
    output.append(UInt8(ascii: "@"))
    var isZero = true
    var isAgo = false
    let units = [
      (fields.years, "year"), (fields.months, "mon"), (fields.days, "day"), (fields.hours, "hour"),
      (fields.minutes, "min"),
    ]
    for (value, unit) in units where value != 0 {
      var shown = value
      if isZero {
        isAgo = value < 0
        shown = Int64(value.magnitude)
      } else if isAgo {
        shown = -value
      }
      output.append(0x20)
      Text.append(shown, to: &output)
      output.append(0x20)
      output.append(contentsOf: unit.utf8)
      if shown != 1 { output.append(UInt8(ascii: "s")) }
      isZero = false
    }
    if fields.seconds != 0 || fields.fraction != 0 {
      output.append(0x20)
      if fields.seconds < 0 || (fields.seconds == 0 && fields.fraction < 0) {
        if isZero {
          isAgo = true
        } else if !isAgo {
          output.append(UInt8(ascii: "-"))
        }
      } else if isAgo {
        output.append(UInt8(ascii: "-"))
      }
      appendSeconds(fields.seconds, fields.fraction, pad: false, &output)
      output.append(contentsOf: " sec".utf8)
      if fields.seconds.magnitude != 1 || fields.fraction != 0 { output.append(UInt8(ascii: "s")) }
      isZero = false
    }
    if isZero { output.append(contentsOf: " 0".utf8) }
    if isAgo { output.append(contentsOf: " ago".utf8) }
  }

  private static func appendISO(_ fields: Fields, _ output: inout [UInt8]) {
    output.append(UInt8(ascii: "P"))
    if fields.years == 0 && fields.months == 0 && fields.days == 0 && !fields.hasTime {
      output.append(contentsOf: "T0S".utf8)
      return
    }
    func part(_ value: Int64, _ unit: UInt8) {
      if value == 0 { return }
      Text.append(value, to: &output)
      output.append(unit)
    }
    part(fields.years, UInt8(ascii: "Y"))
    part(fields.months, UInt8(ascii: "M"))
    part(fields.days, UInt8(ascii: "D"))
    if fields.hasTime { output.append(UInt8(ascii: "T")) }
    part(fields.hours, UInt8(ascii: "H"))
    part(fields.minutes, UInt8(ascii: "M"))
    if fields.seconds != 0 || fields.fraction != 0 {
      if fields.seconds < 0 || fields.fraction < 0 { output.append(UInt8(ascii: "-")) }
      appendSeconds(fields.seconds, fields.fraction, pad: false, &output)
      output.append(UInt8(ascii: "S"))
    }
  }

  private static func appendStandard(_ fields: Fields, _ output: inout [UInt8]) {
    let all = [
      fields.years, fields.months, fields.days, fields.hours, fields.minutes, fields.seconds, fields.fraction,
    ]
    let hasNegative = all.contains { $0 < 0 }
    let hasPositive = all.contains { $0 > 0 }
    let hasYearMonth = fields.years != 0 || fields.months != 0
    let hasDayTime = fields.days != 0 || fields.hasTime
    func append(_ value: Int64) { Text.append(value.magnitude, to: &output) }
    func time() {
      append(fields.hours)
      output.append(UInt8(ascii: ":"))
      Text.appendPadded(fields.minutes.magnitude, width: 2, to: &output)
      output.append(UInt8(ascii: ":"))
      appendSeconds(fields.seconds, fields.fraction, pad: true, &output)
    }
    func sign(_ isNegative: Bool) { output.append(UInt8(ascii: isNegative ? "-" : "+")) }
    if !hasNegative && !hasPositive {
      output.append(UInt8(ascii: "0"))
    } else if (hasNegative && hasPositive) || (hasYearMonth && hasDayTime) {
      sign(fields.years < 0 || fields.months < 0)
      append(fields.years)
      output.append(UInt8(ascii: "-"))
      append(fields.months)
      output.append(0x20)
      sign(fields.days < 0)
      append(fields.days)
      output.append(0x20)
      sign(fields.isTimeNegative)
      time()
    } else {
      if hasNegative { output.append(UInt8(ascii: "-")) }
      if hasYearMonth {
        append(fields.years)
        output.append(UInt8(ascii: "-"))
        append(fields.months)
      } else {
        if fields.days != 0 {
          append(fields.days)
          output.append(0x20)
        }
        time()
      }
    }
  }
}
