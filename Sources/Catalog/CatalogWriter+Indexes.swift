// The steps of an index's life as metadata. The executor puts the data part between them: it fills a `backfilling` index,
// rewrites a table under a new primary key.

import SQLTypes

extension CatalogWriter {
  /// The index with its ids, and a name if it has none: `t_pkey`, `t_a_b_key` for a constraint, `t_a_b_idx` else.
  func name(
    _ index: IndexDescriptor, for draft: inout TableDraft, taken: inout Set<String>
  ) throws(SQLError) -> IndexDescriptor {
    var index = index
    if index.isPrimary { index.isConstraint = true }
    let present = draft.descriptor()
    if let sql = index.predicateSQL, index.predicateColumns.isEmpty {
      index.predicateColumns = StoredColumns.columns(in: sql, of: present)
    }
    if index.name.isEmpty {
      let names =
        index.columns.compactMap { key in present.column(id: key.columnID).map { $0.indexNamePart } }
        + includedNames(index, present)
      let second = index.isPrimary ? "" : ObjectNaming.columnsPart(names)
      let label = index.isPrimary ? "pkey" : index.isConstraint ? "key" : "idx"
      index.name = ObjectNaming.choose(draft.name, second, label) {
        taken.contains($0) || isTaken($0, in: draft.schema)
          || (index.isConstraint && (present.hasConstraint(named: $0) || isConstraintTaken($0, in: draft.schema)))
      }
    } else if taken.contains(index.name) || isTaken(index.name, in: draft.schema) {
      throw .duplicateRelation(index.name)
    } else if index.isConstraint && present.hasConstraint(named: index.name) {
      throw .duplicateConstraint(index.name, of: draft.name)
    }
    taken.insert(index.name)
    index.id = try makeStorageID(of: draft.oid)
    index.oid = try makeOID()
    index.constraintOID = index.isConstraint ? try makeOID() : .invalid
    return index
  }

  /// A hidden column for the value of an index's expression; one of the same expression serves again.
  public func addIndexExpression(
    _ sql: String, type: SQLType, to oid: OID
  ) throws(SQLError) -> (table: TableDescriptor, column: UInt32, isNew: Bool) {
    let table = try tableToChange(oid)
    if let known = table.columns.first(where: { $0.isIndexExpression && $0.generatedSQL == sql && $0.type == type }) {
      return (table, known.id, false)
    }
    let id = table.nextColumnID
    let changed = try table.changed { (draft) throws(SQLError) in
      // No identifier that anybody would write.
      var column = ColumnDescriptor(id: id, name: "?index expression \(id)?", type: type)
      column.generatedSQL = sql
      column.isHidden = true
      draft.columns.append(column)
      draft.nextColumnID += 1
      noteGenerated(&draft.columns)
    }
    apply(put: [.relation(changed)])
    return (changed, id, true)
  }

  private func includedNames(_ index: IndexDescriptor, _ table: TableDescriptor) -> [String] {
    index.included.compactMap { table.column(id: $0)?.name }
  }

  /// Adds a secondary index (`CREATE INDEX`, `ADD UNIQUE`), usually to be filled: `state` `.backfilling`, which writers maintain
  /// and readers pass by. Nil: a relation has this name already and `ifNotExists` allows it.
  public func addIndex(
    _ index: IndexDescriptor, to oid: OID, state: IndexState = .backfilling, ifNotExists: Bool = false
  ) throws(SQLError) -> (table: TableDescriptor, index: IndexDescriptor)? {
    let table = try tableToChange(oid)
    if ifNotExists, !index.name.isEmpty, isTaken(index.name, in: table.schema) { return nil }
    var added = index
    added.state = state
    let changed = try table.changed { (draft) throws(SQLError) in
      var taken: Set<String> = []
      added = try name(added, for: &draft, taken: &taken)
      draft.indexes.append(added)
    }
    apply(put: [.relation(changed)])
    return (changed, added)
  }

  /// The index is filled: readers may use it.
  public func activateIndex(_ index: UInt32, of oid: OID) throws(SQLError) -> TableDescriptor {
    let changed = try table(oid).changed { (draft) throws(SQLError) in
      guard let position = draft.indexes.firstIndex(where: { $0.id == index }) else {
        throw SQLError(.undefinedObject, "the index was dropped while it was being built")
      }
      draft.indexes[position].state = .active
    }
    apply(put: [.relation(changed)])
    return changed
  }

  /// `ADD PRIMARY KEY`, or with nil the end of one: the table's rows get another key, so every index gets a new id. The caller
  /// reads the rows by `old` and writes them by `new`; the old data is nobody's from the commit on.
  /// The executor has looked for NULLs in the key's columns; here they become NOT NULL.
  public func swapPrimaryIndex(
    of oid: OID, to primary: IndexDescriptor?
  ) throws(SQLError) -> (old: TableDescriptor, new: TableDescriptor) {
    let table = try tableToChange(oid)
    if primary != nil, let present = table.primaryIndex, present.isConstraint {
      throw SQLError(
        .invalidTableDefinition, "multiple primary keys for table \"\(table.name)\" are not allowed")
    }
    let changed = try table.changed { (draft) throws(SQLError) in
      let hidden = draft.primaryIndex.flatMap { old in
        draft.columns.first { $0.isHidden && $0.id == old.columns.first?.columnID }?.id
      }
      draft.primaryIndex = nil
      draft.columns.removeAll { $0.id == hidden }
      if let primary {
        var taken: Set<String> = []
        draft.primaryIndex = try name(primary, for: &draft, taken: &taken)
        for key in primary.columns {
          for ordinal in draft.columns.indices where draft.columns[ordinal].id == key.columnID {
            draft.columns[ordinal].isNullable = false
          }
        }
      } else {
        try addRowID(to: &draft)
      }
      for position in draft.indexes.indices {
        draft.indexes[position].id = try makeStorageID(of: draft.oid)
      }
    }
    for index in table.allIndexes { discardStorage(table: oid, index: index.id) }
    apply(put: [.relation(changed)])
    return (table, changed)
  }

  public func renameIndex(_ oid: OID, to name: String) throws(SQLError) -> TableDescriptor {
    guard let (table, index) = view.snapshot.index(oid) else {
      throw SQLError(.undefinedTable, "index with OID \(oid) does not exist")
    }
    try requireOwnership(of: table)
    if isTaken(name, in: table.schema) { throw .duplicateRelation(name) }
    if index.isConstraint && table.hasConstraint(named: name) { throw .duplicateConstraint(name, of: table.name) }
    let changed = try table.changed { (draft) throws(SQLError) in
      if draft.primaryIndex?.oid == oid { draft.primaryIndex?.name = name }
      for position in draft.indexes.indices where draft.indexes[position].oid == oid {
        draft.indexes[position].name = name
      }
    }
    apply(put: [.relation(changed)])
    return changed
  }
}

extension ColumnDescriptor {
  /// What the column gives to the name of an index that has none: of an expression the function's name, else `expr`.
  fileprivate var indexNamePart: String {
    guard isIndexExpression, let sql = generatedSQL else { return name }
    let head = sql.prefix { $0 == "_" || $0.isLetter || $0.isNumber }
    return !head.isEmpty && sql[head.endIndex...].hasPrefix("(") ? String(head) : "expr"
  }
}
