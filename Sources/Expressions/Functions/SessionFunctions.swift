// Functions that ask the session: who, where, when, sequences, and what the catalog knows. The answers come through
// `SessionServices`; nothing here waits.
// Source: PostgreSQL manual, 9.26, 9.17, 9.9.5, 9.14.

import SQLTypes

extension FunctionCatalog {
  mutating func addSession() {
    addIdentity()
    addClocks()
    addSequences()
    addCatalog()
    addTypes()
  }

  /// A stable function without arguments that gives one text for all rows.
  private mutating func text(
    _ names: [String], _ type: SQLType = .name,
    _ body: @escaping @Sendable (EvaluationContext) throws(SQLError) -> [UInt8]?
  ) {
    for name in names {
      function(name, [], type, .stable) { (_, n, context) throws(SQLError) in
        ColumnVector(.bytes, repeating: try body(context).map { .bytes($0) } ?? .null, count: n)
      }
    }
  }

  private mutating func addIdentity() {
    text(["current_user", "current_role", "user"]) { Array($0.services.currentUser.utf8) }
    text(["session_user"]) { Array($0.services.sessionUser.utf8) }
    text(["current_database", "current_catalog"]) { Array($0.services.currentDatabase.utf8) }
    text(["current_schema"]) { $0.services.currentSchemas(includingImplicit: false).first.map { Array($0.utf8) } }
    function("current_schemas", [.bool], .nameArray, .stable) { (a, n, context) throws(SQLError) in
      try map1(a, n) { (implicit: Bool) -> [UInt8] in
        ArrayValue(
          elementOID: SQLType.name.oid,
          context.services.currentSchemas(includingImplicit: implicit).map { .text($0) }
        ).bytes
      }
    }
    for count in [1, 2] {
      function("current_setting", [.text] + (count == 2 ? [.bool] : []), .text, .stable) {
        (a, n, context) throws(SQLError) in
        try mapRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
          let name = row.string(0)
          if let value = context.services.setting(name) { return Array(value.utf8) }
          if count == 2 && row.int64(1) != 0 { return nil }
          throw SQLError(.undefinedObject, "unrecognized configuration parameter \"\(name)\"")
        }
      }
    }
    // The rest of what a session knows has no arguments or few, and goes to the catalog by name.
    catalog("version", [], .text)
    catalog("pg_backend_pid", [], .int4)
    catalog("pg_is_in_recovery", [], .bool, .volatile)
    catalog("pg_postmaster_start_time", [], .timestamptz)
    catalog("pg_conf_load_time", [], .timestamptz)
    catalog("txid_current", [], .int8)
    catalog("txid_current_if_assigned", [], .int8)
    catalog("inet_server_addr", [], .text)
    catalog("inet_server_port", [], .int4)
    catalog("inet_client_addr", [], .text)
    catalog("inet_client_port", [], .int4)
    catalog("pg_client_encoding", [], .name)
    catalog("set_config", [.text, .text, .bool], .text, .volatile)
    catalog("pg_cancel_backend", [.int4], .bool, .volatile)
    catalog("pg_terminate_backend", [.int4], .bool, .volatile)
    catalog("pg_advisory_lock", [.int8], .void, .volatile)
    catalog("pg_advisory_unlock", [.int8], .bool, .volatile)
    catalog("pg_try_advisory_lock", [.int8], .bool, .volatile)
  }

  private mutating func addClocks() {
    for name in ["now", "transaction_timestamp", "current_timestamp"] {
      function(name, [], .timestamptz, .stable) { (_, n, context) in
        ColumnVector(int64s: Array(repeating: context.transactionTime, count: n))
      }
    }
    function("statement_timestamp", [], .timestamptz, .stable) { (_, n, context) in
      ColumnVector(int64s: Array(repeating: context.statementTime, count: n))
    }
    function("clock_timestamp", [], .timestamptz, .volatile) { (_, n, context) in
      ColumnVector(int64s: (0..<n).map { _ in context.clock() })
    }
    function("gen_random_uuid", [], .uuid, .volatile) { (_, n, context) throws(SQLError) in
      try map0(n) { () -> [UInt8] in
        var bytes: [UInt8] = []
        for word in [context.random(), context.random()] {
          for shift in stride(from: 0 as UInt64, to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: word >> shift))
          }
        }
        // Version 4, variant 1 (RFC 9562, 5.4).
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        return bytes
      }
    }
  }

  private mutating func addSequences() {
    function("nextval", [.regclass], .int8, .volatile) { (a, n, context) throws(SQLError) in
      try map1(a, n) { (sequence: Int64) throws(SQLError) -> Int64 in
        try context.services.nextValue(ofSequence: OID(UInt32(truncatingIfNeeded: sequence)))
      }
    }
    function("currval", [.regclass], .int8, .volatile) { (a, n, context) throws(SQLError) in
      try map1(a, n) { (sequence: Int64) throws(SQLError) -> Int64 in
        try context.services.currentValue(ofSequence: OID(UInt32(truncatingIfNeeded: sequence)))
      }
    }
    for count in [2, 3] {
      function("setval", [.regclass, .int8] + (count == 3 ? [.bool] : []), .int8, .volatile) {
        (a, n, context) throws(SQLError) in
        try mapRows(a, n) { (row) throws(SQLError) -> Int64 in
          try context.services.setValue(
            ofSequence: OID(UInt32(truncatingIfNeeded: row.int64(0))), to: row.int64(1),
            isCalled: count == 2 || row.int64(2) != 0)
          return row.int64(1)
        }
      }
    }
    catalog("lastval", [], .int8, .volatile)
  }

  private mutating func addCatalog() {
    catalog("pg_get_userbyid", [.oid], .name)
    for name in [
      "pg_table_is_visible", "pg_type_is_visible", "pg_function_is_visible", "pg_operator_is_visible",
      "pg_opclass_is_visible", "pg_collation_is_visible", "pg_statistics_obj_is_visible", "pg_conversion_is_visible",
      "pg_ts_config_is_visible", "pg_ts_dict_is_visible", "pg_ts_parser_is_visible", "pg_ts_template_is_visible",
      "pg_opfamily_is_visible",
    ] { catalog(name, [.oid], .bool) }
    catalog("format_type", [.oid, .int4], .text, isStrict: false)
    catalog("pg_get_expr", [.text, .oid], .text)
    catalog("pg_get_expr", [.text, .oid, .bool], .text)
    catalog("pg_get_expr", [SQLType(OID(194)), .oid], .text)
    catalog("pg_get_expr", [SQLType(OID(194)), .oid, .bool], .text)
    catalog("pg_get_indexdef", [.oid], .text)
    catalog("pg_get_indexdef", [.oid, .int4, .bool], .text)
    for name in ["pg_get_constraintdef", "pg_get_viewdef", "pg_get_ruledef", "pg_get_triggerdef"] {
      catalog(name, [.oid], .text)
      catalog(name, [.oid, .bool], .text)
    }
    catalog("pg_get_viewdef", [.text], .text)
    catalog("pg_get_viewdef", [.text, .bool], .text)
    catalog("pg_partition_root", [.regclass], .regclass)
    for name in [
      "pg_get_functiondef", "pg_get_function_arguments", "pg_get_function_identity_arguments", "pg_get_function_result",
      "pg_get_function_sqlbody", "pg_get_partkeydef", "pg_get_statisticsobjdef_columns", "pg_tablespace_location",
    ] { catalog(name, [.oid], .text) }
    catalog("pg_get_partition_constraintdef", [.oid], .text)
    catalog("pg_relation_is_publishable", [.regclass], .bool)
    catalog("obj_description", [.oid], .text)
    catalog("obj_description", [.oid, .name], .text)
    catalog("shobj_description", [.oid, .name], .text)
    catalog("col_description", [.oid, .int4], .text)
    catalog("pg_encoding_to_char", [.int4], .name)
    catalog("pg_char_to_encoding", [.name], .int4)
    catalog("getdatabaseencoding", [], .name)
    addPrivileges()
    for name in ["pg_relation_size", "pg_total_relation_size", "pg_table_size", "pg_indexes_size"] {
      catalog(name, [.regclass], .int8, .volatile)
    }
    catalog("pg_relation_size", [.regclass, .text], .int8, .volatile)
    for type in [SQLType.oid, .name] { catalog("pg_database_size", [type], .int8, .volatile) }
    catalog("to_regclass", [.text], .regclass)
    catalog("to_regtype", [.text], .regtype)
    catalog("to_regproc", [.text], .regproc)
    catalog("to_regprocedure", [.text], SQLType(OID(2202)))
    catalog("to_regnamespace", [.text], SQLType(OID(4089)))
    catalog("to_regrole", [.text], SQLType(OID(4096)))
    catalog("to_regnamespace", [.text], SQLType(OID(4089)))
    catalog("pg_get_serial_sequence", [.text, .text], .text)
    catalog("pg_sequence_last_value", [.regclass], .int8, .volatile)
    catalog("pg_relation_filenode", [.regclass], .oid)
    catalog("pg_my_temp_schema", [], .oid)
    catalog("pg_is_other_temp_schema", [.oid], .bool)
    catalog("pg_stat_get_numscans", [.oid], .int8)
    catalog("pg_index_column_has_property", [.regclass, .int4, .text], .bool)
    for type in [SQLType.int8, .numeric] {
      function("pg_size_pretty", [type], .text) { (a, n, _) throws(SQLError) in
        try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
          let size = try type == .int8 ? row.int64(0) : row.numeric(0).truncated(toScale: 0).int64()
          return Array(prettySize(size).utf8)
        }
      }
    }
  }

  private mutating func addPrivileges() {
    for (object, keys) in [
      ("table", [SQLType.text, .oid]), ("schema", [.text, .oid]), ("database", [.text, .oid]),
      ("sequence", [.text, .oid]), ("function", [.text, .oid]), ("type", [.text, .oid]), ("language", [.text, .oid]),
      ("tablespace", [.text, .oid]), ("any_column", [.text, .oid]),
    ] {
      let name = "has_\(object)_privilege"
      for key in keys {
        catalog(name, [key, .text], .bool)
        catalog(name, [.name, key, .text], .bool)
        catalog(name, [.oid, key, .text], .bool)
      }
    }
    for key in [SQLType.text, .oid] {
      for column in [SQLType.text, .int2] {
        catalog("has_column_privilege", [key, column, .text], .bool)
        catalog("has_column_privilege", [.name, key, column, .text], .bool)
      }
    }
    for role in [SQLType.name, .oid] {
      catalog("pg_has_role", [role, .text], .bool)
      for user in [SQLType.name, .oid] { catalog("pg_has_role", [user, role, .text], .bool) }
    }
  }

  /// A function that `SessionServices.catalogFunction` answers.
  private mutating func catalog(
    _ name: String, _ arguments: [SQLType], _ result: SQLType, _ volatility: Volatility = .stable,
    isStrict: Bool = true
  ) {
    let kind = result.kind
    function(name, arguments, result, volatility, isStrict: isStrict) { (a, n, context) throws(SQLError) in
      var column = ColumnVector(kind, capacity: n)
      let nulls = isStrict ? nullMask(of: a, n) : NullMask()
      var row = RowReader(arguments: a, row: 0)
      for index in 0..<n {
        row.row = index
        if nulls[index] {
          column.appendNull()
        } else {
          let answer = try context.services.catalogFunction(name, a.indices.map { row.datum($0) })
          guard answer.fits(kind) else {
            throw SQLError(.internalError, "function \(name) was answered with a value of another type")
          }
          column.append(answer)
        }
      }
      return column
    }
  }

  private mutating func addTypes() {
    polymorphic("pg_typeof", [.any], .regtype, .stable, isStrict: false) { (types) in
      let oid = Int64(types[0].oid.rawValue)
      return { (_, n, _) in ColumnVector(int64s: Array(repeating: oid, count: n)) }
    }
    for (name, wantsNull) in [("num_nulls", true), ("num_nonnulls", false)] {
      polymorphic(name, [.any], .int4, variadic: .any, isStrict: false) { (_) in
        { (a, n, _) throws(SQLError) in
          try mapAllRows(a, n) { (row) -> Int64 in Int64(a.indices.count { row.isNull($0) == wantsNull }) }
        }
      }
    }
  }
}

extension Datum {
  /// Whether a column of this kind can hold the value.
  fileprivate func fits(_ kind: PhysicalKind) -> Bool {
    switch (self, kind) {
    case (.null, _), (.int64, .int64), (.float64, .float64), (.numeric, .numeric), (.bytes, .bytes): true
    default: false
    }
  }
}

/// `8192 bytes`, `10 MB`: the unit in which fewer than 10240 are left, rounded half away from zero.
private func prettySize(_ size: Int64) -> String {
  if size.magnitude < 10 * 1024 { return "\(size) bytes" }
  // Each step halves twice the value, so that the last bit rounds.
  var doubled = size >> 9
  for unit in ["kB", "MB", "GB", "TB"] {
    if doubled.magnitude < 20 * 1024 - 1 { return "\((doubled + (doubled >= 0 ? 1 : -1)) / 2) \(unit)" }
    doubled >>= 10
  }
  return "\((doubled + (doubled >= 0 ? 1 : -1)) / 2) PB"
}
