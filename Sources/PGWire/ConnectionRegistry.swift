// Who is connected: process numbers for `BackendKeyData`, so that a cancel request, which comes on a connection of its
// own and perhaps to another reactor, finds the session that it names. Also the bound on the number of connections.

import Reactors
import Synchronization

/// Shared by all connections of a node.
public final class ConnectionRegistry: Sendable {
  struct Entry {
    var secret: Int32
    /// Ends what runs now, and calls back after that.
    var cancel: @Sendable (@escaping @Sendable () -> Void) -> Void
    /// Ends the session: at once if true, else when its transaction has ended.
    var close: @Sendable (Bool) -> Void
  }

  private struct State {
    var entries: [Int32: Entry] = [:]
    var nextProcess: Int32 = 1
    var random: RandomSource
    var isClosed = false
  }

  private let state: Mutex<State>
  public let limit: Int

  public init(limit: Int, random: RandomSource) {
    self.limit = limit
    state = Mutex(State(random: random))
  }

  public var count: Int { state.withLock { $0.entries.count } }

  /// A process number and a secret; nil when the limit is reached or the node is stopping.
  func register(
    cancel: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void, close: @escaping @Sendable (Bool) -> Void
  ) -> (process: Int32, secret: Int32)? {
    state.withLock { state in
      guard !state.isClosed, state.entries.count < limit else { return nil }
      var process = state.nextProcess
      while state.entries[process] != nil { process = process == Int32.max ? 1 : process + 1 }
      state.nextProcess = process == Int32.max ? 1 : process + 1
      let secret = Int32(truncatingIfNeeded: state.random.next())
      state.entries[process] = Entry(secret: secret, cancel: cancel, close: close)
      return (process, secret)
    }
  }

  func unregister(_ process: Int32) { state.withLock { _ = $0.entries.removeValue(forKey: process) } }

  /// Cancels what that session runs now, if the secret is right; silent otherwise, as PostgreSQL is.
  /// - Parameter done: called once the session has been told, if there is one to tell.
  func cancel(process: Int32, secret: Int32, done: @escaping @Sendable () -> Void) {
    if let entry = state.withLock({ $0.entries[process] }), entry.secret == secret {
      entry.cancel(done)
    } else {
      done()
    }
  }

  /// Refuses new connections and asks all sessions to end (57P01): after their transactions, or at once.
  public func closeAll(isForced: Bool) {
    let entries = state.withLock { state in
      state.isClosed = true
      return Array(state.entries.values)
    }
    for entry in entries { entry.close(isForced) }
  }
}
