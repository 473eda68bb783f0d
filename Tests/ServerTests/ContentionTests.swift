// Who waited for whom, as `meridian_catalog` and errors tell it.

import Testing

@Suite(.timeLimit(.minutes(5)))
struct ContentionViewTests {
  private func waits(_ client: TestClient, _ table: String) async -> [[String?]] {
    await client.query(
      """
      select outcome, waiting_statement, blocking_statement, regexp_replace(key, '^/Table/[0-9]+/[0-9]+', ''), duration > '0' and duration < '1 minute',
        began_at between now() - interval '1 minute' and now() + interval '1 minute', node_id, waiting_transaction <> blocking_transaction
      from meridian_catalog.transaction_contention where table_name = '\(table)' order by began_at
      """
    ).rows
  }

  @Test func waitsAreRemembered() async throws {
    let clients = try await TestNode.shared().clients(3)
    let (a, b, c) = (clients[0], clients[1], clients[2])
    await a.query("create table contended (k int primary key, v text)")
    await a.query("insert into contended values (1, 'x'), (2, 'x')")
    #expect(await waits(a, "contended") == [])
    await a.query("begin")
    await a.query("select * from contended")
    await a.query("update contended set v = 'a' where k = 1")
    let pending = b.start("update contended set v = 'b' where k = 1")
    #expect(await pending.isBlocked())
    // The second comes to the lock when it can.
    var locks = Answer()
    for _ in 0..<1000 where locks.rows.count < 2 {
      try await Task.sleep(nanoseconds: 10_000_000)
      locks = await c.query(
        """
        select regexp_replace(key, '^/Table/[0-9]+/[0-9]+', ''), statement, mode, is_granted, node_id
        from meridian_catalog.locks where table_name = 'contended' order by key, is_granted desc
        """)
    }
    #expect(
      locks.values == [
        "/1,update contended set v = 'a' where k = 1,exclusive,t,1",
        "/1,update contended set v = 'b' where k = 1,exclusive,f,1",
      ])
    await a.query("commit")
    #expect(await pending.value().state == nil)
    let event: [String?] = [
      "granted", "update contended set v = 'b' where k = 1", "update contended set v = 'a' where k = 1",
      "/1", "t", "t", "1", "t",
    ]
    #expect(await waits(c, "contended") == [event])
    // What gave up is told, too.
    await a.query("begin; delete from contended where k = 2")
    #expect(await b.query("set lock_timeout = '1ms'; delete from contended where k = 2").state == "55P03")
    await a.query("rollback")
    #expect(await waits(c, "contended").map { $0[0] } == ["granted", "timed out"])
    #expect(await c.query("select count(*) from meridian_catalog.locks where table_name = 'contended'").value == "0")
    // Others' statements are nobody's business.
    await c.query("create role contention_reader login")
    await c.query("set role contention_reader")
    #expect(await waits(c, "contended").map { $0[1] } == [nil, nil])
  }

  @Test func errorsNameWhoWasInTheWay() async throws {
    let clients = try await TestNode.shared().clients(3)
    let (a, b, c) = (clients[0], clients[1], clients[2])
    await a.query("create table contended_rows (k int primary key, v int)")
    await a.query("insert into contended_rows values (1, 0), (2, 0)")
    // 40001 after a wait.
    for client in [a, b] {
      await client.query("begin isolation level repeatable read")
      await client.query("select * from contended_rows")
    }
    await a.query("update contended_rows set v = 1 where k = 1")
    let pending = b.start("update contended_rows set v = 2 where k = 1")
    // Only who has come to wait can say for whom.
    for _ in 0..<1000 {
      let waiting = "select from meridian_catalog.locks where table_name = 'contended_rows' and not is_granted"
      if await c.query(waiting).rows.count == 1 { break }
      try await Task.sleep(nanoseconds: 10_000_000)
    }
    await a.query("commit")
    let collision = await pending.value().error
    #expect(collision?.state == "40001")
    #expect(collision?.detail.contains("(update contended_rows set v = 1 where k = 1)") == true)
    #expect(collision?.detail.hasSuffix("Table \"contended_rows\", key (k)=(1).") == true)
    await b.query("rollback")
    // 40P01.
    for (client, key) in [(a, 1), (b, 2)] {
      await client.query("begin")
      await client.query("update contended_rows set v = 3 where k = \(key)")
    }
    let (first, second) = (
      a.start("delete from contended_rows where k = 2"), b.start("delete from contended_rows where k = 1")
    )
    let errors = [await first.value().error, await second.value().error].compactMap { $0 }
    #expect(errors.map(\.state) == ["40P01"])
    #expect(errors.first?.message == "deadlock detected")
    let detail = errors.first?.detail ?? ""
    #expect(
      detail.contains(
        "(delete from contended_rows where k = 2) waits for an exclusive lock on table \"contended_rows\", key (k)=(2), which"
      ))
    #expect(
      detail.contains(
        "(delete from contended_rows where k = 1) waits for an exclusive lock on table \"contended_rows\", key (k)=(1), which"
      ))
    await a.query("rollback")
    await b.query("rollback")
  }
}
