// HOT: Cuts UTF-8 bytes into tokens by the rules of PostgreSQL 15's scanner (manual, section 4.1).
//
// Contract: never fails by itself; what cannot be a token becomes one `.failure` token, after which only
// `.failure` follows, and `failure` says why. So errors surface in the order in which a parser reads tokens.
// The source must be valid UTF-8 without NUL (`SourceText.check`) and outlive the lexer.

import SQLTypes

/// A scanner over one query string.
struct Lexer {
  let source: UnsafeBufferPointer<UInt8>
  private(set) var index = 0
  private(set) var failure: LexicalError?

  init(_ source: UnsafeBufferPointer<UInt8>) { self.source = source }

  /// Why the scanner stopped, and the range that the message quotes.
  struct LexicalError: Sendable {
    var state: SQLState
    var message: String
    var start: Int
    var end: Int
  }

  /// The byte `offset` bytes ahead, 0 past the end (no source holds a NUL).
  @inline(__always)
  private func peek(_ offset: Int) -> UInt8 {
    let at = index + offset
    return at < source.count ? source[at] : 0
  }

  private mutating func fail(
    _ message: String, _ start: Int, _ end: Int, _ state: SQLState = .syntaxError
  ) -> Token {
    failure = LexicalError(state: state, message: message, start: start, end: end)
    index = source.count
    return Token(.failure, start, end)
  }

  @inline(__always)
  private mutating func single(_ kind: TokenKind) -> Token {
    index += 1
    return Token(kind, index - 1, index)
  }

  /// The next token; `.endOfInput` at the end, again and again.
  mutating func next() -> Token {
    if let failure { return Token(.failure, failure.start, failure.end) }
    if let unterminated = skipSpace() { return unterminated }
    guard index < source.count else { return Token(.endOfInput, source.count, source.count) }
    let byte = source[index]
    switch CharacterClass.of(byte) {
    case .letter: return word(byte)
    case .digit: return number()
    case .operator: return operatorToken()
    case .quote: return quoted(.string, start: index, prefix: 0)
    case .other: break
    }
    switch byte {
    case UInt8(ascii: "("): return single(.leftParen)
    case UInt8(ascii: ")"): return single(.rightParen)
    case UInt8(ascii: ","): return single(.comma)
    case UInt8(ascii: ";"): return single(.semicolon)
    case UInt8(ascii: "["): return single(.leftBracket)
    case UInt8(ascii: "]"): return single(.rightBracket)
    case UInt8(ascii: "."):
      if CharacterClass.of(peek(1)) == .digit { return number() }
      if peek(1) == UInt8(ascii: ".") {
        index += 2
        return Token(.dotDot, index - 2, index)
      }
      return single(.dot)
    case UInt8(ascii: ":"):
      if peek(1) == UInt8(ascii: ":") || peek(1) == UInt8(ascii: "=") {
        index += 2
        return Token(source[index - 1] == UInt8(ascii: ":") ? .typecast : .colonEquals, index - 2, index)
      }
      return single(.colon)
    case UInt8(ascii: "\""): return quotedIdentifier(.quotedIdentifier, start: index, prefix: 0)
    case UInt8(ascii: "$"): return dollar()
    default: return single(.other)
    }
  }

  // MARK: - White space and comments

