// Watches a group from outside and finds the first broken promise: election safety, log matching, leader completeness,
// state machine safety (Raft paper, figure 3), equality of states, no acknowledged write lost, no stale read. It keeps
// its own record of what was seen and trusts nothing that the members compute.

import Raft

struct SafetyChecker {
  enum Violation: Error, Hashable, CustomStringConvertible {
    case twoLeaders(term: Term, PeerID, PeerID)
    case logsDisagree(EntryID)
    case commitChanged(LogIndex, Term, Term)
    case committedBackwards(PeerID, LogIndex, LogIndex)
    case committedReplaced(PeerID, LogIndex, Term, Term)
    case leaderLacks(PeerID, EntryID)
    case appliedDiffers(PeerID, LogIndex)
    case appliedOutOfOrder(PeerID, LogIndex)
    case stateDiffers(PeerID, LogIndex)
    case forgot(PeerID, String)
    case lostAcknowledged(PeerID, LogIndex)
    case staleRead(LogIndex, LogIndex)
    case noProgress(String)

    var description: String {
      switch self {
      case .twoLeaders(let term, let a, let b): "term \(term) has two leaders, \(a) and \(b)"
      case .logsDisagree(let id): "two logs hold different entries \(id.term)/\(id.index)"
      case .commitChanged(let index, let old, let new): "entry \(index) was committed in term \(old), then in \(new)"
      case .committedBackwards(let peer, let old, let new): "the commit index of \(peer) fell from \(old) to \(new)"
      case .committedReplaced(let peer, let index, let old, let new):
        "\(peer) is told to replace the committed entry \(old)/\(index) by one of term \(new)"
      case .leaderLacks(let peer, let id): "\(peer) leads without the committed entry \(id.term)/\(id.index)"
      case .appliedDiffers(let peer, let index): "\(peer) applies another entry \(index) than was applied before"
      case .appliedOutOfOrder(let peer, let index): "\(peer) applies entry \(index) out of order"
      case .stateDiffers(let peer, let index): "the state of \(peer) at entry \(index) differs from that of others"
      case .forgot(let peer, let what): "\(peer) has forgotten what it vouched for: \(what)"
      case .lostAcknowledged(let peer, let index): "\(peer) lacks entry \(index), which was acknowledged"
      case .staleRead(let index, let floor): "a read at \(index) began after \(floor) had been acknowledged"
      case .noProgress(let state): "no progress after healing: \(state)"
      }
    }
  }

  private struct Content: Hashable {
    var previousTerm: Term
    var data: [UInt8]
    var kind: EntryKind
  }

  private struct Committed {
    var term: Term
    /// The term in which it was seen to be committed: leaders of later ones have it.
    var seenIn: Term
  }

  private struct Applied {
    var entry: Entry
    var stateHash: UInt64
  }

  /// Where the group's log begins.
  private let base: LogIndex
  private var leaderOf: [Term: PeerID] = [:]
  private var contentOf: [EntryID: Content] = [:]
  /// From the entry after `base` on.
  private var committed: [Committed] = []
  private var applied: [Applied] = []
  private var knownLeadership: [PeerID: Term] = [:]
  private var knownCommit: [PeerID: LogIndex] = [:]
  private(set) var lastAcknowledged: LogIndex

  var committedCount: Int { committed.count }
  var leaderCount: Int { leaderOf.count }

  init(base: LogIndex) {
    self.base = base
    lastAcknowledged = base
  }

  private func position(_ index: LogIndex) -> Int { Int(index.rawValue) - Int(base.rawValue) - 1 }

  /// A member begins anew: what is only a shortcut may be older than it was.
  mutating func restarted(_ peer: PeerID) {
    knownCommit[peer] = nil
    knownLeadership[peer] = nil
  }

  /// Looks at a member after it has done something.
  mutating func observe<Storage>(_ node: RaftNode<Storage>) throws(Violation) {
    if node.isLeader, knownLeadership[node.id] != node.term {
      if let other = leaderOf[node.term], other != node.id {
        throw .twoLeaders(term: node.term, other, node.id)
      }
      leaderOf[node.term] = node.id
      knownLeadership[node.id] = node.term
      // What was committed in an earlier term is in the log of whoever leads after.
      for place in max(0, position(node.firstIndex))..<max(committed.count, position(node.firstIndex), 0) {
        let index = base + place + 1
        if committed[place].seenIn < node.term, node.term(at: index) != committed[place].term {
          throw .leaderLacks(node.id, EntryID(term: committed[place].term, index: index))
        }
      }
    }
    let commit = node.commitIndex
    if let known = knownCommit[node.id] {
      if commit == known { return }
      if commit < known { throw .committedBackwards(node.id, known, commit) }
    }
    knownCommit[node.id] = commit
    while base + committed.count < commit, let term = node.term(at: base + committed.count + 1) {
      committed.append(Committed(term: term, seenIn: node.term))
    }
    let place = position(commit)
    if place >= 0, place < committed.count, let term = node.term(at: commit), term != committed[place].term {
      throw .commitChanged(commit, committed[place].term, term)
    }
  }

  /// Looks at entries that a member writes.
  mutating func observe(_ entries: [Entry], after previous: Term) throws(Violation) {
    var previous = previous
    for entry in entries {
      let content = Content(previousTerm: previous, data: entry.data, kind: entry.kind)
      if let known = contentOf[entry.id] {
        if known != content { throw .logsDisagree(entry.id) }
      } else {
        contentOf[entry.id] = content
      }
      previous = entry.term
    }
  }

  /// Looks at an entry that a state machine was given, and at the state after it.
  mutating func observeApplied(_ entry: Entry, stateHash: UInt64, by peer: PeerID) throws(Violation) {
    let place = position(entry.index)
    guard place >= 0, place <= applied.count else { throw .appliedOutOfOrder(peer, entry.index) }
    if place == applied.count {
      applied.append(Applied(entry: entry, stateHash: stateHash))
    } else if applied[place].entry != entry {
      throw .appliedDiffers(peer, entry.index)
    } else if applied[place].stateHash != stateHash {
      throw .stateDiffers(peer, entry.index)
    }
  }

  /// Looks at a state that came from a snapshot or from the disk.
  func observeState(at index: LogIndex, hash: UInt64, of peer: PeerID) throws(Violation) {
    let place = position(index)
    if place >= 0, place < applied.count, applied[place].stateHash != hash { throw .stateDiffers(peer, index) }
  }

  /// A client was told that the entry is in.
  mutating func acknowledged(_ index: LogIndex) { lastAcknowledged = max(lastAcknowledged, index) }

  /// A member that has caught up has applied all that was acknowledged.
  func observeEnd(of peer: PeerID, at index: LogIndex) throws(Violation) {
    if index < lastAcknowledged { throw .lostAcknowledged(peer, lastAcknowledged) }
  }
}
