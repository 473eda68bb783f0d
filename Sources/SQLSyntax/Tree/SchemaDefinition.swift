// Definitions of objects other than tables: indexes, views, schemas, databases, sequences; DROP; COMMENT ON.

/// The kinds of objects that DROP, ALTER, COMMENT ON and GRANT name.
public enum ObjectKind: String, Sendable, Hashable, CaseIterable {
  case table, index, view, sequence, schema, database, role, type, domain, column, constraint, tablespace, trigger, rule
  case extension_ = "extension"
  case collation
  case materializedView = "materialized view"
  case foreignTable = "foreign table"
}

/// A key of an index or of ON CONFLICT.
public struct IndexElement: Sendable, Equatable {
  public enum Key: Sendable, Equatable {
    case column(Identifier)
    case expression(Expression)
  }
  public var key: Key
  public var collation: QualifiedName?
  public var operatorClass: QualifiedName?
  public var operatorClassOptions: [UtilityOption]
  /// `nil` when not written.
  public var isDescending: Bool?
  public var nulls: SortItem.Nulls?
  public var position: SourcePosition

  public init(
    _ key: Key, collation: QualifiedName? = nil, operatorClass: QualifiedName? = nil,
    operatorClassOptions: [UtilityOption] = [], isDescending: Bool? = nil, nulls: SortItem.Nulls? = nil,
    position: SourcePosition = .unknown
  ) {
    self.key = key
    self.collation = collation
    self.operatorClass = operatorClass
    self.operatorClassOptions = operatorClassOptions
    self.isDescending = isDescending
    self.nulls = nulls
    self.position = position
  }
}

/// CREATE INDEX.
public struct CreateIndexStatement: Sendable, Equatable {
  public var name: Identifier?
  public var table: TableReference
  public var method: Identifier?
  public var elements: [IndexElement]
  public var include: [IndexElement]
  public var isUnique: Bool
  public var nullsNotDistinct: Bool
  public var isConcurrent: Bool
  public var ifNotExists: Bool
  public var storage: [UtilityOption]
  public var tablespace: Identifier?
  public var filter: Expression?

  public init(
    name: Identifier?, table: TableReference, method: Identifier? = nil, elements: [IndexElement],
    include: [IndexElement] = [], isUnique: Bool = false, nullsNotDistinct: Bool = false,
    isConcurrent: Bool = false, ifNotExists: Bool = false, storage: [UtilityOption] = [],
    tablespace: Identifier? = nil, filter: Expression? = nil
  ) {
    self.name = name
    self.table = table
    self.method = method
    self.elements = elements
    self.include = include
    self.isUnique = isUnique
    self.nullsNotDistinct = nullsNotDistinct
    self.isConcurrent = isConcurrent
    self.ifNotExists = ifNotExists
    self.storage = storage
    self.tablespace = tablespace
    self.filter = filter
  }
}

/// CREATE VIEW.
public struct CreateViewStatement: Sendable, Equatable {
  public enum CheckOption: Sendable, Hashable { case local, cascaded }
  public var name: QualifiedName
  public var columns: [Identifier]
  public var persistence: Persistence
  public var orReplace: Bool
  public var isRecursive: Bool
  public var options: [UtilityOption]
  public var query: SelectStatement
  public var checkOption: CheckOption?
  /// The source bytes of the query, for the catalog to keep.
  public var queryRange: SourceRange

  public init(
    name: QualifiedName, columns: [Identifier] = [], persistence: Persistence = .permanent,
    orReplace: Bool = false, isRecursive: Bool = false, options: [UtilityOption] = [],
    query: SelectStatement, checkOption: CheckOption? = nil, queryRange: SourceRange = .init(0..<0)
  ) {
    self.name = name
    self.columns = columns
    self.persistence = persistence
    self.orReplace = orReplace
    self.isRecursive = isRecursive
    self.options = options
    self.query = query
    self.checkOption = checkOption
    self.queryRange = queryRange
  }
}

/// A range of bytes of the query string; like a position it takes no part in equality.
public struct SourceRange: Sendable, Hashable {
  public var range: Range<Int>
  public init(_ range: Range<Int>) { self.range = range }
  public static func == (_: SourceRange, _: SourceRange) -> Bool { true }
  public func hash(into _: inout Hasher) {}
}

/// REFRESH MATERIALIZED VIEW.
public struct RefreshStatement: Sendable, Equatable {
  public var name: QualifiedName
  public var isConcurrent: Bool
  public var withData: Bool
  public init(name: QualifiedName, isConcurrent: Bool, withData: Bool) {
    self.name = name
    self.isConcurrent = isConcurrent
    self.withData = withData
  }
}

