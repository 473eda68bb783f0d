// Rows on their way through a query: columns of equal length. Batches begin at one row (a point query pays
// for one) and
// grow to `Batch.maximumRowCount`.

/// Columns of the same number of rows. `rowCount` stands by itself since a batch may have no columns (`SELECT
/// FROM t`).
public struct Batch: Sendable {
  /// Small enough for a batch of a few columns to stay in the second-level cache.
  public static let maximumRowCount = 1024

  public var columns: [ColumnVector]
  public var rowCount: Int

  public init(columns: [ColumnVector], rowCount: Int) {
    assert(columns.allSatisfy { $0.count == rowCount }, "columns of a batch have its length")
    self.columns = columns
    self.rowCount = rowCount
  }

  /// An empty batch to append to.
  public init(kinds: [PhysicalKind]) {
    columns = kinds.map { ColumnVector($0) }
    rowCount = 0
  }

  public func gather(_ rows: [Int32]) -> Batch {
    Batch(columns: columns.map { $0.gather(rows) }, rowCount: rows.count)
  }

  public func row(_ index: Int) -> [Datum] { columns.map { $0.datum(index) } }

  public mutating func append(row: [Datum]) {
    precondition(row.count == columns.count, "a row has a value for each column")
    for index in row.indices { columns[index].append(row[index]) }
    rowCount += 1
  }
}
