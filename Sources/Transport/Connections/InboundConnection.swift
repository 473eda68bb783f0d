// HOT: A connection that another node has made to this reactor: it greets, then takes messages and answers calls. Handlers begin within the
// read of the socket.
//
// Backpressure: while its replies cannot be sent, and in the bulk class while too many requests are in work, nothing more is read
// from it. In the other classes requests beyond the bound are refused.

import Logging
import Reactors

/// `@unchecked Sendable`: confined to `reactor`; every method runs there.
final class InboundConnection: LinkOwner, TurnFlushing, @unchecked Sendable {
  private enum Phase {
    case greeting(TimerToken?)
    case open(NodeIdentity, MessageClass)
    case closed
  }

  let reactor: Reactor
  private let board: Switchboard
  private let link: any Link
  /// As they were when it was greeted.
  private var handlers = TransportHandlers()
  private var phase = Phase.greeting(nil)
  private var key: TransportContext.InboundKey?
  private var workingByteCount = 0
  private var workingCallCount = 0
  private var isPaused = false
  private var isDirty = false
  private var unknownKinds: Set<UInt16> = []

  private var context: TransportContext { board.context }

  init(_ link: any Link, _ board: Switchboard) {
    self.link = link
    self.board = board
    reactor = board.reactor
  }

  /// Ends the connection of who does not greet.
  func limitGreeting(on reactor: isolated Reactor) {
    let timer = reactor.schedule(afterNanoseconds: context.options.dialLimit) { [weak self] reactor in
      guard let self, case .greeting = self.phase else { return }
      self.end("no greeting came", on: reactor)
    }
    phase = .greeting(timer)
  }

  func opened(_ link: any Link, on reactor: isolated Reactor) {}

  func received(_ frame: Frame, on reactor: isolated Reactor) {
    switch phase {
    case .greeting(let timer):
      timer?.cancel()
      greet(frame, on: reactor)
    case .open(let peer, let messageClass):
      switch frame.purpose {
      case .message: deliver(frame.message, from: peer, on: reactor)
      case .call: answer(frame, from: peer, messageClass, on: reactor)
      case .ping: pong(frame, to: peer, on: reactor)
      case .hello, .rejection, .reply, .refusal, .pong:
        end("a \(frame.purpose) came out of place", on: reactor)
      }
    case .closed: break
    }
  }

  func becameWritable(on reactor: isolated Reactor) { adjustReading(on: reactor) }

  func closed(_ reason: String, on reactor: isolated Reactor) { finish(reason) }

  /// Ends the connection from this side.
  func end(_ reason: String, on reactor: isolated Reactor) {
    if case .closed = phase { return }
    link.close(on: reactor)
    finish(reason)
  }

  private func finish(_ reason: String) {
    if case .greeting(let timer) = phase { timer?.cancel() }
    phase = .closed
    if let key { context.unregister(self, key) }
    board.ended(self)
    context.logger.debug(
      "connection from another node ended", metadata: ["address": "\(link.peer)", "reason": "\(reason)"])
  }

  // MARK: Greeting

  private func greet(_ frame: Frame, on reactor: isolated Reactor) {
    guard let greeting = Handshake.greeting(frame) else {
      reject(Rejection(code: .other, text: "no greeting that can be read"), on: reactor)
      return
    }
    let own = context.identityNow()
    if let rejection = Handshake.judge(greeting, by: own, dismissed: context.dismissed.withLock { $0 }) {
      reject(rejection, on: reactor)
      return
    }
    phase = .open(greeting.identity, greeting.messageClass)
    let node = greeting.identity.nodeID
    // Who calls an address has a connection to the node beside that one.
    if let node, greeting.dialledNode != nil {
      let key = TransportContext.InboundKey(node: node, reactor: greeting.reactor, messageClass: greeting.messageClass)
      self.key = key
      context.register(self, key)
    }
    // Not before it is known: when this node's identity changes, those that are known end, and later ones have the handlers of then.
    handlers = context.handlersNow()
    link.write(Handshake.frame(own), on: reactor)
    link.flush(on: reactor)
    guard let node else { return }
    if let address = greeting.identity.advertisedAddress { context.setAddress(of: node, address) }
    let boot = greeting.identity.bootID
    for other in board.all {
      if other === board {
        other.peerCalled(node, boot: boot, on: reactor)
      } else {
        other.reactor.enqueue { other.peerCalled(node, boot: boot, on: $0) }
      }
    }
  }

