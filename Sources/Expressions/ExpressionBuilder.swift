// Makes typed expressions from untyped parts: resolves calls and operators, inserts casts, finds common types, gives unknown
// literals and parameters their types. The planner's binder calls this and nothing else of name resolution.
// Source: PostgreSQL manual, chapter 10.

import SQLTypes

public struct ExpressionBuilder {
  /// How literals are read.
  public var settings: FormatSettings
  /// Where parameters without a type get theirs; nil if there are no parameters.
  public var parameters: ParameterTypes?
  public var registry: FunctionRegistry { .shared }

  public init(settings: FormatSettings = .standard, parameters: ParameterTypes? = nil) {
    self.settings = settings
    self.parameters = parameters
  }

  // MARK: Casts

  /// Whether `coerce` succeeds but for the values.
  public func canCoerce(_ source: SQLType, to target: SQLType, _ context: CastContext) -> Bool {
    source.isUnknown || TypeRules.cast(source, target, context) != nil
  }

  /// The expression as a value of `target`, its modifier included.
  /// - Throws: 42846 if no cast exists for this context; what the type's input says about a literal.
  public func coerce(
    _ expression: ScalarExpression, to target: SQLType, _ context: CastContext, position: Int32 = -1
  ) throws(SQLError) -> ScalarExpression {
    let source = expression.type
    if source == target { return expression }
    let isExplicit = context == .explicit
    if source.isUnknown {
      switch expression {
      case .constant(.null, _): return .constant(.null, target)
      case .constant(.bytes(let text), _):
        guard !target.isUnknown, let info = TypeInfo.find(target.oid) else { return expression }
        let isInterval = target.oid == SQLType.interval.oid
        let value = try info.input(text, modifier: isInterval ? target.modifier : -1, settings: settings)
        let typed = ScalarExpression.constant(value, target.unmodified)
        return try fit(typed, to: target, isExplicit: isExplicit, position)
      case .parameter(let index, _):
        if target.isUnknown { return expression }
        try parameters?.settle(index, target)
        return try fit(.parameter(index, target.unmodified), to: target, isExplicit: isExplicit, position)
      default:
        // A column of unknown type holds text.
        return try coerce(expression.retyped(.text), to: target, .explicit, position: position)
      }
    }
    if target.isPseudo || target.isUnknown { return expression }
    guard let cast = TypeRules.cast(source, target, context) else {
      throw SQLError(
        .cannotCoerce, "cannot cast type \(source.displayName) to \(target.displayName)")
    }
    if source.oid == target.oid {
      if target.modifier < 0 { return expression.retyped(target) }
      return try fit(expression, to: target, isExplicit: isExplicit, position)
    }
    let base = target.unmodified
    if case .constant(.null, _) = expression { return .constant(.null, target) }
    if cast.isRelabeling {
      return try fit(expression.retyped(base), to: target, isExplicit: isExplicit, position)
    }
    let function = CastFunctions.function(cast, source.unmodified, base, isExplicit: isExplicit)
    let converted = ScalarExpression.call(function, [expression], type: base, position: position)
    return try fit(ConstantFolding.foldCall(converted), to: target, isExplicit: isExplicit, position)
  }

  /// Applies the modifier of `target` to a value of the same type.
  private func fit(
    _ expression: ScalarExpression, to target: SQLType, isExplicit: Bool, _ position: Int32
  ) throws(SQLError) -> ScalarExpression {
    if target.modifier < 0 || expression.type.modifier == target.modifier { return expression.retyped(target) }
    if case .constant(let value, _) = expression, let info = TypeInfo.find(target.oid) {
      return .constant(
        try info.coerce(value, modifier: target.modifier, isExplicit: isExplicit), target)
    }
    let function = CastFunctions.modifier(target, isExplicit: isExplicit)
    return .call(function, [expression], type: target, position: position)
  }

  /// A literal or parameter that nothing gave a type becomes text, as at the top of a select list.
  public func settled(_ expression: ScalarExpression) throws(SQLError) -> ScalarExpression {
    expression.type.isUnknown ? try coerce(expression, to: .text, .implicit) : expression
  }

  /// The argument of WHERE, ON, HAVING, AND, … Error 42804 if it is no boolean.
  /// - Parameter construct: as PostgreSQL names it: "WHERE", "AND", "CASE/WHEN".
  public func boolean(
    _ expression: ScalarExpression, construct: String
  ) throws(SQLError) -> ScalarExpression {
    if expression.type.oid == SQLType.bool.oid { return expression }
    if expression.type.isUnknown { return try coerce(expression, to: .bool, .implicit) }
    throw SQLError(
      .datatypeMismatch,
      "argument of \(construct) must be type boolean, not type \(expression.type.displayName)")
  }

  // MARK: Calls

