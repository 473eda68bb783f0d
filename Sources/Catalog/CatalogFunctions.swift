// PostgreSQL's functions that ask the catalog: what psql, drivers and ORMs call to describe objects. The session hands a
// call over by name with its arguments; an answer needs no waiting.
// Contract: NULL arguments give NULL. An argument that may be a name or an OID is `bytes` or `int64`.
// Source: PostgreSQL manual, section 9.26 "System Information Functions and Operators".

import Expressions
import SQLTypes

public struct CatalogFunctions {
  let view: CatalogView
  let services: any CatalogServices

  public init(_ view: CatalogView, _ services: any CatalogServices) {
    self.view = view
    self.services = services
  }

  /// Error 42883 for a name that is none of these; else the function's own.
  public func call(_ name: String, _ arguments: [Datum]) throws(SQLError) -> Datum {
    if arguments.contains(where: \.isNull) {
      // `format_type(oid, NULL)` is the type without a modifier.
      guard name == "format_type", arguments.first?.isNull == false else { return .null }
    }
    let call = Call(name: name, arguments: arguments)
    if name.hasPrefix("has_") || name == "pg_has_role" { return try privilege(call) }
    if name.hasSuffix("_is_visible") { return visibility(call) }
    if let answer = try describe(call) { return answer }
    return try measure(call)
  }

  struct Call {
    var name: String
    var arguments: [Datum]

    func oid(_ index: Int) -> OID {
      if arguments.indices.contains(index), case .int64(let value) = arguments[index] {
        return OID(UInt32(truncatingIfNeeded: value))
      }
      return .invalid
    }

    func integer(_ index: Int) -> Int? {
      if arguments.indices.contains(index), case .int64(let value) = arguments[index] { return Int(value) }
      return nil
    }

    func text(_ index: Int) -> String? {
      if arguments.indices.contains(index), case .bytes(let value) = arguments[index] {
        return String(decoding: value, as: UTF8.self)
      }
      return nil
    }

    func flag(_ index: Int) -> Bool { integer(index).map { $0 != 0 } ?? false }
  }

  // MARK: Descriptions

