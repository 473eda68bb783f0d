// OVER: named and inline windows, their frames, and the calls over them. A call becomes a column that the level's relation
// gets after grouping; calls over equal windows are computed together.
// Source: PostgreSQL manual, 4.2.8 and SELECT; its parse_agg.c and parse_clause.c for the messages.

import Expressions
import SQLSyntax
import SQLTypes

/// A window, bound: what its calls share. `frame` is as written.
struct BoundWindow {
  var partition: [ScalarExpression]
  var order: [SortKey]
  var frame: WindowFrame?
  /// Where its frame's complaints point.
  var position: SourcePosition
}

/// The windows of one query level.
struct WindowContext {
  /// By name, in the order of the WINDOW clause.
  var named: [(name: String, window: BoundWindow)] = []
  var steps: [WindowStep] = []
  /// How many window definitions or calls surround what is being bound.
  var isInCall = false
  var isInDefinition = false
}

extension Binder {
  /// Binds the WINDOW clause.
  func bindWindowClause(_ definitions: [WindowDefinition], _ scope: Scope) throws(SQLError) {
    for definition in definitions {
      if scope.windows.named.contains(where: { $0.name == definition.name.text }) {
        throw context.error(
          .windowingError, "window \"\(definition.name.text)\" is already defined",
          at: definition.specification.position)
      }
      let window = try bindWindow(definition.specification, scope, isInline: false)
      scope.windows.named.append((definition.name.text, window))
    }
  }

  private func namedWindow(_ name: Identifier, _ scope: Scope) throws(SQLError) -> BoundWindow {
    guard let found = scope.windows.named.first(where: { $0.name == name.text }) else {
      throw context.error(.undefinedObject, "window \"\(name.text)\" does not exist", at: name.position)
    }
    return found.window
  }

  private func bindWindow(
    _ written: WindowSpecification, _ scope: Scope, isInline: Bool
  ) throws(SQLError) -> BoundWindow {
    var window = BoundWindow(partition: [], order: [], frame: written.frame, position: written.position)
    if let name = written.base {
      let base = try namedWindow(name, scope)
      if !written.partitionBy.isEmpty {
        throw context.error(
          .windowingError, "cannot override PARTITION BY clause of window \"\(name.text)\"", at: written.position)
      }
      if !written.orderBy.isEmpty && !base.order.isEmpty {
        throw context.error(
          .windowingError, "cannot override ORDER BY clause of window \"\(name.text)\"", at: written.position)
      }
      if base.frame != nil {
        let isBare = isInline && written.orderBy.isEmpty && written.frame == nil
        throw context.error(
          .windowingError, "cannot copy window \"\(name.text)\" because it has a frame clause",
          hint: isBare ? "Omit the parentheses in this OVER clause." : nil, at: written.position)
      }
      window.partition = base.partition
      window.order = base.order
    }
    let (clause, outer) = (scope.clause, scope.windows.isInDefinition)
    scope.windows.isInDefinition = true
    defer { (scope.clause, scope.windows.isInDefinition) = (clause, outer) }
    for expression in written.partitionBy {
      let key = try resolveUnknown(try bind(expression, scope))
      if TypeInfo.find(key.type.oid)?.isOrderable == false {
        throw context.error(
          .undefinedFunction, "could not identify an equality operator for type \(key.type.shown)",
          at: expression.leftmost)
      }
      if !window.partition.contains(where: { $0.isSame(as: key) }) { window.partition.append(key) }
    }
    for item in written.orderBy {
      let key = try resolveUnknown(try bind(item.expression, scope))
      window.order.append(try sortKey(key, item, at: item.expression.leftmost))
    }
    return window
  }

