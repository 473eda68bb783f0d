// Who a node is, as it tells every node that it talks to.

/// What nodes exchange before anything else.
public struct NodeIdentity: Hashable, Sendable {
  /// Nil until the node has joined a cluster.
  public var clusterID: ClusterID?
  /// Nil until the node has joined a cluster.
  public var nodeID: NodeID?
  /// Of the executable, for people.
  public var binaryVersion: String
  /// The newest version of the messages between nodes that it speaks.
  public var protocolVersion: UInt32
  /// The oldest one that it still speaks.
  public var oldestProtocolVersion: UInt32
  /// Drawn anew by each process: another one under the same node's number means that it has been restarted.
  public var bootID: UInt64
  /// The kernel's boot id; nodes that agree in it read the same clock. Empty if unknown.
  public var machineBootID: String
  public var reactorCount: Int
  /// Where other nodes reach it; they take note of it. Nil for what does not listen.
  public var advertisedAddress: NodeAddress?

  public init(
    clusterID: ClusterID? = nil, nodeID: NodeID? = nil, binaryVersion: String, protocolVersion: UInt32 = 1,
    oldestProtocolVersion: UInt32 = 1, bootID: UInt64, machineBootID: String = "", reactorCount: Int = 1,
    advertisedAddress: NodeAddress? = nil
  ) {
    self.clusterID = clusterID
    self.nodeID = nodeID
    self.binaryVersion = binaryVersion
    self.protocolVersion = protocolVersion
    self.oldestProtocolVersion = oldestProtocolVersion
    self.bootID = bootID
    self.machineBootID = machineBootID
    self.reactorCount = reactorCount
    self.advertisedAddress = advertisedAddress
  }
}
