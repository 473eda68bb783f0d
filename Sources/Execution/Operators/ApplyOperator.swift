// Runs its right side for each left row, with values of the row in the outer slots: lookup joins, LATERAL and sub-queries
// that could not be turned into joins. A right side that depends on nothing that changes is run once and kept.

import Expressions
import Planning
import SQLTypes

/// A right side that is run again and again, its rows kept if they are always the same.
final class RepeatedInput {
  let source: Operator
  private let isStable: Bool
  private var kept: RowBuffer
  private var isKept = false
  private var position = 0

  /// - Parameter isStable: whether the rows are the same for all left rows of this apply.
  init(_ source: Operator, isStable: Bool) {
    self.source = source
    self.isStable = isStable
    kept = RowBuffer(kinds: source.kinds, memory: source.context.memory)
  }

  /// Begins the rows for the next left row.
  func begin() async throws(SQLError) {
    if !isStable {
      source.rewind(.rescan)
      return
    }
    position = 0
    if isKept { return }
    while let batch = try await source.next() {
      kept.append(batch)
      try source.context.checkHardMemory()
    }
    isKept = true
  }

  func next() async throws(SQLError) -> Batch? {
    if !isStable { return try await source.next() }
    guard position < kept.batches.count else { return nil }
    defer { position += 1 }
    return kept.batches[position]
  }

  func rewind(_ reason: Rewind, keeps: Bool) {
    position = 0
    if reason == .rescan && keeps && isKept { return }
    isKept = false
    kept.removeAll()
    source.rewind(reason)
  }
}

final class ApplyOperator: Operator {
  private let kind: JoinKind
  private let left: Operator
  private let right: RepeatedInput
  private let bindings: [OuterBinding]
  private let condition: ScalarExpression?
  /// Whether the right side is the same for all runs within an execution.
  private let isRightStable: Bool

  private var batch: Batch?
  private var bound: [ColumnVector] = []
  private var row = 0
  private var isRowOpen = false
  private var rowMatched = false
  /// Joined rows that no longer fitted the last batch.
  private var pending: Batch?

  init(
    _ kind: JoinKind, _ left: Operator, _ right: Operator, _ bindings: [OuterBinding], condition: ScalarExpression?,
    output: [SQLType], isRightStable: Bool
  ) {
    precondition(kind != .right && kind != .full, "an apply begins with the left side")
    self.kind = kind
    self.left = left
    self.right = RepeatedInput(right, isStable: isRightStable)
    self.bindings = bindings
    self.condition = condition
    self.isRightStable = isRightStable
    super.init(left.context, kinds: output.map(\.storage))
  }

  override func next() async throws(SQLError) -> Batch? {
    if let pending {
      self.pending = nil
      return pending
    }
    var result = Batch(kinds: kinds)
    while result.rowCount < Batch.maximumRowCount {
      guard let current = batch else {
        guard let next = try await left.next() else { break }
        batch = next
        bound = try bind(next)
        row = 0
        isRowOpen = false
        continue
      }
      guard row < current.rowCount else {
        batch = nil
        continue
      }
      if !isRowOpen {
        try await context.breathe()
        for (index, binding) in bindings.enumerated() {
          context.evaluation.outer[binding.slot] = bound[index].datum(row)
        }
        try await right.begin()
        isRowOpen = true
        rowMatched = false
      }
      if let part = try await right.next() {
        let joined = try join(current, part)
        if joined.rowCount == 0 { continue }
        rowMatched = true
        if kind == .inner || kind == .left {
          if result.rowCount == 0 && joined.rowCount > Batch.maximumRowCount / 2 { return joined }
          if result.rowCount + joined.rowCount > Batch.maximumRowCount {
            // The part is large: give what there is and it afterwards.
            pending = joined
            return result
          }
          result.append(contentsOf: joined)
          continue
        }
      }
      // The right side is exhausted, or one match was enough.
      if kind == .semi && rowMatched || kind == .anti && !rowMatched { append(current, to: &result) }
      if kind == .left && !rowMatched { append(current, to: &result) }
      isRowOpen = false
      row += 1
    }
    return result.rowCount == 0 ? nil : result
  }

  private func bind(_ batch: Batch) throws(SQLError) -> [ColumnVector] {
    var columns: [ColumnVector] = []
    for binding in bindings { columns.append(try Evaluator.evaluate(binding.value, batch, context.evaluation)) }
    return columns
  }

  /// The pairs of the current left row with `part` that satisfy the condition.
  private func join(_ batch: Batch, _ part: Batch) throws(SQLError) -> Batch {
    let repeated = [Int32](repeating: Int32(row), count: part.rowCount)
    let pairs = Batch(columns: batch.columns.map { $0.gather(repeated) } + part.columns, rowCount: part.rowCount)
    guard let condition else { return pairs }
    let passing = try Evaluator.filter(condition, pairs, context.evaluation)
    return passing.count == pairs.rowCount ? pairs : pairs.gather(passing)
  }

  /// The left row, with NULLs for the right side if the output has it.
  private func append(_ batch: Batch, to result: inout Batch) {
    for index in result.columns.indices {
      if index < batch.columns.count {
        result.columns[index].append(batch.columns[index], row: row)
      } else {
        result.columns[index].appendNull()
      }
    }
    result.rowCount += 1
  }

  override func rewind(_ reason: Rewind) {
    batch = nil
    pending = nil
    isRowOpen = false
    left.rewind(reason)
    right.rewind(reason, keeps: isRightStable)
  }
}

/// Adds the one value of a sub-query to each left row: NULL if it gives no row, error 21000 if more than one.
final class ScalarSubqueryOperator: Operator {
  private let left: Operator
  private let right: Operator
  private let bindings: [OuterBinding]
  private let isRightStable: Bool
  private var known: Datum?

  init(
    _ left: Operator, _ right: Operator, _ bindings: [OuterBinding], output: [SQLType], isRightStable: Bool
  ) {
    self.left = left
    self.right = right
    self.bindings = bindings
    self.isRightStable = isRightStable
    super.init(left.context, kinds: output.map(\.storage))
  }

  override func next() async throws(SQLError) -> Batch? {
    guard var batch = try await left.next() else { return nil }
    guard let kind = kinds.last else { preconditionFailure("a scalar sub-query adds a column") }
    if isRightStable {
      let value: Datum
      if let known { value = known } else { value = try await run() }
      known = value
      batch.columns.append(ColumnVector(kind, repeating: value, count: batch.rowCount))
      return batch
    }
    var columns: [ColumnVector] = []
    for binding in bindings { columns.append(try Evaluator.evaluate(binding.value, batch, context.evaluation)) }
    var values = ColumnVector(kind, capacity: batch.rowCount)
    for row in 0..<batch.rowCount {
      try await context.breathe()
      for (index, binding) in bindings.enumerated() {
        context.evaluation.outer[binding.slot] = columns[index].datum(row)
      }
      right.rewind(.rescan)
      values.append(try await run())
    }
    batch.columns.append(values)
    return batch
  }

  private func run() async throws(SQLError) -> Datum {
    guard let batch = try await right.next() else { return .null }
    var more = batch.rowCount > 1
    if !more { more = try await right.next() != nil }
    if more {
      throw SQLError(.cardinalityViolation, "more than one row returned by a subquery used as an expression")
    }
    return batch.columns[0].datum(0)
  }

  override func rewind(_ reason: Rewind) {
    left.rewind(reason)
    if reason == .restart || !isRightStable {
      known = nil
      right.rewind(reason)
    }
  }
}
