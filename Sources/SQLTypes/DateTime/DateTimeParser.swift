// Dates and timestamps from text: ISO 8601, `Jan 8 1999`, `8-Jan-99`, `1/8/1999`, `19990108T040506Z`,
// `J2451187`,
// `now`, `today 12:00`, times with AM and PM, years BC, time zones as offsets, abbreviations and IANA names.
// First the text is cut into fields by their looks, then each field takes its place among year, month, day,
// time and
// zone; a place taken twice is an error. Source: PostgreSQL manual, 8.5.1 and appendix B.1.

struct DateTimeParser {
  enum Kind: Equatable { case moment, epoch, infinity, negativeInfinity }

  enum Fault: Error {
    case format, overflow
    /// A month or day out of range: perhaps the order of the fields is another.
    case fieldOrder
    case displacement
    case unknownZone(String)
  }

  enum FieldType { case number, string, date, time, zone, special }

  struct Places: OptionSet {
    let rawValue: UInt32
    static let year = Places(rawValue: 1)
    static let month = Places(rawValue: 2)
    static let day = Places(rawValue: 4)
    static let hour = Places(rawValue: 8)
    static let minute = Places(rawValue: 16)
    static let second = Places(rawValue: 32)
    static let zone = Places(rawValue: 64)
    static let weekday = Places(rawValue: 128)
    static let meridian = Places(rawValue: 256)
    static let era = Places(rawValue: 512)
    static let dayOfYear = Places(rawValue: 1024)
    static let reserved = Places(rawValue: 2048)
    static let daylight = Places(rawValue: 4096)
    static let date: Places = [.year, .month, .day]
    static let time: Places = [.hour, .minute, .second]
  }

  enum Meridian { case none, am, pm }

  let settings: FormatSettings
  var kind = Kind.moment
  var year: Int64 = 0
  var month = 0
  var day = 0
  var dayOfYear = 0
  var hour = 0
  var minute = 0
  var second = 0
  var microsecond = 0
  /// Seconds east of Greenwich, when the text gave a number or a fixed abbreviation.
  var offset: Int?
  var zone: TimeZoneRules?
  /// An abbreviation whose meaning in `zone` has changed over time.
  var abbreviation: String?

  private var places: Places = []
  private var hasTwoDigitYear = false
  private var hasTextMonth = false
  private var isJulian = false
  private var isBC = false
  private var meridian = Meridian.none
  /// A time of day is wanted; a date is passed over.
  private var isTimeOnly = false

  init(_ settings: FormatSettings) { self.settings = settings }

  // MARK: Results

  /// Days since 2000-01-01 of the date read; the time of day does not count.
  static func date(_ text: UnsafeRawBufferPointer, _ settings: FormatSettings) throws(SQLError) -> Int64 {
    let parser = try parse(text, "date", settings)
    switch parser.kind {
    case .infinity: return DateTime.dateInfinity
    case .negativeInfinity: return DateTime.dateNegativeInfinity
    case .epoch: return -CivilDate.postgresEpoch
    case .moment: break
    }
    let days = CivilDate(year: parser.year, month: parser.month, day: parser.day).daysSince2000
    guard DateTime.isValid(date: days) else {
      throw SQLError(.datetimeFieldOverflow, "date out of range: \"\(Text.string(text))\"")
    }
    return days
  }

  /// Microseconds since 2000-01-01; a zone in the text counts only for `timestamp with time zone`.
  static func timestamp(
    _ text: UnsafeRawBufferPointer, withZone: Bool, _ settings: FormatSettings
  ) throws(SQLError) -> Int64 {
    let parser = try parse(text, withZone ? "timestamp with time zone" : "timestamp", settings)
    switch parser.kind {
    case .infinity: return DateTime.timestampInfinity
    case .negativeInfinity: return DateTime.timestampNegativeInfinity
    case .epoch: return -DateTime.epochSeconds * 1_000_000
    case .moment: break
    }
    let outOfRange = SQLError(.datetimeFieldOverflow, "timestamp out of range: \"\(Text.string(text))\"")
    guard var result = parser.local else { throw outOfRange }
    if withZone {
      let seconds = result.flooredQuotient(by: 1_000_000) + DateTime.epochSeconds
      let zone = parser.zone ?? settings.timeZone
      let offset =
        parser.offset
        ?? parser.abbreviation.map { zone.offset(ofAbbreviation: $0, atLocal: seconds) }
        ?? zone.period(atLocal: seconds).offset
      let (moved, overflow) = result.subtractingReportingOverflow(Int64(offset) * 1_000_000)
      if overflow { throw outOfRange }
      result = moved
    }
    guard DateTime.isValid(timestamp: result) else { throw outOfRange }
    return result
  }

