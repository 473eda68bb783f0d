// What a change of a table's rows has to do with foreign keys: the keys that its rows refer by, and those that refer to them.
// Referential actions are statements of their own, planned when the first row asks for one, since tables may refer to each
// other in circles. Source: PostgreSQL manual, 5.4.5; its ri_triggers.c for what each action does.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

/// A foreign key of the table that is changed.
public struct OutgoingReference: Sendable {
  public var key: ForeignKey
  public var child: OID
  public var parent: TableDescriptor
  /// The unique index over the parent's columns.
  public var index: IndexDescriptor
  /// Ordinals of the referencing columns, in the key's order.
  public var ordinals: [Int]
  /// The values of the index's columns, in its order, over a row of the referencing table.
  public var values: [ScalarExpression]
}

/// A foreign key that refers to the table that is changed.
public struct IncomingReference: Sendable {
  public var key: ForeignKey
  public var child: TableDescriptor
  /// Ordinals of the referenced columns, in the key's order.
  public var ordinals: [Int]
}

public struct ReferencePlan: Sendable {
  public var outgoing: [OutgoingReference] = []
  public var incoming: [IncomingReference] = []
  public var triggers: RowTriggerPlan?
  public init() {}
  public var isEmpty: Bool { outgoing.isEmpty && incoming.isEmpty }
}

/// A statement that a referential action runs, with the old key's values as its first parameters.
public enum ReferentialStatement: UInt8, Sendable, Hashable {
  /// One row if any row refers to the key.
  case find
  case delete, setNull, setDefault
  /// The new key's values are the parameters after the old ones.
  case update
  /// One row if the referenced table has the key.
  case findParent
}

extension Binder {
  /// The foreign keys from and to a table, and its triggers.
  func references(
    of table: TableDescriptor, _ statement: StatementTriggerPlan? = nil
  ) throws(SQLError) -> ReferencePlan {
    var plan = ReferencePlan()
    plan.triggers = try rowTriggers(of: table, statement)
    for key in table.foreignKeys {
      if let outgoing = try outgoing(key, of: table) { plan.outgoing.append(outgoing) }
    }
    for (child, key) in names.catalog.incomingKeys(of: table) {
      names.uses.add(.relation(child))
      let ordinals = key.referencedColumns.compactMap { table.ordinal(ofColumn: $0) }
      if ordinals.count == key.referencedColumns.count {
        plan.incoming.append(IncomingReference(key: key, child: child, ordinals: ordinals))
      }
    }
    return plan
  }

  func outgoing(_ key: ForeignKey, of table: TableDescriptor) throws(SQLError) -> OutgoingReference? {
    guard let parent = names.catalog.relation(key.referencedTable),
      let index = parent.allIndexes.first(where: { $0.oid == key.referencedIndex })
    else { return nil }
    names.uses.add(.relation(parent))
    let ordinals = key.columns.compactMap { table.ordinal(ofColumn: $0) }
    var values: [ScalarExpression] = []
    for column in index.columns {
      guard let place = key.referencedColumns.firstIndex(of: column.columnID), place < ordinals.count,
        let target = parent.column(id: column.columnID)
      else { return nil }
      let source = table.columns[ordinals[place]]
      // The modifier is the parent's: what does not fit it is not there.
      values.append(
        try coerce(
          .column(ordinals[place], source.type.unmodified), to: target.type.unmodified, .assignment, at: .unknown))
    }
    return OutgoingReference(
      key: key, child: table.oid, parent: parent, index: index, ordinals: ordinals, values: values)
  }
}

extension StatementPlanner {
  /// The foreign key's part of a plan that changes its table: for the check of rows that are there already.
  public func outgoingReference(_ key: ForeignKey, of table: TableDescriptor) throws(SQLError) -> OutgoingReference? {
    try Binder(makeContext([], [])).outgoing(key, of: table)
  }

  /// Plans what a referential action does to the rows of `child` that refer by `key`.
  public func plan(
    _ statement: ReferentialStatement, for key: ForeignKey, of child: TableDescriptor
  ) throws(SQLError) -> QueryPlan {
    guard let parent = catalog.relation(key.referencedTable) else {
      throw SQLError(.undefinedTable, "relation with OID \(key.referencedTable) does not exist")
    }
    func name(_ table: TableDescriptor) -> String {
      quoteIdentifier(catalog.schema(table.schema)?.name ?? "") + "." + quoteIdentifier(table.name)
    }
    func column(_ id: UInt32, _ table: TableDescriptor) -> String {
      quoteIdentifier(table.column(id: id)?.name ?? "?")
    }
    func condition(_ ids: [UInt32], _ table: TableDescriptor) -> String {
      ids.enumerated().map { "\(column($1, table)) = $\($0 + 1)" }.joined(separator: " AND ")
    }
    func set(_ ids: [UInt32], _ value: (Int) -> String) -> String {
      let list = ids.enumerated().map { "\(column($1, child)) = \(value($0))" }.joined(separator: ", ")
      return "UPDATE \(name(child)) SET \(list) WHERE \(condition(key.columns, child))"
    }
    let count = key.columns.count
    let changed = key.setColumns.isEmpty ? key.columns : key.setColumns
    let sql =
      switch statement {
      case .find: "SELECT 1 FROM \(name(child)) WHERE \(condition(key.columns, child)) LIMIT 1"
      case .findParent: "SELECT 1 FROM \(name(parent)) WHERE \(condition(key.referencedColumns, parent)) LIMIT 1"
      case .delete: "DELETE FROM \(name(child)) WHERE \(condition(key.columns, child))"
      case .setNull: set(changed) { _ in "NULL" }
      case .setDefault: set(changed) { _ in "DEFAULT" }
      case .update: set(key.columns) { "$\($0 + count + 1)" }
      }
    let types = key.referencedColumns.map { parent.column(id: $0)?.type.unmodified }
    let source = Array(sql.utf8)
    guard let parsed = try Parser.parse(source).first else {
      throw SQLError(.internalError, "a referential action's statement is empty")
    }
    guard case .query(let query) = try plan(parsed.statement, source: source, parameterTypes: types + types) else {
      throw SQLError(.internalError, "a referential action's statement is no query")
    }
    return query
  }
}
