// One client's session: what it has set, prepared and opened, and the transaction that it is in. The wire calls it with
// messages already decoded; everything that a statement goes through is in the extensions beside this file.
//
// Confined to one reactor, one call at a time (`cancelCurrentStatement` alone may come in between).

import Catalog
import Clocks
import Execution
import Expressions
import Logging
import Planning
import Reactors
import SQLSyntax
import SQLTypes
import Transactions

public final class Session {
  enum Limits {
    /// Times that a statement is tried again without the client knowing.
    static let retryCount = 30
    /// The first wait between two tries; doubled each time, with jitter.
    static let retryNanoseconds: Int64 = 1_000_000
    static let retryMaximumNanoseconds: Int64 = 200_000_000
    /// How long a statement may compute before others on its reactor have their turn; sockets and timers too, which is why the
    /// pause is a timer's: a task that only yields is taken up again before sockets are looked at.
    static let turnNanoseconds: Int64 = 5_000_000
    static let pauseNanoseconds: Int64 = 20_000
    /// Times that a session which ends tries to drop its temporary objects.
    static let temporaryAttemptCount = 10
  }

  let gateway: Gateway
  unowned let client: any ClientChannel
  /// The role that logged in.
  let authenticated: String
  /// The current role.
  var user: String { settings.currentRole ?? authenticated }
  let databaseName: String
  /// Known once the session is open.
  private(set) var database = OID.postgresDatabase
  /// The number that the client knows the session by (`pg_backend_pid()`).
  let process: Int32
  var settings = SessionSettings()
  /// While CREATE SCHEMA makes what it holds: found first.
  var schemaBeingMade: String?
  var transaction: ActiveTransaction?
  var statements = StatementTable()
  var portals = PortalTable()
  var procedures = ProcedureCache()
  var executionSlots = ExecutionSlotTable()
  /// The catalog as an earlier transaction saw it, for the next that sees the same.
  var lastCatalog: CatalogView?
  /// When the message worked on came, in microseconds since 2000-01-01 UTC: `statement_timestamp()`.
  private(set) var statementTime: Int64 = 0
  private var knownMessageTimestamp: Timestamp?
  let sequenceSession: SequenceSession
  /// What nodes told when a relation of `meridian_catalog` was read last.
  public internal(set) var clusterFacts = ClusterFacts()
  /// The schema of its temporary objects, once it was made.
  var temporary: TemporarySchema?
  var commitActions: [CommitAction] = []
  /// Those of the transaction under way: one object for all, emptied when they end.
  let deferredReferences = DeferredReferences()
  /// The one portal run so far in an implicit transaction, and where its output began: it can be run again if the commit fails.
  var replay: (portal: Portal, mark: OutputMark)?
  /// Why the current statement shall end: set by cancel requests and timers.
  private(set) var interruption: SQLError?
  private var isRunning = false
  /// That of the step of an online schema change under way.
  var stepTransaction: Transaction?
  private var idleTimer: TimerToken?
  private var transactionTimer: TimerToken?
  /// `transaction_timeout` has passed, and what ran then may not have noticed.
  private var isTransactionOverdue = false
  /// When it was first asked whether the session's turn is over since its work began or went on, on the monotonic clock; 0: not yet.
  private var turnStart: Int64 = 0

  /// Called once the role and the database are known to exist.
  init(gateway: Gateway, client: any ClientChannel, user: String, database: String, process: Int32) {
    self.gateway = gateway
    self.client = client
    authenticated = user
    self.databaseName = database
    self.process = process
    sequenceSession = SequenceSession(service: gateway.sequences, storage: gateway.transactions)
    gateway.counters.sessions += 1
  }

  func makeEvaluationContext() -> EvaluationContext {
    let context = EvaluationContext(services: self)
    let environment = gateway.environment
    context.clock = { environment.wallNow() / 1000 - 946_684_800_000_000 }
    context.random = { [unowned gateway] in gateway.random.next() }
    return context
  }

  /// - Throws: 28000 for an unknown role or one that may not log in, 3D000 for an unknown database, 22023 for bad parameters.
  public static func open(
    gateway: Gateway, client: any ClientChannel, user: String, database: String,
    parameters: [(name: String, value: String)], process: Int32
  ) async throws(SQLError) -> Session {
    let session = Session(gateway: gateway, client: client, user: user, database: database, process: process)
    do throws(SQLError) {
      let transaction = try session.beginIfNeeded()
      let catalog = try await session.catalog(of: transaction).snapshot
      guard let role = catalog.role(named: user) else {
        throw SQLError(.invalidAuthorizationSpecification, "role \"\(user)\" does not exist")
      }
      guard role.canLogin else {
        throw SQLError(.invalidAuthorizationSpecification, "role \"\(user)\" is not permitted to log in")
      }
      guard let found = catalog.database(named: database), found.allowsConnections else {
        throw SQLError(.invalidCatalogName, "database \"\(database)\" does not exist")
      }
      session.database = found.oid
      session.settings.setFact("is_superuser", to: role.isSuperuser ? "on" : "off")
      session.settings.setFact("session_authorization", to: user)
      for (name, value) in parameters { try session.applyStartupParameter(name, value) }
      await session.rollbackTransaction()
    } catch {
      await session.close()
      throw error
    }
    return session
  }

