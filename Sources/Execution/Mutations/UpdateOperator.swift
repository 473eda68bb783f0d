// UPDATE and DELETE. Their sources give locked rows; a row that a join gives more than once is changed once, by the first.

import Encoding
import Expressions
import Planning
import SQLTypes

/// Drops rows whose primary key came before in the statement.
struct FirstTouch {
  private var seen = KeyTable()

  mutating func first(_ batch: Batch, _ writer: TableWriter) -> Batch {
    var fresh: [Int32] = []
    for row in 0..<batch.rowCount where seen.insert(writer.primaryKey(batch, row).bytes).isNew {
      fresh.append(Int32(row))
    }
    return fresh.count == batch.rowCount ? batch : batch.gather(fresh)
  }

  mutating func removeAll() { seen.removeAll() }
}

final class UpdateOperator: Operator {
  private let source: Operator
  private let plan: UpdatePlan
  private let writer: TableWriter
  private let changed: Set<Int>
  private let mayRepeat: Bool
  /// Rows stay where they are, and nothing but themselves changes: the old ones need not be kept.
  private let staysInPlace: Bool
  private var touch = FirstTouch()
  private var movers: PartitionedWriter?
  private let family: SourceFamily?
  private let triggers: StatementTriggers?
  /// A row's triggers see the rows before it written.
  private let isRowByRow: Bool
  private let viewChecks: ViewChecks?
  private var touchedByOthers: KeyTable??

  init(_ source: Operator, _ plan: UpdatePlan, _ family: SourceFamily? = nil) throws(SQLError) {
    self.family = family
    self.source = source
    self.plan = plan
    triggers = StatementTriggers(plan.statement, source.context)
    writer = try TableWriter(
      plan.table, checks: plan.checks, predicates: plan.predicates, references: plan.references, source.context)
    changed = Set(plan.assignments.map(\.column))
    if let move = plan.move { movers = try PartitionedWriter(move.plan, source.context) }
    isRowByRow = writer.rowTriggers?.hasBefore(.update) == true
    viewChecks = try ViewChecks(plan.viewChecks, source.context)
    staysInPlace = writer.staysInPlace(changed) && plan.move == nil && viewChecks == nil
    mayRepeat = plan.source.mayRepeatRows
    super.init(
      source.context,
      kinds: plan.returnsRows ? writer.codec.kinds + source.kinds.dropFirst(plan.table.columns.count) : [])
  }

  override func next() async throws(SQLError) -> Batch? {
    let columnCount = writer.codec.kinds.count
    try await triggers?.begin()
    try await family?.open()
    if touchedByOthers == nil { touchedByOthers = .some(writer.touchedByOthers) }
    while var batch = try await source.next() {
      try await context.breathe()
      if mayRepeat { batch = touch.first(batch, writer) }
      if let others = touchedByOthers { batch = writer.untouched(batch, by: others) }
      if batch.rowCount == 0 { continue }
      if staysInPlace, batch.columns.count == columnCount, plan.assignments.count == 1, !plan.returnsRows {
        let assignment = plan.assignments[0]
        batch.columns[assignment.column] = try Evaluator.evaluate(assignment.value, batch, context.evaluation)
        try await writer.update(inPlace: batch)
        continue
      }
      let written = try await change(batch)
      if plan.returnsRows && written.rowCount > 0 { return written }
    }
    try triggers?.end()
    return nil
  }

  /// Changes rows; gives the new ones with the source's other columns.
  private func change(_ batch: Batch) async throws(SQLError) -> Batch {
    if isRowByRow, batch.rowCount > 1 {
      var result = Batch(kinds: source.kinds)
      for row in 0..<batch.rowCount { result.append(contentsOf: try await change(batch.slice(row..<row + 1))) }
      return result
    }
    var batch = batch
    let columnCount = writer.codec.kinds.count
    func oldRows() -> Batch {
      Batch(columns: Array(batch.columns.prefix(columnCount)), rowCount: batch.rowCount)
    }
    var new = oldRows()
    for assignment in plan.assignments {
      new.columns[assignment.column] = try Evaluator.evaluate(assignment.value, batch, context.evaluation)
    }
    var touched = changed
    if isRowByRow {
      let fired = try await writer.beforeUpdate(old: oldRows(), new: new, assigned: changed)
      if fired.kept.count < batch.rowCount { batch = batch.gather(fired.kept) }
      new = fired.new
      touched = writer.allOrdinals
      if batch.rowCount == 0 { return batch }
    }
    let old = oldRows()
    var strays: [Int32] = []
    if let move = plan.move, let movers {
      strays = try move.stays.strays(new, context)
      if !strays.isEmpty {
        let others = (0..<Int32(new.rowCount)).filter { !strays.contains($0) }
        if !others.isEmpty {
          try await writer.update(
            old: old.gather(others), new: new.gather(others), changed: touched, assigned: changed)
        }
        let moved = try await self.move(old.gather(strays), new.gather(strays), move, movers)
        for (place, row) in moved.kept.enumerated() {
          let at = Int(strays[Int(row)])
          for (ordinal, column) in move.columns.enumerated() {
            // A trigger where it went may have changed it.
            if let column, place < moved.rows.rowCount { new = new.replacing(at, column, moved.rows, place, ordinal) }
          }
        }
        if let ordinal = move.tableOrdinal, moved.rows.rowCount == moved.kept.count {
          var all = batch.columns[ordinal].int64s
          for (place, row) in moved.kept.enumerated() {
            all[Int(strays[Int(row)])] = moved.rows.columns.last?.int64s[place] ?? 0
          }
          batch.columns[ordinal] = ColumnVector(int64s: all)
        }
        if moved.kept.count < strays.count {
          let gone = Set(strays.indices.filter { !moved.kept.contains(Int32($0)) }.map { strays[$0] })
          let left = (0..<Int32(new.rowCount)).filter { !gone.contains($0) }
          new = new.gather(left)
          batch = batch.gather(left)
        }
      }
    }
    if strays.isEmpty {
      try await writer.update(old: old, new: new, changed: touched, assigned: changed)
    }
    try await viewChecks?.require(new, writer.codec)
    return Batch(columns: new.columns + batch.columns.dropFirst(columnCount), rowCount: batch.rowCount)
  }

