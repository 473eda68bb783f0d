// Rows and keys as error details show them: `Failing row contains (1, null, abc).`, `Key (a)=(1) already exists.`
// Source: PostgreSQL's messages; values longer than 64 characters are cut in rows, never in keys.

import Catalog
import SQLTypes

enum RowText {
  /// PostgreSQL cuts a value in "Failing row contains" at 64 bytes, at a character's end.
  private static let maximumValueBytes = 64

  static func value(_ vector: ColumnVector, _ row: Int, _ info: TypeInfo, _ settings: FormatSettings) -> String {
    if vector.nulls[row] { return "null" }
    var bytes: [UInt8] = []
    info.output(vector, row, settings: settings, into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The columns of `row` that SQL can see, for "Failing row contains".
  static func row(_ batch: Batch, _ row: Int, _ codec: TableCodec, _ settings: FormatSettings) -> String {
    var parts: [String] = []
    for (ordinal, column) in codec.table.columns.enumerated() where !column.isHidden {
      var bytes: [UInt8] = []
      if batch.columns[ordinal].nulls[row] {
        parts.append("null")
        continue
      }
      codec.infos[ordinal].output(batch.columns, ordinal, row, settings: settings, into: &bytes)
      if bytes.count > maximumValueBytes {
        var end = maximumValueBytes
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        parts.append(String(decoding: bytes[..<end], as: UTF8.self) + "...")
      } else {
        parts.append(String(decoding: bytes, as: UTF8.self))
      }
    }
    return parts.joined(separator: ", ")
  }

  /// `(a, b)=(1, 2)`
  static func key(_ batch: Batch, _ row: Int, _ codec: IndexCodec, _ settings: FormatSettings) -> String {
    let names = codec.columns.map(\.name).joined(separator: ", ")
    let values = codec.columns.map { value(batch.columns[$0.ordinal], row, $0.info, settings) }
    return "(\(names))=(\(values.joined(separator: ", ")))"
  }
}
