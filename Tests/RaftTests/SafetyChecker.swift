// Watches a group from outside and finds the first broken promise of the Raft paper's figure 3: election safety, log
// matching, leader completeness, state machine safety. It keeps its own record of what was seen and trusts nothing that
// the members compute.

@testable import Raft

struct SafetyChecker {
  enum Violation: Error, Hashable {
    case twoLeaders(term: Term, PeerID, PeerID)
    case logsDisagree(EntryID)
    case commitChanged(LogIndex, Term, Term)
    case leaderLacks(PeerID, EntryID)
    case appliedDiffers(LogIndex)
    case committedBackwards(PeerID)
  }

  private struct Content: Hashable {
    var previousTerm: Term
    var data: [UInt8]
    var kind: EntryKind
  }

  private var leaderOf: [Term: PeerID] = [:]
  private var contentOf: [EntryID: Content] = [:]
  /// The term of each committed entry, from index 1 on.
  private(set) var committed: [Term] = []
  private var applied: [Entry] = []
  private var knownLeadership: [PeerID: Term] = [:]

  /// Looks at a member after it has done something.
  mutating func observe<Storage>(_ node: RaftNode<Storage>) throws {
    if node.isLeader {
      if let other = leaderOf[node.term], other != node.id {
        throw Violation.twoLeaders(term: node.term, other, node.id)
      }
      leaderOf[node.term] = node.id
      if knownLeadership[node.id] != node.term {
        knownLeadership[node.id] = node.term
        // What was committed before is in the log of whoever leads after.
        for (position, term) in committed.enumerated() {
          let index = LogIndex(UInt64(position + 1))
          if node.term(at: index) != term { throw Violation.leaderLacks(node.id, EntryID(term: term, index: index)) }
        }
      }
    }
    var index = LogIndex(UInt64(committed.count + 1))
    while index <= node.commitIndex {
      guard let term = node.term(at: index) else { break }
      committed.append(term)
      index = index.next
    }
    if node.commitIndex > .zero, Int(node.commitIndex.rawValue) <= committed.count,
      let term = node.term(at: node.commitIndex), term != committed[Int(node.commitIndex.rawValue) - 1]
    {
      throw Violation.commitChanged(node.commitIndex, committed[Int(node.commitIndex.rawValue) - 1], term)
    }
  }

  /// Looks at entries that a member writes.
  mutating func observe(_ entries: [Entry], after previous: Term) throws {
    var previous = previous
    for entry in entries {
      let content = Content(previousTerm: previous, data: entry.data, kind: entry.kind)
      if let known = contentOf[entry.id], known != content { throw Violation.logsDisagree(entry.id) }
      contentOf[entry.id] = content
      previous = entry.term
    }
  }

  /// Looks at entries that a state machine is given.
  mutating func observeApplied(_ entries: [Entry]) throws {
    for entry in entries {
      let position = Int(entry.index.rawValue) - 1
      if position < applied.count {
        if applied[position] != entry { throw Violation.appliedDiffers(entry.index) }
      } else {
        applied.append(entry)
      }
    }
  }
}

/// Figure 8 of the paper with five members. Returns what a checker finds.
///
///        a        b        c        d
///   S1   1 2      1 2      1 2 4    1 2 4
///   S2   1 2      1 2      1 2 4    1 3 5
///   S3   1        1        1 2      1 3 5
///   S4   1        1        1        1 3 5
///   S5   1        1 3      1 3      1 3 5
func runFigure8(faults: PlantedFaults) -> SafetyChecker.Violation? {
  var checker = SafetyChecker()
  // One entry in a message, so that the entry of term 2 travels without that of term 4.
  let settings = makeSettings(maxMessageByteCount: 0, faults: faults)
  let group = TestGroup(5, settings: settings)
  func observe() throws { for member in group.members { try checker.observe(member.node) } }
  do {
    // Term 1: an entry that everyone has.
    group.elect(2)
    try observe()
    // a: S1 leads term 2; its entry reaches S2 only.
    group.isLost = { $0.kind == .append && $0.to != 2 }
    group.elect(1)
    try observe()
    // b: S1 is gone; S5 leads term 3 with the votes of S3 and S4, and its entry reaches nobody.
    group.isLost = { $0.kind == .append }
    group.isolated = [1, 2]
    group.elect(5)
    try observe()
    // c: S5 is gone; S1 is back and leads term 4, and brings S3 the entry of term 2, which is then on a majority; its own
    // entry reaches S2 only. Before anyone hears what is committed, S1 is gone again.
    group.isolated = [4, 5]
    group.isLost = { message in
      guard message.kind == .append else { return false }
      return message.commit > 1
        || (message.to == 3 && group[3].node.lastEntryID.index == 2 && message.entries.contains { $0.term == 4 })
    }
    group[1].restart()
    while group[1].node.term < 4 { group.elect(1) }
    try observe()
    precondition(group.members.map(\.terms) == [[1, 2, 4], [1, 2, 4], [1, 2], [1], [1, 3]])
    // d: S5 is back, leads with the votes of S3 and S4, whose logs end with terms 2 and 1, and overwrites.
    group.isolated = [1]
    group.isLost = { _ in false }
    group[5].restart()
    while group[5].node.term < 5 { group.elect(5) }
    precondition(group[5].node.isLeader && group[2].terms == [1, 3, 5])
    try observe()
    return nil
  } catch let violation as SafetyChecker.Violation {
    return violation
  } catch {
    return nil
  }
}
