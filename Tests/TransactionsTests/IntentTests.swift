// Large transactions: intents, their record, savepoints over flushed writes, and what others meet.

import Encoding
import Reactors
import Storage
import Testing

@testable import Ranges
@testable import Transactions

@Suite struct IntentTests {
  @Test func savepointsReachFlushedWrites() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      system.bufferLimit = 1
      let t = system.begin()
      t.write("a", 1)
      let savepoint = t.savepoint()
      t.write("a", 2)
      t.write("b", 2)
      try await t.flushIfNeeded()
      #expect(try await t.rows("a", "z") == ["a=2", "b=2"])
      t.write("c", 3)
      t.rollback(to: savepoint)
      #expect(try await t.rows("a", "z") == ["a=1"])
      t.write("d", 4)
      try await t.flushIfNeeded()
      t.write("e", 5)
      #expect(try await t.rows("a", "z") == ["a=1", "d=4", "e=5"])
      _ = try await t.commit()
      #expect(try await system.begin().rows("a", "z") == ["a=1", "d=4", "e=5"])
    }
    try await test.close()
  }

  @Test func aWriterWaitsForAnIntentAndAReaderDoesNot() async throws {
    let test = try await TestStore.open()
    let order = Outcomes()
    await test.together(3) { number, reactor, system in
      do {
        switch number {
        case 0:
          system.bufferLimit = 1
          let t = system.begin()
          t.write("x", 1)
          try await t.flushIfNeeded()
          await reactor.sleep(nanoseconds: 30_000_000)
          _ = try await t.commit()
          order.add("2 committed")
        case 1:
          await reactor.sleep(nanoseconds: 10_000_000)
          #expect(try await system.begin().number("x") == 0)
          order.add("1 read")
        default:
          await reactor.sleep(nanoseconds: 10_000_000)
          let t = system.begin()
          let seen = try await t.number("x", lock: LockRequest(.exclusive))
          #expect(seen == 1)
          t.write("x", seen + 1)
          _ = try await t.commit()
          order.add("3 wrote")
        }
      } catch {
        Issue.record("\(error)")
      }
    }
    #expect(try await test.on { _, system -> Bool in try await system.begin().number("x") == 2 })
    try await test.close()
  }

  @Test func manyRowsCommitAtOnceAndResolveAfterwards() async throws {
    let test = try await TestStore.open()
    let rows = 5_000
    try await test.on { reactor, system in
      system.bufferLimit = 64 << 10
      let t = system.begin()
      for row in 0..<rows {
        t.write("row\(100_000 + row)", row)
        if row % 100 == 0 { try await t.flushIfNeeded() }
      }
      _ = try await t.commit()
      let reader = system.begin()
      #expect(try await reader.rows("row", "rox").count == rows)
      for _ in 0..<200 where !(system.shard.replica(RangeID(1))?.registry.entries.isEmpty ?? true) {
        await reactor.sleep(nanoseconds: 10_000_000)
      }
      #expect(system.shard.replica(RangeID(1))?.registry.entries.isEmpty == true)
      #expect(try system.shard.reader.intents(in: .all, limit: 1).isEmpty)

      let undone = system.begin()
      for row in 0..<rows {
        undone.write("gone\(row)", row)
        if row % 100 == 0 { try await undone.flushIfNeeded() }
      }
      await undone.rollback()
      #expect(try await system.begin().rows("gone", "gonf").isEmpty)
    }
    try await test.close()
  }

  @Test func clearAndGarbageCollection() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      for round in 0..<5 {
        _ = try await system.atomically { (t) async throws(TransactionError) in
          for row in 0..<10 { t.write("t\(row)", round) }
          t.write("u", round)
        }
      }
      let past = system.begin(isReadOnly: true)
      try await system.collectGarbage(below: system.currentTimestamp())
      #expect(await system.store.counters().versionsCollected == 44)
      #expect(try await system.begin().rows("t", "v").count == 11)
      var isRefused = false
      do { _ = try await past.read("u") } catch { isRefused = true }
      #expect(isRefused)
      let statistics = await system.statistics(KeySpan(start: key("t"), end: key("v")))
      #expect(statistics.rowCount == 11)
      try await system.clear(KeySpan(start: key("t"), end: key("u")))
      #expect(try await system.begin().rows("t", "v") == ["u=4"])
    }
    try await test.close()
  }
}
