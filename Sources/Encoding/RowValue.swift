// HOT: the value of a row: the columns that are not in its key.
//
// A sequence of fields in ascending order of column id. NULL is absence, so a column that was added needs no rewrite
// (older rows lack the field) and neither does one that was dropped (readers pass over its id).
//
//   field   varint (columnID - previous columnID) << 2 | kind, then the payload; the first delta counts from 0
//   kind 0  integer   zig-zag varint
//   kind 1  float     8 bytes, little endian
//   kind 2  bytes     varint count, bytes
//   kind 3  reserved

/// The value of one field, borrowing from the row's bytes.
public enum RowField {
  case int64(Int64)
  case float64(Double)
  case bytes(UnsafeRawBufferPointer)
}

/// Writes a row's fields behind what a buffer already holds; reuse one for many rows.
public struct RowEncoder {
  public var buffer: [UInt8]
  @usableFromInline var previous: UInt32 = 0

  @inlinable
  public init(buffer: [UInt8] = []) {
    self.buffer = buffer
  }

  /// Forgets the fields, keeps the memory.
  @inlinable
  public mutating func removeAll() {
    buffer.removeAll(keepingCapacity: true)
    previous = 0
  }

  /// Begins another row behind the bytes written so far.
  @inlinable
  public mutating func beginRow() {
    previous = 0
  }

  @inlinable
  mutating func appendHeader(_ column: UInt32, kind: UInt64) {
    precondition(column >= previous, "columns of a row ascend")
    ValueEncoding.appendVarint(UInt64(column - previous) << 2 | kind, to: &buffer)
    previous = column
  }

  @inlinable
  public mutating func append(_ column: UInt32, int64 value: Int64) {
    appendHeader(column, kind: 0)
    ValueEncoding.appendSignedVarint(value, to: &buffer)
  }

  @inlinable
  public mutating func append(_ column: UInt32, float64 value: Double) {
    appendHeader(column, kind: 1)
    ValueEncoding.appendFixed(value.bitPattern, to: &buffer)
  }

  @inlinable
  public mutating func append(_ column: UInt32, bytes value: UnsafeRawBufferPointer) {
    appendHeader(column, kind: 2)
    ValueEncoding.appendLengthPrefixed(value, to: &buffer)
  }

  @inlinable
  public mutating func append(_ column: UInt32, bytes value: [UInt8]) {
    appendHeader(column, kind: 2)
    ValueEncoding.appendLengthPrefixed(value, to: &buffer)
  }
}

/// Walks the fields of a row without allocating.
public struct RowDecoder {
  @usableFromInline var reader: ByteReader
  @usableFromInline var column: UInt32 = 0
  /// Set once the bytes made no sense; `next` then answers nil as at the end.
  public var isDamaged = false

  @inlinable
  public init(_ bytes: UnsafeRawBufferPointer) {
    self.reader = ByteReader(bytes)
  }

  /// The next field, or nil at the end or at damage (`isDamaged`).
  @inlinable
  public mutating func next() -> (columnID: UInt32, field: RowField)? {
    if reader.isAtEnd { return nil }
    guard let header = reader.readVarint(), header >> 2 <= UInt64(UInt32.max - column) else {
      return damaged()
    }
    column += UInt32(truncatingIfNeeded: header >> 2)
    switch header & 3 {
    case 0:
      guard let value = reader.readSignedVarint() else { return damaged() }
      return (column, .int64(value))
    case 1:
      guard let bits = reader.readFixed(UInt64.self) else { return damaged() }
      return (column, .float64(Double(bitPattern: bits)))
    case 2:
      guard let bytes = reader.readLengthPrefixed() else { return damaged() }
      return (column, .bytes(bytes))
    default: return damaged()
    }
  }

  @inlinable
  mutating func damaged() -> (columnID: UInt32, field: RowField)? {
    isDamaged = true
    reader.offset = reader.bytes.count
    return nil
  }
}
