// What the database knows of one relation: a table, a view or a sequence. Descriptors are immutable values, replaced as a
// whole; a statement works on the descriptors of one `CatalogSnapshot` from beginning to end.
// Column ids are never used again within a table, so that rows written before an `ALTER TABLE` stay readable.

import Expressions
import SQLTypes

public enum IdentityKind: UInt8, Sendable, Hashable {
  case always, byDefault
}

public struct ColumnDescriptor: Sendable, Hashable {
  /// Position in PostgreSQL's sense (`attnum`), from 1, never reused.
  public var id: UInt32
  public var name: String
  public var type: SQLType
  public var isNullable: Bool
  /// The default as SQL text, already checked and qualified; nil: NULL. Sequences stand in it by OID,
  /// `nextval('16385'::regclass)`, so that they may be renamed (see `SequenceReferences`).
  public var defaultSQL: String?
  public var identity: IdentityKind?
  /// `GENERATED ALWAYS AS (expression) STORED`, as SQL text.
  public var generatedSQL: String?
  /// The sequence that belongs to this column (`SERIAL`, identity) and goes with it.
  public var ownedSequence: OID?
  /// The columns that `generatedSQL` reads.
  public var generatedFrom: [UInt32] = []
  /// The row id of a table without primary key: not in `*`, not in the catalogs.
  public var isHidden: Bool
  public var comment: String?
  /// Whether a parent has it, too; and whether the table was given it itself.
  public var isInherited = false
  public var isLocal = true
  /// What is granted on the column alone.
  public var acl: [Grant] = []

  public init(id: UInt32, name: String, type: SQLType, isNullable: Bool = true) {
    self.id = id
    self.name = name
    self.type = type
    self.isNullable = isNullable
    self.isHidden = false
  }
}

extension ColumnDescriptor {
  /// A hidden column that holds the value of an index's expression.
  public var isIndexExpression: Bool { isHidden && generatedSQL != nil }
}

public struct IndexColumn: Sendable, Hashable {
  public var columnID: UInt32
  public var isDescending: Bool
  public var nullsFirst: Bool

  public init(columnID: UInt32, isDescending: Bool = false, nullsFirst: Bool? = nil) {
    self.columnID = columnID
    self.isDescending = isDescending
    self.nullsFirst = nullsFirst ?? isDescending
  }
}

/// Where an index is on its way into use (F1's states). Writers maintain it in every state but `absent`.
public enum IndexState: UInt8, Sendable, Hashable {
  /// Maintained by writers, being filled, not read.
  case backfilling
  case active
}

public struct IndexDescriptor: Sendable, Hashable {
  /// Part of every key; 1 is the first primary index, never reused within a table.
  public var id: UInt32
  /// The relation's own OID, as `pg_class` shows it.
  public var oid: OID
  public var name: String
  public var isUnique: Bool
  public var isPrimary: Bool
  /// Made by a `PRIMARY KEY` or `UNIQUE` constraint of the same name, rather than by `CREATE INDEX`.
  public var isConstraint: Bool
  public var constraintOID: OID
  public var nullsNotDistinct: Bool
  public var columns: [IndexColumn]
  /// `INCLUDE` columns: in the value, for covering scans.
  public var included: [UInt32]
  /// The predicate of a partial index, as SQL text.
  public var predicateSQL: String?
  /// The columns that `predicateSQL` reads.
  public var predicateColumns: [UInt32] = []
  public var state: IndexState
  public var comment: String?
  /// The comment on its constraint, if it has one.
  public var constraintComment: String?

  public init(id: UInt32, oid: OID, name: String, columns: [IndexColumn], isUnique: Bool, isPrimary: Bool = false) {
    self.id = id
    self.oid = oid
    self.name = name
    self.columns = columns
    self.isUnique = isUnique
    self.isPrimary = isPrimary
    self.isConstraint = isPrimary
    self.constraintOID = .invalid
    self.nullsNotDistinct = false
    self.included = []
    self.predicateSQL = nil
    self.state = .active
  }
}

public struct CheckConstraint: Sendable, Hashable {
  public var oid: OID
  public var name: String
  public var expressionSQL: String
  /// The columns that the expression reads.
  public var columns: [UInt32]
  public var comment: String?
  /// Whether a parent has it, too; and whether children do not get it.
  public var isInherited = false
  public var isNoInherit = false

