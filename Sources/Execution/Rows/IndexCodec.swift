// HOT: how the rows of a table lie in keys and values. Computed once for each descriptor; see `CodecCache`.
//
//   primary        key    | index prefix | key columns |
//                  value  | fields: every other column, and key columns whose key does not give the value back |
//   secondary      key    | index prefix | index columns | suffix: the primary key's columns |
//   unique, and no NULL   | index prefix | index columns |
//                  value  | varint (suffix bytes << 1 | 1 if the suffix ends the key) | suffix, unless in the key | fields |
//
// Key columns are `TypeInfo.encodeKey`'s bytes, fields those of `RowEncoder`, by ascending column id; NULL is absence.
// The suffix is byte for byte what follows the prefix of the row's primary key, so that a secondary entry leads to its
// row by copying bytes. Fields of a secondary entry: the `INCLUDE` columns, and indexed or primary key columns whose key
// does not give the value back (a numeric's scale, negative zero).

import Catalog
import Encoding
import SQLTypes

/// A column as a part of a key.
struct KeyColumn: Sendable {
  var columnID: UInt32
  /// Position among the table's columns, and so in a batch of whole rows.
  var ordinal: Int
  var name: String
  var info: TypeInfo
  var modifier: Int32
  var isDescending: Bool
  var nulls: NullPlacement
  var restoresValue: Bool
}

/// A column as a field of a value.
struct FieldColumn: Sendable {
  var columnID: UInt32
  var ordinal: Int
  var info: TypeInfo
}

final class IndexCodec: Sendable {
  let descriptor: IndexDescriptor
  let prefix: [UInt8]
  /// The index's own columns.
  let columns: [KeyColumn]
  /// The primary key's columns, behind or beside the index's own; empty for the primary index itself.
  let suffix: [KeyColumn]
  let fields: [FieldColumn]
  /// Ordinals of all columns that an entry holds in any form.
  let ordinals: Set<Int>
  let isPrimary: Bool

  init(_ descriptor: IndexDescriptor, of table: TableDescriptor, infos: [TypeInfo], primary: IndexCodec?)
    throws(SQLError)
  {
    self.descriptor = descriptor
    isPrimary = primary == nil
    prefix = KeyLayout.index(table.oid, descriptor.id).bytes
    var columns: [KeyColumn] = []
    for part in descriptor.columns {
      guard let ordinal = table.ordinal(ofColumn: part.columnID) else {
        throw SQLError(
          .dataCorrupted, "index \"\(descriptor.name)\" of relation \"\(table.name)\" has a column that does not exist")
      }
      let column = table.columns[ordinal]
      columns.append(
        KeyColumn(
          columnID: column.id, ordinal: ordinal,
          name: column.isIndexExpression ? column.generatedSQL ?? column.name : column.name, info: infos[ordinal],
          modifier: column.type.modifier, isDescending: part.isDescending, nulls: part.nullsFirst ? .first : .last,
          restoresValue: infos[ordinal].keyRestoresValue(modifier: column.type.modifier)))
    }
    self.columns = columns
    suffix = primary?.columns ?? []
    let inKey = columns + suffix
    var fields: [FieldColumn] = []
    for (ordinal, column) in table.columns.enumerated() {
      let isInKey = inKey.contains { $0.columnID == column.id }
      let isLossy = isInKey && !infos[ordinal].keyRestoresValue(modifier: column.type.modifier)
      if isLossy || (!isInKey && (primary == nil || descriptor.included.contains(column.id))) {
        fields.append(FieldColumn(columnID: column.id, ordinal: ordinal, info: infos[ordinal]))
      }
    }
    self.fields = fields.sorted { $0.columnID < $1.columnID }
    ordinals = Set(inKey.map(\.ordinal) + fields.map(\.ordinal))
  }

  /// Whether the row's entry must be the only one with its values: a unique index, and no NULL among them.
  @inline(__always)
  func isUnique(_ batch: Batch, _ row: Int) -> Bool {
    if isPrimary { return true }
    guard descriptor.isUnique else { return false }
    if descriptor.nullsNotDistinct { return true }
    for column in columns where batch.columns[column.ordinal].nulls[row] { return false }
    return true
  }

  /// Appends prefix and index columns of a row; `batch` holds all of the table's columns in order.
  @inline(__always)
  func appendOwnKey(_ batch: Batch, _ row: Int, into key: inout [UInt8]) {
    key.append(contentsOf: prefix)
    for column in columns {
      column.info.encodeKey(
        batch.columns, column.ordinal, row, descending: column.isDescending, nulls: column.nulls, into: &key)
    }
  }

  @inline(__always)
  func appendSuffix(_ batch: Batch, _ row: Int, into key: inout [UInt8]) {
    for column in suffix {
      column.info.encodeKey(
        batch.columns, column.ordinal, row, descending: column.isDescending, nulls: column.nulls, into: &key)
    }
  }

  /// The key of the row's entry.
  func key(_ batch: Batch, _ row: Int, scratch: inout [UInt8]) -> Key {
    scratch.removeAll(keepingCapacity: true)
    appendOwnKey(batch, row, into: &scratch)
    if !isPrimary && !isUnique(batch, row) { appendSuffix(batch, row, into: &scratch) }
    return Key(scratch.withUnsafeBufferPointer { [UInt8]($0) })
  }

  /// The value of the row's entry.
  func value(_ batch: Batch, _ row: Int, encoder: inout RowEncoder, scratch: inout [UInt8]) -> [UInt8] {
    encoder.removeAll()
    if !isPrimary {
      scratch.removeAll(keepingCapacity: true)
      appendSuffix(batch, row, into: &scratch)
      if isUnique(batch, row) {
        ValueEncoding.appendVarint(UInt64(scratch.count) << 1, to: &encoder.buffer)
        encoder.buffer.append(contentsOf: scratch)
      } else {
        ValueEncoding.appendVarint(UInt64(scratch.count) << 1 | 1, to: &encoder.buffer)
      }
    }
    for field in fields {
      field.info.encodeField(batch.columns, field.ordinal, row, column: field.columnID, into: &encoder)
    }
    return encoder.buffer.withUnsafeBufferPointer { [UInt8]($0) }
  }

  /// The bytes of the primary key behind its prefix that a secondary entry leads to; nil when damaged.
  @inline(__always)
  static func suffix(
    key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
  ) -> (suffix: UnsafeRawBufferPointer, fields: UnsafeRawBufferPointer)? {
    var reader = ByteReader(value)
    guard let header = reader.readVarint(), let count = Int(exactly: header >> 1) else { return nil }
    if header & 1 == 1 {
      guard count <= key.count else { return nil }
      return (UnsafeRawBufferPointer(rebasing: key[(key.count - count)...]), reader.rest)
    }
    guard let suffix = reader.readBytes(count) else { return nil }
    return (suffix, reader.rest)
  }

  /// What a damaged entry is reported as.
  func damaged(_ table: TableDescriptor) -> SQLError {
    var error = SQLError(
      .dataCorrupted, "an entry of index \"\(descriptor.name)\" of relation \"\(table.name)\" is damaged")
    error.table = table.name
    return error
  }
}
