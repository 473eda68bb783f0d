// Transactions as SQL sees them: explicit blocks, the implicit one around a statement or a pipeline, savepoints, the failed
// state, and trying again by ourselves while the client has seen nothing.
// Source: PostgreSQL manual, BEGIN, SAVEPOINT, and 55.2.3 "Extended Query" on implicit blocks.

import Catalog
import SQLSyntax
import SQLTypes
import Transactions

extension Session {
  /// The session's transaction; begins an implicit one if there is none.
  func beginIfNeeded() throws(SQLError) -> ActiveTransaction {
    if let transaction { return transaction }
    return try begin(TransactionModes(), isExplicit: false)
  }

  private func begin(_ modes: TransactionModes, isExplicit: Bool) throws(SQLError) -> ActiveTransaction {
    let isolation = modes.isolation.map(Self.level) ?? settings.defaultIsolation
    let isReadOnly = modes.isReadOnly ?? settings.isReadOnlyByDefault
    let kv = gateway.transactions.begin(isolation: isolation)
    kv.lockTimeout = settings.lockTimeout
    kv.priority = modes.priority.map(Self.priority) ?? settings.defaultPriority
    if isInterrupted { kv.cancelWait() }
    let active = ActiveTransaction(
      kv: kv, isExplicit: isExplicit, isReadOnly: isReadOnly, isolation: isolation, beginTime: beginningTime,
      place: gateway.transactionBegan(kv), deferredReferences: deferredReferences)
    transaction = active
    settings.transactionBegins()
    if settings.transactionTimeout > 0 { limitTransaction() }
    return active
  }

  private static func level(_ level: SQLSyntax.IsolationLevel) -> Transactions.IsolationLevel {
    switch level {
    case .serializable: .serializable
    case .repeatableRead: .repeatableRead
    case .readCommitted, .readUncommitted: .readCommitted
    }
  }

  private static func priority(_ priority: SQLSyntax.TransactionPriority) -> Transactions.TransactionPriority {
    switch priority {
    case .low: .low
    case .normal: .normal
    case .high: .high
    }
  }

  /// The catalog as the transaction sees it. Nobody else changes it while this transaction has changes of its own.
  /// Error 40001 if what earlier statements of the transaction wrote was made for another schema.
  @inline(__always)
  func catalog(of active: ActiveTransaction) async throws(SQLError) -> CatalogView {
    if let known = active.catalog, known.hasChanges || active.catalogTimestamp == active.kv.readTimestamp {
      known.user = user
      return known
    }
    let view = try await readCatalog(of: active)
    view.user = user
    return view
  }

  /// The same at the beginning of a transaction, if it is known without asking anybody.
  func catalogAtOnce(of active: ActiveTransaction) -> CatalogView? {
    guard active.catalog == nil, let view = lastCatalog, !view.hasChanges,
      gateway.catalogVersion(for: active.kv) == view.committed.version
    else { return nil }
    take(view, for: active)
    active.catalog = view
    view.user = user
    return view
  }

  private func take(_ view: CatalogView, for active: ActiveTransaction) {
    active.catalogTimestamp = active.kv.readTimestamp
    view.searchPath = settings.searchPath
    view.temporary = temporary
  }

  private func readCatalog(of active: ActiveTransaction) async throws(SQLError) -> CatalogView {
    let known = active.catalog
    let view = try await gateway.view(in: active.kv, user: user, database: database, like: known ?? lastCatalog)
    take(view, for: active)
    if let known {
      if known === view || known.version == view.version { return known }
      guard view.committed.agrees(with: known.committed, on: active.kv.dependencies) else {
        var error = SQLError(
          .retry(reason: "the schema of a table that it had changed was changed by another transaction", key: nil),
          relation: { _ in nil })
        // Only the whole block may be tried again.
        error.retry = .never
        throw error
      }
    }
    active.catalog = view
    if !active.kv.isHistorical { lastCatalog = view }
    return view
  }

  /// Commits a transaction that has only read, where nothing has to be waited for. False: `commitTransaction` must do it.
  func commitAtOnce() -> Bool {
    guard let active = transaction, active.deferredReferences.isEmpty, commitActions.isEmpty, !portals.hasNamed,
      active.catalog?.hasChanges != true, active.kv.commitAtOnce()
    else { return false }
    gateway.counters.commits += 1
    endTransaction(isCommit: true)
    return true
  }

