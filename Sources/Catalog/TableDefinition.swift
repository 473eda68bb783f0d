// What the planner says of an object to be made, everything resolved and checked but for OIDs and the names that nobody chose:
// the catalog gives those when the statement runs.

import SQLTypes

/// A table to be made: columns with ids from 1, indexes with ids from 1 (the primary one first), OIDs still invalid. An
/// index or check whose name is empty gets PostgreSQL's name for it.
public struct TableDefinition: Sendable {
  public var schema: OID
  public var name: String
  public var columns: [ColumnDescriptor]
  /// nil: a hidden `rowid` column and a primary index on it are added.
  public var primaryKey: IndexDescriptor?
  public var indexes: [IndexDescriptor]
  public var checks: [CheckConstraint]
  /// Without OIDs; one to the table itself has an invalid referenced table.
  public var foreignKeys: [ForeignKey] = []
  /// Its parents, whose children learn of it; how it is partitioned, and its bound as a partition.
  public var lineage = Lineage()
  /// Sequences to make first, for columns by id (`SERIAL`, identity); their names are derived from table and column.
  public var sequences: [UInt32: SequenceOptions]
  /// What is to be said of how it came together.
  public var notices: [String] = []
  /// `ON COMMIT DROP`: true; `DELETE ROWS`: false.
  public var dropsOnCommit: Bool?

  public init(
    schema: OID, name: String, columns: [ColumnDescriptor], primaryKey: IndexDescriptor? = nil,
    indexes: [IndexDescriptor] = [], checks: [CheckConstraint] = [], sequences: [UInt32: SequenceOptions] = [:]
  ) {
    self.schema = schema
    self.name = name
    self.columns = columns
    self.primaryKey = primaryKey
    self.indexes = indexes
    self.checks = checks
    self.sequences = sequences
  }
}

/// What a role may do, as in `CREATE ROLE`; nil leaves as it is.
public struct RoleOptions: Sendable, Hashable {
  public var isSuperuser: Bool?
  public var canLogin: Bool?
  public var createsDatabases: Bool?
  public var createsRoles: Bool?
  public var inherits: Bool?
  public var isReplication: Bool?
  public var bypassesRowSecurity: Bool?
  public var connectionLimit: Int32?
  /// From the planner what the statement says; by the time that the catalog gets it a verifier (`SCRAM-SHA-256$…`).
  public var password: String?
  /// `PASSWORD NULL`.
  public var removesPassword = false
  /// Microseconds since 2000-01-01 UTC.
  public var validUntil: Int64?
  /// Roles that it becomes a member of, and those that become members of it.
  public var inRoles: [OID] = []
  public var members: [OID] = []
  public var administrators: [OID] = []
  public init() {}
}
