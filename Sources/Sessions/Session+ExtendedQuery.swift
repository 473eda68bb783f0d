// HOT: The extended protocol: parse once, bind and execute many times, in pipelines that end with `Sync`.
// Source: PostgreSQL manual, 55.2.3 "Extended Query".

import Catalog
import Execution
import Planning
import SQLSyntax
import SQLTypes
import Transactions

extension Session {
  // MARK: Parse

  public func parse(name: String, query: [UInt8], types: [SQLType]) async throws(SQLError) {
    try await working { () async throws(SQLError) in
      if !name.isEmpty, statements[name] != nil {
        throw SQLError(.duplicatePreparedStatement, "prepared statement \"\(name)\" already exists")
      }
      let parsed = try Parser.parse(query)
      guard parsed.count <= 1 else {
        throw SQLError(.syntaxError, "cannot insert multiple commands into a prepared statement")
      }
      let prepared = PreparedStatement(
        name: name, source: query, parsed: parsed.first, declaredTypes: types, prepareTime: gateway.now,
        isFromSQL: false)
      try await prepare(prepared)
      statements[name] = prepared
    }
  }

  /// Finds out the statement's parameters and columns, and its plan if it has one.
  func prepare(_ prepared: PreparedStatement) async throws(SQLError) {
    prepared.parameterTypes = prepared.declaredTypes
    guard let parsed = prepared.parsed else { return }
    try requireUsable(parsed.statement)
    if let columns = try sessionStatementColumns(parsed.statement) {
      prepared.columns = columns
      return
    }
    // The schema that its object goes into may come only with its execution.
    if parsed.statement.makesTemporaryObject { return }
    let wasIdle = transaction == nil
    do throws(SQLError) {
      try await readWhenStated(
        parsed.statement, source: prepared.source, parameters: nil, types: prepared.parameterTypes)
      let active = try beginIfNeeded()
      let catalog = try await catalog(of: active)
      try plan(prepared, catalog)
    } catch {
      if wasIdle { await rollbackTransaction() }
      throw error
    }
  }

  /// Plans a prepared statement against this catalog.
  private func plan(_ prepared: PreparedStatement, _ catalog: CatalogView) throws(SQLError) {
    guard let parsed = prepared.parsed else { return }
    var types: [SQLType?] = prepared.parameterTypes.map { $0 == .unknown || $0.oid == .invalid ? nil : $0 }
    while types.count < parsed.parameterCount { types.append(nil) }
    switch try planner(catalog).plan(parsed.statement, source: prepared.source, parameterTypes: types) {
    case .query(let plan):
      if !prepared.columns.isEmpty, plan.columns.map(\.type) != prepared.columns.map(\.type) {
        throw SQLError(.featureNotSupported, "cached plan must not change result type")
      }
      prepared.plan = plan
      prepared.parameterTypes = plan.parameterTypes
      prepared.columns = plan.columns
    case .explain: prepared.columns = [ResultColumn(name: "QUERY PLAN", type: .text)]
    case .schema, .copy, .needsLiterals: break
    }
  }

  // MARK: Bind

  public func bind(
    portal name: String, statement statementName: String, parameterFormats: FormatCodes, parameters: ParameterValues,
    resultFormats: FormatCodes
  ) throws(SQLError) {
    let prepared = try statement(named: statementName)
    if !name.isEmpty, portals[name] != nil {
      throw SQLError(.duplicateCursor, "cursor \"\(name)\" already exists")
    }
    if let parsed = prepared.parsed { try requireUsable(parsed.statement) }
    guard parameters.count == prepared.parameterTypes.count else {
      throw SQLError(
        .protocolViolation,
        "bind message supplies \(parameters.count) parameters, but prepared statement \"\(statementName)\" requires \(prepared.parameterTypes.count)"
      )
    }
    if case .each(let codes) = parameterFormats, codes.count != parameters.count {
      throw SQLError(
        .protocolViolation,
        "bind message has \(codes.count) parameter formats but \(parameters.count) parameters")
    }
    var values: [Datum] = []
    values.reserveCapacity(parameters.count)
    try parameters.forEach { (index, bytes) throws(SQLError) in
      guard let bytes else { return values.append(.null) }
      let type = prepared.parameterTypes[index]
      values.append(try readParameter(bytes, type: type, format: parameterFormats[index], number: index + 1))
    }
    let formats =
      resultFormats == .text
      ? prepared.textFormats : try Self.expand(resultFormats, columnCount: prepared.columns.count)
    prepared.useCount += 1
    portals[name] = Portal(name: name, statement: prepared, parameters: values, formats: formats)
  }

