// A column's type and identity, as metadata. The executor rewrites the rows between.

import SQLTypes

extension CatalogWriter {
  /// `ALTER COLUMN … TYPE`: the rows get another form, so every index gets a new id. The caller reads the rows by `old` and writes
  /// them by `new`; the old data is nobody's from the commit on.
  public func setType(
    of oid: OID, column name: String, to type: SQLType
  ) throws(SQLError) -> (old: TableDescriptor, new: TableDescriptor) {
    let table = try tableToChange(oid)
    guard let ordinal = table.columns.firstIndex(where: { $0.name == name && !$0.isHidden }) else {
      throw .undefinedColumn(name, of: table.name)
    }
    let column = table.columns[ordinal]
    if let reader = view.readers(of: oid, column: column.id).first {
      throw SQLError(
        .featureNotSupported, "cannot alter type of a column used by a view or rule",
        detail: "rule _RETURN on \(describe(reader)) depends on column \"\(name)\"")
    }
    if let other = table.columns.first(where: { $0.generatedFrom.contains(column.id) }) {
      if other.isIndexExpression {
        throw SQLError(
          .featureNotSupported, "changing the type of a column used by an expression index is not supported yet",
          hint: "Drop the index, change the type, and create the index again.")
      }
      throw SQLError(
        .featureNotSupported, "cannot alter type of a column used by a generated column",
        detail: "Column \"\(name)\" is used by generated column \"\(other.name)\".")
    }
    let changed = try table.changed { (draft) throws(SQLError) in
      draft.columns[ordinal].type = type
      draft.primaryIndex?.id = try makeStorageID(of: draft.oid)
      for position in draft.indexes.indices { draft.indexes[position].id = try makeStorageID(of: draft.oid) }
    }
    for index in table.allIndexes { discardStorage(table: oid, index: index.id) }
    var objects: [CatalogObject] = [.relation(changed)]
    // The sequence behind an identity counts in the column's type.
    if column.identity != nil, let sequence = column.ownedSequence.flatMap(view.relation),
      case .sequence(var options) = sequence.kind
    {
      let wasFull = options.maximum == options.type.largest
      options.type = type.unmodified
      if wasFull { options.maximum = type.unmodified.largest }
      let kind = RelationKind.sequence(options)
      objects.append(.relation(try sequence.changed { (draft) throws(SQLError) in draft.kind = kind }))
    }
    apply(put: objects)
    return (table, changed)
  }

  /// `ADD GENERATED … AS IDENTITY`.
  public func addIdentity(
    to oid: OID, column name: String, _ kind: IdentityKind, _ options: SequenceOptions
  ) throws(SQLError) -> TableDescriptor {
    let table = try tableToChange(oid)
    guard let ordinal = table.columns.firstIndex(where: { $0.name == name && !$0.isHidden }) else {
      throw .undefinedColumn(name, of: table.name)
    }
    let sequenceName = ObjectNaming.choose(table.name, name, "seq") { isTaken($0, in: table.schema) }
    let made = try makeSequence(schema: table.schema, name: sequenceName, options)
    let changed = try table.changed { (draft) throws(SQLError) in
      draft.columns[ordinal].identity = kind
      attach(made, to: &draft.columns[ordinal])
    }
    apply(put: [.relation(changed), .relation(made.owned(by: oid, column: table.columns[ordinal].id))])
    return changed
  }

  public func setIdentity(of oid: OID, column name: String, _ kind: IdentityKind) throws(SQLError) -> TableDescriptor {
    try changeColumn(of: oid, named: name) { (column) throws(SQLError) in column.identity = kind }
  }

  /// `DROP IDENTITY`: the sequence goes, the column stays as it is.
  public func dropIdentity(of oid: OID, column name: String) throws(SQLError) -> TableDescriptor {
    let table = try tableToChange(oid)
    guard let column = table.column(named: name), column.identity != nil else { return table }
    let sequence = column.ownedSequence.flatMap(view.relation)
    let changed = try changeColumn(of: oid, named: name) { (column) throws(SQLError) in
      column.identity = nil
      column.ownedSequence = nil
    }
    if let sequence {
      if case .sequence(let options) = sequence.kind {
        storage.delete(KeyLayout.sequence(sequence.oid, generation: options.generation))
      }
      apply(remove: [.relation(sequence)])
    }
    return changed
  }

  public func dropExpression(of oid: OID, column name: String) throws(SQLError) -> TableDescriptor {
    try changeColumn(of: oid, named: name) { (column) throws(SQLError) in
      column.generatedSQL = nil
      column.generatedFrom = []
    }
  }
}

extension SQLType {
  /// The largest value of an integer type.
  fileprivate var largest: Int64 {
    switch self {
    case .int2: Int64(Int16.max)
    case .int4: Int64(Int32.max)
    default: Int64.max
    }
  }
}
