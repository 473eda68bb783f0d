// HOT: how versions of keys lie in the engine.
//
//   stem         the user key with every 00 written as 00 FF, then 00
//   data key     | stem | Int64.max - wall, 8 bytes BE | Int32.max - logical, 4 bytes BE |
//   data value   | CRC-32C of what follows, 4 bytes LE | kind, 1 byte | payload |
//   kinds        0 deleted (no payload), 1 value
//   locks key    | stem |                                       (value: Intent.swift)
//
// Why this sorts right under memcmp: stems order as the user keys do, and where one user key is a prefix of another
// its terminator 00 meets either a byte above 00, or the escape 00 FF, whereas behind a terminator comes the timestamp,
// whose first byte is below 80. So all versions of a key stand together, newest first, before those of its extensions.
// The suffix has a fixed size: cutting 12 bytes off gives the stem, which is what bloom filters hold.

import Clocks
import Encoding

enum MVCCFormat {
  static let suffixCount = Timestamp.encodedCount
  static let valueHeaderCount = 5
  static let deletedKind: UInt8 = 0
  static let valueKind: UInt8 = 1

  /// Empties `buffer` and writes the stem of a user key into it.
  @inline(__always)
  static func makeStem(_ key: UnsafeRawBufferPointer, into buffer: inout [UInt8]) {
    buffer.removeAll(keepingCapacity: true)
    KeyEncoding.appendEscaped(key, to: &buffer)
    buffer.append(0)
  }

  static func stem(_ key: Key) -> [UInt8] {
    var stem = [UInt8]()
    stem.reserveCapacity(key.bytes.count + 1)
    key.bytes.withUnsafeBytes { makeStem($0, into: &stem) }
    return stem
  }

  /// The lowest engine key that a user key at or above `key` can have, in `data` and in `locks`.
  static func bound(_ key: Key) -> [UInt8] {
    stem(key)
  }

  static func stemCount(_ key: UnsafeRawBufferPointer) -> Int {
    var zeros = 0
    for byte in key where byte == 0 { zeros += 1 }
    return key.count + zeros + 1
  }

  /// The stem of a data key, or nil if it is too short to be one.
  @inline(__always)
  static func stem(of dataKey: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard dataKey.count > suffixCount else { return nil }
    return UnsafeRawBufferPointer(rebasing: dataKey[..<(dataKey.count - suffixCount)])
  }

  /// The timestamp of a data key, or nil if damaged.
  @inline(__always)
  static func timestamp(of dataKey: UnsafeRawBufferPointer) -> Timestamp? {
    guard dataKey.count > suffixCount else { return nil }
    return Timestamp(inverted: UnsafeRawBufferPointer(rebasing: dataKey[(dataKey.count - suffixCount)...]))
  }

  /// Appends the user key of a stem to `buffer`; false if damaged.
  static func appendUserKey(stem: UnsafeRawBufferPointer, to buffer: inout [UInt8]) -> Bool {
    guard let last = stem.last, last == 0 else { return false }
    var rest = UnsafeRawBufferPointer(rebasing: stem[..<(stem.count - 1)])
    while let zero = indexOfZero(rest) {
      guard zero + 1 < rest.count, rest[zero + 1] == 0xFF else { return false }
      buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: rest[...zero]))
      rest = UnsafeRawBufferPointer(rebasing: rest[(zero + 2)...])
    }
    buffer.append(contentsOf: rest)
    return true
  }

  static func userKey(stem: UnsafeRawBufferPointer) throws(StorageError) -> Key {
    var bytes = [UInt8]()
    bytes.reserveCapacity(stem.count)
    guard appendUserKey(stem: stem, to: &bytes) else {
      throw .corruption("key \(Key(copying: stem)) is not well formed")
    }
    return Key(bytes)
  }

  /// What a data value says, its checksum verified: the payload, or nil for a deletion.
  @inline(__always)
  static func payload(
    of value: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer
  ) throws(StorageError) -> UnsafeRawBufferPointer? {
    guard value.count >= valueHeaderCount else {
      throw .corruption("the value of \(Key(copying: key)) is cut short")
    }
    let stored = UInt32(littleEndian: value.loadUnaligned(as: UInt32.self))
    let body = UnsafeRawBufferPointer(rebasing: value[4...])
    guard CRC32C.checksum(body) == stored else {
      throw .corruption("the value of \(Key(copying: key)) fails its checksum")
    }
    switch body[0] {
    case valueKind: return UnsafeRawBufferPointer(rebasing: body[1...])
    case deletedKind where body.count == 1: return nil
    default: throw .corruption("the value of \(Key(copying: key)) has the unknown kind \(body[0])")
    }
  }

  /// The payload of a value that this process has just written; nil for a deletion.
  @inline(__always)
  static func uncheckedPayload(of value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard value.count >= valueHeaderCount, value[4] == valueKind else { return nil }
    return UnsafeRawBufferPointer(rebasing: value[valueHeaderCount...])
  }

  /// Appends a data value; nil for a deletion.
  static func appendValue(_ payload: UnsafeRawBufferPointer?, to buffer: inout [UInt8]) {
    let start = buffer.count
    buffer.append(contentsOf: repeatElement(0, count: 4))
    if let payload {
      buffer.append(valueKind)
      buffer.append(contentsOf: payload)
    } else {
      buffer.append(deletedKind)
    }
    buffer.withUnsafeMutableBytes { raw in
      let checksum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: raw[(start + 4)...]))
      raw.storeBytes(of: checksum.littleEndian, toByteOffset: start, as: UInt32.self)
    }
  }
}
