// Translates PostgreSQL's advanced regular expressions (AREs) into PCRE2's language. What both share passes through; what
// they write differently is rewritten; what PCRE2 alone knows (\Q, \K, possessive quantifiers, …) is an error, as in PostgreSQL.
// Source: PostgreSQL manual, 9.7.3; pcre2pattern(3).

import SQLTypes

/// The flags of a regular expression: embedded ones, or the letters of `regexp_replace`'s last argument.
struct RegularExpressionFlags: Hashable {
  var ignoresCase = false
  /// `.` and negated brackets do not match a newline (`n`, `m`, `p`).
  var dotStopsAtNewline = false
  /// `^` and `$` match at newlines (`n`, `m`, `w`).
  var anchorsAtNewlines = false
  var isExpanded = false
  var isLiteral = false
  var isGlobal = false

  init(ignoresCase: Bool = false) { self.ignoresCase = ignoresCase }

  /// - Parameter allowsGlobal: whether `g` is among the letters.
  init(letters: Bytes, allowsGlobal: Bool) throws(SQLError) {
    for letter in letters {
      if letter == UInt8(ascii: "g") && allowsGlobal {
        isGlobal = true
      } else if !apply(letter) {
        throw SQLError(
          .invalidParameterValue,
          "invalid regular expression option: \"\(String(decoding: [letter], as: UTF8.self))\"")
      }
    }
  }

  mutating func apply(_ letter: UInt8) -> Bool {
    switch letter {
    case UInt8(ascii: "i"): ignoresCase = true
    case UInt8(ascii: "c"): ignoresCase = false
    case UInt8(ascii: "n"), UInt8(ascii: "m"):
      dotStopsAtNewline = true
      anchorsAtNewlines = true
    case UInt8(ascii: "s"):
      dotStopsAtNewline = false
      anchorsAtNewlines = false
    case UInt8(ascii: "p"):
      dotStopsAtNewline = true
      anchorsAtNewlines = false
    case UInt8(ascii: "w"):
      dotStopsAtNewline = false
      anchorsAtNewlines = true
    case UInt8(ascii: "x"): isExpanded = true
    case UInt8(ascii: "t"): isExpanded = false
    case UInt8(ascii: "q"): isLiteral = true
    // EREs and BREs are near enough to be read as AREs.
    case UInt8(ascii: "e"), UInt8(ascii: "b"): break
    default: return false
    }
    return true
  }
}

struct RegularExpressionSyntax {
  private var pattern: ArraySlice<UInt8>
  private(set) var output: [UInt8] = []
  private(set) var flags: RegularExpressionFlags
  /// Whether something stands before that a quantifier can repeat.
  private var canRepeat = false

  static func invalid(_ reason: String) -> SQLError {
    SQLError(.invalidRegularExpression, "invalid regular expression: \(reason)")
  }

  init(_ pattern: [UInt8], _ flags: RegularExpressionFlags) throws(SQLError) {
    self.pattern = pattern[...]
    self.flags = flags
    try readDirectors()
    if self.flags.isLiteral {
      output = Array(self.pattern)
    } else {
      while let byte = self.pattern.popFirst() { try translate(byte) }
    }
  }

  /// `***:`, `***=` and `(?flags)` at the very beginning.
  private mutating func readDirectors() throws(SQLError) {
    if flags.isLiteral { return }
    if pattern.starts(with: "***".utf8) {
      switch pattern.dropFirst(3).first {
      case UInt8(ascii: "="):
        flags.isLiteral = true
        pattern = pattern.dropFirst(4)
        return
      case UInt8(ascii: ":"): pattern = pattern.dropFirst(4)
      default: throw RegularExpressionSyntax.invalid("quantifier operand invalid")
      }
    }
    guard pattern.starts(with: "(?".utf8) else { return }
    let letters = pattern.dropFirst(2).prefix { $0 | 0x20 &- 97 < 26 || ($0 >= 97 && $0 <= 122) }
    guard !letters.isEmpty, pattern.dropFirst(2 + letters.count).first == UInt8(ascii: ")") else { return }
    for letter in letters where !flags.apply(letter) {
      throw RegularExpressionSyntax.invalid("invalid embedded option")
    }
    pattern = pattern.dropFirst(letters.count + 3)
  }

  private mutating func emit(_ text: StaticString) { output.append(text) }

  /// A byte that stands for itself.
  private mutating func emitLiteral(_ byte: UInt8) {
    if byte < 0x80 && !(byte &- 48 < 10 || byte | 0x20 &- 97 < 26) && !(byte >= 65 && byte <= 90)
      && !(byte >= 97 && byte <= 122)
    {
      if byte < 0x20 {
        emitCode(UInt32(byte))
        return
      }
      output.append(UInt8(ascii: "\\"))
    }
    output.append(byte)
  }

  private mutating func emitCode(_ code: UInt32) {
    emit("\\x{")
    output.append(contentsOf: String(code, radix: 16).utf8)
    emit("}")
  }

