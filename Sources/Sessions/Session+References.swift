// Foreign keys in a session: the plans of their actions, checks that wait for the commit, SET CONSTRAINTS.
// Source: PostgreSQL manual, SET CONSTRAINTS.

import Catalog
import Execution
import Planning
import SQLSyntax
import SQLTypes

extension Session: ReferencePlanner {
  public func plan(
    _ statement: ReferentialStatement, for key: ForeignKey, of child: TableDescriptor
  ) throws(SQLError) -> QueryPlan {
    guard let active = transaction, let catalog = active.catalog else {
      throw SQLError(.internalError, "a foreign key's action was asked for outside a transaction")
    }
    let plan = try planner(catalog).plan(statement, for: key, of: child)
    active.depend(on: plan.dependencies)
    return plan
  }

  public func outgoingReference(
    _ key: ForeignKey, of table: TableDescriptor
  ) throws(SQLError) -> OutgoingReference? {
    guard let catalog = transaction?.catalog else { return nil }
    return try planner(catalog).outgoingReference(key, of: table)
  }
}

extension Session {
  /// Runs the checks that waited: all of them before a commit, or those that are deferred no more. Error 23503.
  @inline(__always)
  func checkDeferredReferences(all: Bool) async throws(SQLError) {
    if let active = transaction, !active.deferredReferences.isEmpty {
      try await runDeferredReferences(of: active, all: all)
    }
  }

  private func runDeferredReferences(of active: ActiveTransaction, all: Bool) async throws(SQLError) {
    let catalog = try await self.catalog(of: active)
    let context = executionContext(parameters: [], active, catalog)
    try await context.references.runDeferred(active.deferredReferences, all: all, context)
  }

  func run(_ statement: SetConstraintsStatement) async throws(SQLError) {
    if transaction?.isExplicit != true {
      client.send(
        notice: SQLError(.noActiveSQLTransaction, "SET CONSTRAINTS can only be used in transaction blocks"),
        severity: "WARNING")
    }
    let active = try beginIfNeeded()
    var keys: [OID]?
    if !statement.constraints.isEmpty {
      let catalog = try await self.catalog(of: active)
      var found: [OID] = []
      for name in statement.constraints {
        let named = catalog.foreignKeys(named: name.name.text, schema: name.schema?.text)
        if named.isEmpty {
          throw SQLError(.undefinedObject, "constraint \"\(name.name.text)\" does not exist")
        }
        guard named.allSatisfy(\.isDeferrable) else {
          throw SQLError(.wrongObjectType, "constraint \"\(name.name.text)\" is not deferrable")
        }
        found += named.map(\.oid)
      }
      keys = found
    }
    active.deferredReferences.set(keys, isDeferred: statement.isDeferred)
    if !statement.isDeferred { try await checkDeferredReferences(all: false) }
    client.send(commandTag: "SET CONSTRAINTS")
  }
}
