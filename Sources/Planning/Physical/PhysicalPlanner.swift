// From algebra to a physical plan. Columns get ordinals, and only those that are needed are produced; orders that indexes
// give are used; joins are put in order and get their algorithms by cost.
// Invariant: a built plan's layout names the column id of each of its output's ordinals.

import Catalog
import Expressions
import SQLTypes

/// A column of an order that rows come in, or are wanted in.
struct OrderColumn {
  var id: ColumnID
  var isDescending: Bool
  var nullsFirst: Bool
}

/// A plan with what the planner knows of it.
struct Built {
  var plan: PhysicalPlan
  var layout: [ColumnID]
  var order: [OrderColumn] = []
  /// Columns that have one value in all rows; they satisfy any order.
  var constants: Set<ColumnID> = []
  var rows: Double { plan.estimate.rowCount }
  var cost: Double { plan.estimate.totalCost }
  /// At most one row.
  var isSingle = false
}

/// What the place of a relation asks of its plan.
struct Wish {
  var needed: Set<ColumnID>
  /// Columns that should come first, in this order, if that costs nothing.
  var preferred: [ColumnID] = []
  var order: [OrderColumn] = []
  /// About how many rows will be read.
  var limit: Double?
}

final class PhysicalPlanner {
  let context: BindingContext
  let statistics: any StatisticsProvider
  /// Outer slots by the column whose value they hold.
  private(set) var slots: [ColumnID: Int] = [:]
  private var sharedPlans: [Int: Built] = [:]
  private var materializationCount = 1_000_000
  /// Locks to take in the scan of a table, by its first column.
  var scanLocks: [ColumnID: RowLock] = [:]
  /// About how many rows a working table holds, by its id.
  private var workingRows: [Int: Double] = [:]
  /// How many applies surround what is being built.
  var applyDepth = 0

  init(_ context: BindingContext, statistics: any StatisticsProvider) {
    self.context = context
    self.statistics = statistics
  }

  var outerSlotCount: Int { slots.count }

  func nextMaterialization() -> Int {
    materializationCount += 1
    return materializationCount
  }

  func type(_ id: ColumnID) -> SQLType { context.columns[id].type }

  // MARK: Expressions

  /// The expression over a layout's ordinals; columns that are not there are outer slots.
  func translate(_ expression: ScalarExpression, _ layout: [ColumnID]) -> ScalarExpression {
    if case .column(let id, let type) = expression {
      if let ordinal = layout.firstIndex(of: id) { return .column(ordinal, type) }
      return .outer(slot(id), type)
    }
    return expression.mapChildren { translate($0, layout) }
  }

  func slot(_ id: ColumnID) -> Int {
    if let slot = slots[id] { return slot }
    slots[id] = slots.count
    return slots.count - 1
  }

  func make(
    _ operation: PhysicalOperation, _ layout: [ColumnID], rows: Double, cost: Double, startup: Double = 0
  ) -> PhysicalPlan {
    let width = layout.reduce(0) { $0 + PhysicalPlanner.width(type($1)) }
    return PhysicalPlan(
      operation, output: layout.map(type),
      estimate: PlanEstimate(startupCost: startup, totalCost: cost, rowCount: max(rows, 0), width: width))
  }

  static func width(_ type: SQLType) -> Int {
    guard let info = TypeInfo.find(type.oid) else { return 32 }
    if info.length > 0 { return Int(info.length) }
    if type.modifier > 4, type.oid == SQLType.varchar.oid || type.oid == SQLType.bpchar.oid {
      return min(Int(type.modifier) - 4, 1024)
    }
    return 32
  }

  // MARK: Relations

  /// A plan whose output is exactly these columns.
  func build(_ relation: Relation, exactly columns: [ColumnID], wish: Wish = Wish(needed: [])) -> Built {
    var wish = wish
    wish.needed.formUnion(columns)
    wish.preferred = columns
    return arranged(build(relation, wish), columns)
  }

  /// The same rows with exactly these columns, in this order.
  func arranged(_ built: Built, _ columns: [ColumnID]) -> Built {
    if built.layout == columns { return built }
    let expressions = columns.map { translate(context.column($0), built.layout) }
    return projected(built, expressions, columns)
  }

