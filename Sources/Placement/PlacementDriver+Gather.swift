// A range is brought to the nodes of another one, so that the two can be merged: a replica at a time, and the lease with them.

import Logging
import Ranges
import Reactors
import Transport

extension PlacementDriver {
  /// Brings a range that this node leads a step nearer to having its replicas on `nodes`, as many as it has. Whoever leads it then takes the next
  /// one. Nothing is done where a node may not be given replicas now.
  public func gather(_ range: RangeID, on nodes: [NodeID]) async {
    await store.reactor(of: range).perform { reactor in
      guard self.reserve(range) else { return }
      defer { self.giveBack(range) }
      do throws(MembershipFailure) {
        try await self.gather(range, on: nodes, reactor)
      } catch {
        self.logger.info("a range was not moved", metadata: ["range": "\(range)", "reason": "\(error)"])
      }
    }
  }

  private func gather(
    _ range: RangeID, on nodes: [NodeID], _ reactor: isolated Reactor
  ) async throws(MembershipFailure) {
    guard let replica = store.shard(on: reactor).replica(range), replica.holdsLease else { throw .notLeaseholder }
    let plan = currentPlan
    let own = store.identity.node
    guard nodes.allSatisfy({ plan.mayLead($0) }), plan.isSettled(replica.descriptor) else { return }
    let holders = replica.descriptor.replicas.map(\.node)
    if !nodes.contains(own), let heir = replica.caughtUpNodes.first(where: { nodes.contains($0) }) {
      return try await replica.transferLease(to: heir)
    }
    guard let target = nodes.first(where: { !holders.contains($0) }),
      let victim = holders.first(where: { $0 != own && !nodes.contains($0) })
    else { return }
    try await exchange(replica, from: victim, to: target, on: reactor)
  }
}
