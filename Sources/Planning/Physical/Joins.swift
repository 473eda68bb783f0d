// Joins: the order of inner joins by a greedy search over estimates, and for each join the cheapest of hashing, looking up
// through an index per left row (an `apply` whose right side is a scan with outer slots), and nested loops.

import Catalog
import Expressions
import SQLTypes

extension PhysicalPlanner {
  // MARK: Inner joins

  /// Flattens a tree of inner joins and filters.
  private func flatten(
    _ relation: Relation, _ parts: inout [Relation], _ conditions: inout [ScalarExpression]
  ) {
    switch relation {
    case .join(.inner, let left, let right, let own):
      flatten(left, &parts, &conditions)
      flatten(right, &parts, &conditions)
      conditions += own
    case .filter(let input, let own):
      if case .join(.inner, _, _, _) = input {
        flatten(input, &parts, &conditions)
        conditions += own
      } else {
        parts.append(relation)
      }
    case .unit: break
    default: parts.append(relation)
    }
  }

  func buildJoins(_ relation: Relation, _ wish: Wish) -> Built {
    var parts: [Relation] = []
    var conditions: [ScalarExpression] = []
    flatten(relation, &parts, &conditions)
    if parts.isEmpty { return filtered(build(.unit, wish), conditions) }
    if parts.count == 1 { return build(parts[0].filtered(conditions), wish) }

    let columns = parts.map(\.columns)
    let sizes = parts.map(estimatedRows)
    let order = joinOrder(parts, columns, sizes, conditions)
    var used = Set<Int>()
    var needed = wish.needed
    for condition in conditions { condition.collectColumns(into: &needed) }
    var rest = conditions
    func take(_ visible: Set<ColumnID>, _ all: Set<ColumnID>) -> [ScalarExpression] {
      let ready = rest.filter { $0.columns.intersection(all).isSubset(of: visible) }
      rest.removeAll { condition in condition.columns.intersection(all).isSubset(of: visible) }
      return ready
    }
    let all = columns.reduce(into: Set<ColumnID>()) { $0.formUnion($1) }
    var visible = columns[order[0]]
    used.insert(order[0])
    var first = Wish(needed: needed.intersection(visible))
    first.order = wish.order.allSatisfy { visible.contains($0.id) } ? wish.order : []
    var built = build(parts[order[0]].filtered(take(visible, all)), first)
    for next in order.dropFirst() {
      visible.formUnion(columns[next])
      let here = take(visible, all)
      built = joinStep(.inner, built, parts[next], here, needed: needed)
    }
    return filtered(built, rest)
  }

  /// About how many rows a part gives.
  private func estimatedRows(_ relation: Relation) -> Double {
    switch relation {
    case .scan(let scan): rowCount(scan.table)
    case .filter(.scan(let scan), let conditions):
      if isUniqueLookup(scan, conditions, []) { 1 } else { max(1, rowCount(scan.table) * Selectivity.of(conditions)) }
    case .filter(let input, let conditions): max(1, estimatedRows(input) * Selectivity.of(conditions))
    case .compute(let input, _), .sort(let input, _), .distinct(let input, _), .distinctOn(let input, _),
      .lock(let input, _), .window(let input, _):
      estimatedRows(input)
    case .values(let rows, _): Double(rows.count)
    case .unit: 1
    case .aggregate(let input, let keys, _, _): keys.isEmpty ? 1 : max(1, estimatedRows(input) / 5)
    case .limit(let input, let count, _):
      if case .constant(.int64(let rows), _)? = count {
        min(Double(rows), estimatedRows(input))
      } else {
        estimatedRows(input)
      }
    case .join(_, let left, let right, let conditions):
      max(1, estimatedRows(left) * estimatedRows(right) * Selectivity.of(conditions))
    case .apply(_, let left, _, _): estimatedRows(left)
    case .setOperation(let operation): estimatedRows(operation.left) + estimatedRows(operation.right)
    case .shared(let shared): estimatedRows(shared.relation)
    case .recursive(let query): 10 * estimatedRows(query.base)
    case .workingTable: 100
    case .sequence(_, let main): estimatedRows(main)
    case .function: 1000
    case .modification: 1
    }
  }

