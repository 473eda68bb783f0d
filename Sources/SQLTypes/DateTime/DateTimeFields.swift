// The lexical part of reading dates: cutting a text into numbers, words, dates, times and zone offsets, and
// the words
// that dates are written with.

enum DateTimeFields {
  typealias Fault = DateTimeParser.Fault

  struct Field {
    var type: DateTimeParser.FieldType
    /// In lower case.
    var bytes: [UInt8]
  }

  /// More fields than this no date has.
  private static let maximumFields = 25

  static func split(_ text: UnsafeRawBufferPointer) throws(Fault) -> [Field] {
    var fields: [Field] = []
    var index = 0
    func byte(_ at: Int) -> UInt8 { at < text.count ? text[at] : 0 }
    func isWordByte(_ byte: UInt8) -> Bool { Text.isDigit(byte) || Text.isLetter(byte) || byte >= 0x80 }
    while index < text.count {
      if Text.isBlank(text[index]) {
        index += 1
        continue
      }
      if fields.count == maximumFields { throw .format }
      let start = index
      var type = DateTimeParser.FieldType.number
      let first = text[index]
      if Text.isDigit(first) {
        while Text.isDigit(byte(index)) { index += 1 }
        if byte(index) == UInt8(ascii: ":") {
          type = .time
          while Text.isDigit(byte(index)) || byte(index) == UInt8(ascii: ":") || byte(index) == UInt8(ascii: ".") {
            index += 1
          }
        } else if [UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: ".")].contains(byte(index)) {
          let separator = byte(index)
          index += 1
          if Text.isDigit(byte(index)) {
            type = separator == UInt8(ascii: ".") ? .number : .date
            while Text.isDigit(byte(index)) { index += 1 }
            // A second separator of the same kind makes it a date of three parts.
            if byte(index) == separator {
              type = .date
              index += 1
              while Text.isDigit(byte(index)) || byte(index) == separator { index += 1 }
            }
          } else {
            type = .date
            while isWordByte(byte(index)) || (index < text.count && byte(index) == separator) { index += 1 }
          }
        }
      } else if first == UInt8(ascii: ".") {
        index += 1
        while Text.isDigit(byte(index)) { index += 1 }
      } else if Text.isLetter(first) || first >= 0x80 {
        type = .string
        while Text.isLetter(byte(index)) || byte(index) >= 0x80 { index += 1 }
        var isNameOrDate = false
        if [UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: ".")].contains(byte(index)) {
          isNameOrDate = true
        } else if byte(index) == UInt8(ascii: "+") || Text.isDigit(byte(index)) {
          // `T05` and `jan5` are two fields, `GMT+5` is one.
          let word = text[start..<index].map { Text.lower($0) }
          isNameOrDate = DateTimeWord.find(word) == nil
        }
        if isNameOrDate {
          type = .date
          while isWordByte(byte(index)) || (index < text.count && "+-/_.:".utf8.contains(byte(index))) { index += 1 }
        }
      } else if first == UInt8(ascii: "+") || first == UInt8(ascii: "-") {
        index += 1
        while index < text.count, Text.isBlank(text[index]) { index += 1 }
        var bytes = [first]
        let tail = index
        if Text.isDigit(byte(index)) {
          type = .zone
          while Text.isDigit(byte(index)) || (index < text.count && ":.-".utf8.contains(byte(index))) { index += 1 }
        } else if Text.isLetter(byte(index)) {
          type = .special
          while Text.isLetter(byte(index)) { index += 1 }
        } else {
          throw .format
        }
        bytes.append(contentsOf: text[tail..<index].map { Text.lower($0) })
        fields.append(Field(type: type, bytes: bytes))
        continue
      } else if first > 0x20 && first < 0x7F {
        // Other punctuation separates.
        index += 1
        continue
      } else {
        throw .format
      }
      fields.append(Field(type: type, bytes: text[start..<index].map { Text.lower($0) }))
    }
    return fields
  }

  /// Digits only; nil when there are none or the number leaves 32 bits.
  static func integer(_ digits: ArraySlice<UInt8>) -> Int64? {
    if digits.isEmpty { return nil }
    var value: Int64 = 0
    for digit in digits {
      guard Text.isDigit(digit) else { return nil }
      value = value * 10 + Int64(digit - 48)
      if value > Int64(Int32.max) { return nil }
    }
    return value
  }

  /// The digits behind a decimal point in units of 10^-digits, rounded; 10^digits at most.
  static func fraction(_ bytes: ArraySlice<UInt8>, digits: Int) throws(Fault) -> Int64 {
    var value: Int64 = 0
    var count = 0
    for byte in bytes {
      guard Text.isDigit(byte) else { throw .format }
      if count < digits {
        value = value * 10 + Int64(byte - 48)
      } else if count == digits, byte >= UInt8(ascii: "5") {
        // Half to even beyond this digit, as rint does on the binary fraction: exact halves are the only
        // ties.
        let isTie = byte == UInt8(ascii: "5") && bytes.dropFirst(digits + 1).allSatisfy { $0 == 48 }
        if !isTie || value & 1 == 1 { value += 1 }
      }
      count += 1
    }
    while count < digits {
      value *= 10
      count += 1
    }
    return value
  }

  /// `-8`, `+05:30`, `-0330`, `+01:02:03` in seconds east of Greenwich.
  static func offset(_ bytes: [UInt8]) throws(Fault) -> Int {
    guard bytes.count > 1, bytes[0] == UInt8(ascii: "+") || bytes[0] == UInt8(ascii: "-") else { throw .format }
    let parts = bytes[1...].split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard parts.count <= 3 else { throw .format }
    var numbers: [Int] = []
    for part in parts {
      guard part.allSatisfy({ Text.isDigit($0) }), !part.isEmpty else { throw .format }
      guard let value = integer(part) else { throw .displacement }
      numbers.append(Int(value))
    }
    if numbers.count == 1 && bytes.count > 3 { numbers = [numbers[0] / 100, numbers[0] % 100] }
    while numbers.count < 3 { numbers.append(0) }
    guard numbers[0] <= 15, numbers[1] < 60, numbers[2] < 60 else { throw .displacement }
    let seconds = numbers[0] * 3600 + numbers[1] * 60 + numbers[2]
    return bytes[0] == UInt8(ascii: "-") ? -seconds : seconds
  }
}

