// `\d` and its kin, the lists: each is a query on pg_catalog, shown as a table under psql's headers.
// Source: PostgreSQL manual, psql, "Meta-Commands", and 53, "System Catalogs".

/// A list to show: what is asked of the catalog, and the headers that its columns get.
struct CatalogList {
  var title: String
  var headers: [String]
  var columns: [String]
  var from: String
  var conditions: [String] = []
  var order: String
  var showsCount = true

  mutating func add(_ header: String, _ column: String) {
    headers.append(header)
    columns.append(column)
  }

  var sql: String {
    "SELECT \(columns.joined(separator: ", "))\nFROM \(from)"
      + (conditions.isEmpty ? "" : "\nWHERE \(conditions.joined(separator: "\n  AND "))") + "\nORDER BY \(order)"
  }
}

extension Shell {
  /// Rows of a query on the catalog; shows the query first if ECHO_HIDDEN is on.
  func catalogRows(_ sql: String) throws -> [[String?]] {
    guard let client else { throw ShellFailure("You are currently not connected to a database.") }
    if variables.isOn("ECHO_HIDDEN") {
      standardOutput.write("********* QUERY **********\n\(sql);\n**************************\n\n")
      standardOutput.flush()
    }
    do {
      return try Interrupts.cancelling(client.cancelToken) { try client.rows(sql).rows }
    } catch let message as ServerMessage {
      tell(message, query: sql)
      throw CatalogQueryFailed()
    }
  }

  /// An error of the catalog's query that has been told.
  struct CatalogQueryFailed: Error {}

  func describe(_ command: String, _ pattern: String?) throws -> CommandResult {
    do {
      return try list(command, pattern) ? .done : .failed
    } catch is CatalogQueryFailed {
      return .failed
    }
  }

  private func list(_ command: String, _ pattern: String?) throws -> Bool {
    let isVerbose = command.hasSuffix("+")
    let showsSystem = command.dropFirst().contains("S")
    let letters = command.filter { $0 != "+" && $0 != "S" }
    switch letters {
    case "l", "list": return try show(databases(pattern, isVerbose))
    case "d":
      if let pattern { return try describeRelations(pattern, isVerbose: isVerbose) }
      return try listRelations("tvmsE", nil, isVerbose: isVerbose, showsSystem: showsSystem)
    case "dn": return try show(schemas(pattern, isVerbose, showsSystem))
    case "du", "dg": return try show(roles(pattern, isVerbose, showsSystem))
    case "df", "dfn", "dfp", "dft", "dfa", "dfw":
      return try show(functions(String(letters.dropFirst(2)), pattern, isVerbose, showsSystem))
    case "dT": return try show(types(pattern, isVerbose, showsSystem))
    case "dx": return try show(extensions(pattern))
    case "db": return try show(tablespaces(pattern))
    case "dD": return try show(domains(pattern, showsSystem))
    case "dp", "z": return try show(privileges(pattern, showsSystem))
    case "sv": return try showSource("v", pattern)
    case "sf": return try showSource("f", pattern)
    case _ where letters.dropFirst().allSatisfy { "tvmsiE".contains($0) }:
      return try listRelations(String(letters.dropFirst()), pattern, isVerbose: isVerbose, showsSystem: showsSystem)
    default:
      throw ShellFailure(
        isInteractive ? "invalid command \\\(command)\nTry \\? for help." : "invalid command \\\(command)")
    }
  }

  @discardableResult
  func show(_ list: CatalogList) throws -> Bool {
    let rows = try catalogRows(list.sql)
    let table = ResultTable(
      title: list.title, headers: list.headers, rows: rows, footers: list.showsCount ? nil : [])
    show(table, options: describeOptions(), in: output)
    return true
  }

  /// The catalog's NULL is nothing to show.
  func describeOptions() -> PrintOptions {
    var options = self.options
    options.nullText = ""
    options.title = nil
    return options
  }