  private func describe(_ call: Call) throws(SQLError) -> Datum? {
    switch call.name {
    case "pg_get_userbyid": return .text(view.roleDisplayName(call.oid(0)))
    case "format_type":
      return .text(TypeInfo.format(SQLType(call.oid(0), modifier: Int32(clamping: call.integer(1) ?? -1))))
    case "pg_get_expr":
      guard let sql = call.text(0) else { return .null }
      // Without its relation a column's name means nothing; with one that is gone neither.
      if call.oid(1) != .invalid, view.snapshot.namedRelation(call.oid(1)) == nil { return .null }
      return .text(ObjectText(view: view, isPretty: call.flag(2)).expression(sql))
    case "pg_get_indexdef":
      guard let (table, index) = view.snapshot.index(call.oid(0)) else { return .null }
      let text = ObjectText(view: view, isPretty: call.flag(2))
      if let column = call.integer(1), column != 0 { return .text(text.indexColumn(column, index, of: table)) }
      return .text(text.index(index, of: table))
    case "pg_get_constraintdef": return constraintDefinition(call)
    case "pg_get_viewdef":
      let oid: OID
      if let name = call.text(0) { oid = try view.relationOID(named: name) } else { oid = call.oid(0) }
      guard let relation = view.relation(oid), case .view(let sql) = relation.kind else { return .null }
      // A column to wrap at means pretty, too.
      let isPretty = call.flag(1) || call.integer(1) != nil
      return .text(ObjectText(view: view, isPretty: isPretty).viewQuery(sql, of: relation))
    case "pg_get_ruledef":
      for table in view.relations {
        if let rule = table.rules.first(where: { $0.oid == call.oid(0) }) {
          return .text(ObjectText(view: view, isPretty: call.flag(1)).rule(rule, of: table))
        }
      }
      let found = view.relations.first { OID.derived($0.oid, 0) == call.oid(0) }
      guard let found, case .view(let sql) = found.kind else { return .null }
      let text = ObjectText(view: view, isPretty: call.flag(1))
      let target =
        text.isPretty ? view.displayName(of: .relation(found)) : text.qualifiedName(found.name, schema: found.schema)
      return .text(
        "CREATE RULE \"_RETURN\" AS\n    ON SELECT TO \(target) DO INSTEAD \(text.viewQuery(sql, of: found))")
    case "pg_get_triggerdef":
      let found = view.trigger(call.oid(0))
      let text = ObjectText(view: view, isPretty: call.flag(1))
      return .text(optional: found.map { text.trigger($0.trigger, of: $0.table) })
    case "obj_description", "shobj_description": return comment(call.oid(0), in: call.text(1))
    case "col_description":
      let column = UInt32(clamping: call.integer(1) ?? 0)
      return .text(optional: view.relation(call.oid(0))?.column(id: column)?.comment)
    case "to_regclass":
      guard let text = call.text(0), let (schema, name) = try? NameText.relation(text) else { return .null }
      return view.namedRelation(name, schema: schema).map { .oid($0.oid) } ?? .null
    case "to_regtype": return lookUp(call, SQLType.regtype.oid)
    case "to_regproc": return lookUp(call, SQLType.regproc.oid)
    case "to_regprocedure": return lookUp(call, OID(2202))
    case "to_regnamespace": return lookUp(call, OID(4089))
    case "to_regrole": return lookUp(call, OID(4096))
    case "to_regcollation": return lookUp(call, OID(4191))
    case "pg_get_serial_sequence": return try serialSequence(call)
    case "pg_get_function_identity_arguments", "pg_get_function_arguments":
      if let own = view.snapshot.function(call.oid(0)) {
        return .text(own.argumentText(identity: call.name == "pg_get_function_identity_arguments"))
      }
      return .text(optional: SystemProcedures.find(call.oid(0))?.argumentText)
    case "pg_get_functiondef":
      guard let own = view.snapshot.function(call.oid(0)) else { return .null }
      return .text(own.definition(schema: view.schema(own.schema)?.name ?? ""))
    case "pg_get_function_result":
      if let own = view.snapshot.function(call.oid(0)) { return .text(own.resultText) }
      return .text(
        optional: SystemProcedures.find(call.oid(0)).map { procedure in
          (procedure.returnsSet ? "SETOF " : "") + TypeInfo.format(SQLType(procedure.result))
        })
    case "pg_get_function_sqlbody", "pg_get_function_arg_default",
      "pg_get_statisticsobjdef",
      "pg_get_statisticsobjdef_columns", "pg_get_statisticsobjdef_expressions":
      // There are no such objects.
      return .null
    case "pg_get_partition_constraintdef":
      return .text(optional: view.relation(call.oid(0)).flatMap(view.partitionConstraint))
    case "pg_get_partkeydef": return .text(optional: view.relation(call.oid(0)).flatMap(BoundText.key))
    case "pg_partition_ancestors", "pg_partition_tree":
      guard let table = view.relation(call.oid(0)), table.isPartition || table.isPartitioned else { return .null }
      if call.name == "pg_partition_ancestors" {
        return .text(([table] + view.ancestors(of: table)).map { "\($0.oid)" }.joined(separator: ","))
      }
      var levels: [OID: Int] = [table.oid: 0]
      let rows = view.family(of: table).map { member in
        let parent = member.lineage.parents.first
        if member.oid != table.oid { levels[member.oid] = (parent.flatMap { levels[$0] } ?? 0) + 1 }
        return
          "\(member.oid),\(parent.map { "\($0)" } ?? "null"),\(member.isPartitioned ? 0 : 1),\(levels[member.oid] ?? 0)"
      }
      return .text(rows.joined(separator: ","))
    case "pg_partition_root":
      guard let table = view.relation(call.oid(0)), table.isPartition || table.isPartitioned else { return .null }
      return .oid((view.ancestors(of: table).last ?? table).oid)
    case "pg_encoding_to_char": return .text(call.integer(0) == 6 ? "UTF8" : "")
    case "getdatabaseencoding": return .text("UTF8")
    case "pg_index_column_has_property": return indexProperty(call)
    case "pg_char_to_encoding":
      let name = (call.text(0) ?? "").lowercased().filter { $0 != "-" && $0 != "_" }
      return .int(name == "utf8" || name == "unicode" ? 6 : -1)
    case "pg_describe_object": return describeObject(call)
    default: return nil
    }
  }

  private func lookUp(_ call: Call, _ type: OID) -> Datum {
    guard let text = call.text(0), let oid = try? CatalogObjectNames(view).object(named: Array(text.utf8), type: type)
    else { return .null }
    return .oid(oid)
  }