  private mutating func translate(_ byte: UInt8) throws(SQLError) {
    switch byte {
    case UInt8(ascii: "\\"):
      try translateEscape(inBrackets: false)
    case UInt8(ascii: "["):
      try translateBrackets()
      canRepeat = true
    case UInt8(ascii: "("):
      if pattern.first == UInt8(ascii: "?") {
        for opening in ["?:", "?=", "?!", "?<=", "?<!"] where pattern.starts(with: opening.utf8) {
          output.append(byte)
          output.append(contentsOf: opening.utf8)
          pattern = pattern.dropFirst(opening.utf8.count)
          canRepeat = false
          return
        }
        if pattern.dropFirst().first == UInt8(ascii: "#") {
          // A comment.
          guard let end = pattern.firstIndex(of: UInt8(ascii: ")")) else {
            throw RegularExpressionSyntax.invalid("parentheses () not balanced")
          }
          pattern = pattern[(end + 1)...]
          return
        }
        throw RegularExpressionSyntax.invalid("quantifier operand invalid")
      }
      output.append(byte)
      canRepeat = false
    case UInt8(ascii: ")"):
      output.append(byte)
      canRepeat = true
    case UInt8(ascii: "|"):
      output.append(byte)
      canRepeat = false
    case UInt8(ascii: "^"):
      output.append(byte)
      canRepeat = false
    case UInt8(ascii: "$"):
      output.append(byte)
      canRepeat = false
    case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"):
      try quantified()
      output.append(byte)
      finishQuantifier()
    case UInt8(ascii: "{"):
      guard let next = pattern.first, next &- 48 < 10 else {
        emitLiteral(byte)
        canRepeat = true
        return
      }
      try quantified()
      try translateBounds()
      finishQuantifier()
    case UInt8(ascii: "#") where flags.isExpanded, 0x20 where flags.isExpanded, 9...13 where flags.isExpanded:
      if byte == UInt8(ascii: "#") {
        while let next = pattern.first, next != 10 {
          _ = next
          pattern.removeFirst()
        }
      }
    case UInt8(ascii: "."):
      output.append(byte)
      canRepeat = true
    default:
      emitLiteral(byte)
      canRepeat = true
    }
  }

  private func quantified() throws(SQLError) {
    if !canRepeat { throw RegularExpressionSyntax.invalid("quantifier operand invalid") }
  }

  private mutating func finishQuantifier() {
    if pattern.first == UInt8(ascii: "?") {
      output.append(UInt8(ascii: "?"))
      pattern.removeFirst()
    }
    canRepeat = false
  }

  /// `{m}`, `{m,}` or `{m,n}` after the brace; at most 255 repetitions.
  private mutating func translateBounds() throws(SQLError) {
    func number() throws(SQLError) -> Int? {
      var value: Int?
      while let digit = pattern.first, digit &- 48 < 10 {
        let next = (value ?? 0) * 10 + Int(digit - 48)
        if next > 255 { throw RegularExpressionSyntax.invalid("invalid repetition count(s)") }
        value = next
        pattern.removeFirst()
      }
      return value
    }
    let low = try number() ?? 0
    var text = "{\(low)"
    if pattern.first == UInt8(ascii: ",") {
      pattern.removeFirst()
      text += ","
      if let high = try number() {
        if high < low { throw RegularExpressionSyntax.invalid("invalid repetition count(s)") }
        text += String(high)
      }
    }
    guard pattern.first == UInt8(ascii: "}") else {
      throw RegularExpressionSyntax.invalid("invalid repetition count(s)")
    }
    pattern.removeFirst()
    output.append(contentsOf: (text + "}").utf8)
  }

  private mutating func hexadecimal(_ count: Range<Int>) throws(SQLError) -> UInt32 {
    var value: UInt32 = 0
    var read = 0
    while read < count.upperBound, let byte = pattern.first,
      let digit = Int(String(decoding: [byte], as: UTF8.self), radix: 16)
    {
      value = value &* 16 &+ UInt32(digit)
      read += 1
      pattern.removeFirst()
    }
    if read < count.lowerBound || Unicode.Scalar(value) == nil {
      throw RegularExpressionSyntax.invalid("invalid escape \\ sequence")
    }
    return value
  }

