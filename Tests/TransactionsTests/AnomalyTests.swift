// Two or three transactions, interleaved by hand: each classical anomaly is refused or serialised.
// Source: Berenson et al., "A Critique of ANSI SQL Isolation Levels", 1995; Fekete et al., "A Read-Only Transaction
// Anomaly Under Snapshot Isolation", 2004; PostgreSQL manual, 13.2 and 13.3.

import Encoding
import Reactors
import Testing

@testable import Ranges
@testable import Transactions

@Suite struct AnomalyTests {
  private func failure(_ body: () async throws(TransactionError) -> Void) async -> TransactionError? {
    do throws(TransactionError) {
      try await body()
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [true, false]) func lostUpdate(isSerializable: Bool) async throws {
    let isolation = isSerializable ? IsolationLevel.serializable : .repeatableRead
    let test = try await TestStore.open()
    try await test.on { _, system in
      let a = system.begin(isolation: isolation)
      let b = system.begin(isolation: isolation)
      let atA = try await a.number("x")
      let atB = try await b.number("x")
      a.write("x", atA + 1)
      b.write("x", atB + 1)
      _ = try await a.commit()
      let error = await failure { () async throws(TransactionError) in _ = try await b.commit() }
      #expect(error.map(isRetry) == true)
      await b.rollback()
      #expect(try await system.begin().number("x") == 1)
    }
    try await test.close()
  }

  @Test func writeSkew() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      for isolation in [IsolationLevel.serializable, .repeatableRead] {
        _ = try await system.atomically { (t) async throws(TransactionError) in
          t.write("x", 1)
          t.write("y", 1)
        }
        let a = system.begin(isolation: isolation)
        let b = system.begin(isolation: isolation)
        let sumA = try await a.number("x") + a.number("y")
        let sumB = try await b.number("x") + b.number("y")
        a.write("x", 1 - sumA)
        b.write("y", 1 - sumB)
        _ = try await a.commit()
        let error = await failure { () async throws(TransactionError) in _ = try await b.commit() }
        // Snapshot isolation lets it pass, as in PostgreSQL.
        #expect((error != nil) == (isolation == .serializable))
        await b.rollback()
      }
    }
    try await test.close()
  }

  @Test func readOnlyAnomaly() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      _ = try await system.atomically { (t) async throws(TransactionError) in
        t.write("checking", 0)
        t.write("savings", 0)
      }
      let withdraw = system.begin()
      let total = try await withdraw.number("checking") + withdraw.number("savings")
      _ = try await system.atomically { (t) async throws(TransactionError) in
        t.write("savings", try await t.number("savings") + 20)
      }
      let report = system.begin(isReadOnly: true)
      let seen = [try await report.number("checking"), try await report.number("savings")]
      _ = try await report.commit()
      #expect(seen == [0, 20])
      withdraw.write("checking", total - 10 < 0 ? -11 : -10)
      let error = await failure { () async throws(TransactionError) in _ = try await withdraw.commit() }
      #expect(error.map(isRetry) == true)
      await withdraw.rollback()
    }
    try await test.close()
  }

  @Test func phantom() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      let a = system.begin()
      let b = system.begin()
      #expect(try await a.rows("p", "q").isEmpty)
      #expect(try await b.rows("p", "q").isEmpty)
      a.write("p1", 1)
      b.write("p2", 1)
      _ = try await a.commit()
      let error = await failure { () async throws(TransactionError) in _ = try await b.commit() }
      #expect(error.map(isRetry) == true)
      await b.rollback()
    }
    try await test.close()
  }

  @Test func dirtyReadAndUnrepeatableRead() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      system.bufferLimit = 1
      let reader = system.begin()
      let writer = system.begin()
      writer.write("x", 1)
      // Its write is an intent now; a later reader neither sees it nor waits.
      try await writer.flushIfNeeded()
      let late = system.begin()
      #expect(try await late.number("x") == 0)
      let committed = try await writer.commit()
      #expect(committed > late.readTimestamp)
      #expect(try await late.number("x") == 0)
      #expect(try await reader.number("x") == 0)
      _ = try await reader.commit()
      _ = try await late.commit()
      #expect(try await system.begin().number("x") == 1)
    }
    try await test.close()
  }

  @Test func readCommittedSeesEachStatementAnew() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      let t = system.begin(isolation: .readCommitted)
      t.beginStatement()
      #expect(try await t.number("x") == 0)
      _ = try await system.atomically { (u) async throws(TransactionError) in u.write("x", 1) }
      #expect(try await t.number("x") == 0)
      t.beginStatement()
      #expect(try await t.number("x") == 1)
      t.write("y", 1)
      _ = try await t.commit()
    }
    try await test.close()
  }

  @Test func aBlockedUpdateGoesOnWithTheNewValue() async throws {
    let test = try await TestStore.open()
    await test.together(2) { number, reactor, system in
      do {
        if number == 0 {
          let first = system.begin()
          #expect(try await first.number("x", lock: LockRequest(.exclusive)) == 0)
          await reactor.sleep(nanoseconds: 20_000_000)
          first.write("x", 10)
          _ = try await first.commit()
        } else {
          let second = system.begin()
          await reactor.sleep(nanoseconds: 5_000_000)
          #expect(try await second.number("other") == 0)
          // Waits for the first, then moves its timestamp: what it read before has not changed.
          let seen = try await second.number("x", lock: LockRequest(.exclusive))
          #expect(seen == 10)
          second.write("x", seen + 1)
          _ = try await second.commit()
        }
      } catch {
        Issue.record("\(error)")
      }
    }
    let sum = try await test.on { _, system in try await system.begin().number("x") }
    #expect(sum == 11)
    try await test.close()
  }

  /// The scan has passed a gap when it moves forward, and somebody else has filled that meanwhile.
  @Test func aLockingScanThatMovesLooksAtItsGapsAgain() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      _ = try await system.atomically { (t) async throws(TransactionError) in
        for name in ["r1", "r3"] { t.write(name, 1) }
      }
    }
    await test.together(2) { number, reactor, system in
      do {
        if number == 0 {
          await reactor.sleep(nanoseconds: 5_000_000)
          let holder = system.begin()
          _ = try await holder.number("r3", lock: LockRequest(.exclusive))
          await reactor.sleep(nanoseconds: 40_000_000)
          _ = try await system.atomically { (t) async throws(TransactionError) in t.write("r2", 1) }
          holder.write("r3", 2)
          _ = try await holder.commit()
        } else {
          // It begins before the holder, and scans after that has its lock.
          let scanner = system.begin()
          await reactor.sleep(nanoseconds: 20_000_000)
          do throws(TransactionError) {
            let rows = try await scanner.rows("r", "s", lock: LockRequest(.exclusive))
            scanner.write("sum", rows.count)
            _ = try await scanner.commit()
            #expect(rows == ["r1=1", "r2=1", "r3=2"])
          } catch {
            #expect(isRetry(error), "\(error)")
            await scanner.rollback()
          }
        }
      } catch {
        Issue.record("\(error)")
      }
    }
    try await test.close()
  }

  @Test func nowaitSkipLockedAndTimeouts() async throws {
    let test = try await TestStore.open()
    try await test.on { reactor, system in
      _ = try await system.atomically { (t) async throws(TransactionError) in
        for name in ["r1", "r2", "r3"] { t.write(name, name) }
      }
      let holder = system.begin()
      _ = try await holder.read("r2", lock: LockRequest(.exclusive))
      let t = system.begin()
      #expect(
        try await t.rows("r", "s", lock: LockRequest(.exclusive, wait: .skip)) == ["r1=r1", "r3=r3"])
      let busy = await failure { () async throws(TransactionError) in
        _ = try await t.read("r2", lock: LockRequest(.shared, wait: .fail))
      }
      guard case .lockNotAvailable(let at, timedOut: false) = busy else {
        Issue.record("NOWAIT answered \(String(describing: busy))")
        return
      }
      #expect(at == key("r2"))
      t.lockTimeout = 10_000_000
      let late = await failure { () async throws(TransactionError) in
        _ = try await t.rows("r", "s", lock: LockRequest(.exclusive))
      }
      guard case .lockNotAvailable(_, timedOut: true) = late else {
        Issue.record("the timeout answered \(String(describing: late))")
        return
      }
      #expect(try await t.read("r2") == "r2")
      await holder.rollback()
      #expect(try await t.read("r2", lock: LockRequest(.exclusive)) == "r2")
      await t.rollback()
    }
    try await test.close()
  }

  @Test func aWaitCanBeCancelled() async throws {
    let test = try await TestStore.open(reactors: 2)
    for index in 0..<2 {
      try await test.on(index) { reactor, system in
        let holder = system.begin()
        _ = try await holder.read("x", lock: LockRequest(.exclusive))
        let t = system.begin()
        let waiting = Confined(t, to: reactor)
        _ = reactor.schedule(afterNanoseconds: 10_000_000) { reactor in
          waiting.access(on: reactor).cancelWait()
        }
        let error = await failure { () async throws(TransactionError) in
          _ = try await t.read("x", lock: LockRequest(.exclusive))
        }
        guard case .cancelled = error else {
          Issue.record("the wait ended with \(String(describing: error))")
          return
        }
        await t.rollback()
        await holder.rollback()
      }
    }
    try await test.close()
  }

  @Test func aDeadlockHasOneVictim() async throws {
    let test = try await TestStore.open()
    let outcomes = Outcomes()
    await test.together(2) { number, reactor, system in
      let names = number == 0 ? ["x", "y"] : ["y", "x"]
      let t = system.begin()
      do throws(TransactionError) {
        _ = try await t.read(names[0], lock: LockRequest(.exclusive))
        await reactor.sleep(nanoseconds: 10_000_000)
        _ = try await t.read(names[1], lock: LockRequest(.exclusive))
        t.write(names[0], number)
        t.write(names[1], number)
        _ = try await t.commit()
        outcomes.add("committed")
      } catch {
        if case .deadlock(let cycle) = error {
          #expect(cycle.split(separator: "\n").count == 2)
          outcomes.add("deadlock")
        } else {
          outcomes.add("\(error)")
        }
        await t.rollback()
      }
    }
    #expect(outcomes.sorted == ["committed", "deadlock"])
    try await test.close()
  }
}
