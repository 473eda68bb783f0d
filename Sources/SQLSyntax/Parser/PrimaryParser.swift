// HOT: Operands: constants, names, parentheses, and the key words that begin an expression (c_expr).
//
// Contract: `primary` consumes exactly one c_expr with its indirection. What starts with a parenthesis may
// turn out a query or an expression only far inside: `parenthesized` decides without going back.

import SQLTypes

/// What a pair of parentheses held.
enum Parenthesized {
  case query(SelectStatement)
  /// One or more.
  case expressions([Expression])
}

extension SyntaxParser {
  /// A c_expr.
  @inline(never)
  mutating func primary() throws(ParseFailure) -> Expression {
    let at = position
    switch token.kind {
    case .identifier, .quotedIdentifier, .unicodeIdentifier:
      return try nameExpression()
    case .integerConstant, .number, .string, .escapeString, .unicodeString, .dollarString, .bitString, .hexString:
      return try constant()
    case .parameter:
      return try indirection(try parameter())
    case .leftParen:
      switch try parenthesized() {
      case .query(let query):
        return try indirection(.scalarSubquery(query, at))
      case .expressions(let list):
        return try parenthesizedOperand(list, at)
      }
    case .keyword:
      return try keywordExpression()
    default:
      throw syntaxError()
    }
  }

  /// A number or string in an expression.
  @inline(never)
  private mutating func constant() throws(ParseFailure) -> Expression {
    if isAtExtractedLiteral { return extractedLiteral() }
    let at = position
    switch token.kind {
    case .integerConstant, .number:
      let literal: Literal
      if let value = integerValue(token) {
        literal = .integer(value)
      } else {
        literal = .numeric(Array(source[Int(token.start)..<Int(token.end)]))
      }
      advance()
      return .literal(literal, at)
    case .bitString, .hexString:
      let isHexadecimal = token.kind == .hexString
      let digits = SourceText.unquoted(source, token, quote: UInt8(ascii: "'"), prefix: 1)
      advance()
      return .literal(.bitString(digits, isHexadecimal: isHexadecimal), at)
    default:
      return .literal(.string(try string()), at)
    }
  }

  private mutating func parameter() throws(ParseFailure) -> Expression {
    var digits = token
    digits.start += 1
    let at = position
    guard let number = integerValue(digits), number <= Int64(SyntaxLimits.maximumParameter) else {
      throw grammarError(
        "there is no parameter \(text(Int(token.start), Int(token.end)))", at, state: .undefinedParameter)
    }
    advance()
    parameterCount = max(parameterCount, Int(number))
    return .parameter(Int(number), at)
  }

  // MARK: - Parentheses

  /// Whether the current token begins a query: SELECT, WITH, TABLE, or VALUES that is no column name.
  var isAtQuery: Bool { beginsQuery(token, peek()) }

  func beginsQuery(_ token: Token, _ next: Token) -> Bool {
    switch token.keyword {
    case .select, .with, .table: true
    case .values: next.kind == .leftParen
    default: false
    }
  }

  /// Whether the current token can follow a query in parentheses to make a larger query.
  var continuesQuery: Bool {
    switch token.keyword {
    case .union, .intersect, .except, .order, .limit, .offset, .fetch, .for: true
    default: false
    }
  }

  /// Parentheses and what is in them: a query, or expressions.
  @inline(never)
  mutating func parenthesized() throws(ParseFailure) -> Parenthesized {
    try enter()
    let outer = height
    height = 0
    let at = peek()
    try expect(.leftParen)
    let result: Parenthesized
    if isAtQuery {
      result = .query(try selectStatement())
    } else if isAt(.leftParen) {
      result = try afterInnerParentheses(at)
    } else {
      result = .expressions(try expressions())
    }
    try expect(.rightParen)
    try grow()
    height = max(outer, height)
    leave()
    return result
  }

  /// Two parentheses were opened; the inner pair begins a query or an expression.
  @inline(never)
  private mutating func afterInnerParentheses(_ inner: Token) throws(ParseFailure) -> Parenthesized {
    let at = SourcePosition(inner.start)
    var first: Expression
    switch try parenthesized() {
    case .query(let query):
      if isAt(.rightParen) { return .query(query) }
      if continuesQuery { return .query(try selectStatement(after: query)) }
      first = try indirection(.scalarSubquery(query, at))
    case .expressions(let list):
      first = try parenthesizedOperand(list, at)
    }
    first = try infix(first, 0, false)
    var list = [first]
    while accept(.comma) { list.append(try expression()) }
    return .expressions(list)
  }

  /// Expressions in parentheses as an operand: one is itself, several are a row.
  private mutating func parenthesizedOperand(
    _ list: [Expression], _ at: SourcePosition
  ) throws(ParseFailure) -> Expression {
    if list.count == 1 { return try indirection(list[0]) }
    return try overlaps(.row(list, isExplicit: false, at), list)
  }

