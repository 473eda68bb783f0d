// Random inputs against naive models: quorums, membership changes, the inflight window, the log with its unstable end, and
// the bytes of a configuration change.

import Testing

@testable import Raft

@Suite struct PropertyTests {
  // MARK: Quorums

  @Test func `What a quorum has committed, and how it votes, against counting`() {
    var random = ElectionRandom(seed: 1)
    for _ in 0..<5000 {
      func voters() -> [PeerID] { (1...9).filter { _ in random.draw(below: 2) == 0 }.map { PeerID(UInt64($0)) } }
      let (first, second) = (voters(), voters())
      var indexes: [PeerID: LogIndex] = [:]
      var votes: [PeerID: Bool] = [:]
      for id in (1...9).map({ PeerID(UInt64($0)) }) {
        if random.draw(below: 4) > 0 { indexes[id] = LogIndex(UInt64(random.draw(below: 6))) }
        if random.draw(below: 3) > 0 { votes[id] = random.draw(below: 2) == 0 }
      }
      let joint = JointQuorum(incoming: PeerSet(first.shuffled(using: &random)), outgoing: PeerSet(second))
      let expected = min(naiveCommittedIndex(first, indexes), naiveCommittedIndex(second, indexes))
      #expect(joint.committedIndex { indexes[$0] } == expected)

      // Won: whatever the silent say, both halves say yes. Lost: whatever they say, one does not.
      func outcome(_ ids: [PeerID], silent: Bool) -> Bool {
        ids.isEmpty || ids.count { votes[$0] ?? silent } * 2 > ids.count
      }
      let result = joint.voteResult { votes[$0] }
      let worst = outcome(first, silent: false) && outcome(second, silent: false)
      let best = outcome(first, silent: true) && outcome(second, silent: true)
      #expect(result == (worst ? .won : best ? .pending : .lost))
    }
  }

