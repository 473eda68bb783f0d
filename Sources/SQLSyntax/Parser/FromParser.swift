// FROM: tables, sub-selects, functions, joins of every kind. PostgreSQL's grammar: table_ref, joined_table.

import SQLTypes

extension SyntaxParser {
  @inline(never)
  mutating func fromList() throws(ParseFailure) -> [FromItem] {
    var list = [try fromItem()]
    while accept(.comma) { list.append(try fromItem()) }
    return list
  }

  /// A table_ref with all joins that follow it.
  @inline(never)
  private mutating func fromItem() throws(ParseFailure) -> FromItem {
    let first = try fromPrimary()
    return try joins(after: first)
  }

  private var isAtJoin: Bool {
    switch token.keyword {
    case .cross, .join, .inner, .left, .right, .full, .natural: true
    default: false
    }
  }

  @inline(never)
  private mutating func joins(after first: FromItem) throws(ParseFailure) -> FromItem {
    var left = first
    while isAtJoin {
      left = try join(left)
      try grow()
    }
    return left
  }

  /// One join whose left side is `left`.
  @inline(never)
  private mutating func join(_ left: FromItem) throws(ParseFailure) -> FromItem {
    let at = position
    if accept(.cross) {
      try expect(.join)
      return .join(JoinClause(.inner, left: left, right: try fromPrimary(), condition: .cross, position: at))
    }
    let isNatural = accept(.natural)
    let kind: JoinClause.Kind
    switch token.keyword {
    case .left: kind = .left
    case .right: kind = .right
    case .full: kind = .full
    default: kind = .inner
    }
    if kind != .inner {
      advance()
      _ = accept(.outer)
    } else {
      _ = accept(.inner)
    }
    try expect(.join)
    if isNatural {
      return .join(JoinClause(kind, left: left, right: try fromPrimary(), condition: .natural, position: at))
    }
    try enter()
    // `a JOIN b JOIN c ON x ON y`: what comes before this join's own condition is its right side.
    var right = try fromPrimary()
    while !isAt(.on), !isAt(.using) {
      guard isAtJoin else { throw syntaxError() }
      right = try join(right)
      try grow()
    }
    leave()
    let condition: JoinClause.Condition
    if accept(.on) {
      condition = .on(try expression())
    } else {
      try expect(.using)
      let columns = try parenthesizedNames()
      condition = .using(columns, alias: acceptAs() ? try name() : nil)
    }
    return .join(JoinClause(kind, left: left, right: right, condition: condition, position: at))
  }

  /// A table_ref that is no join, unless in parentheses.
  @inline(never)
  private mutating func fromPrimary() throws(ParseFailure) -> FromItem {
    let at = position
    switch token.keyword {
    case .lateral:
      advance()
      if isAt(.leftParen) {
        let query = try queryInParentheses()
        return .subquery(try subquery(query, isLateral: true, at))
      }
      return .function(try tableFunction(isLateral: true, at))
    case .rows where isNext(.from) && peek(2).kind == .leftParen:
      return .function(try tableFunction(isLateral: false, at))
    case .only:
      return .table(try tableWithAlias(try relation()))
    case .current_date, .current_time, .current_timestamp, .localtime, .localtimestamp, .current_role,
      .current_user, .user, .session_user, .current_catalog, .current_schema:
      return .function(try tableFunction(isLateral: false, at))
    case .cast, .coalesce, .extract, .greatest, .least, .nullif, .overlay, .position, .substring, .treat, .trim,
      .normalize:
      if isNext(.leftParen) { return .function(try tableFunction(isLateral: false, at)) }
    case .collation where isNext(.for):
      return .function(try tableFunction(isLateral: false, at))
    default: break
    }
    if isAt(.leftParen) { return try fromParentheses() }
    if isFunctionAhead { return .function(try tableFunction(isLateral: false, at)) }
    return .table(try tableWithAlias(try relation()))
  }

