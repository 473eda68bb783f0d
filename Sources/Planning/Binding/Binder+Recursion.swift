// WITH RECURSIVE: a query that mentions itself is a base and a step, which reads what the round before gave. The rules of
// where it may mention itself are checked by counting mentions around each construct that forbids them.
// Source: PostgreSQL manual, 7.8.2; its parse_cte.c for the messages.

import Expressions
import SQLSyntax
import SQLTypes

/// A recursive query while its recursive term is bound.
final class RecursionContext {
  let id: Int
  let name: String
  let outputs: [OutputColumn]
  /// Where it was mentioned so far.
  var mentions: [SourcePosition] = []
  /// What SEARCH and CYCLE add, and the working table's columns of them where it was read last.
  var traversal: TraversalColumns?
  var traversalColumns: [ColumnID] = []

  init(id: Int, name: String, outputs: [OutputColumn]) {
    self.id = id
    self.name = name
    self.outputs = outputs
  }
}

extension Binder {
  /// The queries of a WITH clause so that each comes after those that it mentions.
  func ordered(_ clause: WithClause) throws(SQLError) -> [CommonTableExpression] {
    guard clause.isRecursive else { return clause.expressions }
    var left = clause.expressions
    var result: [CommonTableExpression] = []
    while !left.isEmpty {
      let next = left.firstIndex { candidate in
        !left.contains { $0.name.text != candidate.name.text && candidate.statement.mentions($0.name.text) }
      }
      guard let next else {
        throw context.error(
          .featureNotSupported, "mutual recursion between WITH items is not implemented",
          at: left[0].name.position)
      }
      result.append(left.remove(at: next))
    }
    return result
  }

  /// A query that mentions itself by the CTE's name.
  func bindRecursive(_ query: SelectStatement, _ cte: VisibleCTE, _ parent: Scope?) throws(SQLError) -> BoundQuery {
    let place = cte.expression.name.position
    func refuse(_ text: String, at position: SourcePosition) -> SQLError {
      context.error(.featureNotSupported, "\(text) in a recursive query is not implemented", at: position)
    }
    if let with = query.with, with.expressions.contains(where: { $0.mentions(cte.name) }) {
      throw context.error(
        .invalidRecursion, "recursive reference to query \"\(cte.name)\" must not appear within a subquery", at: place)
    }
    guard case .setOperation(let operation) = query.body, operation.kind == .union else {
      throw context.error(
        .invalidRecursion,
        "recursive query \"\(cte.name)\" does not have the form non-recursive-term UNION [ALL] recursive-term",
        at: place)
    }
    if let first = query.orderBy.first { throw refuse("ORDER BY", at: first.expression.leftmost) }
    if let offset = query.limit?.offset { throw refuse("OFFSET", at: offset.leftmost) }
    if let count = query.limit?.count { throw refuse("LIMIT", at: count.leftmost) }
    if !query.locking.isEmpty { throw refuse("FOR UPDATE/SHARE", at: .unknown) }
    var outer = cte.outputs.visible
    if query.with != nil {
      // Its own WITH is seen by both terms.
      outer = try bindWithClause(query.with, outer, parent)
    }
    if operation.left.mentions(cte.name) {
      throw context.error(
        .invalidRecursion,
        "recursive reference to query \"\(cte.name)\" must not appear within its non-recursive term",
        at: operation.left.mention(of: cte.name) ?? place)
    }
    try requireSelects(operation, cte.expression)
    let base = try bindQuery(operation.left, parent: parent, ctes: outer)
    context.sharedCount += 1
    let id = context.sharedCount
    if cte.expression.columns.count > base.outputs.count {
      throw context.error(
        .invalidColumnReference,
        "WITH query \"\(cte.name)\" has \(base.outputs.count) columns available but \(cte.expression.columns.count) columns specified",
        at: place)
    }
    var outputs: [OutputColumn] = []
    for (index, output) in base.outputs.enumerated() {
      let name = index < cte.expression.columns.count ? cte.expression.columns[index].text : output.name
      outputs.append(OutputColumn(name: name, id: context.makeColumn(name, output.type), type: output.type))
    }
    let recursion = RecursionContext(id: id, name: cte.name, outputs: outputs)
    recursion.traversal = try traversalColumns(
      cte.expression,
      zip(outputs, base.outputs).map { OutputColumn(name: $0.name, id: $1.id, type: $1.type) })
    var own = cte
    own.recursion = recursion
    let step = try bindQuery(operation.right, parent: parent, ctes: outer + [own], keepsUnknown: true)
    if recursion.mentions.count > 1 {
      throw context.error(
        .invalidRecursion, "recursive reference to query \"\(cte.name)\" must not appear more than once",
        at: recursion.mentions[1])
    }
    guard step.outputs.count == outputs.count else {
      throw context.error(
        .syntaxError, "each UNION query must have the same number of columns",
        at: operation.right.targetPosition(0) ?? operation.right.position)
    }
    var relation = step.relation
    var columns: [ColumnID] = []
    var casts: [ComputedColumn] = []
    for (index, (known, output)) in zip(outputs, step.outputs).enumerated() {
      let position = operation.right.targetPosition(index) ?? .unknown
      let common = try unifyTypes(
        [known.type, output.type], [operation.left.targetPosition(index) ?? .unknown, position], "UNION")
      if common.oid != known.type.oid || (known.type.modifier >= 0 && common.modifier != known.type.modifier) {
        throw context.error(
          .datatypeMismatch,
          "recursive query \"\(cte.name)\" column \(index + 1) has type \(TypeInfo.format(known.type)) in non-recursive term but type \(TypeInfo.format(common)) overall",
          hint: "Cast the output of the non-recursive term to the correct type.",
          at: operation.left.targetPosition(index) ?? .unknown)
      }
      if output.type == known.type {
        columns.append(output.id)
        continue
      }
      let source = relation.literal(output.id) ?? context.column(output.id)
      let id = context.makeColumn(output.name, known.type)
      casts.append(
        ComputedColumn(id: id, expression: try coerce(source, to: known.type, .implicit, at: position)))
      columns.append(id)
    }
    if !casts.isEmpty { relation = .compute(relation, casts) }
    var start = base.relation
    var startColumns = base.outputs.map(\.id)
    if let traversal = recursion.traversal {
      guard recursion.traversalColumns.count == traversal.names.count else {
        throw context.error(
          .featureNotSupported,
          "with a SEARCH or CYCLE clause, the recursive reference to WITH query \"\(cte.name)\" must be at the top level of its right-hand SELECT",
          at: place)
      }
      let ids = zip(traversal.names, traversal.types).map { context.makeColumn($0, $1) }
      start = .compute(start, zip(ids, traversal.initial).map { ComputedColumn(id: $0, expression: $1) })
      startColumns += ids
      let named = zip(outputs, columns).map { OutputColumn(name: $0.name, id: $1, type: $0.type) }
      let next = try traversed(
        relation, cte.expression, traversal, before: recursion.traversalColumns, outputs: named)
      relation = next.relation
      columns += next.columns
      outputs += zip(traversal.names, traversal.types).map {
        OutputColumn(name: $0, id: context.makeColumn($0, $1), type: $1)
      }
    }
    let result = RecursiveQuery(
      id: id, base: start, baseColumns: startColumns, step: relation, stepColumns: columns,
      columns: outputs.map(\.id), isDistinct: !operation.isAll)
    return BoundQuery(relation: .recursive(result), outputs: outputs)
  }

