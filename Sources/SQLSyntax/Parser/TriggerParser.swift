// CREATE TRIGGER and its relatives, CREATE RULE. PostgreSQL's grammar: CreateTrigStmt, RuleStmt, DropStmt.

import SQLTypes

extension SyntaxParser {
  /// After CREATE [OR REPLACE] [CONSTRAINT], at TRIGGER.
  mutating func createTrigger(orReplace: Bool, isConstraint: Bool) throws(ParseFailure) -> CreateTriggerStatement {
    try expect(.trigger)
    let name = try name()
    var timing = CreateTriggerStatement.Timing.after
    if isConstraint {
      try expect(.after)
    } else if accept(.before) {
      timing = .before
    } else if accept(.instead) {
      try expect(.of)
      timing = .insteadOf
    } else {
      try expect(.after)
    }
    var occasions: [TriggerOccasion] = []
    repeat {
      let occasion = try triggerOccasion()
      let isRepeated = occasions.contains {
        switch ($0, occasion) {
        case (.insert, .insert), (.delete, .delete), (.truncate, .truncate), (.update, .update): true
        default: false
        }
      }
      if isRepeated { throw quoting("duplicate trigger events specified", tokens[index - 1]) }
      occasions.append(occasion)
    } while accept(.or)
    try expect(.on)
    let table = try qualifiedName()
    var trigger = CreateTriggerStatement(name: name, table: table, timing: timing, function: table)
    trigger.orReplace = orReplace
    trigger.isConstraint = isConstraint
    trigger.occasions = occasions
    if isConstraint {
      if accept(.from) { trigger.referenced = try qualifiedName() }
      trigger.attributes = try constraintAttributes()
      try expect(.for)
      _ = accept(.each)
      try expect(.row)
      trigger.isRow = true
    } else {
      if accept(.referencing) {
        repeat { trigger.transitions.append(try transitionTable()) } while isAt(.old) || isAt(.new)
      }
      if accept(.for) {
        _ = accept(.each)
        trigger.isRow = isAt(.row)
        guard accept(.row) || accept(.statement) else { throw syntaxError() }
      }
    }
    if accept(.when) {
      try expect(.leftParen)
      trigger.condition = try expression()
      try expect(.rightParen)
    }
    try expect(.execute)
    guard accept(.function) || accept(.procedure) else { throw syntaxError() }
    guard isColumnID(token) || isTypeOrFunctionName(token) else { throw syntaxError() }
    trigger.function = try qualifiedName(try takeName())
    try expect(.leftParen)
    if !isAt(.rightParen) {
      repeat { trigger.arguments.append(try triggerArgument()) } while accept(.comma)
    }
    try expect(.rightParen)
    return trigger
  }

  private mutating func triggerOccasion() throws(ParseFailure) -> TriggerOccasion {
    switch token.keyword {
    case .insert:
      advance()
      return .insert
    case .delete:
      advance()
      return .delete
    case .truncate:
      advance()
      return .truncate
    default:
      try expect(.update)
      return .update(accept(.of) ? try names() : [])
    }
  }

  private mutating func transitionTable() throws(ParseFailure) -> CreateTriggerStatement.TransitionTable {
    let isNew = isAt(.new)
    guard accept(.new) || accept(.old) else { throw syntaxError() }
    let isTable = isAt(.table)
    guard accept(.table) || accept(.row) else { throw syntaxError() }
    _ = accept(.as)
    return CreateTriggerStatement.TransitionTable(isNew: isNew, isTable: isTable, name: try self.name())
  }

  /// A TriggerFuncArg: a constant or a word, as text.
  private mutating func triggerArgument() throws(ParseFailure) -> String {
    if isAtString { return try stringText() }
    if isAtNumber {
      let digits = text(Int(token.start), Int(token.end))
      advance()
      return digits
    }
    return try label().text
  }

  /// After DROP, at TRIGGER or RULE.
  mutating func dropFromTable(_ kind: DropFromTableStatement.Kind) throws(ParseFailure) -> DropFromTableStatement {
    advance()
    let ifExists = try acceptIfExists()
    let name = try name()
    try expect(.on)
    let table = try qualifiedName()
    return DropFromTableStatement(
      kind, name: name, table: table, ifExists: ifExists, behavior: optionalBehavior())
  }

  /// `ALTER TRIGGER name ON table RENAME TO new`, at TRIGGER or RULE.
  mutating func renameInTable(_ kind: ObjectKind) throws(ParseFailure) -> RenameStatement {
    advance()
    let name = try name()
    try expect(.on)
    let table = TableReference(try qualifiedName())
    try expect(.rename)
    try expect(.to)
    return RenameStatement(kind, name: table, subject: .constraint(name), newName: try self.name())
  }

  // MARK: - Rules

  /// After CREATE [OR REPLACE], at RULE.
  mutating func createRule(orReplace: Bool) throws(ParseFailure) -> CreateRuleStatement {
    advance()
    let name = try name()
    try expect(.as)
    try expect(.on)
    let event: CreateRuleStatement.Event
    switch token.keyword {
    case .select: event = .select
    case .insert: event = .insert
    case .update: event = .update
    case .delete: event = .delete
    default: throw syntaxError()
    }
    advance()
    try expect(.to)
    let table = try qualifiedName()
    let condition = accept(.where) ? try expression() : nil
    try expect(.do)
    let isInstead = accept(.instead)
    if !isInstead { _ = accept(.also) }
    var actions: [Statement] = []
    if accept(.nothing) {
      // No action.
    } else if isAt(.leftParen), !isNext(.select), !isNext(.leftParen), !isNext(.values) {
      advance()
      repeat {
        if !isAt(.semicolon), !isAt(.rightParen) { actions.append(try ruleAction()) }
      } while accept(.semicolon)
      try expect(.rightParen)
    } else {
      actions.append(try ruleAction())
    }
    return CreateRuleStatement(
      name: name, table: table, orReplace: orReplace, event: event, condition: condition, isInstead: isInstead,
      actions: actions)
  }

  private mutating func ruleAction() throws(ParseFailure) -> Statement {
    switch token.keyword {
    case .notify: return .notification(try notificationStatement())
    case .select, .insert, .update, .delete, .with, .values: return try preparableStatement()
    default:
      guard isAt(.leftParen) else { throw syntaxError() }
      return try preparableStatement()
    }
  }
}