  /// Whether a dotted name with a parenthesis after it is at hand.
  private var isFunctionAhead: Bool {
    guard isColumnLabel(token) else { return false }
    var offset = 1
    while peek(offset).kind == .dot, isColumnLabel(peek(offset + 1)) { offset += 2 }
    guard peek(offset).kind == .leftParen else { return false }
    return offset > 1 ? isColumnID(token) : isTypeOrFunctionName(token)
  }

  // MARK: - Tables

  /// A relation_expr: `name`, `name *`, `ONLY name`, `ONLY (name)`
  mutating func relation() throws(ParseFailure) -> TableReference {
    if accept(.only) {
      if accept(.leftParen) {
        let name = try qualifiedName()
        try expect(.rightParen)
        return TableReference(name, isOnly: true)
      }
      return TableReference(try qualifiedName(), isOnly: true)
    }
    let name = try qualifiedName()
    _ = accept(.star)
    return TableReference(name)
  }

  @inline(never)
  private mutating func tableWithAlias(_ table: TableReference) throws(ParseFailure) -> TableReference {
    var table = table
    table.alias = try optionalAlias()
    if accept(.tablesample) {
      let method = try qualifiedName()
      let arguments = try parenthesizedExpressions()
      var seed: Expression?
      if accept(.repeatable) {
        try expect(.leftParen)
        seed = try expression()
        try expect(.rightParen)
      }
      table.sample = .init(method: method, arguments: arguments, seed: seed)
    }
    return table
  }

  /// The AS before an alias. `AS of` gives the name `of`; only what is no PostgreSQL whatever follows is CockroachDB's clause.
  private mutating func acceptAs() -> Bool { !isAtAsOf && accept(.as) }

  var isAtAsOf: Bool {
    isAt(.as) && isNext(.of) && peek(2).keyword == .system && peek(3).keyword == .time
  }

  /// `AS OF SYSTEM TIME expression`
  @inline(never)
  mutating func asOfClause() throws(ParseFailure) -> AsOfClause {
    let at = position
    for _ in 0..<4 { advance() }
    return AsOfClause(try expression(), position: at)
  }

  /// `[AS] name [(columns)]`
  private mutating func optionalAlias() throws(ParseFailure) -> TableAlias? {
    if acceptAs() {
      return TableAlias(try name(), columns: try optionalNames())
    }
    guard isColumnID(token) else { return nil }
    return TableAlias(try takeName(), columns: try optionalNames())
  }

  // MARK: - Parentheses

  @inline(never)
  private mutating func subquery(
    _ query: SelectStatement, isLateral: Bool, _ at: SourcePosition
  ) throws(ParseFailure) -> SubqueryReference {
    let alias = try optionalAlias()
    if alias == nil {
      if case .values = query.body {
        throw grammarError(
          "VALUES in FROM must have an alias", at, hint: "For example, FROM (VALUES ...) [AS] foo.")
      }
      throw grammarError(
        "subquery in FROM must have an alias", at, hint: "For example, FROM (SELECT ...) [AS] foo.")
    }
    return SubqueryReference(query, isLateral: isLateral, alias: alias, position: at)
  }

  /// A parenthesis in FROM: a sub-select or a join.
  @inline(never)
  private mutating func fromParentheses() throws(ParseFailure) -> FromItem {
    let at = position
    switch try fromParenthesized() {
    case .query(let query):
      return .subquery(try subquery(query, isLateral: false, at))
    case .join(var join):
      if let alias = try optionalAlias() { join.alias = alias }
      return .join(join)
    }
  }

  private enum FromParenthesized {
    case query(SelectStatement)
    case join(JoinClause)
  }

