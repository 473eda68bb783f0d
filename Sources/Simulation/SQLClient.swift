// A client of a simulated node that speaks SQL: a session of production, planner and executor included, without the wire.

import Catalog
import Planning
import SQLTypes
import Sessions

/// What a session sends to its client, kept in memory.
private final class MemoryChannel: ClientChannel {
  private(set) var rows: [[Datum]] = []

  func removeAll() { rows = [] }

  func send(_ batch: Batch, _ format: RowFormat) {
    for row in 0..<batch.rowCount { rows.append(batch.row(row)) }
  }

  func send(rowDescription columns: [ResultColumn], formats: [ValueFormat]) {}
  func send(commandTag tag: String) {}
  func sendEmptyQuery() {}
  func sendPortalSuspended() {}
  func send(notice: SQLError, severity: String) {}
  func send(parameter name: String, value: String) {}
  func sendCopyOut(columnCount: Int, isBinary: Bool) {}
  func send(copyData bytes: UnsafeRawBufferPointer) {}
  func sendCopyDone() {}
  func sendCopyIn(columnCount: Int, isBinary: Bool) {}
  func receiveCopyData() async throws(SQLError) -> [UInt8]? { nil }
  func interruptCopy() {}
  func terminate(_ error: SQLError) {}
  var mustDrain: Bool { false }
  func drain() async throws(SQLError) {}

  var mark: OutputMark { OutputMark(position: rows.count) }

  func rewind(to mark: OutputMark) -> Bool {
    rows.removeSubrange(mark.position...)
    return true
  }
}

/// Speaks SQL to a session of its own.
final class SQLClient: NodeClient {
  private let channel: MemoryChannel
  private let session: Session

  private init(_ session: Session, _ channel: MemoryChannel) {
    self.session = session
    self.channel = channel
  }

  static func open(_ gateway: Gateway, number: Int) async throws(ClientFailure) -> SQLClient {
    let channel = MemoryChannel()
    do throws(SQLError) {
      let session = try await Session.open(
        gateway: gateway, client: channel, user: "postgres", database: "postgres", parameters: [],
        process: Int32(number))
      return SQLClient(session, channel)
    } catch {
      throw .retry
    }
  }

  @discardableResult
  private func run(_ statement: String) async throws(ClientFailure) -> [[Datum]] {
    channel.removeAll()
    var failure: ClientFailure?
    await session.simpleQuery(Array(statement.utf8)) { error in
      failure = error.state == .serializationFailure || error.state == .deadlockDetected ? .retry : .unknown
    }
    if let failure { throw failure }
    return channel.rows
  }

  private static func numbers(_ datum: Datum) -> [Int] {
    guard case .bytes(let text) = datum else { return [] }
    return text.split(separator: UInt8(ascii: ",")).compactMap { Int(String(decoding: $0, as: UTF8.self)) }
  }

  private static func number(_ datum: Datum) -> Int64 {
    guard case .int64(let number) = datum else { return .min }
    return number
  }

  func begin(isReadOnly: Bool) async throws(ClientFailure) {
    try await run("BEGIN ISOLATION LEVEL SERIALIZABLE" + (isReadOnly ? " READ ONLY" : ""))
  }

  func commit() async throws(ClientFailure) { try await run("COMMIT") }

  func rollback() async {
    if session.status != .idle { _ = try? await run("ROLLBACK") }
  }

  func list(_ list: Int) async throws(ClientFailure) -> [Int] {
    try await run("SELECT items FROM lists WHERE id = \(list)").first.map { Self.numbers($0[0]) } ?? []
  }

  func setList(_ list: Int, to numbers: [Int]) async throws(ClientFailure) {
    let items = numbers.map(String.init).joined(separator: ",")
    try await run(
      "INSERT INTO lists VALUES (\(list), '\(items)') ON CONFLICT (id) DO UPDATE SET items = excluded.items")
  }

  func lists() async throws(ClientFailure) -> [Int: [Int]] {
    var found: [Int: [Int]] = [:]
    for row in try await run("SELECT id, items FROM lists") {
      found[Int(Self.number(row[0]))] = Self.numbers(row[1])
    }
    return found
  }

  func balance(of account: Int, locking: Bool) async throws(ClientFailure) -> Int64? {
    let rows = try await run(
      "SELECT balance FROM accounts WHERE id = \(account)" + (locking ? " FOR UPDATE" : ""))
    return rows.first.map { Self.number($0[0]) }
  }

  func setBalance(of account: Int, to balance: Int64) async throws(ClientFailure) {
    try await run("UPDATE accounts SET balance = \(balance) WHERE id = \(account)")
  }

  func balances() async throws(ClientFailure) -> [Int64] {
    try await run("SELECT balance FROM accounts").map { Self.number($0[0]) }
  }

  func setUp(accountCount: Int, openingBalance: Int64) async throws(ClientFailure) {
    try await run("CREATE TABLE IF NOT EXISTS lists (id int PRIMARY KEY, items text NOT NULL)")
    try await run("CREATE TABLE IF NOT EXISTS accounts (id int PRIMARY KEY, balance bigint NOT NULL)")
    let rows = (0..<accountCount).map { "(\($0), \(openingBalance))" }.joined(separator: ", ")
    try await run("INSERT INTO accounts VALUES \(rows) ON CONFLICT DO NOTHING")
  }

  func close() async { await session.close() }
}
