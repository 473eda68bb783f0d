// to_char, to_date and to_timestamp: templates of dates and times. A template is parsed once into its pieces; text in double
// quotes, and whatever is no pattern, stands for itself.
// Source: PostgreSQL manual, 9.8, tables 9.26 and 9.27.

import SQLTypes

struct DateTimeFormat {
  enum Field: String, CaseIterable {
    // In the order in which they are tried: a longer pattern before its own beginning.
    case HH24, HH12, HH, MI, MS, US, SSSSS, SSSS, SS
    case FF1, FF2, FF3, FF4, FF5, FF6
    case AMDots = "A.M.", PMDots = "P.M.", amDots = "a.m.", pmDots = "p.m."
    case AM, PM, am, pm
    case YWithComma = "Y,YYY"
    case YYYY, YYY, YY, IYYY, IYY, IY, Y, IDDD, ID, IW, I
    case BCDots = "B.C.", ADDots = "A.D.", bcDots = "b.c.", adDots = "a.d."
    case BC, AD, bc, ad
    case MONTH, Month, month, MON, Mon, mon, MM
    case DAY, Day, day, DY, Dy, dy, DDD, DD, D
    case WW, W, CC, J, Q, RM, rm
    case TZH, TZM, TZ, tz, OF
  }

  enum Piece {
    case literal([UInt8])
    /// - Parameters: without padding (FM), with an English ordinal suffix (TH upper case, th lower case).
    case field(Field, fills: Bool, suffix: [UInt8])
  }

  private(set) var pieces: [Piece] = []

  private static let fields: [(Field, [UInt8])] = Field.allCases.map { ($0, Array($0.rawValue.utf8)) }

  init(_ template: Bytes) {
    var index = 0
    var literal: [UInt8] = []
    func starts(_ text: [UInt8]) -> Bool { template[index...].starts(with: text) }
    while index < template.count {
      if template[index] == UInt8(ascii: "\"") {
        index += 1
        while index < template.count, template[index] != UInt8(ascii: "\"") {
          if template[index] == UInt8(ascii: "\\"), index + 1 < template.count { index += 1 }
          literal.append(template[index])
          index += 1
        }
        index += 1
        continue
      }
      let begin = index
      var fills = true
      if starts(Array("FM".utf8)) || starts(Array("fm".utf8)) {
        fills = false
        index += 2
      } else if starts(Array("TM".utf8)) {
        // Names in the locale's language are not filled.
        fills = false
        index += 2
      } else if starts(Array("FX".utf8)) {
        index += 2
      }
      // Digits' patterns are read in either case.
      guard
        let (field, text) = DateTimeFormat.fields.first(where: { field, text in
          starts(text)
            || (DateTimeFormat.ignoresCase(field) && starts(text.map { $0 >= 65 && $0 <= 90 ? $0 | 32 : $0 }))
        })
      else {
        index = begin
        if begin + 2 <= template.count, !fills {
          index += 2
          continue
        }
        literal.append(template[index])
        index += 1
        continue
      }
      index += text.count
      var suffix: [UInt8] = []
      if starts(Array("TH".utf8)) || starts(Array("th".utf8)) {
        suffix = Array(template[index..<index + 2])
        index += 2
      }
      if !literal.isEmpty { pieces.append(.literal(literal)) }
      literal = []
      pieces.append(.field(field, fills: fills, suffix: suffix))
    }
    if !literal.isEmpty { pieces.append(.literal(literal)) }
  }

  private static func ignoresCase(_ field: Field) -> Bool {
    switch field {
    case .HH24, .HH12, .HH, .MI, .MS, .US, .SSSSS, .SSSS, .SS, .FF1, .FF2, .FF3, .FF4, .FF5, .FF6, .YWithComma, .YYYY,
      .YYY, .YY, .IYYY, .IYY, .IY, .Y, .IDDD, .ID, .IW, .I, .MM, .DDD, .DD, .D, .WW, .W, .CC, .J, .Q, .TZH, .TZM, .OF:
      true
    default: false
    }
  }

