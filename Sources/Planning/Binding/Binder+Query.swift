// Queries as wholes: WITH, set operations, VALUES, and what applies to any query's result (ORDER BY, LIMIT).
// Source: PostgreSQL manual, 7.4-7.8; messages and positions are PostgreSQL's.

import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  /// - Parameters:
  ///   - parent: the query around it, whose columns it may use.
  ///   - keepsUnknown: literals of unknown type in the select list stay so, for INSERT to give them the column's type.
  func bindQuery(
    _ query: SelectStatement, parent: Scope?, ctes outer: [VisibleCTE], keepsUnknown: Bool = false
  ) throws(SQLError) -> BoundQuery {
    let ctes = try bindWithClause(query.with, outer, parent)
    switch query.body {
    case .select(let core):
      return try bindSelect(core, query, parent: parent, ctes: ctes, keepsUnknown: keepsUnknown)
    case .values(let rows, let position):
      let bound = try bindValues(rows, parent: parent, ctes: ctes, keepsUnknown: keepsUnknown, at: position)
      return try finish(bound, query, parent: parent, ctes: ctes, isSetOperation: false)
    case .setOperation(let operation):
      let bound = try bindSetOperation(operation, parent: parent, ctes: ctes)
      return try finish(bound, query, parent: parent, ctes: ctes, isSetOperation: true)
    }
  }

  /// ORDER BY and LIMIT over a result whose columns alone can be named.
  private func finish(
    _ bound: BoundQuery, _ query: SelectStatement, parent: Scope?, ctes: [VisibleCTE], isSetOperation: Bool
  ) throws(SQLError) -> BoundQuery {
    var result = bound
    if let lock = query.locking.first {
      throw context.error(
        .featureNotSupported,
        isSetOperation
          ? "\(lock.strength.name) is not allowed with UNION/INTERSECT/EXCEPT"
          : "\(lock.strength.name) cannot be applied to VALUES",
        at: isSetOperation ? .unknown : .unknown)
    }
    if !query.orderBy.isEmpty {
      let scope = Scope(parent: isSetOperation ? nil : parent, ctes: ctes)
      scope.columns = bound.outputs.map { ScopeColumn(name: $0.name, id: $0.id) }
      if !isSetOperation {
        scope.tables = [ScopeTable(alias: "*VALUES*", schema: nil, columns: scope.columns, table: nil)]
      }
      scope.clause = .orderBy
      var keys: [SortKey] = []
      for item in query.orderBy {
        let place = item.expression.leftmost
        if let id = try outputReference(item.expression, bound.outputs, "ORDER BY") {
          keys.append(try sortKey(context.column(id), item, at: place))
        } else if isSetOperation {
          if case .column(let reference) = item.expression, reference.qualifiers.isEmpty {
            throw missingColumn(reference.name.text, qualifier: nil, scope, at: reference.position)
          }
          throw context.error(
            .featureNotSupported, "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
            detail: "Only result column names can be used, not expressions or functions.",
            hint: "Add the expression/function to every SELECT, or move the UNION into a FROM clause.", at: place)
        } else {
          keys.append(try sortKey(try resolveUnknown(try bind(item.expression, scope)), item, at: place))
        }
      }
      result.relation = .sort(scope.attach(to: result.relation), keys)
    }
    result.relation = try limited(result.relation, query.limit, parent: parent, ctes: ctes)
    return result
  }

  /// The column that an ordinal or an output name means; nil for any other expression.
  func outputReference(
    _ expression: Expression, _ outputs: [OutputColumn], _ clause: String
  ) throws(SQLError) -> ColumnID? {
    switch expression {
    case .literal(.integer(let ordinal), let position):
      guard ordinal >= 1, ordinal <= outputs.count else {
        throw context.error(
          .invalidColumnReference, "\(clause) position \(ordinal) is not in select list", at: position)
      }
      return outputs[Int(ordinal) - 1].id
    case .literal(.null, let position), .literal(.boolean, let position), .literal(.numeric, let position),
      .literal(.string, let position):
      throw context.error(.syntaxError, "non-integer constant in \(clause)", at: position)
    case .extractedLiteral: throw literalNeeded
    case .column(let reference) where reference.qualifiers.isEmpty:
      let found = outputs.filter { $0.name == reference.name.text }
      guard let first = found.first else { return nil }
      if found.contains(where: { $0.id != first.id }) {
        throw context.error(
          .ambiguousColumn, "\(clause) \"\(reference.name.text)\" is ambiguous", at: reference.position)
      }
      return first.id
    default: return nil
    }
  }

  /// LIMIT and OFFSET over a relation.
  func limited(
    _ relation: Relation, _ clause: LimitClause?, parent: Scope?, ctes: [VisibleCTE]
  ) throws(SQLError) -> Relation {
    guard let clause else { return relation }
    let scope = Scope(parent: parent, ctes: ctes)
    func bound(_ expression: Expression?, _ kind: Clause, _ name: String) throws(SQLError) -> ScalarExpression? {
      guard let expression else { return nil }
      scope.clause = kind
      let value: ScalarExpression
      do { value = try bind(expression, scope) } catch {
        // Columns of this query are out of reach here; PostgreSQL says so.
        if error.state == .undefinedColumn || error.state == .undefinedTable, case .column = expression {
          throw context.error(
            .invalidColumnReference, "argument of \(name) must not contain variables", at: expression.leftmost)
        }
        throw error
      }
      if let result = try coerceIfPossible(value, to: .int8, .assignment, at: expression.leftmost) {
        if result.isNullConstant { return nil }
        return result
      }
      throw context.error(
        .datatypeMismatch, "argument of \(name) must be type bigint, not type \(value.type.shown)",
        at: expression.leftmost)
    }
    let offset = try bound(clause.offset, .offset, "OFFSET")
    let count = try bound(clause.count, .limit, "LIMIT")
    if count == nil && offset == nil { return relation }
    if clause.isWithTies, let count { return try withTies(relation, count, offset, scope) }
    if !scope.attachments.isEmpty {
      // The sub-queries' values stand in one row, for which the limited rows are then computed.
      return .apply(.inner, scope.attach(to: .unit), .limit(relation, count: count, offset: offset), [])
    }
    return .limit(relation, count: count, offset: offset)
  }

  /// `FETCH FIRST n ROWS WITH TIES`: the rows whose rank is at most that of the last one, less those that OFFSET passes over.
  private func withTies(
    _ relation: Relation, _ count: ScalarExpression, _ offset: ScalarExpression?, _ scope: Scope
  ) throws(SQLError) -> Relation {
    guard case .sort(_, let keys) = relation else {
      throw SQLError(.syntaxError, "WITH TIES cannot be specified without ORDER BY clause")
    }
    if !scope.attachments.isEmpty { throw context.unsupported("sub-queries in LIMIT WITH TIES are") }
    var calls: [ComputedWindowCall] = []
    func place(_ name: String) throws(SQLError) -> ScalarExpression {
      let function = try registry.resolveWindowFunction(name, []).function
      let id = context.makeColumn(name, .int8, isNullable: false)
      calls.append(
        ComputedWindowCall(id: id, call: WindowCall(function: .window(function), arguments: [], type: .int8)))
      return context.column(id)
    }
    let last: ScalarExpression =
      if let offset { try makeOperator("+", count, offset, at: .unknown) } else { count }
    var conditions = [try makeOperator("<=", try place("rank"), last, at: .unknown)]
    if let offset { conditions.append(try makeOperator(">", try place("row_number"), offset, at: .unknown)) }
    let ranked = Relation.window(relation, WindowStep(partition: [], order: keys, calls: calls))
    return .sort(ranked.filtered(conditions), keys)
  }

  // MARK: WITH

  func bindWithClause(
    _ clause: WithClause?, _ outer: [VisibleCTE], _ parent: Scope?
  ) throws(SQLError) -> [VisibleCTE] {
    guard let clause else { return outer }
    var visible = outer
    var own: Set<String> = []
    for expression in try ordered(clause) {
      if !own.insert(expression.name.text).inserted {
        throw context.error(
          .duplicateAlias, "WITH query name \"\(expression.name.text)\" specified more than once",
          at: expression.name.position)
      }
      guard case .select(let query) = expression.statement else {
        if clause.isRecursive, expression.statement.mentions(expression.name.text) {
          throw context.error(
            .invalidRecursion,
            "recursive query \"\(expression.name.text)\" must not contain data-modifying statements",
            at: expression.name.position)
        }
        visible.append(try bindModification(expression, visible, parent))
        continue
      }
      let definition = CTEDefinition(
        expression, visible: visible, isShared: expression.materialization != .never)
      definition.isRecursive = clause.isRecursive && query.mentions(expression.name.text)
      if expression.search != nil || expression.cycle != nil, !definition.isRecursive {
        throw context.error(.syntaxError, "WITH query is not recursive", at: expression.name.position)
      }
      visible.append(VisibleCTE(name: expression.name.text, expression: expression, outputs: definition))
    }
    // Each is checked even if nobody reads it.
    for cte in visible.dropFirst(outer.count) where cte.outputs.shared == nil { _ = try bindCTE(cte, parent) }
    return visible
  }

  /// The CTE's query. One that does not depend on enclosing rows is bound once; its readers share it.
  private func bindCTE(
    _ cte: VisibleCTE, _ parent: Scope?
  ) throws(SQLError) -> (relation: Relation, outputs: [OutputColumn], id: Int?) {
    if let shared = cte.outputs.shared { return (shared.relation, shared.outputs, shared.id) }
    guard case .select(let query) = cte.expression.statement else {
      preconditionFailure("a statement that changes rows is bound with its WITH")
    }
    let bound =
      cte.outputs.isRecursive
      ? try bindRecursive(query, cte, parent)
      : try bindQuery(query, parent: parent, ctes: cte.outputs.visible)
    var outputs = bound.outputs
    if cte.expression.columns.count > outputs.count {
      throw context.error(
        .invalidColumnReference,
        "WITH query \"\(cte.name)\" has \(outputs.count) columns available but \(cte.expression.columns.count) columns specified",
        at: cte.expression.name.position)
    }
    for (index, name) in cte.expression.columns.enumerated() { outputs[index].name = name.text }
    guard bound.relation.freeColumns.isEmpty, cte.outputs.isShared else { return (bound.relation, outputs, nil) }
    context.sharedCount += 1
    let id = context.sharedCount
    cte.outputs.shared = (bound.relation, outputs, id)
    return (bound.relation, outputs, id)
  }

  func bindCTEReference(
    _ cte: VisibleCTE, _ reference: TableReference, _ scope: Scope
  ) throws(SQLError) -> FromSource {
    let alias = reference.alias?.name.text ?? cte.name
    if let recursion = cte.recursion { return try workingTable(recursion, cte, reference, alias) }
    let bound = try bindCTE(cte, scope.parent)
    if cte.outputs.isModification && bound.outputs.isEmpty {
      throw context.error(
        .featureNotSupported, "WITH query \"\(cte.name)\" does not have a RETURNING clause",
        at: reference.position)
    }
    guard let id = bound.id else {
      return try named(BoundQuery(relation: bound.relation, outputs: bound.outputs), alias, reference.alias)
    }
    // This reader's own columns.
    var outputs: [OutputColumn] = []
    for output in bound.outputs {
      let info = context.columns[output.id]
      let column = context.makeColumn(output.name, output.type, isNullable: info.isNullable, qualifier: alias)
      outputs.append(OutputColumn(name: output.name, id: column, type: output.type))
    }
    let shared = SharedQuery(
      id: id, name: cte.name, relation: bound.relation, source: bound.outputs.map(\.id), columns: outputs.map(\.id),
      types: bound.outputs.reduce(into: [:]) { $0[$1.id] = $1.type },
      isMaterialized: cte.expression.materialization == .always || cte.outputs.isModification)
    return try named(BoundQuery(relation: .shared(shared), outputs: outputs), alias, reference.alias)
  }

  // MARK: VALUES

  func bindValues(
    _ rows: [[Expression]], parent: Scope?, ctes: [VisibleCTE], keepsUnknown: Bool, at position: SourcePosition
  ) throws(SQLError) -> BoundQuery {
    let width = rows.first?.count ?? 0
    let scope = Scope(parent: parent, ctes: ctes)
    scope.clause = .values
    context.noteScope(scope, at: position)
    var bound: [[ScalarExpression]] = []
    var attachments: [[Attachment]] = []
    for row in rows {
      guard row.count == width else {
        throw context.error(
          .syntaxError, "VALUES lists must all be the same length", at: row.first?.leftmost ?? position)
      }
      bound.append(try row.mapTyped { (item: Expression) throws(SQLError) in try bind(item, scope) })
      attachments.append(scope.takeAttachments())
    }
    var outputs: [OutputColumn] = []
    for column in 0..<width {
      var type = try unifyTypes(bound.map { $0[column].type }, rows.map { $0[column].leftmost }, "VALUES")
      let isUnknown = keepsUnknown && bound.allSatisfy { $0[column].type.oid == SQLType.unknown.oid }
      if isUnknown { type = .unknown }
      for index in bound.indices where !isUnknown {
        bound[index][column] = try coerce(
          bound[index][column], to: type, .implicit, at: rows[index][column].leftmost)
      }
      let isNullable = bound.contains { self.isNullable($0[column]) }
      let id = context.makeColumn("column\(column + 1)", type, isNullable: isNullable, qualifier: "*VALUES*")
      outputs.append(OutputColumn(name: "column\(column + 1)", id: id, type: type, isUnknownLiteral: isUnknown))
    }
    let columns = outputs.map(\.id)
    return BoundQuery(relation: rowsRelation(bound, attachments, columns), outputs: outputs)
  }

  /// Rows of expressions, of which each may need sub-queries of its own.
  func rowsRelation(
    _ rows: [[ScalarExpression]], _ attachments: [[Attachment]], _ columns: [ColumnID]
  ) -> Relation {
    if attachments.allSatisfy(\.isEmpty) { return .values(rows, columns) }
    func relation(_ row: Int, _ columns: [ColumnID]) -> Relation {
      var base = Relation.unit
      for attachment in attachments[row] {
        base = .apply(attachment.kind, base, attachment.relation, attachment.conditions)
      }
      return .compute(base, zip(columns, rows[row]).map { ComputedColumn(id: $0, expression: $1) })
    }
    func fresh() -> [ColumnID] {
      columns.map { context.makeColumn(context.columns[$0].name, context.columns[$0].type) }
    }
    if rows.count == 1 { return relation(0, columns) }
    var known = fresh()
    var result = relation(0, known)
    for row in 1..<rows.count {
      let own = fresh()
      let next = row == rows.count - 1 ? columns : fresh()
      result = .setOperation(
        SetOperation(
          kind: .unionAll, left: result, right: relation(row, own), leftColumns: known, rightColumns: own,
          columns: next))
      known = next
    }
    return result
  }

  // MARK: Set operations

  private func bindSetOperation(
    _ operation: SQLSyntax.SetOperation, parent: Scope?, ctes: [VisibleCTE]
  ) throws(SQLError) -> BoundQuery {
    let name =
      switch operation.kind {
      case .union: "UNION"
      case .intersect: "INTERSECT"
      case .except: "EXCEPT"
      }
    // A recursive query may mention itself in a UNION.
    func operand(_ query: SelectStatement, isAllowed: Bool) throws(SQLError) -> BoundQuery {
      try withoutRecursion(name, isAllowed ? [] : ctes) { () throws(SQLError) in
        try bindQuery(query, parent: parent, ctes: ctes, keepsUnknown: true)
      }
    }
    let left = try operand(operation.left, isAllowed: operation.kind == .union)
    let right = try operand(operation.right, isAllowed: operation.kind == .union)
    guard left.outputs.count == right.outputs.count else {
      throw context.error(
        .syntaxError, "each \(name) query must have the same number of columns",
        at: operation.right.targetPosition(0) ?? operation.right.position)
    }
    var outputs: [OutputColumn] = []
    var leftRelation = left.relation
    var rightRelation = right.relation
    var leftColumns: [ColumnID] = []
    var rightColumns: [ColumnID] = []
    var leftCasts: [ComputedColumn] = []
    var rightCasts: [ComputedColumn] = []
    for (index, (a, b)) in zip(left.outputs, right.outputs).enumerated() {
      let positions = [
        operation.left.targetPosition(index) ?? .unknown, operation.right.targetPosition(index) ?? .unknown,
      ]
      let type = try unifyTypes([a.type, b.type], positions, name)
      func side(
        _ output: OutputColumn, _ relation: Relation, _ position: SourcePosition, _ casts: inout [ComputedColumn]
      ) throws(SQLError) -> ColumnID {
        if output.type == type { return output.id }
        // The literal itself takes the type, not the column that it became.
        let source = relation.literal(output.id) ?? context.column(output.id)
        guard let cast = try coerceIfPossible(source, to: type, .implicit, at: position) else {
          throw context.error(
            .cannotCoerce, "\(name) could not convert type \(output.type.shown) to \(type.shown)", at: position)
        }
        let id = context.makeColumn(output.name, type, isNullable: context.columns[output.id].isNullable)
        casts.append(ComputedColumn(id: id, expression: cast))
        return id
      }
      leftColumns.append(try side(a, leftRelation, positions[0], &leftCasts))
      rightColumns.append(try side(b, rightRelation, positions[1], &rightCasts))
      let isNullable =
        context.columns[a.id].isNullable || (operation.kind == .union && context.columns[b.id].isNullable)
      outputs.append(
        OutputColumn(name: a.name, id: context.makeColumn(a.name, type, isNullable: isNullable), type: type))
    }
    if !leftCasts.isEmpty { leftRelation = .compute(leftRelation, leftCasts) }
    if !rightCasts.isEmpty { rightRelation = .compute(rightRelation, rightCasts) }
    let kind: SetOperator =
      switch (operation.kind, operation.isAll) {
      case (.union, true): .unionAll
      case (.union, false): .union
      case (.intersect, true): .intersectAll
      case (.intersect, false): .intersect
      case (.except, true): .exceptAll
      case (.except, false): .except
      }
    return BoundQuery(
      relation: .setOperation(
        SetOperation(
          kind: kind, left: leftRelation, right: rightRelation, leftColumns: leftColumns, rightColumns: rightColumns,
          columns: outputs.map(\.id))), outputs: outputs)
  }
}

