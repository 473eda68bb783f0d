// Reads its input to the end before it gives the first row, so that a statement does not meet its own writes. Beyond the
// memory limit the rows wait in a temporary file.

import SQLTypes

final class BufferOperator: Operator {
  private let input: Operator
  private var rows: RowBuffer
  private var position = 0
  private var isOpen = false
  private var spilled: SpilledRows?

  init(_ input: Operator) {
    self.input = input
    rows = RowBuffer(kinds: input.kinds, memory: input.context.memory)
    super.init(input.context, kinds: input.kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    try await open()
    if position < rows.batches.count {
      defer { position += 1 }
      return rows.batches[position]
    }
    guard let spilled else { return nil }
    var columns = kinds.map { ColumnVector($0) }
    var key: [UInt8] = []
    var count = 0
    while count < Batch.maximumRowCount, try spilled.next(key: &key, into: &columns) { count += 1 }
    return count == 0 ? nil : Batch(columns: columns, rowCount: count)
  }

  /// Reads all of the input, unless that is done.
  func open() async throws(SQLError) {
    if !isOpen {
      isOpen = true
      while let batch = try await input.next() {
        try await context.breathe()
        if spilled == nil && context.isOverWorkMemory {
          spilled = SpilledRows(try context.spill.makeFile(), kinds: kinds)
        }
        if let spilled {
          for row in 0..<batch.rowCount { try spilled.append(key: [], batch.columns, row) }
        } else {
          rows.append(batch)
        }
      }
      try spilled?.finish()
    }
  }

  override func rewind(_ reason: Rewind) {
    isOpen = false
    position = 0
    rows.removeAll()
    spilled = nil
    input.rewind(reason)
  }
}

/// The sources of a statement that changes several tables as one: all are read before the first row is written.
final class SourceFamily {
  private var sources: [BufferOperator] = []

  func add(_ source: Operator) -> BufferOperator {
    let buffer = BufferOperator(source)
    sources.append(buffer)
    return buffer
  }

  func open() async throws(SQLError) { for source in sources { try await source.open() } }
}
