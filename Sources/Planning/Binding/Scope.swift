// What names mean at one query level: its tables and columns, and while its clauses are bound, the aggregates that belong to
// it and the sub-queries that its expressions need. Levels chain to their enclosing queries.
// Source: PostgreSQL manual, 7.2.1; its parse_relation.c for which names hide which.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

struct ScopeColumn {
  var name: String
  var id: ColumnID
  /// The row id of a table without primary key: only statements' own machinery sees it.
  var isHidden = false
}

struct ScopeTable {
  var alias: String
  /// For `schema.table.column`; nil when an alias hides the table's own name.
  var schema: String?
  var columns: [ScopeColumn]
  /// The table behind it, if it is one.
  var table: TableDescriptor?
  var isVisible = true
  /// A function that gives a plain value: its row is that value.
  var isScalarFunction = false
}

/// The part of a query in which an expression stands; decides what it may hold.
enum Clause {
  case select, from, joinOn, whereClause, groupBy, having, orderBy, distinctOn, limit, offset, values, update, insert,
    returning, functionInFrom, onConflict, check, columnDefault, indexExpression, indexPredicate, generated,
    copyWhere, execute, filter, triggerCondition, ruleCondition, windowRows, windowRange, windowGroups, alterType,
    partitionKey, partitionBound, asOf

  /// As PostgreSQL puts it after "aggregate functions are not allowed in".
  var description: String {
    switch self {
    case .select: "SELECT"
    case .from: "FROM clause of their own query level"
    case .joinOn: "JOIN conditions"
    case .whereClause: "WHERE"
    case .groupBy: "GROUP BY"
    case .having: "HAVING"
    case .orderBy: "ORDER BY"
    case .distinctOn: "DISTINCT ON"
    case .limit: "LIMIT"
    case .offset: "OFFSET"
    case .values: "VALUES"
    case .update: "UPDATE"
    case .insert: "INSERT"
    case .returning: "RETURNING"
    case .functionInFrom: "functions in FROM"
    case .onConflict: "ON CONFLICT"
    case .check: "check constraints"
    case .columnDefault: "DEFAULT expressions"
    case .indexExpression: "index expressions"
    case .indexPredicate: "index predicates"
    case .generated: "column generation expressions"
    case .copyWhere: "COPY FROM WHERE conditions"
    case .execute: "EXECUTE parameters"
    case .asOf: "AS OF SYSTEM TIME"
    case .filter: "FILTER"
    case .triggerCondition: "trigger WHEN conditions"
    case .ruleCondition: "WHERE"
    case .alterType: "transform expressions"
    case .partitionKey: "partition key expressions"
    case .partitionBound: "partition bound"
    case .windowRows: "window ROWS"
    case .windowRange: "window RANGE"
    case .windowGroups: "window GROUPS"
    }
  }

  var allowsAggregates: Bool {
    switch self {
    case .select, .having, .orderBy, .distinctOn: true
    default: false
    }
  }

  /// `cannot use subquery in …`
  var refusesSubqueries: String? {
    switch self {
    case .check: "check constraint"
    case .columnDefault: "DEFAULT expression"
    case .indexExpression: "index expression"
    case .indexPredicate: "index predicate"
    case .generated: "column generation expression"
    case .copyWhere: "COPY FROM WHERE condition"
    case .execute: "EXECUTE parameter"
    case .asOf: "AS OF SYSTEM TIME"
    case .triggerCondition: "trigger WHEN condition"
    case .ruleCondition: "rule WHERE condition"
    case .alterType: "transform expression"
    case .partitionKey: "partition key expression"
    case .partitionBound: "partition bound"
    default: nil
    }
  }

  /// Where PostgreSQL lets a function give several rows.
  var allowsSetReturning: Bool {
    switch self {
    case .select, .orderBy, .groupBy, .distinctOn: true
    default: false
    }
  }

  /// `cannot use column reference in …`
  var refusesColumns: String? {
    switch self {
    case .columnDefault: "DEFAULT expression"
    case .partitionBound: "partition bound expression"
    default: nil
    }
  }
}

