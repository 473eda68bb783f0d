// WITH RECURSIVE: rows leave as they come, so that a LIMIT above ends a recursion that would never end by itself.
// Source: PostgreSQL manual, 7.8.2.1, for the rounds and for what UNION drops.

import Planning
import SQLTypes

final class RecursiveUnionOperator: Operator {
  private let base: Operator
  private let step: Operator
  private let id: Int
  private let infos: [TypeInfo]
  private let isDistinct: Bool
  private var seen = KeyTable()
  private var keys = RowKeys()
  private var isInBase = true
  private var isDone = false
  /// The rows of the round under way, which the next one reads.
  private var upcoming: RowBuffer
  private var held = 0

  init(_ base: Operator, _ step: Operator, id: Int, isDistinct: Bool, output: [SQLType]) {
    self.base = base
    self.step = step
    self.id = id
    self.isDistinct = isDistinct
    infos = output.map(\.behavior)
    upcoming = RowBuffer(kinds: output.map(\.storage), memory: base.context.memory)
    super.init(base.context, kinds: output.map(\.storage))
  }

  override func next() async throws(SQLError) -> Batch? {
    while !isDone {
      try await context.breathe()
      if let batch = try await (isInBase ? base : step).next() {
        guard let fresh = fresh(batch) else { continue }
        upcoming.append(fresh)
        try context.checkHardMemory()
        return fresh
      }
      isInBase = false
      if upcoming.isEmpty {
        isDone = true
        context.workingTables[id] = nil
        break
      }
      context.workingTables[id] = upcoming
      upcoming = RowBuffer(kinds: kinds, memory: context.memory)
      step.rewind(.rescan)
    }
    return nil
  }

  /// The rows that did not come before; nil if there are none.
  private func fresh(_ batch: Batch) -> Batch? {
    guard isDistinct else { return batch }
    keys.encode(batch.columns, infos, rowCount: batch.rowCount)
    var rows: [Int32] = []
    for row in 0..<batch.rowCount where keys.withKey(row, { seen.insert($0) }).isNew { rows.append(Int32(row)) }
    context.memory.grow(seen.byteCount - held)
    held = seen.byteCount
    return rows.isEmpty ? nil : rows.count == batch.rowCount ? batch : batch.gather(rows)
  }

  override func rewind(_ reason: Rewind) {
    isInBase = true
    isDone = false
    upcoming.removeAll()
    context.workingTables[id] = nil
    seen.removeAll()
    context.memory.shrink(held)
    held = 0
    base.rewind(reason)
    step.rewind(reason)
  }
}

/// Reads the rows of the round before.
final class WorkingTableOperator: Operator {
  private let id: Int
  private var position = 0

  init(_ context: ExecutionContext, id: Int, kinds: [PhysicalKind]) {
    self.id = id
    super.init(context, kinds: kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    guard let rows = context.workingTables[id], position < rows.batches.count else { return nil }
    defer { position += 1 }
    return rows.batches[position]
  }

  override func rewind(_ reason: Rewind) { position = 0 }
}
