// HOT: bytes of values; their order means nothing, their size and speed do.
//
// Varints are LEB128 (7 bits a byte, low bits first), signed ones zig-zag; fixed-width numbers are little endian;
// byte strings carry a varint of their count in front. `ByteReader` reads them back.

/// Appends value encodings to a buffer.
public enum ValueEncoding {
  @inlinable
  public static func appendVarint(_ value: UInt64, to buffer: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      buffer.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    buffer.append(UInt8(truncatingIfNeeded: rest))
  }

  @inlinable
  public static func appendSignedVarint(_ value: Int64, to buffer: inout [UInt8]) {
    appendVarint(UInt64(bitPattern: (value << 1) ^ (value >> 63)), to: &buffer)
  }

  @inlinable
  public static func appendFixed<T: FixedWidthInteger & BitwiseCopyable>(
    _ value: T, to buffer: inout [UInt8]
  ) {
    withUnsafeBytes(of: value.littleEndian) { buffer.append(contentsOf: $0) }
  }

  @inlinable
  public static func appendBigEndian<T: FixedWidthInteger & BitwiseCopyable>(
    _ value: T, to buffer: inout [UInt8]
  ) {
    withUnsafeBytes(of: value.bigEndian) { buffer.append(contentsOf: $0) }
  }

  @inlinable
  public static func appendLengthPrefixed(_ value: UnsafeRawBufferPointer, to buffer: inout [UInt8]) {
    appendVarint(UInt64(value.count), to: &buffer)
    buffer.append(contentsOf: value)
  }

  @inlinable
  public static func appendLengthPrefixed(_ value: [UInt8], to buffer: inout [UInt8]) {
    appendVarint(UInt64(value.count), to: &buffer)
    buffer.append(contentsOf: value)
  }

  /// How many bytes `appendVarint` takes.
  @inlinable
  public static func varintCount(_ value: UInt64) -> Int {
    Swift.max(1, (64 - value.leadingZeroBitCount + 6) / 7)
  }
}
