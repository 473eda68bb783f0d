// AS OF SYSTEM TIME, which is no PostgreSQL, and `of` as an alias, which is.
// Source: CockroachDB's documentation, "AS OF SYSTEM TIME", "BEGIN", "SET TRANSACTION".

import SQLTypes
import Testing

@testable import SQLSyntax

struct AsOfTests {
  private static let time = "AS OF SYSTEM TIME '-10s'"

  @Test(arguments: [
    "SELECT * FROM t \(time)", "SELECT a FROM t AS x, u AS of \(time) WHERE a = 1 ORDER BY a LIMIT 1",
    "SELECT * FROM t JOIN u USING (a) \(time)", "SELECT * FROM t JOIN u USING (a) AS of \(time)",
    "SELECT * FROM generate_series(1, 3) \(time)", "SELECT * FROM f() AS of (a) \(time)",
    "SELECT * FROM ROWS FROM (f()) \(time)", "SELECT * FROM (SELECT a FROM t) x \(time) GROUP BY a",
    "SELECT * FROM (a CROSS JOIN b) \(time)", "SELECT * FROM t TABLESAMPLE system (50) \(time)",
    "SELECT a FROM t \(time) UNION SELECT a FROM u", "SELECT a FROM t UNION SELECT a FROM u \(time)",
    "EXPLAIN SELECT * FROM t \(time)", "COPY (SELECT * FROM t \(time)) TO STDOUT",
    "DECLARE c CURSOR FOR SELECT * FROM t \(time)", "INSERT INTO t SELECT * FROM u \(time)",
    "CREATE TABLE t AS SELECT * FROM u \(time)", "SELECT * FROM t AS OF SYSTEM TIME follower_read_timestamp()",
    "SELECT * FROM t AS OF SYSTEM TIME -(('1000' || 'us')::interval)",
    "SELECT * FROM t AS OF SYSTEM TIME $1 WHERE a = $2",
    "SELECT * FROM t AS OF SYSTEM TIME with_max_staleness('10s', true)",
  ])
  func aStatementSaysWhenItReads(_ sql: String) throws {
    let parsed = try Parser.parse(Array(sql.utf8))
    #expect(parsed.count == 1)
    #expect(parsed[0].statement.asOf != nil)
    let printed = SyntaxPrinter.print(parsed[0].statement)
    let again = try Parser.parse(printed)
    #expect(again.map(\.statement) == parsed.map(\.statement), "\(String(decoding: printed, as: UTF8.self))")
    // A plan for the statement without its literals would read at any time.
    #expect(LiteralExtraction.extract(Array(sql.utf8)) == nil)
  }

  @Test(arguments: [
    "BEGIN \(time)", "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, \(time)",
    "BEGIN TRANSACTION \(time) READ ONLY",
    "SET TRANSACTION \(time)", "SET TRANSACTION READ ONLY, AS OF SYSTEM TIME '2026-11-01'",
  ])
  func aTransactionSaysWhenItReads(_ sql: String) throws {
    let parsed = try Parser.parse(Array(sql.utf8))
    let modes: TransactionModes? =
      switch parsed[0].statement {
      case .transaction(.begin(let modes, _)), .setTransaction(.transaction(let modes)): modes
      default: nil
      }
    #expect(modes?.asOf != nil)
    #expect(try Parser.parse(SyntaxPrinter.print(parsed[0].statement)).map(\.statement) == parsed.map(\.statement))
  }

  /// As PostgreSQL 15 reads these.
  @Test(arguments: [
    "SELECT * FROM t AS of", "SELECT * FROM t AS of WHERE of.a = 1", "SELECT * FROM t of",
    "SELECT of.system FROM t AS of (system, time)",
    "SELECT 1 AS of FROM system AS time", "SELECT a FROM t AS of, system", "SELECT * FROM f() AS of",
    "SELECT * FROM t JOIN u USING (a) AS of",
  ])
  func ofIsAName(_ sql: String) throws {
    let parsed = try Parser.parse(Array(sql.utf8))
    #expect(parsed[0].statement.asOf == nil)
  }

  @Test func whatIsNeitherIsRefused() throws {
    for (sql, message, position) in [
      ("SELECT * FROM t AS OF SYSTEM '-10s'", "syntax error at or near \"SYSTEM\"", 23),
      ("SELECT * FROM t AS OF SYSTEM TIME", "syntax error at end of input", 34),
      ("SELECT 1 AS OF SYSTEM TIME '-10s'", "syntax error at or near \"SYSTEM\"", 16),
      ("SELECT * FROM t WHERE a = 1 AS OF SYSTEM TIME '-10s'", "syntax error at or near \"AS\"", 29),
      ("UPDATE t AS OF SYSTEM TIME '-10s' SET a = 1", "syntax error at or near \"SYSTEM\"", 16),
      ("BEGIN AS OF", "syntax error at or near \"AS\"", 7),
    ] {
      let error = try #require(throws: SQLError.self, "\(sql)") { try Parser.parse(Array(sql.utf8)) }
      #expect(error.message == message && error.position == position, "\(sql): \(error)")
    }
  }
}