  /// Whether the conditions fix a unique key of the table, given values for the columns in `known`.
  private func isUniqueLookup(_ scan: TableScan, _ conditions: [ScalarExpression], _ known: Set<ColumnID>) -> Bool {
    let own = Set(scan.columns)
    var fixed: Set<ColumnID> = []
    for condition in conditions {
      guard let (left, right) = condition.equality else { continue }
      if case .column(let id, _) = left, own.contains(id), right.columns.isSubset(of: known) { fixed.insert(id) }
      if case .column(let id, _) = right, own.contains(id), left.columns.isSubset(of: known) { fixed.insert(id) }
    }
    return scan.table.allIndexes.contains { index in
      index.isUnique && index.state == .active && index.predicateSQL == nil
        && index.columns.allSatisfy { column in
          scan.table.ordinal(ofColumn: column.columnID).map { fixed.contains(scan.columns[$0]) } ?? false
        }
    }
  }

  /// A good order: from each part in turn, always the next part that keeps the result smallest; the cheapest of these.
  private func joinOrder(
    _ parts: [Relation], _ columns: [Set<ColumnID>], _ sizes: [Double], _ conditions: [ScalarExpression]
  ) -> [Int] {
    let all = columns.reduce(into: Set<ColumnID>()) { $0.formUnion($1) }
    let uses = conditions.map { $0.columns.intersection(all) }
    func scanOf(_ relation: Relation) -> (TableScan, [ScalarExpression])? {
      switch relation {
      case .scan(let scan): (scan, [])
      case .filter(.scan(let scan), let own): (scan, own)
      default: nil
      }
    }
    var best: (cost: Double, order: [Int])?
    let starts =
      parts.count > 24 ? Array(sizes.indices.sorted { sizes[$0] < sizes[$1] }.prefix(1)) : Array(parts.indices)
    for start in starts {
      var order = [start]
      var visible = columns[start]
      var rows = sizes[start]
      var cost = sizes[start]
      var left = parts.indices.filter { $0 != start }
      while !left.isEmpty {
        var choice: (index: Int, rows: Double, cost: Double, isConnected: Bool)?
        for candidate in left {
          let together = visible.union(columns[candidate])
          let here = conditions.indices.filter {
            uses[$0].isSubset(of: together) && !uses[$0].isDisjoint(with: columns[candidate])
              && !uses[$0].isDisjoint(with: visible)
          }
          let isConnected = !here.isEmpty
          var result: Double
          var step: Double
          if let (scan, own) = scanOf(parts[candidate]),
            isUniqueLookup(scan, own + here.map { conditions[$0] }, visible)
          {
            result = rows * min(1, sizes[candidate] / rowCount(scan.table))
            step = min(rows * Cost.seek, sizes[candidate] * Cost.row + rows * Cost.hashProbe)
          } else {
            // An equality joins each row with a share of the other side; a key of this side with one.
            var selectivity = 1.0
            for condition in here {
              selectivity *=
                conditions[condition].equality != nil
                ? 1 / max(10, min(200, max(rows, sizes[candidate]))) : Selectivity.of(conditions[condition])
            }
            result = max(1, rows * sizes[candidate] * selectivity)
            step = isConnected ? (rows + sizes[candidate]) * Cost.hashProbe : rows * sizes[candidate] * Cost.row
          }
          step += result * Cost.row
          if choice == nil || (isConnected && choice?.isConnected == false)
            || (isConnected == choice?.isConnected && step < choice?.cost ?? .infinity)
          {
            choice = (candidate, result, step, isConnected)
          }
        }
        guard let chosen = choice else { break }
        order.append(chosen.index)
        visible.formUnion(columns[chosen.index])
        rows = chosen.rows
        cost += chosen.cost
        left.removeAll { $0 == chosen.index }
      }
      if best == nil || cost < best?.cost ?? .infinity { best = (cost, order) }
    }
    return best?.order ?? Array(parts.indices)
  }

  // MARK: One join

  /// The equalities among conditions: a key of the left and one of the right; the rest.
  private func equalities(
    _ conditions: [ScalarExpression], _ left: Set<ColumnID>, _ right: Set<ColumnID>
  ) -> (pairs: [(ScalarExpression, ScalarExpression)], rest: [ScalarExpression]) {
    var pairs: [(ScalarExpression, ScalarExpression)] = []
    var rest: [ScalarExpression] = []
    for condition in conditions {
      if let (a, b) = condition.equality ?? condition.sameness, !condition.isVolatile, isHashable(a.type, b.type) {
        let (x, y) = (a.columns, b.columns)
        if !x.isEmpty, !y.isEmpty, x.isDisjoint(with: right), y.isDisjoint(with: left) {
          pairs.append((a, b))
          continue
        }
        if !x.isEmpty, !y.isEmpty, x.isDisjoint(with: left), y.isDisjoint(with: right) {
          pairs.append((b, a))
          continue
        }
      }
      rest.append(condition)
    }
    return (pairs, rest)
  }

