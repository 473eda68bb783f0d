// HOT: One pass over a statement's tokens that takes out literals, so that statements which differ only in
// them share one cached plan: the simple protocol's answer to drivers that interpolate on the client.
//
// Contract: two texts with the same key parse to the same tree up to positions, and up to the values of
// `.extractedLiteral` nodes of equal kinds. Taken out are only literals in places where a bound parameter
// means the same: VALUES of INSERT, SET of UPDATE, and comparisons, IN lists and BETWEEN in WHERE and ON.
// Everything else stays in the key: select lists, GROUP BY, ORDER BY and LIMIT (ordinals, matching of equal
// expressions), function arguments and type modifiers, typed literals, arithmetic and JSON keys in
// conditions (they may match an index's expression), ON CONFLICT's target (it must match an index).
// When in doubt the literal stays; when the statement is unusual the whole is declined.

/// A statement's text without its literals, and the literals.
public struct LiteralExtraction: Sendable, Equatable {
  /// The normalized text: equal for statements that can share a plan. Not meant to be parsed.
  public var key: [UInt8]
  /// In order of position; `.extractedLiteral` nodes index into this.
  public var literals: [ExtractedLiteral]

  /// Extracts from a single SELECT, INSERT, UPDATE or DELETE; `nil` when the statement is to be planned as
  /// it stands: other statements, several statements, parameters, errors, too long or too many literals.
  public static func extract(_ sql: [UInt8]) -> LiteralExtraction? {
    guard sql.count <= SyntaxLimits.maximumExtractionLength else { return nil }
    return sql.withUnsafeBufferPointer { source in
      guard SourceText.firstInvalidByte(source) == nil else { return nil }
      var pass = ExtractionPass(source)
      return pass.run()
    }
  }
}

/// The state of one pass.
private struct ExtractionPass {
  /// What a literal at the current place is part of.
  enum Region: UInt8 {
    /// Literals stay in the key, also those of sub-selects: two equal expressions must stay equal.
    case fixed
    /// FROM: literals stay, but sub-selects are looked into.
    case from
    /// VALUES of INSERT, or SET: literals are taken out after any operator.
    case values
    /// WHERE or ON: literals are taken out where they are compared.
    case condition
  }
  /// What a pair of parentheses (or brackets) returns to.
  struct Level {
    var region: Region
    /// Inside a call's, type's or subscript's brackets nothing is taken out.
    var isOpaque: Bool
    var awaitsAnd: Bool
  }

  let source: UnsafeBufferPointer<UInt8>
  var lexer: Lexer
  var key: [UInt8] = []
  var literals: [ExtractedLiteral] = []
  var region = Region.fixed
  var isOpaque = false
  /// BETWEEN was seen and its AND not yet.
  var awaitsAnd = false
  var levels: [Level] = []
  var previous = Token(.endOfInput, 0, 0)
  var beforePrevious = Token(.endOfInput, 0, 0)
  var isInsert = false
  var isUpdate = false
  /// Between CONFLICT and DO: the target must match an index.
  var isInConflictTarget = false

  init(_ source: UnsafeBufferPointer<UInt8>) {
    self.source = source
    lexer = Lexer(source)
    key.reserveCapacity(source.count + 16)
  }

