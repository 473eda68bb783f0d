// What the replicas of a shard come to, summed up again only when one of them has changed.

import Transport

public struct ShardHoldings: Sendable {
  public fileprivate(set) var replicaCount = 0
  public fileprivate(set) var leaseCount = 0
  /// How many replicas each node has of the ranges with a replica here, and how many of those that are served here.
  public fileprivate(set) var known: [NodeID: Int] = [:]
  public fileprivate(set) var led: [NodeID: Int] = [:]
  fileprivate var changeCount: UInt64 = 0

  init() {}
}

extension StoreShard {
  public var holdings: ShardHoldings {
    if summedUp.changeCount == changeCount { return summedUp }
    var sum = ShardHoldings()
    sum.changeCount = changeCount
    for replica in sortedReplicas where replica.isInitialized {
      sum.replicaCount += 1
      if replica.holdsLease { sum.leaseCount += 1 }
      for member in replica.descriptor.replicas {
        sum.known[member.node, default: 0] += 1
        if replica.holdsLease { sum.led[member.node, default: 0] += 1 }
      }
    }
    summedUp = sum
    return sum
  }
}
