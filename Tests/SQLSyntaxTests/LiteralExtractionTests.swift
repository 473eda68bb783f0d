// Which literals leave the key, which stay, and that putting them back gives the statement again.

import SQLTypes
import Testing

@testable import SQLSyntax

struct LiteralExtractionTests {
  private func extract(_ sql: String) -> LiteralExtraction? { LiteralExtraction.extract(Array(sql.utf8)) }

  private func values(_ sql: String) -> [String]? {
    extract(sql)?.literals.map { String(decoding: $0.text, as: UTF8.self) }
  }

  @Test func literalsThatLeave() {
    #expect(values("SELECT abalance FROM pgbench_accounts WHERE aid = 42;") == ["42"])
    #expect(values("UPDATE t SET a = a + -1234, b = 'x''y' WHERE id = 7") == ["-1234", "x'y", "7"])
    #expect(values("INSERT INTO t (a, b) VALUES (1, 'a'), (2.5, E'b\\n')") == ["1", "a", "2.5", "b\n"])
    #expect(
      values("DELETE FROM t WHERE a IN (1, 2) AND b BETWEEN 3 AND 4 AND c LIKE 'x%'") == ["1", "2", "3", "4", "x%"])
    #expect(values("SELECT * FROM a JOIN b ON a.x = b.x AND b.k = 5 WHERE (a.m, a.n) = (1, 2)") == ["5", "1", "2"])
    #expect(values("SELECT a FROM t WHERE d >= '2020-01-01'::date AND e = ANY ('{1,2}')") == ["2020-01-01", "{1,2}"])
    #expect(values("SELECT a FROM t WHERE b = (SELECT c FROM u WHERE d = 3)") == ["3"])
    #expect(values("SELECT a FROM (SELECT b FROM u WHERE d = 3) x") == ["3"])
    #expect(
      values("INSERT INTO t VALUES (1) ON CONFLICT (a) WHERE b = 2 DO UPDATE SET a = 3 WHERE t.c < 4 RETURNING a + 5")
        == ["1", "3", "4"])
  }

  @Test func literalsThatStay() {
    for sql in [
      "SELECT 1, 'a', a + 2 FROM t", "SELECT a FROM t ORDER BY 1 LIMIT 10 OFFSET 5",
      "SELECT a + 1 FROM t GROUP BY a + 1",
      "SELECT a FROM t WHERE b < interval '1 day'", "SELECT a FROM t WHERE b < now() - interval '1' day",
      "SELECT a FROM t WHERE f(1, 'x') AND b::numeric(10, 2) > c", "SELECT a FROM t WHERE b = date '2020-01-01'",
      "SELECT a FROM t WHERE b % 10 < c", "SELECT a FROM t WHERE (b ->> 'k') IS NULL AND c[1] IS NULL",
      "SELECT count(*) FILTER (WHERE a = 1) FROM t", "SELECT DISTINCT ON (a, 1) a FROM t", "SELECT a FROM f(1, 'x') g",
      "SELECT (SELECT b FROM u WHERE c = 1) FROM t ORDER BY (SELECT b FROM u WHERE c = 1)",
      "SELECT a FROM t WHERE 1 IS NULL",
      "SELECT a FROM t GROUP BY a HAVING count(*) > 5", "SELECT a FROM t WHERE b = CAST('1' AS varchar(10))",
      "SELECT a FROM t WHERE b = -5::smallint", "SELECT a FROM t WHERE b = B'01' OR c = U&'x'",
      "SELECT a IS DISTINCT FROM (SELECT b FROM u WHERE c = 1) FROM t",
      "SELECT coalesce((SELECT 1 WHERE a = 2), 3) FROM t",
      "SELECT a FROM t WHERE b = extract('year' FROM c)", "SELECT a FROM t TABLESAMPLE system (5)",
    ] {
      #expect(values(sql) == [], "\(sql)")
    }
  }

  @Test func declined() {
    for sql in [
      "SELECT $1", "SELECT 1; SELECT 2", "CREATE TABLE t (a int)", "WITH x AS (SELECT 1) SELECT 1", "SELECT 'a", "",
      "SELECT N'x'", "BEGIN", "SELECT a WHERE b = E'\\ud800'", "VALUES (1)",
      "INSERT INTO t VALUES " + Array(repeating: "(1)", count: 300).joined(separator: ","),
    ] {
      #expect(extract(sql) == nil, "\(sql)")
    }
    #expect(LiteralExtraction.extract([0xFF]) == nil)
  }

  @Test func keysAreEqualExactlyForOnePlan() {
    func key(_ sql: String) -> [UInt8]? { extract(sql)?.key }
    let base = key("SELECT a FROM t WHERE b = 1")
    #expect(base != nil)
    #expect(base == key("select  A /* x */ from T\nwhere b=2 ;"))
    #expect(base == key("SELECT a FROM t WHERE b = -7"))
    for other in [
      "SELECT a FROM t WHERE b = 3000000000", "SELECT a FROM t WHERE b = 1.5", "SELECT a FROM t WHERE b = '1'",
      "SELECT a FROM t WHERE b = 99999999999999999999", "SELECT \"A\" FROM t WHERE b = 1",
      "SELECT a FROM t WHERE b = c",
      "SELECT a FROM t WHERE b = 1 LIMIT 1", "SELECT a FROM t WHERE b <= 1",
    ] {
      #expect(base != key(other), "\(other)")
    }
    #expect(key("SELECT a FROM t WHERE b IN (1)") != key("SELECT a FROM t WHERE b IN (1, 2)"))
    #expect(key("SELECT a FROM t LIMIT 1") != key("SELECT a FROM t LIMIT 2"))
    #expect(key("SELECT a FROM t ORDER BY 1") != key("SELECT a FROM t ORDER BY 2"))
    #expect(key("SELECT a FROM t WHERE b = 2147483647") != key("SELECT a FROM t WHERE b = 2147483648"))
    #expect(key("SELECT a FROM t WHERE b = -2147483648") == base)
  }

  /// Puts literals back for the `$n` that the printer writes.
  private func substituted(_ printed: [UInt8], _ literals: [ExtractedLiteral]) -> [UInt8] {
    printed.withUnsafeBufferPointer { source in
      var lexer = Lexer(source)
      var out: [UInt8] = []
      while true {
        let token = lexer.next()
        if token.kind == .endOfInput { return out }
        let text = source[Int(token.start)..<Int(token.end)]
        if token.kind == .parameter, let number = Int(String(decoding: text.dropFirst(), as: UTF8.self)) {
          let literal = literals[number - 1]
          out += literal.kind == .string ? SyntaxPrinter.quoteLiteral(literal.text) : literal.text
        } else {
          out += text
        }
        out.append(0x20)
      }
    }
  }

  @Test func puttingLiteralsBackGivesTheStatement() throws {
    let further = [
      "UPDATE t SET a = a + -1234, b = 'x''y' WHERE id = 7",
      "SELECT a FROM t WHERE b = -5 AND c = - 6 OR d IN (-1, 2.5)",
      "SELECT a FROM t WHERE b BETWEEN -1 AND 'z' AND c = 'é' AND d <> 3000000000",
      "UPDATE t SET a = -5 ^ 2, b = 1 - 2 * -3",
      "INSERT INTO t VALUES (1, -2, 'a' || 'b', $$x$$, 5 + 6, (7)), (8, 9, '', '', (-1), (2))",
    ]
    var count = 0
    for sql in Samples.statements + further {
      guard let extraction = extract(sql) else { continue }
      let plain = try Parser.parse(Array(sql.utf8)).map(\.statement)
      let parsed = try Parser.parse(Array(sql.utf8), extracting: extraction).map(\.statement)
      #expect(parsed.count == 1)
      count += extraction.literals.count
      let printed = SyntaxPrinter.print(parsed[0])
      let again = try Parser.parse(substituted(printed, extraction.literals)).map(\.statement)
      #expect(again == plain, "\(sql) -> \(String(decoding: printed, as: UTF8.self))")
      // Every literal was met by the parser, in its place.
      for index in extraction.literals.indices {
        #expect(String(decoding: printed, as: UTF8.self).contains("$\(index + 1)"), "\(sql)")
      }
    }
    #expect(count > 50)
  }
}
