// What the executor runs: a tree of operations over batches, every column an ordinal of its input, every overload chosen.
// Plans are immutable and `Sendable`, so that one plan serves many executions at once; what changes while a query runs
// lives in the executor's operators, a tree of its own beside this one.

import Catalog
import Encoding
import Expressions
import SQLTypes

/// What the optimizer believes of a node, in PostgreSQL's units (1.0 is a sequential page read).
public struct PlanEstimate: Sendable, Hashable {
  public var startupCost: Double
  public var totalCost: Double
  public var rowCount: Double
  /// Bytes a row.
  public var width: Int

  public init(startupCost: Double = 0, totalCost: Double = 0, rowCount: Double = 1, width: Int = 8) {
    self.startupCost = startupCost
    self.totalCost = totalCost
    self.rowCount = rowCount
    self.width = width
  }
}

public final class PhysicalPlan: Sendable {
  public let operation: PhysicalOperation
  /// The types of the columns that each batch has.
  public let output: [SQLType]
  public let estimate: PlanEstimate

  public init(_ operation: PhysicalOperation, output: [SQLType], estimate: PlanEstimate = PlanEstimate()) {
    self.operation = operation
    self.output = output
    self.estimate = estimate
  }
}

/// A lock that a scan or `lockRows` takes on each row.
public struct RowLock: Sendable, Hashable {
  public enum Wait: UInt8, Sendable, Hashable { case wait, noWait, skipLocked }
  public var isExclusive: Bool
  public var wait: Wait
  public init(isExclusive: Bool, wait: Wait = .wait) {
    self.isExclusive = isExclusive
    self.wait = wait
  }

  /// What takes it, as messages call it.
  var command: String { isExclusive ? "SELECT FOR UPDATE" : "SELECT FOR SHARE" }
}

/// One end of a span on the key column after the equal ones, in the order of the column's values, whichever way the index
/// runs. A NULL value makes the span empty; a span with a bound holds no NULLs.
public struct IndexBound: Sendable {
  public var value: ScalarExpression
  public var isInclusive: Bool
  public init(value: ScalarExpression, isInclusive: Bool) {
    self.value = value
    self.isInclusive = isInclusive
  }
}

/// A part of an index: equal values for a prefix of its key columns, then perhaps a range on the next one, in the
/// column's own order. Values are expressions without columns (constants, parameters, outer slots), of the column's type.
public struct IndexSpan: Sendable {
  public var equal: [ScalarExpression]
  public var lower: IndexBound?
  public var upper: IndexBound?
  /// `IS NULL` on the column after the equal ones.
  public var nextIsNull: Bool
  public init(
    equal: [ScalarExpression] = [], lower: IndexBound? = nil, upper: IndexBound? = nil, nextIsNull: Bool = false
  ) {
    self.equal = equal
    self.lower = lower
    self.upper = upper
    self.nextIsNull = nextIsNull
  }
}

public struct ScanPlan: Sendable {
  public var table: TableDescriptor
  /// The name it has in the query, for EXPLAIN.
  public var alias: String
  public var index: IndexDescriptor
  /// Empty array: nothing; a single empty span: all of the index.
  public var spans: [IndexSpan]
  /// Values of the spans are not known before execution, so that some may be equal: the keys are to be sorted in the
  /// index's order and those that meet merged before they are read. Otherwise spans are disjoint and in the index's order.
  public var spansMayOverlap: Bool
  public var isReverse: Bool
  /// Ids of the table's columns to put out, in this order. Columns that a secondary index lacks are fetched from the
  /// primary index by the scan itself.
  public var columns: [UInt32]
  /// What remains to be checked on each row, over `columns`.
  public var filter: ScalarExpression?
  /// Locks the primary key of each row that passes `filter`.
  public var lock: RowLock?
  /// Of a partition: what has to hold for there to be anything to read.
  public var pruning: [PartitionPruning] = []
  /// Rows wanted, if known at plan time, to size batches; not a limit.
  public var rowHint: Int?

