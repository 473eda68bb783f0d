// HOT: From a plan to rows at the client: the context of an execution, the loop over batches, command tags.

import Catalog
import Execution
import Expressions
import Planning
import SQLSyntax
import SQLTypes
import Transactions

extension Session {
  /// What names are looked up by: the search path, and the schema of temporary objects if there is one.
  var resolutionPath: [String] { temporary.map { settings.searchPath + [$0.name] } ?? settings.searchPath }

  /// Plans by the session's search path and settings.
  func planner(_ catalog: CatalogView) -> StatementPlanner {
    catalog.searchPath = (schemaBeingMade.map { [$0] } ?? []) + settings.searchPath
    return StatementPlanner(
      catalog: catalog, settings: settings.format(at: transaction?.beginTime ?? gateway.now),
      statistics: gateway.tableStatistics)
  }

  /// What an execution within the session's transaction works with.
  func executionContext(
    parameters: [Datum], _ active: ActiveTransaction, _ catalog: CatalogView
  ) -> ExecutionContext {
    let context = ExecutionContext(
      transaction: active.kv, evaluation: makeEvaluationContext(), codecs: gateway.codecs, rowIDs: gateway.rowIDs)
    context.interruption = { [unowned self] in self.interruption }
    context.isTurnOver = { [unowned self] in self.isTurnOver }
    context.giveWay = { [unowned self] in await self.giveWay() }
    context.sleep = { [unowned self] nanoseconds in await self.gateway.reactor.sleep(nanoseconds: nanoseconds) }
    context.virtualTables = self
    context.sequences = self
    context.referencePlanner = self
    context.procedures = self
    context.relation = { [unowned self] in self.transaction?.catalog?.relation($0) }
    context.schemaName = { [unowned self] in self.transaction?.catalog?.schema($0)?.name }
    prepare(context, parameters: parameters, active, catalog)
    return context
  }

  /// What differs from one execution to the next.
  private func prepare(
    _ context: ExecutionContext, parameters: [Datum], _ active: ActiveTransaction, _ catalog: CatalogView
  ) {
    context.deferredReferences = active.deferredReferences
    let evaluation = context.evaluation
    evaluation.parameters = parameters
    evaluation.transactionTime = active.beginTime
    evaluation.statementTime = statementTime
    if context.settingsVersion != settings.formatVersion {
      evaluation.settings = settings.format
      context.settingsVersion = settings.formatVersion
    }
    evaluation.settings.transactionTime = active.beginTime
    evaluation.settings.objectNames = catalog.objectNames()
    context.limits.workMemory = settings.workMemoryByteCount
  }

  /// How values are shown to the client; where they are objects of the catalog, with their names.
  func outputSettings(for columns: [ResultColumn]) -> FormatSettings {
    var format = settings.format
    if columns.contains(where: \.type.namesObjects) { format.objectNames = transaction?.catalog?.objectNames() }
    return format
  }

  func begin(
    _ plan: QueryPlan, parameters: [Datum], _ active: ActiveTransaction, _ catalog: CatalogView
  ) throws(SQLError) -> QueryExecution {
    active.depend(on: plan.dependencies)
    try check(plan, active, catalog)
    let slot = executionSlots.slot(of: plan)
    let execution: QueryExecution
    if let kept = slot.take() {
      execution = kept
      prepare(execution.context, parameters: parameters, active, catalog)
      execution.restart(in: active.kv)
    } else {
      execution = try Executor.run(plan, executionContext(parameters: parameters, active, catalog))
    }
    execution.slot = slot
    return execution
  }

  /// An execution has come to its end: its operators may serve the next one of the same plan.
  func end(_ execution: QueryExecution) {
    if execution.isWorthKeeping { execution.slot?.put(execution) }
  }

  /// Runs a plan and sends everything: description, rows, tag. For the simple protocol.
  func runToEnd(
    _ plan: QueryPlan, parameters: [Datum], _ active: ActiveTransaction, _ catalog: CatalogView
  ) async throws(SQLError) {
    let execution = try begin(plan, parameters: parameters, active, catalog)
    let formats = [ValueFormat](repeating: .text, count: plan.columns.count)
    let format = RowFormat(columns: plan.columns, formats: formats, settings: outputSettings(for: plan.columns))
    let hasRows = plan.kind == .select || !plan.columns.isEmpty
    if hasRows { client.send(rowDescription: plan.columns, formats: formats) }
    var rowCount = 0
    while let batch = try await execution.next() {
      if hasRows { client.send(batch, format) }
      rowCount += batch.rowCount
      if client.mustDrain { try await client.drain() }
    }
    client.send(Self.tag(plan.kind, rowCount: plan.kind == .select ? rowCount : execution.affectedRows))
    end(execution)
  }

  /// Sends rows made here, as a query's result.
  func send(columns: [ResultColumn], rows: [[Datum]], tag: String, describes: Bool = true) {
    let formats = [ValueFormat](repeating: .text, count: columns.count)
    if describes { client.send(rowDescription: columns, formats: formats) }
    var batch = Batch(kinds: columns.map { TypeInfo.find($0.type.oid)?.kind ?? .bytes })
    for row in rows { batch.append(row: row) }
    if batch.rowCount > 0 {
      client.send(batch, RowFormat(columns: columns, formats: formats, settings: settings.format))
    }
    client.send(commandTag: tag)
  }

  /// Error 42501 unless the user may do what a plan does.
  @inline(__always)
  func check(_ plan: QueryPlan, _ active: ActiveTransaction, _ catalog: CatalogView) throws(SQLError) {
    if plan.requirements.isEmpty { return }
    if active.kv.isHistorical {
      try checkToday(plan.requirements, catalog)
    } else if !catalog.isSuperuser {
      try catalog.check(plan.requirements)
    }
  }

  /// Others that wait for its locks are told what the transaction runs. What only reads keeps nobody waiting.
  @inline(__always)
  func name(_ active: ActiveTransaction, _ text: [UInt8], _ plan: QueryPlan) {
    if plan.writing != nil { active.kv.label = text }
  }

  func requireWritable(_ active: ActiveTransaction, _ plan: QueryPlan) throws(SQLError) {
    if active.isReadOnly, let writing = plan.writing { try requireWritable(active, writing) }
  }

  func requireWritable(_ active: ActiveTransaction, _ command: String) throws(SQLError) {
    if active.isReadOnly {
      throw SQLError(.readOnlySQLTransaction, "cannot execute \(command) in a read-only transaction")
    }
  }

  static func tag(_ kind: QueryPlan.Kind, rowCount: Int) -> RowCountTag {
    switch kind {
    case .select: RowCountTag("SELECT ", rowCount)
    case .insert: RowCountTag("INSERT 0 ", rowCount)
    case .update: RowCountTag("UPDATE ", rowCount)
    case .delete: RowCountTag("DELETE ", rowCount)
    }
  }
}
