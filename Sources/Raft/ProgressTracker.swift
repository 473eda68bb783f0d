// HOT: the members of a group with the leader's view of each, and the votes of an election.
// Invariant: exactly the members have a progress, sorted by id; a progress says learner exactly for the learners.
// Kept on every member, since any may come to lead; only a leader keeps it current.

/// Members, their progress, and votes.
public struct ProgressTracker: Sendable {
  /// A member and what is known of it.
  public struct Member: Sendable {
    public let id: PeerID
    public var progress: Progress
  }

  public internal(set) var membership: Membership
  /// Sorted by id.
  public internal(set) var members: [Member]
  /// First answers, in order of arrival. Empty outside of elections.
  private var votes: [(id: PeerID, isGranted: Bool)] = []

  public init() {
    membership = Membership()
    members = []
  }

  /// What a membership looks like to someone who knows nothing of its members yet.
  /// Nil when the membership is not sound.
  public init?(restoring membership: Membership, lastIndex: LogIndex) {
    guard membership.violation == nil else { return nil }
    self.membership = membership
    members = membership.members.map { id in
      Member(id: id, progress: .joining(lastIndex: lastIndex, isLearner: membership.learners.contains(id)))
    }
  }

  init(membership: Membership, members: [Member]) {
    self.membership = membership
    self.members = members
  }

  /// Where a member stands in `members`.
  public func position(of id: PeerID) -> Int? {
    members.firstIndex { $0.id == id }
  }

  public func progress(of id: PeerID) -> Progress? {
    position(of: id).map { members[$0].progress }
  }

  /// The highest index that a quorum has, as far as has been reported.
  public var committedIndex: LogIndex {
    membership.voters.committedIndex { id in position(of: id).map { members[$0].progress.match } }
  }

  /// Whether a quorum of voters was heard from since the last check.
  public var isQuorumActive: Bool {
    let result = membership.voters.voteResult { id in position(of: id).map { members[$0].progress.isRecentlyActive } }
    return result == .won
  }

  // MARK: Votes

  public mutating func resetVotes() { votes = [] }

  /// Records an answer; a member's first one counts.
  public mutating func recordVote(_ id: PeerID, isGranted: Bool) {
    if !votes.contains(where: { $0.id == id }) { votes.append((id, isGranted)) }
  }

  /// How the vote stands among `electorate`, with the number of members for and against.
  public func tally(_ electorate: JointQuorum) -> (granted: Int, rejected: Int, result: VoteResult) {
    var granted = 0
    var rejected = 0
    for vote in votes where electorate.contains(vote.id) {
      if vote.isGranted { granted += 1 } else { rejected += 1 }
    }
    let result = electorate.voteResult { id in votes.first { $0.id == id }?.isGranted }
    return (granted, rejected, result)
  }
}

extension Progress {
  /// Of a member just added. It counts as heard from, or the leader would step down before it could answer.
  static func joining(lastIndex: LogIndex, isLearner: Bool) -> Progress {
    Progress(next: max(lastIndex, 1), isLearner: isLearner, isRecentlyActive: true)
  }
}