  public init(
    table: TableDescriptor, alias: String, index: IndexDescriptor, spans: [IndexSpan], columns: [UInt32],
    isReverse: Bool = false, filter: ScalarExpression? = nil, lock: RowLock? = nil, rowHint: Int? = nil,
    spansMayOverlap: Bool = false
  ) {
    self.table = table
    self.alias = alias
    self.index = index
    self.spans = spans
    self.columns = columns
    self.isReverse = isReverse
    self.filter = filter
    self.lock = lock
    self.rowHint = rowHint
    self.spansMayOverlap = spansMayOverlap
  }
}

public enum JoinKind: UInt8, Sendable, Hashable {
  case inner, left, right, full, semi
  /// `NOT EXISTS`: left rows without a match.
  case anti
}

public struct SortKey: Sendable {
  public var expression: ScalarExpression
  public var isDescending: Bool
  public var nullsFirst: Bool
  public init(_ expression: ScalarExpression, isDescending: Bool = false, nullsFirst: Bool? = nil) {
    self.expression = expression
    self.isDescending = isDescending
    self.nullsFirst = nullsFirst ?? isDescending
  }
}

public struct AggregateCall: Sendable {
  public var function: AggregateFunction
  public var arguments: [ScalarExpression]
  public var isDistinct: Bool
  public var filter: ScalarExpression?
  /// `ORDER BY` inside the call.
  public var order: [SortKey]
  public var type: SQLType
  public init(
    function: AggregateFunction, arguments: [ScalarExpression], isDistinct: Bool = false,
    filter: ScalarExpression? = nil, order: [SortKey] = [], type: SQLType
  ) {
    self.function = function
    self.arguments = arguments
    self.isDistinct = isDistinct
    self.filter = filter
    self.order = order
    self.type = type
  }
}

public enum SetOperator: UInt8, Sendable, Hashable {
  case unionAll, union, intersect, intersectAll, except, exceptAll
}

/// A check of a new row, over the table's columns in order.
public enum RowCheck: Sendable {
  case condition(name: String, ScalarExpression)
  /// The row belongs into the partition.
  case partition(PartitionGuard)
}

public enum ConflictAction: Sendable {
  /// `DO NOTHING`; the arbiters' ids, empty: every unique index.
  case nothing(arbiters: [UInt32])
  /// `DO UPDATE`: new values over (existing row ++ excluded row), both in table order, for column ordinals; `condition` likewise.
  /// `query`: sub-queries over both rows, whose values come after them.
  case update(arbiter: UInt32, assignments: [ColumnAssignment], condition: ScalarExpression?, query: RowQuery?)
}

public struct ColumnAssignment: Sendable {
  /// Ordinal in the table's columns.
  public var column: Int
  public var value: ScalarExpression
  public init(column: Int, value: ScalarExpression) {
    self.column = column
    self.value = value
  }
}

/// Predicates of partial indexes, by index id, over the table's columns in order.
public typealias IndexPredicates = [UInt32: ScalarExpression]

public struct InsertPlan: Sendable {
  public var table: TableDescriptor
  /// Gives a value for each of the table's columns, in order, hidden ones included, defaults filled in.
  public var source: PhysicalPlan
  public var checks: [RowCheck]
  public var predicates: IndexPredicates
  public var onConflict: ConflictAction?
  public var references = ReferencePlan()
  public var viewChecks: [ViewCheck] = []
  /// What the statement fires once.
  public var statement: StatementTriggerPlan?
  /// Of a partitioned table: where its rows go. Then `checks`, `predicates` and `onConflict` are those of the partitions.
  public var partitions: PartitionPlan?
  /// Put out the rows inserted or updated, all columns of the table in order; else no rows, only a count.
  public var returnsRows: Bool
  public init(
    table: TableDescriptor, source: PhysicalPlan, checks: [RowCheck], predicates: IndexPredicates,
    onConflict: ConflictAction?, returnsRows: Bool
  ) {
    self.table = table
    self.source = source
    self.checks = checks
    self.predicates = predicates
    self.onConflict = onConflict
    self.returnsRows = returnsRows
  }
}

