// The wire as drivers use it: pipelines, portals, binary values, COPY, and what comes after errors.
// Source: PostgreSQL manual, 55.2 "Message Flow".

import Testing

@Suite(.timeLimit(.minutes(5)))
struct ProtocolTests {
  @Test func aPipelineIsAnsweredInOrder() async throws {
    let a = try await TestNode.shared().client()
    var messages: [[UInt8]] = [Extended.parse("select $1::int + 1", name: "next", types: [23])]
    for number in 1...5 {
      messages += [Extended.bind([Array("\(number)".utf8)], statement: "next"), Extended.execute()]
    }
    let answer = await a.exchange(messages + [Extended.sync])
    #expect(answer.rows == [["2"], ["3"], ["4"], ["5"], ["6"]])
    #expect(answer.letters == "1" + String(repeating: "2DC", count: 5) + "Z")
    #expect(answer.status == "I")
  }

  @Test func anErrorSkipsToSyncAndUndoesThePipeline() async throws {
    let a = try await TestNode.shared().client()
    await a.query("create table pipeline (k int primary key)")
    let insert = { (k: String) in
      [Extended.parse("insert into pipeline values (\(k))"), Extended.bind(), Extended.execute()]
    }
    let answer = await a.exchange(
      insert("1") + insert("1 / 0") + insert("3") + [Extended.sync] + insert("4") + [Extended.sync], ready: 2)
    #expect(answer.errors.map(\.state) == ["22012"])
    #expect(answer.letters == "12CEZ12CZ" || answer.letters == "12C12EZ12CZ")
    #expect(await a.query("select k from pipeline").values == ["4"])
  }

  /// More than sockets hold: the server waits for the client, and serves others meanwhile.
  @Test func aClientThatReadsLateGetsEverything() async throws {
    let clients = try await TestNode.shared().clients(2)
    let late = clients[0].start(
      "select g || repeat('x', 100000) from generate_series(1, 200) g", readsAfterMilliseconds: 500)
    #expect(await clients[1].query("select 1").value == "1")
    let rows = await late.value().rows.map { $0[0] ?? "" }
    #expect(rows.count == 200)
    for (number, row) in rows.enumerated() {
      let head = "\(number + 1)"
      #expect(row.utf8.count == head.count + 100_000 && row.hasPrefix(head + "x") && row.hasSuffix("x"))
    }
    #expect(await clients[0].query("select 2").value == "2")
  }

  @Test func portalsGiveRowsInPieces() async throws {
    let a = try await TestNode.shared().client()
    await a.query("create table pieces (k int primary key)")
    await a.query("insert into pieces select g from generate_series(1, 2500) g")
    await a.query("begin")
    let first = await a.exchange([
      Extended.parse("select k from pieces order by k"), Extended.bind(portal: "p"),
      Extended.describe("P", "p"), Extended.execute(portal: "p", rows: 1000), Extended.sync,
    ])
    #expect(first.rows.count == 1000)
    #expect(first.letters.hasPrefix("12TD") && first.letters.hasSuffix("DsZ"))
    let second = await a.exchange([
      Extended.execute(portal: "p", rows: 1000), Extended.execute(portal: "p", rows: 0), Extended.sync,
    ])
    #expect(second.rows.count == 1500)
    #expect(second.rows.first == ["1001"] && second.rows.last == ["2500"])
    #expect(second.letters.filter { $0 != "D" } == "sCZ")
    await a.query("commit")
    // Portals end with their transaction.
    #expect(await a.exchange([Extended.execute(portal: "p"), Extended.sync]).state == "34000")
  }

