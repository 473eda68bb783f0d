// The rules of the Raft paper, section by section, and its figures 7 and 8, each as a test of its own.
// Expected values are the paper's. Source: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm
// (Extended Version)", sections 5.1 to 5.4.

import Testing

@testable import Raft

@Suite struct PaperTests {
  // MARK: 5.1 Terms and roles

  @Test func `5.1 members start as followers`() {
    let member = TestMember(1, voters: [1, 2, 3])
    #expect(member.node.role == .follower)
    #expect(member.node.leader == .none)
  }

  @Test(arguments: [Role.follower, .candidate, .leader])
  func `5.1 a later term makes anyone a follower in it`(_ role: Role) {
    let group = TestGroup(3)
    if role != .follower { group[1].node.campaign() }
    if role == .leader { group.settle() } else { _ = group[1].work() }
    #expect(group[1].node.role == role)
    _ = group[1].take(Message(.append, to: 1, from: 2, term: 9))
    #expect(group[1].node.role == .follower)
    #expect(group[1].node.term == 9)
    #expect(group[1].node.leader == 2)
  }

  @Test func `5.1 a message of an earlier term changes nothing`() {
    let member = TestMember(1, voters: [1, 2, 3], term: 2)
    let answers = member.take(Message(.append, to: 1, from: 2, term: 1, entries: [Entry(term: 1, index: 1)]))
    #expect(answers.isEmpty)
    #expect(member.node.lastEntryID.index == 0)
    #expect(member.node.leader == .none)
    let refused = member.take(Message(.vote, to: 1, from: 2, term: 1))
    #expect(refused.isEmpty)
    #expect(member.node.vote == .none)
  }

  // MARK: 5.2 Leader election

  @Test func `5.2 a leader sends a heartbeat to everyone each interval`() {
    let group = TestGroup(3)
    group.elect(1)
    group[1].node.tick()
    let beats = group[1].work()
    #expect(beats.map(\.kind) == [.heartbeat, .heartbeat])
    #expect(beats.map(\.to) == [2, 3])
    #expect(beats.allSatisfy { $0.term == 1 && $0.commit == 1 })
  }

  @Test(arguments: [Role.follower, .candidate])
  func `5.2 silence for an election timeout starts an election`(_ role: Role) {
    let member = TestMember(1, voters: [1, 2, 3])
    var term: Term = 1
    if role == .candidate {
      member.node.campaign()
      _ = member.work()
      term = 2
    }
    for _ in 0..<20 where member.node.term < term { member.node.tick() }
    let requests = member.work()
    #expect(member.node.role == .candidate)
    #expect(member.node.term == term)
    #expect(member.node.vote == 1)
    #expect(requests.map(\.kind) == [.vote, .vote])
    #expect(requests.map(\.to) == [2, 3])
    #expect(requests.allSatisfy { $0.term == term })
  }

  @Test(arguments: [
    (1, [], Role.leader), (3, [true, true], .leader), (3, [true], .leader), (5, [true, true, true, true], .leader),
    (5, [true, true, true], .leader), (5, [true, true], .leader), (3, [false, false], .follower),
    (5, [false, false, false, false], .follower), (5, [true, false, false, false], .follower), (3, [], .candidate),
    (5, [true], .candidate), (5, [false, false], .candidate), (5, [], .candidate),
  ])
  func `5.2 a majority wins, its impossibility loses, otherwise it is open`(_ size: Int, _ votes: [Bool], _ role: Role)
  {
    let member = TestMember(1, voters: PeerSet((1...UInt64(size)).map { PeerID($0) }))
    member.node.campaign()
    _ = member.work()
    for (position, isGranted) in votes.enumerated() {
      _ = member.take(
        Message(.voteResponse, to: 1, from: PeerID(UInt64(position + 2)), term: 1, isRejection: !isGranted))
    }
    #expect(member.node.role == role)
    #expect(member.node.term == 1)
  }

