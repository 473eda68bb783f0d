// The anomalies of the literature, statement by statement, at the three isolation levels. A script is run once for each level;
// every line says what its session must be told, at all levels or as `read committed | repeatable read | serializable`.
//
//   1 SQL => ANSWER      session 1 runs it to its end
//   1 SQL ...            session 1 begins it, and something is in its way
//   1 => ANSWER          what session 1 began has ended
//
// An answer is rows (columns joined by commas), or else the command's tag, or `!SQLSTATE`; alternatives stand between slashes. The
// answers are those of PostgreSQL 15. Where there are two, the second is ours: what PostgreSQL refuses because the row was changed
// since the snapshot, we can often still put into a serial order, since a transaction whose reads hold may move forward.
// With MERIDIAN_ORACLE_PORT the same scripts run against a PostgreSQL there.
// Source: M. Kleppmann, "Hermitage"; Adya, "Weak Consistency", 1999; Fekete, O'Neil and O'Neil, 2004.

import Foundation
import Testing

struct Interleaving: Sendable, CustomTestStringConvertible {
  var name: String
  var script: String
  var testDescription: String { name }

  static let all = [
    Interleaving(
      name: "G0 dirty write",
      script: """
        1 update @ set v = 11 where k = 1 => UPDATE 1
        2 update @ set v = 12 where k = 1 ...
        1 update @ set v = 21 where k = 2 => UPDATE 1
        1 commit => COMMIT
        2 => UPDATE 1 | !40001/UPDATE 1 | !40001/UPDATE 1
        3 select * from @ order by k => 1,11 2,21
        2 update @ set v = 22 where k = 2 => UPDATE 1 | !25P02/UPDATE 1 | !25P02/UPDATE 1
        2 commit => COMMIT | ROLLBACK/COMMIT | ROLLBACK/COMMIT
        4 select * from @ order by k => 1,12 2,22 | 1,11 2,21/1,12 2,22 | 1,11 2,21/1,12 2,22
        """),
    Interleaving(
      name: "G1a aborted read",
      script: """
        1 update @ set v = 101 where k = 1 => UPDATE 1
        2 select * from @ order by k => 1,10 2,20
        1 rollback => ROLLBACK
        2 select * from @ order by k => 1,10 2,20
        2 commit => COMMIT
        """),
    Interleaving(
      name: "G1b intermediate read",
      script: """
        1 update @ set v = 101 where k = 1 => UPDATE 1
        2 select * from @ order by k => 1,10 2,20
        1 update @ set v = 11 where k = 1 => UPDATE 1
        1 commit => COMMIT
        2 select * from @ order by k => 1,11 2,20 | 1,10 2,20 | 1,10 2,20
        2 commit => COMMIT
        """),
    Interleaving(
      name: "G1c circular information flow",
      script: """
        1 update @ set v = 11 where k = 1 => UPDATE 1
        2 update @ set v = 22 where k = 2 => UPDATE 1
        1 select v from @ where k = 2 => 20
        2 select v from @ where k = 1 => 10
        1 commit => COMMIT
        2 commit => COMMIT | COMMIT | !40001
        """),
    Interleaving(
      name: "OTV observed transaction vanishes",
      script: """
        1 update @ set v = 11 where k = 1 => UPDATE 1
        1 update @ set v = 19 where k = 2 => UPDATE 1
        2 update @ set v = 12 where k = 1 ...
        1 commit => COMMIT
        2 => UPDATE 1 | !40001/UPDATE 1 | !40001/UPDATE 1
        3 select * from @ order by k => 1,11 2,19
        2 update @ set v = 18 where k = 2 => UPDATE 1 | !25P02/UPDATE 1 | !25P02/UPDATE 1
        3 select * from @ order by k => 1,11 2,19
        2 commit => COMMIT | ROLLBACK/COMMIT | ROLLBACK/COMMIT
        3 select * from @ order by k => 1,12 2,18 | 1,11 2,19 | 1,11 2,19
        3 commit => COMMIT
        """),
    Interleaving(
      name: "PMP predicate with many preceders",
      script: """
        1 select * from @ where v = 30 =>
        2 insert into @ values (3, 30) => INSERT 0 1
        2 commit => COMMIT
        1 select * from @ where v % 3 = 0 => 3,30 | |
        1 commit => COMMIT
        """),
    // Under READ COMMITTED we run the statement again on a new snapshot, where PostgreSQL looks again at the rows that it waited for.
    Interleaving(
      name: "PMP predicate of a write",
      script: """
        1 update @ set v = v + 10 => UPDATE 2
        2 select * from @ where v = 20 => 2,20
        2 delete from @ where v = 20 ...
        1 commit => COMMIT
        2 => DELETE 0/DELETE 1 | !40001 | !40001
        2 commit => COMMIT | ROLLBACK | ROLLBACK
        4 select * from @ where k = 2 => 2,30
        """),
    Interleaving(
      name: "P4 lost update",
      script: """
        1 select v from @ where k = 1 => 10
        2 select v from @ where k = 1 => 10
        1 update @ set v = 11 where k = 1 => UPDATE 1
        2 update @ set v = 12 where k = 1 ...
        1 commit => COMMIT
        2 => UPDATE 1 | !40001 | !40001
        2 commit => COMMIT | ROLLBACK | ROLLBACK
        4 select v from @ where k = 1 => 12 | 11 | 11
        """),
    Interleaving(
      name: "G-single read skew",
      script: """
        1 select v from @ where k = 1 => 10
        2 select v from @ where k = 1 => 10
        2 update @ set v = 12 where k = 1 => UPDATE 1
        2 update @ set v = 18 where k = 2 => UPDATE 1
        2 commit => COMMIT
        1 select v from @ where k = 2 => 18 | 20 | 20
        1 commit => COMMIT
        """),
    Interleaving(
      name: "G-single by a predicate",
      script: """
        1 select * from @ where v % 5 = 0 order by k => 1,10 2,20
        2 update @ set v = 12 where v = 10 => UPDATE 1
        2 commit => COMMIT
        1 select * from @ where v % 3 = 0 => 1,12 | |
        1 commit => COMMIT
        """),
    Interleaving(
      name: "G-single by the predicate of a write",
      script: """
        1 select * from @ where k = 1 => 1,10
        2 update @ set v = 12 where k = 1 => UPDATE 1
        2 update @ set v = 18 where k = 2 => UPDATE 1
        2 commit => COMMIT
        1 delete from @ where v = 20 => DELETE 0 | !40001 | !40001
        1 commit => COMMIT | ROLLBACK | ROLLBACK
        """),
    Interleaving(
      name: "G2-item write skew",
      script: """
        1 select * from @ where k in (1, 2) order by k => 1,10 2,20
        2 select * from @ where k in (1, 2) order by k => 1,10 2,20
        1 update @ set v = 11 where k = 1 => UPDATE 1
        2 update @ set v = 21 where k = 2 => UPDATE 1
        1 commit => COMMIT
        2 commit => COMMIT | COMMIT | !40001
        """),
    Interleaving(
      name: "G2 write skew by predicates",
      script: """
        1 select * from @ where v % 3 = 0 =>
        2 select * from @ where v % 3 = 0 =>
        1 insert into @ values (3, 30) => INSERT 0 1
        2 insert into @ values (4, 42) => INSERT 0 1
        1 commit => COMMIT
        2 commit => COMMIT | COMMIT | !40001
        """),
    Interleaving(
      name: "G2 read-only anomaly",
      script: """
        1 select * from @ order by k => 1,10 2,20
        2 update @ set v = v + 5 where k = 2 => UPDATE 1
        2 commit => COMMIT
        3 select * from @ order by k => 1,10 2,25
        3 commit => COMMIT
        1 update @ set v = 0 where k = 1 => UPDATE 1 | UPDATE 1 | !40001/UPDATE 1
        1 commit => COMMIT | COMMIT | ROLLBACK/!40001
        4 select * from @ order by k => 1,0 2,25 | 1,0 2,25 | 1,10 2,25
        """),
    Interleaving(
      name: "two make the same key, the first stays",
      script: """
        1 insert into @ values (3, 30) => INSERT 0 1
        2 insert into @ values (3, 31) ...
        1 commit => COMMIT
        2 => !23505
        2 rollback => ROLLBACK
        """),
    Interleaving(
      name: "two make the same key, the first goes",
      script: """
        1 insert into @ values (3, 30) => INSERT 0 1
        2 insert into @ values (3, 31) ...
        1 rollback => ROLLBACK
        2 => INSERT 0 1
        2 commit => COMMIT
        4 select * from @ where k = 3 => 3,31
        """),
    Interleaving(
      name: "ON CONFLICT meets a row made meanwhile",
      script: """
        1 insert into @ values (3, 30) => INSERT 0 1
        2 insert into @ values (3, 1) on conflict (k) do update set v = @.v + excluded.v ...
        1 commit => COMMIT
        2 => INSERT 0 1 | !40001/INSERT 0 1 | !40001/INSERT 0 1
        2 commit => COMMIT | ROLLBACK/COMMIT | ROLLBACK/COMMIT
        4 select v from @ where k = 3 => 31 | 30/31 | 30/31
        """),
    Interleaving(
      name: "a row goes while somebody waits for it",
      script: """
        1 delete from @ where k = 1 => DELETE 1
        2 select * from @ where k = 1 for update ...
        1 commit => COMMIT
        2 => | !40001/ | !40001/
        2 rollback => ROLLBACK
        """),
    Interleaving(
      name: "a queue of work",
      script: """
        1 select k from @ order by k limit 1 for update skip locked => 1
        2 select k from @ order by k limit 1 for update skip locked => 2
        3 select k from @ order by k limit 1 for update skip locked =>
        1 delete from @ where k = 1 => DELETE 1
        1 commit => COMMIT
        2 rollback => ROLLBACK
        3 commit => COMMIT
        4 select k from @ order by k limit 1 for update skip locked => 2
        """),
  ]
}

