// Operators whose rows come from outside the stored tables, or from one another: relations computed from the catalog,
// table functions, rows kept for many readers, and locks on rows that passed.

import Catalog
import Encoding
import Expressions
import Planning
import SQLTypes
import Transactions

final class VirtualTableOperator: Operator {
  private let table: TableDescriptor
  private let columns: [UInt32]
  private var batches: [Batch]?
  private var batch = 0
  private var row = 0

  init(_ context: ExecutionContext, _ table: TableDescriptor, columns: [UInt32], output: [SQLType]) {
    self.table = table
    self.columns = columns
    super.init(context, kinds: output.map(\.storage))
  }

  override func next() async throws(SQLError) -> Batch? {
    if batches == nil {
      guard let provider = context.virtualTables else {
        throw SQLError(.featureNotSupported, "relation \"\(table.name)\" cannot be read here")
      }
      batches = try await provider.rows(of: table, columns: columns)
    }
    guard let batches else { return nil }
    while batch < batches.count {
      let current = batches[batch]
      if row < current.rowCount {
        let end = min(current.rowCount, row + Batch.maximumRowCount)
        defer { row = end }
        return current.slice(row..<end)
      }
      batch += 1
      row = 0
    }
    return nil
  }

  override func rewind(_ reason: Rewind) {
    if reason == .restart { batches = nil }
    batch = 0
    row = 0
  }
}

final class TableFunctionOperator: Operator {
  private let function: TableFunction
  private let arguments: [ScalarExpression]
  private let withOrdinality: Bool
  private var rows: (any TableFunctionRows)?
  /// What a function in PL/pgSQL gave.
  private var produced: Batch?
  private var position = 0
  private var isDone = false
  private var ordinal: Int64 = 0

  init(
    _ context: ExecutionContext, _ function: TableFunction, _ arguments: [ScalarExpression], withOrdinality: Bool,
    output: [SQLType]
  ) {
    self.function = function
    self.arguments = arguments
    self.withOrdinality = withOrdinality
    super.init(context, kinds: output.map(\.storage))
  }

  override func next() async throws(SQLError) -> Batch? {
    if isDone { return nil }
    try await context.breathe()
    if rows == nil, produced == nil {
      var values: [Datum] = []
      for argument in arguments { values.append(try Evaluator.value(argument, context.evaluation)) }
      if function.isStrict && values.contains(where: \.isNull) {
        isDone = true
        return nil
      }
      if let delay = function.delay { try await context.wait(seconds: delay(values)) }
      if function.isProcedure {
        guard let library = context.procedures else {
          throw SQLError(.internalError, "functions in language plpgsql cannot run here")
        }
        let run = try ProcedureRun(try library.program(of: function.oid), context, arguments: values)
        try await run.run()
        run.finishOutputs()
        produced = run.rows
      } else {
        rows = try function.generate(values, context.evaluation)
      }
    }
    if let batch = produced {
      guard position < batch.rowCount else {
        isDone = true
        return nil
      }
      let end = min(batch.rowCount, position + Batch.maximumRowCount)
      defer { position = end }
      return batch.slice(position..<end)
    }
    while var batch = try rows?.next(maximumRowCount: Batch.maximumRowCount) {
      if batch.rowCount == 0 { continue }
      if withOrdinality {
        let first = ordinal + 1
        ordinal += Int64(batch.rowCount)
        batch.columns.append(ColumnVector(int64s: Array(first...ordinal)))
      }
      return batch
    }
    isDone = true
    return nil
  }

  override func rewind(_ reason: Rewind) {
    rows = nil
    produced = nil
    position = 0
    isDone = false
    ordinal = 0
  }
}

/// The rows of a `WITH` query, computed by whichever reader comes first.
final class MaterializedRows {
  var buffer: RowBuffer
  var isComplete = false
  init(kinds: [PhysicalKind], memory: MemoryAccount) { buffer = RowBuffer(kinds: kinds, memory: memory) }
}

final class MaterializeOperator: Operator {
  private let input: Operator
  private let id: Int
  private let isStable: Bool
  private var position = 0

  init(_ input: Operator, id: Int, isStable: Bool) {
    self.input = input
    self.id = id
    self.isStable = isStable
    super.init(input.context, kinds: input.kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    let rows = context.materialized[id] ?? MaterializedRows(kinds: kinds, memory: context.memory)
    context.materialized[id] = rows
    if !rows.isComplete {
      while let batch = try await input.next() {
        rows.buffer.append(batch)
        try context.checkHardMemory()
      }
      rows.isComplete = true
    }
    guard position < rows.buffer.batches.count else { return nil }
    defer { position += 1 }
    return rows.buffer.batches[position]
  }

  override func rewind(_ reason: Rewind) {
    position = 0
    if reason == .rescan && isStable { return }
    context.materialized[id] = nil
    input.rewind(reason)
  }
}

/// Locks rows by their primary keys, which are columns of the input; rows that are gone, or skipped, do not pass.
final class LockRowsOperator: Operator {
  private let input: Operator
  private let table: TableCodec
  private let keyColumns: [Int]
  private let lock: LockRequest

  init(_ input: Operator, _ table: TableDescriptor, keyColumns: [Int], _ lock: RowLock) throws(SQLError) {
    self.input = input
    self.table = try input.context.codecs.codec(for: table)
    self.keyColumns = keyColumns
    self.lock = LockRequest(lock.isExclusive ? .exclusive : .shared, wait: lock.wait.policy)
    super.init(input.context, kinds: input.kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    while let batch = try await input.next() {
      try await context.breathe()
      var keys: [Key?] = []
      var wanted: [Key] = []
      for row in 0..<batch.rowCount {
        let key = self.key(batch, row)
        keys.append(key)
        if let key { wanted.append(key) }
      }
      SpanBuilder.sort(&wanted, isReverse: false)
      var block = KeyValueBlock()
      try await context.get(wanted, lock: lock, into: &block)
      var found = KeyTable()
      for row in 0..<block.count { _ = block.withKey(row) { found.insert($0) } }
      var passing: [Int32] = []
      for (row, key) in keys.enumerated() {
        // The row of an outer join's missing side has no key: nothing to lock.
        guard let key else {
          passing.append(Int32(row))
          continue
        }
        if found.find(key.bytes) != nil { passing.append(Int32(row)) }
      }
      if passing.count == batch.rowCount { return batch }
      if !passing.isEmpty { return batch.gather(passing) }
    }
    return nil
  }

  private func key(_ batch: Batch, _ row: Int) -> Key? {
    var bytes = table.primary.prefix
    for (index, column) in table.primary.columns.enumerated() {
      let ordinal = keyColumns[index]
      if batch.columns[ordinal].nulls[row] { return nil }
      column.info.encodeKey(
        batch.columns, ordinal, row, descending: column.isDescending, nulls: column.nulls, into: &bytes)
    }
    return Key(bytes)
  }

  override func rewind(_ reason: Rewind) { input.rewind(reason) }
}