  @Test(arguments: [
    (PeerID.none, PeerID(1), false), (.none, 2, false), (1, 1, false), (2, 2, false), (1, 2, true), (2, 1, true),
  ])
  func `5.2 at most one vote in a term, first come first served`(_ vote: PeerID, _ candidate: PeerID, _ isRefused: Bool)
  {
    let member = TestMember(3, voters: [1, 2, 3], term: 1, vote: vote)
    let answers = member.take(Message(.vote, to: 3, from: candidate, term: 1))
    #expect(answers.map(\.kind) == [.voteResponse])
    #expect(answers.first?.isRejection == isRefused)
    #expect(answers.first?.to == candidate)
    // On disk before the answer left.
    #expect(member.storage.hardState.vote == (isRefused ? vote : candidate))
  }

  @Test(arguments: [Term(2), 3])
  func `5.2 a candidate follows a leader of its term or a later one`(_ term: Term) {
    let member = TestMember(1, voters: [1, 2, 3], term: 1)
    member.node.campaign()
    _ = member.work()
    #expect(member.node.role == .candidate)
    _ = member.take(Message(.append, to: 1, from: 2, term: term))
    #expect(member.node.role == .follower)
    #expect(member.node.leader == 2)
    #expect(member.node.term == term)
  }

  @Test func `5.2 election timeouts are drawn from the whole interval`() {
    let member = TestMember(1, voters: [1, 2, 3])
    var drawn: Set<Int32> = []
    for term in 1...400 {
      _ = member.take(Message(.heartbeat, to: 1, from: 2, term: Term(UInt64(term))))
      drawn.insert(member.node.randomizedElectionTimeout)
    }
    #expect(drawn == Set(10..<20))
  }

  @Test func `5.2 random timeouts make split votes rare`() {
    // Five members, timeouts out of ten: the chance that the first two coincide is 0.31 by counting.
    var conflicts = 0
    let rounds = 300
    let members = (1...5).map { TestMember(PeerID($0), voters: [1, 2, 3, 4, 5], seed: 7) }
    for term in 1...rounds {
      let timeouts = members.map { member in
        _ = member.take(
          Message(.heartbeat, to: member.id, from: member.id == 1 ? 2 : 1, term: Term(UInt64(term))))
        return member.node.randomizedElectionTimeout
      }.sorted()
      if timeouts[0] == timeouts[1] { conflicts += 1 }
    }
    #expect(Double(conflicts) / Double(rounds) < 0.4)
  }

  // MARK: 5.3 Log replication

  @Test func `5.3 a proposal is appended and sent to all at once`() throws {
    let group = TestGroup(3)
    group.elect(1)
    try group[1].node.propose(Array("x".utf8))
    let sent = group[1].work()
    let entry = Entry(term: 1, index: 2, data: Array("x".utf8))
    #expect(sent.map(\.to) == [2, 3])
    #expect(sent.allSatisfy { $0.kind == .append && $0.index == 1 && $0.logTerm == 1 && $0.commit == 1 })
    #expect(sent.allSatisfy { $0.entries == [entry] })
    #expect(group[1].storage.entries.last == entry)
    #expect(group[1].node.commitIndex == 1)
  }

  @Test func `5.3 what a majority has is committed, applied and told`() throws {
    let group = TestGroup(3)
    group.elect(1)
    try group.propose("x", at: 1)
    #expect(group[1].node.commitIndex == 2)
    #expect(group.members.map(\.commands) == [["x"], ["x"], ["x"]])
  }

  @Test(
    arguments: [
      (1, [], true), (3, [], false), (3, [2], true), (3, [2, 3], true), (5, [], false), (5, [2], false),
      (5, [2, 3], true), (5, [2, 3, 4], true),
    ] as [(Int, [UInt64], Bool)])
  func `5.3 commitment takes a majority's acknowledgements`(_ size: Int, _ acks: [UInt64], _ isCommitted: Bool) throws {
    let group = TestGroup(size)
    group.elect(1)
    group.isolated = Set((1...UInt64(size)).map { PeerID($0) }.filter { $0 != 1 && !acks.contains($0.rawValue) })
    try group.propose("x", at: 1)
    #expect((group[1].node.commitIndex == 2) == isCommitted)
  }

