// Reads in the past: AS OF SYSTEM TIME of statements and transactions, and reads a little in the past as the session's default.
//
// A statement reads through the session's transaction, so what says a time makes that transaction historical: before it has run
// anything, and for good. Outside of a block such a transaction is the statement's own: the next statement ends it.
// Source: CockroachDB's documentation, "AS OF SYSTEM TIME", "Follower Reads", "BEGIN", "SET TRANSACTION".

import Catalog
import Clocks
import Encoding
import Execution
import Expressions
import Planning
import Ranges
import SQLSyntax
import SQLTypes
import Transactions

extension Session {
  // MARK: - Statements

  /// A statement is about to be planned or run: makes the session's transaction one that reads when it says.
  /// - Parameter parameters: nil while they are not known. A time that hangs on them is then left for the execution.
  func readWhenStated(
    _ statement: Statement, source: [UInt8], parameters: [Datum]? = [], types: [SQLType] = []
  ) async throws(SQLError) {
    guard let clause = statement.asOf else {
      try await leavePast()
      if settings.usesFollowerReads, statement.onlyReads, transaction?.isExplicit != true,
        transaction?.hasBegunWork != true
      {
        try await move(try beginIfNeeded(), to: try followerTime())
      }
      return
    }
    let timestamp: Timestamp
    switch try readTime(clause, isForStatement: true, source: source, parameters: parameters, types) {
    case .unknown: return
    case .exact(let time): timestamp = time
    case .atLeast(let bound, let nearestOnly):
      // Where nothing is read yet, no time is needed.
      guard let parameters else { return }
      if transaction?.isExplicit == true || transaction?.hasBegunWork == true { throw Self.otherTime }
      timestamp = try await newest(
        of: statement, source, parameters, types, above: bound, nearestOnly: nearestOnly)
    }
    if let active = transaction, active.kv.isHistorical, active.kv.readTimestamp == timestamp { return }
    if transaction?.isExplicit == true || transaction?.hasBegunWork == true { throw Self.otherTime }
    try await move(try beginIfNeeded(), to: timestamp)
  }

  private static let otherTime = SQLError(
    .activeSQLTransaction, "the statement cannot read as of another time than its transaction",
    hint: "Use BEGIN AS OF SYSTEM TIME, or SET TRANSACTION AS OF SYSTEM TIME before any query.")

  /// Ends the transaction in the past of a single statement that came before.
  @inline(__always)
  func leavePast() async throws(SQLError) {
    if let active = transaction, active.kv.isHistorical, !active.isExplicit { try await commitTransaction() }
  }

  // MARK: - Transactions

  /// BEGIN and SET TRANSACTION have said these modes. Errors 42601, 25001.
  func readWhenStated(
    _ modes: TransactionModes, source: [UInt8], _ active: ActiveTransaction
  ) async throws(SQLError) {
    guard let clause = modes.asOf else { return }
    if modes.isReadOnly == false {
      throw SQLError(.syntaxError, "AS OF SYSTEM TIME cannot be combined with READ WRITE")
    }
    if active.hasBegunWork || !active.savepoints.isEmpty {
      throw SQLError(.activeSQLTransaction, "SET TRANSACTION AS OF SYSTEM TIME must be called before any query")
    }
    let time = try readTime(clause, isForStatement: false, source: source, parameters: [], [])
    if case .exact(let timestamp) = time { try await move(active, to: timestamp) }
  }

  /// A block begins that says no time. By default those that only read do so where any replica can tell.
  func readByDefault(_ active: ActiveTransaction) async throws(SQLError) {
    if settings.usesFollowerReads, active.isReadOnly { try await move(active, to: try followerTime()) }
  }

  /// Error 25001 for what would write, or lock, where nothing can be any more.
  func requirePresent(_ active: ActiveTransaction, _ command: String) throws(SQLError) {
    if active.kv.isHistorical {
      throw SQLError(.readOnlySQLTransaction, "cannot execute \(command) in a read-only transaction")
    }
  }

  /// Who may read the past is decided by what is granted today, as far as this node knows; of what is gone since, by what was granted then.
  func checkToday(_ requirements: [AccessRequirement], _ past: CatalogView) throws(SQLError) {
    let present = CatalogView(gateway.catalog.newest)
    present.user = user
    present.database = database
    if present.isSuperuser { return }
    for requirement in requirements {
      try (present.relation(requirement.relation) == nil ? past : present).check([requirement])
    }
  }

