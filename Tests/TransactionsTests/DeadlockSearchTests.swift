// Deadlocks over several ranges: the search, and transactions that meet one.

import Clocks
import Encoding
import Storage
import Testing

@testable import Ranges
@testable import Transactions

@Suite struct DeadlockSearchTests {
  private func id(_ number: UInt64) -> TransactionID { TransactionID(high: 0, low: number) }

  private func wait(
    _ waiter: UInt64, for blockers: [UInt64], _ priority: TransactionPriority = .normal
  ) -> LockWait {
    LockWait(
      waiter: id(waiter), start: Timestamp(wall: Int64(waiter), logical: 0), priority: priority, name: "t\(waiter)",
      key: Key("k"), blockers: blockers.map(id))
  }

  @Test func aCycleThatLastsLosesItsYoungest() {
    var search = DeadlockSearch()
    let waits = [wait(1, for: [2]), wait(2, for: [3]), wait(3, for: [1]), wait(4, for: [1])]
    #expect(search.victims(among: waits).isEmpty)
    #expect(search.victims(among: waits).map(\.id) == [id(3)])
  }

  @Test func theLowestPriorityGoesBeforeTheYoungest() {
    var search = DeadlockSearch()
    let waits = [
      wait(1, for: [2], .low), wait(2, for: [3], .low), wait(3, for: [1]), wait(4, for: [5], .high),
      wait(5, for: [4], .high),
    ]
    _ = search.victims(among: waits)
    #expect(search.victims(among: waits).map(\.id) == [id(2), id(5)])
  }

  @Test func whoAlsoWaitsForSomebodyWhoGetsOnIsOnACycleAllTheSame() {
    var search = DeadlockSearch()
    let waits = [wait(1, for: [9, 2]), wait(2, for: [8, 1]), wait(3, for: [9]), wait(4, for: [3, 1])]
    _ = search.victims(among: waits)
    #expect(search.victims(among: waits).map(\.id) == [id(2)])
  }

  @Test func waitsThatComeAndGoAreNoCycle() {
    var search = DeadlockSearch()
    #expect(search.victims(among: [wait(1, for: [2])]).isEmpty)
    #expect(search.victims(among: [wait(1, for: [2]), wait(2, for: [1])]).isEmpty)
    #expect(search.victims(among: [wait(2, for: [1])]).isEmpty)
  }

  @Test func eachCycleGivesOneVictim() {
    var search = DeadlockSearch()
    let waits = [wait(1, for: [2]), wait(2, for: [1]), wait(5, for: [6]), wait(6, for: [5]), wait(7, for: [6, 2])]
    _ = search.victims(among: waits)
    #expect(search.victims(among: waits).map(\.id).sorted() == [id(2), id(6)])
  }

  @Test func transactionsThatWaitForEachOtherInTwoRangesAreToldApart() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in try await system.split(at: key("m")) }
    let outcomes = Outcomes()
    await test.together(2) { number, reactor, system in
      let keeper = RangeKeeper(system)
      keeper.start()
      let t = system.begin()
      do {
        _ = try await t.number(number == 0 ? "a" : "x", lock: LockRequest(.exclusive))
        await reactor.sleep(nanoseconds: 20_000_000)
        _ = try await t.number(number == 0 ? "x" : "a", lock: LockRequest(.exclusive))
        t.write("a", number)
        _ = try await t.commit()
        outcomes.add("committed")
      } catch {
        if case TransactionError.deadlock(let cycle) = error, cycle.split(separator: "\n").count == 2 {
          outcomes.add("deadlock")
        }
        await t.rollback()
      }
      keeper.stop()
    }
    #expect(outcomes.sorted == ["committed", "deadlock"])
    try await test.close()
  }
}