  static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
  static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
  static let romanMonths = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"]

  /// What a template can ask for.
  struct Moment {
    /// Of an interval there is no calendar.
    var isInterval = false
    /// Years before 1 are 0, -1, … here.
    var year: Int64 = 0
    var month: Int64 = 0
    var day: Int64 = 0
    /// Days since 2000-01-01.
    var days: Int64 = 0
    /// Within the day, or the whole time of an interval.
    var microseconds: Int64 = 0
    var offset: Int?
    var zone = ""

    /// From a local timestamp.
    init(local: Int64) {
      days = local / Interval.microsecondsPerDay
      microseconds = local % Interval.microsecondsPerDay
      if microseconds < 0 {
        days -= 1
        microseconds += Interval.microsecondsPerDay
      }
      let date = CivilDate(daysSince2000: days)
      (year, month, day) = (date.year, Int64(date.month), Int64(date.day))
    }

    init(_ interval: Interval) {
      isInterval = true
      year = Int64(interval.months / 12)
      month = Int64(interval.months % 12)
      day = Int64(interval.days)
      microseconds = interval.microseconds
    }

    var hour: Int64 { microseconds / 3_600_000_000 }
    var minute: Int64 { microseconds / 60_000_000 % 60 }
    var second: Int64 { microseconds / 1_000_000 % 60 }
    var fraction: Int64 { microseconds % 1_000_000 }
    /// 2000-01-01 was a Saturday.
    var weekday: Int64 { ((days + 6) % 7 + 7) % 7 }
    var dayOfYear: Int64 { days - CivilDate(year: year, month: 1, day: 1).daysSince2000 + 1 }
    var isoWeekday: Int64 { weekday == 0 ? 7 : weekday }
    var iso: (year: Int64, week: Int64) {
      // The week's Thursday decides its year.
      let thursday = days - (isoWeekday - 1) + 3
      let isoYear = CivilDate(daysSince2000: thursday).year
      return (isoYear, (thursday - CivilDate(year: isoYear, month: 1, day: 1).daysSince2000) / 7 + 1)
    }
    /// Years as they are written: 1 BC for year 0.
    var writtenYear: Int64 { year <= 0 && !isInterval ? 1 - year : year }
  }

  func render(_ moment: Moment, to out: inout [UInt8]) throws(SQLError) {
    for piece in pieces {
      switch piece {
      case .literal(let text): out += text
      case .field(let field, let fills, let suffix):
        let begin = out.count
        try render(field, fills: fills, moment, to: &out)
        if !suffix.isEmpty {
          let digits = out[begin...].suffix(2).filter { $0 &- 48 < 10 }.map { Int($0 - 48) }
          let value = digits.reduce(0) { $0 * 10 + $1 }
          let text =
            (11...13).contains(value)
            ? "th" : value % 10 == 1 ? "st" : value % 10 == 2 ? "nd" : value % 10 == 3 ? "rd" : "th"
          out += Array((suffix[0] == UInt8(ascii: "T") ? text.uppercased() : text).utf8)
        }
      }
    }
  }

