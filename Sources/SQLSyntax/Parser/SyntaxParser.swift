// HOT: The recursive-descent parser: its state, and the small moves that all productions are made of.
//
// Contract: productions look at `token` and consume it only when it fits; they never go back. Every
// production that can nest calls `enter` and `leave`. `height` is the height of the tallest tree made so far
// within the innermost `enter`: loops that deepen a tree to the left add to it.

import SQLTypes

/// An `SQLError` behind one pointer: every level of the recursion keeps room for the error of each call that may
/// fail, and an `SQLError` is some 200 bytes.
struct ParseFailure: Error {
  private final class Box: Sendable {
    let error: SQLError
    init(_ error: SQLError) { self.error = error }
  }
  private let box: Box
  var error: SQLError { box.error }

  init(
    _ state: SQLState, _ message: String, detail: String? = nil, hint: String? = nil, position: Int? = nil
  ) {
    box = Box(SQLError(state, message, detail: detail, hint: hint, position: position))
  }
}

struct SyntaxParser {
  let source: UnsafeBufferPointer<UInt8>
  private(set) var tokens: [Token]
  private(set) var index = 0
  /// The token under consideration, `tokens[index]`.
  private(set) var token: Token
  private let failure: Lexer.LexicalError?
  private var depth = 0
  var height = 0
  /// The highest `$n` seen in this statement.
  var parameterCount = 0
  /// Literals to replace, in order of position, and how many were met.
  let literals: [ExtractedLiteral]
  var metLiterals = 0

  init(_ source: UnsafeBufferPointer<UInt8>, _ literals: [ExtractedLiteral]) {
    self.source = source
    self.literals = literals
    var lexer = Lexer(source)
    tokens = []
    tokens.reserveCapacity(source.count / 4 + 8)
    while true {
      let token = lexer.next()
      tokens.append(token)
      if token.kind == .endOfInput || token.kind == .failure { break }
    }
    failure = lexer.failure
    token = tokens[0]
  }

  // MARK: - Tokens

  /// Goes on to the next token; at the end stays there.
  @inline(__always)
  mutating func advance() {
    guard index + 1 < tokens.count else { return }
    index += 1
    token = tokens[index]
  }

  /// The token `offset` ahead of the current one.
  @inline(__always)
  func peek(_ offset: Int = 1) -> Token {
    index + offset < tokens.count ? tokens[index + offset] : tokens[tokens.count - 1]
  }

  @inline(__always)
  func isAt(_ kind: TokenKind) -> Bool { token.kind == kind }
  @inline(__always)
  func isAt(_ keyword: Keyword) -> Bool { token.keyword == keyword }
  @inline(__always)
  func isNext(_ keyword: Keyword) -> Bool { peek().keyword == keyword }
  @inline(__always)
  func isNext(_ kind: TokenKind) -> Bool { peek().kind == kind }

  @inline(__always)
  mutating func accept(_ kind: TokenKind) -> Bool {
    guard token.kind == kind else { return false }
    advance()
    return true
  }

  @inline(__always)
  mutating func accept(_ keyword: Keyword) -> Bool {
    guard token.keyword == keyword else { return false }
    advance()
    return true
  }

  /// Both words or neither.
  @inline(__always)
  mutating func accept(_ first: Keyword, _ second: Keyword) -> Bool {
    guard token.keyword == first, peek().keyword == second else { return false }
    advance()
    advance()
    return true
  }

  /// `IF EXISTS`
  mutating func acceptIfExists() throws(ParseFailure) -> Bool {
    guard accept(.if) else { return false }
    try expect(.exists)
    return true
  }

  /// `IF NOT EXISTS`
  mutating func acceptIfNotExists() throws(ParseFailure) -> Bool {
    guard accept(.if) else { return false }
    try expect(.not)
    try expect(.exists)
    return true
  }

  @inline(__always)
  mutating func expect(_ kind: TokenKind) throws(ParseFailure) {
    guard token.kind == kind else { throw syntaxError() }
    advance()
  }

  @inline(__always)
  mutating func expect(_ keyword: Keyword) throws(ParseFailure) {
    guard token.keyword == keyword else { throw syntaxError() }
    advance()
  }