extension Relation {
  /// The constant or parameter that a column was computed from, if it was.
  func literal(_ id: ColumnID) -> ScalarExpression? {
    switch self {
    case .compute(let input, let computed):
      if let found = computed.first(where: { $0.id == id }) {
        switch found.expression {
        case .constant, .parameter: return found.expression
        default: return nil
        }
      }
      return input.literal(id)
    case .limit(let input, _, _), .sort(let input, _), .filter(let input, _): return input.literal(id)
    case .values(let rows, let columns):
      guard rows.count == 1, let index = columns.firstIndex(of: id) else { return nil }
      switch rows[0][index] {
      case .constant, .parameter: return rows[0][index]
      default: return nil
      }
    default: return nil
    }
  }
}

extension SelectStatement {
  /// Where a column of the result was written.
  func targetPosition(_ index: Int) -> SourcePosition? {
    switch firstBody {
    case .select(let core): index < core.targets.count ? core.targets[index].expression.leftmost : nil
    case .values(let rows, _): rows.first.flatMap { index < $0.count ? $0[index].leftmost : nil }
    case .setOperation: nil
    }
  }

  /// Whether a table of this name is read anywhere in FROM.
  func mentions(_ name: String) -> Bool {
    for expression in with?.expressions ?? [] {
      if expression.name.text == name { return false }
      if case .select(let query) = expression.statement, query.mentions(name) { return true }
    }
    switch body {
    case .select(let core): return core.from.contains { $0.mentions(name) }
    case .values: return false
    case .setOperation(let operation): return operation.left.mentions(name) || operation.right.mentions(name)
    }
  }
}

extension FromItem {
  func mentions(_ name: String) -> Bool {
    switch self {
    case .table(let reference): reference.name.schema == nil && reference.name.name.text == name
    case .subquery(let reference): reference.query.mentions(name)
    case .function: false
    case .join(let join): join.left.mentions(name) || join.right.mentions(name)
    }
  }
}

extension LockingClause.Strength {
  var name: String {
    switch self {
    case .keyShare: "FOR KEY SHARE"
    case .share: "FOR SHARE"
    case .noKeyUpdate: "FOR NO KEY UPDATE"
    case .update: "FOR UPDATE"
    }
  }
}