  /// `row OVERLAPS row`, if that follows a row.
  @inline(never)
  private mutating func overlaps(_ row: Expression, _ fields: [Expression]) throws(ParseFailure) -> Expression {
    guard isAt(.overlaps) else { return row }
    let at = position
    guard fields.count == 2 else {
      throw grammarError("wrong number of parameters on left side of OVERLAPS expression", row.position)
    }
    advance()
    let rowPosition = position
    guard isAt(.row) || isAt(.leftParen) else { throw syntaxError() }
    guard case .row(let right, _, _) = try primary() else { throw syntaxError() }
    guard right.count == 2 else {
      throw grammarError("wrong number of parameters on right side of OVERLAPS expression", rowPosition)
    }
    return .function(
      FunctionCall(
        .system("overlaps", at), (fields + right).map { FunctionCall.Argument($0) }, syntax: .overlaps,
        position: at))
  }

  // MARK: - Names

  /// A column, a function call, or a typed literal that begins with an identifier.
  @inline(never)
  mutating func nameExpression() throws(ParseFailure) -> Expression {
    let first = try takeName()
    if isAt(.leftParen) { return try functionCall(QualifiedName(first)) }
    if isAt(.dot) { return try dottedExpression(first) }
    if isAtString { return try typedLiteral(QualifiedName(first)) }
    return try indirection(.column(ColumnReference(first)))
  }

  private mutating func typedLiteral(_ type: QualifiedName) throws(ParseFailure) -> Expression {
    let at = position
    let type = TypeName(type, position: type.position)
    return .typedLiteral(type, try string(), at)
  }

  /// `a.b`, `a.b.*`, `a.f(…)`
  @inline(never)
  mutating func dottedExpression(_ first: Identifier) throws(ParseFailure) -> Expression {
    var parts = [first]
    while accept(.dot) {
      if accept(.star) {
        try refuseAfterStar()
        return .wildcard(qualifiers: parts, first.position)
      }
      parts.append(try label())
    }
    if isAt(.leftParen) { return try functionCall(try qualifiedName(parts)) }
    if isAtString { return try typedLiteral(try qualifiedName(parts)) }
    guard parts.count <= 4 else { _ = try qualifiedName(parts); throw syntaxError() }
    let name = parts.removeLast()
    return try indirection(.column(ColumnReference(name, qualifiers: parts)))
  }

  /// A star ends an indirection; PostgreSQL complains at what follows the whole of it.
  private mutating func refuseAfterStar() throws(ParseFailure) {
    guard isAt(.dot) || isAt(.leftBracket) else { return }
    _ = try indirection(.literal(.null, .unknown))
    throw quoting("improper use of \"*\"", token)
  }

  /// `.field`, `.*`, `[index]` and `[slice]` after an operand.
  @inline(never)
  mutating func indirection(_ operand: Expression) throws(ParseFailure) -> Expression {
    guard token.kind == .dot || token.kind == .leftBracket else { return operand }
    var result = operand
    while true {
      let at = position
      if isAt(.leftBracket) {
        var subscripts = [try subscriptBrackets()]
        while isAt(.leftBracket) { subscripts.append(try subscriptBrackets()) }
        result = .subscripted(result, subscripts)
      } else if accept(.dot) {
        if accept(.star) {
          try refuseAfterStar()
          try grow()
          return .allFields(result, at)
        }
        result = .field(result, try label())
      } else {
        return result
      }
      try grow()
    }
  }

  /// `[i]`, `[a:b]`
  mutating func subscriptBrackets() throws(ParseFailure) -> Subscript {
    try expect(.leftBracket)
    if accept(.colon) {
      let upper = isAt(.rightBracket) ? nil : try expression()
      try expect(.rightBracket)
      return .slice(nil, upper)
    }
    let lower = try expression()
    if accept(.colon) {
      let upper = isAt(.rightBracket) ? nil : try expression()
      try expect(.rightBracket)
      return .slice(lower, upper)
    }
    try expect(.rightBracket)
    return .index(lower)
  }

  // MARK: - Key words