  /// A time of day, and its zone: that of the text, else the session's as of the transaction.
  static func time(
    _ text: UnsafeRawBufferPointer, _ settings: FormatSettings, withZone: Bool = false
  ) throws(SQLError) -> ZonedTime {
    let parser = try parse(
      text, withZone ? "time with time zone" : "time", settings, isTimeOnly: true)
    let time =
      (Int64(parser.hour) * 3600 + Int64(parser.minute) * 60 + Int64(parser.second)) * 1_000_000
      + Int64(parser.microsecond)
    if !withZone { return ZonedTime(time: time, offset: 0) }
    if let offset = parser.offset { return ZonedTime(time: time, offset: offset) }
    let zone = parser.zone ?? settings.timeZone
    if parser.places.isSuperset(of: .date), let local = parser.local {
      let seconds = local.flooredQuotient(by: 1_000_000) + DateTime.epochSeconds
      return ZonedTime(time: time, offset: zone.period(atLocal: seconds).offset)
    }
    return ZonedTime(time: time, offset: zone.offset(at: DateTime.unixSeconds(settings.transactionTime)))
  }

  /// Microseconds since 2000-01-01 by the clock on the wall.
  private var local: Int64? {
    let days = CivilDate(year: year, month: month, day: day).daysSince2000
    let time = (Int64(hour) * 3600 + Int64(minute) * 60 + Int64(second)) * 1_000_000 + Int64(microsecond)
    let (product, first) = days.multipliedReportingOverflow(by: Interval.microsecondsPerDay)
    let (sum, second) = product.addingReportingOverflow(time)
    return first || second ? nil : sum
  }

  private static func parse(
    _ text: UnsafeRawBufferPointer, _ typeName: String, _ settings: FormatSettings, isTimeOnly: Bool = false
  ) throws(SQLError) -> DateTimeParser {
    var parser = DateTimeParser(settings)
    parser.isTimeOnly = isTimeOnly
    do throws(Fault) {
      try parser.decode(try DateTimeFields.split(text))
    } catch {
      throw sqlError(error, text, typeName)
    }
    return parser
  }

  static func sqlError(_ fault: Fault, _ text: UnsafeRawBufferPointer, _ typeName: String) -> SQLError {
    let shown = Text.string(text)
    switch fault {
    case .format: return SQLError(.invalidDatetimeFormat, "invalid input syntax for type \(typeName): \"\(shown)\"")
    case .overflow: return SQLError(.datetimeFieldOverflow, "date/time field value out of range: \"\(shown)\"")
    case .fieldOrder:
      return SQLError(
        .datetimeFieldOverflow, "date/time field value out of range: \"\(shown)\"",
        hint: "Perhaps you need a different \"datestyle\" setting.")
    case .displacement:
      return SQLError(
        .invalidTimeZoneDisplacementValue, "time zone displacement out of range: \"\(shown)\"")
    case .unknownZone(let name):
      return SQLError(.invalidParameterValue, "time zone \"\(name)\" not recognized")
    }
  }

  // MARK: Fields

  /// What a label before a number (`y2001`, `T`, `J`) says that it is.
  private enum Label { case none, julian, time, year, month, day, hour, minute, second }

