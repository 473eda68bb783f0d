// What a DDL statement does, with every name resolved and every expression checked: the planner makes it, the executor
// carries it out against the catalog of its transaction. Objects get their OIDs only when it runs.

import Catalog
import Expressions
import SQLTypes

/// A table to be made: columns with ids from 1, indexes with ids from 1 (the primary one first), OIDs still invalid.
public struct TableDefinition: Sendable {
  public var schema: OID
  public var name: String
  public var columns: [ColumnDescriptor]
  /// nil: a hidden `rowid` column and a primary index on it are added.
  public var primaryKey: IndexDescriptor?
  public var indexes: [IndexDescriptor]
  public var checks: [CheckConstraint]
  /// Sequences to make first, for columns by id (`SERIAL`, identity); their names are derived from table and column.
  public var sequences: [UInt32: SequenceOptions]

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

public enum AlterTableAction: Sendable {
  case addColumn(ColumnDescriptor, ifNotExists: Bool, check: CheckConstraint?, sequence: SequenceOptions?)
  case dropColumn(String, ifExists: Bool, cascades: Bool)
  case renameColumn(from: String, to: String)
  case setDefault(column: String, sql: String?)
  case setNotNull(column: String, isNotNull: Bool)
  /// Rewrites the table under its new key.
  case addPrimaryKey(IndexDescriptor)
  case addUnique(IndexDescriptor)
  case addCheck(CheckConstraint)
  case dropConstraint(String, ifExists: Bool, cascades: Bool)
  case renameConstraint(from: String, to: String)
  case rename(to: String)
  case setSchema(OID)
  case setOwner(OID)
}

public enum SchemaOperation: Sendable {
  case createTable(TableDefinition, ifNotExists: Bool)
  /// `CREATE TABLE AS`.
  case createTableAs(TableDefinition, ifNotExists: Bool, source: QueryPlan, withData: Bool)
  case createIndex(table: OID, IndexDescriptor, ifNotExists: Bool, isConcurrent: Bool)
  case createView(
    schema: OID, name: String, sql: String, columns: [ColumnDescriptor], dependencies: [RelationDependency],
    replaces: Bool)
  case createSequence(schema: OID, name: String, SequenceOptions, ifNotExists: Bool)
  case alterSequence(OID, SequenceOptions, restart: Int64?)
  case createSchema(name: String, owner: OID?, ifNotExists: Bool)
  case createDatabase(name: String)
  case createRole(name: String, RoleOptions)
  case alterRole(name: String, RoleOptions)
  case alterTable(OID, [AlterTableAction])
  case renameIndex(table: OID, index: OID, to: String)
  case renameSchema(OID, to: String)
  /// Relations that exist (tables, views, sequences), and what else falls with them if it cascades.
  case dropRelations([OID], cascades: Bool)
  case dropIndexes([OID], cascades: Bool)
  case dropSchemas([OID], cascades: Bool)
  case dropDatabase(OID)
  case dropRoles([OID])
  case truncate([OID], restartsIdentity: Bool, cascades: Bool)
  case comment(on: OID, column: UInt32?, text: String?)
  /// Nothing to do but say so (`IF EXISTS`, `IF NOT EXISTS`).
  case notice(SQLError)
}

/// What a role may do, as in `CREATE ROLE`; nil leaves as it is.
public struct RoleOptions: Sendable, Hashable {
  public var isSuperuser: Bool?
  public var canLogin: Bool?
  public var createsDatabases: Bool?
  public var createsRoles: Bool?
  public var inherits: Bool?
  public var password: String?
  public init() {}
}
