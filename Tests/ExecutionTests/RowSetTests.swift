// Sorting, grouping, DISTINCT, set operations and limits against plain arrays, in memory and spilled.

import Catalog
import Expressions
import Planning
import Reactors
import SQLTypes
import Testing

@testable import Execution

/// `sum(bigint)` without overflow, enough for these tests.
private final class SumState: AggregateState {
  private var sums: [Int64] = []
  private var isNull: [Bool] = []

  func grow(toGroupCount groupCount: Int) {
    while sums.count < groupCount {
      sums.append(0)
      isNull.append(true)
    }
  }

  func update(
    groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext
  ) throws(SQLError) {
    for row in 0..<rowCount where !arguments[0].nulls[row] {
      sums[Int(groups[row])] += arguments[0].int64s[row]
      isNull[Int(groups[row])] = false
    }
  }

  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError) {
    preconditionFailure("nothing is merged here")
  }

  func finish(groupCount: Int) throws(SQLError) -> ColumnVector {
    var result = ColumnVector(.int64)
    for group in 0..<groupCount { result.append(isNull[group] ? .null : .int64(sums[group])) }
    return result
  }
}

/// Remembers the last value it was given: shows the order in which rows come.
private final class LastState: AggregateState {
  private var last: [Datum] = []
  func grow(toGroupCount groupCount: Int) { while last.count < groupCount { last.append(.null) } }
  func update(
    groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext
  ) throws(SQLError) {
    for row in 0..<rowCount { last[Int(groups[row])] = arguments[0].datum(row) }
  }
  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError) {
    preconditionFailure("nothing is merged here")
  }

  func finish(groupCount: Int) throws(SQLError) -> ColumnVector {
    var result = ColumnVector(.int64)
    for group in 0..<groupCount { result.append(last[group]) }
    return result
  }
}

struct RowSetTests {
  private static let types: [SQLType] = [.int8, .int8]
  private static let sum = AggregateFunction("sum", [.int8], returns: .int8, makeState: { SumState() })
  private static let last = AggregateFunction("last", [.int8], returns: .int8, makeState: { LastState() })

  private static func precedes(_ a: [Datum], _ b: [Datum], descending: Bool, nullsFirst: Bool) -> Bool {
    switch (a[0].int, b[0].int) {
    case (nil, nil): return false
    case (nil, _): return nullsFirst
    case (_, nil): return !nullsFirst
    case (let x?, let y?): return descending ? x > y : x < y
    }
  }

