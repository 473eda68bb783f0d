// Who belongs to a group and in which role. Kept in snapshots, computed by applying configuration changes.
// Invariants: learners are no voters of either half; a staged learner is a voter of the outgoing half; outside of a
// joint configuration nothing is staged and there is nothing to leave automatically.
// Source: Raft dissertation, sections 4.2.1 and 4.3.

/// The members of a group.
public struct Membership: Hashable, Sendable {
  public var voters: JointQuorum
  /// Members that receive the log without voting or being counted.
  public var learners: PeerSet
  /// Voters of the outgoing half that become learners when the joint configuration is left: until then they vote.
  public var stagedLearners: PeerSet
  /// Whether the leader leaves the joint configuration by itself once it has been applied.
  public var leavesAutomatically: Bool

  public init(
    voters: PeerSet = [], outgoing: PeerSet = [], learners: PeerSet = [], stagedLearners: PeerSet = [],
    leavesAutomatically: Bool = false
  ) {
    self.voters = JointQuorum(incoming: voters, outgoing: outgoing)
    self.learners = learners
    self.stagedLearners = stagedLearners
    self.leavesAutomatically = leavesAutomatically
  }

  public var isJoint: Bool { voters.isJoint }

  /// Whether a single voter decides alone.
  public var isSingleton: Bool { voters.incoming.count == 1 && voters.outgoing.isEmpty }

  public func contains(_ id: PeerID) -> Bool { voters.contains(id) || learners.contains(id) }

  /// Everyone who is sent the log.
  public var members: PeerSet { voters.all.union(learners) }

  /// The broken invariant, or nil when the membership is sound.
  public var violation: String? {
    for id in stagedLearners where !voters.outgoing.contains(id) {
      return "\(id) is staged as a learner, but is no outgoing voter"
    }
    for id in learners where voters.contains(id) {
      return "\(id) is a learner and a voter"
    }
    if !isJoint {
      if !stagedLearners.isEmpty { return "learners are staged outside of a joint configuration" }
      if leavesAutomatically { return "there is no joint configuration to leave" }
    }
    if voters.incoming.isEmpty, isJoint || !learners.isEmpty { return "members without a voter" }
    return nil
  }
}

extension Membership: CustomStringConvertible {
  /// As it stands in events: `voters=(1 2)&&(1) learners=(3) learners_next=(4) autoleave`.
  public var description: String {
    var text = "voters=\(voters)"
    if !learners.isEmpty { text += " learners=\(learners)" }
    if !stagedLearners.isEmpty { text += " learners_next=\(stagedLearners)" }
    if leavesAutomatically { text += " autoleave" }
    return text
  }
}