  public init(oid: OID, name: String, expressionSQL: String, columns: [UInt32] = []) {
    self.oid = oid
    self.name = name
    self.expressionSQL = expressionSQL
    self.columns = columns
  }
}

public struct SequenceOptions: Sendable, Hashable {
  public var type: SQLType = .int8
  public var start: Int64 = 1
  public var increment: Int64 = 1
  public var minimum: Int64 = 1
  public var maximum: Int64 = Int64.max
  public var cache: Int64 = 1
  public var cycles = false
  /// Where counting begins again after `RESTART`; nil: at `start`.
  public var restart: Int64?
  /// New with every `RESTART`, which thereby is part of its transaction: each generation counts under a key of its own.
  public var generation: UInt64 = 0
  /// The table and column that own it, if any.
  public var ownerTable: OID?
  public var ownerColumn: UInt32?

  public init() {}
}

/// What a view reads: a relation, and the columns of it that the view would miss.
public struct RelationDependency: Sendable, Hashable {
  public var relation: OID
  public var columns: [UInt32]

  public init(relation: OID, columns: [UInt32] = []) {
    self.relation = relation
    self.columns = columns
  }
}

public enum RelationKind: Sendable, Hashable {
  case table
  /// The view's query as SQL text with every name qualified, and the names of its columns.
  case view(sql: String)
  case sequence(SequenceOptions)
  /// Rows computed from the catalog itself (`pg_catalog`, `information_schema`, `meridian_catalog`), by name.
  case virtual
}

/// One relation. `Sendable` since it never changes.
public final class TableDescriptor: Sendable {
  public let oid: OID
  public let schema: OID
  public let name: String
  public let owner: OID
  public let kind: RelationKind
  /// The columns that exist now, by position.
  public let columns: [ColumnDescriptor]
  public let primaryIndex: IndexDescriptor?
  /// Secondary indexes, those being filled included.
  public let indexes: [IndexDescriptor]
  public let checks: [CheckConstraint]
  public let foreignKeys: [ForeignKey]
  /// The tables that have foreign keys to this one, itself included.
  public let referencedBy: [OID]
  /// What a view's query reads, by relation.
  public let dependencies: [RelationDependency]
  public let comment: String?
  /// Of a view: `name=value`.
  public let options: [String]
  public let lineage: Lineage
  public let triggers: [TriggerDescriptor]
  public let rules: [RuleDescriptor]
  /// Nil: nobody but the owner was ever granted anything.
  public let acl: [Grant]?
  /// The first id that no column has had.
  public let nextColumnID: UInt32
  /// Grows with every change of this descriptor.
  public let version: UInt64

  public init(
    oid: OID, schema: OID, name: String, owner: OID, kind: RelationKind, columns: [ColumnDescriptor],
    primaryIndex: IndexDescriptor? = nil, indexes: [IndexDescriptor] = [], checks: [CheckConstraint] = [],
    foreignKeys: [ForeignKey] = [], referencedBy: [OID] = [], dependencies: [RelationDependency] = [],
    comment: String? = nil, options: [String] = [], lineage: Lineage = Lineage(),
    triggers: [TriggerDescriptor] = [], rules: [RuleDescriptor] = [], acl: [Grant]? = nil, nextColumnID: UInt32,
    version: UInt64 = 1
  ) {
    self.oid = oid
    self.schema = schema
    self.name = name
    self.owner = owner
    self.kind = kind
    self.columns = columns
    self.primaryIndex = primaryIndex
    self.indexes = indexes
    self.checks = checks
    self.foreignKeys = foreignKeys
    self.referencedBy = referencedBy
    self.dependencies = dependencies
    self.comment = comment
    self.options = options
    self.lineage = lineage
    self.triggers = triggers
    self.rules = rules
    self.acl = acl
    self.nextColumnID = nextColumnID
    self.version = version
  }

  public func column(id: UInt32) -> ColumnDescriptor? { columns.first { $0.id == id } }
  public func column(named name: String) -> ColumnDescriptor? { columns.first { $0.name == name } }
  /// The ordinal in `columns` of the column with this id.
  public func ordinal(ofColumn id: UInt32) -> Int? { columns.firstIndex { $0.id == id } }
  /// The primary index and the secondary ones.
  public var allIndexes: [IndexDescriptor] { (primaryIndex.map { [$0] } ?? []) + indexes }
}
