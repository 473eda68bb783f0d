// The number that tells clusters apart, so that a node which is pointed at the wrong cluster is turned away: drawn once, when a
// cluster is initialised.

import Reactors

/// 128 bits, written as a UUID.
public struct ClusterID: Hashable, Sendable, LosslessStringConvertible {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Draws one, as a random UUID of version 4 (RFC 9562).
  public init(_ random: inout RandomSource) {
    self.init(
      high: random.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000,
      low: random.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
  }

  /// - Parameter description: 32 hexadecimal digits, with hyphens where a UUID has them or without any.
  public init?(_ description: String) {
    let groups = description.split(separator: "-", omittingEmptySubsequences: false).map(\.utf8.count)
    guard groups == [8, 4, 4, 4, 12] || groups == [32] else { return nil }
    var digits: (high: UInt64, low: UInt64) = (0, 0)
    for character in description where character != "-" {
      guard character.isASCII, let digit = character.hexDigitValue else { return nil }
      digits.high = digits.high << 4 | digits.low >> 60
      digits.low = digits.low << 4 | UInt64(digit)
    }
    self.init(high: digits.high, low: digits.low)
  }

  public var description: String {
    func hex(_ number: UInt64, _ digitCount: Int) -> String {
      let text = String(number, radix: 16)
      return String(repeating: "0", count: digitCount - text.utf8.count) + text
    }
    return [
      hex(high >> 32, 8), hex(high >> 16 & 0xFFFF, 4), hex(high & 0xFFFF, 4), hex(low >> 48, 4),
      hex(low & 0xFFFF_FFFF_FFFF, 12),
    ].joined(separator: "-")
  }
}