  /// A transaction that has done nothing yet reads at `timestamp` from now on, and nothing else.
  private func move(_ active: ActiveTransaction, to timestamp: Timestamp) async throws(SQLError) {
    await active.kv.rollback()
    gateway.transactionEnded(active.place)
    active.moveIntoPast(gateway.transactions.beginRead(asOf: timestamp))
    active.place = gateway.transactionBegan(active.kv)
    if isInterrupted { active.kv.cancelWait() }
  }

  // MARK: - Times

  private func followerTime() throws(SQLError) -> Timestamp {
    try checked(messageTimestamp.adding(nanoseconds: -ReadTimeFunctions.followerLag * 1000))
  }

  private enum Moment {
    case exact(Timestamp)
    case atLeast(Timestamp, nearestOnly: Bool)
    /// It hangs on parameters that are not known.
    case unknown
  }

  private func readTime(
    _ clause: AsOfClause, isForStatement: Bool, source: [UInt8], parameters: [Datum]?, _ types: [SQLType]
  ) throws(SQLError) -> Moment {
    // Names in it mean what they mean everywhere: no object of a user's has a part in it.
    let planner = StatementPlanner(catalog: CatalogView(.genesis), settings: settings.format(at: gateway.now))
    let time = try planner.planReadTime(
      clause, isForStatement: isForStatement, source: source,
      parameterTypes: types.map { $0 == .unknown || $0.oid == .invalid ? nil : $0 },
      allowsParameters: parameters == nil || !types.isEmpty)
    let context = makeEvaluationContext()
    context.parameters = parameters ?? []
    context.statementTime = gateway.now
    context.transactionTime = gateway.now
    context.settings = settings.format(at: gateway.now)
    func value(_ expression: ScalarExpression) throws(SQLError) -> Datum {
      let value = try Evaluator.evaluate(expression, Batch(columns: [], rowCount: 1), context).datum(0)
      if case .null = value {
        throw SQLError(.nullValueNotAllowed, "the time in AS OF SYSTEM TIME must not be null")
      }
      return value
    }
    switch time {
    case .follower: return .exact(try followerTime())
    case .constant(let expression):
      if parameters == nil, expression.hasParameters { return .unknown }
      return .exact(try checked(try timestamp(of: try value(expression), expression.type)))
    case .bounded(let expression, let nearestOnly):
      if parameters == nil, expression.hasParameters || nearestOnly?.hasParameters == true { return .unknown }
      var bound = try value(expression)
      if expression.type.oid == SQLType.interval.oid, case .bytes(let bytes) = bound {
        bound = try Interval(bytes).negated().datum
      }
      var isNearest = false
      if let nearestOnly, case .int64(let flag) = try value(nearestOnly) { isNearest = flag != 0 }
      return .atLeast(
        try checked(try timestamp(of: bound, expression.type, isBound: true), isBound: true), nearestOnly: isNearest)
    }
  }

  /// The newest time that the nearest replicas can tell of all that the statement reads, or the bound, which leaseholders can. What it reads is
  /// what a plan by the schema of now does.
  private func newest(
    of statement: Statement, _ source: [UInt8], _ parameters: [Datum], _ types: [SQLType], above bound: Timestamp,
    nearestOnly: Bool
  ) async throws(SQLError) -> Timestamp {
    // Only leaseholders serve reads, and they can tell what is now.
    guard gateway.transactions.store.readsAnywhere else { return messageTimestamp }
    let active = try beginIfNeeded()
    let catalog = try await catalog(of: active)
    var spans = [KeySpan(KeyLayout.catalogVersion)]
    let planned = try planner(catalog).plan(
      statement, source: source, parameterTypes: types.map { $0 == .unknown || $0.oid == .invalid ? nil : $0 })
    if let plan = planned.readingPlan {
      spans += try ReadSpans.of(plan, executionContext(parameters: parameters, active, catalog).evaluation)
    }
    let newest: Timestamp
    do throws(TransactionError) {
      newest = try await gateway.transactions.newestTimestamp(
        of: KeySpans.condensed(spans, limit: 256), atLeast: nearestOnly ? .zero : bound)
    } catch {
      throw SQLError(error, relation: { catalog.relation($0) })
    }
    guard newest < bound else { return newest }
    throw SQLError(
      .objectNotInPrerequisiteState, "the nearest replicas cannot tell what was at \(shown(bound))",
      detail: "The newest time that they can tell is \(shown(newest)).",
      hint: "Allow more staleness, or let others than the nearest replicas serve the statement.")
  }

