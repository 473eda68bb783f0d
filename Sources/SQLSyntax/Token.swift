// HOT: A token is 12 bytes: what it is and where it stands. Text is decoded from the source only when needed.
//
// Contract: a token's range is what PostgreSQL quotes in `syntax error at or near "…"`.

/// What a token is.
enum TokenKind: UInt8, Sendable {
  case endOfInput
  /// The lexer could not go on; the error waits in `Lexer.failure`.
  case failure
  case keyword
  case identifier
  /// `"Name"`
  case quotedIdentifier
  /// `U&"Name"`
  case unicodeIdentifier
  /// `'text'`
  case string
  /// `E'text'`
  case escapeString
  /// `U&'text'`
  case unicodeString
  /// `$tag$text$tag$`
  case dollarString
  case bitString
  case hexString
  /// Digits that fit int4.
  case integerConstant
  /// Any other number.
  case number
  /// `$1`
  case parameter
  /// An operator of more than one character, or of one that has no kind of its own.
  case op
  case plus, minus, star, slash, percent, caret, less, greater, equals
  case lessEquals, greaterEquals, notEquals
  /// `=>`
  case arrow
  /// `:=`
  case colonEquals
  /// `::`
  case typecast
  /// `..`
  case dotDot
  case leftParen, rightParen, leftBracket, rightBracket, comma, semicolon, dot, colon
  /// A byte that begins no token.
  case other
}

/// One token of the source.
struct Token: Sendable {
  var kind: TokenKind
  /// For strings and quoted identifiers: the text is the bytes between the quotes as they are.
  var isPlain: Bool
  /// `.absent` unless `kind` is `.keyword`.
  var keyword: Keyword
  var start: Int32
  var end: Int32

  @inline(__always)
  init(_ kind: TokenKind, _ start: Int, _ end: Int, keyword: Keyword = .absent, isPlain: Bool = true) {
    self.kind = kind
    self.isPlain = isPlain
    self.keyword = keyword
    self.start = Int32(truncatingIfNeeded: start)
    self.end = Int32(truncatingIfNeeded: end)
  }
}