  /// Whether equal values of the two types have equal hashes.
  private func isHashable(_ a: SQLType, _ b: SQLType) -> Bool {
    if a.oid == b.oid { return true }
    let integers = [SQLType.int2.oid, SQLType.int4.oid, SQLType.int8.oid]
    let texts = [SQLType.text.oid, SQLType.varchar.oid, SQLType.name.oid]
    let floats = [SQLType.float4.oid, SQLType.float8.oid]
    return [integers, texts, floats].contains { $0.contains(a.oid) && $0.contains(b.oid) }
  }

  /// Joins a built left side with a relation.
  func joinStep(
    _ kind: JoinKind, _ left: Built, _ right: Relation, _ conditions: [ScalarExpression], needed: Set<ColumnID>
  ) -> Built {
    let leftColumns = Set(left.layout)
    let rightColumns = right.columns
    let isFilter = kind == .semi || kind == .anti
    var rightNeeded = isFilter ? [] : needed.intersection(rightColumns)
    for condition in conditions { rightNeeded.formUnion(condition.columns.intersection(rightColumns)) }

    var candidates: [Built] = []
    let plain = build(right, Wish(needed: rightNeeded))
    let (pairs, rest) = equalities(conditions, leftColumns, rightColumns)
    let rows = joinedRows(kind, left, plain, right, conditions, pairs.isEmpty)
    let layout = isFilter ? left.layout : left.layout + plain.layout
    let both = left.layout + plain.layout

    if !pairs.isEmpty {
      let residual = ScalarExpression.ordered(rest.map { translate($0, both) })
      func hash(swapped: Bool) -> Built {
        let (probe, table) = swapped ? (plain, left) : (left, plain)
        let out = swapped ? plain.layout + left.layout : layout
        let cost =
          left.cost + plain.cost + table.rows * Cost.hashBuild + probe.rows * Cost.hashProbe + rows * Cost.row * 0.5
        let condition = swapped ? ScalarExpression.ordered(rest.map { translate($0, out) }) : residual
        let keys = pairs.map { swapped ? ($0.1, $0.0) : ($0.0, $0.1) }
        return Built(
          plan: make(
            .hashJoin(
              kind, left: probe.plan, right: table.plan, leftKeys: keys.map { translate($0.0, probe.layout) },
              rightKeys: keys.map { translate($0.1, table.layout) }, residual: condition), out, rows: rows, cost: cost,
            startup: table.cost), layout: out)
      }
      candidates.append(hash(swapped: false))
      if kind == .inner { candidates.append(hash(swapped: true)) }
    }
    if kind != .right && kind != .full {
      // The right side anew for each left row, its conditions with the left row's values in it.
      let movable = conditions.filter { !$0.isVolatile && !$0.columns.isDisjoint(with: rightColumns) }
      if !movable.isEmpty || !right.freeColumns.isDisjoint(with: leftColumns) {
        let dependent = PushDownPredicates().apply(right.filtered(movable), context)
        if dependent.canLookUp {
          let stay = conditions.filter { $0.isVolatile || $0.columns.isDisjoint(with: rightColumns) }
          candidates.append(lookup(kind, left, dependent, stay, rightNeeded, rows))
        }
      }
      _ = rest
    }
    let condition = ScalarExpression.ordered(conditions.map { translate($0, both) })
    let loopCost =
      left.cost + plain.cost + left.rows * max(1, plain.rows)
      * (Cost.row * 0.5 + Cost.operator * Double(conditions.count))
    if pairs.isEmpty || kind == .right || kind == .full || candidates.isEmpty {
      candidates.append(
        Built(
          plan: make(
            .nestedLoopJoin(kind, left: left.plan, right: plain.plan, condition: condition), layout, rows: rows,
            cost: loopCost),
          layout: layout))
    }
    var best = candidates[0]
    for candidate in candidates.dropFirst() where candidate.cost < best.cost { best = candidate }
    return best
  }

