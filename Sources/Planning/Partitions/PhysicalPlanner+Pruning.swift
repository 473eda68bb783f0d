// Partitions that a statement's conditions leave out: comparisons of partition keys with what does not depend on a row. The values
// may be parameters, so it is when the scan begins that it is known whether there is anything to read.

import Catalog
import Expressions
import SQLTypes

extension PhysicalPlanner {
  func pruning(_ scan: TableScan, _ conditions: [ScalarExpression]) -> [PartitionPruning] {
    guard let guarded = scan.guarded else { return [] }
    var found: [PartitionPruning] = []
    for level in guarded.levels {
      let keys = level.routing.keys
      func comparisons(_ key: ScalarExpression) -> [(comparison: Comparison, value: ScalarExpression)] {
        conditions.compactMap { condition in
          guard case .call(let function, let arguments, _, _) = condition, let comparison = function.comparison,
            arguments.count == 2, arguments[0].isSame(as: key), !arguments[1].hasColumns, !arguments[1].isVolatile,
            arguments[1].type.oid == key.type.oid
          else { return nil }
          return (comparison, translate(arguments[1], []))
        }
      }
      let equal = keys.compactMap { key in comparisons(key).first { $0.comparison == .equal }?.value }
      let first = comparisons(keys[0]).filter { $0.comparison != .notEqual }
      if first.isEmpty { continue }
      found.append(PartitionPruning(level: level, equal: equal.count == keys.count ? equal : nil, first: first))
    }
    return found
  }
}
