// Statements about the session itself: transactions, settings, prepared statements, cursors, and the ones that PostgreSQL's
// tools send and that have nothing to do here. They need no plan.
// Source: PostgreSQL manual, part VI "SQL Commands".

import Catalog
import Encoding
import Execution
import Expressions
import Planning
import SQLSyntax
import SQLTypes
import Transactions

extension Session {
  /// Runs the statement if it is the session's business; false if it has to be planned.
  func runSessionStatement(_ parsed: ParsedStatement, _ text: [UInt8]) async throws(SQLError) -> Bool {
    switch parsed.statement {
    case .transaction(let statement): try await run(statement, text)
    case .set(let statement) where statement.scope == .cluster: try await setClusterSetting(statement)
    case .set(let statement):
      if statement.name == "role" || statement.name == "session_authorization" {
        // They name what the catalog has.
        _ = try await catalog(of: try beginIfNeeded())
      }
      try run(statement)
    case .setTransaction(let statement): try await run(statement, text)
    case .setConstraints(let statement): try await run(statement)
    case .show(let statement): try await run(statement)
    case .discard(let statement): try await run(statement)
    case .prepare(let statement): try await run(statement, parsed, text)
    case .execute(let statement): try await run(statement, text)
    case .deallocate(let name):
      if let name {
        _ = try self.statement(named: name.text)
        statements[name.text] = nil
        client.send(commandTag: "DEALLOCATE")
      } else {
        statements.removeAll()
        client.send(commandTag: "DEALLOCATE ALL")
      }
    case .declareCursor(let statement): try await run(statement, text)
    case .fetch(let statement): try await run(statement)
    case .closeCursor(let name):
      if let name {
        guard portals[name.text] != nil else { throw Self.noCursor(name) }
        portals[name.text] = nil
        client.send(commandTag: "CLOSE CURSOR")
      } else {
        portals.removeAll()
        client.send(commandTag: "CLOSE CURSOR ALL")
      }
    case .vacuum(let statement): try await run(statement)
    case .checkpoint: client.send(commandTag: "CHECKPOINT")
    case .anonymousBlock(let body, let language): try await runBlock(body, language, try beginIfNeeded())
    case .lock(let statement): try await run(statement)
    case .reindex(let statement):
      try await requireTable(statement.kind == .table ? statement.name : nil)
      client.send(commandTag: "REINDEX")
    case .cluster(let statement):
      try await requireTable(statement.table)
      client.send(commandTag: "CLUSTER")
    case .notification(let statement):
      switch statement {
      case .unlisten: client.send(commandTag: "UNLISTEN")
      case .listen, .notify: throw SQLError(.featureNotSupported, "LISTEN and NOTIFY are not supported")
      }
    default: return false
    }
    return true
  }

  /// The columns of a session statement's result, for `Describe`; nil if the statement has to be planned.
  func sessionStatementColumns(_ statement: Statement) throws(SQLError) -> [ResultColumn]? {
    switch statement {
    case .show(.setting(let name)): [ResultColumn(name: try settings.show(name).name, type: .text)]
    case .show(.all): Self.showAllColumns
    case .show(.clusterSetting(let name)): [ResultColumn(name: name, type: .text)]
    case .show(.clusterSettings): Self.showAllColumns
    case .show(.ranges): Self.showRangesColumns
    case .show(.clock): Self.showClockColumns
    case .execute(let statement): try self.statement(named: statement.name.text).columns
    case .fetch(let statement): portals[statement.cursor.text]?.statement.columns ?? []
    case .transaction, .set, .setTransaction, .setConstraints, .discard, .prepare, .deallocate, .declareCursor,
      .closeCursor, .vacuum, .checkpoint, .anonymousBlock, .lock, .reindex, .cluster, .notification:
      []
    default: nil
    }
  }

  // MARK: Settings

