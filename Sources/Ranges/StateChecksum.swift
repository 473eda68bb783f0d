// What a range's replicated state comes to at one index of its log: equal on every replica, or one of them is broken.
//
// It covers what the log has made: versions, intents, transaction records, the descriptor and the applied state. What a replica keeps for
// itself, its log, its vote, its tombstones, is no part of it.
//
//   varint index, key count, byte count | CRC-32C over each part's { varint key length, value length | key | value }, 4 bytes LE

import Encoding
import Storage

public struct StateChecksum: Equatable, Sendable, CustomStringConvertible {
  public var index: UInt64
  public var keyCount: UInt64 = 0
  public var byteCount: UInt64 = 0
  public var checksum: UInt32

  public var description: String {
    let digits = String(checksum, radix: 16)
    return "\(String(repeating: "0", count: 8 - digits.count))\(digits) over \(keyCount) keys, \(byteCount) bytes"
  }

  /// - Parameters:
  ///   - applied: as it stands in the state.
  init(_ descriptor: RangeDescriptor, _ applied: AppliedState) {
    index = applied.index
    checksum = CRC32C.checksum(descriptor.encoded() + applied.encoded())
  }

  mutating func add(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    var lengths: [UInt8] = []
    ValueEncoding.appendVarint(UInt64(key.count), to: &lengths)
    ValueEncoding.appendVarint(UInt64(value.count), to: &lengths)
    checksum = lengths.withUnsafeBytes { CRC32C.checksum($0, continuing: checksum) }
    checksum = CRC32C.checksum(key, continuing: checksum)
    checksum = CRC32C.checksum(value, continuing: checksum)
    keyCount += 1
    byteCount += UInt64(key.count + value.count)
  }

  func encode(into writer: inout RangeWriter) {
    writer.put(index)
    writer.put(keyCount)
    writer.put(byteCount)
    writer.put(UInt64(checksum))
  }

  init(from reader: inout RangeReader) throws(MalformedMessage) {
    index = try reader.number()
    keyCount = try reader.number()
    byteCount = try reader.number()
    checksum = try reader.number(UInt32.self)
  }
}

/// Reads a range's state from a pinned view, a bounded piece at a time, off the reactor.
///
/// `@unchecked Sendable`: used by one piece of work at a time, each begun after the last has ended.
final class ChecksumSource: @unchecked Sendable {
  private let view: any EngineSnapshot
  private var parts: [(family: ColumnFamily, lower: [UInt8], upper: [UInt8])]
  private(set) var checksum: StateChecksum

  init(_ view: any EngineSnapshot, _ descriptor: RangeDescriptor, _ applied: AppliedState) {
    self.view = view
    parts = LocalKeys.parts(of: descriptor.span)
    checksum = StateChecksum(descriptor, applied)
  }

  /// Reads about so many bytes more. False: that was all.
  func advance(byByteCount limit: Int) throws(StorageError) -> Bool {
    let end = checksum.byteCount + UInt64(limit)
    while let part = parts.first {
      let cursor = try view.makeIterator(part.family, IteratorBounds(lower: part.lower, upper: part.upper))
      cursor.seekToFirst()
      while cursor.isValid {
        if checksum.byteCount >= end {
          parts[0].lower = [UInt8](cursor.key)
          return true
        }
        checksum.add(cursor.key, cursor.value)
        cursor.next()
      }
      try cursor.checkStatus()
      parts.removeFirst()
    }
    return false
  }
}
