// Views, sequences, schemas, databases and comments.

import SQLTypes

extension CatalogWriter {
  // MARK: Views

  /// `CREATE [OR REPLACE] VIEW`. `sql` has every name qualified; `columns` have ids from 1.
  public func createView(
    schema oid: OID, name: String, sql: String, columns: [ColumnDescriptor], dependencies: [RelationDependency],
    options: [String] = [], replaces: Bool
  ) throws(SQLError) -> TableDescriptor {
    let schema = try schemaToCreateIn(oid)
    if columns.count > Self.maximumColumnCount {
      throw SQLError(.tooManyColumns, "target lists can have at most \(Self.maximumColumnCount) entries")
    }
    for (index, column) in columns.enumerated() where columns[..<index].contains(where: { $0.name == column.name }) {
      throw SQLError(.duplicateColumn, "column \"\(column.name)\" specified more than once")
    }
    if let present = view.snapshot.namedRelation(name, in: schema.oid) {
      guard replaces else { throw .duplicateRelation(name) }
      guard case .relation(let old) = present, case .view = old.kind else {
        throw SQLError(.wrongObjectType, "\"\(name)\" is not a view")
      }
      return try replaceView(old, sql: sql, columns: columns, dependencies: dependencies, options: options)
    }
    let made = TableDescriptor(
      oid: try makeOID(), schema: schema.oid, name: name, owner: view.userOID, kind: .view(sql: sql),
      columns: columns, dependencies: dependencies, options: options, nextColumnID: UInt32(columns.count + 1))
    apply(put: [.relation(made)])
    return made
  }

  private func replaceView(
    _ old: TableDescriptor, sql: String, columns: [ColumnDescriptor], dependencies: [RelationDependency],
    options: [String]
  ) throws(SQLError) -> TableDescriptor {
    try requireOwnership(of: old)
    if columns.count < old.columns.count {
      throw SQLError(.invalidTableDefinition, "cannot drop columns from view")
    }
    for (before, after) in zip(old.columns, columns) {
      if before.name != after.name {
        throw SQLError(
          .invalidTableDefinition, "cannot change name of view column \"\(before.name)\" to \"\(after.name)\"",
          hint: "Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.")
      }
      if before.type != after.type {
        throw SQLError(
          .invalidTableDefinition,
          "cannot change data type of view column \"\(before.name)\" from \(TypeInfo.format(before.type))"
            + " to \(TypeInfo.format(after.type))")
      }
    }
    // A view must not read itself, directly or through others.
    var open = dependencies.map(\.relation)
    var seen: Set<OID> = []
    while let next = open.popLast() {
      if next == old.oid {
        throw SQLError(
          .invalidObjectDefinition, "infinite recursion detected in rules for relation \"\(old.name)\"")
      }
      if seen.insert(next).inserted { open += view.relation(next)?.dependencies.map(\.relation) ?? [] }
    }
    let changed = try old.changed { (draft) throws(SQLError) in
      draft.kind = .view(sql: sql)
      draft.columns = columns
      for index in old.columns.indices { draft.columns[index].comment = old.columns[index].comment }
      draft.dependencies = dependencies
      draft.options = options
      draft.nextColumnID = UInt32(columns.count + 1)
    }
    apply(put: [.relation(changed)])
    return changed
  }

  // MARK: Sequences

  func makeSequence(schema: OID, name: String, _ options: SequenceOptions) throws(SQLError) -> TableDescriptor {
    try options.validate()
    var options = options
    options.generation = makeGeneration()
    let columns = [("last_value", SQLType.int8), ("log_cnt", .int8), ("is_called", .bool)]
    return TableDescriptor(
      oid: try makeOID(), schema: schema, name: name, owner: view.userOID, kind: .sequence(options),
      columns: columns.enumerated().map { index, column in
        ColumnDescriptor(id: UInt32(index + 1), name: column.0, type: column.1, isNullable: false)
      }, nextColumnID: 4)
  }

  /// Nil: there is a relation of this name already and `ifNotExists` allows it.
  public func createSequence(
    schema oid: OID, name: String, _ options: SequenceOptions, ifNotExists: Bool = false
  ) throws(SQLError) -> TableDescriptor? {
    let schema = try schemaToCreateIn(oid)
    if isTaken(name, in: schema.oid) {
      if ifNotExists { return nil }
      throw .duplicateRelation(name)
    }
    let made = try makeSequence(schema: schema.oid, name: name, options)
    apply(put: [.relation(made)] + (try ownership(of: made.oid, from: nil, to: options)))
    return made
  }

  /// New options, and perhaps a new beginning. `restart` is the value that `nextval` gives next; it, like every change, is
  /// undone if the transaction rolls back.
  public func alterSequence(
    _ oid: OID, _ options: SequenceOptions, restart: Int64? = nil
  ) throws(SQLError) -> TableDescriptor {
    let sequence = try tableToChange(oid)
    guard case .sequence(let old) = sequence.kind else {
      throw SQLError(.wrongObjectType, "\"\(sequence.name)\" is not a sequence")
    }
    var options = options
    options.generation = old.generation
    options.restart = old.restart
    if let restart {
      options.restart = restart
      options.generation = makeGeneration(after: old.generation)
      storage.delete(KeyLayout.sequence(oid, generation: old.generation))
    }
    try options.validate()
    let changed = try sequence.changed { (draft) throws(SQLError) in draft.kind = .sequence(options) }
    apply(put: [.relation(changed)] + (try ownership(of: oid, from: old, to: options)))
    return changed
  }