  private func readParameter(
    _ bytes: UnsafeRawBufferPointer, type: SQLType, format: Int16, number: Int
  ) throws(SQLError) -> Datum {
    guard let info = TypeInfo.find(type.oid) else {
      throw SQLError(.undefinedObject, "type with OID \(type.oid) does not exist")
    }
    do throws(SQLError) {
      switch format {
      case 0:
        // A number means the same at any time.
        if info.category == .numeric, !type.namesObjects {
          return try info.input(bytes, modifier: type.modifier, settings: settings.format)
        }
        var format = settings.format(at: transaction?.beginTime ?? gateway.now)
        if type.namesObjects { format.objectNames = transaction?.catalog?.objectNames() }
        return try info.input(bytes, modifier: type.modifier, settings: format)
      case 1:
        return try info.receive(bytes, modifier: type.modifier, settings: settings.format)
      default: throw SQLError(.invalidParameterValue, "unsupported format code: \(format)")
      }
    } catch {
      var located = error
      if located.context == nil { located.context = "unnamed portal parameter $\(number)" }
      throw located
    }
  }

  private static func expand(_ formats: FormatCodes, columnCount: Int) throws(SQLError) -> [ValueFormat] {
    if case .each(let codes) = formats, codes.count != columnCount {
      throw SQLError(
        .protocolViolation,
        "bind message has \(codes.count) result formats but query has \(columnCount) columns")
    }
    var expanded: [ValueFormat] = []
    expanded.reserveCapacity(columnCount)
    for index in 0..<columnCount {
      let code = formats[index]
      guard let format = ValueFormat(rawValue: UInt8(truncatingIfNeeded: code)), code >= 0, code < 2 else {
        throw SQLError(.invalidParameterValue, "unsupported format code: \(code)")
      }
      expanded.append(format)
    }
    return expanded
  }

  // MARK: Describe and close

  func statement(named name: String) throws(SQLError) -> PreparedStatement {
    if let statement = statements.find(name) { return statement }
    throw SQLError(
      .invalidSQLStatementName,
      name.isEmpty ? "unnamed prepared statement does not exist" : "prepared statement \"\(name)\" does not exist")
  }

  func portal(named name: String) throws(SQLError) -> Portal {
    if let portal = portals[name] { return portal }
    throw SQLError(.invalidCursorName, "portal \"\(name)\" does not exist")
  }

  public func describeStatement(_ name: String) throws(SQLError) -> StatementDescription {
    let prepared = try statement(named: name)
    return StatementDescription(parameterTypes: prepared.parameterTypes, columns: prepared.columns)
  }

  public func describePortal(_ name: String) throws(SQLError) -> PortalDescription {
    let portal = try portal(named: name)
    return PortalDescription(columns: portal.statement.columns, formats: portal.formats)
  }

  public func closeStatement(_ name: String) { statements[name] = nil }
  public func closePortal(_ name: String) { portals[name] = nil }

  // MARK: Execute

  public func execute(portal name: String, maximumRowCount: Int) async throws(SQLError) {
    let portal = try portal(named: name)
    try await working { () async throws(SQLError) in
      gateway.counters.statements += 1
      guard let parsed = portal.statement.parsed else {
        client.sendEmptyQuery()
        return
      }
      try requireUsable(parsed.statement)
      if portal.execution == nil, !portal.isDone,
        portal.statement.readsPast || settings.usesFollowerReads || transaction?.kv.isHistorical == true
      {
        try await readWhenStated(
          parsed.statement, source: portal.statement.source, parameters: portal.parameters,
          types: portal.statement.parameterTypes)
      }
      if portal.statement.plan == nil {
        if try await runSessionStatement(parsed, portal.statement.source) { return }
        // Schema changes and COPY: nothing to keep between two executions.
        let active = try beginIfNeeded()
        active.statementCount += 1
        try await runPlanned(parsed.statement, portal.statement.source, active)
        return
      }
      if portal.execution == nil, !portal.isDone {
        let isFirst = transaction == nil || (transaction?.isExplicit == false && transaction?.statementCount == 0)
        let mark = client.mark
        try await withRetries(commits: false) { active async throws(SQLError) in
          active.statementCount += 1
          portal.execution = nil
          portal.pending = nil
          portal.rowCount = 0
          portal.isDone = false
          try await self.start(portal, active)
          try await self.advance(portal, maximumRowCount: maximumRowCount)
        }
        replay = isFirst && transaction?.isExplicit == false ? (portal, mark) : nil
      } else {
        try await advance(portal, maximumRowCount: maximumRowCount)
        replay = nil
      }
    }
  }

