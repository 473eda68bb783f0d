// Dropping relations, indexes, columns, constraints and schemas, with what depends on them.

import SQLTypes

/// What dropping a column or constraint did.
public struct AlterOutcome: Sendable {
  public var old: TableDescriptor
  public var new: TableDescriptor
  /// The primary key fell: the table is to be rewritten, read by `old`, written by `new`.
  public var isRewritten: Bool
  public var notices: [SQLError]
}

extension CatalogWriter {
  /// Tables, views and sequences.
  public func dropRelations(_ oids: [OID], cascades: Bool) throws(SQLError) -> DropOutcome {
    var plan = DropPlan(view, requested: oids)
    var named: [TableDescriptor] = []
    for oid in oids {
      let relation = try table(oid)
      if !view.acts(for: view.schema(relation.schema)?.owner ?? .invalid) || relation.isVirtual {
        try requireOwnership(of: relation)
      }
      if case .sequence(let options) = relation.kind, let owner = options.ownerTable.flatMap(view.relation),
        !oids.contains(owner.oid), let column = owner.columns.first(where: { $0.ownedSequence == oid }),
        column.identity != nil
      {
        let what = "column \(column.name) of \(describe(owner))"
        throw SQLError(
          .dependentObjectsStillExist, "cannot drop \(describe(relation)) because \(what) requires it",
          hint: "You can drop \(what) instead.")
      }
      named.append(relation)
    }
    for relation in named { plan.visit(relation) }
    try plan.check(dropping: named.count == 1 ? describe(named[0]) : nil, cascades: cascades)
    return carryOut(plan)
  }

  private func carryOut(_ plan: DropPlan, removing others: [CatalogObject] = []) -> DropOutcome {
    let dropped = Set(plan.relations.map(\.oid))
    // Tables that stay, and lose a default or the sequence that it drew from.
    var changed: [CatalogObject] = []
    for table in view.snapshot.relations where !dropped.contains(table.oid) {
      var draft = TableDraft(table)
      for index in draft.columns.indices {
        if let sequence = draft.columns[index].ownedSequence, dropped.contains(sequence) {
          draft.columns[index].ownedSequence = nil
        }
        if plan.lostDefaults.contains(where: { $0.table == table.oid && $0.column == draft.columns[index].id }) {
          draft.columns[index].defaultSQL = nil
        }
      }
      // Those that it descended from know it no more.
      draft.lineage.children.removeAll(where: dropped.contains)
      draft.lineage.parents.removeAll(where: dropped.contains)
      guard draft.columns != table.columns || draft.lineage != table.lineage else { continue }
      draft.version += 1
      changed.append(.relation(draft.descriptor()))
    }
    for relation in plan.relations {
      for index in relation.allIndexes { discardStorage(table: relation.oid, index: index.id) }
      if case .sequence(let options) = relation.kind {
        storage.delete(KeyLayout.sequence(relation.oid, generation: options.generation))
      }
    }
    apply(put: changed, remove: [])
    let unreferenced = withoutForeignKeys(plan.foreignKeys, gone: dropped).map { CatalogObject.relation($0) }
    apply(put: unreferenced, remove: plan.relations.map { .relation($0) } + others)
    return DropOutcome(relations: plan.relations, notices: plan.notices)
  }

  /// `DROP INDEX`. Returns the tables as they are now.
  public func dropIndexes(_ oids: [OID], cascades: Bool) throws(SQLError) -> [TableDescriptor] {
    var result: [TableDescriptor] = []
    for oid in oids {
      guard let (table, index) = view.snapshot.index(oid) else {
        throw SQLError(.undefinedObject, "index with OID \(oid) does not exist")
      }
      try requireOwnership(of: table)
      if index.isConstraint {
        let constraint = "constraint \(quoteIdentifier(index.name)) on \(describe(table))"
        let name = view.displayName(of: .index(index, of: table))
        throw SQLError(
          .dependentObjectsStillExist, "cannot drop index \(name) because \(constraint) requires it",
          hint: "You can drop \(constraint) instead.")
      }
      let changed = try table.changed { (draft) throws(SQLError) in
        draft.indexes.removeAll { $0.oid == oid }
        draft.removeUnusedIndexExpressions()
      }
      discardStorage(table: table.oid, index: index.id)
      apply(put: [.relation(changed)])
      result.append(changed)
    }
    return result
  }

