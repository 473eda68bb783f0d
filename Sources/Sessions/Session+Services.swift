// What functions and the executor ask of the session: who and where, settings, catalog functions, sequences, the rows of
// relations computed from the catalog.

import Catalog
import Execution
import Expressions
import SQLTypes
import Transactions

extension Session: SessionServices {
  public var currentUser: String { user }
  public var sessionUser: String { settings.sessionUser ?? authenticated }
  public var currentDatabase: String { databaseName }

  public func currentSchemas(includingImplicit: Bool) -> [String] {
    transaction?.catalog?.searchSchemaNames(includingImplicit: includingImplicit) ?? []
  }

  public func setting(_ name: String) -> String? { try? showParameter(name).value }

  public func catalogFunction(_ name: String, _ arguments: [Datum]) throws(SQLError) -> Datum {
    guard let catalog = transaction?.catalog else {
      throw SQLError(.internalError, "\(name) was called outside a transaction")
    }
    switch name {
    case "cluster_logical_timestamp":
      guard let transaction else { return .null }
      return try ReadTimeText.number(transaction.kv.readTimestamp)
    case "pg_backend_pid": return .int64(Int64(process))
    case "version": return .text("PostgreSQL \(setting("server_version") ?? "15") (Meridian)")
    case "lastval":
      guard let last = sequenceSession.lastSequence, catalog.relation(last) != nil else {
        throw SQLError(.objectNotInPrerequisiteState, "lastval is not yet defined in this session")
      }
      try catalog.require(anyOf: [.usage, .select], onSequence: last)
      return .int64(try sequenceSession.last())
    case "pg_client_encoding": return .text(settings.value("client_encoding") ?? "UTF8")
    case "pg_is_in_recovery": return .bool(false)
    case "pg_postmaster_start_time", "pg_conf_load_time": return .int64(gateway.startTime)
    case "txid_current": return .int64(transactionNumber)
    case "txid_current_if_assigned":
      return transaction?.kv.isReadOnly == false ? .int64(transactionNumber) : .null
    // As on a socket of the machine itself: addresses are nobody's business.
    case "inet_server_addr", "inet_server_port", "inet_client_addr", "inet_client_port": return .null
    default: break
    }
    if name == "set_config" {
      guard arguments.count == 3, case .bytes(let key) = arguments[0], case .int64(let isLocal) = arguments[2] else {
        return .null
      }
      let value: String? =
        if case .bytes(let text) = arguments[1] { String(decoding: text, as: UTF8.self) } else { nil }
      let parameter = String(decoding: key, as: UTF8.self)
      try setParameter(parameter, to: value, isLocal: isLocal != 0)
      return .text(try showParameter(parameter).value)
    }
    return try CatalogFunctions(catalog, self).call(name, arguments)
  }

  private var transactionNumber: Int64 { Int64(truncatingIfNeeded: (transaction?.kv.id.high ?? 0) >> 1) }

  // MARK: Sequences

  private func sequence(_ oid: OID) throws(SQLError) -> SequenceHandle {
    guard let table = transaction?.catalog?.relation(oid) else {
      throw SQLError(.undefinedTable, "relation with OID \(oid) does not exist")
    }
    guard let handle = SequenceHandle(table) else {
      throw SQLError(.wrongObjectType, "\"\(table.name)\" is not a sequence")
    }
    return handle
  }

  private func require(_ wanted: [Privileges], onSequence oid: OID) throws(SQLError) {
    try transaction?.catalog?.require(anyOf: wanted, onSequence: oid)
  }

  public func nextValue(ofSequence oid: OID) throws(SQLError) -> Int64 {
    let handle = try sequence(oid)
    try require([.usage, .update], onSequence: oid)
    return try sequenceSession.next(handle)
  }
  public func currentValue(ofSequence oid: OID) throws(SQLError) -> Int64 {
    let handle = try sequence(oid)
    try require([.usage, .select], onSequence: oid)
    return try sequenceSession.current(handle)
  }
  public func setValue(ofSequence oid: OID, to value: Int64, isCalled: Bool) throws(SQLError) {
    try require([.update], onSequence: oid)
    try sequenceSession.set(try sequence(oid), to: value, isCalled: isCalled)
  }
}

