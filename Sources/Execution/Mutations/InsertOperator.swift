// INSERT, with or without ON CONFLICT.

import Encoding
import Expressions
import Planning
import SQLTypes

final class InsertOperator: Operator {
  private let source: Operator
  private let plan: InsertPlan
  private let writer: TableWriter
  private var resolver: ConflictResolver?
  private var partitioned: PartitionedWriter?
  private let triggers: StatementTriggers?
  private let viewChecks: ViewChecks?

  init(_ source: Operator, _ plan: InsertPlan) throws(SQLError) {
    self.source = source
    self.plan = plan
    triggers = StatementTriggers(plan.statement, source.context)
    viewChecks = try ViewChecks(plan.viewChecks, source.context)
    writer = try TableWriter(
      plan.table, checks: plan.checks, predicates: plan.predicates, references: plan.references, source.context)
    if let partitions = plan.partitions { partitioned = try PartitionedWriter(partitions, source.context) }
    super.init(source.context, kinds: plan.returnsRows ? partitioned?.kinds ?? writer.codec.kinds : [])
    if let action = plan.onConflict { resolver = try ConflictResolver(writer, action) }
  }

  override func next() async throws(SQLError) -> Batch? {
    try await triggers?.begin()
    while let given = try await source.next() {
      try await context.breathe()
      if let partitioned {
        let written = try await partitioned.insert(given, returning: plan.returnsRows || viewChecks != nil)
        if let viewChecks {
          var rows = written
          rows.columns.removeLast()
          try await viewChecks.require(rows, writer.codec)
        }
        if plan.returnsRows && written.rowCount > 0 { return written }
        continue
      }
      let written = try await insert(writer.withRowIDs(given))
      try await viewChecks?.require(written, writer.codec)
      if plan.returnsRows && written.rowCount > 0 { return written }
    }
    try triggers?.end()
    return nil
  }

  private func insert(_ batch: Batch) async throws(SQLError) -> Batch {
    if writer.rowTriggers?.hasBefore(.insert) == true, batch.rowCount > 1 {
      // A row's triggers see the rows before it written.
      var result = Batch(kinds: writer.codec.kinds)
      for row in 0..<batch.rowCount { result.append(contentsOf: try await insert(batch.slice(row..<row + 1))) }
      return result
    }
    let rows = try await writer.beforeInsert(batch)
    if rows.rowCount == 0 { return rows }
    if let resolver { return try await resolver.insert(rows) }
    try await writer.insert(rows)
    return rows
  }

  override func rewind(_ reason: Rewind) {
    resolver?.rewind()
    partitioned?.rewind()
    triggers?.rewind()
    source.rewind(reason)
  }
}

/// Carries out `ON CONFLICT` for one statement.
final class ConflictResolver {
  private let writer: TableWriter
  private let action: ConflictAction
  private var context: ExecutionContext { writer.context }
  private let arbiters: [IndexCodec]
  private let rows: RowDecoding
  private var query: RowQueryRunner?
  /// What other parts of the statement had written when this one began.
  private var touchedByOthers: KeyTable?
  private var hasBegun = false
  /// Keys of the arbiter that this statement has inserted or updated.
  private var touched = KeyTable()
  /// An update may change the arbiter's own key: rows are taken one by one.
  private let isRowByRow: Bool

  init(_ writer: TableWriter, _ action: ConflictAction) throws(SQLError) {
    self.writer = writer
    self.action = action
    let codec = writer.codec
    rows = try RowDecoding(codec.primary, of: codec, columns: codec.table.columns.map(\.id))
    let all = [codec.primary] + codec.secondary.filter { $0.descriptor.isUnique }
    switch action {
    case .nothing(let ids):
      arbiters = ids.isEmpty ? all : all.filter { ids.contains($0.descriptor.id) }
      isRowByRow = false
    case .update(let id, let assignments, _, let query):
      if let query { self.query = try RowQueryRunner(query, writer.context) }
      arbiters = all.filter { $0.descriptor.id == id }
      let changed = Set(assignments.map(\.column))
      isRowByRow =
        writer.rowTriggers?.hasBefore(.update) == true
        || (arbiters + [codec.primary]).contains { index in
          index.columns.contains { changed.contains($0.ordinal) }
        }
    }
  }

