// Salts and nonces that tell nothing of one another: HMAC-SHA-256 of a counter under a key that was drawn once. The generators
// of the environment are fast and reproducible, but who sees some of their output can compute the rest; what leaves the
// node comes through here. Under simulation the key, and so everything, follows from the seed.

import Synchronization

/// Shared by all connections of a node.
public final class SecretSource: Sendable {
  private let key: [UInt8]
  private let count = Mutex<UInt64>(0)

  /// - Parameter key: 32 random bytes.
  public init(key: [UInt8]) { self.key = key }

  public convenience init(_ random: inout some RandomNumberGenerator) {
    var key: [UInt8] = []
    for _ in 0..<4 {
      let word = random.next()
      for shift in stride(from: UInt64(0), to: 64, by: 8) { key.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }
    self.init(key: key)
  }

  public func bytes(_ byteCount: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < byteCount {
      let number = count.withLock { count in
        count &+= 1
        return count
      }
      let message = stride(from: UInt64(0), to: 64, by: 8).map { UInt8(truncatingIfNeeded: number >> $0) }
      bytes += SCRAMKeys.authenticate(message, key: key)
    }
    return Array(bytes.prefix(byteCount))
  }

  /// A secret of its own for a purpose, the same each time.
  public func derived(_ purpose: String) -> [UInt8] {
    SCRAMKeys.authenticate(Array(purpose.utf8), key: key)
  }

  /// A nonce as SCRAM's messages carry it: PostgreSQL's SCRAM_RAW_NONCE_LEN, 18 bytes, in base64.
  public func nonce() -> String { Base64.encode(bytes(18)) }
}
