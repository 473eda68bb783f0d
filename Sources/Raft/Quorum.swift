// Majorities, and pairs of majorities while a group is between two memberships: what they have committed, how a vote
// among them stands.
// Invariant: any two quorums of one configuration intersect; a joint decision needs both halves. An empty half agrees
// with everything, so that a joint quorum with one empty half decides as the other half alone.
// Source: Raft dissertation, sections 3.4, 3.5.3 and 4.3.

/// How a vote stands.
public enum VoteResult: Sendable {
  /// Neither side has reached a quorum yet.
  case pending
  /// A quorum can no longer be reached.
  case lost
  /// A quorum has granted its vote.
  case won
}

extension PeerSet {
  /// The highest index that a majority has acknowledged; `unbounded` for an empty set.
  /// - Parameter acknowledged: what a voter has reported, or nil while it is silent.
  public func committedIndex(_ acknowledged: (PeerID) -> LogIndex?) -> LogIndex {
    guard !isEmpty else { return .unbounded }
    return withUnsafeTemporaryAllocation(of: LogIndex.self, capacity: count) { sorted in
      // Insertion sort, ascending: groups have three to seven voters.
      for (filled, id) in enumerated() {
        let index = acknowledged(id) ?? .zero
        var position = filled
        while position > 0, sorted[position - 1] > index {
          sorted.initializeElement(at: position, to: sorted[position - 1])
          position -= 1
        }
        sorted.initializeElement(at: position, to: index)
      }
      return sorted[count - majority]
    }
  }

  /// How many of the set make a majority of it.
  public var majority: Int { count / 2 + 1 }

  /// - Parameter vote: what a voter has answered, or nil while it is silent.
  public func voteResult(_ vote: (PeerID) -> Bool?) -> VoteResult {
    guard !isEmpty else { return .won }
    var granted = 0
    var silent = 0
    for id in self {
      switch vote(id) {
      case true?: granted += 1
      case false?: break
      case nil: silent += 1
      }
    }
    if granted >= majority { return .won }
    return granted + silent >= majority ? .pending : .lost
  }
}

/// The voters of a group: one majority, or two while the membership changes.
public struct JointQuorum: Hashable, Sendable {
  /// The voters that stay when a change is done; the only ones outside of a change.
  public var incoming: PeerSet
  /// The voters before the change. Empty outside of one.
  public var outgoing: PeerSet

  public init(incoming: PeerSet = [], outgoing: PeerSet = []) {
    self.incoming = incoming
    self.outgoing = outgoing
  }

  public var isJoint: Bool { !outgoing.isEmpty }

  /// Every voter of either half.
  public var all: PeerSet { incoming.union(outgoing) }

  public func contains(_ id: PeerID) -> Bool { incoming.contains(id) || outgoing.contains(id) }

  public func committedIndex(_ acknowledged: (PeerID) -> LogIndex?) -> LogIndex {
    min(incoming.committedIndex(acknowledged), outgoing.committedIndex(acknowledged))
  }

  public func voteResult(_ vote: (PeerID) -> Bool?) -> VoteResult {
    let halves = (incoming.voteResult(vote), outgoing.voteResult(vote))
    if halves.0 == halves.1 { return halves.0 }
    return halves.0 == .lost || halves.1 == .lost ? .lost : .pending
  }
}

extension JointQuorum: CustomStringConvertible {
  public var description: String { isJoint ? "\(incoming)&&\(outgoing)" : "\(incoming)" }
}
