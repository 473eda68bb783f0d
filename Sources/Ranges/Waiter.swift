// One suspended request: for a lock, for a latch, for a resolution. Whoever ends the wait says how, once; the first
// word counts. Confined to its replica's reactor.

import Reactors

/// How a wait ended.
enum WaitOutcome: Sendable {
  /// What was waited for came to pass; the request looks again.
  case granted
  case timedOut
  case cancelled
  /// Chosen to break a deadlock; the edges of the cycle, a line each.
  case deadlock(String)
  /// The replica serves no more.
  case stopped(String)
}

/// `@unchecked Sendable`: only its replica's reactor touches it; timers carry it back there.
final class Waiter: @unchecked Sendable {
  private var continuation: UnsafeContinuation<WaitOutcome, Never>?
  private(set) var outcome: WaitOutcome?

  /// Set while the waiter stands in a lock's queue.
  var owner: LockOwner?
  var lock: KeyLock?
  var strength: LockStrength = .exclusive

  var isFinished: Bool { outcome != nil }
  /// Its request shall end, even if what it waited for has just come to pass.
  var isCancelled = false

  func finish(_ outcome: WaitOutcome) {
    guard self.outcome == nil else { return }
    self.outcome = outcome
    if let continuation {
      self.continuation = nil
      continuation.resume(returning: outcome)
    }
  }

  /// Suspends until `finish`. Called once.
  func value(on reactor: Reactor) async -> WaitOutcome {
    if let outcome { return outcome }
    return await reactor.suspend { continuation in
      if let outcome {
        continuation.resume(returning: outcome)
      } else {
        self.continuation = continuation
      }
    }
  }
}
