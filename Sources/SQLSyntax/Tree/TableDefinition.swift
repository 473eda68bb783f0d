// CREATE TABLE and its parts: columns, constraints, LIKE; CREATE TABLE AS. PostgreSQL manual, CREATE TABLE.

/// CREATE TABLE.
public struct CreateTableStatement: Sendable, Equatable {
  public enum OnCommit: Sendable, Hashable { case preserveRows, deleteRows, drop }
  public var name: QualifiedName
  public var persistence: Persistence
  public var ifNotExists: Bool
  public var elements: [TableElement]
  public var inherits: [QualifiedName]
  /// `PARTITION OF parent … bound`; its columns have no types and only add constraints.
  public var partitionOf: PartitionOf?
  public var partitionBy: PartitionSpecification?
  /// `USING method`
  public var accessMethod: Identifier?
  public var storage: [UtilityOption]
  public var onCommit: OnCommit?
  public var tablespace: Identifier?

  public init(
    name: QualifiedName, persistence: Persistence = .permanent, ifNotExists: Bool = false,
    elements: [TableElement], inherits: [QualifiedName] = [], partitionBy: PartitionSpecification? = nil,
    accessMethod: Identifier? = nil, storage: [UtilityOption] = [], onCommit: OnCommit? = nil,
    tablespace: Identifier? = nil
  ) {
    self.name = name
    self.persistence = persistence
    self.ifNotExists = ifNotExists
    self.elements = elements
    self.inherits = inherits
    self.partitionBy = partitionBy
    self.accessMethod = accessMethod
    self.storage = storage
    self.onCommit = onCommit
    self.tablespace = tablespace
  }
}

/// `PARTITION BY strategy (keys)`
public struct PartitionSpecification: Sendable, Equatable {
  /// `range`, `list` or `hash`.
  public var strategy: Identifier
  public var keys: [IndexElement]
  public init(strategy: Identifier, keys: [IndexElement]) {
    self.strategy = strategy
    self.keys = keys
  }
}

/// `PARTITION OF parent FOR VALUES …`
public struct PartitionOf: Sendable, Equatable {
  public var parent: QualifiedName
  public var bound: PartitionBoundSpecification
  public init(parent: QualifiedName, bound: PartitionBoundSpecification) {
    self.parent = parent
    self.bound = bound
  }
}

/// `FOR VALUES IN (…)`, `FROM (…) TO (…)` with MINVALUE and MAXVALUE as columns of that name, `WITH (MODULUS m, REMAINDER r)`; DEFAULT.
public struct PartitionBoundSpecification: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    case list([Expression])
    case range(from: [Expression], to: [Expression])
    case hash(modulus: Int64, remainder: Int64)
    case rest
  }
  public var kind: Kind
  public var position: SourcePosition
  public init(_ kind: Kind, position: SourcePosition = .unknown) {
    self.kind = kind
    self.position = position
  }
}

/// One line between the parentheses of CREATE TABLE.
public enum TableElement: Sendable, Equatable {
  case column(ColumnDefinition)
  case constraint(TableConstraint)
  case like(LikeTableClause)
}

/// `LIKE source [INCLUDING|EXCLUDING …]`
public struct LikeTableClause: Sendable, Equatable {
  public enum Property: String, Sendable, Hashable, CaseIterable {
    case comments, compression, constraints, defaults, generated, identity, indexes, statistics, storage
  }
  public var source: QualifiedName
  /// In order of writing: what is included or excluded; `nil` property is ALL.
  public var choices: [Choice]
  public struct Choice: Sendable, Hashable {
    public var isIncluded: Bool
    public var property: Property?
    public init(isIncluded: Bool, property: Property?) {
      self.isIncluded = isIncluded
      self.property = property
    }
  }
  public init(source: QualifiedName, choices: [Choice] = []) {
    self.source = source
    self.choices = choices
  }
}

/// A column of CREATE TABLE or ADD COLUMN.
public struct ColumnDefinition: Sendable, Equatable {
  public var name: Identifier
  public var type: TypeName
  public var collation: QualifiedName?
  public var compression: Identifier?
  public var constraints: [ColumnConstraint]

  public init(
    name: Identifier, type: TypeName, collation: QualifiedName? = nil, compression: Identifier? = nil,
    constraints: [ColumnConstraint] = []
  ) {
    self.name = name
    self.type = type
    self.collation = collation
    self.compression = compression
    self.constraints = constraints
  }
}

/// DEFERRABLE, INITIALLY DEFERRED, NOT VALID, NO INHERIT.
public struct ConstraintAttributes: Sendable, Hashable {
  public var isDeferrable: Bool
  public var isInitiallyDeferred: Bool
  public var isNotValid: Bool
  public var isNoInherit: Bool
  public init(
    isDeferrable: Bool = false, isInitiallyDeferred: Bool = false, isNotValid: Bool = false,
    isNoInherit: Bool = false
  ) {
    self.isDeferrable = isDeferrable
    self.isInitiallyDeferred = isInitiallyDeferred
    self.isNotValid = isNotValid
    self.isNoInherit = isNoInherit
  }
}

