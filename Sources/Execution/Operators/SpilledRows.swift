// Rows in temporary files.
//
//   row    | varint key bytes | key | varint field bytes | fields |
//
// Fields are `RowEncoder`'s, the column's position plus one as its id. Rows are written in blocks and read back through a
// window, so that a file costs its reader one window of memory.

import Encoding
import SQLTypes

/// Writes rows to a file and reads them once, in order.
final class SpilledRows {
  /// Large enough that a read is one transfer, small enough that some dozens of runs fit.
  private static let windowBytes = 256 << 10

  private let file: any SpillFile
  private let infos: [TypeInfo]
  private var buffer: [UInt8] = []
  private var encoder = RowEncoder()
  private(set) var rowCount = 0
  private var fileOffset = 0
  private var cursor = 0

  init(_ file: any SpillFile, kinds: [PhysicalKind]) {
    self.file = file
    infos = kinds.map(\.carrier)
  }

  func append(key: some Collection<UInt8>, _ columns: [ColumnVector], _ row: Int) throws(SQLError) {
    ValueEncoding.appendVarint(UInt64(key.count), to: &buffer)
    buffer.append(contentsOf: key)
    encoder.removeAll()
    for index in infos.indices {
      infos[index].encodeField(columns, index, row, column: UInt32(index + 1), into: &encoder)
    }
    ValueEncoding.appendLengthPrefixed(encoder.buffer, to: &buffer)
    rowCount += 1
    if buffer.count >= SpilledRows.windowBytes { try flush() }
  }

  /// Ends writing; rows can be read now.
  func finish() throws(SQLError) {
    try flush()
    buffer = []
  }

  private func flush() throws(SQLError) {
    if buffer.isEmpty { return }
    try file.append(buffer)
    buffer.removeAll(keepingCapacity: true)
  }

  /// Reads the next row: appends its columns, puts its key into `key`. False at the end.
  func next(key: inout [UInt8], into columns: inout [ColumnVector]) throws(SQLError) -> Bool {
    guard rowCount > 0 else { return false }
    rowCount -= 1
    while true {
      let used = try read(&key, &columns)
      if used > 0 {
        cursor += used
        return true
      }
      // The window ends within the row: continue it.
      let more = try file.read(at: fileOffset, count: SpilledRows.windowBytes)
      if more.isEmpty { throw SpilledRows.damaged }
      fileOffset += more.count
      buffer.removeSubrange(0..<cursor)
      cursor = 0
      buffer.append(contentsOf: more)
    }
  }

  /// Reads a row at the cursor; 0 if it is not whole.
  private func read(_ key: inout [UInt8], _ columns: inout [ColumnVector]) throws(SQLError) -> Int {
    let start = cursor
    let window = buffer
    return try window.span.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws(SQLError) -> Int in
      var reader = ByteReader(bytes, offset: start)
      guard let keyBytes = reader.readLengthPrefixed(), let fields = reader.readLengthPrefixed() else { return 0 }
      key.removeAll(keepingCapacity: true)
      key.append(contentsOf: keyBytes)
      var decoder = RowDecoder(fields)
      var column = 0
      while let (id, field) = decoder.next() {
        guard id >= 1, Int(id) <= infos.count else { throw SpilledRows.damaged }
        while column < Int(id) - 1 {
          columns[column].appendNull()
          column += 1
        }
        try infos[column].decodeField(field, into: &columns[column])
        column += 1
      }
      if decoder.isDamaged { throw SpilledRows.damaged }
      while column < infos.count {
        columns[column].appendNull()
        column += 1
      }
      return reader.offset - start
    }
  }

  private static let damaged = SQLError(.ioError, "temporary file is damaged")
}

extension PhysicalKind {
  /// A type with this storage, whose field encoding carries any value of the kind.
  var carrier: TypeInfo {
    switch self {
    case .int64: SQLType.int8.behavior
    case .float64: SQLType.float8.behavior
    case .numeric: SQLType.numeric.behavior
    case .bytes: SQLType.bytea.behavior
    }
  }
}

/// A sorted part of a sort's input.
final class SortedRun {
  private let file: any SpillFile
  private var rows: SpilledRows?
  var key: [UInt8] = []
  /// The row at the head, as one-row columns.
  var head: [ColumnVector] = []

  init(_ file: any SpillFile) { self.file = file }

  func append(key: ArraySlice<UInt8>, _ buffer: RowBuffer, _ reference: RowReference) throws(SQLError) {
    let rows = self.rows ?? SpilledRows(file, kinds: buffer.kinds)
    self.rows = rows
    try rows.append(key: key, buffer.batches[RowBuffer.batch(reference)].columns, RowBuffer.row(reference))
  }

  func finish() throws(SQLError) { try rows?.finish() }

  /// Moves to the next row; false at the end.
  func advance(_ kinds: [PhysicalKind]) throws(SQLError) -> Bool {
    if head.isEmpty { head = kinds.map { ColumnVector($0) } }
    for index in head.indices { head[index].removeAll() }
    return try rows?.next(key: &key, into: &head) ?? false
  }
}

/// Merges sorted runs; equal keys come in the order of their runs, so that the sort is stable.
final class SortedRunMerge {
  private let kinds: [PhysicalKind]
  /// A binary heap by (key, number of the run).
  private var heap: [(number: Int, run: SortedRun)] = []

  init(_ runs: [SortedRun], kinds: [PhysicalKind]) throws(SQLError) {
    self.kinds = kinds
    for (number, run) in runs.enumerated() where try run.advance(kinds) { heap.append((number, run)) }
    for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(index) }
  }

  func next(maximumRowCount: Int) throws(SQLError) -> Batch? {
    if heap.isEmpty { return nil }
    var columns = kinds.map { ColumnVector($0, capacity: maximumRowCount) }
    var count = 0
    while count < maximumRowCount, let top = heap.first?.run {
      for index in columns.indices { columns[index].append(top.head[index], row: 0) }
      count += 1
      if try !top.advance(kinds) {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
      }
      sink(0)
    }
    return Batch(columns: columns, rowCount: count)
  }

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    let order = heap[a].run.key.withUnsafeBytes { x in heap[b].run.key.withUnsafeBytes { y in compareBytes(x, y) } }
    return order != 0 ? order < 0 : heap[a].number < heap[b].number
  }

  private func sink(_ start: Int) {
    var index = start
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < heap.count && precedes(child, least) { least = child }
      if least == index { return }
      heap.swapAt(index, least)
      index = least
    }
  }
}
