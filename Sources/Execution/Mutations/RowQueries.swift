// Sub-queries over rows that a statement is about to write, or has written.

import Expressions
import Planning
import SQLTypes

/// Computes a `RowQuery` for one batch of rows after the other.
final class RowQueryRunner {
  private let query: RowQuery
  private let context: ExecutionContext
  private let root: Operator
  private var hasRun = false

  init(_ query: RowQuery, _ context: ExecutionContext) throws(SQLError) {
    self.query = query
    self.context = context
    root = try OperatorBuilder(context: context, drawsFromSequences: true).build(query.plan)
  }

  /// The values for each row, in the rows' order.
  func values(_ rows: Batch) async throws(SQLError) -> [ColumnVector] {
    if hasRun { root.rewind(.rescan) }
    hasRun = true
    let number = ColumnVector(int64s: Array(0..<Int64(rows.rowCount)))
    let kinds = [.int64] + rows.columns.map(\.kind)
    let table = RowBuffer(kinds: kinds, memory: context.memory)
    table.append(Batch(columns: [number] + rows.columns, rowCount: rows.rowCount))
    context.workingTables[query.number] = table
    defer { context.workingTables[query.number] = nil }
    var result = Batch(kinds: root.kinds)
    while let batch = try await root.next() { result.append(contentsOf: batch) }
    guard result.rowCount == rows.rowCount else {
      throw SQLError(.internalError, "a sub-query over \(rows.rowCount) rows gave \(result.rowCount)")
    }
    let order = result.columns[0].int64s.indices.sorted { result.columns[0].int64s[$0] < result.columns[0].int64s[$1] }
    return Array(result.gather(order.map { Int32($0) }).columns.dropFirst())
  }
}

/// What views ask of rows that were written through them. Source: PostgreSQL manual, CREATE VIEW, "WITH CHECK OPTION".
final class ViewChecks {
  private let checks: [(check: ViewCheck, query: RowQueryRunner?)]
  private let context: ExecutionContext

  init?(_ checks: [ViewCheck], _ context: ExecutionContext) throws(SQLError) {
    if checks.isEmpty { return nil }
    self.context = context
    var made: [(check: ViewCheck, query: RowQueryRunner?)] = []
    for check in checks {
      made.append((check, try check.query.map { (query) throws(SQLError) in try RowQueryRunner(query, context) }))
    }
    self.checks = made
  }

  /// Error 44000.
  func require(_ rows: Batch, _ codec: TableCodec) async throws(SQLError) {
    if rows.rowCount == 0 { return }
    for (check, query) in checks {
      var batch = rows
      if let query { batch.columns += try await query.values(rows) }
      let passed = try Evaluator.evaluate(check.condition, batch, context.evaluation)
      guard let row = (0..<rows.rowCount).first(where: { passed.nulls[$0] || passed.int64s[$0] == 0 }) else { continue }
      throw SQLError(
        .withCheckOptionViolation, "new row violates check option for view \"\(check.view)\"",
        detail: "Failing row contains (\(RowText.row(rows, row, codec, context.format))).")
    }
  }
}
