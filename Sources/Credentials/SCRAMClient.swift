// The client's side of SCRAM-SHA-256, without channel binding. A value: the nonce is handed in, the messages are text.
// Contract: `finish` succeeds only if the server has shown that it knows the user's verifier.
// Source: RFC 5802, RFC 7677.

public struct SCRAMClient: Sendable {
  private enum Limits {
    /// Rounds that a server may ask for; more would be an attack on the client's time.
    static let iterations = 10_000_000
  }

  private let password: [UInt8]
  private let clientNonce: String
  private let name: String
  private var serverSignature: [UInt8]?

  /// - Parameters:
  ///   - name: the user; PostgreSQL's servers take it from the startup packet and expect it empty here.
  ///   - nonce: printable, without commas, new for each exchange.
  public init(password: [UInt8], name: String = "", nonce: String) {
    self.password = password
    self.name = name
    clientNonce = nonce
  }

  private var bare: String { "n=\(name),r=\(clientNonce)" }

  /// The client-first message.
  public var first: String { "n,,\(bare)" }

  /// The client-final message that answers the server-first one. Costs `SCRAMKeys.init`'s work.
  public mutating func answer(_ serverFirst: String) throws(SCRAMFailure) -> String {
    var reader = SCRAMReader(serverFirst)
    let nonce = try reader.attribute("r")
    guard nonce.utf8.starts(with: clientNonce.utf8), nonce.utf8.count > clientNonce.utf8.count,
      isPrintable(nonce: nonce)
    else {
      throw .mismatch("invalid SCRAM response", detail: "Nonce does not match.")
    }
    guard let salt = Base64.decode(try reader.attribute("s")), !salt.isEmpty else {
      throw .malformed("The salt is not base64.")
    }
    guard let iterations = Int(try reader.attribute("i")), (1...Limits.iterations).contains(iterations) else {
      throw .malformed("The number of iterations makes no sense.")
    }
    let keys = SCRAMKeys(password: password, salt: salt, iterations: iterations)
    // "biws" is base64 of "n,,".
    let withoutProof = "c=biws,r=\(nonce)"
    let signed = Array("\(bare),\(serverFirst),\(withoutProof)".utf8)
    let signature = SCRAMKeys.authenticate(signed, key: keys.storedKey)
    serverSignature = SCRAMKeys.authenticate(signed, key: keys.serverKey)
    return "\(withoutProof),p=\(Base64.encode(SCRAMKeys.exclusiveOr(keys.clientKey, signature)))"
  }

  /// Checks the server-final message.
  public func finish(_ serverFinal: String) throws(SCRAMFailure) {
    var reader = SCRAMReader(serverFinal)
    if serverFinal.hasPrefix("e=") {
      throw .mismatch("error received from server in SCRAM exchange", detail: try reader.attribute("e"))
    }
    guard let signature = Base64.decode(try reader.attribute("v")), let serverSignature,
      SCRAMKeys.isEqual(signature, serverSignature)
    else { throw .mismatch("incorrect server signature", detail: nil) }
  }
}