  static let systemSchemas = [
    "n.nspname <> 'pg_catalog'", "n.nspname <> 'information_schema'", "n.nspname !~ '^pg_toast'",
  ]

  // MARK: Relations

  private func listRelations(
    _ letters: String, _ pattern: String?, isVerbose: Bool, showsSystem: Bool
  ) throws -> Bool {
    let kinds: [Character: [String]] = [
      "t": ["r", "p"], "v": ["v"], "m": ["m"], "i": ["i", "I"], "s": ["S"], "E": ["f"],
    ]
    var wanted = letters.flatMap { kinds[$0] ?? [] }
    // Tables of the system's own storage are shown when the pattern may mean them.
    if letters.contains("t"), showsSystem || pattern != nil { wanted.append("t") }
    var list = CatalogList(
      title: "List of relations", headers: ["Schema", "Name", "Type", "Owner"],
      columns: [
        "n.nspname", "c.relname",
        """
        CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
          WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index' WHEN 'I' THEN 'partitioned index'
          WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' WHEN 't' THEN 'TOAST table' END
        """,
        "pg_catalog.pg_get_userbyid(c.relowner)",
      ],
      from: "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
      order: "1, 2")
    if letters.contains("i") {
      list.from +=
        "\n  LEFT JOIN pg_catalog.pg_index x ON x.indexrelid = c.oid"
        + "\n  LEFT JOIN pg_catalog.pg_class t ON t.oid = x.indrelid"
      list.add("Table", "t.relname")
    }
    if isVerbose {
      list.add(
        "Persistence",
        "CASE c.relpersistence WHEN 'p' THEN 'permanent' WHEN 't' THEN 'temporary' WHEN 'u' THEN 'unlogged' END")
      if letters.contains(where: { "tmi".contains($0) }) {
        list.from += "\n  LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam"
        list.add("Access method", "a.amname")
      }
      list.add("Size", "pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(c.oid))")
      list.add("Description", "pg_catalog.obj_description(c.oid, 'pg_class')")
    }
    list.conditions = ["c.relkind IN (\(wanted.map { "'\($0)'" }.joined(separator: ", ")))"]
    if pattern == nil, !showsSystem { list.conditions += Self.systemSchemas }
    list.conditions += try NamePattern.conditions(
      pattern, name: "c.relname", schema: "n.nspname", visibility: "pg_catalog.pg_table_is_visible(c.oid)")
    let rows = try catalogRows(list.sql)
    if rows.isEmpty, !isQuiet {
      complain(
        ShellFailure(pattern.map { "Did not find any relation named \"\($0)\"." } ?? "Did not find any relations."))
      return true
    }
    show(ResultTable(title: list.title, headers: list.headers, rows: rows), options: describeOptions(), in: output)
    return true
  }

  private func privileges(_ pattern: String?, _ showsSystem: Bool) throws -> CatalogList {
    CatalogList(
      title: "Access privileges",
      headers: ["Schema", "Name", "Type", "Access privileges", "Column privileges", "Policies"],
      columns: [
        "n.nspname", "c.relname",
        """
        CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
          WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' END
        """,
        "pg_catalog.array_to_string(c.relacl, E'\\n')", "''", "''",
      ],
      from: "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
      conditions: ["c.relkind IN ('r', 'v', 'm', 'S', 'f', 'p')"]
        + (pattern == nil && !showsSystem ? Self.systemSchemas : [])
        + (try NamePattern.conditions(
          pattern, name: "c.relname", schema: "n.nspname", visibility: "pg_catalog.pg_table_is_visible(c.oid)")),
      order: "1, 2")
  }

  // MARK: Databases, schemas, roles

