// Queries: SELECT, VALUES and TABLE, their set operations, WITH, FROM, ORDER BY, LIMIT and row locks.
//
// Contract: `TABLE t` is `SELECT * FROM t`. A query in parentheses is the query itself; only as an operand of
// a set operation does it keep an ORDER BY or LIMIT of its own. PostgreSQL manual, SELECT.

/// A whole query: a body and what applies to its result.
public struct SelectStatement: Sendable, Equatable {
  public var with: WithClause?
  public var body: QueryBody
  public var orderBy: [SortItem]
  public var limit: LimitClause?
  public var locking: [LockingClause]
  public var position: SourcePosition

  public init(
    with: WithClause? = nil, body: QueryBody, orderBy: [SortItem] = [], limit: LimitClause? = nil,
    locking: [LockingClause] = [], position: SourcePosition = .unknown
  ) {
    self.with = with
    self.body = body
    self.orderBy = orderBy
    self.limit = limit
    self.locking = locking
    self.position = position
  }
}

/// What produces a query's rows.
public indirect enum QueryBody: Sendable, Equatable {
  case select(SelectCore)
  /// At least one row; lengths are as written, equal or not.
  case values([[Expression]], SourcePosition)
  case setOperation(SetOperation)
}

/// `left UNION [ALL] right` and its kin.
public struct SetOperation: Sendable, Equatable {
  public enum Kind: Sendable, Hashable { case union, intersect, except }
  public var kind: Kind
  public var isAll: Bool
  public var left: SelectStatement
  public var right: SelectStatement
  public var position: SourcePosition

  public init(
    _ kind: Kind, isAll: Bool, left: SelectStatement, right: SelectStatement,
    position: SourcePosition = .unknown
  ) {
    self.kind = kind
    self.isAll = isAll
    self.left = left
    self.right = right
    self.position = position
  }
}

/// One SELECT without what applies to the result of set operations.
public struct SelectCore: Sendable, Equatable {
  public var distinct: DistinctClause?
  /// May be empty, as in PostgreSQL.
  public var targets: [SelectTarget]
  public var into: IntoClause?
  public var from: [FromItem]
  /// `AS OF SYSTEM TIME …`, after the last item of FROM.
  public var asOf: AsOfClause?
  public var filter: Expression?
  public var groupBy: GroupByClause?
  public var having: Expression?
  public var windows: [WindowDefinition]
  public var position: SourcePosition

  public init(
    distinct: DistinctClause? = nil, targets: [SelectTarget] = [], into: IntoClause? = nil,
    from: [FromItem] = [], asOf: AsOfClause? = nil, filter: Expression? = nil, groupBy: GroupByClause? = nil,
    having: Expression? = nil, windows: [WindowDefinition] = [], position: SourcePosition = .unknown
  ) {
    self.distinct = distinct
    self.targets = targets
    self.into = into
    self.from = from
    self.asOf = asOf
    self.filter = filter
    self.groupBy = groupBy
    self.having = having
    self.windows = windows
    self.position = position
  }
}

/// `DISTINCT` or `DISTINCT ON (…)`.
public enum DistinctClause: Sendable, Equatable {
  case all
  case on([Expression])
}

/// One element of a select or RETURNING list; `*` and `t.*` are `Expression.wildcard`.
public struct SelectTarget: Sendable, Equatable {
  public var expression: Expression
  public var alias: Identifier?
  /// Where the element begins (an operator expression's own position is its operator's).
  public var position: SourcePosition

  public init(_ expression: Expression, alias: Identifier? = nil, position: SourcePosition = .unknown) {
    self.expression = expression
    self.alias = alias
    self.position = position
  }
}

/// How long a table lives and whether it is logged.
public enum Persistence: Sendable, Hashable { case permanent, unlogged, temporary }

/// `SELECT … INTO [TEMP|UNLOGGED] [TABLE] name`
public struct IntoClause: Sendable, Equatable {
  public var name: QualifiedName
  public var persistence: Persistence
  public init(_ name: QualifiedName, persistence: Persistence) {
    self.name = name
    self.persistence = persistence
  }
}

/// `GROUP BY [ALL|DISTINCT] …`
public struct GroupByClause: Sendable, Equatable {
  public var isDistinct: Bool
  public var elements: [GroupingElement]
  public init(isDistinct: Bool = false, elements: [GroupingElement]) {
    self.isDistinct = isDistinct
    self.elements = elements
  }
}

/// One element of GROUP BY. `(a, b)` is an expression (an implicit row) whose fields the planner spreads.
public indirect enum GroupingElement: Sendable, Equatable {
  case expression(Expression)
  /// `()`
  case empty(SourcePosition)
  case rollup([Expression], SourcePosition)
  case cube([Expression], SourcePosition)
  case sets([GroupingElement], SourcePosition)
}

