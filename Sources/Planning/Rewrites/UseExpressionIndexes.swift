// An expression that a table's index holds is that index's hidden column: conditions and sort keys that mention it can then use
// the index. Only where the rows are the table's own: above an outer join the missing side's columns are NULL, its expressions
// may be not. See Docs/Decisions/0022.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

struct UseExpressionIndexes: Rewrite {
  private struct Known {
    var expression: ScalarExpression
    var column: ScalarExpression
  }

  func apply(_ relation: Relation, _ context: BindingContext) -> Relation {
    relation.hasExpressionIndexes ? rewrite(relation, Binder(context)) : relation
  }

  private func rewrite(_ relation: Relation, _ binder: Binder) -> Relation {
    let relation = relation.mapInputs(pure: { rewrite($0, binder) })
    let known: [Known]
    switch relation {
    case .filter(let input, _), .sort(let input, _): known = exposed(input, binder)
    case .join(_, let left, let right, _), .apply(_, let left, let right, _):
      known = exposed(left, binder) + exposed(right, binder)
    default: return relation
    }
    if known.isEmpty { return relation }
    return relation.mapOwnExpressions { replace($0, known) }
  }

  private func replace(_ expression: ScalarExpression, _ known: [Known]) -> ScalarExpression {
    if case .column = expression { return expression }
    if case .constant = expression { return expression }
    if let found = known.first(where: { $0.expression.isSame(as: expression) }) { return found.column }
    return expression.mapChildren { replace($0, known) }
  }

  /// The expressions that stand in the relation's rows as they are in their tables.
  private func exposed(_ relation: Relation, _ binder: Binder) -> [Known] {
    switch relation {
    case .scan(let scan):
      var known: [Known] = []
      for (ordinal, column) in scan.table.columns.enumerated() where column.isIndexExpression {
        guard let sql = column.generatedSQL,
          let bound = try? binder.bind(
            try Binder.parseExpression(sql), binder.rowScope(scan.table, scan.columns, .indexExpression))
        else { continue }
        known.append(
          Known(
            expression: FoldConstants.expression(bound), column: .column(scan.columns[ordinal], column.type)))
      }
      return known
    case .filter(let input, _), .sort(let input, _), .limit(let input, _, _), .compute(let input, _),
      .lock(let input, _), .window(let input, _):
      return exposed(input, binder)
    case .join(.inner, let left, let right, _), .apply(.inner, let left, let right, _):
      return exposed(left, binder) + exposed(right, binder)
    case .join(.left, let left, _, _), .join(.semi, let left, _, _), .join(.anti, let left, _, _),
      .apply(_, let left, _, _):
      return exposed(left, binder)
    default: return []
    }
  }
}

extension Relation {
  fileprivate var hasExpressionIndexes: Bool {
    if case .scan(let scan) = self { return scan.table.columns.contains(where: \.isIndexExpression) }
    return inputs.contains(where: \.hasExpressionIndexes)
  }
}