  private mutating func decode(_ fields: [DateTimeFields.Field]) throws(Fault) {
    var label = Label.none
    for (index, field) in fields.enumerated() {
      var taken: Places = []
      switch field.type {
      case .date: taken = try decodeDateLike(field.bytes, &label)
      case .time:
        if label != .none {
          guard label == .time else { throw .format }
          label = .none
        }
        taken = try decodeTime(field.bytes)
      case .zone:
        offset = try DateTimeFields.offset(field.bytes)
        taken = .zone
      case .number:
        if label != .none {
          taken = try decodeLabeled(field.bytes, label)
          label = .none
        } else {
          taken = try decodePlainNumber(field.bytes)
        }
      case .string, .special:
        guard let found = try decodeWord(field.bytes, fields, index, &label) else { continue }
        taken = found
      }
      guard places.isDisjoint(with: taken) else { throw .format }
      places.formUnion(taken)
    }
    // A label without its number, and whatever stands beside `infinity` or `epoch`, is ignored if it is in
    // range.
    try validate()
  }

  private mutating func validate() throws(Fault) {
    if places.contains(.year) && !isJulian {
      if isBC {
        guard year > 0 else { throw .overflow }
        year = 1 - year
      } else if hasTwoDigitYear {
        guard year >= 0 else { throw .overflow }
        if year < 70 { year += 2000 } else if year < 100 { year += 1900 }
      } else if year <= 0 {
        throw .overflow
      }
    }
    if places.contains(.dayOfYear) {
      let date = CivilDate(daysSince1970: CivilDate.days(year: year, month: 1, day: 1) + Int64(dayOfYear) - 1)
      (year, month, day) = (date.year, date.month, date.day)
    }
    if places.contains(.month), month < 1 || month > 12 { throw .fieldOrder }
    if places.contains(.day), day < 1 || day > 31 { throw .fieldOrder }
    if places.isSuperset(of: .date), day > CivilDate.daysInMonth(year: year, month: month) { throw .overflow }
    if meridian != .none {
      if hour > 12 { throw .overflow }
      if meridian == .am && hour == 12 { hour = 0 } else if meridian == .pm && hour != 12 { hour += 12 }
    }
    if isTimeOnly {
      guard places.isSuperset(of: .time), kind == .moment else { throw .format }
    } else {
      guard places.isSuperset(of: .date) || kind != .moment else { throw .format }
    }
    // `MST DST` and a lone `DST`: an offset must have been given for it to move.
    if places.contains(.daylight) && !places.contains(.zone) { throw .format }
  }

  private mutating func decodeDateLike(_ bytes: [UInt8], _ label: inout Label) throws(Fault) -> Places {
    if label == .julian {
      // A Julian day with its zone attached: J2451187-08.
      label = .none
      guard let dash = bytes.firstIndex(where: { !Text.isDigit($0) }),
        let number = DateTimeFields.integer(bytes[..<dash])
      else { throw .format }
      try setJulian(number)
      offset = try DateTimeFields.offset(Array(bytes[dash...]))
      return [.date, .time, .zone]
    }
    // For a time alone 040506-08 is one with its zone.
    let isZoned =
      isTimeOnly && bytes.filter { $0 == UInt8(ascii: "-") }.count == 1
      && bytes.prefix { Text.isDigit($0) || $0 == UInt8(ascii: ".") }.count >= 4
    guard label != .none || isZoned || places.isSuperset(of: [.month, .day]) else { return try decodeDate(bytes) }
    // With the date known this is a zone's name, or a time run together with its zone: 040506-08.
    if label != .none || Text.isDigit(bytes[0]) {
      if label != .none {
        guard label == .time else { throw .format }
        label = .none
      }
      if places.isSuperset(of: .time) { throw .format }
      guard let dash = bytes.firstIndex(of: UInt8(ascii: "-")) else { throw .format }
      offset = try DateTimeFields.offset(Array(bytes[dash...]))
      return try decodeRunTogether(Array(bytes[..<dash]), places.union(.date)).union(.zone)
    }
    let name = String(decoding: bytes, as: UTF8.self)
    guard let found = TimeZoneRules.find(name) else { throw .unknownZone(name) }
    zone = found
    return .zone
  }

