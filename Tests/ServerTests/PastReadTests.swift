// Reads in the past, over one node. What a read must see was read in the same test when it was so: `cluster_logical_timestamp()` is the
// time at which a transaction reads.
// Source: CockroachDB's documentation, "AS OF SYSTEM TIME", "Follower Reads", "BEGIN", "SET TRANSACTION".

import Testing

@Suite(.timeLimit(.minutes(5)))
struct PastReadTests {
  private func now(_ client: TestClient) async -> String {
    await client.query("select cluster_logical_timestamp()").value ?? ""
  }

  /// A table with one row, and the time at which it was so; then another row.
  private func table(_ name: String, _ client: TestClient) async -> String {
    await client.query("create table \(name) (k int primary key, v text)")
    await client.query("insert into \(name) values (1, 'old')")
    let time = await now(client)
    await client.query("update \(name) set v = 'new' where k = 1; insert into \(name) values (2, 'new')")
    return time
  }

  @Test func everyFormOfATimeIsRead() async throws {
    let a = try await TestNode.shared().client()
    let time = await table("past_forms", a)
    let past = "select k, v from past_forms as of system time"
    #expect(await a.query("\(past) \(time)").values == ["1,old"])
    #expect(await a.query("\(past) '\(time)'").values == ["1,old"])
    #expect(await a.query("\(past) \(time) where k = 1").values == ["1,old"])
    // The same text with another time is another statement.
    for form in ["'-1us'", "interval '-1us'", "'-1 microsecond'", "-(('1' || 'us')::interval)", "clock_timestamp_now"] {
      let form = form == "clock_timestamp_now" ? await now(a) : form
      #expect(await a.query("\(past) \(form) order by k").values == ["1,new", "2,new"], "\(form)")
    }
    let instant = await a.query("select to_timestamp(\(time) / 1e9)::text").value ?? ""
    let seconds = await a.query("select extract(epoch from '\(instant)'::timestamptz)").value ?? ""
    #expect(!instant.isEmpty && !seconds.isEmpty)
    // Within one microsecond of it nothing else was there.
    for form in ["'\(instant)'", "timestamptz '\(instant)'", "'\(instant)'::timestamptz"] {
      #expect(await a.query("select now() from generate_series(1, 1) as of system time \(form)").value == instant)
    }
    #expect(await a.query("set time zone 'UTC'").state == nil)
    #expect(await a.query("select count(*) from past_forms as of system time '-1h30m'").state == "42P01")
  }

