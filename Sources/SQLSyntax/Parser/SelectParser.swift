// Queries: WITH, set operations with their precedence, the clauses of SELECT, ORDER BY, LIMIT, row locks.
// PostgreSQL's grammar: SelectStmt, simple_select, insertSelectOptions.

import SQLTypes

extension SyntaxParser {
  /// A whole query, perhaps in parentheses.
  @inline(never)
  mutating func selectStatement() throws(ParseFailure) -> SelectStatement {
    try enter()
    let outer = height
    height = 0
    let at = position
    let with = isAt(.with) ? try withClause() : nil
    let body = try setOperations(0)
    var query = try options(of: body, with: with)
    if query.position.offset < 0 { query.position = at }
    try grow()
    height = max(outer, height)
    leave()
    return query
  }

  /// The rest of a query whose first operand was read in parentheses.
  @inline(never)
  mutating func selectStatement(after first: SelectStatement) throws(ParseFailure) -> SelectStatement {
    let body = try setOperations(after: first, 0)
    return try options(of: body, with: nil)
  }

  // MARK: - Set operations

  @inline(never)
  private mutating func setOperations(_ minimum: Int) throws(ParseFailure) -> SelectStatement {
    try setOperations(after: try setOperand(), minimum)
  }

  /// UNION and EXCEPT bind at 1, INTERSECT at 2, all to the left.
  @inline(never)
  private mutating func setOperations(
    after first: SelectStatement, _ minimum: Int
  ) throws(ParseFailure) -> SelectStatement {
    var left = first
    while true {
      let kind: SetOperation.Kind
      switch token.keyword {
      case .union: kind = .union
      case .except: kind = .except
      case .intersect: kind = .intersect
      default: return left
      }
      let level = kind == .intersect ? 2 : 1
      if level <= minimum { return left }
      let at = position
      advance()
      let isAll = accept(.all)
      if !isAll { _ = accept(.distinct) }
      try enter()
      let right = try setOperations(level)
      leave()
      left = SelectStatement(
        body: .setOperation(SetOperation(kind, isAll: isAll, left: left, right: right, position: at)),
        position: left.position)
      try grow()
    }
  }

  /// One operand: a SELECT, VALUES or TABLE without ORDER BY, or any query in parentheses.
  @inline(never)
  private mutating func setOperand() throws(ParseFailure) -> SelectStatement {
    let at = position
    switch token.keyword {
    case .select:
      return SelectStatement(body: .select(try selectCore()), position: at)
    case .values:
      advance()
      var rows = [try parenthesizedExpressions()]
      while accept(.comma) { rows.append(try parenthesizedExpressions()) }
      return SelectStatement(body: .values(rows, at), position: at)
    case .table:
      advance()
      let table = try relation()
      return SelectStatement(
        body: .select(
          SelectCore(
            targets: [SelectTarget(.wildcard(qualifiers: [], at), position: at)], from: [.table(table)],
            position: at)),
        position: at)
    default:
      guard isAt(.leftParen) else { throw syntaxError() }
      return try queryInParentheses()
    }
  }

  // MARK: - ORDER BY, LIMIT, FOR

  /// Adds the clauses that may follow a query (and the WITH before it) to it.
  @inline(never)
  private mutating func options(
    of body: SelectStatement, with: WithClause?
  ) throws(ParseFailure) -> SelectStatement {
    var query = body
    if let with {
      if query.with != nil { throw grammarError("multiple WITH clauses not allowed", with.position) }
      query.with = with
    }
    if isAt(.order) {
      let at = SourcePosition(peek(2).start)
      let orderBy = try optionalOrderBy()
      if !query.orderBy.isEmpty { throw grammarError("multiple ORDER BY clauses not allowed", at) }
      query.orderBy = orderBy
    }
    if isAt(.for) {
      query.locking += try lockingClauses()
      try limitClause(&query)
    } else {
      try limitClause(&query)
      if isAt(.for) { query.locking += try lockingClauses() }
    }
    if query.limit?.isWithTies == true {
      if query.locking.contains(where: { $0.waitPolicy == .skipLocked }) {
        throw grammarError("SKIP LOCKED and WITH TIES options cannot be used together", .unknown)
      }
    }
    return query
  }

