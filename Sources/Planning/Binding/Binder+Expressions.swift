// Scalar expressions: constants, parameters, columns, operators, CASE and its kin. Each kind of expression becomes a typed
// one with its casts explicit. Source: PostgreSQL manual, chapters 4.2 and 10; messages and positions are PostgreSQL's.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  func bind(_ expression: Expression, _ scope: Scope) throws(SQLError) -> ScalarExpression {
    switch expression {
    case .literal(let literal, let position): return try bindLiteral(literal, at: position)
    case .extractedLiteral(let index, let kind, _):
      context.sawExtractedLiteral = true
      func typed(_ type: SQLType) throws(SQLError) -> ScalarExpression {
        try context.parameters.settle(index, type)
        return .parameter(index, type)
      }
      switch kind {
      case .integer: return try typed(.int4)
      case .bigInteger: return try typed(.int8)
      case .numeric: return try typed(.numeric)
      case .string: return .parameter(index, context.parameters.type(index))
      }
    case .parameter(let number, let position):
      let index = number - 1
      if let frame = context.frames.last {
        guard frame.values.indices.contains(index) else {
          throw SQLError(.undefinedParameter, "there is no parameter $\(number)")
        }
        return frame.values[index]
      }
      guard context.allowsParameters, number >= 1, number <= 65535 else {
        throw context.error(.undefinedParameter, "there is no parameter $\(number)", at: position)
      }
      return .parameter(index, context.parameters.type(index))
    case .column(let reference): return try bindColumn(reference, scope)
    case .wildcard(let qualifiers, let position):
      if qualifiers.isEmpty { throw context.error(.syntaxError, "syntax error at or near \"*\"", at: position) }
      return try bindWholeRow(qualifiers, scope, at: position)
    case .field(let operand, let name): return try bindField(operand, name, scope)
    case .allFields(_, let position):
      throw context.error(.featureNotSupported, "row expansion via \"*\" is not supported here", at: position)
    case .subscripted(let base, let subscripts): return try bindSubscript(base, subscripts, scope)
    case .unary(let name, let operand):
      // A sign before a constant is part of it, so that -2147483648 is an integer.
      if name.symbol == "-", name.schema == nil, case .literal(let literal, _) = operand,
        let negative = negated(literal)
      {
        return try bindLiteral(negative, at: name.position)
      }
      if name.symbol == "+", name.schema == nil, case .literal(.integer, _) = operand {
        return try bind(operand, scope)
      }
      return try makeOperator(name.symbol, nil, try bind(operand, scope), at: name.position, (nil, operand))
    case .binary(let name, let left, let right):
      if case .row(let a, _, _) = left, case .row(let b, _, _) = right {
        return try bindRowComparison(name, a, b, scope)
      }
      if case .row(let a, _, let position) = left, case .scalarSubquery(let query, _) = right {
        return try bindRowSubquery(name, a, query, scope, at: position)
      }
      let boundLeft = try bind(left, scope)
      let boundRight = try bind(right, scope)
      // `x = NULL` is plain SQL: never true.
      return try makeOperator(name.symbol, boundLeft, boundRight, at: name.position, (left, right))
    case .and(let list):
      return .and(try bindBooleans(list, "AND", scope))
    case .or(let list):
      return .or(try bindBooleans(list, "OR", scope))
    case .not(let operand, _):
      let bound = try bind(operand, scope)
      return .not(try coerceToBoolean(bound, "NOT", at: operand))
    case .isTest(let operand, let test, let negated, let position):
      return try bindTest(operand, test, negated: negated, scope, at: position)
    case .isDistinctFrom(let left, let right, let negated, let position):
      if case .row(let a, _, _) = left, case .row(let b, _, _) = right {
        guard a.count == b.count else {
          throw context.error(.syntaxError, "unequal number of entries in row expressions", at: position)
        }
        var parts: [ScalarExpression] = []
        for (x, y) in zip(a, b) {
          parts.append(try bind(.isDistinctFrom(x, y, negated: negated, position), scope))
        }
        return negated ? .and(parts) : .or(parts)
      }
      return try makeDistinct(try bind(left, scope), try bind(right, scope), negated: negated, at: position)
    case .between(let between): return try bindBetween(between, scope)
    case .inList(let operand, let list, let negated, let position):
      return try bindInList(operand, list, negated: negated, scope, at: position)
    case .inSubquery(let operand, let query, let negated, let position):
      let comparison = try bindSubqueryComparison(operand, "=", query, scope, at: position)
      return bindQuantifiedValue(comparison, isAll: false, negated: negated, scope)
    case .quantifiedSubquery(let comparison, let query):
      let bound = try bindSubqueryComparison(
        comparison.left, comparison.operator.symbol, query, scope, at: comparison.operator.position)
      return bindQuantifiedValue(bound, isAll: comparison.isAll, negated: false, scope)
    case .quantifiedArray(let comparison, let array): return try bindQuantifiedArray(comparison, array, scope)
    case .like(let like): return try bindLike(like, scope)
    case .exists(let query, let position): return try bindExistsValue(query, scope, at: position)
    case .scalarSubquery(let query, let position): return try bindScalarSubquery(query, scope, at: position)
    case .arraySubquery(let query, let position): return try bindArraySubquery(query, scope, at: position)
    case .array(let elements, let position): return try bindArray(elements, nil, scope, at: position)
    case .row(let items, _, let position): return try makeRow(try bindRowItems(items, scope), at: position)
    case .function(let call): return try bindCall(call, scope)
    case .cast(let operand, let typeName, let position):
      let type = try resolveType(typeName)
      if case .array(let elements, let arrayPosition) = operand, let info = TypeInfo.find(type.oid), info.isArray {
        return try bindArray(elements, SQLType(info.elementOID), scope, at: arrayPosition)
      }
      let bound = try bind(operand, scope)
      return try cast(bound, to: type, at: position, operand: operand)
    case .typedLiteral(let typeName, let text, let position):
      let type = try resolveType(typeName)
      if domain(type) != nil {
        return try cast(.constant(.bytes(text), .unknown), to: type, at: position, operand: nil)
      }
      if let fields = typeName.intervalFields {
        return .constant(try readInterval(text, fields, type, at: position), type)
      }
      return try readLiteral(text, as: type, at: position)
    case .collate(let operand, let name, let position):
      let bound = try bind(operand, scope)
      switch name.name.text {
      case "C", "POSIX", "default", "ucs_basic":
        if let info = TypeInfo.find(bound.type.oid), info.oid != SQLType.unknown.oid, info.category != .string {
          throw context.error(
            .datatypeMismatch, "collations are not supported by type \(bound.type.shown)", at: position)
        }
        return bound
      default:
        throw context.error(
          .undefinedObject, "collation \"\(name)\" for encoding \"UTF8\" does not exist", at: position)
      }
    case .caseWhen(let expression):
      return try withoutSetReturning("CASE", scope) { () throws(SQLError) in try bindCase(expression, scope) }
    case .coalesce(let list, _):
      let bound = try withoutSetReturning("COALESCE", scope) { () throws(SQLError) in
        try list.mapTyped { (item: Expression) throws(SQLError) in try bind(item, scope) }
      }
      let (items, type) = try unify(bound, list.map(\.leftmost), "COALESCE")
      return .coalesce(items, type: type)
    case .nullIf(let left, let right, let position):
      let (a, b) = (try bind(left, scope), try bind(right, scope))
      return try context.located(position) { () throws(SQLError) in
        try builder.nullIf(a, b, position: position.offset)
      }
    case .greatest(let list, let position):
      return try bindExtreme(list, greatest: true, scope, at: position)
    case .least(let list, let position): return try bindExtreme(list, greatest: false, scope, at: position)
    case .currentValue(let value, let precision, let position):
      return try bindCurrentValue(value, precision, at: position)
    case .grouping(let list, let position): return try bindGrouping(list, scope, at: position)
    case .defaultValue(let position):
      throw context.error(.syntaxError, "DEFAULT is not allowed in this context", at: position)
    case .currentOf(_, let position): throw context.unsupported("WHERE CURRENT OF is", at: position)
    }
  }

  // MARK: Constants

  private func negated(_ literal: Literal) -> Literal? {
    switch literal {
    case .integer(let value): .integer(-value)
    case .numeric(let text):
      // 9223372036854775808 is numeric, its negative fits int8.
      if text == Array("9223372036854775808".utf8) { .integer(Int64.min) } else { .numeric([0x2D] + text) }
    default: nil
    }
  }

  func bindLiteral(_ literal: Literal, at position: SourcePosition) throws(SQLError) -> ScalarExpression {
    switch literal {
    case .null: return .null(.unknown)
    case .boolean(let value): return .constant(.bool(value), .bool)
    case .integer(let value):
      return .constant(.int64(value), Int32(exactly: value) != nil ? .int4 : .int8)
    case .numeric(let text): return try readLiteral(text, as: .numeric, at: position)
    case .string(let text): return .constant(.bytes(text), .unknown)
    case .bitString: throw context.unsupported("bit strings are", at: position)
    }
  }

  /// The constant that a string means as a value of `type`.
  func readLiteral(_ text: [UInt8], as type: SQLType, at position: SourcePosition) throws(SQLError) -> ScalarExpression
  {
    if type.oid == SQLType.unknown.oid { return .constant(.bytes(text), .unknown) }
    if type.oid == SQLType.regclass.oid {
      let oid = try context.located(position) { () throws(SQLError) in
        try names.regclass(String(decoding: text, as: UTF8.self))
      }
      return .constant(.int64(Int64(oid.rawValue)), .regclass)
    }
    var settings = context.settings
    if type.namesObjects { settings.objectNames = names.catalog.objectNames() }
    guard let info = TypeInfo.find(type.oid) else {
      throw context.error(.undefinedObject, "type with OID \(type.oid) does not exist", at: position)
    }
    if info.category == .dateTime || info.category == .timespan { context.dependsOnSettings = true }
    let value = try context.located(position) { () throws(SQLError) in
      try info.input(text, modifier: type.modifier, settings: settings)
    }
    return .constant(value, type)
  }

  // MARK: Operators

  /// `left name right`, or `name right`.
  func makeOperator(
    _ name: String, _ left: ScalarExpression?, _ right: ScalarExpression, at position: SourcePosition,
    _ sources: (Expression?, Expression?) = (nil, nil)
  ) throws(SQLError) -> ScalarExpression {
    let call = try context.located(position) { () throws(SQLError) in
      try registry.resolveOperator(name, left: left?.type, right: right.type)
    }
    var arguments: [ScalarExpression] = []
    if let left {
      arguments.append(
        try coerce(left, to: call.argumentTypes[0], .implicit, at: sources.0?.leftmost ?? position))
    }
    arguments.append(
      try coerce(right, to: call.argumentTypes[arguments.count], .implicit, at: sources.1?.leftmost ?? position))
    return .call(call.function, arguments, type: call.function.result, position: position.offset)
  }

  func makeDistinct(
    _ left: ScalarExpression, _ right: ScalarExpression, negated: Bool, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    // A NULL constant makes it a NULL test.
    if right.isNullConstant { return .isNull(try resolveUnknown(left), negated: !negated) }
    if left.isNullConstant { return .isNull(try resolveUnknown(right), negated: !negated) }
    guard case .call(let function, let arguments, _, _) = try makeOperator("=", left, right, at: position) else {
      throw context.error(.internalError, "= is no operator", at: position)
    }
    return .isDistinct(arguments[0], arguments[1], equality: function, negated: negated)
  }

  private func bindBooleans(
    _ list: [Expression], _ name: String, _ scope: Scope
  ) throws(SQLError) -> [ScalarExpression] {
    var result: [ScalarExpression] = []
    for part in list {
      result.append(try coerceToBoolean(try bind(part, scope), name, at: part))
    }
    return result
  }

  private func bindTest(
    _ operand: Expression, _ test: IsTest, negated: Bool, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    func boolean(_ name: String) throws(SQLError) -> ScalarExpression {
      try coerceToBoolean(try bind(operand, scope), negated ? "IS NOT \(name)" : "IS \(name)", at: operand)
    }
    switch test {
    case .null:
      if case .row(let items, _, _) = operand {
        var parts: [ScalarExpression] = []
        for item in items { parts.append(.isNull(try resolveUnknown(try bind(item, scope)), negated: negated)) }
        return ScalarExpression.conjunction(parts) ?? .true
      }
      let value = try bind(operand, scope)
      if value.type.isRow {
        return .call(
          RowFunctions.nullTest(value.type, isNegated: negated), [value], type: .bool, position: position.offset)
      }
      return .isNull(try resolveUnknown(value), negated: negated)
    case .true: return .booleanTest(try boolean("TRUE"), negated ? .isNotTrue : .isTrue)
    case .false: return .booleanTest(try boolean("FALSE"), negated ? .isNotFalse : .isFalse)
    case .unknown: return .booleanTest(try boolean("UNKNOWN"), negated ? .isNotUnknown : .isUnknown)
    case .document: throw context.unsupported("IS DOCUMENT is", at: position)
    case .normalized: throw context.unsupported("IS NORMALIZED is", at: position)
    }
  }

  private func bindBetween(_ between: BetweenExpression, _ scope: Scope) throws(SQLError) -> ScalarExpression {
    let value = try bind(between.value, scope)
    let low = try bind(between.low, scope)
    let high = try bind(between.high, scope)
    func compare(_ name: String, _ bound: ScalarExpression, _ source: Expression) throws(SQLError) -> ScalarExpression {
      try makeOperator(name, value, bound, at: between.position, (between.value, source))
    }
    func inside(
      _ low: ScalarExpression, _ lowSource: Expression, _ high: ScalarExpression, _ highSource: Expression
    ) throws(SQLError) -> ScalarExpression {
      between.isNegated
        ? .or([try compare("<", low, lowSource), try compare(">", high, highSource)])
        : .and([try compare(">=", low, lowSource), try compare("<=", high, highSource)])
    }
    let straight = try inside(low, between.low, high, between.high)
    if !between.isSymmetric { return straight }
    let swapped = try inside(high, between.high, low, between.low)
    return between.isNegated ? .and([straight, swapped]) : .or([straight, swapped])
  }

  private func bindInList(
    _ operand: Expression, _ list: [Expression], negated: Bool, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    let rows = list.filter { if case .row = $0 { true } else { false } }
    if case .row(let fields, _, _) = operand, rows.count == list.count {
      var alternatives: [ScalarExpression] = []
      for case .row(let values, _, _) in list {
        alternatives.append(
          try bindRowComparison(OperatorName(negated ? "<>" : "=", position: position), fields, values, scope))
      }
      return alternatives.count == 1 ? alternatives[0] : negated ? .and(alternatives) : .or(alternatives)
    }
    let value = try bind(operand, scope)
    let items = try list.mapTyped { (item: Expression) throws(SQLError) in try bind(item, scope) }
    if items.count == 1 {
      return try makeOperator(negated ? "<>" : "=", value, items[0], at: position, (operand, list[0]))
    }
    // One type for all that name no columns, if there is one; what names columns is compared by itself.
    let isAlike = items.allSatisfy { $0.type.oid == value.type.oid }
    let listed = isAlike ? Array(items.indices) : items.indices.filter { items[$0].columns.isEmpty }
    var alternatives: [ScalarExpression] = []
    if listed.count > 1, let type = commonType([value.type] + listed.map { items[$0].type }),
      let call = try? registry.resolveOperator("=", left: value.type, right: type)
    {
      let left = try coerce(value, to: call.argumentTypes[0], .implicit, at: operand.leftmost)
      var coerced: [ScalarExpression] = []
      for index in listed {
        let typed = try coerce(items[index], to: type, .implicit, at: list[index].leftmost)
        coerced.append(try coerce(typed, to: call.argumentTypes[1], .implicit, at: list[index].leftmost))
      }
      let inside = ScalarExpression.inList(left, coerced, equality: call.function, negated: negated)
      if listed.count == items.count { return inside }
      alternatives.append(inside)
    }
    let isListed = Set(alternatives.isEmpty ? [] : listed)
    for index in items.indices where !isListed.contains(index) {
      alternatives.append(
        try makeOperator(negated ? "<>" : "=", value, items[index], at: position, (operand, list[index])))
    }
    return negated ? .and(alternatives) : .or(alternatives)
  }

  /// `(a, b) op (c, d)`: equal field by field, or by the first fields that differ.
  func bindRowComparison(
    _ name: OperatorName, _ left: [Expression], _ right: [Expression], _ scope: Scope
  ) throws(SQLError) -> ScalarExpression {
    guard left.count == right.count else {
      throw context.error(
        .syntaxError, "unequal number of entries in row expressions", at: name.position)
    }
    let a = try left.mapTyped { (item: Expression) throws(SQLError) in try bind(item, scope) }
    let b = try right.mapTyped { (item: Expression) throws(SQLError) in try bind(item, scope) }
    return try compareRows(name.symbol, a, b, at: name.position)
  }

  func compareRows(
    _ name: String, _ a: [ScalarExpression], _ b: [ScalarExpression], at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    func each(_ name: String) throws(SQLError) -> [ScalarExpression] {
      var parts: [ScalarExpression] = []
      for (x, y) in zip(a, b) { parts.append(try makeOperator(name, x, y, at: position)) }
      return parts
    }
    switch name {
    case "=": return ScalarExpression.conjunction(try each("=")) ?? .true
    case "<>":
      let parts = try each("<>")
      return parts.count == 1 ? parts[0] : .or(parts)
    case "<", "<=", ">", ">=":
      let strict = name.hasPrefix("<") ? "<" : ">"
      let last = a.count - 1
      var result = try makeOperator(name, a[last], b[last], at: position)
      for index in stride(from: last - 1, through: 0, by: -1) {
        let before = try makeOperator(strict, a[index], b[index], at: position)
        let equal = try makeOperator("=", a[index], b[index], at: position)
        result = .or([before, .and([equal, result])])
      }
      return result
    default:
      throw context.error(
        .featureNotSupported, "could not determine interpretation of row comparison operator \(name)",
        hint: "Row comparison operators must be associated with btree operator families.", at: position)
    }
  }

  private func bindLike(_ like: LikeExpression, _ scope: Scope) throws(SQLError) -> ScalarExpression {
    let value = try bind(like.value, scope)
    var pattern = try bind(like.pattern, scope)
    var patternSource: Expression? = like.pattern
    if like.kind == .similarTo {
      var arguments = [pattern]
      if let escape = like.escape { arguments.append(try bind(escape, scope)) }
      pattern = try makeCall("similar_to_escape", arguments, at: like.position)
      patternSource = nil
    } else if let escape = like.escape {
      pattern = try makeCall("like_escape", [pattern, try bind(escape, scope)], at: like.position)
      patternSource = nil
    }
    let symbol =
      switch like.kind {
      case .like: like.isNegated ? "!~~" : "~~"
      case .ilike: like.isNegated ? "!~~*" : "~~*"
      case .similarTo: like.isNegated ? "!~" : "~"
      }
    return try makeOperator(symbol, value, pattern, at: like.position, (like.value, patternSource))
  }

  // MARK: Conditionals

  private func bindCase(_ expression: CaseExpression, _ scope: Scope) throws(SQLError) -> ScalarExpression {
    let operand: ScalarExpression? =
      if let written = expression.operand { try resolveUnknown(try bind(written, scope)) } else { nil }
    var conditions: [ScalarExpression] = []
    var results: [ScalarExpression] = []
    for branch in expression.branches {
      let bound = try bind(branch.condition, scope)
      if let operand {
        conditions.append(
          try makeOperator("=", operand, bound, at: branch.condition.leftmost, (expression.operand, branch.condition)))
      } else {
        conditions.append(try coerceToBoolean(bound, "CASE/WHEN", at: branch.condition))
      }
      results.append(try bind(branch.result, scope))
    }
    // The default comes first when a common type is sought, as in PostgreSQL.
    let otherwise: ScalarExpression =
      if let written = expression.otherwise { try bind(written, scope) } else { .null(.unknown) }
    let positions = [expression.otherwise?.leftmost ?? .unknown] + expression.branches.map(\.result.leftmost)
    let (unified, type) = try unify([otherwise] + results, positions, "CASE")
    let branches = zip(conditions, unified.dropFirst()).map { CaseBranch(condition: $0, result: $1) }
    return .conditional(branches, otherwise: unified[0], type: type)
  }

  private func bindExtreme(
    _ list: [Expression], greatest: Bool, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    let bound = try list.mapTyped { (item: Expression) throws(SQLError) in try bind(item, scope) }
    let (items, _) = try unify(bound, list.map(\.leftmost), greatest ? "GREATEST" : "LEAST")
    return try context.located(position) { () throws(SQLError) in
      try builder.extreme(items, greatest: greatest, position: position.offset)
    }
  }

  private func bindCurrentValue(
    _ value: CurrentValue, _ precision: Int32?, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    func now() throws(SQLError) -> ScalarExpression { try makeCall("now", [], at: position) }
    func named(_ name: String) throws(SQLError) -> ScalarExpression { try makeCall(name, [], at: position) }
    func converted(_ type: SQLType) throws(SQLError) -> ScalarExpression {
      try cast(try now(), to: SQLType(type.oid, modifier: precision ?? -1), at: position, operand: nil)
    }
    switch value {
    case .currentDate: return try converted(.date)
    case .currentTime: return try converted(.timetz)
    case .currentTimestamp: return precision == nil ? try now() : try converted(.timestamptz)
    case .localTime: return try converted(.time)
    case .localTimestamp: return try converted(.timestamp)
    case .currentRole, .currentUser, .user: return try named("current_user")
    case .sessionUser: return try named("session_user")
    case .currentCatalog: return try named("current_database")
    case .currentSchema: return try named("current_schema")
    }
  }

  // MARK: Arrays

  private func bindArray(
    _ elements: [Expression], _ element: SQLType?, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    if elements.isEmpty && element == nil {
      throw context.error(
        .indeterminateDatatype, "cannot determine type of empty array",
        hint: "Explicitly cast to the desired type, for example ARRAY[]::integer[].", at: position)
    }
    let bound = try elements.mapTyped { (item: Expression) throws(SQLError) in try bind(item, scope) }
    if let element {
      var items: [ScalarExpression] = []
      for (item, source) in zip(bound, elements) {
        items.append(try cast(item, to: element, at: source.leftmost, operand: source))
      }
      return try makeArray(items, element, at: position)
    }
    let (items, type) = try unify(bound, elements.map(\.leftmost), "ARRAY")
    return try makeArray(items, type, at: position)
  }

  private func makeArray(
    _ items: [ScalarExpression], _ element: SQLType, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    if items.isEmpty {
      guard let info = TypeInfo.find(element.oid), info.arrayOID != .invalid else {
        throw context.error(
          .undefinedObject, "could not find array type for data type \(element.shown)", at: position)
      }
      return try readLiteral(Array("{}".utf8), as: SQLType(info.arrayOID), at: position)
    }
    return try context.located(position) { () throws(SQLError) in try builder.array(items, position: position.offset) }
  }

  private func bindSubscript(
    _ base: Expression, _ subscripts: [Subscript], _ scope: Scope
  ) throws(SQLError) -> ScalarExpression {
    let array = try bind(base, scope)
    if array.type.oid == SQLType.jsonb.oid { return try bindJSONSubscript(array, subscripts, scope, at: base.position) }
    guard let info = TypeInfo.find(array.type.oid), info.isArray else {
      throw context.error(
        .datatypeMismatch, "cannot subscript type \(array.type.shown) because it does not support subscripting",
        at: base.leftmost)
    }
    func integer(_ expression: Expression) throws(SQLError) -> ScalarExpression {
      try coerce(try bind(expression, scope), to: .int4, .assignment, at: expression.leftmost)
    }
    let isSlice = subscripts.contains { if case .slice = $0 { true } else { false } }
    if isSlice {
      // Beside a slice an index n means 1:n.
      var given: Int64 = 0
      var bounds: [ScalarExpression] = []
      func add(_ bound: ScalarExpression?) {
        if bound != nil { given |= 1 << Int64(bounds.count) }
        bounds.append(bound ?? .constant(.int64(0), .int4))
      }
      for part in subscripts {
        switch part {
        case .index(let index):
          add(.constant(.int64(1), .int4))
          add(try integer(index))
        case .slice(let lower, let upper):
          if let lower { add(try integer(lower)) } else { add(nil) }
          if let upper { add(try integer(upper)) } else { add(nil) }
        }
      }
      return try makeCall(
        ArraySubscripts.slice, [array, .constant(.int64(given), .int4)] + bounds, at: base.position)
    }
    guard subscripts.count == 1, case .index(let index)? = subscripts.first else {
      var indexes: [ScalarExpression] = []
      for case .index(let index) in subscripts { indexes.append(try integer(index)) }
      return try makeCall(ArraySubscripts.element, [array] + indexes, at: base.position)
    }
    let position = try coerce(try bind(index, scope), to: .int4, .assignment, at: index.leftmost)
    return try makeCall("array_subscript", [array, position], at: base.position)
  }

  /// `document['a'][0]`: each subscript a key or an index.
  private func bindJSONSubscript(
    _ document: ScalarExpression, _ subscripts: [Subscript], _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    var result = document
    for subscripted in subscripts {
      guard case .index(let expression) = subscripted else {
        throw context.error(.datatypeMismatch, "jsonb subscript does not support slices", at: position)
      }
      let bound = try bind(expression, scope)
      let isIndex = [SQLType.int2.oid, SQLType.int4.oid].contains(bound.type.oid)
      guard
        let step = try coerceIfPossible(bound, to: isIndex ? .int4 : .text, .implicit, at: expression.leftmost)
      else {
        throw context.error(
          .datatypeMismatch, "subscript type \(bound.type.shown) is not supported",
          hint: "jsonb subscript must be coercible to either integer or text.", at: expression.leftmost)
      }
      result = try makeOperator("->", result, step, at: position)
    }
    return result
  }

  private func bindQuantifiedArray(
    _ comparison: QuantifiedComparison, _ array: Expression, _ scope: Scope
  ) throws(SQLError) -> ScalarExpression {
    let position = comparison.operator.position
    let left = try bind(comparison.left, scope)
    // ANY of written elements needs no array.
    if case .array(let elements, _) = array, comparison.operator.symbol == "=" || comparison.operator.symbol == "<>",
      !elements.isEmpty, comparison.isAll == (comparison.operator.symbol == "<>")
    {
      return try bindInList(comparison.left, elements, negated: comparison.isAll, scope, at: position)
    }
    let right = try bind(array, scope)
    return try context.located(position) { () throws(SQLError) in
      try builder.quantified(
        comparison.operator.symbol, left, right, all: comparison.isAll, position: position.offset)
    }
  }
}

extension SQLType {
  /// As PostgreSQL's messages show it.
  var shown: String { oid == SQLType.unknown.oid ? "unknown" : TypeInfo.format(unmodified) }
}
