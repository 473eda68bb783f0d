// In which order conditions that all must hold are computed: those that cost less first, as PostgreSQL counts it, else as they were
// written; equalities that may follow from others come behind their equals. It decides which rows a condition that can fail is
// computed for at all.
// Source: PostgreSQL's createplan.c (order_qual_clauses), costsize.c (cost_qual_eval) and equivclass.c.

import Expressions

extension ScalarExpression {
  /// The conditions as one, in the order in which they are to be computed.
  static func ordered(_ conditions: [ScalarExpression]) -> ScalarExpression? {
    if conditions.count < 2 { return conjunction(conditions) }
    let ranks = conditions.map { (cost: $0.evaluationCost, isLate: $0.isEquivalence) }
    let order = conditions.indices.sorted { a, b in
      if ranks[a].cost != ranks[b].cost { return ranks[a].cost < ranks[b].cost }
      if ranks[a].isLate != ranks[b].isLate { return ranks[b].isLate }
      return a < b
    }
    return conjunction(order.map { conditions[$0] })
  }

  /// Whether PostgreSQL makes an equivalence class of it, and the condition anew out of that.
  private var isEquivalence: Bool {
    guard let (comparison, left, right) = self.comparison, comparison == .equal else { return false }
    return !left.isVolatile && !right.isVolatile && (left.hasColumns || right.hasColumns)
  }

  /// Calls of functions that one row costs, in halves: a list's elements count as one half each.
  private var evaluationCost: Int {
    switch self {
    case .constant, .column, .parameter, .outer: return 0
    case .call(_, let arguments, _, _): return arguments.reduce(2) { $0 + $1.evaluationCost }
    case .isDistinct(let left, let right, _, _): return 2 + left.evaluationCost + right.evaluationCost
    case .inList(let operand, let list, _, _):
      // Many constants are looked up in a table.
      let isHashed = list.count >= 9 && list.allSatisfy { if case .constant = $0 { true } else { false } }
      let elements = list.reduce(0) { $0 + $1.evaluationCost }
      return operand.evaluationCost + elements + (isHashed ? 4 : list.count)
    default: return children.reduce(0) { $0 + $1.evaluationCost }
    }
  }
}
