// Making tables, and changing their columns and properties.

import SQLTypes

extension CatalogWriter {
  /// PostgreSQL's limit, and that of a row's description on the wire.
  public static let maximumColumnCount = 1600

  func isTaken(_ name: String, in schema: OID) -> Bool { view.snapshot.namedRelation(name, in: schema) != nil }

  func isConstraintTaken(_ name: String, in schema: OID) -> Bool {
    view.snapshot.relations(in: schema).contains { $0.hasConstraint(named: name) }
  }

  /// Makes a table, with its sequences first. Nil: there is a relation of this name already and `ifNotExists` allows it
  /// (notice 42P07 `relation "t" already exists, skipping`).
  public func createTable(_ new: TableDefinition, ifNotExists: Bool = false) throws(SQLError) -> TableDescriptor? {
    let schema = try schemaToCreateIn(new.schema)
    if isTaken(new.name, in: schema.oid) {
      if ifNotExists { return nil }
      throw .duplicateRelation(new.name)
    }
    if new.columns.count > Self.maximumColumnCount {
      throw SQLError(.tooManyColumns, "tables can have at most \(Self.maximumColumnCount) columns")
    }
    for (index, column) in new.columns.enumerated()
    where new.columns[..<index].contains(where: { $0.name == column.name }) {
      throw SQLError(.duplicateColumn, "column \"\(column.name)\" specified more than once")
    }
    var taken: Set<String> = [new.name]
    var columns = new.columns
    var sequences: [TableDescriptor] = []
    for index in columns.indices {
      guard let options = new.sequences[columns[index].id] else { continue }
      let name = ObjectNaming.choose(new.name, columns[index].name, "seq") {
        taken.contains($0) || isTaken($0, in: schema.oid)
      }
      taken.insert(name)
      let sequence = try makeSequence(schema: schema.oid, name: name, options)
      sequences.append(sequence)
      attach(sequence, to: &columns[index])
    }
    let oid = try makeOID()
    noteGenerated(&columns)
    var draft = TableDraft(
      TableDescriptor(
        oid: oid, schema: schema.oid, name: new.name, owner: view.userOID, kind: .table, columns: columns,
        lineage: new.lineage, nextColumnID: (columns.map(\.id).max() ?? 0) + 1))
    for check in new.checks { try add(check, to: &draft) }
    if let primary = new.primaryKey {
      draft.primaryIndex = try name(primary, for: &draft, taken: &taken)
      for key in primary.columns {
        if let ordinal = draft.columns.firstIndex(where: { $0.id == key.columnID }) {
          draft.columns[ordinal].isNullable = false
        }
      }
    } else {
      try addRowID(to: &draft)
    }
    for index in new.indexes { draft.indexes.append(try name(index, for: &draft, taken: &taken)) }
    let table = draft.descriptor()
    var objects: [CatalogObject] = [.relation(table)]
    for sequence in sequences {
      guard let column = table.columns.first(where: { $0.ownedSequence == sequence.oid }) else { continue }
      objects.append(.relation(sequence.owned(by: table.oid, column: column.id)))
    }
    apply(put: objects)
    for parent in new.lineage.parents { try link(oid, under: parent) }
    if new.foreignKeys.isEmpty { return table }
    var made = table
    for key in new.foreignKeys { made = try addForeignKey(key, to: oid) }
    return made
  }

  /// Notes what generated columns read, where that is not said.
  func noteGenerated(_ columns: inout [ColumnDescriptor]) {
    let shape = TableDescriptor(
      oid: .invalid, schema: .invalid, name: "", owner: .invalid, kind: .table, columns: columns, nextColumnID: 0)
    for index in columns.indices where columns[index].generatedFrom.isEmpty {
      guard let sql = columns[index].generatedSQL else { continue }
      columns[index].generatedFrom = StoredColumns.columns(in: sql, of: shape)
    }
  }

  /// Gives a column the sequence it draws from.
  func attach(_ sequence: TableDescriptor, to column: inout ColumnDescriptor) {
    column.ownedSequence = sequence.oid
    column.isNullable = false
    if column.identity == nil { column.defaultSQL = SequenceReferences.nextValueSQL(sequence.oid) }
  }

  /// The primary index of a table without primary key: a hidden column that holds a row id.
  func addRowID(to draft: inout TableDraft) throws(SQLError) {
    var name = "rowid"
    var number = 0
    while draft.columns.contains(where: { $0.name == name }) {
      number += 1
      name = "rowid_\(number)"
    }
    var column = ColumnDescriptor(id: draft.nextColumnID, name: name, type: .int8, isNullable: false)
    column.isHidden = true
    draft.columns.append(column)
    draft.nextColumnID += 1
    var index = IndexDescriptor(
      id: try makeStorageID(of: draft.oid), oid: .invalid, name: "", columns: [IndexColumn(columnID: column.id)],
      isUnique: true,
      isPrimary: true)
    index.isConstraint = false
    draft.primaryIndex = index
  }