  mutating func run() -> LiteralExtraction? {
    var token = lexer.next()
    switch token.keyword {
    case .select: break
    case .insert: isInsert = true
    case .update: isUpdate = true
    case .delete: break
    default: return nil
    }
    var next = lexer.next()
    while token.kind != .endOfInput {
      switch token.kind {
      case .failure, .parameter, .other: return nil
      case .keyword where token.keyword == .system && previous.keyword == .of:
        // AS OF SYSTEM TIME: its time is no parameter.
        return nil
      case .keyword where token.keyword == .nchar && token.end - token.start == 1:
        // N'text' would have the key of a literal of a type named n.
        return nil
      case .semicolon:
        // Only trailing semicolons.
        while next.kind == .semicolon { next = lexer.next() }
        guard next.kind == .endOfInput else { return nil }
        return LiteralExtraction(key: key, literals: literals)
      case .minus:
        if isTakenHere, previous.kind != .minus, next.kind == .integerConstant || next.kind == .number {
          let after = lexer.next()
          if staysWith(after, isNumber: true) {
            copy(token)
            shift(&token, &next, after)
            continue
          }
          guard take(next, sign: token) else { return nil }
          previous = next
          beforePrevious = token
          token = after
          next = lexer.next()
          continue
        }
        copy(token)
      case .integerConstant, .number, .string, .escapeString, .dollarString:
        if isTakenHere, !staysWith(next, isNumber: token.kind == .integerConstant || token.kind == .number) {
          guard take(token, sign: nil) else { return nil }
        } else {
          copy(token)
        }
      default:
        copy(token)
        note(token, next)
      }
      beforePrevious = previous
      previous = token
      token = next
      next = lexer.next()
    }
    return LiteralExtraction(key: key, literals: literals)
  }

  /// Moves on by one token when the one after `next` was already read: `next` is a number that stays.
  private mutating func shift(_ token: inout Token, _ next: inout Token, _ after: Token) {
    copy(next)
    beforePrevious = token
    previous = next
    token = after
    next = lexer.next()
  }

  /// Appends a token to the key: words folded, the rest as it stands, a space after each.
  private mutating func copy(_ token: Token) {
    let isWord = token.kind == .keyword || token.kind == .identifier
    for at in Int(token.start)..<Int(token.end) { key.append(isWord ? foldASCII(source[at]) : source[at]) }
    key.append(0x20)
  }

  /// Whether what follows a literal must see the literal itself: subscripts, UESCAPE, and casts of numbers
  /// (the sign before a number belongs to the result of its cast).
  private func staysWith(_ next: Token, isNumber: Bool) -> Bool {
    next.kind == .leftBracket || next.kind == .dot || next.keyword == .uescape
      || isNumber && next.kind == .typecast
  }

  /// Takes out a literal; false when the statement is to be declined.
  private mutating func take(_ token: Token, sign: Token?) -> Bool {
    guard literals.count < SyntaxLimits.maximumExtractedLiterals else { return false }
    var kind = ExtractedLiteral.Kind.string
    var text: [UInt8]
    switch token.kind {
    case .integerConstant, .number:
      text = sign == nil ? [] : [UInt8(ascii: "-")]
      text.append(contentsOf: source[Int(token.start)..<Int(token.end)])
      kind = ExtractionPass.numericKind(text)
    case .dollarString: text = SourceText.dollarContent(source, token)
    case .escapeString:
      var strings = EscapedStrings(source)
      // What is wrong with its escapes the parser will say.
      guard let content = try? strings.escapeString(token) else { return false }
      text = content
    default: text = SourceText.unquoted(source, token, quote: UInt8(ascii: "'"), prefix: 0)
    }
    literals.append(
      ExtractedLiteral(kind: kind, text: text, position: SourcePosition(sign?.start ?? token.start)))
    // A control byte begins no token, so a placeholder cannot be mistaken for text.
    key.append(0x01 + kind.rawValue)
    key.append(0x20)
    return true
  }

  /// How PostgreSQL types a number: int4, int8, or numeric.
  private static func numericKind(_ text: [UInt8]) -> ExtractedLiteral.Kind {
    var value: Int64 = 0
    let isNegative = text.first == UInt8(ascii: "-")
    for byte in text.dropFirst(isNegative ? 1 : 0) {
      guard byte >= 48, byte <= 57 else { return .numeric }
      let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
      let digit = Int64(byte - 48)
      let (sum, carried) =
        isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
      if overflowed || carried { return .numeric }
      value = sum
    }
    return Int32(exactly: value) == nil ? .bigInteger : .integer
  }

