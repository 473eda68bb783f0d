// Functions that give rows where a value is expected: in a select list. Each becomes a column of a lateral scan beside the
// level's rows; several run side by side, the shorter ones padded with NULLs.
// Source: PostgreSQL manual, 38.5.9 "SQL Functions Returning Sets".

import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  /// The column of the scan that a call in a select list becomes.
  func bindSetReturning(
    _ name: String, _ bound: [ScalarExpression], _ call: FunctionCall, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    let resolved = try context.located(position) { () throws(SQLError) in
      try resolveTableFunction(name, bound.map(\.type))
    }
    try requireSetReturning(scope, at: position)
    var arguments = bound
    for index in arguments.indices {
      let type = resolved.argumentTypes[index]
      arguments[index] =
        TypeInfo.find(type.oid)?.category == .pseudo
        ? try resolveUnknown(arguments[index])
        : try coerce(arguments[index], to: type, .implicit, at: call.arguments[index].value.leftmost)
    }
    return try bindRows(of: resolved.function, arguments, name, scope, at: position)
  }

  private func requireSetReturning(_ scope: Scope, at position: SourcePosition) throws(SQLError) {
    if scope.isInAggregate {
      throw context.error(
        .featureNotSupported, "aggregate function calls cannot contain set-returning function calls",
        hint: "You might be able to move the set-returning function into a LATERAL FROM item.", at: position)
    }
    guard scope.clause.allowsSetReturning else {
      throw context.error(
        .featureNotSupported, "set-returning functions are not allowed in \(scope.clause.description)", at: position)
    }
  }

  /// The value that a function's rows give in a select list: its one column, or a row of several.
  func bindRows(
    of function: Expressions.TableFunction, _ arguments: [ScalarExpression], _ name: String, _ scope: Scope,
    at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    try requireSetReturning(scope, at: position)
    let own = Set(scope.setReturning.flatMap(\.columns))
    if arguments.contains(where: { !$0.columns.isDisjoint(with: own) }) {
      throw context.unsupported("set-returning functions within set-returning functions are", at: position)
    }
    let names = function.columns.map(\.name)
    func result(_ ids: [ColumnID]) throws(SQLError) -> ScalarExpression {
      ids.count == 1
        ? context.column(ids[0]) : try makeRow(ids.map { context.column($0) }, names: names, at: position)
    }
    // The same call in ORDER BY or GROUP BY is that of the select list.
    if scope.clause != .select,
      let known = scope.setReturning.first(where: { scan in
        scan.function === function && scan.arguments.count == arguments.count
          && zip(scan.arguments, arguments).allSatisfy { $0.isSame(as: $1) }
      })
    {
      return try result(known.columns)
    }
    let ids = function.columns.map { context.makeColumn($0.name, $0.type) }
    scope.setReturning.append(
      FunctionScan(
        function: function, alias: name, arguments: arguments, columns: ids, withOrdinality: false))
    return try result(ids)
  }

  /// Runs `body`, in which no function may give rows.
  func withoutSetReturning<T>(
    _ construct: String, _ scope: Scope, _ body: () throws(SQLError) -> T
  ) throws(SQLError) -> T {
    let before = scope.setReturning.count
    let result = try body()
    if scope.setReturning.count > before {
      throw SQLError(
        .featureNotSupported, "set-returning functions are not allowed in \(construct)",
        hint: "You might be able to move the set-returning function into a LATERAL FROM item.")
    }
    return result
  }

  /// Every row of `relation` with each row that its functions give.
  func repeated(_ relation: Relation, for scans: [FunctionScan]) -> Relation {
    guard let first = scans.first else { return relation }
    if scans.count == 1 { return .apply(.inner, relation, .function(first), []) }
    guard let equal = registry.comparison(.equal, of: .int8) else { preconditionFailure("= of bigint exists") }
    // Side by side by their row numbers; the number of a row that both or only one has is the one that is there.
    var side: (relation: Relation, number: ColumnID)?
    for var scan in scans {
      let number = context.makeColumn("ordinality", .int8)
      scan.columns.append(number)
      scan.withOrdinality = true
      guard let left = side else {
        side = (.function(scan), number)
        continue
      }
      let (a, b) = (context.column(left.number), context.column(number))
      let joined = Relation.join(
        .full, left.relation, .function(scan), [.call(equal, [a, b], type: .bool, position: -1)])
      let merged = context.makeColumn("ordinality", .int8)
      side = (
        .compute(joined, [ComputedColumn(id: merged, expression: .coalesce([a, b], type: .int8))]), merged
      )
    }
    guard let side else { return relation }
    return .apply(.inner, relation, .sort(side.relation, [SortKey(context.column(side.number))]), [])
  }
}
