// Rules: a statement on a table becomes the statements of the table's rules, beside it or in its place. NEW and OLD are columns of one
// relation, the rows that the statement would write and those that it would change, which each action reads as an element of its
// FROM.
// Source: PostgreSQL manual, chapter 41; its rewriteHandler.c for what is joined, and for the messages.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

/// The rows that a rule's actions see.
struct RuleRows {
  /// What stands in an action's FROM for them.
  static let name = "\u{1}rows"
  var relation: Relation
  var new: [ScopeColumn]
  var old: [ScopeColumn]
  var table: TableDescriptor
}

/// What rules make of a statement.
struct RuledStatement {
  /// In the place of the statement; nil: it runs, too.
  var replacement: BoundQuery?
  /// What rows the statement itself must not touch: those for which one of these holds.
  var exclusions: [ScalarExpression] = []
  /// What runs beside it.
  var actions: [Relation] = []
}

extension Binder {
  func rules(of table: TableDescriptor, _ event: RuleDescriptor.Event) -> [RuleDescriptor] {
    table.rules.filter { $0.event == event }
  }

  /// The rows as an element of FROM, seen under `new` and `old` alone.
  func bindRuleRows() throws(SQLError) -> FromSource {
    guard let rows = context.ruleRows else {
      throw SQLError(.internalError, "a rule's rows are read outside of it")
    }
    var tables: [ScopeTable] = []
    if !rows.new.isEmpty { tables.append(ScopeTable(alias: "new", schema: nil, columns: rows.new, table: nil)) }
    if !rows.old.isEmpty { tables.append(ScopeTable(alias: "old", schema: nil, columns: rows.old, table: nil)) }
    return FromSource(relation: rows.relation, tables: tables, columns: [])
  }

  /// A rule's condition over the rows.
  func bindRuleCondition(_ sql: String, _ rows: RuleRows) throws(SQLError) -> ScalarExpression {
    let scope = Scope(parent: nil, ctes: [])
    let outer = context.ruleRows
    context.ruleRows = rows
    defer { context.ruleRows = outer }
    scope.tables = try bindRuleRows().tables
    // Of two rows a column's name alone says nothing.
    scope.columns = scope.tables.flatMap(\.columns)
    scope.clause = .ruleCondition
    let source = try Binder.parseExpression(sql)
    return try coerceToBoolean(try bind(source, scope), "WHERE", at: source)
  }

  /// - Parameter isFiltered: whether the statement says which rows: then each action runs for those rows, and for as many.
  func applied(
    _ rules: [RuleDescriptor], _ event: RuleDescriptor.Event, _ rows: RuleRows, isFiltered: Bool,
    returning: [SelectTarget], alias: String
  ) throws(SQLError) -> RuledStatement {
    let table = rows.table
    if context.isInWith { try checkInWith(rules) }
    let key = (table.oid, event)
    if context.rulesUnderWay.contains(where: { $0 == key }) {
      throw SQLError(
        .invalidObjectDefinition, "infinite recursion detected in rules for relation \"\(table.name)\"")
    }
    context.rulesUnderWay.append(key)
    let (outer, wasInWith) = (context.ruleRows, context.isInWith)
    context.ruleRows = rows
    context.isInWith = false
    defer {
      context.rulesUnderWay.removeLast()
      context.ruleRows = outer
      context.isInWith = wasInWith
    }
    // The owner of the table answers for what its rules do.
    let reader = context.viewOwner
    context.viewOwner = table.owner
    defer { context.viewOwner = reader }
    var result = RuledStatement()
    let isReplaced = rules.contains { $0.isInstead && $0.conditionSQL == nil }
    var main: BoundQuery?
    for rule in rules {
      if rule.isInstead, let sql = rule.conditionSQL {
        result.exclusions.append(try bindRuleCondition(sql, rows))
      }
      for sql in rule.actions {
        guard let statement = try Parser.parse(Array(sql.utf8)).first?.statement else { continue }
        let isJoined =
          event == .insert || isFiltered || rule.conditionSQL != nil || RuleText.names(sql, "new")
          || RuleText.names(sql, "old")
        if case .insert(let insert) = statement, case .query(let query) = insert.source, query.isSelect,
          !context.modifications.isEmpty
        {
          throw SQLError(
            .featureNotSupported,
            "INSERT...SELECT rule actions are not supported for queries having data-modifying statements in WITH")
        }
        let condition = try rule.conditionSQL.map { (sql: String) throws(SQLError) in try Binder.parseExpression(sql) }
        let action = isJoined ? try reading(statement, where: condition) : statement
        let bound = try bindAction(action)
        let isMain =
          rule.isInstead && rule.conditionSQL == nil
          && (!returning.isEmpty ? statement.hasReturning : statement.event == event || statement.isSelect)
        if isReplaced, isMain, main == nil || returning.isEmpty {
          if let earlier = main { result.actions.append(earlier.relation) }
          main = bound
          if !statement.isSelect, returning.isEmpty { main?.outputs = [] }
        } else {
          result.actions.append(bound.relation)
        }
      }
    }
    guard isReplaced else {
      if !result.exclusions.isEmpty, !returning.isEmpty { throw noReturning(event, table) }
      return result
    }
    if !returning.isEmpty {
      guard let made = main else { throw noReturning(event, table) }
      main = try ruled(returning, made, table, alias: alias)
    }
    result.replacement = main ?? BoundQuery(relation: .values([], []), outputs: [])
    return result
  }

