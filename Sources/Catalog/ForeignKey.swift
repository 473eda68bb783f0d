// Foreign keys as the referencing table's descriptor holds them. The referenced table holds the OIDs of those that refer to
// it (`referencedBy`), so that a change of either is a change of both descriptors, and a plan made for one knows of it.
// Source: PostgreSQL manual, 5.4.5 and CREATE TABLE.

import SQLTypes

public struct ForeignKey: Sendable, Hashable {
  /// What happens to referencing rows. Raw values are stored.
  public enum Action: UInt8, Sendable, Hashable {
    case noAction, restrict, cascade, setNull, setDefault
  }

  public var oid: OID
  public var name: String
  /// The referencing columns, by id.
  public var columns: [UInt32]
  /// `.invalid` in a definition: the table itself, which is being made.
  public var referencedTable: OID
  /// Of the same number, in the same order.
  public var referencedColumns: [UInt32]
  /// The unique index over the referenced columns, by its relation's OID.
  public var referencedIndex: OID = .invalid
  public var onDelete: Action = .noAction
  public var onUpdate: Action = .noAction
  /// `ON DELETE SET NULL (columns)`; empty: all of them.
  public var setColumns: [UInt32] = []
  /// `MATCH FULL`: all of the columns are NULL, or none.
  public var matchesFull = false
  public var isDeferrable = false
  public var isInitiallyDeferred = false
  /// False: `NOT VALID`, rows that were there before may break it.
  public var isValidated = true
  public var comment: String?

  public init(oid: OID = .invalid, name: String, columns: [UInt32], referencedTable: OID, referencedColumns: [UInt32]) {
    self.oid = oid
    self.name = name
    self.columns = columns
    self.referencedTable = referencedTable
    self.referencedColumns = referencedColumns
  }
}

extension ForeignKey.Action {
  /// As catalogs show it.
  var letter: String {
    switch self {
    case .noAction: "a"
    case .restrict: "r"
    case .cascade: "c"
    case .setNull: "n"
    case .setDefault: "d"
    }
  }

  var sqlName: String {
    switch self {
    case .noAction: "NO ACTION"
    case .restrict: "RESTRICT"
    case .cascade: "CASCADE"
    case .setNull: "SET NULL"
    case .setDefault: "SET DEFAULT"
    }
  }
}

extension TableDescriptor {
  /// The unique index whose columns are exactly these, in any order.
  public func uniqueIndex(over columns: [UInt32]) -> IndexDescriptor? {
    let wanted = Set(columns)
    return allIndexes.first { index in
      index.isUnique && index.predicateSQL == nil && index.state == .active && index.oid != .invalid
        && index.columns.count == wanted.count && Set(index.columns.map(\.columnID)) == wanted
    }
  }
}

extension CatalogView {
  /// The foreign keys that refer to a table, with the tables that have them.
  public func incomingKeys(of table: TableDescriptor) -> [(table: TableDescriptor, key: ForeignKey)] {
    table.referencedBy.compactMap { relation($0) }.flatMap { other in
      other.foreignKeys.filter { $0.referencedTable == table.oid }.map { (other, $0) }
    }
  }
}

extension CatalogWriter {
  /// Adds a foreign key under its own name or a chosen one (`t_a_fkey`). The executor has looked at the rows that are there.
  /// Errors: 42830 if no unique index covers the referenced columns, 42710 for a name that is taken.
  public func addForeignKey(_ definition: ForeignKey, to oid: OID) throws(SQLError) -> TableDescriptor {
    let table = try tableToChange(oid)
    var key = definition
    if key.referencedTable == .invalid { key.referencedTable = oid }
    let parent = try self.table(key.referencedTable)
    guard let index = parent.uniqueIndex(over: key.referencedColumns) else {
      throw SQLError(
        .invalidForeignKey,
        "there is no unique constraint matching given keys for referenced table \"\(parent.name)\"")
    }
    key.referencedIndex = index.oid
    if key.name.isEmpty {
      let names = key.columns.compactMap { table.column(id: $0)?.name }
      key.name = ObjectNaming.choose(table.name, ObjectNaming.columnsPart(names), "fkey") {
        table.hasConstraint(named: $0) || isConstraintTaken($0, in: table.schema)
      }
    } else if table.hasConstraint(named: key.name) {
      throw .duplicateConstraint(key.name, of: table.name)
    }
    key.oid = try makeOID()
    let changed = try table.changed { (draft) throws(SQLError) in
      draft.foreignKeys.append(key)
      if parent.oid == oid && !draft.referencedBy.contains(oid) { draft.referencedBy.append(oid) }
    }
    var objects: [CatalogObject] = [.relation(changed)]
    if parent.oid != oid {
      objects.append(
        .relation(
          try parent.changed { (draft) throws(SQLError) in
            if !draft.referencedBy.contains(oid) { draft.referencedBy.append(oid) }
          }))
    }
    apply(put: objects)
    return changed
  }

