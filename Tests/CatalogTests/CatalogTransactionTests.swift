// The catalog through real transactions on a store in memory: what DDL and other transactions do to each other.

import Encoding
import Ranges
import Reactors
import SQLTypes
import Testing
import Transactions

@testable import Catalog

private func withStore(
  _ body: @Sendable (isolated Reactor, TransactionSystem) async throws -> Void
) async throws {
  let environment = ProductionEnvironment(reactorCount: 1)
  let store = try await Store.open(
    environment: environment, local: .inMemory(), clock: NodeClock(environment: environment),
    onFatal: { Issue.record("the store failed: \($0)") })
  do {
    try await environment.reactors[0].perform { reactor in
      try await body(reactor, TransactionSystem(store, on: reactor))
    }
  } catch {
    await store.stop()
    try await environment.shutdown()
    throw error
  }
  await store.stop()
  try await environment.shutdown()
}

private func table(_ name: String) -> TableDefinition {
  TableDefinition(schema: .publicSchema, name: name, columns: columns("a int4"))
}

private func isRetry(_ body: () async throws(TransactionError) -> Void) async -> Bool {
  do throws(TransactionError) {
    try await body()
    return false
  } catch {
    if case .retry = error { return true }
    return false
  }
}

struct CatalogTransactionTests {
  @Test func changesAreLoadedElsewhere() async throws {
    try await withStore { _, system in
      let cache = CatalogCache()
      for name in ["t", "u"] {
        let transaction = system.begin()
        let view = try await cache.view(in: transaction)
        _ = try await CatalogWriter(view, in: transaction).createTable(table(name))
        _ = try await transaction.commit()
        cache.publish(view)
      }
      let other = CatalogCache()
      let reader = system.begin(isReadOnly: true)
      let loaded = try await other.view(in: reader)
      #expect(loaded.version == 2)
      #expect(loaded.relations.map(\.name) == ["t", "u"])
      #expect(loaded.snapshot.role(named: "postgres")?.isSuperuser == true)
      #expect(try await cache.view(in: reader).snapshot === cache.newest)
      _ = try await reader.commit()
    }
  }

