// The rewrites of the algebra, in the order in which they run. Each is one small pass that gives an equal relation.

import Expressions
import SQLTypes

protocol Rewrite: Sendable {
  func apply(_ relation: Relation, _ context: BindingContext) -> Relation
}

enum Rewriter {
  static let passes: [any Rewrite] = [
    FoldConstants(), InlineSharedQueries(), RemoveRenames(), PushDownPredicates(), UnnestSubqueries(),
    InferEqualities(), PushDownPredicates(), UseExpressionIndexes(),
  ]

  static func rewrite(_ relation: Relation, _ context: BindingContext) -> Relation {
    passes.reduce(relation) { $1.apply($0, context) }
  }
}

extension Relation {
  /// The same tree with every expression rewritten, bottom up.
  func mapExpressions(_ transform: (ScalarExpression) -> ScalarExpression) -> Relation {
    do {
      return try map(
        { (relation: Relation) throws(SQLError) in relation.mapExpressions(transform) },
        { (expression: ScalarExpression) throws(SQLError) in transform(expression) })
    } catch { return self }
  }
}
