// Changes of who has a range, by its leaseholder: a replica is added as a learner, which the group fills, and is made a voter
// once it has caught up; removed in one step; the lease is handed on with what the leaseholder knows of reads. Each change is
// an entry of the group's log that carries the new descriptor, one at a time: the core refuses a second one until the first
// is applied. Which change comes when is decided elsewhere.

import Clocks
import Encoding
import Raft
import Reactors
import Storage
import Transport

/// Why a change of a range's replicas was not made.
public enum MembershipFailure: Error, Sendable, CustomStringConvertible {
  case notLeaseholder
  case underWay
  case refused(String)
  case timedOut(String)

  public var description: String {
    switch self {
    case .notLeaseholder: "the replica does not hold its range's lease"
    case .underWay: "another change of the range is under way"
    case .refused(let reason), .timedOut(let reason): reason
    }
  }
}

extension Replica {
  private static let changeTimeout: Int64 = 10_000_000_000
  /// Nanoseconds that a split has to be applied again after a restart.
  private static let mutePatience: Int64 = 3_000_000_000
  private static let pollInterval: Int64 = 10_000_000

  private var now: Int64 { shard.reactor.environment.monotonicNow().nanoseconds }

  /// Proposes a change and waits until it is applied here.
  private func change(_ steps: [MembershipStep], to next: RangeDescriptor) async throws(MembershipFailure) {
    guard holdsLease else { throw .notLeaseholder }
    guard group.propose(ConfigurationChange(steps, context: next.encoded())) else {
      throw .refused("the range takes no changes now")
    }
    let deadline = now + Self.changeTimeout
    while descriptor.generation < next.generation {
      await shard.reactor.sleep(nanoseconds: Self.pollInterval)
      if now > deadline { throw .timedOut("the change was not applied in time") }
      guard group.isLeader else { throw .notLeaseholder }
    }
    guard descriptor == next else { throw .refused("another change came first") }
  }

  /// Gives the range another replica, on a node that has none. It is filled from then on, and does not vote yet.
  public func addLearner(on node: NodeID) async throws(MembershipFailure) {
    guard !isChanging else { throw .underWay }
    isChanging = true
    defer { isChanging = false }
    guard descriptor.replica(on: node) == nil else { throw .refused("node \(node) has a replica of the range") }
    let id = descriptor.nextReplica
    let withLearner = descriptor.next {
      $0.replicas.append(ReplicaDescriptor(node: node, replica: id, kind: .learner))
      $0.nextReplica = ReplicaID(id.rawValue + 1)
    }
    try await change([MembershipStep(.addLearner, id.peer)], to: withLearner)
  }

  /// Makes a learner that has caught up a voter.
  public func promoteLearner(on node: NodeID) async throws(MembershipFailure) {
    guard !isChanging else { throw .underWay }
    isChanging = true
    defer { isChanging = false }
    guard let learner = descriptor.replica(on: node), learner.kind == .learner else {
      throw .refused("node \(node) has no learner of the range")
    }
    guard isCaughtUp(learner.replica.peer) else { throw .refused("the replica on node \(node) lags behind") }
    let withVoter = descriptor.next { next in
      for place in next.replicas.indices where next.replicas[place] == learner { next.replicas[place].kind = .voter }
    }
    try await change([MembershipStep(.addVoter, learner.replica.peer)], to: withVoter)
  }

  /// Takes a node's replica away; the leaseholder's own only after the lease has been handed on.
  public func removeReplica(on node: NodeID) async throws(MembershipFailure) {
    guard !isChanging else { throw .underWay }
    isChanging = true
    defer { isChanging = false }
    guard let replica = descriptor.replica(on: node) else { throw .refused("node \(node) has no replica of the range") }
    guard replica.replica != replicaID else { throw .refused("the lease must be handed on first") }
    // What is left must be able to go on: who lags too far for the log cannot help to commit the change that replaces it.
    let voters = descriptor.replicas.filter { $0.kind == .voter && $0 != replica }
    let able = voters.count { $0.replica == replicaID || isCaughtUp($0.replica.peer) }
    guard replica.kind == .learner || able > voters.count / 2 else {
      throw .refused("too few of the remaining replicas have the whole log")
    }
    let without = descriptor.next { $0.replicas.removeAll { $0.replica == replica.replica } }
    try await change([MembershipStep(.remove, replica.replica.peer)], to: without)
    // It may never hear of it from its group; but it stays until this is known for good.
    let deadline = now + Self.changeTimeout
    while !knowsMembersDurably, holdsLease, now < deadline {
      writeDownCommit()
      await shard.reactor.sleep(nanoseconds: Self.pollInterval)
    }
    guard knowsMembersDurably else { return }
    shard.post(
      RangeEnvelope(range: id, to: replica.replica, from: replicaID, content: .removed), to: node)
  }