  /// Adds a check, under its own name or a chosen one: `t_a_check` if it reads one column, else `t_check`.
  func add(_ check: CheckConstraint, to draft: inout TableDraft) throws(SQLError) {
    var check = check
    let present = draft.descriptor()
    if check.columns.isEmpty { check.columns = StoredColumns.columns(in: check.expressionSQL, of: present) }
    if check.name.isEmpty {
      let single = check.columns.count == 1 ? present.column(id: check.columns[0])?.name : nil
      check.name = ObjectNaming.choose(draft.name, single ?? "", "check") {
        present.hasConstraint(named: $0) || isConstraintTaken($0, in: draft.schema)
      }
    } else if present.hasConstraint(named: check.name) {
      throw .duplicateConstraint(check.name, of: draft.name)
    }
    check.oid = try makeOID()
    draft.checks.append(check)
  }

  // MARK: Columns

  /// Adds a column. Its id is given here; checks that read it are to name it by `column.id` as given, and are moved along.
  /// Nil: the column exists and `ifNotExists` allows it (notice `column "a" of relation "t" already exists, skipping`).
  public func addColumn(
    _ column: ColumnDescriptor, to oid: OID, checks: [CheckConstraint] = [], sequence: SequenceOptions? = nil,
    ifNotExists: Bool = false
  ) throws(SQLError) -> TableDescriptor? {
    let table = try tableToChange(oid)
    if let present = table.column(named: column.name), !present.isHidden {
      if ifNotExists { return nil }
      throw .duplicateColumn(column.name, of: table.name)
    }
    if table.columns.count >= Self.maximumColumnCount {
      throw SQLError(.tooManyColumns, "tables can have at most \(Self.maximumColumnCount) columns")
    }
    var objects: [CatalogObject] = []
    let changed = try table.changed { (draft) throws(SQLError) in
      // A hidden column gives way.
      if let hidden = draft.columns.firstIndex(where: { $0.name == column.name }) {
        draft.columns[hidden].name = ObjectNaming.choose(column.name, "", "") { name in
          name == column.name || draft.columns.contains { $0.name == name }
        }
      }
      var added = column
      added.id = draft.nextColumnID
      draft.nextColumnID += 1
      if let sequence {
        let name = ObjectNaming.choose(table.name, column.name, "seq") { isTaken($0, in: table.schema) }
        let made = try makeSequence(schema: table.schema, name: name, sequence)
        attach(made, to: &added)
        objects.append(.relation(made.owned(by: table.oid, column: added.id)))
      }
      draft.columns.append(added)
      noteGenerated(&draft.columns)
      for var check in checks {
        check.columns = check.columns.map { $0 == column.id ? added.id : $0 }
        try add(check, to: &draft)
      }
    }
    apply(put: [.relation(changed)] + objects)
    return changed
  }

  /// Views read columns by name, so their names stand while views read them.
  public func renameColumn(of oid: OID, from old: String, to new: String) throws(SQLError) -> TableDescriptor {
    let table = try tableToChange(oid)
    guard let column = table.column(named: old), !column.isHidden else {
      throw SQLError(.undefinedColumn, "column \"\(old)\" does not exist")
    }
    if let other = table.column(named: new), !other.isHidden { throw .duplicateColumn(new, of: table.name) }
    if case .table = table.kind {
      for reader in view.readers(of: table.oid, column: column.id) where !reader.namesByNumber {
        throw renameRefused("column \(old) of \(describe(table))", by: reader)
      }
    }
    let changed = try table.changed { (draft) throws(SQLError) in
      for index in draft.columns.indices {
        if draft.columns[index].name == new {
          draft.columns[index].name = ObjectNaming.choose(new, "", "") { name in
            name == new || draft.columns.contains { $0.name == name }
          }
        }
        if draft.columns[index].id == column.id { draft.columns[index].name = new }
        if draft.columns[index].generatedFrom.contains(column.id) {
          draft.columns[index].generatedSQL = draft.columns[index].generatedSQL.map {
            StoredColumns.rename(old, to: new, in: $0)
          }
        }
      }
      for index in draft.checks.indices where draft.checks[index].columns.contains(column.id) {
        draft.checks[index].expressionSQL = StoredColumns.rename(
          old, to: new, in: draft.checks[index].expressionSQL)
      }
      for index in draft.indexes.indices where draft.indexes[index].predicateColumns.contains(column.id) {
        draft.indexes[index].predicateSQL = draft.indexes[index].predicateSQL.map {
          StoredColumns.rename(old, to: new, in: $0)
        }
      }
      for index in draft.triggers.indices where draft.triggers[index].conditionColumns.contains(column.id) {
        draft.triggers[index].conditionSQL = draft.triggers[index].conditionSQL.map {
          StoredColumns.rename(old, to: new, in: $0)
        }
      }
    }
    apply(put: [.relation(changed)])
    return changed
  }