  private func joinedRows(
    _ kind: JoinKind, _ left: Built, _ right: Built, _ relation: Relation, _ conditions: [ScalarExpression],
    _ isCross: Bool
  ) -> Double {
    var inner = left.rows * right.rows
    for condition in conditions {
      inner *= condition.equality != nil ? 1 / max(1, min(200, max(left.rows, right.rows))) : Selectivity.of(condition)
    }
    switch relation {
    case .scan(let scan):
      if isUniqueLookup(scan, conditions, Set(left.layout)) { inner = left.rows }
    case .filter(.scan(let scan), let own):
      if isUniqueLookup(scan, conditions + own, Set(left.layout)) {
        inner = left.rows * min(1, right.rows / rowCount(scan.table))
      }
    default: break
    }
    switch kind {
    case .inner: return max(1, inner)
    case .left: return max(left.rows, inner)
    case .right: return max(right.rows, inner)
    case .full: return max(left.rows + right.rows, inner)
    case .semi: return max(1, min(left.rows, left.rows * 0.5))
    case .anti: return max(1, left.rows * 0.5)
    }
  }

  /// An apply whose right side uses the left row's values.
  private func lookup(
    _ kind: JoinKind, _ left: Built, _ right: Relation, _ conditions: [ScalarExpression], _ needed: Set<ColumnID>,
    _ rows: Double
  ) -> Built {
    applyDepth += 1
    var wish = Wish(needed: needed)
    if kind == .semi || kind == .anti { wish.limit = 1 }
    let probe = build(right, wish)
    applyDepth -= 1
    let isFilter = kind == .semi || kind == .anti
    let layout = isFilter ? left.layout : left.layout + probe.layout
    let bindings = bindings(for: right.freeColumns, left)
    let condition = ScalarExpression.ordered(conditions.map { translate($0, left.layout + probe.layout) })
    let cost = left.cost + max(1, left.rows) * (probe.cost + Cost.row)
    let order = left.order
    return Built(
      plan: make(
        .apply(kind, left: left.plan, right: probe.plan, bindings: bindings, condition: condition), layout, rows: rows,
        cost: cost), layout: layout, order: order, constants: left.constants,
      isSingle: left.isSingle && (isFilter || probe.isSingle))
  }

  /// Fills the slots of the columns that the right side takes from this left side.
  func bindings(for free: Set<ColumnID>, _ left: Built) -> [OuterBinding] {
    free.sorted().filter(left.layout.contains).map {
      OuterBinding(slot: slot($0), value: translate(context.column($0), left.layout))
    }
  }

  // MARK: Outer, semi and anti joins

  func buildOuterJoin(
    _ kind: JoinKind, _ left: Relation, _ right: Relation, _ conditions: [ScalarExpression], _ wish: Wish
  ) -> Built {
    let leftColumns = left.columns
    var needed = wish.needed
    for condition in conditions { condition.collectColumns(into: &needed) }
    var inner = Wish(needed: needed.intersection(leftColumns))
    inner.preferred = wish.preferred
    inner.order = wish.order.allSatisfy { leftColumns.contains($0.id) } ? wish.order : []
    if kind == .semi, let flipped = flippedSemiJoin(left, right, conditions, wish) {
      let straight = joinStep(kind, build(left, inner), right, conditions, needed: wish.needed.union(needed))
      return flipped.cost < straight.cost ? flipped : straight
    }
    return joinStep(kind, build(left, inner), right, conditions, needed: needed)
  }

  /// `EXISTS` over few rows of the right side: look each distinct one up on the left instead.
  private func flippedSemiJoin(
    _ left: Relation, _ right: Relation, _ conditions: [ScalarExpression], _ wish: Wish
  ) -> Built? {
    switch left {
    case .scan, .filter(.scan, _): break
    default: return nil
    }
    let (pairs, rest) = equalities(conditions, left.columns, right.columns)
    guard !pairs.isEmpty, rest.isEmpty else { return nil }
    var keys: [ColumnID] = []
    var computed: [ComputedColumn] = []
    var dependent: [ScalarExpression] = []
    for (index, pair) in pairs.enumerated() {
      _ = index
      if case .column(let id, let type) = pair.1, type == self.type(id) {
        keys.append(id)
        dependent.append(
          contentsOf: conditions.filter {
            $0.equality.map { $0.0.isSame(as: pair.0) || $0.1.isSame(as: pair.0) } ?? false
          })
      } else {
        return nil
      }
    }
    _ = computed
    computed = []
    let distinct = build(.distinct(right, keys), exactly: keys)
    let dependentLeft = PushDownPredicates().apply(left.filtered(dependent), context)
    guard dependentLeft.canLookUp else { return nil }
    return lookup(.inner, distinct, dependentLeft, [], wish.needed.intersection(left.columns), distinct.rows)
  }

