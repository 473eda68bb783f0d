// HOT: The door to the other nodes of the cluster: one-way messages, calls with replies, and what is known of each peer.
//
// Each reactor dials its own connection to a peer for each class of messages, so that nothing on the way to the socket is shared between
// threads. Messages from one reactor to one peer in one class arrive in the order of sending, but any of them may be lost, those after it
// included, when the connection breaks. Nothing is sent twice.
// The reactor that handles a message is the one to which the connection came on the other side; a handler that needs another one goes there
// itself.

import Logging
import Reactors

/// A node's connections to other nodes.
public final class NodeTransport: Sendable {
  private let context: TransportContext
  private let boards: [Switchboard]

  /// - Parameters:
  ///   - carrier: `SocketCarrier` in production, `LoopbackNetwork.carrier` in tests and simulations.
  ///   - identity: with a node's number only if it has a cluster's, too.
  public init(
    environment: any Environment, identity: NodeIdentity, carrier: any Carrier,
    options: TransportOptions = TransportOptions(), logger: Logger
  ) {
    precondition(identity.nodeID == nil || identity.clusterID != nil, "a node's number belongs to a cluster")
    let context = TransportContext(
      environment: environment, identity: identity, carrier: carrier, options: options, logger: logger)
    self.context = context
    boards = environment.reactors.map { Switchboard($0, context) }
    for board in boards { board.join(boards) }
  }

  // MARK: Handlers

  /// Has one-way messages of a kind handled. To be called before `listen`, once for each kind.
  public func onMessage(_ kind: UInt16, _ handler: @escaping MessageHandler) {
    let old = context.handlers.withLock { $0.messages.updateValue(handler, forKey: kind) }
    precondition(old == nil, "messages of kind \(kind) have a handler already")
  }

  /// Has calls of a kind answered. To be called before `listen`, once for each kind.
  public func onCall(_ kind: UInt16, _ handler: @escaping CallHandler) {
    let old = context.handlers.withLock { $0.calls.updateValue(handler, forKey: kind) }
    precondition(old == nil, "calls of kind \(kind) have a handler already")
  }

  /// Has `handler` told when peers begin and cease to answer. To be called before `listen`.
  public func onPeerStateChange(_ handler: @escaping PeerStateHandler) {
    context.handlers.withLock { $0.peerStates.append(handler) }
  }

  /// Has `handler` told that others turn this node away for good. To be called before `listen`.
  public func onDismissal(_ handler: @escaping DismissalHandler) {
    context.handlers.withLock { $0.dismissals.append(handler) }
  }

  /// Has something travel along with heartbeats, until the transport stops.
  public func setCargo(_ cargo: any HeartbeatCargo) { context.cargo.withLock { $0 = cargo } }

  // MARK: Life

  /// Listens, and begins to send heartbeats to all peers. Unless the identity says where others reach this node it says the address that is
  /// listened on, if that is one that can be called.
  /// - Returns: the address with the real port, if 0 was asked for.
  /// - Throws: `unreachable` if the address cannot be listened on.
  public func listen(on address: NodeAddress) async throws(TransportError) -> NodeAddress {
    let boards = self.boards
    let bound = try await context.carrier.listen(on: address) { link, reactor in
      boards[reactor.index].accept(link, on: reactor)
    }
    if address.host != "0.0.0.0", address.host != "::", !address.host.isEmpty {
      context.identity.withLock { identity in
        if identity.advertisedAddress == nil {
          identity.advertisedAddress = NodeAddress(host: address.host, port: bound.port)
        }
      }
    }
    beginHeartbeats()
    return bound
  }

  /// For what talks to nodes without listening itself.
  public func beginHeartbeats() {
    for board in boards { board.reactor.enqueue { board.start(on: $0) } }
  }

  /// Takes on another identity, as when the node has joined. Connections are made anew under it; calls under way end as `closed`.
  public func setIdentity(_ identity: NodeIdentity) {
    precondition(identity.nodeID == nil || identity.clusterID != nil, "a node's number belongs to a cluster")
    context.identity.withLock { current in
      let address = current.advertisedAddress
      current = identity
      if current.advertisedAddress == nil { current.advertisedAddress = address }
    }
    context.ownNode.store(identity.nodeID?.rawValue ?? 0, ordering: .releasing)
    for board in boards { board.reactor.enqueue { board.identityChanged(on: $0) } }
    // What they were answered with belongs to who this node was.
    for connection in context.allInboundConnections {
      connection.reactor.enqueue { connection.end("this node has changed its identity", on: $0) }
    }
  }

  public var identity: NodeIdentity { context.identityNow() }

