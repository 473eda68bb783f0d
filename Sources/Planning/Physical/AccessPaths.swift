// How a table's rows are read: which index, which parts of it, in which direction, and what of the conditions is left to be
// checked. A condition is consumed by a span only if the span holds exactly the rows for which it is true.

import Catalog
import Expressions
import SQLTypes

/// A condition on one column as an index can use it. Values have no columns of this table.
private enum ColumnTest {
  case equal(ScalarExpression)
  case anyOf([ScalarExpression])
  case isNull
  /// `isLower`: the value is a lower bound.
  case bound(ScalarExpression, isLower: Bool, isInclusive: Bool)
}

/// One way to read a table.
private struct AccessPath {
  var index: IndexDescriptor
  var spans: [IndexSpan]
  var spansMayOverlap = false
  /// Conditions that the spans take care of, by position.
  var consumed: Set<Int> = []
  var order: [OrderColumn] = []
  var constants: Set<ColumnID> = []
  var isReverse = false
  /// Rows that the spans hold, by estimate.
  var rows: Double
  var isCovering: Bool
  var isSingle = false
  var cost: Double
}

extension PhysicalPlanner {
  func rowCount(_ table: TableDescriptor) -> Double {
    max(1, statistics.rowCount(of: table.oid) ?? Cost.defaultRowCount)
  }

  /// A scan of a table with conditions on it.
  func buildScan(_ scan: TableScan, _ conditions: [ScalarExpression], _ wish: Wish) -> Built {
    let table = scan.table
    let own = Set(scan.columns)
    var needed = wish.needed.intersection(own)
    if case .virtual = table.kind { return buildVirtualScan(scan, conditions, wish) }
    let tableRows = rowCount(table)
    let tests = conditions.map { columnTest($0, scan) }
    var lock = scan.columns.first.flatMap { scanLocks[$0] }
    if let first = scan.columns.first { scanLocks[first] = nil }

    // Columns that whatever is left of the conditions will need.
    func required(_ consumed: Set<Int>) -> Set<ColumnID> {
      var columns = needed
      for (index, condition) in conditions.enumerated() where !consumed.contains(index) {
        columns.formUnion(condition.columns.intersection(own))
      }
      return columns
    }
    var best: AccessPath?
    for index in table.allIndexes where index.state == .active {
      if !index.isPrimary, let sql = index.predicateSQL, !impliesPredicate(sql, index, scan, conditions) { continue }
      var path = accessPath(index, scan, tests, tableRows)
      let wanted = required(path.consumed)
      path.isCovering = index.isPrimary || covers(index, table, wanted, scan)
      orient(&path, wish.order)
      let isOrdered = wish.order.isEmpty || pathSatisfies(path, wish.order)
      // Reading stops early when few rows are wanted and come in the right order.
      let left = conditions.indices.filter { !path.consumed.contains($0) }.map { conditions[$0] }
      let selectivity = Selectivity.of(left)
      var read = path.rows
      if let limit = wish.limit, isOrdered, selectivity > 0 { read = min(read, limit / selectivity) }
      let perRow = Cost.row + (path.isCovering ? 0 : Cost.lookup) + Cost.operator * Double(left.count)
      path.cost = Cost.seek * Double(max(1, path.spans.count)) + read * perRow
      let total = path.cost + (isOrdered ? 0 : Cost.sort(path.rows * selectivity))
      if let current = best {
        let currentOrdered = wish.order.isEmpty || pathSatisfies(current, wish.order)
        let currentLeft = conditions.indices.filter { !current.consumed.contains($0) }.map { conditions[$0] }
        let currentTotal =
          current.cost + (currentOrdered ? 0 : Cost.sort(current.rows * Selectivity.of(currentLeft)))
        if total < currentTotal { best = path }
      } else {
        best = path
      }
    }
    guard let path = best else {
      // A table without any index cannot be: one without primary key has its hidden row id.
      return Built(plan: make(.values([]), scan.columns, rows: 0, cost: 0), layout: scan.columns, isSingle: true)
    }

    let left = conditions.indices.filter { !path.consumed.contains($0) }.map { conditions[$0] }
    needed = required(path.consumed)
    var layout = wish.preferred.filter { needed.contains($0) }
    for id in scan.columns where needed.contains(id) && !layout.contains(id) { layout.append(id) }
    let ids = layout.compactMap { id in scan.columns.firstIndex(of: id).map { table.columns[$0].id } }
    let filter = ScalarExpression.ordered(left.map { translate($0, layout) })
    let rows = path.rows * Selectivity.of(left)
    let spans = path.spans.map { span in
      IndexSpan(
        equal: span.equal.map { translate($0, []) },
        lower: span.lower.map { IndexBound(value: translate($0.value, []), isInclusive: $0.isInclusive) },
        upper: span.upper.map { IndexBound(value: translate($0.value, []), isInclusive: $0.isInclusive) },
        nextIsNull: span.nextIsNull)
    }
    var hint: Int?
    if path.isSingle { hint = 1 } else if let limit = wish.limit, left.isEmpty, limit < 1e9 { hint = Int(limit) }
    if lock == nil { lock = scan.lock }
    var plan = ScanPlan(
      table: table, alias: scan.alias, index: path.index, spans: spans, columns: ids, isReverse: path.isReverse,
      filter: filter, lock: lock, rowHint: hint, spansMayOverlap: path.spansMayOverlap)
    plan.pruning = pruning(scan, conditions)
    var constants = path.constants
    for condition in left { constants.formUnion(condition.constantColumns) }
    return Built(
      plan: make(.scan(plan), layout, rows: rows, cost: path.cost, startup: Cost.seek), layout: layout,
      order: path.order, constants: constants, isSingle: path.isSingle)
  }

