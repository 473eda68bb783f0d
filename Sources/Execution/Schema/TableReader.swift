// Whole rows of a table, in batches and in the order of its primary index, for rewrites, index builds and checks.

import Catalog
import Encoding
import SQLTypes
import Transactions

struct TableReader {
  let codec: TableCodec
  private let decoding: RowDecoding
  private(set) var rest: KeySpan?

  /// `from`: where an earlier reader stopped.
  init(_ table: TableDescriptor, _ codecs: CodecCache, from rest: KeySpan? = nil) throws(SQLError) {
    codec = try codecs.codec(for: table)
    decoding = try RowDecoding(codec.primary, of: codec, columns: table.columns.map(\.id))
    self.rest = rest ?? KeySpan(prefix: Key(codec.primary.prefix))
  }

  /// The next rows, or nil after the last.
  mutating func next(_ context: ExecutionContext) async throws(SQLError) -> Batch? {
    while let span = rest {
      try await context.breathe()
      var block = KeyValueBlock()
      rest = try await context.scan(span, ScanOptions(rowLimit: Batch.maximumRowCount), into: &block)
      if !block.isEmpty { return try decoding.decode(block, rows: 0..<block.count) }
    }
    return nil
  }
}
