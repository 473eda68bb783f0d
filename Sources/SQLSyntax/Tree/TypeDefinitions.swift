// CREATE TYPE … AS (…) and CREATE DOMAIN. PostgreSQL manual, CREATE TYPE, CREATE DOMAIN, ALTER DOMAIN.

public struct CreateCompositeStatement: Sendable, Equatable {
  public var name: QualifiedName
  /// Name, type and collation of each field; no constraints.
  public var fields: [ColumnDefinition]
  public init(name: QualifiedName, fields: [ColumnDefinition]) {
    self.name = name
    self.fields = fields
  }
}

public struct CreateDomainStatement: Sendable, Equatable {
  public var name: QualifiedName
  public var type: TypeName
  public var collation: QualifiedName?
  public var constraints: [ColumnConstraint]
  public init(name: QualifiedName, type: TypeName, collation: QualifiedName?, constraints: [ColumnConstraint]) {
    self.name = name
    self.type = type
    self.collation = collation
    self.constraints = constraints
  }
}

public struct AlterDomainStatement: Sendable, Equatable {
  public enum Change: Sendable, Equatable {
    /// `nil`: DROP DEFAULT.
    case setDefault(Expression?)
    case setNotNull(Bool)
    case addConstraint(TableConstraint)
    case dropConstraint(Identifier, ifExists: Bool, DropBehavior)
    case validateConstraint(Identifier)
  }
  public var name: QualifiedName
  public var change: Change
  public init(name: QualifiedName, change: Change) {
    self.name = name
    self.change = change
  }
}