  func projected(_ built: Built, _ expressions: [ScalarExpression], _ layout: [ColumnID]) -> Built {
    var result = built
    result.layout = layout
    let cost = built.cost + built.rows * Cost.operator
    // A projection of a projection's plain columns is one.
    if case .project(let input, let inner) = built.plan.operation,
      expressions.allSatisfy({ if case .column = $0 { true } else { !$0.hasColumns } })
    {
      let merged = expressions.map { expression in
        if case .column(let ordinal, _) = expression { inner[ordinal] } else { expression }
      }
      result.plan = make(.project(input, merged), layout, rows: built.rows, cost: built.cost)
      return result
    }
    result.plan = make(
      .project(built.plan, expressions), layout, rows: built.rows, cost: cost,
      startup: built.plan.estimate.startupCost)
    return result
  }

  func build(_ relation: Relation, _ wish: Wish) -> Built {
    switch relation {
    case .unit:
      return Built(plan: make(.values([[]]), [], rows: 1, cost: 0.01), layout: [], isSingle: true)
    case .values(let rows, let columns):
      let translated = rows.map { $0.map { translate($0, []) } }
      return Built(
        plan: make(.values(translated), columns, rows: Double(rows.count), cost: Double(rows.count) * Cost.row),
        layout: columns, isSingle: rows.count <= 1)
    case .scan(let scan): return buildScan(scan, [], wish)
    case .function(let scan):
      let arguments = scan.arguments.map { translate($0, []) }
      return Built(
        plan: make(
          .tableFunction(scan.function, arguments, withOrdinality: scan.withOrdinality), scan.columns, rows: 1000,
          cost: 10), layout: scan.columns)
    case .filter(.scan(let scan), let conditions): return buildScan(scan, conditions, wish)
    case .filter(let input, let conditions):
      if case .join(.inner, _, _, _) = input { return buildJoins(relation, wish) }
      var inner = wish
      inner.preferred = []
      inner.limit = nil
      for condition in conditions { condition.collectColumns(into: &inner.needed) }
      return filtered(build(input, inner), conditions)
    case .compute: return buildCompute(relation, wish)
    case .join(let kind, let left, let right, let conditions):
      if kind == .inner { return buildJoins(relation, wish) }
      return buildOuterJoin(kind, left, right, conditions, wish)
    case .apply(let kind, let left, let right, let conditions):
      return buildApply(kind, left, right, conditions, wish)
    case .aggregate(let input, let keys, let calls, _): return buildAggregate(input, keys, calls, wish)
    case .window(let input, let step): return buildWindow(input, step, wish)
    case .distinct(let input, let columns):
      var inner = Wish(needed: Set(columns))
      inner.order = wish.order
      let built = build(input, exactly: columns, wish: inner)
      let rows = max(1, built.rows * 0.5)
      if built.isSingle { return built }
      return Built(
        plan: make(
          .distinct(built.plan), columns, rows: rows, cost: built.cost + built.rows * Cost.hashBuild,
          startup: built.cost), layout: columns)
    case .distinctOn(let input, let expressions):
      var inner = wish
      inner.preferred = []
      inner.limit = nil
      for expression in expressions { expression.collectColumns(into: &inner.needed) }
      let built = build(input, inner)
      var result = built
      result.plan = make(
        .distinctOn(built.plan, expressions.map { translate($0, built.layout) }), built.layout,
        rows: max(1, built.rows * 0.5), cost: built.cost + built.rows * Cost.operator)
      return result
    case .sort(let input, let keys): return buildSort(input, keys, limit: nil, wish)
    case .limit(let input, let count, let offset): return buildLimit(input, count, offset, wish)
    case .setOperation(let operation): return buildSetOperation(operation, wish)
    case .shared(let shared): return buildShared(shared)
    case .recursive(let query): return buildRecursive(query)
    case .sequence(let first, let main):
      let after = first.count { $0.runsAfter }
      let plans = (first.filter { !$0.runsAfter } + first.filter(\.runsAfter)).map { buildShared($0).plan }
      var built = build(main, wish)
      let cost = plans.reduce(built.cost) { $0 + $1.estimate.totalCost }
      built.plan = make(.sequence(plans, built.plan, after: after), built.layout, rows: built.rows, cost: cost)
      return built
    case .workingTable(let id, let name, let columns):
      return Built(
        plan: make(.workingTable(id: id, name: name), columns, rows: workingRows[id] ?? 1000, cost: 1), layout: columns)
    case .lock(let input, let scans): return buildLock(input, scans, wish)
    case .modification(let change): return buildModification(change)
    }
  }

  func filtered(_ built: Built, _ conditions: [ScalarExpression]) -> Built {
    guard let condition = ScalarExpression.ordered(conditions.map { translate($0, built.layout) }) else {
      return built
    }
    var result = built
    result.plan = make(
      .filter(built.plan, condition), built.layout, rows: built.rows * Selectivity.of(conditions),
      cost: built.cost + built.rows * Cost.operator * Double(conditions.count),
      startup: built.plan.estimate.startupCost)
    for condition in conditions { result.constants.formUnion(condition.constantColumns) }
    return result
  }

