// Functions that make rows of JSON documents, whose fields the base row or a column definition list tells.
// Source: PostgreSQL manual, 9.16 and 7.2.1.4.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  /// What a call of json_populate_record or its kin gives: a row, or a function that gives rows.
  enum Population {
    case row(ScalarExpression)
    case set(Expressions.TableFunction, arguments: [ScalarExpression], row: SQLType)
  }

  /// nil if the call is of another function.
  func bindPopulation(
    _ call: FunctionCall, _ scope: Scope, definitions: [ColumnType], at position: SourcePosition
  ) throws(SQLError) -> Population? {
    let name = call.name.name.text
    guard let rule = JSONPopulation.rule(of: name) else { return nil }
    let wanted = rule.hasBase ? 2 : 1
    let bound = try call.arguments.mapTyped { (argument: FunctionCall.Argument) throws(SQLError) in
      try bind(argument.value, scope)
    }
    let document: SQLType = rule.isBinary ? .jsonb : .json
    guard bound.count == wanted || (rule.hasBase && !rule.isBinary && bound.count == 3),
      let last = bound.dropFirst(wanted - 1).first,
      let text = try coerceIfPossible(last, to: document, .implicit, at: position)
    else {
      throw context.error(
        .undefinedFunction, "function \(name)(\(bound.map(\.type.shown).joined(separator: ", "))) does not exist",
        hint: "No function matches the given name and argument types. You might need to add explicit type casts.",
        at: position)
    }
    var row: SQLType
    var base: ScalarExpression
    if rule.hasBase, let first = bound.first, first.type.oid != SQLType.unknown.oid {
      guard first.type.isRow else {
        throw context.error(
          .datatypeMismatch, "first argument of \(name) must be a row type", at: position)
      }
      (row, base) = (first.type, first)
      if RowShape.of(row) == nil {
        guard !definitions.isEmpty else {
          throw JSONPopulation.undetermined(name)
        }
        row = try rowType(definitions)
        base = .null(row)
      } else if !definitions.isEmpty, row.oid == SQLType.record.oid, case .null? = constant(base) {
        row = try rowType(definitions)
        base = .null(row)
      }
    } else {
      guard !definitions.isEmpty else {
        if rule.hasBase {
          throw context.error(
            .datatypeMismatch, "could not determine polymorphic type because input has type unknown", at: position)
        }
        throw JSONPopulation.undetermined(name)
      }
      row = try rowType(definitions)
      base = .null(row)
    }
    if rule.givesSet {
      guard let shape = RowShape.of(row) else { throw JSONPopulation.undetermined(name) }
      return .set(
        JSONPopulation.setFunction(name, row: row, document: document, shape: shape), arguments: [base, text],
        row: row)
    }
    let value = ScalarExpression.call(
      JSONPopulation.recordFunction(name, row: row, document: document), [base, text], type: row,
      position: position.offset)
    return .row(try checkedFields(value))
  }

  private func constant(_ expression: ScalarExpression) -> Datum? {
    if case .constant(let value, _) = expression { value } else { nil }
  }

  /// The anonymous row that a column definition list describes.
  private func rowType(_ definitions: [ColumnType]) throws(SQLError) -> SQLType {
    var fields: [RowShape.Field] = []
    for definition in definitions {
      fields.append(RowShape.Field(definition.name.text, try resolveType(definition.type).valueType))
    }
    return RowShape(fields).recordType
  }

  /// A composite's row whose fields were read from text: those of domains are checked.
  private func checkedFields(_ row: ScalarExpression) throws(SQLError) -> ScalarExpression {
    let hasDomain = names.catalog.snapshot.type(row.type.oid)?.fields?.contains { domain($0.type) != nil } ?? false
    guard hasDomain else { return row }
    return try coerceRow(row, to: row.type, .implicit, at: .unknown) ?? row
  }

  /// A row of FROM as its columns.
  func columns(of row: ScalarExpression, alias: String) throws(SQLError) -> (Relation, [ScopeColumn])? {
    guard let shape = RowShape.of(row.type) else { return nil }
    let whole = context.makeColumn(alias, row.type, qualifier: alias)
    let parts = try fields(of: context.column(whole), at: .unknown)
    var columns: [ScopeColumn] = []
    var computed: [ComputedColumn] = []
    for (field, part) in zip(shape.fields, parts) {
      let id = context.makeColumn(field.name, field.type, qualifier: alias)
      columns.append(ScopeColumn(name: field.name, id: id))
      computed.append(ComputedColumn(id: id, expression: part.expression))
    }
    let base = Relation.compute(.unit, [ComputedColumn(id: whole, expression: row)])
    return (.compute(base, computed), columns)
  }
}