  private func databases(_ pattern: String?, _ isVerbose: Bool) throws -> CatalogList {
    var list = CatalogList(
      title: "List of databases",
      headers: [
        "Name", "Owner", "Encoding", "Collate", "Ctype", "ICU Locale", "Locale Provider", "Access privileges",
      ],
      columns: [
        "d.datname", "pg_catalog.pg_get_userbyid(d.datdba)", "pg_catalog.pg_encoding_to_char(d.encoding)",
        "d.datcollate", "d.datctype", "d.daticulocale",
        "CASE d.datlocprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' END",
        "pg_catalog.array_to_string(d.datacl, E'\\n')",
      ],
      from: "pg_catalog.pg_database d",
      conditions: try NamePattern.conditions(pattern, name: "d.datname", schema: nil, visibility: nil), order: "1")
    if isVerbose {
      list.from += " LEFT JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace"
      list.add("Size", "pg_catalog.pg_size_pretty(pg_catalog.pg_database_size(d.datname))")
      list.add("Tablespace", "t.spcname")
      list.add("Description", "pg_catalog.shobj_description(d.oid, 'pg_database')")
    }
    return list
  }

  private func schemas(_ pattern: String?, _ isVerbose: Bool, _ showsSystem: Bool) throws -> CatalogList {
    var list = CatalogList(
      title: "List of schemas", headers: ["Name", "Owner"],
      columns: ["n.nspname", "pg_catalog.pg_get_userbyid(n.nspowner)"], from: "pg_catalog.pg_namespace n",
      conditions: try NamePattern.conditions(pattern, name: "n.nspname", schema: nil, visibility: nil), order: "1")
    if pattern == nil, !showsSystem {
      list.conditions += ["n.nspname !~ '^pg_'", "n.nspname <> 'information_schema'"]
    }
    if isVerbose {
      list.add("Access privileges", "pg_catalog.array_to_string(n.nspacl, E'\\n')")
      list.add("Description", "pg_catalog.obj_description(n.oid, 'pg_namespace')")
    }
    return list
  }

  private func roles(_ pattern: String?, _ isVerbose: Bool, _ showsSystem: Bool) throws -> CatalogList {
    let attributes = """
      pg_catalog.concat_ws(', ', CASE WHEN r.rolsuper THEN 'Superuser' END, CASE WHEN NOT r.rolinherit THEN 'No inheritance' END,
          CASE WHEN r.rolcreaterole THEN 'Create role' END, CASE WHEN r.rolcreatedb THEN 'Create DB' END,
          CASE WHEN NOT r.rolcanlogin THEN 'Cannot login' END, CASE WHEN r.rolreplication THEN 'Replication' END,
          CASE WHEN r.rolbypassrls THEN 'Bypass RLS' END)
        || CASE WHEN r.rolconnlimit = 0 THEN E'\\nNo connections' WHEN r.rolconnlimit = 1 THEN E'\\n1 connection'
          WHEN r.rolconnlimit > 1 THEN E'\\n' || r.rolconnlimit || ' connections' ELSE '' END
        || CASE WHEN r.rolvaliduntil IS NOT NULL THEN E'\\nPassword valid until ' || r.rolvaliduntil ELSE '' END
      """
    var list = CatalogList(
      title: "List of roles", headers: ["Role name", "Attributes", "Member of"],
      columns: [
        "r.rolname", attributes,
        """
        coalesce((SELECT pg_catalog.array_agg(g.rolname ORDER BY g.rolname)
          FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid), '{}')
        """,
      ],
      from: "pg_catalog.pg_roles r",
      conditions: try NamePattern.conditions(pattern, name: "r.rolname", schema: nil, visibility: nil), order: "1",
      showsCount: false)
    if pattern == nil, !showsSystem { list.conditions.append("r.rolname !~ '^pg_'") }
    if isVerbose { list.add("Description", "pg_catalog.shobj_description(r.oid, 'pg_authid')") }
    return list
  }

  // MARK: Functions and types