  // MARK: Computed columns

  private func buildCompute(_ relation: Relation, _ wish: Wish) -> Built {
    // A stack of computations is one, as long as no work is done twice.
    var layers: [[ComputedColumn]] = []
    var input = relation
    while case .compute(let inner, let computed) = input {
      layers.append(computed)
      input = inner
    }
    let all = layers.reversed().flatMap { $0 }
    let own = Set(all.map(\.id))
    var expressions: [ColumnID: ScalarExpression] = [:]
    for column in all { expressions[column.id] = column.expression }
    // Those that are asked for, directly or by others.
    var wanted: [ColumnID] = []
    func want(_ id: ColumnID) {
      guard own.contains(id), !wanted.contains(id), let expression = expressions[id] else { return }
      for used in expression.columns.sorted() { want(used) }
      wanted.append(id)
    }
    for id in wish.needed.sorted() { want(id) }
    var inner = wish
    inner.needed.subtract(own)
    for id in wanted { expressions[id]?.collectColumns(into: &inner.needed) }
    inner.needed.subtract(own)
    inner.preferred = wish.preferred.filter { !own.contains($0) }
    // An order by a computed column cannot come from below.
    inner.order = []
    for column in wish.order {
      if own.contains(column.id) { break }
      inner.order.append(column)
    }
    if inner.order.count < wish.order.count { inner.limit = nil }
    var built = build(input, inner)
    if wanted.isEmpty { return built }

    // Levels: an expression that uses another computed column more than cheaply stands above it.
    var rest = wanted
    while !rest.isEmpty {
      let ready = rest.filter { id in
        (expressions[id]?.columns ?? []).allSatisfy { !rest.contains($0) }
      }
      if ready.isEmpty { break }
      rest.removeAll(where: ready.contains)
      // Below, everything passes that is still used.
      var used = wish.needed
      for id in rest { expressions[id]?.collectColumns(into: &used) }
      let passed = built.layout.filter(used.contains)
      let fresh = ready.filter { used.contains($0) }
      var layout = passed + fresh
      if rest.isEmpty {
        let first = wish.preferred.filter(layout.contains)
        layout = first + layout.filter { !first.contains($0) }
      }
      let columns = layout.map { id in
        if fresh.contains(id), let expression = expressions[id] { return translate(expression, built.layout) }
        return translate(context.column(id), built.layout)
      }
      built = projected(built, columns, layout)
    }
    return built
  }

  // MARK: Aggregation

  private func buildAggregate(
    _ input: Relation, _ keys: [ComputedColumn], _ calls: [ComputedAggregate], _ wish: Wish
  ) -> Built {
    let wantedCalls = calls.filter { wish.needed.contains($0.id) }
    var inner = Wish(needed: [])
    for key in keys { key.expression.collectColumns(into: &inner.needed) }
    for call in wantedCalls {
      for argument in call.call.arguments { argument.collectColumns(into: &inner.needed) }
      call.call.filter?.collectColumns(into: &inner.needed)
      for key in call.call.order { key.expression.collectColumns(into: &inner.needed) }
    }
    if let extreme = buildExtreme(input, keys, wantedCalls) { return extreme }
    let built = build(input, inner)
    func translated(_ call: AggregateCall) -> AggregateCall {
      var call = call
      call.arguments = call.arguments.map { translate($0, built.layout) }
      call.filter = call.filter.map { translate($0, built.layout) }
      call.order = call.order.map { translate($0, built.layout) }
      return call
    }
    let layout = keys.map(\.id) + wantedCalls.map(\.id)
    let rows = keys.isEmpty ? 1 : max(1, min(built.rows, 200 * Double(keys.count)))
    let cost = built.cost + built.rows * (Cost.hashBuild + Cost.operator * Double(wantedCalls.count)) + rows * Cost.row
    let plan = make(
      .aggregate(
        built.plan, keys: keys.map { translate($0.expression, built.layout) },
        calls: wantedCalls.map { translated($0.call) }), layout, rows: rows, cost: cost, startup: cost - rows * Cost.row
    )
    return Built(plan: plan, layout: layout, isSingle: keys.isEmpty)
  }