  func expectEnd() throws(ParseFailure) {
    guard token.kind == .endOfInput else { throw syntaxError() }
  }

  /// Where the current token begins.
  @inline(__always)
  var position: SourcePosition { SourcePosition(token.start) }

  /// Where the last consumed token ends.
  var previousEnd: Int { index > 0 ? Int(tokens[index - 1].end) : 0 }

  // MARK: - Errors

  func characterPosition(_ offset: Int) -> Int {
    var count = 1
    for at in 0..<min(offset, source.count) where source[at] & 0xC0 != 0x80 { count += 1 }
    return count
  }

  func text(_ start: Int, _ end: Int) -> String {
    String(decoding: UnsafeBufferPointer(rebasing: source[start..<end]), as: UTF8.self)
  }

  /// `syntax error at or near` the current token, or what the lexer could not read there.
  func syntaxError() -> ParseFailure { syntaxError(at: token) }

  func syntaxError(at token: Token) -> ParseFailure {
    if token.kind == .failure, let failure {
      return ParseFailure(
        failure.state, "\(failure.message) at or near \"\(text(failure.start, failure.end))\"",
        position: characterPosition(failure.start))
    }
    let position = characterPosition(Int(token.start))
    if token.kind == .endOfInput {
      return ParseFailure(.syntaxError, "syntax error at end of input", position: position)
    }
    return ParseFailure(
      .syntaxError, "syntax error at or near \"\(text(Int(token.start), Int(token.end)))\"",
      position: position)
  }

  /// An error of the grammar's actions, pointing at `position`.
  func grammarError(
    _ message: String, _ position: SourcePosition, state: SQLState = .syntaxError, detail: String? = nil,
    hint: String? = nil
  ) -> ParseFailure {
    ParseFailure(
      state, message, detail: detail, hint: hint,
      position: position.offset >= 0 ? characterPosition(Int(position.offset)) : nil)
  }

  // MARK: - Depth

  /// One level deeper. Each call is paired with `leave` unless an error ends the parse.
  @inline(__always)
  mutating func enter() throws(ParseFailure) {
    depth += 1
    if depth > SyntaxLimits.maximumDepth { throw tooDeep() }
  }

  @inline(__always)
  mutating func leave() { depth -= 1 }

  /// One level more on the left side of the tree being made.
  @inline(__always)
  mutating func grow() throws(ParseFailure) {
    height += 1
    if height > SyntaxLimits.maximumDepth { throw tooDeep() }
  }

  func tooDeep() -> ParseFailure {
    ParseFailure(
      .statementTooComplex, "stack depth limit exceeded",
      hint: "The statement nests deeper than \(SyntaxLimits.maximumDepth) levels; write it flatter or in parts.")
  }

  // MARK: - Names

  /// Whether a token can be a ColId: an identifier, or a word that is unreserved or a column name.
  @inline(__always)
  func isColumnID(_ token: Token) -> Bool {
    switch token.kind {
    case .identifier, .quotedIdentifier, .unicodeIdentifier: return true
    case .keyword:
      let category = token.keyword.category
      return category == .unreserved || category == .columnName
    default: return false
    }
  }

  /// Whether a token can be a type_function_name.
  func isTypeOrFunctionName(_ token: Token) -> Bool {
    switch token.kind {
    case .identifier, .quotedIdentifier, .unicodeIdentifier: return true
    case .keyword:
      let category = token.keyword.category
      return category == .unreserved || category == .typeOrFunctionName
    default: return false
    }
  }

  /// Whether a token can be a ColLabel: any word.
  @inline(__always)
  func isColumnLabel(_ token: Token) -> Bool {
    switch token.kind {
    case .identifier, .quotedIdentifier, .unicodeIdentifier, .keyword: true
    default: false
    }
  }

  /// A NonReservedWord.
  func isNonReservedWord(_ token: Token) -> Bool {
    isColumnLabel(token) && (token.kind != .keyword || token.keyword.category != .reserved)
  }

