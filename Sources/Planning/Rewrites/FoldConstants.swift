// Computes what is constant, and brings conditions into the shapes that later passes look for: NOT pushed inward, ANDs
// taken apart, `a = 1 OR a = 2` as a list.

import Expressions
import SQLTypes

struct FoldConstants: Rewrite {
  func apply(_ relation: Relation, _ context: BindingContext) -> Relation { fold(relation) }

  private func fold(_ relation: Relation) -> Relation {
    let folded = relation.mapInputs(pure: fold)
    switch folded {
    case .filter(let input, let conditions): return input.filtered(FoldConstants.conditions(conditions))
    case .join(let kind, let left, let right, let conditions):
      return .join(kind, left, right, FoldConstants.conditions(conditions))
    case .apply(let kind, let left, let right, let conditions):
      return .apply(kind, left, right, FoldConstants.conditions(conditions))
    case .modification: return folded
    default: return folded.mapOwnExpressions(FoldConstants.expression)
    }
  }

  static func conditions(_ conditions: [ScalarExpression]) -> [ScalarExpression] {
    conditions.flatMap { expression($0).conjuncts }
  }

  static func expression(_ expression: ScalarExpression) -> ScalarExpression {
    simplify(ConstantFolding.fold(expression))
  }

  private static func simplify(_ expression: ScalarExpression) -> ScalarExpression {
    let expression = expression.mapChildren(simplify)
    switch expression {
    case .not(let operand): return negated(operand) ?? expression
    case .or(let list): return membership(list) ?? expression
    default: return expression
    }
  }

  /// `NOT x` without the NOT, where that is the same for NULL too.
  private static func negated(_ operand: ScalarExpression) -> ScalarExpression? {
    switch operand {
    case .not(let inner): return inner
    case .isNull(let inner, let negated): return .isNull(inner, negated: !negated)
    case .isDistinct(let a, let b, let equality, let negated):
      return .isDistinct(a, b, equality: equality, negated: !negated)
    case .inList(let value, let list, let equality, let negated):
      return .inList(value, list, equality: equality, negated: !negated)
    case .call(let function, let arguments, _, let position):
      guard let comparison = function.comparison, arguments.count == 2,
        let opposite = FunctionRegistry.shared.exactOperator(
          comparison.negated.name, function.arguments[0], function.arguments[1])
      else { return nil }
      return .call(opposite, arguments, type: .bool, position: position)
    case .and(let list): return .or(list.map { negated($0) ?? .not($0) })
    case .or(let list): return .and(list.map { negated($0) ?? .not($0) })
    default: return nil
    }
  }

  /// `a = x OR a = y` as `a IN (x, y)`.
  private static func membership(_ list: [ScalarExpression]) -> ScalarExpression? {
    var subject: ScalarExpression?
    var function: ScalarFunction?
    var values: [ScalarExpression] = []
    for alternative in list {
      switch alternative {
      case .call(let equality, let arguments, _, _):
        guard equality.comparison == .equal, arguments.count == 2 else { return nil }
        let (column, value): (ScalarExpression, ScalarExpression)
        if case .column = arguments[0], !arguments[1].hasColumns {
          (column, value) = (arguments[0], arguments[1])
        } else {
          return nil
        }
        if let subject, !subject.isSame(as: column) { return nil }
        if let function, function !== equality { return nil }
        subject = column
        function = equality
        values.append(value)
      case .inList(let column, let items, let equality, false):
        guard case .column = column, !items.contains(where: \.hasColumns) else { return nil }
        if let subject, !subject.isSame(as: column) { return nil }
        if let function, function !== equality { return nil }
        subject = column
        function = equality
        values += items
      default: return nil
      }
    }
    guard let subject, let function else { return nil }
    return .inList(subject, values, equality: function, negated: false)
  }
}

extension Relation {
  /// The same node with its own expressions rewritten; its inputs stay.
  func mapOwnExpressions(_ transform: (ScalarExpression) -> ScalarExpression) -> Relation {
    do {
      return try map(
        { (relation: Relation) throws(SQLError) in relation },
        { (expression: ScalarExpression) throws(SQLError) in transform(expression) })
    } catch { return self }
  }
}