  /// Skips white space and comments; a token only for a comment that never ends.
  private mutating func skipSpace() -> Token? {
    while index < source.count {
      let byte = source[index]
      if Lexer.isSpace(byte) {
        index += 1
      } else if byte == UInt8(ascii: "-"), peek(1) == UInt8(ascii: "-") {
        skipLineComment()
      } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
        let start = index
        guard skipBlockComment() else { return fail("unterminated /* comment", start, source.count) }
      } else {
        return nil
      }
    }
    return nil
  }

  @inline(__always)
  static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x09 || byte == 0x0D || byte == 0x0C
  }

  @inline(__always)
  private static func isNewline(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

  private mutating func skipLineComment() {
    while index < source.count, !Lexer.isNewline(source[index]) { index += 1 }
  }

  /// Comments nest. False when the end came first.
  private mutating func skipBlockComment() -> Bool {
    var depth = 0
    while index < source.count {
      let byte = source[index]
      if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
        depth += 1
        index += 2
      } else if byte == UInt8(ascii: "*"), peek(1) == UInt8(ascii: "/") {
        depth -= 1
        index += 2
        if depth == 0 { return true }
      } else {
        index += 1
      }
    }
    return false
  }

  // MARK: - Words

  private mutating func word(_ first: UInt8) -> Token {
    let start = index
    // A quote right after one of these letters begins a special string.
    let second = peek(1)
    if second == UInt8(ascii: "'") {
      switch first | 0x20 {
      case UInt8(ascii: "e"): return quoted(.escapeString, start: start, prefix: 1)
      case UInt8(ascii: "b"): return quoted(.bitString, start: start, prefix: 1)
      case UInt8(ascii: "x"): return quoted(.hexString, start: start, prefix: 1)
      case UInt8(ascii: "n"):
        // N'text' is NCHAR 'text'.
        index += 1
        return Token(.keyword, start, index, keyword: .nchar)
      default: break
      }
    } else if second == UInt8(ascii: "&"), first | 0x20 == UInt8(ascii: "u") {
      if peek(2) == UInt8(ascii: "'") { return quoted(.unicodeString, start: start, prefix: 2) }
      if peek(2) == UInt8(ascii: "\"") { return quotedIdentifier(.unicodeIdentifier, start: start, prefix: 2) }
    }
    var hash = KeywordTable.seed
    var at = start
    while at < source.count {
      let byte = source[at]
      guard CharacterClass.continuesWord(byte) else { break }
      hash = KeywordTable.mix(hash, foldASCII(byte))
      at += 1
    }
    index = at
    if KeywordTable.lengths.contains(at - start) {
      let keyword = KeywordTable.shared.find(hash, source, start, at)
      if keyword != .absent { return Token(.keyword, start, at, keyword: keyword) }
    }
    return Token(.identifier, start, at)
  }

  private mutating func quotedIdentifier(_ kind: TokenKind, start: Int, prefix: Int) -> Token {
    index = start + prefix + 1
    var isPlain = true
    while index < source.count {
      if source[index] == UInt8(ascii: "\"") {
        index += 1
        if index < source.count, source[index] == UInt8(ascii: "\"") {
          isPlain = false
        } else {
          if index - start - prefix == 2 { return fail("zero-length delimited identifier", start, index) }
          return Token(kind, start, index, isPlain: isPlain)
        }
      }
      index += 1
    }
    return fail("unterminated quoted identifier", start, source.count)
  }

  // MARK: - Strings

  /// A string in single quotes, with its continuations on further lines.
  private mutating func quoted(_ kind: TokenKind, start: Int, prefix: Int) -> Token {
    index = start + prefix + 1
    var isPlain = true
    while true {
      guard index < source.count else { return unterminated(kind, start) }
      let byte = source[index]
      index += 1
      if byte == UInt8(ascii: "\\"), kind == .escapeString {
        isPlain = false
        guard index < source.count else { return unterminated(kind, start) }
        index += 1
      } else if byte == UInt8(ascii: "'") {
        if index < source.count, source[index] == UInt8(ascii: "'") {
          index += 1
          isPlain = false
        } else if let next = continuation() {
          index = next
          isPlain = false
        } else {
          return Token(kind, start, index, isPlain: isPlain)
        }
      }
    }
  }

  /// Where a continuation of the string that just ended goes on: after white space with a newline, and a quote.
  private func continuation() -> Int? {
    var at = index
    var sawNewline = false
    while at < source.count {
      let byte = source[at]
      if Lexer.isNewline(byte) {
        sawNewline = true
      } else if byte == UInt8(ascii: "-"), at + 1 < source.count, source[at + 1] == UInt8(ascii: "-") {
        // A comment may stand between the pieces.
        while at < source.count, !Lexer.isNewline(source[at]) { at += 1 }
        continue
      } else if !Lexer.isSpace(byte) {
        return sawNewline && byte == UInt8(ascii: "'") ? at + 1 : nil
      }
      at += 1
    }
    return nil
  }

  private mutating func unterminated(_ kind: TokenKind, _ start: Int) -> Token {
    switch kind {
    case .bitString: fail("unterminated bit string literal", start, source.count)
    case .hexString: fail("unterminated hexadecimal string literal", start, source.count)
    default: fail("unterminated quoted string", start, source.count)
    }
  }

  /// `$1`, `$tag$text$tag$`, or a lone dollar sign.
  private mutating func dollar() -> Token {
    let start = index
    if CharacterClass.of(peek(1)) == .digit {
      index += 1
      while CharacterClass.of(peek(0)) == .digit { index += 1 }
      if CharacterClass.of(peek(0)) == .letter {
        return junk("trailing junk after parameter", start)
      }
      return Token(.parameter, start, index)
    }
    var at = start + 1
    if at < source.count, CharacterClass.of(source[at]) == .letter {
      at += 1
      while at < source.count, source[at] != UInt8(ascii: "$"), CharacterClass.continuesWord(source[at]) {
        at += 1
      }
    }
    guard at < source.count, source[at] == UInt8(ascii: "$") else { return single(.other) }
    let length = at + 1 - start
    var end = at + 1
    while end + length <= source.count {
      if source[end] == UInt8(ascii: "$") {
        var i = 1
        while i < length, source[end + i] == source[start + i] { i += 1 }
        if i == length {
          index = end + length
          return Token(.dollarString, start, index)
        }
      }
      end += 1
    }
    return fail("unterminated dollar-quoted string", start, source.count)
  }

  // MARK: - Numbers

  private mutating func number() -> Token {
    let start = index
    while CharacterClass.of(peek(0)) == .digit { index += 1 }
    var isInteger = true
    if peek(0) == UInt8(ascii: "."), peek(1) != UInt8(ascii: ".") || index == start {
      isInteger = false
      index += 1
      while CharacterClass.of(peek(0)) == .digit { index += 1 }
    }
    if peek(0) | 0x20 == UInt8(ascii: "e") {
      let hasSign = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-")
      if CharacterClass.of(peek(hasSign ? 2 : 1)) == .digit {
        isInteger = false
        index += hasSign ? 2 : 1
        while CharacterClass.of(peek(0)) == .digit { index += 1 }
      } else if hasSign {
        return fail("trailing junk after numeric literal", start, index + 2)
      } else {
        return junk("trailing junk after numeric literal", start)
      }
    }
    if CharacterClass.of(peek(0)) == .letter {
      return junk("trailing junk after numeric literal", start)
    }
    if isInteger, index - start > 9 {
      // Ten digits and more need the comparison with int4's maximum.
      var value = 0
      for at in start..<index {
        value = value &* 10 &+ Int(source[at] &- 48)
        if value > Int(Int32.max) {
          isInteger = false
          break
        }
      }
    }
    return Token(isInteger ? .integerConstant : .number, start, index)
  }

  /// A word right after a number or parameter: the message quotes both.
  private mutating func junk(_ message: String, _ start: Int) -> Token {
    var end = index
    while end < source.count, CharacterClass.continuesWord(source[end]) { end += 1 }
    return fail(message, start, end)
  }

  // MARK: - Operators

  private mutating func operatorToken() -> Token {
    let start = index
    var end = start + 1
    while end < source.count, CharacterClass.isOperator(source[end]) {
      // A comment ends an operator.
      if (source[end] == UInt8(ascii: "-") && source[end - 1] == UInt8(ascii: "-"))
        || (source[end] == UInt8(ascii: "*") && source[end - 1] == UInt8(ascii: "/"))
      {
        end -= 1
        break
      }
      end += 1
    }
    // A multi-character operator ends in + or - only if it also holds a character outside SQL's own operators.
    while end - start > 1, source[end - 1] == UInt8(ascii: "+") || source[end - 1] == UInt8(ascii: "-") {
      var isSpecial = false
      for at in start..<(end - 1) where CharacterClass.allowsTrailingSign(source[at]) { isSpecial = true }
      if isSpecial { break }
      end -= 1
    }
    index = end
    let first = source[start]
    if end - start == 1 {
      switch first {
      case UInt8(ascii: "+"): return Token(.plus, start, end)
      case UInt8(ascii: "-"): return Token(.minus, start, end)
      case UInt8(ascii: "*"): return Token(.star, start, end)
      case UInt8(ascii: "/"): return Token(.slash, start, end)
      case UInt8(ascii: "%"): return Token(.percent, start, end)
      case UInt8(ascii: "^"): return Token(.caret, start, end)
      case UInt8(ascii: "<"): return Token(.less, start, end)
      case UInt8(ascii: ">"): return Token(.greater, start, end)
      case UInt8(ascii: "="): return Token(.equals, start, end)
      default: return Token(.op, start, end)
      }
    }
    if end - start == 2 {
      switch (first, source[start + 1]) {
      case (UInt8(ascii: "<"), UInt8(ascii: "=")): return Token(.lessEquals, start, end)
      case (UInt8(ascii: ">"), UInt8(ascii: "=")): return Token(.greaterEquals, start, end)
      case (UInt8(ascii: "<"), UInt8(ascii: ">")), (UInt8(ascii: "!"), UInt8(ascii: "=")):
        return Token(.notEquals, start, end)
      case (UInt8(ascii: "="), UInt8(ascii: ">")): return Token(.arrow, start, end)
      default: break
      }
    }
    if end - start > SyntaxLimits.maximumIdentifierLength { return fail("operator too long", start, end) }
    return Token(.op, start, end)
  }
}

