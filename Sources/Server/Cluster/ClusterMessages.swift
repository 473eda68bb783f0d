// What nodes, and commands about nodes, ask each other besides the affairs of ranges. Bodies are fields in order, numbers as varints, texts
// length prefixed; whoever reads one ignores what follows, so that fields can be added at the end.
//
//   32 join         a node without a cluster asks a member for its place
//   33 initialise   `meridian init`: begin a cluster on this node
//   34 report       a member asks another for what it has open, and how much it holds
//   35 nodes        who is a member, and where; `meridian node status`
//   36 decommission `meridian node decommission`: have a node leave, and how far it is
//   37 drain        `meridian node drain`: hand leases on and end sessions, so as to be stopped
//   38 ranges       which replicas a member has, which it leads, whom it believes to live

import Encoding
import Ranges
import Transport

/// Kinds of calls of this room: 32 to 47.
enum ClusterCall {
  static let join: UInt16 = 32
  static let initialise: UInt16 = 33
  static let report: UInt16 = 34
  static let nodes: UInt16 = 35
  static let decommission: UInt16 = 36
  static let drain: UInt16 = 37
  static let ranges: UInt16 = 38
  static let check: UInt16 = 39
  static let scatter: UInt16 = 40
}

/// What each call's request and reply has in common.
protocol ClusterMessage {
  init?(from reader: inout ByteReader)
  func encode(into bytes: inout [UInt8])
}

extension ClusterMessage {
  init?(_ message: NodeMessage) {
    let decoded = message.body.withUnsafeBytes { raw -> Self? in
      var reader = ByteReader(raw)
      return Self(from: &reader)
    }
    guard let decoded else { return nil }
    self = decoded
  }

  func message(_ kind: UInt16) -> NodeMessage {
    var bytes: [UInt8] = []
    encode(into: &bytes)
    return NodeMessage(kind: kind, body: bytes)
  }
}

// MARK: - Join

struct JoinRequest: ClusterMessage, Equatable {
  var address: NodeAddress
  var clock: ClockFacts

  init(address: NodeAddress, clock: ClockFacts) {
    self.address = address
    self.clock = clock
  }

  init?(from reader: inout ByteReader) {
    guard let address = reader.readAddress(), let machine = reader.readText(), let error = reader.readSignedVarint()
    else { return nil }
    var clock = ClockFacts(machineBootID: machine, maximumError: error < 0 ? nil : error)
    // Requests of earlier versions end here.
    if let flag = reader.readUInt8() { clock.goesByClusterTime = flag != 0 }
    self.init(address: address, clock: clock)
  }

  func encode(into bytes: inout [UInt8]) {
    bytes.append(address: address)
    bytes.append(text: clock.machineBootID)
    ValueEncoding.appendSignedVarint(clock.maximumError ?? -1, to: &bytes)
    bytes.append(clock.goesByClusterTime ? 1 : 0)
  }
}

enum JoinReply: ClusterMessage, Equatable {
  struct Place: Equatable {
    var node: NodeID
    var address: NodeAddress
  }

  case joined(StoreIdentity, [Place])
  /// Who was asked is in no cluster itself.
  case waiting
  /// It cannot join as it is; for its operator.
  case refused(String)

  init?(from reader: inout ByteReader) {
    switch reader.readUInt8() {
    case 0:
      guard let identity = reader.readIdentity(), let count = reader.readVarint() else { return nil }
      var places: [Place] = []
      for _ in 0..<count {
        guard let node = reader.readNodeID(), let address = reader.readAddress() else { return nil }
        places.append(Place(node: node, address: address))
      }
      self = .joined(identity, places)
    case 1: self = .waiting
    case 2:
      guard let reason = reader.readText() else { return nil }
      self = .refused(reason)
    default: return nil
    }
  }

  func encode(into bytes: inout [UInt8]) {
    switch self {
    case .joined(let identity, let places):
      bytes.append(0)
      bytes.append(identity: identity)
      ValueEncoding.appendVarint(UInt64(places.count), to: &bytes)
      for place in places {
        ValueEncoding.appendVarint(UInt64(place.node.rawValue), to: &bytes)
        bytes.append(address: place.address)
      }
    case .waiting: bytes.append(1)
    case .refused(let reason):
      bytes.append(2)
      bytes.append(text: reason)
    }
  }
}

// MARK: - Initialise

/// What becomes of the wish to begin a cluster.
public enum InitialisationReply: Sendable, Equatable {
  case begun(ClusterID)
  /// The node belongs to one already.
  case already(ClusterID, NodeID)
  case refused(String)
}

