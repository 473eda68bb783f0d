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

  init(_ source: Operator, _ plan: UpdatePlan, _ family: SourceFamily? = nil) throws(SQLError) {
    self.family = family
    self.source = source
    self.plan = plan
    writer = try TableWriter(
      plan.table, checks: plan.checks, predicates: plan.predicates, references: plan.references, source.context)
    changed = Set(plan.assignments.map(\.column))
    if let move = plan.move { movers = try PartitionedWriter(move.plan, source.context) }
    staysInPlace = writer.staysInPlace(changed) && plan.move == nil
    let columnCount = plan.table.columns.count
    mayRepeat = source.kinds.count > columnCount
    super.init(
      source.context, kinds: plan.returnsRows ? writer.codec.kinds + source.kinds.dropFirst(columnCount) : [])
  }

  override func next() async throws(SQLError) -> Batch? {
    let columnCount = writer.codec.kinds.count
    try await family?.open()
    while var batch = try await source.next() {
      try await context.breathe()
      if mayRepeat { batch = touch.first(batch, writer) }
      if batch.rowCount == 0 { continue }
      if staysInPlace, batch.columns.count == columnCount, plan.assignments.count == 1, !plan.returnsRows {
        let assignment = plan.assignments[0]
        batch.columns[assignment.column] = try Evaluator.evaluate(assignment.value, batch, context.evaluation)
        try await writer.update(inPlace: batch)
        continue
      }
      var old = batch
      if old.columns.count > columnCount { old.columns.removeLast(old.columns.count - columnCount) }
      var new = old
      for assignment in plan.assignments {
        new.columns[assignment.column] = try Evaluator.evaluate(assignment.value, batch, context.evaluation)
      }
      if let move = plan.move, let movers {
        let strays = try move.stays.strays(new, context)
        if !strays.isEmpty {
          let others = (0..<Int32(new.rowCount)).filter { !strays.contains($0) }
          if !others.isEmpty {
            try await writer.update(old: old.gather(others), new: new.gather(others), changed: changed)
          }
          let tables = try await self.move(old.gather(strays), new.gather(strays), move, movers)
          if let ordinal = move.tableOrdinal {
            var all = batch.columns[ordinal].int64s
            for (row, table) in zip(strays, tables) { all[Int(row)] = table }
            batch.columns[ordinal] = ColumnVector(int64s: all)
          }
        } else {
          try await writer.update(old: old, new: new, changed: changed)
        }
      } else {
        try await writer.update(old: old, new: new, changed: changed)
      }
      if plan.returnsRows {
        return Batch(columns: new.columns + batch.columns.dropFirst(columnCount), rowCount: batch.rowCount)
      }
    }
    return nil
  }

  /// Rows that fit into another partition leave this one; where each of them is then.
  private func move(
    _ old: Batch, _ new: Batch, _ move: PartitionMove, _ movers: PartitionedWriter
  ) async throws(SQLError) -> [Int64] {
    let before = context.affectedRows
    try await writer.delete(old)
    let columns = zip(move.columns, movers.kinds).map { source, kind in
      source.map { new.columns[$0] } ?? ColumnVector(kind, repeating: .null, count: new.rowCount)
    }
    let moved = try await movers.insert(Batch(columns: columns, rowCount: new.rowCount), returning: true)
    context.affectedRows = before + new.rowCount
    return moved.columns.last?.int64s ?? []
  }

  override func rewind(_ reason: Rewind) {
    if mayRepeat { touch.removeAll() }
    movers?.rewind()
    source.rewind(reason)
  }
}

final class DeleteOperator: Operator {
  private let source: Operator
  private let plan: DeletePlan
  private let writer: TableWriter
  private let mayRepeat: Bool
  private var touch = FirstTouch()
  private let family: SourceFamily?

  init(_ source: Operator, _ plan: DeletePlan, _ family: SourceFamily? = nil) throws(SQLError) {
    self.family = family
    self.source = source
    self.plan = plan
    writer = try TableWriter(
      plan.table, checks: [], predicates: plan.predicates, references: plan.references, source.context)
    mayRepeat = source.kinds.count > plan.table.columns.count
    super.init(source.context, kinds: plan.returnsRows ? source.kinds : [])
  }

  override func next() async throws(SQLError) -> Batch? {
    try await family?.open()
    while var batch = try await source.next() {
      try await context.breathe()
      if mayRepeat { batch = touch.first(batch, writer) }
      if batch.rowCount == 0 { continue }
      try await writer.delete(batch)
      if plan.returnsRows { return batch }
    }
    return nil
  }

  override func rewind(_ reason: Rewind) {
    if mayRepeat { touch.removeAll() }
    source.rewind(reason)
  }
}