  /// Commits whatever the session is in. After an error the transaction is still there, to be restarted or rolled back.
  func commitTransaction() async throws(SQLError) {
    guard let active = transaction else { return }
    try await holdCursors()
    try await checkDeferredReferences(all: true)
    try await runCommitActions()
    do throws(TransactionError) {
      _ = try await active.kv.commit()
    } catch {
      throw SQLError(error, relation: { active.catalog?.relation($0) })
    }
    gateway.counters.commits += 1
    if let catalog = active.catalog, catalog.hasChanges { gateway.catalog.publish(catalog) }
    endTransaction(isCommit: true)
  }

  func rollbackTransaction() async {
    guard let active = transaction else { return }
    await active.kv.rollback()
    gateway.counters.rollbacks += 1
    endTransaction(isCommit: false)
  }

  private func endTransaction(isCommit: Bool) {
    if let transaction {
      gateway.transactionEnded(transaction.place)
      transaction.deferredReferences.reset()
    }
    transaction = nil
    endTransactionLimit()
    replay = nil
    portals.transactionEnds(isCommit: isCommit)
    settings.transactionEnds(isCommit: isCommit)
  }

  /// An error within an explicit block fails it; an implicit transaction is undone.
  func statementFailed() async {
    gateway.counters.failedStatements += 1
    guard let active = transaction else { return }
    if active.isExplicit {
      active.isFailed = true
      // Locks are given back where no savepoint could still need them.
      if active.savepoints.isEmpty { await active.kv.rollback() }
    } else {
      await rollbackTransaction()
    }
  }

  static let failedBlock = SQLError(
    .inFailedSQLTransaction, "current transaction is aborted, commands ignored until end of transaction block")

  // MARK: Retries

  /// A statement that may have to run again.
  private struct Retries {
    let mark: OutputMark
    /// Statements that came before this one in its transaction: they would be lost if it began anew.
    let earlier: Int
    var count = 0
    /// What this attempt can be taken back to.
    var isPartial = false
    var mayUndo = false
    var catalogMark: CatalogMark?
  }

  /// Runs `body` within the session's transaction, and again from the start while that is possible and the client has seen
  /// nothing: whole implicit transactions, the first statement of an explicit one, any statement under READ COMMITTED.
  /// Inlined: `body` is then known when compiling (Decisions/0040).
  @inline(__always)
  func withRetries(commits: Bool, _ body: (ActiveTransaction) async throws(SQLError) -> Void) async throws(SQLError) {
    var retries = Retries(mark: client.mark, earlier: transaction?.statementCount ?? 0)
    while true {
      let active = try beginAttempt(&retries)
      do throws(SQLError) {
        try await body(active)
        try await finishSequences()
        if commits { try await commitTransaction() }
        return
      } catch {
        try await recover(from: error, active, &retries)
      }
    }
  }

  private func beginAttempt(_ retries: inout Retries) throws(SQLError) -> ActiveTransaction {
    let active = try beginIfNeeded()
    active.statementCount = retries.earlier
    retries.isPartial = retries.earlier > 0 || !active.savepoints.isEmpty
    retries.mayUndo = active.isolation == .readCommitted || retries.isPartial
    if retries.mayUndo { active.kv.markStatement() }
    retries.catalogMark = active.catalog?.mark()
    if active.isolation == .readCommitted { active.kv.beginStatement() }
    return active
  }

  /// Makes the next attempt possible; throws what the statement ends with if none is.
  private func recover(
    from error: SQLError, _ active: ActiveTransaction, _ retries: inout Retries
  ) async throws(SQLError) {
    if try await reserveMissingSequences(), client.rewind(to: retries.mark) {
      // A sequence that the plan could not foresee: its values are there now, and nothing has been told.
      if !retries.mayUndo {
        await beginAnew(active)
      } else if !undoStatement(active, retries) {
        throw explained(error)
      }
      return
    }
    retries.count += 1
    let canRestart = !retries.isPartial
    let isRetryable =
      error.retry == .transaction && interruption == nil && retries.count <= Limits.retryCount
      && (canRestart || (active.isolation == .readCommitted && error.state == .serializationFailure))
    guard isRetryable, client.rewind(to: retries.mark) else { throw explained(error) }
    gateway.counters.retries += 1
    await gateway.reactor.sleep(nanoseconds: backoff(retries.count))
    if transaction == nil { return }
    if canRestart {
      await beginAnew(active)
    } else if retries.mayUndo, !undoStatement(active, retries) {
      throw explained(error)
    }
  }

