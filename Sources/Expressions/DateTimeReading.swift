// Reads a date or timestamp from text by a template (`to_date`, `to_timestamp`). Blanks and separators in the template match
// any blanks and separators in the text; numbers take as many digits as their pattern has, or all of them when the
// template goes on with something that is no digit.
// Source: PostgreSQL manual, 9.8.

import SQLTypes

struct DateTimeReading {
  private let text: [UInt8]
  private var index = 0

  private var year: Int64?
  private var isBC = false
  private var month: Int64?
  private var day: Int64?
  private var dayOfYear: Int64?
  private var julian: Int64?
  private var week: Int64?
  private var weekOfMonth: Int64?
  /// Monday is 1.
  private var isoWeekday: Int64?
  private var century: Int64?
  private var hour: Int64?
  private var hour12: Int64?
  private var isPM: Bool?
  private var minute: Int64 = 0
  private var second: Int64 = 0
  private var fraction: Int64 = 0
  private var secondsOfDay: Int64?
  private var offsetHours: Int64?
  private var offsetMinutes: Int64 = 0

  /// Whether the date is one of the ISO 8601 week-numbering calendar.
  private var isISO = false

  init(_ text: Bytes, _ format: DateTimeFormat) throws(SQLError) {
    self.text = Array(text)
    try setConvention(format)
    for (position, piece) in format.pieces.enumerated() {
      switch piece {
      case .literal(let literal): skip(literal)
      case .field(let field, let fills, let suffix):
        // With a pattern following at once, this one has to stop at its width.
        var isFollowed = position + 1 < format.pieces.count
        if isFollowed, case .literal = format.pieces[position + 1] { isFollowed = false }
        try read(field, isBounded: fills && isFollowed)
        if !suffix.isEmpty { index = min(index + 2, self.text.count) }
      }
    }
  }

  private mutating func setConvention(_ format: DateTimeFormat) throws(SQLError) {
    var isGregorian = false
    for case .field(let field, _, _) in format.pieces {
      switch field {
      case .IYYY, .IYY, .IY, .I, .IDDD, .ID, .IW: isISO = true
      case .YYYY, .YYY, .YY, .Y, .YWithComma, .DDD, .DD, .D, .WW, .W, .MM, .RM, .rm, .CC, .BC, .AD, .bc, .ad, .BCDots,
        .ADDots, .bcDots, .adDots, .MONTH, .Month, .month, .MON, .Mon, .mon, .DAY, .Day, .day, .DY, .Dy, .dy:
        isGregorian = true
      default: break
      }
    }
    guard isISO && isGregorian else { return }
    throw SQLError(
      .invalidDatetimeFormat, "invalid combination of date conventions",
      hint: "Do not mix Gregorian and ISO week date conventions in a formatting template.")
  }

  private static func isSeparator(_ byte: UInt8) -> Bool {
    byte < 0x80 && !(byte >= 48 && byte <= 57) && !(byte | 32 >= 97 && byte | 32 <= 122)
  }

  private mutating func skip(_ literal: [UInt8]) {
    for byte in literal {
      if DateTimeReading.isSeparator(byte) {
        while index < text.count, text[index] == 32 { index += 1 }
        if index < text.count, DateTimeReading.isSeparator(text[index]) { index += 1 }
      } else if index < text.count {
        index += UTF8Text.lengthOfCharacter(text, at: index)
      }
    }
  }