  /// `name(arguments…)`; also the cast that PostgreSQL reads in `typename(x)`.
  public func call(
    _ name: String, _ arguments: [ScalarExpression], position: Int32 = -1
  ) throws(SQLError) -> ScalarExpression {
    let types = arguments.map(\.type)
    let resolved: ResolvedCall
    do {
      resolved = try registry.resolveFunction(name, types)
    } catch {
      if arguments.count == 1, let info = TypeInfo.find(name: name), !info.type.isPseudo {
        // A function notation of a cast: of a literal, of an alike type, or through text.
        let target = SQLType(info.oid)
        if types[0].isUnknown || TypeRules.cast(types[0], target, .explicit) != nil {
          return try coerce(arguments[0], to: target, .explicit, position: position)
        }
      }
      throw error
    }
    return try apply(resolved, arguments, position)
  }

  /// `left name right`, or `name right`.
  public func `operator`(
    _ name: String, _ left: ScalarExpression?, _ right: ScalarExpression, position: Int32 = -1
  ) throws(SQLError) -> ScalarExpression {
    let resolved = try registry.resolveOperator(name, left: left?.type, right: right.type)
    return try apply(resolved, left.map { [$0, right] } ?? [right], position)
  }

  /// A call whose function is chosen, with its arguments' casts.
  public func apply(
    _ call: ResolvedCall, _ arguments: [ScalarExpression], _ position: Int32 = -1
  ) throws(SQLError) -> ScalarExpression {
    var coerced: [ScalarExpression] = []
    coerced.reserveCapacity(arguments.count)
    for (argument, type) in zip(arguments, call.argumentTypes) {
      coerced.append(type.isPseudo ? argument : try coerce(argument, to: type, .implicit, position: position))
    }
    return .call(call.function, coerced, type: call.function.result, position: position)
  }

  // MARK: Common types

  /// The common type of several expressions (manual, 10.5).
  /// - Parameter construct: "CASE", "COALESCE", "UNION", "VALUES", "ARRAY", "IN", "GREATEST".
  public func commonType(_ types: [SQLType], construct: String) throws(SQLError) -> SQLType {
    try TypeRules.commonType(types, construct: construct)
  }

  /// All expressions as values of their common type.
  public func unified(
    _ expressions: [ScalarExpression], construct: String
  ) throws(SQLError) -> (expressions: [ScalarExpression], type: SQLType) {
    let type = try commonType(expressions.map(\.type), construct: construct)
    var result: [ScalarExpression] = []
    for expression in expressions { result.append(try coerce(expression, to: type, .implicit)) }
    return (result, type)
  }

  /// `CASE WHEN … THEN … ELSE … END`.
  public func conditional(
    _ branches: [(condition: ScalarExpression, result: ScalarExpression)], otherwise: ScalarExpression?
  ) throws(SQLError) -> ScalarExpression {
    // The ELSE goes first, as in PostgreSQL: its type decides ties.
    let last = otherwise ?? .constant(.null, .unknown)
    let (results, type) = try unified([last] + branches.map(\.result), construct: "CASE")
    var built: [CaseBranch] = []
    for (branch, result) in zip(branches, results.dropFirst()) {
      built.append(
        CaseBranch(condition: try boolean(branch.condition, construct: "CASE/WHEN"), result: result))
    }
    return .conditional(built, otherwise: results[0], type: type)
  }

  public func coalesce(_ operands: [ScalarExpression]) throws(SQLError) -> ScalarExpression {
    let (operands, type) = try unified(operands, construct: "COALESCE")
    return .coalesce(operands, type: type)
  }

  /// `GREATEST(…)` or `LEAST(…)`: NULLs are passed over.
  public func extreme(
    _ operands: [ScalarExpression], greatest: Bool, position: Int32 = -1
  ) throws(SQLError) -> ScalarExpression {
    let (operands, type) = try unified(operands, construct: greatest ? "GREATEST" : "LEAST")
    let function = try Extremes.function(greatest: greatest, type, count: operands.count)
    return .call(function, operands, type: type, position: position)
  }

  /// `NULLIF(left, right)`.
  public func nullIf(
    _ left: ScalarExpression, _ right: ScalarExpression, position: Int32 = -1
  ) throws(SQLError) -> ScalarExpression {
    let resolved = try registry.resolveOperator("=", left: left.type, right: right.type)
    let a = try coerce(left, to: resolved.argumentTypes[0], .implicit)
    let b = try coerce(right, to: resolved.argumentTypes[1], .implicit)
    let equality = resolved.function
    let function = ScalarFunction(
      "nullif", [a.type, b.type], returns: a.type.unmodified, volatility: equality.volatility, isStrict: false,
      broadcasts: true
    ) { (arguments, n, context) throws(SQLError) in
      let equal = try Evaluator.expand(Evaluator.apply(equality, arguments, n, context), n)
      var result = Evaluator.expand(arguments[0], n)
      for row in 0..<n where !equal.nulls[row] && equal.int64s[row] != 0 { result.nulls.insert(row) }
      Evaluator.clearNullRows(&result)
      return result
    }
    return .call(function, [a, b], type: a.type, position: position)
  }

