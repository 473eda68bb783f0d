// Two and three sessions, interleaved by hand: what serializable must refuse or order, and what the weaker levels allow.
// Source: Berenson et al., "A Critique of ANSI SQL Isolation Levels"; Fekete, O'Neil and O'Neil, "A Read-Only Transaction Anomaly Under
// Snapshot Isolation"; PostgreSQL manual, 13.2 "Transaction Isolation".

import Testing

@Suite(.timeLimit(.minutes(5)))
struct IsolationTests {
  /// Runs statements by session; returns the SQLSTATEs of those that failed.
  private func run(_ steps: [(TestClient, String)]) async -> [String] {
    var states: [String] = []
    for (client, sql) in steps {
      if let state = await client.query(sql).state { states.append(state) }
    }
    return states
  }

  @Test func lostUpdateIsRefused() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    for (number, level) in ["serializable", "repeatable read"].enumerated() {
      let table = "lost_update\(number)"
      await a.query("create table \(table) (k int primary key, v int); insert into \(table) values (1, 100)")
      let states = await run([
        (a, "begin isolation level \(level)"), (b, "begin isolation level \(level)"),
        (a, "select v from \(table) where k = 1"), (b, "select v from \(table) where k = 1"),
        (a, "update \(table) set v = 110 where k = 1"), (a, "commit"),
        (b, "update \(table) set v = 120 where k = 1"), (b, "commit"),
      ])
      #expect(states == ["40001"], "\(level)")
      #expect(await a.query("select v from \(table)").value == "110")
    }
  }

  @Test func writeSkewIsRefusedUnderSerializableOnly() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    for (number, level, expected) in [(0, "serializable", ["40001"]), (1, "repeatable read", [])] {
      let table = "write_skew\(number)"
      await a.query("create table \(table) (k int primary key, v int); insert into \(table) values (1, 1), (2, 1)")
      let states = await run([
        (a, "begin isolation level \(level)"), (b, "begin isolation level \(level)"),
        (a, "select sum(v) from \(table)"), (b, "select sum(v) from \(table)"),
        (a, "update \(table) set v = 0 where k = 1"), (b, "update \(table) set v = 0 where k = 2"),
        (a, "commit"), (b, "commit"),
      ])
      #expect(states == expected, "\(level)")
      #expect(await a.query("select sum(v) from \(table)").value == (expected.isEmpty ? "0" : "1"))
    }
  }

  @Test func readOnlyAnomalyIsRefused() async throws {
    let clients = try await TestNode.shared().clients(3)
    let (withdraw, deposit, report) = (clients[0], clients[1], clients[2])
    await report.query("create table read_only_anomaly (k text primary key, v int)")
    await report.query("insert into read_only_anomaly values ('checking', 0), ('savings', 0)")
    var states = await run([
      (withdraw, "begin"), (withdraw, "select * from read_only_anomaly"),
      (deposit, "update read_only_anomaly set v = 20 where k = 'savings'"),
    ])
    #expect(await report.query("select v from read_only_anomaly order by k").values == ["0", "20"])
    // The report saw the deposit and no withdrawal: the withdrawal, which did not see the deposit, cannot come before both.
    states += await run([
      (withdraw, "update read_only_anomaly set v = -11 where k = 'checking'"), (withdraw, "commit"),
    ])
    #expect(states == ["40001"])
  }

  @Test func phantomsAreRefused() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await a.query("create table phantom (k int primary key, v int); insert into phantom values (1, 1), (2, 1)")
    // Each adds a row where it saw room for one; together they would be too many.
    var states = await run([
      (a, "begin"), (b, "begin"), (a, "select count(*) from phantom where v = 1"),
      (b, "select count(*) from phantom where v = 1"), (a, "insert into phantom values (3, 1)"),
      (b, "insert into phantom values (4, 1)"), (a, "commit"), (b, "commit"),
    ])
    #expect(states == ["40001"])
    #expect(await a.query("select count(*) from phantom").value == "3")
    // A reader sees no row appear, and stands before its insertion.
    states = await run([(a, "begin"), (a, "select count(*) from phantom")])
    await b.query("insert into phantom values (5, 1)")
    #expect(await a.query("select count(*) from phantom").value == "3")
    states += await run([(a, "commit")])
    #expect(states == [])
  }

  @Test func nobodySeesWhatIsNotCommitted() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await a.query("create table dirty (k int primary key, v int); insert into dirty values (1, 1)")
    for level in ["serializable", "repeatable read", "read committed", "read uncommitted"] {
      _ = await run([(a, "begin"), (a, "update dirty set v = 2 where k = 1")])
      await b.query("begin isolation level \(level)")
      #expect(await b.query("select v from dirty where k = 1").value == "1")
      await b.query("commit")
      await a.query("rollback")
    }
  }

  @Test func readCommittedSeesEachCommit() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await a.query("create table read_committed (k int primary key, v int); insert into read_committed values (1, 1)")
    await a.query("begin isolation level read committed")
    #expect(await a.query("select v from read_committed").value == "1")
    await b.query("update read_committed set v = 2")
    #expect(await a.query("select v from read_committed").value == "2")
    // An update waits for the other's end and goes on from what it left.
    await b.query("begin; update read_committed set v = v + 10")
    let waiting = a.start("update read_committed set v = v + 100")
    #expect(await waiting.isBlocked())
    await b.query("commit")
    #expect(await waiting.value().error == nil)
    await a.query("commit")
    #expect(await a.query("select v from read_committed").value == "112")
    // The condition is looked at again too.
    await b.query("begin; update read_committed set v = 0")
    await a.query("begin isolation level read committed")
    let other = a.start("update read_committed set v = -1 where v = 112")
    #expect(await other.isBlocked())
    await b.query("commit")
    let again = await other.value()
    #expect(again.tags == ["UPDATE 0"], "\(again)")
    await a.query("commit")
  }

  @Test func repeatableReadKeepsItsSnapshot() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await a.query("create table snapshot (k int primary key, v int); insert into snapshot values (1, 1), (2, 2)")
    await a.query("begin isolation level repeatable read")
    #expect(await a.query("select v from snapshot where k = 1").value == "1")
    await b.query("update snapshot set v = 10; insert into snapshot values (3, 3)")
    #expect(await a.query("select k, v from snapshot order by k").values == ["1,1", "2,2"])
    #expect(await a.query("insert into snapshot values (4, 4)").error == nil)
    #expect(await a.query("commit").error == nil)
    #expect(await a.query("select count(*) from snapshot").value == "4")
  }

  @Test func implicitTransactionsAreTriedAgainByThemselves() async throws {
    let node = try await TestNode.shared()
    let first = try await node.client()
    await first.query("create table counter (k int primary key, v int); insert into counter values (1, 0)")
    let failures = await withTaskGroup(of: [ServerError].self) { group in
      for number in 0..<8 {
        group.addTask {
          guard let client = try? await node.client() else { return [ServerError(message: "no connection")] }
          var failures: [ServerError] = []
          for _ in 0..<15 {
            let answer =
              number % 2 == 0
              ? await client.query("update counter set v = v + 1 where k = 1")
              : await client.exchange([
                Extended.parse("update counter set v = v + $1 where k = 1"), Extended.bind([Array("1".utf8)]),
                Extended.execute(), Extended.sync,
              ])
            failures += answer.errors
          }
          return failures
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
    #expect(failures == [])
    #expect(await first.query("select v from counter").value == "120")
  }

  @Test func aStringOfStatementsIsOneTransactionWhateverCollides() async throws {
    let node = try await TestNode.shared()
    let first = try await node.client()
    await first.query("create table string_log (n int); create table string_sum (k int primary key, v int)")
    await first.query("insert into string_sum values (1, 0)")
    let done = await withTaskGroup(of: Int.self) { group in
      for number in 0..<4 {
        group.addTask {
          guard let client = try? await node.client() else { return 0 }
          var done = 0
          for _ in 0..<10 {
            let sql = "insert into string_log values (\(number)); update string_sum set v = v + 1 where k = 1"
            if await client.query(sql).error == nil { done += 1 }
          }
          return done
        }
      }
      return await group.reduce(0, +)
    }
    #expect(
      await first.query("select (select count(*) from string_log), v from string_sum").values == ["\(done),\(done)"])
  }

  static let levels = ["serializable", "repeatable read", "read committed"]

  /// What a transaction writes with a table as it was before another changed it would miss an index, or land where nobody looks.
  @Test(arguments: levels) func rowsReachIndexesMadeMeanwhile(level: String) async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    let name = "meanwhile_" + level.replacing(" ", with: "_")
    for change in ["create index on \(name) (v)", "alter table \(name) add column w int default 7", "truncate \(name)"]
    {
      // The row is written before the change or after it.
      for isEarly in [true, false] {
        await b.query("drop table if exists \(name)")
        await b.query("create table \(name) (k int primary key, v int); insert into \(name) values (1, 1)")
        await a.query("begin isolation level \(level)")
        #expect(await a.query("select v from \(name) where k = 1").value == "1")
        if isEarly { await a.query("insert into \(name) values (2, 2)") }
        #expect(await b.query(change).error == nil)
        if !isEarly { await a.query("insert into \(name) values (2, 2)") }
        await a.query("select count(*) from \(name)")
        let committed = await a.query("commit")
        #expect(committed.tags == ["COMMIT"] || committed.tags == ["ROLLBACK"] || committed.state == "40001")
        let byValue = await b.query("select k from \(name) where v = 2").values
        let byKey = await b.query("select v from \(name) where k = 2").values
        #expect(byValue == byKey, "\(change) \(isEarly)")
        // A truncation may come after the row in the serial order, even if it committed first.
        let isThere = committed.tags == ["COMMIT"]
        #expect(byKey == (isThere ? ["2"] : []) || (isThere && change.hasPrefix("truncate")), "\(change) \(isEarly)")
        #expect(
          await b.query("select v from \(name) where k = 1").values == (change.hasPrefix("truncate") ? [] : ["1"]))
      }
    }
  }

  @Test(arguments: levels) func changesOfOtherTablesAreNobodysBusiness(level: String) async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    let name = "business_" + level.replacing(" ", with: "_")
    await a.query("create table \(name) (k int primary key, v int); insert into \(name) values (1, 1)")
    let states = await run([
      (a, "begin isolation level \(level)"), (a, "select v from \(name) where k = 1 for update"),
      (b, "create table \(name)_other (k int primary key)"), (b, "select * from \(name)"),
      (a, "update \(name) set v = 5 where k = 1"), (b, "create index on \(name)_other (k)"),
      (b, "select * from \(name)"), (a, "commit"),
    ])
    #expect(states == [])
    #expect(await b.query("select v from \(name)").value == "5")
  }

  @Test func readCommittedSeesTablesMadeMeanwhile() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await a.query("begin isolation level read committed; select 1")
    await b.query("create table made_meanwhile (k int); insert into made_meanwhile values (1)")
    #expect(await a.query("insert into made_meanwhile values (2)").tags == ["INSERT 0 1"])
    #expect(await a.query("select count(*) from made_meanwhile").value == "2")
    await a.query("commit")
  }
}