  private mutating func decodeLabeled(_ bytes: [UInt8], _ label: Label) throws(Fault) -> Places {
    let point = bytes.firstIndex(of: UInt8(ascii: ".")) ?? bytes.endIndex
    guard let value = DateTimeFields.integer(bytes[..<point]) else { throw .overflow }
    if point < bytes.endIndex, label != .julian, label != .time, label != .second { throw .format }
    switch label {
    case .julian:
      try setJulian(value)
      guard point < bytes.endIndex else { return .date }
      let fraction = try DateTimeFields.fraction(bytes[(point + 1)...], digits: 12)
      let time = Int64((Double(fraction) / 1e12 * 86_400_000_000).rounded())
      hour = Int(time / 3_600_000_000)
      minute = Int(time / 60_000_000 % 60)
      second = Int(time / 1_000_000 % 60)
      microsecond = Int(time % 1_000_000)
      return [.date, .time]
    case .time: return try decodeRunTogether(bytes, places.union(.date))
    case .year:
      year = value
      return .year
    case .month:
      // After a month or an hour `m` means minutes.
      if places.contains(.month), places.contains(.hour) {
        minute = Int(value)
        return .minute
      }
      month = Int(value)
      return .month
    case .day:
      day = Int(value)
      return .day
    case .hour:
      hour = Int(value)
      return .hour
    case .minute:
      minute = Int(value)
      return .minute
    case .second:
      second = Int(value)
      if point < bytes.endIndex { microsecond = Int(try DateTimeFields.fraction(bytes[(point + 1)...], digits: 6)) }
      return .second
    case .none: throw .format
    }
  }

  private mutating func setJulian(_ number: Int64) throws(Fault) {
    guard number >= 0 && number < 1 << 40 else { throw .overflow }
    isJulian = true
    let date = CivilDate(daysSince2000: number - 2_451_545)
    (year, month, day) = (date.year, date.month, date.day)
  }

  private mutating func decodePlainNumber(_ bytes: [UInt8]) throws(Fault) -> Places {
    if isTimeOnly, places.isDisjoint(with: .date), places.isDisjoint(with: .time) {
      return try decodeRunTogether(bytes, places.union(.date))
    }
    let point = bytes.firstIndex(of: UInt8(ascii: "."))
    if point != nil && places.isDisjoint(with: .date) { return try decodeDate(bytes) }
    if let point, point > 2 { return try decodeRunTogether(bytes, places) }
    if bytes.count >= 6, places.isDisjoint(with: .date) || places.isDisjoint(with: .time) {
      return try decodeRunTogether(bytes, places)
    }
    return try decodeNumber(bytes, places)
  }

  /// A word: nil when it says nothing (`at`, a day of the week seen as noise).
  private mutating func decodeWord(
    _ bytes: [UInt8], _ fields: [DateTimeFields.Field], _ index: Int, _ label: inout Label
  ) throws(Fault) -> Places? {
    let word = String(decoding: bytes, as: UTF8.self)
    switch ZoneAbbreviation.find(word) {
    case .fixed(let seconds, let isDaylight):
      offset = seconds
      return isDaylight ? [.zone, .daylight] : .zone
    case .zone(let name):
      zone = TimeZoneRules.find(name)
      abbreviation = word.uppercased()
      if zone == nil { throw .format }
      return .zone
    case nil: break
    }
    switch DateTimeWord.find(bytes) {
    case .ignore: return nil
    case .now:
      setNow()
      return [.date, .time, .zone]
    case .relativeDay(let days):
      setDay(offsetFromToday: days)
      return .date
    case .allBalls:
      offset = 0
      return [.time, .zone]
    case .epoch:
      kind = .epoch
      return .reserved
    case .infinity:
      kind = .infinity
      return .reserved
    case .negativeInfinity:
      kind = .negativeInfinity
      return .reserved
    case .month(let number):
      var taken = Places.month
      if places.contains(.month), !hasTextMonth, !places.contains(.day), month >= 1, month <= 31 {
        // The number read as a month was the day.
        day = month
        taken = .day
      }
      hasTextMonth = true
      month = number
      return taken
    case .weekday: return .weekday
    case .daylightModifier:
      if let standard = offset { offset = standard + 3600 }
      return .daylight
    case .am:
      meridian = .am
      return .meridian
    case .pm:
      meridian = .pm
      return .meridian
    case .bc:
      isBC = true
      return .era
    case .ad: return .era
    case .unit(let unit):
      switch unit {
      case "y": label = .year
      case "m": label = .month
      case "d": label = .day
      case "h": label = .hour
      case "mm": label = .minute
      case "s": label = .second
      default: label = .julian
      }
      return []
    case .time:
      guard isTimeOnly || places.isSuperset(of: .date), index + 1 < fields.count else { throw .format }
      switch fields[index + 1].type {
      case .number, .time, .date: label = .time
      default: throw .format
      }
      return []
    case nil:
      guard let found = TimeZoneRules.find(word) else { throw .format }
      zone = found
      return .zone
    }
  }

