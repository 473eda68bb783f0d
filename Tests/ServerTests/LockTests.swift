// Waiting, and what ends it: locks of rows, deadlocks, timeouts, cancel requests, savepoints, clients that vanish.
// Source: PostgreSQL manual, 13.3 "Explicit Locking", SELECT, 20.11 "Client Connection Defaults".

import Testing

@Suite(.timeLimit(.minutes(5)))
struct LockTests {
  private func table(_ name: String, _ client: TestClient) async {
    await client.query(
      "create table \(name) (k int primary key, v int); insert into \(name) values (1, 1), (2, 2), (3, 3)")
  }

  @Test func aDeadlockIsBrokenAtOnceWithOneVictim() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await table("deadlock", a)
    await a.query("begin; update deadlock set v = 10 where k = 1")
    await b.query("begin; update deadlock set v = 20 where k = 2")
    let first = a.start("update deadlock set v = 10 where k = 2")
    #expect(await first.isBlocked())
    let second = b.start("update deadlock set v = 20 where k = 1")
    // The victim's locks go with its transaction, so both come to their end. That it takes no time but the victim's way back is
    // shown in the lock table's own tests.
    let answers = (await first.value(), await second.value())
    #expect([answers.0.state, answers.1.state].compactMap { $0 } == ["40P01"])
    await a.query("commit")
    await b.query("commit")
    let values = await a.query("select v from deadlock where k < 3 order by k").values
    #expect(values == ["10", "10"] || values == ["20", "20"])
  }

  @Test func aDeadlockOfThreeHasOneVictim() async throws {
    let clients = try await TestNode.shared().clients(3)
    await table("deadlock3", clients[0])
    for (number, client) in clients.enumerated() {
      await client.query("begin; update deadlock3 set v = v + 10 where k = \(number + 1)")
    }
    let pending = clients.enumerated().map { number, client in
      client.start("update deadlock3 set v = v + 10 where k = \((number + 1) % 3 + 1)")
    }
    // The one behind the victim goes on at once; it has to end before the third can.
    let ends = clients.map { $0.start("commit") }
    var states: [String?] = []
    for waiting in pending { states.append(await waiting.value().state) }
    for end in ends { _ = await end.value() }
    #expect(states.compactMap { $0 } == ["40P01"])
    #expect(await clients[0].query("select sum(v) from deadlock3").value == "46")
  }

  @Test func twoSharesThatBothWantMoreAreADeadlock() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await table("upgrade", a)
    for client in clients { await client.query("begin; select v from upgrade where k = 1 for share") }
    let first = a.start("update upgrade set v = 10 where k = 1")
    #expect(await first.isBlocked())
    let second = b.start("update upgrade set v = 20 where k = 1")
    let answers = (await first.value(), await second.value())
    #expect([answers.0.state, answers.1.state].compactMap { $0 } == ["40P01"])
    await a.query("commit")
    await b.query("commit")
    #expect(["10", "20"].contains(await a.query("select v from upgrade where k = 1").value))
  }

  @Test func rowLocksWaitSkipOrFail() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await table("row_lock", a)
    await a.query("begin")
    #expect(await a.query("select v from row_lock where k = 1 for update").value == "1")
    // Who only reads does not wait.
    #expect(await b.query("select v from row_lock where k = 1").value == "1")
    let refused = await b.query("select v from row_lock where k = 1 for update nowait")
    #expect(refused.error?.message == "could not obtain lock on row in relation \"row_lock\"")
    #expect(refused.state == "55P03")
    #expect(await b.query("select k from row_lock order by k for update skip locked").values == ["2", "3"])
    #expect(await b.query("select k from row_lock where k = 1 for share nowait").state == "55P03")
    let waiting = b.start("select v from row_lock where k = 1 for update")
    #expect(await waiting.isBlocked())
    await a.query("update row_lock set v = 5 where k = 1; commit")
    let answer = await waiting.value()
    #expect(answer.value == "5", "\(answer)")
  }

  @Test func sharesGoTogether() async throws {
    let clients = try await TestNode.shared().clients(3)
    let (a, b, c) = (clients[0], clients[1], clients[2])
    await table("share_lock", a)
    await a.query("begin; select v from share_lock where k = 1 for share")
    await b.query("begin")
    #expect(await b.query("select v from share_lock where k = 1 for share nowait").value == "1")
    #expect(await c.query("select v from share_lock where k = 1 for update nowait").state == "55P03")
    let waiting = c.start("update share_lock set v = 9 where k = 1")
    #expect(await waiting.isBlocked())
    await a.query("commit")
    #expect(await waiting.isBlocked())
    await b.query("commit")
    #expect(await waiting.value().tags == ["UPDATE 1"])
  }

  @Test func timeoutsEndWaits() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await table("time_out", a)
    await a.query("begin; update time_out set v = 5 where k = 1")
    await b.query("set lock_timeout = '50ms'")
    let locked = await b.query("update time_out set v = 6 where k = 1")
    #expect(locked.error?.message == "canceling statement due to lock timeout")
    #expect(locked.state == "55P03")
    await b.query("set lock_timeout = 0; set statement_timeout = '50ms'")
    let late = await b.query("update time_out set v = 6 where k = 1")
    #expect(late.error?.message == "canceling statement due to statement timeout")
    #expect(late.state == "57014")
    // It also ends what only computes.
    #expect(
      await b.query("select count(*) from generate_series(1, 1000000000) a, generate_series(1, 1000) b").state
        == "57014")
    #expect(await b.query("select pg_sleep(100)").state == "57014")
    await b.query("reset statement_timeout")
    await a.query("rollback")
    #expect(await b.query("update time_out set v = 6 where k = 1").tags == ["UPDATE 1"])
  }

  @Test func aCancelRequestEndsWhatRuns() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await table("cancelled", a)
    await a.query("begin; update cancelled set v = 5 where k = 1")
    await b.query("begin")
    let waiting = b.start("update cancelled set v = 6 where k = 1")
    #expect(await waiting.isBlocked())
    let answer = await b.cancel(waiting)
    #expect(answer.error?.message == "canceling statement due to user request")
    #expect(answer.state == "57014")
    #expect(answer.status == "E")
    await b.query("rollback")
    let computing = b.start("select count(*) from generate_series(1, 1000000000) a, generate_series(1, 1000) b")
    #expect(await computing.isBlocked())
    #expect(await b.cancel(computing).state == "57014")
    // One for an idle session does nothing.
    await b.cancel()
    #expect(await b.query("select 1").value == "1")
    await a.query("rollback")
    // Some clients do not wait for the server to close.
    let hasty = b.start("select count(*) from generate_series(1, 1000000000) a, generate_series(1, 1000) b")
    #expect(await b.cancel(hasty, waits: false).state == "57014")
  }

  @Test func aSchemaChangeThatWaitsCanBeCancelled() async throws {
    let clients = try await TestNode.shared().clients(3)
    let (a, b, c) = (clients[0], clients[1], clients[2])
    // Schema changes queue, those of the other tests too.
    await table("schema_wait", a)
    await b.query("set lock_timeout = '100ms'")
    await a.query("begin; create table schema_wait_holder (k int)")
    #expect(await b.query("create index on schema_wait (v)").state == "55P03")
    #expect(await b.query("create table schema_waiter (k int)").state == "55P03")
    let waiting = c.start("create index on schema_wait (v)")
    #expect(await waiting.isBlocked())
    #expect(await c.cancel(waiting).state == "57014")
    await a.query("rollback")
    #expect(await c.query("create index on schema_wait (v)").tags == ["CREATE INDEX"])
  }

  /// It comes while the statement still reads the catalog, before the step that waits.
  @Test func aCancelThatComesEarlyIsNotLost() async throws {
    let clients = try await TestNode.shared().clients(5)
    let (a, others) = (clients[0], clients[1...])
    await table("early_cancel", a)
    await a.query("begin; create table early_cancel_holder (k int)")
    for c in [others, others].joined() {
      let waiting = c.startAndCancel("create index on early_cancel (v)")
      try #require(await c.cancel(waiting).state == "57014")
    }
    await a.query("rollback")
  }

  /// However impatient its statement is: half an index would stay, which all writers maintain.
  @Test func whatASchemaChangeHasBegunIsTakenBack() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await b.query(
      "create table half_index (v int); insert into half_index select least(g, 12000) from generate_series(1, 12001) g")
    await b.query("set lock_timeout = '20ms'")
    // Its first step may wait too long for schema changes of other tests.
    var building = b.start("create unique index half_index_v on half_index (v)")
    let unfinished = "select count(*) from pg_index where indrelid = 'half_index'::regclass and not indisvalid"
    while await a.query(unfinished).value == "0" {
      if building.isDone {
        if await building.value().state != "55P03" { break }
        building = b.start("create unique index half_index_v on half_index (v)")
      }
    }
    // If this comes late, the undo has nothing to wait for.
    await a.query("begin; create table half_index_holder (k int)")
    try? await Task.sleep(nanoseconds: 300_000_000)
    await a.query("rollback")
    #expect(await building.value().state == "23505")
    #expect(await a.query("select count(*) from pg_index where indrelid = 'half_index'::regclass").value == "0")
    #expect(await b.query("insert into half_index values (1)").tags == ["INSERT 0 1"])
  }

  @Test func savepointsClearAFailedBlock() async throws {
    let a = try await TestNode.shared().client()
    await table("save", a)
    await a.query("begin; update save set v = 10 where k = 1; savepoint s; update save set v = 20 where k = 2")
    #expect(await a.query("select 1 / 0").state == "22012")
    let ignored = await a.query("select 1")
    #expect(ignored.state == "25P02")
    #expect(ignored.status == "E")
    #expect(await a.query("rollback to s").status == "T")
    #expect(await a.query("insert into save values (1, 1)").state == "23505")
    await a.query("rollback to savepoint s")
    await a.query("update save set v = 30 where k = 3; savepoint t; delete from save; rollback to t; release t; commit")
    #expect(await a.query("select v from save order by k").values == ["10", "2", "30"])
    await a.query("begin; select 1 / 0")
    #expect(await a.query("commit").tags == ["ROLLBACK"])
    #expect(await a.query("rollback to s").state == "25P01")
  }

  @Test func aVanishedClientHoldsNothing() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await table("vanished", a)
    await a.query("begin; update vanished set v = 5 where k = 1")
    let waiting = b.start("update vanished set v = v + 1 where k = 1")
    #expect(await waiting.isBlocked())
    await a.drop()
    #expect(await waiting.value().tags == ["UPDATE 1"])
    #expect(await b.query("select v from vanished where k = 1").value == "2")
  }

  @Test func anIdleTransactionEndsWithItsConnection() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await table("idle", a)
    await a.query("set idle_in_transaction_session_timeout = '80ms'")
    // Outside of a block a session may be idle as long as it likes.
    try await Task.sleep(nanoseconds: 120_000_000)
    #expect(await a.query("begin; update idle set v = 5 where k = 1").status == "T")
    let end = await a.listen().value()
    #expect(end.state == "25P03")
    #expect(end.error?.severity == "FATAL")
    #expect(end.error?.message == "terminating connection due to idle-in-transaction timeout")
    #expect(end.status == nil)
    // As in PostgreSQL the client hears it first; the locks go a moment later.
    #expect(await b.query("select v from idle where k = 1 for update").value == "1")
  }

  /// Source: PostgreSQL 17's manual, transaction_timeout.
  @Test func aLongTransactionEndsWithItsConnection() async throws {
    let clients = try await TestNode.shared().clients(4)
    let (a, b, c, d) = (clients[0], clients[1], clients[2], clients[3])
    await table("too_long", a)
    for client in [a, c, d] { await client.query("set transaction_timeout = '500ms'") }
    // One that waits for its client.
    #expect(await a.query("begin; update too_long set v = 5 where k = 1").status == "T")
    let end = await a.listen().value()
    #expect(end.state == "25P04")
    #expect(end.error?.severity == "FATAL")
    #expect(end.error?.message == "terminating connection due to transaction timeout")
    #expect(end.status == nil)
    #expect(await b.query("select v from too_long where k = 1 for update").value == "1")
    // One of a single statement, which waits for a lock; and one that computes.
    await b.query("begin; update too_long set v = 6 where k = 1")
    let waiting = await c.query("update too_long set v = 7 where k = 1")
    #expect(waiting.state == "25P04")
    #expect(waiting.error?.severity == "FATAL")
    let computing = await d.query(
      "begin; select count(*) from generate_series(1, 1000000000) a, generate_series(1, 1000) b")
    #expect(computing.state == "25P04")
    await b.query("commit")
    // One that began before is limited from when it is said; short ones, one after the other, are not.
    await b.query("begin; set local transaction_timeout = '10s'; select 1; commit")
    await b.query("set transaction_timeout = '10s'")
    for _ in 0..<3 { #expect(await b.query("select v from too_long where k = 1").value == "6") }
    await b.query("begin; set transaction_timeout = '50ms'")
    #expect(await b.listen().value().state == "25P04")
  }

  @Test func theHigherPriorityIsServedFirst() async throws {
    let clients = try await TestNode.shared().clients(5)
    let (a, b, c, d) = (clients[0], clients[1], clients[2], clients[3])
    // Whoever comes late would not stand in line where the test wants it.
    func isInLine(_ count: Int) async -> Bool {
      for _ in 0..<500 {
        let waiting = "select count(*) from meridian_catalog.locks where table_name = 'in_line' and not is_granted"
        if await clients[4].query(waiting).value == "\(count)" { return true }
        try? await Task.sleep(nanoseconds: 10_000_000)
      }
      return false
    }
    await table("in_line", a)
    await a.query("begin; update in_line set v = 0 where k = 1")
    await b.query("begin priority low")
    let low = b.start("update in_line set v = v * 10 + 1 where k = 1; commit")
    #expect(await isInLine(1))
    let normal = c.start("update in_line set v = v * 10 + 2 where k = 1")
    #expect(await isInLine(2))
    await d.query("set default_transaction_priority to high")
    let high = d.start("update in_line set v = v * 10 + 3 where k = 1")
    #expect(await isInLine(3))
    await a.query("commit")
    for waiting in [low, normal, high] { #expect(await waiting.value().error == nil) }
    #expect(await a.query("select v from in_line where k = 1").value == "321")
  }

  @Test func aPriorityIsShown() async throws {
    let a = try await TestNode.shared().client()
    #expect(await a.query("show transaction priority").value == "normal")
    await a.query("begin isolation level serializable, priority high")
    #expect(await a.query("show transaction_priority").value == "high")
    await a.query("set transaction priority low")
    #expect(await a.query("show transaction_priority").value == "low")
    #expect(await a.query("set transaction_priority = 'urgent'").state == "22023")
    await a.query("rollback; begin priority low; commit and chain")
    #expect(await a.query("show transaction_priority").value == "low")
    await a.query("rollback; set session characteristics as transaction priority high")
    #expect(await a.query("show default_transaction_priority").value == "high")
    #expect(await a.query("show transaction_priority").value == "high")
    #expect(await a.query("begin priority urgent").state == "42601")
  }

  @Test func tablesChangeUnderUse() async throws {
    let node = try await TestNode.shared()
    let clients = try await node.clients(3)
    await clients[0].query("create table changing (k serial primary key, v int)")
    let states = await withTaskGroup(of: [ServerError].self) { group in
      for client in clients[1...] {
        group.addTask {
          var errors: [ServerError] = []
          for number in 0..<30 { errors += await client.query("insert into changing (v) values (\(number))").errors }
          return errors
        }
      }
      group.addTask {
        var errors: [ServerError] = []
        for sql in [
          "create index changing_v on changing (v)", "alter table changing add column w int default 7",
          "drop index changing_v", "create unique index changing_kv on changing (k, v)",
        ] { errors += await clients[0].query(sql).errors }
        return errors
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
    #expect(states == [])
    let sums = "select count(*), count(w), sum(v), count(distinct k) from changing"
    #expect(await clients[0].query(sums).values == ["60,60,870,60"])
    await clients[0].query("create index changing_again on changing (v)")
    #expect(await clients[0].query("select count(*) from changing where v = 7").value == "2")
  }
}
