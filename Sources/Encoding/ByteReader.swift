// HOT: a cursor over bytes that may be damaged.
//
// Every read checks its bounds and answers nil when the bytes end early or mean nothing; the cursor's position is then
// unspecified. The reader borrows: its bytes must outlive it.

import Glibc

/// The offset of the first zero byte, or nil.
@inlinable
public func indexOfZero(_ bytes: UnsafeRawBufferPointer) -> Int? {
  guard let base = bytes.baseAddress, let hit = memchr(base, 0, bytes.count) else { return nil }
  return UnsafeRawPointer(hit) - base
}

/// Reads fixed-width numbers, varints and order-preserving encodings, first to last.
public struct ByteReader {
  public let bytes: UnsafeRawBufferPointer
  public var offset: Int

  @inlinable
  public init(_ bytes: UnsafeRawBufferPointer, offset: Int = 0) {
    self.bytes = bytes
    self.offset = offset
  }

  @inlinable
  public var isAtEnd: Bool { offset >= bytes.count }

  @inlinable
  public var remaining: Int { bytes.count - offset }

  /// What has not been read yet.
  @inlinable
  public var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[offset...]) }

  @inlinable
  public func peekUInt8() -> UInt8? {
    offset < bytes.count ? bytes[offset] : nil
  }

  @inlinable
  public mutating func readUInt8() -> UInt8? {
    guard offset < bytes.count else { return nil }
    defer { offset += 1 }
    return bytes[offset]
  }

  @inlinable
  public mutating func readBytes(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count >= 0, count <= remaining else { return nil }
    defer { offset += count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }

  /// A fixed-width integer, little endian.
  @inlinable
  public mutating func readFixed<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self) -> T? {
    guard remaining >= MemoryLayout<T>.size else { return nil }
    defer { offset += MemoryLayout<T>.size }
    return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// A fixed-width integer, big endian.
  @inlinable
  public mutating func readBigEndian<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type = T.self) -> T? {
    guard remaining >= MemoryLayout<T>.size else { return nil }
    defer { offset += MemoryLayout<T>.size }
    return T(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  /// An unsigned LEB128 varint of at most 64 bits.
  @inlinable
  public mutating func readVarint() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while offset < bytes.count {
      let byte = bytes[offset]
      offset += 1
      if shift == 63 && byte > 1 { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
      if shift > 63 { return nil }
    }
    return nil
  }

  /// A zig-zag varint.
  @inlinable
  public mutating func readSignedVarint() -> Int64? {
    guard let raw = readVarint() else { return nil }
    return Int64(bitPattern: (raw >> 1) ^ (0 &- (raw & 1)))
  }

  /// Bytes behind a varint of their count.
  @inlinable
  public mutating func readLengthPrefixed() -> UnsafeRawBufferPointer? {
    guard let count = readVarint(), count <= UInt64(remaining) else { return nil }
    return readBytes(Int(count))
  }
}

extension ByteReader {
  /// True, and moves past it, when a NULL of a key column comes next.
  @inlinable
  public mutating func readOrderedNull() -> Bool {
    guard let byte = peekUInt8(), byte == 0x00 || byte == 0xFF else { return false }
    offset += 1
    return true
  }

  @inlinable
  public mutating func readOrderedUInt64(descending: Bool = false) -> UInt64? {
    readMagnitude(flip: descending ? 0xFF : 0)
  }

  @inlinable
  public mutating func readOrderedInt64(descending: Bool = false) -> Int64? {
    guard let first = peekUInt8() else { return nil }
    let value: Int64
    if first >= 0x80 {
      guard let magnitude = readMagnitude(flip: 0), magnitude <= UInt64(Int64.max) else { return nil }
      value = Int64(bitPattern: magnitude)
    } else {
      guard let magnitude = readMagnitude(flip: 0xFF), magnitude <= UInt64(Int64.max) else { return nil }
      value = ~Int64(bitPattern: magnitude)
    }
    return descending ? ~value : value
  }

  @inlinable
  mutating func readMagnitude(flip: UInt8) -> UInt64? {
    guard let raw = readUInt8() else { return nil }
    let first = raw ^ flip
    switch first {
    case 0x80..<0xC0: return UInt64(first - 0x80)
    case 0xC0..<0xE0:
      guard let second = readUInt8() else { return nil }
      return 64 + (UInt64(first - 0xC0) << 8 | UInt64(second ^ flip))
    case 0xE0...0xE6:
      let count = Int(first - 0xE0) + 2
      guard let payload = readBytes(count) else { return nil }
      var rest: UInt64 = 0
      for byte in payload { rest = rest << 8 | UInt64(byte ^ flip) }
      let (value, overflow) = rest.addingReportingOverflow(KeyEncoding.wideBase)
      return overflow ? nil : value
    default: return nil
    }
  }

  @inlinable
  public mutating func readOrderedDouble(descending: Bool = false) -> Double? {
    let flip: UInt64 = descending ? UInt64.max : 0
    guard let tag = readUInt8(), tag ^ UInt8(truncatingIfNeeded: flip) == KeyEncoding.doubleTag,
      let raw = readBigEndian(UInt64.self)
    else { return nil }
    let ordered = raw ^ flip
    return Double(bitPattern: ordered >> 63 == 1 ? ordered & 0x7FFF_FFFF_FFFF_FFFF : ~ordered)
  }

  /// Appends the decoded bytes to `output`; false when damaged.
  @inlinable
  public mutating func readOrderedBytes(descending: Bool = false, into output: inout [UInt8]) -> Bool {
    let flip: UInt8 = descending ? 0xFF : 0
    guard let tag = readUInt8(), tag ^ flip == KeyEncoding.bytesTag else { return false }
    while true {
      guard let base = bytes.baseAddress, offset < bytes.count,
        let hit = memchr(base + offset, Int32(flip), bytes.count - offset)
      else { return false }
      let mark = UnsafeRawPointer(hit) - base
      guard mark + 1 < bytes.count else { return false }
      appendFlipped(from: offset, to: mark, flip: flip, into: &output)
      offset = mark + 2
      switch bytes[mark + 1] ^ flip {
      case 0xFF: output.append(0)
      case 0x01: return true
      default: return false
      }
    }
  }

  @inlinable
  func appendFlipped(from start: Int, to end: Int, flip: UInt8, into output: inout [UInt8]) {
    guard start < end else { return }
    if flip == 0 {
      output.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
    } else {
      for index in start..<end { output.append(~bytes[index]) }
    }
  }

  /// Moves past a byte string without decoding it.
  @inlinable
  public mutating func skipOrderedBytes(descending: Bool = false) -> Bool {
    let flip: UInt8 = descending ? 0xFF : 0
    guard let tag = readUInt8(), tag ^ flip == KeyEncoding.bytesTag else { return false }
    while offset + 1 < bytes.count {
      if bytes[offset] ^ flip != 0 {
        offset += 1
      } else {
        let mark = bytes[offset + 1] ^ flip
        offset += 2
        if mark == 0x01 { return true }
        if mark != 0xFF { return false }
      }
    }
    return false
  }

  /// A decimal read back from a key.
  public enum OrderedDecimal: Equatable, Sendable {
    case special(SpecialDecimal)
    /// ±0.d1d2d3… * 10^exponent; the digits were appended to the caller's buffer.
    case finite(negative: Bool, exponent: Int64)
  }

  /// Reads a decimal, appending its digits (0...9, no zero at either end) to `digits`.
  public mutating func readOrderedDecimal(
    descending: Bool = false, digits: inout [UInt8]
  ) -> OrderedDecimal? {
    let outer: UInt8 = descending ? 0xFF : 0
    guard let tag = readUInt8().map({ $0 ^ outer }) else { return nil }
    if let special = SpecialDecimal(rawValue: tag) { return .special(special) }
    guard tag == KeyEncoding.negativeTag || tag == KeyEncoding.positiveTag else { return nil }
    let negative = tag == KeyEncoding.negativeTag
    let inner = outer ^ (negative ? 0xFF : 0)
    guard let exponent = readOrderedInt64(descending: inner != 0) else { return nil }
    var count = 0
    while let raw = readUInt8() {
      let byte = raw ^ inner
      if byte == 0 {
        guard count > 0 else { return nil }
        if digits.last == 0 { digits.removeLast() }
        return .finite(negative: negative, exponent: exponent)
      }
      guard byte <= 100 else { return nil }
      digits.append((byte - 1) / 10)
      digits.append((byte - 1) % 10)
      count += 1
    }
    return nil
  }
}
