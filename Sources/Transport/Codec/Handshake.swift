// The greeting, as pure functions: who dials says who it is and whom it means; who listens says who it is, or why it will not talk.
//
// Both sides judge by the same rules: a version that both speak, the same cluster (or one of the two is in none yet), the node that was
// meant, not oneself. A node that has no number yet may call, so as to join; it cannot be sent messages to. A node that has left the cluster
// for good is turned away by those who know.

/// What the side that dials adds to its identity.
struct Greeting: Hashable, Sendable {
  var identity: NodeIdentity
  var messageClass: MessageClass
  /// Nil: whoever listens there.
  var dialledNode: NodeID?
  /// The dialling reactor's number.
  var reactor: Int
}

/// Why a node will not talk to another.
struct Rejection: Error, Hashable, Sendable {
  enum Code: Int, Sendable { case other, protocolVersion, otherCluster, otherNode, notANode, itself, decommissioned }
  var code: Code
  /// For the log of the side that is turned away.
  var text: String
}

enum Handshake {
  /// Judges who dials.
  /// - Parameter dismissed: nodes that have left the cluster for good.
  static func judge(_ greeting: Greeting, by own: NodeIdentity, dismissed: Set<NodeID> = []) -> Rejection? {
    if let node = greeting.identity.nodeID, greeting.identity.clusterID == own.clusterID, dismissed.contains(node) {
      return Rejection(code: .decommissioned, text: "node \(node) has been decommissioned")
    }
    if let rejection = compare(greeting.identity, own) { return rejection }
    if let dialled = greeting.dialledNode, dialled != own.nodeID {
      let whom = own.nodeID.map { "node \($0)" } ?? "a node that has not joined a cluster yet"
      return Rejection(code: .otherNode, text: "this is \(whom), not node \(dialled)")
    }
    return nil
  }

  /// Judges who has answered.
  static func judge(answer: NodeIdentity, dialled: NodeID?, by own: NodeIdentity) -> Rejection? {
    if let rejection = compare(answer, own) { return rejection }
    if let dialled, dialled != answer.nodeID {
      let whom = answer.nodeID.map { "node \($0)" } ?? "a node that has not joined a cluster yet"
      return Rejection(code: .otherNode, text: "\(whom) answers in place of node \(dialled)")
    }
    return nil
  }

  private static func compare(_ other: NodeIdentity, _ own: NodeIdentity) -> Rejection? {
    guard other.protocolVersion >= own.oldestProtocolVersion, own.protocolVersion >= other.oldestProtocolVersion else {
      return Rejection(
        code: .protocolVersion,
        text:
          "protocol versions \(other.oldestProtocolVersion) to \(other.protocolVersion) (binary \(other.binaryVersion.prefix(40))) "
          + "and \(own.oldestProtocolVersion) to \(own.protocolVersion) (binary \(own.binaryVersion.prefix(40))) have none in common"
      )
    }
    if other.bootID == own.bootID { return Rejection(code: .itself, text: "a node has called itself") }
    if let theirs = other.clusterID, let ours = own.clusterID, theirs != ours {
      return Rejection(code: .otherCluster, text: "one node belongs to cluster \(theirs), the other to cluster \(ours)")
    }
    if let node = other.nodeID, node == own.nodeID {
      return Rejection(code: .itself, text: "two nodes claim to be node \(node)")
    }
    return nil
  }

  // MARK: Frames

  static func frame(_ greeting: Greeting) -> Frame {
    var hello = wire(greeting.identity)
    hello.messageClass = UInt32(greeting.messageClass.rawValue)
    hello.dialledNode = greeting.dialledNode?.rawValue ?? 0
    hello.reactor = UInt32(greeting.reactor)
    return Frame(.hello, NodeMessage(kind: 0, body: encoded(hello)))
  }

  static func frame(_ answer: NodeIdentity) -> Frame {
    Frame(.hello, NodeMessage(kind: 0, body: encoded(wire(answer))))
  }

  static func frame(_ rejection: Rejection) -> Frame {
    var wire = WireRejection()
    wire.code = WireRejection.Code(rawValue: rejection.code.rawValue) ?? .other
    wire.text = rejection.text
    return Frame(.rejection, NodeMessage(kind: 0, body: encoded(wire)))
  }

  static func greeting(_ frame: Frame) -> Greeting? {
    guard frame.purpose == .hello, let hello = try? WireHello(serializedBytes: frame.message.body),
      let identity = identity(hello), let number = UInt8(exactly: hello.messageClass),
      let messageClass = MessageClass(rawValue: number)
    else { return nil }
    return Greeting(
      identity: identity, messageClass: messageClass,
      dialledNode: hello.dialledNode == 0 ? nil : NodeID(rawValue: hello.dialledNode), reactor: Int(hello.reactor))
  }

  /// The answer to a greeting; nil if it is none.
  static func answer(_ frame: Frame) -> Result<NodeIdentity, Rejection>? {
    switch frame.purpose {
    case .hello:
      guard let hello = try? WireHello(serializedBytes: frame.message.body), let identity = identity(hello) else {
        return nil
      }
      return .success(identity)
    case .rejection:
      guard let wire = try? WireRejection(serializedBytes: frame.message.body) else { return nil }
      let code = Rejection.Code(rawValue: wire.code.rawValue) ?? .other
      return .failure(Rejection(code: code, text: wire.text))
    default: return nil
    }
  }

  private static func wire(_ identity: NodeIdentity) -> WireHello {
    var hello = WireHello()
    hello.protocolVersion = identity.protocolVersion
    hello.oldestProtocolVersion = identity.oldestProtocolVersion
    hello.clusterHigh = identity.clusterID?.high ?? 0
    hello.clusterLow = identity.clusterID?.low ?? 0
    hello.node = identity.nodeID?.rawValue ?? 0
    hello.binaryVersion = identity.binaryVersion
    hello.boot = identity.bootID
    hello.machineBoot = identity.machineBootID
    hello.reactorCount = UInt32(clamping: identity.reactorCount)
    hello.host = identity.advertisedAddress?.host ?? ""
    hello.port = UInt32(clamping: identity.advertisedAddress?.port ?? 0)
    return hello
  }

  private static func identity(_ hello: WireHello) -> NodeIdentity? {
    guard hello.port <= 65535 else { return nil }
    let isInCluster = hello.clusterHigh != 0 || hello.clusterLow != 0
    // A number without the cluster that gave it means nothing.
    guard isInCluster || hello.node == 0 else { return nil }
    return NodeIdentity(
      clusterID: isInCluster ? ClusterID(high: hello.clusterHigh, low: hello.clusterLow) : nil,
      nodeID: hello.node == 0 ? nil : NodeID(rawValue: hello.node), binaryVersion: hello.binaryVersion,
      protocolVersion: hello.protocolVersion, oldestProtocolVersion: hello.oldestProtocolVersion, bootID: hello.boot,
      machineBootID: hello.machineBoot, reactorCount: Int(hello.reactorCount),
      advertisedAddress: hello.host.isEmpty ? nil : NodeAddress(host: hello.host, port: Int(hello.port)))
  }
}