  private func render(
    _ field: Field, fills: Bool, _ moment: Moment, to out: inout [UInt8]
  ) throws(SQLError) {
    func number(_ value: Int64, _ width: Int) {
      let digits = String(value.magnitude)
      if value < 0 { out.append(UInt8(ascii: "-")) }
      if fills { out += Array(repeating: 48, count: max(0, width - digits.utf8.count)) }
      out += Array(digits.utf8)
    }
    func word(_ text: String, _ width: Int) {
      out += Array(text.utf8)
      if fills { out += Array(repeating: 32, count: max(0, width - text.utf8.count)) }
    }
    func calendarOnly() throws(SQLError) {
      if moment.isInterval {
        throw SQLError(
          .invalidDatetimeFormat, "invalid format specification for an interval value",
          hint: "Intervals are not tied to specific calendar dates.")
      }
    }
    func clipped(_ names: [String], _ value: Int64) -> String {
      value >= 0 && value < Int64(names.count) ? names[Int(value)] : ""
    }
    let hour12 = moment.hour % 12 == 0 ? 12 : moment.hour % 12
    switch field {
    case .HH24: number(moment.hour, moment.hour < 0 ? 3 : 2)
    case .HH12, .HH: number(hour12, 2)
    case .MI: number(moment.minute, 2)
    case .SS: number(moment.second, 2)
    case .MS, .FF3: number(moment.fraction / 1000, 3)
    case .US, .FF6: number(moment.fraction, 6)
    case .FF1: number(moment.fraction / 100_000, 1)
    case .FF2: number(moment.fraction / 10_000, 2)
    case .FF4: number(moment.fraction / 100, 4)
    case .FF5: number(moment.fraction / 10, 5)
    case .SSSS, .SSSSS: number(moment.microseconds / 1_000_000, 1)
    case .AM, .PM: word(moment.hour % 24 >= 12 ? "PM" : "AM", 0)
    case .am, .pm: word(moment.hour % 24 >= 12 ? "pm" : "am", 0)
    case .AMDots, .PMDots: word(moment.hour % 24 >= 12 ? "P.M." : "A.M.", 0)
    case .amDots, .pmDots: word(moment.hour % 24 >= 12 ? "p.m." : "a.m.", 0)
    case .YWithComma:
      let year = moment.writtenYear
      if year >= 1000 || fills { out += Array("\(year / 1000),".utf8) }
      let rest = String(year % 1000)
      out += Array((String(repeating: "0", count: max(0, 3 - rest.utf8.count)) + rest).utf8)
    case .YYYY: number(moment.writtenYear, 4)
    case .YYY: number(moment.writtenYear % 1000, 3)
    case .YY: number(moment.writtenYear % 100, 2)
    case .Y: number(moment.writtenYear % 10, 1)
    case .IYYY, .IYY, .IY, .I:
      try calendarOnly()
      let year = moment.iso.year <= 0 ? 1 - moment.iso.year : moment.iso.year
      switch field {
      case .IYYY: number(year, 4)
      case .IYY: number(year % 1000, 3)
      case .IY: number(year % 100, 2)
      default: number(year % 10, 1)
      }
    case .BC, .AD: word(moment.year <= 0 ? "BC" : "AD", 0)
    case .bc, .ad: word(moment.year <= 0 ? "bc" : "ad", 0)
    case .BCDots, .ADDots: word(moment.year <= 0 ? "B.C." : "A.D.", 0)
    case .bcDots, .adDots: word(moment.year <= 0 ? "b.c." : "a.d.", 0)
    case .MONTH, .Month, .month, .MON, .Mon, .mon:
      try calendarOnly()
      let name = clipped(DateTimeFormat.months, moment.month - 1)
      switch field {
      case .MONTH: word(name.uppercased(), 9)
      case .Month: word(name, 9)
      case .month: word(name.lowercased(), 9)
      case .MON: word(String(name.prefix(3)).uppercased(), 0)
      case .Mon: word(String(name.prefix(3)), 0)
      default: word(String(name.prefix(3)).lowercased(), 0)
      }
    case .MM: number(moment.month, 2)
    case .DAY, .Day, .day, .DY, .Dy, .dy:
      try calendarOnly()
      let name = DateTimeFormat.days[Int(moment.weekday)]
      switch field {
      case .DAY: word(name.uppercased(), 9)
      case .Day: word(name, 9)
      case .day: word(name.lowercased(), 9)
      case .DY: word(String(name.prefix(3)).uppercased(), 0)
      case .Dy: word(String(name.prefix(3)), 0)
      default: word(String(name.prefix(3)).lowercased(), 0)
      }
    case .DDD: number(moment.isInterval ? moment.year * 360 + moment.month * 30 + moment.day : moment.dayOfYear, 3)
    case .IDDD:
      try calendarOnly()
      number((moment.iso.week - 1) * 7 + moment.isoWeekday, 3)
    case .DD: number(moment.day, 2)
    case .D:
      try calendarOnly()
      number(moment.weekday + 1, 1)
    case .ID:
      try calendarOnly()
      number(moment.isoWeekday, 1)
    case .WW:
      try calendarOnly()
      number((moment.dayOfYear - 1) / 7 + 1, 2)
    case .W:
      try calendarOnly()
      number((moment.day - 1) / 7 + 1, 1)
    case .IW:
      try calendarOnly()
      number(moment.iso.week, 2)
    case .Q:
      try calendarOnly()
      number((moment.month - 1) / 3 + 1, 1)
    case .CC:
      let year = moment.year
      number(moment.isInterval ? year / 100 : year > 0 ? (year - 1) / 100 + 1 : year / 100 - 1, 2)
    case .J: number(moment.days + 2_451_545, 1)
    case .RM: word(clipped(DateTimeFormat.romanMonths, moment.month - 1), 4)
    case .rm: word(clipped(DateTimeFormat.romanMonths, moment.month - 1).lowercased(), 4)
    case .TZ:
      try calendarOnly()
      word(moment.zone.uppercased(), 0)
    case .tz:
      try calendarOnly()
      word(moment.zone.lowercased(), 0)
    case .TZH, .TZM, .OF:
      try calendarOnly()
      let offset = Int64(moment.offset ?? 0)
      let sign = offset < 0 ? "-" : "+"
      func two(_ value: UInt64) -> String { value < 10 ? "0\(value)" : "\(value)" }
      let hours = two(offset.magnitude / 3600)
      let minutes = two(offset.magnitude / 60 % 60)
      switch field {
      case .TZH: word(sign + hours, 0)
      case .TZM: word(minutes, 0)
      default: word(sign + hours + (minutes == "00" ? "" : ":" + minutes), 0)
      }
    }
  }
}

