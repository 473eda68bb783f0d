// DDL with rows: index builds in one transaction and in steps, duplicates undone, new primary keys, added columns.

import Catalog
import Encoding
import Expressions
import Planning
import Reactors
import SQLTypes
import Testing
import Transactions

@testable import Execution

/// Knows the few expressions that these tests use.
private final class TestCompiler: ExpressionCompiler {
  func partitionGuard(of table: TableDescriptor) throws(SQLError) -> PartitionGuard? { nil }

  func compile(_ sql: String, over table: TableDescriptor, as type: SQLType) throws(SQLError) -> ScalarExpression {
    switch sql {
    case "7": return constant(7, type)
    case "a < 5": return compare(.less, column(0), constant(5))
    case "a + 1": return call("+", column(0), constant(1))
    default: throw SQLError(.syntaxError, "the tests do not know \(sql)")
    }
  }
}

/// Steps in transactions of their own, all on the snapshot that the last one left.
private final class TestSteps: StepTransactions {
  let bench: Bench
  var snapshot = CatalogSnapshot.genesis
  var count = 0
  init(_ bench: Bench) { self.bench = bench }

  func run(
    isUndo: Bool, _ body: (_ transaction: Transaction, _ view: CatalogView) async throws(SQLError) -> Void
  ) async throws(SQLError) {
    let transaction = bench.system.begin()
    let view = CatalogView(snapshot)
    do throws(SQLError) {
      try await body(transaction, view)
    } catch {
      await transaction.rollback()
      throw error
    }
    do throws(TransactionError) { _ = try await transaction.commit() } catch {
      throw SQLError(error, relation: { _ in nil })
    }
    snapshot = view.snapshot
    count += 1
  }
}

/// A database of one session.
private final class Database {
  let bench: Bench
  let steps: TestSteps
  let compiler = TestCompiler()

  init(_ bench: Bench) {
    self.bench = bench
    steps = TestSteps(bench)
  }

  func table(_ name: String) -> TableDescriptor? { CatalogView(steps.snapshot).relation(name) }

  @discardableResult
  func run(_ operation: SchemaOperation, online: Bool = false) async throws(SQLError) -> SchemaOutcome {
    var outcome = SchemaOutcome()
    let steps = steps
    if online {
      let transaction = bench.system.begin()
      outcome = try await SchemaExecutor.run(
        operation,
        SchemaContext(
          execution: bench.context(transaction), view: CatalogView(steps.snapshot), compiler: compiler, steps: steps))
      await transaction.rollback()
    } else {
      try await steps.run { (transaction, view) throws(SQLError) in
        outcome = try await SchemaExecutor.run(
          operation, SchemaContext(execution: bench.context(transaction), view: view, compiler: compiler))
      }
    }
    return outcome
  }

  func error(_ operation: SchemaOperation, online: Bool = false) async -> SQLError? {
    do throws(SQLError) {
      try await run(operation, online: online)
      return nil
    } catch {
      return error
    }
  }

  func insert(_ name: String, _ rows: [[Datum]]) async throws {
    guard let table = table(name) else { return }
    let types = table.columns.map(\.type)
    try await bench.rows(
      PhysicalPlan(
        .insert(
          InsertPlan(
            table: table,
            source: .values(rows.map { $0 + Array(repeating: .null, count: types.count - $0.count) }, types),
            checks: [], predicates: [:], onConflict: nil, returnsRows: false)), output: []))
  }

  func rows(_ name: String, index: Int = 0, columns: [String]) async throws -> [[Datum]] {
    guard let table = table(name) else { return [] }
    let wanted = columns.compactMap { table.column(named: $0) }
    return try await bench.rows(
      PhysicalPlan(
        .scan(
          ScanPlan(
            table: table, alias: name, index: table.allIndexes[index], spans: [IndexSpan()],
            columns: wanted.map(\.id))), output: wanted.map(\.type)))
  }

  /// `create table t (a int8, b int8)`, with rows (i, i % modulus).
  func make(_ count: Int64, modulus: Int64) async throws {
    try await run(
      .createTable(
        TableDefinition(
          schema: CatalogView(steps.snapshot).creationSchema?.oid ?? .invalid, name: "t",
          columns: [ColumnDescriptor(id: 1, name: "a", type: .int8), ColumnDescriptor(id: 2, name: "b", type: .int8)]),
        ifNotExists: false))
    for start in stride(from: 0, to: count, by: 2000) {
      try await insert("t", (start..<min(count, start + 2000)).map { [.int64($0), .int64($0 % modulus)] })
    }
  }
}

private func index(_ name: String, on column: UInt32, isUnique: Bool, isPrimary: Bool = false) -> IndexDescriptor {
  IndexDescriptor(
    id: 0, oid: .invalid, name: name, columns: [IndexColumn(columnID: column)], isUnique: isUnique,
    isPrimary: isPrimary)
}