  private func beginAnew(_ active: ActiveTransaction) async {
    await active.kv.restart()
    active.catalog = nil
    active.deferredReferences.removeAll()
  }

  private func undoStatement(_ active: ActiveTransaction, _ retries: Retries) -> Bool {
    guard active.kv.undoStatement() else { return false }
    if let mark = retries.catalogMark { active.catalog?.rollback(to: mark) } else { active.catalog = nil }
    return true
  }

  /// Doubles with each attempt; half of it is chance, so that two that collided do not again.
  private func backoff(_ attempt: Int) -> Int64 {
    let whole = min(Limits.retryMaximumNanoseconds, Limits.retryNanoseconds << Int64(min(attempt - 1, 10)))
    return whole / 2 + Int64.random(in: 0...(whole / 2), using: &gateway.random)
  }

  // MARK: Statements

  func run(_ statement: TransactionStatement, _ source: [UInt8]) async throws(SQLError) {
    switch statement {
    case .begin(let modes, let isStart):
      if let active = transaction, active.isExplicit {
        client.send(
          notice: SQLError(.activeSQLTransaction, "there is already a transaction in progress"), severity: "WARNING")
      } else if let active = transaction {
        // Inside a query string: what ran before becomes part of the block.
        active.isExplicit = true
        if let level = modes.isolation { try setIsolation(Self.level(level), on: active) }
        if let priority = modes.priority { active.kv.priority = Self.priority(priority) }
        if let isReadOnly = modes.isReadOnly { try active.setReadOnly(isReadOnly) }
        try await readWhenStated(modes, source: source, active)
      } else {
        let active = try begin(modes, isExplicit: true)
        do throws(SQLError) {
          if modes.asOf == nil {
            try await readByDefault(active)
          } else {
            try await readWhenStated(modes, source: source, active)
          }
        } catch {
          // A block that cannot begin as it was asked for does not begin.
          await rollbackTransaction()
          throw error
        }
      }
      client.send(commandTag: isStart ? "START TRANSACTION" : "BEGIN")
    case .commit(let chain): try await end(isCommit: true, chain: chain)
    case .rollback(let chain): try await end(isCommit: false, chain: chain)
    case .savepoint(let name):
      let active = try block("SAVEPOINT")
      active.savepoints.append(
        NamedSavepoint(
          name: name.text, kv: active.kv.savepoint(), catalog: active.catalog?.mark(), settings: settings.values))
      client.send(commandTag: "SAVEPOINT")
    case .release(let name):
      let active = try block("RELEASE SAVEPOINT")
      let index = try find(name, in: active)
      active.savepoints.removeSubrange(index...)
      client.send(commandTag: "RELEASE")
    case .rollbackTo(let name):
      let active = try block("ROLLBACK TO SAVEPOINT")
      let index = try find(name, in: active)
      let savepoint = active.savepoints[index]
      active.kv.rollback(to: savepoint.kv)
      if let mark = savepoint.catalog { active.catalog?.rollback(to: mark) } else { active.catalog = nil }
      settings.restore(savepoint.settings)
      active.savepoints.removeSubrange((index + 1)...)
      active.isFailed = false
      client.send(commandTag: "ROLLBACK")
    case .prepare, .commitPrepared, .rollbackPrepared:
      throw SQLError(
        .featureNotSupported, "prepared transactions are not supported",
        hint: "Transactions are atomic over the whole cluster; use an ordinary COMMIT.")
    }
  }

