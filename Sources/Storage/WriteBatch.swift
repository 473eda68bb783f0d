// HOT: changes that apply together.
//
// The bytes are RocksDB's own write batch, so that a batch is built here, travels in a raft entry as it is, and goes
// into the engine in one call:
//
//   sequence, 8 bytes (zero) | count, 4 bytes little endian | records
//   put           01 key value     | 05 family key value
//   delete        00 key           | 04 family key
//   delete range  0F start end     | 0E family start end
// Keys and values are byte strings behind a varint of their count; the short tags are for the family `data`.
// Source: RocksDB 7.8, db/write_batch.cc and db/dbformat.h.

import Encoding

/// A list of changes, applied atomically and in order.
public struct WriteBatch: Sendable, Equatable {
  /// The encoded batch; what a raft entry carries.
  public private(set) var bytes: [UInt8]

  static let headerCount = 12

  public init() {
    bytes = [UInt8](repeating: 0, count: Self.headerCount)
  }

  /// Takes over an encoded batch; nil if the bytes are not one.
  public init?(encoded bytes: [UInt8]) {
    self.bytes = bytes
    guard bytes.count >= Self.headerCount else { return nil }
    var seen: UInt32 = 0
    guard visit({ _ in seen += 1 }), seen == count else { return nil }
  }

  /// The number of changes.
  public var count: UInt32 {
    bytes.withUnsafeBytes { UInt32(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt32.self)) }
  }

  public var isEmpty: Bool { bytes.count == Self.headerCount }

  /// The size of the encoded batch.
  public var byteCount: Int { bytes.count }

  public mutating func removeAll(keepingCapacity keep: Bool = true) {
    bytes.removeAll(keepingCapacity: keep)
    bytes.append(contentsOf: repeatElement(0, count: Self.headerCount))
  }

  public mutating func reserveCapacity(_ byteCount: Int) {
    bytes.reserveCapacity(byteCount)
  }

  @inline(__always)
  private mutating func addToCount(_ more: UInt32) {
    bytes.withUnsafeMutableBytes { raw in
      let now = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
      raw.storeBytes(of: (now &+ more).littleEndian, toByteOffset: 8, as: UInt32.self)
    }
  }

  @inline(__always)
  private mutating func begin(_ family: ColumnFamily, plain: UInt8, tagged: UInt8) {
    addToCount(1)
    if family == .data {
      bytes.append(plain)
    } else {
      bytes.append(tagged)
      bytes.append(family.rawValue)
    }
  }

  public mutating func put(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
  ) {
    begin(family, plain: 0x01, tagged: 0x05)
    ValueEncoding.appendLengthPrefixed(key, to: &bytes)
    ValueEncoding.appendLengthPrefixed(value, to: &bytes)
  }

  public mutating func put(_ family: ColumnFamily, _ key: [UInt8], _ value: [UInt8]) {
    key.withUnsafeBytes { key in value.withUnsafeBytes { value in put(family, key, value) } }
  }

  /// A put whose key and value the closures append themselves, exactly as many bytes as announced.
  mutating func put(
    _ family: ColumnFamily, keyCount: Int, valueCount: Int, key: (inout [UInt8]) -> Void,
    value: (inout [UInt8]) -> Void
  ) {
    begin(family, plain: 0x01, tagged: 0x05)
    ValueEncoding.appendVarint(UInt64(keyCount), to: &bytes)
    let keyStart = bytes.count
    key(&bytes)
    precondition(bytes.count == keyStart + keyCount, "a key has another size than announced")
    ValueEncoding.appendVarint(UInt64(valueCount), to: &bytes)
    let valueStart = bytes.count
    value(&bytes)
    precondition(bytes.count == valueStart + valueCount, "a value has another size than announced")
  }

  public mutating func delete(_ family: ColumnFamily, _ key: UnsafeRawBufferPointer) {
    begin(family, plain: 0x00, tagged: 0x04)
    ValueEncoding.appendLengthPrefixed(key, to: &bytes)
  }

  public mutating func delete(_ family: ColumnFamily, _ key: [UInt8]) {
    key.withUnsafeBytes { delete(family, $0) }
  }

  /// Deletes the keys from `start` up to, and without, `end`.
  public mutating func deleteRange(_ family: ColumnFamily, start: [UInt8], end: [UInt8]) {
    begin(family, plain: 0x0F, tagged: 0x0E)
    ValueEncoding.appendLengthPrefixed(start, to: &bytes)
    ValueEncoding.appendLengthPrefixed(end, to: &bytes)
  }

  /// Adds the changes of another batch behind those of this one.
  public mutating func append(contentsOf other: borrowing WriteBatch) {
    addToCount(other.count)
    bytes.append(contentsOf: other.bytes[Self.headerCount...])
  }
}

extension WriteBatch {
  /// One change; its bytes borrow from the batch.
  public enum Change {
    case put(ColumnFamily, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)
    case delete(ColumnFamily, key: UnsafeRawBufferPointer)
    case deleteRange(ColumnFamily, start: UnsafeRawBufferPointer, end: UnsafeRawBufferPointer)
  }

  /// Calls `body` with each change in order; false, having stopped, if the batch is damaged.
  public func visit(_ body: (Change) -> Void) -> Bool {
    bytes.withUnsafeBytes { raw in
      var reader = ByteReader(raw, offset: Self.headerCount)
      while !reader.isAtEnd {
        guard let tag = reader.readUInt8() else { return false }
        var family = ColumnFamily.data
        if tag == 0x05 || tag == 0x04 || tag == 0x0E {
          guard let number = reader.readUInt8(), let named = ColumnFamily(rawValue: number) else {
            return false
          }
          family = named
        }
        guard let first = reader.readLengthPrefixed() else { return false }
        switch tag {
        case 0x00, 0x04: body(.delete(family, key: first))
        case 0x01, 0x05:
          guard let value = reader.readLengthPrefixed() else { return false }
          body(.put(family, key: first, value: value))
        case 0x0F, 0x0E:
          guard let end = reader.readLengthPrefixed() else { return false }
          body(.deleteRange(family, start: first, end: end))
        default: return false
        }
      }
      return true
    }
  }
}