/// What a byte may begin.
enum CharacterClass: UInt8 {
  case other, letter, digit, `operator`, quote

  @inline(__always)
  static func of(_ byte: UInt8) -> CharacterClass { table[byte] }

  /// Letters, digits, `_`, `$` and every byte of a multi-byte character.
  @inline(__always)
  static func continuesWord(_ byte: UInt8) -> Bool {
    let kind = of(byte)
    return kind == .letter || kind == .digit || byte == UInt8(ascii: "$")
  }

  @inline(__always)
  static func isOperator(_ byte: UInt8) -> Bool { of(byte) == .operator }

  /// The characters that let an operator end in + or -.
  static func allowsTrailingSign(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "~"), UInt8(ascii: "!"), UInt8(ascii: "@"), UInt8(ascii: "#"), UInt8(ascii: "^"),
      UInt8(ascii: "&"), UInt8(ascii: "|"), UInt8(ascii: "`"), UInt8(ascii: "?"), UInt8(ascii: "%"):
      true
    default: false
    }
  }

  /// 256 classes, built once.
  struct Table: Sendable {
    private let classes: [CharacterClass]
    @inline(__always)
    subscript(_ byte: UInt8) -> CharacterClass { classes[Int(byte)] }
    init() {
      classes = (0..<256).map { code in
        switch UInt8(code) {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
          0x80...0xFF:
          return .letter
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return .digit
        case UInt8(ascii: "'"): return .quote
        case let byte where "~!@#^&|`?+-*/%<>=".utf8.contains(byte): return .operator
        default: return .other
        }
      }
    }
  }
  private static let table = Table()
}