  private func constraintDefinition(_ call: Call) -> Datum {
    guard let table = view.snapshot.table(ofConstraint: call.oid(0)) else { return .null }
    let text = ObjectText(view: view, isPretty: call.flag(1))
    if let check = table.checks.first(where: { $0.oid == call.oid(0) }) { return .text(text.constraint(check)) }
    if let key = table.foreignKeys.first(where: { $0.oid == call.oid(0) }) {
      return .text(text.constraint(key, of: table))
    }
    let index = table.allIndexes.first { $0.isConstraint && $0.constraintOID == call.oid(0) }
    return .text(optional: index.map { text.constraint($0, of: table) })
  }

  /// The comment on an object; `catalog` says in which catalog its OID is.
  private func comment(_ oid: OID, in catalog: String?) -> Datum {
    func inCatalog(_ name: String) -> Bool { catalog == nil || catalog == name }
    if inCatalog("pg_class"), let relation = view.relation(oid) { return .text(optional: relation.comment) }
    if inCatalog("pg_class"), let (_, index) = view.snapshot.index(oid) { return .text(optional: index.comment) }
    if inCatalog("pg_constraint"), let table = view.snapshot.table(ofConstraint: oid) {
      if let check = table.checks.first(where: { $0.oid == oid }) { return .text(optional: check.comment) }
      if let key = table.foreignKeys.first(where: { $0.oid == oid }) { return .text(optional: key.comment) }
      return .text(optional: table.allIndexes.first { $0.constraintOID == oid }?.constraintComment)
    }
    if inCatalog("pg_trigger"), let (trigger, _) = view.trigger(oid) { return .text(optional: trigger.comment) }
    if inCatalog("pg_type"), let type = view.snapshot.type(oid) { return .text(optional: type.comment) }
    if inCatalog("pg_namespace"), let schema = view.schema(oid) { return .text(optional: schema.comment) }
    if inCatalog("pg_database"), let database = view.snapshot.database(oid) { return .text(optional: database.comment) }
    if inCatalog("pg_authid"), let role = view.snapshot.role(oid) { return .text(optional: role.comment) }
    return .null
  }

  /// What an index's column can do; NULL for an included one's order, and for words that mean nothing.
  private func indexProperty(_ call: Call) -> Datum {
    guard let (_, index) = view.snapshot.index(call.oid(0)), let number = call.integer(1),
      number >= 1, number <= index.columns.count + index.included.count
    else { return .null }
    let column = number <= index.columns.count ? index.columns[number - 1] : nil
    switch (call.text(2) ?? "").lowercased() {
    case "asc": return column.map { .bool(!$0.isDescending) } ?? .null
    case "desc": return column.map { .bool($0.isDescending) } ?? .null
    case "nulls_first": return column.map { .bool($0.nullsFirst) } ?? .null
    case "nulls_last": return column.map { .bool(!$0.nullsFirst) } ?? .null
    case "orderable", "search_array", "search_nulls": return .bool(column != nil)
    case "distance_orderable": return .bool(false)
    case "returnable": return .bool(true)
    default: return .null
    }
  }

  private func serialSequence(_ call: Call) throws(SQLError) -> Datum {
    guard let tableName = call.text(0), let column = call.text(1) else { return .null }
    let (schema, name) = try NameText.relation(tableName)
    guard let table = view.relation(name, schema: schema) else {
      throw .undefinedRelation(schema.map { "\($0).\(name)" } ?? name)
    }
    // The column's name stands as it is, without folding.
    guard let found = table.column(named: column), !found.isHidden else {
      throw .undefinedColumn(column, of: table.name)
    }
    guard let sequence = found.ownedSequence.flatMap(view.relation) else { return .null }
    return .text(ObjectText(view: view).qualifiedName(sequence.name, schema: sequence.schema))
  }

  private func describeObject(_ call: Call) -> Datum {
    let (kind, oid) = (call.oid(0), call.oid(1))
    switch kind {
    case .pgClass:
      if let relation = view.relation(oid) {
        let number = UInt32(clamping: call.integer(2) ?? 0)
        if let column = relation.column(id: number) {
          return .text("column \(column.name) of \(view.describe(relation))")
        }
        return .text(view.describe(relation))
      }
      if let (table, index) = view.snapshot.index(oid) {
        return .text("index \(view.displayName(of: .index(index, of: table)))")
      }
      return .null
    case .pgConstraint:
      guard let table = view.snapshot.table(ofConstraint: oid) else { return .null }
      let name =
        table.checks.first { $0.oid == oid }?.name ?? table.allIndexes.first { $0.constraintOID == oid }?.name ?? ""
      return .text("constraint \(quoteIdentifier(name)) on \(view.describe(table))")
    case .pgNamespace: return .text(optional: view.schema(oid).map { "schema \(quoteIdentifier($0.name))" })
    case .pgAuthid: return .text(optional: view.snapshot.role(oid).map { "role \($0.name)" })
    case .pgDatabase: return .text(optional: view.snapshot.database(oid).map { "database \($0.name)" })
    case .pgType: return .text(optional: TypeInfo.find(oid).map { "type \($0.formatted())" })
    default: return .null
    }
  }

