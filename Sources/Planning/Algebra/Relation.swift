// The typed relational algebra that a query is bound to, rewritten in, and planned from.
// Invariant: every column of a query has an id of its own, given once; a relation passes its input's columns through under
// the same ids, so nothing needs renaming when operators move. A column that an expression uses and its input does not
// produce is a column of an enclosing query: that is what correlation is.
// Source: Neumann and Kemper, "Unnesting Arbitrary Queries" (2015), for the dependent joins (`apply`).

import Catalog
import Expressions
import SQLTypes

/// A column's id, unique in one statement.
typealias ColumnID = Int

/// An expression and the column that it becomes.
struct ComputedColumn: Sendable {
  var id: ColumnID
  var expression: ScalarExpression
}

struct ComputedAggregate: Sendable {
  var id: ColumnID
  var call: AggregateCall
}

/// One mention of a table.
struct TableScan: Sendable {
  var table: TableDescriptor
  var alias: String
  /// The column id of each of the table's columns, in order.
  var columns: [ColumnID]
  /// Of a partition that a mention of its parent means: over `columns`.
  var guarded: PartitionGuard?
  /// Locks wanted on its rows, from `FOR UPDATE` or because they will be changed.
  var lock: RowLock?
}

struct FunctionScan: Sendable {
  var function: TableFunction
  var alias: String
  var arguments: [ScalarExpression]
  var columns: [ColumnID]
  var withOrdinality: Bool
}

/// A query that several places read (a CTE), computed once.
struct SharedQuery: Sendable {
  var id: Int
  var name: String
  var relation: Relation
  /// The columns of `relation` that are read.
  var source: [ColumnID]
  /// Their ids for this reader.
  var columns: [ColumnID]
  /// The types of `source`.
  var types: [ColumnID: SQLType]
  /// `AS MATERIALIZED`: never merged into its reader.
  var isMaterialized: Bool
  /// In a sequence: when the main statement is done.
  var runsAfter = false
}

struct SetOperation: Sendable {
  var kind: SetOperator
  var left: Relation
  var right: Relation
  var leftColumns: [ColumnID]
  var rightColumns: [ColumnID]
  var columns: [ColumnID]
}

/// `WITH RECURSIVE`: the base's rows, then those that the step gives for the rows that came last, until none come.
struct RecursiveQuery: Sendable {
  /// Of the working table that the step reads.
  var id: Int
  var base: Relation
  var baseColumns: [ColumnID]
  var step: Relation
  var stepColumns: [ColumnID]
  var columns: [ColumnID]
  /// `UNION`: a row that came before does not count.
  var isDistinct: Bool
}

/// How an apply joins each left row with the right side computed for it.
enum ApplyKind: Sendable {
  case inner, left, semi, anti
  /// The right side's one value (`source`) becomes `column`; NULL for none, error 21000 for several.
  case scalar(column: ColumnID, source: ColumnID)
}

indirect enum Relation: Sendable {
  /// One row without columns.
  case unit
  case values([[ScalarExpression]], [ColumnID])
  case scan(TableScan)
  case function(FunctionScan)
  /// All conjuncts hold.
  case filter(Relation, [ScalarExpression])
  /// Adds columns; those of the input stay visible.
  case compute(Relation, [ComputedColumn])
  case join(JoinKind, Relation, Relation, [ScalarExpression])
  /// Like a join, but the right side may use the left side's columns.
  case apply(ApplyKind, Relation, Relation, [ScalarExpression])
  /// Its columns are the keys and the calls. `isGrouped`: there was a GROUP BY, so no rows give no rows.
  case aggregate(Relation, keys: [ComputedColumn], calls: [ComputedAggregate], isGrouped: Bool)
  /// Adds the values of window functions over the same rows.
  case window(Relation, WindowStep)
  case distinct(Relation, [ColumnID])
  /// The first row for each value of the expressions; the input is sorted by them.
  case distinctOn(Relation, [ScalarExpression])
  case sort(Relation, [SortKey])
  case limit(Relation, count: ScalarExpression?, offset: ScalarExpression?)
  case setOperation(SetOperation)
  case shared(SharedQuery)
  case recursive(RecursiveQuery)
  /// The rows that came last in the recursive query with this id.
  case workingTable(id: Int, name: String, [ColumnID])
  /// Locks the rows of these scans among those that come through.
  case lock(Relation, [TableScan])
  /// Runs the queries to their ends, in order, before the relation, which may read their rows as shared queries.
  case sequence([SharedQuery], Relation)
  /// INSERT, UPDATE or DELETE; its columns are for RETURNING.
  case modification(Modification)
}