  func start(_ portal: Portal, _ active: ActiveTransaction) async throws(SQLError) {
    let catalog: CatalogView
    if let known = catalogAtOnce(of: active) { catalog = known } else { catalog = try await self.catalog(of: active) }
    let prepared = portal.statement
    if let plan = prepared.plan, plan.catalogVersion != catalog.version || catalog.hasChanges || plan.dependsOnSettings
    {
      try self.plan(prepared, catalog)
    }
    guard let plan = prepared.plan else {
      throw SQLError(.internalError, "prepared statement \"\(prepared.name)\" has no plan")
    }
    try requireWritable(active, plan)
    name(active, prepared.source, plan)
    let execution = try begin(plan, parameters: portal.parameters, active, catalog)
    execution.context.isRested = true
    portal.execution = execution
  }

  /// Sends up to `maximumRowCount` rows (0: all) and what follows them.
  func advance(_ portal: Portal, maximumRowCount: Int) async throws(SQLError) {
    guard let execution = portal.execution, let plan = portal.statement.plan else {
      // Run to its end before: no more rows.
      client.send(Self.tag(portal.statement.plan?.kind ?? .select, rowCount: 0))
      return
    }
    // Held once: it is not owned by the session, and each use of it would count.
    let client = client
    let format = portal.statement.rowFormat(portal.formats, settingsVersion: settings.formatVersion) {
      outputSettings(for: portal.statement.columns)
    }
    var sent = 0
    while true {
      var batch: Batch
      if let pending = portal.pending {
        batch = pending
        portal.pending = nil
      } else if let next = try await execution.next() {
        batch = next
      } else {
        break
      }
      if maximumRowCount > 0, sent + batch.rowCount > maximumRowCount {
        let take = maximumRowCount - sent
        portal.pending = batch.gather((take..<batch.rowCount).map { Int32($0) })
        batch = batch.gather((0..<take).map { Int32($0) })
      }
      if plan.columns.isEmpty == false, batch.rowCount > 0 { client.send(batch, format) }
      sent += batch.rowCount
      portal.rowCount += batch.rowCount
      if maximumRowCount > 0, sent == maximumRowCount {
        client.sendPortalSuspended()
        return
      }
      if client.mustDrain { try await client.drain() }
      if portal.pending == nil, execution.isExhausted { break }
    }
    let count = plan.kind == .select ? portal.rowCount : execution.affectedRows
    portal.execution = nil
    end(execution)
    portal.isDone = true
    client.send(Self.tag(plan.kind, rowCount: count))
  }

  // MARK: Sync

  /// `sync` where nothing has to be waited for; false: it must be called.
  public func syncAtOnce() -> Bool {
    if let transaction, !transaction.isExplicit, !commitAtOnce() { return false }
    pipelineEnded()
    return true
  }

  /// The end of a pipeline: an implicit transaction commits, or is undone if something in it failed.
  public func sync(report: (SQLError) -> Void) async {
    if let transaction, !transaction.isExplicit {
      do throws(SQLError) {
        try await working { () async throws(SQLError) in try await commitReplaying() }
      } catch {
        gateway.counters.failedStatements += 1
        await rollbackTransaction()
        report(explained(error))
      }
    }
    pipelineEnded()
  }

  private func pipelineEnded() {
    if transaction == nil { portals[""] = nil }
    tellSettings()
    waitForClient()
  }

  /// Commits; where that fails for a collision and the transaction was one portal whose output has not left, runs it again.
  private func commitReplaying() async throws(SQLError) {
    let replay = self.replay
    do throws(SQLError) {
      try await commitTransaction()
    } catch {
      guard error.retry == .transaction, let replay, client.rewind(to: replay.mark) else { throw error }
      gateway.counters.retries += 1
      let portal = replay.portal
      try await withRetries(commits: true) { active async throws(SQLError) in
        active.statementCount += 1
        portal.pending = nil
        portal.rowCount = 0
        portal.isDone = false
        try await self.start(portal, active)
        try await self.advance(portal, maximumRowCount: 0)
      }
    }
  }

  /// An error in a pipeline: what follows is skipped by the wire until `Sync`.
  public func extendedQueryFailed() async { await statementFailed() }
}
