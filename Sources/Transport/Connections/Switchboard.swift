// HOT: One reactor's connections to other nodes, and what is sent over them at the end of each turn of the reactor: frames that were queued
// within one turn leave with one write per connection.

import Logging
import Reactors

/// A connection with something to send at the end of the turn.
protocol TurnFlushing: AnyObject {
  func flush(on reactor: isolated Reactor)
}

/// `@unchecked Sendable`: confined to `reactor`; every method runs there.
final class Switchboard: @unchecked Sendable {
  let reactor: Reactor
  let context: TransportContext
  /// Set once, before anything is dialled or accepted: all of the transport's, this one among them.
  private(set) var all: [Switchboard] = []
  var random: RandomSource
  /// By node and class.
  private var nodes: [UInt64: OutboundConnection] = [:]
  private var addresses: [NodeAddress: OutboundConnection] = [:]
  private var inbound: [InboundConnection] = []
  private var dirty: [any TurnFlushing] = []
  private var isFlushScheduled = false
  private var isStopped = false
  private var timer: TimerToken?

  init(_ reactor: Reactor, _ context: TransportContext) {
    self.reactor = reactor
    self.context = context
    random = context.environment.makeRandom("transport reactor \(reactor.index)")
  }

  func join(_ all: [Switchboard]) { self.all = all }

  // MARK: Connections

  private static func key(_ node: NodeID, _ messageClass: MessageClass) -> UInt64 {
    UInt64(node.rawValue) << 8 | UInt64(messageClass.rawValue)
  }

  /// The connection to a node, which need not stand; nil for a node that nothing is known of.
  func connection(
    to node: NodeID, _ messageClass: MessageClass, on reactor: isolated Reactor
  ) -> OutboundConnection? {
    let key = Self.key(node, messageClass)
    if let connection = nodes[key] { return connection }
    guard !isStopped, let record = context.peer(node) else { return nil }
    let connection = OutboundConnection(self, .node(record), messageClass)
    nodes[key] = connection
    return connection
  }

  func connection(to address: NodeAddress, on reactor: isolated Reactor) -> OutboundConnection? {
    if let connection = addresses[address] { return connection }
    guard !isStopped else { return nil }
    let connection = OutboundConnection(self, .address(address), .system)
    addresses[address] = connection
    return connection
  }

  /// In an order that does not depend on the process.
  private var allConnections: [OutboundConnection] {
    nodes.sorted { $0.key < $1.key }.map(\.value) + addresses.sorted { $0.key < $1.key }.map(\.value)
  }

  func connections(to node: NodeID) -> [OutboundConnection] {
    MessageClass.allCases.compactMap { nodes[Self.key(node, $0)] }
  }

  /// A peer has called: it lives, whatever the last attempt to call it said.
  func peerCalled(_ node: NodeID, boot: UInt64, on reactor: isolated Reactor) {
    for connection in connections(to: node) { connection.peerCalled(boot: boot, on: reactor) }
    // Calls go to it again once it has answered.
    if reactor.index == 0 { connection(to: node, .system, on: reactor)?.ping(context.monotonicNow, on: reactor) }
  }

  /// Ends the connections to a node; the next message dials again.
  func giveUp(_ node: NodeID, _ reason: String, on reactor: isolated Reactor) {
    for connection in connections(to: node) { connection.end(.unreachable(reason), on: reactor) }
  }

  /// Ends the connections to a node for good.
  func forget(_ node: NodeID, on reactor: isolated Reactor) {
    giveUp(node, "node \(node) has been removed", on: reactor)
    for messageClass in MessageClass.allCases { nodes[Self.key(node, messageClass)] = nil }
  }

  /// This node is called otherwise now: peers must be told anew.
  func identityChanged(on reactor: isolated Reactor) {
    for connection in allConnections {
      connection.end(.unreachable("this node has changed its identity"), on: reactor)
      connection.retryNow()
    }
  }

  func accept(_ link: any Link, on reactor: isolated Reactor) -> any LinkOwner {
    let connection = InboundConnection(link, self)
    inbound.append(connection)
    connection.limitGreeting(on: reactor)
    if isStopped { connection.end("this node is stopping", on: reactor) }
    return connection
  }

  func ended(_ connection: InboundConnection) { inbound.removeAll { $0 === connection } }

  // MARK: Turns

  /// Has `connection` flushed at the end of this turn. Asked once per turn and connection.
  func flushLater(_ connection: any TurnFlushing) {
    dirty.append(connection)
    guard !isFlushScheduled else { return }
    isFlushScheduled = true
    reactor.enqueue { self.endTurn(on: $0) }
  }

  private func endTurn(on reactor: isolated Reactor) {
    isFlushScheduled = false
    var connections: [any TurnFlushing] = []
    swap(&connections, &dirty)
    for connection in connections { connection.flush(on: reactor) }
    // The array's memory serves the next turn.
    if dirty.isEmpty {
      connections.removeAll(keepingCapacity: true)
      swap(&connections, &dirty)
    }
  }

  // MARK: Time

  func start(on reactor: isolated Reactor) {
    guard timer == nil, !isStopped else { return }
    tick(on: reactor)
  }

  private func tick(on reactor: isolated Reactor) {
    guard !isStopped else { return }
    if reactor.index == 0 { beat(on: reactor) }
    let now = context.monotonicNow
    for (address, connection) in addresses.sorted(by: { $0.key < $1.key })
    where connection.isIdle(since: now - context.options.addressIdleLimit) {
      connection.end(.unreachable("idle"), on: reactor)
      addresses[address] = nil
    }
    timer = reactor.schedule(afterNanoseconds: context.options.heartbeatInterval) { [weak self] reactor in
      self?.tick(on: reactor)
    }
  }

  func stop(on reactor: isolated Reactor) {
    isStopped = true
    timer?.cancel()
    for connection in allConnections { connection.end(.unreachable("this node is stopping"), on: reactor) }
    nodes = [:]
    addresses = [:]
    for connection in inbound { connection.end("this node is stopping", on: reactor) }
    all = []
  }
}