  /// Nanoseconds between heartbeats to each peer.
  public var heartbeatInterval: Int64 { context.options.heartbeatInterval }

  /// Ends all connections and listens no more. Calls under way end as `closed`. Not to be called from a handler.
  public func stop() async {
    await context.carrier.stopListening()
    for board in boards { await board.reactor.perform { board.stop(on: $0) } }
    context.cargo.withLock { $0 = nil }
  }

  // MARK: Peers

  /// Says where a node is reached, from now on. Peers that call tell it themselves, too; the latest word counts.
  public func setAddress(of node: NodeID, _ address: NodeAddress) { context.setAddress(of: node, address) }

  /// A node has left the cluster for good: ends all connections with it, and turns it away from now on.
  public func dismiss(_ node: NodeID) {
    let isNews = context.dismissed.withLock { $0.insert(node).inserted }
    guard isNews else { return }
    context.forget(node)
    for board in boards { board.reactor.enqueue { board.forget(node, on: $0) } }
    for connection in context.inboundConnections(of: node) {
      connection.reactor.enqueue { connection.end("node \(node) has been decommissioned", on: $0) }
    }
  }

  /// All known peers, in the order of their numbers.
  public func peers() -> [PeerStatus] {
    let monotonic = context.monotonicNow
    let wall = context.environment.wallNow()
    return context.allPeers().map { $0.status(monotonic: monotonic, wall: wall) }
  }

  /// The numbers of all known peers, in order.
  public var peerIDs: [NodeID] { context.allPeers().map(\.id) }

  public func peer(_ node: NodeID) -> PeerStatus? {
    context.peer(node)?.status(monotonic: context.monotonicNow, wall: context.environment.wallNow())
  }

  /// A reactor of another environment would share what belongs to one of ours.
  private func board(of reactor: Reactor) -> Switchboard {
    let board = boards[reactor.index]
    precondition(board.reactor === reactor, "a reactor of another environment uses this transport")
    return board
  }

  // MARK: Messages

  /// Sends a one-way message at the end of this turn. True promises nothing: it may still be lost with its connection.
  /// - Returns: false if it is shed: too much waits to be sent in this class, it is too large (`Frame.Limits.messageByteCount`), or there is no
  ///   connection and none could be made a moment ago.
  @discardableResult
  public func send(
    _ message: NodeMessage, to node: NodeID, class messageClass: MessageClass, from reactor: isolated Reactor
  ) -> Bool {
    if node.rawValue == context.ownNode.load(ordering: .relaxed) { return sendHere(message, node, reactor) }
    guard let connection = board(of: reactor).connection(to: node, messageClass, on: reactor) else { return false }
    return connection.send(message, on: reactor)
  }

  private func sendHere(_ message: NodeMessage, _ node: NodeID, _ reactor: Reactor) -> Bool {
    guard let handler = context.handlers.withLock({ $0.messages[message.kind] }) else { return false }
    reactor.enqueue { handler(node, message, $0) }
    return true
  }

  /// Asks a node and waits for its reply. Of the bulk class it also waits for room in the queue.
  public func call(
    _ message: NodeMessage, to node: NodeID, class messageClass: MessageClass, timeoutNanoseconds: Int64,
    on reactor: isolated Reactor
  ) async throws(TransportError) -> NodeMessage {
    if node.rawValue == context.ownNode.load(ordering: .relaxed) { return try await callHere(message, node, reactor) }
    guard let connection = board(of: reactor).connection(to: node, messageClass, on: reactor) else {
      throw .unreachable("the address of node \(node) is not known")
    }
    return try await connection.call(message, timeoutNanoseconds: timeoutNanoseconds, on: reactor)
  }

  /// Asks whoever listens at an address, as a node does that does not know its cluster yet.
  public func call(
    _ message: NodeMessage, to address: NodeAddress, timeoutNanoseconds: Int64, on reactor: isolated Reactor
  ) async throws(TransportError) -> NodeMessage {
    guard let connection = board(of: reactor).connection(to: address, on: reactor) else {
      throw .unreachable("this node is stopping")
    }
    return try await connection.call(message, timeoutNanoseconds: timeoutNanoseconds, on: reactor)
  }

  /// A node's call to itself passes no connection and has no time limit.
  private func callHere(
    _ message: NodeMessage, _ node: NodeID, _ reactor: isolated Reactor
  ) async throws(TransportError) -> NodeMessage {
    guard let handler = context.handlers.withLock({ $0.calls[message.kind] }) else {
      throw .refused("unknown kind of request: \(message.kind)")
    }
    switch await handler(node, message, reactor) {
    case .success(let reply): return reply
    case .failure(let refusal): throw .refused(refusal.text)
    }
  }
}
