// The vectorised evaluator against an interpreter that takes one row at a time and follows SQL's rules word for word: same
// values, and an error exactly if some row that SQL would compute fails.

import Expressions
import SQLTypes
import Testing

struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// One row at a time.
struct NaiveInterpreter {
  let row: [Datum]
  let context: EvaluationContext

  func value(_ expression: ScalarExpression) throws -> Datum {
    switch expression {
    case .constant(let value, _): return value
    case .column(let index, _): return row[index]
    case .parameter(let index, _): return context.parameters[index]
    case .outer(let slot, _): return context.outer[slot]
    case .call(let function, let arguments, _, _): return try call(function, arguments.map(value))
    case .and(let operands):
      var sawNull = false
      for operand in operands {
        let truth = try value(operand)
        if truth == .bool(false) { return truth }
        if truth.isNull { sawNull = true }
      }
      return sawNull ? .null : .bool(true)
    case .or(let operands):
      var sawNull = false
      for operand in operands {
        let truth = try value(operand)
        if truth == .bool(true) { return truth }
        if truth.isNull { sawNull = true }
      }
      return sawNull ? .null : .bool(false)
    case .not(let operand):
      let truth = try value(operand)
      return truth.isNull ? .null : .bool(truth == .bool(false))
    case .isNull(let operand, let negated): return .bool(try value(operand).isNull != negated)
    case .booleanTest(let operand, let test):
      let truth = try value(operand)
      switch test {
      case .isTrue: return .bool(truth == .bool(true))
      case .isNotTrue: return .bool(truth != .bool(true))
      case .isFalse: return .bool(truth == .bool(false))
      case .isNotFalse: return .bool(truth != .bool(false))
      case .isUnknown: return .bool(truth.isNull)
      case .isNotUnknown: return .bool(!truth.isNull)
      }
    case .isDistinct(let left, let right, let equality, let negated):
      let (a, b) = (try value(left), try value(right))
      let isDistinct = a.isNull || b.isNull ? a.isNull != b.isNull : try call(equality, [a, b]) != .bool(true)
      return .bool(isDistinct != negated)
    case .conditional(let branches, let otherwise, _):
      for branch in branches where try value(branch.condition) == .bool(true) { return try value(branch.result) }
      return try value(otherwise)
    case .coalesce(let operands, _):
      for operand in operands {
        let value = try value(operand)
        if !value.isNull { return value }
      }
      return .null
    case .inList(let operand, let list, let equality, let negated):
      let wanted = try value(operand)
      if wanted.isNull { return .null }
      var sawNull = false
      for item in list {
        let candidate = try value(item)
        if candidate.isNull {
          sawNull = true
        } else if try call(equality, [wanted, candidate]) == .bool(true) {
          return .bool(!negated)
        }
      }
      return sawNull ? .null : .bool(negated)
    }
  }

  private func call(_ function: ScalarFunction, _ arguments: [Datum]) throws -> Datum {
    if function.isStrict && arguments.contains(where: \.isNull) { return .null }
    let columns = zip(arguments, function.arguments).map { ColumnVector($1.kind, repeating: $0, count: 1) }
    return try function.kernel(columns, 1, context).datum(0)
  }
}

/// Random expressions over columns 0, 1 (int4), 2, 3 (text), 4 (bool), 5 (numeric) and parameter 0 (int4).
struct RandomExpression {
  var random: SplitMix
  let builder = ExpressionBuilder()