/// `WINDOW name AS (…)`
public struct WindowDefinition: Sendable, Equatable {
  public var name: Identifier
  public var specification: WindowSpecification
  public init(name: Identifier, specification: WindowSpecification) {
    self.name = name
    self.specification = specification
  }
}

/// One sort key.
public struct SortItem: Sendable, Equatable {
  public enum Direction: Sendable, Equatable {
    case ascending, descending
    /// `USING <`
    case using(OperatorName)
  }
  public enum Nulls: Sendable, Hashable { case first, last }
  public var expression: Expression
  /// `nil` when not written: ascending.
  public var direction: Direction?
  /// `nil` when not written: last when ascending, first when descending.
  public var nulls: Nulls?

  public init(_ expression: Expression, direction: Direction? = nil, nulls: Nulls? = nil) {
    self.expression = expression
    self.direction = direction
    self.nulls = nulls
  }
}

/// LIMIT, OFFSET and FETCH FIRST.
public struct LimitClause: Sendable, Equatable {
  /// `nil` for no LIMIT and for `LIMIT ALL`. `FETCH FIRST ROW` is 1.
  public var count: Expression?
  public var offset: Expression?
  public var isWithTies: Bool
  public init(count: Expression?, offset: Expression?, isWithTies: Bool = false) {
    self.count = count
    self.offset = offset
    self.isWithTies = isWithTies
  }
}

/// `FOR UPDATE [OF …] [NOWAIT | SKIP LOCKED]`
public struct LockingClause: Sendable, Equatable {
  /// From weakest to strongest.
  public enum Strength: Int, Sendable, Hashable { case keyShare, share, noKeyUpdate, update }
  public enum WaitPolicy: Sendable, Hashable { case block, skipLocked, noWait }
  public var strength: Strength
  public var tables: [QualifiedName]
  public var waitPolicy: WaitPolicy
  public var position: SourcePosition

  public init(
    _ strength: Strength, tables: [QualifiedName] = [], waitPolicy: WaitPolicy = .block,
    position: SourcePosition = .unknown
  ) {
    self.strength = strength
    self.tables = tables
    self.waitPolicy = waitPolicy
    self.position = position
  }
}

// MARK: - WITH

/// `WITH [RECURSIVE] …`
public struct WithClause: Sendable, Equatable {
  public var isRecursive: Bool
  public var expressions: [CommonTableExpression]
  public var position: SourcePosition
  public init(isRecursive: Bool, expressions: [CommonTableExpression], position: SourcePosition = .unknown) {
    self.isRecursive = isRecursive
    self.expressions = expressions
    self.position = position
  }
}

/// `name [(columns)] AS [[NOT] MATERIALIZED] (statement)`
public struct CommonTableExpression: Sendable, Equatable {
  public enum Materialization: Sendable, Hashable { case always, never }
  /// `SEARCH DEPTH|BREADTH FIRST BY … SET …`
  public struct Search: Sendable, Equatable {
    public var isBreadthFirst: Bool
    public var columns: [Identifier]
    public var sequenceColumn: Identifier
    public init(isBreadthFirst: Bool, columns: [Identifier], sequenceColumn: Identifier) {
      self.isBreadthFirst = isBreadthFirst
      self.columns = columns
      self.sequenceColumn = sequenceColumn
    }
  }
  /// `CYCLE … SET … [TO … DEFAULT …] USING …`
  public struct Cycle: Sendable, Equatable {
    public var columns: [Identifier]
    public var markColumn: Identifier
    /// `nil` stands for TRUE and FALSE.
    public var markValue: Expression?
    public var markDefault: Expression?
    public var pathColumn: Identifier
    public init(
      columns: [Identifier], markColumn: Identifier, markValue: Expression?, markDefault: Expression?,
      pathColumn: Identifier
    ) {
      self.columns = columns
      self.markColumn = markColumn
      self.markValue = markValue
      self.markDefault = markDefault
      self.pathColumn = pathColumn
    }
  }
  public var name: Identifier
  public var columns: [Identifier]
  public var materialization: Materialization?
  /// A SELECT, INSERT, UPDATE or DELETE.
  public var statement: Statement
  public var search: Search?
  public var cycle: Cycle?

  public init(
    name: Identifier, columns: [Identifier] = [], materialization: Materialization? = nil,
    statement: Statement, search: Search? = nil, cycle: Cycle? = nil
  ) {
    self.name = name
    self.columns = columns
    self.materialization = materialization
    self.statement = statement
    self.search = search
    self.cycle = cycle
  }
}