  private func run(_ statement: SetStatement) throws(SQLError) {
    let isLocal = statement.scope == .local
    let isReset = statement.value == .reset
    if isLocal, transaction?.isExplicit != true {
      client.send(
        notice: SQLError(.noActiveSQLTransaction, "SET LOCAL can only be used in transaction blocks"),
        severity: "WARNING")
    }
    guard let name = statement.name else {
      try settings.resetAll()
      client.send(commandTag: "RESET")
      return
    }
    var value: String?
    switch statement.value {
    case .values(let arguments):
      // A list is kept as SQL would write it, so that a name with a comma stays one name.
      let isList = name == "search_path"
      var texts: [String] = []
      for argument in arguments {
        switch argument {
        case .string(let text):
          texts.append(isList && arguments.count > 1 ? SyntaxPrinter.quoteIdentifier(text) : text)
        case .integer(let number): texts.append(String(number))
        case .numeric(let text): texts.append(text)
        case .interval(_, let text): texts.append(try Self.zoneName(ofInterval: text))
        }
      }
      value = texts.joined(separator: ", ")
    case .default, .reset: value = nil
    case .current: value = settings.value(name)
    }
    try setParameter(name, to: value, isLocal: isLocal)
    client.send(commandTag: isReset ? "RESET" : "SET")
  }

  /// `SET TIME ZONE INTERVAL '…'`.
  private static func zoneName(ofInterval text: String) throws(SQLError) -> String {
    guard let info = TypeInfo.find(SQLType.interval.oid),
      case .bytes(let bytes) = try info.input(Array(text.utf8), modifier: -1, settings: .standard)
    else { preconditionFailure("the type interval is read into its bytes") }
    let interval = Interval(bytes)
    if interval.months != 0 {
      throw SQLError(.invalidParameterValue, "cannot specify months in time zone interval")
    }
    if interval.days != 0 {
      throw SQLError(.invalidParameterValue, "cannot specify days in time zone interval")
    }
    return TimeZoneRules.offsetName(seconds: Int(interval.microseconds / 1_000_000))
  }

  /// `SET` and `set_config`.
  func setParameter(_ name: String, to value: String?, isLocal: Bool) throws(SQLError) {
    switch name {
    case "transaction_isolation":
      guard let transaction, transaction.isExplicit else { return }
      switch value?.lowercased() {
      case "serializable", nil: try setIsolation(.serializable, on: transaction)
      case "repeatable read": try setIsolation(.repeatableRead, on: transaction)
      case "read committed", "read uncommitted": try setIsolation(.readCommitted, on: transaction)
      default:
        throw SQLError(
          .invalidParameterValue, "invalid value for parameter \"transaction_isolation\": \"\(value ?? "")\"")
      }
    case "transaction_priority":
      guard let transaction, transaction.isExplicit else { return }
      guard let value else {
        transaction.kv.priority = settings.defaultPriority
        break
      }
      guard let priority = Transactions.TransactionPriority(sqlName: value.lowercased()) else {
        throw SQLError(.invalidParameterValue, "invalid value for parameter \"transaction_priority\": \"\(value)\"")
      }
      transaction.kv.priority = priority
    case "transaction_timeout":
      try settings.set(name, to: value, isLocal: isLocal)
      limitTransaction()
    case "transaction_read_only":
      if let transaction, let value, let flag = SettingDefinition.parseBool(value) {
        try transaction.setReadOnly(flag)
      }
    case "transaction_deferrable": break
    case "session_authorization", "role": try setRole(name, to: value, isLocal: isLocal)
    default: try settings.set(name, to: value, isLocal: isLocal)
    }
  }

  /// `SET ROLE` and `SET SESSION AUTHORIZATION`. Errors 22023 for an unknown role, 42501.
  private func setRole(_ name: String, to value: String?, isLocal: Bool) throws(SQLError) {
    guard let catalog = (transaction?.catalog ?? lastCatalog)?.snapshot else {
      throw SQLError(.internalError, "a role is set before the session is open")
    }
    if let value, name == "session_authorization" || value != "none" {
      guard let role = catalog.role(named: value) else {
        throw SQLError(.invalidParameterValue, "role \"\(value)\" does not exist")
      }
      let session = name == "role" ? settings.sessionUser ?? authenticated : authenticated
      let own = catalog.role(named: session)
      if name == "role" {
        let view = CatalogView(catalog)
        guard own.map({ view.isMember($0.oid, of: role.oid) }) ?? false else {
          throw SQLError(.insufficientPrivilege, "permission denied to set role \"\(value)\"")
        }
      } else if own?.isSuperuser != true, value != authenticated {
        throw SQLError(.insufficientPrivilege, "permission denied to set session authorization")
      }
    }
    try settings.set(name, to: value, isLocal: isLocal)
    // Another session user begins as itself.
    if name == "session_authorization" { try settings.set("role", to: nil, isLocal: isLocal) }
    transaction?.catalog?.user = user
  }