/// CREATE SCHEMA.
public struct CreateSchemaStatement: Sendable, Equatable {
  /// `nil`: named after the owner.
  public var name: Identifier?
  public var owner: RoleName?
  public var ifNotExists: Bool
  /// CREATE TABLE, VIEW, INDEX, SEQUENCE and GRANT inside the schema.
  public var elements: [Statement]
  public init(
    name: Identifier?, owner: RoleName? = nil, ifNotExists: Bool = false, elements: [Statement] = []
  ) {
    self.name = name
    self.owner = owner
    self.ifNotExists = ifNotExists
    self.elements = elements
  }
}

/// CREATE DATABASE. `DEFAULT` as a value is no value.
public struct CreateDatabaseStatement: Sendable, Equatable {
  public var name: Identifier
  /// Names as PostgreSQL folds them: `owner`, `template`, `encoding`, `connection_limit` …
  public var options: [UtilityOption]
  public init(name: Identifier, options: [UtilityOption] = []) {
    self.name = name
    self.options = options
  }
}

/// `ALTER DATABASE name [WITH] options`, or SET/RESET of a setting for it.
public struct AlterDatabaseStatement: Sendable, Equatable {
  public enum Action: Sendable, Equatable {
    case options([UtilityOption])
    case set(SetStatement)
  }
  public var name: Identifier
  public var action: Action
  public init(name: Identifier, action: Action) {
    self.name = name
    self.action = action
  }
}

/// One option of CREATE/ALTER SEQUENCE or of an identity column.
public enum SequenceOption: Sendable, Equatable {
  case type(TypeName)
  case increment(Int64)
  /// `nil`: NO MINVALUE.
  case minimum(Int64?)
  case maximum(Int64?)
  case start(Int64)
  /// `nil`: RESTART without a value.
  case restart(Int64?)
  case cache(Int64)
  case cycle(Bool)
  /// The table's name with the column as last part; `nil` for NONE.
  case ownedBy(table: QualifiedName, column: Identifier)
  case ownedByNone
  /// Only inside identity columns (pg_dump writes it).
  case sequenceName(QualifiedName)
  case logged(Bool)
}

/// CREATE SEQUENCE.
public struct CreateSequenceStatement: Sendable, Equatable {
  public var name: QualifiedName
  public var persistence: Persistence
  public var ifNotExists: Bool
  public var options: [SequenceOption]
  public init(
    name: QualifiedName, persistence: Persistence = .permanent, ifNotExists: Bool = false,
    options: [SequenceOption] = []
  ) {
    self.name = name
    self.persistence = persistence
    self.ifNotExists = ifNotExists
    self.options = options
  }
}

/// ALTER SEQUENCE … options.
public struct AlterSequenceStatement: Sendable, Equatable {
  public var name: QualifiedName
  public var ifExists: Bool
  public var options: [SequenceOption]
  public init(name: QualifiedName, ifExists: Bool, options: [SequenceOption]) {
    self.name = name
    self.ifExists = ifExists
    self.options = options
  }
}

/// DROP of every kind.
public struct DropStatement: Sendable, Equatable {
  public var kind: ObjectKind
  /// At least one; exactly one for a database. `DROP ROLE CURRENT_USER` and its like are in `roles`.
  public var names: [QualifiedName]
  /// Only for `kind == .role`, and then `names` is empty.
  public var roles: [RoleName]
  public var ifExists: Bool
  public var behavior: DropBehavior
  /// DROP INDEX CONCURRENTLY.
  public var isConcurrent: Bool
  /// DROP DATABASE … WITH (FORCE).
  public var isForced: Bool

  public init(
    _ kind: ObjectKind, names: [QualifiedName], roles: [RoleName] = [], ifExists: Bool = false,
    behavior: DropBehavior = .restrict, isConcurrent: Bool = false, isForced: Bool = false
  ) {
    self.kind = kind
    self.names = names
    self.roles = roles
    self.ifExists = ifExists
    self.behavior = behavior
    self.isConcurrent = isConcurrent
    self.isForced = isForced
  }
}

/// COMMENT ON.
public struct CommentStatement: Sendable, Equatable {
  /// Any kind but foreign things; for `.column` and `.constraint` see `member`.
  public var kind: ObjectKind
  /// The object, or for a column or constraint its table.
  public var name: QualifiedName
  /// The column or constraint.
  public var member: Identifier?
  /// `nil`: IS NULL, removes the comment.
  public var text: String?
  public init(_ kind: ObjectKind, name: QualifiedName, member: Identifier? = nil, text: String?) {
    self.kind = kind
    self.name = name
    self.member = member
    self.text = text
  }
}
