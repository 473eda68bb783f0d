// What the reactors of one transport share. Nothing here is touched per message.

import Logging
import Reactors
import Synchronization

/// Takes a one-way message. It runs on the reactor that the connection came to, within the read of the socket: it must not take long.
public typealias MessageHandler =
  @Sendable (_ from: NodeID, _ message: NodeMessage, _ reactor: isolated Reactor) -> Void

/// Answers a call. It begins within the read of the socket and may suspend. `from` is nil for what has not joined the cluster.
public typealias CallHandler =
  @Sendable (_ from: NodeID?, _ message: NodeMessage, _ reactor: isolated Reactor) async -> Result<
    NodeMessage, CallRefusal
  >

/// Is told, on the first reactor, that a peer answers again or no longer.
public typealias PeerStateHandler = @Sendable (_ peer: NodeID, _ state: PeerState, _ reactor: isolated Reactor) -> Void

/// Is told that others turn this node away because it has left the cluster for good.
public typealias DismissalHandler = @Sendable (_ reason: String) -> Void

/// What another room sends along with heartbeats, and their answers. Called on the reactors that the heartbeats pass.
public protocol HeartbeatCargo: AnyObject, Sendable {
  func question(to peer: NodeID) -> [UInt8]
  /// - Parameter question: empty if the peer sends none along.
  func answer(to question: [UInt8], from peer: NodeID) -> [UInt8]
  /// - Parameter answer: empty if the peer sends none along.
  func received(_ answer: [UInt8], from peer: NodeID)
}

struct TransportHandlers: Sendable {
  var messages: [UInt16: MessageHandler] = [:]
  var calls: [UInt16: CallHandler] = [:]
  var peerStates: [PeerStateHandler] = []
  var dismissals: [DismissalHandler] = []
}

final class TransportContext: Sendable {
  /// A peer's connection, of which there is one: a new one means that the old one is dead.
  struct InboundKey: Hashable, Sendable {
    var node: NodeID
    var reactor: Int
    var messageClass: MessageClass
  }

  let environment: any Environment
  let carrier: any Carrier
  let options: TransportOptions
  let logger: Logger
  let identity: Mutex<NodeIdentity>
  /// The number in `identity`, 0 for none, for a look at each message.
  let ownNode: Atomic<UInt32>
  let handlers = Mutex(TransportHandlers())
  let cargo = Mutex<(any HeartbeatCargo)?>(nil)
  private let peers = Mutex<[NodeID: PeerRecord]>([:])
  let dismissed = Mutex<Set<NodeID>>([])
  private let inbound = Mutex<[InboundKey: InboundConnection]>([:])
  private let loggedRejection = Mutex("")

  init(
    environment: any Environment, identity: NodeIdentity, carrier: any Carrier, options: TransportOptions,
    logger: Logger
  ) {
    self.environment = environment
    self.carrier = carrier
    self.options = options
    self.logger = logger
    self.identity = Mutex(identity)
    ownNode = Atomic(identity.nodeID?.rawValue ?? 0)
  }

  var monotonicNow: Int64 { environment.monotonicNow().nanoseconds }

  func handlersNow() -> TransportHandlers { handlers.withLock { $0 } }
  func identityNow() -> NodeIdentity { identity.withLock { $0 } }

  // MARK: Peers

  func peer(_ node: NodeID) -> PeerRecord? { peers.withLock { $0[node] } }

  /// In the order of their numbers.
  func allPeers() -> [PeerRecord] { peers.withLock { Array($0.values) }.sorted { $0.id < $1.id } }

  func setAddress(of node: NodeID, _ address: NodeAddress) {
    if dismissed.withLock({ $0.contains(node) }) { return }
    let record = peers.withLock { peers in
      if let record = peers[node] { return record }
      let record = PeerRecord(node, address: address)
      peers[node] = record
      return record
    }
    record.state.withLock { $0.address = address }
  }

  func forget(_ node: NodeID) { peers.withLock { _ = $0.removeValue(forKey: node) } }

  // MARK: Inbound connections

  /// Puts a connection in the place of an older one of the same origin, which ends.
  func register(_ connection: InboundConnection, _ key: InboundKey) {
    let old = inbound.withLock { $0.updateValue(connection, forKey: key) }
    if let old, old !== connection {
      old.reactor.enqueue { old.end("the peer has connected anew", on: $0) }
    }
  }

  func unregister(_ connection: InboundConnection, _ key: InboundKey) {
    inbound.withLock { if $0[key] === connection { $0[key] = nil } }
  }

  /// Connections that a node has made to this one.
  func inboundConnections(of node: NodeID) -> [InboundConnection] {
    inbound.withLock { inbound in inbound.filter { $0.key.node == node }.map(\.value) }
  }

  /// Of nodes that have called this one as a node, in an order that does not depend on the process.
  var allInboundConnections: [InboundConnection] {
    inbound.withLock { inbound in
      inbound.sorted { one, other in
        (one.key.node.rawValue, one.key.reactor, one.key.messageClass.rawValue)
          < (other.key.node.rawValue, other.key.reactor, other.key.messageClass.rawValue)
      }.map(\.value)
    }
  }

  /// Whether a rejection is not the one that was logged last: who is turned away comes again.
  func isNews(_ rejection: String) -> Bool {
    loggedRejection.withLock { logged in
      defer { logged = rejection }
      return logged != rejection
    }
  }
}
