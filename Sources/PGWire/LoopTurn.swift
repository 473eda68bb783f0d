// HOT: what several clients have sent is read first, then worked on, then answered, each for all of them: within a turn of the loop, and
// answers once a few are ready. A client that serves many connections in one thread is then woken once for all of them, waking a
// sleeping thread being the dearest part of a small write; and reading, working and writing each find their code still in the cache.

import Reactors

/// `@unchecked Sendable`: confined to one reactor, as the connections are.
final class LoopTurn: @unchecked Sendable {
  /// Answers kept back at most: with more the clients would idle while the reactor works.
  private static let limit = 3

  /// They have messages that nobody works on.
  private var received: [WireConnection] = []
  /// They have answers that wait to leave.
  private var answered: [WireConnection] = []
  private var isScheduled = false

  /// The connection has messages, and its task waits for them.
  func addReceived(_ connection: WireConnection) {
    received.append(connection)
    schedule(on: connection.reactor)
  }

  /// The connection has output, and its client waits for it.
  func addAnswered(_ connection: WireConnection) {
    answered.append(connection)
    if answered.count >= Self.limit { flush() } else { schedule(on: connection.reactor) }
  }

  private func schedule(on reactor: Reactor) {
    if isScheduled { return }
    isScheduled = true
    reactor.enqueue { [self] _ in run() }
  }

  private func run() {
    var next = 0
    while next < received.count {
      received[next].takeTurn()
      next += 1
    }
    received.removeAll(keepingCapacity: true)
    isScheduled = false
    flush()
  }

  private func flush() {
    for index in answered.indices { answered[index].flushOutput() }
    answered.removeAll(keepingCapacity: true)
  }
}
