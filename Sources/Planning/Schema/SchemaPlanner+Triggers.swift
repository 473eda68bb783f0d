// CREATE TRIGGER and its relatives. Source: PostgreSQL manual, the pages of these commands; its trigger.c for the messages.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension SchemaPlanner {
  func planCreateTrigger(_ statement: CreateTriggerStatement) throws(SQLError) -> SchemaOperation {
    let table = try binder.names.relation(statement.table)
    try checkKind(statement, table)
    if statement.isConstraint { throw context.unsupported("constraint triggers are") }
    if statement.timing == .insteadOf { throw context.unsupported("INSTEAD OF triggers are") }
    var events: TriggerDescriptor.Events = []
    var columns: [UInt32] = []
    for occasion in statement.occasions {
      switch occasion {
      case .insert: events.insert(.insert)
      case .delete: events.insert(.delete)
      case .truncate:
        if statement.isRow { throw SQLError(.featureNotSupported, "TRUNCATE FOR EACH ROW triggers are not supported") }
        throw context.unsupported("TRUNCATE triggers are")
      case .update(let names):
        events.insert(.update)
        for name in names {
          let id = try column(name, of: table).id
          if columns.contains(id) {
            throw SQLError(.duplicateColumn, "column \"\(name.text)\" specified more than once")
          }
          columns.append(id)
        }
      }
    }
    let name = statement.function
    let function = catalog.functions(named: name.name.text, schema: name.schema?.text).first { $0.parameters.isEmpty }
    guard let function else { throw SQLError(.undefinedFunction, "function \(name)() does not exist") }
    guard function.result.oid == SQLType.trigger.oid else {
      throw SQLError(.invalidObjectDefinition, "function \(name) must return type trigger")
    }
    var trigger = TriggerDescriptor(
      oid: .invalid, name: statement.name.text, function: function.oid,
      timing: statement.timing == .before ? .before : .after, events: events, isRow: statement.isRow)
    trigger.columns = columns
    trigger.arguments = statement.arguments
    try addTransitions(statement, table, to: &trigger)
    if let condition = statement.condition { try addCondition(condition, table, to: &trigger) }
    return .createTrigger(trigger, on: table.oid, replaces: statement.orReplace)
  }

  private func checkKind(_ statement: CreateTriggerStatement, _ table: TableDescriptor) throws(SQLError) {
    func refuse(_ kind: String, _ detail: String) -> SQLError {
      SQLError(.wrongObjectType, "\"\(table.name)\" is a \(kind)", detail: detail)
    }
    switch table.kind {
    case .table:
      if statement.timing == .insteadOf {
        throw refuse(table.isPartitioned ? "table" : "table", "Tables cannot have INSTEAD OF triggers.")
      }
    case .view:
      if statement.timing != .insteadOf && statement.isRow {
        throw refuse("view", "Views cannot have row-level BEFORE or AFTER triggers.")
      }
      if statement.timing != .insteadOf { throw context.unsupported("triggers on views are") }
    case .virtual:
      throw SQLError(.insufficientPrivilege, "permission denied: \"\(table.name)\" is a system catalog")
    case .sequence:
      throw SQLError(
        .wrongObjectType, "relation \"\(table.name)\" cannot have triggers",
        detail: "This operation is not supported for sequences.")
    }
  }

  private func addTransitions(
    _ statement: CreateTriggerStatement, _ table: TableDescriptor, to trigger: inout TriggerDescriptor
  ) throws(SQLError) {
    for transition in statement.transitions {
      func refuse(_ message: String) -> SQLError { SQLError(.invalidObjectDefinition, message) }
      guard transition.isTable else {
        throw SQLError(
          .featureNotSupported, "ROW variable naming in the REFERENCING clause is not supported",
          hint: "Use OLD TABLE or NEW TABLE for naming transition tables.")
      }
      if statement.timing != .after {
        throw refuse("transition table name can only be specified for an AFTER trigger")
      }
      if table.isPartitioned && statement.isRow {
        throw SQLError(
          .featureNotSupported, "\"\(table.name)\" is a partitioned table",
          detail: "ROW triggers with transition tables are not supported on partitioned tables.")
      }
      if statement.isRow && table.isPartition {
        throw SQLError(.featureNotSupported, "ROW triggers with transition tables are not supported on partitions")
      }
      if statement.isRow && !table.lineage.parents.isEmpty {
        throw SQLError(
          .featureNotSupported, "ROW triggers with transition tables are not supported on inheritance children")
      }
      if trigger.events.contains(.truncate) {
        throw refuse("TRUNCATE triggers with transition tables are not supported")
      }
      if trigger.events.rawValue.nonzeroBitCount > 1 {
        throw SQLError(
          .featureNotSupported, "transition tables cannot be specified for triggers with more than one event")
      }
      if !trigger.columns.isEmpty {
        throw SQLError(.featureNotSupported, "transition tables cannot be specified for triggers with column lists")
      }
      if transition.isNew {
        if !trigger.events.contains(.insert) && !trigger.events.contains(.update) {
          throw refuse("NEW TABLE can only be specified for an INSERT or UPDATE trigger")
        }
        if trigger.newTable != nil { throw refuse("NEW TABLE cannot be specified multiple times") }
        trigger.newTable = transition.name.text
      } else {
        if !trigger.events.contains(.delete) && !trigger.events.contains(.update) {
          throw refuse("OLD TABLE can only be specified for a DELETE or UPDATE trigger")
        }
        if trigger.oldTable != nil { throw refuse("OLD TABLE cannot be specified multiple times") }
        trigger.oldTable = transition.name.text
      }
    }
    if let name = trigger.oldTable, trigger.newTable == name {
      throw SQLError(.invalidObjectDefinition, "OLD TABLE name and NEW TABLE name cannot be the same")
    }
  }

  private func addCondition(
    _ condition: Expression, _ table: TableDescriptor, to trigger: inout TriggerDescriptor
  ) throws(SQLError) {
    let (scope, ids) = binder.triggerScope(table)
    let bound = try binder.coerceToBoolean(try binder.bind(condition, scope), "WHEN", at: condition)
    let read = bound.columns
    let count = table.columns.count
    func refuse(_ message: String) -> SQLError { SQLError(.invalidObjectDefinition, message) }
    for (place, id) in ids.enumerated() where read.contains(id) {
      if !trigger.isRow { throw refuse("statement trigger's WHEN condition cannot reference column values") }
      if place < count, trigger.events.contains(.insert) {
        throw refuse("INSERT trigger's WHEN condition cannot reference OLD values")
      }
      if place >= count, trigger.events.contains(.delete) {
        throw refuse("DELETE trigger's WHEN condition cannot reference NEW values")
      }
      if place >= count, trigger.timing == .before, table.columns[place - count].generatedSQL != nil {
        throw SQLError(
          .invalidObjectDefinition, "BEFORE trigger's WHEN condition cannot reference NEW generated columns",
          detail: "Column \"\(table.columns[place - count].name)\" is a generated column.")
      }
    }
    trigger.conditionSQL = SyntaxPrinter.text(condition)
    trigger.conditionColumns = Set(
      ids.enumerated().filter { read.contains($0.element) }.map { table.columns[$0.offset % count].id }
    ).sorted()
  }

  func planDrop(_ statement: DropFromTableStatement) throws(SQLError) -> SchemaOperation {
    let found = try relation(statement.table, ifExists: statement.ifExists)
    guard let table = found.table else { return found.notice }
    switch statement.kind {
    case .rule:
      if statement.ifExists, !table.rules.contains(where: { $0.name == statement.name.text }) {
        return .notice(
          SQLError(
            .undefinedObject,
            "rule \"\(statement.name.text)\" for relation \"\(binder.names.plain(statement.table))\" does not exist, skipping"
          ))
      }
      return .dropRule(statement.name.text, of: table.oid)
    case .trigger:
      if statement.ifExists, !catalog.triggers(of: table).contains(where: { $0.trigger.name == statement.name.text }) {
        return .notice(
          SQLError(
            .undefinedObject,
            "trigger \"\(statement.name.text)\" for relation \"\(binder.names.plain(statement.table))\" does not exist, skipping"
          ))
      }
      return .dropTrigger(statement.name.text, of: table.oid)
    }
  }

  // MARK: Rules

  func planCreateRule(_ statement: CreateRuleStatement) throws(SQLError) -> SchemaOperation {
    let table = try binder.names.relation(statement.table)
    guard case .table = table.kind else {
      if case .view = table.kind { throw context.unsupported("rules on views are") }
      throw SQLError(.wrongObjectType, "relation \"\(table.name)\" cannot have rules")
    }
    if !table.lineage.children.isEmpty || table.isPartitioned || table.isPartition {
      throw context.unsupported("rules on tables with descendants are")
    }
    let event: RuleDescriptor.Event
    switch statement.event {
    case .select: throw context.unsupported("rules on SELECT are")
    case .insert: event = .insert
    case .update: event = .update
    case .delete: event = .delete
    }
    func columns() -> [ScopeColumn] {
      table.columns.map { column in
        ScopeColumn(name: column.name, id: context.makeColumn(column.name, column.type), isHidden: column.isHidden)
      }
    }
    let rows = RuleRows(
      relation: .unit, new: event == .delete ? [] : columns(), old: event == .insert ? [] : columns(), table: table)
    for action in statement.actions + (statement.condition.map { [.select(Self.query(of: $0))] } ?? []) {
      let text = SyntaxPrinter.text(action)
      if event == .insert, RuleText.names(text, "old") {
        throw SQLError(.invalidObjectDefinition, "ON INSERT rule cannot use OLD")
      }
      if event == .delete, RuleText.names(text, "new") {
        throw SQLError(.invalidObjectDefinition, "ON DELETE rule cannot use NEW")
      }
      for expression in action.withClause?.expressions ?? [] {
        let text = SyntaxPrinter.text(expression.statement)
        for name in ["old", "new"] where RuleText.names(text, name) {
          throw SQLError(.featureNotSupported, "cannot refer to \(name.uppercased()) within WITH query")
        }
      }
    }
    context.ruleRows = rows
    if let condition = statement.condition { _ = try binder.bindRuleCondition(SyntaxPrinter.text(condition), rows) }
    for action in statement.actions {
      if case .notification = action { continue }
      _ = try binder.bindAction(try binder.reading(action, where: nil))
    }
    let written = try qualified(statement)
    let rule = RuleDescriptor(
      oid: .invalid, name: statement.name.text, event: event,
      conditionSQL: written.condition.map { SyntaxPrinter.text($0) }, isInstead: statement.isInstead,
      actions: written.actions.map { SyntaxPrinter.text($0) })
    return .createRule(rule, on: table.oid, replaces: statement.orReplace)
  }

  private static func query(of expression: Expression) -> SelectStatement {
    SelectStatement(body: .select(SelectCore(targets: [SelectTarget(expression)])))
  }

  /// The statement with a schema before each relation that its actions name.
  private func qualified(_ statement: CreateRuleStatement) throws(SQLError) -> CreateRuleStatement {
    var text = source
    var seen: Set<Int32> = []
    for mention in context.relationMentions.sorted(by: { $0.name.position.offset > $1.name.position.offset })
    where mention.name.schema == nil && mention.name.position.offset >= 0
      && seen.insert(mention.name.position.offset).inserted
    {
      let schema = quoteIdentifier(binder.names.schemaName(mention.table.schema)) + "."
      text.insert(contentsOf: schema.utf8, at: Int(mention.name.position.offset))
    }
    for parsed in try Parser.parse(text) {
      if case .createRule(let rule) = parsed.statement, rule.name == statement.name { return rule }
    }
    throw SQLError(.internalError, "the rule's text does not parse again")
  }
}

extension Statement {
  fileprivate var withClause: WithClause? {
    switch self {
    case .select(let query): query.with
    case .insert(let insert): insert.with
    case .update(let update): update.with
    case .delete(let delete): delete.with
    default: nil
    }
  }
}