  @Test(arguments: [[], [2], [1, 2], [1]] as [[Term]])
  func `5.3 committing an entry commits all before it`(_ terms: [Term]) throws {
    let group = TestGroup((1...3).map { TestMember(PeerID($0), voters: [1, 2, 3], log: terms, term: 2) })
    group.elect(1)
    try group.propose("x", at: 1)
    let expected = terms + [3, 3]
    for member in group.members {
      #expect(member.applied.map(\.term) == expected)
      #expect(member.applied.map(\.index) == (1...UInt64(expected.count)).map { LogIndex($0) })
    }
  }

  @Test(arguments: [LogIndex(1), 2, 3])
  func `5.3 a follower applies what the leader says is committed`(_ commit: LogIndex) {
    let member = TestMember(1, voters: [1, 2, 3], term: 1)
    _ = member.take(Message(.append, to: 1, from: 2, term: 1, commit: commit, entries: makeEntries([1, 1, 1])))
    #expect(member.node.commitIndex == commit)
    #expect(member.applied.map(\.index) == (1...commit.rawValue).map { LogIndex($0) })
  }

  @Test(arguments: [
    // Previous entry, accepted, hint: the last place where the follower's term is not above the leader's.
    (EntryID(term: 0, index: 0), true, EntryID(term: 0, index: 0)),
    (EntryID(term: 1, index: 1), true, EntryID(term: 0, index: 0)),
    (EntryID(term: 2, index: 2), true, EntryID(term: 0, index: 0)),
    (EntryID(term: 1, index: 2), false, EntryID(term: 1, index: 1)),
    (EntryID(term: 3, index: 3), false, EntryID(term: 2, index: 2)),
  ])
  func `5.3 an append fits only after an entry that the follower has`(
    _ previous: EntryID, _ isAccepted: Bool, _ hint: EntryID
  ) {
    let member = TestMember(1, voters: [1, 2, 3], log: [1, 2], term: 2, commit: 1)
    let answers = member.take(Message(.append, to: 1, from: 2, term: 4, log: previous))
    #expect(answers.count == 1)
    #expect(answers[0].isRejection == !isAccepted)
    if !isAccepted {
      #expect(answers[0].index == previous.index)
      #expect(EntryID(term: answers[0].logTerm, index: answers[0].rejectionHint) == hint)
    } else {
      #expect(answers[0].index == max(previous.index, 1))
    }
  }

  @Test(
    arguments: [
      // After which entry, what comes, the log then, what is newly written.
      (EntryID(term: 2, index: 2), [3], [1, 2, 3], [3]), (EntryID(term: 1, index: 1), [3, 4], [1, 3, 4], [3, 4]),
      (EntryID(term: 0, index: 0), [1], [1, 2], []), (EntryID(term: 0, index: 0), [3], [3], [3]),
      (EntryID(term: 1, index: 1), [2], [1, 2], []),
    ] as [(EntryID, [Term], [Term], [Term])])
  func `5.3 conflicting entries give way, matching ones stay`(
    _ previous: EntryID, _ terms: [Term], _ expected: [Term], _ written: [Term]
  ) {
    let member = TestMember(1, voters: [1, 2, 3], log: [1, 2], term: 2)
    try? member.node.step(
      Message(.append, to: 1, from: 2, term: 4, log: previous, entries: makeEntries(terms, from: previous.index.next)))
    let ready = member.node.ready()
    #expect(ready.entries.map(\.term) == written)
    member.storage.append(ready.entries)
    member.node.advance()
    #expect(member.terms == expected)
    #expect(member.storage.entries.map(\.term) == expected)
  }