  /// The value that `SHOW` and `current_setting` give.
  func showParameter(_ name: String) throws(SQLError) -> (name: String, value: String) {
    switch name.lowercased() {
    case "transaction_isolation":
      if let transaction { return ("transaction_isolation", transaction.isolation.sqlName) }
      return ("transaction_isolation", settings.value("default_transaction_isolation") ?? "serializable")
    case "transaction_priority":
      return ("transaction_priority", (transaction?.kv.priority ?? settings.defaultPriority).sqlName)
    case "transaction_read_only":
      if let transaction { return ("transaction_read_only", transaction.isReadOnly ? "on" : "off") }
      return ("transaction_read_only", settings.value("default_transaction_read_only") ?? "off")
    case "is_superuser":
      guard let catalog = transaction?.catalog ?? lastCatalog else { return try settings.show(name) }
      return ("is_superuser", catalog.snapshot.role(named: user)?.isSuperuser == true ? "on" : "off")
    default: return try settings.show(name)
    }
  }

  private static let showAllColumns = ["name", "setting", "description"].map { ResultColumn(name: $0, type: .text) }

  private func run(_ statement: ShowStatement) async throws(SQLError) {
    switch statement {
    case .setting(let name):
      let shown = try showParameter(name)
      send(columns: [ResultColumn(name: shown.name, type: .text)], rows: [[.text(shown.value)]], tag: "SHOW")
    case .all:
      var rows: [[Datum]] = []
      for definition in SettingDefinition.all {
        rows.append([
          .text(definition.name), .text(try showParameter(definition.name).value), .text(definition.summary),
        ])
      }
      send(columns: Self.showAllColumns, rows: rows, tag: "SHOW")
    case .clusterSetting(let name):
      let row = try clusterSetting(name)
      send(columns: [ResultColumn(name: row.name, type: .text)], rows: [[.text(row.value)]], tag: "SHOW")
    case .clusterSettings:
      send(
        columns: Self.showAllColumns,
        rows: clusterSettings.map { [.text($0.name), .text($0.value), .text($0.summary)] }, tag: "SHOW")
    case .ranges: try await showRanges()
    case .clock: await showClock()
    }
  }

  private func run(_ statement: DiscardStatement) async throws(SQLError) {
    switch statement {
    case .all:
      if transaction?.isExplicit == true {
        throw SQLError(.activeSQLTransaction, "DISCARD ALL cannot run inside a transaction block")
      }
      portals.removeAll()
      statements.removeAll()
      sequenceSession.discard()
      try await dropTemporaryObjects()
      try settings.resetAll()
      client.send(commandTag: "DISCARD ALL")
    case .plans:
      for statement in statements.values { statement.plan = nil }
      client.send(commandTag: "DISCARD PLANS")
    case .sequences:
      sequenceSession.discard()
      client.send(commandTag: "DISCARD SEQUENCES")
    case .temporary:
      try await dropTemporaryObjects()
      client.send(commandTag: "DISCARD TEMP")
    }
  }

  // MARK: Prepared statements

  private func run(
    _ statement: PrepareStatement, _ parsed: ParsedStatement, _ text: [UInt8]
  ) async throws(SQLError) {
    let name = statement.name.text
    if statements[name] != nil {
      throw SQLError(.duplicatePreparedStatement, "prepared statement \"\(name)\" already exists")
    }
    let active = try beginIfNeeded()
    let catalog = try await catalog(of: active)
    var types: [SQLType] = []
    for type in statement.types { types.append(try planner(catalog).resolve(type, source: text)) }
    let prepared = PreparedStatement(
      name: name, source: text,
      parsed: ParsedStatement(
        statement: statement.statement, range: parsed.range, parameterCount: statement.parameterCount),
      declaredTypes: types, prepareTime: gateway.now, isFromSQL: true)
    try await prepare(prepared)
    statements[name] = prepared
    client.send(commandTag: "PREPARE")
  }

