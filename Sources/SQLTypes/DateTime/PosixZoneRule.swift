// A POSIX TZ rule: `CET-1CEST,M3.5.0,M10.5.0/3`, `<+03>-3`, `EST5EDT`. The last line of a TZif file is one,
// and
// users may write one as a zone's name. Source: POSIX, "Environment Variables", TZ; RFC 8536, section 3.3.1.

struct PosixZoneRule: Sendable {
  enum Day: Sendable, Equatable {
    /// 1...365, February 29 never counted.
    case julian(Int)
    /// 0...365, February 29 counted.
    case zeroBased(Int)
    /// The `week`th (5: last) `weekday` (0: Sunday) of a month.
    case weekday(month: Int, week: Int, weekday: Int)
  }

  struct Change: Sendable, Equatable {
    var day: Day
    /// Seconds after local midnight; may be negative or beyond a day.
    var time: Int
  }

  var standard: TimeZoneRules.Period
  var daylight: TimeZoneRules.Period?
  var start = Change(day: .weekday(month: 3, week: 2, weekday: 0), time: 7200)
  var end = Change(day: .weekday(month: 11, week: 1, weekday: 0), time: 7200)

  init?(_ text: String) {
    var scanner = Scanner(bytes: Array(text.utf8))
    // `+03` alone is a zone without a name, west of Greenwich as POSIX counts.
    let isBare = scanner.peek == UInt8(ascii: "+") || scanner.peek == UInt8(ascii: "-") || Text.isDigit(scanner.peek)
    guard let name = isBare ? "" : scanner.name(), let offset = scanner.offset() else { return nil }
    standard = TimeZoneRules.Period(offset: -offset, isDaylight: false, abbreviation: name)
    if scanner.isAtEnd { return }
    guard let summer = scanner.name() else { return nil }
    var summerOffset = standard.offset + 3600
    if !scanner.isAtEnd, scanner.peek != UInt8(ascii: ",") {
      guard let offset = scanner.offset() else { return nil }
      summerOffset = -offset
    }
    daylight = TimeZoneRules.Period(offset: summerOffset, isDaylight: true, abbreviation: summer)
    if scanner.isAtEnd { return }
    guard scanner.take(UInt8(ascii: ",")), let start = scanner.change(), scanner.take(UInt8(ascii: ",")),
      let end = scanner.change(), scanner.isAtEnd
    else { return nil }
    self.start = start
    self.end = end
  }

  func period(at time: Int64) -> TimeZoneRules.Period {
    guard let daylight else { return standard }
    let days = (time + Int64(standard.offset)).flooredQuotient(by: 86_400)
    let year = CivilDate(daysSince1970: days).year
    // The rule's own year decides; changes near New Year's Eve may spill into a neighbour.
    for candidate in [year, year - 1, year + 1] {
      let from = PosixZoneRule.moment(start, year: candidate) - Int64(standard.offset)
      let until = PosixZoneRule.moment(end, year: candidate) - Int64(daylight.offset)
      if from < until {
        if time >= from && time < until { return daylight }
      } else if candidate == year, time >= from || time < until {
        return daylight
      }
    }
    return standard
  }

  /// Local seconds since 1970 of a change in a year.
  private static func moment(_ change: Change, year: Int64) -> Int64 {
    let day: Int64
    switch change.day {
    case .julian(let number):
      let isLeap = CivilDate.isLeap(year)
      day =
        CivilDate.days(year: year, month: 1, day: 1) + Int64(number - 1) + (isLeap && number >= 60 ? 1 : 0)
    case .zeroBased(let number): day = CivilDate.days(year: year, month: 1, day: 1) + Int64(number)
    case .weekday(let month, let week, let weekday):
      let first = CivilDate.days(year: year, month: month, day: 1)
      // 1970-01-01 was a Thursday (4).
      let firstWeekday = (first + 4).flooredRemainder(by: 7)
      var found = first + (Int64(weekday) - firstWeekday).flooredRemainder(by: 7) + Int64(week - 1) * 7
      let length = Int64(CivilDate.daysInMonth(year: year, month: month))
      while found >= first + length { found -= 7 }
      day = found
    }
    return day * 86_400 + Int64(change.time)
  }

  private struct Scanner {
    var bytes: [UInt8]
    var index = 0

    var isAtEnd: Bool { index >= bytes.count }
    var peek: UInt8 { isAtEnd ? 0 : bytes[index] }

    mutating func take(_ byte: UInt8) -> Bool {
      guard peek == byte, !isAtEnd else { return false }
      index += 1
      return true
    }

    /// `<+03>` or at least three letters.
    mutating func name() -> String? {
      let start: Int
      if take(UInt8(ascii: "<")) {
        start = index
        while !isAtEnd, peek != UInt8(ascii: ">") { index += 1 }
        let name = String(decoding: bytes[start..<index], as: UTF8.self)
        return take(UInt8(ascii: ">")) && !name.isEmpty ? name : nil
      }
      start = index
      while !isAtEnd, Text.isLetter(peek) { index += 1 }
      return index - start >= 3 ? String(decoding: bytes[start..<index], as: UTF8.self) : nil
    }

    mutating func number(_ limit: Int) -> Int? {
      guard Text.isDigit(peek) else { return nil }
      var value = 0
      while Text.isDigit(peek) {
        value = value * 10 + Int(peek - 48)
        if value > limit { return nil }
        index += 1
      }
      return value
    }

    /// [+-]hh[:mm[:ss]] in seconds.
    mutating func offset() -> Int? {
      var isNegative = false
      if take(UInt8(ascii: "-")) { isNegative = true } else if take(UInt8(ascii: "+")) {}
      guard let hours = number(167) else { return nil }
      var seconds = hours * 3600
      if take(UInt8(ascii: ":")) {
        guard let minutes = number(59) else { return nil }
        seconds += minutes * 60
        if take(UInt8(ascii: ":")) {
          guard let rest = number(59) else { return nil }
          seconds += rest
        }
      }
      return isNegative ? -seconds : seconds
    }

    mutating func change() -> Change? {
      let day: Day
      if take(UInt8(ascii: "M")) {
        guard let month = number(12), month >= 1, take(UInt8(ascii: ".")), let week = number(5), week >= 1,
          take(UInt8(ascii: ".")), let weekday = number(6)
        else { return nil }
        day = .weekday(month: month, week: week, weekday: weekday)
      } else if take(UInt8(ascii: "J")) {
        guard let number = number(365), number >= 1 else { return nil }
        day = .julian(number)
      } else {
        guard let number = number(365) else { return nil }
        day = .zeroBased(number)
      }
      var time = 7200
      if take(UInt8(ascii: "/")) {
        guard let seconds = offset() else { return nil }
        time = seconds
      }
      return Change(day: day, time: time)
    }
  }
}