  func changeColumn(
    of oid: OID, named name: String, _ body: (inout ColumnDescriptor) throws(SQLError) -> Void
  ) throws(SQLError) -> TableDescriptor {
    let table = try tableToChange(oid)
    guard let ordinal = table.columns.firstIndex(where: { $0.name == name && !$0.isHidden }) else {
      throw .undefinedColumn(name, of: table.name)
    }
    let changed = try table.changed { (draft) throws(SQLError) in try body(&draft.columns[ordinal]) }
    apply(put: [.relation(changed)])
    return changed
  }

  /// `SET DEFAULT`, with nil `DROP DEFAULT`.
  public func setDefault(of oid: OID, column: String, sql: String?) throws(SQLError) -> TableDescriptor {
    let name = try table(oid).name
    return try changeColumn(of: oid, named: column) { (changed) throws(SQLError) in
      if changed.identity != nil {
        throw SQLError(
          .syntaxError, "column \"\(column)\" of relation \"\(name)\" is an identity column",
          hint: sql == nil ? "Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead." : nil)
      }
      if changed.generatedSQL != nil {
        throw SQLError(
          .syntaxError, "column \"\(column)\" of relation \"\(name)\" is a generated column",
          hint: sql == nil ? "Use ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION instead." : nil)
      }
      changed.defaultSQL = sql
    }
  }

  /// The executor has looked for NULLs before it forbids them.
  public func setNotNull(of oid: OID, column name: String, isNotNull: Bool) throws(SQLError) -> TableDescriptor {
    let table = try table(oid)
    return try changeColumn(of: oid, named: name) { (column) throws(SQLError) in
      if !isNotNull {
        if column.identity != nil {
          throw SQLError(.syntaxError, "column \"\(name)\" of relation \"\(table.name)\" is an identity column")
        }
        if let primary = table.primaryIndex, primary.isConstraint,
          primary.columns.contains(where: { $0.columnID == column.id })
        {
          throw SQLError(.invalidTableDefinition, "column \"\(name)\" is in a primary key")
        }
      }
      column.isNullable = !isNotNull
    }
  }

  // MARK: Checks

  /// The executor has checked the rows that are there.
  public func addCheck(_ check: CheckConstraint, to oid: OID) throws(SQLError) -> TableDescriptor {
    let changed = try tableToChange(oid).changed { (draft) throws(SQLError) in try add(check, to: &draft) }
    apply(put: [.relation(changed)])
    return changed
  }

  /// Renames a check, or a constraint's index with its constraint.
  public func renameConstraint(of oid: OID, from old: String, to new: String) throws(SQLError) -> TableDescriptor {
    let table = try tableToChange(oid)
    guard table.hasConstraint(named: old) else {
      throw SQLError(.undefinedObject, "constraint \"\(old)\" for table \"\(table.name)\" does not exist")
    }
    if table.hasConstraint(named: new) { throw .duplicateConstraint(new, of: table.name) }
    if let index = table.allIndexes.first(where: { $0.isConstraint && $0.name == old }) {
      return try renameIndex(index.oid, to: new)
    }
    let changed = try table.changed { (draft) throws(SQLError) in
      for index in draft.checks.indices where draft.checks[index].name == old { draft.checks[index].name = new }
      for index in draft.foreignKeys.indices where draft.foreignKeys[index].name == old {
        draft.foreignKeys[index].name = new
      }
    }
    apply(put: [.relation(changed)])
    return changed
  }

  // MARK: The relation itself

  /// Renames a table, view or sequence.
  public func rename(_ oid: OID, to name: String) throws(SQLError) -> TableDescriptor {
    let table = try tableToChange(oid)
    if isTaken(name, in: table.schema) { throw .duplicateRelation(name) }
    for reader in view.readers(of: oid) where !reader.namesByNumber { throw renameRefused(describe(table), by: reader) }
    let changed = try table.changed { (draft) throws(SQLError) in draft.name = name }
    apply(put: [.relation(changed)])
    return changed
  }