  private func timestamp(of value: Datum, _ type: SQLType, isBound: Bool = false) throws(SQLError) -> Timestamp {
    switch (type.oid, value) {
    case (SQLType.text.oid, .bytes(let text)): return try timestamp(written: text)
    case (SQLType.int8.oid, .int64(let nanoseconds)): return Timestamp(wall: nanoseconds)
    case (SQLType.numeric.oid, _): return try ReadTimeText.logical(value)
    case (SQLType.timestamptz.oid, .int64(let microseconds)): return try timestamp(microseconds)
    case (SQLType.interval.oid, .bytes(let bytes)):
      return try timestamp(after: Interval(bytes), shown: nil, isBound: isBound)
    default: preconditionFailure("a time to read at has the type \(type.oid)")
    }
  }

  /// - Parameter microseconds: since 2000-01-01 UTC.
  private func timestamp(_ microseconds: Int64) throws(SQLError) -> Timestamp {
    let (shifted, overflow) = microseconds.addingReportingOverflow(946_684_800_000_000)
    let (wall, isFar) = shifted.multipliedReportingOverflow(by: 1000)
    if overflow || isFar { return microseconds < 0 ? Timestamp(wall: Int64.min) : .max }
    return Timestamp(wall: wall)
  }

  /// From when the message came.
  private func timestamp(
    after interval: Interval, shown: String?, isBound: Bool = false
  ) throws(SQLError) -> Timestamp {
    if !isBound, interval.months == 0, interval.days == 0, interval.microseconds == 0 {
      throw SQLError(
        .invalidParameterValue, "the interval\(shown.map { " \"\($0)\"" } ?? "") in AS OF SYSTEM TIME is zero",
        hint: "It is added to the time of the statement, and must be negative.")
    }
    let base = messageTimestamp.wall
    let microseconds = base / 1000 - 946_684_800_000_000
    let moved = try DateTime.adding(interval, toTimestamptz: microseconds, zone: settings.format.timeZone)
    let (wall, overflow) = base.addingReportingOverflow((moved &- microseconds) &* 1000)
    return overflow ? .max : Timestamp(wall: wall)
  }

  /// A timestamp, nanoseconds since 1970, or an interval, whichever the text is first.
  private func timestamp(written text: [UInt8]) throws(SQLError) -> Timestamp {
    let format = settings.format(at: gateway.now)
    func read(_ type: SQLType, _ text: [UInt8]) -> Datum? {
      TypeInfo.find(type.oid).flatMap { try? $0.input(text, settings: format) }
    }
    if case .int64(let microseconds)? = read(.timestamptz, text) { return try timestamp(microseconds) }
    if let number = read(.numeric, text) { return try ReadTimeText.logical(number) }
    let shown = String(decoding: text, as: UTF8.self)
    if case .bytes(let bytes)? = read(.interval, ReadTimeText.spreadSign(text)) {
      return try timestamp(after: Interval(bytes), shown: shown)
    }
    throw SQLError(
      .invalidDatetimeFormat, "\"\(shown)\" is no time to read at",
      hint: "AS OF SYSTEM TIME takes a timestamp, a negative interval, or nanoseconds since 1970.")
  }

  /// Errors 22023 for the future and for before 1970, 72000 for what is no longer kept.
  /// - Parameter isBound: what is read may be newer, and so is if the bound is no longer kept.
  private func checked(_ timestamp: Timestamp, isBound: Bool = false) throws(SQLError) -> Timestamp {
    if timestamp.isZero || timestamp.wall < 0 {
      throw SQLError(.invalidParameterValue, "cannot read as of a time before 1970")
    }
    if timestamp > max(messageTimestamp, gateway.transactions.currentTimestamp()) {
      throw SQLError(
        .invalidParameterValue, "cannot read as of a time in the future", detail: "It is \(shown(timestamp)).",
        hint: "An interval in AS OF SYSTEM TIME must be negative.")
    }
    let oldest = gateway.transactions.oldestReadable
    if timestamp < oldest {
      if isBound { return oldest }
      throw SQLError(
        .snapshotTooOld, "cannot read as of \(shown(timestamp)): versions that old are not kept",
        detail: "The oldest time that can be read is \(shown(oldest)).",
        hint: "How long versions are kept is the cluster setting storage.version_lifetime.")
    }
    return timestamp
  }

  private func shown(_ timestamp: Timestamp) -> String {
    guard let info = TypeInfo.find(SQLType.timestamptz.oid) else { return "\(timestamp)" }
    let vector = ColumnVector(int64s: [timestamp.wall / 1000 - 946_684_800_000_000])
    var text: [UInt8] = []
    info.output(vector, 0, settings: settings.format, into: &text)
    return String(decoding: text, as: UTF8.self)
  }
}

