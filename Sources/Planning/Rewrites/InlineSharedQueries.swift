// A CTE that one place reads is that place's sub-query, unless it must be computed apart: MATERIALIZED, or volatile.
// What more than one place reads is kept and computed once, as in PostgreSQL since 12.

import Expressions

struct InlineSharedQueries: Rewrite {
  func apply(_ relation: Relation, _ context: BindingContext) -> Relation {
    var readers: [Int: Int] = [:]
    count(relation, &readers)
    if readers.isEmpty { return relation }
    return inline(relation, readers)
  }

  private func count(_ relation: Relation, _ readers: inout [Int: Int]) {
    if case .shared(let shared) = relation {
      readers[shared.id, default: 0] += 1
      // The query's own readers count once.
      if readers[shared.id] ?? 0 > 1 { return }
    }
    for input in relation.inputs { count(input, &readers) }
    if case .modification = relation { return }
  }

  private func inline(_ relation: Relation, _ readers: [Int: Int]) -> Relation {
    let relation = relation.mapInputs(pure: { inline($0, readers) })
    guard case .shared(let shared) = relation, readers[shared.id] == 1, !shared.isMaterialized,
      !shared.relation.isVolatile
    else { return relation }
    return .compute(
      shared.relation,
      zip(shared.columns, shared.source).map {
        ComputedColumn(id: $0, expression: .column($1, shared.types[$1] ?? .text))
      })
  }
}
