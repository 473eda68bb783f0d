// `\d NAME`: one relation with its columns, and beneath them its indexes, constraints and what else belongs to it.

/// What pg_class says of the relation that is shown.
struct DescribedRelation {
  var oid: String
  var schema: String
  var name: String
  var kind: String
  var persistence: String
  var isPartition: Bool
  var hasTriggers: Bool
  var accessMethod: String?

  var qualifiedName: String { "\(schema).\(name)" }

  var title: String {
    let unlogged = persistence == "u"
    return switch kind {
    case "r": "\(unlogged ? "Unlogged table" : "Table") \"\(qualifiedName)\""
    case "p": "\(unlogged ? "Unlogged partitioned table" : "Partitioned table") \"\(qualifiedName)\""
    case "v": "View \"\(qualifiedName)\""
    case "m": "Materialized view \"\(qualifiedName)\""
    case "S": "Sequence \"\(qualifiedName)\""
    case "i": "\(unlogged ? "Unlogged index" : "Index") \"\(qualifiedName)\""
    case "I": "\(unlogged ? "Unlogged partitioned index" : "Partitioned index") \"\(qualifiedName)\""
    case "c": "Composite type \"\(qualifiedName)\""
    case "f": "Foreign table \"\(qualifiedName)\""
    case "t": "TOAST table \"\(qualifiedName)\""
    default: "?\(kind)? \"\(qualifiedName)\""
    }
  }

  var isTable: Bool { ["r", "p", "m", "f", "t"].contains(kind) }
}

extension Shell {
  /// Shows every relation that the pattern means; whether there was one.
  func describeRelations(_ pattern: String, isVerbose: Bool) throws -> Bool {
    let conditions = try NamePattern.conditions(
      pattern, name: "c.relname", schema: "n.nspname", visibility: "pg_catalog.pg_table_is_visible(c.oid)")
    let rows = try catalogRows(
      """
      SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relispartition, c.relhastriggers, a.amname
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam
      \(conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND "))
      ORDER BY 2, 3
      """)
    if rows.isEmpty {
      if !isQuiet { complain(ShellFailure("Did not find any relation named \"\(pattern)\".")) }
      return false
    }
    for row in rows {
      let relation = DescribedRelation(
        oid: row[0] ?? "0", schema: row[1] ?? "", name: row[2] ?? "", kind: row[3] ?? "", persistence: row[4] ?? "p",
        isPartition: row[5] == "t", hasTriggers: row[6] == "t", accessMethod: row[7])
      var table: ResultTable
      switch relation.kind {
      case "S": table = try describeSequence(relation)
      case "i", "I": table = try describeIndex(relation, isVerbose: isVerbose)
      default: table = try describeTable(relation, isVerbose: isVerbose)
      }
      table.title = relation.title
      var options = describeOptions()
      // Columns as records would be hard to read.
      options.expanded = .off
      show(table, options: options, in: output)
    }
    return true
  }

  // MARK: Sequences and indexes

  private func describeSequence(_ relation: DescribedRelation) throws -> ResultTable {
    let rows = try catalogRows(
      """
      SELECT pg_catalog.format_type(s.seqtypid, NULL), s.seqstart, s.seqmin, s.seqmax, s.seqincrement,
        CASE WHEN s.seqcycle THEN 'yes' ELSE 'no' END, s.seqcache
      FROM pg_catalog.pg_sequence s WHERE s.seqrelid = \(relation.oid)
      """)
    let owners = try catalogRows(
      """
      SELECT n.nspname, c.relname, a.attname, d.deptype
      FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.refobjid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
      WHERE d.classid = 1259 AND d.refclassid = 1259 AND d.objid = \(relation.oid) AND d.deptype IN ('a', 'i')
      """)
    let footers = owners.prefix(1).map { row in
      let column = row[..<3].compactMap { $0 }.map(SQLText.name).joined(separator: ".")
      return row[3] == "i" ? "Sequence for identity column: \(column)" : "Owned by: \(column)"
    }
    return ResultTable(
      headers: ["Type", "Start", "Minimum", "Maximum", "Increment", "Cycles?", "Cache"],
      isRightAligned: [false, true, true, true, true, false, true], rows: rows, footers: footers)
  }

