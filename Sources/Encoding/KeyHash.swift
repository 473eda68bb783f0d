// HOT: a 64-bit hash of key bytes, for the latches' filter, the timestamp cache and the cache of versions. The first two
// may confuse two keys of one hash without harm (they then wait, or are pushed, needlessly), the third compares the keys,
// so the hash needs speed and spread, not secrecy. Multiply and fold, 8 bytes at a time, as in wyhash.

public enum KeyHash {
  /// Never 0, so that 0 can mean an empty slot.
  @inline(__always)
  public static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: bytes.count)
    var offset = 0
    while offset + 8 <= bytes.count {
      state = fold(
        state ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self), 0xA076_1D64_78BD_642F)
      offset += 8
    }
    var tail: UInt64 = 0
    while offset < bytes.count {
      tail = tail << 8 | UInt64(bytes[offset])
      offset += 1
    }
    let hash = fold(state ^ tail, 0xE703_7ED1_A0B4_28DB)
    return hash == 0 ? 1 : hash
  }

  @inline(__always)
  public static func hash(_ bytes: [UInt8]) -> UInt64 {
    bytes.withUnsafeBytes { hash($0) }
  }

  @inline(__always)
  private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (high, low) = a.multipliedFullWidth(by: b)
    return high ^ low ^ (a &>> 32)
  }
}
