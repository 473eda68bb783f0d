// Joins of all kinds against nested loops over rows, with NULL keys, residual conditions, and several batches.

import Expressions
import Planning
import Reactors
import SQLTypes
import Testing

@testable import Execution

struct JoinTests {
  private static let types: [SQLType] = [.int8, .int8]

  /// What SQL says: `left.0 = right.0` and, if asked for, `left.1 < right.1`.
  static func reference(_ kind: JoinKind, _ left: [[Datum]], _ right: [[Datum]], residual: Bool) -> [[Datum]] {
    func matches(_ l: [Datum], _ r: [Datum]) -> Bool {
      guard let a = l[0].int, let b = r[0].int, a == b else { return false }
      return !residual || (l[1].int ?? 0) < (r[1].int ?? 0)
    }
    let nulls: [Datum] = [.null, .null]
    var result: [[Datum]] = []
    for l in left {
      let partners = right.filter { matches(l, $0) }
      switch kind {
      case .inner, .right: result += partners.map { l + $0 }
      case .left, .full: result += partners.isEmpty ? [l + nulls] : partners.map { l + $0 }
      case .semi: if !partners.isEmpty { result.append(l) }
      case .anti: if partners.isEmpty { result.append(l) }
      }
    }
    if kind == .right || kind == .full {
      for r in right where !left.contains(where: { matches($0, r) }) { result.append(nulls + r) }
    }
    return result
  }

  @Test(arguments: [JoinKind.inner, .left, .right, .full, .semi, .anti])
  func joins(_ kind: JoinKind) async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      var random = RandomSource(seed: 7, label: "join \(kind)")
      for (leftCount, rightCount, keys) in [(0, 5, 3), (5, 0, 3), (40, 30, 8), (1100, 20, 40), (20, 1100, 400)] {
        let left = randomPairs(&random, count: leftCount, keys: Int64(keys))
        let right = randomPairs(&random, count: rightCount, keys: Int64(keys))
        for residual in [false, true] {
          let expected = sorted(JoinTests.reference(kind, left, right, residual: residual))
          let output = kind == .semi || kind == .anti ? JoinTests.types : JoinTests.types + JoinTests.types
          let condition = residual ? compare(.less, column(1), column(3)) : nil
          let leftPlan = PhysicalPlan.values(left, JoinTests.types)
          let rightPlan = PhysicalPlan.values(right, JoinTests.types)
          let hash = PhysicalPlan(
            .hashJoin(
              kind, left: leftPlan, right: rightPlan, leftKeys: [column(0)], rightKeys: [column(0)],
              residual: condition), output: output)
          #expect(sorted(try await bench.rows(hash)) == expected, "hash \(kind) \(leftCount)x\(rightCount)")
          if leftCount * rightCount > 2000 { continue }
          let equal = compare(.equal, column(0), column(2))
          let loop = PhysicalPlan(
            .nestedLoopJoin(
              kind, left: leftPlan, right: rightPlan, condition: .and([equal] + (condition.map { [$0] } ?? []))),
            output: output)
          #expect(sorted(try await bench.rows(loop)) == expected, "loop \(kind)")
          if kind == .right || kind == .full { continue }
          // The right side is filtered by the left row's key, in slot 0.
          let inner = PhysicalPlan(
            .filter(rightPlan, compare(.equal, column(0), .outer(0, .int8))), output: JoinTests.types)
          let apply = PhysicalPlan(
            .apply(
              kind, left: leftPlan, right: inner, bindings: [OuterBinding(slot: 0, value: column(0))],
              condition: condition), output: output)
          #expect(sorted(try await bench.rows(apply)) == expected, "apply \(kind)")
        }
      }
    }
  }

  /// `select (select b from r where r.a = l.a)`: NULL for no row, error 21000 for two.
  @Test func scalarSubquery() async throws {
    try await Bench.run { (_, bench) async throws -> Void in
      func plan(_ right: [[Datum]]) -> PhysicalPlan {
        let inner = PhysicalPlan(
          .project(
            PhysicalPlan(
              .filter(.values(right, JoinTests.types), compare(.equal, column(0), .outer(0, .int8))),
              output: JoinTests.types), [column(1)]), output: [.int8])
        return PhysicalPlan(
          .scalarSubquery(
            left: .values([[.int64(1)], [.int64(2)], [.null]], [.int8]), right: inner,
            bindings: [OuterBinding(slot: 0, value: column(0))]), output: [.int8, .int8])
      }
      let rows = try await bench.rows(plan([[.int64(1), .int64(10)], [.int64(3), .int64(30)]]))
      #expect(rows == [[.int64(1), .int64(10)], [.int64(2), .null], [.null, .null]])
      let error = await bench.error(plan([[.int64(1), .int64(10)], [.int64(1), .int64(11)]]))
      #expect(error?.state == .cardinalityViolation)
      #expect(error?.message == "more than one row returned by a subquery used as an expression")
    }
  }
}
