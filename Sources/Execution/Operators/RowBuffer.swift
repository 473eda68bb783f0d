// HOT: rows kept in memory, as the batches they came in, and named by position. Small batches are joined, large ones
// adopted without a copy. Holds its bytes in the execution's memory account until it is emptied or goes.

import SQLTypes

/// A row of a `RowBuffer`: number of its batch, then its row there.
typealias RowReference = Int64

final class RowBuffer {
  let kinds: [PhysicalKind]
  private(set) var batches: [Batch] = []
  private(set) var rowCount = 0
  private(set) var byteCount = 0
  private let memory: MemoryAccount
  /// Rows of a batch fit 10 bits: `Batch.maximumRowCount` is 1,024.
  private static let rowBits: Int64 = 10

  init(kinds: [PhysicalKind], memory: MemoryAccount) {
    self.kinds = kinds
    self.memory = memory
  }

  deinit { memory.shrink(byteCount) }

  var isEmpty: Bool { rowCount == 0 }

  func removeAll() {
    batches.removeAll()
    memory.shrink(byteCount)
    rowCount = 0
    byteCount = 0
  }

  /// Appends a batch and returns the reference of its first row; those of the others follow by one.
  @discardableResult
  func append(_ batch: Batch) -> RowReference {
    precondition(batch.rowCount <= Batch.maximumRowCount, "batches are bounded")
    let size = batch.byteCount
    byteCount += size
    memory.grow(size)
    rowCount += batch.rowCount
    // Not to hold the last batch here: it would be copied.
    let lastCount = batches.last?.rowCount ?? Batch.maximumRowCount
    if lastCount + batch.rowCount <= Batch.maximumRowCount {
      let first = reference(batches.count - 1, lastCount)
      batches[batches.count - 1].append(contentsOf: batch)
      return first
    }
    batches.append(batch)
    return reference(batches.count - 1, 0)
  }

  @inline(__always)
  private func reference(_ batch: Int, _ row: Int) -> RowReference { Int64(batch) << RowBuffer.rowBits | Int64(row) }

  @inline(__always)
  static func batch(_ reference: RowReference) -> Int { Int(reference >> rowBits) }

  @inline(__always)
  static func row(_ reference: RowReference) -> Int { Int(reference & (1 << rowBits - 1)) }

  /// The rows named, in that order; a negative reference gives a row of NULLs.
  func gather(_ references: some Collection<RowReference>) -> [ColumnVector] {
    var columns = kinds.map { ColumnVector($0, capacity: references.count) }
    for index in columns.indices {
      // Taken out of its batch anew only where the batch changes: a copy is a reference for each of a vector's arrays.
      var number = -1
      var source = ColumnVector(kinds[index])
      for reference in references {
        if reference < 0 {
          columns[index].appendNull()
          continue
        }
        if RowBuffer.batch(reference) != number {
          number = RowBuffer.batch(reference)
          source = batches[number].columns[index]
        }
        columns[index].append(source, row: RowBuffer.row(reference))
      }
    }
    return columns
  }

  /// Every reference, in order of arrival.
  func allReferences() -> [RowReference] {
    var all: [RowReference] = []
    all.reserveCapacity(rowCount)
    for (index, batch) in batches.enumerated() {
      for row in 0..<batch.rowCount { all.append(reference(index, row)) }
    }
    return all
  }
}
