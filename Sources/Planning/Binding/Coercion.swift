// Making types agree: literals and parameters of unknown type take the type that their context asks for, casts are put in
// where PostgreSQL allows them in that context. Source: PostgreSQL manual, 10.3-10.5.

import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  /// The expression as a value of `target`; error 42846 or 42804 if there is no cast for this context.
  func coerce(
    _ expression: ScalarExpression, to target: SQLType, _ castContext: CastContext, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    if let result = try coerceIfPossible(expression, to: target, castContext, at: position) { return result }
    throw context.error(
      .cannotCoerce, "cannot cast type \(expression.type.shown) to \(target.shown)", at: position)
  }

  /// nil if there is no cast for this context.
  func coerceIfPossible(
    _ expression: ScalarExpression, to target: SQLType, _ castContext: CastContext, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression? {
    let source = expression.type
    if target.oid == SQLType.unknown.oid { return expression }
    if let outer = domain(target) {
      // A domain may be over another: the innermost is checked first, under the outermost's name.
      var chain = [outer]
      while let inner = domain(chain[chain.count - 1].domain.base) { chain.append(inner) }
      let base = chain[chain.count - 1].domain.base
      guard var value = try coerceIfPossible(expression, to: base, castContext, at: position) else { return nil }
      for link in chain.reversed() { value = try checked(value, as: (outer.name, link.domain), at: position) }
      return value
    }
    if source.oid == SQLType.unknown.oid {
      switch expression {
      case .constant(.null, _): return .null(target)
      case .constant(.bytes(let text), _):
        // A modifier fits the value as a cast does: an explicit one cuts, an assignment fails.
        if target.modifier >= 0 {
          let plain = try readLiteral(text, as: target.unmodified, at: position)
          return try fit(plain, to: target, isExplicit: castContext == .explicit, at: position)
        }
        return try readLiteral(text, as: target, at: position)
      case .parameter(let index, _):
        let known = context.parameters.type(index)
        if known.oid != SQLType.unknown.oid {
          return try coerceIfPossible(.parameter(index, known), to: target, castContext, at: position)
        }
        // A name must be looked up now: a plan cannot wait for it.
        if target.namesObjects, context.sawExtractedLiteral { throw literalNeeded }
        try context.parameters.settle(index, target)
        return try fit(
          .parameter(index, target.unmodified), to: target, isExplicit: castContext == .explicit, at: position)
      default:
        // A column of unknown type: its query resolved it to text.
        return try coerceIfPossible(expression.retyped(.text), to: target, castContext, at: position)
      }
    }
    if source.oid == target.oid {
      return try fit(expression, to: target, isExplicit: castContext == .explicit, at: position)
    }
    if source.isRow, TypeInfo.find(target.oid)?.category == .composite {
      return try coerceRow(expression, to: target, castContext, at: position)
    }
    guard builder.canCoerce(source, to: target, castContext) else { return nil }
    return try context.located(position) { () throws(SQLError) in
      try builder.coerce(expression, to: target, castContext, position: position.offset)
    }
  }

  /// Applies the modifier of `target` to a value of the same type.
  private func fit(
    _ expression: ScalarExpression, to target: SQLType, isExplicit: Bool, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    // Where none is asked for, the value keeps its own.
    if target.modifier < 0 || target.modifier == expression.type.modifier { return expression }
    // What does not fit is found at run time in PostgreSQL, and has no position.
    return try builder.coerce(expression, to: target, isExplicit ? .explicit : .assignment, position: -1)
  }

  /// `CAST(x AS type)`.
  func cast(
    _ expression: ScalarExpression, to target: SQLType, at position: SourcePosition, operand: Expression?
  ) throws(SQLError) -> ScalarExpression {
    // A literal's own errors point at the literal.
    let place: SourcePosition =
      if case .constant = expression { operand?.leftmost ?? position } else { position }
    if let result = try coerceIfPossible(expression, to: target, .explicit, at: place) { return result }
    throw context.error(
      .cannotCoerce, "cannot cast type \(expression.type.shown) to \(target.shown)", at: position)
  }

  func coerceToBoolean(
    _ expression: ScalarExpression, _ what: String, at source: Expression
  ) throws(SQLError) -> ScalarExpression {
    if expression.type.oid == SQLType.bool.oid { return expression }
    if let result = try coerceIfPossible(expression, to: .bool, .assignment, at: source.leftmost) { return result }
    throw context.error(
      .datatypeMismatch, "argument of \(what) must be type boolean, not type \(expression.type.shown)",
      at: source.leftmost)
  }

  /// An expression whose type nobody asks for: a literal or parameter of unknown type is text.
  func resolveUnknown(_ expression: ScalarExpression) throws(SQLError) -> ScalarExpression {
    expression.type.oid == SQLType.unknown.oid
      ? try coerce(expression, to: .text, .implicit, at: .unknown) : expression
  }

  /// A value stored into a column. Error 42804 as PostgreSQL words it for INSERT and UPDATE.
  func assign(
    _ expression: ScalarExpression, to type: SQLType, column: String, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    if let result = try coerceIfPossible(expression, to: type, .assignment, at: position) { return result }
    throw context.error(
      .datatypeMismatch,
      "column \"\(column)\" is of type \(type.shown) but expression is of type \(expression.type.shown)",
      hint: "You will need to rewrite or cast the expression.", at: position)
  }

  // MARK: Common types

  /// The type that these share, or nil if they do not match (manual, 10.5).
  func commonType(_ types: [SQLType]) -> SQLType? {
    try? selectCommonType(types, [], "")
  }

  private func selectCommonType(
    _ types: [SQLType], _ positions: [SourcePosition], _ construct: String
  ) throws(SQLError) -> SQLType {
    guard let first = types.first else { return .text }
    if first.oid != SQLType.unknown.oid, types.allSatisfy({ $0.oid == first.oid }) {
      return types.allSatisfy { $0.modifier == first.modifier } ? first : first.unmodified
    }
    var chosen: SQLType?
    for (index, type) in types.enumerated() where type.oid != SQLType.unknown.oid {
      guard let current = chosen else {
        chosen = type.unmodified
        continue
      }
      if type.oid == current.oid { continue }
      guard let a = TypeInfo.find(current.oid), let b = TypeInfo.find(type.oid) else { continue }
      if a.category != b.category {
        throw context.error(
          .datatypeMismatch, "\(construct) types \(current.shown) and \(type.shown) cannot be matched",
          at: index < positions.count ? positions[index] : .unknown)
      }
      if !a.isPreferred, builder.canCoerce(current, to: type, .implicit),
        !builder.canCoerce(type, to: current, .implicit)
      {
        chosen = type.unmodified
      }
    }
    return chosen ?? .text
  }

  /// The expressions cast to the type that they share.
  func unify(
    _ expressions: [ScalarExpression], _ positions: [SourcePosition], _ construct: String
  ) throws(SQLError) -> ([ScalarExpression], SQLType) {
    let type = try selectCommonType(expressions.map(\.type), positions, construct)
    var result: [ScalarExpression] = []
    for (index, expression) in expressions.enumerated() {
      let position = index < positions.count ? positions[index] : .unknown
      guard let coerced = try coerceIfPossible(expression, to: type, .implicit, at: position) else {
        throw context.error(
          .cannotCoerce, "\(construct) could not convert type \(expression.type.shown) to \(type.shown)", at: position)
      }
      result.append(coerced)
    }
    return (result, type)
  }

  /// The type that the columns of two queries share in a set operation or VALUES.
  func unifyTypes(
    _ types: [SQLType], _ positions: [SourcePosition], _ construct: String
  ) throws(SQLError) -> SQLType {
    try selectCommonType(types, positions, construct)
  }
}
