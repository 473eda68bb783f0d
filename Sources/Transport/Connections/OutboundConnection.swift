// HOT: This reactor's connection to another node for one class of messages. It is dialled when first wanted, kept, and dialled again after
// it broke, not before its backoff is over.
//
// Messages and calls wait in one queue, so they arrive in the order in which they were sent, or not at all. What is queued while the
// connection is being made is sent once it stands. When it breaks, everything queued is lost, and every call ends at once: it may have been
// executed if its request had left.

import DequeModule
import Logging
import Reactors

/// `@unchecked Sendable`: confined to its board's reactor; every method runs there.
final class OutboundConnection: TurnFlushing, @unchecked Sendable {
  typealias Waiter = UnsafeContinuation<Result<NodeMessage, TransportError>, Never>

  enum Destination {
    case node(PeerRecord)
    /// Whoever listens there.
    case address(NodeAddress)
  }

  /// One link, from the dialling to its end. Callbacks of an attempt that has been given up are told apart by it.
  private final class Attempt: LinkOwner, @unchecked Sendable {
    // `@unchecked Sendable`: confined as its connection is.
    private let connection: OutboundConnection
    var link: (any Link)?
    var timer: TimerToken?

    init(_ connection: OutboundConnection) { self.connection = connection }

    func opened(_ link: any Link, on reactor: isolated Reactor) { connection.opened(self, link, on: reactor) }
    func received(_ frame: Frame, on reactor: isolated Reactor) { connection.received(self, frame, on: reactor) }
    func becameWritable(on reactor: isolated Reactor) { connection.becameWritable(self, on: reactor) }
    func closed(_ reason: String, on reactor: isolated Reactor) { connection.broke(self, reason, on: reactor) }
  }

  private enum Phase {
    case idle
    case dialling(Attempt)
    case open(Attempt, any Link, NodeIdentity)
  }

  /// Nine years: timers count no further than they must.
  private static let longestTimeout: Int64 = 1 << 58

  private let board: Switchboard
  private let destination: Destination
  private let messageClass: MessageClass
  private var phase = Phase.idle
  private var backoff: Backoff
  /// When dialling is allowed again, and why the last attempt failed.
  private var nextDial = Int64.min
  private var lastError = TransportError.unreachable("no connection")
  private var loggedFailure: String?
  private var queue: SendQueue
  /// Calls of the bulk class that wait for room in the queue.
  private var blocked: Deque<Frame> = []
  private var calls = CallTable<Waiter>()
  private var deadlineTimer: (deadline: Int64, token: TimerToken)?
  private var isDirty = false
  private var lastUse = Int64.min

  private var context: TransportContext { board.context }

  init(_ board: Switchboard, _ destination: Destination, _ messageClass: MessageClass) {
    self.board = board
    self.destination = destination
    self.messageClass = messageClass
    let options = board.context.options
    backoff = Backoff(shortest: options.shortestBackoff, longest: options.longestBackoff)
    queue = SendQueue(limit: options.queueByteCount(messageClass))
  }

  // MARK: Sending

  /// Queues a one-way message; false if it is shed, because too much waits or because there is no connection and none may be dialled yet.
  func send(_ message: NodeMessage, on reactor: isolated Reactor) -> Bool {
    let frame = Frame(.message, message)
    if case .idle = phase, dial(on: reactor) != nil {
      countUnsent(1)
      return false
    }
    guard frame.isWithinLimits, blocked.isEmpty, queue.push(frame) else {
      if case .node(let record) = destination { record.shedCount.add(1, ordering: .relaxed) }
      return false
    }
    flushLater()
    return true
  }

  /// Sends a request and waits for its reply.
  func call(
    _ message: NodeMessage, timeoutNanoseconds: Int64, on reactor: isolated Reactor
  ) async throws(TransportError) -> NodeMessage {
    let result = await reactor.suspend { waiter in
      begin(message, timeoutNanoseconds: timeoutNanoseconds, waiter, on: reactor)
    }
    return try result.get()
  }

