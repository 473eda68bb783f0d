// ALTER TABLE … SPLIT AT, and statements over the ranges that it makes.

import Foundation
import Server
import Testing

@Suite(.timeLimit(.minutes(5)))
struct SplitAtTests {
  @Test func aTableLiesInManyRanges() async throws {
    // A node of its own: whoever writes elsewhere while ranges are cut may have to begin anew.
    let folder = try TestNode.makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let node = try await TestNode.start(folder)
    let client = try await node.client()
    await client.query(
      "create table cut (a int, b text, c int, primary key (a, b)); create index cut_c on cut (c desc);"
        + "insert into cut select g, 'x', g % 7 from generate_series(1, 100) g")
    let before = await client.query("select count(*) from meridian_catalog.ranges").values
    #expect(await client.query("alter table cut split at values (10), (20), ('30'), (20)").state == nil)
    #expect(await client.query("alter table cut split at select 50, 'm'").state == nil)
    #expect(await client.query("alter index cut_c split at values (3)").state == nil)
    let after = await client.query("select count(*) from meridian_catalog.ranges").values
    #expect(Int(after[0])! - Int(before[0])! == 5)
    #expect(await client.query("select concat(sum(a), ' ', count(*)) from cut").values == ["5050 100"])
    #expect(await client.query("select a from cut where a > 8 order by a limit 3").values == ["9", "10", "11"])
    #expect(await client.query("select a from cut where a < 52 order by a desc limit 3").values == ["51", "50", "49"])
    await client.query("begin; update cut set c = c + 1; delete from cut where a in (9, 21, 99)")
    #expect(await client.query("select concat(count(*), ' ', sum(c)) from cut").values == ["97 391"])
    #expect(await client.query("commit").state == nil)
    #expect(await client.query("select concat(count(*), ' ', sum(c)) from cut").values == ["97 391"])
    #expect(await client.query("select count(*) from cut where c = 4").values == ["14"])
    #expect(await client.query("alter table cut unsplit at values (10), (11)").tags == ["ALTER TABLE"])
    #expect(await client.query("alter index cut_c unsplit all").tags == ["ALTER INDEX"])
    #expect(await client.query("alter table nowhere unsplit all").state == "42P01")
    #expect(await client.query("alter table cut unsplit all, add d int").state == "42601")
    await node.node.stop()
  }

  @Test func rangesAreScatteredOverNodes() async throws {
    let cluster = try await LocalCluster.start(count: 4) { _, _ in }
    let client = try await TestClient.connect(port: cluster.nodes[1].sqlAddress.port)
    await client.query(
      "create table spread (a int primary key); create index spread_a on spread (a);"
        + "insert into spread select generate_series(1, 100)")
    // Three replicas of the one range before it is cut.
    var voters = ""
    for _ in 0..<300 where voters != "3" {
      voters = await client.query("select max(cardinality(voters)) from meridian_catalog.ranges").value ?? ""
      try await Task.sleep(nanoseconds: 50_000_000)
    }
    #expect(await client.query("alter table spread split at select generate_series(0, 110, 10)").state == nil)
    let answer = await client.query("alter table spread scatter")
    #expect(answer.state == nil && answer.tags == ["ALTER TABLE"])
    let ranges = "from meridian_catalog.ranges where table_name = 'spread'"
    #expect(await client.query("select count(distinct leaseholder) > 1 \(ranges)").value == "t")
    #expect(await client.query("select count(distinct voters) > 1 \(ranges)").value == "t")
    #expect(await client.query("select min(cardinality(voters)) \(ranges)").value == "3")
    #expect(await client.query("select sum(a) from spread").value == "5050")
    #expect(await client.query("alter index spread_a scatter").tags == ["ALTER INDEX"])
    #expect(await client.query("alter table nowhere scatter").state == "42P01")
    #expect(await client.query("alter table if exists nowhere scatter").state == nil)
    #expect(await client.query("alter table spread scatter, add b int").state == "42601")
    await cluster.stop()
  }

  @Test func whatIsNoKeyIsRefused() async throws {
    let client = try await TestNode.shared().clients(1)[0]
    await client.query("create table uncut (a int primary key)")
    #expect(await client.query("alter table uncut split at values (1, 2)").state == "42601")
    #expect(await client.query("alter table uncut split at values ('x')").state == "22P02")
    #expect(await client.query("alter table nowhere split at values (1)").state == "42P01")
    #expect(await client.query("alter table uncut split at values (1), add b int").state == "42601")
    #expect(await client.query("alter table uncut split").state == "42601")
  }
}