extension InitialisationReply: ClusterMessage {
  init?(from reader: inout ByteReader) {
    switch reader.readUInt8() {
    case 0:
      guard let identity = reader.readIdentity() else { return nil }
      self = .begun(identity.cluster)
    case 1:
      guard let identity = reader.readIdentity() else { return nil }
      self = .already(identity.cluster, identity.node)
    case 2:
      guard let reason = reader.readText() else { return nil }
      self = .refused(reason)
    default: return nil
    }
  }

  func encode(into bytes: inout [UInt8]) {
    switch self {
    case .begun(let cluster):
      bytes.append(0)
      bytes.append(identity: StoreIdentity(cluster: cluster, node: NodeID(rawValue: 1)))
    case .already(let cluster, let node):
      bytes.append(1)
      bytes.append(identity: StoreIdentity(cluster: cluster, node: node))
    case .refused(let reason):
      bytes.append(2)
      bytes.append(text: reason)
    }
  }
}

// MARK: - Report

/// What a member tells another of itself.
struct NodeReport: ClusterMessage, Equatable {
  /// Where the oldest open transaction reads, in nanoseconds since 1970; nil: none is open, and none will ever read below what the
  /// cluster's clocks show now.
  var oldestTransaction: Int64?
  var replicaCount = 0
  var leaseCount = 0
  var isDraining = false
  /// Of each node: how many ranges that the reporting one leads have a replica there, and how many of which it has a replica itself.
  var holdings: [Holding] = []
  /// Nodes that it knows to be leaving, or gone: it gives them nothing any more.
  var leaving: [NodeID] = []
  var clock = ClockStatus()

  struct Holding: Equatable {
    var node: NodeID
    var led: Int
    var known: Int
  }

  init() {}

  init?(from reader: inout ByteReader) {
    guard let oldest = reader.readSignedVarint(), let replicas = reader.readVarint().flatMap({ Int(exactly: $0) }),
      let leases = reader.readVarint().flatMap({ Int(exactly: $0) })
    else { return nil }
    oldestTransaction = oldest == Int64.max ? nil : oldest
    replicaCount = replicas
    leaseCount = leases
    // Reports of earlier versions end here.
    guard let draining = reader.readUInt8() else { return }
    isDraining = draining != 0
    guard let count = reader.readVarint() else { return nil }
    for _ in 0..<count {
      guard let node = reader.readNodeID(), let led = reader.readVarint().flatMap({ Int(exactly: $0) }),
        let known = reader.readVarint().flatMap({ Int(exactly: $0) })
      else { return nil }
      holdings.append(Holding(node: node, led: led, known: known))
    }
    guard let leavingCount = reader.readVarint() else { return nil }
    for _ in 0..<leavingCount {
      guard let node = reader.readNodeID() else { return nil }
      leaving.append(node)
    }
    if reader.isAtEnd { return }
    guard let clock = ClockStatus(from: &reader) else { return nil }
    self.clock = clock
  }

  func encode(into bytes: inout [UInt8]) {
    ValueEncoding.appendSignedVarint(oldestTransaction ?? Int64.max, to: &bytes)
    ValueEncoding.appendVarint(UInt64(replicaCount), to: &bytes)
    ValueEncoding.appendVarint(UInt64(leaseCount), to: &bytes)
    bytes.append(isDraining ? 1 : 0)
    ValueEncoding.appendVarint(UInt64(holdings.count), to: &bytes)
    for holding in holdings {
      for number in [UInt64(holding.node.rawValue), UInt64(holding.led), UInt64(holding.known)] {
        ValueEncoding.appendVarint(number, to: &bytes)
      }
    }
    ValueEncoding.appendVarint(UInt64(leaving.count), to: &bytes)
    for node in leaving { ValueEncoding.appendVarint(UInt64(node.rawValue), to: &bytes) }
    clock.encode(into: &bytes)
  }
}

// MARK: - Nodes

struct NodesRequest: ClusterMessage, Equatable {
  /// Whether the nodes are asked for their reports, too, which takes a round trip to each.
  var withReports: Bool

  init(withReports: Bool) { self.withReports = withReports }

  init?(from reader: inout ByteReader) {
    guard let flag = reader.readUInt8() else { return nil }
    withReports = flag != 0
  }

  func encode(into bytes: inout [UInt8]) { bytes.append(withReports ? 1 : 0) }
}

struct NodesReply: ClusterMessage, Equatable {
  /// Of who was asked; nil if it is in no cluster.
  var identity: StoreIdentity?
  var nodes: [NodeStatus] = []

  init(identity: StoreIdentity?, nodes: [NodeStatus]) {
    self.identity = identity
    self.nodes = nodes
  }