  private func functions(
    _ letters: String, _ pattern: String?, _ isVerbose: Bool, _ showsSystem: Bool
  ) throws -> CatalogList {
    var list = CatalogList(
      title: "List of functions",
      headers: ["Schema", "Name", "Result data type", "Argument data types", "Type"],
      columns: [
        "n.nspname", "p.proname", "pg_catalog.pg_get_function_result(p.oid)",
        "pg_catalog.pg_get_function_arguments(p.oid)",
        """
        CASE WHEN p.prokind = 'a' THEN 'agg' WHEN p.prokind = 'w' THEN 'window' WHEN p.prokind = 'p' THEN 'proc'
          WHEN p.prorettype = 2279 THEN 'trigger' ELSE 'func' END
        """,
      ],
      from: "pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace",
      conditions: try NamePattern.conditions(
        pattern, name: "p.proname", schema: "n.nspname", visibility: "pg_catalog.pg_function_is_visible(p.oid)"),
      order: "1, 2, 4")
    if pattern == nil, !showsSystem { list.conditions += Self.systemSchemas.dropLast() }
    let kinds: [Character: String] = [
      "a": "p.prokind = 'a'", "w": "p.prokind = 'w'", "p": "p.prokind = 'p'", "t": "p.prorettype = 2279",
      "n": "(p.prokind = 'f' AND p.prorettype <> 2279)",
    ]
    if let letter = letters.first, let condition = kinds[letter] { list.conditions.append(condition) }
    if isVerbose {
      list.from += "\n  JOIN pg_catalog.pg_language l ON l.oid = p.prolang"
      list.add(
        "Volatility", "CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' WHEN 'v' THEN 'volatile' END"
      )
      list.add(
        "Parallel", "CASE p.proparallel WHEN 'r' THEN 'restricted' WHEN 's' THEN 'safe' WHEN 'u' THEN 'unsafe' END")
      list.add("Owner", "pg_catalog.pg_get_userbyid(p.proowner)")
      list.add("Security", "CASE WHEN p.prosecdef THEN 'definer' ELSE 'invoker' END")
      list.add("Access privileges", "pg_catalog.array_to_string(p.proacl, E'\\n')")
      list.add("Language", "l.lanname")
      list.add("Source code", "p.prosrc")
      list.add("Description", "pg_catalog.obj_description(p.oid, 'pg_proc')")
    }
    return list
  }

  private func types(_ pattern: String?, _ isVerbose: Bool, _ showsSystem: Bool) throws -> CatalogList {
    var list = CatalogList(
      title: "List of data types", headers: ["Schema", "Name"],
      columns: ["n.nspname", "pg_catalog.format_type(t.oid, NULL)"],
      from: """
        pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
          LEFT JOIN pg_catalog.pg_class k ON k.oid = t.typrelid
          LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
        """,
      // Neither the row types of tables nor the array types that come with every type.
      conditions: ["(t.typrelid = 0 OR k.relkind = 'c')", "e.oid IS NULL"], order: "1, 2")
    if let pattern {
      let parsed = try NamePattern(pattern)
      let names = [
        parsed.name.condition(on: "t.typname"), parsed.name.condition(on: "pg_catalog.format_type(t.oid, NULL)"),
      ].compactMap { $0 }
      if !names.isEmpty { list.conditions.append("(\(names.joined(separator: " OR ")))") }
      if let condition = parsed.schema?.condition(on: "n.nspname") { list.conditions.append(condition) }
    }
    if pattern?.contains(".") != true { list.conditions.append("pg_catalog.pg_type_is_visible(t.oid)") }
    if pattern == nil, !showsSystem { list.conditions += Self.systemSchemas.dropLast() }
    if isVerbose {
      list.add("Internal name", "t.typname")
      list.add(
        "Size",
        "CASE WHEN t.typrelid <> 0 THEN 'tuple' WHEN t.typlen < 0 THEN 'var' ELSE CAST(t.typlen AS pg_catalog.text) END"
      )
      list.add(
        "Elements",
        """
        (SELECT pg_catalog.string_agg(v.enumlabel, E'\\n' ORDER BY v.enumsortorder)
          FROM pg_catalog.pg_enum v WHERE v.enumtypid = t.oid)
        """)
      list.add("Owner", "pg_catalog.pg_get_userbyid(t.typowner)")
      list.add("Access privileges", "pg_catalog.array_to_string(t.typacl, E'\\n')")
    }
    list.add("Description", "pg_catalog.obj_description(t.oid, 'pg_type')")
    return list
  }

