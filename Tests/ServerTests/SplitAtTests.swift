// ALTER TABLE … SPLIT AT, and statements over the ranges that it makes.

import Foundation
import Testing

@Suite(.timeLimit(.minutes(2)))
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
    await node.node.stop()
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
