// Keeps each range at its number of replicas until a placement driver does it better: the leaseholder adds replicas on live nodes
// that have none, one at a time.

import Reactors
import Transport

extension Store {
  /// Looks at this store's ranges now and then.
  func scheduleReplication(shard index: Int) {
    guard network != nil else { return }
    let shard = confinedShard(index)
    let interval = options.withLock { $0.replicationInterval }
    _ = environment.reactors[index].schedule(afterNanoseconds: interval) { [weak self] reactor in
      guard let self, !isStopped else { return }
      reactor.run { [weak self] reactor in
        guard let self else { return }
        for replica in shard.access(on: reactor).sortedReplicas where replica.holdsLease {
          await improve(replica)
        }
        if !isStopped { scheduleReplication(shard: index) }
      }
    }
  }

  /// Nodes that are heard from, this one among them, in the order of their numbers.
  public var liveNodes: [NodeID] {
    let peers = network?.peers().filter { $0.isUp == true }.map(\.id) ?? []
    return ([identity.node] + peers).sorted()
  }

  private func improve(_ replica: Replica) async {
    let live = liveNodes
    let wanted = options.withLock { $0.replicationFactor }
    let descriptor = replica.descriptor
    do throws(MembershipFailure) {
      // A learner that was never promoted: whoever added it lost the lease, or its node.
      if let learner = descriptor.replicas.first(where: { $0.kind == .learner }) {
        try await replica.removeReplica(on: learner.node)
        return
      }
      if descriptor.replicas.count < min(wanted, live.count) {
        // Spread by the range's number, so that not every range is on the first nodes.
        let free = live.filter { descriptor.replica(on: $0) == nil }
        guard !free.isEmpty else { return }
        try await replica.addReplica(on: free[Int(descriptor.id.rawValue) % free.count])
      }
    } catch {
      // The next look sees what is left to do.
      return
    }
  }
}