  private func buildVirtualScan(_ scan: TableScan, _ conditions: [ScalarExpression], _ wish: Wish) -> Built {
    var needed = wish.needed.intersection(scan.columns)
    for condition in conditions { needed.formUnion(condition.columns.intersection(scan.columns)) }
    var layout = wish.preferred.filter { needed.contains($0) }
    for id in scan.columns where needed.contains(id) && !layout.contains(id) { layout.append(id) }
    let ids = layout.compactMap { id in scan.columns.firstIndex(of: id).map { scan.table.columns[$0].id } }
    let plan = make(
      .virtualTable(scan.table, alias: scan.alias, columns: ids), layout, rows: 500, cost: 500 * Cost.row)
    return filtered(Built(plan: plan, layout: layout), conditions)
  }

  // MARK: Matching conditions

  /// The column and test that a condition is, if an index can answer it.
  private func columnTest(_ condition: ScalarExpression, _ scan: TableScan) -> (column: Int, test: ColumnTest)? {
    let own = Set(scan.columns)
    func isOutside(_ value: ScalarExpression) -> Bool {
      !value.isVolatile && value.columns.isDisjoint(with: own)
    }
    switch condition {
    case .call(_, let arguments, _, _):
      guard let (comparison, left, right) = condition.comparison else { return nil }
      let (column, value, operation): (Int, ScalarExpression, Comparison)
      if let ordinal = keyColumn(left, scan), isOutside(right) {
        (column, value, operation) = (ordinal, right, comparison)
      } else if let ordinal = keyColumn(right, scan), isOutside(left) {
        (column, value, operation) = (ordinal, left, comparison.swapped)
      } else {
        return nil
      }
      guard isComparable(scan.table.columns[column].type, arguments[0].type, arguments[1].type) else { return nil }
      switch operation {
      case .equal: return (column, .equal(value))
      case .notEqual: return nil
      case .less: return (column, .bound(value, isLower: false, isInclusive: false))
      case .lessOrEqual: return (column, .bound(value, isLower: false, isInclusive: true))
      case .greater: return (column, .bound(value, isLower: true, isInclusive: false))
      case .greaterOrEqual: return (column, .bound(value, isLower: true, isInclusive: true))
      }
    case .inList(let operand, let list, let equality, negated: false):
      guard equality.comparison == .equal, let column = keyColumn(operand, scan), list.allSatisfy(isOutside),
        list.count <= 1000, list.allSatisfy({ isComparable(scan.table.columns[column].type, operand.type, $0.type) })
      else { return nil }
      return (column, .anyOf(list))
    case .isNull(let operand, negated: false):
      guard case .column(let id, _) = operand, let column = scan.columns.firstIndex(of: id) else { return nil }
      return (column, .isNull)
    case .column(let id, _):
      // A boolean column by itself.
      guard let column = scan.columns.firstIndex(of: id), scan.table.columns[column].type.oid == SQLType.bool.oid
      else { return nil }
      return (column, .equal(.true))
    case .not(.column(let id, _)):
      guard let column = scan.columns.firstIndex(of: id), scan.table.columns[column].type.oid == SQLType.bool.oid
      else { return nil }
      return (column, .equal(.false))
    default: return nil
    }
  }