  /// `options` carries `-c name=value` and `--name=value` words; anything else is a setting by name.
  private func applyStartupParameter(_ name: String, _ value: String) throws(SQLError) {
    guard name == "options" else {
      try settings.setInitial(name, to: value)
      return
    }
    var words = Self.splitOptions(value)[...]
    while let word = words.popFirst() {
      let pair: String
      if word == "-c" {
        guard let next = words.popFirst() else { break }
        pair = next
      } else if word.hasPrefix("-c") {
        pair = String(word.dropFirst(2))
      } else if word.hasPrefix("--") {
        pair = String(word.dropFirst(2))
      } else {
        throw SQLError(.syntaxError, "invalid command-line argument for server process: \(word)")
      }
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2 else { throw SQLError(.syntaxError, "-c \(pair) requires a value") }
      try settings.setInitial(parts[0].replacing("-", with: "_"), to: parts[1])
    }
  }

  /// Splits at blanks; a backslash takes the next character as it is.
  static func splitOptions(_ text: String) -> [String] {
    var words: [String] = []
    var word = ""
    var isEscaped = false
    for character in text {
      if isEscaped {
        word.append(character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else if character == " " || character == "\t" || character == "\n" {
        if !word.isEmpty { words.append(word) }
        word = ""
      } else {
        word.append(character)
      }
    }
    if !word.isEmpty { words.append(word) }
    return words
  }

  public var reportedParameters: [(name: String, value: String)] { settings.reported }

  public var status: TransactionStatus {
    guard let transaction, transaction.isExplicit else { return .idle }
    return transaction.isFailed ? .failed : .inTransaction
  }

  /// The client is gone or leaves: everything unfinished is undone.
  public func close() async {
    idleTimer?.cancel()
    portals.removeAll()
    await rollbackTransaction()
    await leaveTemporaryObjects()
    statements.removeAll()
    executionSlots.removeAll()
    gateway.counters.sessions -= 1
  }

  // MARK: Interruption

  /// Ends what runs now with 57014; does nothing to an idle session.
  public func cancelCurrentStatement() {
    interrupt(SQLError(.queryCanceled, "canceling statement due to user request"))
  }

  var isInterrupted: Bool { isRunning && interruption != nil }

  func interrupt(_ error: SQLError) {
    guard isRunning, interruption == nil else { return }
    interruption = error
    transaction?.kv.cancelWait()
    stepTransaction?.cancelWait()
    client.interruptCopy()
  }

  /// The client has been told that the session is ready: in a block, it may not stay idle for ever.
  func waitForClient() {
    idleTimer?.cancel()
    idleTimer = nil
    if isTransactionOverdue { return client.terminate(Self.transactionOverdue) }
    guard settings.idleInTransactionTimeout > 0, status != .idle else { return }
    idleTimer = gateway.reactor.schedule(afterNanoseconds: settings.idleInTransactionTimeout) {
      [box = SessionBox(self)] _ in
      let session = box.session
      guard !session.isRunning else { return }
      session.client.terminate(
        SQLError(.idleInTransactionSessionTimeout, "terminating connection due to idle-in-transaction timeout"))
    }
  }

  /// `transaction_timeout` counts from now.
  func limitTransaction() {
    endTransactionLimit()
    guard settings.transactionTimeout > 0, transaction != nil else { return }
    transactionTimer = gateway.reactor.schedule(afterNanoseconds: settings.transactionTimeout) {
      [box = SessionBox(self)] _ in
      let session = box.session
      session.isTransactionOverdue = true
      if session.isRunning {
        session.interrupt(Self.transactionOverdue)
      } else {
        session.client.terminate(Self.transactionOverdue)
      }
    }
  }

  private static let transactionOverdue = SQLError(
    .transactionTimeout, "terminating connection due to transaction timeout")

  func endTransactionLimit() {
    transactionTimer?.cancel()
    transactionTimer = nil
    isTransactionOverdue = false
  }

  /// Brackets the work of one message: interruptions reach it, timeouts run, settings that changed are told.
  @inline(__always)
  func working<R>(_ body: () async throws(SQLError) -> R) async throws(SQLError) -> R {
    idleTimer?.cancel()
    idleTimer = nil
    isRunning = true
    interruption = nil
    transaction?.kv.allowWaits()
    turnStart = 0
    statementTime = gateway.now
    knownMessageTimestamp = nil
    var timer: TimerToken?
    if settings.statementTimeout > 0 {
      timer = gateway.reactor.schedule(afterNanoseconds: settings.statementTimeout) { [box = SessionBox(self)] _ in
        box.session.interrupt(SQLError(.queryCanceled, "canceling statement due to statement timeout"))
      }
    }
    defer {
      timer?.cancel()
      isRunning = false
    }
    return try await body()
  }

  /// When a transaction that begins now began, as `now()` says: with the message that it begins in.
  var beginningTime: Int64 { isRunning ? statementTime : gateway.now }

  /// What times to read at are told from: the same for all that is done for one message.
  var messageTimestamp: Timestamp {
    if let knownMessageTimestamp { return knownMessageTimestamp }
    let now = gateway.transactions.currentTimestamp()
    knownMessageTimestamp = now
    return now
  }

  var isTurnOver: Bool {
    let now = gateway.environment.monotonicNow().nanoseconds
    if turnStart == 0 { turnStart = now }
    return now - turnStart > Limits.turnNanoseconds
  }

  func giveWay() async {
    await gateway.reactor.sleep(nanoseconds: Limits.pauseNanoseconds)
    turnStart = 0
  }

  /// The interruption, in place of the `cancelled` by which a wait ended.
  func explained(_ error: SQLError) -> SQLError {
    if error.state == .queryCanceled, let interruption { return interruption }
    return error
  }

  func tellSettings() {
    for (name, value) in settings.takeUnreported() { client.send(parameter: name, value: value) }
  }
}

/// Carries a session into a timer of its own reactor. `@unchecked Sendable`: the timer fires on the session's reactor.
private final class SessionBox: @unchecked Sendable {
  unowned let session: Session
  init(_ session: Session) { self.session = session }
}