  private func noReturning(_ event: RuleDescriptor.Event, _ table: TableDescriptor) -> SQLError {
    SQLError(
      .featureNotSupported, "cannot perform \(event.name) RETURNING on relation \"\(table.name)\"",
      hint: "You need an unconditional ON \(event.name) DO INSTEAD rule with a RETURNING clause.")
  }

  private func checkInWith(_ rules: [RuleDescriptor]) throws(SQLError) {
    func refuse(_ what: String) -> SQLError {
      SQLError(
        .featureNotSupported, "\(what) rules are not supported for data-modifying statements in WITH")
    }
    for rule in rules {
      if !rule.isInstead { throw refuse("DO ALSO") }
      if rule.conditionSQL != nil { throw refuse("conditional DO INSTEAD") }
      if rule.actions.isEmpty { throw refuse("DO INSTEAD NOTHING") }
      if rule.actions.count > 1 { throw refuse("multi-statement DO INSTEAD") }
      if case .notification? = try Parser.parse(Array(rule.actions[0].utf8)).first?.statement {
        throw refuse("DO INSTEAD NOTIFY")
      }
    }
  }

  /// A rule's statement. Its WITH queries that change rows run with it.
  func bindAction(_ statement: Statement) throws(SQLError) -> BoundQuery {
    switch statement {
    case .select(let query): try bindQuery(query, parent: nil, ctes: [])
    case .insert(let insert): try bindInsert(insert)
    case .update(let update): try bindUpdate(update)
    case .delete(let delete): try bindDelete(delete)
    default: throw context.unsupported("this statement in a rule is")
    }
  }

  /// The statement over the rows, and only over those that satisfy the condition.
  func reading(_ statement: Statement, where condition: Expression?) throws(SQLError) -> Statement {
    let rows = FromItem.table(TableReference(QualifiedName(Identifier(RuleRows.name))))
    func both(_ filter: Expression?) -> Expression? {
      guard let condition else { return filter }
      return filter.map { .and([$0, condition]) } ?? condition
    }
    func reading(_ query: SelectStatement) throws(SQLError) -> SelectStatement {
      guard case .select(var core) = query.body else {
        throw context.unsupported("set operations over the rows of a rule are")
      }
      core.from.insert(rows, at: 0)
      core.filter = both(core.filter)
      var query = query
      query.body = .select(core)
      return query
    }
    switch statement {
    case .select(let query): return .select(try reading(query))
    case .insert(var insert):
      switch insert.source {
      case .defaultValues:
        insert.source = .query(SelectStatement(body: .select(SelectCore(from: [rows], filter: condition))))
      case .query(let query):
        guard case .values(let list, _) = query.body else {
          insert.source = .query(try reading(query))
          return .insert(insert)
        }
        guard list.count == 1 else { throw context.unsupported("several rows of VALUES in a rule are") }
        var core = SelectCore(from: [rows], filter: condition)
        var columns: [AssignmentTarget] = []
        for (place, item) in list[0].enumerated() {
          if case .defaultValue = item {
            guard !insert.columns.isEmpty else { throw context.unsupported("DEFAULT in a rule without columns is") }
            continue
          }
          core.targets.append(SelectTarget(item))
          if place < insert.columns.count { columns.append(insert.columns[place]) }
        }
        insert.columns = columns
        insert.source = .query(SelectStatement(body: .select(core)))
      }
      return .insert(insert)
    case .update(var update):
      update.from.insert(rows, at: 0)
      update.filter = both(update.filter)
      return .update(update)
    case .delete(var delete):
      delete.using.insert(rows, at: 0)
      delete.filter = both(delete.filter)
      return .delete(delete)
    default: return statement
    }
  }

