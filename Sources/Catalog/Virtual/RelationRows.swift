// pg_class, pg_attribute, pg_attrdef, pg_index, pg_constraint, pg_depend, pg_rewrite, pg_sequence.
// A table's hidden row id, and the index on it, are not shown: PostgreSQL's tables without primary key have none.

import SQLTypes

extension OID {
  /// OIDs of objects that have none here, made of their table's and a number: defaults (`pg_attrdef`) by their column, a
  /// view's rule by 0. Above what the OID counter reaches in practice.
  static func derived(_ relation: OID, _ number: UInt32) -> OID {
    OID(0x8000_0000 | (relation.rawValue &* 1601 &+ number) & 0x7FFF_FFFF)
  }
}

extension TableDescriptor {
  var visibleColumns: [ColumnDescriptor] { columns.filter { !$0.isHidden } }

  /// The indexes that the catalogs show.
  var visibleIndexes: [IndexDescriptor] { allIndexes.filter { !$0.name.isEmpty } }

  var relationKindLetter: String {
    switch kind {
    case .table: isPartitioned ? "p" : "r"
    case .view: "v"
    case .sequence: "S"
    case .virtual: VirtualTable.withOID(oid)?.isView == true ? "v" : "r"
    }
  }
}

extension CatalogView {
  /// Users' relations and the system's, by OID of each.
  var everyRelation: [TableDescriptor] { VirtualTable.all.map(\.descriptor) + relations }
}