  @Test func noTimeThatIsNoneIsTaken() async throws {
    let a = try await TestNode.shared().client()
    await a.query("create table past_errors (k int primary key)")
    for (time, state, message) in [
      ("'10s'", "22023", "cannot read as of a time in the future"),
      ("'2999-01-01'", "22023", "cannot read as of a time in the future"),
      ("'infinity'", "22023", "cannot read as of a time in the future"),
      ("'0'", "22023", "cannot read as of a time before 1970"),
      ("-1", "22023", "cannot read as of a time before 1970"),
      ("'1969-01-01'", "22023", "cannot read as of a time before 1970"),
      ("'-infinity'", "22023", "cannot read as of a time before 1970"),
      ("'NaN'", "22023", "NaN is no time to read at"),
      ("99999999999999999999", "22023", "99999999999999999999 is no time to read at"),
      ("'0s'", "22023", "the interval \"0s\" in AS OF SYSTEM TIME is zero"),
      ("'-0.1us'", "22023", "the interval \"-0.1us\" in AS OF SYSTEM TIME is zero"),
      ("'yes'", "22007", "\"yes\" is no time to read at"), ("''", "22007", "\"\" is no time to read at"),
      ("null", "22004", "the time in AS OF SYSTEM TIME must not be null"),
      ("true", "42804", "AS OF SYSTEM TIME takes a timestamp, an interval or a number, not a value of type boolean"),
      (
        "now()", "42601",
        "only constants, with_min_timestamp(), with_max_staleness() and follower_read_timestamp() are allowed in AS OF SYSTEM TIME"
      ),
      (
        "cluster_logical_timestamp()", "42601",
        "only constants, with_min_timestamp(), with_max_staleness() and follower_read_timestamp() are allowed in AS OF SYSTEM TIME"
      ),
      ("(select '-1h'::interval)", "0A000", "cannot use subquery in AS OF SYSTEM TIME"),
      ("k", "42703", "column \"k\" does not exist"), ("$1", "42P02", "there is no parameter $1"),
      ("follower_read_timestamp('boom')", "42883", "function follower_read_timestamp(unknown) does not exist"),
      ("sum(1)", "42803", "aggregate functions are not allowed in AS OF SYSTEM TIME"),
      ("'-1 year'", "72000", nil), ("'2020-01-01'", "72000", nil),
    ] as [(String, String, String?)] {
      let answer = await a.query("select * from past_errors as of system time \(time)")
      #expect(answer.state == state, "\(time): \(answer.errors)")
      if let message { #expect(answer.error?.message == message, "\(time)") }
    }
    #expect(await a.query("begin as of system time '10s'").state == "22023")
    #expect(await a.query("select 1").status == "I")
  }

  /// The catalog is that of the time, too.
  @Test func theSchemaIsThatOfTheTime() async throws {
    let a = try await TestNode.shared().client()
    let before = await now(a)
    let time = await table("past_schema", a)
    await a.query("alter table past_schema add column w int default 7")
    #expect(await a.query("select * from past_schema as of system time \(time)").values == ["1,old"])
    #expect(await a.query("select w from past_schema as of system time \(time)").state == "42703")
    await a.query("create index past_schema_v on past_schema (v)")
    #expect(await a.query("select k from past_schema as of system time \(time) where v = 'old'").values == ["1"])
    await a.query("truncate past_schema")
    #expect(await a.query("select v from past_schema as of system time \(time)").values == ["old"])
    await a.query("drop table past_schema")
    #expect(await a.query("select v from past_schema as of system time \(time)").values == ["old"])
    #expect(await a.query("select v from past_schema").state == "42P01")
    #expect(await a.query("select v from past_schema as of system time \(before)").state == "42P01")
    await a.query("create table past_schema (other int)")
    #expect(await a.query("select v from past_schema as of system time \(time)").values == ["old"])
    #expect(await a.query("select * from past_schema").values == [])
    // A label that was added since is still one after somebody has read the catalog that had it not.
    await a.query("create type past_mood as enum ('sad')")
    let sad = await now(a)
    await a.query("alter type past_mood add value 'happy'")
    for number in 1...6 { await a.query("create table past_versions\(number) (k int)") }
    #expect(await a.query("select 'sad'::past_mood from generate_series(1, 1) as of system time \(sad)").value == "sad")
    #expect(await a.query("select 'happy'::past_mood").value == "happy")
  }

  @Test func aTransactionReadsAtOneTime() async throws {
    let a = try await TestNode.shared().client()
    let time = await table("past_block", a)
    for begin in ["begin as of system time \(time)", "begin; set transaction as of system time \(time)"] {
      await a.query(begin)
      #expect(await a.query("select k, v from past_block").values == ["1,old"])
      #expect(await a.query("select k, v from past_block where k = 1").values == ["1,old"])
      #expect(await a.query("select cluster_logical_timestamp()").value == time)
      #expect(await a.query("show transaction_read_only").value == "on")
      #expect(await a.query("select v from past_block as of system time \(time)").values == ["old"])
      await a.query("declare c cursor for select v from past_block")
      #expect(await a.query("fetch all from c").values == ["old"])
      await a.query("savepoint s")
      #expect(await a.query("insert into past_block values (3, 'x')").state == "25006")
      #expect(await a.query("rollback to s").state == nil)
      #expect(await a.query("select v from past_block").values == ["old"])
      #expect(await a.query("commit").tags == ["COMMIT"])
    }
    #expect(await a.query("select count(*) from past_block").value == "2")
  }

  @Test func nothingIsWrittenOrLockedInThePast() async throws {
    let a = try await TestNode.shared().client()
    let time = await table("past_writes", a)
    await a.query("create sequence past_numbers")
    await a.query("create temp table past_temporary (k int) on commit delete rows")
    await a.query(
      "create function past_writer() returns int language plpgsql as $$ begin insert into past_writes values (9, 'x'); return 1; end $$"
    )
    let later = await now(a)
    let clause = "as of system time \(later)"
    for (sql, command) in [
      ("insert into past_writes select k + 10, v from past_writes \(clause)", "INSERT"),
      ("create table past_copy as select * from past_writes \(clause)", "CREATE TABLE AS"),
      ("create temp table past_copy as select * from past_writes \(clause)", "CREATE TABLE AS"),
      ("select * into past_copy from past_writes \(clause)", "SELECT INTO"),
      ("select * from past_writes \(clause) for update", "SELECT FOR UPDATE"),
      ("select nextval('past_numbers') from past_writes \(clause)", "nextval()"),
      ("with gone as (delete from past_writes returning k) select * from past_writes \(clause)", "DELETE"),
      ("explain analyze insert into past_writes select * from past_writes \(clause)", "INSERT"),
      ("select past_writer() from generate_series(1, 1) \(clause)", "INSERT"),
    ] {
      let answer = await a.query(sql)
      #expect(answer.state == "25006", "\(sql): \(answer.errors)")
      #expect(answer.error?.message == "cannot execute \(command) in a read-only transaction", "\(sql)")
    }
    for sql in [
      "insert into past_writes values (3)", "update past_writes set v = 'x'", "delete from past_writes",
      "truncate past_writes",
      "create table past_copy (k int)", "create temp table past_copy (k int)", "drop table past_writes",
      "lock table past_writes",
      "discard temp", "do $$ begin insert into past_writes values (3, 'x'); end $$", "copy past_writes from stdin",
      "select past_writer()", "select * from past_writes for share", "select setval('past_numbers', 3)",
      "analyze past_writes; create role past_role",
    ] {
      await a.query("begin as of system time \(later)")
      let answer = await a.query(sql)
      #expect(answer.state == "25006", "\(sql): \(answer.errors)")
      await a.query("rollback")
    }
    await a.query("begin as of system time \(time)")
    #expect(await a.query("set transaction read write").state == "25001")
    await a.query("rollback")
    await a.query("begin as of system time \(time)")
    #expect(await a.query("set transaction_read_only = off").state == "25001")
    await a.query("rollback")
    #expect(await a.query("begin read write as of system time \(time)").state == "42601")
    #expect(await a.query("select k from past_writes order by k").values == ["1", "2"])
    #expect(await a.query("insert into past_temporary values (1)").state == nil)
    #expect(await a.query("select count(*) from past_temporary").value == "0")
  }

  @Test func theTimeIsSaidOnceAndFirst() async throws {
    let a = try await TestNode.shared().client()
    let time = await table("past_once", a)
    let past = "select v from past_once as of system time \(time)"
    for sql in [
      "select * from (\(past)) x", "with x as (\(past)) select * from x", "create view past_view as \(past)",
      "select (\(past)) from past_once", "update past_once set v = (\(past))",
      "select * from (\(past)) x as of system time '-1us'",
    ] {
      #expect(await a.query(sql).state == "42601", "\(sql)")
    }
    #expect(await a.query("select * from (\(past)) x as of system time \(time)").values == ["old"])
    #expect(await a.query("\(past) union all \(past)").values == ["old", "old"])
    await a.query("begin")
    #expect(await a.query(past).state == "25001")
    await a.query("rollback; begin")
    await a.query("select 1")
    #expect(await a.query("set transaction as of system time \(time)").state == "25001")
    await a.query("rollback")
    await a.query("begin as of system time \(time)")
    #expect(await a.query("select v from past_once as of system time '-1us'").state == "25001")
    await a.query("rollback")
    // A statement of the past in a string is a transaction of its own.
    #expect(await a.query("\(past); select count(*) from past_once").values == ["old", "2"])
    #expect(await a.query("\(past); insert into past_once values (5, 'x')").state == nil)
    #expect(await a.query("insert into past_once values (6, 'x'); \(past)").state == "25001")
    #expect(await a.query("select count(*) from past_once").value == "3")
    #expect(await a.query("set session characteristics as transaction as of system time \(time)").state == "0A000")
  }

  @Test func theExtendedProtocolReadsThePast() async throws {
    let a = try await TestNode.shared().client()
    let time = await table("past_extended", a)
    let past = "select k, v from past_extended as of system time"
    func run(_ sql: String, _ parameters: [String] = []) -> [[UInt8]] {
      [
        Extended.parse(sql), Extended.bind(parameters.map { Array($0.utf8) }), Extended.describe("P"),
        Extended.execute(),
      ]
    }
    #expect(await a.exchange(run("\(past) \(time)") + [Extended.sync]).rows == [["1", "old"]])
    #expect(await a.exchange(run("\(past) '-1us' where k = $1", ["2"]) + [Extended.sync]).rows == [["2", "new"]])
    #expect(await a.exchange(run("\(past) $1", [time]) + [Extended.sync]).rows == [["1", "old"]])
    #expect(await a.exchange(run("\(past) $2 where k = $1", ["1", time]) + [Extended.sync]).rows == [["1", "old"]])
    // Each statement of a pipeline reads at its own time, and after it the present comes back.
    let pipeline = await a.exchange(
      run("\(past) \(time)") + run("select count(*) from past_extended") + [Extended.sync])
    #expect(pipeline.rows == [["1", "old"], ["2"]])
    // A plan made once reads at the time of each execution, and by the schema of then.
    _ = await a.exchange([Extended.parse("\(past) '-1us' order by k", name: "again"), Extended.sync])
    let again = [Extended.bind(statement: "again"), Extended.execute(), Extended.sync]
    #expect(await a.exchange(again).rows == [["1", "new"], ["2", "new"]])
    await a.query("delete from past_extended where k = 1")
    #expect(await a.exchange(again).rows == [["2", "new"]])
    await a.query("prepare p (text) as \(past) $1")
    #expect(await a.query("execute p('\(time)')").values == ["1,old"])
    #expect(await a.query("execute p('-1us')").values == ["2,new"])
    await a.query("drop table past_extended")
    #expect(await a.query("execute p('\(time)')").values == ["1,old"])
  }

  @Test func otherStatementsReadThePast() async throws {
    let a = try await TestNode.shared().client()
    let time = await table("past_others", a)
    let past = "select k, v from past_others as of system time \(time)"
    #expect(await a.query("copy (\(past)) to stdout").copied.joined() == "1\told\n")
    #expect(await a.query("explain \(past)").state == nil)
    #expect(await a.query("explain analyze \(past)").state == nil)
    await a.query("declare c cursor with hold for \(past)")
    #expect(await a.query("fetch all from c").values == ["1,old"])
    await a.query("close c")
    #expect(
      await a.query("select relname from pg_class as of system time \(time) where relname = 'past_others'").value != nil
    )
  }