  @inline(never)
  mutating func optionalOrderBy() throws(ParseFailure) -> [SortItem] {
    guard isAt(.order) else { return [] }
    advance()
    try expect(.by)
    var items: [SortItem] = []
    repeat { items.append(try sortItem()) } while accept(.comma)
    return items
  }

  private mutating func sortItem() throws(ParseFailure) -> SortItem {
    var item = SortItem(try expression())
    if accept(.asc) {
      item.direction = .ascending
    } else if accept(.desc) {
      item.direction = .descending
    } else if accept(.using) {
      if isAt(.operator) {
        item.direction = .using(try qualifiedOperator())
      } else {
        guard isOperator(token) else { throw syntaxError() }
        item.direction = .using(operatorSymbol())
      }
    }
    item.nulls = try optionalNulls()
    return item
  }

  mutating func optionalNulls() throws(ParseFailure) -> SortItem.Nulls? {
    guard isAt(.nulls), isNext(.first) || isNext(.last) else { return nil }
    advance()
    let isFirst = isAt(.first)
    advance()
    return isFirst ? .first : .last
  }

  /// LIMIT, OFFSET and FETCH FIRST, in either order.
  @inline(never)
  private mutating func limitClause(_ query: inout SelectStatement) throws(ParseFailure) {
    var count: Expression?
    var offset: Expression?
    var sawCount = false
    var sawOffset = false
    var isWithTies = false
    let outer = query.limit
    while true {
      let at = position
      if !sawCount, isAt(.limit) {
        advance()
        sawCount = true
        if !accept(.all) { count = try expression() }
        if isAt(.comma) {
          throw grammarError(
            "LIMIT #,# syntax is not supported", at, hint: "Use separate LIMIT and OFFSET clauses.")
        }
        if outer?.count != nil { throw grammarError("multiple LIMIT clauses not allowed", count?.position ?? at) }
      } else if !sawCount, isAt(.fetch) {
        advance()
        sawCount = true
        guard accept(.first) || accept(.next) else { throw syntaxError() }
        count = try fetchCount()
        guard accept(.row) || accept(.rows) else { throw syntaxError() }
        if isAt(.with) {
          advance()
          try expect(.ties)
          isWithTies = true
          if query.orderBy.isEmpty {
            throw grammarError("WITH TIES cannot be specified without ORDER BY clause", .unknown)
          }
        } else {
          try expect(.only)
        }
        if outer?.count != nil { throw grammarError("multiple LIMIT clauses not allowed", count?.position ?? at) }
      } else if !sawOffset, isAt(.offset) {
        advance()
        sawOffset = true
        offset = try expression()
        if !accept(.row) { _ = accept(.rows) }
        if outer?.offset != nil {
          throw grammarError("multiple OFFSET clauses not allowed", offset?.position ?? at)
        }
      } else {
        break
      }
    }
    if sawCount || sawOffset {
      let total = LimitClause(
        count: count ?? outer?.count, offset: offset ?? outer?.offset,
        isWithTies: isWithTies || outer?.isWithTies == true)
      query.limit = total.count == nil && total.offset == nil ? nil : total
    }
  }

  /// The number in `FETCH FIRST n ROWS`, 1 when none is written.
  private mutating func fetchCount() throws(ParseFailure) -> Expression {
    let at = position
    if isAt(.row) && !isNext(.leftParen) || isAt(.rows) { return .literal(.integer(1), .unknown) }
    if isAt(.plus) || isAt(.minus) {
      let isNegative = isAt(.minus)
      let sign = OperatorName(isNegative ? "-" : "+", position: at)
      advance()
      guard isAtNumber else { throw syntaxError() }
      let value = try primary()
      guard isNegative else { return .unary(sign, value) }
      if case .literal(.integer(let number), _) = value { return .literal(.integer(0 &- number), at) }
      if case .literal(.numeric(let digits), _) = value {
        return .literal(.numeric([UInt8(ascii: "-")] + digits), at)
      }
      return .unary(sign, value)
    }
    return try primary()
  }