  private func describeIndex(_ relation: DescribedRelation, isVerbose: Bool) throws -> ResultTable {
    let columns = try catalogRows(
      """
      SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attnum <= i.indnkeyatts THEN 'yes' ELSE 'no' END,
        pg_catalog.pg_get_indexdef(i.indexrelid, CAST(a.attnum AS pg_catalog.int4), true), a.attstorage, a.attstattarget
      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_index i ON i.indexrelid = a.attrelid
      WHERE a.attrelid = \(relation.oid) AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY a.attnum
      """)
    let facts = try catalogRows(
      """
      SELECT i.indisunique, i.indisprimary, i.indisclustered, i.indisvalid, i.indnullsnotdistinct, m.amname, n.nspname,
        t.relname, pg_catalog.pg_get_expr(i.indpred, i.indrelid, true)
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
        LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
      WHERE i.indexrelid = \(relation.oid)
      """)
    var footer = ""
    if let fact = facts.first {
      if fact[1] == "t" {
        footer = "primary key, "
      } else if fact[0] == "t" {
        footer = fact[4] == "t" ? "unique nulls not distinct, " : "unique, "
      }
      footer += "\(fact[5] ?? ""), for table \"\(fact[6] ?? "").\(fact[7] ?? "")\""
      if let predicate = fact[8] { footer += ", predicate (\(predicate))" }
      if fact[2] == "t" { footer += ", clustered" }
      if fact[3] == "f" { footer += ", invalid" }
    }
    return ResultTable(
      headers: ["Column", "Type", "Key?", "Definition"] + (isVerbose ? ["Storage", "Stats target"] : []),
      rows: columns.map { row in
        Array(row[..<4]) + (isVerbose ? [Self.storage(row[4]), Self.statisticsTarget(row[5])] : [])
      },
      footers: footer.isEmpty ? [] : [footer])
  }

  private static func storage(_ letter: String?) -> String {
    switch letter {
    case "p": "plain"
    case "m": "main"
    case "x": "extended"
    case "e": "external"
    default: "???"
    }
  }

  private static func statisticsTarget(_ target: String?) -> String? { target == "-1" ? nil : target }

  // MARK: Tables and views

  private func describeTable(_ relation: DescribedRelation, isVerbose: Bool) throws -> ResultTable {
    let columns = try catalogRows(
      """
      SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attcollation <> t.typcollation THEN k.collname END, a.attnotnull,
        pg_catalog.pg_get_expr(d.adbin, d.adrelid, true), a.attidentity, a.attgenerated, a.attstorage,
        a.attcompression, a.attstattarget\(isVerbose ? ", pg_catalog.col_description(a.attrelid, a.attnum)" : "")
      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        LEFT JOIN pg_catalog.pg_collation k ON k.oid = a.attcollation
      WHERE a.attrelid = \(relation.oid) AND a.attnum > 0 AND NOT a.attisdropped
      ORDER BY a.attnum
      """)
    var headers = ["Column", "Type", "Collation", "Nullable", "Default"]
    if isVerbose {
      headers.append("Storage")
      if ["r", "m", "p"].contains(relation.kind) { headers.append("Compression") }
      if relation.isTable { headers.append("Stats target") }
      if ["r", "v", "m", "f", "p", "c"].contains(relation.kind) { headers.append("Description") }
    }
    let rows = columns.map { row -> [String?] in
      let fallback =
        switch (row[5], row[6]) {
        case ("a", _): "generated always as identity"
        case ("d", _): "generated by default as identity"
        case (_, "s"): "generated always as (\(row[4] ?? "")) stored"
        default: row[4] ?? ""
        }
      var shown: [String?] = [row[0], row[1], row[2], row[3] == "t" ? "not null" : "", fallback]
      if isVerbose {
        for header in headers.dropFirst(5) {
          switch header {
          case "Storage": shown.append(Self.storage(row[7]))
          case "Compression": shown.append(row[8] == "p" ? "pglz" : row[8] == "l" ? "lz4" : "")
          case "Stats target": shown.append(Self.statisticsTarget(row[9]))
          default: shown.append(row[10])
          }
        }
      }
      return shown
    }
    var footers: [String] = []
    if relation.isTable {
      footers += try partitionFooters(relation, isVerbose: isVerbose)
      footers += try indexFooters(relation)
      footers += try constraintFooters(relation)
    }
    if isVerbose, relation.kind == "v" || relation.kind == "m" {
      let definition = try catalogRows("SELECT pg_catalog.pg_get_viewdef(\(relation.oid), true)")
      footers.append("View definition:")
      footers.append(definition.first?.first.flatMap { $0 } ?? "")
    }
    if relation.hasTriggers { footers += try triggerFooters(relation) }
    if relation.isTable { footers += try inheritanceFooters(relation, isVerbose: isVerbose) }
    if isVerbose, relation.kind == "r" || relation.kind == "m", let method = relation.accessMethod {
      footers.append("Access method: \(method)")
    }
    return ResultTable(headers: headers, rows: rows, footers: footers)
  }