  /// `min` or `max` of an indexed column: the first row of the index in its order.
  private func buildExtreme(_ input: Relation, _ keys: [ComputedColumn], _ calls: [ComputedAggregate]) -> Built? {
    guard keys.isEmpty, calls.count == 1, let call = calls.first?.call, call.filter == nil, call.order.isEmpty,
      call.function.name == "min" || call.function.name == "max", call.arguments.count == 1,
      case .column(let id, let type) = call.arguments[0], type.oid == self.type(id).oid
    else { return nil }
    let (scan, conditions): (TableScan, [ScalarExpression])
    switch input {
    case .scan(let only): (scan, conditions) = (only, [])
    case .filter(.scan(let only), let own): (scan, conditions) = (only, own)
    default: return nil
    }
    let descending = call.function.name == "max"
    let wanted = OrderColumn(id: id, isDescending: descending, nullsFirst: descending)
    let notNull: [ScalarExpression] = context.columns[id].isNullable ? [.isNull(.column(id, type), negated: true)] : []
    let wish = Wish(needed: [id], preferred: [id], order: [wanted], limit: 1)
    let ordered = buildScan(scan, conditions + notNull, wish)
    guard satisfies(ordered, [wanted]) else { return nil }
    let full = buildScan(scan, conditions, Wish(needed: [id]))
    guard ordered.cost / max(1, ordered.rows) < full.cost else { return nil }
    let first = arranged(ordered, [id])
    let limited = make(
      .limit(first.plan, count: .constant(.int64(1), .int8), offset: nil), [id], rows: 1,
      cost: first.cost / max(1, first.rows))
    let layout = calls.map(\.id)
    var translated = call
    translated.arguments = [.column(0, type)]
    return Built(
      plan: make(.aggregate(limited, keys: [], calls: [translated]), layout, rows: 1, cost: limited.estimate.totalCost),
      layout: layout, isSingle: true)
  }

  // MARK: Order and limits

  /// Whether the rows come in the wanted order already.
  func satisfies(_ built: Built, _ wanted: [OrderColumn]) -> Bool {
    if built.isSingle { return true }
    var given = built.order.filter { !built.constants.contains($0.id) }[...]
    for column in wanted where !built.constants.contains(column.id) {
      guard let next = given.popFirst(), next.id == column.id, next.isDescending == column.isDescending,
        next.nullsFirst == column.nullsFirst || !context.columns[column.id].isNullable
      else { return false }
    }
    return true
  }

  func orderColumns(_ keys: [SortKey]) -> [OrderColumn]? {
    var result: [OrderColumn] = []
    for key in keys {
      guard case .column(let id, _) = key.expression else { return nil }
      result.append(OrderColumn(id: id, isDescending: key.isDescending, nullsFirst: key.nullsFirst))
    }
    return result
  }

  private func buildSort(_ input: Relation, _ keys: [SortKey], limit: ScalarExpression?, _ wish: Wish) -> Built {
    var inner = wish
    // The last sort decides: an order wanted from above is met by it or made there.
    inner.limit = wish.limit
    for key in keys { key.expression.collectColumns(into: &inner.needed) }
    // A constant orders nothing.
    let keys = keys.filter { !$0.expression.isConstant }
    if let wanted = orderColumns(keys) {
      inner.order = wanted
      let built = build(input, inner)
      if keys.isEmpty || satisfies(built, wanted) { return built }
      inner.limit = nil
      inner.order = wanted
      return sorted(limitAware(input, inner, built), keys, limit, wish)
    }
    inner.order = []
    inner.limit = nil
    return sorted(build(input, inner), keys, limit, wish)
  }

  /// Without an order to gain, a plan chosen for few rows may be wrong for all of them.
  private func limitAware(_ input: Relation, _ wish: Wish, _ built: Built) -> Built {
    var plain = wish
    plain.order = []
    return build(input, plain)
  }

  private func sorted(_ built: Built, _ keys: [SortKey], _ limit: ScalarExpression?, _ wish: Wish) -> Built {
    if built.isSingle || keys.isEmpty { return built }
    let translated = keys.map { translate($0, built.layout) }
    let cost = built.cost + Cost.sort(built.rows)
    var result = built
    result.plan = make(
      .sort(built.plan, translated, limit: limit), built.layout, rows: built.rows, cost: cost, startup: cost)
    result.order = orderColumns(keys) ?? []
    return result
  }

  func translate(_ key: SortKey, _ layout: [ColumnID]) -> SortKey {
    SortKey(translate(key.expression, layout), isDescending: key.isDescending, nullsFirst: key.nullsFirst)
  }