  /// `VALIDATE CONSTRAINT`: the executor has looked at the rows.
  public func validateForeignKey(_ key: OID, of oid: OID) throws(SQLError) -> TableDescriptor {
    let changed = try tableToChange(oid).changed { (draft) throws(SQLError) in
      for index in draft.foreignKeys.indices where draft.foreignKeys[index].oid == key {
        draft.foreignKeys[index].isValidated = true
      }
    }
    apply(put: [.relation(changed)])
    return changed
  }

  /// `ALTER CONSTRAINT`.
  public func setDeferrability(
    ofForeignKey name: String, of oid: OID, isDeferrable: Bool, isInitiallyDeferred: Bool
  ) throws(SQLError) -> TableDescriptor {
    let table = try tableToChange(oid)
    guard table.foreignKeys.contains(where: { $0.name == name }) else {
      if table.hasConstraint(named: name) {
        throw SQLError(
          .wrongObjectType,
          "constraint \"\(name)\" of relation \"\(table.name)\" is not a foreign key constraint")
      }
      throw .undefinedConstraint(name, of: table.name)
    }
    let changed = try table.changed { (draft) throws(SQLError) in
      for index in draft.foreignKeys.indices where draft.foreignKeys[index].name == name {
        draft.foreignKeys[index].isDeferrable = isDeferrable
        draft.foreignKeys[index].isInitiallyDeferred = isInitiallyDeferred
      }
    }
    apply(put: [.relation(changed)])
    return changed
  }

  /// The tables that TRUNCATE empties: those named, and with CASCADE those that refer to them.
  /// Error 0A000 if others refer to them.
  public func truncated(_ named: [OID], cascades: Bool, _ notices: inout [SQLError]) throws(SQLError) -> [OID] {
    var tables = named
    var position = 0
    while position < tables.count {
      let table = try self.table(tables[position])
      position += 1
      for (child, _) in view.incomingKeys(of: table) where !tables.contains(child.oid) {
        guard cascades else {
          throw SQLError(
            .featureNotSupported, "cannot truncate a table referenced in a foreign key constraint",
            detail: "Table \"\(child.name)\" references \"\(table.name)\".",
            hint: "Truncate table \"\(child.name)\" at the same time, or use TRUNCATE ... CASCADE.")
        }
        notices.append(SQLError(.successfulCompletion, "truncate cascades to table \"\(child.name)\""))
        tables.append(child.oid)
      }
    }
    return tables
  }

  /// The tables that change when foreign keys fall: those that had them and those that they referred to. `gone` are tables
  /// that fall themselves.
  func withoutForeignKeys(_ fallen: Set<OID>, gone: Set<OID>) -> [TableDescriptor] {
    var result: [TableDescriptor] = []
    for table in view.snapshot.relations where !gone.contains(table.oid) {
      var draft = TableDraft(table)
      draft.foreignKeys.removeAll { fallen.contains($0.oid) || gone.contains($0.referencedTable) }
      draft.referencedBy.removeAll { oid in
        if gone.contains(oid) { return true }
        guard let child = oid == table.oid ? table : view.relation(oid) else { return true }
        return !child.foreignKeys.contains { $0.referencedTable == table.oid && !fallen.contains($0.oid) }
      }
      guard draft.foreignKeys != table.foreignKeys || draft.referencedBy != table.referencedBy else { continue }
      draft.version += 1
      result.append(draft.descriptor())
    }
    return result
  }
}

extension DropPlan {
  /// What refers to a table, or to columns or an index of it, and is not the table's own.
  mutating func addReferences(to table: TableDescriptor, dependsOn what: String, where isHit: (ForeignKey) -> Bool) {
    for (child, key) in view.incomingKeys(of: table) where isHit(key) {
      addForeignKey(key, of: child, to: table, dependsOn: what)
    }
  }
}

extension CatalogView {
  /// The foreign keys of a name: in a schema, or in the first of the search path that has any.
  public func foreignKeys(named name: String, schema: String?) -> [ForeignKey] {
    for candidate in schema.map({ [$0] }) ?? searchSchemaNames(includingImplicit: false) {
      guard let schema = self.schema(named: candidate) else { continue }
      let found = snapshot.relations(in: schema.oid).flatMap { table in
        table.foreignKeys.filter { $0.name == name }
      }
      if !found.isEmpty { return found }
    }
    return []
  }
}