  private func partitionFooters(_ relation: DescribedRelation, isVerbose: Bool) throws -> [String] {
    var footers: [String] = []
    if relation.isPartition {
      let rows = try catalogRows(
        """
        SELECT CAST(i.inhparent AS pg_catalog.regclass), pg_catalog.pg_get_expr(c.relpartbound, c.oid),
          i.inhdetachpending\(isVerbose ? ", pg_catalog.pg_get_partition_constraintdef(c.oid)" : "")
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid WHERE c.oid = \(relation.oid)
        """)
      if let row = rows.first {
        footers.append("Partition of: \(row[0] ?? "") \(row[1] ?? "")\(row[2] == "t" ? " DETACH PENDING" : "")")
        if isVerbose {
          footers.append(row[3].map { "Partition constraint: \($0)" } ?? "No partition constraint")
        }
      }
    }
    if relation.kind == "p" {
      let rows = try catalogRows("SELECT pg_catalog.pg_get_partkeydef(\(relation.oid))")
      footers.append("Partition key: \(rows.first?.first.flatMap { $0 } ?? "")")
    }
    return footers
  }

  private func indexFooters(_ relation: DescribedRelation) throws -> [String] {
    let rows = try catalogRows(
      """
      SELECT c.relname, i.indisprimary, i.indisunique, i.indisclustered, i.indisvalid,
        pg_catalog.pg_get_indexdef(i.indexrelid, 0, true), pg_catalog.pg_get_constraintdef(k.oid, true), k.contype,
        k.condeferrable, k.condeferred, i.indisreplident
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        LEFT JOIN pg_catalog.pg_constraint k
          ON k.conrelid = i.indrelid AND k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
      WHERE i.indrelid = \(relation.oid)
      ORDER BY i.indisprimary DESC, c.relname
      """)
    if rows.isEmpty { return [] }
    return ["Indexes:"]
      + rows.map { row in
        var text = "    \"\(row[0] ?? "")\""
        if row[7] == "x" {
          text += " \(row[6] ?? "")"
        } else {
          if row[1] == "t" {
            text += " PRIMARY KEY,"
          } else if row[2] == "t" {
            text += row[7] == "u" ? " UNIQUE CONSTRAINT," : " UNIQUE,"
          }
          let definition = row[5] ?? ""
          let using = definition.range(of: " USING ")
          text += " " + (using.map { String(definition[$0.upperBound...]) } ?? definition)
          if row[8] == "t" { text += " DEFERRABLE" }
          if row[9] == "t" { text += " INITIALLY DEFERRED" }
        }
        if row[3] == "t" { text += " CLUSTER" }
        if row[4] == "f" { text += " INVALID" }
        if row[10] == "t" { text += " REPLICA IDENTITY" }
        return text
      }
  }

