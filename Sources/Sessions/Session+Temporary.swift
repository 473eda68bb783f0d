// Temporary objects: the schema that they are in is made with the first and goes with the session; what ON COMMIT says is done
// when a transaction commits.
// Source: PostgreSQL manual, CREATE TABLE, "TEMPORARY" and "ON COMMIT"; DISCARD.

import Catalog
import Encoding
import Planning
import SQLSyntax
import SQLTypes
import Transactions

/// What happens to a temporary table at a commit.
struct CommitAction {
  var table: OID
  /// OIDs of what was undone are given again: the name tells whether this still is the table meant.
  var name: String
  var drops: Bool
}

extension Session {
  /// The name of the session's schema for temporary objects, no other session's of the cluster at the same time.
  private var temporarySchemaName: String {
    TemporarySchema.prefix + (gateway.rowIDs.node <= 1 ? "" : "\(gateway.rowIDs.node)_") + "\(process)"
  }

  /// Makes the schema that a statement puts temporary objects into, if it does and there is none.
  func makeTemporarySchema(
    for statement: Statement, _ active: ActiveTransaction, _ catalog: CatalogView
  ) async throws(SQLError) {
    guard statement.makesTemporaryObject, catalog.temporarySchema == nil else { return }
    try requireWritable(active, Self.commandTag(of: statement))
    try await catalogWriter(active, catalog).createTemporarySchema(name: temporarySchemaName)
    temporary = catalog.temporary
  }

  /// A table with ON COMMIT was made.
  func noteCommitAction(of operation: SchemaOperation, _ catalog: CatalogView) {
    let definition: TableDefinition
    switch operation {
    case .createTable(let made, _), .createTableAs(let made, _, _, _): definition = made
    default: return
    }
    guard let drops = definition.dropsOnCommit,
      let table = catalog.snapshot.relation(named: definition.name, in: definition.schema)
    else { return }
    commitActions.removeAll { $0.table == table.oid }
    commitActions.append(CommitAction(table: table.oid, name: table.name, drops: drops))
  }

  /// Drops or empties what ON COMMIT says, within the transaction that is about to commit.
  func runCommitActions() async throws(SQLError) {
    guard !commitActions.isEmpty, let active = transaction, !active.kv.isHistorical, let catalog = active.catalog
    else { return }
    var kept: [CommitAction] = []
    var writer: CatalogWriter?
    for action in commitActions {
      guard let table = catalog.relation(action.table), table.name == action.name, catalog.isTemporary(table) else {
        continue
      }
      // Who has not used the table has nothing to empty.
      if !action.drops, !active.kv.dependencies.contains(KeyLayout.relation(action.table)) {
        kept.append(action)
        continue
      }
      if writer == nil { writer = try await catalogWriter(active, catalog) }
      if action.drops {
        _ = try writer?.dropRelations([action.table], cascades: true)
      } else {
        _ = try writer?.replaceStorage(of: action.table)
        kept.append(action)
      }
    }
    commitActions = kept
  }

  private func catalogWriter(
    _ active: ActiveTransaction, _ catalog: CatalogView
  ) async throws(SQLError) -> CatalogWriter {
    do throws(TransactionError) {
      return try await CatalogWriter(catalog, in: active.kv)
    } catch {
      throw SQLError(error, relation: { catalog.relation($0) })
    }
  }

  /// `DISCARD TEMP`: within the session's transaction.
  func dropTemporaryObjects() async throws(SQLError) {
    guard temporary != nil else { return }
    let active = try beginIfNeeded()
    try requirePresent(active, "DISCARD TEMP")
    let catalog = try await catalog(of: active)
    guard catalog.temporarySchema != nil else { return }
    try await catalogWriter(active, catalog).dropTemporarySchema()
    commitActions.removeAll()
  }

  /// The session ends. What cannot be dropped now falls to the next session of the name.
  func leaveTemporaryObjects() async {
    guard temporary != nil else { return }
    for attempt in 1...Limits.temporaryAttemptCount {
      do throws(SQLError) {
        try await dropTemporaryObjects()
        try await commitTransaction()
        temporary = nil
        return
      } catch {
        await rollbackTransaction()
        guard error.retry == .transaction else { break }
        await gateway.transactions.backOff(attempt)
      }
    }
    gateway.logger.warning("temporary objects of a session stay behind until another takes its place")
  }
}

extension Statement {
  /// Whether what it makes goes into the session's schema for temporary objects.
  var makesTemporaryObject: Bool {
    switch self {
    case .createTable(let statement): Self.isTemporary(statement.name, statement.persistence)
    case .createTableAs(let statement): Self.isTemporary(statement.name, statement.persistence)
    case .createView(let statement): Self.isTemporary(statement.name, statement.persistence)
    case .createSequence(let statement): Self.isTemporary(statement.name, statement.persistence)
    case .select(let query):
      if case .select(let core) = query.body, let into = core.into {
        Self.isTemporary(into.name, into.persistence)
      } else {
        false
      }
    default: false
    }
  }

  private static func isTemporary(_ name: QualifiedName, _ persistence: Persistence) -> Bool {
    persistence == .temporary || name.schema?.text == TemporarySchema.alias
  }
}
