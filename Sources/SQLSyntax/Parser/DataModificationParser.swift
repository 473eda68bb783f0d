// INSERT, UPDATE, DELETE, TRUNCATE. PostgreSQL's grammar: InsertStmt, UpdateStmt, DeleteStmt, TruncateStmt.

import SQLTypes

extension SyntaxParser {
  // MARK: - INSERT

  mutating func insertStatement(_ with: WithClause?) throws(ParseFailure) -> InsertStatement {
    try expect(.insert)
    try expect(.into)
    var insert = InsertStatement(with: with, table: try qualifiedName(), source: .defaultValues)
    if accept(.as) { insert.alias = try name() }
    if accept(.default) {
      try expect(.values)
    } else {
      if isAt(.leftParen), !isQueryAhead {
        advance()
        repeat { insert.columns.append(try assignmentTarget()) } while accept(.comma)
        try expect(.rightParen)
      }
      if accept(.overriding) {
        if accept(.user) {
          insert.overriding = .user
        } else {
          try expect(.system)
          insert.overriding = .system
        }
        try expect(.value)
      }
      insert.source = .query(try selectStatement())
    }
    if isAt(.on) { insert.onConflict = try conflictClause() }
    insert.returning = try optionalReturning()
    return insert
  }

  mutating func optionalReturning() throws(ParseFailure) -> [SelectTarget] {
    accept(.returning) ? try targets() : []
  }

  /// A column, perhaps with fields and subscripts.
  private mutating func assignmentTarget() throws(ParseFailure) -> AssignmentTarget {
    var target = AssignmentTarget(try name())
    while true {
      if isAt(.leftBracket) {
        target.indirection.append(.subscripted(try subscriptBrackets()))
      } else if accept(.dot) {
        target.indirection.append(.field(try label()))
      } else {
        return target
      }
    }
  }

  private mutating func conflictClause() throws(ParseFailure) -> ConflictClause {
    let at = position
    advance()
    try expect(.conflict)
    var target: ConflictClause.Target?
    if accept(.on) {
      try expect(.constraint)
      target = .constraint(try name())
    } else if isAt(.leftParen) {
      let elements = try indexElements()
      target = .elements(elements, filter: accept(.where) ? try expression() : nil)
    }
    try expect(.do)
    if accept(.nothing) { return ConflictClause(target: target, action: .nothing, position: at) }
    try expect(.update)
    try expect(.set)
    let assignments = try assignments()
    let action = ConflictClause.Action.update(assignments, filter: accept(.where) ? try expression() : nil)
    return ConflictClause(target: target, action: action, position: at)
  }

  // MARK: - UPDATE and DELETE

  private mutating func assignments() throws(ParseFailure) -> [Assignment] {
    var list: [Assignment] = []
    repeat {
      if accept(.leftParen) {
        var targets: [AssignmentTarget] = []
        repeat { targets.append(try assignmentTarget()) } while accept(.comma)
        try expect(.rightParen)
        try expect(.equals)
        list.append(.multiple(targets, try expression()))
      } else {
        let target = try assignmentTarget()
        try expect(.equals)
        list.append(.single(target, try expression()))
      }
    } while accept(.comma)
    return list
  }

  /// relation_expr_opt_alias: SET is never an alias without AS.
  private mutating func targetTable() throws(ParseFailure) -> TableReference {
    var table = try relation()
    if accept(.as) {
      table.alias = TableAlias(try name())
    } else if isColumnID(token), !isAt(.set) {
      table.alias = TableAlias(try takeName())
    }
    return table
  }

  /// `WHERE condition`, `WHERE CURRENT OF cursor` or nothing.
  private mutating func whereOrCurrent() throws(ParseFailure) -> Expression? {
    guard accept(.where) else { return nil }
    if isAt(.current), isNext(.of) {
      let at = position
      advance()
      advance()
      return .currentOf(try name(), at)
    }
    return try expression()
  }

  mutating func updateStatement(_ with: WithClause?) throws(ParseFailure) -> UpdateStatement {
    try expect(.update)
    let table = try targetTable()
    try expect(.set)
    var update = UpdateStatement(with: with, table: table, assignments: try assignments())
    if accept(.from) { update.from = try fromList() }
    update.filter = try whereOrCurrent()
    update.returning = try optionalReturning()
    return update
  }

  mutating func deleteStatement(_ with: WithClause?) throws(ParseFailure) -> DeleteStatement {
    try expect(.delete)
    try expect(.from)
    var delete = DeleteStatement(with: with, table: try targetTable())
    if accept(.using) { delete.using = try fromList() }
    delete.filter = try whereOrCurrent()
    delete.returning = try optionalReturning()
    return delete
  }

  // MARK: - TRUNCATE

  mutating func truncateStatement() throws(ParseFailure) -> TruncateStatement {
    advance()
    _ = accept(.table)
    var truncate = TruncateStatement(tables: try relations())
    if accept(.restart) {
      try expect(.identity)
      truncate.restartsIdentity = true
    } else if accept(.continue) {
      try expect(.identity)
    }
    truncate.behavior = optionalBehavior()
    return truncate
  }

  mutating func relations() throws(ParseFailure) -> [TableReference] {
    var list = [try relation()]
    while accept(.comma) { list.append(try relation()) }
    return list
  }

  /// CASCADE, RESTRICT or nothing.
  mutating func optionalBehavior() -> DropBehavior {
    if accept(.cascade) { return .cascade }
    _ = accept(.restrict)
    return .restrict
  }
}