  @inline(never)
  private mutating func fromParenthesized() throws(ParseFailure) -> FromParenthesized {
    try enter()
    let outer = height
    height = 0
    try expect(.leftParen)
    let result: FromParenthesized
    if isAtQuery {
      result = .query(try selectStatement())
    } else if isAt(.leftParen) {
      let at = position
      switch try fromParenthesized() {
      case .query(let query):
        if isAt(.rightParen) {
          result = .query(query)
        } else if continuesQuery {
          result = .query(try selectStatement(after: query))
        } else {
          let first = FromItem.subquery(try subquery(query, isLateral: false, at))
          let joined = try joins(after: first)
          result = .join(try joinOnly(joined))
        }
      case .join(var join):
        if let alias = try optionalAlias() { join.alias = alias }
        let joined = try joins(after: .join(join))
        result = .join(try joinOnly(joined))
      }
    } else {
      let item = try fromItem()
      result = .join(try joinOnly(item))
    }
    try expect(.rightParen)
    try grow()
    height = max(outer, height)
    leave()
    return result
  }

  /// Only joins may stand in parentheses of their own. Points at the current token, so read the item first:
  /// the receiver of a call that does not mutate is copied before its arguments are evaluated.
  private func joinOnly(_ item: FromItem) throws(ParseFailure) -> JoinClause {
    guard case .join(let join) = item else { throw syntaxError() }
    return join
  }

  // MARK: - Functions

  /// A func_table with its alias.
  @inline(never)
  private mutating func tableFunction(isLateral: Bool, _ at: SourcePosition) throws(ParseFailure) -> TableFunction {
    var function = TableFunction(items: [], isLateral: isLateral, position: at)
    if accept(.rows, .from) {
      try expect(.leftParen)
      function.isRowsFrom = true
      repeat {
        var item = TableFunction.Item(try windowlessFunction())
        if accept(.as) { item.columnDefinitions = try columnTypes() }
        function.items.append(item)
      } while accept(.comma)
      try expect(.rightParen)
    } else {
      function.items = [.init(try windowlessFunction())]
    }
    if isAt(.with), isNext(.ordinality) {
      advance()
      advance()
      function.withOrdinality = true
    }
    // func_alias_clause
    if acceptAs() {
      if isAt(.leftParen) {
        function.columnDefinitions = try columnTypes()
        return function
      }
    } else if !isColumnID(token) {
      return function
    }
    function.alias = TableAlias(try name())
    if isAt(.leftParen) {
      // `(a, b)` names columns, `(a int, b text)` also gives their types.
      let afterName = peek(2).kind
      if afterName == .comma || afterName == .rightParen {
        function.alias?.columns = try parenthesizedNames()
      } else {
        function.columnDefinitions = try columnTypes()
      }
    }
    return function
  }

  /// `(name type [COLLATE c], …)`
  private mutating func columnTypes() throws(ParseFailure) -> [ColumnType] {
    try expect(.leftParen)
    var list: [ColumnType] = []
    repeat {
      let name = try name()
      let type = try typeName()
      list.append(ColumnType(name, type: type, collation: accept(.collate) ? try qualifiedName() : nil))
    } while accept(.comma)
    try expect(.rightParen)
    return list
  }

  /// A func_expr_windowless: a call, or one of the expressions that look like calls.
  @inline(never)
  mutating func windowlessFunction() throws(ParseFailure) -> Expression {
    let start = token
    switch token.keyword {
    case .current_date, .current_time, .current_timestamp, .localtime, .localtimestamp, .current_role,
      .current_user, .user, .session_user, .current_catalog:
      return try currentValue()
    case .current_schema where !isNext(.leftParen):
      return try currentValue()
    case .cast, .coalesce, .extract, .greatest, .least, .nullif, .overlay, .position, .substring, .treat, .trim,
      .normalize:
      if isNext(.leftParen) { return try specialFunction(token.keyword) }
    case .collation where isNext(.for):
      return try primary()
    default: break
    }
    guard isColumnID(start) || isTypeOrFunctionName(start) else { throw syntaxError() }
    let first = try takeName()
    guard isAt(.dot) || isTypeOrFunctionName(start) else { throw syntaxError() }
    let name = try qualifiedName(first)
    guard isAt(.leftParen) else { throw syntaxError() }
    return .function(try functionApplication(name))
  }
}