  private func end(isCommit: Bool, chain: Bool) async throws(SQLError) {
    guard let active = transaction, active.isExplicit else {
      if chain {
        throw SQLError(
          .noActiveSQLTransaction,
          "\(isCommit ? "COMMIT" : "ROLLBACK") AND CHAIN can only be used in transaction blocks")
      }
      client.send(
        notice: SQLError(.noActiveSQLTransaction, "there is no transaction in progress"), severity: "WARNING")
      if transaction != nil { if isCommit { try await commitTransaction() } else { await rollbackTransaction() } }
      client.send(commandTag: isCommit ? "COMMIT" : "ROLLBACK")
      return
    }
    let commits = isCommit && !active.isFailed
    if commits {
      do throws(SQLError) {
        try await commitTransaction()
      } catch {
        // The block ends with its COMMIT, whatever comes of it.
        await rollbackTransaction()
        throw error
      }
    } else {
      await rollbackTransaction()
    }
    if chain {
      let next = try begin(TransactionModes(isReadOnly: active.isReadOnly), isExplicit: true)
      try setIsolation(active.isolation, on: next)
      next.kv.priority = active.kv.priority
    }
    client.send(commandTag: commits ? "COMMIT" : "ROLLBACK")
  }

  private func block(_ command: String) throws(SQLError) -> ActiveTransaction {
    guard let transaction, transaction.isExplicit else {
      throw SQLError(.noActiveSQLTransaction, "\(command) can only be used in transaction blocks")
    }
    return transaction
  }

  private func find(_ name: Identifier, in active: ActiveTransaction) throws(SQLError) -> Int {
    guard let index = active.savepoints.lastIndex(where: { $0.name == name.text }) else {
      throw SQLError(.invalidSavepointSpecification, "savepoint \"\(name.text)\" does not exist")
    }
    return index
  }

  func run(_ statement: SetTransactionStatement, _ source: [UInt8]) async throws(SQLError) {
    switch statement {
    case .transaction(let modes):
      guard let active = transaction, active.isExplicit else {
        client.send(
          notice: SQLError(.noActiveSQLTransaction, "SET TRANSACTION can only be used in transaction blocks"),
          severity: "WARNING")
        break
      }
      if let level = modes.isolation { try setIsolation(Self.level(level), on: active) }
      if let priority = modes.priority { active.kv.priority = Self.priority(priority) }
      if let isReadOnly = modes.isReadOnly {
        if !isReadOnly, active.isReadOnly, active.statementCount > 0 {
          throw SQLError(.activeSQLTransaction, "transaction read-write mode must be set before any query")
        }
        try active.setReadOnly(isReadOnly)
      }
      try await readWhenStated(modes, source: source, active)
    case .sessionCharacteristics(let modes):
      if modes.asOf != nil {
        throw SQLError(
          .featureNotSupported, "AS OF SYSTEM TIME cannot be a characteristic of the session",
          hint: "Set default_transaction_use_follower_reads to read a little in the past by default.")
      }
      if let level = modes.isolation {
        try settings.set("default_transaction_isolation", to: level.rawValue, isLocal: false)
      }
      if let priority = modes.priority {
        try settings.set("default_transaction_priority", to: priority.rawValue, isLocal: false)
      }
      if let isReadOnly = modes.isReadOnly {
        try settings.set("default_transaction_read_only", to: isReadOnly ? "on" : "off", isLocal: false)
      }
    case .snapshot:
      throw SQLError(.featureNotSupported, "SET TRANSACTION SNAPSHOT is not supported")
    }
    client.send(commandTag: "SET")
  }

  func setIsolation(_ level: Transactions.IsolationLevel, on active: ActiveTransaction) throws(SQLError) {
    guard level != active.isolation else { return }
    guard active.statementCount == 0 else {
      throw SQLError(.activeSQLTransaction, "SET TRANSACTION ISOLATION LEVEL must be called before any query")
    }
    active.isolation = level
    active.kv.isolation = level
  }
}

extension Transactions.TransactionPriority {
  init?(sqlName: String) {
    guard let found = Self.allCases.first(where: { $0.sqlName == sqlName }) else { return nil }
    self = found
  }

  /// As `SHOW transaction_priority` prints it.
  var sqlName: String { "\(self)" }
}

extension Transactions.IsolationLevel {
  /// As `SHOW transaction_isolation` prints it.
  var sqlName: String {
    switch self {
    case .serializable: "serializable"
    case .repeatableRead: "repeatable read"
    case .readCommitted: "read committed"
    }
  }
}