public struct UpdatePlan: Sendable {
  public var table: TableDescriptor
  /// Its first columns are all of the table's columns, in order (the old row, locked); others may follow (`FROM`).
  public var source: PhysicalPlan
  /// Over the source's columns.
  public var assignments: [ColumnAssignment]
  public var checks: [RowCheck]
  public var predicates: IndexPredicates
  public var references = ReferencePlan()
  public var viewChecks: [ViewCheck] = []
  /// What the statement fires once.
  public var statement: StatementTriggerPlan?
  /// The same number for all plans of one statement that changes several tables as one.
  public var family: Int?
  /// Of a partition of the table that the statement named.
  public var move: PartitionMove?
  /// Puts out the new row, then the source's columns after the old row.
  public var returnsRows: Bool
  public init(
    table: TableDescriptor, source: PhysicalPlan, assignments: [ColumnAssignment], checks: [RowCheck],
    predicates: IndexPredicates, returnsRows: Bool
  ) {
    self.table = table
    self.source = source
    self.assignments = assignments
    self.checks = checks
    self.predicates = predicates
    self.returnsRows = returnsRows
  }
}

public struct DeletePlan: Sendable {
  public var table: TableDescriptor
  /// Its first columns are all of the table's columns, in order (locked); others may follow (`USING`).
  public var source: PhysicalPlan
  public var predicates: IndexPredicates
  public var references = ReferencePlan()
  /// What the statement fires once.
  public var statement: StatementTriggerPlan?
  /// As of an `UpdatePlan`.
  public var family: Int?
  /// Puts out the source's columns.
  public var returnsRows: Bool
  public init(table: TableDescriptor, source: PhysicalPlan, predicates: IndexPredicates, returnsRows: Bool) {
    self.table = table
    self.source = source
    self.predicates = predicates
    self.returnsRows = returnsRows
  }
}

public indirect enum PhysicalOperation: Sendable {
  /// Rows of expressions without columns.
  case values([[ScalarExpression]])
  case scan(ScanPlan)
  /// A relation computed from the catalog.
  case virtualTable(TableDescriptor, alias: String, columns: [UInt32])
  /// A set-returning function in `FROM`.
  case tableFunction(TableFunction, [ScalarExpression], withOrdinality: Bool)
  case filter(PhysicalPlan, ScalarExpression)
  case project(PhysicalPlan, [ScalarExpression])
  /// Expressions without columns; NULL count: no limit.
  case limit(PhysicalPlan, count: ScalarExpression?, offset: ScalarExpression?)
  /// `limit`: only that many first rows are wanted (top-k).
  case sort(PhysicalPlan, [SortKey], limit: ScalarExpression?)
  /// One row for each distinct value of all columns.
  case distinct(PhysicalPlan)
  /// `DISTINCT ON`: the first row for each value of these; the input is sorted by them.
  case distinctOn(PhysicalPlan, [ScalarExpression])
  /// Puts out the keys, then the aggregates. No keys and no rows: one row, unless `keys` come from an empty `GROUP BY ()`.
  case aggregate(PhysicalPlan, keys: [ScalarExpression], calls: [AggregateCall])
  /// Puts out the input's columns, then the calls; the input is sorted by the partition's expressions, then the order.
  case window(PhysicalPlan, WindowPlan)
  /// Equal keys pairwise (`equalities` are the `=` of their common type), then `residual` over left ++ right columns.
  /// Semi and anti put out left columns only; right side is built into the table.
  case hashJoin(
    JoinKind, left: PhysicalPlan, right: PhysicalPlan, leftKeys: [ScalarExpression], rightKeys: [ScalarExpression],
    residual: ScalarExpression?)
  case nestedLoopJoin(JoinKind, left: PhysicalPlan, right: PhysicalPlan, condition: ScalarExpression?)
  /// For each left row, the outer slots are filled from the left row's expressions and the right side is run anew: lookup
  /// joins, `LATERAL`, and correlated sub-queries that could not be unnested. Kinds: inner, left, semi, anti.
  case apply(
    JoinKind, left: PhysicalPlan, right: PhysicalPlan, bindings: [OuterBinding], condition: ScalarExpression?)
  /// Left row plus the one value of the right side, NULL for none; more than one row is error 21000.
  case scalarSubquery(left: PhysicalPlan, right: PhysicalPlan, bindings: [OuterBinding])
  case setOperation(SetOperator, PhysicalPlan, PhysicalPlan)
  /// The base's rows, then again and again those of the step, which reads the rows of the round before it as
  /// `workingTable`; `isDistinct`: rows that came before are dropped.
  case recursiveUnion(base: PhysicalPlan, step: PhysicalPlan, id: Int, isDistinct: Bool)
  case workingTable(id: Int, name: String)
  /// Keeps its input's rows to be read many times within one execution; the id is the same for all readers of one CTE.
  case materialize(PhysicalPlan, id: Int)
  /// Locks the primary keys (ordinals of the key's columns in the input) of rows that passed, re-checking that they still exist.
  case lockRows(PhysicalPlan, table: TableDescriptor, keyColumns: [Int], RowLock)
  /// Runs the first plans to their ends, in order; then gives the rows of the last. So many of the first wait until that is done.
  case sequence([PhysicalPlan], PhysicalPlan, after: Int)
  case insert(InsertPlan)
  case update(UpdatePlan)
  case delete(DeletePlan)
}

