// Rows of a table that its own transaction makes: ingested as versions, seen by nobody before the commit, gone after a
// rollback, an expiry or a crash, and undone by savepoints only where that can be.

import Encoding
import Reactors
import Storage
import Testing

@testable import Ranges
@testable import Transactions

@Suite struct PrivateSpanTests {
  static let table = KeySpan(start: key("t"), end: key("u"))

  /// What lies in the engine under the table, whatever its timestamp: versions and intents.
  private func stored(_ system: TransactionSystem) throws -> (versions: Int, intents: Int) {
    var block = KeyValueBlock()
    _ = try system.shard.reader.scan(
      Self.table, ReadOptions(at: .max, mayHaveIntents: false), limits: ScanLimits(rows: 100_000, bytes: 1 << 24),
      into: &block)
    return (block.count, try system.shard.reader.intents(in: Self.table).count)
  }

  private func untilSettled(_ system: TransactionSystem, _ reactor: Reactor) async {
    for _ in 0..<500 where !(system.shard.replica(RangeID(1))?.registry.entries.isEmpty ?? true) {
      await reactor.sleep(nanoseconds: 10_000_000)
    }
    #expect(system.shard.replica(RangeID(1))?.registry.entries.isEmpty == true)
  }

  @Test func rowsAreVersionsAtOnceAndAppearWithTheCommit() async throws {
    let test = try await TestStore.open()
    try await test.on { reactor, system in
      system.bufferLimit = 1 << 10
      let t = system.begin()
      t.declarePrivate(Self.table)
      t.write("catalog", "t")
      for row in 0..<3_000 {
        t.write("t\(10_000 + row)", row)
        if row % 100 == 0 { try await t.flushIfNeeded() }
      }
      #expect(try stored(system).versions > 2_000)
      #expect(try stored(system).intents == 0)
      #expect(system.shard.replica(RangeID(1))?.registry.mayHaveIntents == false)
      // Its own reads see all of it, its later writes count.
      #expect(try await t.rows("t", "u").count == 3_000)
      t.write("t10000", "again")
      t.delete(key("t10001"))
      for row in 0..<100 { t.write("t2\(row)", row) }
      try await t.flushIfNeeded()
      #expect(try await t.read("t10000", lock: LockRequest(.exclusive)) == "again")
      #expect(try await t.read("t10001") == nil)
      // Nothing of the table was read by others, and nothing of it needs to be looked at again.
      #expect(t.reads.isEmpty)
      let other = system.begin()
      #expect(try await other.read("catalog") == nil)
      _ = try await t.commit()
      #expect(try await other.read("catalog") == nil)
      let after = system.begin()
      #expect(try await after.read("catalog") == "t")
      #expect(try await after.rows("t", "u").count == 3_099)
      #expect(try await after.read("t10000") == "again")
      await untilSettled(system, reactor)
      #expect(try stored(system).versions == 3_099)
    }
    try await test.close()
  }

  @Test func aRollbackClearsThem() async throws {
    let test = try await TestStore.open()
    try await test.on { reactor, system in
      system.bufferLimit = 1
      let t = system.begin()
      t.declarePrivate(Self.table)
      for row in 0..<500 { t.write("t\(row)", row) }
      try await t.flushIfNeeded()
      #expect(try stored(system).versions == 500)
      await t.rollback()
      await untilSettled(system, reactor)
      #expect(try stored(system).versions == 0)
    }
    try await test.close()
  }

  @Test func aSilentCoordinatorsRowsAreCleared() async throws {
    let test = try await TestStore.open()
    try await test.on { reactor, system in
      system.bufferLimit = 1
      let t = system.begin()
      t.declarePrivate(Self.table)
      t.write("t1", 1)
      try await t.flushIfNeeded()
      // Its coordinator is gone, and the rest of the node takes it for dead.
      let registry = try #require(system.shard.replica(RangeID(1))?.registry)
      registry[t.id]?.record.heartbeat = 0
      t.state = .rolledBack
      for _ in 0..<500 where registry[t.id]?.isResolved == false { await reactor.sleep(nanoseconds: 10_000_000) }
      #expect(registry[t.id]?.record.status == .aborted)
      #expect(try stored(system).versions == 0)
    }
    try await test.close()
  }

  @Test func savepoints() async throws {
    let test = try await TestStore.open()
    try await test.on { reactor, system in
      system.bufferLimit = 1
      let t = system.begin()
      let before = t.savepoint()
      t.declarePrivate(Self.table)
      t.write("t1", 1)
      try await t.flushIfNeeded()
      #expect(try stored(system).intents == 0)
      // What could be undone by itself goes the long way.
      let inside = t.savepoint()
      t.write("t2", 2)
      try await t.flushIfNeeded()
      #expect(try stored(system).intents == 1)
      t.rollback(to: inside)
      #expect(try await t.rows("t", "u") == ["t1=1"])
      // The table itself is undone: its rows go at the end, though the transaction commits.
      t.rollback(to: before)
      t.write("other", 1)
      _ = try await t.commit()
      await untilSettled(system, reactor)
      #expect(try stored(system) == (0, 0))
      #expect(try await system.begin().read("other") == "1")
    }
    try await test.close()
  }

  @Test func aStatementThatIngestedCannotBeUndoneAlone() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      system.bufferLimit = 1
      let t = system.begin()
      t.declarePrivate(Self.table)
      t.markStatement()
      t.write("t1", 1)
      #expect(t.undoStatement())
      #expect(try await t.read("t1") == nil)
      t.write("t1", 1)
      try await t.flushIfNeeded()
      #expect(!t.undoStatement())
      t.markStatement()
      t.write("t2", 2)
      #expect(t.undoStatement())
      #expect(try await t.rows("t", "u") == ["t1=1"])
      await t.rollback()
    }
    try await test.close()
  }
}