@Suite(.timeLimit(.minutes(5)))
struct InterleavingTests {
  static let levels = ["read committed", "repeatable read", "serializable"]

  private static func port() async throws -> Int {
    if let port = ProcessInfo.processInfo.environment["MERIDIAN_ORACLE_PORT"].flatMap({ Int($0) }) { return port }
    return try await TestNode.shared().port
  }

  private static func text(_ answer: Answer) -> String {
    if let state = answer.state { return "!" + state }
    return answer.letters.contains("T") ? answer.values.joined(separator: " ") : answer.tags.joined(separator: " ")
  }

  @Test(arguments: levels.indices) func anomaliesEndAsTheirLevelSays(level: Int) async throws {
    var clients: [TestClient] = []
    for _ in 0..<4 { clients.append(try await TestClient.connect(port: Self.port())) }
    for number in Interleaving.all.indices { try await run(number, level, clients) }
  }

  private func run(_ number: Int, _ level: Int, _ clients: [TestClient]) async throws {
    let interleaving = Interleaving.all[number]
    let table = "interleaving_\(number)_\(level)"
    await clients[0].query("drop table if exists \(table)")
    await clients[0].query("create table \(table) (k int primary key, v int)")
    #expect(await clients[0].query("insert into \(table) values (1, 10), (2, 20)").error == nil)
    // The fourth looks from outside.
    for client in clients[..<3] { await client.query("begin isolation level \(Self.levels[level])") }
    var pending: [Pending?] = [nil, nil, nil, nil]
    for line in interleaving.script.split(separator: "\n") {
      let what: Comment = "\(interleaving.name), \(Self.levels[level]): \(line)"
      let session = try #require(Int(line.prefix(1))) - 1
      let rest = line.dropFirst(2).replacing("@", with: table)
      if rest.hasSuffix("...") {
        let waiting = clients[session].start(String(rest.dropLast(3)))
        #expect(await waiting.isBlocked(), what)
        pending[session] = waiting
        continue
      }
      let parts = rest.split(separator: "=>", maxSplits: 1, omittingEmptySubsequences: false)
      let columns = parts[1].split(separator: "|", omittingEmptySubsequences: false)
      let expected = columns[columns.count == 1 ? 0 : level].split(separator: "/", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      let answer: Answer
      if let waiting = pending[session] {
        answer = await waiting.value()
        pending[session] = nil
      } else {
        answer = await clients[session].query(String(parts[0]))
      }
      #expect(expected.contains(Self.text(answer)), what)
    }
    for client in clients[..<3] { await client.query("rollback") }
  }
}
