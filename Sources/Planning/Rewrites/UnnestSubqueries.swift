// Turns dependent joins (`apply`) into joins where the dependence is only in conditions: these are pulled up from the right
// side into the join's own. What remains dependent stays an apply, correct if slower.
// Scalar aggregates keep their apply here: whether to group the inner side once or to look it up per row is a question of
// cost, which the physical planner answers. Source: Neumann and Kemper, "Unnesting Arbitrary Queries" (2015).

import Expressions
import SQLTypes

struct UnnestSubqueries: Rewrite {
  func apply(_ relation: Relation, _ context: BindingContext) -> Relation { unnest(relation) }

  /// `x NOT IN (S)` for an S that does not depend on the row, without comparing all pairs: no y of S equals x, no y of S is
  /// NULL, and S is empty if x is NULL.
  private func nullAwareAnti(_ left: Relation, _ right: Relation, _ conditions: [ScalarExpression]) -> Relation? {
    guard conditions.count == 1, case .booleanTest(let comparison, .isNotFalse) = conditions[0],
      let (a, b) = comparison.equality, !right.isVolatile
    else { return nil }
    let (leftColumns, rightColumns) = (left.columns, right.columns)
    func isOf(_ expression: ScalarExpression, _ own: Set<ColumnID>, _ other: Set<ColumnID>) -> Bool {
      !expression.columns.isDisjoint(with: own) && expression.columns.isDisjoint(with: other)
    }
    let (x, y): (ScalarExpression, ScalarExpression)
    if isOf(a, leftColumns, rightColumns), isOf(b, rightColumns, leftColumns) {
      (x, y) = (a, b)
    } else if isOf(b, leftColumns, rightColumns), isOf(a, rightColumns, leftColumns) {
      (x, y) = (b, a)
    } else {
      return nil
    }
    let plain = withoutOrder(right)
    let one = ScalarExpression.constant(.int64(1), .int8)
    let withoutMatch = Relation.join(.anti, left, plain, [comparison])
    let withoutNulls = Relation.join(
      .anti, withoutMatch, .limit(plain.filtered([.isNull(y, negated: false)]), count: one, offset: nil), [])
    return .join(.anti, withoutNulls, .limit(plain, count: one, offset: nil), [.isNull(x, negated: false)])
  }

  private func unnest(_ relation: Relation) -> Relation {
    let relation = relation.mapInputs(pure: unnest)
    guard case .apply(let kind, let left, let right, let conditions) = relation else { return relation }
    let outer = left.columns
    switch kind {
    case .scalar: return relation
    case .semi, .anti:
      guard let pulled = pull(right, outer, ignoresDuplicates: true, dropsLimits: conditions.isEmpty) else {
        return relation
      }
      let all = (conditions + pulled.conditions).map { $0.substituting(pulled.computed) }
      if case .anti = kind {
        return nullAwareAnti(left, pulled.relation, all) ?? .join(.anti, left, pulled.relation, all)
      }
      return .join(.semi, left, pulled.relation, all)
    case .inner, .left:
      guard let pulled = pull(right, outer, ignoresDuplicates: false), pulled.computed.isEmpty else { return relation }
      let joinKind: JoinKind = if case .inner = kind { .inner } else { .left }
      return .join(joinKind, left, pulled.relation, conditions + pulled.conditions)
    }
  }

  struct Pulled {
    var relation: Relation
    var conditions: [ScalarExpression] = []
    /// Columns whose expressions depend on the outer row, to be put in the place of their ids.
    var computed: [ColumnID: ScalarExpression] = [:]
  }

  /// The relation without its dependence on `outer`, and the conditions to put in its place; nil if that is not enough.
  /// - Parameter dropsLimits: whether only the existence of a row counts here, which a limit does not change. Below
  ///   conditions it does: it decides which rows they see.
  func pull(
    _ relation: Relation, _ outer: Set<ColumnID>, ignoresDuplicates: Bool, dropsLimits: Bool = false
  ) -> Pulled? {
    if relation.freeColumns.isDisjoint(with: outer) {
      return Pulled(relation: ignoresDuplicates ? withoutOrder(relation) : relation)
    }
    switch relation {
    case .filter(let input, let conditions):
      guard var pulled = pull(input, outer, ignoresDuplicates: ignoresDuplicates) else { return nil }
      let dependent = conditions.filter {
        !$0.columns.isDisjoint(with: outer) || !$0.columns.isDisjoint(with: Set(pulled.computed.keys))
      }
      if dependent.contains(where: \.isVolatile) { return nil }
      let free = conditions.filter { condition in
        condition.columns.isDisjoint(with: outer) && condition.columns.isDisjoint(with: Set(pulled.computed.keys))
      }
      pulled.relation = pulled.relation.filtered(free)
      pulled.conditions += dependent.map { $0.substituting(pulled.computed) }
      return pulled
    case .compute(let input, let computed):
      guard var pulled = pull(input, outer, ignoresDuplicates: ignoresDuplicates, dropsLimits: dropsLimits) else {
        return nil
      }
      var own: [ComputedColumn] = []
      for column in computed {
        let expression = column.expression.substituting(pulled.computed)
        if expression.columns.isDisjoint(with: outer) {
          own.append(ComputedColumn(id: column.id, expression: expression))
        } else {
          if expression.isVolatile { return nil }
          pulled.computed[column.id] = expression
        }
      }
      if !own.isEmpty { pulled.relation = .compute(pulled.relation, own) }
      return pulled
    case .join(.inner, let left, let right, let conditions):
      guard let a = pull(left, outer, ignoresDuplicates: ignoresDuplicates),
        let b = pull(right, outer, ignoresDuplicates: ignoresDuplicates)
      else { return nil }
      let computed = a.computed.merging(b.computed) { first, _ in first }
      let all = conditions.map { $0.substituting(computed) }
      let dependent = all.filter { !$0.columns.isDisjoint(with: outer) }
      let free = all.filter { $0.columns.isDisjoint(with: outer) }
      return Pulled(
        relation: .join(.inner, a.relation, b.relation, free), conditions: a.conditions + b.conditions + dependent,
        computed: computed)
    case .join(let kind, let left, let right, let conditions) where kind == .left || kind == .semi || kind == .anti:
      // The right side and the condition must stand by themselves.
      guard right.freeColumns.isDisjoint(with: outer),
        conditions.allSatisfy({ $0.columns.isDisjoint(with: outer) }),
        var a = pull(left, outer, ignoresDuplicates: ignoresDuplicates), a.computed.isEmpty
      else { return nil }
      a.relation = .join(kind, a.relation, right, conditions)
      return a
    case .sort(let input, _) where ignoresDuplicates, .distinct(let input, _) where ignoresDuplicates:
      return pull(input, outer, ignoresDuplicates: true, dropsLimits: dropsLimits)
    case .limit(let input, let count, nil) where dropsLimits:
      // One row is as good as any number of them, as long as nothing is asked of it afterwards.
      if case .constant(.int64(let rows), _)? = count, rows < 1 { return nil }
      guard case .constant? = count,
        let pulled = pull(input, outer, ignoresDuplicates: true, dropsLimits: true)
      else { return nil }
      return pulled
    default: return nil
    }
  }

  /// Sorting and duplicates mean nothing where only existence counts.
  private func withoutOrder(_ relation: Relation) -> Relation {
    switch relation {
    case .sort(let input, _): withoutOrder(input)
    case .compute(let input, let computed): .compute(withoutOrder(input), computed)
    default: relation
    }
  }
}
