// `DISTINCT`, `DISTINCT ON`, and the set operations: rows are equal when their key encodings are, NULL equal to NULL.

import Expressions
import Planning
import SQLTypes

/// Gives the first row of each distinct value of all columns.
final class DistinctOperator: Operator {
  private let input: Operator
  private let infos: [TypeInfo]
  private var seen = KeyTable()
  private var keys = RowKeys()

  init(_ input: Operator, output: [SQLType]) {
    self.input = input
    infos = output.map(\.behavior)
    super.init(input.context, kinds: input.kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    while let batch = try await input.next() {
      try await context.breathe()
      keys.encode(batch.columns, infos, rowCount: batch.rowCount)
      let before = seen.byteCount
      var fresh: [Int32] = []
      for row in 0..<batch.rowCount where keys.withKey(row, { seen.insert($0).isNew }) { fresh.append(Int32(row)) }
      context.memory.grow(seen.byteCount - before)
      try context.checkHardMemory()
      if fresh.count == batch.rowCount { return batch }
      if !fresh.isEmpty { return batch.gather(fresh) }
    }
    return nil
  }

  override func rewind(_ reason: Rewind) {
    context.memory.shrink(seen.byteCount)
    seen.removeAll()
    input.rewind(reason)
  }
}

/// Gives the first row for each value of some expressions; equal values come one after the other.
final class DistinctOnOperator: Operator {
  private let input: Operator
  private let expressions: [ScalarExpression]
  private let infos: [TypeInfo]
  private var last: [UInt8]?
  private var keys = RowKeys()

  init(_ input: Operator, _ expressions: [ScalarExpression]) {
    self.input = input
    self.expressions = expressions
    infos = expressions.map(\.type.behavior)
    super.init(input.context, kinds: input.kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    while let batch = try await input.next() {
      try await context.breathe()
      var columns: [ColumnVector] = []
      for expression in expressions {
        columns.append(try Evaluator.evaluate(expression, batch, context.evaluation))
      }
      keys.encode(columns, infos, rowCount: batch.rowCount)
      var fresh: [Int32] = []
      for row in 0..<batch.rowCount {
        keys.withKey(row) { key in
          if let last, key.elementsEqual(last) { return }
          last = Array(key)
          fresh.append(Int32(row))
        }
      }
      if !fresh.isEmpty { return batch.gather(fresh) }
    }
    return nil
  }

  override func rewind(_ reason: Rewind) {
    last = nil
    input.rewind(reason)
  }
}

/// `UNION ALL`: one input after the other.
final class AppendOperator: Operator {
  private let inputs: [Operator]
  private var current = 0

  init(_ context: ExecutionContext, _ inputs: [Operator]) {
    self.inputs = inputs
    super.init(context, kinds: inputs[0].kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    while current < inputs.count {
      if let batch = try await inputs[current].next() { return batch }
      current += 1
    }
    return nil
  }

  override func rewind(_ reason: Rewind) {
    current = 0
    for input in inputs { input.rewind(reason) }
  }
}

/// `INTERSECT [ALL]` and `EXCEPT [ALL]`: the right side is counted, the left side passes by it.
final class CountedSetOperator: Operator {
  private let left: Operator
  private let right: Operator
  private let isIntersection: Bool
  private let isAll: Bool
  private let infos: [TypeInfo]
  private var table = KeyTable()
  /// Rows of the right side by key number; without ALL, -1 once the row was given.
  private var counts: [Int] = []
  private var keys = RowKeys()
  private var isOpen = false

  init(_ left: Operator, _ right: Operator, _ operation: SetOperator, output: [SQLType]) {
    self.left = left
    self.right = right
    isIntersection = operation == .intersect || operation == .intersectAll
    isAll = operation == .intersectAll || operation == .exceptAll
    infos = output.map(\.behavior)
    super.init(left.context, kinds: left.kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    if !isOpen {
      isOpen = true
      while let batch = try await right.next() {
        try await context.breathe()
        keys.encode(batch.columns, infos, rowCount: batch.rowCount)
        let before = table.byteCount
        for row in 0..<batch.rowCount {
          let (number, isNew) = keys.withKey(row) { table.insert($0) }
          if isNew { counts.append(1) } else { counts[number] += 1 }
        }
        context.memory.grow(table.byteCount - before)
        try context.checkHardMemory()
      }
    }
    while let batch = try await left.next() {
      try await context.breathe()
      keys.encode(batch.columns, infos, rowCount: batch.rowCount)
      var given: [Int32] = []
      for row in 0..<batch.rowCount where keys.withKey(row, { gives($0) }) { given.append(Int32(row)) }
      try context.checkHardMemory()
      if given.count == batch.rowCount { return batch }
      if !given.isEmpty { return batch.gather(given) }
    }
    return nil
  }

  private func gives(_ key: UnsafeRawBufferPointer) -> Bool {
    if isIntersection {
      guard let number = table.find(key), counts[number] > 0 else { return false }
      if isAll { counts[number] -= 1 } else { counts[number] = -1 }
      return true
    }
    if isAll {
      guard let number = table.find(key), counts[number] > 0 else { return true }
      counts[number] -= 1
      return false
    }
    let (_, isNew) = table.insert(key)
    if isNew { counts.append(-1) }
    return isNew
  }

  override func rewind(_ reason: Rewind) {
    isOpen = false
    context.memory.shrink(table.byteCount)
    table.removeAll()
    counts = []
    left.rewind(reason)
    right.rewind(reason)
  }
}
