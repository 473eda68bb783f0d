// pg_tables, pg_views, pg_indexes, pg_sequences, and what the session shows: pg_settings, pg_stat_activity,
// pg_prepared_statements, and the counters' views.

import SQLTypes

extension CatalogView {
  fileprivate func schemaName(_ oid: OID) -> Datum { .text(optional: snapshot.schema(oid)?.name) }
  fileprivate func roleName(_ oid: OID) -> Datum { .text(roleDisplayName(oid)) }

  /// `pg_get_userbyid`.
  func roleDisplayName(_ oid: OID) -> String { snapshot.role(oid)?.name ?? "unknown (OID=\(oid))" }
}

extension SystemRelations {
  static let tableViewRows: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.everyRelation where relation.relationKindLetter == "r" {
      try rows.add { (row) throws(SQLError) in
        row["schemaname"] = view.schemaName(relation.schema)
        row["tablename"] = .text(relation.name)
        row["tableowner"] = view.roleName(relation.owner)
        row["hasindexes"] = .bool(!relation.visibleIndexes.isEmpty)
        row["hasrules"] = .bool(!relation.rules.isEmpty)
        row["hastriggers"] = .bool(!view.triggers(of: relation).isEmpty)
        row["rowsecurity"] = .bool(false)
      }
    }
  }

  static let viewViewRows: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.everyRelation where relation.relationKindLetter == "v" {
      try rows.add { (row) throws(SQLError) in
        row["schemaname"] = view.schemaName(relation.schema)
        row["viewname"] = .text(relation.name)
        row["viewowner"] = view.roleName(relation.owner)
        if case .view(let sql) = relation.kind {
          row["definition"] = .text(ObjectText(view: view).viewQuery(sql, of: relation))
        }
      }
    }
  }

  static let indexViewRows: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations {
      for index in relation.visibleIndexes {
        try rows.add { (row) throws(SQLError) in
          row["schemaname"] = view.schemaName(relation.schema)
          row["tablename"] = .text(relation.name)
          row["indexname"] = .text(index.name)
          row["indexdef"] = .text(ObjectText(view: view).index(index, of: relation))
        }
      }
    }
  }

  static let sequenceViewRows: RowSource = { (view, services, rows) throws(SQLError) in
    for relation in view.relations {
      guard case .sequence(let options) = relation.kind else { continue }
      try rows.add { (row) throws(SQLError) in
        row["schemaname"] = view.schemaName(relation.schema)
        row["sequencename"] = .text(relation.name)
        row["sequenceowner"] = view.roleName(relation.owner)
        row["data_type"] = .oid(options.type.oid)
        row["start_value"] = .int(options.start)
        row["min_value"] = .int(options.minimum)
        row["max_value"] = .int(options.maximum)
        row["increment_by"] = .int(options.increment)
        row["cycle"] = .bool(options.cycles)
        row["cache_size"] = .int(options.cache)
        row["last_value"] = services.lastValue(ofSequence: relation.oid).map { .int64($0) } ?? .null
      }
    }
  }

  static let settingRows: RowSource = { (_, services, rows) throws(SQLError) in
    for setting in services.settingRows {
      try rows.add { (row) throws(SQLError) in
        row["name"] = .text(setting.name)
        row["setting"] = .text(setting.value)
        row["unit"] = .text(optional: setting.unit)
        row["category"] = .text(setting.category)
        row["short_desc"] = .text(setting.summary)
        row["context"] = .text(setting.context)
        row["vartype"] = .text(setting.kind)
        row["source"] = .text(setting.source)
        row["min_val"] = .text(optional: setting.minimum)
        row["max_val"] = .text(optional: setting.maximum)
        if !setting.choices.isEmpty {
          let elements = setting.choices.map { "\"\($0)\"" }.joined(separator: ",")
          row["enumvals"] = try .parsed(.textArray, "{\(elements)}")
        }
        row["boot_val"] = .text(setting.bootValue)
        row["reset_val"] = .text(setting.resetValue)
        row["pending_restart"] = .bool(false)
      }
    }
  }

  static let activityRows: RowSource = { (view, services, rows) throws(SQLError) in
    for session in services.sessions {
      // Others' statements are for superusers.
      let isOwn = view.isSuperuser || session.user == view.user
      try rows.add { (row) throws(SQLError) in
        row["datid"] = .oid(view.snapshot.database(named: session.database)?.oid ?? .invalid)
        row["datname"] = .text(session.database)
        row["pid"] = .int(session.processID)
        row["usesysid"] = .oid(view.snapshot.role(named: session.user)?.oid ?? .invalid)
        row["usename"] = .text(session.user)
        row["application_name"] = .text(session.applicationName)
        row["query"] = .text(isOwn ? session.query : "<insufficient privilege>")
        row["backend_type"] = .text("client backend")
        guard isOwn else { return }
        if let address = session.clientAddress, row.column("client_addr")?.type == .text {
          row["client_addr"] = .text(address)
        }
        row["client_port"] = session.clientAddress == nil ? .int(-1) : session.clientPort.map { .int($0) } ?? .null
        row["backend_start"] = .int(session.sessionStart)
        row["xact_start"] = session.transactionStart.map { .int64($0) } ?? .null
        row["query_start"] = session.statementStart.map { .int64($0) } ?? .null
        row["state_change"] = session.stateChange.map { .int64($0) } ?? .null
        row["state"] = .text(session.state)
      }
    }
  }

  static let preparedStatementRows: RowSource = { (_, services, rows) throws(SQLError) in
    for statement in services.preparedStatements {
      try rows.add { (row) throws(SQLError) in
        row["name"] = .text(statement.name)
        row["statement"] = .text(statement.sql)
        row["prepare_time"] = .int(statement.prepareTime)
        row["parameter_types"] = try .parsed(
          SQLType(OID(2211)), "{\(statement.parameterTypes.map(\.oid.description).joined(separator: ","))}")
        row["from_sql"] = .bool(statement.isFromSQL)
      }
    }
  }

  /// pg_stat_all_tables and pg_stat_user_tables: what is counted, which is little.
  static let statisticsRows: RowSource = { (view, services, rows) throws(SQLError) in
    for relation in view.relations where relation.relationKindLetter == "r" {
      try rows.add { (row) throws(SQLError) in
        row["relid"] = .oid(relation.oid)
        row["schemaname"] = view.schemaName(relation.schema)
        row["relname"] = .text(relation.name)
        let count = services.approximateRowCount(ofTable: relation.oid)
        if count >= 0, let whole = Int64(exactly: count.rounded()) { row["n_live_tup"] = .int64(whole) }
      }
    }
  }

  static let databaseStatisticsRows: RowSource = { (view, services, rows) throws(SQLError) in
    for database in view.snapshot.databases {
      try rows.add { (row) throws(SQLError) in
        row["datid"] = .oid(database.oid)
        row["datname"] = .text(database.name)
        row["numbackends"] = .int(services.sessions.filter { $0.database == database.name }.count)
      }
    }
  }
}