  func rewind() {
    touched.removeAll()
    hasBegun = false
  }

  /// Inserts what does not conflict and updates what does; returns the rows written, in the order of `batch`.
  func insert(_ batch: Batch) async throws(SQLError) -> Batch {
    if !hasBegun {
      hasBegun = true
      touchedByOthers = writer.touchedByOthers
    }
    let (_, error) = try writer.validate(batch)
    if let error { throw error }
    switch action {
    case .nothing: return try await insertOrSkip(batch)
    case .update(_, let assignments, let condition, _):
      if !isRowByRow { return try await insertOrUpdate(batch, assignments, condition) }
      var result = Batch(kinds: writer.codec.kinds)
      for row in 0..<batch.rowCount {
        result.append(contentsOf: try await insertOrUpdate(batch.slice(row..<row + 1), assignments, condition))
      }
      return result
    }
  }

  private func insertOrSkip(_ batch: Batch) async throws(SQLError) -> Batch {
    let members = try writer.membership(batch)
    let candidates = writer.uniqueKeys(batch, members)
    var isArbiter: [Bool] = []
    var keys: [Key] = []
    for position in candidates.keys.indices {
      let counts = arbiters.contains { $0 === candidates.indexes[position] }
      isArbiter.append(counts)
      if counts { keys.append(candidates.keys[position]) }
    }
    let found = try await writer.existing(keys)
    var added = KeyTable()
    var kept: [Int32] = []
    var position = 0
    for row in 0..<batch.rowCount {
      let start = position
      var conflicts = false
      while position < candidates.rows.count, candidates.rows[position] == Int32(row) {
        if isArbiter[position] {
          let key = candidates.keys[position].bytes
          conflicts = conflicts || found.find(key) != nil || added.find(key) != nil
        }
        position += 1
      }
      if conflicts { continue }
      for index in start..<position where isArbiter[index] { _ = added.insert(candidates.keys[index].bytes) }
      kept.append(Int32(row))
    }
    let rows = kept.count == batch.rowCount ? batch : batch.gather(kept)
    if rows.rowCount > 0 { try await writer.insert(rows, isValidated: true) }
    return rows
  }

