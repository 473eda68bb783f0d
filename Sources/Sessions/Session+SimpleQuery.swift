// HOT: The simple protocol: a query string of any number of statements, answered one after the other. A string that only differs
// from an earlier one in its literals takes that one's plan, without being parsed.
// Source: PostgreSQL manual, 55.2.2 "Simple Query".

import Catalog
import Planning
import SQLSyntax
import SQLTypes
import Transactions

extension Session {
  /// Runs a query string. Errors go to `report`; nothing is thrown.
  public func simpleQuery(_ text: [UInt8], report: (SQLError) -> Void) async {
    // The unnamed statement and portal do not survive a simple query.
    statements[""] = nil
    portals[""] = nil
    do throws(SQLError) {
      try await working { () async throws(SQLError) in
        try await leavePast()
        if !settings.usesFollowerReads, try await runCached(text) { return }
        let parsed = try Parser.parse(text)
        if parsed.isEmpty {
          client.sendEmptyQuery()
          return
        }
        for (index, statement) in parsed.enumerated() {
          gateway.counters.statements += 1
          try await runSimple(statement, text, isOnly: parsed.count == 1, isLast: index == parsed.count - 1)
        }
        // Statements of one string are one transaction unless they say otherwise.
        if let transaction, !transaction.isExplicit { try await commitTransaction() }
      }
    } catch {
      await statementFailed()
      report(explained(error))
    }
    tellSettings()
    waitForClient()
  }

  private func runSimple(
    _ parsed: ParsedStatement, _ text: [UInt8], isOnly: Bool, isLast: Bool
  ) async throws(SQLError) {
    try requireUsable(parsed.statement)
    try await readWhenStated(parsed.statement, source: text)
    if try await runSessionStatement(parsed, text) { return }
    if parsed.parameterCount > 0 {
      throw SQLError(.undefinedParameter, "there is no parameter $1")
    }
    // Of a string with several statements only the whole could be tried again, and its first results may have left.
    let isImplicit = isOnly && (transaction.map { !$0.isExplicit && $0.statementCount == 0 } ?? true)
    try await withRetries(commits: isImplicit) { active async throws(SQLError) in
      active.statementCount += 1
      try await self.runPlanned(parsed.statement, text, active)
    }
  }

  /// In a failed block only its end is taken.
  func requireUsable(_ statement: Statement) throws(SQLError) {
    guard let transaction, transaction.isFailed else { return }
    if case .transaction(let kind) = statement {
      switch kind {
      case .commit, .rollback, .rollbackTo: return
      default: break
      }
    }
    throw Self.failedBlock
  }

  /// Plans one statement and runs it to its end.
  func runPlanned(_ statement: Statement, _ text: [UInt8], _ active: ActiveTransaction) async throws(SQLError) {
    if case .createSchema(let creation) = statement, !creation.elements.isEmpty {
      return try await runCreateSchema(creation, text, active)
    }
    let catalog = try await catalog(of: active)
    try await makeTemporarySchema(for: statement, active, catalog)
    switch try planner(catalog).plan(statement, source: text, allowsParameters: false) {
    case .query(let plan):
      try requireWritable(active, plan)
      name(active, text, plan)
      try await runToEnd(plan, parameters: [], active, catalog)
    case .schema(let operation):
      if case .select = statement { try requireWritable(active, "SELECT INTO") }
      try requireWritable(active, Self.commandTag(of: statement))
      active.kv.label = text
      try await runSchema(operation, tag: Self.commandTag(of: statement), active, catalog)
    case .copy(let plan):
      active.kv.label = text
      try await runCopy(plan, active, catalog)
    case .explain(let explain): try await runExplain(explain, active, catalog)
    case .needsLiterals: throw SQLError(.internalError, "a plain statement was planned as one without literals")
    }
  }

  // MARK: Cached plans

  /// Runs the string by a plan already made for its like. False if there is none to be had.
  private func runCached(_ text: [UInt8]) async throws(SQLError) -> Bool {
    if let transaction, transaction.isFailed { return false }
    guard let extraction = LiteralExtraction.extract(text) else { return false }
    let key = PlanCacheKey(text: extraction.key, searchPath: resolutionPath, user: user)
    let isImplicit = transaction == nil
    var ran = false
    try await withRetries(commits: false) { active async throws(SQLError) in
      let catalog = try await self.catalog(of: active)
      guard let version = catalog.shareableVersion else { return }
      let plan: QueryPlan
      if let known = gateway.plans.find(key, catalogVersion: version) {
        plan = known
        gateway.counters.planCacheHits += 1
      } else {
        gateway.counters.planCacheMisses += 1
        guard let made = self.planExtracted(extraction, text, catalog) else { return }
        plan = made
        gateway.plans.insert(key, made)
      }
      gateway.counters.statements += 1
      active.statementCount += 1
      try requireWritable(active, plan)
      name(active, text, plan)
      let parameters = try bindLiterals(extraction.literals, to: plan, source: text)
      try await runToEnd(plan, parameters: parameters, active, catalog)
      if isImplicit { try await commitTransaction() }
      ran = true
    }
    return ran
  }

  /// A plan for the statement with its literals as parameters; nil where that would change its meaning, or where
  /// planning fails, so that the plain statement is planned and gives the error in its own words.
  private func planExtracted(
    _ extraction: LiteralExtraction, _ text: [UInt8], _ catalog: CatalogView
  ) -> QueryPlan? {
    guard let parsed = try? Parser.parse(text, extracting: extraction), parsed.count == 1,
      case .query(let made)? = try? planner(catalog).plan(parsed[0].statement, source: text)
    else { return nil }
    return made.dependsOnSettings ? nil : made
  }

  /// Reads the literals as values of the types that planning gave them.
  private func bindLiterals(
    _ literals: [ExtractedLiteral], to plan: QueryPlan, source: [UInt8]
  ) throws(SQLError) -> [Datum] {
    var parameters: [Datum] = []
    parameters.reserveCapacity(literals.count)
    let format = settings.format(at: transaction?.beginTime ?? gateway.now)
    for (index, literal) in literals.enumerated() {
      let type = plan.parameterTypes[index]
      guard let info = TypeInfo.find(type.oid) else {
        throw SQLError(.internalError, "no type \(type.oid) for a literal")
      }
      do throws(SQLError) {
        parameters.append(
          try info.input(literal.text, modifier: type.modifier, settings: format))
      } catch {
        throw error.at(byteOffset: Int(literal.position.offset), of: source)
      }
    }
    return parameters
  }
}