  private func begin(
    _ message: NodeMessage, timeoutNanoseconds: Int64, _ waiter: Waiter, on reactor: isolated Reactor
  ) {
    if case .idle = phase, let error = dial(on: reactor) {
      waiter.resume(returning: .failure(error))
      return
    }
    if case .dialling = phase, isDown {
      // Whoever asks may know somebody else to ask; it comes back as soon as a heartbeat is answered.
      waiter.resume(returning: .failure(.unreachable("\(name) does not answer")))
      return
    }
    let now = context.monotonicNow
    lastUse = now
    let deadline = now + min(max(0, timeoutNanoseconds), Self.longestTimeout)
    let call = calls.add(waiter, deadline: deadline)
    let frame = Frame(.call, call: call, message)
    if !frame.isWithinLimits {
      refuse(call, .refused("a request of \(message.byteCount) bytes is too large for one message"))
    } else if blocked.isEmpty, queue.push(frame) {
      flushLater()
    } else if messageClass == .bulk {
      blocked.append(frame)
    } else {
      if case .node(let record) = destination { record.shedCount.add(1, ordering: .relaxed) }
      refuse(call, .overloaded)
    }
    if calls.isWaiting(call) { watch(deadline, now, on: reactor) }
  }

  private func refuse(_ call: UInt64, _ error: TransportError) {
    calls.finish(call)?.resume(returning: .failure(error))
  }

  private func flushLater() {
    guard !isDirty, case .open = phase else { return }
    isDirty = true
    board.flushLater(self)
  }

  func flush(on reactor: isolated Reactor) {
    isDirty = false
    guard case .open(_, let link, _) = phase else { return }
    while true {
      while let first = blocked.first, queue.hasRoom(for: first) {
        _ = queue.push(first)
        blocked.removeFirst()
      }
      if !link.isWritable { link.flush(on: reactor) }
      guard link.isWritable, let frame = queue.pop() else { break }
      if frame.purpose == .call {
        // A call that has been given up is not sent any more.
        guard calls.isWaiting(frame.call) else { continue }
        calls.sent(frame.call)
      }
      link.write(frame, on: reactor)
    }
    link.flush(on: reactor)
  }

  /// Sends a heartbeat past the queue; dials if there is no connection.
  func ping(_ now: Int64, on reactor: isolated Reactor) {
    if case .idle = phase { _ = dial(on: reactor) }
    guard case .open(_, let link, _) = phase else { return }
    var ping = WirePing()
    ping.sent = UInt64(bitPattern: now)
    var message = NodeMessage(kind: 0, body: encoded(ping))
    if case .node(let record) = destination, let cargo = context.cargo.withLock({ $0 }) {
      message.payloads = [cargo.question(to: record.id)]
    }
    link.write(Frame(.ping, message), on: reactor)
    link.flush(on: reactor)
  }

  // MARK: Deadlines

  /// One timer for all calls, set for the earliest deadline.
  private func watch(_ deadline: Int64, _ now: Int64, on reactor: isolated Reactor) {
    if let deadlineTimer {
      if deadlineTimer.deadline <= deadline { return }
      deadlineTimer.token.cancel()
    }
    let token = reactor.schedule(afterNanoseconds: max(0, deadline - now)) { [weak self] reactor in
      self?.expire(on: reactor)
    }
    deadlineTimer = (deadline, token)
  }

  private func expire(on reactor: isolated Reactor) {
    deadlineTimer = nil
    let now = context.monotonicNow
    for ended in calls.expire(now: now) {
      ended.waiter.resume(returning: .failure(.timedOut(mayHaveBeenExecuted: ended.isSent)))
    }
    if !blocked.isEmpty { blocked.removeAll { !calls.isWaiting($0.call) } }
    if let next = calls.earliestDeadline { watch(next, now, on: reactor) }
  }

  /// Whether nothing has been asked since then and nothing is under way.
  func isIdle(since time: Int64) -> Bool { calls.isEmpty && lastUse < time }

  // MARK: Dialling

