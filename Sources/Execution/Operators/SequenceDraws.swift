// Values of sequences that an operator's expressions draw: known from the plan, so that they are taken from storage
// before a batch is computed, and evaluation stays synchronous.

import Expressions
import SQLTypes

struct SequenceDraws {
  /// How many values one row takes of each sequence.
  private var perRow: [(sequence: OID, count: Int)] = []

  static let none = SequenceDraws()

  private init() {}

  /// The draws of `nextval` with a constant argument in these expressions.
  init(in expressions: [ScalarExpression]) {
    var counts: [OID: Int] = [:]
    for expression in expressions {
      expression.visit { node in
        if case .call(let function, let arguments, _, _) = node, function.name == "nextval",
          case .constant(.int64(let oid), _)? = arguments.first, let raw = UInt32(exactly: oid)
        {
          counts[OID(raw), default: 0] += 1
        }
      }
    }
    perRow = counts.sorted { $0.key < $1.key }.map { (sequence: $0.key, count: $0.value) }
  }

  /// Takes the larger count for each sequence.
  mutating func formMaximum(_ other: SequenceDraws) {
    for draw in other.perRow {
      if let index = perRow.firstIndex(where: { $0.sequence == draw.sequence }) {
        perRow[index].count = max(perRow[index].count, draw.count)
      } else {
        perRow.append(draw)
      }
    }
  }

  func reserve(rows: Int, _ context: ExecutionContext) async throws(SQLError) {
    for draw in perRow { try await context.sequences?.reserve(draw.sequence, count: draw.count * rows) }
  }
}

extension ScalarExpression {
  /// Calls `body` with this expression and all those in it.
  func visit(_ body: (ScalarExpression) -> Void) {
    body(self)
    switch self {
    case .constant, .column, .parameter, .outer: break
    case .call(_, let arguments, _, _): for argument in arguments { argument.visit(body) }
    case .and(let operands), .or(let operands), .coalesce(let operands, _):
      for operand in operands { operand.visit(body) }
    case .not(let operand), .isNull(let operand, _), .booleanTest(let operand, _): operand.visit(body)
    case .isDistinct(let left, let right, _, _):
      left.visit(body)
      right.visit(body)
    case .conditional(let branches, let otherwise, _):
      for branch in branches {
        branch.condition.visit(body)
        branch.result.visit(body)
      }
      otherwise.visit(body)
    case .inList(let operand, let list, _, _):
      operand.visit(body)
      for item in list { item.visit(body) }
    }
  }

  /// Whether its value may differ between two runs with the same parameters within one execution: it reads an outer
  /// slot, or calls a volatile function.
  var dependsOnRun: Bool {
    var depends = false
    visit { node in
      switch node {
      case .outer: depends = true
      case .call(let function, _, _, _): depends = depends || function.volatility == .volatile
      default: break
      }
    }
    return depends
  }
}