  /// The ordinal of a column of the table that an expression is, relabelled at most.
  private func keyColumn(_ expression: ScalarExpression, _ scan: TableScan) -> Int? {
    guard case .column(let id, _) = expression else { return nil }
    return scan.columns.firstIndex(of: id)
  }

  /// Whether a key of `column` orders as the comparison of `a` with `b` does.
  private func isComparable(_ column: SQLType, _ a: SQLType, _ b: SQLType) -> Bool {
    func family(_ type: SQLType) -> UInt32 {
      switch type.unmodified {
      case .int2, .int4, .int8: SQLType.int8.oid.rawValue
      case .float4, .float8: SQLType.float8.oid.rawValue
      case .text, .varchar, .name: SQLType.text.oid.rawValue
      case .oid, .regclass, .regproc, .regtype: SQLType.oid.oid.rawValue
      default: type.oid.rawValue
      }
    }
    return family(column) == family(a) && family(a) == family(b)
      && TypeInfo.find(column.oid)?.isOrderable == true
  }

  // MARK: Paths

  /// Equal values for a prefix of the index, then a range on the next column.
  private func accessPath(
    _ index: IndexDescriptor, _ scan: TableScan, _ tests: [(column: Int, test: ColumnTest)?], _ tableRows: Double
  ) -> AccessPath {
    let table = scan.table
    var consumed: Set<Int> = []
    var constants: Set<ColumnID> = []
    /// The alternatives of equal values so far.
    var prefixes: [[ScalarExpression]] = [[]]
    var mayOverlap = false
    var isOrderedByPrefix = true
    var selectivity = 1.0
    var equalCount = 0
    var span = IndexSpan()
    var isBounded = false
    var hasNullEnd = false

    for column in index.columns {
      guard let ordinal = table.ordinal(ofColumn: column.columnID) else { break }
      let here = tests.indices.filter { tests[$0]?.column == ordinal }
      func first(_ match: (ColumnTest) -> Bool) -> Int? { here.first { tests[$0].map { match($0.test) } ?? false } }
      if let position = first({ if case .equal = $0 { true } else { false } }),
        case .equal(let value)? = tests[position]?.test
      {
        for index in prefixes.indices { prefixes[index].append(value) }
        consumed.insert(position)
        constants.insert(scan.columns[ordinal])
        equalCount += 1
        selectivity *= Selectivity.equality
        continue
      }
      if let position = first({ if case .anyOf = $0 { true } else { false } }),
        case .anyOf(let list)? = tests[position]?.test, prefixes.count * list.count <= 1000
      {
        let (values, known) = distinctValues(list, table.columns[ordinal].type, descending: column.isDescending)
        prefixes = prefixes.flatMap { prefix in values.map { prefix + [$0] } }
        if !known && values.count > 1 { mayOverlap = true }
        // After several values the rows of each come one after the other, in the index's order still.
        consumed.insert(position)
        equalCount += 1
        selectivity *= min(1, Selectivity.equality * Double(max(1, values.count)))
        if values.count > 1 { isOrderedByPrefix = isOrderedByPrefix && known }
        continue
      }
      if let position = first({ if case .isNull = $0 { true } else { false } }) {
        consumed.insert(position)
        constants.insert(scan.columns[ordinal])
        span.nextIsNull = true
        selectivity *= Selectivity.equality
        hasNullEnd = true
        break
      }
      for position in here {
        guard case .bound(let value, let isLower, let isInclusive)? = tests[position]?.test else { continue }
        if isLower, span.lower == nil {
          span.lower = IndexBound(value: value, isInclusive: isInclusive)
        } else if !isLower, span.upper == nil {
          span.upper = IndexBound(value: value, isInclusive: isInclusive)
        } else {
          continue
        }
        consumed.insert(position)
        isBounded = true
      }
      if span.lower != nil && span.upper != nil {
        selectivity *= Selectivity.range
      } else if isBounded {
        selectivity *= Selectivity.inequality
      }
      break
    }
    _ = hasNullEnd
    let spans = prefixes.map { prefix in
      IndexSpan(equal: prefix, lower: span.lower, upper: span.upper, nextIsNull: span.nextIsNull)
    }
    // The index's own order, without the columns that are fixed.
    var order: [OrderColumn] = []
    if isOrderedByPrefix || spans.count <= 1 {
      for column in index.columns {
        guard let ordinal = table.ordinal(ofColumn: column.columnID) else { break }
        order.append(
          OrderColumn(
            id: scan.columns[ordinal], isDescending: column.isDescending, nullsFirst: column.nullsFirst))
      }
    }
    let isWhole = equalCount == index.columns.count
    var rows = tableRows * selectivity
    var isSingle = false
    if isWhole && index.isUnique {
      rows = Double(spans.count)
      isSingle = spans.count <= 1
    } else if equalCount > 0 {
      // A longer prefix of a unique index leaves fewer rows, but at least one is to be expected.
      rows = max(rows, Double(spans.count))
    }
    return AccessPath(
      index: index, spans: spans, spansMayOverlap: mayOverlap, consumed: consumed, order: order,
      constants: constants, rows: min(max(rows, isSingle ? 0 : 1), tableRows), isCovering: true, isSingle: isSingle,
      cost: 0)
  }

