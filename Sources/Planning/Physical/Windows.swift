// Windows: the input in the order of the partitions, sorted only where it does not come so, then the calls.

import Expressions
import SQLTypes

extension PhysicalPlanner {
  func buildWindow(_ input: Relation, _ step: WindowStep, _ wish: Wish) -> Built {
    let own = Set(step.calls.map(\.id))
    let calls = step.calls.filter { wish.needed.contains($0.id) }
    var inner = Wish(needed: wish.needed.subtracting(own))
    if calls.isEmpty { return build(input, inner) }
    for expression in step.expressions { expression.collectColumns(into: &inner.needed) }
    let keys = step.partition.map { SortKey($0) } + step.order
    let built = build(.sort(input, keys), inner)
    let layout = built.layout + calls.map(\.id)
    let plan = WindowPlan(
      partition: step.partition.map { translate($0, built.layout) },
      order: step.order.map { translate($0, built.layout) },
      calls: calls.map { $0.call.map(pure: { self.translate($0, built.layout) }) })
    var result = built
    result.layout = layout
    result.plan = make(
      .window(built.plan, plan), layout, rows: built.rows,
      cost: built.cost + built.rows * Cost.operator * Double(4 * calls.count),
      startup: built.plan.estimate.startupCost)
    return result
  }
}

extension WindowCall {
  fileprivate func map(pure transform: (ScalarExpression) -> ScalarExpression) -> WindowCall {
    do { return try map { (expression: ScalarExpression) throws(SQLError) in transform(expression) } } catch {
      return self
    }
  }
}
