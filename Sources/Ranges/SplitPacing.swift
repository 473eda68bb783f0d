// Splits go no faster than the members of their ranges keep up: each makes the right half when it applies the split, and what it has not
// made yet would have to come to it as a snapshot.

import Raft

extension Replica {
  /// Nanoseconds that a split waits at most: a member that lags for other reasons holds nobody up for ever.
  private static let patience: Int64 = 2_000_000_000
  private static let pollInterval: Int64 = 5_000_000

  /// Waits until every voter whose store lives has the log.
  func untilFollowersKeepUp() async {
    let deadline = shard.reactor.environment.monotonicNow().nanoseconds + Self.patience
    while holdsLease, descriptor.replicas.contains(where: lags),
      shard.reactor.environment.monotonicNow().nanoseconds < deadline
    {
      await shard.reactor.sleep(nanoseconds: Self.pollInterval)
    }
  }

  private func lags(_ member: ReplicaDescriptor) -> Bool {
    guard member.replica != replicaID, member.kind == .voter, let received = shard.support.support(from: member.node),
      shard.support.isBefore(received.end)
    else { return false }
    return !isCaughtUp(member.replica.peer)
  }
}
