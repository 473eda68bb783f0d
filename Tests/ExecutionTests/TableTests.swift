// INSERT, UPDATE, DELETE and scans on a real transaction: random changes against a model in an array, all indexes read
// back each time; constraint errors with PostgreSQL's words.

import Catalog
import Encoding
import Expressions
import Planning
import Reactors
import SQLTypes
import Testing
import Transactions

@testable import Execution

/// `create table t (a int8 primary key, b int8, c text not null, d numeric)`, `unique (b)`, an index on (c desc, d), and a
/// covering one on d including c.
enum TestTable {
  static let types: [SQLType] = [.int8, .int8, .text, .numeric]

  static let descriptor: TableDescriptor = {
    let columns = zip(["a", "b", "c", "d"], types).enumerated().map { index, column in
      ColumnDescriptor(id: UInt32(index + 1), name: column.0, type: column.1, isNullable: index == 1 || index == 3)
    }
    let primary = IndexDescriptor(
      id: 1, oid: OID(16385), name: "t_pkey", columns: [IndexColumn(columnID: 1)], isUnique: true, isPrimary: true)
    let unique = IndexDescriptor(
      id: 2, oid: OID(16386), name: "t_b_key", columns: [IndexColumn(columnID: 2)], isUnique: true)
    let composite = IndexDescriptor(
      id: 3, oid: OID(16387), name: "t_c_d_idx",
      columns: [IndexColumn(columnID: 3, isDescending: true), IndexColumn(columnID: 4)], isUnique: false)
    var covering = IndexDescriptor(
      id: 4, oid: OID(16388), name: "t_d_idx", columns: [IndexColumn(columnID: 4)], isUnique: false)
    covering.included = [3]
    return TableDescriptor(
      oid: OID(16384), schema: OID(2200), name: "t", owner: OID(10), kind: .table, columns: columns,
      primaryIndex: primary, indexes: [unique, composite, covering], nextColumnID: 5)
  }()

  static func scan(
    index: Int = 0, spans: [IndexSpan] = [IndexSpan()], filter: ScalarExpression? = nil, lock: RowLock? = nil,
    columns: [UInt32] = [1, 2, 3, 4], isReverse: Bool = false
  ) -> PhysicalPlan {
    PhysicalPlan(
      .scan(
        ScanPlan(
          table: descriptor, alias: "t", index: descriptor.allIndexes[index], spans: spans, columns: columns,
          isReverse: isReverse, filter: filter, lock: lock)),
      output: columns.map { types[Int($0) - 1] })
  }

  static func insert(_ rows: [[Datum]], _ conflict: ConflictAction? = nil) -> PhysicalPlan {
    PhysicalPlan(
      .insert(
        InsertPlan(
          table: descriptor, source: .values(rows, types),
          checks: [.condition(name: "t_a_check", compare(.greaterOrEqual, column(0), constant(0)))],
          predicates: [:], onConflict: conflict, returnsRows: true)), output: types)
  }

  static func update(_ filter: ScalarExpression?, _ assignments: [ColumnAssignment]) -> PhysicalPlan {
    PhysicalPlan(
      .update(
        UpdatePlan(
          table: descriptor, source: scan(filter: filter, lock: RowLock(isExclusive: true)), assignments: assignments,
          checks: [], predicates: [:], returnsRows: true)), output: types)
  }

  static func delete(_ filter: ScalarExpression?) -> PhysicalPlan {
    PhysicalPlan(
      .delete(
        DeletePlan(
          table: descriptor, source: scan(filter: filter, lock: RowLock(isExclusive: true)), predicates: [:],
          returnsRows: true)), output: types)
  }
}

private func row(_ a: Int64, _ b: Int64?, _ c: String, _ d: String?) -> [Datum] {
  [
    .int64(a), b.map { .int64($0) } ?? .null, .text(c),
    d.map { text in (try? TypeInfo.find(SQLType.numeric.oid)?.input(text)) ?? .null } ?? .null,
  ]
}

private let numbers = ["1", "1.0", "1.00", "-3.50", "NaN", "123456789012345678901234567890.5"]

