// Triggers while rows change: those before each row may change it or leave it out, those after it wait in the statement's queue behind
// what foreign keys ask of the same row. Rows for transition tables are gathered on the way.
// Source: PostgreSQL manual, chapter 39; its trigger.c for the order and the messages.

import Catalog
import Expressions
import Planning
import SQLTypes

/// The rows that a statement has changed, for triggers that want them as tables.
final class TransitionTables {
  struct Part: Hashable {
    var event: UInt8
    var isNew: Bool
  }
  let kinds: [PhysicalKind]
  private var rows: [Part: RowBuffer] = [:]
  private let memory: MemoryAccount

  init(kinds: [PhysicalKind], memory: MemoryAccount) {
    self.kinds = kinds
    self.memory = memory
  }

  func append(_ batch: Batch, _ event: TriggerDescriptor.Events, isNew: Bool) {
    let part = Part(event: event.rawValue, isNew: isNew)
    let buffer = rows[part] ?? RowBuffer(kinds: kinds, memory: memory)
    buffer.append(batch)
    rows[part] = buffer
  }

  func buffer(_ event: TriggerDescriptor.Events, isNew: Bool) -> RowBuffer {
    rows[Part(event: event.rawValue, isNew: isNew)] ?? RowBuffer(kinds: kinds, memory: memory)
  }
}

/// A trigger that is to be called, with what it is called for.
struct TriggerCall {
  var plan: TriggerPlan
  var event: TriggerDescriptor.Events
  var table: TableDescriptor
  var old: [Datum]?
  var new: [Datum]?
  var transitions: TransitionTables?
}

extension TriggerCall {
  /// Calls the function. The row that it returns, in the table's columns; nil: none.
  func run(_ context: ExecutionContext) async throws(SQLError) -> [Datum]? {
    guard let library = context.procedures else {
      throw SQLError(.internalError, "triggers cannot be fired here")
    }
    let trigger = plan.trigger
    let program = try library.program(of: trigger.function)
    let visible = table.columns.indices.filter { !table.columns[$0].isHidden }
    let shape = RowShape(visible.map { RowShape.Field(table.columns[$0].name, table.columns[$0].type.valueType) })
    var names: [ProcedureNames.Transition] = []
    var surroundings = context
    if let transitions, trigger.timing == .after {
      surroundings = context.nested(parameters: [])
      surroundings.references = context.references
      for (name, isNew, number) in [(trigger.oldTable, false, -1), (trigger.newTable, true, -2)] {
        guard let name else { continue }
        surroundings.workingTables[number] = transitions.buffer(event, isNew: isNew)
        names.append(ProcedureNames.Transition(name: name, number: number, table: table.oid))
      }
    }
    surroundings.callDepth = context.callDepth
    let run = try ProcedureRun(program, surroundings, arguments: [], transitions: names)
    func row(_ values: [Datum]?) -> Datum {
      values.map { values in ProcedureRun.row(visible.map { values[$0] }, shape) } ?? .null
    }
    let type = shape.recordType
    run.add(row: "old", type, trigger.isRow ? row(old) : .null)
    run.add(row: "new", type, trigger.isRow ? row(new) : .null)
    func text(_ name: String, _ value: String) { run.add(name, .text, .text(value)) }
    run.add("tg_name", .name, .text(trigger.name))
    text("tg_when", trigger.timing == .before ? "BEFORE" : trigger.timing == .after ? "AFTER" : "INSTEAD OF")
    text("tg_level", trigger.isRow ? "ROW" : "STATEMENT")
    text("tg_op", event.name)
    run.add("tg_relid", .oid, .int64(Int64(table.oid.rawValue)))
    run.add("tg_relname", .name, .text(table.name))
    run.add("tg_table_name", .name, .text(table.name))
    run.add("tg_table_schema", .name, .text(library.schemaName(of: table)))
    run.add("tg_nargs", .int4, .int64(Int64(trigger.arguments.count)))
    let array = ArrayValue(elementOID: SQLType.text.oid, trigger.arguments.map { .text($0) }, lowerBound: 0)
    run.add("tg_argv", .textArray, .bytes(array.bytes))
    try await run.run()
    guard trigger.isRow, let returned = run.returned, !returned.value.isNull else { return nil }
    guard let made = RowShape.of(returned.type) else {
      throw SQLError(.datatypeMismatch, "cannot return non-composite value from trigger function")
    }
    guard made.fields.count == visible.count else {
      throw SQLError(
        .datatypeMismatch, "returned row structure does not match the structure of the triggering table",
        detail:
          "Number of returned columns (\(made.fields.count)) does not match expected column count (\(visible.count)).")
    }
    var result = new ?? old ?? Array(repeating: .null, count: table.columns.count)
    for (place, (value, field)) in zip(try ProcedureRun.fields(returned.value, made), made.fields).enumerated() {
      let column = table.columns[visible[place]]
      result[visible[place]] = try run.convert(value, from: field.type, to: column.type.valueType)
    }
    return result
  }
}

extension TriggerDescriptor.Events {
  fileprivate var name: String {
    switch self {
    case .insert: "INSERT"
    case .delete: "DELETE"
    case .update: "UPDATE"
    default: "TRUNCATE"
    }
  }
}

/// The triggers of one stored table while one statement changes it.
final class RowTriggers {
  private let plan: RowTriggerPlan
  private let table: TableDescriptor
  private let context: ExecutionContext

