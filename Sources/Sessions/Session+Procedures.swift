// Functions in PL/pgSQL in a session: their programs, kept as long as the catalog is what they were made against, and DO.

import Catalog
import Execution
import Expressions
import Planning
import SQLSyntax
import SQLTypes

/// Programs of functions, and the catalog's version that they are good for.
struct ProcedureCache {
  var version: UInt64 = 0
  var settings: [String] = []
  var programs: [OID: ProcedureProgram] = [:]
}

extension Session: ProcedureLibrary {
  private func currentCatalog() throws(SQLError) -> CatalogView {
    guard let catalog = transaction?.catalog else {
      throw SQLError(.internalError, "a function was asked for outside a transaction")
    }
    return catalog
  }

  public func program(of function: OID) throws(SQLError) -> ProcedureProgram {
    let catalog = try currentCatalog()
    // What literals and names mean hangs on these.
    let used = settings.searchPath + ["timezone", "datestyle", "intervalstyle"].map { settings.value($0) ?? "" }
    if procedures.version != catalog.version || procedures.settings != used {
      procedures = ProcedureCache(version: catalog.version, settings: used)
    }
    if let known = procedures.programs[function] { return known }
    guard let descriptor = catalog.snapshot.function(function) else {
      throw SQLError(.undefinedFunction, "function with OID \(function) does not exist")
    }
    let program = try ProcedureProgram(descriptor)
    procedures.programs[function] = program
    return program
  }

  public func plan(
    _ expression: Expression, as type: SQLType?, _ names: ProcedureNames, in function: FunctionDescriptor,
    source: [UInt8]
  ) throws(SQLError) -> ProcedureValue {
    try planner(try currentCatalog()).plan(expression, as: type, names, in: function, source: source)
  }

  public func plan(
    _ statement: Statement, _ names: ProcedureNames, in function: FunctionDescriptor, source: [UInt8]
  ) throws(SQLError) -> QueryPlan {
    guard case .query(let plan) = try planner(try currentCatalog()).plan(statement, names, in: function, source: source)
    else {
      throw SQLError(
        .featureNotSupported, "statements other than queries in language plpgsql are not supported yet")
    }
    return plan
  }

  public func admit(_ plan: QueryPlan) throws(SQLError) {
    guard let active = transaction else { return }
    active.depend(on: plan.dependencies)
    try requireWritable(active, plan)
    let catalog = try currentCatalog()
    try check(plan, active, catalog)
  }

  public func planCast(from source: SQLType, to target: SQLType) throws(SQLError) -> ScalarExpression {
    try planner(try currentCatalog()).planCast(from: source, to: target)
  }

  public func type(
    of kind: ProcedureVariable.Kind, _ names: ProcedureNames, in function: FunctionDescriptor
  ) throws(SQLError) -> SQLType? {
    try planner(try currentCatalog()).type(of: kind, names, in: function)
  }

  public func schemaName(of table: TableDescriptor) -> String {
    transaction?.catalog?.schema(table.schema)?.name ?? ""
  }

  public func send(notice: SQLError, severity: String) {
    let levels = ["debug", "log", "notice", "warning", "error"]
    let wanted = settings.value("client_min_messages")?.lowercased() ?? "notice"
    let least = levels.firstIndex { wanted.hasPrefix($0) } ?? 2
    let own = levels.firstIndex(of: severity.lowercased()) ?? 2
    if severity == "INFO" || own >= least { client.send(notice: notice, severity: severity) }
  }
}

extension Session {
  /// DO: a body that runs once.
  func runBlock(_ body: String, _ language: Identifier?, _ active: ActiveTransaction) async throws(SQLError) {
    let name = language?.text ?? "plpgsql"
    guard name == "plpgsql" else {
      guard name == "sql" else { throw SQLError(.undefinedObject, "language \"\(name)\" does not exist") }
      throw SQLError(.featureNotSupported, "language \"sql\" does not support inline code execution")
    }
    let catalog = try await self.catalog(of: active)
    let function = FunctionDescriptor(
      oid: .invalid, schema: .invalid, name: "inline_code_block", owner: .invalid, parameters: [], result: .void,
      body: body)
    try await ProcedureProgram(function).run(executionContext(parameters: [], active, catalog))
    client.send(commandTag: "DO")
  }
}
