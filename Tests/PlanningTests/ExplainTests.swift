// EXPLAIN in PostgreSQL's words: where both choose the same plan, the text is the same, recorded from PostgreSQL 15 with
// the same tables (1000 rows each, bitmap and merge plans off).

import SQLTypes
import Testing

@testable import Planning

@Suite struct ExplainTexts {
  static let tables = """
    CREATE TABLE t1(a int, b int, c int, d int, e int);
    CREATE TABLE t(a int primary key, b text, c numeric(10,2), v varchar(10), ts timestamp);
    CREATE TABLE u(a int, x text, y int unique)
    """

  static func catalog() throws -> TestCatalog {
    try TestCatalog(pgbench, tables, "CREATE INDEX u_a ON u(a)", "CREATE INDEX t_bc ON t(b, c desc)")
  }

  static func lines(_ catalog: TestCatalog, _ sql: String) throws -> [String] {
    guard case .explain(let plan) = try catalog.plan("EXPLAIN (COSTS OFF) " + sql) else { return [] }
    return Explain.text(plan)
  }

  @Test func textsAreThoseOfPostgreSQL() throws {
    let catalog = try Self.catalog()
    for (sql, expected) in recorded {
      #expect(try Self.lines(catalog, sql) == expected, "\(sql)")
    }
  }

  private var recorded: [(String, [String])] {
    [
      (
        "SELECT abalance FROM pgbench_accounts WHERE aid = 1",
        ["Index Scan using pgbench_accounts_pkey on pgbench_accounts", "  Index Cond: (aid = 1)"]
      ),
      (
        "SELECT * FROM t ORDER BY a DESC LIMIT 5",
        ["Limit", "  ->  Index Scan Backward using t_pkey on t"]
      ),
      (
        "SELECT * FROM t WHERE b = 'x' AND c BETWEEN 1 AND 2 ORDER BY c DESC",
        [
          "Index Scan using t_bc on t",
          "  Index Cond: ((b = 'x'::text) AND (c >= '1'::numeric) AND (c <= '2'::numeric))",
        ]
      ),
      (
        "SELECT a+b*2+c*3 FROM t1 WHERE a BETWEEN b AND c",
        ["Seq Scan on t1", "  Filter: ((a >= b) AND (a <= c))"]
      ),
      (
        "VALUES (1,'a'),(2,'b')",
        ["Values Scan on \"*VALUES*\""]
      ),
      (
        "INSERT INTO t(a) VALUES (1) ON CONFLICT (a) DO UPDATE SET b = excluded.b",
        ["Insert on t", "  Conflict Resolution: UPDATE", "  Conflict Arbiter Indexes: t_pkey", "  ->  Result"]
      ),
      (
        "SELECT 1",
        ["Result"]
      ),
      (
        "UPDATE t SET b = 'x' WHERE a = 5",
        ["Update on t", "  ->  Index Scan using t_pkey on t", "        Index Cond: (a = 5)"]
      ),
      (
        "DELETE FROM t WHERE a > 5 AND b <> 'q'",
        [
          "Delete on t", "  ->  Index Scan using t_pkey on t", "        Index Cond: (a > 5)",
          "        Filter: (b <> 'q'::text)",
        ]
      ),
      (
        "SELECT * FROM u WHERE x IS NULL AND NOT (y > 3 AND a < 2)",
        ["Seq Scan on u", "  Filter: ((x IS NULL) AND ((y <= 3) OR (a >= 2)))"]
      ),
      (
        "SELECT * FROM u WHERE x LIKE 'a%' ORDER BY x DESC NULLS LAST, a",
        ["Sort", "  Sort Key: x DESC NULLS LAST, a", "  ->  Seq Scan on u", "        Filter: (x ~~ 'a%'::text)"]
      ),
      (
        "SELECT * FROM t1 LIMIT 3",
        ["Limit", "  ->  Seq Scan on t1"]
      ),
      (
        "SELECT a FROM t1 ORDER BY a LIMIT 3 OFFSET 2",
        ["Limit", "  ->  Sort", "        Sort Key: a", "        ->  Seq Scan on t1"]
      ),
    ]
  }

  @Test func costsAndMeasuresStandInTheLine() throws {
    let catalog = try Self.catalog()
    guard
      case .explain(let plan) = try catalog.plan("EXPLAIN ANALYZE SELECT abalance FROM pgbench_accounts WHERE aid = 1")
    else {
      Issue.record("no EXPLAIN")
      return
    }
    let lines = Explain.text(
      plan, measure: { _ in ExplainMeasure(startupTime: 0.0123, totalTime: 0.5, rows: 1, loops: 1) },
      planningTime: 1.25,
      executionTime: 2)
    #expect(lines.first?.hasPrefix("Index Scan using pgbench_accounts_pkey on pgbench_accounts  (cost=") == true)
    #expect(lines.first?.hasSuffix(" rows=1 width=4) (actual time=0.012..0.500 rows=1 loops=1)") == true)
    #expect(Array(lines.suffix(2)) == ["Planning Time: 1.250 ms", "Execution Time: 2.000 ms"])
  }
}