/// Forms in which a time to read at is written that no type has.
enum ReadTimeText {
  /// Nanoseconds since 1970, and the logical counter as ten decimal places. Error 22023.
  static func logical(_ number: Datum) throws(SQLError) -> Timestamp {
    let text = number.numericText
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let places = parts.count > 1 ? parts[1].prefix(10) : ""
    let padded = places + String(repeating: "0", count: 10 - places.count)
    guard let wall = Int64(parts.first ?? ""), let logical = Int32(padded) else {
      throw SQLError(
        .invalidParameterValue, "\(text) is no time to read at",
        hint: "A number in AS OF SYSTEM TIME is nanoseconds since 1970, with a logical counter of ten decimal places.")
    }
    return Timestamp(wall: wall, logical: logical)
  }

  /// The number that `logical` reads as this timestamp.
  static func number(_ timestamp: Timestamp) throws(SQLError) -> Datum {
    guard let info = TypeInfo.find(SQLType.numeric.oid) else { return .null }
    let counter = String(timestamp.logical)
    return try info.input("\(timestamp.wall)." + String(repeating: "0", count: 10 - counter.count) + counter)
  }

  /// In `-1h30m` the sign is that of the whole, as CockroachDB's users write it; PostgreSQL, which takes it for the hours' alone, is followed
  /// wherever there is a blank.
  static func spreadSign(_ text: [UInt8]) -> [UInt8] {
    guard text.first == UInt8(ascii: "-"), !text.contains(where: { $0 == 0x20 || $0 == UInt8(ascii: ":") }) else {
      return text
    }
    var spread: [UInt8] = []
    var wasLetter = true
    for byte in text.dropFirst() {
      let isLetter = byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z") || byte >= 0x80
      if wasLetter, !isLetter, byte != UInt8(ascii: "-"), byte != UInt8(ascii: "+") {
        if !spread.isEmpty { spread.append(0x20) }
        spread.append(UInt8(ascii: "-"))
      }
      spread.append(byte)
      wasLetter = isLetter
    }
    return spread
  }
}

extension Datum {
  /// A number's text without an exponent.
  fileprivate var numericText: String {
    guard let info = TypeInfo.find(SQLType.numeric.oid) else { return "" }
    var vector = ColumnVector(info.kind)
    vector.append(self)
    var text: [UInt8] = []
    info.output(vector, 0, settings: .standard, into: &text)
    return String(decoding: text, as: UTF8.self)
  }
}

extension ScalarExpression {
  fileprivate var hasParameters: Bool {
    if case .parameter = self { return true }
    return children.contains(where: \.hasParameters)
  }
}

extension Statement {
  /// Whether it is a query that, as far as its text tells, changes and locks nothing.
  fileprivate var onlyReads: Bool {
    switch self {
    case .select(let query): query.onlyReads
    case .copy(let copy):
      switch copy.source {
      case .table: copy.direction == .to
      case .query(let statement): statement.onlyReads
      }
    default: false
    }
  }
}

extension SelectStatement {
  fileprivate var onlyReads: Bool {
    if !locking.isEmpty { return false }
    if let with, !with.expressions.allSatisfy(\.statement.onlyReads) { return false }
    switch body {
    case .select(let core): return core.into == nil
    case .values: return true
    case .setOperation(let operation): return operation.left.onlyReads && operation.right.onlyReads
    }
  }
}

extension PlannedStatement {
  /// The query that it runs or shows.
  fileprivate var readingPlan: QueryPlan? {
    switch self {
    case .query(let plan), .copy(.out(let plan, _)): plan
    case .explain(let explain): explain.query
    default: nil
    }
  }
}
