// INSERT, UPDATE, DELETE, TRUNCATE and COPY. PostgreSQL manual, the pages of these commands.

/// A column to assign to, perhaps a part of it: `a`, `a.field`, `a[1]`.
public struct AssignmentTarget: Sendable, Equatable {
  public var column: Identifier
  public var indirection: [Indirection]
  public init(_ column: Identifier, indirection: [Indirection] = []) {
    self.column = column
    self.indirection = indirection
  }
}

/// One element of SET.
public enum Assignment: Sendable, Equatable {
  /// `a = expression`; the expression may be `.defaultValue`.
  case single(AssignmentTarget, Expression)
  /// `(a, b) = source`: a row (explicit or not), a scalar subquery, or any other expression.
  case multiple([AssignmentTarget], Expression)
}

/// INSERT.
public struct InsertStatement: Sendable, Equatable {
  public enum Overriding: Sendable, Hashable { case user, system }
  public enum Source: Sendable, Equatable {
    case defaultValues
    case query(SelectStatement)
  }
  public var with: WithClause?
  public var table: QualifiedName
  public var alias: Identifier?
  /// Empty when no list was written.
  public var columns: [AssignmentTarget]
  public var overriding: Overriding?
  public var source: Source
  public var onConflict: ConflictClause?
  public var returning: [SelectTarget]

  public init(
    with: WithClause? = nil, table: QualifiedName, alias: Identifier? = nil, columns: [AssignmentTarget] = [],
    overriding: Overriding? = nil, source: Source, onConflict: ConflictClause? = nil,
    returning: [SelectTarget] = []
  ) {
    self.with = with
    self.table = table
    self.alias = alias
    self.columns = columns
    self.overriding = overriding
    self.source = source
    self.onConflict = onConflict
    self.returning = returning
  }
}

/// `ON CONFLICT …`
public struct ConflictClause: Sendable, Equatable {
  public enum Target: Sendable, Equatable {
    case constraint(Identifier)
    /// The elements of a unique index, and the predicate that picks a partial one.
    case elements([IndexElement], filter: Expression?)
  }
  public enum Action: Sendable, Equatable {
    case nothing
    case update([Assignment], filter: Expression?)
  }
  public var target: Target?
  public var action: Action
  public var position: SourcePosition
  public init(target: Target?, action: Action, position: SourcePosition = .unknown) {
    self.target = target
    self.action = action
    self.position = position
  }
}

/// UPDATE. `WHERE CURRENT OF c` is the filter `.currentOf`.
public struct UpdateStatement: Sendable, Equatable {
  public var with: WithClause?
  public var table: TableReference
  public var assignments: [Assignment]
  public var from: [FromItem]
  public var filter: Expression?
  public var returning: [SelectTarget]

  public init(
    with: WithClause? = nil, table: TableReference, assignments: [Assignment], from: [FromItem] = [],
    filter: Expression? = nil, returning: [SelectTarget] = []
  ) {
    self.with = with
    self.table = table
    self.assignments = assignments
    self.from = from
    self.filter = filter
    self.returning = returning
  }
}

/// DELETE. `WHERE CURRENT OF c` is the filter `.currentOf`.
public struct DeleteStatement: Sendable, Equatable {
  public var with: WithClause?
  public var table: TableReference
  public var using: [FromItem]
  public var filter: Expression?
  public var returning: [SelectTarget]

  public init(
    with: WithClause? = nil, table: TableReference, using: [FromItem] = [], filter: Expression? = nil,
    returning: [SelectTarget] = []
  ) {
    self.with = with
    self.table = table
    self.using = using
    self.filter = filter
    self.returning = returning
  }
}

/// What DROP, TRUNCATE and REVOKE do with dependants.
public enum DropBehavior: Sendable, Hashable { case restrict, cascade }

/// TRUNCATE.
public struct TruncateStatement: Sendable, Equatable {
  public var tables: [TableReference]
  public var restartsIdentity: Bool
  public var behavior: DropBehavior
  public init(tables: [TableReference], restartsIdentity: Bool = false, behavior: DropBehavior = .restrict) {
    self.tables = tables
    self.restartsIdentity = restartsIdentity
    self.behavior = behavior
  }
}

/// COPY.
public struct CopyStatement: Sendable, Equatable {
  public enum Source: Sendable, Equatable {
    case table(QualifiedName, columns: [Identifier])
    /// A SELECT, INSERT, UPDATE or DELETE: only with `.to`.
    case query(Statement)
  }
  public enum Direction: Sendable, Hashable { case from, to }
  public enum Target: Sendable, Hashable {
    /// STDIN or STDOUT.
    case client
    case file(String)
    case program(String)
  }
  public var source: Source
  public var direction: Direction
  public var target: Target
  /// Old and new spellings alike under the new names: `format`, `delimiter`, `null`, `header`, `quote`,
  /// `escape`, `force_quote`, `force_not_null`, `force_null`, `encoding`, `freeze`, `default`.
  public var options: [UtilityOption]
  /// `COPY … FROM … WHERE …`
  public var filter: Expression?

  public init(
    source: Source, direction: Direction, target: Target, options: [UtilityOption] = [],
    filter: Expression? = nil
  ) {
    self.source = source
    self.direction = direction
    self.target = target
    self.options = options
    self.filter = filter
  }
}

/// An option of COPY, EXPLAIN, VACUUM, REINDEX, CREATE DATABASE or a storage parameter.
public struct UtilityOption: Sendable, Equatable {
  public enum Value: Sendable, Equatable {
    /// A bare word: `true`, `on`, `csv`, `json`.
    case word(String)
    case string(String)
    case integer(Int64)
    /// The text of a number that is no int4, with its sign.
    case numeric(String)
    /// `*`
    case all
    case list([Value])
  }
  /// Storage parameters may have a namespace: `toast.autovacuum_enabled`.
  public var namespace: String?
  /// Folded to lower case as an identifier is.
  public var name: String
  public var value: Value?
  public var position: SourcePosition

  public init(
    _ name: String, _ value: Value? = nil, namespace: String? = nil, position: SourcePosition = .unknown
  ) {
    self.namespace = namespace
    self.name = name
    self.value = value
    self.position = position
  }
}