/// A change of a table's rows.
struct Modification: Sendable {
  enum Kind: Sendable {
    case insert(onConflict: ConflictResolution?)
    /// By the column's ordinal, over the source's columns.
    case update([ComputedColumn])
    case delete
  }
  var kind: Kind
  var table: TableDescriptor
  var source: Relation
  /// The source's columns for the table's, in order: values to insert, or the old row.
  var sourceColumns: [ColumnID]
  /// The ids that checks, predicates and RETURNING use for the table's columns.
  var rowColumns: [ColumnID]
  var checks: [(name: String, condition: ScalarExpression)]
  var predicates: [(index: UInt32, condition: ScalarExpression)]
  var references = ReferencePlan()
  /// What the statement fires once.
  var statement: StatementTriggerPlan?
  /// What views ask of rows that are written through them, over `rowColumns`.
  var viewChecks: [ViewCondition] = []
  /// That the rows belong into the table, over `rowColumns`, where it is a partition.
  var guarded: PartitionGuard?
  /// INSERT into a partitioned table.
  var partitions: PartitionPlan?
  /// What ON CONFLICT does in each of them.
  var partitionConflicts: [ConflictResolution] = []
  /// UPDATE of a partition that a mention of its parent means; `stays` over `rowColumns`.
  var move: PartitionMove?
  /// The same number for all tables that one statement changes as one.
  var family: Int?
  /// The source's column that says of which table a row is.
  var tableColumn: ColumnID?
  var returnsRows: Bool
  /// Columns of the source beyond the table's that RETURNING or assignments use.
  var otherColumns: [ColumnID] = []
}

/// ON CONFLICT, resolved.
struct ConflictResolution: Sendable {
  var arbiters: [UInt32]
  /// nil: DO NOTHING. By ordinal, over the existing and the excluded row.
  var assignments: [ComputedColumn]?
  var condition: ScalarExpression?
  var existing: [ColumnID]
  var excluded: [ColumnID]
  /// Sub-queries over both rows.
  var attachments: [Attachment] = []
}

/// What a view asks of rows that are written through it.
struct ViewCondition: Sendable {
  var view: String
  var condition: ScalarExpression
  var attachments: [Attachment] = []
}

extension Relation {
  /// The columns that it puts out.
  var columns: Set<ColumnID> {
    switch self {
    case .unit: []
    case .values(_, let columns): Set(columns)
    case .scan(let scan): Set(scan.columns)
    case .function(let scan): Set(scan.columns)
    case .filter(let input, _), .sort(let input, _), .limit(let input, _, _), .distinctOn(let input, _),
      .lock(let input, _):
      input.columns
    case .compute(let input, let computed): input.columns.union(computed.map(\.id))
    case .join(let kind, let left, let right, _):
      kind == .semi || kind == .anti ? left.columns : left.columns.union(right.columns)
    case .apply(let kind, let left, let right, _):
      switch kind {
      case .semi, .anti: left.columns
      case .scalar(let column, _): left.columns.union([column])
      case .inner, .left: left.columns.union(right.columns)
      }
    case .aggregate(_, let keys, let calls, _): Set(keys.map(\.id) + calls.map(\.id))
    case .window(let input, let step): input.columns.union(step.calls.map(\.id))
    case .distinct(_, let columns): Set(columns)
    case .setOperation(let operation): Set(operation.columns)
    case .shared(let shared): Set(shared.columns)
    case .recursive(let query): Set(query.columns)
    case .workingTable(_, _, let columns): Set(columns)
    case .sequence(_, let main): main.columns
    case .modification(let change): Set(change.rowColumns + change.otherColumns)
    }
  }

  /// The relations that it is made of.
  var inputs: [Relation] {
    switch self {
    case .unit, .values, .scan, .function, .workingTable: []
    case .filter(let input, _), .sort(let input, _), .limit(let input, _, _), .distinctOn(let input, _),
      .lock(let input, _), .compute(let input, _), .aggregate(let input, _, _, _), .distinct(let input, _),
      .window(let input, _):
      [input]
    case .join(_, let left, let right, _), .apply(_, let left, let right, _): [left, right]
    case .setOperation(let operation): [operation.left, operation.right]
    case .shared(let shared): [shared.relation]
    case .recursive(let query): [query.base, query.step]
    case .sequence(let first, let main): first.map(\.relation) + [main]
    case .modification(let change): [change.source]
    }
  }

