// Rows on their way into the partitions of a table: each goes down the tree of routings to its leaf, takes that table's shape,
// and is written there. Rows of a batch for one partition are written together.

import Catalog
import Expressions
import Planning
import SQLTypes

extension PartitionGuard {
  /// The rows that do not belong where they are.
  func strays(_ batch: Batch, _ context: ExecutionContext) throws(SQLError) -> [Int32] {
    var found: Set<Int32> = []
    for level in levels {
      var keys: [ColumnVector] = []
      for key in level.routing.keys { keys.append(try Evaluator.evaluate(key, batch, context.evaluation)) }
      for row in 0..<batch.rowCount where level.routing.child(keys, row) != level.child { found.insert(Int32(row)) }
    }
    return found.sorted()
  }
}

extension PartitionPruning {
  /// Whether the partition may hold a row that the statement asks for.
  func mayHold(_ context: ExecutionContext) throws(SQLError) -> Bool {
    if let equal {
      var keys: [ColumnVector] = []
      for (value, key) in zip(equal, level.routing.keys) {
        var column = ColumnVector(key.type.storage)
        let datum = try Evaluator.value(value, context.evaluation)
        if datum.isNull { return false }
        column.append(datum)
        keys.append(column)
      }
      return level.routing.child(keys, 0) == level.child
    }
    for (comparison, value) in first {
      let datum = try Evaluator.value(value, context.evaluation)
      if !level.routing.mayHold(level.child, comparison, datum) { return false }
    }
    return true
  }
}

final class PartitionedWriter {
  private let plan: PartitionPlan
  private let context: ExecutionContext
  private let codec: TableCodec
  private var writers: [TableWriter?]
  private var resolvers: [ConflictResolver?]
  /// The row of the last batch that an error is about.
  private(set) var failedRow: Int?
  /// A row's triggers see the rows before it written.
  private let isRowByRow: Bool

  init(_ plan: PartitionPlan, _ context: ExecutionContext) throws(SQLError) {
    self.plan = plan
    self.context = context
    isRowByRow = plan.targets.contains { $0.references.triggers?.hasBefore(.insert) == true }
    codec = try context.codecs.codec(for: plan.table)
    writers = Array(repeating: nil, count: plan.targets.count)
    resolvers = Array(repeating: nil, count: plan.targets.count)
  }

  var hasTriggers: Bool { isRowByRow }

  /// The columns of the table at the top, and the table that a row went into.
  var kinds: [PhysicalKind] { codec.kinds + [.int64] }

  func rewind() { for resolver in resolvers { resolver?.rewind() } }

  private func writer(_ number: Int) throws(SQLError) -> TableWriter {
    if let known = writers[number] { return known }
    let target = plan.targets[number]
    let made = try TableWriter(
      target.table, checks: target.checks, predicates: target.predicates, references: target.references, context)
    writers[number] = made
    if let action = target.onConflict { resolvers[number] = try ConflictResolver(made, action) }
    return made
  }

  /// Inserts rows of the table at the top. What was written comes back in that table's shape if it is wanted.
  /// `captured`: what the rows count as in transition tables.
  func insert(
    _ batch: Batch, returning: Bool, capturedAs captured: TriggerDescriptor.Events? = nil
  ) async throws(SQLError) -> Batch {
    if isRowByRow, batch.rowCount > 1 {
      var result = Batch(kinds: kinds)
      for row in 0..<batch.rowCount {
        do throws(SQLError) {
          result.append(
            contentsOf: try await insert(batch.slice(row..<row + 1), returning: returning, capturedAs: captured))
        } catch {
          failedRow = row
          throw error
        }
      }
      return result
    }
    var (places, error) = try route(batch)
    let looked = min(batch.rowCount, places.count + 1)
    if let guarded = plan.guarded, let stray = try guarded.strays(batch.slice(0..<looked), context).first {
      error = SQLError.strayRow(batch, Int(stray), codec, context)
      places.removeLast(places.count - Int(stray))
    }
    var result = Batch(kinds: kinds)
    var order: [Int32] = []
    var isWhole = true
    for number in Set(places).sorted() {
      let rows = places.indices.filter { places[$0] == number }.map { Int32($0) }
      let writer = try writer(number)
      var own = writer.withRowIDs(try shaped(batch.gather(rows), number))
      if isRowByRow {
        own = try await writer.beforeInsert(own)
        if own.rowCount == 0 { continue }
        try requireSame(own, number)
      }
      var written = own
      do throws(SQLError) {
        if let resolver = resolvers[number] {
          written = try await resolver.insert(own)
        } else {
          try await writer.insert(own, capturedAs: captured)
        }
      } catch {
        failedRow = writer.failedRow.map { Int(rows[$0]) }
        throw error
      }
      if !returning { continue }
      isWhole = isWhole && written.rowCount == rows.count
      order += rows.prefix(written.rowCount)
      result.append(contentsOf: unshaped(written, number))
    }
    if let error {
      failedRow = places.count
      throw error
    }
    if !isWhole || !returning { return result }
    // In the order in which they came.
    let back = order.indices.sorted { order[$0] < order[$1] }
    return result.gather(back.map { Int32($0) })
  }

