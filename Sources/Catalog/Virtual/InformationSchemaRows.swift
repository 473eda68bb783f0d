// information_schema: the standard's view of the catalog, as PostgreSQL fills it.
// Source: PostgreSQL manual, chapter 37 "The Information Schema".

import SQLTypes

extension CatalogView {
  fileprivate var databaseName: Datum { .text(optional: snapshot.database(database)?.name) }
  fileprivate func schemaName(_ oid: OID) -> Datum { .text(optional: snapshot.schema(oid)?.name) }

  /// The relations that the current user may know of.
  fileprivate var informationRelations: [TableDescriptor] {
    everyRelation.filter { $0.isVirtual || acts(for: $0.owner) }
  }
}

extension VirtualRows.Row {
  /// `prefix_catalog`, `prefix_schema`, `prefix_name`.
  fileprivate mutating func setName(_ prefix: String, _ view: CatalogView, schema: OID, _ name: String) {
    self["\(prefix)_catalog"] = view.databaseName
    self["\(prefix)_schema"] = view.schemaName(schema)
    self["\(prefix)_name"] = .text(name)
  }

  fileprivate mutating func setTable(_ view: CatalogView, _ table: TableDescriptor) {
    setName("table", view, schema: table.schema, table.name)
  }
}

private func yes(_ value: Bool) -> Datum { .text(value ? "YES" : "NO") }

/// A constraint as the standard lists it; NOT NULL is one too.
private struct ListedConstraint {
  var name: String
  /// `CHECK`, `FOREIGN KEY`, `PRIMARY KEY`, `UNIQUE`.
  var type: String
  var columns: [UInt32]
  var clause: String?
  var nullsDistinct: Bool?
  var foreignKey: ForeignKey?
}

extension TableDescriptor {
  fileprivate func listedConstraints(_ view: CatalogView) -> [ListedConstraint] {
    let text = ObjectText(view: view)
    var list = checks.map {
      ListedConstraint(
        name: $0.name, type: "CHECK", columns: $0.columns, clause: "(\(text.expression($0.expressionSQL)))")
    }
    for index in visibleIndexes where index.isConstraint {
      list.append(
        ListedConstraint(
          name: index.name, type: index.isPrimary ? "PRIMARY KEY" : "UNIQUE", columns: index.columns.map(\.columnID),
          nullsDistinct: index.isPrimary ? nil : !index.nullsNotDistinct))
    }
    for key in foreignKeys {
      list.append(ListedConstraint(name: key.name, type: "FOREIGN KEY", columns: key.columns, foreignKey: key))
    }
    if case .table = kind {
      for column in visibleColumns where !column.isNullable {
        list.append(
          ListedConstraint(
            name: "\(schema)_\(oid)_\(column.id)_not_null", type: "CHECK", columns: [],
            clause: "\(quoteIdentifier(column.name)) IS NOT NULL"))
      }
    }
    return list
  }
}

extension SystemRelations {
  static let informationCatalogName: RowSource = { (view, _, rows) throws(SQLError) in
    try rows.add { (row) throws(SQLError) in row["catalog_name"] = view.databaseName }
  }

  static let informationSchemata: RowSource = { (view, _, rows) throws(SQLError) in
    for schema in view.schemas where view.acts(for: schema.owner) {
      try rows.add { (row) throws(SQLError) in
        row["catalog_name"] = view.databaseName
        row["schema_name"] = .text(schema.name)
        row["schema_owner"] = .text(view.roleDisplayName(schema.owner))
      }
    }
  }