  private func constraintFooters(_ relation: DescribedRelation) throws -> [String] {
    var footers: [String] = []
    let own = try catalogRows(
      """
      SELECT k.conname, k.contype, pg_catalog.pg_get_constraintdef(k.oid, true)
      FROM pg_catalog.pg_constraint k WHERE k.conrelid = \(relation.oid) AND k.contype IN ('c', 'f')
      ORDER BY k.conname
      """)
    for (kind, label) in [("c", "Check constraints:"), ("f", "Foreign-key constraints:")] {
      let lines = own.filter { $0[1] == kind }.map { "    \"\($0[0] ?? "")\" \($0[2] ?? "")" }
      if !lines.isEmpty { footers += [label] + lines }
    }
    let others = try catalogRows(
      """
      SELECT CAST(k.conrelid AS pg_catalog.regclass), k.conname, pg_catalog.pg_get_constraintdef(k.oid, true)
      FROM pg_catalog.pg_constraint k
      WHERE k.confrelid = \(relation.oid) AND k.contype = 'f' AND k.conparentid = 0
      ORDER BY k.conname
      """)
    if !others.isEmpty {
      footers.append("Referenced by:")
      footers += others.map { "    TABLE \"\($0[0] ?? "")\" CONSTRAINT \"\($0[1] ?? "")\" \($0[2] ?? "")" }
    }
    return footers
  }

  private func triggerFooters(_ relation: DescribedRelation) throws -> [String] {
    let rows = try catalogRows(
      """
      SELECT pg_catalog.pg_get_triggerdef(t.oid, true), t.tgenabled FROM pg_catalog.pg_trigger t
      WHERE t.tgrelid = \(relation.oid) AND NOT t.tgisinternal ORDER BY t.tgname
      """)
    var footers: [String] = []
    for (label, states) in [("Triggers:", ["O", "A", "R"]), ("Disabled user triggers:", ["D"])] {
      let lines = rows.filter { states.contains($0[1] ?? "") }.map { row in
        let definition = row[0] ?? ""
        let start = definition.range(of: " TRIGGER ")
        return "    " + (start.map { String(definition[$0.upperBound...]) } ?? definition)
      }
      if !lines.isEmpty { footers += [label] + lines }
    }
    return footers
  }

  private func inheritanceFooters(_ relation: DescribedRelation, isVerbose: Bool) throws -> [String] {
    var footers: [String] = []
    let parents =
      relation.isPartition
      ? []
      : try catalogRows(
        """
        SELECT CAST(i.inhparent AS pg_catalog.regclass) FROM pg_catalog.pg_inherits i
        WHERE i.inhrelid = \(relation.oid) ORDER BY i.inhseqno
        """)
    func listed(_ label: String, _ lines: [String]) -> [String] {
      lines.enumerated().map { index, line in
        let start = index == 0 ? "\(label): " : String(repeating: " ", count: label.utf8.count + 2)
        return start + line + (index == lines.count - 1 ? "" : ",")
      }
    }
    footers += listed("Inherits", parents.map { $0[0] ?? "" })
    let children = try catalogRows(
      """
      SELECT CAST(c.oid AS pg_catalog.regclass), pg_catalog.pg_get_expr(c.relpartbound, c.oid), c.relkind
      FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = \(relation.oid) ORDER BY 1
      """)
    if relation.kind == "p" {
      if children.isEmpty || !isVerbose {
        footers.append(
          "Number of partitions: \(children.count)\(children.isEmpty ? "" : " (Use \\d+ to list them.)")")
      } else {
        footers += listed(
          "Partitions", children.map { "\($0[0] ?? "") \($0[1] ?? "")\($0[2] == "p" ? ", PARTITIONED" : "")" })
      }
    } else if !children.isEmpty {
      if isVerbose {
        footers += listed("Child tables", children.map { $0[0] ?? "" })
      } else {
        footers.append("Number of child tables: \(children.count) (Use \\d+ to list them.)")
      }
    }
    return footers
  }
}