  /// Consumes the current token as a name; the caller has checked that it is one.
  mutating func takeName() throws(ParseFailure) -> Identifier {
    let at = position
    let name: String
    switch token.kind {
    case .keyword: name = token.keyword.text
    case .quotedIdentifier:
      name = SourceText.truncatedName(
        SourceText.unquoted(source, token, quote: UInt8(ascii: "\""), prefix: 0))
    case .unicodeIdentifier:
      name = SourceText.truncatedName(try unicodeContent(quote: UInt8(ascii: "\"")))
      return Identifier(name, position: at)
    default: name = SourceText.foldedName(source, Int(token.start), Int(token.end))
    }
    advance()
    return Identifier(name, position: at)
  }

  /// A ColId, also what the grammar calls `name`.
  @inline(__always)
  mutating func name() throws(ParseFailure) -> Identifier {
    guard isColumnID(token) else { throw syntaxError() }
    return try takeName()
  }

  /// A ColLabel.
  mutating func label() throws(ParseFailure) -> Identifier {
    guard isColumnLabel(token) else { throw syntaxError() }
    return try takeName()
  }

  mutating func nonReservedWord() throws(ParseFailure) -> Identifier {
    guard isNonReservedWord(token) else { throw syntaxError() }
    return try takeName()
  }

  /// `a`, `a.b`, `a.b.c`: qualified_name and any_name.
  mutating func qualifiedName() throws(ParseFailure) -> QualifiedName {
    guard isColumnID(token) else { throw syntaxError() }
    return try qualifiedName(try takeName())
  }

  /// The rest of a dotted name after its first part.
  mutating func qualifiedName(_ first: Identifier) throws(ParseFailure) -> QualifiedName {
    guard isAt(.dot) else { return QualifiedName(first) }
    var parts = [first]
    while accept(.dot) { parts.append(try label()) }
    return try qualifiedName(parts)
  }

  func qualifiedName(_ parts: [Identifier]) throws(ParseFailure) -> QualifiedName {
    switch parts.count {
    case 1: return QualifiedName(parts[0])
    case 2: return QualifiedName(parts[1], schema: parts[0])
    case 3: return QualifiedName(parts[2], schema: parts[1], catalog: parts[0])
    default:
      let dotted = parts.map(\.text).joined(separator: ".")
      throw grammarError(
        "improper qualified name (too many dotted names): \(dotted)", parts.first?.position ?? .unknown)
    }
  }

  mutating func names() throws(ParseFailure) -> [Identifier] {
    var list = [try name()]
    while accept(.comma) { list.append(try name()) }
    return list
  }

  /// `(a, b)`
  mutating func parenthesizedNames() throws(ParseFailure) -> [Identifier] {
    try expect(.leftParen)
    let list = try names()
    try expect(.rightParen)
    return list
  }

  /// `(a, b)` or nothing.
  mutating func optionalNames() throws(ParseFailure) -> [Identifier] {
    isAt(.leftParen) ? try parenthesizedNames() : []
  }

  mutating func qualifiedNames() throws(ParseFailure) -> [QualifiedName] {
    var list = [try qualifiedName()]
    while accept(.comma) { list.append(try qualifiedName()) }
    return list
  }

  // MARK: - Constants

  var isAtString: Bool {
    switch token.kind {
    case .string, .escapeString, .unicodeString, .dollarString: true
    default: false
    }
  }

  /// An Sconst: the content of the current string token.
  mutating func string() throws(ParseFailure) -> [UInt8] {
    let content: [UInt8]
    switch token.kind {
    case .string: content = SourceText.unquoted(source, token, quote: UInt8(ascii: "'"), prefix: 0)
    case .dollarString: content = SourceText.dollarContent(source, token)
    case .escapeString:
      var strings = EscapedStrings(source)
      do {
        content = try strings.escapeString(token)
      } catch {
        throw sqlError(error)
      }
    case .unicodeString: return try unicodeContent(quote: UInt8(ascii: "'"))
    default: throw syntaxError()
    }
    advance()
    return content
  }

  mutating func stringText() throws(ParseFailure) -> String { String(decoding: try string(), as: UTF8.self) }