  /// Rows that fit into another partition leave this one: which of them did, and what they are where they went.
  private func move(
    _ old: Batch, _ new: Batch, _ move: PartitionMove, _ movers: PartitionedWriter
  ) async throws(SQLError) -> (kept: [Int32], rows: Batch) {
    let before = context.affectedRows
    var kept = try await writer.beforeDelete(old)
    let leaving = kept.count < old.rowCount ? old.gather(kept) : old
    try await writer.delete(leaving, capturedAs: .update)
    let arriving = kept.count < old.rowCount ? new.gather(kept) : new
    let columns = zip(move.columns, movers.kinds).map { source, kind in
      source.map { arriving.columns[$0] } ?? ColumnVector(kind, repeating: .null, count: arriving.rowCount)
    }
    let whole = Batch(columns: columns, rowCount: arriving.rowCount)
    guard isRowByRow || movers.hasTriggers else {
      let moved = try await movers.insert(whole, returning: true, capturedAs: .update)
      context.affectedRows = before + kept.count
      return (kept, moved)
    }
    // Some may be left out on arrival.
    var arrived = Batch(kinds: movers.kinds)
    var places: [Int32] = []
    for row in 0..<whole.rowCount {
      let one = try await movers.insert(whole.slice(row..<row + 1), returning: true, capturedAs: .update)
      if one.rowCount > 0 { places.append(kept[row]) }
      arrived.append(contentsOf: one)
    }
    kept = places
    context.affectedRows = before + kept.count
    return (kept, arrived)
  }

  override func rewind(_ reason: Rewind) {
    if mayRepeat { touch.removeAll() }
    touchedByOthers = nil
    movers?.rewind()
    triggers?.rewind()
    source.rewind(reason)
  }
}

extension Batch {
  /// With one value taken from another batch.
  fileprivate func replacing(_ row: Int, _ column: Int, _ other: Batch, _ otherRow: Int, _ otherColumn: Int) -> Batch {
    if columns[column].datum(row) == other.columns[otherColumn].datum(otherRow) { return self }
    var result = self
    var vector = ColumnVector(columns[column].kind)
    for place in 0..<rowCount {
      if place == row {
        vector.append(other.columns[otherColumn], row: otherRow)
      } else {
        vector.append(columns[column], row: place)
      }
    }
    result.columns[column] = vector
    return result
  }
}

final class DeleteOperator: Operator {
  private let source: Operator
  private let plan: DeletePlan
  private let writer: TableWriter
  private let mayRepeat: Bool
  private var touch = FirstTouch()
  private let family: SourceFamily?
  private let triggers: StatementTriggers?
  private var touchedByOthers: KeyTable??

  init(_ source: Operator, _ plan: DeletePlan, _ family: SourceFamily? = nil) throws(SQLError) {
    self.family = family
    self.source = source
    self.plan = plan
    triggers = StatementTriggers(plan.statement, source.context)
    writer = try TableWriter(
      plan.table, checks: [], predicates: plan.predicates, references: plan.references, source.context)
    mayRepeat = plan.source.mayRepeatRows
    super.init(source.context, kinds: plan.returnsRows ? source.kinds : [])
  }

  override func next() async throws(SQLError) -> Batch? {
    try await triggers?.begin()
    try await family?.open()
    if touchedByOthers == nil { touchedByOthers = .some(writer.touchedByOthers) }
    while var batch = try await source.next() {
      try await context.breathe()
      if mayRepeat { batch = touch.first(batch, writer) }
      if let others = touchedByOthers { batch = writer.untouched(batch, by: others) }
      if batch.rowCount == 0 { continue }
      if writer.rowTriggers?.hasBefore(.delete) == true {
        var left = Batch(kinds: source.kinds)
        for row in 0..<batch.rowCount {
          let one = batch.slice(row..<row + 1)
          if try await writer.beforeDelete(one).isEmpty { continue }
          try await writer.delete(one)
          left.append(contentsOf: one)
        }
        batch = left
        if batch.rowCount == 0 { continue }
      } else {
        try await writer.delete(batch)
      }
      if plan.returnsRows { return batch }
    }
    try triggers?.end()
    return nil
  }

  override func rewind(_ reason: Rewind) {
    if mayRepeat { touch.removeAll() }
    touchedByOthers = nil
    triggers?.rewind()
    source.rewind(reason)
  }
}

extension PhysicalPlan {
  /// Whether a row of the table that a statement changes may come more than once.
  fileprivate var mayRepeatRows: Bool {
    switch operation {
    case .scan, .virtualTable: return false
    case .filter(let input, _), .project(let input, _), .limit(let input, _, _), .sort(let input, _, _),
      .distinct(let input), .distinctOn(let input, _), .window(let input, _), .lockRows(let input, _, _, _),
      .scalarSubquery(let input, _, _):
      return input.mayRepeatRows
    case .hashJoin(let kind, let left, _, _, _, _), .nestedLoopJoin(let kind, let left, _, _),
      .apply(let kind, let left, _, _, _):
      return kind == .semi || kind == .anti ? left.mayRepeatRows : true
    default: return true
    }
  }
}
