// What a column reference means: the innermost query level that knows the name wins.
// Source: PostgreSQL manual, 4.2.1; the messages, hints and positions are PostgreSQL's.

import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  func bindColumn(_ reference: ColumnReference, _ scope: Scope) throws(SQLError) -> ScalarExpression {
    if let clause = scope.clause.refusesColumns {
      throw context.error(
        .featureNotSupported, "cannot use column reference in \(clause)", at: reference.position)
    }
    switch reference.qualifiers.count {
    case 0: return try bindUnqualified(reference.name, scope)
    case 1: return try bindQualified(reference, schema: nil, table: reference.qualifiers[0], scope)
    case 2:
      return try bindQualified(
        reference, schema: reference.qualifiers[0].text, table: reference.qualifiers[1], scope)
    case 3:
      guard reference.qualifiers[0].text == names.databaseName else {
        let name = (reference.qualifiers + [reference.name]).map(\.text).joined(separator: ".")
        throw context.error(
          .featureNotSupported, "cross-database references are not implemented: \(name)", at: reference.position)
      }
      return try bindQualified(
        reference, schema: reference.qualifiers[1].text, table: reference.qualifiers[2], scope)
    default:
      let name = (reference.qualifiers + [reference.name]).map(\.text).joined(separator: ".")
      throw context.error(
        .syntaxError, "improper qualified name (too many dotted names): \(name)", at: reference.position)
    }
  }

  private func bindUnqualified(_ name: Identifier, _ scope: Scope) throws(SQLError) -> ScalarExpression {
    var level: Scope? = scope
    while let current = level {
      let found = current.columns.filter { $0.name == name.text && !$0.isHidden }
      // The same column twice (a merged one) is no ambiguity.
      if let first = found.first {
        if found.count > 1 {
          throw context.error(.ambiguousColumn, "column reference \"\(name.text)\" is ambiguous", at: name.position)
        }
        if let frame = context.frames.last, frame.isRunning, frame.variables[name.text] != nil, context.viewDepth == 0,
          scope.clause.refusesSubqueries == nil
        {
          throw context.error(
            .ambiguousColumn, "column reference \"\(name.text)\" is ambiguous",
            detail: "It could refer to either a PL/pgSQL variable or a table column.", at: name.position)
        }
        return mention(first, in: current, from: scope, name: name.text, at: name.position)
      }
      level = current.parent
    }
    // A table's name alone means its row.
    level = scope
    while let current = level {
      if let table = current.tables.first(where: { $0.alias == name.text && $0.isVisible }) {
        return try bindWholeRow(table, current, from: scope, at: name.position)
      }
      level = current.parent
    }
    level = scope
    while let current = level {
      if let found = systemColumn(name.text, of: current.tables) { return found }
      level = current.parent
    }
    if let value = context.frames.last?.value(named: name.text) { return value }
    throw missingColumn(name.text, qualifier: nil, scope, at: name.position)
  }

  func mention(
    _ column: ScopeColumn, in level: Scope, from scope: Scope, name: String, at position: SourcePosition
  ) -> ScalarExpression {
    context.mentioned.insert(column.id)
    if !level.isInAggregate {
      let mention = ColumnMention(id: column.id, position: position, name: name)
      if level === scope { level.mentions.append(mention) } else { level.subqueryMentions.append(mention) }
    }
    return context.column(column.id)
  }

  private func bindQualified(
    _ reference: ColumnReference, schema: String?, table: Identifier, _ scope: Scope
  ) throws(SQLError) -> ScalarExpression {
    var level: Scope? = scope
    while let current = level {
      let found = current.tables.filter {
        $0.isVisible && $0.alias == table.text && (schema == nil || $0.schema == schema)
      }
      if found.count > 1 {
        throw context.error(.ambiguousAlias, "table reference \"\(table.text)\" is ambiguous", at: reference.position)
      }
      if let target = found.first {
        let columns = target.columns.filter { $0.name == reference.name.text && !$0.isHidden }
        if columns.count > 1 {
          throw context.error(
            .ambiguousColumn, "column reference \"\(reference.name.text)\" is ambiguous", at: reference.position)
        }
        guard let column = columns.first else {
          if let found = systemColumn(reference.name.text, of: [target]) { return found }
          throw missingColumn(reference.name.text, qualifier: table.text, scope, at: reference.position)
        }
        return mention(column, in: current, from: scope, name: column.name, at: reference.position)
      }
      level = current.parent
    }
    if schema == nil, let frame = context.frames.last, frame.function.name == table.text,
      let value = frame.value(named: reference.name.text)
    {
      return value
    }
    if schema == nil, let row = variableRow(table) {
      if row.type == .record {
        throw SQLError(
          .objectNotInPrerequisiteState, "record \"\(table.text)\" is not assigned yet",
          detail: "The tuple structure of a not-yet-assigned record is indeterminate.")
      }
      guard let field = try fields(of: row, at: reference.position).first(where: { $0.name == reference.name.text })
      else {
        throw context.error(
          .undefinedColumn, "record \"\(table.text)\" has no field \"\(reference.name.text)\"", at: reference.position)
      }
      return field.expression
    }
    throw missingTable(table.text, schema: schema, scope, at: reference.position)
  }

  /// A variable that is a row.
  func variableRow(_ name: Identifier) -> ScalarExpression? {
    guard let value = context.frames.last?.value(named: name.text), value.type.isRow else { return nil }
    return value
  }

  func missingColumn(
    _ name: String, qualifier: String?, _ scope: Scope, at position: SourcePosition
  ) -> SQLError {
    var tables: [ScopeTable] = []
    var level: Scope? = scope
    while let current = level {
      tables += current.tables
      level = current.parent
    }
    let shown = qualifier.map { "\($0).\(name)" } ?? "\"\(name)\""
    return context.error(
      .undefinedColumn, "column \(shown) does not exist",
      hint: NameSuggestions.hint(for: name, qualifier: qualifier, in: tables), at: position)
  }

  func missingTable(_ name: String, schema: String?, _ scope: Scope, at position: SourcePosition) -> SQLError {
    var level: Scope? = scope
    while let current = level {
      // The table is there, under another name.
      if let table = current.tables.first(where: { $0.table?.name == name && $0.alias != name }) {
        return context.error(
          .undefinedTable, "invalid reference to FROM-clause entry for table \"\(name)\"",
          hint: "Perhaps you meant to reference the table alias \"\(table.alias)\".", at: position)
      }
      if current.hiddenTables.contains(name) {
        return context.error(
          .undefinedTable, "invalid reference to FROM-clause entry for table \"\(name)\"",
          hint: "There is an entry for table \"\(name)\", but it cannot be referenced from this part of the query.",
          at: position)
      }
      level = current.parent
    }
    return context.error(.undefinedTable, "missing FROM-clause entry for table \"\(name)\"", at: position)
  }

  // MARK: Select lists

  /// The columns that `*` or `t.*` stands for.
  func expandWildcard(
    _ qualifiers: [Identifier], _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> [(name: String, expression: ScalarExpression)] {
    func expressions(
      _ columns: [ScopeColumn], _ level: Scope
    ) -> [(name: String, expression: ScalarExpression)] {
      columns.filter { !$0.isHidden }.map {
        ($0.name, mention($0, in: level, from: scope, name: $0.name, at: position))
      }
    }
    guard let table = qualifiers.last else {
      if scope.tables.isEmpty {
        throw context.error(.syntaxError, "SELECT * with no tables specified is not valid", at: position)
      }
      return expressions(scope.columns, scope)
    }
    let schema = qualifiers.count > 1 ? qualifiers[qualifiers.count - 2].text : nil
    var level: Scope? = scope
    while let current = level {
      if let found = current.tables.first(where: {
        $0.isVisible && $0.alias == table.text && (schema == nil || $0.schema == schema)
      }) {
        return expressions(found.columns, current)
      }
      level = current.parent
    }
    if schema == nil, let row = variableRow(table) { return try fields(of: row, at: position) }
    throw missingTable(table.text, schema: schema, scope, at: qualifiers[0].position)
  }

  /// The name that an expression gives to its column (PostgreSQL's FigureColname).
  static func outputName(_ expression: Expression) -> String {
    weakName(expression).name ?? "?column?"
  }

  /// A name, and how sure it is: a cast's type name gives way to what it casts.
  private static func weakName(_ expression: Expression) -> (name: String?, strength: Int) {
    switch expression {
    case .column(let reference): return (reference.name.text, 2)
    case .field(_, let name): return (name.text, 2)
    case .subscripted(let base, _): return weakName(base)
    case .function(let call): return (call.name.name.text, 2)
    case .cast(let operand, let type, _):
      let inner = weakName(operand)
      return inner.strength > 1 ? inner : (type.name.name.text, 1)
    case .typedLiteral(let type, _, _): return (type.name.name.text, 1)
    case .collate(let operand, _, _): return weakName(operand)
    case .caseWhen(let expression):
      if let otherwise = expression.otherwise {
        let inner = weakName(otherwise)
        if inner.strength > 1 { return inner }
      }
      return ("case", 1)
    case .coalesce: return ("coalesce", 2)
    case .nullIf: return ("nullif", 2)
    case .greatest: return ("greatest", 2)
    case .least: return ("least", 2)
    case .exists: return ("exists", 2)
    case .array: return ("array", 2)
    case .arraySubquery: return ("array", 2)
    case .row: return ("row", 2)
    case .grouping: return ("grouping", 2)
    case .currentValue(let value, _, _): return (value.rawValue, 2)
    case .scalarSubquery(let query, _):
      if case .select(let core) = query.firstBody, let target = core.targets.first {
        if let alias = target.alias { return (alias.text, 2) }
        return weakName(target.expression)
      }
      if case .values = query.firstBody { return ("column1", 2) }
      return (nil, 0)
    default: return (nil, 0)
    }
  }
}

extension SelectStatement {
  /// The leftmost query of set operations, whose names the result has.
  var firstBody: QueryBody {
    if case .setOperation(let operation) = body { return operation.left.firstBody }
    return body
  }
}