private func randomRow(_ random: inout RandomSource, _ a: Int64) -> [Datum] {
  row(
    a, Int.random(in: 0..<3, using: &random) == 0 ? nil : Int64.random(in: 0..<400, using: &random),
    ["", "x", "xy", "zz\u{0}q"][Int.random(in: 0..<4, using: &random)],
    Int.random(in: 0..<4, using: &random) == 0
      ? nil : numbers[Int.random(in: 0..<6, using: &random)])
}

/// Every index gives the model's rows, those that cover and those that fetch.
private func check(_ bench: Bench, _ model: [[Datum]]) async throws {
  func shown(_ rows: [[Datum]]) -> [String] { rows.map { "\($0)" }.sorted() }
  let expected = shown(model)
  for index in 0..<4 {
    #expect(shown(try await bench.rows(TestTable.scan(index: index))) == expected, "index \(index)")
  }
  // Covered by t_d_idx: the numeric keeps its scale though the key has lost it.
  let covered = try await bench.rows(TestTable.scan(index: 3, columns: [4, 3, 1]))
  #expect(shown(covered) == shown(model.map { [$0[3], $0[2], $0[0]] }))
  let forward = try await bench.rows(TestTable.scan(index: 2))
  let backward = try await bench.rows(TestTable.scan(index: 2, isReverse: true))
  #expect(
    shown(forward) == shown(backward.reversed()) && forward.map { "\($0)" } == backward.reversed().map { "\($0)" })
}

