// Support between stores: when it is given, counted on, withdrawn. Times are chosen so that each rule decides alone.

import Clocks
import Raft
import Testing
import Transport

@testable import Ranges

@Suite struct StoreLivenessTests {
  private let one = NodeID(rawValue: 1)
  private let two = NodeID(rawValue: 2)

  private func exact(_ wall: Int64) -> ClockInterval { ClockInterval(earliest: wall, latest: wall) }
  private func about(_ wall: Int64, _ error: Int64) -> ClockInterval {
    ClockInterval(earliest: wall - error, latest: wall + error)
  }

  private func store(_ epoch: SupportEpoch = 1) -> StoreLiveness {
    StoreLiveness(duration: 3000, epoch: epoch, at: exact(0), monotonic: 0)
  }

  @Test func `Support is asked for, given, and counted on for less than it is held`() {
    var asking = store()
    var giving = store()
    let heartbeat = asking.heartbeat(to: two, at: about(10_000, 50), monotonic: 500)
    // By the latest time that it may be.
    #expect(heartbeat == .init(epoch: 1, expiration: 13_050, duration: 3000))
    let (response, mustPersist) = giving.receive(heartbeat, from: one, at: exact(10_020), monotonic: 7_000)
    #expect(response == .init(epoch: 1, expiration: 13_050))
    #expect(mustPersist)
    #expect(giving.supports(one, in: 1))
    let raised = asking.receive(response, from: two)
    #expect(!raised)
    #expect(
      asking.support(from: two) == .init(node: two, epoch: 1, expiration: 13_050, countedUntil: 500 + 3000 - 30))
    // A second heartbeat of the same epoch needs no write.
    let next = asking.heartbeat(to: two, at: about(11_000, 50), monotonic: 1500)
    #expect(!giving.receive(next, from: one, at: exact(11_020), monotonic: 8_000).mustPersist)
  }

  @Test func `It is withdrawn when both the clock and the rate say so`() {
    var giving = store()
    _ = giving.receive(
      .init(epoch: 1, expiration: 13_000, duration: 3000), from: one, at: exact(10_000), monotonic: 7_000)
    // The clock may not have passed it; then it has, but not enough time.
    #expect(giving.withdrawExpired(at: about(13_040, 50), monotonic: 20_000).isEmpty)
    #expect(giving.withdrawExpired(at: exact(14_000), monotonic: 10_030).isEmpty)
    #expect(giving.supports(one, in: 1))
    #expect(giving.withdrawExpired(at: exact(14_000), monotonic: 10_031) == [one])
    #expect(!giving.supports(one, in: 1))
  }

  @Test func `Groups at rest are told of whoever is supported anew or no more`() {
    var giving = store()
    func ask(_ epoch: SupportEpoch, at time: Int64) {
      _ = giving.receive(
        .init(epoch: epoch, expiration: time + 3000, duration: 3000), from: one, at: exact(time + 1), monotonic: time)
    }
    ask(1, at: 0)
    #expect(giving.supported == [.init(node: one, epoch: 1)])
    ask(1, at: 1000)
    #expect(giving.supported == [.init(node: one, epoch: 1)])
    ask(2, at: 2000)
    #expect(giving.supported == [.init(node: one, epoch: 2)])
    _ = giving.withdrawExpired(at: exact(90_000), monotonic: 90_000)
    #expect(giving.supported.isEmpty)
  }

  @Test func `What was withdrawn is not given again in the same epoch`() {
    var asking = store()
    var giving = store()
    _ = giving.receive(asking.heartbeat(to: two, at: exact(0), monotonic: 0), from: one, at: exact(0), monotonic: 0)
    #expect(giving.withdrawExpired(at: exact(90_000), monotonic: 90_000) == [one])
    let late = asking.heartbeat(to: two, at: exact(90_000), monotonic: 90_000)
    let (refusal, _) = giving.receive(late, from: one, at: exact(90_000), monotonic: 90_000)
    #expect(refusal == .init(epoch: 2, expiration: 0))
    #expect(!giving.supports(one, in: 1))
    // The asker takes a new epoch, which must be durable, and is supported in that.
    let raised = asking.receive(refusal, from: two)
    #expect(raised)
    #expect(asking.support(from: two) == nil)
    let again = asking.heartbeat(to: two, at: exact(90_100), monotonic: 90_100)
    #expect(again.epoch == 2)
    #expect(giving.receive(again, from: one, at: exact(90_100), monotonic: 90_100).mustPersist)
    #expect(giving.supports(one, in: 2))
    // Whoever has not withdrawn is asked as before: what it promised stays.
    #expect(asking.heartbeat(to: one, at: exact(90_100), monotonic: 90_100).epoch == 1)
    #expect(asking.epoch == 2)
  }

  @Test func `What a store served in an earlier life lies behind before others may lead in its place`() {
    var giving = store()
    func ask(_ epoch: SupportEpoch, latest: Int64, at time: ClockInterval, _ monotonic: Int64)
      -> StoreLiveness.Response
    {
      giving.receive(
        .init(epoch: epoch, expiration: latest + 3000, duration: 3000), from: one, at: time, monotonic: monotonic
      ).response
    }
    // It may serve reads at 10,100, and half a second later at 10,600; then it begins anew, with a better clock.
    #expect(ask(1, latest: 10_100, at: about(10_000, 100), 500).expiration == 13_100)
    #expect(ask(2, latest: 10_550, at: about(10_500, 100), 1000) == .init(epoch: 2, expiration: 0))
    #expect(giving.supports(one, in: 1))
    // Nothing extends the earlier life.
    #expect(ask(1, latest: 10_600, at: about(10_500, 100), 1000) == .init(epoch: 1, expiration: 0))
    #expect(giving.withdrawExpired(at: about(10_700, 100), monotonic: 1200).isEmpty)
    #expect(giving.withdrawExpired(at: about(10_701, 100), monotonic: 1201) == [one])
    #expect(ask(2, latest: 10_750, at: about(10_701, 100), 1201).expiration == 13_750)
    #expect(giving.supports(one, in: 2))
    // With one clock nobody waits.
    giving = store()
    #expect(ask(1, latest: 10_000, at: exact(10_001), 501).expiration == 13_000)
    #expect(ask(2, latest: 11_000, at: exact(11_001), 1501).expiration == 14_000)
    #expect(giving.supports(one, in: 2))
  }

  @Test func `After a restart what was given is held for a whole duration, and what was withdrawn stays so`() {
    var restarted = StoreLiveness(
      duration: 3000, epoch: 5, granted: [(one, 3, false), (two, 4, true)], at: exact(50_000), monotonic: 100)
    #expect(restarted.supports(one, in: 3))
    #expect(!restarted.supports(two, in: 4))
    #expect(restarted.withdrawExpired(at: exact(53_000), monotonic: 9_000).isEmpty)
    #expect(restarted.withdrawExpired(at: exact(53_001), monotonic: 9_000) == [one])
    let (response, _) = restarted.receive(
      .init(epoch: 4, expiration: 60_000, duration: 3000), from: two, at: exact(53_001), monotonic: 9_000)
    #expect(response == .init(epoch: 5, expiration: 0))
  }

  @Test func `A lease ends when a quorum of each half may think otherwise`() {
    let ends: [UInt64: Int64] = [1: .max, 2: 100, 3: 50, 4: 10, 5: 0]
    func value(_ joint: JointQuorum) -> Int64 { joint.quorumValue { ends[$0.rawValue] ?? 0 } }
    #expect(value(JointQuorum(incoming: [1])) == .max)
    #expect(value(JointQuorum(incoming: [1, 2])) == 100)
    #expect(value(JointQuorum(incoming: [1, 2, 3])) == 100)
    #expect(value(JointQuorum(incoming: [1, 2, 3, 4, 5])) == 50)
    #expect(value(JointQuorum(incoming: [1, 2], outgoing: [1, 4, 5])) == 10)
  }
}