  /// Nothing is said for the group by a member whose state has gone back behind the split that made its range: until that split is applied
  /// again, or a snapshot comes.
  func fallMute() {
    group.stop()
    complaint = now + Self.mutePatience
  }

  var isMute: Bool { complaint != nil }

  /// Notes since when nobody is known to lead, or the replica waits for others to say what becomes of it.
  func noteLoneliness() {
    let isLonely = isInitialized && !group.isLeader && (isOutside || leaderNode == nil || descriptor.isFrozen)
    lonelySince = isLonely ? lonelySince ?? now : nil
  }

  /// The split may never come again, if the range that was split got a snapshot instead.
  func complain(to replica: ReplicaID, on node: NodeID) {
    guard let due = complaint, now >= due else { return }
    complaint = now + 1_000_000_000
    shard.post(RangeEnvelope(range: id, to: replica, from: replicaID, content: .stateless), to: node)
  }

  /// Takes a member away that has lost its state; whoever sees to the number of replicas adds another one.
  func replaceStateless(_ replica: ReplicaID, on node: NodeID) {
    guard holdsLease, !isChanging, descriptor.replica(on: node)?.replica == replica else { return }
    shard.logger.notice(
      "a replica has lost its state, and is taken away", metadata: ["range": "\(id)", "node": "\(node)"])
    let me = Confined(self, to: shard.reactor)
    shard.reactor.enqueue { reactor in
      // What does not succeed is asked for again.
      reactor.run { reactor in try? await me.access(on: reactor).removeReplica(on: node) }
    }
  }

  /// Hands the lease on to another voter. From the first step on nothing is served here under this lease any more; if the other
  /// one does not take over, others are asked.
  public func transferLease(to node: NodeID) async throws(MembershipFailure) {
    guard holdsLease else { throw .notLeaseholder }
    guard !isChanging else { throw .underWay }
    isChanging = true
    defer { isChanging = false }
    guard let target = descriptor.replica(on: node), target.kind == .voter, target.replica != replicaID else {
      throw .refused("node \(node) has no other voting replica of the range")
    }
    guard isCaughtUp(target.replica.peer) else { throw .refused("the replica on node \(node) lags behind") }
    // No write of a later leaseholder may change what was read under this lease.
    let summary = max(readBelow, closedFloor)
    let bequest = makeBequest()
    surrenderLease()
    guard group.propose(Command(descriptor, readsBelow: summary, lease: leaseSequence).encoded()) != nil else {
      throw .refused("the range takes no commands now")
    }
    let term = group.term
    let last = group.last.index
    let order =
      [target]
      + descriptor.replicas.filter { $0.kind == .voter && $0.replica != replicaID && $0 != target }
    var attempt = 0
    while group.isLeader, group.term == term, !isRemoved {
      if applied.index >= last {
        if attempt % 50 == 0 {
          let heir = order[attempt / 50 % order.count]
          if let bequest { leave(bequest, to: heir) }
          group.act { $0.transferLeadership(to: heir.replica.peer) }
        }
        attempt += 1
      }
      await shard.reactor.sleep(nanoseconds: Self.pollInterval)
    }
  }

  /// Nodes whose replicas have everything that is committed, or nearly; this one is among them.
  public var caughtUpNodes: [NodeID] {
    descriptor.replicas.filter { $0.replica == replicaID || isCaughtUp($0.replica.peer) }.map(\.node)
  }

  /// Whether a member has everything that is committed, or nearly.
  func isCaughtUp(_ peer: PeerID) -> Bool {
    guard let progress = group.progress(of: peer) else { return false }
    return progress.isReplicating && progress.match.rawValue + 64 >= group.last.index
  }
}
