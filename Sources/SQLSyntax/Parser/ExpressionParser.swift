// HOT: Operators, by precedence climbing. The levels are those of PostgreSQL 15's grammar (manual, 4.1.6).
//
// Contract: `expression` is a_expr; `restricted` is b_expr, which leaves out what would clash with its
// surroundings (AND of BETWEEN, IN of POSITION, constraints after DEFAULT). Operators that do not associate
// (comparisons, IS, the BETWEEN family) are refused a second time in a row exactly where bison refuses them:
// after a production that ends in an expression.

import SQLTypes

/// How tightly operators bind; higher is tighter.
enum Precedence {
  static let or = 1
  static let and = 2
  static let not = 3
  static let `is` = 4
  static let comparison = 5
  static let between = 6
  static let other = 8
  static let sum = 9
  static let product = 10
  static let power = 11
  static let atTimeZone = 12
  static let collate = 13
  static let sign = 14
  static let typecast = 16
}

extension SyntaxParser {
  /// An a_expr.
  mutating func expression() throws(ParseFailure) -> Expression { try expression(0, restricted: false) }

  /// A b_expr.
  mutating func restrictedExpression() throws(ParseFailure) -> Expression { try expression(0, restricted: true) }

  mutating func expressions() throws(ParseFailure) -> [Expression] {
    var list = [try expression()]
    while accept(.comma) { list.append(try expression()) }
    return list
  }

  /// `(a, b)`
  mutating func parenthesizedExpressions() throws(ParseFailure) -> [Expression] {
    try expect(.leftParen)
    let list = try expressions()
    try expect(.rightParen)
    return list
  }

  /// An expression whose operators all bind at least as tightly as `minimum`.
  mutating func expression(_ minimum: Int, restricted: Bool) throws(ParseFailure) -> Expression {
    try enter()
    let outer = height
    height = 0
    let first = try prefix(restricted)
    let result = try infix(first, minimum, restricted)
    try grow()
    height = max(outer, height)
    leave()
    return result
  }

  // MARK: - Prefix

  private mutating func prefix(_ restricted: Bool) throws(ParseFailure) -> Expression {
    switch token.kind {
    case .minus:
      if isAtExtractedLiteral { return extractedLiteral() }
      let name = OperatorName("-", position: position)
      advance()
      return SyntaxParser.negated(try expression(Precedence.sign + 1, restricted: restricted), name)
    case .plus:
      let name = OperatorName("+", position: position)
      advance()
      return .unary(name, try expression(Precedence.sign + 1, restricted: restricted))
    case .op:
      let name = operatorSymbol()
      return .unary(name, try expression(Precedence.other + 1, restricted: restricted))
    case .keyword:
      if isAt(.not), !restricted {
        let at = position
        switch peek().keyword {
        case .between, .in, .like, .ilike, .similar: throw syntaxError()
        default: break
        }
        advance()
        return .not(try expression(Precedence.not + 1, restricted: false), at)
      }
      if isAt(.operator), isNext(.leftParen) {
        let name = try qualifiedOperator()
        return .unary(name, try expression(Precedence.other + 1, restricted: restricted))
      }
      return try primary()
    default:
      return try primary()
    }
  }

  /// A minus sign before a numeric constant makes a negative constant, as PostgreSQL's doNegate does.
  private static func negated(_ operand: Expression, _ name: OperatorName) -> Expression {
    switch operand {
    case .literal(.integer(let value), _): return .literal(.integer(0 &- value), name.position)
    case .literal(.numeric(let digits), _):
      if digits.first == UInt8(ascii: "-") { return .literal(.numeric(Array(digits.dropFirst())), name.position) }
      // 9223372036854775808 is no int8, but its negative is.
      if digits == SyntaxParser.digitsOfMinimum { return .literal(.integer(.min), name.position) }
      return .literal(.numeric([UInt8(ascii: "-")] + digits), name.position)
    default: return .unary(name, operand)
    }
  }

  private static let digitsOfMinimum = Array("9223372036854775808".utf8)

  /// Consumes an operator token.
  mutating func operatorSymbol() -> OperatorName {
    let symbol: String
    switch token.kind {
    case .plus: symbol = "+"
    case .minus: symbol = "-"
    case .star: symbol = "*"
    case .slash: symbol = "/"
    case .percent: symbol = "%"
    case .caret: symbol = "^"
    case .less: symbol = "<"
    case .greater: symbol = ">"
    case .equals: symbol = "="
    case .lessEquals: symbol = "<="
    case .greaterEquals: symbol = ">="
    case .notEquals: symbol = "<>"
    default: symbol = text(Int(token.start), Int(token.end))
    }
    let name = OperatorName(symbol, position: position)
    advance()
    return name
  }