  init?(from reader: inout ByteReader) {
    guard let flag = reader.readUInt8() else { return nil }
    if flag != 0 {
      guard let identity = reader.readIdentity() else { return nil }
      self.identity = identity
    }
    guard let count = reader.readVarint() else { return nil }
    for _ in 0..<count {
      guard let bytes = reader.readLengthPrefixed(), let record = NodeRecord([UInt8](bytes)),
        let isLive = reader.readUInt8(), let replicas = reader.readVarint().flatMap({ Int(exactly: $0) }),
        let leases = reader.readVarint().flatMap({ Int(exactly: $0) })
      else { return nil }
      var status = NodeStatus(record, isLive: isLive & 1 != 0)
      status.isDraining = isLive & 4 != 0
      if isLive & 2 != 0 { (status.replicaCount, status.leaseCount) = (replicas, leases) }
      nodes.append(status)
    }
    // Replies of earlier versions end here.
    if reader.isAtEnd { return }
    for place in nodes.indices {
      guard let clock = ClockStatus(from: &reader) else { return nil }
      nodes[place].clock = clock
    }
  }

  func encode(into bytes: inout [UInt8]) {
    bytes.append(identity == nil ? 0 : 1)
    if let identity { bytes.append(identity: identity) }
    ValueEncoding.appendVarint(UInt64(nodes.count), to: &bytes)
    for status in nodes {
      ValueEncoding.appendLengthPrefixed(status.record.encoded, to: &bytes)
      bytes.append((status.isLive ? 1 : 0) | (status.replicaCount == nil ? 0 : 2) | (status.isDraining ? 4 : 0))
      ValueEncoding.appendVarint(UInt64(status.replicaCount ?? 0), to: &bytes)
      ValueEncoding.appendVarint(UInt64(status.leaseCount ?? 0), to: &bytes)
    }
    for status in nodes { status.clock.encode(into: &bytes) }
  }
}

// MARK: - Decommission, drain

struct DecommissionRequest: ClusterMessage, Equatable {
  var node: NodeID

  init(_ node: NodeID) { self.node = node }

  init?(from reader: inout ByteReader) {
    guard let node = reader.readNodeID() else { return nil }
    self.node = node
  }

  func encode(into bytes: inout [UInt8]) { ValueEncoding.appendVarint(UInt64(node.rawValue), to: &bytes) }
}

/// How far a node is on its way out.
public enum DecommissionReply: Sendable, Equatable {
  /// It has left.
  case gone
  /// Replicas are still to be moved; what stands in the way, if anything does.
  case leaving(replicaCount: Int, obstacle: String?)
  case refused(String)
}

extension DecommissionReply: ClusterMessage {
  init?(from reader: inout ByteReader) {
    switch reader.readUInt8() {
    case 0: self = .gone
    case 1:
      guard let count = reader.readVarint().flatMap({ Int(exactly: $0) }), let obstacle = reader.readText() else {
        return nil
      }
      self = .leaving(replicaCount: count, obstacle: obstacle.isEmpty ? nil : obstacle)
    case 2:
      guard let reason = reader.readText() else { return nil }
      self = .refused(reason)
    default: return nil
    }
  }

  func encode(into bytes: inout [UInt8]) {
    switch self {
    case .gone: bytes.append(0)
    case .leaving(let count, let obstacle):
      bytes.append(1)
      ValueEncoding.appendVarint(UInt64(count), to: &bytes)
      bytes.append(text: obstacle ?? "")
    case .refused(let reason):
      bytes.append(2)
      bytes.append(text: reason)
    }
  }
}

/// What a node still leads once it has drained.
struct DrainReply: ClusterMessage, Equatable {
  var leaseCount: Int

  init(leaseCount: Int) { self.leaseCount = leaseCount }

  init?(from reader: inout ByteReader) {
    guard let count = reader.readVarint().flatMap({ Int(exactly: $0) }) else { return nil }
    leaseCount = count
  }

  func encode(into bytes: inout [UInt8]) { ValueEncoding.appendVarint(UInt64(leaseCount), to: &bytes) }
}

// MARK: - Pieces of bytes

extension [UInt8] {
  fileprivate mutating func append(identity: StoreIdentity) {
    for number in [identity.cluster.high, identity.cluster.low, UInt64(identity.node.rawValue)] {
      ValueEncoding.appendVarint(number, to: &self)
    }
  }
}

extension ByteReader {
  fileprivate mutating func readIdentity() -> StoreIdentity? {
    guard let high = readVarint(), let low = readVarint(), let node = readNodeID() else { return nil }
    return StoreIdentity(cluster: ClusterID(high: high, low: low), node: node)
  }
}
