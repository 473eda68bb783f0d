// HOT: the checksum of every value read and written.
//
// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, initial value and final xor all ones), by the processor's instruction
// where there is one, else eight bytes a step by eight tables. Check value: "123456789" gives 0xE3069283 (RFC 3720, appendix B.4).

import CChecksum

/// The Castagnoli cyclic redundancy check.
public enum CRC32C {
  /// Eight tables of 256 entries, one after the other; written once, never freed.
  nonisolated(unsafe) private static let tables: UnsafePointer<UInt32> = {
    let tables = UnsafeMutablePointer<UInt32>.allocate(capacity: 8 * 256)
    for index in 0..<256 {
      var crc = UInt32(index)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
      tables[index] = crc
    }
    for index in 256..<(8 * 256) {
      let before = tables[index - 256]
      tables[index] = before >> 8 ^ tables[Int(before & 0xFF)]
    }
    return UnsafePointer(tables)
  }()

  private static let hasInstruction = meridian_crc32c_is_supported() != 0

  /// The checksum of `bytes`, going on from that of the bytes before them.
  public static func checksum(_ bytes: UnsafeRawBufferPointer, continuing previous: UInt32 = 0) -> UInt32 {
    guard hasInstruction else { return checksumByTables(bytes, continuing: previous) }
    return ~meridian_crc32c(~previous, bytes.baseAddress, bytes.count)
  }

  /// The same without the instruction.
  static func checksumByTables(_ bytes: UnsafeRawBufferPointer, continuing previous: UInt32 = 0) -> UInt32 {
    guard let base = bytes.baseAddress else { return previous }
    let tables = self.tables
    var crc = ~previous
    var offset = 0
    let count = bytes.count
    while count - offset >= 8 {
      let word =
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) ^ UInt64(crc)
      crc =
        tables[7 * 256 + Int(truncatingIfNeeded: word & 0xFF)]
        ^ tables[6 * 256 + Int(truncatingIfNeeded: word >> 8 & 0xFF)]
        ^ tables[5 * 256 + Int(truncatingIfNeeded: word >> 16 & 0xFF)]
        ^ tables[4 * 256 + Int(truncatingIfNeeded: word >> 24 & 0xFF)]
        ^ tables[3 * 256 + Int(truncatingIfNeeded: word >> 32 & 0xFF)]
        ^ tables[2 * 256 + Int(truncatingIfNeeded: word >> 40 & 0xFF)]
        ^ tables[1 * 256 + Int(truncatingIfNeeded: word >> 48 & 0xFF)]
        ^ tables[Int(truncatingIfNeeded: word >> 56)]
      offset += 8
    }
    while offset < count {
      let byte = base.load(fromByteOffset: offset, as: UInt8.self)
      crc = crc >> 8 ^ tables[Int((crc ^ UInt32(byte)) & 0xFF)]
      offset += 1
    }
    return ~crc
  }

  public static func checksum(_ bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBytes { checksum($0) }
  }
}
