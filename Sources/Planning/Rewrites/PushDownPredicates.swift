// Moves each condition to the lowest place where its columns exist, turns outer joins into inner ones when a condition
// removes their null-extended rows, and makes cross joins with conditions joins. Conditions that can fail or change with
// each evaluation are moved with care: volatile ones not at all.

import Expressions
import SQLTypes

struct PushDownPredicates: Rewrite {
  func apply(_ relation: Relation, _ context: BindingContext) -> Relation { push([], into: relation) }

  /// The relation with the conditions applied, as deep as they go.
  private func push(_ conditions: [ScalarExpression], into relation: Relation) -> Relation {
    switch relation {
    case .filter(let input, let own):
      let volatile = own.filter(\.isVolatile)
      return push(own.filter { !$0.isVolatile } + conditions, into: input).filtered(volatile)

    case .compute(let input, let computed):
      var replacements: [ColumnID: ScalarExpression] = [:]
      var stuck: Set<ColumnID> = []
      for column in computed {
        let expression = column.expression.substituting(replacements)
        if expression.isVolatile || !expression.columns.isDisjoint(with: stuck) {
          stuck.insert(column.id)
        } else {
          replacements[column.id] = expression
        }
      }
      let (moved, stayed) = split(conditions) { !$0.isVolatile && $0.columns.isDisjoint(with: stuck) }
      return .compute(push(moved.map { $0.substituting(replacements) }, into: input), computed).filtered(stayed)

    case .join(let kind, let left, let right, let own): return pushJoin(kind, left, right, own, conditions)
    case .apply(let kind, let left, let right, let own): return pushApply(kind, left, right, own, conditions)

    case .aggregate(let input, let keys, let calls, let isGrouped):
      // Conditions on keys alone hold for whole groups. Without keys there is always a row to judge.
      var replacements: [ColumnID: ScalarExpression] = [:]
      for key in keys { replacements[key.id] = key.expression }
      let keyIDs = Set(keys.map(\.id))
      let callIDs = Set(calls.map(\.id))
      let (moved, stayed) = split(conditions) {
        !keys.isEmpty && !$0.isVolatile && $0.columns.isDisjoint(with: callIDs)
          && !$0.columns.isDisjoint(with: keyIDs) && keys.allSatisfy { !$0.expression.isVolatile }
      }
      let inner = push(moved.map { $0.substituting(replacements) }, into: input)
      return Relation.aggregate(inner, keys: keys, calls: calls, isGrouped: isGrouped).filtered(stayed)

    case .distinct(let input, let columns):
      let own = Set(columns)
      let visible = input.columns
      let (moved, stayed) = split(conditions) {
        !$0.isVolatile && $0.columns.intersection(visible).isSubset(of: own)
      }
      return Relation.distinct(push(moved, into: input), columns).filtered(stayed)

    case .sort(let input, let keys):
      let (moved, stayed) = split(conditions) { !$0.isVolatile }
      return Relation.sort(push(moved, into: input), keys).filtered(stayed)

    case .setOperation(var operation):
      let own = Set(operation.columns)
      let (moved, stayed) = split(conditions) { !$0.isVolatile && !$0.columns.isDisjoint(with: own) }
      func side(_ columns: [ColumnID]) -> [ScalarExpression] {
        var replacements: [ColumnID: ScalarExpression] = [:]
        for condition in moved { condition.collectReplacements(operation.columns, columns, into: &replacements) }
        return moved.map { $0.substituting(replacements) }
      }
      operation.left = push(side(operation.leftColumns), into: operation.left)
      operation.right = push(side(operation.rightColumns), into: operation.right)
      return Relation.setOperation(operation).filtered(stayed)

    default:
      return relation.mapInputs(pure: { push([], into: $0) }).filtered(conditions)
    }
  }

  private func split(
    _ conditions: [ScalarExpression], _ test: (ScalarExpression) -> Bool
  ) -> ([ScalarExpression], [ScalarExpression]) {
    (conditions.filter(test), conditions.filter { !test($0) })
  }

  // MARK: Joins