  /// Whether a literal that follows `previous` is taken out.
  private var isTakenHere: Bool {
    guard !isOpaque, region != .fixed else { return false }
    switch previous.kind {
    case .equals, .less, .greater, .lessEquals, .greaterEquals, .notEquals:
      // `1 = 1` is decided by the planner, not at run time.
      return !isLiteral(beforePrevious)
    case .leftParen, .comma: return true
    case .plus, .minus, .star, .slash, .percent: return region == .values
    case .op: return region == .values && isConcatenation(previous)
    case .keyword:
      switch previous.keyword {
      case .like, .ilike, .between, .symmetric, .asymmetric: return region == .condition
      case .and: return region == .condition && lastAndEndsBetween
      default: return false
      }
    default: return false
    }
  }

  private var lastAndEndsBetween = false

  private func isLiteral(_ token: Token) -> Bool {
    switch token.kind {
    case .integerConstant, .number, .string, .escapeString, .dollarString, .unicodeString, .bitString, .hexString: true
    default: token.keyword == .true || token.keyword == .false || token.keyword == .null
    }
  }

  private func isConcatenation(_ token: Token) -> Bool {
    token.end - token.start == 2 && source[Int(token.start)] == UInt8(ascii: "|")
      && source[Int(token.start) + 1] == UInt8(ascii: "|")
  }

  /// Follows clauses and parentheses.
  private mutating func note(_ token: Token, _ next: Token) {
    switch token.kind {
    case .leftParen:
      levels.append(Level(region: region, isOpaque: isOpaque, awaitsAnd: awaitsAnd))
      awaitsAnd = false
      if next.keyword == .select {
        // A sub-select starts over with its select list, unless what holds it must keep its literals.
        isOpaque = isOpaque || region == .fixed
        region = .fixed
      } else if !opensList {
        isOpaque = true
      }
    case .leftBracket:
      levels.append(Level(region: region, isOpaque: isOpaque, awaitsAnd: awaitsAnd))
      awaitsAnd = false
      isOpaque = true
    case .rightParen, .rightBracket:
      if let level = levels.popLast() {
        region = level.region
        isOpaque = level.isOpaque
        awaitsAnd = level.awaitsAnd
      }
    case .keyword: noteKeyword(token.keyword)
    default: break
    }
  }

  /// Whether the parenthesis that follows `previous` encloses plain expressions: a list after IN or VALUES, a
  /// group after an operator or a logical word; not a call's arguments or a type's modifiers.
  private var opensList: Bool {
    switch previous.kind {
    case .equals, .less, .greater, .lessEquals, .greaterEquals, .notEquals, .plus, .minus, .star, .slash,
      .percent, .leftParen, .comma:
      return true
    case .keyword:
      switch previous.keyword {
      case .in, .values, .and, .or, .not, .where, .on, .any, .some, .all: return true
      default: return false
      }
    default: return false
    }
  }

  private mutating func noteKeyword(_ keyword: Keyword) {
    lastAndEndsBetween = false
    switch keyword {
    case .where:
      if !isInConflictTarget { region = .condition }
      awaitsAnd = false
    case .on:
      // DISTINCT ON is part of the select list.
      if previous.keyword != .distinct { region = .condition }
      awaitsAnd = false
    case .between: awaitsAnd = true
    case .and:
      lastAndEndsBetween = awaitsAnd
      awaitsAnd = false
    case .values where isInsert && levels.isEmpty: region = .values
    case .set where (isUpdate || isInsert) && levels.isEmpty: region = .values
    case .conflict:
      isInConflictTarget = true
      region = .fixed
    case .do: isInConflictTarget = false
    case .from:
      // IS DISTINCT FROM begins no clause.
      if previous.keyword != .distinct { region = .from }
    case .using, .join, .inner, .left, .right, .full, .cross, .natural, .lateral:
      // In a condition these can only be functions' names; what follows stays in the key, which is safe.
      if region != .fixed { region = .from }
    case .select, .group, .having, .order, .limit, .offset, .fetch, .returning, .window, .union, .intersect,
      .except, .for, .tablesample:
      region = .fixed
    default: break
    }
  }
}
