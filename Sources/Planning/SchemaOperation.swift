// What a DDL statement does, with every name resolved and every expression checked: the planner makes it, the executor
// carries it out against the catalog of its transaction. Objects get their OIDs only when it runs.

import Catalog
import Expressions
import SQLTypes

public enum AlterTableAction: Sendable {
  case addColumn(ColumnDescriptor, ifNotExists: Bool, check: CheckConstraint?, sequence: SequenceOptions?)
  case dropColumn(String, ifExists: Bool, cascades: Bool)
  case renameColumn(from: String, to: String)
  case setDefault(column: String, sql: String?)
  case setNotNull(column: String, isNotNull: Bool)
  /// Rewrites the table; `using` is SQL text over its rows.
  case setType(column: String, SQLType, using: String)
  case addIdentity(column: String, IdentityKind, SequenceOptions)
  case setIdentity(column: String, IdentityKind?, sequence: OID, SequenceOptions?, restart: Int64?)
  case dropIdentity(column: String)
  case dropExpression(column: String)
  /// Rewrites the table under its new key.
  case addPrimaryKey(IndexDescriptor)
  case addUnique(IndexDescriptor)
  case addCheck(CheckConstraint)
  case addForeignKey(ForeignKey)
  case validateConstraint(String)
  case alterConstraint(String, isDeferrable: Bool, isInitiallyDeferred: Bool)
  case dropConstraint(String, ifExists: Bool, cascades: Bool)
  case renameConstraint(from: String, to: String)
  case rename(to: String)
  case setSchema(OID)
  /// ENABLE or DISABLE TRIGGER; nil: all.
  case enableTriggers(String?, Bool)
  case setOwner(OID)
  /// Makes another table a partition; it gets the indexes and foreign keys that it lacks.
  case attachPartition(OID, PartitionBound, indexes: [IndexDescriptor], foreignKeys: [ForeignKey])
  case detach(OID)
  case inherit(OID)
  case noInherit(OID)
  /// A parent has the column no more; the table keeps it as its own.
  case disinheritColumn(String)
}

/// A key of an index that is an expression over the table's columns.
public struct IndexExpression: Sendable {
  public var position: Int
  public var sql: String
  public var type: SQLType
}

public enum SchemaOperation: Sendable {
  case createTable(TableDefinition, ifNotExists: Bool)
  /// `CREATE TABLE AS`.
  case createTableAs(TableDefinition, ifNotExists: Bool, source: QueryPlan, withData: Bool)
  /// `expressions`: by position among the index's columns, those that are no columns of the table.
  case createIndex(
    table: OID, IndexDescriptor, expressions: [IndexExpression], ifNotExists: Bool, isConcurrent: Bool)
  case createView(
    schema: OID, name: String, sql: String, columns: [ColumnDescriptor], dependencies: [RelationDependency],
    options: [String], replaces: Bool)
  case createSequence(schema: OID, name: String, SequenceOptions, ifNotExists: Bool)
  case alterSequence(OID, SequenceOptions, restart: Int64?)
  case createEnum(schema: OID, name: String, labels: [String])
  case createType(schema: OID, name: String, TypeDescriptor.Definition)
  /// Rows of the checks' queries are values that do not satisfy the new domain.
  case setDomain(OID, DomainDefinition, validations: [DomainValidation])
  case addEnumLabel(OID, label: String, next: String?, isBefore: Bool, ifNotExists: Bool)
  case renameEnumLabel(OID, from: String, to: String)
  case renameType(OID, to: String)
  case setTypeSchema(OID, to: OID)
  case setTypeOwner(OID, to: OID)
  case dropTypes([OID], cascades: Bool)
  case createSchema(name: String, owner: OID?, ifNotExists: Bool)
  case createDatabase(name: String)
  case createRole(name: String, RoleOptions)
  case alterRole(name: String, RoleOptions)
  case alterTable(OID, [AlterTableAction])
  case renameIndex(table: OID, index: OID, to: String)
  /// Begins ranges at keys of an index of a table; `points` gives values of its first columns.
  case split(table: OID, index: UInt32, points: QueryPlan, isUndone: Bool)
  /// Ranges of an index need not begin any more where somebody had them begin.
  case unsplitAll(table: OID, index: UInt32)
  /// Gives leases and replicas of a table's ranges to nodes at random; those of one index, or all.
  case scatter(table: OID, index: UInt32?)
  case renameSchema(OID, to: String)
  /// Relations that exist (tables, views, sequences), and what else falls with them if it cascades.
  case dropRelations([OID], cascades: Bool)
  case dropIndexes([OID], cascades: Bool)
  case dropSchemas([OID], cascades: Bool)
  case dropDatabase(OID)
  case dropRoles([OID])
  case truncate([OID], restartsIdentity: Bool, cascades: Bool)
  case comment(on: OID, column: UInt32?, text: String?)
  case createFunction(FunctionDescriptor, replaces: Bool)
  case dropFunctions([OID], cascades: Bool)
  case createTrigger(TriggerDescriptor, on: OID, replaces: Bool)
  case dropTrigger(String, of: OID)
  case createRule(RuleDescriptor, on: OID, replaces: Bool)
  case dropRule(String, of: OID)
  case renameRule(String, of: OID, to: String)
  case renameTrigger(String, of: OID, to: String)
  case commentTrigger(String, of: OID, String?)
  case changePrivileges(PrivilegeChange)
  case changeMembership(of: [OID], in: [OID], isGrant: Bool, adminOption: Bool)
  /// One after the other, in one transaction.
  case sequence([SchemaOperation])
  /// Nothing to do but say so (`IF EXISTS`, `IF NOT EXISTS`).
  case notice(SQLError)
}

/// A query that gives a row if a column of a domain holds what the domain no more allows, and the error that says so.
public struct DomainValidation: Sendable {
  public var query: QueryPlan
  public var error: SQLError
}