  /// `TRUNCATE … RESTART IDENTITY`: the sequences that the table's columns own begin anew.
  public func restartSequences(ownedBy oid: OID) throws(SQLError) {
    for sequence in try table(oid).columns.compactMap(\.ownedSequence).compactMap(view.relation) {
      guard case .sequence(let options) = sequence.kind else { continue }
      _ = try alterSequence(sequence.oid, options, restart: options.start)
    }
  }

  /// The tables whose columns lose or get the sequence by `OWNED BY`.
  private func ownership(
    of sequence: OID, from old: SequenceOptions?, to new: SequenceOptions
  ) throws(SQLError) -> [CatalogObject] {
    if old?.ownerTable == new.ownerTable && old?.ownerColumn == new.ownerColumn { return [] }
    var changed: [OID: TableDraft] = [:]
    for (table, column, value) in [
      (old?.ownerTable, old?.ownerColumn, nil), (new.ownerTable, new.ownerColumn, sequence),
    ] {
      guard let table, let column, let descriptor = view.relation(table) else { continue }
      var draft = changed[table] ?? TableDraft(descriptor)
      if let ordinal = draft.columns.firstIndex(where: { $0.id == column }) {
        draft.columns[ordinal].ownedSequence = value
      }
      draft.version = descriptor.version + 1
      changed[table] = draft
    }
    return changed.keys.sorted().compactMap { changed[$0].map { .relation($0.descriptor()) } }
  }

  // MARK: Schemas

  func checkSchemaName(_ name: String) throws(SQLError) {
    if name.hasPrefix("pg_") {
      throw SQLError(
        .reservedName, "unacceptable schema name \"\(name)\"",
        detail: "The prefix \"pg_\" is reserved for system schemas.")
    }
  }

  /// Nil: it exists and `ifNotExists` allows it (notice 42P06 `schema "s" already exists, skipping`).
  public func createSchema(
    name: String, owner: OID? = nil, ifNotExists: Bool = false
  ) throws(SQLError) -> SchemaDescriptor? {
    if !view.acts(for: view.snapshot.database(view.database)?.owner ?? .invalid) {
      let database = view.snapshot.database(view.database)?.name ?? ""
      throw SQLError(.insufficientPrivilege, "permission denied for database \(database)")
    }
    try checkSchemaName(name)
    if view.schema(named: name) != nil {
      if ifNotExists { return nil }
      throw SQLError(.duplicateSchema, "schema \"\(name)\" already exists")
    }
    let schema = SchemaDescriptor(
      oid: try makeOID(), name: name, owner: owner ?? view.userOID, database: view.database)
    apply(put: [.schema(schema)])
    return schema
  }

  func schemaToChange(_ oid: OID) throws(SQLError) -> SchemaDescriptor {
    guard let schema = view.schema(oid) else {
      throw SQLError(.invalidSchemaName, "schema with OID \(oid) does not exist")
    }
    if schema.database == .invalid {
      throw SQLError(.insufficientPrivilege, "permission denied: \"\(schema.name)\" is a system schema")
    }
    try requireOwner(schema.owner, "schema \(schema.name)")
    return schema
  }

  public func renameSchema(_ oid: OID, to name: String) throws(SQLError) -> SchemaDescriptor {
    var schema = try schemaToChange(oid)
    if view.schema(named: name) != nil {
      throw SQLError(.duplicateSchema, "schema \"\(name)\" already exists")
    }
    try checkSchemaName(name)
    for relation in view.snapshot.relations(in: oid) {
      for reader in view.readers(of: relation.oid) where !reader.namesByNumber {
        throw renameRefused("schema \(quoteIdentifier(schema.name))", by: reader)
      }
    }
    schema.name = name
    apply(put: [.schema(schema)])
    return schema
  }

  public func setSchemaOwner(_ oid: OID, to role: OID) throws(SQLError) -> SchemaDescriptor {
    var schema = try schemaToChange(oid)
    schema.owner = role
    apply(put: [.schema(schema)])
    return schema
  }

  // MARK: Databases

  /// A database with an empty schema `public`.
  public func createDatabase(name: String, owner: OID? = nil) throws(SQLError) -> DatabaseDescriptor {
    guard let role = view.snapshot.role(named: view.user), role.isSuperuser || role.createsDatabases else {
      throw SQLError(.insufficientPrivilege, "permission denied to create database")
    }
    if view.snapshot.database(named: name) != nil {
      throw SQLError(.duplicateDatabase, "database \"\(name)\" already exists")
    }
    let database = DatabaseDescriptor(oid: try makeOID(), name: name, owner: owner ?? role.oid)
    let schema = SchemaDescriptor(
      oid: try makeOID(), name: "public", owner: .databaseOwnerRole, database: database.oid,
      comment: "standard public schema")
    apply(put: [.database(database), .schema(schema)])
    return database
  }