  private mutating func setNow() {
    let offset = settings.timeZone.offset(at: DateTime.unixSeconds(settings.transactionTime))
    let local = settings.transactionTime &+ Int64(offset) * 1_000_000
    let days = local.flooredQuotient(by: Interval.microsecondsPerDay)
    let date = CivilDate(daysSince2000: days)
    (year, month, day) = (date.year, date.month, date.day)
    let time = local - days * Interval.microsecondsPerDay
    hour = Int(time / 3_600_000_000)
    minute = Int(time / 60_000_000 % 60)
    second = Int(time / 1_000_000 % 60)
    microsecond = Int(time % 1_000_000)
    self.offset = offset
    isJulian = true
  }

  private mutating func setDay(offsetFromToday days: Int64) {
    let offset = settings.timeZone.offset(at: DateTime.unixSeconds(settings.transactionTime))
    let today = (settings.transactionTime &+ Int64(offset) * 1_000_000).flooredQuotient(by: Interval.microsecondsPerDay)
    let date = CivilDate(daysSince2000: today + days)
    (year, month, day) = (date.year, date.month, date.day)
    isJulian = true
  }

  /// A date of up to three parts between separators, one of which may be a month's name.
  private mutating func decodeDate(_ bytes: [UInt8]) throws(Fault) -> Places {
    var parts: [[UInt8]] = []
    var index = 0
    while index < bytes.count {
      while index < bytes.count, !Text.isDigit(bytes[index]) && !Text.isLetter(bytes[index]) { index += 1 }
      guard index < bytes.count else { throw .format }
      let start = index
      if Text.isDigit(bytes[index]) {
        while index < bytes.count, Text.isDigit(bytes[index]) { index += 1 }
      } else {
        while index < bytes.count, Text.isLetter(bytes[index]) { index += 1 }
      }
      if parts.count == 3 { throw .format }
      parts.append(Array(bytes[start..<index]))
    }
    var found: Places = []
    var numbers: [[UInt8]] = []
    for part in parts {
      guard Text.isLetter(part[0]) else {
        numbers.append(part)
        continue
      }
      switch DateTimeWord.find(part) {
      case .ignore: continue
      case .month(let number):
        if places.union(found).contains(.month) { throw .format }
        hasTextMonth = true
        month = number
        found.insert(.month)
      default: throw .format
      }
    }
    for number in numbers {
      let taken = try decodeNumber(number, places.union(found))
      guard found.isDisjoint(with: taken) else { throw .format }
      found.formUnion(taken)
    }
    // All three places, and nothing but a zone before them.
    guard places.union(found).subtracting([.dayOfYear, .zone]) == .date else { throw .format }
    return found
  }

  /// A single number takes the place that is next in the date's order.
  private mutating func decodeNumber(_ bytes: [UInt8], _ places: Places) throws(Fault) -> Places {
    let length = bytes.count
    var digits = bytes[...]
    if let point = bytes.firstIndex(of: UInt8(ascii: ".")) {
      if point > 2 { return try decodeRunTogether(bytes, places.union(.date)) }
      microsecond = Int(try DateTimeFields.fraction(bytes[(point + 1)...], digits: 6))
      digits = bytes[..<point]
    }
    if digits.isEmpty { throw .format }
    guard let value = DateTimeFields.integer(digits) else { throw .overflow }
    let date = places.intersection(.date)
    if length == 3 && date == .year && value >= 1 && value <= 366 {
      dayOfYear = Int(value)
      return [.dayOfYear, .month, .day]
    }
    let isYearFirst = length >= 3 || settings.dateOrder == .ymd
    switch date {
    case []:
      if isYearFirst { return setYear(value, length) }
      return settings.dateOrder == .dmy ? setDay(value) : setMonth(value)
    case .year: return setMonth(value)
    case .month:
      if hasTextMonth { return isYearFirst ? setYear(value, length) : setDay(value) }
      return setDay(value)
    case [.year, .month]:
      if hasTextMonth && length >= 3 && hasTwoDigitYear {
        // The first number, taken for a year, was the day.
        day = Int(year)
        year = value
        hasTwoDigitYear = false
        return .day
      }
      return setDay(value)
    case .day: return setMonth(value)
    case [.month, .day]: return setYear(value, length)
    case .date: return try decodeRunTogether(bytes, places)
    default: throw .format
    }
  }