  /// Error 0A000 if a trigger has made a row one of another partition.
  private func requireSame(_ batch: Batch, _ number: Int) throws(SQLError) {
    var whole = unshaped(batch, number)
    whole.columns.removeLast()
    let (places, _) = try route(whole)
    if places == [number] { return }
    let table = plan.targets[number].table
    let triggers = plan.targets[number].references.triggers?.triggers ?? []
    if !triggers.contains(where: {
      $0.isInherited && $0.trigger.timing == .before && $0.trigger.events.contains(.insert)
    }) {
      throw SQLError.strayRow(batch, 0, try writer(number).codec, context)
    }
    throw SQLError(
      .featureNotSupported, "moving row to another partition during a BEFORE FOR EACH ROW trigger is not supported",
      detail:
        "Before executing trigger, the row was to be in partition \"\(context.schemaName(table.schema) ?? "").\(table.name)\"."
    )
  }

  /// The leaf of each row, up to the first that has none, and the error of that.
  private func route(_ batch: Batch) throws(SQLError) -> (places: [Int], error: SQLError?) {
    var places = Array(repeating: -1, count: batch.rowCount)
    var failure: (row: Int, error: SQLError)?
    func descend(_ tree: PartitionTree, _ rows: [Int32]) throws(SQLError) {
      switch tree {
      case .leaf(let number): for row in rows { places[Int(row)] = number }
      case .branch(let routing, let below):
        let part = batch.gather(rows)
        var keys: [ColumnVector] = []
        for key in routing.keys { keys.append(try Evaluator.evaluate(key, part, context.evaluation)) }
        var taken: [[Int32]] = Array(repeating: [], count: below.count)
        for (index, row) in rows.enumerated() {
          if let child = routing.child(keys, index) {
            taken[child].append(row)
          } else if failure.map({ Int(row) < $0.row }) ?? true {
            failure = (Int(row), homeless(routing, keys, index))
          }
        }
        for (child, rows) in taken.enumerated() where !rows.isEmpty { try descend(below[child], rows) }
      }
    }
    try descend(plan.tree, (0..<batch.rowCount).map { Int32($0) })
    if let failure { return (Array(places.prefix(failure.row)), failure.error) }
    return (places, nil)
  }

  private func homeless(_ routing: PartitionRouting, _ keys: [ColumnVector], _ row: Int) -> SQLError {
    let table = routing.table
    let parts = table.lineage.partitioning?.keys ?? []
    let names = parts.map { table.text(of: $0) }.joined(separator: ", ")
    let values = zip(parts, keys).map { part, column in
      column.nulls[row]
        ? "null" : String(decoding: part.type.behavior.text(column.datum(row), settings: context.format), as: UTF8.self)
    }.joined(separator: ", ")
    return SQLError(
      .checkViolation, "no partition of relation \"\(table.name)\" found for row",
      detail: "Partition key of the failing row contains (\(names)) = (\(values))."
    ).of(table, context)
  }

  /// Rows of the table at the top as rows of a leaf.
  private func shaped(_ batch: Batch, _ number: Int) throws(SQLError) -> Batch {
    let target = plan.targets[number]
    let kinds = try writer(number).codec.kinds
    var columns: [ColumnVector] = []
    for (ordinal, source) in target.columns.enumerated() {
      columns.append(
        source.map { batch.columns[$0] } ?? ColumnVector(kinds[ordinal], repeating: .null, count: batch.rowCount))
    }
    var rows = Batch(columns: columns, rowCount: batch.rowCount)
    for column in target.computed {
      rows.columns[column.column] = try Evaluator.evaluate(column.value, rows, context.evaluation)
    }
    return rows
  }

  private func unshaped(_ batch: Batch, _ number: Int) -> Batch {
    let target = plan.targets[number]
    var columns: [ColumnVector] = []
    for ordinal in plan.table.columns.indices {
      let source = target.columns.firstIndex { $0 == ordinal }
      columns.append(
        source.map { batch.columns[$0] } ?? ColumnVector(codec.kinds[ordinal], repeating: .null, count: batch.rowCount))
    }
    columns.append(
      ColumnVector(.int64, repeating: .int64(Int64(target.table.oid.rawValue)), count: batch.rowCount))
    return Batch(columns: columns, rowCount: batch.rowCount)
  }
}