extension FunctionCatalog {
  mutating func addDateTimeFormats() {
    function("to_char", [.timestamp, .text], .text, .stable) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, template: Bytes) throws(SQLError) -> [UInt8]? in
        if DateTime.isInfinite(timestamp: x) || template.isEmpty { return nil }
        var out: [UInt8] = []
        try DateTimeFormat(template).render(DateTimeFormat.Moment(local: x), to: &out)
        return out
      }
    }
    function("to_char", [.timestamptz, .text], .text, .stable) { (a, n, context) throws(SQLError) in
      let zone = context.settings.timeZone
      return try map2(a, n) { (x: Int64, template: Bytes) throws(SQLError) -> [UInt8]? in
        if DateTime.isInfinite(timestamp: x) || template.isEmpty { return nil }
        let local = try DateTime.local(timestamptz: x, zone: zone)
        var moment = DateTimeFormat.Moment(local: local)
        moment.offset = Int((local - x) / 1_000_000)
        // Zones are asked in seconds since 1970.
        moment.zone =
          zone.period(at: (x - ((x % 1_000_000) + 1_000_000) % 1_000_000) / 1_000_000 + 946_684_800).abbreviation
        var out: [UInt8] = []
        try DateTimeFormat(template).render(moment, to: &out)
        return out
      }
    }
    function("to_char", [.interval, .text], .text, .stable) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, template: Bytes) throws(SQLError) -> [UInt8]? in
        if template.isEmpty { return nil }
        var out: [UInt8] = []
        try DateTimeFormat(template).render(DateTimeFormat.Moment(Interval(bytes: x)), to: &out)
        return out
      }
    }
    function("to_date", [.text, .text], .date, .stable) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, template: Bytes) throws(SQLError) -> Int64 in
        try DateTimeReading(x, DateTimeFormat(template)).date()
      }
    }
    function("to_timestamp", [.text, .text], .timestamptz, .stable) { (a, n, context) throws(SQLError) in
      try map2(a, n) { (x: Bytes, template: Bytes) throws(SQLError) -> Int64 in
        try DateTimeReading(x, DateTimeFormat(template)).timestamptz(context.settings.timeZone)
      }
    }
  }
}
