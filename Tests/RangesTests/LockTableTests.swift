// Queues are first come first served within a priority, locks are re-entrant and upgradable, and every cycle of waits loses its youngest.

import Clocks
import Encoding
import Storage
import Testing

@testable import Ranges

@Suite struct LockTableTests {
  private let table = LockTable()

  private func owner(_ number: UInt64, _ priority: TransactionPriority? = nil) -> LockOwner {
    table.owner(
      TransactionID(high: number, low: number), start: Timestamp(wall: Int64(number)), label: Array("T\(number)".utf8),
      priority: priority)
  }

  private func acquire(
    _ number: UInt64, _ name: StaticString, _ strength: LockStrength = .exclusive,
    _ policy: LockWaitPolicy = .wait, priority: TransactionPriority? = nil
  ) -> LockAcquisition {
    table.acquire(Key(name), strength, by: owner(number, priority), policy: policy)
  }

  private func release(_ number: UInt64) { table.release(TransactionID(high: number, low: number)) }

  private func isGranted(_ acquisition: LockAcquisition) -> Bool {
    if case .granted = acquisition { return true }
    return false
  }

  private func waiter(_ acquisition: LockAcquisition) throws -> Waiter {
    guard case .wait(let waiter) = acquisition else {
      throw Failure.notWaiting
    }
    return waiter
  }

  private enum Failure: Error { case notWaiting }

  private func isGranted(_ waiter: Waiter) -> Bool {
    if case .granted = waiter.outcome { return true }
    return false
  }

  @Test func waitersAreServedInOrder() throws {
    #expect(isGranted(acquire(1, "k")))
    #expect(isGranted(acquire(1, "k")))
    let second = try waiter(acquire(2, "k"))
    let third = try waiter(acquire(3, "k", .shared))
    let fourth = try waiter(acquire(4, "k", .shared))
    let fifth = try waiter(acquire(5, "k"))
    release(1)
    #expect(isGranted(second) && !third.isFinished)
    release(2)
    #expect(isGranted(third) && isGranted(fourth) && !fifth.isFinished)
    release(3)
    #expect(!fifth.isFinished)
    release(4)
    #expect(isGranted(fifth))
    release(5)
    #expect(table.isEmpty)
  }

  @Test func sharedDoNotOvertakeAWaitingExclusive() throws {
    #expect(isGranted(acquire(1, "k", .shared)))
    #expect(isGranted(acquire(2, "k", .shared)))
    let writer = try waiter(acquire(3, "k"))
    let late = try waiter(acquire(4, "k", .shared))
    release(1)
    release(2)
    #expect(isGranted(writer) && !late.isFinished)
    release(3)
    #expect(isGranted(late))
  }

  @Test func anUpgradeGoesFirst() throws {
    #expect(isGranted(acquire(1, "k", .shared)))
    #expect(isGranted(acquire(2, "k", .shared)))
    let stranger = try waiter(acquire(3, "k"))
    let upgrade = try waiter(acquire(1, "k"))
    release(2)
    #expect(isGranted(upgrade) && !stranger.isFinished)
    release(1)
    #expect(isGranted(stranger))
  }

  @Test func theHigherPriorityGoesFirst() throws {
    #expect(isGranted(acquire(1, "k")))
    let normal = try waiter(acquire(2, "k"))
    let low = try waiter(acquire(3, "k", priority: .low))
    let late = try waiter(acquire(4, "k"))
    let high = try waiter(acquire(5, "k", priority: .high))
    let next = try waiter(acquire(6, "k", priority: .high))
    for (holder, waiter) in [(1, high), (5, next), (6, normal), (2, late), (4, low)] as [(UInt64, Waiter)] {
      #expect(!waiter.isFinished)
      release(holder)
      #expect(isGranted(waiter))
    }
    release(3)
    #expect(table.isEmpty)
  }

  @Test func whoHoldsALockKeepsItWhateverItsPriority() throws {
    #expect(isGranted(acquire(1, "k", .shared, priority: .low)))
    #expect(isGranted(acquire(2, "k", .shared)))
    let upgrade = try waiter(acquire(1, "k", priority: .low))
    let high = try waiter(acquire(3, "k", priority: .high))
    release(2)
    #expect(isGranted(upgrade) && !high.isFinished)
    release(1)
    #expect(isGranted(high))
  }

  @Test func aReaderOfHighPriorityDoesNotWaitForWritersThatWait() throws {
    #expect(isGranted(acquire(1, "k", .shared)))
    let writer = try waiter(acquire(2, "k"))
    #expect(isGranted(acquire(3, "k", .shared, .fail, priority: .high)))
    if case .unavailable = acquire(4, "k", .shared, .fail) {} else { Issue.record("overtook a writer") }
    release(1)
    #expect(!writer.isFinished)
    release(3)
    #expect(isGranted(writer))
  }