  // MARK: Applies

  func buildApply(
    _ kind: ApplyKind, _ left: Relation, _ right: Relation, _ conditions: [ScalarExpression], _ wish: Wish
  ) -> Built {
    let leftColumns = left.columns
    var free = right.freeColumns
    if case .scalar(_, let source) = kind, !right.columns.contains(source) { free.insert(source) }
    var needed = wish.needed.union(free)
    for condition in conditions { condition.collectColumns(into: &needed) }
    var inner = Wish(needed: needed.intersection(leftColumns))
    inner.preferred = wish.preferred.filter(leftColumns.contains)
    inner.order = wish.order.allSatisfy { leftColumns.contains($0.id) } ? wish.order : []
    if case .scalar(let column, let source) = kind, !wish.needed.contains(column) {
      // Nobody looks at the value; what it might complain about is not asked.
      _ = source
      return build(left, wish)
    }
    // Fewer rows suffice only if each left row gives exactly one.
    if case .scalar = kind { inner.limit = wish.limit }
    let outer = build(left, inner)
    switch kind {
    case .scalar(let column, let source):
      if let grouped = groupedScalar(outer, column, source, right, wish) { return grouped }
      let isDependent = !free.isDisjoint(with: leftColumns)
      applyDepth += 1
      var value = build(right, exactly: [source])
      applyDepth -= 1
      if !isDependent { value = materialized(value) }
      let layout = outer.layout + [column]
      let repeated = isDependent ? max(1, outer.rows) * (value.cost + Cost.row) : value.cost + outer.rows * Cost.row
      var result = outer
      result.layout = layout
      result.plan = make(
        .scalarSubquery(left: outer.plan, right: value.plan, bindings: bindings(for: free, outer)), layout,
        rows: outer.rows, cost: outer.cost + repeated)
      return result
    case .inner, .left, .semi, .anti:
      let joinKind: JoinKind =
        switch kind {
        case .inner: .inner
        case .left: .left
        case .semi: .semi
        default: .anti
        }
      var rightNeeded = needed.intersection(right.columns)
      if joinKind == .semi || joinKind == .anti {
        rightNeeded = []
        for condition in conditions { rightNeeded.formUnion(condition.columns.intersection(right.columns)) }
      }
      let fanOut: Double = joinKind == .inner || joinKind == .left ? 1 : 0.5
      return lookup(joinKind, outer, right, conditions, rightNeeded, outer.rows * fanOut)
    }
  }

  /// Kept for the whole execution, as nothing in it changes.
  func materialized(_ built: Built) -> Built {
    var result = built
    result.plan = make(
      .materialize(built.plan, id: nextMaterialization()), built.layout, rows: built.rows, cost: built.cost)
    return result
  }