  private func pushJoin(
    _ kind: JoinKind, _ left: Relation, _ right: Relation, _ own: [ScalarExpression], _ above: [ScalarExpression]
  ) -> Relation {
    let leftColumns = left.columns
    let rightColumns = right.columns
    func usesLeft(_ condition: ScalarExpression) -> Bool { !condition.columns.isDisjoint(with: leftColumns) }
    func usesRight(_ condition: ScalarExpression) -> Bool { !condition.columns.isDisjoint(with: rightColumns) }
    switch kind {
    case .inner:
      // A join's own conditions come before those above it.
      let all = own + above
      let movable = all.filter { !$0.isVolatile }
      let toLeft = movable.filter { !usesRight($0) }
      let toRight = movable.filter { usesRight($0) && !usesLeft($0) }
      let both = all.filter { $0.isVolatile || (usesLeft($0) && usesRight($0)) }
      return .join(.inner, push(toLeft, into: left), push(toRight, into: right), both)
    case .left:
      if above.contains(where: { $0.rejectsNull(of: rightColumns) }) {
        return pushJoin(.inner, left, right, own, above)
      }
      let toLeft = above.filter { !$0.isVolatile && !usesRight($0) }
      let stay = above.filter { $0.isVolatile || usesRight($0) }
      let toRight = own.filter { !$0.isVolatile && usesRight($0) && !usesLeft($0) }
      let rest = own.filter { $0.isVolatile || !usesRight($0) || usesLeft($0) }
      return Relation.join(.left, push(toLeft, into: left), push(toRight, into: right), rest).filtered(stay)
    case .right: return pushJoin(.left, right, left, own, above)
    case .full:
      let rejectsLeft = above.contains { $0.rejectsNull(of: leftColumns) }
      let rejectsRight = above.contains { $0.rejectsNull(of: rightColumns) }
      if rejectsLeft && rejectsRight { return pushJoin(.inner, left, right, own, above) }
      if rejectsLeft { return pushJoin(.left, left, right, own, above) }
      if rejectsRight { return pushJoin(.left, right, left, own, above) }
      return Relation.join(.full, push([], into: left), push([], into: right), own).filtered(above)
    case .semi, .anti:
      let toLeft = above.filter { !$0.isVolatile }
      let stay = above.filter(\.isVolatile)
      let movable = own.filter { !$0.isVolatile }
      let toRight = movable.filter { usesRight($0) && !usesLeft($0) }
      // What a semi join asks of the left row alone is a filter; what an anti join asks is not.
      let ownLeft = kind == .semi ? movable.filter { !usesRight($0) } : []
      let rest = own.filter { $0.isVolatile || (kind == .anti && !usesRight($0)) || (usesRight($0) && usesLeft($0)) }
      return Relation.join(kind, push(toLeft + ownLeft, into: left), push(toRight, into: right), rest).filtered(stay)
    }
  }

  private func pushApply(
    _ kind: ApplyKind, _ left: Relation, _ right: Relation, _ own: [ScalarExpression], _ above: [ScalarExpression]
  ) -> Relation {
    let leftColumns = left.columns
    let added: Set<ColumnID> =
      if case .scalar(let column, _) = kind { [column] } else { right.columns }
    let (toLeft, rest) = split(above) { !$0.isVolatile && $0.columns.isDisjoint(with: added) }
    switch kind {
    case .inner:
      let (toRight, stay) = split(own + rest) { !$0.isVolatile }
      return Relation.apply(.inner, push(toLeft, into: left), push(toRight, into: right), []).filtered(stay)
    case .left:
      if rest.contains(where: { $0.rejectsNull(of: added) }) {
        return pushApply(.inner, left, right, own, above)
      }
      let (toRight, stay) = split(own) { !$0.isVolatile }
      return Relation.apply(.left, push(toLeft, into: left), push(toRight, into: right), stay).filtered(rest)
    case .semi, .anti:
      // The right side can use the left row's columns, so all of it can go there.
      let (toRight, stay) = split(own) { !$0.isVolatile }
      _ = leftColumns
      return Relation.apply(kind, push(toLeft, into: left), push(toRight, into: right), stay).filtered(rest)
    case .scalar:
      return Relation.apply(kind, push(toLeft, into: left), push([], into: right), own).filtered(rest)
    }
  }
}

extension ScalarExpression {
  /// For each of `from` that is used, the column at the same place of `to`, with the type that is expected here.
  fileprivate func collectReplacements(
    _ from: [ColumnID], _ to: [ColumnID], into replacements: inout [ColumnID: ScalarExpression]
  ) {
    if case .column(let id, let type) = self {
      if let index = from.firstIndex(of: id) { replacements[id] = .column(to[index], type) }
      return
    }
    for child in children { child.collectReplacements(from, to, into: &replacements) }
  }
}
