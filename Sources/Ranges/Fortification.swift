// Leader leases: what makes the leader of a group the only one that may serve its range, without a message per range.
//
// A new leader asks each voter to fortify it. The voter answers with the epoch in which its store supports the leader's,
// and from then on, while that support lasts, it votes for nobody else and does not campaign; it makes that durable before
// it answers. So while a quorum of voters has fortified the leader, and their stores support its store in those epochs,
// nobody else can be elected: the lease lasts until the earliest time at which a quorum may think otherwise.
// While it is fortified and everybody has the whole log a group is at rest: no ticks, no heartbeats.
// A leader that hands leadership on gives its lease up for good first; such an election passes over all support.
// Source: Docs/Decisions/0010-replicated-ranges.md; CockroachDB's leader leases, reference 2.8.

import Raft
import Storage
import Transport

/// What members of a group tell each other.
enum GroupMessage: Equatable, Sendable {
  case raft(Message)
  /// The leader of `term` asks to be fortified.
  case fortify(term: Term)
  /// It is, in an epoch of its store's support.
  case fortified(term: Term, epoch: SupportEpoch)
}

/// Whom a member has promised to follow.
struct LeadSupport: Equatable {
  var term: Term
  var node: NodeID
  var epoch: SupportEpoch
}

/// What a leader knows of its voters' promises.
struct Fortification {
  private var term = Term.zero
  private var voters: [(peer: PeerID, epoch: SupportEpoch)] = []

  init() {}

  func epoch(of peer: PeerID, in term: Term) -> SupportEpoch? {
    guard term == self.term else { return nil }
    return voters.first { $0.peer == peer }?.epoch
  }

  mutating func note(_ peer: PeerID, _ epoch: SupportEpoch, in term: Term) {
    if term != self.term {
      self.term = term
      voters = []
    }
    voters.removeAll { $0.peer == peer }
    voters.append((peer, epoch))
  }
}

extension JointQuorum {
  /// The greatest value that a quorum of each half reaches.
  func quorumValue(_ value: (PeerID) -> Int64) -> Int64 {
    func half(_ peers: PeerSet) -> Int64 {
      if peers.isEmpty { return .max }
      let values = peers.map(value).sorted(by: >)
      return values[peers.count / 2]
    }
    return min(half(incoming), half(outgoing))
  }
}
