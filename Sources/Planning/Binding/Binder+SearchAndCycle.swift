// SEARCH and CYCLE of a recursive query: columns that its terms compute beside their own. A depth-first sequence and a cycle's path
// are arrays of the rows on the way from the base; a breadth-first sequence is the number of the round and the row. A row that
// closes a cycle is marked, and nothing follows from it.
// Source: PostgreSQL manual, 7.8.2.1 and 7.8.2.2; its parse_cte.c for the messages, rewriteSearchCycle.c for the meaning.

import Expressions
import SQLSyntax
import SQLTypes

/// The columns that a recursive query's SEARCH and CYCLE add, as its terms have them.
struct TraversalColumns {
  var names: [String] = []
  var types: [SQLType] = []
  /// What the base gives for them.
  var initial: [ScalarExpression] = []
  /// How often the mark's value is met: where it stands among the columns, and its value.
  var mark: (index: Int, value: ScalarExpression)?
}

extension Binder {
  /// The columns to be added, nil where neither clause is written. `base` are the non-recursive term's columns, under the CTE's names.
  func traversalColumns(
    _ expression: CommonTableExpression, _ base: [OutputColumn]
  ) throws(SQLError) -> TraversalColumns? {
    if expression.search == nil && expression.cycle == nil { return nil }
    try checkTraversal(expression, base.map(\.name))
    var columns = TraversalColumns()
    func add(_ name: Identifier, _ value: ScalarExpression) {
      columns.names.append(name.text)
      columns.types.append(value.type)
      columns.initial.append(value)
    }
    if let search = expression.search {
      let own = try keys(search.columns, base)
      if search.isBreadthFirst {
        let first = ScalarExpression.constant(.int64(0), .int8)
        add(search.sequenceColumn, try makeRow([first] + own, names: nil, at: .unknown))
      } else {
        add(search.sequenceColumn, try builder.array([try makeRow(own, at: .unknown)]))
      }
    }
    if let cycle = expression.cycle {
      let scope = Scope(parent: nil, ctes: [])
      var values = [ScalarExpression.constant(.bool(true), .bool), .constant(.bool(false), .bool)]
      if let value = cycle.markValue, let otherwise = cycle.markDefault {
        values = [try bind(value, scope), try bind(otherwise, scope)]
        values = try unify(values, [value.leftmost, otherwise.leftmost], "CYCLE").0
        if TypeInfo.find(values[0].type.oid)?.isOrderable != true {
          throw SQLError(
            .undefinedFunction, "could not identify an equality operator for type \(values[0].type.shown)")
        }
      }
      columns.mark = (columns.names.count, values[0])
      add(cycle.markColumn, values[1])
      add(cycle.pathColumn, try builder.array([try makeRow(try keys(cycle.columns, base), at: .unknown)]))
    }
    return columns
  }

  private func keys(_ names: [Identifier], _ outputs: [OutputColumn]) throws(SQLError) -> [ScalarExpression] {
    try names.mapTyped { (name: Identifier) throws(SQLError) in
      guard let output = outputs.first(where: { $0.name == name.text }) else {
        preconditionFailure("the names have been checked")
      }
      return context.column(output.id)
    }
  }

  /// The recursive term with the added columns: `before` are those of the row that it came from, `outputs` its own, under the
  /// CTE's names.
  func traversed(
    _ step: Relation, _ expression: CommonTableExpression, _ columns: TraversalColumns, before: [ColumnID],
    outputs: [OutputColumn]
  ) throws(SQLError) -> (relation: Relation, columns: [ColumnID]) {
    var values: [ScalarExpression] = []
    if let search = expression.search {
      let own = try keys(search.columns, outputs)
      let sequence = context.column(before[0])
      if search.isBreadthFirst {
        let round = ScalarExpression.call(
          RowFunctions.field(0, named: "f1", of: sequence.type, type: .int8), [sequence], type: .int8, position: -1)
        let next = try makeOperator("+", round, .constant(.int64(1), .int8), at: .unknown)
        values.append(try makeRow([next] + own, at: .unknown))
      } else {
        values.append(try makeCall("array_append", [sequence, try makeRow(own, at: .unknown)], at: .unknown))
      }
    }
    var relation = step
    if let cycle = expression.cycle, let mark = columns.mark {
      let own = try makeRow(try keys(cycle.columns, outputs), at: .unknown)
      let path = context.column(before[mark.index + 1])
      let isMet = try builder.quantified("=", own, path, all: false)
      values.append(
        .conditional(
          [CaseBranch(condition: isMet, result: mark.value)], otherwise: columns.initial[mark.index],
          type: mark.value.type))
      values.append(try makeCall("array_append", [path, own], at: .unknown))
      relation = relation.filtered([
        try makeOperator("<>", context.column(before[mark.index]), mark.value, at: .unknown)
      ])
    }
    let ids = zip(columns.names, columns.types).map { context.makeColumn($0, $1) }
    return (.compute(relation, zip(ids, values).map { ComputedColumn(id: $0, expression: $1) }), ids)
  }

  private func checkTraversal(_ expression: CommonTableExpression, _ names: [String]) throws(SQLError) {
    let place = expression.name.position
    func check(_ columns: [Identifier], _ what: String) throws(SQLError) {
      for (index, column) in columns.enumerated() {
        guard names.contains(column.text) else {
          throw context.error(
            .syntaxError, "\(what) column \"\(column.text)\" not in WITH query column list", at: place)
        }
        if columns[..<index].contains(where: { $0.text == column.text }) {
          throw context.error(
            .duplicateColumn, "\(what) column \"\(column.text)\" specified more than once", at: place)
        }
      }
    }
    func requireFree(_ column: Identifier, _ what: String) throws(SQLError) {
      if names.contains(column.text) {
        throw context.error(
          .syntaxError, "\(what) column name \"\(column.text)\" already used in WITH query column list", at: place)
      }
    }
    func requireDifferent(_ a: Identifier, _ what: String, _ b: Identifier, _ other: String) throws(SQLError) {
      if a.text == b.text {
        throw context.error(
          .syntaxError, "\(what) column name and \(other) column name are the same", at: place)
      }
    }
    if let search = expression.search {
      try check(search.columns, "search")
      try requireFree(search.sequenceColumn, "search sequence")
    }
    if let cycle = expression.cycle {
      try check(cycle.columns, "cycle")
      try requireFree(cycle.markColumn, "cycle mark")
      try requireFree(cycle.pathColumn, "cycle path")
      try requireDifferent(cycle.markColumn, "cycle mark", cycle.pathColumn, "cycle path")
      if let search = expression.search {
        try requireDifferent(search.sequenceColumn, "search sequence", cycle.markColumn, "cycle mark")
        try requireDifferent(search.sequenceColumn, "search sequence", cycle.pathColumn, "cycle path")
      }
    }
  }

  /// Both terms of a query with these clauses must be plain SELECTs.
  func requireSelects(_ operation: SQLSyntax.SetOperation, _ expression: CommonTableExpression) throws(SQLError) {
    if expression.search == nil && expression.cycle == nil { return }
    for (side, query) in [("left", operation.left), ("right", operation.right)] {
      if case .setOperation = query.body {
        throw SQLError(
          side == "left" ? .featureNotSupported : .syntaxError,
          "with a SEARCH or CYCLE clause, the \(side) side of the UNION must be a SELECT")
      }
    }
  }
}
