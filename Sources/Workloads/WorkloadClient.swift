// One client of a running database: it connects to one node after another, runs scripts as transactions, and says of each what came of it.

import Checkers
import Shell

/// What came of a transaction, and why if it is no success.
struct Attempt {
  var outcome: Outcome
  /// The SQLSTATE, or `connection`.
  var reason: String?
  var message: String?
}

/// Used by one thread.
final class WorkloadClient {
  private let urls: [ConnectionURL]
  private let isolation: Isolation
  /// Seconds that an answer may take.
  private let timeLimit: Int
  private var next: Int
  private var connection: WireClient?

  init(_ urls: [ConnectionURL], _ isolation: Isolation, number: Int, timeLimit: Int) {
    self.urls = urls
    self.isolation = isolation
    self.timeLimit = timeLimit
    next = number % urls.count
  }

  /// Connects if there is no connection.
  /// - Returns: why it could not.
  func connect() -> String? {
    if connection != nil { return nil }
    do {
      let made = try WireClient(urls[next], applicationName: "meridian workload", timeLimit: timeLimit)
      _ = try made.rows("SET default_transaction_isolation TO '\(isolation.sql)'")
      connection = made
      return nil
    } catch {
      next = (next + 1) % urls.count
      return "\(error)"
    }
  }

  private func disconnect() {
    connection = nil
    next = (next + 1) % urls.count
  }

  func close() {
    connection?.close()
    connection = nil
  }

  /// A statement, with what the server answered.
  func run(_ statement: String) throws -> (rows: [[String?]], tag: String) {
    guard let connection else { throw ConnectionFailure(description: "there is no connection") }
    var rows: [[String?]] = []
    var tag = ""
    var failure: ServerMessage?
    do {
      try connection.query(statement) { event in
        switch event {
        case .row(let row): rows.append(row)
        case .complete(let text): tag = text
        case .error(let message): failure = message
        default: break
        }
      }
    } catch {
      disconnect()
      throw error
    }
    if let failure { throw failure }
    return (rows, tag)
  }

  private func perform(_ step: Operation, isLocking: Bool) throws -> Operation {
    let (statement, otherwise) = step.sql(isLocking: isLocking)
    let rows = try run(statement).rows
    if rows.isEmpty, let otherwise { _ = try run(otherwise) }
    guard let done = step.reading(rows) else {
      throw ConnectionFailure(description: "the answer to \"\(statement)\" makes no sense: \(rows)")
    }
    return done
  }

  /// Runs a script as a transaction.
  /// - Parameters:
  ///   - commits: called with all steps before the commit is sent, from when on the transaction may happen.
  func perform(
    _ script: Script, isLocking: Bool, commits: ([Operation]) -> Void,
    abandons: ([Operation]) -> Void
  ) -> Attempt {
    var done: [Operation] = []
    do {
      let mode = script.isReadOnly ? " READ ONLY" : ""
      _ = try run("BEGIN ISOLATION LEVEL \(isolation.sql)\(mode)")
      while let step = script.next(after: done) { done.append(try perform(step, isLocking: isLocking)) }
    } catch {
      abandons(done)
      rollback()
      return Self.failed(error, .aborted)
    }
    commits(done)
    do {
      // The commit of a transaction that has failed answers so.
      guard try run("COMMIT").tag == "COMMIT" else { return Attempt(outcome: .aborted, reason: "ROLLBACK") }
      return Attempt(outcome: .committed)
    } catch {
      rollback()
      return Self.failed(error, Self.isCertain(error) ? .aborted : .unknown)
    }
  }

  /// Runs a step as a statement of its own; what it read is in `step` afterwards.
  func performAlone(_ step: inout Operation) -> Attempt {
    do {
      step = try perform(step, isLocking: false)
      return Attempt(outcome: .committed)
    } catch {
      return Self.failed(error, Self.isCertain(error) ? .aborted : .unknown)
    }
  }

  private func rollback() {
    if connection == nil { return }
    if connection?.transactionStatus != UInt8(ascii: "I") { _ = try? run("ROLLBACK") }
  }

  /// Whether an error says that nothing has happened.
  private static func isCertain(_ error: any Error) -> Bool {
    guard let message = error as? ServerMessage else { return false }
    return ["40001", "40P01", "55P03", "57014"].contains(message.state)
      || ["22", "23", "25", "42"].contains(message.state.prefix(2))
  }

  private static func failed(_ error: any Error, _ outcome: Outcome) -> Attempt {
    if let message = error as? ServerMessage {
      return Attempt(outcome: outcome, reason: message.state, message: message.description)
    }
    return Attempt(outcome: outcome, reason: "connection", message: "\(error)")
  }
}
