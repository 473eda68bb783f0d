// Statements of WITH that change rows: they run to their ends, one after the other, before the main statement gives its first
// row. What they return is kept by `MaterializeOperator`, where the main statement finds it.

import SQLTypes

final class SequenceOperator: Operator {
  private let first: [Operator]
  private let main: Operator
  private var isOpen = false

  init(_ first: [Operator], _ main: Operator) {
    self.first = first
    self.main = main
    super.init(main.context, kinds: main.kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    if !isOpen {
      isOpen = true
      context.touched = [:]
      for statement in first {
        while try await statement.next() != nil { try await context.breathe() }
      }
      // The command's tag counts the main statement's rows alone.
      context.affectedRows = 0
    }
    return try await main.next()
  }

  override func rewind(_ reason: Rewind) {
    isOpen = false
    for statement in first { statement.rewind(reason) }
    main.rewind(reason)
  }
}
