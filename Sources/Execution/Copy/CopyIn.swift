// `COPY … FROM`: bytes to typed batches to rows of a table, a batch at a time, so that memory stays bounded.

import Catalog
import Expressions
import Planning
import SQLTypes

/// Where copied rows go.
public struct CopyTarget: Sendable {
  public var table: TableDescriptor
  /// Ordinals, among the table's columns, of the fields in each row of the stream.
  public var fields: [Int]
  /// A value for each of the table's columns, in order: a column of the stream's row, or a default.
  public var values: [ScalarExpression]
  public var checks: [RowCheck]
  public var predicates: IndexPredicates
  public var references = ReferencePlan()
  /// What the statement fires once.
  public var statement: StatementTriggerPlan?
  public var partitions: PartitionPlan?
  /// Rows that are to be copied, over the table's columns in order.
  public var filter: ScalarExpression?

  public init(
    table: TableDescriptor, fields: [Int], values: [ScalarExpression], checks: [RowCheck],
    predicates: IndexPredicates
  ) {
    self.table = table
    self.fields = fields
    self.values = values
    self.checks = checks
    self.predicates = predicates
  }
}

/// A `COPY … FROM` under way. Give it bytes as they come, then `finish`.
public final class CopyIn {
  private let target: CopyTarget
  private let context: ExecutionContext
  private let decoder: CopyDecoder
  private let writer: TableWriter
  private let partitioned: PartitionedWriter?
  private let draws: SequenceDraws
  private let triggers: StatementTriggers?

  public init(_ target: CopyTarget, _ options: CopyOptions, _ context: ExecutionContext) throws(SQLError) {
    self.target = target
    self.context = context
    triggers = StatementTriggers(target.statement, context)
    decoder = try CopyDecoder(
      relation: target.table.name,
      columns: target.fields.map { (name: target.table.columns[$0].name, type: target.table.columns[$0].type) },
      options: options, settings: context.format)
    writer = try TableWriter(
      target.table, checks: target.checks, predicates: target.predicates, references: target.references, context)
    partitioned = try target.partitions.map { (plan) throws(SQLError) in try PartitionedWriter(plan, context) }
    draws = SequenceDraws(in: target.values)
  }

  /// Takes bytes in and writes the rows that are whole.
  public func receive(_ bytes: UnsafeRawBufferPointer) async throws(SQLError) {
    decoder.append(bytes)
    try await drain()
  }

  public func receive(_ bytes: [UInt8]) async throws(SQLError) {
    bytes.withUnsafeBytes { decoder.append($0) }
    try await drain()
  }

  /// Writes what is left. Returns the number of rows copied.
  public func finish() async throws(SQLError) -> Int {
    decoder.finish()
    try await drain()
    let count = context.affectedRows
    try await triggers?.begin()
    try triggers?.end()
    try await context.references.finish(context)
    return count
  }

  private func drain() async throws(SQLError) {
    try await triggers?.begin()
    while let batch = try decoder.next() {
      try await context.breathe()
      try await draws.reserve(rows: batch.rowCount, context)
      var columns: [ColumnVector] = []
      columns.reserveCapacity(target.values.count)
      for value in target.values { columns.append(try Evaluator.evaluate(value, batch, context.evaluation)) }
      var rows = Batch(columns: columns, rowCount: batch.rowCount)
      var lines: [Int32]?
      if let filter = target.filter {
        let passing = try Evaluator.filter(filter, rows, context.evaluation)
        if passing.isEmpty { continue }
        rows = rows.gather(passing)
        lines = passing
      }
      do throws(SQLError) {
        if let partitioned {
          _ = try await partitioned.insert(rows, returning: false)
        } else {
          if writer.rowTriggers?.hasBefore(.insert) == true {
            for row in 0..<rows.rowCount {
              let one = try await writer.beforeInsert(writer.withRowIDs(rows.slice(row..<row + 1)))
              if one.rowCount > 0 { try await writer.insert(one) }
            }
          } else {
            try await writer.insert(writer.withRowIDs(rows))
          }
        }
      } catch {
        guard error.context == nil, let row = partitioned?.failedRow ?? writer.failedRow else { throw error }
        var error = error
        error.context = "COPY \(target.table.name), line \(decoder.lines[lines.map { Int($0[row]) } ?? row])"
        throw error
      }
    }
  }
}