  private var name: String {
    switch destination {
    case .node(let record): "node \(record.id)"
    case .address(let address): "\(address)"
    }
  }

  /// Whether the peer has been silent for too long, and has not been heard since.
  private var isDown: Bool {
    if case .node(let record) = destination { record.state.withLock { $0.isUp == false } } else { false }
  }

  private var dialledNode: NodeID? {
    if case .node(let record) = destination { record.id } else { nil }
  }

  /// Dials, unless it is too early after a failure; why there will be no connection.
  private func dial(on reactor: isolated Reactor) -> TransportError? {
    guard context.monotonicNow >= nextDial else { return lastError }
    let address: NodeAddress
    switch destination {
    case .address(let known): address = known
    case .node(let record):
      guard let known = record.address else { return .unreachable("the address of node \(record.id) is not known") }
      address = known
    }
    let attempt = Attempt(self)
    phase = .dialling(attempt)
    let limit = context.options.dialLimit
    attempt.timer = reactor.schedule(afterNanoseconds: limit) { [weak self, weak attempt] reactor in
      guard let self, let attempt else { return }
      self.fail(attempt, .unreachable("\(self.name) at \(address) does not answer"), on: reactor)
    }
    context.carrier.dial(address, owner: attempt, limit: limit, on: reactor)
    if case .idle = phase { return lastError }
    return nil
  }

  private func opened(_ attempt: Attempt, _ link: any Link, on reactor: isolated Reactor) {
    guard case .dialling(let current) = phase, current === attempt else {
      link.close(on: reactor)
      return
    }
    attempt.link = link
    let greeting = Greeting(
      identity: context.identityNow(), messageClass: messageClass, dialledNode: dialledNode, reactor: reactor.index)
    link.write(Handshake.frame(greeting), on: reactor)
    link.flush(on: reactor)
  }

  private func greeted(_ attempt: Attempt, _ frame: Frame, on reactor: isolated Reactor) {
    guard let link = attempt.link, let answer = Handshake.answer(frame) else {
      fail(attempt, .unreachable("\(name) does not answer as a node does"), on: reactor)
      return
    }
    switch answer {
    case .failure(let rejection):
      fail(attempt, .refused("\(name) (\(link.peer)) refused the connection: \(rejection.text)"), on: reactor)
      if rejection.code == .decommissioned {
        for handler in context.handlersNow().dismissals { handler(rejection.text) }
      }
    case .success(let identity):
      if let rejection = Handshake.judge(answer: identity, dialled: dialledNode, by: context.identityNow()) {
        fail(attempt, .refused("the connection to \(name) (\(link.peer)) is no use: \(rejection.text)"), on: reactor)
        return
      }
      attempt.timer?.cancel()
      backoff.succeed()
      loggedFailure = nil
      phase = .open(attempt, link, identity)
      if case .node(let record) = destination { established(record, link, identity, on: reactor) }
      flush(on: reactor)
    }
  }

  private func established(
    _ record: PeerRecord, _ link: any Link, _ identity: NodeIdentity, on reactor: isolated Reactor
  ) {
    let isRecovered = record.connected()
    let carriesHeartbeats = messageClass == .system && reactor.index == 0
    if carriesHeartbeats {
      record.state.withLock { state in
        state.isConnected = true
        // Perhaps on another machine now, with another clock.
        if state.identity?.bootID != identity.bootID { state.clock.reset() }
      }
      // The first answer says at once that the peer is up.
      ping(context.monotonicNow, on: reactor)
    }
    context.logger.log(
      level: isRecovered || carriesHeartbeats ? .info : .debug, "connected to node \(record.id)",
      metadata: [
        "node": "\(record.id)", "address": "\(link.peer)", "class": "\(messageClass)",
        "version": "\(identity.binaryVersion)",
      ])
  }

  /// The peer has called: the next message may dial at once. If it is another process than the one that this connection leads to, that one is
  /// dead, even if its end has not been noticed.
  func peerCalled(boot: UInt64, on reactor: isolated Reactor) {
    if case .open(_, _, let identity) = phase, identity.bootID != boot {
      end(.unreachable("\(name) has been restarted"), on: reactor)
    }
    retryNow()
  }

