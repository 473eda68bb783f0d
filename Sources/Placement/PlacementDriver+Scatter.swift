// Ranges given to nodes at random, when an operator asks: a replica goes to a node that has none, where there is one, and the lease to any
// voter. As everywhere a new replica votes before an old one goes, and the spread over places does not get worse.

import Logging
import Ranges
import Reactors
import Transport

extension PlacementPlan {
  /// Moves of one replica of a settled range to a node that has none, none of which makes the spread worse or takes the leaseholder's.
  public func exchanges(of descriptor: RangeDescriptor) -> [(from: NodeID, to: NodeID)] {
    guard isSettled(descriptor) else { return [] }
    let holders = descriptor.replicas.map(\.node)
    var found: [(from: NodeID, to: NodeID)] = []
    for target in takers where !holders.contains(target) {
      for victim in holders where victim != own {
        let rest = holders.filter { $0 != victim }
        if closeness(of: target, to: rest) <= closeness(of: victim, to: rest) { found.append((victim, target)) }
      }
    }
    return found
  }

  /// Whether a node may be given a lease now.
  public func mayLead(_ node: NodeID) -> Bool { takers.contains(node) }
}

extension PlacementDriver {
  /// Moves one replica of a range that is led here, the new one first.
  func exchange(
    _ replica: Replica, from victim: NodeID, to target: NodeID, on reactor: isolated Reactor
  ) async throws(MembershipFailure) {
    try await replica.addLearner(on: target)
    let deadline = reactor.environment.monotonicNow().nanoseconds + ScatterLimits.filling
    while !replica.caughtUpNodes.contains(target) {
      if reactor.environment.monotonicNow().nanoseconds > deadline { throw .timedOut("node \(target) is not filled") }
      guard replica.holdsLease else { throw .notLeaseholder }
      await reactor.sleep(nanoseconds: ScatterLimits.pollInterval)
    }
    try await replica.promoteLearner(on: target)
    try await replica.removeReplica(on: victim)
  }

  private enum ScatterLimits {
    /// Nanoseconds for a new replica to be filled.
    static let filling: Int64 = 120_000_000_000
    static let pollInterval: Int64 = 20_000_000
  }

  /// What was moved of a range.
  public struct Scattered: Sendable {
    public var hasMovedLease = false
    public var hasMovedReplica = false
    /// Why something was not, though it was to be.
    public var failure: String?
  }

  /// Gives a range that this node leads to nodes at random, and waits until that is done.
  public func scatter(_ range: RangeID) async -> Scattered {
    await store.reactor(of: range).perform { reactor in
      var outcome = Scattered()
      guard self.reserve(range) else {
        outcome.failure = "it is being scattered already"
        return outcome
      }
      defer { self.giveBack(range) }
      do throws(MembershipFailure) {
        try await self.scatter(range, &outcome, on: reactor)
      } catch {
        outcome.failure = "\(error)"
        self.logger.info("a range was not scattered", metadata: ["range": "\(range)", "reason": "\(error)"])
      }
      return outcome
    }
  }

  private func scatter(
    _ range: RangeID, _ outcome: inout Scattered, on reactor: isolated Reactor
  ) async throws(MembershipFailure) {
    let shard = store.shard(on: reactor)
    guard let replica = shard.replica(range), replica.holdsLease else { throw .notLeaseholder }
    let plan = currentPlan
    let exchanges = plan.exchanges(of: replica.descriptor)
    if !exchanges.isEmpty {
      let (victim, target) = exchanges[Int(shard.random(below: Int64(exchanges.count)))]
      try await exchange(replica, from: victim, to: target, on: reactor)
      outcome.hasMovedReplica = true
    }
    let heirs = replica.caughtUpNodes.filter { plan.mayLead($0) && replica.descriptor.isVoter($0) }
    guard !heirs.isEmpty else { return }
    let heir = heirs[Int(shard.random(below: Int64(heirs.count)))]
    if heir == store.identity.node { return }
    try await replica.transferLease(to: heir)
    outcome.hasMovedLease = true
  }
}

extension RangeDescriptor {
  fileprivate func isVoter(_ node: NodeID) -> Bool { replica(on: node)?.kind == .voter }
}
