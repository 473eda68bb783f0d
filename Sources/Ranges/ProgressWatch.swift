// A range that makes no progress says so, and refuses at once what would only wait: when its replica has known of no leaseholder, or has
// seen the same command wait to be committed, for `Limits.stallTime`.
//
// Every replica looks for itself, at each tick at which its group does not rest. Nothing needs to probe whether the range is back: the group
// goes on electing and sending by itself, and the first success is seen at the next tick. A gateway asks every replica before it believes
// one of them, which may just be cut off.

import Raft
import Transport

/// Since when the same thing has been in the way. Pure: times come in.
struct ProgressWatch {
  enum Obstacle: Equatable {
    /// Nobody is known to serve the range.
    case noLeaseholder
    /// The command at this index waits to be committed.
    case command(UInt64)
  }

  private(set) var obstacle: Obstacle?
  private var since: Int64 = 0
  /// Whether it has been in the way for too long.
  private(set) var isStalled = false

  enum Change { case stalled, recovered }

  /// Notes what is in the way now, by the monotonic clock.
  mutating func note(_ obstacle: Obstacle?, at now: Int64) -> Change? {
    if obstacle != self.obstacle {
      // Whoever loses a lease under which nothing was committed has made no progress by that.
      let goesOn = obstacle == .noLeaseholder && self.obstacle != nil
      self.obstacle = obstacle
      if goesOn { return nil }
      since = now
      let wasStalled = isStalled
      isStalled = false
      return wasStalled ? .recovered : nil
    }
    guard obstacle != nil, !isStalled, now - since >= Limits.stallTime else { return nil }
    isStalled = true
    return .stalled
  }

  func seconds(at now: Int64) -> Int64 { (now - since) / 1_000_000_000 }
}

extension Replica {
  /// Looks whether the range makes progress, as far as this replica can tell.
  func watchProgress() {
    var obstacle: ProgressWatch.Obstacle?
    if hasVote {
      if group.isLeader ? refusal(at: .zero) != nil : group.leader == nil {
        obstacle = .noLeaseholder
      } else if holdsLease, let oldest = oldestCommand {
        // What is left of an earlier lease may wait until the log is as long again, and nobody waits for it.
        obstacle = .command(oldest)
      }
    }
    if obstacle == nil, progress.obstacle == nil { return }
    switch progress.note(obstacle, at: monotonic) {
    case nil: return
    case .recovered: shard.logger.info("the range makes progress again", metadata: ["range": "\(id)"])
    case .stalled:
      guard let stall else { return }
      shard.logger.warning("a range is not available", metadata: ["range": "\(id)", "reason": "\(stall)"])
      // Whatever belongs to the commands under way stays until it is known what became of them.
      endWaits(stall)
    }
  }

  /// Why the range is not available, and who is missing; nil while it makes progress as far as this replica can tell.
  public var stall: String? {
    guard progress.isStalled, let obstacle = progress.obstacle else { return nil }
    let seconds = progress.seconds(at: monotonic)
    let what =
      switch obstacle {
      case .noLeaseholder: "range \(id) has had no leaseholder for \(seconds) s"
      case .command: "range \(id) has committed nothing for \(seconds) s"
      }
    let others = descriptor.replicas.filter { $0.replica != replicaID }
    return what + ": " + (shard.network?.absences(of: others, at: monotonic) ?? "it is alone")
  }

  private var monotonic: Int64 { shard.reactor.environment.monotonicNow().nanoseconds }

  var hasVote: Bool {
    isInitialized && !isOutside && descriptor.replicas.contains { $0.replica == replicaID && $0.kind == .voter }
  }
}

extension NodeTransport {
  /// Which replicas are missing, and for how long, in words.
  func absences(of replicas: [ReplicaDescriptor], at monotonic: Int64) -> String {
    let missing = replicas.compactMap { replica -> String? in
      let status = peer(replica.node)
      if status?.isUp == true, status?.isConnected == true { return nil }
      let place = "replica \(replica.replica) on node \(replica.node.rawValue)"
      guard let heard = status?.lastHeard else { return "\(place) (never heard of since this node began)" }
      return "\(place) (silent for \((monotonic - heard) / 1_000_000_000) s)"
    }
    if missing.isEmpty { return "the nodes of all its other replicas answer" }
    return "missing: " + missing.joined(separator: ", ")
  }
}

extension Store {
  /// Why none of a range's replicas can be reached: their nodes have all been silent for `Limits.stallTime`. Nil if one has not, or has said
  /// itself that it makes no progress and is left out.
  public func absence(of range: RangeDescriptor, besides known: Set<NodeID>, upSince start: Int64) -> String? {
    guard let network, !range.replicas.isEmpty else { return nil }
    let now = environment.monotonicNow().nanoseconds
    for replica in range.replicas where !known.contains(replica.node) {
      guard replica.node != identity.node else { return nil }
      let status = network.peer(replica.node)
      if status?.isUp == true || now - (status?.lastHeard ?? start) < Limits.stallTime { return nil }
    }
    return "range \(range.id) cannot be reached: " + network.absences(of: range.replicas, at: now)
  }
}
