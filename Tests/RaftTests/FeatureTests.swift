// What goes beyond the paper's core, one behaviour at a time: quotas and windows, reads, transfer, leases against
// disturbance, snapshots, changes of the members. Expected values follow from the dissertation or from etcd/raft's rules
// (reference, sections 1.5 to 1.12).

import Testing

@testable import Raft

@Suite struct FeatureTests {
  // MARK: Limits

  @Test func `Proposals beyond the quota for uncommitted payload are dropped`() throws {
    let group = TestGroup(3, settings: makeSettings(maxUncommittedByteCount: 10))
    group.elect(1)
    group.isolated = [2, 3]
    try group.propose("123456", at: 1)
    #expect(throws: StepError.proposalDropped) { try group[1].node.propose(Array("12345".utf8)) }
    // Just at the limit is in; entries without payload always are.
    try group[1].node.propose(Array("1234".utf8))
    try group[1].node.propose([])
    #expect(throws: StepError.proposalDropped) { try group[1].node.propose([1]) }
    group.isolated = []
    group.tick(2)
    #expect(group[1].commands == ["123456", "1234"])
    // With nothing outstanding, one of any size is in.
    try group.propose("a command of more than ten bytes", at: 1)
    #expect(group[1].commands.count == 3)
  }

  @Test func `A follower's window fills by count, an acknowledgement makes room`() throws {
    let group = TestGroup(2, settings: makeSettings(inflight: 3))
    group.elect(1)
    var sent: [Message] = []
    for command in 1...5 {
      try group[1].node.propose([UInt8(command)])
      sent += group[1].work()
    }
    #expect(sent.map(\.index) == [1, 2, 3])
    let more = group[1].take(Message(.appendResponse, to: 1, from: 2, term: 1, index: 2))
    // Room for one message, which carries all that waits, and tells of the commit.
    #expect(more.flatMap(\.entries).map(\.index) == [5, 6])
  }

  @Test func `A follower's window fills by bytes`() throws {
    let group = TestGroup(2, settings: makeSettings(maxMessageByteCount: 8, inflightByteCount: 8))
    group.elect(1)
    var sent: [Message] = []
    for _ in 1...4 {
      try group[1].node.propose([1, 2, 3, 4, 5])
      sent += group[1].work()
    }
    #expect(sent.filter { !$0.entries.isEmpty }.count == 2)
  }

  @Test func `A full window whose messages were lost recovers by a heartbeat`() throws {
    let group = TestGroup(2, settings: makeSettings(inflight: 2))
    group.elect(1)
    group.isLost = { $0.kind == .append }
    for command in 1...5 { try group.propose("\(command)", at: 1) }
    group.isLost = { _ in false }
    #expect(group[2].commands.isEmpty)
    group.tick(3)
    #expect(group[2].commands == ["1", "2", "3", "4", "5"])
  }

  @Test func `Entries are handed out to be applied within a budget`() throws {
    let member = TestMember(
      1, voters: [1], log: [1, 1, 1, 1], term: 1, commit: 4, settings: makeSettings(maxApplyingByteCount: 20))
    var batches: [Int] = []
    while member.node.hasReady {
      let ready = member.node.ready()
      batches.append(ready.committedEntries.count)
      member.node.advance()
    }
    #expect(batches == [1, 1, 1, 1])
    #expect(member.node.appliedIndex == 4)
  }