  /// A call with OVER.
  func bindWindowCall(
    _ call: FunctionCall, _ over: WindowReference, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    let name = call.name.name.text
    let isAggregate = isAggregate(name)
    guard isAggregate || registry.isWindowFunction(name) else {
      throw try notWindowed(call, scope, at: position)
    }
    if scope.windows.isInCall {
      throw context.error(.windowingError, "window function calls cannot be nested", at: position)
    }
    if scope.isInAggregate {
      throw context.error(
        .groupingError, "aggregate function calls cannot contain window function calls", at: position)
    }
    if scope.windows.isInDefinition {
      throw context.error(
        .windowingError, "window functions are not allowed in window definitions", at: position)
    }
    switch scope.clause {
    case .select, .orderBy, .distinctOn: break
    case .from:
      throw context.error(
        .windowingError, "window functions are not allowed in FROM clause of their own query level", at: position)
    default:
      throw context.error(
        .windowingError, "window functions are not allowed in \(scope.clause.description)", at: position)
    }
    if call.isDistinct {
      throw context.error(
        .featureNotSupported, "DISTINCT is not implemented for window functions", at: position)
    }
    if call.isWithinGroup {
      throw context.error(
        .featureNotSupported, "OVER is not supported for ordered-set aggregate \(name)", at: position)
    }
    if !call.orderBy.isEmpty {
      throw context.error(
        .featureNotSupported, "aggregate ORDER BY is not implemented for window functions", at: position)
    }
    if call.filter != nil && !isAggregate {
      throw context.error(
        .featureNotSupported, "FILTER is not implemented for non-aggregate window functions", at: position)
    }

    let clause = scope.clause
    scope.windows.isInCall = true
    defer { (scope.clause, scope.windows.isInCall) = (clause, false) }
    var arguments = try call.arguments.mapTyped { (argument: FunctionCall.Argument) throws(SQLError) in
      try bind(argument.value, scope)
    }
    let types = arguments.map(\.type)
    let function: WindowCall.Function
    let (declared, result): ([SQLType], SQLType)
    if isAggregate {
      if arguments.isEmpty && !call.isStar {
        guard (try? resolveAggregate(name, [])) != nil else {
          throw try notWindowed(call, scope, at: position)
        }
        throw context.error(
          .wrongObjectType, "\(name)(*) must be used to call a parameterless aggregate function", at: position)
      }
      let resolved = try context.located(position) { () throws(SQLError) in try resolveAggregate(name, types) }
      (function, declared, result) = (
        .aggregate(resolved.function), resolved.argumentTypes, resolved.function.result
      )
    } else {
      let resolved = try context.located(position) { () throws(SQLError) in
        try registry.resolveWindowFunction(name, types)
      }
      (function, declared, result) = (.window(resolved.function), resolved.argumentTypes, resolved.result)
    }
    for index in arguments.indices {
      arguments[index] =
        TypeInfo.find(declared[index].oid)?.category == .pseudo
        ? try resolveUnknown(arguments[index])
        : try coerce(arguments[index], to: declared[index], .implicit, at: call.arguments[index].value.leftmost)
    }
    var filter: ScalarExpression?
    if let written = call.filter {
      scope.clause = .filter
      filter = try coerceToBoolean(try bind(written, scope), "FILTER", at: written)
      scope.clause = clause
    }
    let window: BoundWindow
    switch over {
    case .named(let name): window = try namedWindow(name, scope)
    case .specification(let written):
      scope.windows.isInCall = false
      window = try bindWindow(written, scope, isInline: true)
    }
    let frame = try bindFrame(window, scope)
    let step = WindowCall(function: function, arguments: arguments, filter: filter, frame: frame, type: result)
    let column = context.makeColumn(name, result)
    let computed = ComputedWindowCall(id: column, call: step)
    if let index = scope.windows.steps.firstIndex(where: { $0.hasWindow(window.partition, window.order) }) {
      scope.windows.steps[index].calls.append(computed)
    } else {
      scope.windows.steps.append(WindowStep(partition: window.partition, order: window.order, calls: [computed]))
    }
    return context.column(column)
  }