/// A constraint that belongs to one column.
public struct ColumnConstraint: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    case notNull
    case null
    case `default`(Expression)
    case check(Expression)
    case primaryKey(IndexParameters)
    case unique(nullsNotDistinct: Bool, IndexParameters)
    case references(ForeignKeyTarget)
    /// `GENERATED ALWAYS|BY DEFAULT AS IDENTITY (options)`
    case identity(isAlways: Bool, [SequenceOption])
    /// `GENERATED ALWAYS AS (expression) STORED`
    case generated(Expression)
  }
  public var name: Identifier?
  public var kind: Kind
  public var attributes: ConstraintAttributes
  public var position: SourcePosition

  public init(
    name: Identifier? = nil, _ kind: Kind, attributes: ConstraintAttributes = .init(),
    position: SourcePosition = .unknown
  ) {
    self.name = name
    self.kind = kind
    self.attributes = attributes
    self.position = position
  }
}

/// A constraint of a table.
public struct TableConstraint: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    case check(Expression)
    case primaryKey([Identifier], IndexParameters)
    case unique([Identifier], nullsNotDistinct: Bool, IndexParameters)
    case primaryKeyUsingIndex(Identifier)
    case uniqueUsingIndex(Identifier)
    case foreignKey([Identifier], ForeignKeyTarget)
    /// `EXCLUDE [USING method] (element WITH operator, …) [WHERE (…)]`
    case exclude(ExclusionConstraint)
  }
  public var name: Identifier?
  public var kind: Kind
  public var attributes: ConstraintAttributes
  public var position: SourcePosition

  public init(
    name: Identifier? = nil, _ kind: Kind, attributes: ConstraintAttributes = .init(),
    position: SourcePosition = .unknown
  ) {
    self.name = name
    self.kind = kind
    self.attributes = attributes
    self.position = position
  }
}

/// EXCLUDE.
public struct ExclusionConstraint: Sendable, Equatable {
  public struct Element: Sendable, Equatable {
    public var element: IndexElement
    public var `operator`: OperatorName
    public init(_ element: IndexElement, _ operator: OperatorName) {
      self.element = element
      self.operator = `operator`
    }
  }
  public var method: Identifier?
  public var elements: [Element]
  public var parameters: IndexParameters
  public var filter: Expression?
  public init(method: Identifier?, elements: [Element], parameters: IndexParameters, filter: Expression?) {
    self.method = method
    self.elements = elements
    self.parameters = parameters
    self.filter = filter
  }
}

/// What a constraint may say about the index behind it.
public struct IndexParameters: Sendable, Equatable {
  public var include: [Identifier]
  public var storage: [UtilityOption]
  public var tablespace: Identifier?
  public init(include: [Identifier] = [], storage: [UtilityOption] = [], tablespace: Identifier? = nil) {
    self.include = include
    self.storage = storage
    self.tablespace = tablespace
  }
}

/// `REFERENCES table (columns) [MATCH …] [ON DELETE …] [ON UPDATE …]`
public struct ForeignKeyTarget: Sendable, Equatable {
  public enum Match: Sendable, Hashable { case simple, full, partial }
  public enum Action: Sendable, Equatable {
    case noAction, restrict, cascade
    /// With the columns to set, all of the key's when empty (ON DELETE only).
    case setNull([Identifier])
    case setDefault([Identifier])
  }
  public var table: QualifiedName
  /// Empty: the primary key.
  public var columns: [Identifier]
  public var match: Match
  public var onDelete: Action
  public var onUpdate: Action

  public init(
    table: QualifiedName, columns: [Identifier] = [], match: Match = .simple, onDelete: Action = .noAction,
    onUpdate: Action = .noAction
  ) {
    self.table = table
    self.columns = columns
    self.match = match
    self.onDelete = onDelete
    self.onUpdate = onUpdate
  }
}

/// CREATE TABLE AS and CREATE MATERIALIZED VIEW.
public struct CreateTableAsStatement: Sendable, Equatable {
  public var name: QualifiedName
  public var columns: [Identifier]
  public var isMaterializedView: Bool
  public var persistence: Persistence
  public var ifNotExists: Bool
  public var accessMethod: Identifier?
  public var storage: [UtilityOption]
  public var onCommit: CreateTableStatement.OnCommit?
  public var tablespace: Identifier?
  /// A SELECT or EXECUTE.
  public var query: Statement
  public var withData: Bool

  public init(
    name: QualifiedName, columns: [Identifier] = [], isMaterializedView: Bool = false,
    persistence: Persistence = .permanent, ifNotExists: Bool = false, accessMethod: Identifier? = nil,
    storage: [UtilityOption] = [], onCommit: CreateTableStatement.OnCommit? = nil,
    tablespace: Identifier? = nil, query: Statement, withData: Bool = true
  ) {
    self.name = name
    self.columns = columns
    self.isMaterializedView = isMaterializedView
    self.persistence = persistence
    self.ifNotExists = ifNotExists
    self.accessMethod = accessMethod
    self.storage = storage
    self.onCommit = onCommit
    self.tablespace = tablespace
    self.query = query
    self.withData = withData
  }
}
