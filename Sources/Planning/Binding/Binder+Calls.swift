// Calls: scalar functions, casts in function notation, and aggregates, which belong to the innermost query level whose
// columns their arguments use. Source: PostgreSQL manual, 4.2.6-4.2.7, and its parse_agg.c for the rules of levels.

import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  func bindCall(_ call: FunctionCall, _ scope: Scope) throws(SQLError) -> ScalarExpression {
    let position = call.position.offset >= 0 ? call.position : call.name.position
    if let schema = call.name.schema, schema.text != "pg_catalog" {
      if names.catalog.schema(named: schema.text) == nil {
        throw context.error(.invalidSchemaName, "schema \"\(schema.text)\" does not exist", at: call.name.position)
      }
    }
    let name = call.name.name.text
    if call.over == nil, !call.isStar, !call.isDistinct, call.filter == nil, call.orderBy.isEmpty,
      let (function, result, arguments) = try userFunction(call, scope, at: position)
    {
      return try bindUserCall(function, result, arguments, scope, at: position)
    }
    if let complete = try withParameters(call, scope, at: position) { return try bindCall(complete, scope) }
    if let over = call.over { return try bindWindowCall(call, over, scope, at: position) }
    if isAggregate(name) { return try bindAggregate(call, scope, at: position) }
    if call.isWithinGroup, Self.hypotheticalSets.contains(name) {
      return try bindHypotheticalSet(call, scope, at: position)
    }
    if registry.isWindowFunction(name) {
      throw context.error(
        .wrongObjectType, "window function \(name) requires an OVER clause", at: position)
    }
    if call.isStar {
      _ = try context.located(position) { () throws(SQLError) in try registry.resolveFunction(name, []) }
      throw context.error(
        .wrongObjectType, "\(name)(*) specified, but \(name) is not an aggregate function", at: position)
    }
    let arguments = try call.arguments.mapTyped { (argument: FunctionCall.Argument) throws(SQLError) in
      try bind(argument.value, scope)
    }
    if call.isDistinct || call.isWithinGroup || !call.orderBy.isEmpty || call.filter != nil {
      // That there is no such function comes first; the values in the order of WITHIN GROUP are arguments, too.
      var types = arguments.map(\.type)
      if call.isWithinGroup { for item in call.orderBy { types.append(try bind(item.expression, scope).type) } }
      if !isTableFunction(name) {
        _ = try context.located(position) { () throws(SQLError) in try registry.resolveFunction(name, types) }
      }
    }
    if call.isDistinct {
      throw context.error(
        .wrongObjectType, "DISTINCT specified, but \(name) is not an aggregate function", at: position)
    }
    if call.isWithinGroup {
      throw context.error(
        .wrongObjectType, "WITHIN GROUP specified, but \(name) is not an aggregate function", at: position)
    }
    if !call.orderBy.isEmpty {
      throw context.error(
        .wrongObjectType, "ORDER BY specified, but \(name) is not an aggregate function", at: position)
    }
    if call.filter != nil {
      throw context.error(
        .wrongObjectType, "FILTER specified, but \(name) is not an aggregate function", at: position)
    }
    switch try bindPopulation(call, scope, definitions: [], at: position) {
    case .row(let row)?: return row
    case .set(let function, let arguments, let row)?:
      var rows = try bindRows(of: function, arguments, name, scope, at: position)
      if !rows.type.isRow { rows = try makeRow([rows], names: function.columns.map(\.name), at: position) }
      return try coerceRow(rows, to: row, .implicit, at: position) ?? rows
    case nil: break
    }
    if call.isVariadic {
      let resolved = try context.located(position) { () throws(SQLError) in
        try registry.resolveVariadic(name, arguments.map(\.type))
      }
      var coerced: [ScalarExpression] = []
      for (index, argument) in arguments.enumerated() {
        let type = resolved.argumentTypes[index]
        coerced.append(
          type.oid == argument.type.oid || TypeInfo.find(type.oid)?.category == .pseudo
            ? try resolveUnknown(argument)
            : try coerce(argument, to: type, .implicit, at: call.arguments[index].value.leftmost))
      }
      return .call(resolved.function, coerced, type: resolved.function.result, position: position.offset)
    }
    if isTableFunction(name), (try? registry.resolveFunction(name, arguments.map(\.type))) == nil {
      return try bindSetReturning(name, arguments, call, scope, at: position)
    }
    do {
      return try makeCall(name, arguments, at: position, sources: call.arguments.map(\.value))
    } catch {
      // A function is named in errors as it was called.
      guard let schema = call.name.schema, error.message.hasPrefix("function \(name)(") else { throw error }
      var qualified = error
      qualified.message = "function \(schema.text)." + error.message.dropFirst("function ".count)
      throw qualified
    }
  }

  /// The call with its named arguments in their places and those left out filled in; nil if there is nothing to do.
  private func withParameters(
    _ call: FunctionCall, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> FunctionCall? {
    let name = call.name.name.text
    let hasNames = call.arguments.contains { $0.name != nil }
    guard let parameters = FunctionParameters.of(name) else {
      if let named = call.arguments.first(where: { $0.name != nil }) {
        throw context.unsupported("named arguments of \(name) are", at: named.value.position)
      }
      return nil
    }
    if !hasNames {
      let given = call.arguments.count
      if given >= parameters.count || parameters[given...].contains(where: { $0.defaultSQL == nil }) { return nil }
    }
    var places = [Expression?](repeating: nil, count: parameters.count)
    func missing() throws(SQLError) -> SQLError {
      let shown = try call.arguments.mapTyped { (argument: FunctionCall.Argument) throws(SQLError) -> String in
        let type = try bind(argument.value, scope).type.shown
        return argument.name.map { "\($0.text) => \(type)" } ?? type
      }
      return context.error(
        .undefinedFunction, "function \(name)(\(shown.joined(separator: ", "))) does not exist",
        hint: "No function matches the given name and argument types. You might need to add explicit type casts.",
        at: position)
    }
    for (index, argument) in call.arguments.enumerated() {
      let place = argument.name.map { name in parameters.firstIndex { $0.name == name.text } } ?? index
      guard let place, place < places.count, places[place] == nil else { throw try missing() }
      places[place] = argument.value
    }
    var complete = call
    complete.arguments = []
    for (place, parameter) in zip(places, parameters) {
      if let place {
        complete.arguments.append(FunctionCall.Argument(place))
      } else if let sql = parameter.defaultSQL {
        complete.arguments.append(FunctionCall.Argument(try Binder.parseExpression(sql)))
      } else {
        throw try missing()
      }
    }
    return complete
  }

  /// `name(arguments)`; also the cast that `typename(x)` is.
  func makeCall(
    _ name: String, _ arguments: [ScalarExpression], at position: SourcePosition, sources: [Expression] = []
  ) throws(SQLError) -> ScalarExpression {
    let resolved: ResolvedCall
    do {
      resolved = try registry.resolveFunction(name, arguments.map(\.type))
    } catch {
      // The builder knows type names used as functions.
      return try context.located(position) { () throws(SQLError) in
        try builder.call(name, arguments, position: position.offset)
      }
    }
    var coerced: [ScalarExpression] = []
    for (index, argument) in arguments.enumerated() {
      let type = resolved.argumentTypes[index]
      let place = index < sources.count ? sources[index].leftmost : position
      if type.oid == argument.type.oid {
        coerced.append(argument)
      } else if TypeInfo.find(type.oid)?.category == .pseudo {
        coerced.append(try resolveUnknown(argument))
      } else {
        coerced.append(try coerce(argument, to: type, .implicit, at: place))
      }
    }
    return .call(resolved.function, coerced, type: resolved.function.result, position: position.offset)
  }

  // MARK: Aggregates

  private func bindAggregate(
    _ call: FunctionCall, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    let name = call.name.name.text
    if call.isWithinGroup && !registry.isOrderedSet(name) {
      var types: [SQLType] = []
      for argument in call.arguments { types.append(try bind(argument.value, scope).type) }
      for item in call.orderBy { types.append(try bind(item.expression, scope).type) }
      _ = try context.located(position) { () throws(SQLError) in try resolveAggregate(name, types) }
      throw context.error(
        .wrongObjectType, "\(name) is not an ordered-set aggregate, so it cannot have WITHIN GROUP", at: position)
    }
    // The values in order come first, then the direct arguments.
    let written =
      call.isWithinGroup
      ? call.orderBy.map { FunctionCall.Argument($0.expression) } + call.arguments : call.arguments
    if call.isDistinct && call.arguments.isEmpty {
      throw context.error(.syntaxError, "DISTINCT specified, but \(name) has no arguments", at: position)
    }
    if scope.isInAggregate {
      var isOfFilter = scope.clause == .filter
      if isOfFilter {
        // One over columns of an outer query is an aggregate of that, nested in another of it.
        var columns: Set<ColumnID> = []
        for argument in written { try bind(argument.value, scope).collectColumns(into: &columns) }
        isOfFilter = columns.isEmpty || columns.contains(where: scope.owns)
      }
      throw context.error(
        .groupingError,
        isOfFilter
          ? "aggregate functions are not allowed in FILTER" : "aggregate function calls cannot be nested", at: position)
    }
    if !call.isWithinGroup && registry.isOrderedSet(name) {
      let types = try call.arguments.mapTyped { (argument: FunctionCall.Argument) throws(SQLError) in
        try bind(argument.value, scope).type
      }
      _ = try context.located(position) { () throws(SQLError) in try resolveAggregate(name, types) }
      throw context.error(
        .wrongObjectType, "WITHIN GROUP is required for ordered-set aggregate \(name)", at: position)
    }
    let marks = mentionMarks(scope)
    let clause = scope.clause
    scope.isInAggregate = true
    defer {
      scope.isInAggregate = false
      scope.clause = clause
    }
    var arguments = try written.mapTyped { (argument: FunctionCall.Argument) throws(SQLError) in
      try bind(argument.value, scope)
    }
    if arguments.isEmpty && !call.isStar {
      // Only an aggregate that takes no argument may be told that it wants a star.
      guard (try? resolveAggregate(name, [])) != nil else {
        _ = try context.located(position) { () throws(SQLError) in try registry.resolveFunction(name, []) }
        preconditionFailure("an aggregate is no function of the same name")
      }
      throw context.error(
        .wrongObjectType, "\(name)(*) must be used to call a parameterless aggregate function", at: position)
    }
    let resolved = try context.located(position) { () throws(SQLError) in
      try resolveAggregate(name, arguments.map(\.type))
    }
    // Before what they are coerced to implicitly.
    let plain = try arguments.mapTyped(resolveUnknown)
    for index in arguments.indices {
      let type = resolved.argumentTypes[index]
      let place = written[index].value.leftmost
      arguments[index] =
        TypeInfo.find(type.oid)?.category == .pseudo
        ? try resolveUnknown(arguments[index]) : try coerce(arguments[index], to: type, .implicit, at: place)
    }
    var aggregate = AggregateCall(
      function: resolved.function, arguments: arguments, isDistinct: call.isDistinct, type: resolved.function.result)
    if let filter = call.filter {
      scope.clause = .filter
      aggregate.filter = try coerceToBoolean(try bind(filter, scope), "FILTER", at: filter)
      scope.clause = clause
    }
    for item in call.orderBy {
      let key = try resolveUnknown(try bind(item.expression, scope))
      let isArgument = plain.contains { $0.isSame(as: key) && $0.type.oid == key.type.oid }
      if call.isDistinct && !isArgument {
        throw context.error(
          .invalidColumnReference,
          "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
          at: item.expression.leftmost)
      }
      aggregate.order.append(try sortKey(key, item, at: item.expression.leftmost))
    }
    if call.isDistinct, let first = arguments.first, TypeInfo.find(first.type.oid)?.isOrderable == false {
      throw context.error(
        .undefinedFunction, "could not identify an equality operator for type \(first.type.shown)", at: position)
    }
    // The level that it belongs to: the innermost one whose columns it uses; its own if it uses none.
    var columns: Set<ColumnID> = []
    for argument in arguments + (aggregate.filter.map { [$0] } ?? []) { argument.collectColumns(into: &columns) }
    var level = scope
    if !columns.isEmpty {
      var candidate: Scope? = scope
      while let current = candidate, !columns.contains(where: current.owns) { candidate = current.parent }
      level = candidate ?? scope
    }
    if level !== scope {
      if level.isInAggregate {
        throw context.error(.groupingError, "aggregate function calls cannot be nested", at: position)
      }
      forgetMentions(since: marks)
    }
    guard level.clause.allowsAggregates else {
      throw context.error(
        .groupingError,
        level.clause == .from
          ? "aggregate functions are not allowed in FROM clause of their own query level"
          : "aggregate functions are not allowed in \(level.clause.description)", at: position)
    }
    // The same call twice is computed once.
    if let known = level.aggregates.first(where: { $0.call.isSame(as: aggregate) }) {
      return context.column(known.id)
    }
    let isNullable = name != "count"
    let column = context.makeColumn(name, resolved.function.result, isNullable: isNullable)
    level.aggregates.append(ComputedAggregate(id: column, call: aggregate))
    return context.column(column)
  }

  /// How many mentions each enclosing level has seen.
  private func mentionMarks(_ scope: Scope) -> [(Scope, Int)] {
    var marks: [(Scope, Int)] = []
    var level = scope.parent
    while let current = level {
      marks.append((current, current.subqueryMentions.count))
      level = current.parent
    }
    return marks
  }

  /// What an aggregate of an outer level mentions is inside of an aggregate there.
  private func forgetMentions(since marks: [(Scope, Int)]) {
    for (level, count) in marks { level.subqueryMentions.removeLast(level.subqueryMentions.count - count) }
  }

  // MARK: Sort keys

  /// A sort key of an expression, with its direction.
  func sortKey(_ expression: ScalarExpression, _ item: SortItem, at position: SourcePosition) throws(SQLError)
    -> SortKey
  {
    var isDescending = false
    switch item.direction {
    case .ascending?, nil: break
    case .descending?: isDescending = true
    case .using(let name)?:
      switch name.symbol {
      case "<": break
      case ">": isDescending = true
      default:
        throw context.error(
          .wrongObjectType, "operator \(name.symbol) is not a valid ordering operator",
          hint: "Ordering operators must be \"<\" or \">\" members of btree operator families.", at: name.position)
      }
    }
    if TypeInfo.find(expression.type.oid)?.isOrderable == false {
      throw context.error(
        .undefinedFunction, "could not identify an ordering operator for type \(expression.type.shown)",
        hint: "Use an explicit ordering operator or modify the query.", at: position)
    }
    return SortKey(expression, isDescending: isDescending, nullsFirst: item.nulls.map { $0 == .first })
  }
}

extension AggregateCall {
  func isSame(as other: AggregateCall) -> Bool {
    guard function === other.function || (function.name == other.function.name && function.oid == other.function.oid),
      isDistinct == other.isDistinct, type == other.type, order.isEmpty, other.order.isEmpty,
      ScalarExpression.areSame(arguments, other.arguments), !arguments.contains(where: \.isVolatile)
    else { return false }
    switch (filter, other.filter) {
    case (nil, nil): return true
    case (let a?, let b?): return a.isSame(as: b)
    default: return false
    }
  }
}