  /// The content of a `U&` token, with the UESCAPE that may follow it; consumes both.
  private mutating func unicodeContent(quote: UInt8) throws(ParseFailure) -> [UInt8] {
    let quoted = token
    var escape = UInt8(ascii: "\\")
    advance()
    if isAt(.uescape) {
      advance()
      guard token.kind == .string else {
        if token.kind == .failure { throw syntaxError() }
        throw quoting("UESCAPE must be followed by a simple string literal", token)
      }
      let content = try string()
      guard content.count == 1, SyntaxParser.isUnicodeEscape(content[0]) else {
        throw quoting("invalid Unicode escape character", tokens[index - 1])
      }
      escape = content[0]
    }
    var strings = EscapedStrings(source)
    do {
      return try strings.unicode(quoted, quote: quote, escape: escape)
    } catch {
      throw sqlError(error)
    }
  }

  private static func isUnicodeEscape(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "+"), UInt8(ascii: "'"), UInt8(ascii: "\""):
      false
    default: !Lexer.isSpace(byte)
    }
  }

  func quoting(_ message: String, _ token: Token) -> ParseFailure {
    let near =
      token.kind == .endOfInput ? "at end of input" : "at or near \"\(text(Int(token.start), Int(token.end)))\""
    return ParseFailure(.syntaxError, "\(message) \(near)", position: characterPosition(Int(token.start)))
  }

  private func sqlError(_ error: EscapeError) -> ParseFailure {
    var message = error.message
    if let end = error.quotesUpTo { message += " at or near \"\(text(error.offset, end))\"" }
    return ParseFailure(
      error.state, message, detail: error.detail, hint: error.hint,
      position: error.hasPosition ? characterPosition(error.offset) : nil)
  }

  /// The value of a token of digits, `nil` beyond int8.
  func integerValue(_ token: Token) -> Int64? {
    var value: Int64 = 0
    for at in Int(token.start)..<Int(token.end) {
      let byte = source[at]
      guard byte >= 48, byte <= 57 else { return nil }
      let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
      let (sum, carried) = product.addingReportingOverflow(Int64(byte - 48))
      if overflowed || carried { return nil }
      value = sum
    }
    return value
  }

  /// An Iconst: digits that fit int4.
  mutating func integer() throws(ParseFailure) -> Int32 {
    guard token.kind == .integerConstant, let value = integerValue(token) else { throw syntaxError() }
    advance()
    return Int32(truncatingIfNeeded: value)
  }

  /// A SignedIconst.
  mutating func signedInteger() throws(ParseFailure) -> Int32 {
    if accept(.minus) { return 0 &- (try integer()) }
    _ = accept(.plus)
    return try integer()
  }

  var isAtNumber: Bool { token.kind == .integerConstant || token.kind == .number }

  /// NumericOnly as text with its sign: `-1.5`.
  mutating func signedNumberText() throws(ParseFailure) -> String {
    let isNegative = accept(.minus)
    if !isNegative { _ = accept(.plus) }
    guard isAtNumber else { throw syntaxError() }
    let digits = text(Int(token.start), Int(token.end))
    advance()
    return isNegative ? "-" + digits : digits
  }

  /// NumericOnly where an int8 is wanted.
  mutating func signedInteger64() throws(ParseFailure) -> Int64 {
    let at = position
    let digits = try signedNumberText()
    if let value = Int64(digits) { return value }
    let isWhole = digits.utf8.allSatisfy { $0 == UInt8(ascii: "-") || (48...57).contains($0) }
    throw isWhole
      ? ParseFailure(.numericValueOutOfRange, "value \"\(digits)\" is out of range for type bigint")
      : grammarError("invalid input syntax for type bigint: \"\(digits)\"", at, state: .invalidTextRepresentation)
  }

  // MARK: - Extracted literals

  /// Whether the current token begins a literal that `LiteralExtraction` took out.
  @inline(__always)
  var isAtExtractedLiteral: Bool {
    metLiterals < literals.count && literals[metLiterals].position.offset == token.start
  }

  /// Consumes the tokens of an extracted literal: perhaps a minus sign, and the constant.
  mutating func extractedLiteral() -> Expression {
    let node = Expression.extractedLiteral(index: metLiterals, kind: literals[metLiterals].kind, position)
    metLiterals += 1
    _ = accept(.minus)
    advance()
    return node
  }
}