  init(_ plan: RowTriggerPlan, _ table: TableDescriptor, _ context: ExecutionContext) {
    self.plan = plan
    self.table = table
    self.context = context
  }

  func hasBefore(_ event: TriggerDescriptor.Events) -> Bool { plan.hasBefore(event) }

  private func holds(_ trigger: TriggerPlan, _ old: [Datum]?, _ new: [Datum]?) throws(SQLError) -> Bool {
    guard let condition = trigger.condition else { return true }
    var columns: [ColumnVector] = []
    for values in [old, new] {
      for (ordinal, column) in table.columns.enumerated() {
        var vector = ColumnVector(column.type.storage)
        if let values { vector.append(values[ordinal]) } else { vector.appendNull() }
        columns.append(vector)
      }
    }
    return try !Evaluator.filter(condition, Batch(columns: columns, rowCount: 1), context.evaluation).isEmpty
  }

  /// Fires what comes before a row's change. The row as it is to be written, or for DELETE the old one; nil: the row is left out.
  func before(
    _ event: TriggerDescriptor.Events, old: [Datum]?, new: [Datum]?, changed: Set<Int>? = nil
  ) async throws(SQLError) -> [Datum]? {
    var row = new
    if row != nil {
      for column in plan.generated { row?[column.column] = .null }
    }
    for trigger in plan.triggers where trigger.trigger.timing == .before && trigger.fires(on: event, changed) {
      guard try holds(trigger, old, row) else { continue }
      let call = TriggerCall(plan: trigger, event: event, table: table, old: old, new: row)
      guard let result = try await call.run(context) else { return nil }
      if event != .delete { row = result }
    }
    guard let made = row else { return old }
    if plan.generated.isEmpty { return made }
    var batch = Batch(kinds: table.columns.map(\.type.storage))
    batch.append(row: made)
    for column in plan.generated {
      batch.columns[column.column] = try Evaluator.evaluate(column.value, batch, context.evaluation)
    }
    return batch.row(0)
  }

  /// Rows have been changed: keeps them for transition tables, and notes the triggers that come after them.
  func after(
    _ event: TriggerDescriptor.Events, old: Batch?, new: Batch?, changed: Set<Int>? = nil,
    capturedAs captured: TriggerDescriptor.Events? = nil
  ) throws(SQLError) {
    if let capture = plan.capture, let tables = context.transitions[capture.number] {
      func keep(_ batch: Batch, isNew: Bool) {
        let columns = zip(capture.columns, tables.kinds).map { place, kind in
          place.map { batch.columns[$0] } ?? ColumnVector(kind, repeating: .null, count: batch.rowCount)
        }
        tables.append(Batch(columns: columns, rowCount: batch.rowCount), captured ?? event, isNew: isNew)
      }
      if let old { keep(old, isNew: false) }
      if let new { keep(new, isNew: true) }
    }
    let firing = plan.triggers.filter { $0.trigger.timing == .after && $0.fires(on: event, changed) }
    if firing.isEmpty { return }
    let transitions = plan.capture.flatMap { context.transitions[$0.number] }
    guard let count = old?.rowCount ?? new?.rowCount else { return }
    for row in 0..<count {
      let (before, now) = (old?.row(row), new?.row(row))
      for trigger in firing where try holds(trigger, before, now) {
        context.references.append(
          .trigger(
            TriggerCall(
              plan: trigger, event: event, table: table, old: before, new: now, transitions: transitions)))
      }
    }
  }
}

/// What a statement fires once, before its first row and after its last.
final class StatementTriggers {
  private let plan: StatementTriggerPlan
  private let context: ExecutionContext
  private var hasBegun = false
  private var hasEnded = false

  init?(_ plan: StatementTriggerPlan?, _ context: ExecutionContext) {
    guard let plan else { return nil }
    self.plan = plan
    self.context = context
  }

  func begin() async throws(SQLError) {
    if hasBegun { return }
    hasBegun = true
    if let number = plan.capture, context.transitions[number] == nil {
      let kinds = plan.table.columns.filter { !$0.isHidden }.map(\.type.storage)
      context.transitions[number] = TransitionTables(kinds: kinds, memory: context.memory)
    }
    guard plan.isFirst else { return }
    for event in plan.events {
      for trigger in plan.triggers where trigger.trigger.timing == .before && trigger.fires(on: event, plan.changed) {
        guard try holds(trigger) else { continue }
        _ = try await TriggerCall(plan: trigger, event: event, table: plan.table).run(context)
      }
    }
  }

  func end() throws(SQLError) {
    if hasEnded || !plan.isLast { return }
    hasEnded = true
    let transitions = plan.capture.flatMap { context.transitions[$0] }
    for event in plan.events.reversed() {
      for trigger in plan.triggers where trigger.trigger.timing == .after && trigger.fires(on: event, plan.changed) {
        guard try holds(trigger) else { continue }
        context.references.append(
          .trigger(TriggerCall(plan: trigger, event: event, table: plan.table, transitions: transitions)))
      }
    }
  }

  private func holds(_ trigger: TriggerPlan) throws(SQLError) -> Bool {
    guard let condition = trigger.condition else { return true }
    return try Evaluator.value(condition, context.evaluation) == .bool(true)
  }

  func rewind() {
    hasBegun = false
    hasEnded = false
    if let number = plan.capture { context.transitions[number] = nil }
  }
}
