// SET a[1] = …, a[2:3] = …, a.field = …: the new whole of a column of which a part is given. Source: PostgreSQL manual, 8.14.5,
// 8.15.4 and 8.16.4.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  /// `whole` is the column's value so far.
  func assignedPart(
    _ target: AssignmentTarget, _ whole: ScalarExpression, _ value: ScalarExpression, _ column: ColumnDescriptor,
    _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    try assigned(
      target.indirection[...], of: whole, column.type, value, column.name, scope, place: target.column.position,
      at: position)
  }

  private func assigned(
    _ path: ArraySlice<Indirection>, of whole: ScalarExpression, _ type: SQLType, _ value: ScalarExpression,
    _ name: String, _ scope: Scope, place: SourcePosition, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    switch path.first {
    case nil:
      if let result = try coerceIfPossible(value, to: type, .assignment, at: position) { return result }
      throw context.error(
        .datatypeMismatch,
        "subscripted assignment to \"\(name)\" requires type \(type.shown) but expression is of type \(value.type.shown)",
        hint: "You will need to rewrite or cast the expression.", at: position)
    case .field(let field)?:
      let own = type.valueType
      guard let shape = RowShape.of(own), own.isRow else {
        throw context.error(
          .datatypeMismatch,
          "cannot assign to field \"\(field.text)\" of column \"\(name)\" because its type \(type.shown) is not a composite type",
          at: place)
      }
      guard let index = shape.fields.firstIndex(where: { $0.name == field.text }) else {
        throw context.error(
          .undefinedColumn,
          "cannot assign to field \"\(field.text)\" of column \"\(name)\" because there is no such column in data type \(type.shown)",
          at: place)
      }
      var parts = try fields(of: whole.retyped(own), at: place).map(\.expression)
      parts[index] = try assigned(
        path.dropFirst(), of: parts[index], shape.fields[index].type, value, name, scope, place: place, at: position)
      let row = try makeRow(parts, names: shape.fields.map(\.name), at: place)
      return try coerceRow(row, to: own, .assignment, at: place) ?? row
    case .subscripted?:
      var subscripts: [Subscript] = []
      var rest = path
      while case .subscripted(let part)? = rest.first {
        subscripts.append(part)
        rest = rest.dropFirst()
      }
      if type.valueType.oid == SQLType.jsonb.oid {
        return try assignedDocument(subscripts, of: whole, value, name, scope, place: place, at: position)
      }
      guard let info = TypeInfo.find(type.oid), info.isArray else {
        throw context.error(
          .datatypeMismatch, "cannot subscript type \(type.shown) because it does not support subscripting",
          at: place)
      }
      return try assignedArray(
        subscripts, rest, of: whole, type, SQLType(info.elementOID), value, name, scope, place: place, at: position)
    }
  }

  private func assignedArray(
    _ subscripts: [Subscript], _ rest: ArraySlice<Indirection>, of whole: ScalarExpression, _ type: SQLType,
    _ element: SQLType, _ value: ScalarExpression, _ name: String, _ scope: Scope, place: SourcePosition,
    at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    if subscripts.count > ArrayValue.maximumDimensions {
      throw context.error(
        .programLimitExceeded,
        "number of array dimensions (\(subscripts.count)) exceeds the maximum allowed (\(ArrayValue.maximumDimensions))",
        at: place)
    }
    func bound(_ expression: Expression) throws(SQLError) -> ScalarExpression {
      try coerce(try bind(expression, scope), to: .int4, .assignment, at: expression.leftmost)
    }
    var bounds: [ScalarExpression] = []
    var places: [ArrayAssignment.Place] = []
    for part in subscripts {
      switch part {
      case .index(let index):
        bounds.append(try bound(index))
        places.append(.index)
      case .slice(let lower, let upper):
        if let lower { bounds.append(try bound(lower)) }
        if let upper { bounds.append(try bound(upper)) }
        places.append(.slice(hasLower: lower != nil, hasUpper: upper != nil))
      }
    }
    let isSlice = subscripts.contains { if case .slice = $0 { true } else { false } }
    let own = type.valueType
    var new: ScalarExpression
    if rest.isEmpty {
      new = try assigned([], of: whole, isSlice ? own : element, value, name, scope, place: place, at: position)
    } else {
      let current = try makeCall(ArraySubscripts.element, [whole.retyped(own)] + bounds, at: place)
      new = try assigned(rest, of: current, element, value, name, scope, place: place, at: position)
    }
    let function = ArrayAssignment.function(own, places, value: new.type)
    let result = ScalarExpression.call(
      function, [whole.retyped(own)] + bounds + [new], type: own, position: place.offset)
    return try coerceIfPossible(result, to: type, .assignment, at: place) ?? result
  }

  private func assignedDocument(
    _ subscripts: [Subscript], of whole: ScalarExpression, _ value: ScalarExpression, _ name: String, _ scope: Scope,
    place: SourcePosition, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    var steps: [ScalarExpression] = []
    for part in subscripts {
      guard case .index(let index) = part else {
        throw context.error(.datatypeMismatch, "jsonb subscript does not support slices", at: place)
      }
      let bound = try bind(index, scope)
      steps.append(
        bound.type.oid == SQLType.unknown.oid
          ? try coerce(bound, to: .text, .implicit, at: index.leftmost)
          : try coerce(bound, to: .text, .explicit, at: index.leftmost))
    }
    let path = try context.located(place) { () throws(SQLError) in try builder.array(steps, position: place.offset) }
    let typed = try assign(value, to: .jsonb, column: name, at: position)
    return try makeCall(JSONAssignment.name, [whole, path, typed], at: place)
  }
}