/// A sub-query that an expression needs beside its row.
struct Attachment: Sendable {
  var kind: ApplyKind
  var relation: Relation
  var conditions: [ScalarExpression] = []
}

/// A column as an expression mentioned it, to say where an ungrouped one stands.
struct ColumnMention {
  var id: ColumnID
  var position: SourcePosition
  var name: String
}

/// A CTE that a query may name.
struct VisibleCTE {
  var name: String
  var expression: CommonTableExpression
  var outputs: CTEDefinition
  /// Within its own recursive term: what a mention of the name means.
  var recursion: RecursionContext?
}

/// A CTE's query, bound at its first use if it is inlined, once and for all if it is shared.
final class CTEDefinition {
  let expression: CommonTableExpression
  /// The CTEs that it may see itself.
  let visible: [VisibleCTE]
  let isShared: Bool
  /// Whether it mentions itself under WITH RECURSIVE.
  var isRecursive = false
  /// An INSERT, UPDATE or DELETE.
  var isModification = false
  var shared: (relation: Relation, outputs: [OutputColumn], id: Int)?
  init(_ expression: CommonTableExpression, visible: [VisibleCTE], isShared: Bool) {
    self.expression = expression
    self.visible = visible
    self.isShared = isShared
  }
}

final class Scope {
  let parent: Scope?
  var tables: [ScopeTable] = []
  /// What unqualified names mean and `*` gives, in order.
  var columns: [ScopeColumn] = []
  /// Tables of this FROM that cannot be seen from where a LATERAL-less sub-query stands, for the error's hint.
  var hiddenTables: [String] = []
  var clause: Clause = .select
  var attachments: [Attachment] = []
  var ctes: [VisibleCTE]

  /// Aggregates of this level; attachments made inside their arguments come before the aggregation.
  var aggregates: [ComputedAggregate] = []
  var aggregateAttachments: [Attachment] = []
  var isInAggregate = false
  /// Calls of GROUPING at this level.
  var groupings: [GroupingCall] = []
  /// Windows of this level and the calls over them.
  var windows = WindowContext()
  /// Functions that give rows in this level's select list: its rows are repeated for theirs, side by side.
  var setReturning: [FunctionScan] = []
  /// Mentions of this level's columns outside of aggregates, from here or from sub-queries.
  var mentions: [ColumnMention] = []
  var subqueryMentions: [ColumnMention] = []
  /// `excluded` and the target of ON CONFLICT are seen by name only.
  var grouping: [ColumnID] = []

  init(parent: Scope?, ctes: [VisibleCTE]? = nil) {
    self.parent = parent
    self.ctes = ctes ?? parent?.ctes ?? []
  }

  func add(_ source: FromSource) {
    tables += source.tables
    columns += source.columns
  }

  /// The relation with the sub-queries that expressions over it asked for.
  func attach(to relation: Relation) -> Relation {
    var result = relation
    for attachment in attachments {
      result = .apply(attachment.kind, result, attachment.relation, attachment.conditions)
    }
    attachments = []
    return result
  }

  /// What expressions bound so far asked for, taken out.
  func takeAttachments() -> [Attachment] {
    defer { attachments = [] }
    return attachments
  }

  func owns(_ id: ColumnID) -> Bool {
    columns.contains { $0.id == id } || tables.contains { $0.columns.contains { $0.id == id } }
  }

  func cte(named name: String) -> VisibleCTE? { ctes.last { $0.name == name } }
}

/// What an element of FROM gives.
struct FromSource {
  var relation: Relation
  var tables: [ScopeTable]
  var columns: [ScopeColumn]
}

/// A column of a query's result.
struct OutputColumn {
  var name: String
  var id: ColumnID
  var type: SQLType
  /// Sort keys and the like that are no part of the result come after these.
  var isUnknownLiteral = false
}

/// A bound query.
struct BoundQuery {
  var relation: Relation
  var outputs: [OutputColumn]
}
