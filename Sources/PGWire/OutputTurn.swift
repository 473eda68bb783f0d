// HOT: answers of several clients leave together, at the end of a turn of the loop or once a few are ready: a client that serves many
// connections in one thread is then woken once for all of them, and waking a sleeping thread is the dearest part of a small write.

import Reactors

/// `@unchecked Sendable`: confined to one reactor, as the connections are.
final class OutputTurn: @unchecked Sendable {
  /// Answers kept back at most: with more the clients would idle while the reactor works.
  private static let limit = 3

  private var waiting: [WireConnection] = []
  private var isScheduled = false

  /// The connection has output, and its client waits for it.
  func add(_ connection: WireConnection) {
    waiting.append(connection)
    if waiting.count >= Self.limit {
      flush()
    } else if !isScheduled {
      isScheduled = true
      connection.reactor.enqueue { [self] _ in
        isScheduled = false
        flush()
      }
    }
  }

  private func flush() {
    for connection in waiting { connection.flushOutput() }
    waiting.removeAll(keepingCapacity: true)
  }
}