  /// A row written by an old schema may still commit, at a time before the change: the change then comes after it. Once the
  /// change has looked at the rows, as the filling of an index does, that is no longer so, whatever the isolation level.
  /// Changes of other tables are nobody's business.
  @Test(arguments: [Transactions.IsolationLevel.serializable, .repeatableRead, .readCommitted])
  func rowsOfAnOldSchemaComeBeforeTheChangeOrNotAtAll(level: Transactions.IsolationLevel) async throws {
    try await withStore { _, system in
      let cache = CatalogCache()
      var made: [TableDescriptor] = []
      for name in ["t", "u"] {
        let setUp = system.begin()
        let view = try await cache.view(in: setUp)
        made.append(try #require(try await CatalogWriter(view, in: setUp).createTable(table(name))))
        _ = try await setUp.commit()
        cache.publish(view)
      }
      let rows = KeyLayout.index(made[0].oid, 1)
      for (number, (changed, looksAtRows)) in [(0, false), (1, true), (0, true)].enumerated() {
        let writer = system.begin(isolation: level)
        _ = try await cache.view(in: writer)
        writer.depend(on: KeyLayout.relation(made[0].oid))
        let change = system.begin()
        let view = try await cache.view(in: change)
        let added = index(1, name: "i\(number)")
        _ = try await CatalogWriter(view, in: change).addIndex(added, to: made[changed].oid, ifNotExists: false)
        if looksAtRows { _ = try await change.entries(KeySpan(prefix: rows)) }
        let time = try await change.commit()
        cache.publish(view)
        writer.put(Key(rows.bytes + [UInt8(number)]), [1])
        if changed == 1 {
          #expect(try await writer.commit() > time)
        } else if !looksAtRows {
          #expect(try await writer.commit() < time)
        } else {
          #expect(await isRetry { () async throws(TransactionError) in _ = try await writer.commit() })
          await writer.restart()
          #expect(try await cache.view(in: writer).relation(made[0].oid)?.indexes.count == 2)
          await writer.rollback()
        }
      }
    }
  }

  @Test func aChangeOnAnOldSnapshotBeginsAnew() async throws {
    try await withStore { _, system in
      let cache = CatalogCache()
      let late = system.begin()
      let lateView = try await cache.view(in: late)
      let first = system.begin()
      let view = try await cache.view(in: first)
      _ = try await CatalogWriter(view, in: first).createTable(table("t"))
      _ = try await first.commit()
      let isLate = await isRetry { () async throws(TransactionError) in
        let writer = try await CatalogWriter(lateView, in: late)
        writer.apply()
        _ = try await late.commit()
      }
      #expect(isLate)
      await late.rollback()
    }
  }

  @Test func savepointsAndSeveralStatements() async throws {
    try await withStore { _, system in
      let cache = CatalogCache()
      let transaction = system.begin()
      let view = try await cache.view(in: transaction)
      _ = try await CatalogWriter(view, in: transaction).createTable(table("t"))
      let (mark, savepoint) = (view.mark(), transaction.savepoint())
      _ = try await CatalogWriter(view, in: transaction).createTable(table("u"))
      transaction.rollback(to: savepoint)
      view.rollback(to: mark)
      let again = try await CatalogWriter(view, in: transaction).createTable(table("v"))
      _ = try await transaction.commit()
      let reader = system.begin(isReadOnly: true)
      let loaded = try await CatalogCache().view(in: reader)
      #expect(loaded.relations.map(\.name) == ["t", "v"])
      #expect(loaded.relation("v")?.oid == again?.oid)
      #expect(loaded.version == 1)
      _ = try await reader.commit()
    }
  }

  @Test func droppedDataIsCleared() async throws {
    try await withStore { _, system in
      let cache = CatalogCache()
      let transaction = system.begin()
      let view = try await cache.view(in: transaction)
      let made = try #require(try await CatalogWriter(view, in: transaction).createTable(table("t")))
      let key = KeyLayout.index(made.oid, 1)
      transaction.put(key, [7])
      _ = try await transaction.commit()
      cache.publish(view)
      let drop = system.begin()
      let dropView = try await cache.view(in: drop)
      _ = try await CatalogWriter(dropView, in: drop).dropRelations([made.oid], cascades: false)
      // It begins after the drop and still sees the table, since the drop is committed after it has looked.
      let open = system.begin(isReadOnly: true)
      let openView = try await CatalogCache().view(in: open)
      #expect(openView.relation(made.oid) != nil)
      let wall = try await drop.commit().wall
      #expect(drop.readTimestamp < open.readTimestamp)
      #expect(try await DroppedStorage.clear(in: system, droppedBefore: open.readTimestamp.wall) == 0)
      _ = try await open.commit()
      #expect(try await DroppedStorage.clear(in: system, droppedBefore: wall + 1) == 1)
      #expect(try await DroppedStorage.clear(in: system, droppedBefore: wall + 1) == 0)
      let reader = system.begin(isReadOnly: true)
      #expect(try await reader.value(key, lock: nil) == nil)
      _ = try await reader.commit()
    }
  }

  @Test func sequencesOutliveRollbacks() async throws {
    try await withStore { _, system in
      let cache = CatalogCache()
      let service = SequenceService()
      let session = SequenceSession(service: service, storage: system)
      func draw(_ relation: TableDescriptor) async throws -> Int64 {
        let handle = try #require(SequenceHandle(relation))
        try await session.reserve(handle, count: 1)
        let value = try session.next(handle)
        try await session.finish()
        return value
      }
      // A sequence that never was leaves nothing to one that gets its OID.
      for commits in [false, true] {
        let transaction = system.begin()
        let view = try await cache.view(in: transaction)
        let made = try await CatalogWriter(view, in: transaction)
          .createSequence(schema: .publicSchema, name: "s", SequenceOptions())
        let sequence = try #require(made)
        #expect(try await draw(sequence) == 1)
        #expect(try await draw(sequence) == 2)
        if commits {
          _ = try await transaction.commit()
          cache.publish(view)
        } else {
          await transaction.rollback()
        }
      }
      // RESTART is undone with its transaction.
      let restart = system.begin()
      let view = try await cache.view(in: restart)
      let sequence = try #require(view.relation("s"))
      let restarted = try await CatalogWriter(view, in: restart)
        .alterSequence(sequence.oid, SequenceOptions(), restart: 50)
      #expect(try await draw(restarted) == 50)
      await restart.rollback()
      #expect(try await draw(sequence) == 3)
      #expect(
        try await service.state(of: try #require(SequenceHandle(sequence)), in: system)
          == SequenceState(lastValue: 3, isCalled: true))
    }
  }
}