  /// Expressions of this node alone.
  var expressions: [ScalarExpression] {
    switch self {
    case .values(let rows, _): rows.flatMap { $0 }
    case .function(let scan): scan.arguments
    case .filter(_, let conditions), .join(_, _, _, let conditions), .apply(_, _, _, let conditions): conditions
    case .compute(_, let computed): computed.map(\.expression)
    case .aggregate(_, let keys, let calls, _):
      keys.map(\.expression)
        + calls.flatMap { $0.call.arguments + ($0.call.filter.map { [$0] } ?? []) + $0.call.order.map(\.expression) }
    case .window(_, let step): step.expressions
    case .distinctOn(_, let expressions): expressions
    case .sort(_, let keys): keys.map(\.expression)
    case .limit(_, let count, let offset): [count, offset].compactMap { $0 }
    case .modification(let change):
      if case .update(let assignments) = change.kind { assignments.map(\.expression) } else { [] }
    case .unit, .scan, .distinct, .setOperation, .shared, .lock, .recursive, .workingTable, .sequence: []
    }
  }

  /// The same node over other inputs and with rewritten expressions.
  func map(
    _ relation: (Relation) throws(SQLError) -> Relation,
    _ expression: (ScalarExpression) throws(SQLError) -> ScalarExpression
  ) throws(SQLError) -> Relation {
    func mapKeys(_ keys: [SortKey]) throws(SQLError) -> [SortKey] {
      try keys.mapTyped { (key: SortKey) throws(SQLError) in
        SortKey(try expression(key.expression), isDescending: key.isDescending, nullsFirst: key.nullsFirst)
      }
    }
    switch self {
    case .unit, .scan, .workingTable: return self
    case .values(let rows, let columns):
      return .values(
        try rows.mapTyped { (row: [ScalarExpression]) throws(SQLError) in try row.mapTyped(expression) }, columns)
    case .function(var scan):
      scan.arguments = try scan.arguments.mapTyped(expression)
      return .function(scan)
    case .filter(let input, let conditions):
      return .filter(try relation(input), try conditions.mapTyped(expression))
    case .compute(let input, let computed):
      let columns = try computed.mapTyped { (column: ComputedColumn) throws(SQLError) in
        ComputedColumn(id: column.id, expression: try expression(column.expression))
      }
      return .compute(try relation(input), columns)
    case .join(let kind, let left, let right, let conditions):
      return .join(kind, try relation(left), try relation(right), try conditions.mapTyped(expression))
    case .apply(let kind, let left, let right, let conditions):
      return .apply(kind, try relation(left), try relation(right), try conditions.mapTyped(expression))
    case .aggregate(let input, let keys, let calls, let isGrouped):
      let mappedKeys = try keys.mapTyped { (column: ComputedColumn) throws(SQLError) in
        ComputedColumn(id: column.id, expression: try expression(column.expression))
      }
      let mappedCalls = try calls.mapTyped { (column: ComputedAggregate) throws(SQLError) in
        var call = column.call
        call.arguments = try call.arguments.mapTyped(expression)
        if let filter = call.filter { call.filter = try expression(filter) }
        call.order = try mapKeys(call.order)
        return ComputedAggregate(id: column.id, call: call)
      }
      return .aggregate(try relation(input), keys: mappedKeys, calls: mappedCalls, isGrouped: isGrouped)
    case .window(let input, let step): return .window(try relation(input), try step.map(expression))
    case .distinct(let input, let columns): return .distinct(try relation(input), columns)
    case .distinctOn(let input, let expressions):
      return .distinctOn(try relation(input), try expressions.mapTyped(expression))
    case .sort(let input, let keys): return .sort(try relation(input), try mapKeys(keys))
    case .limit(let input, let count, let offset):
      let mappedCount: ScalarExpression? = if let count { try expression(count) } else { nil }
      let mappedOffset: ScalarExpression? = if let offset { try expression(offset) } else { nil }
      return .limit(try relation(input), count: mappedCount, offset: mappedOffset)
    case .setOperation(var operation):
      operation.left = try relation(operation.left)
      operation.right = try relation(operation.right)
      return .setOperation(operation)
    case .shared(var shared):
      shared.relation = try relation(shared.relation)
      return .shared(shared)
    case .recursive(var query):
      query.base = try relation(query.base)
      query.step = try relation(query.step)
      return .recursive(query)
    case .lock(let input, let scans): return .lock(try relation(input), scans)
    case .sequence(let first, let main):
      let queries = try first.mapTyped { (query: SharedQuery) throws(SQLError) in
        var query = query
        query.relation = try relation(query.relation)
        return query
      }
      return .sequence(queries, try relation(main))
    case .modification(var change):
      change.source = try relation(change.source)
      if case .update(let assignments) = change.kind {
        change.kind = .update(
          try assignments.mapTyped { (column: ComputedColumn) throws(SQLError) in
            ComputedColumn(id: column.id, expression: try expression(column.expression))
          })
      }
      return .modification(change)
    }
  }