  // MARK: Visibility

  private func visibility(_ call: Call) -> Datum {
    let oid = call.oid(0)
    switch call.name {
    case "pg_table_is_visible": return view.isVisible(relation: oid).map { .bool($0) } ?? .null
    case "pg_type_is_visible": return TypeInfo.find(oid) == nil ? .null : .bool(true)
    case "pg_function_is_visible":
      if let own = view.snapshot.function(oid) {
        return .bool(view.functions(named: own.name, schema: nil).contains { $0.oid == oid })
      }
      return SystemProcedures.find(oid) == nil ? .null : .bool(true)
    case "pg_operator_is_visible":
      let exists = FunctionRegistry.shared.allScalars.contains { $0.oid == oid && $0.form != .function }
      return exists ? .bool(true) : .null
    case "pg_opclass_is_visible":
      return SystemTypes.operatorClasses.contains { $0.oid == oid } ? .bool(true) : .null
    case "pg_opfamily_is_visible":
      return SystemTypes.operatorClasses.contains { $0.family == oid } ? .bool(true) : .null
    case "pg_collation_is_visible": return SystemRelations.collationNames[oid] == nil ? .null : .bool(true)
    default: return .null
    }
  }

  // MARK: Sizes and other numbers

  private func relationOID(_ call: Call) throws(SQLError) -> OID {
    if let name = call.text(0) { return try view.relationOID(named: name) }
    return call.oid(0)
  }

  private func measure(_ call: Call) throws(SQLError) -> Datum {
    func size(_ table: TableDescriptor, _ indexes: [IndexDescriptor]) -> Int64 {
      indexes.reduce(0) { $0 &+ services.approximateSize(ofTable: table.oid, index: $1.id) }
    }
    switch call.name {
    case "pg_relation_size", "pg_table_size", "pg_indexes_size", "pg_total_relation_size":
      let oid = try relationOID(call)
      if let (table, index) = view.snapshot.index(oid) {
        // A primary key's data is the table's.
        return .int(call.name == "pg_indexes_size" || index.isPrimary ? 0 : size(table, [index]))
      }
      guard let table = view.relation(oid) else { return .null }
      let primary = table.primaryIndex.map { [$0] } ?? []
      switch call.name {
      case "pg_indexes_size": return .int(size(table, table.indexes))
      case "pg_total_relation_size": return .int(size(table, primary + table.indexes))
      default: return .int(size(table, primary))
      }
    case "pg_database_size":
      let database: OID
      if let name = call.text(0) {
        guard let found = view.snapshot.database(named: name) else { throw .undefinedDatabase(name) }
        database = found.oid
      } else {
        database = call.oid(0)
      }
      let total = view.snapshot.relations.filter { view.snapshot.schema($0.schema)?.database == database }
        .reduce(Int64(0)) { $0 &+ size($1, $1.allIndexes) }
      return .int(total)
    case "pg_tablespace_size":
      return .int(view.snapshot.relations.reduce(Int64(0)) { $0 &+ size($1, $1.allIndexes) })
    case "pg_relation_filenode":
      guard let found = view.snapshot.namedRelation(try relationOID(call)) else { return .null }
      if case .relation(let table) = found, table.isVirtual || table.relationKindLetter == "v" { return .null }
      return .oid(found.oid)
    case "pg_tablespace_location": return .text("")
    case "pg_sequence_last_value": return services.lastValue(ofSequence: call.oid(0)).map { .int64($0) } ?? .null
    case "pg_relation_is_publishable", "pg_is_other_temp_schema", "row_security_active": return .bool(false)
    case "pg_my_temp_schema", "pg_stat_get_numscans": return .int(0)
    case "pg_relation_is_updatable":
      // INSERT 8, UPDATE 4, DELETE 16.
      return .int(view.relation(call.oid(0)).map { view.isUpdatable($0) ? 28 : 0 } ?? 0)
    case "pg_column_is_updatable":
      return .bool(view.relation(call.oid(0)).map { view.isUpdatable($0) } ?? false)
    default:
      throw SQLError(.undefinedFunction, "function \(call.name) does not exist")
    }
  }
}