  /// A correlated scalar aggregate whose dependence is in equalities: computed once for all groups and joined, if that is
  /// cheaper than once per left row.
  private func groupedScalar(
    _ outer: Built, _ column: ColumnID, _ source: ColumnID, _ right: Relation, _ wish: Wish
  ) -> Built? {
    var computed: [[ComputedColumn]] = []
    var body = right
    while case .compute(let input, let own) = body {
      computed.append(own)
      body = input
    }
    guard case .aggregate(let input, let keys, let calls, _) = body, keys.isEmpty else { return nil }
    let outerColumns = Set(outer.layout)
    let free = right.freeColumns
    guard !free.isDisjoint(with: outerColumns),
      let pulled = UnnestSubqueries().pull(input, outerColumns, ignoresDuplicates: false), pulled.computed.isEmpty,
      calls.allSatisfy({ call in
        Set(call.call.arguments.flatMap(\.columns)).isDisjoint(with: outerColumns)
          && (call.call.filter?.columns ?? []).isDisjoint(with: outerColumns)
      }),
      computed.allSatisfy({
        $0.allSatisfy { !$0.expression.isVolatile && $0.expression.columns.isDisjoint(with: outerColumns) }
      })
    else { return nil }
    let (pairs, rest) = equalities(pulled.conditions, outerColumns, pulled.relation.columns)
    guard !pairs.isEmpty, rest.isEmpty else { return nil }

    // The price of the alternative.
    applyDepth += 1
    let single = build(right, exactly: [source])
    applyDepth -= 1
    let appliedCost = outer.cost + max(1, outer.rows) * (single.cost + Cost.row)

    var groupKeys: [ComputedColumn] = []
    for pair in pairs {
      let id: ColumnID
      if case .column(let own, let type) = pair.1, type == self.type(own), !groupKeys.contains(where: { $0.id == own })
      {
        id = own
      } else {
        id = context.makeColumn("key", pair.1.type)
      }
      groupKeys.append(ComputedColumn(id: id, expression: pair.1))
    }
    let grouped = build(
      .aggregate(pulled.relation, keys: groupKeys, calls: calls, isGrouped: true),
      exactly: groupKeys.map(\.id) + calls.map(\.id))
    let rows = outer.rows
    let cost = outer.cost + grouped.cost + grouped.rows * Cost.hashBuild + rows * Cost.hashProbe
    guard cost < appliedCost else { return nil }
    let layout = outer.layout + grouped.layout
    var joined = outer
    joined.layout = layout
    joined.order = []
    joined.plan = make(
      .hashJoin(
        .left, left: outer.plan, right: grouped.plan, leftKeys: pairs.map { translate($0.0, outer.layout) },
        rightKeys: groupKeys.map { translate(.column($0.id, $0.expression.type), grouped.layout) }, residual: nil),
      layout,
      rows: rows, cost: cost)
    // Without a group a count is 0, everything else NULL.
    var values: [ColumnID: ScalarExpression] = [:]
    for call in calls where call.call.function.name == "count" {
      values[call.id] = .coalesce([.column(call.id, .int8), .constant(.int64(0), .int8)], type: .int8)
    }
    for level in computed.reversed() {
      for own in level { values[own.id] = own.expression.substituting(values) }
    }
    let value = values[source] ?? context.column(source)
    let final = outer.layout + [column]
    return projected(
      joined, outer.layout.map { translate(context.column($0), layout) } + [translate(value, layout)], final)
  }
}

extension Relation {
  /// Whether running it anew for each outer row can be cheap: a table's index may answer it.
  var canLookUp: Bool {
    switch self {
    case .filter(.scan(let scan), let conditions):
      guard case .table = scan.table.kind else { return false }
      let own = Set(scan.columns)
      var first: Set<ColumnID> = []
      for index in scan.table.allIndexes where index.state == .active {
        if let column = index.columns.first, let ordinal = scan.table.ordinal(ofColumn: column.columnID) {
          first.insert(scan.columns[ordinal])
        }
      }
      return conditions.contains { condition in
        guard let (_, left, right) = condition.comparison else { return false }
        if case .column(let id, _) = left, first.contains(id), right.columns.isDisjoint(with: own) { return true }
        if case .column(let id, _) = right, first.contains(id), left.columns.isDisjoint(with: own) { return true }
        return false
      }
    case .compute(let input, _), .filter(let input, _), .sort(let input, _), .limit(let input, _, _),
      .distinct(let input, _), .aggregate(let input, _, _, _):
      return input.canLookUp
    case .join(_, let left, let right, _): return left.canLookUp || right.canLookUp
    case .apply(_, let left, _, _): return left.canLookUp
    default: return false
    }
  }
}

extension ScalarExpression {
  /// `a IS NOT DISTINCT FROM b` as an equality: of rows with one field, which are never NULL and equal where both fields are.
  fileprivate var sameness: (ScalarExpression, ScalarExpression)? {
    guard case .isDistinct(let a, let b, _, negated: true) = self, a.type.oid == b.type.oid else { return nil }
    func row(_ value: ScalarExpression) -> ScalarExpression {
      let type = RowShape([RowShape.Field("f1", value.type.unmodified)]).recordType
      return .call(
        RowFunctions.constructor([value.type], returns: type), [value], type: type, position: -1)
    }
    return (row(a), row(b))
  }
}