  @Test func aDeadlockTakesTheLowestPriority() throws {
    #expect(isGranted(acquire(1, "a", priority: .low)))
    #expect(isGranted(acquire(2, "b")))
    #expect(isGranted(acquire(3, "c", priority: .high)))
    let first = try waiter(acquire(1, "b", priority: .low))
    let second = try waiter(acquire(2, "c"))
    let third = try waiter(acquire(3, "a", priority: .high))
    if case .deadlock = first.outcome {} else { Issue.record("the lowest still waits") }
    #expect(!second.isFinished && !third.isFinished)
  }

  /// One that goes before others makes them wait for it: that may close a cycle, too.
  @Test func aWaitThatOvertakesIsPartOfACycle() throws {
    #expect(isGranted(acquire(1, "k")))
    #expect(isGranted(acquire(2, "a")))
    #expect(isGranted(acquire(3, "b", priority: .high)))
    let second = try waiter(acquire(2, "k"))
    let fourth = try waiter(acquire(4, "b"))
    let third = try waiter(acquire(3, "k", priority: .high))
    #expect(!second.isFinished && !third.isFinished && !fourth.isFinished)
    // The holder wants what the second holds, who waits behind the third now.
    if case .deadlock = second.outcome { Issue.record("there is no cycle yet") }
    let first = acquire(1, "a")
    guard case .deadlock = second.outcome else {
      Issue.record("the cycle of 1 and 2 stands: \(first)")
      return
    }
    #expect(!third.isFinished)
  }

  @Test func policiesThatDoNotWait() {
    #expect(isGranted(acquire(1, "k")))
    if case .unavailable = acquire(2, "k", .shared, .fail) {} else { Issue.record("granted beside an exclusive lock") }
    if case .unavailable = acquire(2, "k", .exclusive, .skip) {} else { Issue.record("granted twice") }
    release(1)
    #expect(isGranted(acquire(2, "k", .exclusive, .fail)))
  }

  @Test func aCancelledWaitLetsOthersPass() throws {
    #expect(isGranted(acquire(1, "k", .shared)))
    let writer = try waiter(acquire(2, "k"))
    let reader = try waiter(acquire(3, "k", .shared))
    table.cancel(writer, .cancelled)
    #expect(isGranted(reader))
    if case .cancelled = writer.outcome {} else { Issue.record("the wait did not end as cancelled") }
  }

  @Test func theYoungestOfACycleIsTheVictim() throws {
    #expect(isGranted(acquire(1, "a")))
    #expect(isGranted(acquire(2, "b")))
    #expect(isGranted(acquire(3, "c")))
    let third = try waiter(acquire(3, "a"))
    let second = try waiter(acquire(2, "c"))
    // T1 closes the cycle 1 -> 2 -> 3 -> 1 and T3, the youngest, loses.
    let first = try waiter(acquire(1, "b"))
    guard case .deadlock(let text) = third.outcome else {
      Issue.record("T3 still waits")
      return
    }
    #expect(text.contains("(T1) waits for an exclusive lock on «b», which transaction 00000000 (T2) holds"))
    #expect(!second.isFinished && !first.isFinished)
    release(3)
    #expect(isGranted(second))
    release(2)
    #expect(isGranted(first))
  }

  @Test func twoUpgradesAreADeadlock() throws {
    #expect(isGranted(acquire(1, "k", .shared)))
    #expect(isGranted(acquire(2, "k", .shared)))
    let first = try waiter(acquire(1, "k"))
    if case .deadlock = acquire(2, "k") {} else { Issue.record("the younger upgrade waits") }
    release(2)
    #expect(isGranted(first))
  }

  @Test func locksOnKeysThatHoldAnIntentGoUnlessSomebodyWaits() throws {
    for name in ["a", "b", "c"] as [StaticString] { #expect(isGranted(acquire(1, name))) }
    #expect(isGranted(acquire(1, "d", .shared)) && isGranted(acquire(2, "d", .shared)))
    let waiter = try waiter(acquire(3, "b"))
    table.dropReplicated(owner(1), [Key("a"), Key("b"), Key("d"), Key("e")])
    #expect(owner(1).held.map(\.key) == [Key("b"), Key("c"), Key("d")])
    #expect(isGranted(acquire(4, "a", .exclusive, .fail)))
    #expect(!waiter.isFinished)
    release(1)
    #expect(isGranted(waiter))
    for number in [2, 3, 4] as [UInt64] { release(number) }
    #expect(table.isEmpty)
  }

  @Test func anIntentStandsInLine() throws {
    #expect(table.addDiscovered(Key("k"), of: owner(1)))
    let waiter = try waiter(acquire(2, "k"))
    release(1)
    #expect(isGranted(waiter))
  }
}
