// What a server keeps instead of a password: enough to check a client's proof and to prove that it knows the client, not
// enough to log in anywhere.
// Source: PostgreSQL manual, 53.8 "pg_authid"; the text is PostgreSQL's, so that roles move between the two:
//
//     SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>      (the last three in base64)

public struct SCRAMVerifier: Sendable, Hashable, CustomStringConvertible {
  public enum Limits {
    /// PostgreSQL's SCRAM_DEFAULT_ITERATIONS, RFC 7677's minimum.
    public static let defaultIterations = 4096
    /// PostgreSQL's SCRAM_DEFAULT_SALT_LEN.
    public static let saltByteCount = 16
  }

  public var iterations: Int
  public var salt: [UInt8]
  public var storedKey: [UInt8]
  public var serverKey: [UInt8]

  /// - Parameter salt: random, `Limits.saltByteCount` long. Costs `SCRAMKeys.init`'s work.
  public init(password: [UInt8], salt: [UInt8], iterations: Int = Limits.defaultIterations) {
    let keys = SCRAMKeys(password: password, salt: salt, iterations: iterations)
    self.iterations = iterations
    self.salt = salt
    storedKey = keys.storedKey
    serverKey = keys.serverKey
  }

  /// nil if the text is not a verifier.
  public init?(_ text: String) {
    let parts = text.split(separator: "$", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "SCRAM-SHA-256" else { return nil }
    let work = parts[1].split(separator: ":", omittingEmptySubsequences: false)
    let keys = parts[2].split(separator: ":", omittingEmptySubsequences: false)
    guard work.count == 2, keys.count == 2, work[0].utf8.allSatisfy({ (48...57).contains($0) }),
      let iterations = Int32(work[0]), iterations > 0, let salt = Base64.decode(work[1]), !salt.isEmpty,
      let storedKey = Base64.decode(keys[0]), storedKey.count == 32,
      let serverKey = Base64.decode(keys[1]), serverKey.count == 32
    else { return nil }
    self.iterations = Int(iterations)
    self.salt = salt
    self.storedKey = storedKey
    self.serverKey = serverKey
  }

  private init(iterations: Int, salt: [UInt8], storedKey: [UInt8], serverKey: [UInt8]) {
    self.iterations = iterations
    self.salt = salt
    self.storedKey = storedKey
    self.serverKey = serverKey
  }

  /// What stands for a user who does not exist or has no password: the same salt each time for the same name, as a real one
  /// would show, and keys that no proof fits. An exchange over it costs what a real one costs.
  /// - Parameter secret: the node's own; without it nobody can tell such a salt from a real one.
  public static func mock(user: String, secret: [UInt8]) -> SCRAMVerifier {
    let derived = SCRAMKeys.authenticate(Array(user.utf8), key: secret)
    return SCRAMVerifier(
      iterations: Limits.defaultIterations, salt: Array(derived.prefix(Limits.saltByteCount)),
      storedKey: SCRAMKeys.authenticate(derived + [1], key: secret),
      serverKey: SCRAMKeys.authenticate(derived + [2], key: secret))
  }

  /// Whether this is the password. Costs `SCRAMKeys.init`'s work.
  public func matches(password: [UInt8]) -> Bool {
    SCRAMKeys.isEqual(SCRAMKeys(password: password, salt: salt, iterations: iterations).serverKey, serverKey)
  }

  public var description: String {
    "SCRAM-SHA-256$\(iterations):\(Base64.encode(salt))$\(Base64.encode(storedKey)):\(Base64.encode(serverKey))"
  }
}