  /// `operand [NOT] IN (list)`: over one common type if there is one, else as a chain of comparisons.
  public func inList(
    _ operand: ScalarExpression, _ list: [ScalarExpression], negated: Bool, position: Int32 = -1
  ) throws(SQLError) -> ScalarExpression {
    if let type = try? commonType([operand.type] + list.map(\.type), construct: "IN"),
      let call = try? registry.resolveOperator("=", left: type, right: type),
      call.function.comparison == .equal, call.argumentTypes[0] == call.argumentTypes[1]
    {
      let common = call.argumentTypes[0]
      // An integer column stays as it is among integer constants, so that an index on it can be used.
      let first = try coerce(operand, to: common, .implicit)
      var items: [ScalarExpression] = []
      for item in list { items.append(try coerce(item, to: common, .implicit)) }
      return .inList(first, items, equality: call.function, negated: negated)
    }
    var comparisons: [ScalarExpression] = []
    for item in list {
      comparisons.append(
        try boolean(
          try `operator`(negated ? "<>" : "=", operand, item, position: position), construct: negated ? "AND" : "OR"))
    }
    if comparisons.count == 1 { return comparisons[0] }
    return negated ? .and(comparisons) : .or(comparisons)
  }

  /// `left IS [NOT] DISTINCT FROM right`.
  public func isDistinct(
    _ left: ScalarExpression, _ right: ScalarExpression, negated: Bool
  ) throws(SQLError) -> ScalarExpression {
    let resolved = try registry.resolveOperator("=", left: left.type, right: right.type)
    return .isDistinct(
      try coerce(left, to: resolved.argumentTypes[0], .implicit),
      try coerce(right, to: resolved.argumentTypes[1], .implicit), equality: resolved.function, negated: negated)
  }

  /// `left name ANY (array)` or `left name ALL (array)`.
  public func quantified(
    _ name: String, _ left: ScalarExpression, _ array: ScalarExpression, all: Bool, position: Int32 = -1
  ) throws(SQLError) -> ScalarExpression {
    var elementType = SQLType.unknown
    if !array.type.isUnknown {
      guard let element = array.type.element else {
        throw SQLError(.wrongObjectType, "op ANY/ALL (array) requires array on right side")
      }
      elementType = element
    }
    let resolved = try registry.resolveOperator(name, left: left.type, right: elementType)
    guard resolved.function.result.oid == SQLType.bool.oid else {
      throw SQLError(.wrongObjectType, "op ANY/ALL (array) requires operator to yield boolean")
    }
    guard let arrayType = resolved.argumentTypes[1].array else {
      throw SQLError(
        .undefinedObject, "could not find array type for data type \(resolved.argumentTypes[1].displayName)")
    }
    let function = ArrayQuantifier.function(resolved.function, arrayType: arrayType, all: all)
    return .call(
      function,
      [
        try coerce(left, to: resolved.argumentTypes[0], .implicit),
        // An int2vector or oidvector is read as it is.
        array.type.element?.oid == resolved.argumentTypes[1].oid
          ? array : try coerce(array, to: arrayType, .implicit),
      ], type: .bool, position: position)
  }

  /// `ARRAY[…]`.
  public func array(_ elements: [ScalarExpression], position: Int32 = -1) throws(SQLError) -> ScalarExpression {
    if elements.isEmpty {
      throw SQLError(
        .indeterminateDatatype, "cannot determine type of empty array",
        hint: "Explicitly cast to the desired type, for example ARRAY[]::integer[].")
    }
    let (elements, type) = try unified(elements, construct: "ARRAY")
    return try ArrayConstructor.call(elements, type, position)
  }
}

extension ScalarExpression {
  /// The same value under another type that lies alike in memory.
  public func retyped(_ type: SQLType) -> ScalarExpression {
    switch self {
    case .constant(let value, _): .constant(value, type)
    case .column(let index, _): .column(index, type)
    case .parameter(let index, _): .parameter(index, type)
    case .outer(let slot, _): .outer(slot, type)
    case .call(let function, let arguments, _, let position):
      .call(function, arguments, type: type, position: position)
    case .conditional(let branches, let otherwise, _): .conditional(branches, otherwise: otherwise, type: type)
    case .coalesce(let operands, _): .coalesce(operands, type: type)
    case .and, .or, .not, .isNull, .booleanTest, .isDistinct, .inList:
      type.oid == SQLType.bool.oid
        ? self
        : .conditional([], otherwise: self, type: type)
    }
  }
}