  @inline(never)
  private mutating func lockingClauses() throws(ParseFailure) -> [LockingClause] {
    var clauses: [LockingClause] = []
    while isAt(.for) {
      let at = position
      advance()
      if accept(.read) {
        // FOR READ ONLY is SQL's way to say nothing.
        try expect(.only)
        break
      }
      let strength: LockingClause.Strength
      if accept(.update) {
        strength = .update
      } else if accept(.no) {
        try expect(.key)
        try expect(.update)
        strength = .noKeyUpdate
      } else if accept(.key) {
        try expect(.share)
        strength = .keyShare
      } else {
        try expect(.share)
        strength = .share
      }
      var clause = LockingClause(strength, position: at)
      if accept(.of) { clause.tables = try qualifiedNames() }
      if accept(.nowait) {
        clause.waitPolicy = .noWait
      } else if accept(.skip) {
        try expect(.locked)
        clause.waitPolicy = .skipLocked
      }
      clauses.append(clause)
    }
    return clauses
  }

  // MARK: - SELECT

  @inline(never)
  private mutating func selectCore() throws(ParseFailure) -> SelectCore {
    var core = SelectCore(position: position)
    advance()
    if accept(.distinct) {
      core.distinct = accept(.on) ? .on(try parenthesizedExpressions()) : .all
      core.targets = try targets()
    } else {
      _ = accept(.all)
      if !endsTargets { core.targets = try targets() }
    }
    if accept(.into) { core.into = try intoClause() }
    if accept(.from) {
      core.from = try fromList()
      if isAtAsOf { core.asOf = try asOfClause() }
    }
    if accept(.where) { core.filter = try expression() }
    if accept(.group) {
      try expect(.by)
      let isDistinct = accept(.distinct)
      if !isDistinct { _ = accept(.all) }
      core.groupBy = GroupByClause(isDistinct: isDistinct, elements: try groupingElements())
    }
    if accept(.having) { core.having = try expression() }
    if accept(.window) {
      repeat {
        let name = try name()
        try expect(.as)
        core.windows.append(WindowDefinition(name: name, specification: try windowSpecification()))
      } while accept(.comma)
    }
    return core
  }

  /// Whether the current token shows that a select list is empty.
  private var endsTargets: Bool {
    switch token.kind {
    case .endOfInput, .semicolon, .rightParen: return true
    case .keyword:
      switch token.keyword {
      case .from, .into, .where, .group, .having, .window, .order, .limit, .offset, .fetch, .for, .union,
        .intersect, .except:
        return true
      default: return false
      }
    default: return false
    }
  }

  /// A target_list, also of RETURNING.
  @inline(never)
  mutating func targets() throws(ParseFailure) -> [SelectTarget] {
    var list: [SelectTarget] = []
    repeat {
      let at = position
      if isAt(.star) {
        advance()
        list.append(SelectTarget(.wildcard(qualifiers: [], at), position: at))
        continue
      }
      var target = SelectTarget(try expression(), position: at)
      if accept(.as) {
        target.alias = try label()
      } else if isAtBareLabel {
        target.alias = try takeName()
      }
      list.append(target)
    } while accept(.comma)
    return list
  }

  private var isAtBareLabel: Bool {
    switch token.kind {
    case .identifier, .quotedIdentifier, .unicodeIdentifier: true
    case .keyword: token.keyword.isBareLabel
    default: false
    }
  }

  /// What follows INTO in SELECT, and the name after EXECUTE's INTO.
  @inline(never)
  private mutating func intoClause() throws(ParseFailure) -> IntoClause {
    let persistence = optionalPersistence()
    _ = accept(.table)
    return IntoClause(try qualifiedName(), persistence: persistence)
  }

  /// `[LOCAL|GLOBAL] TEMP[ORARY]`, `UNLOGGED` or nothing.
  mutating func optionalPersistence() -> Persistence {
    if isAt(.local) || isAt(.global), isNext(.temp) || isNext(.temporary) { advance() }
    if accept(.temp) || accept(.temporary) { return .temporary }
    return accept(.unlogged) ? .unlogged : .permanent
  }