  private mutating func setYear(_ value: Int64, _ length: Int) -> Places {
    year = value
    hasTwoDigitYear = length <= 2
    return .year
  }

  private mutating func setMonth(_ value: Int64) -> Places {
    month = Int(value)
    return .month
  }

  private mutating func setDay(_ value: Int64) -> Places {
    day = Int(value)
    return .day
  }

  /// `19990108`, `990108`, `040506.789`, `0405`.
  private mutating func decodeRunTogether(_ bytes: [UInt8], _ places: Places) throws(Fault) -> Places {
    var digits = bytes
    if let point = bytes.firstIndex(of: UInt8(ascii: ".")) {
      microsecond = Int(try DateTimeFields.fraction(bytes[(point + 1)...], digits: 6))
      digits = Array(bytes[..<point])
    } else if !places.isSuperset(of: .date), digits.count >= 6 {
      let count = digits.count
      guard let first = DateTimeFields.integer(digits[..<(count - 4)]),
        let second = DateTimeFields.integer(digits[(count - 4)..<(count - 2)]),
        let third = DateTimeFields.integer(digits[(count - 2)...])
      else { throw .format }
      (year, month, day) = (first, Int(second), Int(third))
      if count == 6 { hasTwoDigitYear = true }
      return .date
    }
    guard !places.isSuperset(of: .time), digits.count == 6 || digits.count == 4,
      let hours = DateTimeFields.integer(digits[0..<2]), let minutes = DateTimeFields.integer(digits[2..<4]),
      let seconds = digits.count == 6 ? DateTimeFields.integer(digits[4..<6]) : 0
    else { throw .format }
    (hour, minute, second) = (Int(hours), Int(minutes), Int(seconds))
    return .time
  }

  /// `hh:mm[:ss[.ffffff]]`; `mm:ss.fff`.
  private mutating func decodeTime(_ bytes: [UInt8]) throws(Fault) -> Places {
    let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard parts.count == 2 || parts.count == 3 else { throw .format }
    var numbers: [Int] = []
    var hasFraction = false
    microsecond = 0
    for (index, part) in parts.enumerated() {
      var digits = part
      if let point = part.firstIndex(of: UInt8(ascii: ".")) {
        guard index == parts.count - 1 else { throw .format }
        microsecond = Int(try DateTimeFields.fraction(part[(point + 1)...], digits: 6))
        digits = part[..<point]
        hasFraction = true
      }
      // `12:` and `12:34:` end early.
      if digits.isEmpty && index > 0 && !hasFraction {
        numbers.append(0)
        continue
      }
      guard let value = DateTimeFields.integer(digits), value <= Int64(Int32.max) else {
        throw digits.isEmpty ? .format : .overflow
      }
      numbers.append(Int(value))
    }
    if numbers.count == 2 {
      if hasFraction { numbers.insert(0, at: 0) } else { numbers.append(0) }
    }
    (hour, minute, second) = (numbers[0], numbers[1], numbers[2])
    guard hour <= 24, minute <= 59, second <= 60, microsecond <= 1_000_000 else { throw .overflow }
    let total = (Int64(hour) * 3600 + Int64(minute) * 60 + Int64(second)) * 1_000_000 + Int64(microsecond)
    if total > Interval.microsecondsPerDay { throw .overflow }
    return .time
  }
}
