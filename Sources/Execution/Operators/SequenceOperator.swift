// Statements that run with another: those of WITH that change rows, and what rules do beside a statement. They run to their ends, one
// after the other, before the main statement gives its first row, or once it has given its last. What they return is kept by
// `MaterializeOperator`, where the main statement finds it.

import SQLTypes

final class SequenceOperator: Operator {
  private let first: [Operator]
  private let main: Operator
  private let last: [Operator]
  private var isOpen = false
  private var isDone = false

  init(_ others: [Operator], _ main: Operator, after: Int) {
    first = Array(others.dropLast(after))
    last = Array(others.suffix(after))
    self.main = main
    super.init(main.context, kinds: main.kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    if isDone { return nil }
    if !isOpen {
      isOpen = true
      if context.touched == nil { context.touched = [:] }
      try await run(first)
      // The command's tag counts the main statement's rows alone.
      context.affectedRows = 0
    }
    if let batch = try await main.next() { return batch }
    isDone = true
    let count = context.affectedRows
    try await run(last)
    context.affectedRows = count
    return nil
  }

  private func run(_ statements: [Operator]) async throws(SQLError) {
    for statement in statements {
      while try await statement.next() != nil { try await context.breathe() }
    }
  }

  override func rewind(_ reason: Rewind) {
    isOpen = false
    isDone = false
    for statement in first + last { statement.rewind(reason) }
    main.rewind(reason)
  }
}