  /// The statement's RETURNING over what its rule returns in the place of the table's columns.
  private func ruled(
    _ list: [SelectTarget], _ action: BoundQuery, _ table: TableDescriptor, alias: String
  ) throws(SQLError) -> BoundQuery {
    let columns = table.columns.filter { !$0.isHidden }
    guard action.outputs.count == columns.count else {
      throw SQLError(
        .invalidObjectDefinition,
        action.outputs.count > columns.count
          ? "RETURNING list has too many entries" : "RETURNING list has too few entries")
    }
    let scope = Scope(parent: nil, ctes: [])
    scope.columns = zip(columns, action.outputs).map { ScopeColumn(name: $0.name, id: $1.id) }
    scope.tables = [ScopeTable(alias: alias, schema: nil, columns: scope.columns, table: table)]
    let bound = try bindReturning(list, scope)
    var relation = scope.attach(to: action.relation)
    var outputs: [OutputColumn] = []
    var computed: [ComputedColumn] = []
    for target in bound {
      let id = context.makeColumn(target.name, target.expression.type)
      computed.append(ComputedColumn(id: id, expression: target.expression))
      outputs.append(OutputColumn(name: target.name, id: id, type: target.expression.type))
    }
    relation = .compute(relation, computed)
    return BoundQuery(relation: relation, outputs: outputs)
  }

  /// A statement with what its rules do beside it: after it if it inserts, else before it.
  func beside(_ bound: BoundQuery, _ actions: [Relation], after: Bool) -> BoundQuery {
    if actions.isEmpty { return bound }
    let queries = actions.map { relation in
      context.sharedCount += 1
      return SharedQuery(
        id: context.sharedCount, name: "rule", relation: relation, source: [], columns: [], types: [:],
        isMaterialized: true, runsAfter: after)
    }
    return BoundQuery(relation: .sequence(queries, bound.relation), outputs: bound.outputs)
  }
}

/// What can be told of a rule's statement from its text.
enum RuleText {
  /// Whether an identifier stands in the text outside of quotes.
  static func names(_ sql: String, _ name: String) -> Bool {
    var quote: Character?
    var word = ""
    for character in sql + " " {
      if let open = quote {
        if character == open { quote = nil }
        continue
      }
      if character == "'" || character == "\"" { quote = character }
      if character == "_" || character.isLetter || character.isNumber {
        word.append(character)
      } else {
        if word.lowercased() == name { return true }
        word = ""
      }
    }
    return false
  }
}

extension Statement {
  fileprivate var isSelect: Bool { if case .select = self { true } else { false } }

  fileprivate var hasReturning: Bool {
    switch self {
    case .insert(let insert): !insert.returning.isEmpty
    case .update(let update): !update.returning.isEmpty
    case .delete(let delete): !delete.returning.isEmpty
    default: false
    }
  }

  fileprivate var event: RuleDescriptor.Event? {
    switch self {
    case .insert: .insert
    case .update: .update
    case .delete: .delete
    default: nil
    }
  }
}

extension SelectStatement {
  fileprivate var isSelect: Bool { if case .values = body { false } else { true } }
}
