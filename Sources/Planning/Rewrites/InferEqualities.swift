// `a = b AND b = 5` says `a = 5`: each column that is equal to a constant or parameter passes it on to the columns that it
// equals, within one group of inner joins, so that both sides of a join can use their indexes.

import Expressions
import SQLTypes

struct InferEqualities: Rewrite {
  func apply(_ relation: Relation, _ context: BindingContext) -> Relation { infer(relation) }

  private func infer(_ relation: Relation) -> Relation {
    let relation = relation.mapInputs(pure: infer)
    guard case .join(.inner, let left, let right, let conditions) = relation else { return relation }
    var known: [ScalarExpression] = []
    relation.collectInnerConditions(into: &known)
    var values: [ColumnID: (value: ScalarExpression, function: ScalarFunction)] = [:]
    for condition in known {
      if case .call(let function, let arguments, _, _) = condition, function.comparison == .equal,
        case .column(let id, _) = arguments[0], !arguments[1].hasColumns, !arguments[1].isVolatile
      {
        values[id] = (arguments[1], function)
      }
    }
    if values.isEmpty { return relation }
    var added: [ScalarExpression] = []
    for condition in known {
      guard case .call(let function, let arguments, _, _) = condition, function.comparison == .equal,
        case .column(let a, let s) = arguments[0], case .column(let b, let t) = arguments[1]
      else { continue }
      for (target, type, source) in [(a, s, b), (b, t, a)] {
        // The same equality must hold between the three of them.
        guard values[target] == nil, let known = values[source], known.function === function,
          function.arguments[0] == function.arguments[1]
        else { continue }
        added.append(.call(function, [.column(target, type), known.value], type: .bool, position: -1))
        values[target] = known
      }
    }
    return added.isEmpty ? relation : .join(.inner, left, right, conditions + added)
  }
}

extension Relation {
  /// All conditions of a tree of inner joins and filters.
  fileprivate func collectInnerConditions(into conditions: inout [ScalarExpression]) {
    switch self {
    case .filter(let input, let own):
      conditions += own
      input.collectInnerConditions(into: &conditions)
    case .join(.inner, let left, let right, let own):
      conditions += own
      left.collectInnerConditions(into: &conditions)
      right.collectInnerConditions(into: &conditions)
    case .compute(let input, _): input.collectInnerConditions(into: &conditions)
    default: break
    }
  }
}