extension SystemRelations {
  static let classRows: RowSource = { (view, services, rows) throws(SQLError) in
    for relation in view.everyRelation {
      let kind = relation.relationKindLetter
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(relation.oid)
        row["relname"] = .text(relation.name)
        if !relation.options.isEmpty {
          row["reloptions"] = try .parsed(.textArray, "{\(relation.options.joined(separator: ","))}")
        }
        row["relnamespace"] = .oid(relation.schema)
        row["relowner"] = .oid(relation.owner)
        row["relam"] = .int(kind == "r" ? 2 : 0)
        row["relfilenode"] = .oid(kind == "v" || relation.isVirtual ? .invalid : relation.oid)
        row["reltuples"] = .float64(kind == "r" ? services.approximateRowCount(ofTable: relation.oid) : -1)
        row["relhasindex"] = .bool(!relation.visibleIndexes.isEmpty)
        row["relpersistence"] = .text(view.isTemporary(relation) ? "t" : "p")
        row["relkind"] = .text(kind)
        row["relnatts"] = .int(relation.visibleColumns.count)
        row["relchecks"] = .int(relation.checks.count)
        row["relhasrules"] = .bool(kind == "v" || !relation.rules.isEmpty)
        row["relhastriggers"] = .bool(
          !relation.foreignKeys.isEmpty || !relation.referencedBy.isEmpty || !view.triggers(of: relation).isEmpty)
        row["relispopulated"] = .bool(true)
        row["relispartition"] = .bool(relation.isPartition)
        row["relhassubclass"] = .bool(!relation.lineage.children.isEmpty)
        if let bound = relation.lineage.bound, let parent = relation.lineage.parents.first.flatMap(view.relation) {
          row["relpartbound"] = .text(BoundText.text(bound, parent))
        }
        row["relreplident"] = .text(kind == "r" && !relation.isVirtual ? "d" : "n")
        if let acl = relation.acl {
          row["relacl"] = try .parsed(SQLType(OID(1034)), view.text(acl))
        } else if relation.isVirtual {
          row["relacl"] = try .parsed(SQLType(OID(1034)), "{postgres=arwdDxt/postgres,=r/postgres}")
        }
      }
      for index in relation.visibleIndexes {
        try rows.add { (row) throws(SQLError) in
          row["oid"] = .oid(index.oid)
          row["relname"] = .text(index.name)
          row["relnamespace"] = .oid(relation.schema)
          row["relowner"] = .oid(relation.owner)
          row["relam"] = .int(403)
          row["relfilenode"] = .oid(index.oid)
          row["relpersistence"] = .text(view.isTemporary(relation) ? "t" : "p")
          row["relkind"] = .text(relation.isPartitioned ? "I" : "i")
          row["relnatts"] = .int(index.columns.count + index.included.count)
          row["relispopulated"] = .bool(true)
          row["relreplident"] = .text("n")
        }
      }
    }
  }

  private static func addAttribute(
    _ column: ColumnDescriptor, relation: OID, number: UInt32, isRequired: Bool, acl: String? = nil,
    of rows: inout VirtualRows
  ) throws(SQLError) {
    let type = SystemTypes.find(column.type.oid)
    try rows.add { (row) throws(SQLError) in
      row["attrelid"] = .oid(relation)
      row["attname"] = .text(column.name)
      row["atttypid"] = .oid(column.type.oid)
      row["attstattarget"] = .int(-1)
      row["attlen"] = .int(type?.length ?? -1)
      row["attnum"] = .int(number)
      row["attndims"] = .int(TypeInfo.find(column.type.oid)?.isArray == true ? 1 : 0)
      row["attcacheoff"] = .int(-1)
      row["atttypmod"] = .int(column.type.modifier)
      row["attbyval"] = .bool(type?.isByValue ?? false)
      row["attalign"] = .text(type?.alignment ?? "i")
      row["attstorage"] = .text(type?.storage ?? "p")
      row["attnotnull"] = .bool(isRequired)
      row["atthasdef"] = .bool(column.defaultSQL != nil || column.generatedSQL != nil)
      row["attidentity"] = .text(column.identity.map { $0 == .always ? "a" : "d" } ?? "")
      row["attgenerated"] = .text(column.generatedSQL == nil ? "" : "s")
      if let acl { row["attacl"] = try .parsed(SQLType(OID(1034)), acl) }
      row["attislocal"] = .bool(column.isLocal)
      row["attinhcount"] = .int(column.isInherited ? 1 : 0)
      row["attcollation"] = .oid(type?.collation ?? .invalid)
    }
  }

  /// The system's own columns never change: made once.
  private static let systemAttributes: Batch? = {
    guard let table = VirtualTable.withOID(OID(1249)) else { return nil }
    var rows = VirtualRows(table)
    do throws(SQLError) {
      for relation in all.map(\.descriptor) {
        for column in relation.columns {
          try addAttribute(
            column, relation: relation.oid, number: column.id, isRequired: !column.isNullable, of: &rows)
        }
      }
    } catch {
      return nil
    }
    return rows.batch
  }()

  static let attributeRows: RowSource = { (view, _, rows) throws(SQLError) in
    if let systemAttributes { rows.begin(with: systemAttributes) }
    for relation in view.relations {
      for column in relation.visibleColumns {
        try addAttribute(
          column, relation: relation.oid, number: column.id, isRequired: !column.isNullable,
          acl: column.acl.isEmpty ? nil : view.text(column.acl), of: &rows)
      }
      for index in relation.visibleIndexes {
        for (position, id) in (index.columns.map(\.columnID) + index.included).enumerated() {
          guard let column = relation.column(id: id) else { continue }
          let shown = ColumnDescriptor(id: id, name: column.name, type: column.type)
          try addAttribute(shown, relation: index.oid, number: UInt32(position + 1), isRequired: false, of: &rows)
        }
      }
    }
  }

  static let defaultRows: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations {
      for column in relation.visibleColumns {
        guard let sql = column.defaultSQL ?? column.generatedSQL else { continue }
        try rows.add { (row) throws(SQLError) in
          row["oid"] = .oid(.derived(relation.oid, column.id))
          row["adrelid"] = .oid(relation.oid)
          row["adnum"] = .int(column.id)
          row["adbin"] = .text(sql)
        }
      }
    }
  }

  static let indexRows: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations {
      for index in relation.visibleIndexes {
        let ids = index.columns.map(\.columnID) + index.included
        let keyTypes = index.columns.map { relation.column(id: $0.columnID)?.type.oid ?? .invalid }
        func vector(_ type: UInt32, _ values: [some CustomStringConvertible]) throws(SQLError) -> Datum {
          try .parsed(SQLType(OID(type)), values.map(\.description).joined(separator: " "))
        }
        try rows.add { (row) throws(SQLError) in
          row["indexrelid"] = .oid(index.oid)
          row["indrelid"] = .oid(relation.oid)
          row["indnatts"] = .int(ids.count)
          row["indnkeyatts"] = .int(index.columns.count)
          row["indisunique"] = .bool(index.isUnique)
          row["indnullsnotdistinct"] = .bool(index.nullsNotDistinct)
          row["indisprimary"] = .bool(index.isPrimary)
          row["indimmediate"] = .bool(true)
          row["indisvalid"] = .bool(index.state == .active)
          row["indisready"] = .bool(true)
          row["indislive"] = .bool(true)
          // 0 stands for an expression.
          let expressions = ids.compactMap { id in
            relation.column(id: id).flatMap { $0.isIndexExpression ? $0.generatedSQL : nil }
          }
          row["indkey"] = try vector(
            22, ids.map { id in relation.column(id: id)?.isIndexExpression == true ? 0 : id })
          row["indexprs"] = expressions.isEmpty ? .null : .text(expressions.joined(separator: ", "))
          row["indcollation"] = try vector(30, keyTypes.map { SystemTypes.find($0)?.collation ?? .invalid })
          row["indclass"] = try vector(30, keyTypes.map { SystemTypes.operatorClass(for: $0) })
          row["indoption"] = try vector(22, index.columns.map { ($0.isDescending ? 1 : 0) + ($0.nullsFirst ? 2 : 0) })
          row["indpred"] = .text(optional: index.predicateSQL)
        }
      }
    }
  }

  static let constraintRows: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations {
      func add(
        _ oid: OID, _ name: String, _ type: String, _ columns: [UInt32], index: OID = .invalid, sql: String? = nil
      ) throws(SQLError) {
        try rows.add { (row) throws(SQLError) in
          row["oid"] = .oid(oid)
          row["conname"] = .text(name)
          row["connamespace"] = .oid(relation.schema)
          row["contype"] = .text(type)
          row["convalidated"] = .bool(true)
          row["conrelid"] = .oid(relation.oid)
          row["conindid"] = .oid(index)
          for column in ["confupdtype", "confdeltype", "confmatchtype"] { row[column] = .text(" ") }
          row["conislocal"] = .bool(true)
          row["connoinherit"] = .bool(type != "c")
          if !columns.isEmpty {
            row["conkey"] = try .parsed(
              SQLType(OID(1005)), "{\(columns.map(\.description).joined(separator: ","))}")
          }
          row["conbin"] = .text(optional: sql)
        }
      }
      for check in relation.checks { try add(check.oid, check.name, "c", check.columns, sql: check.expressionSQL) }
      for index in relation.visibleIndexes where index.isConstraint {
        try add(
          index.constraintOID, index.name, index.isPrimary ? "p" : "u", index.columns.map(\.columnID),
          index: index.oid)
      }
      try foreignKeyRows(view, relation, &rows)
    }
  }

  private static func foreignKeyRows(
    _ view: CatalogView, _ relation: TableDescriptor, _ rows: inout VirtualRows
  ) throws(SQLError) {
    for key in relation.foreignKeys {
      func ids(_ list: [UInt32]) -> String { "{\(list.map(\.description).joined(separator: ","))}" }
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(key.oid)
        row["conname"] = .text(key.name)
        row["connamespace"] = .oid(relation.schema)
        row["contype"] = .text("f")
        row["condeferrable"] = .bool(key.isDeferrable)
        row["condeferred"] = .bool(key.isInitiallyDeferred)
        row["convalidated"] = .bool(key.isValidated)
        row["conrelid"] = .oid(relation.oid)
        row["conindid"] = .oid(key.referencedIndex)
        row["confrelid"] = .oid(key.referencedTable)
        row["confupdtype"] = .text(key.onUpdate.letter)
        row["confdeltype"] = .text(key.onDelete.letter)
        row["confmatchtype"] = .text(key.matchesFull ? "f" : "s")
        row["conislocal"] = .bool(true)
        row["connoinherit"] = .bool(true)
        row["conkey"] = try .parsed(SQLType(OID(1005)), ids(key.columns))
        row["confkey"] = try .parsed(SQLType(OID(1005)), ids(key.referencedColumns))
        if !key.setColumns.isEmpty { row["confdelsetcols"] = try .parsed(SQLType(OID(1005)), ids(key.setColumns)) }
      }
    }
  }

  static let ruleRows: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations {
      try addRules(of: relation, &rows)
      guard case .view(let sql) = relation.kind else { continue }
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(.derived(relation.oid, 0))
        row["rulename"] = .text("_RETURN")
        row["ev_class"] = .oid(relation.oid)
        row["ev_type"] = .text("1")
        row["ev_enabled"] = .text("O")
        row["is_instead"] = .bool(true)
        row["ev_action"] = .text(sql)
      }
    }
  }

  static let dependencyRows: RowSource = { (view, _, rows) throws(SQLError) in
    func add(
      _ kind: OID, _ object: OID, on otherKind: OID, _ other: OID, column: UInt32 = 0, _ type: String
    ) throws(SQLError) {
      try rows.add { (row) throws(SQLError) in
        row["classid"] = .oid(kind)
        row["objid"] = .oid(object)
        row["refclassid"] = .oid(otherKind)
        row["refobjid"] = .oid(other)
        row["refobjsubid"] = .int(column)
        row["deptype"] = .text(type)
      }
    }
    for relation in view.relations {
      try add(.pgClass, relation.oid, on: .pgNamespace, relation.schema, "n")
      if case .sequence(let options) = relation.kind, let table = options.ownerTable.flatMap(view.relation),
        let column = options.ownerColumn
      {
        let isIdentity = table.column(id: column)?.identity != nil
        try add(.pgClass, relation.oid, on: .pgClass, table.oid, column: column, isIdentity ? "i" : "a")
      }
      for column in relation.visibleColumns {
        guard let sql = column.defaultSQL ?? column.generatedSQL else { continue }
        let oid = OID.derived(relation.oid, column.id)
        for sequence in SequenceReferences.relations(in: sql) {
          try add(.pgAttrdef, oid, on: .pgClass, sequence, "n")
        }
        try add(
          .pgAttrdef, oid, on: .pgClass, relation.oid, column: column.id, column.generatedSQL == nil ? "a" : "i")
      }
      for check in relation.checks {
        for column in check.columns {
          try add(.pgConstraint, check.oid, on: .pgClass, relation.oid, column: column, "a")
        }
      }
      for index in relation.visibleIndexes {
        let columns = index.columns.map(\.columnID) + index.included
        if index.isConstraint {
          try add(.pgClass, index.oid, on: .pgConstraint, index.constraintOID, "i")
          for column in columns {
            try add(.pgConstraint, index.constraintOID, on: .pgClass, relation.oid, column: column, "a")
          }
        } else {
          for column in columns { try add(.pgClass, index.oid, on: .pgClass, relation.oid, column: column, "a") }
        }
      }
      if case .view = relation.kind {
        let rule = OID.derived(relation.oid, 0)
        try add(OID(2618), rule, on: .pgClass, relation.oid, "i")
        try add(OID(2618), rule, on: .pgClass, relation.oid, "n")
        for dependency in relation.dependencies {
          if dependency.columns.isEmpty {
            let isKey = view.relation(dependency.relation) == nil
            try add(OID(2618), rule, on: isKey ? .pgConstraint : .pgClass, dependency.relation, "n")
          }
          for column in dependency.columns {
            try add(OID(2618), rule, on: .pgClass, dependency.relation, column: column, "n")
          }
        }
      }
    }
  }

  static let sequenceRows: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations {
      guard case .sequence(let options) = relation.kind else { continue }
      try rows.add { (row) throws(SQLError) in
        row["seqrelid"] = .oid(relation.oid)
        row["seqtypid"] = .oid(options.type.oid)
        row["seqstart"] = .int(options.start)
        row["seqincrement"] = .int(options.increment)
        row["seqmax"] = .int(options.maximum)
        row["seqmin"] = .int(options.minimum)
        row["seqcache"] = .int(options.cache)
        row["seqcycle"] = .bool(options.cycles)
      }
    }
  }
}

extension SystemRelations {
  static let inheritanceRows: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations {
      for (place, parent) in relation.lineage.parents.enumerated() {
        try rows.add { (row) throws(SQLError) in
          row["inhrelid"] = .oid(relation.oid)
          row["inhparent"] = .oid(parent)
          row["inhseqno"] = .int(place + 1)
        }
      }
    }
  }

  static let partitionedTableRows: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations {
      guard let partitioning = relation.lineage.partitioning else { continue }
      let rest = view.children(of: relation).first { $0.lineage.bound == .rest }
      let columns = partitioning.keys.map { String($0.column ?? 0) }.joined(separator: " ")
      try rows.add { (row) throws(SQLError) in
        row["partrelid"] = .oid(relation.oid)
        row["partstrat"] = .text(String(partitioning.strategy.name.prefix(1)))
        row["partnatts"] = .int(partitioning.keys.count)
        row["partdefid"] = .oid(rest?.oid ?? .invalid)
        row["partattrs"] = try .parsed(SQLType(OID(22)), columns)
      }
    }
  }
}