  private mutating func number(_ width: Int, isBounded: Bool, _ field: DateTimeFormat.Field) throws(SQLError) -> Int64 {
    while index < text.count, text[index] == 32 { index += 1 }
    var isNegative = false
    if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
      isNegative = text[index] == UInt8(ascii: "-")
      index += 1
    }
    let begin = index
    var value: Int64 = 0
    while index < text.count, text[index] >= 48, text[index] <= 57, !isBounded || index - begin < width {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      if overflow || product > Int64(Int32.max) {
        throw SQLError(
          .datetimeFieldOverflow, "value for \"\(field.rawValue)\" in source string is out of range")
      }
      value = product + Int64(text[index] - 48)
      index += 1
    }
    if begin == index {
      throw SQLError(
        .invalidDatetimeFormat,
        "invalid value \"\(String(decoding: text[begin...].prefix(width), as: UTF8.self))\" for \"\(field.rawValue)\"",
        detail: "Value must be an integer.")
    }
    return isNegative ? -value : value
  }

  private mutating func word(
    _ names: [String], _ field: DateTimeFormat.Field, abbreviated: Bool = false
  ) throws(SQLError) -> Int64 {
    while index < text.count, text[index] == 32 { index += 1 }
    for (position, name) in names.enumerated() {
      let wanted = Array((abbreviated ? String(name.prefix(3)) : name).lowercased().utf8)
      let given = text[index...].prefix(wanted.count).map { $0 >= 65 && $0 <= 90 ? $0 | 32 : $0 }
      if given == wanted {
        index += wanted.count
        return Int64(position)
      }
    }
    let rest = String(decoding: text[index...].prefix { !DateTimeReading.isSeparator($0) }, as: UTF8.self)
    throw SQLError(
      .invalidDatetimeFormat, "invalid value \"\(rest)\" for \"\(field.rawValue)\"",
      detail: "The given value did not match any of the allowed values for this field.")
  }

  private mutating func read(_ field: DateTimeFormat.Field, isBounded: Bool) throws(SQLError) {
    switch field {
    case .HH24: hour = try number(2, isBounded: isBounded, field)
    case .HH12, .HH: hour12 = try number(2, isBounded: isBounded, field)
    case .MI: minute = try number(2, isBounded: isBounded, field)
    case .SS: second = try number(2, isBounded: isBounded, field)
    case .MS, .US, .FF1, .FF2, .FF3, .FF4, .FF5, .FF6:
      let width = field == .MS || field == .FF3 ? 3 : field == .FF1 ? 1 : field == .FF2 ? 2 : 6
      let begin = index
      var value = try number(width, isBounded: true, field)
      // Digits after a decimal point: `.5` is half a second.
      for _ in 0..<max(0, 6 - (index - begin)) { value *= 10 }
      fraction = value
    case .SSSS, .SSSSS: secondsOfDay = try number(5, isBounded: isBounded, field)
    case .AM, .PM, .am, .pm: isPM = try word(["am", "pm"], field) == 1
    case .AMDots, .PMDots, .amDots, .pmDots: isPM = try word(["a.m.", "p.m."], field) == 1
    case .YYYY, .IYYY: year = try number(4, isBounded: isBounded, field)
    case .YWithComma:
      let thousands = try number(6, isBounded: false, field)
      if index < text.count, text[index] == UInt8(ascii: ",") { index += 1 }
      year = thousands * 1000 + (try number(3, isBounded: true, field))
    case .YYY, .YY, .Y, .IYY, .IY, .I:
      let width = field == .YYY || field == .IYY ? 3 : field == .YY || field == .IY ? 2 : 1
      let begin = index
      let value = try number(width, isBounded: isBounded, field)
      // Few digits mean the year nearest to 2020.
      switch index - begin {
      case 1, 2: year = value < 70 ? 2000 + value : 1900 + value
      case 3: year = value >= 520 ? 1000 + value : 2000 + value
      default: year = value
      }
    case .BC, .AD, .bc, .ad: isBC = try word(["bc", "ad"], field) == 0
    case .BCDots, .ADDots, .bcDots, .adDots: isBC = try word(["b.c.", "a.d."], field) == 0
    case .MONTH, .Month, .month: month = try word(DateTimeFormat.months, field) + 1
    case .MON, .Mon, .mon: month = try word(DateTimeFormat.months, field, abbreviated: true) + 1
    case .MM: month = try number(2, isBounded: isBounded, field)
    case .RM, .rm:
      // Longer numerals first: VIII before VII before VI.
      let order = DateTimeFormat.romanMonths.enumerated().sorted { $0.element.count > $1.element.count }
      month = Int64(order[Int(try word(order.map(\.element), field))].offset) + 1
    case .DAY, .Day, .day: _ = try word(DateTimeFormat.days, field)
    case .DY, .Dy, .dy: _ = try word(DateTimeFormat.days, field, abbreviated: true)
    case .DDD: dayOfYear = try number(3, isBounded: isBounded, field)
    case .DD: day = try number(2, isBounded: isBounded, field)
    case .J: julian = try number(9, isBounded: isBounded, field)
    case .IDDD: dayOfYear = try number(3, isBounded: isBounded, field)
    case .ID: isoWeekday = try number(1, isBounded: isBounded, field)
    case .WW, .IW: week = try number(2, isBounded: isBounded, field)
    case .W: weekOfMonth = try number(1, isBounded: isBounded, field)
    case .CC: century = try number(2, isBounded: isBounded, field)
    case .D, .Q: _ = try number(1, isBounded: isBounded, field)
    case .TZH: offsetHours = try number(2, isBounded: true, field)
    case .TZM: offsetMinutes = try number(2, isBounded: true, field)
    case .TZ, .tz, .OF:
      throw SQLError(
        .featureNotSupported, "formatting field \"\(field.rawValue)\" is only supported in to_char")
    }
  }

  private var outOfRange: SQLError {
    SQLError(
      .datetimeFieldOverflow, "date/time field value out of range: \"\(String(decoding: text, as: UTF8.self))\"")
  }

  func date() throws(SQLError) -> Int64 {
    if let julian { return try DateTime.adding(days: julian - 2_451_545, toDate: 0) }
    var year = self.year ?? century.map { ($0 - 1) * 100 + 1 } ?? 0
    if isBC || year < 0 { year = 1 - Swift.abs(year) }
    guard year > -5000, year < 300_000 else { throw outOfRange }
    if isISO {
      // The first week is the one with the fourth of January.
      let fourth = CivilDate(year: year, month: 1, day: 4).daysSince2000
      let firstMonday = fourth - ((fourth + 5) % 7 + 7) % 7
      if let dayOfYear { return firstMonday + dayOfYear - 1 }
      guard let week else { return CivilDate(year: year, month: 1, day: 1).daysSince2000 }
      return firstMonday + (week - 1) * 7 + ((isoWeekday ?? 1) - 1)
    }
    if let dayOfYear = dayOfYear ?? week.map({ ($0 - 1) * 7 + 1 }) {
      guard dayOfYear >= 1, dayOfYear <= (CivilDate.isLeap(year) ? 366 : 365) else { throw outOfRange }
      return CivilDate(year: year, month: 1, day: 1).daysSince2000 + dayOfYear - 1
    }
    let month = self.month ?? 1
    let day = self.day ?? weekOfMonth.map { ($0 - 1) * 7 + 1 } ?? 1
    guard (1...12).contains(month), day >= 1, day <= CivilDate.daysInMonth(year: year, month: Int(month)) else {
      throw outOfRange
    }
    return CivilDate(year: year, month: Int(month), day: Int(day)).daysSince2000
  }

  func timestamptz(_ zone: TimeZoneRules) throws(SQLError) -> Int64 {
    var hour = self.hour ?? 0
    if let hour12 {
      guard (1...12).contains(hour12) else {
        throw SQLError(
          .datetimeFieldOverflow, "hour \"\(hour12)\" is invalid for the 12-hour clock",
          hint: "Use the 24-hour clock, or give an hour between 1 and 12.")
      }
      hour = hour12 % 12 + (isPM == true ? 12 : 0)
      if isPM == nil { hour = hour12 }
    }
    guard (0...23).contains(hour), (0...59).contains(minute), (0...59).contains(second) else { throw outOfRange }
    let seconds = secondsOfDay ?? (hour * 3600 + minute * 60 + second)
    guard (0..<86_400).contains(seconds) else { throw outOfRange }
    let local = try DateTime.timestamp(date: try date()) + seconds * 1_000_000 + fraction
    if let offsetHours {
      let offset = Swift.abs(offsetHours) * 3600 + offsetMinutes * 60
      return local - (offsetHours < 0 ? -offset : offset) * 1_000_000
    }
    return try DateTime.timestamptz(local: local, zone: zone)
  }
}