  @Test(arguments: [false, true], [false, true])
  func sorts(descending: Bool, nullsFirst: Bool) async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      var random = RandomSource(seed: 11, label: "sort")
      for (count, workMemory) in [(0, 64 << 20), (10, 64 << 20), (2500, 64 << 20), (4000, 4096)] {
        bench.workMemory = workMemory
        let rows = randomPairs(&random, count: count, keys: 50)
        let expected = rows.sorted { RowSetTests.precedes($0, $1, descending: descending, nullsFirst: nullsFirst) }
        let key = SortKey(column(0), isDescending: descending, nullsFirst: nullsFirst)
        let plan = PhysicalPlan(
          .sort(.values(rows, RowSetTests.types), [key], limit: nil), output: RowSetTests.types)
        // Rows with equal keys may come in any order.
        let sorted = try await bench.rows(plan)
        #expect(sorted.map { $0[0] } == expected.map { $0[0] })
        #expect(Set(sorted.map { "\($0)" }) == Set(expected.map { "\($0)" }))
        let top = PhysicalPlan(
          .sort(.values(rows, RowSetTests.types), [key], limit: constant(7)), output: RowSetTests.types)
        #expect(try await bench.rows(top).map { $0[0] } == expected.prefix(7).map { $0[0] })
      }
    }
  }

  @Test func groups() async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      var random = RandomSource(seed: 13, label: "groups")
      for (count, keys, workMemory) in [(0, 3, 64 << 20), (500, 10, 64 << 20), (6000, 2500, 4096)] {
        bench.workMemory = workMemory
        let rows = randomPairs(&random, count: count, keys: Int64(keys))
        var sums: [Datum: Int64] = [:]
        for row in rows { sums[row[0], default: 0] += row[1].int ?? 0 }
        let expected = sorted(sums.map { [$0.key, .int64($0.value)] })
        let plan = PhysicalPlan(
          .aggregate(
            .values(rows, RowSetTests.types), keys: [column(0)],
            calls: [AggregateCall(function: RowSetTests.sum, arguments: [column(1)], type: .int8)]),
          output: RowSetTests.types)
        #expect(sorted(try await bench.rows(plan)) == expected)
      }
    }
  }

  @Test func aggregateForms() async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      let rows: [[Datum]] = [
        [.int64(1), .int64(5)], [.int64(1), .int64(5)], [.int64(1), .int64(2)], [.int64(2), .null],
        [.int64(2), .int64(9)],
      ]
      func value(_ call: AggregateCall, _ rows: [[Datum]], keys: [ScalarExpression]) async throws -> [[Datum]] {
        try await bench.rows(
          PhysicalPlan(
            .aggregate(.values(rows, RowSetTests.types), keys: keys, calls: [call]),
            output: keys.map(\.type) + [.int8]))
      }
      let plain = AggregateCall(function: RowSetTests.sum, arguments: [column(1)], type: .int8)
      // No keys: one row, also of no rows.
      #expect(try await value(plain, rows, keys: []) == [[.int64(21)]])
      #expect(try await value(plain, [], keys: []) == [[.null]])
      #expect(try await value(plain, [], keys: [column(0)]) == [])
      var distinct = plain
      distinct.isDistinct = true
      #expect(try await value(distinct, rows, keys: [column(0)]) == [[.int64(1), .int64(7)], [.int64(2), .int64(9)]])
      var filtered = plain
      filtered.filter = compare(.less, column(1), constant(5))
      #expect(try await value(filtered, rows, keys: [column(0)]) == [[.int64(1), .int64(2)], [.int64(2), .null]])
      let ordered = AggregateCall(
        function: RowSetTests.last, arguments: [column(1)], order: [SortKey(column(1), isDescending: true)],
        type: .int8)
      // Descending puts NULL first, so the smallest value comes last.
      #expect(try await value(ordered, rows, keys: [column(0)]) == [[.int64(1), .int64(2)], [.int64(2), .int64(9)]])
    }
  }

  @Test(arguments: [SetOperator.unionAll, .union, .intersect, .intersectAll, .except, .exceptAll])
  func setOperations(_ operation: SetOperator) async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      var random = RandomSource(seed: 17, label: "set \(operation)")
      for (leftCount, rightCount) in [(0, 4), (4, 0), (60, 50), (1500, 1100)] {
        let left = randomPairs(&random, count: leftCount, keys: 9)
        let right = randomPairs(&random, count: rightCount, keys: 7)
        var l: [[Datum]: Int] = [:]
        var r: [[Datum]: Int] = [:]
        for row in left { l[row, default: 0] += 1 }
        for row in right { r[row, default: 0] += 1 }
        var expected: [[Datum]] = []
        for row in Set(left + right) {
          let (m, n) = (l[row] ?? 0, r[row] ?? 0)
          let count: Int =
            switch operation {
            case .unionAll: m + n
            case .union: 1
            case .intersect: min(m, n, 1)
            case .intersectAll: min(m, n)
            case .except: m > 0 && n == 0 ? 1 : 0
            case .exceptAll: max(0, m - n)
            }
          expected += Array(repeating: row, count: count)
        }
        let plan = PhysicalPlan(
          .setOperation(operation, .values(left, RowSetTests.types), .values(right, RowSetTests.types)),
          output: RowSetTests.types)
        #expect(sorted(try await bench.rows(plan)) == sorted(expected))
      }
    }
  }

  @Test func limitsAndDistinctOn() async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      let rows: [[Datum]] = (0..<2500).map { [.int64(Int64($0 / 3)), .int64(Int64($0))] }
      func limit(_ count: Int64?, _ offset: Int64?) -> PhysicalPlan {
        PhysicalPlan(
          .limit(
            .values(rows, RowSetTests.types), count: count.map { constant($0) }, offset: offset.map { constant($0) }),
          output: RowSetTests.types)
      }
      for (count, offset) in [(0, 0), (1, 0), (1024, 0), (1500, 1000), (10, 2495), (5, 3000)] {
        let expected = Array(rows.dropFirst(offset).prefix(count))
        #expect(try await bench.rows(limit(Int64(count), Int64(offset))) == expected)
      }
      #expect(try await bench.rows(limit(nil, 2000)) == Array(rows.dropFirst(2000)))
      #expect(await bench.error(limit(-1, nil))?.message == "LIMIT must not be negative")
      #expect(await bench.error(limit(nil, -1))?.state.rawValue == "2201X")
      let distinctOn = PhysicalPlan(
        .distinctOn(.values(rows, RowSetTests.types), [column(0)]), output: RowSetTests.types)
      #expect(try await bench.rows(distinctOn) == rows.filter { ($0[1].int ?? 0) % 3 == 0 })
    }
  }

  /// Batches of one row give what batches of many give.
  @Test func batchSizes() async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      var random = RandomSource(seed: 19, label: "sizes")
      let rows = randomPairs(&random, count: 2100, keys: 30)
      let table = TableDescriptor(
        oid: OID(20000), schema: OID(11), name: "v", owner: OID(10), kind: .virtual,
        columns: [ColumnDescriptor(id: 1, name: "a", type: .int8), ColumnDescriptor(id: 2, name: "b", type: .int8)],
        nextColumnID: 3)
      let source = PhysicalPlan(.virtualTable(table, alias: "v", columns: [1, 2]), output: RowSetTests.types)
      let sum = AggregateCall(function: RowSetTests.sum, arguments: [column(1)], type: .int8)
      let plan = PhysicalPlan(
        .sort(
          PhysicalPlan(
            .aggregate(
              PhysicalPlan(.filter(source, compare(.less, column(1), constant(7))), output: RowSetTests.types),
              keys: [column(0)], calls: [sum]), output: RowSetTests.types), [SortKey(column(0))], limit: nil),
        output: RowSetTests.types)
      var results: [[[Datum]]] = []
      for size in [1, 7, 1024, 5000] {
        let context = bench.context(bench.system.begin())
        let provider = BatchSource(rows, RowSetTests.types, size: size)
        context.virtualTables = provider
        let query = try Executor.run(plan.query, context)
        var result: [[Datum]] = []
        while let batch = try await query.next() { for row in 0..<batch.rowCount { result.append(batch.row(row)) } }
        results.append(result)
        await context.transaction.rollback()
      }
      #expect(Set(results).count == 1)
      #expect(results[0].count == 31)
    }
  }
}
