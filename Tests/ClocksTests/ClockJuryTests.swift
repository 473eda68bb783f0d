// Who is wrong when clocks contradict each other.

import Testing

@testable import Clocks

@Suite struct ClockJuryTests {
  private let old: Int64 = 100_000_000_000

  private func verdict(
    against: [UInt32], agreeing: [UInt32], of count: Int, after: Int64 = 0, age: Int64 = 100_000_000_000
  ) -> ClockJury.Verdict {
    var jury = ClockJury(at: old - age)
    for time in [old, old + after] { for peer in against { _ = jury.contradict(peer, at: time) } }
    for peer in agreeing { jury.agree(peer, at: old + after) }
    return jury.verdict(memberCount: count, at: old + after)
  }

  @Test func `Who agrees with a majority is right, and who is contradicted by one is wrong`() {
    #expect(verdict(against: [], agreeing: [], of: 3) == .sound)
    #expect(verdict(against: [2], agreeing: [3], of: 3) == .sound)
    #expect(verdict(against: [2, 3], agreeing: [], of: 3) == .wrong)
    #expect(verdict(against: [2, 3], agreeing: [4, 5], of: 5) == .sound)
    #expect(verdict(against: [2, 3, 4], agreeing: [5], of: 5) == .wrong)
    #expect(verdict(against: [2, 3, 4], agreeing: [5], of: 5, age: 0) == .wrong)
  }

  @Test func `Where nobody has a majority it takes a while, of a newcomer less`() {
    #expect(verdict(against: [2], agreeing: [], of: 2) == .doubtful)
    #expect(verdict(against: [2], agreeing: [], of: 2, after: ClockJury.Limits.freshTime) == .doubtful)
    var jury = ClockJury(at: 0)
    for second in 0...3 {
      #expect(
        jury.verdict(memberCount: 2, at: old + Int64(second) * 1_000_000_000) == (second == 0 ? .sound : .doubtful))
      _ = jury.contradict(2, at: old + Int64(second) * 1_000_000_000)
    }
    #expect(jury.verdict(memberCount: 2, at: old + 4_000_000_000) == .wrong)
    #expect(jury.contradicting(at: old + 4_000_000_000) == [2])
    // The other one has gone: what it proved goes stale before this one gives up.
    #expect(verdict(against: [2], agreeing: [], of: 2, after: 0, age: 1_000_000_000) == .doubtful)
    var left = ClockJury(at: 0)
    _ = left.contradict(2, at: old)
    #expect(left.verdict(memberCount: 2, at: old + ClockJury.Limits.newcomerPatience + 3_000_000_000) == .sound)
    var newcomer = ClockJury(at: old)
    _ = newcomer.contradict(2, at: old)
    #expect(newcomer.verdict(memberCount: 2, at: old + ClockJury.Limits.newcomerPatience) == .wrong)
  }

  @Test func `An agreement ends a contradiction, and the next one is news`() {
    var jury = ClockJury(at: 0)
    let first = jury.contradict(2, at: old)
    let again = jury.contradict(2, at: old + 1)
    jury.agree(2, at: old + 2)
    #expect(jury.verdict(memberCount: 2, at: old + 2) == .sound)
    let anew = jury.contradict(2, at: old + 3)
    #expect(first && !again && anew)
    jury.forget(2)
    #expect(jury.contradicting(at: old + 3).isEmpty)
  }
}