  /// Whether a token is in all_Op.
  func isOperator(_ token: Token) -> Bool {
    switch token.kind {
    case .op, .plus, .minus, .star, .slash, .percent, .caret, .less, .greater, .equals, .lessEquals,
      .greaterEquals, .notEquals:
      true
    default: false
    }
  }

  /// `OPERATOR(schema.+)`
  @inline(never)
  mutating func qualifiedOperator() throws(ParseFailure) -> OperatorName {
    let at = position
    try expect(.operator)
    try expect(.leftParen)
    var name = try anyOperator()
    name.position = at
    try expect(.rightParen)
    return name
  }

  /// any_operator: `+` or `schema.+`
  mutating func anyOperator() throws(ParseFailure) -> OperatorName {
    var schema: Identifier?
    while isColumnID(token) {
      let part = try takeName()
      try expect(.dot)
      if schema != nil {
        throw grammarError("cross-database references are not implemented", part.position, state: .featureNotSupported)
      }
      schema = part
    }
    guard isOperator(token) else { throw syntaxError() }
    var name = operatorSymbol()
    name.schema = schema
    return name
  }

  // MARK: - Infix

  /// The precedence of the current token as a symbolic infix operator, 0 if it is none.
  @inline(__always)
  private var symbolPrecedence: Int {
    switch token.kind {
    case .plus, .minus: Precedence.sum
    case .star, .slash, .percent: Precedence.product
    case .caret: Precedence.power
    case .less, .greater, .equals, .lessEquals, .greaterEquals, .notEquals: Precedence.comparison
    case .op: Precedence.other
    default: 0
    }
  }

  /// Extends `first` to the right with operators that bind at least as tightly as `minimum`.
  mutating func infix(_ first: Expression, _ minimum: Int, _ restricted: Bool) throws(ParseFailure) -> Expression {
    var left = first
    // The level of the non-associative operator that was applied last, if its right side was an expression.
    var closed = 0
    while true {
      if token.kind == .keyword {
        guard let next = try wordOperator(left, minimum, restricted, &closed) else { return left }
        left = next
      } else if token.kind == .typecast {
        // Nothing binds tighter, so no minimum can forbid it.
        let at = position
        advance()
        left = .cast(left, try typeName(), at)
        closed = 0
      } else {
        let level = symbolPrecedence
        if level == 0 || level < minimum { return left }
        if level == closed, level == Precedence.comparison { throw syntaxError() }
        let name = operatorSymbol()
        if let next = try quantified(left, name, restricted) {
          left = next
          closed = 0
        } else {
          left = .binary(name, left, try expression(level + 1, restricted: restricted))
          closed = level
        }
      }
      try grow()
    }
  }

  /// One infix operator that is a word; `nil` when the current word is none, or binds too loosely.
  @inline(never)
  private mutating func wordOperator(
    _ left: Expression, _ minimum: Int, _ restricted: Bool, _ closed: inout Int
  ) throws(ParseFailure) -> Expression? {
    let at = position
    switch token.keyword {
    case .operator:
      guard isNext(.leftParen), Precedence.other >= minimum else { return nil }
      let name = try qualifiedOperator()
      if let next = try quantified(left, name, restricted) { return next }
      closed = Precedence.other
      return .binary(name, left, try expression(Precedence.other + 1, restricted: restricted))

    case .is:
      guard Precedence.is >= minimum else { return nil }
      if closed == Precedence.is { throw syntaxError() }
      return try isPredicate(left, restricted, &closed)

    case .and:
      guard !restricted, Precedence.and >= minimum else { return nil }
      closed = 0
      return .and(try chain(left, .and, Precedence.and))
    case .or:
      guard !restricted, Precedence.or >= minimum else { return nil }
      closed = 0
      return .or(try chain(left, .or, Precedence.or))

    case .isnull, .notnull:
      guard !restricted, Precedence.is >= minimum else { return nil }
      if closed == Precedence.is { throw syntaxError() }
      let negated = isAt(.notnull)
      advance()
      closed = 0
      return .isTest(left, .null, negated: negated, at)

    case .between, .in, .like, .ilike:
      guard !restricted, Precedence.between >= minimum else { return nil }
      return try matching(left, negated: false, at, &closed)
    case .similar:
      guard !restricted, Precedence.between >= minimum, isNext(.to) else { return nil }
      return try matching(left, negated: false, at, &closed)
    case .not:
      guard !restricted, Precedence.between >= minimum else { return nil }
      switch peek().keyword {
      case .between, .in, .like, .ilike, .similar: return try matching(left, negated: true, at, &closed)
      default: return nil
      }

    case .collate:
      guard !restricted, Precedence.collate >= minimum else { return nil }
      advance()
      closed = 0
      return .collate(left, try qualifiedName(), at)

    case .at:
      guard !restricted, Precedence.atTimeZone >= minimum, isNext(.time) else { return nil }
      advance()
      advance()
      try expect(.zone)
      closed = 0
      let zone = try expression(Precedence.atTimeZone + 1, restricted: false)
      return .function(
        FunctionCall(
          .system("timezone", at), [.init(zone), .init(left)], syntax: .atTimeZone, position: at))

    default: return nil
    }
  }