  /// What follows a backslash.
  private mutating func translateEscape(inBrackets: Bool) throws(SQLError) {
    guard let byte = pattern.popFirst() else { throw RegularExpressionSyntax.invalid("invalid escape \\ sequence") }
    canRepeat = true
    switch byte {
    case UInt8(ascii: "d"), UInt8(ascii: "s"), UInt8(ascii: "w"):
      output.append(UInt8(ascii: "\\"))
      output.append(byte)
    case UInt8(ascii: "D"), UInt8(ascii: "S"), UInt8(ascii: "W"):
      output.append(UInt8(ascii: "\\"))
      output.append(byte)
    case UInt8(ascii: "a"): emitCode(7)
    case UInt8(ascii: "b"): emitCode(8)
    case UInt8(ascii: "B"): emit("\\\\")
    case UInt8(ascii: "e"): emitCode(0x1B)
    case UInt8(ascii: "f"): emitCode(12)
    case UInt8(ascii: "n"): emitCode(10)
    case UInt8(ascii: "r"): emitCode(13)
    case UInt8(ascii: "t"): emitCode(9)
    case UInt8(ascii: "v"): emitCode(11)
    case UInt8(ascii: "c"):
      guard let control = pattern.popFirst() else {
        throw RegularExpressionSyntax.invalid("invalid escape \\ sequence")
      }
      emitCode(UInt32(control & 0x1F))
    case UInt8(ascii: "u"): emitCode(try hexadecimal(4..<4))
    case UInt8(ascii: "U"): emitCode(try hexadecimal(8..<8))
    case UInt8(ascii: "x"): emitCode(try hexadecimal(1..<7))
    case UInt8(ascii: "0"): emitCode(0)
    case UInt8(ascii: "1")...UInt8(ascii: "9"):
      if inBrackets { throw RegularExpressionSyntax.invalid("invalid escape \\ sequence") }
      var number = Int(byte - 48)
      while let digit = pattern.first, digit &- 48 < 10, number < 100 {
        number = number * 10 + Int(digit - 48)
        pattern.removeFirst()
      }
      output.append(contentsOf: "\\g{\(number)}".utf8)
    case UInt8(ascii: "A") where !inBrackets, UInt8(ascii: "Z") where !inBrackets,
      UInt8(ascii: "m") where !inBrackets, UInt8(ascii: "M") where !inBrackets,
      UInt8(ascii: "y") where !inBrackets, UInt8(ascii: "Y") where !inBrackets:
      switch byte {
      case UInt8(ascii: "A"): emit("\\A")
      case UInt8(ascii: "Z"): emit("\\z")
      case UInt8(ascii: "m"): emit("\\b(?=\\w)")
      case UInt8(ascii: "M"): emit("\\b(?<=\\w)")
      case UInt8(ascii: "y"): emit("\\b")
      default: emit("\\B")
      }
      canRepeat = false
    case 65...90, 97...122: throw RegularExpressionSyntax.invalid("invalid escape \\ sequence")
    default: emitLiteral(byte)
    }
  }

  private static let classes: Set<[UInt8]> = Set(
    [
      "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
      "xdigit",
      "word",
    ].map { Array($0.utf8) })

  /// A bracket expression after its `[`.
  private mutating func translateBrackets() throws(SQLError) {
    if pattern.starts(with: "[:<:]]".utf8) {
      pattern = pattern.dropFirst(6)
      return emit("\\b(?=\\w)")
    }
    if pattern.starts(with: "[:>:]]".utf8) {
      pattern = pattern.dropFirst(6)
      return emit("\\b(?<=\\w)")
    }
    let unbalanced = RegularExpressionSyntax.invalid("brackets [] not balanced")
    emit("[")
    if pattern.first == UInt8(ascii: "^") {
      pattern.removeFirst()
      emit("^")
      if flags.dotStopsAtNewline { emit("\\n") }
    }
    var isFirst = true
    while true {
      guard let byte = pattern.popFirst() else { throw unbalanced }
      switch byte {
      case UInt8(ascii: "]") where !isFirst:
        emit("]")
        return
      case UInt8(ascii: "["):
        guard let kind = pattern.first,
          kind == UInt8(ascii: ":") || kind == UInt8(ascii: ".") || kind == UInt8(ascii: "=")
        else {
          emitLiteral(byte)
          break
        }
        pattern.removeFirst()
        var name: [UInt8] = []
        while true {
          guard let next = pattern.popFirst() else { throw unbalanced }
          if next == kind && pattern.first == UInt8(ascii: "]") {
            pattern.removeFirst()
            break
          }
          name.append(next)
        }
        if kind == UInt8(ascii: ":") {
          guard RegularExpressionSyntax.classes.contains(name) else {
            throw RegularExpressionSyntax.invalid("invalid character class")
          }
          emit("[:")
          output.append(contentsOf: name)
          emit(":]")
        } else {
          guard name.withUnsafeBytes({ UTF8Text.count($0) }) == 1 else {
            throw RegularExpressionSyntax.invalid("invalid collating element")
          }
          for byte in name { emitLiteral(byte) }
        }
      case UInt8(ascii: "\\"): try translateEscape(inBrackets: true)
      case UInt8(ascii: "-"):
        // First or last it stands for itself; else it makes a range.
        if isFirst || pattern.first == UInt8(ascii: "]") { emit("\\-") } else { emit("-") }
      default: emitLiteral(byte)
      }
      isFirst = false
    }
  }
}

extension RegularExpressionFlags {
  init(letters: [UInt8], allowsGlobal: Bool) throws(SQLError) {
    self = try letters.withBytes { (bytes) throws(SQLError) -> RegularExpressionFlags in
      try RegularExpressionFlags(letters: bytes, allowsGlobal: allowsGlobal)
    }
  }
}