struct TableTests {
  @Test func randomChanges() async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      var random = RandomSource(seed: 23, label: "changes")
      var model: [[Datum]] = []
      for step in 0..<60 {
        let pick = Int.random(in: 0..<10, using: &random)
        if pick < 5 {
          // Rows whose keys are free, and now and then one that is not.
          var rows: [[Datum]] = []
          for _ in 0..<Int.random(in: 1..<30, using: &random) {
            rows.append(randomRow(&random, Int64.random(in: 0..<2000, using: &random)))
          }
          var seenA = Set(model.map { $0[0] })
          var seenB = Set(model.map { $0[1] })
          seenB.remove(.null)
          var isFree = true
          for row in rows {
            if !seenA.insert(row[0]).inserted || (!row[1].isNull && !seenB.insert(row[1]).inserted) { isFree = false }
          }
          if isFree {
            #expect(try await bench.rows(TestTable.insert(rows)).count == rows.count)
            model += rows
          } else {
            #expect(await bench.error(TestTable.insert(rows))?.state == .uniqueViolation)
            // DO NOTHING keeps the first of each.
            var keptA = Set(model.map { $0[0] })
            var keptB = Set(model.map { $0[1] })
            var kept: [[Datum]] = []
            for row in rows where !keptA.contains(row[0]) && (row[1].isNull || !keptB.contains(row[1])) {
              keptA.insert(row[0])
              if !row[1].isNull { keptB.insert(row[1]) }
              kept.append(row)
            }
            let given = try await bench.rows(TestTable.insert(rows, .nothing(arbiters: [])))
            #expect(given.map { "\($0)" } == kept.map { "\($0)" })
            model += kept
          }
        } else if pick < 7 {
          let bound = Int64.random(in: 0..<2000, using: &random)
          let gone = try await bench.rows(TestTable.delete(compare(.less, column(0), constant(bound / 4))))
          #expect(gone.count == model.count { ($0[0].int ?? 0) < bound / 4 })
          model.removeAll { ($0[0].int ?? 0) < bound / 4 }
        } else if pick < 9 {
          let bound = Int64.random(in: 0..<2000, using: &random)
          let value = randomRow(&random, 0)
          _ = try await bench.rows(
            TestTable.update(
              compare(.less, column(0), constant(bound)),
              [
                ColumnAssignment(column: 2, value: .constant(value[2], .text)),
                ColumnAssignment(column: 3, value: .constant(value[3], .numeric)),
              ]))
          for index in model.indices where (model[index][0].int ?? 0) < bound {
            model[index][2] = value[2]
            model[index][3] = value[3]
          }
        } else {
          // Keys move beyond all those that there are, so that none meets another.
          let distance = Int64(1) << Int64(min(60, 12 + step))
          if step > 45 { continue }
          _ = try await bench.rows(
            TestTable.update(nil, [ColumnAssignment(column: 0, value: call("+", column(0), constant(distance)))]))
          for index in model.indices { model[index][0] = .int64((model[index][0].int ?? 0) + distance) }
        }
        if step % 6 == 5 { try await check(bench, model) }
      }
      try await check(bench, model)
    }
  }

  @Test func spans() async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      var rows: [[Datum]] = []
      for a in Int64(0)..<3000 { rows.append(row(a, a % 5 == 0 ? nil : a * 2, "c\(a % 10)", "\(a % 7)")) }
      try await bench.rows(TestTable.insert(rows))
      func keys(_ plan: PhysicalPlan) async throws -> [Int64] {
        try await bench.rows(plan).compactMap { $0[0].int }
      }
      func bound(_ value: Int64, _ isInclusive: Bool) -> IndexBound {
        IndexBound(value: constant(value), isInclusive: isInclusive)
      }
      let point = TestTable.scan(spans: [IndexSpan(equal: [constant(17)])])
      #expect(try await keys(point) == [17])
      let several = TestTable.scan(spans: [40, 3, 40, 99999, 7].map { IndexSpan(equal: [constant($0)]) })
      #expect(try await keys(several) == [3, 7, 40])
      let null = TestTable.scan(spans: [IndexSpan(equal: [.constant(.null, .int8)])])
      #expect(try await keys(null) == [])
      let range = IndexSpan(lower: bound(10, false), upper: bound(1500, true))
      #expect(try await keys(TestTable.scan(spans: [range])) == Array(11...1500))
      #expect(try await keys(TestTable.scan(spans: [range], isReverse: true)) == Array((11...1500).reversed()))
      let overlapping = IndexSpan(lower: bound(1400, true), upper: bound(1600, false))
      #expect(try await keys(TestTable.scan(spans: [overlapping, range])) == Array(11..<1600))
      // On a unique secondary index: bounds keep NULLs out, which stand last.
      let upper = TestTable.scan(index: 1, spans: [IndexSpan(lower: bound(5990, true))])
      #expect(try await keys(upper) == [2996, 2997, 2998, 2999])
      let unique = TestTable.scan(index: 1, spans: [IndexSpan(equal: [constant(22)])])
      #expect(try await keys(unique) == [11])
      #expect(try await keys(TestTable.scan(index: 1, spans: [IndexSpan(nextIsNull: true)])).count == 600)
      // On a descending text column: values above 'c7', which come first.
      let text = TestTable.scan(
        index: 2, spans: [IndexSpan(lower: IndexBound(value: .constant(.text("c7"), .text), isInclusive: false))])
      #expect(Set(try await keys(text).map { $0 % 10 }) == [8, 9])
      #expect(try await keys(text).first.map { $0 % 10 } == 9)
      // A lock takes the rows that pass, through a secondary index too.
      let locked = TestTable.scan(
        index: 2, spans: [IndexSpan(equal: [.constant(.text("c3"), .text)])],
        filter: compare(.less, column(0), constant(40)), lock: RowLock(isExclusive: true))
      #expect(Set(try await keys(locked)) == [3, 13, 23, 33])
    }
  }

  /// Messages as PostgreSQL 15 gives them for the same table.
  @Test func constraintErrors() async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      try await bench.rows(TestTable.insert([row(1, 10, "x", "1.50"), row(2, nil, "y", nil)]))
      let primary = await bench.error(TestTable.insert([row(3, nil, "x", nil), row(1, nil, "x", nil)]))
      #expect(primary?.state == .uniqueViolation)
      #expect(primary?.message == "duplicate key value violates unique constraint \"t_pkey\"")
      #expect(primary?.detail == "Key (a)=(1) already exists.")
      #expect(primary?.table == "t" && primary?.constraint == "t_pkey")
      let unique = await bench.error(TestTable.insert([row(4, 11, "x", nil), row(5, 11, "x", nil)]))
      #expect(unique?.detail == "Key (b)=(11) already exists.")
      let null = await bench.error(
        TestTable.insert([row(6, 1, "a", nil), [.int64(7), .null, .null, .null]]))
      #expect(null?.state == .notNullViolation)
      #expect(null?.message == "null value in column \"c\" of relation \"t\" violates not-null constraint")
      #expect(null?.detail == "Failing row contains (7, null, null, null).")
      #expect(null?.column == "c")
      let check = await bench.error(TestTable.insert([row(-1, nil, "", "2.50")]))
      #expect(check?.state == .checkViolation)
      #expect(check?.message == "new row for relation \"t\" violates check constraint \"t_a_check\"")
      #expect(check?.detail == "Failing row contains (-1, null, , 2.50).")
      // The first row in error wins, whatever its error is.
      let first = await bench.error(TestTable.insert([row(1, nil, "x", nil), [.int64(7), .null, .null, .null]]))
      #expect(first?.state == .uniqueViolation)
      // Keys that move one after the other collide as in PostgreSQL.
      let moved = await bench.error(
        TestTable.update(nil, [ColumnAssignment(column: 0, value: call("+", column(0), constant(1)))]))
      #expect(moved?.detail == "Key (a)=(2) already exists.")
      #expect(try await bench.rows(TestTable.scan()).count == 2)
    }
  }

  @Test func onConflictUpdate() async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      try await bench.rows(TestTable.insert([row(1, 10, "x", "1"), row(2, 20, "y", "2")]))
      // SET c = excluded.c, d = t.d WHERE t.a <> 2
      func upsert(_ rows: [[Datum]], arbiter: UInt32 = 1) -> PhysicalPlan {
        TestTable.insert(
          rows,
          .update(
            arbiter: arbiter, assignments: [ColumnAssignment(column: 2, value: .column(6, .text))],
            condition: compare(.notEqual, column(0), constant(2)), query: nil))
      }
      let given = try await bench.rows(upsert([row(3, nil, "n", nil), row(1, 99, "u", "9"), row(2, 98, "v", "8")]))
      #expect(given == [row(3, nil, "n", nil), row(1, 10, "u", "1")])
      let byUnique = try await bench.rows(upsert([row(77, 10, "w", nil)], arbiter: 2))
      #expect(byUnique == [row(1, 10, "w", "1")])
      let twice = await bench.error(upsert([row(5, nil, "n", nil), row(5, nil, "m", nil)]))
      #expect(twice?.state == .cardinalityViolation)
      #expect(twice?.message == "ON CONFLICT DO UPDATE command cannot affect row a second time")
      #expect(try await bench.rows(TestTable.scan()).count == 3)
    }
  }

  /// An insert that reads its own table sees it as it was.
  @Test func insertFromItself() async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      try await bench.rows(TestTable.insert((0..<1500).map { (a: Int64) -> [Datum] in row(a, nil, "x", nil) }))
      let source = PhysicalPlan(
        .project(
          TestTable.scan(), [call("+", column(0), constant(5000)), column(1), column(2, .text), column(3, .numeric)]),
        output: TestTable.types)
      let plan = PhysicalPlan(
        .insert(
          InsertPlan(
            table: TestTable.descriptor, source: source, checks: [], predicates: [:], onConflict: nil,
            returnsRows: false)), output: [])
      try await bench.rows(plan)
      #expect(try await bench.rows(TestTable.scan()).count == 3000)
    }
  }

  /// Damage is an error, not a trap.
  @Test func damagedRows() async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      try await bench.rows(TestTable.insert([row(1, 10, "x", "1.5")]))
      let codec = try TableCodec(TestTable.descriptor)
      var scratch: [UInt8] = []
      let batch = {
        var batch = Batch(kinds: codec.kinds)
        batch.append(row: row(1, 10, "x", "1.5"))
        return batch
      }()
      let key = codec.primary.key(batch, 0, scratch: &scratch)
      for value: [UInt8] in [[0xFF], [0x09], [0x0B, 1], [0x0A, 200, 1], [0x08, 2, 0x0A, 5]] {
        let transaction = bench.system.begin()
        transaction.put(key, value)
        do {
          let rows = try await bench.rows(TestTable.scan(), in: transaction)
          #expect(rows.count == 1)
        } catch let error as SQLError {
          #expect(error.state == .dataCorrupted)
        }
        await transaction.rollback()
      }
    }
  }
}