// MARK: - FROM

/// One element of FROM.
public indirect enum FromItem: Sendable, Equatable {
  case table(TableReference)
  case subquery(SubqueryReference)
  case function(TableFunction)
  case join(JoinClause)
}

/// `AS name [(columns)]`
public struct TableAlias: Sendable, Hashable {
  public var name: Identifier
  public var columns: [Identifier]
  public init(_ name: Identifier, columns: [Identifier] = []) {
    self.name = name
    self.columns = columns
  }
}

/// A relation, also as the target of UPDATE and DELETE.
public struct TableReference: Sendable, Equatable {
  /// `TABLESAMPLE method (arguments) [REPEATABLE (seed)]`
  public struct Sample: Sendable, Equatable {
    public var method: QualifiedName
    public var arguments: [Expression]
    public var seed: Expression?
    public init(method: QualifiedName, arguments: [Expression], seed: Expression?) {
      self.method = method
      self.arguments = arguments
      self.seed = seed
    }
  }
  public var name: QualifiedName
  /// `ONLY name`: without tables that inherit from it.
  public var isOnly: Bool
  public var alias: TableAlias?
  public var sample: Sample?

  public init(_ name: QualifiedName, isOnly: Bool = false, alias: TableAlias? = nil, sample: Sample? = nil) {
    self.name = name
    self.isOnly = isOnly
    self.alias = alias
    self.sample = sample
  }
  public var position: SourcePosition { name.position }
}

/// `[LATERAL] (query) AS alias`. The parser has checked that an alias is there, as PostgreSQL 15 asks.
public struct SubqueryReference: Sendable, Equatable {
  public var query: SelectStatement
  public var isLateral: Bool
  public var alias: TableAlias?
  public var position: SourcePosition
  public init(
    _ query: SelectStatement, isLateral: Bool, alias: TableAlias?, position: SourcePosition = .unknown
  ) {
    self.query = query
    self.isLateral = isLateral
    self.alias = alias
    self.position = position
  }
}

/// `name type [COLLATE …]`, in the column definition list of a function in FROM.
public struct ColumnType: Sendable, Equatable {
  public var name: Identifier
  public var type: TypeName
  public var collation: QualifiedName?
  public init(_ name: Identifier, type: TypeName, collation: QualifiedName? = nil) {
    self.name = name
    self.type = type
    self.collation = collation
  }
}

/// A function in FROM, or several in `ROWS FROM (…)`.
public struct TableFunction: Sendable, Equatable {
  public struct Item: Sendable, Equatable {
    /// A function call, or one of the function-like expressions (COALESCE, CURRENT_DATE …).
    public var expression: Expression
    /// `AS (name type, …)` inside ROWS FROM.
    public var columnDefinitions: [ColumnType]
    public init(_ expression: Expression, columnDefinitions: [ColumnType] = []) {
      self.expression = expression
      self.columnDefinitions = columnDefinitions
    }
  }
  /// One item, unless `isRowsFrom`.
  public var items: [Item]
  public var isRowsFrom: Bool
  public var isLateral: Bool
  public var withOrdinality: Bool
  public var alias: TableAlias?
  /// `AS [alias] (name type, …)`
  public var columnDefinitions: [ColumnType]
  public var position: SourcePosition

  public init(
    items: [Item], isRowsFrom: Bool = false, isLateral: Bool = false, withOrdinality: Bool = false,
    alias: TableAlias? = nil, columnDefinitions: [ColumnType] = [], position: SourcePosition = .unknown
  ) {
    self.items = items
    self.isRowsFrom = isRowsFrom
    self.isLateral = isLateral
    self.withOrdinality = withOrdinality
    self.alias = alias
    self.columnDefinitions = columnDefinitions
    self.position = position
  }
}

/// `left kind JOIN right condition`
public struct JoinClause: Sendable, Equatable {
  public enum Kind: Sendable, Hashable { case inner, left, right, full }
  public enum Condition: Sendable, Equatable {
    /// CROSS JOIN; only with `inner`.
    case cross
    case natural
    /// `USING (columns) [AS alias]`
    case using([Identifier], alias: Identifier?)
    case on(Expression)
  }
  public var kind: Kind
  public var left: FromItem
  public var right: FromItem
  public var condition: Condition
  /// `(a JOIN b …) AS alias`
  public var alias: TableAlias?
  public var position: SourcePosition

  public init(
    _ kind: Kind, left: FromItem, right: FromItem, condition: Condition, alias: TableAlias? = nil,
    position: SourcePosition = .unknown
  ) {
    self.kind = kind
    self.left = left
    self.right = right
    self.condition = condition
    self.alias = alias
    self.position = position
  }
}
