// The OLTP statements that matter most must come out as plain as they can.

import Catalog
import Expressions
import SQLTypes
import Testing

@testable import Planning

let pgbench = """
  CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
  CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84));
  CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88));
  CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22))
  """

@Suite struct PointStatements {
  @Test func pointQueryIsABareScan() throws {
    let catalog = try TestCatalog(pgbench)
    let plan = try catalog.query("SELECT abalance FROM pgbench_accounts WHERE aid = $1")
    #expect(plan.parameterTypes == [.int4])
    guard case .scan(let scan) = plan.root.operation else {
      Issue.record("\(plan.root.operation)")
      return
    }
    #expect(scan.columns == [3])
    #expect(scan.spans.count == 1)
    #expect(scan.spans.first?.equal.count == 1)
    #expect(scan.filter == nil)
    #expect(scan.lock == nil)
    #expect(plan.writing == nil)
  }

  @Test func updateIsOverALockedScan() throws {
    let catalog = try TestCatalog(pgbench)
    let plan = try catalog.query("UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2")
    #expect(plan.parameterTypes == [.int4, .int4])
    guard case .update(let update) = plan.root.operation, case .scan(let scan) = update.source.operation else {
      Issue.record("\(plan.root.operation)")
      return
    }
    #expect(scan.columns == [1, 2, 3, 4])
    #expect(scan.lock == RowLock(isExclusive: true))
    #expect(scan.filter == nil)
    #expect(update.assignments.map(\.column) == [2])
    #expect(plan.columns.isEmpty)
  }

  @Test func insertFillsEveryColumn() throws {
    let catalog = try TestCatalog(pgbench)
    let plan = try catalog.query(
      "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)")
    guard case .insert(let insert) = plan.root.operation, case .values(let rows) = insert.source.operation else {
      Issue.record("\(plan.root.operation)")
      return
    }
    #expect(rows.count == 1)
    #expect(rows.first?.count == 7)
    #expect(insert.source.output.map(\.oid) == [23, 23, 23, 23, 1114, 1042, 20].map { OID($0) })
  }

  @Test func deleteIsOverALockedScan() throws {
    let catalog = try TestCatalog(pgbench)
    let plan = try catalog.query("DELETE FROM pgbench_accounts WHERE aid = 5 RETURNING abalance")
    guard case .project(let below, _) = plan.root.operation, case .delete(let delete) = below.operation,
      case .scan(let scan) = delete.source.operation
    else {
      Issue.record("\(plan.root.operation)")
      return
    }
    #expect(scan.lock?.isExclusive == true)
    #expect(plan.columns.map(\.name) == ["abalance"])
  }
}
