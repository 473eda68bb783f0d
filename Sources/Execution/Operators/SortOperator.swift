// HOT: `ORDER BY`. Sort keys are encoded so that memcmp is the order wanted, with NULLs and directions in the bytes; rows
// are sorted as positions, by the first eight bytes of the key, then the rest; rows that are equal come in the order that
// Quicksort leaves them in, of the first few in that of arrival. Beyond the memory limit
// sorted runs go to temporary files and are merged. With a limit known only the first rows are kept (top-k).

import Encoding
import Expressions
import Planning
import SQLTypes

final class SortOperator: Operator {
  private let input: Operator
  private let keys: [SortKey]
  private let infos: [TypeInfo]
  private let limit: ScalarExpression?

  private var isOpen = false
  private var rows: RowBuffer
  private var sorter = KeySorter()
  private var order: [RowReference] = []
  private var position = 0
  private var merge: SortedRunMerge?
  private var left = Int.max

  init(_ input: Operator, _ keys: [SortKey], limit: ScalarExpression?) {
    self.input = input
    self.keys = keys
    self.limit = limit
    infos = keys.map(\.expression.type.behavior)
    rows = RowBuffer(kinds: input.kinds, memory: input.context.memory)
    super.init(input.context, kinds: input.kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    if !isOpen {
      isOpen = true
      try await open()
    }
    try await context.breathe()
    guard left > 0 else { return nil }
    if let merge {
      guard let batch = try merge.next(maximumRowCount: min(left, Batch.maximumRowCount)) else { return nil }
      if left != Int.max { left -= batch.rowCount }
      return batch
    }
    guard position < order.count else { return nil }
    let end = min(order.count, position + min(left, Batch.maximumRowCount))
    let columns = rows.gather(order[position..<end])
    let count = end - position
    position = end
    if left != Int.max { left -= count }
    return Batch(columns: columns, rowCount: count)
  }

  private func open() async throws(SQLError) {
    left =
      try LimitOperator.value(limit, .invalidRowCountInLimitClause, "LIMIT", context) ?? Int.max
    // Keep some times more than wanted before sorting out what cannot be among the first.
    let bound = left <= 1 << 20 ? max(4 * left, 4096) : Int.max
    var runs: [SortedRun] = []
    while let batch = try await input.next() {
      try append(batch)
      if rows.rowCount > bound {
        keepFirst(left)
      } else if context.isOverWorkMemory && rows.rowCount >= Batch.maximumRowCount {
        runs.append(try writeRun())
        try await context.breathe()
      }
    }
    if runs.isEmpty {
      order = sorter.sorted(limit: left)
    } else {
      if !rows.isEmpty { runs.append(try writeRun()) }
      merge = try SortedRunMerge(runs, kinds: kinds)
    }
  }

  private func append(_ batch: Batch) throws(SQLError) {
    var columns: [ColumnVector] = []
    columns.reserveCapacity(keys.count)
    for key in keys { columns.append(try Evaluator.evaluate(key.expression, batch, context.evaluation)) }
    let first = rows.append(batch)
    let before = sorter.byteCount
    for row in 0..<batch.rowCount {
      for index in keys.indices {
        infos[index].encodeKey(
          columns, index, row, descending: keys[index].isDescending,
          nulls: keys[index].nullsFirst ? .first : .last, into: &sorter.bytes)
      }
      sorter.endKey(first + Int64(row))
    }
    context.memory.grow(sorter.byteCount - before)
  }

  /// Drops all rows but the first `count` in order.
  private func keepFirst(_ count: Int) {
    let kept = sorter.sortedIndexes(limit: count)
    let smaller = RowBuffer(kinds: kinds, memory: context.memory)
    var next = KeySorter()
    var start = 0
    while start < kept.count {
      let end = min(kept.count, start + Batch.maximumRowCount)
      let part = kept[start..<end]
      let first = smaller.append(
        Batch(columns: rows.gather(part.map { sorter.references[$0] }), rowCount: part.count))
      for (offset, index) in part.enumerated() {
        next.bytes.append(contentsOf: sorter.key(index))
        next.endKey(first + Int64(offset))
      }
      start = end
    }
    context.memory.shrink(sorter.byteCount)
    context.memory.grow(next.byteCount)
    sorter = next
    rows = smaller
  }

  private func writeRun() throws(SQLError) -> SortedRun {
    let run = try SortedRun(context.spill.makeFile())
    for index in sorter.sortedIndexes(limit: Int.max) {
      try run.append(key: sorter.key(index), rows, sorter.references[index])
    }
    try run.finish()
    context.memory.shrink(sorter.byteCount)
    sorter = KeySorter()
    rows.removeAll()
    return run
  }

  override func rewind(_ reason: Rewind) {
    isOpen = false
    context.memory.shrink(sorter.byteCount)
    sorter = KeySorter()
    rows.removeAll()
    order = []
    position = 0
    merge = nil
    input.rewind(reason)
  }
}

/// Encoded keys and the rows they belong to.
struct KeySorter {
  var bytes: [UInt8] = []
  private var ends: [Int] = []
  private(set) var references: [RowReference] = []

  var byteCount: Int { bytes.count + 32 * ends.count }

  /// Ends the key whose bytes were appended.
  @inline(__always)
  mutating func endKey(_ reference: RowReference) {
    ends.append(bytes.count)
    references.append(reference)
  }

  func key(_ index: Int) -> ArraySlice<UInt8> { bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]] }

  func sorted(limit: Int) -> [RowReference] { sortedIndexes(limit: limit).map { references[$0] } }

  /// Positions of the keys in ascending order, at most `limit`.
  func sortedIndexes(limit: Int) -> [Int] {
    struct Entry {
      var prefix: UInt64
      var index: Int
    }
    let order = bytes.withUnsafeBytes { bytes -> [Entry] in
      var entries: [Entry] = []
      entries.reserveCapacity(ends.count)
      var start = 0
      for (index, end) in ends.enumerated() {
        var prefix: UInt64 = 0
        if end - start >= 8 {
          prefix = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
        } else {
          for offset in start..<end { prefix = prefix << 8 | UInt64(bytes[offset]) }
          prefix = end == start ? 0 : prefix << UInt64(8 * (8 - (end - start)))
        }
        entries.append(Entry(prefix: prefix, index: index))
        start = end
      }
      if limit < entries.count {
        entries.sort { a, b in
          if a.prefix != b.prefix { return a.prefix < b.prefix }
          let order = compareBytes(key(a.index, bytes), key(b.index, bytes))
          return order != 0 ? order < 0 : a.index < b.index
        }
      } else {
        entries.quicksort { a, b in
          if a.prefix != b.prefix { return a.prefix < b.prefix ? -1 : 1 }
          return compareBytes(key(a.index, bytes), key(b.index, bytes))
        }
      }
      return entries
    }
    return order.prefix(limit).map(\.index)
  }

  @inline(__always)
  private func key(_ index: Int, _ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]])
  }
}
