// Rows as values: ROW(…), a table's whole row, the fields of a composite value. Source: PostgreSQL manual, 4.2.4, 4.2.13, 8.16.5.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  /// The values of `ROW(…)`, in which `t.*` stands for all columns of `t`.
  func bindRowItems(_ items: [Expression], _ scope: Scope) throws(SQLError) -> [ScalarExpression] {
    var values: [ScalarExpression] = []
    for item in items {
      switch item {
      case .wildcard(let qualifiers, let position) where !qualifiers.isEmpty:
        values += try expandWildcard(qualifiers, scope, at: position).map(\.expression)
      case .allFields(let operand, let position):
        values += try expandFields(of: operand, scope, at: position).map(\.expression)
      default: values.append(try bind(item, scope))
      }
    }
    return values
  }

  /// A row of values; without names its fields are f1, f2, …
  func makeRow(
    _ values: [ScalarExpression], names: [String]? = nil, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    let known = try values.mapTyped { (value: ScalarExpression) throws(SQLError) in try resolveUnknown(value) }
    let shape = RowShape(
      known.enumerated().map { RowShape.Field(names?[$0] ?? "f\($0 + 1)", $1.type) })
    let type = shape.recordType
    return .call(
      RowFunctions.constructor(known.map(\.type), returns: type), known, type: type, position: position.offset)
  }

  // MARK: Whole rows

  /// `t.*` where a value is expected.
  func bindWholeRow(
    _ qualifiers: [Identifier], _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    guard let name = qualifiers.last else { preconditionFailure("a lone star is no row") }
    let schema = qualifiers.count > 1 ? qualifiers[qualifiers.count - 2].text : nil
    var level: Scope? = scope
    while let current = level {
      if let table = current.tables.first(where: {
        $0.isVisible && $0.alias == name.text && (schema == nil || $0.schema == schema)
      }) {
        return try bindWholeRow(table, current, from: scope, at: position)
      }
      level = current.parent
    }
    if schema == nil, let row = variableRow(name) { return row }
    throw missingTable(name.text, schema: schema, scope, at: position)
  }

  /// The row of a table of FROM; that of a function which gives one plain value is the value.
  func bindWholeRow(
    _ table: ScopeTable, _ level: Scope, from scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    func value(_ column: ScopeColumn) -> ScalarExpression {
      mention(column, in: level, from: scope, name: column.name, at: position)
    }
    let visible = table.columns.filter { !$0.isHidden }
    if table.isScalarFunction, let only = visible.first { return value(only) }
    let row = try makeRow(visible.map(value), names: visible.map(\.name), at: position)
    // The row of an outer join's missing side is NULL: a column that cannot be NULL otherwise tells.
    guard let descriptor = table.table, case .table = descriptor.kind,
      let ordinal = descriptor.columns.firstIndex(where: { !$0.isNullable }), ordinal < table.columns.count,
      context.columns[table.columns[ordinal].id].isNullable
    else { return row }
    let isMissing = ScalarExpression.isNull(value(table.columns[ordinal]), negated: false)
    return .conditional(
      [CaseBranch(condition: isMissing, result: .null(row.type))], otherwise: row, type: row.type)
  }

  // MARK: Fields

  func fields(
    of row: ScalarExpression, at position: SourcePosition
  ) throws(SQLError) -> [(name: String, expression: ScalarExpression)] {
    guard let shape = RowShape.of(row.type) else {
      if row.type.oid == SQLType.record.oid {
        throw context.error(
          .undefinedColumn, "record type has not been registered", at: position)
      }
      throw context.error(
        .wrongObjectType, "type \(row.type.shown) is not composite", at: position)
    }
    let parts = RowFunctions.constructed(row)
    return shape.fields.enumerated().map { index, field in
      if let parts, index < parts.count { return (field.name, parts[index]) }
      let function = RowFunctions.field(index, named: field.name, of: row.type, type: field.type)
      return (field.name, .call(function, [row], type: field.type, position: position.offset))
    }
  }

  /// `(row).name`.
  func bindField(_ operand: Expression, _ name: Identifier, _ scope: Scope) throws(SQLError) -> ScalarExpression {
    let row = try bind(operand, scope)
    guard row.type.isRow else {
      throw context.error(
        .wrongObjectType,
        "column notation .\(name.text) applied to type \(row.type.shown), which is not a composite type",
        at: operand.leftmost)
    }
    if let found = RowShape.of(row.type), let index = found.fields.firstIndex(where: { $0.name == name.text }) {
      return try fields(of: row, at: name.position)[index].expression
    }
    if row.type.oid == SQLType.record.oid {
      if case .column(let reference) = operand, reference.qualifiers.isEmpty {
        throw context.error(
          .undefinedColumn, "column \(reference.name.text).\(name.text) does not exist", at: operand.leftmost)
      }
      throw context.error(
        .undefinedColumn, "could not identify column \"\(name.text)\" in record data type", at: operand.leftmost)
    }
    throw context.error(
      .undefinedColumn, "column \"\(name.text)\" not found in data type \(row.type.shown)", at: operand.leftmost)
  }

  /// `(row).*` in a select list.
  func expandFields(
    of operand: Expression, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> [(name: String, expression: ScalarExpression)] {
    try fields(of: try bind(operand, scope), at: operand.leftmost)
  }

  // MARK: Casts

  /// A row as a value of a composite type, field by field; nil if one cannot be cast in this context.
  func coerceRow(
    _ row: ScalarExpression, to target: SQLType, _ castContext: CastContext, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression? {
    guard let shape = RowShape.of(target), RowShape.of(row.type) != nil else { return nil }
    // As declared: what is of a domain is checked.
    let declared =
      names.catalog.snapshot.type(target.oid)?.fields?.map(\.type)
      ?? names.catalog.relation(target.oid)?.columns.filter { !$0.isHidden }.map(\.type) ?? shape.fields.map(\.type)
    let parts = try fields(of: row, at: position)
    guard parts.count == shape.fields.count else {
      throw context.error(
        .cannotCoerce, "cannot cast type \(row.type.shown) to \(target.shown)",
        detail: parts.count < shape.fields.count ? "Input has too few columns." : "Input has too many columns.",
        at: position)
    }
    var values: [ScalarExpression] = []
    for (index, part) in parts.enumerated() {
      let field = shape.fields[index]
      guard let value = try coerceIfPossible(part.expression, to: declared[index], castContext, at: position) else {
        throw context.error(
          .cannotCoerce, "cannot cast type \(row.type.shown) to \(target.shown)",
          detail: "Cannot cast type \(part.expression.type.shown) to \(field.type.shown) in column \(index + 1).",
          at: position)
      }
      values.append(value)
    }
    let made = ScalarExpression.call(
      RowFunctions.constructor(shape.fields.map(\.type), returns: target), values, type: target,
      position: position.offset)
    if RowFunctions.constructed(row) != nil { return made }
    return .conditional(
      [CaseBranch(condition: .isNull(row, negated: false), result: .null(target))], otherwise: made, type: target)
  }
}
