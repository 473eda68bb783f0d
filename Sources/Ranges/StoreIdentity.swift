// Which node of which cluster a store belongs to, for ever; and what a cluster's first store begins with.

import Encoding
import Storage
import Transport

/// A store's place in a cluster.
public struct StoreIdentity: Hashable, Sendable {
  public var cluster: ClusterID
  public var node: NodeID

  public init(cluster: ClusterID, node: NodeID) {
    self.cluster = cluster
    self.node = node
  }

  /// Its kind among the store's records.
  private static let recordKind: UInt8 = 2

  /// Nil for a store that belongs to no cluster yet.
  public static func read(from local: LocalStore) throws(StorageError) -> StoreIdentity? {
    guard let record = try local.log.storeRecord(recordKind) else { return nil }
    let identity = record.withUnsafeBytes { raw -> StoreIdentity? in
      var reader = ByteReader(raw)
      guard let high = reader.readVarint(), let low = reader.readVarint(),
        let node = reader.readVarint().flatMap({ UInt32(exactly: $0) })
      else { return nil }
      return StoreIdentity(cluster: ClusterID(high: high, low: low), node: NodeID(rawValue: node))
    }
    guard let identity else { throw .corruption("the store's record of its cluster is damaged") }
    return identity
  }

  /// Makes the store this node's; it must belong to no cluster yet.
  public func write(to local: LocalStore) throws(StorageError) {
    var bytes: [UInt8] = []
    for number in [cluster.high, cluster.low, UInt64(node.rawValue)] { ValueEncoding.appendVarint(number, to: &bytes) }
    var batch = LogBatch()
    batch.setStoreRecord(Self.recordKind, bytes)
    try local.log.write(batch, sync: true)
  }

  /// The first node of a new cluster: the store holds the range of all keys. The identity is written last, so that whatever is
  /// interrupted is done again.
  public static func bootstrap(_ local: LocalStore, cluster: ClusterID) throws(StorageError) -> StoreIdentity {
    let identity = StoreIdentity(cluster: cluster, node: NodeID(rawValue: 1))
    let descriptor = RangeDescriptor.first(on: identity.node)
    var applied = AppliedState()
    applied.index = AppliedState.initialPosition.index
    applied.term = AppliedState.initialPosition.term
    var batch = WriteBatch()
    batch.put(.local, LocalKeys.descriptor(descriptor.id), descriptor.encoded())
    batch.put(.local, LocalKeys.appliedState(descriptor.id), applied.encoded())
    try local.state.write(batch)
    try local.state.flush()
    var log = LogBatch()
    log.compact(range: descriptor.id.rawValue, through: AppliedState.initialPosition)
    log.setHardState(range: descriptor.id.rawValue, HardState(term: applied.term, commit: applied.index, replica: 1))
    try local.log.write(log, sync: true)
    try identity.write(to: local)
    return identity
  }
}
