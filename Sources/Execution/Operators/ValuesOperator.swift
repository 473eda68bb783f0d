// `VALUES`, and the one empty row beneath `SELECT 1`.

import Expressions
import Planning
import SQLTypes

final class ValuesOperator: Operator {
  private let rows: [[ScalarExpression]]
  private let draws: SequenceDraws
  private var position = 0

  init(_ context: ExecutionContext, rows: [[ScalarExpression]], output: [SQLType], draws: SequenceDraws) {
    self.rows = rows
    self.draws = draws
    super.init(context, kinds: output.map(\.storage))
  }

  override func next() async throws(SQLError) -> Batch? {
    guard position < rows.count else { return nil }
    try await context.breathe()
    let end = min(rows.count, position + Batch.maximumRowCount)
    try await draws.reserve(rows: end - position, context)
    var batch = Batch(kinds: kinds)
    for index in position..<end {
      for (column, expression) in rows[index].enumerated() {
        switch expression {
        case .constant(let value, _): batch.columns[column].append(value)
        default: batch.columns[column].append(try Evaluator.value(expression, context.evaluation))
        }
      }
    }
    batch.rowCount = end - position
    position = end
    return batch
  }

  override func rewind(_ reason: Rewind) { position = 0 }
}