  private mutating func pick(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

  mutating func integer(_ depth: Int) throws -> ScalarExpression {
    switch depth <= 0 ? pick(4) : pick(12) {
    case 0: return .column(0, .int4)
    case 1: return .column(1, .int4)
    case 2: return pick(8) == 0 ? .constant(.null, .int4) : .constant(.int64(Int64(pick(7)) - 3), .int4)
    case 3: return .parameter(0, .int4)
    case 4...6: return try builder.operator(["+", "-", "*", "/", "%"][pick(5)], integer(depth - 1), integer(depth - 1))
    case 7:
      return try builder.conditional(
        [(try boolean(depth - 1), try integer(depth - 1)), (try boolean(depth - 1), try integer(depth - 1))],
        otherwise: pick(3) == 0 ? nil : try integer(depth - 1))
    case 8: return try builder.coalesce([integer(depth - 1), integer(depth - 1), integer(depth - 1)])
    case 9: return try builder.call("length", [text(depth - 1)])
    case 10: return try builder.extreme([integer(depth - 1), integer(depth - 1)], greatest: pick(2) == 0)
    default: return try builder.nullIf(integer(depth - 1), integer(depth - 1))
    }
  }

  mutating func text(_ depth: Int) throws -> ScalarExpression {
    switch depth <= 0 ? pick(3) : pick(8) {
    case 0: return .column(2, .text)
    case 1: return .column(3, .text)
    case 2: return pick(8) == 0 ? .constant(.null, .text) : .constant(.text(["", "a", "ab", "%b"][pick(4)]), .text)
    case 3: return try builder.operator("||", text(depth - 1), text(depth - 1))
    case 4: return try builder.call("substring", [text(depth - 1), integer(depth - 1), integer(depth - 1)])
    case 5: return try builder.coalesce([text(depth - 1), text(depth - 1)])
    case 6:
      return try builder.conditional(
        [(try boolean(depth - 1), try text(depth - 1))], otherwise: try text(depth - 1))
    default: return try builder.call("upper", [text(depth - 1)])
    }
  }

  mutating func boolean(_ depth: Int) throws -> ScalarExpression {
    let comparisons = ["=", "<>", "<", "<=", ">", ">="]
    switch depth <= 0 ? pick(2) : pick(13) {
    case 0: return .column(4, .bool)
    case 1: return pick(4) == 0 ? .constant(.null, .bool) : .constant(.bool(pick(2) == 0), .bool)
    case 2, 3: return try builder.operator(comparisons[pick(6)], integer(depth - 1), integer(depth - 1))
    case 4: return try builder.operator(comparisons[pick(6)], text(depth - 1), text(depth - 1))
    case 5: return try .and([boolean(depth - 1), boolean(depth - 1), boolean(depth - 1)])
    case 6: return try .or([boolean(depth - 1), boolean(depth - 1), boolean(depth - 1)])
    case 7: return try .not(boolean(depth - 1))
    case 8: return try .isNull(integer(depth - 1), negated: pick(2) == 0)
    case 9:
      let tests: [BooleanTest] = [.isTrue, .isNotTrue, .isFalse, .isNotFalse, .isUnknown, .isNotUnknown]
      return .booleanTest(try boolean(depth - 1), tests[pick(6)])
    case 10: return try builder.isDistinct(integer(depth - 1), integer(depth - 1), negated: pick(2) == 0)
    case 11:
      var list: [ScalarExpression] = []
      let onlyConstants = pick(2) == 0
      for _ in 0..<(1 + pick(7)) {
        list.append(
          onlyConstants
            ? .constant(pick(9) == 0 ? .null : .int64(Int64(pick(9)) - 4), .int4) : try integer(depth - 2))
      }
      return try builder.inList(integer(depth - 1), list, negated: pick(2) == 0)
    default: return try builder.operator("~~", text(depth - 1), text(depth - 1))
    }
  }

  mutating func batch(_ rowCount: Int) -> Batch {
    var batch = Batch(kinds: [.int64, .int64, .bytes, .bytes, .int64])
    for _ in 0..<rowCount {
      let texts = ["", "a", "b", "ab", "aab", "é"]
      batch.append(row: [
        pick(5) == 0 ? .null : .int64(Int64(pick(9)) - 4), pick(9) == 0 ? .null : .int64(Int64(pick(5)) - 1),
        pick(5) == 0 ? .null : .text(texts[pick(6)]), .text(texts[pick(6)]),
        pick(4) == 0 ? .null : .bool(pick(2) == 0),
      ])
    }
    return batch
  }
}

@Suite struct EvaluatorPropertyTests {
  @Test(arguments: 0..<8)
  func agreesWithTheNaiveInterpreter(_ seed: Int) throws {
    var generator = RandomExpression(random: SplitMix(state: UInt64(seed)))
    let services = TestServices()
    for round in 0..<80 {
      let context = EvaluationContext(services: services)
      context.parameters = [round % 5 == 0 ? .null : .int64(Int64(round % 4) - 1)]
      let expression =
        switch round % 3 {
        case 0: try generator.integer(4)
        case 1: try generator.boolean(4)
        default: try generator.text(3)
        }
      let batch = generator.batch([1, 2, 7, 70][round % 4])
      var expected: [Datum?] = []
      for row in 0..<batch.rowCount {
        expected.append(try? NaiveInterpreter(row: batch.row(row), context: context).value(expression))
      }
      let result = try? Evaluator.evaluate(expression, batch, context)
      if expected.contains(where: { $0 == nil }) {
        #expect(result == nil, "an error was lost: seed \(seed), round \(round)")
      }
      // The rows without an error, as a batch of their own.
      let good = (0..<batch.rowCount).filter { expected[$0] != nil }
      let part = batch.gather(good.map(Int32.init))
      for tried in [expression, ConstantFolding.fold(expression)] {
        let values = try Evaluator.evaluate(tried, part, context)
        #expect(values.count == part.rowCount)
        #expect(
          (0..<values.count).map { values.datum($0) } == good.compactMap { expected[$0] },
          "seed \(seed), round \(round): \(tried)")
        for row in 0..<values.count where values.nulls[row] {
          // The invariant of `ColumnVector`.
          switch values.kind {
          case .int64: #expect(values.int64s[row] == 0)
          case .bytes: #expect(values.bytes.range(row).isEmpty)
          default: break
          }
        }
        if tried.type == .bool {
          let rows = try Evaluator.filter(tried, part, context)
          #expect(rows == good.indices.filter { expected[good[$0]] == .bool(true) }.map(Int32.init))
        }
      }
    }
  }

  @Test func conjunctsSeeOnlyTheRowsThatAreLeft() throws {
    let context = EvaluationContext(services: TestServices())
    let builder = ExpressionBuilder()
    let x = ScalarExpression.column(0, .int4)
    let batch = Batch(columns: [ColumnVector(int64s: [0, 1, 2, 0, 5])], rowCount: 5)
    let condition = ScalarExpression.and([
      try builder.operator("<>", x, .constant(.int64(0), .int4)),
      try builder.operator(
        ">", builder.operator("/", .constant(.int64(4), .int4), x), .constant(.int64(1), .int4)),
    ])
    #expect(try Evaluator.filter(condition, batch, context) == [1, 2])
  }
}
