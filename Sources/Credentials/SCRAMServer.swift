// The server's side of SCRAM-SHA-256: two messages in, two out. A value without clock or randomness: the nonce is handed in.
//
//     client-first   n,,n=,r=<client nonce>            (or p=tls-server-end-point,,… with channel binding)
//     server-first   r=<both nonces>,s=<salt>,i=<iterations>
//     client-final   c=<binding>,r=<both nonces>,p=<proof>
//     server-final   v=<signature>
//
// Contract: an exchange over a mock verifier sends the same messages, does the same work and ends in `.refusal`, so that nobody
// learns which users exist. Source: RFC 5802, RFC 7677, RFC 5929 (tls-server-end-point); PostgreSQL manual, 55.3 "SASL Authentication".

public struct SCRAMServer: Sendable {
  public enum Mechanism: String, Sendable, CaseIterable {
    case plain = "SCRAM-SHA-256"
    case bound = "SCRAM-SHA-256-PLUS"
  }

  public enum Step: Sendable, Hashable {
    /// Send this; the client answers.
    case challenge(String)
    /// The client knows the password; this ends the exchange.
    case accepted(String)
  }

  private enum State {
    case first
    case final(bare: String, serverFirst: String, nonce: String, header: [UInt8], binding: [UInt8])
    case ended
  }

  private let verifier: SCRAMVerifier
  private let isGenuine: Bool
  private let serverNonce: String
  private let channelBinding: [UInt8]?
  private var state = State.first

  /// - Parameters:
  ///   - isGenuine: false for a mock: the exchange ends in `.refusal` whatever the proof.
  ///   - serverNonce: printable, without commas, new for each exchange.
  ///   - channelBinding: the hash of the server's certificate if the channel is encrypted with one.
  public init(verifier: SCRAMVerifier, isGenuine: Bool, serverNonce: String, channelBinding: [UInt8]?) {
    self.verifier = verifier
    self.isGenuine = isGenuine
    self.serverNonce = serverNonce
    self.channelBinding = channelBinding
  }

  /// What the server offers, the best first.
  public static func mechanisms(channelBinding: [UInt8]?) -> [Mechanism] {
    channelBinding == nil ? [.plain] : [.bound, .plain]
  }

  /// Takes the client's first message.
  public mutating func receive(first message: [UInt8], mechanism: Mechanism) throws(SCRAMFailure) -> Step {
    guard case .first = state else { throw .malformed("The exchange has already begun.") }
    state = .ended
    let text = try Self.text(message)
    var reader = SCRAMReader(text)
    var header: [UInt8] = []
    var binding: [UInt8] = []
    switch reader.byte() {
    case UInt8(ascii: "n"):
      guard mechanism == .plain else {
        throw .malformed(
          "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.")
      }
      header = Array("n,".utf8)
    case UInt8(ascii: "y"):
      guard mechanism == .plain else {
        throw .malformed(
          "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.")
      }
      if channelBinding != nil {
        throw .mismatch(
          "SCRAM channel binding negotiation error",
          detail: "The client supports SCRAM channel binding but thinks the server does not.  "
            + "However, this server does support channel binding.")
      }
      header = Array("y,".utf8)
    case UInt8(ascii: "p"):
      guard mechanism == .bound, let channelBinding else {
        throw .malformed(
          "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data."
        )
      }
      var again = SCRAMReader(text)
      let kind = try again.attribute("p")
      guard kind == "tls-server-end-point" else {
        throw .unsupported("unsupported SCRAM channel-binding type \"\(kind)\"")
      }
      header = Array("p=tls-server-end-point,".utf8)
      binding = channelBinding
    case let other:
      throw .malformed("Unexpected channel-binding flag \"\(other.map(SCRAMReader.shown) ?? "")\".")
    }
    guard text.utf8.starts(with: header) else { throw .malformed("Comma expected, but found something else.") }
    var bareReader = SCRAMReader(String(decoding: text.utf8.dropFirst(header.count), as: UTF8.self))
    switch bareReader.byte() {
    case UInt8(ascii: ","): header.append(UInt8(ascii: ","))
    case UInt8(ascii: "a"): throw .unsupported("client uses authorization identity, but it is not supported")
    case let other:
      throw .malformed("Unexpected attribute \"\(other.map(SCRAMReader.shown) ?? "")\" in client-first-message.")
    }
    let bare = String(decoding: bareReader.rest, as: UTF8.self)
    if bareReader.rest.first == UInt8(ascii: "m") {
      throw .unsupported("client requires an unsupported SCRAM extension")
    }
    // The name is that of the startup packet; what stands here is ignored, as PostgreSQL does.
    _ = try bareReader.attribute("n")
    let clientNonce = try bareReader.attribute("r")
    guard isPrintable(nonce: clientNonce) else { throw .malformed("non-printable characters in SCRAM nonce") }
    bareReader.skipRest()
    let nonce = clientNonce + serverNonce
    let serverFirst = "r=\(nonce),s=\(Base64.encode(verifier.salt)),i=\(verifier.iterations)"
    state = .final(bare: bare, serverFirst: serverFirst, nonce: nonce, header: header, binding: binding)
    return .challenge(serverFirst)
  }

  /// Takes the client's last message.
  public mutating func receive(final message: [UInt8]) throws(SCRAMFailure) -> Step {
    guard case .final(let bare, let serverFirst, let nonce, let header, let binding) = state else {
      throw .malformed("The exchange has not begun.")
    }
    state = .ended
    let text = try Self.text(message)
    var reader = SCRAMReader(text)
    let bound = try reader.attribute("c")
    guard Base64.decode(bound) == header + binding else {
      if binding.isEmpty {
        throw .malformed("Unexpected channel-binding attribute in client-final-message.")
      }
      throw .mismatch("SCRAM channel binding check failed", detail: nil)
    }
    guard try reader.attribute("r").utf8.elementsEqual(nonce.utf8) else {
      throw .mismatch("invalid SCRAM response", detail: "Nonce does not match.")
    }
    // The proof is last; what stands between is an extension, which must be signed but not understood.
    guard let place = text.utf8.lastIndex(of: UInt8(ascii: ",")) else {
      throw .malformed("Malformed proof in client-final-message.")
    }
    var proofReader = SCRAMReader(String(decoding: text.utf8[place...].dropFirst(), as: UTF8.self))
    guard let proof = Base64.decode(try proofReader.attribute("p")), proof.count == 32 else {
      throw .malformed("Malformed proof in client-final-message.")
    }
    guard proofReader.isAtEnd else { throw .malformed("Garbage found at the end of client-final-message.") }
    let signed = Array("\(bare),\(serverFirst),".utf8) + text.utf8[..<place]
    let clientSignature = SCRAMKeys.authenticate(signed, key: verifier.storedKey)
    let clientKey = SCRAMKeys.exclusiveOr(proof, clientSignature)
    let isRight = SCRAMKeys.isEqual(SCRAMKeys.hash(clientKey), verifier.storedKey)
    let serverSignature = SCRAMKeys.authenticate(signed, key: verifier.serverKey)
    guard isRight, isGenuine else { throw .refusal }
    return .accepted("v=\(Base64.encode(serverSignature))")
  }

  private static func text(_ message: [UInt8]) throws(SCRAMFailure) -> String {
    if message.isEmpty { throw .malformed("The message is empty.") }
    guard !message.contains(0), let text = String(validating: message, as: UTF8.self) else {
      throw .malformed("The message is not text.")
    }
    return text
  }
}