/// Fills an outer slot of the right side with a value of the left row.
public struct OuterBinding: Sendable {
  public var slot: Int
  public var value: ScalarExpression
  public init(slot: Int, value: ScalarExpression) {
    self.slot = slot
    self.value = value
  }
}

/// A column of a statement's result, as `RowDescription` tells it.
public struct ResultColumn: Sendable, Hashable {
  public var name: String
  public var type: SQLType
  /// The table's OID and column's position, if it is a plain column.
  public var table: OID
  public var attribute: Int16
  public init(name: String, type: SQLType, table: OID = .invalid, attribute: Int16 = 0) {
    self.name = name
    self.type = type
    self.table = table
    self.attribute = attribute
  }
}

/// A statement ready to run, with everything resolved against one catalog version.
public final class QueryPlan: Sendable {
  public enum Kind: UInt8, Sendable { case select, insert, update, delete }

  public let kind: Kind
  public let root: PhysicalPlan
  /// Empty: the statement returns no rows.
  public let columns: [ResultColumn]
  public let parameterTypes: [SQLType]
  /// Slots that applies fill.
  public let outerSlotCount: Int
  /// Sequences drawn from by `nextval` with a constant name, and how many values one row takes: to be reserved before evaluation.
  public let sequences: [OID: Int]
  /// What of it writes or locks, as messages call it: `INSERT`, `nextval()`; nil: it only reads.
  public let writing: String?
  public let catalogVersion: UInt64
  /// Keys of the descriptors that the plan was made from: the transaction that runs it depends on them.
  public let dependencies: [Key]
  /// Whether a literal was read by the session's settings (time zone, date order) or by the time of planning: such a plan
  /// is for this session's settings only.
  public let dependsOnSettings: Bool
  /// Privileges that whoever runs it needs.
  public let requirements: [AccessRequirement]

  public init(
    kind: Kind, root: PhysicalPlan, columns: [ResultColumn], parameterTypes: [SQLType], outerSlotCount: Int,
    sequences: [OID: Int], writing: String?, catalogVersion: UInt64, dependencies: [Key] = [],
    dependsOnSettings: Bool = false, requirements: [AccessRequirement] = []
  ) {
    self.requirements = requirements
    self.dependencies = dependencies
    self.dependsOnSettings = dependsOnSettings
    self.kind = kind
    self.root = root
    self.columns = columns
    self.parameterTypes = parameterTypes
    self.outerSlotCount = outerSlotCount
    self.sequences = sequences
    self.writing = writing
    self.catalogVersion = catalogVersion
  }
}
