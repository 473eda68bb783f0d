// Row locks, and the plans of INSERT, UPDATE and DELETE.
// A scan locks its rows itself where every row that it lets through is one that the statement locks; otherwise the locks
// are taken above, among the rows that are left.

import Catalog
import Expressions
import SQLTypes

extension PhysicalPlanner {
  func buildLock(_ input: Relation, _ scans: [TableScan], _ wish: Wish) -> Built {
    if scans.count == 1, let scan = scans.first, let lock = scan.lock, input.isSingleScan,
      let first = scan.columns.first
    {
      scanLocks[first] = lock
      let built = build(input, wish)
      scanLocks[first] = nil
      if !built.plan.hasSort { return built }
    }
    // The keys by which rows are locked, beside what is wanted.
    var inner = wish
    for scan in scans { inner.needed.formUnion(keyColumns(scan)) }
    var built = build(input, inner)
    for scan in scans {
      guard let lock = scan.lock else { continue }
      let keys = keyColumns(scan).compactMap { built.layout.firstIndex(of: $0) }
      built.plan = make(
        .lockRows(built.plan, table: scan.table, keyColumns: keys, lock), built.layout, rows: built.rows,
        cost: built.cost + built.rows * Cost.row, startup: built.plan.estimate.startupCost)
    }
    return built
  }

  private func keyColumns(_ scan: TableScan) -> [ColumnID] {
    (scan.table.primaryIndex?.columns ?? []).compactMap { column in
      scan.table.ordinal(ofColumn: column.columnID).map { scan.columns[$0] }
    }
  }

  func buildModification(_ change: Modification) -> Built {
    let ordinals = change.rowColumns
    var checks = change.checks.map { RowCheck.condition(name: $0.name, translate($0.condition, ordinals)) }
    if let guarded = change.guarded { checks.append(.partition(guarded.map { translate($0, ordinals) })) }
    var predicates: IndexPredicates = [:]
    for predicate in change.predicates { predicates[predicate.index] = translate(predicate.condition, ordinals) }

    func viewChecks() -> [ViewCheck] {
      change.viewChecks.map { check in
        let query = rowQuery(over: ordinals, check.attachments)
        return ViewCheck(
          view: check.view, condition: translate(check.condition, ordinals + (query?.values ?? [])), query: query?.query
        )
      }
    }

    switch change.kind {
    case .insert(let onConflict):
      let source = build(change.source, exactly: change.sourceColumns)
      var action: ConflictAction?
      if let onConflict, change.partitions == nil { action = self.action(of: onConflict) }
      var plan = InsertPlan(
        table: change.table, source: source.plan, checks: checks, predicates: predicates, onConflict: action,
        returnsRows: change.returnsRows)
      plan.references = change.references
      plan.statement = change.statement
      plan.viewChecks = viewChecks()
      plan.partitions = change.partitions
      if let partitions = change.partitions, !change.partitionConflicts.isEmpty {
        var targets = partitions.targets
        for (place, conflict) in change.partitionConflicts.enumerated() {
          targets[place].onConflict = self.action(of: conflict)
        }
        plan.partitions = PartitionPlan(
          table: partitions.table, guarded: partitions.guarded, tree: partitions.tree, targets: targets)
      }
      let layout = change.returnsRows ? change.rowColumns + change.otherColumns : []
      return Built(
        plan: make(.insert(plan), layout, rows: source.rows, cost: source.cost + source.rows), layout: layout)

    case .update(let assignments):
      var needed = Set(change.otherColumns)
      for assignment in assignments { assignment.expression.collectColumns(into: &needed) }
      let source = lockedSource(change, needed)
      var plan = UpdatePlan(
        table: change.table, source: source.plan,
        assignments: assignments.map {
          ColumnAssignment(column: $0.id, value: translate($0.expression, source.layout))
        },
        checks: checks, predicates: predicates, returnsRows: change.returnsRows)
      plan.references = change.references
      plan.statement = change.statement
      plan.viewChecks = viewChecks()
      plan.family = change.family
      plan.move = change.move.map { move in
        var move = move
        move.stays = move.stays.map { translate($0, ordinals) }
        move.tableOrdinal = change.tableColumn.flatMap { source.layout.firstIndex(of: $0) }
        return move
      }
      let layout = change.returnsRows ? source.layout : []
      return Built(
        plan: make(.update(plan), layout, rows: source.rows, cost: source.cost + source.rows), layout: layout)

    case .delete:
      let source = lockedSource(change, Set(change.otherColumns))
      var plan = DeletePlan(
        table: change.table, source: source.plan, predicates: predicates, returnsRows: change.returnsRows)
      plan.references = change.references
      plan.statement = change.statement
      plan.family = change.family
      let layout = change.returnsRows ? source.layout : []
      return Built(
        plan: make(.delete(plan), layout, rows: source.rows, cost: source.cost + source.rows), layout: layout)
    }
  }

  func action(of conflict: ConflictResolution) -> ConflictAction {
    guard let assignments = conflict.assignments, let arbiter = conflict.arbiters.first else {
      return .nothing(arbiters: conflict.arbiters)
    }
    let rows = conflict.existing + conflict.excluded
    let query = rowQuery(over: rows, conflict.attachments)
    let layout = rows + (query?.values ?? [])
    return .update(
      arbiter: arbiter,
      assignments: assignments.map { ColumnAssignment(column: $0.id, value: translate($0.expression, layout)) },
      condition: conflict.condition.map { translate($0, layout) }, query: query?.query)
  }

  /// The rows to change, locked: the table's columns in order, then the others that are needed.
  private func lockedSource(_ change: Modification, _ needed: Set<ColumnID>) -> Built {
    let visible = change.source.columns
    let others = needed.intersection(visible).subtracting(change.sourceColumns).sorted()
    let scans = change.source.targetScans(change.sourceColumns)
    let columns = change.sourceColumns + others
    return build(.lock(change.source, scans), exactly: columns)
  }
}

extension Relation {
  /// The scan of the target among a statement's tables, with the lock that changing its rows takes.
  fileprivate func targetScans(_ columns: [ColumnID]) -> [TableScan] {
    lockableScans.filter { $0.columns == columns }.map { scan in
      var scan = scan
      scan.lock = RowLock(isExclusive: true)
      return scan
    }
  }

  /// One table, with nothing that could drop a row after the scan has locked it.
  fileprivate var isSingleScan: Bool {
    switch self {
    case .scan, .filter(.scan, _): true
    case .compute(let input, _), .sort(let input, _): input.isSingleScan
    case .apply(.scalar, let left, _, _): left.isSingleScan
    default: false
    }
  }
}

extension PhysicalPlan {
  /// Whether rows are sorted above the scan, so that later operations may want only some of those that it locked.
  fileprivate var hasSort: Bool {
    switch operation {
    case .sort: true
    case .project(let input, _), .filter(let input, _): input.hasSort
    case .scalarSubquery(let left, _, _): left.hasSort
    default: false
    }
  }
}
