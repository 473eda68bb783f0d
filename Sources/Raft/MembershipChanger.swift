// Computes the members after a change. Works on copies: a refused change leaves everything as it was.
// A simple change moves the incoming half by at most one voter, so that old and new majorities intersect; any other
// change goes through a joint configuration where both must agree.
// Source: Raft dissertation, sections 4.1 and 4.3.

/// Why a change is refused.
public enum MembershipError: Error, Hashable, Sendable, CustomStringConvertible {
  case alreadyJoint
  case jointWithoutVoters
  case notJoint
  case simpleInJoint
  case moreThanOneVoter
  case noVotersLeft

  public var description: String {
    switch self {
    case .alreadyJoint: "config is already joint"
    case .jointWithoutVoters: "can't make a zero-voter config joint"
    case .notJoint: "can't leave a non-joint config"
    case .simpleInJoint: "can't apply simple config change in joint config"
    case .moreThanOneVoter: "more than one voter changed without entering joint config"
    case .noVotersLeft: "removed all voters"
    }
  }
}

/// Applies changes to a membership and its progress.
public struct MembershipChanger {
  private var membership: Membership
  private var members: [ProgressTracker.Member]
  private let lastIndex: LogIndex

  /// - Parameter lastIndex: where the log ends: a new member is first probed there.
  public init(_ tracker: ProgressTracker, lastIndex: LogIndex) {
    membership = tracker.membership
    members = tracker.members
    self.lastIndex = lastIndex
  }

  /// The members after `change`, by whichever of the three ways it asks for.
  public consuming func applying(_ change: ConfigurationChange) throws(MembershipError) -> ProgressTracker {
    if change.leavesJoint { return try leaveJoint() }
    if change.entersJoint {
      return try enterJoint(change.steps, leavesAutomatically: change.leavesAutomatically)
    }
    return try simple(change.steps)
  }

  /// Makes the current voters the outgoing half and applies `steps` to the incoming one.
  public consuming func enterJoint(
    _ steps: [MembershipStep], leavesAutomatically: Bool
  ) throws(MembershipError) -> ProgressTracker {
    guard !membership.isJoint else { throw .alreadyJoint }
    guard !membership.voters.incoming.isEmpty else { throw .jointWithoutVoters }
    membership.voters.outgoing = membership.voters.incoming
    try take(steps)
    membership.leavesAutomatically = leavesAutomatically
    return finished()
  }

  /// Drops the outgoing half; what was staged becomes a learner, who is in neither half is forgotten.
  public consuming func leaveJoint() throws(MembershipError) -> ProgressTracker {
    guard membership.isJoint else { throw .notJoint }
    for id in membership.stagedLearners {
      membership.learners.insert(id)
      setLearner(id, true)
    }
    membership.stagedLearners = []
    let outgoing = membership.voters.outgoing
    membership.voters.outgoing = []
    membership.leavesAutomatically = false
    for id in outgoing where !membership.contains(id) { forget(id) }
    return finished()
  }

  /// Changes at most one voter, and any number of learners.
  public consuming func simple(_ steps: [MembershipStep]) throws(MembershipError) -> ProgressTracker {
    guard !membership.isJoint else { throw .simpleInJoint }
    let before = membership.voters.incoming
    try take(steps)
    guard before.differenceCount(membership.voters.incoming) <= 1 else { throw .moreThanOneVoter }
    return finished()
  }

  private consuming func finished() -> ProgressTracker {
    precondition(membership.violation == nil, membership.violation ?? "")
    assert(members.map(\.id) == membership.members.ids, "exactly the members have a progress")
    assert(members.allSatisfy { $0.progress.isLearner == membership.learners.contains($0.id) })
    return ProgressTracker(membership: membership, members: members)
  }

  // MARK: Steps

  private mutating func take(_ steps: [MembershipStep]) throws(MembershipError) {
    for step in steps where step.peer != .none {
      switch step.kind {
      case .addVoter: makeVoter(step.peer)
      case .addLearner: makeLearner(step.peer)
      case .remove: remove(step.peer)
      case .update: break
      }
    }
    if membership.voters.incoming.isEmpty { throw .noVotersLeft }
  }

  private mutating func makeVoter(_ id: PeerID) {
    membership.voters.incoming.insert(id)
    membership.learners.remove(id)
    membership.stagedLearners.remove(id)
    if !setLearner(id, false) { track(id, isLearner: false) }
  }

  private mutating func makeLearner(_ id: PeerID) {
    guard !membership.learners.contains(id) else { return }
    let isKnown = position(of: id) != nil
    membership.voters.incoming.remove(id)
    if membership.voters.outgoing.contains(id) {
      // It still votes in the outgoing half: a learner only once that half is gone.
      membership.stagedLearners.insert(id)
      return
    }
    membership.learners.insert(id)
    if isKnown { setLearner(id, true) } else { track(id, isLearner: true) }
  }

  private mutating func remove(_ id: PeerID) {
    membership.voters.incoming.remove(id)
    membership.learners.remove(id)
    membership.stagedLearners.remove(id)
    if !membership.voters.outgoing.contains(id) { forget(id) }
  }

  // MARK: Progress

  private func position(of id: PeerID) -> Int? { members.firstIndex { $0.id == id } }

  @discardableResult
  private mutating func setLearner(_ id: PeerID, _ isLearner: Bool) -> Bool {
    guard let position = position(of: id) else { return false }
    members[position].progress.isLearner = isLearner
    return true
  }

  private mutating func track(_ id: PeerID, isLearner: Bool) {
    let position = members.firstIndex { $0.id > id } ?? members.count
    members.insert(
      .init(id: id, progress: .joining(lastIndex: lastIndex, isLearner: isLearner)), at: position)
  }

  private mutating func forget(_ id: PeerID) {
    if let position = position(of: id) { members.remove(at: position) }
  }
}
