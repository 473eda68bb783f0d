// A computed column that only gives another column a second id is replaced by that column everywhere.
// Sound because a column's value is the same wherever its id is visible, and a rename is visible only where its source is;
// not so for a rename of an enclosing query's column under an outer join.

import Expressions
import SQLTypes

struct RemoveRenames: Rewrite {
  func apply(_ relation: Relation, _ context: BindingContext) -> Relation {
    var renames: [ColumnID: ScalarExpression] = [:]
    collect(relation, context, isNullable: false, &renames)
    if renames.isEmpty { return relation }
    // A rename of a rename leads to the first.
    var changed = true
    while changed {
      changed = false
      for id in renames.keys.sorted() {
        guard let expression = renames[id] else { continue }
        if case .column(let source, _) = expression, let further = renames[source] {
          renames[id] = further
          changed = true
        }
      }
    }
    for (id, expression) in renames { if case .column(let source, _) = expression { context.renames[id] = source } }
    return replace(relation, renames)
  }

  private func collect(
    _ relation: Relation, _ context: BindingContext, isNullable: Bool, _ renames: inout [ColumnID: ScalarExpression]
  ) {
    if case .compute(let input, let computed) = relation {
      // Where an outer join may make the rename NULL, it does not make a column of the enclosing query NULL.
      let own: Set<ColumnID>? = isNullable ? Set(input.columns) : nil
      for column in computed {
        if case .column(let source, let type) = column.expression, source != column.id,
          context.columns[source].type == type, context.columns[column.id].type == type, own?.contains(source) ?? true
        {
          renames[column.id] = column.expression
        }
      }
    }
    switch relation {
    case .apply(.left, let left, let right, _):
      collect(left, context, isNullable: isNullable, &renames)
      collect(right, context, isNullable: true, &renames)
    case .join(let kind, let left, let right, _):
      collect(left, context, isNullable: isNullable || kind == .right || kind == .full, &renames)
      collect(right, context, isNullable: isNullable || kind == .left || kind == .full, &renames)
    default:
      for input in relation.inputs { collect(input, context, isNullable: isNullable, &renames) }
    }
  }

  private func replace(_ relation: Relation, _ renames: [ColumnID: ScalarExpression]) -> Relation {
    func column(_ id: ColumnID) -> ColumnID {
      if case .column(let source, _)? = renames[id] { source } else { id }
    }
    let relation = relation.mapInputs(pure: { replace($0, renames) }).mapOwnExpressions { $0.substituting(renames) }
    switch relation {
    case .compute(let input, let computed):
      let rest = computed.filter { renames[$0.id] == nil }
      return rest.isEmpty ? input : .compute(input, rest)
    case .aggregate(let input, let keys, let calls, let isGrouped):
      // A key that passed a renamed column through passes its source through.
      let mapped = keys.map { ComputedColumn(id: column($0.id), expression: $0.expression) }
      return .aggregate(input, keys: mapped, calls: calls, isGrouped: isGrouped)
    case .distinct(let input, let columns):
      var kept: [ColumnID] = []
      for id in columns.map(column) where !kept.contains(id) { kept.append(id) }
      return .distinct(input, kept)
    case .setOperation(var operation):
      operation.leftColumns = operation.leftColumns.map(column)
      operation.rightColumns = operation.rightColumns.map(column)
      return .setOperation(operation)
    case .apply(.scalar(let target, let source), let left, let right, let conditions):
      return .apply(.scalar(column: target, source: column(source)), left, right, conditions)
    case .shared(var shared):
      shared.source = shared.source.map(column)
      return .shared(shared)
    case .sequence(let first, let main):
      let queries = first.map { query in
        var query = query
        query.source = query.source.map(column)
        return query
      }
      return .sequence(queries, main)
    case .recursive(var query):
      query.baseColumns = query.baseColumns.map(column)
      query.stepColumns = query.stepColumns.map(column)
      return .recursive(query)
    case .modification(var change):
      change.sourceColumns = change.sourceColumns.map(column)
      change.otherColumns = change.otherColumns.map(column)
      return .modification(change)
    default: return relation
    }
  }
}