  /// The rows of the round before, under columns of this reader.
  func workingTable(
    _ recursion: RecursionContext, _ cte: VisibleCTE, _ reference: TableReference, _ alias: String
  ) throws(SQLError) -> FromSource {
    recursion.mentions.append(reference.position)
    let outputs = recursion.outputs.map { output in
      OutputColumn(
        name: output.name, id: context.makeColumn(output.name, output.type, qualifier: alias), type: output.type)
    }
    var columns = outputs.map(\.id)
    if let traversal = recursion.traversal {
      recursion.traversalColumns = zip(traversal.names, traversal.types).map { context.makeColumn($0, $1) }
      columns += recursion.traversalColumns
    }
    return try named(
      BoundQuery(relation: .workingTable(id: recursion.id, name: cte.name, columns), outputs: outputs), alias,
      reference.alias)
  }

  /// Runs `body`, in which no recursive query of the scope may be mentioned.
  func withoutRecursion<T>(
    _ place: String, _ ctes: [VisibleCTE], _ body: () throws(SQLError) -> T
  ) throws(SQLError) -> T {
    let recursions = ctes.compactMap(\.recursion)
    if recursions.isEmpty { return try body() }
    let before = recursions.map(\.mentions.count)
    let result = try body()
    for (recursion, count) in zip(recursions, before) where recursion.mentions.count > count {
      throw context.error(
        .invalidRecursion, "recursive reference to query \"\(recursion.name)\" must not appear within \(place)",
        at: recursion.mentions[count])
    }
    return result
  }

  /// A query within an expression.
  func bindSubquery(_ query: SelectStatement, _ scope: Scope) throws(SQLError) -> BoundQuery {
    try withoutRecursion("a subquery", scope.ctes) { () throws(SQLError) in
      try bindQuery(query, parent: scope, ctes: scope.ctes)
    }
  }
}

extension SelectStatement {
  /// Where a table of this name is read in FROM.
  func mention(of name: String) -> SourcePosition? {
    switch body {
    case .select(let core):
      for item in core.from { if let found = item.mention(of: name) { return found } }
      return nil
    case .values: return nil
    case .setOperation(let operation): return operation.left.mention(of: name) ?? operation.right.mention(of: name)
    }
  }
}

extension FromItem {
  fileprivate func mention(of name: String) -> SourcePosition? {
    switch self {
    case .table(let reference):
      reference.name.schema == nil && reference.name.name.text == name ? reference.position : nil
    case .subquery(let reference): reference.query.mention(of: name)
    case .function: nil
    case .join(let join): join.left.mention(of: name) ?? join.right.mention(of: name)
    }
  }
}

extension CommonTableExpression {
  /// Whether its query reads a table of this name.
  fileprivate func mentions(_ name: String) -> Bool {
    statement.mentions(name)
  }
}

extension Statement {
  /// Whether it reads a table of this name.
  func mentions(_ name: String) -> Bool {
    func hides(_ clause: WithClause?) -> Bool? {
      for expression in clause?.expressions ?? [] {
        if expression.name.text == name { return false }
        if expression.statement.mentions(name) { return true }
      }
      return nil
    }
    switch self {
    case .select(let query): return query.mentions(name)
    case .insert(let insert):
      if let known = hides(insert.with) { return known }
      if case .query(let query) = insert.source { return query.mentions(name) }
      return false
    case .update(let update): return hides(update.with) ?? update.from.contains { $0.mentions(name) }
    case .delete(let delete): return hides(delete.with) ?? delete.using.contains { $0.mentions(name) }
    default: return false
    }
  }
}