  static let informationTables: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.informationRelations where relation.relationKindLetter != "S" {
      let isView = relation.relationKindLetter == "v"
      try rows.add { (row) throws(SQLError) in
        row.setTable(view, relation)
        row["table_type"] = .text(isView ? "VIEW" : "BASE TABLE")
        row["is_insertable_into"] = yes(view.isUpdatable(relation))
        row["is_typed"] = yes(false)
      }
    }
  }

  static let informationColumns: RowSource = { (view, _, rows) throws(SQLError) in
    let text = ObjectText(view: view)
    for relation in view.informationRelations where relation.relationKindLetter != "S" {
      for column in relation.visibleColumns {
        try rows.add { (row) throws(SQLError) in
          row.setTable(view, relation)
          row["column_name"] = .text(column.name)
          row["ordinal_position"] = .int(column.id)
          row["column_default"] = .text(optional: column.defaultSQL.map(text.expression))
          row["is_nullable"] = yes(column.isNullable)
          setType(of: column, view, &row)
          row["dtd_identifier"] = .text(String(column.id))
          row["is_self_referencing"] = yes(false)
          row["is_identity"] = yes(column.identity != nil)
          row["identity_cycle"] = yes(false)
          if let identity = column.identity {
            row["identity_generation"] = .text(identity == .always ? "ALWAYS" : "BY DEFAULT")
            if let sequence = column.ownedSequence.flatMap(view.relation), case .sequence(let options) = sequence.kind {
              row["identity_start"] = .text(String(options.start))
              row["identity_increment"] = .text(String(options.increment))
              row["identity_maximum"] = .text(String(options.maximum))
              row["identity_minimum"] = .text(String(options.minimum))
              row["identity_cycle"] = yes(options.cycles)
            }
          }
          row["is_generated"] = .text(column.generatedSQL == nil ? "NEVER" : "ALWAYS")
          row["generation_expression"] = .text(optional: column.generatedSQL.map(text.expression))
          row["is_updatable"] = yes(view.isUpdatable(relation))
        }
      }
    }
  }

  /// The standard's words for a type: what its modifier says, part by part.
  private static func setType(of column: ColumnDescriptor, _ view: CatalogView, _ row: inout VirtualRows.Row) {
    let type = column.type
    let info = TypeInfo.find(type.oid)
    row["data_type"] = .text(info?.isArray == true ? "ARRAY" : TypeInfo.format(type.unmodified))
    row["udt_catalog"] = view.databaseName
    row["udt_schema"] = .text("pg_catalog")
    row["udt_name"] = .text(info?.name ?? "")
    if let own = view.types.first(where: { $0.oid == type.oid || $0.arrayOID == type.oid }) {
      if info?.isArray != true { row["data_type"] = .text("USER-DEFINED") }
      row["udt_schema"] = view.schemaName(own.schema)
    }
    switch type.oid {
    case SQLType.varchar.oid, SQLType.bpchar.oid:
      // `format_type` of a blank-padded type without length is its internal name.
      if type.oid == SQLType.bpchar.oid { row["data_type"] = .text("character") }
      if type.modifier >= 4 {
        row["character_maximum_length"] = .int(type.modifier - 4)
        row["character_octet_length"] = .int(Int64(type.modifier - 4) * 4)
      } else {
        row["character_octet_length"] = .int(1 << 30)
      }
    case SQLType.text.oid: row["character_octet_length"] = .int(1 << 30)
    case SQLType.int2.oid, SQLType.int4.oid, SQLType.int8.oid:
      row["numeric_precision"] = .int((info?.length ?? 0) * 8)
      row["numeric_precision_radix"] = .int(2)
      row["numeric_scale"] = .int(0)
    case SQLType.float4.oid, SQLType.float8.oid:
      row["numeric_precision"] = .int(type.oid == SQLType.float4.oid ? 24 : 53)
      row["numeric_precision_radix"] = .int(2)
    case SQLType.numeric.oid:
      row["numeric_precision_radix"] = .int(10)
      if type.modifier >= 4 {
        row["numeric_precision"] = .int((type.modifier - 4) >> 16 & 0xFFFF)
        row["numeric_scale"] = .int((type.modifier - 4) & 0x7FF)
      }
    case SQLType.date.oid: row["datetime_precision"] = .int(0)
    case SQLType.timestamp.oid, SQLType.timestamptz.oid, OID(1083), OID(1266):
      row["datetime_precision"] = .int(type.modifier >= 0 ? type.modifier : 6)
    case OID(1186): row["datetime_precision"] = .int(type.modifier >= 0 ? min(type.modifier & 0xFFFF, 6) : 6)
    default: break
    }
  }

  static let informationViews: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.informationRelations where relation.relationKindLetter == "v" {
      try rows.add { (row) throws(SQLError) in
        row.setTable(view, relation)
        if case .view(let sql) = relation.kind {
          row["view_definition"] = .text(ObjectText(view: view).viewQuery(sql, of: relation))
        }
        let check = relation.options.first { $0.hasPrefix("check_option=") }?.dropFirst("check_option=".count)
        row["check_option"] = .text(check.map { $0.uppercased() } ?? "NONE")
        for column in ["is_updatable", "is_insertable_into"] { row[column] = yes(view.isUpdatable(relation)) }
        for column in [
          "is_trigger_updatable", "is_trigger_deletable",
          "is_trigger_insertable_into",
        ] {
          row[column] = yes(false)
        }
      }
    }
  }

  static let informationSequences: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations where view.acts(for: relation.owner) {
      guard case .sequence(let options) = relation.kind else { continue }
      // As in PostgreSQL, sequences of identity columns are part of their column.
      if let owner = options.ownerTable.flatMap(view.relation), let column = options.ownerColumn,
        owner.column(id: column)?.identity != nil
      {
        continue
      }
      try rows.add { (row) throws(SQLError) in
        row.setName("sequence", view, schema: relation.schema, relation.name)
        row["data_type"] = .text(TypeInfo.format(options.type))
        row["numeric_precision"] = .int((TypeInfo.find(options.type.oid)?.length ?? 8) * 8)
        row["numeric_precision_radix"] = .int(2)
        row["numeric_scale"] = .int(0)
        row["start_value"] = .text(String(options.start))
        row["minimum_value"] = .text(String(options.minimum))
        row["maximum_value"] = .text(String(options.maximum))
        row["increment"] = .text(String(options.increment))
        row["cycle_option"] = yes(options.cycles)
      }
    }
  }

  static let informationTableConstraints: RowSource = { (view, _, rows) throws(SQLError) in
    for table in view.relations where view.acts(for: table.owner) {
      for constraint in table.listedConstraints(view) {
        try rows.add { (row) throws(SQLError) in
          row.setName("constraint", view, schema: table.schema, constraint.name)
          row.setTable(view, table)
          row["constraint_type"] = .text(constraint.type)
          row["is_deferrable"] = yes(constraint.foreignKey?.isDeferrable ?? false)
          row["initially_deferred"] = yes(constraint.foreignKey?.isInitiallyDeferred ?? false)
          row["enforced"] = yes(true)
          row["nulls_distinct"] = constraint.nullsDistinct.map(yes) ?? .null
        }
      }
    }
  }

  static let informationKeyColumns: RowSource = { (view, _, rows) throws(SQLError) in
    for table in view.relations where view.acts(for: table.owner) {
      for constraint in table.listedConstraints(view) where constraint.type != "CHECK" {
        for (position, id) in constraint.columns.enumerated() {
          try rows.add { (row) throws(SQLError) in
            row.setName("constraint", view, schema: table.schema, constraint.name)
            row.setTable(view, table)
            row["column_name"] = .text(optional: table.column(id: id)?.name)
            row["ordinal_position"] = .int(position + 1)
            if let key = constraint.foreignKey, let (_, index) = view.snapshot.index(key.referencedIndex),
              let place = index.columns.firstIndex(where: { $0.columnID == key.referencedColumns[position] })
            {
              row["position_in_unique_constraint"] = .int(place + 1)
            }
          }
        }
      }
    }
  }

  static let informationConstraintColumns: RowSource = { (view, _, rows) throws(SQLError) in
    for table in view.relations where view.acts(for: table.owner) {
      for constraint in table.listedConstraints(view) {
        // Of a foreign key the columns that it refers to.
        let parent = constraint.foreignKey.flatMap { view.relation($0.referencedTable) } ?? table
        for id in constraint.foreignKey?.referencedColumns ?? constraint.columns {
          try rows.add { (row) throws(SQLError) in
            row.setTable(view, parent)
            row["column_name"] = .text(optional: parent.column(id: id)?.name)
            row.setName("constraint", view, schema: table.schema, constraint.name)
          }
        }
      }
    }
  }

  static let informationConstraintTables: RowSource = { (view, _, rows) throws(SQLError) in
    for table in view.relations where view.acts(for: table.owner) {
      for constraint in table.listedConstraints(view) where constraint.type != "CHECK" {
        let parent = constraint.foreignKey.flatMap { view.relation($0.referencedTable) } ?? table
        try rows.add { (row) throws(SQLError) in
          row.setTable(view, parent)
          row.setName("constraint", view, schema: table.schema, constraint.name)
        }
      }
    }
  }

  static let informationReferences: RowSource = { (view, _, rows) throws(SQLError) in
    for table in view.relations where view.acts(for: table.owner) {
      for key in table.foreignKeys {
        try rows.add { (row) throws(SQLError) in
          row.setName("constraint", view, schema: table.schema, key.name)
          if let (parent, index) = view.snapshot.index(key.referencedIndex), index.isConstraint {
            row.setName("unique_constraint", view, schema: parent.schema, index.name)
          }
          row["match_option"] = .text(key.matchesFull ? "FULL" : "NONE")
          row["update_rule"] = .text(key.onUpdate.sqlName)
          row["delete_rule"] = .text(key.onDelete.sqlName)
        }
      }
    }
  }

  static let informationChecks: RowSource = { (view, _, rows) throws(SQLError) in
    for table in view.relations where view.acts(for: table.owner) {
      for constraint in table.listedConstraints(view) where constraint.type == "CHECK" {
        try rows.add { (row) throws(SQLError) in
          row.setName("constraint", view, schema: table.schema, constraint.name)
          row["check_clause"] = .text(optional: constraint.clause)
        }
      }
    }
  }

  static let informationEnabledRoles: RowSource = { (view, _, rows) throws(SQLError) in
    for role in view.snapshot.roles where view.isSuperuser || role.name == view.user {
      try rows.add { (row) throws(SQLError) in row["role_name"] = .text(role.name) }
    }
  }

  static let informationViewTables: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations where view.acts(for: relation.owner) {
      for dependency in relation.dependencies {
        guard let table = view.relation(dependency.relation) else { continue }
        try rows.add { (row) throws(SQLError) in
          row.setName("view", view, schema: relation.schema, relation.name)
          row.setTable(view, table)
        }
      }
    }
  }

  static let informationViewColumns: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations where view.acts(for: relation.owner) {
      for dependency in relation.dependencies {
        guard let table = view.relation(dependency.relation) else { continue }
        for id in dependency.columns {
          try rows.add { (row) throws(SQLError) in
            row.setName("view", view, schema: relation.schema, relation.name)
            row.setTable(view, table)
            row["column_name"] = .text(optional: table.column(id: id)?.name)
          }
        }
      }
    }
  }

  /// Owners have every privilege on what is theirs; nothing is granted to others.
  static let informationTablePrivileges: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations where view.acts(for: relation.owner) && relation.relationKindLetter != "S" {
      let owner = view.roleDisplayName(relation.owner)
      for privilege in ["INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"] {
        try rows.add { (row) throws(SQLError) in
          row["grantor"] = .text(owner)
          row["grantee"] = .text(owner)
          row.setTable(view, relation)
          row["privilege_type"] = .text(privilege)
          row["is_grantable"] = yes(true)
          row["with_hierarchy"] = yes(privilege == "SELECT")
        }
      }
    }
  }

  static let informationCharacterSets: RowSource = { (view, _, rows) throws(SQLError) in
    try rows.add { (row) throws(SQLError) in
      row["character_set_name"] = .text("UTF8")
      row["character_repertoire"] = .text("UCS")
      row["form_of_use"] = .text("UTF8")
      row["default_collate_catalog"] = view.databaseName
      row["default_collate_schema"] = .text("pg_catalog")
      row["default_collate_name"] = .text("default")
    }
  }
}
