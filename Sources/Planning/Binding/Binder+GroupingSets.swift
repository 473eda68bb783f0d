// GROUPING SETS, ROLLUP and CUBE: one aggregation for each set over the same rows, kept if there are several, put one after
// the other; a key that is not of a set is NULL there, and GROUPING tells which. Source: PostgreSQL manual, 7.2.4 and 9.21.

import Expressions
import SQLSyntax
import SQLTypes

/// What GROUP BY says: its keys, each once, and the sets of them by position.
struct GroupingSets {
  var keys: [ComputedColumn] = []
  var sets: [[Int]] = []
}

/// A call of GROUPING: the column that it becomes, and its arguments.
struct GroupingCall {
  var id: ColumnID
  var arguments: [ScalarExpression]
  var position: SourcePosition
}

extension Binder {
  /// As in PostgreSQL.
  private static let maximumSetCount = 4096

  /// The sets that the elements of GROUP BY make together, as positions among keys that `key` gives.
  func groupingSets(
    _ clause: GroupByClause, key: (Expression) throws(SQLError) -> [Int]
  ) throws(SQLError) -> [[Int]] {
    func keys(_ expressions: [Expression]) throws(SQLError) -> [[Int]] {
      // Each operand of ROLLUP and CUBE is one step, also a list of columns in parentheses.
      try expressions.mapTyped(key)
    }
    func sets(_ element: GroupingElement) throws(SQLError) -> [[Int]] {
      switch element {
      case .expression(let expression): return [try key(expression)]
      case .empty: return [[]]
      case .rollup(let list, let position):
        let steps = try keys(list)
        try checkCount(steps.count + 1, at: position)
        return (0...steps.count).reversed().map { steps.prefix($0).flatMap { $0 } }
      case .cube(let list, let position):
        let steps = try keys(list)
        if steps.count > 12 {
          throw context.error(.tooManyColumns, "CUBE is limited to 12 elements", at: position)
        }
        let all = 1 << steps.count
        // Every subset, the whole first.
        return (0..<all).reversed().map { mask in
          steps.indices.filter { mask & (1 << (steps.count - 1 - $0)) != 0 }.flatMap { steps[$0] }
        }
      case .sets(let list, let position):
        let parts = try list.mapTyped(sets).flatMap { $0 }
        try checkCount(parts.count, at: position)
        return parts
      }
    }
    var result: [[Int]] = [[]]
    for element in clause.elements {
      let parts = try sets(element)
      try checkCount(result.count * parts.count, at: .unknown)
      result = result.flatMap { set in parts.map { set + $0 } }
    }
    // A key counts once in a set.
    result = result.map { set in
      var seen: [Int] = []
      for key in set where !seen.contains(key) { seen.append(key) }
      return seen
    }
    if clause.isDistinct {
      var kept: [[Int]] = []
      for set in result where !kept.contains(where: { Set($0) == Set(set) }) { kept.append(set) }
      result = kept
    }
    return result
  }

  private func checkCount(_ count: Int, at position: SourcePosition) throws(SQLError) {
    if count > Self.maximumSetCount {
      throw context.error(
        .statementTooComplex, "too many grouping sets present (maximum \(Self.maximumSetCount))", at: position)
    }
  }

  /// `GROUPING(a, b)`: a column for now; what it means is known once the query's keys are.
  func bindGrouping(
    _ list: [Expression], _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    if list.count > 31 {
      throw context.error(.tooManyArguments, "GROUPING must have fewer than 32 arguments", at: position)
    }
    guard scope.clause.allowsAggregates else {
      throw context.error(
        .groupingError, "grouping operations are not allowed in \(scope.clause.description)", at: position)
    }
    // What it mentions is grouped by, or refused as such.
    let mentions = scope.mentions.count
    let arguments = try list.mapTyped { (item: Expression) throws(SQLError) in try bind(item, scope) }
    scope.mentions.removeLast(scope.mentions.count - mentions)
    let id = context.makeColumn("grouping", .int4, isNullable: false)
    scope.groupings.append(GroupingCall(id: id, arguments: arguments, position: position))
    return context.column(id)
  }