  /// A failed build's index, by id.
  public func dropIndex(_ id: UInt32, of oid: OID) throws(SQLError) -> TableDescriptor {
    let changed = try table(oid).changed { (draft) throws(SQLError) in draft.indexes.removeAll { $0.id == id } }
    discardStorage(table: oid, index: id)
    apply(put: [.relation(changed)])
    return changed
  }

  /// Nil: there is no such column and `ifExists` allows it (notice `column "a" of relation "t" does not exist, skipping`).
  public func dropColumn(
    of oid: OID, named name: String, ifExists: Bool, cascades: Bool
  ) throws(SQLError) -> AlterOutcome? {
    let table = try tableToChange(oid)
    guard let column = table.column(named: name), !column.isHidden else {
      if ifExists { return nil }
      throw .undefinedColumn(name, of: table.name)
    }
    let what = "column \(column.name) of \(describe(table))"
    var plan = DropPlan(view, requested: [])
    var lost: Set<UInt32> = [column.id]
    for other in table.columns where other.generatedFrom.contains(column.id) {
      if other.isIndexExpression {
        // Its indexes go silently, as those on the column itself do.
        lost.insert(other.id)
        continue
      }
      plan.add(column: other, of: table, dependsOn: what)
      lost.insert(other.id)
    }
    let losing = table.triggers.filter { !lost.isDisjoint(with: $0.columns + $0.conditionColumns) }
    for trigger in losing { plan.add(trigger: trigger, of: table, dependsOn: what) }
    // A column's own default is no reason to keep its sequence.
    plan.fallingColumns = (oid, lost)
    for id in lost.sorted() {
      for reader in view.readers(of: oid, column: id) {
        plan.add(reader, dependsOn: "column \(table.column(id: id)?.name ?? "") of \(describe(table))")
      }
    }
    for sequence in table.columns.filter({ lost.contains($0.id) }).compactMap(\.ownedSequence) {
      if let sequence = view.relation(sequence) { plan.visit(sequence) }
    }
    plan.addReferences(to: table, dependsOn: what) { $0.referencedColumns.contains(column.id) }
    try plan.check(dropping: what, cascades: cascades)
    let outcome = carryOut(plan)
    // Its own foreign keys go with their columns.
    let ownKeys = table.foreignKeys.filter { !lost.isDisjoint(with: $0.columns) }.map(\.oid)
    if !ownKeys.isEmpty {
      apply(put: withoutForeignKeys(Set(ownKeys), gone: []).map { .relation($0) })
    }
    let primaryFalls = table.primaryIndex?.uses(anyOf: lost) ?? false
    var fallen = table.indexes.filter { $0.uses(anyOf: lost) }
    let changed = try self.table(oid).changed { (draft) throws(SQLError) in
      draft.columns.removeAll { lost.contains($0.id) }
      draft.indexes.removeAll { $0.uses(anyOf: lost) }
      draft.checks.removeAll { !lost.isDisjoint(with: $0.columns) }
      draft.triggers.removeAll { trigger in losing.contains { $0.oid == trigger.oid } }
      if primaryFalls {
        try addRowID(to: &draft)
        for position in draft.indexes.indices {
          draft.indexes[position].id = try makeStorageID(of: draft.oid)
        }
      }
    }
    if primaryFalls { fallen = table.allIndexes }
    for index in fallen { discardStorage(table: oid, index: index.id) }
    apply(put: [.relation(changed)])
    return AlterOutcome(old: table, new: changed, isRewritten: primaryFalls, notices: outcome.notices)
  }

