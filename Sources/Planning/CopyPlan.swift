// COPY with its table and columns resolved. The options stay as written: who reads and writes the format checks them.
// Source: PostgreSQL manual, COPY; messages are PostgreSQL's.

import Catalog
import Encoding
import Expressions
import SQLSyntax
import SQLTypes

public enum CopyPlan: Sendable {
  /// The query whose rows go to the client; the plan's columns name them.
  case out(QueryPlan, options: [UtilityOption])
  /// Rows from the client.
  case into(CopyInto, options: [UtilityOption])
}

/// A table that COPY fills.
public struct CopyInto: Sendable {
  public var table: TableDescriptor
  /// Ordinals of the columns that the data gives, in its order.
  public var fields: [Int]
  /// For each of the table's columns in order: what stands there if the data does not give it; over the given values as
  /// columns (generated columns use them). Columns that the data gives are `.column` of their place in the data.
  public var values: [ScalarExpression]
  public var checks: [RowCheck]
  public var predicates: IndexPredicates
  public var references = ReferencePlan()
  /// What the statement fires once.
  public var statement: StatementTriggerPlan?
  public var partitions: PartitionPlan?
  /// `WHERE`, over the table's columns in order.
  public var filter: ScalarExpression?
  public var sequences: [OID: Int]
  public var catalogVersion: UInt64
  /// As of a `QueryPlan`.
  public var dependencies: [Key] = []
  public var requirements: [AccessRequirement] = []
}

extension CopyPlan {
  init(
    _ statement: CopyStatement, _ context: BindingContext, _ statistics: any StatisticsProvider
  ) throws(SQLError) {
    guard case .client = statement.target else {
      throw context.unsupported("COPY with files and programs is")
    }
    let options = statement.options
    let binder = Binder(context)
    switch (statement.source, statement.direction) {
    case (.query(let query), _):
      self = .out(try StatementPlanner.planQuery(query, context, statistics), options: options)
    case (.table(let name, let columns), .to):
      let table = try context.names.relation(name)
      if case .view = table.kind {
        throw SQLError(
          .wrongObjectType, "cannot copy from view \"\(table.name)\"", hint: "Try the COPY (SELECT ...) TO variant.")
      }
      let (source, scan) = try binder.bindScan(table, alias: table.name, written: nil, lock: nil)
      let ordinals = try CopyPlan.ordinals(columns, table, context)
      let visible = table.columns.indices.filter { !table.columns[$0].isHidden }
      context.noteReading(table, visible.map { scan.columns[$0] }, always: true)
      context.mentioned.formUnion(ordinals.map { scan.columns[$0] })
      let outputs = ordinals.map {
        OutputColumn(name: table.columns[$0].name, id: scan.columns[$0], type: table.columns[$0].type)
      }
      let bound = BoundQuery(relation: source.relation, outputs: outputs)
      self = .out(StatementPlanner.finish(bound, .select, context, statistics), options: options)
    case (.table(let name, let columns), .from):
      let table = try binder.targetTable(name, "copy to")
      self = .into(
        try CopyInto(table, try CopyPlan.ordinals(columns, table, context), statement.filter, binder), options: options)
    }
  }

  fileprivate static func ordinals(
    _ names: [Identifier], _ table: TableDescriptor, _ context: BindingContext
  ) throws(SQLError) -> [Int] {
    if names.isEmpty {
      return table.columns.indices.filter { !table.columns[$0].isHidden && table.columns[$0].generatedSQL == nil }
    }
    var ordinals: [Int] = []
    for name in names {
      guard let ordinal = table.columns.firstIndex(where: { $0.name == name.text && !$0.isHidden }) else {
        throw SQLError(
          .undefinedColumn, "column \"\(name.text)\" of relation \"\(table.name)\" does not exist")
      }
      if table.columns[ordinal].generatedSQL != nil {
        throw SQLError(
          .invalidColumnReference, "column \"\(name.text)\" is a generated column",
          detail: "Generated columns cannot be used in COPY.")
      }
      if ordinals.contains(ordinal) {
        throw SQLError(.duplicateColumn, "column \"\(name.text)\" specified more than once")
      }
      ordinals.append(ordinal)
    }
    return ordinals
  }
}

extension CopyInto {
  init(_ table: TableDescriptor, _ columns: [Int], _ filter: Expression?, _ binder: Binder) throws(SQLError) {
    let context = binder.context
    let row = table.columns.map { context.makeColumn($0.name, $0.type) }
    var given: [ScalarExpression?] = Array(repeating: nil, count: table.columns.count)
    for (place, ordinal) in columns.enumerated() {
      let type = table.columns[ordinal].type
      given[ordinal] = try binder.coerce(.column(place, type.valueType), to: type, .assignment, at: .unknown)
    }
    var values: [ScalarExpression] = []
    for (ordinal, column) in table.columns.enumerated() {
      if let value = given[ordinal] { values.append(value) } else { values.append(try binder.defaultValue(column)) }
    }
    for (ordinal, expression) in try binder.generated(table, values: values.map { .some($0) }) {
      values[ordinal] = expression
    }
    let planner = PhysicalPlanner(context, statistics: NoStatistics())
    self.table = table
    fields = columns
    self.values = values
    checks = try binder.checks(table, row).map {
      RowCheck.condition(name: $0.name, planner.translate($0.condition, row))
    }
    statement = try binder.statementTriggers(of: table, [.insert])
    if table.isPartitioned {
      partitions = try binder.partitionPlan(table, statement)
    } else if let guarded = try binder.partitionGuard(table, row) {
      checks.append(.partition(guarded.map { planner.translate($0, row) }))
    }
    predicates = [:]
    for predicate in try binder.predicates(table, row) {
      predicates[predicate.index] = planner.translate(predicate.condition, row)
    }
    if let filter {
      let bound = try binder.bind(filter, binder.rowScope(table, row, .copyWhere))
      self.filter = planner.translate(try binder.coerceToBoolean(bound, "WHERE", at: filter), row)
    }
    references = try binder.references(of: table, statement)
    context.noteWriting(.insert, table, ordinals: columns)
    requirements = context.requirements
    let plan = PhysicalPlan(.values([values]), output: [])
    sequences = SequenceUse.count(in: plan)
    catalogVersion = context.names.catalog.version
    dependencies = context.names.uses.keys
  }
}
