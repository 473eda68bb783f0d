// One transaction at a time: what it writes it sees, what it commits others see, what it rolls back nobody sees.

import Reactors
import Encoding
import Testing
import Transport

@testable import Ranges
@testable import Transactions

@Suite struct TransactionTests {
  /// Asked for together, keys are what they are one by one, own writes included, whether the range is here or on another reactor.
  @Test func keysAskedForTogetherAreWhatTheyAreAlone() async throws {
    let test = try await TestStore.open(reactors: 2)
    try await test.on(0) { _, system in
      let writer = system.begin()
      for number in 0..<40 where number % 3 != 0 { writer.write("k\(number)", "old \(number)") }
      _ = try await writer.commit()
    }
    for reactor in 0..<2 {
      try await test.on(reactor) { reactor, system in
        var random = RandomSource(seed: 7)
        for round in 0..<60 {
          let transaction = system.begin()
          for _ in 0..<(round % 7) {
            let number = Int.random(in: 0..<40, using: &random)
            if Bool.random(using: &random) {
              transaction.write("k\(number)", "new \(round)")
            } else {
              transaction.delete(key("k\(number)"))
            }
          }
          let lock = round % 2 == 0 ? nil : LockRequest(.exclusive)
          let wanted = (0..<Int.random(in: 0..<20, using: &random)).map { _ in
            key("k\(Int.random(in: 0..<40, using: &random))")
          }
          var together = KeyValueBlock()
          try await transaction.get(wanted, lock: lock, into: &together)
          var alone = KeyValueBlock()
          for key in wanted { _ = try await transaction.get(key, lock: lock, into: &alone) }
          #expect(together.bytes == alone.bytes)
          #expect(together.ends == alone.ends)
          await transaction.rollback()
        }
      }
    }
    try await test.close()
  }

  /// A node that is not supported any more is taken for dead: what its transactions locked is free, and one that lives after all must begin anew.
  @Test func theDeadHoldNoLocks() async throws {
    let test = try await TestStore.open()
    try await test.on { reactor, system in
      let replica = try #require(system.store.shard(on: reactor).replica(RangeID(1)))
      func header(from node: UInt32?) -> TransactionHeader {
        let now = system.currentTimestamp()
        var header = TransactionHeader(
          id: system.makeID(at: now), start: now, readTimestamp: now, isolation: .serializable, label: "")
        header.coordinator = node.map { Coordinator(node: NodeID(rawValue: $0), epoch: 3, since: 0) }
        return header
      }
      func lock(_ name: String, _ header: TransactionHeader) async -> String {
        let request = RangeRequest.get([key(name)], lock: LockRequest(.exclusive, wait: .fail))
        switch await replica.execute(request, header) {
        case .rows: return "locked"
        case .failed(.lockNotAvailable): return "held by another"
        case .failed(.retry): return "begin anew"
        default: return "something else"
        }
      }
      var (far, near, other) = (header(from: 9), header(from: nil), header(from: nil))
      #expect(await lock("a", far) == "locked")
      #expect(await lock("b", near) == "locked")
      #expect(await lock("a", other) == "held by another")
      replica.releaseLocksOfTheDead()
      #expect(await lock("a", other) == "locked")
      #expect(await lock("b", other) == "held by another")
      far.locksLease = replica.leaseSequence
      near.locksLease = replica.leaseSequence
      #expect(await lock("c", far) == "begin anew")
      #expect(await lock("c", near) == "locked")
      other.locksLease = replica.leaseSequence
      #expect(await lock("d", other) == "locked")
    }
    try await test.close()
  }

  @Test(arguments: [1, 2]) func commitsAreSeenAndRollbacksAreNot(reactors: Int) async throws {
    let test = try await TestStore.open(reactors: reactors)
    for reactor in 0..<reactors {
      try await test.on(reactor) { _, system in
        let first = system.begin()
        #expect(try await first.read("a\(reactor)") == nil)
        first.write("a\(reactor)", "1")
        #expect(try await first.read("a\(reactor)") == "1")
        let committed = try await first.commit()
        #expect(committed >= first.readTimestamp)

        let second = system.begin()
        #expect(second.readTimestamp > committed)
        second.write("a\(reactor)", "2")
        await second.rollback()

        let third = system.begin(isReadOnly: true)
        #expect(try await third.read("a\(reactor)") == "1")
        third.cancelWait()
        _ = try await third.commit()
      }
    }
    try await test.close()
  }

