// Sub-queries: which become joins, and what is bound to the outer row where they do not.

import Expressions
import SQLTypes
import Testing

@testable import Planning

@Suite struct Subqueries {
  private func catalog() throws -> TestCatalog {
    try TestCatalog("CREATE TABLE t (a int PRIMARY KEY, b text, n int); CREATE TABLE u (a int, x text, y int UNIQUE)")
  }

  /// The first node for which `test` holds, from the top.
  private func find(_ plan: PhysicalPlan, _ test: (PhysicalOperation) -> Bool) -> PhysicalPlan? {
    if test(plan.operation) { return plan }
    for input in plan.inputs { if let found = find(input, test) { return found } }
    return nil
  }

  /// An aggregate of the outer query's columns belongs to the outer query; the inner one only names it.
  @Test func aggregateOfTheOuterLevel() throws {
    let plan = try catalog().query("SELECT (SELECT sum(t.a)) FROM t")
    let found = find(plan.root) { if case .scalarSubquery = $0 { true } else { false } }
    guard case .scalarSubquery(let left, _, let bindings)? = found?.operation else {
      Issue.record("no sub-query")
      return
    }
    #expect(bindings.count == 1)
    #expect(find(left) { if case .aggregate = $0 { true } else { false } } != nil)
  }

  @Test func existenceAndMembershipAreHashed() throws {
    for (sql, kind) in [
      ("SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.n)", JoinKind.semi),
      ("SELECT * FROM t WHERE n IN (SELECT a FROM u)", .semi),
      ("SELECT * FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.a = t.n)", .anti),
      ("SELECT * FROM t WHERE n NOT IN (SELECT a FROM u)", .anti),
    ] {
      let plan = try catalog().query(sql)
      let found = find(plan.root) { if case .hashJoin(kind, _, _, _, _, _) = $0 { true } else { false } }
      #expect(found != nil, "\(sql)")
    }
  }

  /// A limit decides which rows a comparison above it sees; below EXISTS it decides nothing.
  @Test func limitsStayBelowComparisons() throws {
    let hasLimit = { (sql: String) in
      self.find(try self.catalog().query(sql).root) { if case .limit = $0 { true } else { false } } != nil
    }
    #expect(try hasLimit("SELECT * FROM t WHERE a IN (SELECT u.a FROM u WHERE u.y > t.n LIMIT 1)"))
    #expect(try !hasLimit("SELECT * FROM t WHERE EXISTS (SELECT u.a FROM u WHERE u.a = t.n LIMIT 1)"))
  }

  @Test func parametersTakeTypesFromTheirPlaces() throws {
    let types = { (sql: String) in try self.catalog().query(sql).parameterTypes }
    #expect(try types("SELECT * FROM t WHERE a = $1 AND b = $2 LIMIT $3") == [.int4, .text, .int8])
    #expect(try types("INSERT INTO t VALUES ($1, $2, $3)") == [.int4, .text, .int4])
    #expect(try types("SELECT $1::int8 + n FROM t WHERE a = ANY($2)") == [.int8, SQLType(OID(1007))])
    #expect(try types("SELECT $1") == [.text])
    #expect(throws: SQLError.self) { _ = try types("SELECT a FROM t WHERE $1 IS NULL OR $2 = a AND $4 = 1") }
  }
}