  private func domains(_ pattern: String?, _ showsSystem: Bool) throws -> CatalogList {
    CatalogList(
      title: "List of domains", headers: ["Schema", "Name", "Type", "Collation", "Nullable", "Default", "Check"],
      columns: [
        "n.nspname", "t.typname", "pg_catalog.format_type(t.typbasetype, t.typtypmod)",
        "CASE WHEN t.typcollation <> b.typcollation THEN k.collname END",
        "CASE WHEN t.typnotnull THEN 'not null' END", "t.typdefault",
        """
        (SELECT pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(r.oid, true), ' ' ORDER BY r.conname)
          FROM pg_catalog.pg_constraint r WHERE r.contypid = t.oid)
        """,
      ],
      from: """
        pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
          LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
          LEFT JOIN pg_catalog.pg_collation k ON k.oid = t.typcollation
        """,
      conditions: ["t.typtype = 'd'"] + (pattern == nil && !showsSystem ? Array(Self.systemSchemas.dropLast()) : [])
        + (try NamePattern.conditions(
          pattern, name: "t.typname", schema: "n.nspname", visibility: "pg_catalog.pg_type_is_visible(t.oid)")),
      order: "1, 2")
  }

  // MARK: The rest

  private func extensions(_ pattern: String?) throws -> CatalogList {
    CatalogList(
      title: "List of installed extensions", headers: ["Name", "Version", "Schema", "Description"],
      columns: [
        "e.extname", "e.extversion", "n.nspname", "pg_catalog.obj_description(e.oid, 'pg_extension')",
      ],
      from: "pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace",
      conditions: try NamePattern.conditions(pattern, name: "e.extname", schema: nil, visibility: nil), order: "1")
  }

  private func tablespaces(_ pattern: String?) throws -> CatalogList {
    CatalogList(
      title: "List of tablespaces", headers: ["Name", "Owner", "Location"],
      columns: [
        "t.spcname", "pg_catalog.pg_get_userbyid(t.spcowner)", "pg_catalog.pg_tablespace_location(t.oid)",
      ],
      from: "pg_catalog.pg_tablespace t",
      conditions: try NamePattern.conditions(pattern, name: "t.spcname", schema: nil, visibility: nil), order: "1")
  }

  /// `\sv` and `\sf`: the definition of a view or a function as a statement.
  private func showSource(_ kind: String, _ name: String?) throws -> Bool {
    guard let name else { throw ShellFailure(kind == "v" ? "view name is required" : "function name is required") }
    let literal = SQLText.literal(name)
    if kind == "v" {
      let rows = try catalogRows(
        """
        SELECT n.nspname, c.relname, pg_catalog.pg_get_viewdef(c.oid, true)
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = CAST(\(literal) AS pg_catalog.regclass)
        """)
      guard let row = rows.first else { return false }
      let qualified = [row[0], row[1]].compactMap { $0 }.map(SQLText.name).joined(separator: ".")
      let body = row[2] ?? ""
      output.write("CREATE OR REPLACE VIEW \(qualified) AS\n\(body.hasSuffix(";") ? String(body.dropLast()) : body)\n")
      return true
    }
    let type = name.contains("(") ? "regprocedure" : "regproc"
    let rows = try catalogRows("SELECT pg_catalog.pg_get_functiondef(CAST(\(literal) AS pg_catalog.\(type)))")
    output.write(rows.first?.first.flatMap { $0 } ?? "")
    return true
  }
}