  private func run(_ statement: ExecuteStatement, _ source: [UInt8]) async throws(SQLError) {
    let prepared = try self.statement(named: statement.name.text)
    guard statement.arguments.count == prepared.parameterTypes.count else {
      throw SQLError(
        .syntaxError, "wrong number of parameters for prepared statement \"\(prepared.name)\"",
        detail: "Expected \(prepared.parameterTypes.count) parameters but got \(statement.arguments.count).")
    }
    let isImplicit = transaction == nil
    let count = prepared.columns.count
    if let inner = prepared.parsed?.statement, inner.asOf != nil || settings.usesFollowerReads {
      let values = try await evaluate(statement.arguments, as: prepared.parameterTypes, source, try beginIfNeeded())
      try await readWhenStated(inner, source: prepared.source, parameters: values, types: prepared.parameterTypes)
    }
    try await withRetries(commits: isImplicit) { active async throws(SQLError) in
      active.statementCount += 1
      let values = try await self.evaluate(statement.arguments, as: prepared.parameterTypes, source, active)
      let portal = Portal(
        name: "", statement: prepared, parameters: values,
        formats: [ValueFormat](repeating: .text, count: count))
      guard prepared.plan != nil else {
        guard let inner = prepared.parsed else { return }
        if try await self.runSessionStatement(inner, prepared.source) { return }
        try await self.runPlanned(inner.statement, prepared.source, active)
        return
      }
      if count > 0 { self.client.send(rowDescription: prepared.columns, formats: portal.formats) }
      try await self.start(portal, active)
      try await self.advance(portal, maximumRowCount: 0)
    }
  }

  /// The values of EXECUTE's arguments, cast to the parameters' types.
  private func evaluate(
    _ arguments: [Expression], as types: [SQLType], _ source: [UInt8], _ active: ActiveTransaction
  ) async throws(SQLError) -> [Datum] {
    if arguments.isEmpty { return [] }
    let catalog = try await catalog(of: active)
    let context = executionContext(parameters: [], active, catalog)
    var values: [Datum] = []
    for (argument, type) in zip(arguments, types) {
      let expression = try planner(catalog).planExpression(argument, as: type, source: source)
      let row = Batch(columns: [], rowCount: 1)
      values.append(try Evaluator.evaluate(expression, row, context.evaluation).datum(0))
    }
    return values
  }

  // MARK: Maintenance

  /// Versions are collected by the store itself and statistics as needed: these say so by doing nothing, once the names are right.
  private func run(_ statement: VacuumStatement) async throws(SQLError) {
    if statement.isVacuum, transaction?.isExplicit == true {
      throw SQLError(.activeSQLTransaction, "VACUUM cannot run inside a transaction block")
    }
    for target in statement.targets { try await requireTable(target.table) }
    client.send(commandTag: statement.isVacuum ? "VACUUM" : "ANALYZE")
  }

  private func run(_ statement: LockStatement) async throws(SQLError) {
    guard transaction?.isExplicit == true else {
      throw SQLError(.noActiveSQLTransaction, "LOCK TABLE can only be used in transaction blocks")
    }
    let active = try beginIfNeeded()
    try requirePresent(active, "LOCK TABLE")
    let catalog = try await catalog(of: active)
    catalog.searchPath = settings.searchPath
    for reference in statement.tables {
      let name = reference.name
      guard let table = catalog.relation(name.name.text, schema: name.schema?.text) else {
        throw SQLError(.undefinedTable, "relation \"\(name)\" does not exist")
      }
      if case .sequence = table.kind {
        throw SQLError(
          .wrongObjectType, "cannot lock relation \"\(table.name)\"",
          detail: "This operation is not supported for sequences.")
      }
      guard let lock = statement.mode.lock(noWait: statement.noWait) else { continue }
      var block = KeyValueBlock()
      do throws(TransactionError) {
        _ = try await active.kv.get(KeyLayout.relation(table.oid), lock: lock, into: &block)
      } catch {
        throw SQLError(error, relation: { catalog.relation($0) })
      }
    }
    client.send(commandTag: "LOCK TABLE")
  }

  private func requireTable(_ name: QualifiedName?) async throws(SQLError) {
    guard let name else { return }
    let active = try beginIfNeeded()
    let catalog = try await catalog(of: active)
    catalog.searchPath = settings.searchPath
    guard catalog.relation(name.name.text, schema: name.schema?.text) != nil else {
      throw SQLError(.undefinedTable, "relation \"\(name)\" does not exist")
    }
  }
}

extension LockStatement.Mode {
  /// The lock on the table's descriptor that keeps out what the mode conflicts with, among lock statements and changes of the
  /// schema; nil for modes that conflict with nothing but the strongest.
  fileprivate func lock(noWait: Bool) -> LockRequest? {
    let wait: LockWaitPolicy = noWait ? .fail : .wait
    switch self {
    case .accessShare, .rowShare, .rowExclusive: return nil
    case .share: return LockRequest(.shared, wait: wait)
    case .shareUpdateExclusive, .shareRowExclusive, .exclusive, .accessExclusive:
      return LockRequest(.exclusive, wait: wait)
    }
  }
}