  @Test func `Settings that cannot work are refused`() {
    #expect(throws: RaftSettingsError.heartbeatWithoutInterval) { try RaftSettings(heartbeatTicks: 0) }
    #expect(throws: RaftSettingsError.electionNotAboveHeartbeat) { try RaftSettings(electionTicks: 1) }
    #expect(throws: RaftSettingsError.noInflightMessages) { try RaftSettings(inflightLimits: .init(count: 0)) }
    #expect(throws: RaftSettingsError.inflightBytesBelowMessage) {
      try RaftSettings(maxMessageByteCount: 10, inflightLimits: .init(count: 1, byteCount: 9))
    }
    #expect(throws: RaftSettingsError.nothingToApply) { try RaftSettings(maxApplyingByteCount: 0) }
    #expect(throws: RaftSettingsError.leaseWithoutCheckQuorum) {
      try RaftSettings(checksQuorum: false, readMode: .lease)
    }
  }

  // MARK: Messages from outside

  @Test func `Local kinds and strangers' answers are refused`() {
    let member = TestMember(1, voters: [1, 2])
    #expect(throws: StepError.localMessage) { try member.node.step(Message(.hup, to: 1, from: 2)) }
    #expect(throws: StepError.localMessage) {
      try member.node.step(Message(.storageAppendResponse, to: 1, from: 2, index: 7))
    }
    #expect(throws: StepError.unknownPeer) { try member.node.step(Message(.appendResponse, to: 1, from: 9, term: 1)) }
    #expect(throws: StepError.proposalDropped) { try member.node.propose([1]) }
  }

  @Test func `A change that cannot be read is not appended`() {
    let group = TestGroup(1)
    group.elect(1)
    #expect(throws: StepError.proposalDropped) {
      try group[1].node.step(
        Message(.propose, to: 1, from: 2, entries: [Entry(kind: .configurationChange, data: [99])]))
    }
    #expect(group[1].node.lastEntryID.index == 1)
  }

  // MARK: Reads

  @Test func `A read waits for a quorum's answer to a heartbeat`() throws {
    let group = TestGroup(3)
    group.elect(1)
    try group.propose("x", at: 1)
    group[1].node.requestReadIndex([7])
    group[1].node.requestReadIndex([8])
    let beats = group[1].work()
    #expect(group[1].readStates.isEmpty)
    #expect(beats.filter { $0.to == 2 }.map(\.context) == [.reads(1), .reads(2)])
    // An answer to the first confirms the first only.
    for answer in group[2].take(beats.first { $0.to == 2 }!) { _ = group[1].take(answer) }
    #expect(group[1].readStates == [ReadState(index: 2, context: [7])])
    for answer in group[3].take(beats.last { $0.to == 3 }!) { _ = group[1].take(answer) }
    #expect(group[1].readStates.map(\.context) == [[7], [8]])
  }

  @Test func `A deposed leader confirms no read`() throws {
    let group = TestGroup(3)
    group.elect(1)
    group.isolated = [1]
    group.elect(2)
    try group.propose("newer", at: 2)
    group[1].node.requestReadIndex([7])
    group.tick(3)
    #expect(group[1].readStates.isEmpty)
    group.isolated = []
    group.tick(3)
    #expect(group[1].readStates.isEmpty)
    #expect(!group[1].node.isLeader)
  }

  @Test func `A follower's read goes to the leader and comes back`() throws {
    let group = TestGroup(3)
    group.elect(1)
    try group.propose("x", at: 1)
    group[3].node.requestReadIndex([9])
    group.settle()
    #expect(group[3].readStates == [ReadState(index: 2, context: [9])])
  }

  @Test func `A new leader's reads wait for its first commit`() throws {
    let group = TestGroup(3)
    group.isLost = { $0.kind == .append }
    group.elect(1)
    group[1].node.requestReadIndex([1])
    group.settle()
    #expect(group[1].readStates.isEmpty)
    group.isLost = { _ in false }
    group.tick(2)
    #expect(group[1].readStates == [ReadState(index: 1, context: [1])])
  }

  @Test func `A lease, and a single voter, answer at once`() {
    let group = TestGroup(3, settings: makeSettings(checksQuorum: true, readMode: .lease))
    group.elect(1)
    group[1].node.requestReadIndex([1])
    let sent = group[1].work()
    #expect(sent.isEmpty)
    #expect(group[1].readStates == [ReadState(index: 1, context: [1])])
    let alone = TestGroup(1)
    alone.elect(1)
    alone[1].node.requestReadIndex([2])
    _ = alone[1].work()
    #expect(alone[1].readStates == [ReadState(index: 1, context: [2])])
  }

  // MARK: Leadership

  @Test func `Leadership goes to a member that is up to date, at once`() throws {
    let group = TestGroup(3, settings: makeSettings(checksQuorum: true, preVote: true))
    group.elect(1)
    group[1].node.transferLeadership(to: 3)
    group.settle()
    #expect(group.leaders == [3])
    #expect(group[3].node.term == 2)
  }

  @Test func `A member that lags is brought up to date first, and proposals wait`() throws {
    let group = TestGroup(3)
    group.elect(1)
    group.isolated = [3]
    try group.propose("x", at: 1)
    group.isolated = []
    group[1].node.transferLeadership(to: 3)
    #expect(throws: StepError.proposalDropped) { try group[1].node.propose([1]) }
    group.tick(2)
    #expect(group.leaders == [3])
    #expect(group[3].commands == ["x"])
  }

  @Test func `A transfer that does not happen is given up after an election timeout`() throws {
    let group = TestGroup(3)
    group.elect(1)
    group.isolated = [3]
    group[1].node.transferLeadership(to: 3)
    #expect(group[1].node.transferee == 3)
    for _ in 0..<10 { group[1].node.tick() }
    #expect(group[1].node.transferee == .none)
    try group.propose("y", at: 1)
    #expect(group[2].commands == ["y"])
  }

  @Test func `A leader cut off from its quorum steps down`() {
    let group = TestGroup(3, settings: makeSettings(checksQuorum: true))
    group.elect(1)
    group.isolated = [1]
    for _ in 0..<20 { group[1].node.tick() }
    _ = group[1].work()
    #expect(group[1].node.role == .follower)
  }

  @Test func `A member that was cut off disturbs nobody`() {
    let group = TestGroup(3, settings: makeSettings(checksQuorum: true, preVote: true))
    group.elect(1)
    group.isolated = [3]
    for _ in 0..<100 { group[3].node.tick() }
    #expect(group[3].node.term == 1)
    group.isolated = []
    group.tick(3)
    #expect(group.leaders == [1])
    #expect(group.members.allSatisfy { $0.node.term == 1 && $0.node.leader == 1 })
  }

  @Test func `Learners do not campaign and are not counted`() throws {
    let group = TestGroup(3, learners: [3])
    group.elect(1)
    for _ in 0..<50 { group[3].node.tick() }
    #expect(group[3].node.role == .follower)
    #expect(group[3].node.isLearner)
    group.isolated = [2]
    try group.propose("x", at: 1)
    #expect(group[3].node.lastEntryID.index == 2)
    #expect(group[1].node.commitIndex == 1)
  }

  // MARK: Snapshots

  @Test func `A follower behind the compacted log gets a snapshot, then goes on`() throws {
    let group = TestGroup(3)
    group.elect(1)
    group.isolated = [3]
    for command in 1...5 { try group.propose("\(command)", at: 1) }
    group[1].storage.makeSnapshot(at: 5, membership: group[1].node.membership, data: [5])
    group[1].storage.compact(through: 5)
    group.isolated = []
    group.tick(2)
    try group.propose("6", at: 1)
    #expect(group[3].storage.latest.index == 5)
    #expect(group[3].storage.firstIndex == 6)
    #expect(group[3].commands == ["5", "6"])
    #expect(group[3].node.commitIndex == group[1].node.commitIndex)
  }

  @Test(arguments: [false, true])
  func `A snapshot's fate decides where probing starts`(_ hasFailed: Bool) throws {
    let group = TestGroup(2)
    group.elect(1)
    group.isolated = [2]
    // A leader of two cannot commit alone: compact what is committed.
    group[1].storage.makeSnapshot(at: 1, membership: group[1].node.membership)
    group[1].storage.compact(through: 1)
    group[1].node.tracker.members[1].progress = Progress(next: 1, isRecentlyActive: true)
    group[1].node.sendAppend(1, evenIfEmpty: true)
    #expect(group[1].node.progress[1].progress.description == "StateSnapshot match=0 next=2 paused pendingSnap=1")
    group[1].node.reportSnapshot(2, hasFailed: hasFailed)
    #expect(
      group[1].node.progress[1].progress.description
        == (hasFailed ? "StateProbe match=0 next=1 paused" : "StateProbe match=0 next=2 paused"))
  }

  @Test func `Who has come by the state in another way is found by a probe, and needs no snapshot`() throws {
    let group = TestGroup(2)
    group.elect(1)
    group[1].storage.makeSnapshot(at: 1, membership: group[1].node.membership)
    group[1].storage.compact(through: 1)
    group[1].node.tracker.members[1].progress = Progress(next: 1, isRecentlyActive: true)
    group[1].node.sendAppend(1, evenIfEmpty: true)
    #expect(group[1].node.progress[1].progress.progress.isTakingSnapshot)
    group[1].node.messages = []
    group[1].node.probeFirstEntry(of: 2)
    #expect(group[1].node.progress[1].progress.description == "StateProbe match=0 next=2")
    group.settle()
    #expect(group[1].node.progress[1].progress.description == "StateReplicate match=1 next=2")
  }

  @Test func `An old snapshot changes nothing, one for others neither`() {
    let member = TestMember(1, voters: [1, 2], log: [1, 1, 1], term: 1, commit: 2)
    _ = member.work()
    let old = Snapshot(index: 2, term: 1, membership: Membership(voters: [1, 2]))
    #expect(member.take(Message(.snapshot, to: 1, from: 2, term: 1, snapshot: old)).map(\.index) == [2])
    let foreign = Snapshot(index: 9, term: 1, membership: Membership(voters: [2, 3]))
    #expect(member.take(Message(.snapshot, to: 1, from: 2, term: 1, snapshot: foreign)).map(\.index) == [2])
    #expect(member.node.lastEntryID.index == 3)
  }

  // MARK: Members

  @Test func `One change at a time; another is replaced by an empty entry`() throws {
    let group = TestGroup(1)
    group.elect(1)
    try group[1].node.propose(ConfigurationChange([MembershipStep(.addLearner, 2)]))
    try group[1].node.propose(ConfigurationChange([MembershipStep(.addLearner, 3)]))
    group.settle()
    #expect(group[1].node.membership.learners == [2])
    #expect(group[1].applied.last?.kind == .normal)
    #expect(group[1].applied.last?.data == [])
  }

  @Test func `Swapping two voters passes through a joint membership and leaves it`() throws {
    let settings = makeSettings(asynchronous: true)
    let group = TestGroup(3, settings: settings)
    group.members += [4, 5].map { TestMember(PeerID($0), voters: [1, 2, 3], settings: settings) }
    group.elect(1)
    try group[1].node.propose(
      ConfigurationChange([.init(.addVoter, 4), .init(.addVoter, 5), .init(.remove, 2), .init(.remove, 3)]))
    group.settle()
    group.tick(3)
    #expect(group[1].node.membership == Membership(voters: [1, 4, 5]))
    try group.propose("x", at: 1)
    #expect(group[4].commands == ["x"] && group[5].commands == ["x"])
    #expect(group[5].node.membership == Membership(voters: [1, 4, 5]))
  }

  @Test func `A change that does not fit is refused and changes nothing`() {
    let group = TestGroup(3)
    let before = group[1].node.membership
    #expect(throws: MembershipError.notJoint) { try group[1].node.apply(ConfigurationChange()) }
    let removal = ConfigurationChange((1...3).map { MembershipStep(.remove, PeerID($0)) }, transition: .explicit)
    #expect(throws: MembershipError.noVotersLeft) { try group[1].node.apply(removal) }
    #expect(group[1].node.membership == before)
    // The owner's way to refuse a change: steps for nobody.
    #expect((try? group[1].node.apply(ConfigurationChange([.init(.remove, .none)]))) == before)
  }

  @Test func `A removed leader steps down once that is applied`() throws {
    let group = TestGroup(3)
    group.elect(1)
    try group[1].node.propose(ConfigurationChange([.init(.remove, 1)]))
    group.settle()
    #expect(group[1].node.role == .follower)
    #expect(group[1].node.membership.voters.incoming == [2, 3])
    for _ in 0..<50 { group[1].node.tick() }
    #expect(group[1].node.role == .follower)
  }

  // MARK: Value semantics

  @Test func `A copy goes its own way`() throws {
    let group = TestGroup(3)
    group.elect(1)
    let copy = group[1].node
    try group[1].node.propose([1])
    #expect(copy.lastEntryID.index == 1)
    #expect(group[1].node.lastEntryID.index == 2)
  }
}
