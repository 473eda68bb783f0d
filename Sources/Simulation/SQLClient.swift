// A client of a simulated node that speaks SQL: a session of production, planner and executor included, without the wire.

import Catalog
import Checkers
import Planning
import SQLTypes
import Sessions
import Transactions

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
  /// That of statements without a transaction around them.
  private var defaultIsolation = Isolation.serializable

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
  private func run(_ statement: String) async throws(ClientFailure) -> [[String?]] {
    channel.removeAll()
    var failure: ClientFailure?
    await session.simpleQuery(Array(statement.utf8)) { error in
      switch error.state {
      // A row that somebody else inserted first is no reason to complain either.
      case .serializationFailure, .deadlockDetected, .uniqueViolation: failure = .retry
      default: failure = .unknown
      }
    }
    if let failure { throw failure }
    return channel.rows.map { $0.map(Self.text) }
  }

  private static func text(_ datum: Datum) -> String? {
    switch datum {
    case .int64(let number): "\(number)"
    case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
    default: nil
    }
  }

  func begin(_ isolation: Isolation, _ priority: TransactionPriority, isReadOnly: Bool) async throws(ClientFailure) {
    try await run("BEGIN ISOLATION LEVEL \(isolation.sql) PRIORITY \(priority)" + (isReadOnly ? " READ ONLY" : ""))
  }

  func perform(_ step: Operation, isLocking: Bool) async throws(ClientFailure) -> Operation {
    let (statement, otherwise) = step.sql(isLocking: isLocking)
    let rows = try await run(statement)
    if rows.isEmpty, let otherwise { try await run(otherwise) }
    guard let done = step.reading(rows) else { throw .unknown }
    return done
  }

  func commit() async throws(ClientFailure) { try await run("COMMIT") }

  func rollback() async {
    if session.status != .idle { _ = try? await run("ROLLBACK") }
  }

  func performAlone(_ step: Operation, _ isolation: Isolation) async throws(ClientFailure) -> Operation {
    if isolation != defaultIsolation {
      do throws(ClientFailure) {
        try await run("SET default_transaction_isolation TO '\(isolation.sql)'")
      } catch {
        throw .retry
      }
      defaultIsolation = isolation
    }
    return try await perform(step, isLocking: false)
  }

  func setUp() async throws(ClientFailure) {
    for statement in Operation.setUp { try await run(statement) }
  }

  func close() async { await session.close() }
}