  @inline(never)
  private mutating func groupingElements() throws(ParseFailure) -> [GroupingElement] {
    try enter()
    var list: [GroupingElement] = []
    repeat { list.append(try groupingElement()) } while accept(.comma)
    leave()
    return list
  }

  private mutating func groupingElement() throws(ParseFailure) -> GroupingElement {
    let at = position
    if isAt(.leftParen), isNext(.rightParen) {
      advance()
      advance()
      return .empty(at)
    }
    if isAt(.rollup) || isAt(.cube), isNext(.leftParen) {
      let isCube = isAt(.cube)
      advance()
      let list = try parenthesizedExpressions()
      return isCube ? .cube(list, at) : .rollup(list, at)
    }
    if accept(.grouping, .sets) {
      try expect(.leftParen)
      let list = try groupingElements()
      try expect(.rightParen)
      return .sets(list, at)
    }
    return .expression(try expression())
  }

  // MARK: - WITH

  @inline(never)
  mutating func withClause() throws(ParseFailure) -> WithClause {
    let at = position
    try expect(.with)
    let isRecursive = accept(.recursive)
    var list = [try commonTableExpression()]
    while accept(.comma) { list.append(try commonTableExpression()) }
    return WithClause(isRecursive: isRecursive, expressions: list, position: at)
  }

  @inline(never)
  private mutating func commonTableExpression() throws(ParseFailure) -> CommonTableExpression {
    let name = try name()
    let columns = try optionalNames()
    try expect(.as)
    var materialization: CommonTableExpression.Materialization?
    if accept(.materialized) {
      materialization = .always
    } else if accept(.not) {
      try expect(.materialized)
      materialization = .never
    }
    try expect(.leftParen)
    let statement = try preparableStatement()
    try expect(.rightParen)
    var expression = CommonTableExpression(
      name: name, columns: columns, materialization: materialization, statement: statement)
    if isAt(.search) { expression.search = try searchClause() }
    if isAt(.cycle) { expression.cycle = try cycleClause() }
    return expression
  }

  private mutating func searchClause() throws(ParseFailure) -> CommonTableExpression.Search {
    advance()
    let isBreadthFirst = accept(.breadth)
    if !isBreadthFirst { try expect(.depth) }
    try expect(.first)
    try expect(.by)
    let columns = try names()
    try expect(.set)
    return .init(isBreadthFirst: isBreadthFirst, columns: columns, sequenceColumn: try name())
  }

  private mutating func cycleClause() throws(ParseFailure) -> CommonTableExpression.Cycle {
    advance()
    let columns = try names()
    try expect(.set)
    let mark = try name()
    var value: Expression?
    var otherwise: Expression?
    if accept(.to) {
      value = try primary()
      try expect(.default)
      otherwise = try primary()
    }
    try expect(.using)
    return .init(
      columns: columns, markColumn: mark, markValue: value, markDefault: otherwise, pathColumn: try name())
  }

  /// A PreparableStmt: what may stand in WITH, COPY, PREPARE and EXPLAIN.
  @inline(never)
  mutating func preparableStatement() throws(ParseFailure) -> Statement {
    // A statement within a statement weighs as much as several levels of an expression.
    try enter()
    try enter()
    try enter()
    let statement: Statement
    switch token.keyword {
    case .insert: statement = .insert(try insertStatement(nil))
    case .update: statement = .update(try updateStatement(nil))
    case .delete: statement = .delete(try deleteStatement(nil))
    case .with: statement = try statementWithClause()
    default: statement = .select(try selectStatement())
    }
    leave()
    leave()
    leave()
    return statement
  }

  /// A statement that begins with WITH.
  @inline(never)
  mutating func statementWithClause() throws(ParseFailure) -> Statement {
    try enter()
    let outer = height
    height = 0
    let at = position
    let with = try withClause()
    let statement: Statement
    switch token.keyword {
    case .insert: statement = .insert(try insertStatement(with))
    case .update: statement = .update(try updateStatement(with))
    case .delete: statement = .delete(try deleteStatement(with))
    default:
      let body = try setOperations(0)
      var query = try options(of: body, with: with)
      query.position = at
      statement = .select(query)
    }
    try grow()
    height = max(outer, height)
    leave()
    return statement
  }
}