  @Test func scansSeeOwnWritesInBothDirections() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      _ = try await system.atomically { (t) async throws(TransactionError) in
        for name in ["b", "d", "f", "h"] { t.write(name, name) }
      }
      let t = system.begin()
      t.write("a", "new")
      t.write("d", "changed")
      t.delete(key("f"))
      t.write("g", "new")
      #expect(try await t.rows("a", "z") == ["a=new", "b=b", "d=changed", "g=new", "h=h"])
      #expect(
        try await t.rows("a", "z", isReverse: true) == ["h=h", "g=new", "d=changed", "b=b", "a=new"])
      #expect(try await t.rows("b", "h") == ["b=b", "d=changed", "g=new"])
      #expect(try await t.rows("a", "z", limit: 2) == ["a=new", "b=b"])
      #expect(try await t.rows("a", "z", isReverse: true, limit: 3) == ["h=h", "g=new", "d=changed"])
      await t.rollback()
    }
    try await test.close()
  }

  @Test func savepointsBringBackEarlierValues() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      let t = system.begin()
      t.write("a", "1")
      let outer = t.savepoint()
      t.write("a", "2")
      t.write("b", "2")
      let inner = t.savepoint()
      t.delete(key("a"))
      #expect(try await t.read("a") == nil)
      t.rollback(to: inner)
      #expect(try await t.rows("a", "z") == ["a=2", "b=2"])
      t.rollback(to: outer)
      #expect(try await t.rows("a", "z") == ["a=1"])
      t.write("c", "3")
      t.rollback(to: outer)
      #expect(try await t.rows("a", "z") == ["a=1"])
      _ = try await t.commit()
      #expect(try await system.begin().rows("a", "z") == ["a=1"])
    }
    try await test.close()
  }

  @Test func countersCountForEverybody() async throws {
    let test = try await TestStore.open(reactors: 2)
    for reactor in 0..<2 {
      await test.together(8, on: reactor) { _, _, system in
        for _ in 0..<5 {
          do { _ = try await system.increment(key("n"), by: 1) } catch { Issue.record("\(error)") }
        }
      }
    }
    let sum = try await test.on { _, system in try await system.increment(key("n"), by: 0) }
    #expect(sum == 80)
    try await test.close()
  }

  @Test(arguments: [Ranges.IsolationLevel.serializable, .repeatableRead, .readCommitted])
  func dependenciesHoldAtEveryLevel(level: Ranges.IsolationLevel) async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      for (changed, failures) in [("schema", 1), ("other", 0)] {
        let t = system.begin(isolation: level)
        t.beginStatement()
        var block = KeyValueBlock()
        _ = try await t.getUnrecorded(key("schema"), into: &block)
        _ = try await t.getUnrecorded(key("other"), into: &block)
        t.depend(on: key("schema"))
        _ = try await system.atomically { (u) async throws(TransactionError) in
          u.write(changed, "2")
          // What makes the first commit after the second.
          _ = try await u.read("row")
        }
        t.write("row", "1")
        var failed = 0
        do throws(TransactionError) {
          _ = try await t.commit()
        } catch {
          failed = isRetry(error) ? 1 : 2
          await t.restart()
          t.write("row", "1")
          _ = try await t.commit()
        }
        #expect(failed == failures, "\(changed)")
      }
    }
    try await test.close()
  }

  /// A cancel request that comes between two waits of a request must not be lost: nobody would send a second.
  @Test(arguments: [1, 2]) func aCancelReachesTheNextWait(reactors: Int) async throws {
    let test = try await TestStore.open(reactors: reactors)
    for reactor in 0..<reactors {
      try await test.on(reactor) { reactor, system in
        let (holder, other, t) = (system.begin(), system.begin(), system.begin())
        _ = try await holder.read("a", lock: LockRequest(.exclusive))
        _ = try await other.read("b", lock: LockRequest(.exclusive))
        func attempt(_ names: [String]) async -> Bool {
          do throws(TransactionError) {
            var block = KeyValueBlock()
            try await t.get(names.map { key($0) }, lock: LockRequest(.exclusive), into: &block)
            return false
          } catch {
            if case .cancelled = error { return true }
            return false
          }
        }
        t.cancelWait()
        #expect(await attempt(["a"]))
        t.allowWaits()
        // The first wait ends in the moment before the cancel comes.
        let both = Confined([holder, t], to: reactor)
        reactor.run { reactor in
          await reactor.sleep(nanoseconds: 20_000_000)
          let both = both.access(on: reactor)
          await both[0].rollback()
          both[1].cancelWait()
        }
        #expect(await attempt(["a", "b"]))
        t.allowWaits()
        await other.rollback()
        #expect(try await t.read("b", lock: LockRequest(.exclusive)) == nil)
        await t.rollback()
      }
    }
    try await test.close()
  }
}
