// Operators that look at one row at a time: filter, project, limit.

import Expressions
import Planning
import SQLTypes

final class FilterOperator: Operator {
  private let input: Operator
  private let condition: ScalarExpression

  init(_ input: Operator, _ condition: ScalarExpression) {
    self.input = input
    self.condition = condition
    super.init(input.context, kinds: input.kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    while let batch = try await input.next() {
      let rows = try Evaluator.filter(condition, batch, context.evaluation)
      if rows.count == batch.rowCount { return batch }
      if !rows.isEmpty { return batch.gather(rows) }
      try await context.breathe()
    }
    return nil
  }

  override func rewind(_ reason: Rewind) { input.rewind(reason) }
}

final class ProjectOperator: Operator {
  private let input: Operator
  private let expressions: [ScalarExpression]
  private let draws: SequenceDraws

  init(_ input: Operator, _ expressions: [ScalarExpression], output: [SQLType], draws: SequenceDraws) {
    self.input = input
    self.expressions = expressions
    self.draws = draws
    super.init(input.context, kinds: output.map(\.storage))
  }

  override func next() async throws(SQLError) -> Batch? {
    guard let batch = try await input.next() else { return nil }
    try await draws.reserve(rows: batch.rowCount, context)
    var columns: [ColumnVector] = []
    columns.reserveCapacity(expressions.count)
    for expression in expressions {
      columns.append(try Evaluator.evaluate(expression, batch, context.evaluation))
    }
    return Batch(columns: columns, rowCount: batch.rowCount)
  }

  override func rewind(_ reason: Rewind) { input.rewind(reason) }
}

final class LimitOperator: Operator {
  private let input: Operator
  private let count: ScalarExpression?
  private let offset: ScalarExpression?
  private var toSkip = 0
  private var toGive = Int.max
  private var isOpen = false

  init(_ input: Operator, count: ScalarExpression?, offset: ScalarExpression?) {
    self.input = input
    self.count = count
    self.offset = offset
    super.init(input.context, kinds: input.kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    if !isOpen {
      toSkip = try LimitOperator.value(offset, .invalidRowCountInResultOffsetClause, "OFFSET", context) ?? 0
      toGive = try LimitOperator.value(count, .invalidRowCountInLimitClause, "LIMIT", context) ?? Int.max
      isOpen = true
    }
    while toGive > 0, let batch = try await input.next() {
      if toSkip >= batch.rowCount {
        toSkip -= batch.rowCount
        continue
      }
      let end = min(batch.rowCount, toGive > Int.max - toSkip ? Int.max : toSkip + toGive)
      let result = batch.slice(toSkip..<end)
      toSkip = 0
      if toGive != Int.max { toGive -= result.rowCount }
      return result
    }
    return nil
  }

  /// The number of rows that LIMIT or OFFSET says; nil for NULL.
  static func value(
    _ expression: ScalarExpression?, _ state: SQLState, _ clause: String, _ context: ExecutionContext
  ) throws(SQLError) -> Int? {
    guard let expression, case .int64(let value) = try Evaluator.value(expression, context.evaluation) else {
      return nil
    }
    if value < 0 { throw SQLError(state, "\(clause) must not be negative") }
    return Int(value)
  }

  override func rewind(_ reason: Rewind) {
    isOpen = false
    input.rewind(reason)
  }
}
