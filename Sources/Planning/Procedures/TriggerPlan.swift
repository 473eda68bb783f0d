// The triggers that a change of a table's rows fires, with their conditions bound. What decides whether one fires is known when the
// statement is planned, but for its WHEN.
// Source: PostgreSQL manual, chapter 39 and CREATE TRIGGER.

import Catalog
import Expressions
import SQLTypes

public struct TriggerPlan: Sendable {
  public var trigger: TriggerDescriptor
  public var function: FunctionDescriptor
  /// Ordinals of `UPDATE OF`; empty: any.
  public var columns: Set<Int>
  /// Over the old row's columns, then the new one's.
  public var condition: ScalarExpression?
  /// Whether it is that of a table of which this one is a partition.
  public var isInherited: Bool

  /// - Parameter changed: the columns that an UPDATE gives values.
  public func fires(on event: TriggerDescriptor.Events, _ changed: Set<Int>?) -> Bool {
    trigger.events.contains(event)
      && (event != .update || columns.isEmpty || changed.map { !$0.isDisjoint(with: columns) } ?? true)
  }
}

/// What a change of rows of one stored table fires.
public final class RowTriggerPlan: Sendable {
  public let triggers: [TriggerPlan]
  /// Columns to be computed again of a row that a trigger may have changed.
  public let generated: [ColumnAssignment]
  /// Where the statement gathers rows for transition tables, and for each column of the table that the statement named that of
  /// this one.
  public let capture: (number: Int, columns: [Int?])?

  init(_ triggers: [TriggerPlan], generated: [ColumnAssignment], capture: (number: Int, columns: [Int?])?) {
    self.triggers = triggers
    self.generated = generated
    self.capture = capture
  }

  public func hasBefore(_ event: TriggerDescriptor.Events) -> Bool {
    triggers.contains { $0.trigger.timing == .before && $0.trigger.events.contains(event) }
  }
}

/// What a statement fires once, for the table that it names.
public struct StatementTriggerPlan: Sendable {
  public var table: TableDescriptor
  public var triggers: [TriggerPlan]
  public var events: [TriggerDescriptor.Events]
  /// The ordinals that an UPDATE gives values.
  public var changed: Set<Int>?
  /// Where rows for transition tables are gathered; nil: none are wanted.
  public var capture: Int?
  /// Of the statement's plans for several tables the first, and the last.
  public var isFirst = true
  public var isLast = true

  /// For one of several tables.
  func at(_ place: (isFirst: Bool, isLast: Bool)) -> StatementTriggerPlan {
    var plan = self
    plan.isFirst = place.isFirst
    plan.isLast = place.isLast
    return plan
  }
}

extension Binder {
  /// What the statement fires once; nil: nothing, and no rows are to be kept for triggers.
  func statementTriggers(
    of table: TableDescriptor, _ events: [TriggerDescriptor.Events], changed: [Int] = []
  ) throws(SQLError) -> StatementTriggerPlan? {
    let own = table.triggers.filter(\.isEnabled)
    if own.isEmpty { return nil }
    func isOf(_ trigger: TriggerDescriptor) -> Bool { events.contains { trigger.events.contains($0) } }
    let fired = own.filter { !$0.isRow && isOf($0) }.sorted {
      Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8))
    }
    let captures = own.contains { isOf($0) && ($0.oldTable != nil || $0.newTable != nil) }
    if fired.isEmpty && !captures { return nil }
    var plan = StatementTriggerPlan(
      table: table, triggers: [], events: events, changed: changed.isEmpty ? nil : Set(changed))
    for trigger in fired { if let made = try self.plan(trigger, of: table, table) { plan.triggers.append(made) } }
    if captures {
      context.sharedCount += 1
      plan.capture = context.sharedCount
    }
    return plan
  }

  /// What changes of a stored table's rows fire; nil: nothing.
  func rowTriggers(
    of table: TableDescriptor, _ statement: StatementTriggerPlan?
  ) throws(SQLError) -> RowTriggerPlan? {
    var plans: [TriggerPlan] = []
    let catalog = names.catalog
    if !table.triggers.isEmpty || table.isPartition {
      for (trigger, owner) in catalog.triggers(of: table) where trigger.isRow && trigger.isEnabled {
        if let plan = try plan(trigger, of: table, owner) { plans.append(plan) }
      }
    }
    var capture: (number: Int, columns: [Int?])?
    if let number = statement?.capture, let whole = statement?.table {
      capture = (
        number,
        whole.columns.filter { !$0.isHidden }.map { column in
          table.columns.firstIndex { $0.name == column.name && !$0.isHidden }
        }
      )
    }
    if plans.isEmpty && capture == nil { return nil }
    var again: [ColumnAssignment] = []
    if plans.contains(where: { $0.trigger.timing == .before }) {
      let row = table.columns.map { context.makeColumn($0.name, $0.type, isNullable: $0.isNullable) }
      let planner = PhysicalPlanner(context, statistics: NoStatistics())
      for (ordinal, expression) in try generated(table, values: row.map { .some(context.column($0)) }) {
        again.append(ColumnAssignment(column: ordinal, value: planner.translate(expression, row)))
      }
    }
    return RowTriggerPlan(plans, generated: again, capture: capture)
  }

  private func plan(
    _ trigger: TriggerDescriptor, of table: TableDescriptor, _ owner: TableDescriptor
  ) throws(SQLError) -> TriggerPlan? {
    guard let function = names.catalog.snapshot.function(trigger.function) else { return nil }
    // The function may be replaced.
    names.uses.addCatalog()
    func ordinal(_ id: UInt32) -> Int? {
      guard let name = owner.column(id: id)?.name else { return nil }
      return table.columns.firstIndex { $0.name == name && !$0.isHidden }
    }
    var plan = TriggerPlan(
      trigger: trigger, function: function, columns: Set(trigger.columns.compactMap(ordinal)), condition: nil,
      isInherited: owner !== table)
    if let sql = trigger.conditionSQL {
      let (scope, ids) = triggerScope(table)
      let bound = try bind(try Binder.parseExpression(sql), scope)
      plan.condition = PhysicalPlanner(context, statistics: NoStatistics()).translate(
        FoldConstants.expression(bound), ids)
    }
    return plan
  }

  /// `old` and `new`, and the columns of both in order.
  func triggerScope(_ table: TableDescriptor) -> (scope: Scope, ids: [ColumnID]) {
    let scope = Scope(parent: nil, ctes: [])
    scope.clause = .triggerCondition
    var ids: [ColumnID] = []
    for alias in ["old", "new"] {
      let columns = table.columns.map { column in
        ScopeColumn(name: column.name, id: context.makeColumn(column.name, column.type), isHidden: column.isHidden)
      }
      ids += columns.map(\.id)
      scope.tables.append(ScopeTable(alias: alias, schema: nil, columns: columns, table: nil))
    }
    return (scope, ids)
  }
}
