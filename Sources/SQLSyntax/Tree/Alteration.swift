// ALTER TABLE and its relatives (INDEX, VIEW, SEQUENCE, SCHEMA …): action lists, renames, moves, owners.

/// ALTER TABLE, INDEX, VIEW, MATERIALIZED VIEW or SEQUENCE with a list of actions.
public struct AlterTableStatement: Sendable, Equatable {
  /// `.table`, `.index`, `.view`, `.materializedView` or `.sequence`.
  public var kind: ObjectKind
  public var table: TableReference
  public var ifExists: Bool
  public var actions: [AlterTableAction]
  public init(_ kind: ObjectKind, table: TableReference, ifExists: Bool = false, actions: [AlterTableAction]) {
    self.kind = kind
    self.table = table
    self.ifExists = ifExists
    self.actions = actions
  }
}

/// One action of ALTER TABLE.
public enum AlterTableAction: Sendable, Equatable {
  case addColumn(ColumnDefinition, ifNotExists: Bool)
  case dropColumn(Identifier, ifExists: Bool, DropBehavior)
  case addConstraint(TableConstraint)
  case dropConstraint(Identifier, ifExists: Bool, DropBehavior)
  case validateConstraint(Identifier)
  /// `ALTER CONSTRAINT name [DEFERRABLE …]`
  case alterConstraint(Identifier, ConstraintAttributes)
  case setDefault(column: Identifier, Expression)
  case dropDefault(column: Identifier)
  case setNotNull(column: Identifier)
  case dropNotNull(column: Identifier)
  case setType(column: Identifier, TypeName, collation: QualifiedName?, using: Expression?)
  case dropExpression(column: Identifier, ifExists: Bool)
  /// `ADD GENERATED … AS IDENTITY`
  case addIdentity(column: Identifier, isAlways: Bool, [SequenceOption])
  case setIdentity(column: Identifier, [IdentityChange])
  case dropIdentity(column: Identifier, ifExists: Bool)
  case setStatistics(column: Identifier, Int32)
  case setColumnStorage(column: Identifier, Identifier)
  case setColumnOptions(column: Identifier, [UtilityOption])
  case resetColumnOptions(column: Identifier, [UtilityOption])
  case ownerTo(RoleName)
  case setStorage([UtilityOption])
  case resetStorage([UtilityOption])
  case setLogged(Bool)
  case setTablespace(Identifier)
  case setAccessMethod(Identifier)
  case clusterOn(Identifier)
  case setWithoutCluster
  case inherit(QualifiedName)
  case noInherit(QualifiedName)
  case attachPartition(QualifiedName, PartitionBoundSpecification)
  case detachPartition(QualifiedName, isConcurrent: Bool, finalizes: Bool)
  case replicaIdentity(ReplicaIdentity)
  case rowLevelSecurity(RowLevelSecurity)
  case trigger(TriggerSelection, isEnabled: Bool)
  /// `SPLIT AT query`: begins a range at each of the keys. CockroachDB's spelling.
  case splitAt(SelectStatement)
  /// `UNSPLIT AT query`, `UNSPLIT ALL`: ranges need not begin there any more.
  case unsplit(SelectStatement?)
  /// `SCATTER`: gives the ranges' leases and replicas to nodes at random. CockroachDB's spelling.
  case scatter
}

/// `SET GENERATED …`, or SET/RESTART of a sequence option of an identity column.
public enum IdentityChange: Sendable, Equatable {
  case generated(isAlways: Bool)
  case option(SequenceOption)
}

/// REPLICA IDENTITY.
public enum ReplicaIdentity: Sendable, Hashable {
  case `default`, full, nothing
  case index(Identifier)
}

/// ENABLE/DISABLE/FORCE/NO FORCE ROW LEVEL SECURITY.
public enum RowLevelSecurity: Sendable, Hashable { case enable, disable, force, noForce }

/// Which triggers ENABLE or DISABLE TRIGGER means.
public enum TriggerSelection: Sendable, Hashable {
  case all, user
  case named(Identifier)
}

/// ALTER … RENAME.
public struct RenameStatement: Sendable, Equatable {
  /// The kind written after ALTER.
  public var kind: ObjectKind
  public var name: TableReference
  public var ifExists: Bool
  public var subject: Subject
  public var newName: Identifier
  public enum Subject: Sendable, Hashable {
    /// The object itself.
    case object
    case column(Identifier)
    case constraint(Identifier)
  }
  public init(
    _ kind: ObjectKind, name: TableReference, ifExists: Bool = false, subject: Subject = .object,
    newName: Identifier
  ) {
    self.kind = kind
    self.name = name
    self.ifExists = ifExists
    self.subject = subject
    self.newName = newName
  }
}

/// ALTER … SET SCHEMA.
public struct SetSchemaStatement: Sendable, Equatable {
  public var kind: ObjectKind
  public var name: TableReference
  public var ifExists: Bool
  public var schema: Identifier
  public init(_ kind: ObjectKind, name: TableReference, ifExists: Bool = false, schema: Identifier) {
    self.kind = kind
    self.name = name
    self.ifExists = ifExists
    self.schema = schema
  }
}

/// ALTER … OWNER TO of what is no table (a table's owner is an `AlterTableAction`).
public struct ChangeOwnerStatement: Sendable, Equatable {
  public var kind: ObjectKind
  public var name: QualifiedName
  public var owner: RoleName
  public init(_ kind: ObjectKind, name: QualifiedName, owner: RoleName) {
    self.kind = kind
    self.name = name
    self.owner = owner
  }
}