  /// The list's values without NULLs and repetitions, in the index's order; `isKnown` if all are constants.
  private func distinctValues(
    _ list: [ScalarExpression], _ type: SQLType, descending: Bool
  ) -> (values: [ScalarExpression], isKnown: Bool) {
    var constants: [(Datum, SQLType)] = []
    var others: [ScalarExpression] = []
    for item in list {
      if case .constant(let value, let own) = item {
        if !value.isNull { constants.append((value, own)) }
      } else if !others.contains(where: { $0.isSame(as: item) }) {
        others.append(item)
      }
    }
    guard let info = TypeInfo.find(type.oid) else { return (list, false) }
    constants.sort { info.compare($0.0, $1.0) < 0 }
    var values: [ScalarExpression] = []
    var last: Datum?
    for (value, own) in constants {
      if let last, info.compare(last, value) == 0 { continue }
      values.append(.constant(value, own))
      last = value
    }
    if descending { values.reverse() }
    return (values + others, others.isEmpty)
  }

  /// Turns the path around if the order wanted is its reverse.
  private func orient(_ path: inout AccessPath, _ wanted: [OrderColumn]) {
    if wanted.isEmpty || path.isSingle || pathSatisfies(path, wanted) { return }
    var reversed = path
    reversed.isReverse = true
    reversed.order = path.order.map {
      OrderColumn(id: $0.id, isDescending: !$0.isDescending, nullsFirst: !$0.nullsFirst)
    }
    if pathSatisfies(reversed, wanted) { path = reversed }
  }

  private func pathSatisfies(_ path: AccessPath, _ wanted: [OrderColumn]) -> Bool {
    let probe = Built(
      plan: PhysicalPlan(.values([]), output: []), layout: [], order: path.order, constants: path.constants,
      isSingle: path.isSingle)
    return satisfies(probe, wanted)
  }

  /// Whether the index has all of these columns itself.
  private func covers(
    _ index: IndexDescriptor, _ table: TableDescriptor, _ wanted: Set<ColumnID>, _ scan: TableScan
  ) -> Bool {
    var held = Set(index.columns.map(\.columnID) + index.included)
    for column in table.primaryIndex?.columns ?? [] { held.insert(column.columnID) }
    return wanted.allSatisfy { id in
      scan.columns.firstIndex(of: id).map { held.contains(table.columns[$0].id) } ?? true
    }
  }

  /// A partial index serves a query whose conditions include its predicate.
  private func impliesPredicate(
    _ sql: String, _ index: IndexDescriptor, _ scan: TableScan, _ conditions: [ScalarExpression]
  ) -> Bool {
    let scope = Scope(parent: nil, ctes: [])
    scope.columns = zip(scan.table.columns, scan.columns).map { ScopeColumn(name: $0.name, id: $1) }
    scope.tables = [ScopeTable(alias: scan.table.name, schema: nil, columns: scope.columns, table: scan.table)]
    scope.clause = .indexPredicate
    guard let source = try? Binder.parseExpression(sql), let bound = try? Binder(context).bind(source, scope) else {
      return false
    }
    return FoldConstants.conditions([bound]).allSatisfy { needed in
      conditions.contains { $0.isSame(as: needed) || implies($0, needed) }
    }
  }

  /// `a = 1` says that `a IS NOT NULL`.
  private func implies(_ condition: ScalarExpression, _ needed: ScalarExpression) -> Bool {
    if case .isNull(.column(let id, _), negated: true) = needed { return condition.rejectsNull(of: [id]) }
    return false
  }
}