struct SchemaTests {
  @Test(arguments: [false, true])
  func createsIndexes(online: Bool) async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      let database = Database(bench)
      // More rows than one step takes.
      try await database.make(9000, modulus: 10)
      guard let oid = database.table("t")?.oid else { throw SQLError(.internalError, "no table") }
      let before = database.steps.count
      try await database.run(
        .createIndex(
          table: oid, index("t_b_idx", on: 2, isUnique: false), expressions: [], ifNotExists: false, isConcurrent: false
        ),
        online: online)
      #expect(database.steps.count - before == (online ? 4 : 1))
      #expect(database.table("t")?.indexes.first?.state == .active)
      let rows = try await database.rows("t", index: 1, columns: ["a", "b"])
      #expect(rows.count == 9000 && rows.map { $0[1].int ?? 0 } == rows.map { $0[1].int ?? 0 }.sorted())
      // A duplicate leaves no trace.
      let error = await database.error(
        .createIndex(
          table: oid, index("u", on: 2, isUnique: true), expressions: [], ifNotExists: false, isConcurrent: false),
        online: online)
      #expect(error?.state == .uniqueViolation)
      #expect(error?.message == "could not create unique index \"u\"")
      #expect(error?.detail == "Key (b)=(0) is duplicated.")
      #expect(database.table("t")?.indexes.count == 1)
      // Only some rows: a partial unique index.
      var partial = index("p", on: 1, isUnique: true)
      partial.predicateSQL = "a < 5"
      try await database.run(
        .createIndex(table: oid, partial, expressions: [], ifNotExists: false, isConcurrent: false), online: online)
      #expect(try await database.rows("t", index: 2, columns: ["a"]) == (0..<5).map { [.int64($0)] })
    }
  }

  @Test func primaryKeys() async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      let database = Database(bench)
      try await database.make(3000, modulus: 7)
      guard let oid = database.table("t")?.oid else { throw SQLError(.internalError, "no table") }
      let duplicate = await database.error(
        .alterTable(oid, [.addPrimaryKey(index("", on: 2, isUnique: true, isPrimary: true))]))
      #expect(duplicate?.message == "could not create unique index \"t_pkey\"")
      #expect(duplicate?.detail == "Key (b)=(0) is duplicated.")
      try await database.run(.alterTable(oid, [.addPrimaryKey(index("", on: 1, isUnique: true, isPrimary: true))]))
      #expect(database.table("t")?.columns.map(\.name) == ["a", "b"])
      #expect(try await database.rows("t", columns: ["a", "b"]) == (0..<3000).map { [.int64($0), .int64($0 % 7)] })
      // And back to row ids.
      try await database.run(.alterTable(oid, [.dropConstraint("t_pkey", ifExists: false, cascades: false)]))
      #expect(try await database.rows("t", columns: ["a"]).count == 3000)
      try await database.insert("t", [[.int64(5000), .null]])
      let null = await database.error(
        .alterTable(oid, [.addPrimaryKey(index("", on: 2, isUnique: true, isPrimary: true))]))
      #expect(null?.message == "column \"b\" of relation \"t\" contains null values")
      try await database.run(.truncate([oid], restartsIdentity: false, cascades: false))
      #expect(try await database.rows("t", columns: ["a"]).isEmpty)
    }
  }

  @Test func columns() async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      let database = Database(bench)
      try await database.make(1500, modulus: 7)
      guard let oid = database.table("t")?.oid else { throw SQLError(.internalError, "no table") }
      var withDefault = ColumnDescriptor(id: 0, name: "c", type: .int8, isNullable: false)
      withDefault.defaultSQL = "7"
      var generated = ColumnDescriptor(id: 0, name: "g", type: .int8)
      generated.generatedSQL = "a + 1"
      try await database.run(
        .alterTable(
          oid,
          [
            .addColumn(withDefault, ifNotExists: false, check: nil, sequence: nil),
            .addColumn(generated, ifNotExists: false, check: nil, sequence: nil),
            .addColumn(
              ColumnDescriptor(id: 0, name: "n", type: .text), ifNotExists: false, check: nil, sequence: nil),
          ]))
      let rows = try await database.rows("t", columns: ["a", "c", "g", "n"])
      #expect(rows == (0..<1500).map { [.int64($0), .int64(7), .int64($0 + 1), .null] })
      let null = await database.error(
        .alterTable(
          oid,
          [
            .addColumn(
              ColumnDescriptor(id: 0, name: "x", type: .int8, isNullable: false), ifNotExists: false, check: nil,
              sequence: nil)
          ]))
      #expect(null?.message == "column \"x\" of relation \"t\" contains null values")
      #expect(null?.state == .notNullViolation)
      let check = await database.error(
        .alterTable(
          oid, [.addCheck(CheckConstraint(oid: .invalid, name: "small", expressionSQL: "a < 5", columns: [1]))]))
      #expect(check?.message == "check constraint \"small\" of relation \"t\" is violated by some row")
      try await database.run(.alterTable(oid, [.dropColumn("b", ifExists: false, cascades: false)]))
      #expect(try await database.rows("t", columns: ["a", "c"]).count == 1500)
    }
  }
}