  /// The same node over other inputs.
  func mapInputs(_ transform: (Relation) throws(SQLError) -> Relation) throws(SQLError) -> Relation {
    try map(transform) { (expression: ScalarExpression) throws(SQLError) in expression }
  }

  /// The same node over other inputs.
  func mapInputs(pure transform: (Relation) -> Relation) -> Relation {
    // The transformation does not throw, so neither does the walk.
    do {
      return try map({ (relation: Relation) throws(SQLError) in transform(relation) }) {
        (expression: ScalarExpression) throws(SQLError) in expression
      }
    } catch {
      return self
    }
  }

  /// Columns that it uses and does not produce: those of enclosing queries.
  var freeColumns: Set<ColumnID> {
    var used: Set<ColumnID> = []
    var produced: Set<ColumnID> = []
    collect(used: &used, produced: &produced)
    return used.subtracting(produced)
  }

  /// Columns of its inputs that it names by id alone. One may be a column of an enclosing query: `(SELECT t.a)`.
  private var referencedColumns: [ColumnID] {
    switch self {
    case .apply(.scalar(_, let source), _, _, _): [source]
    case .distinct(_, let columns): columns
    case .setOperation(let operation): operation.leftColumns + operation.rightColumns
    case .shared(let shared): shared.source
    case .sequence(let first, _): first.flatMap(\.source)
    case .recursive(let query): query.baseColumns + query.stepColumns
    case .modification(let change): change.sourceColumns
    default: []
    }
  }

  /// Columns that begin with this node. What it only passes on may be a column of an enclosing query: `SELECT DISTINCT t.a`.
  private var ownColumns: Set<ColumnID> {
    switch self {
    case .unit, .filter, .sort, .limit, .distinct, .distinctOn, .lock, .join, .sequence: []
    case .values, .scan, .function, .setOperation, .shared, .recursive, .workingTable, .modification: columns
    case .compute(_, let computed): Set(computed.map(\.id))
    case .apply(.scalar(let column, _), _, _, _): [column]
    case .apply: []
    case .aggregate(_, let keys, let calls, _):
      Set(
        keys.filter { key in
          if case .column(key.id, _) = key.expression { false } else { true }
        }.map(\.id) + calls.map(\.id))
    case .window(_, let step): Set(step.calls.map(\.id))
    }
  }

  private func collect(used: inout Set<ColumnID>, produced: inout Set<ColumnID>) {
    for expression in expressions { expression.collectColumns(into: &used) }
    used.formUnion(referencedColumns)
    produced.formUnion(ownColumns)
    // What ON CONFLICT computes with sees the row that is there and the one that is not inserted.
    if case .modification(let change) = self, case .insert(let conflict?) = change.kind {
      for assignment in conflict.assignments ?? [] { assignment.expression.collectColumns(into: &used) }
      conflict.condition?.collectColumns(into: &used)
      for attachment in conflict.attachments {
        used.formUnion(attachment.relation.freeColumns)
        produced.formUnion(attachment.relation.columns)
        if case .scalar(let column, _) = attachment.kind { produced.insert(column) }
      }
      produced.formUnion(conflict.existing + conflict.excluded)
    }
    for input in inputs { input.collect(used: &used, produced: &produced) }
  }

  /// Whether it may give other rows, or do something else, when it is read again.
  var isVolatile: Bool {
    if case .lock = self { return true }
    if case .modification = self { return true }
    if case .scan(let scan) = self, scan.lock != nil { return true }
    return expressions.contains(where: \.isVolatile) || inputs.contains(where: \.isVolatile)
  }

  /// A filter over it, none if there are no conditions.
  func filtered(_ conditions: [ScalarExpression]) -> Relation {
    if conditions.isEmpty { return self }
    if case .filter(let input, let own) = self { return .filter(input, own + conditions) }
    return .filter(self, conditions)
  }
}

extension Array {
  /// `map` that keeps the type of what is thrown.
  func mapTyped<T>(_ transform: (Element) throws(SQLError) -> T) throws(SQLError) -> [T] {
    var result: [T] = []
    result.reserveCapacity(count)
    for element in self { result.append(try transform(element)) }
    return result
  }
}