  @Test func `Two quorums of one membership share a voter`() {
    // All subsets of up to five voters, joint with up to five others, by exhaustion over a few pairs.
    for (incoming, outgoing) in [([1, 2, 3], []), ([1, 2, 3, 4], [3, 4, 5]), ([1, 2], [3, 4, 5])]
      as [([UInt64], [UInt64])]
    {
      let quorum = JointQuorum(
        incoming: PeerSet(incoming.map { PeerID($0) }), outgoing: PeerSet(outgoing.map { PeerID($0) }))
      let winners = (0..<32).filter { set in
        quorum.voteResult { set >> Int($0.rawValue - 1) & 1 == 1 } == .won
      }
      for a in winners { for b in winners { #expect(a & b != 0) } }
    }
  }

  // MARK: Membership

  @Test func `Changing one by one and jointly come to the same`() throws {
    var random = ElectionRandom(seed: 2)
    for _ in 0..<1000 {
      // Member 1 stays a voter throughout.
      var tracker = try MembershipChanger(ProgressTracker(), lastIndex: 10).simple([MembershipStep(.addVoter, 1)])
      for _ in 0..<random.draw(below: 6) {
        let id = PeerID(UInt64(1 + random.draw(below: 5)))
        tracker = try MembershipChanger(tracker, lastIndex: 10).simple([MembershipStep(.addVoter, id)])
      }
      let steps = (0...random.draw(below: 9)).map { _ in
        MembershipStep(
          MembershipStep.Kind(rawValue: UInt8(random.draw(below: 4)))!, PeerID(UInt64(2 + random.draw(below: 8))))
      }
      var single = tracker
      for step in steps { single = try MembershipChanger(single, lastIndex: 10).simple([step]) }
      let automatic = random.draw(below: 2) == 0
      let joint = try MembershipChanger(tracker, lastIndex: 10).enterJoint(steps, leavesAutomatically: automatic)
      #expect(joint.membership.isJoint && joint.membership.leavesAutomatically == automatic)
      #expect(joint.membership.voters.outgoing == tracker.membership.voters.incoming)
      let left = try MembershipChanger(joint, lastIndex: 10).leaveJoint()
      #expect(left.membership == single.membership)
      #expect(left.members.map(\.id) == single.members.map(\.id))
      #expect(left.members.map(\.progress.isLearner) == single.members.map(\.progress.isLearner))
      // A snapshot's membership brings back the same members, joint or not.
      for tracker in [joint, left] {
        let restored = try #require(ProgressTracker(restoring: tracker.membership, lastIndex: 10))
        #expect(restored.members.map(\.id) == tracker.members.map(\.id))
        #expect(restored.members.map(\.progress.isLearner) == tracker.members.map(\.progress.isLearner))
      }
    }
  }

  @Test func `Unsound memberships are not restored`() {
    for membership in [
      Membership(voters: [1], learners: [1]), Membership(voters: [1], stagedLearners: [2]),
      Membership(voters: [1], outgoing: [2], learners: [2]), Membership(learners: [1]),
      Membership(voters: [1], leavesAutomatically: true), Membership(outgoing: [1]),
    ] {
      #expect(membership.violation != nil)
      #expect(ProgressTracker(restoring: membership, lastIndex: 1) == nil)
    }
    #expect(Membership(voters: [1, 2], outgoing: [1, 3], learners: [4], stagedLearners: [3]).violation == nil)
  }

  @Test func `A change survives its bytes, and no bytes do harm`() {
    var random = ElectionRandom(seed: 3)
    for _ in 0..<2000 {
      let steps = (0..<random.draw(below: 4)).map { _ in
        MembershipStep(
          MembershipStep.Kind(rawValue: UInt8(random.draw(below: 4)))!,
          PeerID(random.next() >> UInt64(random.draw(below: 64))))
      }
      let change = ConfigurationChange(
        steps, transition: ConfigurationChange.Transition(rawValue: UInt8(random.draw(below: 3)))!,
        context: (0..<random.draw(below: 5)).map { _ in UInt8(random.draw(below: 256)) })
      var bytes = change.encode()
      #expect(ConfigurationChange(decoding: bytes) == change)
      if !bytes.isEmpty { bytes[random.draw(below: bytes.count)] = UInt8(random.draw(below: 256)) }
      _ = ConfigurationChange(decoding: Array(bytes.prefix(random.draw(below: bytes.count + 1))))
    }
    #expect(ConfigurationChange().encode().isEmpty)
    #expect(ConfigurationChange(decoding: [9]) == nil)
    #expect(ConfigurationChange(decoding: [0, 0x80]) == nil)
  }

  // MARK: Windows and logs

  @Test func `The inflight window against a list`() {
    var random = ElectionRandom(seed: 4)
    for _ in 0..<300 {
      let limits = InflightLimits(count: 1 + random.draw(below: 10), byteCount: 1 + random.draw(below: 60))
      var window = Inflights()
      var model: [(index: UInt64, bytes: Int)] = []
      var next: UInt64 = 1
      for _ in 0..<60 {
        let isFull = model.count >= limits.count || model.reduce(0) { $0 + $1.bytes } >= limits.byteCount
        #expect(window.isFull(limits) == isFull)
        #expect(window.count == model.count)
        #expect(window.byteCount == model.reduce(0) { $0 + $1.bytes })
        if random.draw(below: 2) == 0, !isFull {
          let bytes = random.draw(below: 20)
          window.add(LogIndex(next), byteCount: bytes, limits: limits)
          model.append((next, bytes))
          next += UInt64(1 + random.draw(below: 3))
        } else {
          let through = UInt64(random.draw(below: Int(next) + 1))
          window.free(through: LogIndex(through))
          model.removeAll { $0.index <= through }
        }
        if random.draw(below: 10) == 0 { window.releaseIfIdle() }
      }
    }
  }

  /// Appends, conflicts, writes that finish late and out of date, applying within a budget: the log must read as the plain
  /// list of entries that the appends make, and hand out each committed entry once.
  @Test func `The log against a list`() throws {
    var random = ElectionRandom(seed: 5)
    for _ in 0..<200 {
      let storage = MemoryStorage(Snapshot(membership: Membership(voters: [1])))
      var log = RaftLog(storage, applyBudget: 1 + random.draw(below: 80))
      var model: [Entry] = []
      var term: Term = 1
      var writes: [(entries: [Entry], last: EntryID, term: Term)] = []
      var applied: [Entry] = []
      for _ in 0..<80 {
        switch random.draw(below: 5) {
        case 0, 1:
          // A leader of this or a later term replaces what is not committed.
          let keep = Int(log.committed.rawValue) + random.draw(below: model.count - Int(log.committed.rawValue) + 1)
          if keep < model.count { term = term.next }
          let previous = keep == 0 ? EntryID(term: 0, index: 0) : model[keep - 1].id
          let fresh = (0..<random.draw(below: 4)).map {
            Entry(
              term: term, index: previous.index + ($0 + 1), data: Array(repeating: 7, count: random.draw(below: 30)))
          }
          let outcome = log.append(after: previous, fresh, commit: .zero)
          let appended = try #require(outcome)
          #expect(appended.lastIndex == previous.index + fresh.count)
          if !fresh.isEmpty { model = model.prefix(keep) + fresh }
        case 2:
          let entries = log.unstable.entriesToWrite
          log.beginWriting()
          writes.append((entries, log.lastID, term))
        case 3:
          guard !writes.isEmpty else { continue }
          let write = writes.removeFirst()
          storage.append(write.entries)
          // As the node does: news of an earlier term lets nothing go.
          if write.term == term, write.last.index > .zero { _ = log.stabilize(write.last) }
        default:
          if !model.isEmpty { log.commit(through: LogIndex(UInt64(random.draw(below: model.count + 1)))) }
          let entries = log.entriesToApply(includingUnstable: false)
          guard let last = entries.last else { continue }
          log.beginApplying(through: last.index, byteCount: entries.encodedByteCount, includingUnstable: false)
          applied += entries
          log.finishApplying(through: last.index, byteCount: entries.encodedByteCount)
        }
        #expect(log.lastIndex == LogIndex(UInt64(model.count)))
        let all = try log.entries(from: 1, byteCount: .max)
        #expect(all == model)
        #expect(model.allSatisfy { log.term(at: $0.index) == $0.term })
        #expect(applied == Array(model.prefix(applied.count)))
        if !model.isEmpty {
          let start = random.draw(below: model.count)
          let limit = random.draw(below: 120)
          let part = try log.entries(from: LogIndex(UInt64(start + 1)), byteCount: limit)
          #expect(!part.isEmpty && part == Array(model[start...].prefix(part.count)))
          #expect(part.count == 1 || part.encodedByteCount <= limit)
          if start + part.count < model.count {
            #expect(part.encodedByteCount + model[start + part.count].encodedByteCount > limit)
          }
        }
      }
    }
  }
}
