// A running operation: it gives its rows a batch at a time to whoever pulls. Operators are made from a plan by
// `OperatorBuilder` and hold all that changes while a query runs; a prepared statement keeps them from one execution to
// the next. Contract: batches are never empty and have at most `Batch.maximumRowCount` rows; after nil comes nil again.

import SQLTypes

/// Why an operator starts over.
enum Rewind {
  /// An enclosing apply has filled its outer slots anew: what does not depend on them may be kept.
  case rescan
  /// Another execution begins, with another transaction and other parameters.
  case restart
}

class Operator {
  let context: ExecutionContext
  /// How the output's columns are stored.
  let kinds: [PhysicalKind]

  init(_ context: ExecutionContext, kinds: [PhysicalKind]) {
    self.context = context
    self.kinds = kinds
  }

  /// The next rows, or nil after the last ones.
  func next() async throws(SQLError) -> Batch? { nil }

  /// Whether the next call of `next` would find nothing, if that is known already.
  var isExhausted: Bool { false }

  /// Makes the next call of `next` begin at the first row again.
  func rewind(_ reason: Rewind) {}
}

extension SQLType {
  /// How values of the type are stored; types that no column can have are text.
  var storage: PhysicalKind { TypeInfo.find(oid)?.kind ?? .bytes }
}

extension Batch {
  /// Rows `range` of this batch.
  func slice(_ range: Range<Int>) -> Batch {
    if range == 0..<rowCount { return self }
    return gather(Array(Int32(range.lowerBound)..<Int32(range.upperBound)))
  }

  mutating func append(contentsOf other: Batch) {
    for index in columns.indices { columns[index].append(contentsOf: other.columns[index]) }
    rowCount += other.rowCount
  }

  /// What the rows occupy, about.
  var byteCount: Int {
    columns.reduce(64) { sum, column in
      switch column.kind {
      case .int64, .float64: sum + 8 * column.count
      // Three words inline; digits beyond 38 are rare.
      case .numeric: sum + 24 * column.count
      case .bytes: sum + column.bytes.bytes.count + 4 * column.count
      }
    }
  }
}
