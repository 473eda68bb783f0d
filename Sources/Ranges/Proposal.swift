// A command on its way through the log, and what happens here once it is applied: latches and locks go back, then
// whoever waits is told.

import Reactors
import Storage

final class Proposal {
  enum Outcome: Sendable {
    case applied
    /// Another command took its place; it will never be applied.
    case lost
    case stopped(String)
  }

  let position: LogPosition
  var command: Command
  /// Of the command in the log.
  let byteCount: Int
  var latch: Latch?
  /// Its locks go back when the command is applied.
  var ending: TransactionID?
  /// Changes of the replica's memory that belong to the command.
  var onApplied: (() -> Void)?
  /// Called once it is known what became of the command.
  var onEnded: (() -> Void)?
  private var continuation: UnsafeContinuation<Outcome, Never>?
  private var outcome: Outcome?
  /// Why nobody waits for the outcome any more.
  private var abandonment: String?

  init(position: LogPosition, command: Command, byteCount: Int, latch: Latch?) {
    self.position = position
    self.command = command
    self.byteCount = byteCount
    self.latch = latch
  }

  func finish(_ outcome: Outcome) {
    guard self.outcome == nil else { return }
    self.outcome = outcome
    onEnded?()
    onEnded = nil
    if let continuation {
      self.continuation = nil
      continuation.resume(returning: outcome)
    }
  }

  /// The outcome may be long in coming: whoever waits is told that it is not known. The command, and what belongs to it, stay.
  func abandon(_ reason: String) {
    abandonment = reason
    if let continuation {
      self.continuation = nil
      continuation.resume(returning: .stopped(reason))
    }
  }

  private var known: Outcome? { outcome ?? abandonment.map { .stopped($0) } }

  /// Suspends until the command is applied. Called at most once.
  func value(on reactor: Reactor) async -> Outcome {
    if let known { return known }
    return await reactor.suspend { continuation in
      if let known {
        continuation.resume(returning: known)
      } else {
        self.continuation = continuation
      }
    }
  }
}