  private func insertOrUpdate(
    _ batch: Batch, _ assignments: [ColumnAssignment], _ condition: ScalarExpression?
  ) async throws(SQLError) -> Batch {
    guard let arbiter = arbiters.first else {
      throw SQLError(
        .invalidColumnReference,
        "there is no unique or exclusion constraint matching the ON CONFLICT specification")
    }
    let number = writer.codec.secondary.firstIndex { $0 === arbiter }
    let members = try writer.membership(batch)
    var keys: [Key?] = []
    for row in 0..<batch.rowCount {
      let isMember = number.map { members[$0]?[row] != false } ?? true
      keys.append(isMember && arbiter.isUnique(batch, row) ? writer.key(arbiter, batch, row) : nil)
    }
    let (existing, existingRow) = try await fetch(keys, arbiter)
    // Pairs of existing and proposed rows, and which of them the condition wants updated.
    var proposed: [Int32] = []
    var target: [Int32] = []
    for row in 0..<batch.rowCount {
      if let found = existingRow[row] {
        proposed.append(Int32(row))
        target.append(Int32(found))
      }
    }
    var pairs = Batch(
      columns: existing.columns.map { $0.gather(target) } + batch.columns.map { $0.gather(proposed) },
      rowCount: proposed.count)
    if let query, pairs.rowCount > 0 { pairs.columns += try await query.values(pairs) }
    var isWanted = Array(repeating: condition == nil, count: proposed.count)
    if let condition {
      for pair in try Evaluator.filter(condition, pairs, context.evaluation) { isWanted[Int(pair)] = true }
    }
    if let others = touchedByOthers {
      for pair in isWanted.indices where others.find(writer.primaryKey(pairs, pair).bytes) != nil {
        isWanted[pair] = false
      }
    }
    var inserted: [Int32] = []
    var updatedPairs: [Int32] = []
    /// Each written row: its position among the inserted ones, or -1 - that among the updated ones.
    var outcome: [Int] = []
    var pair = 0
    for row in 0..<batch.rowCount {
      let isConflict = existingRow[row] != nil
      defer { if isConflict { pair += 1 } }
      if let key = keys[row], touched.find(key.bytes) != nil {
        throw SQLError(
          .cardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time",
          hint: "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")
      }
      if isConflict {
        guard isWanted[pair] else { continue }
        outcome.append(-1 - updatedPairs.count)
        updatedPairs.append(Int32(pair))
      } else {
        outcome.append(inserted.count)
        inserted.append(Int32(row))
      }
      if let key = keys[row] { _ = touched.insert(key.bytes) }
    }
    let newRows = batch.gather(inserted)
    if newRows.rowCount > 0 { try await writer.insert(newRows, skipping: arbiter, isValidated: true) }
    let chosen = pairs.gather(updatedPairs)
    let columnCount = writer.codec.kinds.count
    let old = Batch(columns: Array(chosen.columns.prefix(columnCount)), rowCount: chosen.rowCount)
    var changed = old
    for assignment in assignments {
      changed.columns[assignment.column] = try Evaluator.evaluate(assignment.value, chosen, context.evaluation)
    }
    if changed.rowCount > 0 {
      let assigned = Set(assignments.map(\.column))
      if writer.rowTriggers?.hasBefore(.update) == true {
        let fired = try await writer.beforeUpdate(old: old, new: changed, assigned: assigned)
        if fired.kept.isEmpty { return fired.new }
        changed = fired.new
        try await writer.update(old: old, new: changed, changed: writer.allOrdinals, assigned: assigned)
      } else {
        try await writer.update(old: old, new: changed, changed: assigned)
      }
      if isRowByRow, changed.rowCount == 1, arbiter.isUnique(changed, 0) {
        _ = touched.insert(writer.key(arbiter, changed, 0).bytes)
      }
    }
    var all = newRows
    all.append(contentsOf: changed)
    return all.gather(outcome.map { Int32($0 >= 0 ? $0 : newRows.rowCount - 1 - $0) })
  }

  /// Existing rows that hold the arbiter's keys, locked, and for each proposed row which of them it meets.
  private func fetch(
    _ keys: [Key?], _ arbiter: IndexCodec
  ) async throws(SQLError) -> (rows: Batch, rowOfProposal: [Int?]) {
    var wanted = keys.compactMap { $0 }
    SpanBuilder.sort(&wanted, isReverse: false)
    var block = KeyValueBlock()
    if !wanted.isEmpty { try await context.get(wanted, lock: TableWriter.exclusive, into: &block) }
    var found = KeyTable()
    for row in 0..<block.count { _ = block.withKey(row) { found.insert($0) } }
    let rowOfProposal = keys.map { key in key.flatMap { found.find($0.bytes) } }
    if !arbiter.isPrimary && !block.isEmpty {
      var primary: [Key] = []
      for row in 0..<block.count {
        let key = block.withKey(row) { key in
          block.withValue(row) { value in
            IndexCodec.suffix(key: key, value: value).map { Key(writer.codec.primary.prefix + Array($0.suffix)) }
          }
        }
        guard let key else { throw arbiter.damaged(writer.table) }
        primary.append(key)
      }
      var rowsBlock = KeyValueBlock()
      try await context.get(primary, lock: TableWriter.exclusive, into: &rowsBlock)
      if rowsBlock.count != primary.count { throw arbiter.damaged(writer.table) }
      block = rowsBlock
    }
    return (try rows.decode(block, rows: 0..<block.count), rowOfProposal)
  }
}