  @Test func privilegesAreTodays() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    let time = await table("past_privileges", a)
    await a.query("create role past_reader login")
    await b.query("set role past_reader")
    let past = "select v from past_privileges as of system time \(time)"
    #expect(await b.query(past).state == "42501")
    await a.query("grant select on past_privileges to past_reader")
    #expect(await b.query(past).values == ["old"])
    let granted = await now(a)
    await a.query("revoke select on past_privileges from past_reader")
    #expect(await b.query(past).state == "42501")
    #expect(await b.query("explain \(past)").state == "42501")
    #expect(await b.query("explain analyze select * from past_privileges").state == "42501")
    // Of what is gone only the privileges of then are known.
    await a.query("drop table past_privileges")
    #expect(await b.query(past).state == "42501")
    #expect(await b.query("select count(*) from past_privileges as of system time \(granted)").value == "2")
    #expect(await a.query(past).values == ["old"])
  }

  @Test func stalenessMayBeBounded() async throws {
    let a = try await TestNode.shared().client()
    await a.query("create table past_bounds (k int primary key)")
    await a.query("insert into past_bounds values (1)")
    let created = await now(a)
    let past = "select k from past_bounds as of system time"
    // Nobody but the leaseholder can tell what is this new.
    #expect(await a.query("\(past) with_min_timestamp(to_timestamp(\(created) / 1e9))").values == ["1"])
    #expect(await a.query("\(past) with_max_staleness('1ms')").values == ["1"])
    #expect(await a.query("\(past) with_max_staleness('1ms', false)").values == ["1"])
    #expect(await a.query("\(past) with_max_staleness('10h')").state == nil)
    #expect(await a.query("explain \(past) with_max_staleness('1ms')").state == nil)
    #expect(await a.query("copy (\(past) with_max_staleness('1ms') where k = 1) to stdout").copied.joined() == "1\n")
    let extended = [
      Extended.parse("\(past) with_max_staleness($1::interval) where k = $2"),
      Extended.bind([Array("1ms".utf8), Array("1".utf8)]), Extended.execute(), Extended.sync,
    ]
    #expect(await a.exchange(extended).rows == [["1"]])
    #expect(await a.query("\(past) with_max_staleness('-1ms')").state == "22023")
    #expect(await a.query("\(past) with_min_timestamp(now())").state == "42601")
    for begin in [
      "begin as of system time with_max_staleness('1s')",
      "begin; set transaction as of system time with_max_staleness('1s')",
    ] {
      let answer = await a.query(begin)
      #expect(answer.error?.message == "only constants and follower_read_timestamp() are allowed in AS OF SYSTEM TIME")
      await a.query("rollback")
    }
    await a.query("begin")
    #expect(await a.query("\(past) with_max_staleness('1ms')").state == "25001")
    await a.query("rollback")
    #expect(await a.query("select statement_timestamp() - follower_read_timestamp()").value == "00:00:04.8")
    #expect(await a.query("select statement_timestamp() - with_max_staleness('3s')").value == "00:00:03")
  }

  @Test func readsAreALittleInThePastByDefault() async throws {
    let clients = try await TestNode.shared().clients(2)
    let (a, b) = (clients[0], clients[1])
    await a.query("create table past_default (k int primary key)")
    await a.query("insert into past_default values (1)")
    await a.query("set default_transaction_use_follower_reads = on")
    /// What is answered to who asks for a table less than 4.8 s after it was made; on a slow machine it is asked for another one.
    func look(_ name: String, _ ask: (String) async -> Answer) async -> String? {
      for attempt in 0..<100 {
        let before = await now(b)
        await b.query("create table \(name)\(attempt) (k int)")
        let state = await ask("select * from \(name)\(attempt)").state
        guard let before = Double(before), let after = Double(await now(b)) else { break }
        if after - before < 4.8e9 { return state }
      }
      return "nothing came in time"
    }
    #expect(await look("past_simple") { await a.query($0) } == "42P01")
    #expect(await look("past_parsed") { await a.exchange([Extended.parse($0), Extended.sync]) } == "42P01")
    let inBlock = await look("past_in_block") { sql in
      await a.query("begin read only")
      let answer = await a.query(sql)
      await a.query("rollback")
      return answer
    }
    #expect(inBlock == "42P01")
    #expect(await a.query("insert into past_default values (2)").state == nil)
    await a.query("begin")
    #expect(await a.query("select count(*) from past_default").value == "2")
    await a.query("commit")
    #expect(
      await a.query(
        "select cluster_logical_timestamp() < extract(epoch from statement_timestamp() - interval '4s') * 1e9"
      ).value == "t")
    await a.query("set default_transaction_use_follower_reads = off")
    #expect(await a.query("select count(*) from past_default").value == "2")
  }
}
