// HOT: every key of every row passes here.
//
// Encodings whose byte order (memcmp) is the order of the values, and of which none is a prefix of another, so that
// they may be concatenated column by column. Within one column all values have one type.
//
//   NULL      00 (nulls first) or FF (nulls last); no value begins with either byte
//   integer   v >= 0, in the fewest bytes:
//               80+v                     0 ... 63
//               C0+(w >> 8), w & FF      w = v - 64 < 8192
//               E0+(k-2), k bytes of w   w = v - 8256, big endian, k = 2...8 the fewest
//             v < 0: the complement of every byte of the encoding of ~v
//   float     50, then 8 bytes big endian: sign bit flipped if positive, all bits if negative;
//             -0 is 0, all NaNs are one and sort last, as in PostgreSQL
//   bytes     60, the bytes with 00 written as 00 FF, then 00 01
//   decimal   20 -infinity | 21 negative | 22 zero | 23 positive | 24 infinity | 25 NaN
//             21 and 23 are followed by the exponent (integer, as above), pairs of digits as 1...100, then 00,
//             for 21 with all these bytes complemented. The value is 0.d1d2d3… * 10^exponent, d1 and the last digit not 0.
// Descending: the complement of every byte of the ascending encoding.

/// Where NULLs stand in the order of an encoded column.
public enum NullPlacement: Sendable {
  case first
  case last
}

/// Values of `numeric` that have no digits.
public enum SpecialDecimal: UInt8, Sendable {
  case negativeInfinity = 0x20
  case zero = 0x22
  case infinity = 0x24
  case notANumber = 0x25
}

/// Appends order-preserving encodings to a buffer; `ByteReader` reads them back.
public enum KeyEncoding {
  @usableFromInline static let doubleTag: UInt8 = 0x50
  @usableFromInline static let bytesTag: UInt8 = 0x60
  @usableFromInline static let negativeTag: UInt8 = 0x21
  @usableFromInline static let positiveTag: UInt8 = 0x23
  /// From here on an integer no longer fits its first two bytes.
  @usableFromInline static let wideBase: UInt64 = 64 + 8192

  @inlinable
  public static func appendNull(_ placement: NullPlacement, to buffer: inout [UInt8]) {
    buffer.append(placement == .first ? 0x00 : 0xFF)
  }

  @inlinable
  public static func appendUInt64(_ value: UInt64, descending: Bool = false, to buffer: inout [UInt8]) {
    appendMagnitude(value, flip: descending ? 0xFF : 0, to: &buffer)
  }

  @inlinable
  public static func appendInt64(_ value: Int64, descending: Bool = false, to buffer: inout [UInt8]) {
    let directed = descending ? ~value : value
    if directed >= 0 {
      appendMagnitude(UInt64(bitPattern: directed), flip: 0, to: &buffer)
    } else {
      appendMagnitude(UInt64(bitPattern: ~directed), flip: 0xFF, to: &buffer)
    }
  }

  @inlinable
  static func appendMagnitude(_ value: UInt64, flip: UInt8, to buffer: inout [UInt8]) {
    if value < 64 {
      buffer.append((0x80 + UInt8(truncatingIfNeeded: value)) ^ flip)
    } else if value < wideBase {
      let rest = value - 64
      buffer.append((0xC0 + UInt8(truncatingIfNeeded: rest >> 8)) ^ flip)
      buffer.append(UInt8(truncatingIfNeeded: rest) ^ flip)
    } else {
      let rest = value - wideBase
      let count = Swift.max(2, (64 - rest.leadingZeroBitCount + 7) / 8)
      buffer.append((0xE0 + UInt8(truncatingIfNeeded: count - 2)) ^ flip)
      let mask = flip == 0 ? 0 : UInt64.max
      let aligned = ((rest ^ mask) << UInt64(64 - 8 * count)).bigEndian
      withUnsafeBytes(of: aligned) { buffer.append(contentsOf: $0.prefix(count)) }
    }
  }

  @inlinable
  public static func appendDouble(_ value: Double, descending: Bool = false, to buffer: inout [UInt8]) {
    let flip: UInt64 = descending ? UInt64.max : 0
    buffer.append(doubleTag ^ UInt8(truncatingIfNeeded: flip))
    withUnsafeBytes(of: (orderedBits(value) ^ flip).bigEndian) { buffer.append(contentsOf: $0) }
  }

  /// An integer whose order is that of the doubles, NaN last, -0 equal to 0.
  @inlinable
  static func orderedBits(_ value: Double) -> UInt64 {
    if value.isNaN { return 0xFFF8_0000_0000_0000 }
    if value == 0 { return 0x8000_0000_0000_0000 }
    let bits = value.bitPattern
    return bits >> 63 == 0 ? bits | 0x8000_0000_0000_0000 : ~bits
  }

  @inlinable
  public static func appendBytes(
    _ value: UnsafeRawBufferPointer, descending: Bool = false, to buffer: inout [UInt8]
  ) {
    let start = buffer.count
    buffer.append(bytesTag)
    appendEscaped(value, to: &buffer)
    buffer.append(0x00)
    buffer.append(0x01)
    if descending { complement(&buffer, from: start) }
  }

  @inlinable
  public static func appendBytes(_ value: [UInt8], descending: Bool = false, to buffer: inout [UInt8]) {
    value.withUnsafeBytes { appendBytes($0, descending: descending, to: &buffer) }
  }

  /// Appends the bytes with every 00 written as 00 FF, without a terminator.
  @inlinable
  public static func appendEscaped(_ value: UnsafeRawBufferPointer, to buffer: inout [UInt8]) {
    var rest = value
    while let zero = indexOfZero(rest) {
      buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: rest[...zero]))
      buffer.append(0xFF)
      rest = UnsafeRawBufferPointer(rebasing: rest[(zero + 1)...])
    }
    buffer.append(contentsOf: rest)
  }

  public static func appendDecimal(
    _ value: SpecialDecimal, descending: Bool = false, to buffer: inout [UInt8]
  ) {
    buffer.append(descending ? ~value.rawValue : value.rawValue)
  }

  /// Appends ±0.d1d2d3… * 10^exponent; `digits` are the numbers 0...9, most significant first.
  /// Zeros at either end are dropped, so equal values have one encoding; no digit left means zero.
  public static func appendDecimal(
    negative: Bool, exponent: Int64, digits: UnsafeBufferPointer<UInt8>, descending: Bool = false,
    to buffer: inout [UInt8]
  ) {
    var first = 0
    var end = digits.count
    while first < end && digits[first] == 0 { first += 1 }
    while end > first && digits[end - 1] == 0 { end -= 1 }
    guard first < end else {
      appendDecimal(.zero, descending: descending, to: &buffer)
      return
    }
    let start = buffer.count
    buffer.append(negative ? negativeTag : positiveTag)
    let body = buffer.count
    appendInt64(exponent - Int64(first), to: &buffer)
    var index = first
    while index < end {
      let low = index + 1 < end ? digits[index + 1] : 0
      buffer.append(digits[index] * 10 + low + 1)
      index += 2
    }
    buffer.append(0)
    if negative { complement(&buffer, from: body) }
    if descending { complement(&buffer, from: start) }
  }

  @inlinable
  static func complement(_ buffer: inout [UInt8], from start: Int) {
    buffer.withUnsafeMutableBytes { bytes in
      for index in start..<bytes.count { bytes[index] = ~bytes[index] }
    }
  }
}