extension Session: SequenceReserver {
  public func reserve(_ sequence: OID, count: Int) async throws(SQLError) {
    let handle = try self.sequence(sequence)
    do throws(TransactionError) {
      try await sequenceSession.reserve(handle, count: count)
    } catch {
      throw SQLError(error, relation: { _ in nil })
    }
  }

  /// The statement is over: what it reserved and did not use goes back, what `setval` said is stored.
  @inline(__always)
  func finishSequences() async throws(SQLError) {
    if sequenceSession.hasReserved { try await giveBackSequences() }
  }

  private func giveBackSequences() async throws(SQLError) {
    do throws(TransactionError) {
      try await sequenceSession.finish()
    } catch {
      throw SQLError(error, relation: { _ in nil })
    }
  }

  /// Reserves values for calls that the plan could not foresee. False if there were none.
  func reserveMissingSequences() async throws(SQLError) -> Bool {
    let missing = sequenceSession.missing.sorted { $0.key < $1.key }
    if missing.isEmpty { return false }
    for (oid, count) in missing { try await reserve(oid, count: count) }
    return true
  }
}

extension Session: VirtualTableProvider {
  public func rows(of table: TableDescriptor, columns: [UInt32]) async throws(SQLError) -> [Batch] {
    if let sequence = transaction?.catalog?.relation(table.oid), case .sequence(let options) = sequence.kind {
      let last = lastValue(ofSequence: table.oid)
      let row: [UInt32: Datum] = [
        1: .int64(last ?? options.restart ?? options.start), 2: .int64(0), 3: .bool(last != nil),
      ]
      var batch = Batch(kinds: columns.map { _ in .int64 })
      batch.append(row: columns.map { row[$0] ?? .null })
      return [batch]
    }
    guard let catalog = transaction?.catalog, let virtual = VirtualTable.withOID(table.oid) else {
      throw SQLError(.internalError, "relation \"\(table.name)\" has no rows to compute")
    }
    if table.schema == .meridianCatalogSchema { clusterFacts = await facts(for: table) }
    let all = try virtual.rows(catalog, self)
    var wanted: [ColumnVector] = []
    for id in columns {
      guard let ordinal = table.ordinal(ofColumn: id) else {
        throw SQLError(.internalError, "relation \"\(table.name)\" has no column \(id)")
      }
      wanted.append(all.columns[ordinal])
    }
    return all.rowCount == 0 ? [] : [Batch(columns: wanted, rowCount: all.rowCount)]
  }
}

extension Session: CatalogServices {
  public var settingRows: [SettingRow] {
    SettingDefinition.all.map { definition in
      let value = (try? showParameter(definition.name).value) ?? definition.display(definition.initial)
      var row = SettingRow(
        name: definition.name, value: settings.value(definition.name) ?? value, kind: "string",
        summary: definition.summary, context: definition.access == .fixed ? "internal" : "user",
        source: settings.value(definition.name) == definition.initial ? "default" : "session",
        bootValue: definition.initial, resetValue: settings.resetValue(definition.name) ?? definition.initial)
      switch definition.kind {
      case .bool: row.kind = "bool"
      case .integer(let bounds, let unit):
        row.kind = "integer"
        row.unit = unit == .none ? nil : unit.rawValue
        row.minimum = String(bounds.lowerBound)
        row.maximum = String(bounds.upperBound)
      case .real(let bounds):
        row.kind = "real"
        row.minimum = "\(bounds.lowerBound)"
        row.maximum = "\(bounds.upperBound)"
      case .choice(let choices):
        row.kind = "enum"
        row.choices = choices
      case .text: break
      }
      return row
    }.sorted { $0.name.lowercased() < $1.name.lowercased() }
  }

  public var clusterSettings: [SettingRow] { gateway.cluster?.settings ?? [] }

  public func lastValue(ofSequence oid: OID) -> Int64? {
    (try? sequence(oid)).flatMap { gateway.sequences.lastValue(of: $0) }
  }

  public var preparedStatements: [PreparedStatementRow] {
    statements.values.filter { !$0.name.isEmpty }.sorted { $0.name < $1.name }.map { statement in
      PreparedStatementRow(
        name: statement.name, sql: String(decoding: statement.source, as: UTF8.self),
        prepareTime: statement.prepareTime, parameterTypes: statement.parameterTypes, isFromSQL: statement.isFromSQL)
    }
  }
}