  /// Figure 7: the leader of term 8 and the logs that followers may have.
  @Test(
    arguments: [
      [1, 1, 1, 4, 4, 5, 5, 6, 6], [1, 1, 1, 4], [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      [1, 1, 1, 4, 4, 4, 4], [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ] as [[Term]], [1 << 20, 0])
  func `5.3 figure 7: the leader brings every follower's log to its own`(_ follower: [Term], _ messageBytes: Int) throws
  {
    let log: [Term] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
    let settings = makeSettings(maxMessageByteCount: messageBytes)
    let leader = TestMember(1, voters: [1, 2, 3], log: log, term: 8, commit: 9, settings: settings)
    let second = TestMember(2, voters: [1, 2, 3], log: follower, term: 7, settings: settings)
    // The third, with an empty log, votes for the leader: the second may not have to.
    let third = TestMember(3, voters: [1, 2, 3], settings: settings)
    let group = TestGroup([leader, second, third])
    group.elect(1)
    #expect(leader.node.isLeader)
    try group.propose("x", at: 1)
    let expected = log + [9, 9]
    for member in group.members {
      #expect(member.terms == expected)
      #expect(member.storage.entries.map(\.term) == expected)
      #expect(member.node.commitIndex == 12)
    }
  }

  /// The leader finds the place by terms, not one index at a time.
  @Test func `5.3 a refused append skips whole terms`() {
    // Terms as in the reference: leader 1 3 3 3 5 5 5 5 5, follower 1 1 1 1 2 2.
    let leader = TestMember(1, voters: [1, 2, 3], log: [1, 3, 3, 3, 5, 5, 5, 5, 5], term: 5)
    let follower = TestMember(2, voters: [1, 2, 3], log: [1, 1, 1, 1, 2, 2], term: 4)
    let third = TestMember(3, voters: [1, 2, 3])
    let group = TestGroup([leader, follower, third])
    var refusals = 0
    group.isLost = { message in
      if message.from == 2, message.kind == .appendResponse, message.isRejection { refusals += 1 }
      return false
    }
    group.elect(1)
    #expect(follower.terms == [1, 3, 3, 3, 5, 5, 5, 5, 5, 6])
    #expect(refusals == 1)
  }

  // MARK: 5.4 Safety

  @Test(arguments: [[1], [1, 2]] as [[Term]])
  func `5.4.1 a request for votes names the last entry`(_ log: [Term]) {
    let member = TestMember(1, voters: [1, 2, 3], log: log, term: 2)
    member.node.campaign()
    let requests = member.work()
    #expect(requests.map(\.to) == [2, 3])
    #expect(requests.allSatisfy { $0.term == 3 && $0.index == LogIndex(UInt64(log.count)) && $0.logTerm == log.last })
  }

  @Test(
    arguments: [
      // The voter's log, the candidate's last entry, refused.
      ([1], EntryID(term: 1, index: 1), false), ([1], EntryID(term: 1, index: 2), false),
      ([1, 1], EntryID(term: 1, index: 1), true), ([1], EntryID(term: 2, index: 1), false),
      ([1], EntryID(term: 2, index: 2), false), ([1, 1], EntryID(term: 2, index: 1), false),
      ([2], EntryID(term: 1, index: 1), true), ([2], EntryID(term: 1, index: 2), true),
      ([2, 1], EntryID(term: 1, index: 1), true),
    ] as [([Term], EntryID, Bool)])
  func `5.4.1 no vote for a log that is less complete`(_ log: [Term], _ candidate: EntryID, _ isRefused: Bool) {
    let member = TestMember(1, voters: [1, 2], log: log)
    let answers = member.take(Message(.vote, to: 1, from: 2, term: 3, log: candidate))
    #expect(answers.count == 1)
    #expect(answers[0].isRejection == isRefused)
  }

  @Test(arguments: [(LogIndex(1), LogIndex(0)), (2, 0), (3, 3)])
  func `5.4.2 only entries of the leader's term are committed by counting`(_ acknowledged: LogIndex, _ commit: LogIndex)
  {
    let group = TestGroup([
      TestMember(1, voters: [1, 2], log: [1, 2], term: 2), TestMember(2, voters: [1, 2], log: [1, 2], term: 2),
    ])
    group.isLost = { $0.kind == .append }
    group.elect(1)
    #expect(group[1].node.term == 3)
    _ = group[1].take(Message(.appendResponse, to: 1, from: 2, term: 3, index: acknowledged))
    #expect(group[1].node.commitIndex == commit)
  }
}