  /// The error for OVER after a function that is neither an aggregate nor a window function.
  private func notWindowed(
    _ call: FunctionCall, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> SQLError {
    let name = call.name.name.text
    let arguments = try call.arguments.mapTyped { (argument: FunctionCall.Argument) throws(SQLError) in
      try bind(argument.value, scope)
    }
    _ = try context.located(position) { () throws(SQLError) in
      try registry.resolveFunction(name, arguments.map(\.type))
    }
    return context.error(
      .wrongObjectType, "OVER specified, but \(name) is not a window function nor an aggregate function",
      at: position)
  }

  // MARK: Frames

  private func bindFrame(_ window: BoundWindow, _ scope: Scope) throws(SQLError) -> WindowFramePlan {
    guard let written = window.frame else { return .standard }
    let mode: WindowFramePlan.Mode =
      switch written.mode {
      case .rows: .rows
      case .range: .range
      case .groups: .groups
      }
    if mode == .groups && window.order.isEmpty {
      throw context.error(.windowingError, "GROUPS mode requires an ORDER BY clause", at: window.position)
    }
    let hasOffset = [written.start, written.end].contains { bound in
      switch bound {
      case .preceding, .following: true
      default: false
      }
    }
    var frame = WindowFramePlan(mode, start: .unboundedPreceding, end: .currentRow)
    if mode == .range && hasOffset {
      guard window.order.count == 1 else {
        throw context.error(
          .windowingError, "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column",
          at: window.position)
      }
    }
    func bound(_ written: WindowFrame.Bound, isStart: Bool) throws(SQLError) -> WindowFramePlan.Bound {
      switch written {
      case .unboundedPreceding: return .unboundedPreceding
      case .currentRow: return .currentRow
      case .unboundedFollowing: return .unboundedFollowing
      case .preceding(let offset):
        var value = try bindOffset(offset, mode, window, scope)
        if mode == .range {
          value = try setRange(&frame, value, window.order[0], precedes: true, isStart: isStart, offset)
        }
        return .preceding(value)
      case .following(let offset):
        var value = try bindOffset(offset, mode, window, scope)
        if mode == .range {
          value = try setRange(&frame, value, window.order[0], precedes: false, isStart: isStart, offset)
        }
        return .following(value)
      }
    }
    frame.start = try bound(written.start, isStart: true)
    frame.end = try bound(written.end, isStart: false)
    frame.exclusion =
      switch written.exclusion {
      case nil: .none
      case .currentRow?: .currentRow
      case .group?: .group
      case .ties?: .ties
      }
    return frame
  }

  private func bindOffset(
    _ written: Expression, _ mode: WindowFramePlan.Mode, _ window: BoundWindow, _ scope: Scope
  ) throws(SQLError) -> ScalarExpression {
    let name = mode == .rows ? "ROWS" : mode == .groups ? "GROUPS" : "RANGE"
    let outer = Scope(parent: scope.parent, ctes: scope.ctes)
    outer.clause = mode == .rows ? .windowRows : mode == .groups ? .windowGroups : .windowRange
    let value: ScalarExpression
    do { value = try bind(written, outer) } catch {
      if error.state == .undefinedColumn || error.state == .undefinedTable {
        throw context.error(
          .invalidColumnReference, "argument of \(name) must not contain variables", at: written.leftmost)
      }
      throw error
    }
    if !outer.attachments.isEmpty {
      throw context.unsupported("sub-queries in window frames are", at: written.leftmost)
    }
    if mode == .range { return value }
    guard let count = try coerceIfPossible(value, to: .int8, .assignment, at: written.leftmost) else {
      throw context.error(
        .datatypeMismatch, "argument of \(name) must be type bigint, not type \(value.type.shown)",
        at: written.leftmost)
    }
    return count
  }

  /// The key of the outermost row that a RANGE offset takes in, beside the sort key itself, in a type wide enough. The offset
  /// comes back in the type that it is added in.
  private func setRange(
    _ frame: inout WindowFramePlan, _ offset: ScalarExpression, _ key: SortKey, precedes: Bool, isStart: Bool,
    _ source: Expression
  ) throws(SQLError) -> ScalarExpression {
    let place = source.leftmost
    let type = key.expression.type
    let (wide, offsetType): (SQLType, SQLType)
    switch type.oid {
    // Wide enough that no offset can overflow.
    case SQLType.int2.oid, SQLType.int4.oid, SQLType.int8.oid: (wide, offsetType) = (.numeric, .int8)
    case SQLType.float4.oid, SQLType.float8.oid: (wide, offsetType) = (.float8, .float8)
    case SQLType.numeric.oid: (wide, offsetType) = (.numeric, .numeric)
    case SQLType.date.oid, SQLType.timestamp.oid: (wide, offsetType) = (.timestamp, .interval)
    case SQLType.timestamptz.oid: (wide, offsetType) = (.timestamptz, .interval)
    case SQLType.interval.oid, SQLType.time.oid: (wide, offsetType) = (.interval, .interval)
    default:
      throw context.error(
        .featureNotSupported,
        "RANGE with offset PRECEDING/FOLLOWING is not supported for column type \(type.shown)", at: place)
    }
    guard let typed = try coerceIfPossible(offset, to: offsetType, .implicit, at: place) else {
      throw context.error(
        .featureNotSupported,
        "RANGE with offset PRECEDING/FOLLOWING is not supported for column type \(type.shown) and offset type \(offset.type.shown)",
        hint: "Cast the offset value to an appropriate type.", at: place)
    }
    let wideKey = try coerce(key.expression, to: wide, .implicit, at: place)
    let step = wide.oid == SQLType.numeric.oid ? try coerce(typed, to: .numeric, .implicit, at: place) : typed
    let bound = try makeOperator(precedes == key.isDescending ? "+" : "-", wideKey, step, at: place)
    frame.rangeKey = wideKey
    if isStart { frame.rangeStart = bound } else { frame.rangeEnd = bound }
    return typed
  }

  // MARK: Windows over a relation

  /// The relation with the columns of its level's window calls. The windows of which others' sort orders are a beginning come
  /// first, and among the rest the later ones, so that the rows leave in the order of the first window, as in PostgreSQL.
  func windowed(_ relation: Relation, _ scope: Scope) -> Relation {
    var references: [ScalarExpression] = []
    func number(_ expression: ScalarExpression) -> Int {
      if let known = references.firstIndex(where: { $0.isSame(as: expression) }) { return known }
      references.append(expression)
      return references.count - 1
    }
    typealias Numbered = (columns: [Int], step: WindowStep)
    var steps: [Numbered] = scope.windows.steps.map { step in
      ((step.partition + step.order.map(\.expression)).map(number), step)
    }
    func precedes(_ a: Numbered, _ b: Numbered) -> Bool {
      for (x, y) in zip(a.columns, b.columns) where x != y { return x > y }
      return a.columns.count > b.columns.count
    }
    // Stable: insertion.
    var sorted: [Numbered] = []
    for step in steps {
      let place = sorted.firstIndex { precedes(step, $0) } ?? sorted.count
      sorted.insert(step, at: place)
    }
    steps = sorted
    var result = relation
    for (_, step) in steps {
      // Keys are columns below, so that one sort serves every window that it can.
      var computed: [ComputedColumn] = []
      func column(_ expression: ScalarExpression) -> ScalarExpression {
        if case .column = expression { return expression }
        if let known = computed.first(where: { $0.expression.isSame(as: expression) }) {
          return context.column(known.id)
        }
        let id = context.makeColumn("?column?", expression.type, isNullable: isNullable(expression))
        computed.append(ComputedColumn(id: id, expression: expression))
        return context.column(id)
      }
      var keyed = step
      keyed.partition = step.partition.map(column)
      keyed.order = step.order.map {
        SortKey(column($0.expression), isDescending: $0.isDescending, nullsFirst: $0.nullsFirst)
      }
      result = .window(computed.isEmpty ? result : .compute(result, computed), keyed)
    }
    return result
  }
}

extension WindowStep {
  fileprivate func hasWindow(_ partition: [ScalarExpression], _ order: [SortKey]) -> Bool {
    ScalarExpression.areSame(self.partition, partition) && self.order.count == order.count
      && zip(self.order, order).allSatisfy {
        $0.expression.isSame(as: $1.expression) && $0.isDescending == $1.isDescending
          && $0.nullsFirst == $1.nullsFirst
      } && !(partition + order.map(\.expression)).contains(where: \.isVolatile)
  }
}