  private func buildLimit(
    _ input: Relation, _ count: ScalarExpression?, _ offset: ScalarExpression?, _ wish: Wish
  ) -> Built {
    func number(_ expression: ScalarExpression?) -> Double? {
      if case .constant(.int64(let value), _)? = expression { return Double(max(0, value)) }
      return nil
    }
    // A parameter as count: few rows, as one who writes LIMIT wants.
    let rows = count.map { number($0) ?? 10 }
    let skipped = offset.map { number($0) ?? 10 } ?? 0
    var inner = wish
    inner.limit = rows.map { $0 + skipped }
    let counted = count.map { translate($0, []) }
    let skipping = offset.map { translate($0, []) }
    var built: Built
    if case .sort(let below, let keys) = input {
      built = buildSort(below, keys, limit: topCount(counted, skipping), inner)
    } else {
      inner.order = []
      built = build(input, inner)
    }
    // What is sorted has all been read; the rest stops early.
    let share = built.rows <= 0 ? 1 : min(1, (inner.limit ?? built.rows) / built.rows)
    let startup = built.plan.estimate.startupCost
    let cost = startup + (built.cost - startup) * share
    let resultRows = min(rows ?? built.rows, max(0, built.rows - skipped))
    let plan = make(
      .limit(built.plan, count: counted, offset: skipping), built.layout, rows: resultRows, cost: cost,
      startup: startup)
    built.plan = plan
    built.isSingle = built.isSingle || rows == 1
    return built
  }

  /// The rows that a sort below a limit has to keep.
  private func topCount(_ count: ScalarExpression?, _ offset: ScalarExpression?) -> ScalarExpression? {
    guard let count else { return nil }
    guard let offset else { return count }
    if case .constant(.int64(let a), _) = count, case .constant(.int64(let b), _) = offset {
      let (sum, overflow) = a.addingReportingOverflow(b)
      return overflow || a < 0 || b < 0 ? nil : .constant(.int64(sum), .int8)
    }
    guard let plus = FunctionRegistry.shared.exactOperator("+", .int8, .int8) else { return nil }
    return .call(plus, [count, offset], type: .int8, position: -1)
  }

  // MARK: Set operations and shared queries

  private func buildSetOperation(_ operation: SetOperation, _ wish: Wish) -> Built {
    let left = build(operation.left, exactly: operation.leftColumns)
    let right = build(operation.right, exactly: operation.rightColumns)
    let rows: Double
    switch operation.kind {
    case .unionAll: rows = left.rows + right.rows
    case .union: rows = max(1, (left.rows + right.rows) * 0.5)
    case .intersect, .intersectAll: rows = min(left.rows, right.rows)
    case .except, .exceptAll: rows = left.rows
    }
    let work = operation.kind == .unionAll ? 0 : (left.rows + right.rows) * Cost.hashBuild
    let cost = left.cost + right.cost + work
    return Built(
      plan: make(.setOperation(operation.kind, left.plan, right.plan), operation.columns, rows: rows, cost: cost),
      layout: operation.columns)
  }

  private func buildRecursive(_ query: RecursiveQuery) -> Built {
    let base = build(query.base, exactly: query.baseColumns)
    // As PostgreSQL guesses: ten rounds of ten times the base's rows in all.
    workingRows[query.id] = max(1, base.rows * 10)
    let depth = applyDepth
    applyDepth = 0
    let step = build(query.step, exactly: query.stepColumns)
    applyDepth = depth
    let rows = base.rows + 10 * step.rows
    return Built(
      plan: make(
        .recursiveUnion(base: base.plan, step: step.plan, id: query.id, isDistinct: query.isDistinct), query.columns,
        rows: rows, cost: base.cost + 10 * step.cost + rows * Cost.row), layout: query.columns)
  }

  private func buildShared(_ shared: SharedQuery) -> Built {
    let source: Built
    if let known = sharedPlans[shared.id] {
      source = known
    } else {
      let depth = applyDepth
      applyDepth = 0
      source = build(shared.relation, exactly: shared.source)
      applyDepth = depth
      sharedPlans[shared.id] = source
    }
    let cost = source.cost + source.rows * Cost.row
    return Built(
      plan: make(.materialize(source.plan, id: shared.id), shared.columns, rows: source.rows, cost: cost),
      layout: shared.columns)
  }
}

extension ScalarExpression {
  /// Columns that the condition fixes to one value.
  var constantColumns: Set<ColumnID> {
    guard let (left, right) = equality else { return [] }
    if case .column(let id, _) = left, !right.hasColumns { return [id] }
    if case .column(let id, _) = right, !left.hasColumns { return [id] }
    return []
  }
}