/// The words of dates.
enum DateTimeWord {
  case ignore, now, epoch, infinity, negativeInfinity, allBalls, weekday, daylightModifier, am, pm, ad, bc, time
  case relativeDay(Int64)
  case month(Int)
  case unit(String)

  /// `word` in lower case.
  static func find(_ word: [UInt8]) -> DateTimeWord? { table[String(decoding: word, as: UTF8.self)] }

  private static let table: [String: DateTimeWord] = {
    var table: [String: DateTimeWord] = [
      "now": .now, "epoch": .epoch, "infinity": .infinity, "-infinity": .negativeInfinity, "allballs": .allBalls,
      "dst": .daylightModifier, "am": .am, "pm": .pm, "ad": .ad, "bc": .bc, "t": .time, "at": .ignore, "on": .ignore,
      "today": .relativeDay(0), "tomorrow": .relativeDay(1), "yesterday": .relativeDay(-1), "sept": .month(9),
      "tues": .weekday, "weds": .weekday, "thur": .weekday, "thurs": .weekday, "j": .unit("j"), "jd": .unit("j"),
      "julian": .unit("j"),
    ]
    let months = [
      "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
      "december",
    ]
    for (index, name) in months.enumerated() {
      table[name] = .month(index + 1)
      table[String(name.prefix(3))] = .month(index + 1)
    }
    for name in ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"] {
      table[name] = .weekday
      table[String(name.prefix(3))] = .weekday
    }
    for unit in ["y", "m", "d", "h", "mm", "s"] { table[unit] = .unit(unit) }
    return table
  }()
}