  /// The relation grouped by every set in turn. The keys' columns are new ones: a key may be NULL where it is not grouped by.
  func grouped(
    _ relation: Relation, by grouping: GroupingSets, _ scope: Scope
  ) throws(SQLError) -> Relation {
    let outputs = grouping.keys.map(\.id) + scope.aggregates.map(\.id) + scope.groupings.map(\.id)
    let masks = try scope.groupings.mapTyped { (call: GroupingCall) throws(SQLError) in
      try call.arguments.mapTyped { (argument: ScalarExpression) throws(SQLError) -> Int in
        guard
          let key = grouping.keys.firstIndex(where: {
            $0.expression.isSame(as: argument) || isColumn(argument, $0.id)
          })
        else {
          throw context.error(
            .groupingError,
            "arguments to GROUPING must be grouping expressions of the associated query level", at: call.position)
        }
        return key
      }
    }
    // The columns that the aggregations look at.
    var used: Set<ColumnID> = []
    for key in grouping.keys { key.expression.collectColumns(into: &used) }
    for aggregate in scope.aggregates {
      for argument in aggregate.call.arguments { argument.collectColumns(into: &used) }
      aggregate.call.filter?.collectColumns(into: &used)
      for key in aggregate.call.order { key.expression.collectColumns(into: &used) }
    }
    let source = used.intersection(relation.columns).sorted()
    context.sharedCount += 1
    let shared = context.sharedCount
    var result: (relation: Relation, columns: [ColumnID])?
    for (number, set) in grouping.sets.enumerated() {
      // This set's own reading of the rows.
      var replacements: [ColumnID: ScalarExpression] = [:]
      var own: [ColumnID] = []
      for id in source {
        let info = context.columns[id]
        let column = context.makeColumn(info.name, info.type, isNullable: info.isNullable, qualifier: info.qualifier)
        own.append(column)
        replacements[id] = context.column(column)
      }
      let reader = Relation.shared(
        SharedQuery(
          id: shared, name: "grouping sets", relation: relation, source: source, columns: own,
          types: source.reduce(into: [:]) { $0[$1] = context.columns[$1].type }, isMaterialized: grouping.sets.count > 1
        ))
      var columns: [ColumnID] = []
      var keys: [ComputedColumn] = []
      var computed: [ComputedColumn] = []
      for (index, key) in grouping.keys.enumerated() {
        let info = context.columns[key.id]
        let id = context.makeColumn(info.name, info.type)
        columns.append(id)
        if set.contains(index) {
          keys.append(ComputedColumn(id: id, expression: key.expression.substituting(replacements)))
        } else {
          computed.append(ComputedColumn(id: id, expression: .null(info.type)))
        }
      }
      var calls: [ComputedAggregate] = []
      for aggregate in scope.aggregates {
        var call = aggregate.call
        call.arguments = call.arguments.map { $0.substituting(replacements) }
        call.filter = call.filter.map { $0.substituting(replacements) }
        call.order = call.order.map {
          SortKey(
            $0.expression.substituting(replacements), isDescending: $0.isDescending, nullsFirst: $0.nullsFirst)
        }
        let info = context.columns[aggregate.id]
        let id = context.makeColumn(info.name, info.type, isNullable: info.isNullable)
        columns.append(id)
        calls.append(ComputedAggregate(id: id, call: call))
      }
      for mask in masks {
        let bits = mask.reduce(Int64(0)) { $0 << 1 | (set.contains($1) ? 0 : 1) }
        let id = context.makeColumn("grouping", .int4, isNullable: false)
        columns.append(id)
        computed.append(ComputedColumn(id: id, expression: .constant(.int64(bits), .int4)))
      }
      var branch = Relation.aggregate(reader, keys: keys, calls: calls, isGrouped: !keys.isEmpty)
      if !computed.isEmpty { branch = .compute(branch, computed) }
      guard let before = result else {
        result = (branch, columns)
        continue
      }
      let isLast = number == grouping.sets.count - 1
      let next =
        isLast ? outputs : outputs.map { context.makeColumn(context.columns[$0].name, context.columns[$0].type) }
      result = (
        .setOperation(
          SetOperation(
            kind: .unionAll, left: before.relation, right: branch, leftColumns: before.columns, rightColumns: columns,
            columns: next)), next
      )
    }
    guard let result else { return relation }
    if result.columns == outputs { return result.relation }
    return .compute(
      result.relation,
      zip(outputs, result.columns).map { ComputedColumn(id: $0, expression: context.column($1)) })
  }

  private func isColumn(_ expression: ScalarExpression, _ id: ColumnID) -> Bool {
    if case .column(id, _) = expression { return true }
    return false
  }
}