  /// The operands of a chain of ANDs or ORs that starts with `left`.
  @inline(never)
  private mutating func chain(
    _ left: Expression, _ word: Keyword, _ level: Int
  ) throws(ParseFailure) -> [Expression] {
    var operands: [Expression]
    switch left {
    case .and(let list) where word == .and: operands = list
    case .or(let list) where word == .or: operands = list
    default: operands = [left]
    }
    while accept(word) { operands.append(try expression(level + 1, restricted: false)) }
    return operands
  }

  /// What follows IS.
  @inline(never)
  private mutating func isPredicate(
    _ left: Expression, _ restricted: Bool, _ closed: inout Int
  ) throws(ParseFailure) -> Expression {
    let at = position
    advance()
    let negated = accept(.not)
    let test: IsTest
    switch token.keyword {
    case .distinct:
      advance()
      try expect(.from)
      let right = try expression(Precedence.is + 1, restricted: restricted)
      closed = Precedence.is
      return .isDistinctFrom(left, right, negated: negated, at)
    case .document: test = .document
    case .null where !restricted: test = .null
    case .true where !restricted: test = .true
    case .false where !restricted: test = .false
    case .unknown where !restricted: test = .unknown
    case .normalized where !restricted: test = .normalized(nil)
    case .nfc, .nfd, .nfkc, .nfkd:
      guard !restricted, isNext(.normalized) else { throw syntaxError() }
      test = .normalized(NormalForm(rawValue: token.keyword.text))
      advance()
    default: throw syntaxError()
    }
    advance()
    closed = 0
    return .isTest(left, test, negated: negated, at)
  }

  /// `[NOT] BETWEEN`, `IN`, `LIKE`, `ILIKE`, `SIMILAR TO`.
  @inline(never)
  private mutating func matching(
    _ left: Expression, negated: Bool, _ at: SourcePosition, _ closed: inout Int
  ) throws(ParseFailure) -> Expression {
    if closed == Precedence.between { throw syntaxError() }
    if negated { advance() }
    let word = token.keyword
    advance()
    switch word {
    case .between:
      let symmetric = accept(.symmetric)
      if !symmetric { _ = accept(.asymmetric) }
      let low = try restrictedExpression()
      try expect(.and)
      let high = try expression(Precedence.between + 1, restricted: false)
      closed = Precedence.between
      return .between(
        BetweenExpression(
          left, low: low, high: high, isSymmetric: symmetric, isNegated: negated, position: at))
    case .in:
      guard isAt(.leftParen) else { throw syntaxError() }
      closed = 0
      switch try parenthesized() {
      case .query(let query): return .inSubquery(left, query, negated: negated, at)
      case .expressions(let list): return .inList(left, list, negated: negated, at)
      }
    case .similar:
      try expect(.to)
      return try like(.similarTo, left, negated, at, &closed)
    default:
      let symbol = (negated ? "!~~" : "~~") + (word == .ilike ? "*" : "")
      if let next = try quantified(left, OperatorName(symbol, position: at), false) {
        closed = 0
        return next
      }
      return try like(word == .ilike ? .ilike : .like, left, negated, at, &closed)
    }
  }

  @inline(never)
  private mutating func like(
    _ kind: LikeKind, _ left: Expression, _ negated: Bool, _ at: SourcePosition, _ closed: inout Int
  ) throws(ParseFailure) -> Expression {
    let pattern = try expression(Precedence.between + 1, restricted: false)
    let escape = accept(.escape) ? try expression(Precedence.between + 1, restricted: false) : nil
    closed = Precedence.between
    return .like(
      LikeExpression(kind, value: left, pattern: pattern, escape: escape, isNegated: negated, position: at))
  }

  /// `op ANY (…)`, `op SOME (…)`, `op ALL (…)` after the operator; `nil` when no quantifier follows.
  @inline(never)
  private mutating func quantified(
    _ left: Expression, _ name: OperatorName, _ restricted: Bool
  ) throws(ParseFailure) -> Expression? {
    guard token.kind == .keyword, !restricted else { return nil }
    let isAll = isAt(.all)
    guard isAll || isAt(.any) || isAt(.some) else { return nil }
    advance()
    guard isAt(.leftParen) else { throw syntaxError() }
    let comparison = QuantifiedComparison(left, name, isAll: isAll)
    switch try parenthesized() {
    case .query(let query): return .quantifiedSubquery(comparison, query)
    case .expressions(let list):
      guard list.count == 1 else { throw syntaxError(at: tokens[index - 1]) }
      return .quantifiedArray(comparison, array: list[0])
    }
  }
}