  private func reject(_ rejection: Rejection, on reactor: isolated Reactor) {
    link.write(Handshake.frame(rejection), on: reactor)
    link.flush(on: reactor)
    if context.isNews(rejection.text) {
      context.logger.warning(
        "refused a connection", metadata: ["address": "\(link.peer)", "reason": "\(rejection.text)"])
    }
    end(rejection.text, on: reactor)
  }

  // MARK: Messages

  private func deliver(_ message: NodeMessage, from peer: NodeIdentity, on reactor: isolated Reactor) {
    // Who has no number has no business with one-way messages.
    guard let node = peer.nodeID else { return }
    if let handler = handlers.messages[message.kind] {
      handler(node, message, reactor)
    } else if unknownKinds.insert(message.kind).inserted {
      context.logger.info("a message of unknown kind \(message.kind) came from node \(node)")
    }
  }

  private func answer(
    _ frame: Frame, from peer: NodeIdentity, _ messageClass: MessageClass, on reactor: isolated Reactor
  ) {
    guard let handler = handlers.calls[frame.message.kind] else {
      reply(Frame(.refusal, call: frame.call, Self.text("unknown kind of request: \(frame.message.kind)")), on: reactor)
      return
    }
    let byteCount = frame.byteCount
    let options = context.options
    if messageClass != .bulk, workingCallCount > 0,
      workingCallCount >= options.workingCallCount || workingByteCount + byteCount > options.workingByteCount
    {
      reply(Frame(.refusal, call: frame.call, Self.text("too many requests are in work already")), on: reactor)
      return
    }
    workingCallCount += 1
    workingByteCount += byteCount
    adjustReading(on: reactor)
    let node = peer.nodeID
    reactor.run { reactor in
      let result = await handler(node, frame.message, reactor)
      self.finished(frame.call, byteCount, result, on: reactor)
    }
  }

  private func finished(
    _ call: UInt64, _ byteCount: Int, _ result: Result<NodeMessage, CallRefusal>, on reactor: isolated Reactor
  ) {
    workingCallCount -= 1
    workingByteCount -= byteCount
    switch result {
    case .success(let message):
      let frame = Frame(.reply, call: call, message)
      if frame.isWithinLimits {
        reply(frame, on: reactor)
      } else {
        reply(
          Frame(.refusal, call: call, Self.text("a reply of \(message.byteCount) bytes is too large for one message")),
          on: reactor)
      }
    case .failure(let refusal): reply(Frame(.refusal, call: call, Self.text(refusal.text)), on: reactor)
    }
    adjustReading(on: reactor)
  }

  private static func text(_ text: String) -> NodeMessage { NodeMessage(kind: 0, body: Array(text.utf8)) }

  private func pong(_ frame: Frame, to peer: NodeIdentity, on reactor: isolated Reactor) {
    guard let ping = try? WirePing(serializedBytes: frame.message.body) else { return }
    var pong = WirePong()
    pong.sent = ping.sent
    pong.wall = context.environment.wallNow()
    var message = NodeMessage(kind: 0, body: encoded(pong))
    if let node = peer.nodeID, let cargo = context.cargo.withLock({ $0 }) {
      message.payloads = [cargo.answer(to: frame.message.payloads.first ?? [], from: node)]
    }
    link.write(Frame(.pong, message), on: reactor)
    // At once: what waits here is taken for the network's delay.
    link.flush(on: reactor)
  }

  // MARK: Output

  private func reply(_ frame: Frame, on reactor: isolated Reactor) {
    guard case .open = phase else { return }
    link.write(frame, on: reactor)
    guard !isDirty else { return }
    isDirty = true
    board.flushLater(self)
  }

  func flush(on reactor: isolated Reactor) {
    isDirty = false
    guard case .open = phase else { return }
    link.flush(on: reactor)
    adjustReading(on: reactor)
  }

  private func adjustReading(on reactor: isolated Reactor) {
    guard case .open(_, let messageClass) = phase else { return }
    let options = context.options
    let isFull =
      messageClass == .bulk
      && (workingByteCount > options.workingBulkByteCount || workingCallCount >= options.workingCallCount)
    let shallPause = isFull || !link.isWritable
    guard shallPause != isPaused else { return }
    isPaused = shallPause
    link.pauseReading(shallPause, on: reactor)
  }
}
