import Testing

@testable import Ranges

@Suite struct PacingTests {
  @Test func `Snapshots leave no faster than their rate, and what was not used is not saved up`() {
    var rate = SnapshotRate(rate: 1000)
    #expect(rate.pass(500, at: 0) == 500_000_000)
    #expect(rate.pass(500, at: 0) == 1_000_000_000)
    #expect(rate.pass(100, at: 1_000_000_000) == 100_000_000)
    #expect(rate.pass(1000, at: 60_000_000_000) == 1_000_000_000)
    rate.rate = 2000
    #expect(rate.pass(1000, at: 61_000_000_000) == 500_000_000)
  }

  @Test func `Who comes when the quota is full waits until something of it is given back`() {
    var quota = ProposalQuota()
    #expect(!quota.isFull)
    quota.take(Limits.proposedBytes + 1)
    #expect(quota.isFull)
    let waiters = [quota.makeWaiter(), quota.makeWaiter()]
    quota.give(1)
    #expect(!waiters[0].isFinished)
    quota.give(1)
    #expect(waiters.allSatisfy { $0.isFinished })
    #expect(quota.byteCount == Limits.proposedBytes - 1)
    quota.take(1)
    let last = quota.makeWaiter()
    quota.wakeAll()
    #expect(last.isFinished)
  }
}
