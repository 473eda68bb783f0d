// Figure 8 of the Raft paper with five members, step by step: why a leader commits by counting only entries of its own
// term. Random schedules meet it, too (the Simulation room's tests); here every step is in sight.
//
//        a        b        c        d
//   S1   1 2      1 2      1 2 4    1 2 4
//   S2   1 2      1 2      1 2 4    1 3 5
//   S3   1        1        1 2      1 3 5
//   S4   1        1        1        1 3 5
//   S5   1        1 3      1 3      1 3 5

import Testing

@testable import Raft

@Suite struct Figure8Tests {
  /// Plays the figure. Returns what S1 took for committed in c; entry 2 is overwritten in d.
  private func play(faults: PlantedFaults) -> LogIndex {
    // One entry in a message, so that the entry of term 2 travels without that of term 4.
    let settings = makeSettings(maxMessageByteCount: 0, faults: faults)
    let group = TestGroup(5, settings: settings)
    // Term 1: an entry that everyone has.
    group.elect(2)
    // a: S1 leads term 2; its entry reaches S2 only.
    group.isLost = { $0.kind == .append && $0.to != 2 }
    group.elect(1)
    // b: S1 is gone; S5 leads term 3 with the votes of S3 and S4, and its entry reaches nobody.
    group.isLost = { $0.kind == .append }
    group.isolated = [1, 2]
    group.elect(5)
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
    #expect(group.members.map(\.terms) == [[1, 2, 4], [1, 2, 4], [1, 2], [1], [1, 3]])
    let committed = group[1].node.commitIndex
    // d: S5 is back, leads with the votes of S3 and S4, whose logs end with terms 2 and 1, and overwrites.
    group.isolated = [1]
    group.isLost = { _ in false }
    group[5].restart()
    while group[5].node.term < 5 { group.elect(5) }
    #expect(group[5].node.isLeader && group[2].terms == [1, 3, 5])
    return committed
  }

  @Test func `An entry of an earlier term is not committed by counting`() {
    #expect(play(faults: []) == 1)
  }

  @Test func `Planted: counting it commits what is overwritten then`() {
    #expect(play(faults: .commitsEarlierTerms) == 2)
  }
}
