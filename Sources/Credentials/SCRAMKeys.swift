// What SCRAM-SHA-256 computes from a password, and how much work that is.
// Source: RFC 5802, section 3 (`Hi`, `ClientKey`, `StoredKey`, `ServerKey`), RFC 7677.

import Crypto

/// The keys of one password with one salt.
public struct SCRAMKeys: Sendable, Hashable {
  /// What proves that a client knows the password; never kept.
  public var clientKey: [UInt8]
  /// `H(ClientKey)`: what a client's proof is checked against.
  public var storedKey: [UInt8]
  /// What proves to a client that the server knows its verifier.
  public var serverKey: [UInt8]

  /// `iterations` rounds of HMAC-SHA-256: at 4096 some milliseconds, which is no work for a reactor.
  public init(password: [UInt8], salt: [UInt8], iterations: Int) {
    let salted = Self.saltedPassword(password, salt: salt, iterations: iterations)
    clientKey = Self.authenticate(Array("Client Key".utf8), key: salted)
    storedKey = Self.hash(clientKey)
    serverKey = Self.authenticate(Array("Server Key".utf8), key: salted)
  }

  /// `Hi(password, salt, i)`: PBKDF2 with HMAC-SHA-256 and one block of output.
  static func saltedPassword(_ password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
    // The key's own two blocks are hashed once; each round goes on from a copy.
    let keyed = HMAC<SHA256>(key: SymmetricKey(data: password))
    var first = keyed
    first.update(data: salt + [0, 0, 0, 1])
    var round = Array(first.finalize())
    var sum = round
    for _ in 1..<max(1, iterations) {
      var next = keyed
      next.update(data: round)
      round.removeAll(keepingCapacity: true)
      round.append(contentsOf: next.finalize())
      for index in sum.indices { sum[index] ^= round[index] }
    }
    return sum
  }

  static func authenticate(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
    Array(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
  }

  static func hash(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

  /// Takes as long for the first difference as for the last.
  static func isEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    var difference: UInt8 = 0
    for index in a.indices { difference |= a[index] ^ b[index] }
    return difference == 0
  }

  static func exclusiveOr(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] { zip(a, b).map { $0 ^ $1 } }
}