  /// Nil: there is no such constraint and `ifExists` allows it.
  public func dropConstraint(
    of oid: OID, named name: String, ifExists: Bool, cascades: Bool
  ) throws(SQLError) -> AlterOutcome? {
    let table = try tableToChange(oid)
    guard table.hasConstraint(named: name) else {
      if ifExists { return nil }
      throw .undefinedConstraint(name, of: table.name)
    }
    if let key = table.foreignKeys.first(where: { $0.name == name }) {
      apply(put: withoutForeignKeys([key.oid], gone: []).map { .relation($0) })
      return AlterOutcome(old: table, new: try self.table(oid), isRewritten: false, notices: [])
    }
    // Foreign keys need the index behind the constraint.
    var notices: [SQLError] = []
    if let index = table.allIndexes.first(where: { $0.isConstraint && $0.name == name }) {
      var plan = DropPlan(view, requested: [])
      let needed = "index \(quoteIdentifier(index.name))"
      plan.addReferences(to: table, dependsOn: needed) { $0.referencedIndex == index.oid }
      let what = "constraint \(quoteIdentifier(name)) on \(describe(table))"
      for reader in view.readers(of: index.constraintOID) { plan.add(reader, dependsOn: what) }
      try plan.check(dropping: what, cascades: cascades)
      notices = plan.notices
      if !plan.relations.isEmpty { _ = carryOut(plan) }
      if !plan.foreignKeys.isEmpty {
        apply(put: withoutForeignKeys(plan.foreignKeys, gone: []).map { .relation($0) })
      }
    }
    if let primary = table.primaryIndex, primary.isConstraint, primary.name == name {
      let (old, new) = try swapPrimaryIndex(of: oid, to: nil)
      return AlterOutcome(old: old, new: new, isRewritten: true, notices: notices)
    }
    let changed = try self.table(oid).changed { (draft) throws(SQLError) in
      for index in draft.indexes where index.isConstraint && index.name == name {
        discardStorage(table: oid, index: index.id)
      }
      draft.indexes.removeAll { $0.isConstraint && $0.name == name }
      draft.checks.removeAll { $0.name == name }
    }
    apply(put: [.relation(changed)])
    return AlterOutcome(old: table, new: changed, isRewritten: false, notices: notices)
  }

  public func dropSchemas(_ oids: [OID], cascades: Bool) throws(SQLError) -> DropOutcome {
    var schemas: [SchemaDescriptor] = []
    for oid in oids {
      guard let schema = view.schema(oid) else {
        throw SQLError(.invalidSchemaName, "schema with OID \(oid) does not exist")
      }
      if schema.database == .invalid {
        throw SQLError(
          .dependentObjectsStillExist,
          "cannot drop schema \(schema.name) because it is required by the database system")
      }
      try requireOwner(schema.owner, "schema \(schema.name)")
      schemas.append(schema)
    }
    var plan = DropPlan(view, requested: oids)
    for schema in schemas {
      let what = "schema \(quoteIdentifier(schema.name))"
      for relation in view.snapshot.relations(in: schema.oid) {
        if case .sequence(let options) = relation.kind, options.ownerTable != nil { continue }
        plan.add(relation, dependsOn: what)
      }
      for type in view.snapshot.types where type.schema == schema.oid {
        plan.add(type: type, dependsOn: what)
      }
      for function in view.snapshot.functions where function.schema == schema.oid {
        plan.add(function: function, dependsOn: what)
      }
    }
    try plan.check(
      dropping: schemas.count == 1 ? "schema \(quoteIdentifier(schemas[0].name))" : nil, cascades: cascades)
    return carryOut(
      plan,
      removing: schemas.map { .schema($0) } + plan.types.map { .type($0) }
        + plan.functions.map { .function($0) })
  }

  /// The caller has made sure that nobody is connected to it.
  public func dropDatabase(_ oid: OID) throws(SQLError) -> DropOutcome {
    guard let database = view.snapshot.database(oid) else {
      throw SQLError(.invalidCatalogName, "database with OID \(oid) does not exist")
    }
    try requireOwner(database.owner, "database \(database.name)")
    if database.isTemplate { throw SQLError(.wrongObjectType, "cannot drop a template database") }
    if oid == view.database { throw SQLError(.objectInUse, "cannot drop the currently open database") }
    let schemas = view.snapshot.schemas.filter { $0.database == oid }
    var plan = DropPlan(view, requested: [])
    for schema in schemas {
      for relation in view.snapshot.relations(in: schema.oid) { plan.visit(relation) }
    }
    let types = view.snapshot.types.filter { type in schemas.contains { $0.oid == type.schema } }
    let functions = view.snapshot.functions.filter { function in schemas.contains { $0.oid == function.schema } }
    var outcome = carryOut(
      plan,
      removing: schemas.map { .schema($0) } + types.map { .type($0) } + functions.map { .function($0) }
        + [.database(database)])
    outcome.notices = []
    return outcome
  }
}

extension IndexDescriptor {
  /// Whether it would miss one of these columns.
  func uses(anyOf ids: Set<UInt32>) -> Bool {
    columns.contains { ids.contains($0.columnID) } || !ids.isDisjoint(with: included)
      || !ids.isDisjoint(with: predicateColumns)
  }
}

extension TableDescriptor {
  public var isVirtual: Bool { if case .virtual = kind { true } else { false } }
}