  public func renameDatabase(_ oid: OID, to name: String) throws(SQLError) -> DatabaseDescriptor {
    guard var database = view.snapshot.database(oid) else {
      throw SQLError(.invalidCatalogName, "database with OID \(oid) does not exist")
    }
    try requireOwner(database.owner, "database \(database.name)")
    if view.snapshot.database(named: name) != nil {
      throw SQLError(.duplicateDatabase, "database \"\(name)\" already exists")
    }
    if oid == view.database {
      throw SQLError(.featureNotSupported, "current database cannot be renamed")
    }
    database.name = name
    apply(put: [.database(database)])
    return database
  }

  // MARK: Comments

  /// Sets the comment of any object by its OID (relation, index, constraint, schema, database, role), or with `column` that of
  /// a relation's column. Nil removes it.
  public func comment(on oid: OID, column: UInt32? = nil, text: String?) throws(SQLError) {
    let text = text?.isEmpty == true ? nil : text
    if let relation = view.relation(oid) {
      try requireOwnership(of: relation)
      let changed = try relation.changed { (draft) throws(SQLError) in
        if let column {
          guard let ordinal = draft.columns.firstIndex(where: { $0.id == column }) else {
            throw SQLError(.undefinedColumn, "column number \(column) of relation \"\(relation.name)\" does not exist")
          }
          draft.columns[ordinal].comment = text
        } else {
          draft.comment = text
        }
      }
      apply(put: [.relation(changed)])
    } else if let table = view.snapshot.index(oid)?.table ?? view.snapshot.table(ofConstraint: oid) {
      try requireOwnership(of: table)
      let changed = try table.changed { (draft) throws(SQLError) in
        draft.primaryIndex?.setComment(text, on: oid)
        for index in draft.indexes.indices { draft.indexes[index].setComment(text, on: oid) }
        for index in draft.checks.indices where draft.checks[index].oid == oid { draft.checks[index].comment = text }
        for index in draft.foreignKeys.indices where draft.foreignKeys[index].oid == oid {
          draft.foreignKeys[index].comment = text
        }
      }
      apply(put: [.relation(changed)])
    } else if var type = view.snapshot.type(oid) {
      try requireOwner(type.owner, "type \(type.name)")
      type.comment = text
      apply(put: [.type(type)])
    } else if view.schema(oid) != nil {
      var schema = try schemaToChange(oid)
      schema.comment = text
      apply(put: [.schema(schema)])
    } else if var database = view.snapshot.database(oid) {
      try requireOwner(database.owner, "database \(database.name)")
      database.comment = text
      apply(put: [.database(database)])
    } else if var role = view.snapshot.role(oid) {
      try requireRoleAdministration()
      role.comment = text
      apply(put: [.role(role)])
    } else {
      throw SQLError(.undefinedObject, "object with OID \(oid) does not exist")
    }
  }
}

extension IndexDescriptor {
  fileprivate mutating func setComment(_ text: String?, on oid: OID) {
    if self.oid == oid { comment = text }
    if isConstraint && constraintOID == oid { constraintComment = text }
  }
}

extension SequenceOptions {
  /// The bounds of the sequence's type.
  public var typeBounds: ClosedRange<Int64> {
    switch type.oid {
    case SQLType.int2.oid: Int64(Int16.min)...Int64(Int16.max)
    case SQLType.int4.oid: Int64(Int32.min)...Int64(Int32.max)
    default: Int64.min...Int64.max
    }
  }

  /// PostgreSQL's conditions. Error 22023.
  public func validate() throws(SQLError) {
    func refuse(_ message: String) -> SQLError { SQLError(.invalidParameterValue, message) }
    let typeName = TypeInfo.format(type)
    guard [SQLType.int2, .int4, .int8].contains(type) else {
      throw refuse("sequence type must be smallint, integer, or bigint")
    }
    if increment == 0 { throw refuse("INCREMENT must not be zero") }
    if !typeBounds.contains(maximum) {
      throw refuse("MAXVALUE (\(maximum)) is out of range for sequence data type \(typeName)")
    }
    if !typeBounds.contains(minimum) {
      throw refuse("MINVALUE (\(minimum)) is out of range for sequence data type \(typeName)")
    }
    if minimum >= maximum { throw refuse("MINVALUE (\(minimum)) must be less than MAXVALUE (\(maximum))") }
    if start < minimum { throw refuse("START value (\(start)) cannot be less than MINVALUE (\(minimum))") }
    if start > maximum { throw refuse("START value (\(start)) cannot be greater than MAXVALUE (\(maximum))") }
    if let restart {
      if restart < minimum { throw refuse("RESTART value (\(restart)) cannot be less than MINVALUE (\(minimum))") }
      if restart > maximum {
        throw refuse("RESTART value (\(restart)) cannot be greater than MAXVALUE (\(maximum))")
      }
    }
    if cache <= 0 { throw refuse("CACHE (\(cache)) must be greater than zero") }
  }
}