  /// Forgets past failures.
  func retryNow() {
    backoff.succeed()
    nextDial = Int64.min
  }

  // MARK: The link

  private func received(_ attempt: Attempt, _ frame: Frame, on reactor: isolated Reactor) {
    switch phase {
    case .dialling(let current) where current === attempt: greeted(attempt, frame, on: reactor)
    case .open(let current, _, let identity) where current === attempt:
      switch frame.purpose {
      case .reply: calls.finish(frame.call)?.resume(returning: .success(frame.message))
      case .refusal:
        let text = String(decoding: frame.message.body, as: UTF8.self)
        calls.finish(frame.call)?.resume(returning: .failure(.refused(text)))
      case .pong:
        guard case .node(let record) = destination, let pong = try? WirePong(serializedBytes: frame.message.body) else {
          return
        }
        board.heard(pong, from: record, identity, on: reactor)
        if let cargo = context.cargo.withLock({ $0 }) {
          cargo.received(frame.message.payloads.first ?? [], from: record.id)
        }
      case .hello, .rejection, .message, .call, .ping:
        fail(attempt, .unreachable("\(name) broke the protocol with a \(frame.purpose) out of place"), on: reactor)
      }
    default: break
    }
  }

  private func becameWritable(_ attempt: Attempt, on reactor: isolated Reactor) {
    if case .open(let current, _, _) = phase, current === attempt { flush(on: reactor) }
  }

  private func broke(_ attempt: Attempt, _ reason: String, on reactor: isolated Reactor) {
    attempt.link = nil
    fail(attempt, .unreachable("the connection to \(name) failed: \(reason)"), on: reactor)
  }

  /// Ends whatever there is of a connection, for a reason that others have told or that needs no telling.
  func end(_ error: TransportError, on reactor: isolated Reactor) {
    switch phase {
    case .idle: break
    case .dialling(let attempt), .open(let attempt, _, _): fail(attempt, error, isLogged: false, on: reactor)
    }
  }

  private func fail(
    _ attempt: Attempt, _ error: TransportError, isLogged: Bool = true, on reactor: isolated Reactor
  ) {
    let wasOpen: Bool
    switch phase {
    case .dialling(let current) where current === attempt: wasOpen = false
    case .open(let current, _, _) where current === attempt: wasOpen = true
    default: return
    }
    phase = .idle
    attempt.timer?.cancel()
    attempt.link?.close(on: reactor)
    attempt.link = nil
    let delay = backoff.fail(&board.random)
    if case .refused = error {
      // Nothing heals this but an operator.
      nextDial = context.monotonicNow + context.options.longestBackoff
    } else {
      nextDial = context.monotonicNow + delay
    }
    lastError = error
    if isLogged { log(error, wasOpen: wasOpen) }
    if case .node(let record) = destination, messageClass == .system, reactor.index == 0 {
      record.state.withLock { $0.isConnected = false }
    }
    countUnsent(queue.removeAll())
    blocked.removeAll()
    deadlineTimer?.token.cancel()
    deadlineTimer = nil
    for ended in calls.end() {
      ended.waiter.resume(
        returning: .failure(wasOpen ? .closed(mayHaveBeenExecuted: ended.isSent) : error))
    }
  }

  /// Says once why a node cannot be reached.
  private func log(_ error: TransportError, wasOpen: Bool) {
    let isNews: Bool
    switch destination {
    case .node(let record): isNews = record.failed(error.description)
    case .address: isNews = loggedFailure != error.description
    }
    loggedFailure = error.description
    guard isNews else { return }
    let isRefused = if case .refused = error { true } else { false }
    context.logger.log(
      level: isRefused ? .error : wasOpen ? .info : .warning, "\(error.description)",
      metadata: ["class": "\(messageClass)"])
  }

  private func countUnsent(_ count: Int) {
    if count > 0, case .node(let record) = destination { record.unsentCount.add(count, ordering: .relaxed) }
  }
}