  @Test func valuesGoInBinaryBothWays() async throws {
    let a = try await TestNode.shared().client()
    let answer = await a.exchange([
      Extended.parse("select $1::int8, $2::text, $3::bytea, $4::float8, $5::bool, $6::numeric"),
      Extended.bind(
        [
          [0, 0, 0, 0, 0, 0, 1, 0], Array("x".utf8), [1, 2], [0x3F, 0xF8, 0, 0, 0, 0, 0, 0], [1],
          // 1.5: two digits of base 10,000, weight 0, positive, scale 1
          [0, 2, 0, 0, 0, 0, 0, 1, 0, 1, 0x13, 0x88],
        ], formats: [1], results: [1]),
      Extended.execute(), Extended.sync,
    ])
    #expect(answer.errors == [])
    #expect(
      answer.rows == [["0000000000000100", "x", "0102", "3ff8000000000000", "01", "000200000000000100011388"]])
    // What does not fit its type is refused.
    let short = await a.exchange([
      Extended.parse("select $1::int8"), Extended.bind([[0, 1]], formats: [1]), Extended.execute(), Extended.sync,
    ])
    #expect(short.state == "08P01")
  }

  @Test func copyTakesAllRowsOrNone() async throws {
    let a = try await TestNode.shared().client()
    await a.query("create table copied (k int primary key, v text)")
    #expect(await a.query("copy copied from stdin", copy: ["1\tone\n2\t\\N\n", "3\tth", "ree\n"]).tags == ["COPY 3"])
    let bad = await a.query("copy copied from stdin", copy: ["4\tfour\n", "five\t5\n"])
    #expect(bad.state == "22P02")
    #expect(bad.error?.context == "COPY copied, line 2, column k: \"five\"")
    #expect(await a.query("copy copied from stdin", copy: ["4\n"]).state == "22P04")
    #expect(await a.query("copy copied from stdin", copy: ["4\tx\n1\ty\n"]).state == "23505")
    #expect(await a.query("copy copied from stdin").state == "57014")
    let out = await a.query("copy (select * from copied order by k) to stdout (format csv, header)")
    #expect(out.copied.joined() == "k,v\n1,one\n2,\n3,three\n")
    #expect(out.tags == ["COPY 3"])
  }

  @Test func aConnectionHearsAfterALongCopy() async throws {
    let a = try await TestNode.shared().client()
    await a.query("create table long_copy (k int primary key, v text)")
    // More messages than are queued, so that reading stops meanwhile.
    let answer = await a.query("copy long_copy from stdin", copy: (0..<30_000).map { "\($0)\tx\n" })
    #expect(answer.tags == ["COPY 30000"])
    #expect(await a.query("select count(*) from long_copy").value == "30000")
    // And one message larger than what is queued.
    let text = String(repeating: "x", count: 9 << 20)
    #expect(await a.query("select length('\(text)')").value == "\(9 << 20)")
  }

  @Test func aWaitForCopyDataCanBeCancelled() async throws {
    let a = try await TestNode.shared().client()
    await a.query("create table copy_wait (k int)")
    let begin = a.start(
      [Extended.parse("copy copy_wait from stdin"), Extended.bind(), Extended.execute(), message("H", [])], until: "G")
    #expect(await begin.value().letters == "12G")
    let answer = await a.cancel(a.start([], until: "E"))
    #expect(answer.error?.message == "canceling statement due to user request")
    let end = await a.exchange([Extended.sync])
    #expect(end.errors == [])
    #expect(end.status == "I")
  }

  @Test func brokenMessagesEndTheConnectionOnly() async throws {
    let node = try await TestNode.shared()
    for bytes in [
      [UInt8](repeating: 0xFF, count: 20), message("!", []), message("D", [1, 2]), message("B", [0, 0, 9, 9]),
    ] {
      let answer = await (try await node.client()).exchange([bytes])
      #expect(answer.state == "08P01")
      #expect(answer.status == nil)
    }
    #expect(await (try await node.client()).query("select 1").value == "1")
  }

  @Test func strangersAreTurnedAway() async throws {
    let port = try await TestNode.shared().port
    await #expect(throws: ServerError.self) { _ = try await TestClient.connect(port: port, user: "nobody") }
    do {
      _ = try await TestClient.connect(port: port, database: "nowhere")
    } catch let error as ServerError {
      #expect(error.state == "3D000")
      #expect(error.message == "database \"nowhere\" does not exist")
    }
  }
}