  /// Views hold the names of what they read.
  func renameRefused(_ what: String, by reader: TableDescriptor) -> SQLError {
    SQLError(
      .featureNotSupported, "cannot rename \(what) because \(describe(reader)) depends on it",
      hint: "Drop the view, rename, and create the view again.")
  }

  /// Moves a relation to another schema, its indexes and owned sequences with it.
  public func setSchema(of oid: OID, to schema: OID) throws(SQLError) -> TableDescriptor {
    let table = try tableToChange(oid)
    let target = try schemaToCreateIn(schema)
    if target.oid == table.schema { return table }
    if case .sequence(let options) = table.kind, let owner = options.ownerTable.flatMap(view.relation) {
      throw SQLError(
        .featureNotSupported, "cannot move an owned sequence into another schema",
        detail: "Sequence \"\(table.name)\" is linked to table \"\(owner.name)\".")
    }
    for reader in view.readers(of: oid) where !reader.namesByNumber { throw renameRefused(describe(table), by: reader) }
    let sequences = table.columns.compactMap(\.ownedSequence).compactMap(view.relation)
    for name in [table.name] + table.allIndexes.map(\.name).filter({ !$0.isEmpty }) + sequences.map(\.name)
    where isTaken(name, in: target.oid) {
      throw SQLError(.duplicateTable, "relation \"\(name)\" already exists in schema \"\(target.name)\"")
    }
    let changed = try table.changed { (draft) throws(SQLError) in draft.schema = target.oid }
    var objects: [CatalogObject] = [.relation(changed)]
    for sequence in sequences {
      objects.append(.relation(try sequence.changed { (draft) throws(SQLError) in draft.schema = target.oid }))
    }
    apply(put: objects)
    return changed
  }

  /// Gives a relation, and the sequences it owns, to another role.
  public func setOwner(of oid: OID, to role: OID) throws(SQLError) -> TableDescriptor {
    let table = try tableToChange(oid)
    if case .sequence(let options) = table.kind, let owner = options.ownerTable.flatMap(view.relation),
      owner.owner != role
    {
      throw SQLError(
        .featureNotSupported, "cannot change owner of sequence \"\(table.name)\"",
        detail: "Sequence \"\(table.name)\" is linked to table \"\(owner.name)\".")
    }
    let changed = try table.changed { (draft) throws(SQLError) in
      draft.owner = role
      // What the old owner gave or had is the new one's.
      for index in (draft.acl ?? []).indices {
        if draft.acl?[index].grantee == table.owner { draft.acl?[index].grantee = role }
        if draft.acl?[index].grantor == table.owner { draft.acl?[index].grantor = role }
      }
    }
    var objects: [CatalogObject] = [.relation(changed)]
    for sequence in table.columns.compactMap(\.ownedSequence).compactMap(view.relation) {
      objects.append(.relation(try sequence.changed { (draft) throws(SQLError) in draft.owner = role }))
    }
    apply(put: objects)
    return changed
  }

  /// `TRUNCATE`: the table's indexes get new ids, so that their keys begin anew; the old data is nobody's from the commit on,
  /// and still there for those who read in the past. The old descriptor is the view's before the call.
  public func replaceStorage(of oid: OID) throws(SQLError) -> TableDescriptor {
    let table = try tableToChange(oid)
    guard case .table = table.kind else {
      throw SQLError(.wrongObjectType, "\"\(table.name)\" is not a table")
    }
    for index in table.allIndexes { discardStorage(table: oid, index: index.id) }
    let changed = try table.changed { (draft) throws(SQLError) in
      draft.primaryIndex?.id = try makeStorageID(of: draft.oid)
      for position in draft.indexes.indices {
        draft.indexes[position].id = try makeStorageID(of: draft.oid)
      }
    }
    apply(put: [.relation(changed)])
    return changed
  }
}

extension TableDescriptor {
  public func hasConstraint(named name: String) -> Bool {
    checks.contains { $0.name == name } || foreignKeys.contains { $0.name == name }
      || allIndexes.contains { $0.isConstraint && $0.name == name }
  }

  func owned(by table: OID, column: UInt32) -> TableDescriptor {
    guard case .sequence(var options) = kind else { return self }
    options.ownerTable = table
    options.ownerColumn = column
    var draft = TableDraft(self)
    draft.kind = .sequence(options)
    return draft.descriptor()
  }
}

extension CatalogView {
  /// The views that read the relation, resp. that column of it, by OID.
  func readers(of relation: OID, column: UInt32? = nil) -> [TableDescriptor] {
    snapshot.relations.filter { candidate in
      candidate.dependencies.contains { dependency in
        dependency.relation == relation && (column.map { dependency.columns.contains($0) } ?? true)
      }
    }
  }
}
