// Rows as JSON: `row_to_json(t)`, `json_agg(t)` and their kin over a table's whole row or a ROW(…), whose columns become the
// members of an object. Source: PostgreSQL manual, 9.16.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  private static let functions: Set<String> = [
    "row_to_json", "to_json", "to_jsonb", "json_agg", "jsonb_agg", "json_build_object", "jsonb_build_object",
    "json_build_array", "jsonb_build_array", "json_object_agg", "jsonb_object_agg",
  ]

  /// An argument of a call: for JSON's functions a row is an object, for all others what it is.
  func bindArgument(_ argument: Expression, of function: String, _ scope: Scope) throws(SQLError) -> ScalarExpression {
    guard Self.functions.contains(function) else { return try bind(argument, scope) }
    switch argument {
    case .row(let items, _, let position):
      let values = try items.mapTyped { (item: Expression) throws(SQLError) in try bind(item, scope) }
      return try object(values.enumerated().map { ("f\($0 + 1)", $1) }, at: position)
    case .column(let reference) where reference.qualifiers.isEmpty:
      guard let (table, level) = rowTable(reference.name.text, scope) else { return try bind(argument, scope) }
      var members: [(String, ScalarExpression)] = []
      for column in table.columns where !column.isHidden {
        members.append(
          (column.name, mention(column, in: level, from: scope, name: column.name, at: reference.position)))
      }
      let row = try object(members, at: reference.position)
      // The row of an outer join's missing side is NULL: a column that cannot be NULL tells.
      guard let descriptor = table.table, case .table = descriptor.kind,
        let ordinal = descriptor.columns.firstIndex(where: { !$0.isNullable && !$0.isHidden }),
        ordinal < table.columns.count, context.columns[table.columns[ordinal].id].isNullable
      else { return row }
      let isMissing = ScalarExpression.isNull(context.column(table.columns[ordinal].id), negated: false)
      return .conditional(
        [CaseBranch(condition: isMissing, result: .null(.record))], otherwise: row, type: .record)
    default: return try bind(argument, scope)
    }
  }

  /// The table whose row a bare name means: no column has the name.
  private func rowTable(_ name: String, _ scope: Scope) -> (ScopeTable, Scope)? {
    var level: Scope? = scope
    while let current = level {
      if current.columns.contains(where: { $0.name == name && !$0.isHidden }) { return nil }
      level = current.parent
    }
    level = scope
    while let current = level {
      if let table = current.tables.first(where: { $0.alias == name && $0.isVisible }) { return (table, current) }
      level = current.parent
    }
    return nil
  }

  private func object(
    _ members: [(String, ScalarExpression)], at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    var arguments: [ScalarExpression] = []
    for (name, value) in members {
      arguments.append(.constant(.text(name), .text))
      arguments.append(try resolveUnknown(value))
    }
    if arguments.isEmpty { return .constant(.text("{}"), .record) }
    return try makeCall(JSONRows.functionName, arguments, at: position)
  }
}