  /// An operand that begins with a key word.
  @inline(never)
  private mutating func keywordExpression() throws(ParseFailure) -> Expression {
    let at = position
    let word = token.keyword
    switch word {
    case .true, .false:
      advance()
      return .literal(.boolean(word == .true), at)
    case .null:
      advance()
      return .literal(.null, at)
    case .default:
      advance()
      return .defaultValue(at)
    case .case: return try caseExpression()
    case .array: return try arrayExpression()
    case .exists where isNext(.leftParen):
      advance()
      return .exists(try queryInParentheses(), at)
    case .row where isNext(.leftParen):
      advance()
      advance()
      let fields = isAt(.rightParen) ? [] : try expressions()
      try expect(.rightParen)
      return try overlaps(.row(fields, isExplicit: true, at), fields)
    case .current_date, .current_time, .current_timestamp, .localtime, .localtimestamp, .current_role,
      .current_user, .user, .session_user, .current_catalog:
      return try currentValue()
    case .current_schema where !isNext(.leftParen):
      return try currentValue()
    case .cast, .coalesce, .extract, .greatest, .least, .nullif, .overlay, .position, .substring, .treat, .trim,
      .normalize, .grouping:
      if isNext(.leftParen) { return try specialFunction(word) }
    case .collation where isNext(.for):
      advance()
      advance()
      try expect(.leftParen)
      let operand = try expression()
      try expect(.rightParen)
      return .function(
        FunctionCall(.system("pg_collation_for", at), [.init(operand)], syntax: .collationFor, position: at))
    case .int, .integer, .smallint, .bigint, .real, .float, .double, .decimal, .dec, .numeric, .boolean, .bit,
      .character, .char, .varchar, .national, .nchar, .time, .timestamp, .interval:
      if isTypedLiteralAhead { return try keywordTypedLiteral() }
    default: break
    }
    switch word.category {
    case .reserved:
      throw syntaxError()
    case .typeOrFunctionName:
      let name = try takeName()
      if isAt(.leftParen) { return try functionCall(QualifiedName(name)) }
      if isAtString { return try typedLiteral(QualifiedName(name)) }
      throw syntaxError()
    case .columnName:
      let name = try takeName()
      if isAt(.leftParen) { throw syntaxError() }
      if isAt(.dot) { return try dottedExpression(name) }
      return try indirection(.column(ColumnReference(name)))
    case .unreserved:
      return try nameExpression()
    }
  }

  /// Whether the type key word at hand begins a typed literal rather than being a column's name.
  private var isTypedLiteralAhead: Bool {
    let next = peek()
    switch next.kind {
    case .string, .escapeString, .unicodeString, .dollarString: return true
    case .leftParen: return true
    default: break
    }
    switch token.keyword {
    case .double: return next.keyword == .precision
    case .bit, .character, .char, .nchar: return next.keyword == .varying
    case .national: return next.keyword == .char || next.keyword == .character
    case .time, .timestamp:
      return (next.keyword == .with || next.keyword == .without) && peek(2).keyword == .time
    default: return false
    }
  }

  /// `timestamp with time zone '…'`, `numeric(10, 2) '…'`, `interval '…' day to second`
  @inline(never)
  private mutating func keywordTypedLiteral() throws(ParseFailure) -> Expression {
    var type = try constantTypeName()
    let at = position
    guard isAtString else { throw syntaxError() }
    let content = try string()
    if type.name.name.text == "interval", type.modifiers.isEmpty { try intervalFields(&type) }
    return .typedLiteral(type, content, at)
  }

  @inline(never)
  private mutating func caseExpression() throws(ParseFailure) -> Expression {
    let at = position
    advance()
    let operand = isAt(.when) ? nil : try expression()
    var branches: [CaseExpression.Branch] = []
    while accept(.when) {
      let condition = try expression()
      try expect(.then)
      branches.append(.init(condition: condition, result: try expression()))
    }
    if branches.isEmpty { throw syntaxError() }
    let otherwise = accept(.else) ? try expression() : nil
    try expect(.end)
    return .caseWhen(
      CaseExpression(operand: operand, branches: branches, otherwise: otherwise, position: at))
  }

  /// `ARRAY[…]` or `ARRAY(query)`
  @inline(never)
  private mutating func arrayExpression() throws(ParseFailure) -> Expression {
    let at = position
    advance()
    if isAt(.leftParen) { return .arraySubquery(try queryInParentheses(), at) }
    guard isAt(.leftBracket) else { throw syntaxError() }
    return try arrayElements(at)
  }

  /// `[1, 2]` or `[[1], [2]]`
  @inline(never)
  private mutating func arrayElements(_ at: SourcePosition) throws(ParseFailure) -> Expression {
    try enter()
    let outer = height
    height = 0
    try expect(.leftBracket)
    var elements: [Expression] = []
    if isAt(.leftBracket) {
      repeat { elements.append(try arrayElements(position)) } while accept(.comma)
    } else if !isAt(.rightBracket) {
      elements = try expressions()
    }
    try expect(.rightBracket)
    try grow()
    height = max(outer, height)
    leave()
    return .array(elements, at)
  }

  /// A select_with_parens.
  @inline(never)
  mutating func queryInParentheses() throws(ParseFailure) -> SelectStatement {
    guard isAt(.leftParen) else { throw syntaxError() }
    guard isQueryAhead else {
      // Point where PostgreSQL does: at the first token that begins no query.
      while isAt(.leftParen) { advance() }
      throw syntaxError()
    }
    switch try parenthesized() {
    case .query(let query): return query
    case .expressions: throw syntaxError(at: tokens[index - 1])
    }
  }

  /// Whether a query follows any number of opening parentheses.
  var isQueryAhead: Bool {
    var offset = 0
    while peek(offset).kind == .leftParen { offset += 1 }
    return beginsQuery(peek(offset), peek(offset + 1))
  }
}
