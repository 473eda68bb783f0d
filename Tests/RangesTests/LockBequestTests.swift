// What a leaseholder leaves to the next one survives the way, stays within its bounds, and is held there as it was before.

import Clocks
import Encoding
import Storage
import Testing
import Transport

@testable import Ranges

@Suite struct LockBequestTests {
  private func id(_ number: UInt64) -> TransactionID { TransactionID(high: number, low: ~number) }

  private func owner(_ number: UInt64, _ locks: [LockBequest.Lock]) -> LockBequest.Owner {
    LockBequest.Owner(
      id: id(number), start: Timestamp(wall: Int64(number), logical: 3), epoch: 2, lease: 5,
      isUnquestioned: number % 2 == 0,
      coordinator: StoreLiveness.Life(node: NodeID(rawValue: 3), epoch: 9), label: Array("naïve \(number)".utf8),
      locks: locks)
  }

  private func lock(_ key: [UInt8], _ strength: LockStrength = .exclusive, isCurrent: Bool = true) -> LockBequest.Lock {
    LockBequest.Lock(key: Key(key), strength: strength, isCurrent: isCurrent)
  }

  private func bequest() -> LockBequest {
    var bequest = LockBequest(
      range: RangeID(70), giver: NodeID(rawValue: 8), heir: ReplicaID(4), lease: 300, madeAt: 1_795_944_160_299_449_061)
    let added = [
      bequest.add(owner(1, [lock([1, 2, 3]), lock([], .shared, isCurrent: false)])),
      bequest.add(owner(2, [lock([], .shared), lock([0], isCurrent: false)])), bequest.add(owner(3, [])),
    ]
    #expect(added == [true, true, true])
    return bequest
  }

  @Test func itSurvivesTheWay() throws {
    let bequest = bequest()
    #expect(try LockBequest(encoded: bequest.encoded()) == bequest)
    // The node that leaves them asks each in an epoch of its own.
    var other = bequest
    other.address(to: ReplicaID(5), asking: 77)
    #expect(other.heir == ReplicaID(5) && other.owners == bequest.owners)
    other.giver = NodeID(rawValue: 3)
    other.address(to: ReplicaID(5), asking: 77)
    #expect(other.owners.allSatisfy { $0.coordinator.epoch == 77 })
  }

  @Test func whatMakesNoSenseIsRefused() throws {
    let bytes = bequest().encoded()
    for count in 0..<bytes.count {
      #expect(throws: MalformedMessage.self) { try LockBequest(encoded: Array(bytes.prefix(count))) }
    }
    #expect(throws: MalformedMessage.self) { try LockBequest(encoded: bytes + [0]) }
    // Whatever else comes is refused, or something; nothing breaks.
    for place in bytes.indices {
      for flip in [UInt8(1), 0x80, 0xff] {
        var changed = bytes
        changed[place] ^= flip
        _ = try? LockBequest(encoded: changed)
      }
    }
  }

  @Test func whatATransactionHoldsIsLeftAsAWholeOrNotAtAll() throws {
    var bequest = LockBequest(range: RangeID(1), giver: NodeID(rawValue: 3), heir: ReplicaID(1), lease: 9, madeAt: 0)
    let many = (0..<UInt64(LockBequest.lockLimit)).map { number in
      lock([UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)])
    }
    let added = [
      bequest.add(owner(1, [lock([1])])), bequest.add(owner(2, many)),
      bequest.add(owner(3, Array(many.dropFirst()))), bequest.add(owner(4, [lock([2])])),
    ]
    #expect(added == [true, false, true, false])
    #expect(bequest.owners.map(\.id) == [id(1), id(3)] && bequest.lockCount == LockBequest.lockLimit)
    #expect(try LockBequest(encoded: bequest.encoded()) == bequest)
    var long = LockBequest(range: RangeID(1), giver: NodeID(rawValue: 3), heir: ReplicaID(1), lease: 9, madeAt: 0)
    let isAdded = long.add(owner(1, [lock(Array(repeating: 7, count: LockBequest.byteLimit))]))
    #expect(!isAdded && long.owners.isEmpty)
  }

  // MARK: In the table

  private func held(_ acquisition: LockAcquisition) -> String {
    switch acquisition {
    case .granted: "granted"
    case .wait(let waiter): waiter.isFinished ? "over" : "waits"
    case .unavailable: "unavailable"
    case .deadlock: "deadlock"
    case .limit: "limit"
    }
  }

  @Test func inheritedLocksAreHeldAsBefore() throws {
    let before = LockTable()
    let first = before.owner(id(1), start: Timestamp(wall: 1), label: [])
    let second = before.owner(id(2), start: Timestamp(wall: 2), label: [])
    #expect(held(before.acquire(Key("a"), .exclusive, by: first, policy: .wait)) == "granted")
    before.markCurrent(Key("a"), by: first)
    for owner in [first, second] {
      #expect(held(before.acquire(Key("s"), .shared, by: owner, policy: .wait)) == "granted")
    }
    // An intent stands by itself, and whoever waits holds nothing.
    #expect(before.addDiscovered(Key("i"), of: second))
    #expect(held(before.acquire(Key("a"), .exclusive, by: second, policy: .wait)) == "waits")
    #expect(before.sortedOwners.map(\.id) == [id(1), id(2)])

    let after = LockTable()
    #expect(!after.hasInherited)
    for owner in before.sortedOwners {
      var left = self.owner(owner.id.high, before.left(by: owner))
      left.start = owner.start
      #expect(after.inherit(left, coordinator: nil))
    }
    #expect(after.hasInherited && after.lockCount == 2)
    let heir = try #require(after.owner(id(1)))
    #expect(heir.lease == 5 && heir.epoch == 2 && !heir.isUnquestioned)
    #expect(after.holdsCurrent(Key("a"), by: heir))
    let third = after.owner(id(3), start: Timestamp(wall: 3), label: [])
    #expect(third.lease == nil)
    #expect(held(after.acquire(Key("a"), .exclusive, by: third, policy: .fail)) == "unavailable")
    #expect(held(after.acquire(Key("s"), .shared, by: third, policy: .fail)) == "granted")
    #expect(held(after.acquire(Key("a"), .exclusive, by: heir, policy: .fail)) == "granted")
    let waiting = after.acquire(Key("a"), .exclusive, by: third, policy: .wait)
    #expect(held(waiting) == "waits")
    after.release(id(1))
    #expect(held(waiting) == "over")
    after.release(id(2))
    after.release(id(3))
    after.releaseIdleMemory()
    #expect(after.isEmpty && !after.hasInherited)
  }

  @Test func whatNobodyCanHaveHeldIsNotTakenOver() {
    let table = LockTable()
    #expect(table.inherit(owner(1, [lock([1]), lock([2], .shared)]), coordinator: nil))
    // Twice the same, beside another, one key twice.
    #expect(!table.inherit(owner(1, [lock([3])]), coordinator: nil))
    #expect(!table.inherit(owner(2, [lock([3]), lock([2])]), coordinator: nil))
    #expect(!table.inherit(owner(2, [lock([3]), lock([3], .shared)]), coordinator: nil))
    #expect(table.lockCount == 2 && table.owner(id(2)) == nil)
    #expect(table.inherit(owner(2, [lock([2], .shared)]), coordinator: nil))
  }
}
