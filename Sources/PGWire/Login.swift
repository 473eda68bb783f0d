// How one client shows who it is, from its startup message to AuthenticationOk: a synchronous value that takes messages and gives
// bytes to send. Contract: whatever comes is a step, a refusal or a protocol violation; a role that does not exist, has no
// password or has one that has run out is refused after the same exchange and with the same words as a wrong password.
// Source: PostgreSQL manual, 55.2.1 "Start-up", 55.3 "SASL Authentication", chapter 21 "Client Authentication".

import Credentials
import SQLTypes

struct Login {
  enum Limits {
    /// PostgreSQL's default of authentication_timeout.
    static let nanoseconds: Int64 = 60_000_000_000
  }

  enum Step {
    /// Send this and wait for the next message.
    case ask(Reply)
    /// The client is who it says it is; send this first.
    case accepted(Reply)
  }

  enum Reply {
    case mechanisms([String])
    case challenge(String)
    case final(String)
  }

  let user: String
  private let channelBinding: [UInt8]?
  private var exchange: SCRAMServer
  private let mechanisms: [SCRAMServer.Mechanism]
  private var hasChosen = false

  /// - Parameters:
  ///   - verifier: what is kept for the role; nil if it does not exist or cannot log in by password.
  ///   - isEncrypted: whether the channel is; only then can it be bound to.
  init(user: String, verifier: String?, isEncrypted: Bool, _ certificates: WireCertificates) {
    self.user = user
    channelBinding = isEncrypted ? certificates.channelBinding : nil
    // Made either way, so that both ways take the same time.
    let mock = SCRAMVerifier.mock(user: user, secret: certificates.mockSecret)
    let kept = verifier.flatMap { SCRAMVerifier($0) }
    exchange = SCRAMServer(
      verifier: kept ?? mock, isGenuine: kept != nil, serverNonce: certificates.secrets.nonce(),
      channelBinding: channelBinding)
    mechanisms = SCRAMServer.mechanisms(channelBinding: channelBinding)
  }

  /// The first question.
  func begin() -> Reply { .mechanisms(mechanisms.map(\.rawValue)) }

  /// Takes the body of a `p` message.
  /// - Throws: 28P01 for a wrong password; 08P01, 28000 or 0A000 for an exchange that makes no sense.
  mutating func receive(_ body: [UInt8]) throws(SQLError) -> Step {
    do throws(SCRAMFailure) {
      let step: SCRAMServer.Step
      if hasChosen {
        step = try exchange.receive(final: body)
      } else {
        let (mechanism, message) = try initialResponse(body)
        hasChosen = true
        step = try exchange.receive(first: message, mechanism: mechanism)
      }
      switch step {
      case .challenge(let text): return .ask(.challenge(text))
      case .accepted(let text): return .accepted(.final(text))
      }
    } catch {
      throw Self.error(error, user: user)
    }
  }

  /// `SASLInitialResponse`: the mechanism's name with its zero, a length, that many bytes.
  private func initialResponse(
    _ body: [UInt8]
  ) throws(SCRAMFailure) -> (mechanism: SCRAMServer.Mechanism, message: [UInt8]) {
    guard let zero = body.firstIndex(of: 0) else { throw .malformed("The mechanism has no end.") }
    let name = String(decoding: body[..<zero], as: UTF8.self)
    guard let mechanism = mechanisms.first(where: { $0.rawValue == name }) else {
      throw .mismatch("client selected an invalid SASL authentication mechanism", detail: nil)
    }
    let rest = body[(zero + 1)...]
    guard rest.count >= 4 else { throw .malformed("The message has no length.") }
    let length = rest.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    guard Int(length) == rest.count - 4 else { throw .malformed("Message length does not match input length.") }
    return (mechanism, Array(rest.dropFirst(4)))
  }

  private static func error(_ failure: SCRAMFailure, user: String) -> SQLError {
    switch failure {
    case .refusal:
      SQLError(.invalidPassword, "password authentication failed for user \"\(user)\"")
    case .malformed(let detail): SQLError(.protocolViolation, "malformed SCRAM message", detail: detail)
    case .unsupported(let message): SQLError(.featureNotSupported, message)
    case .mismatch(let message, let detail): SQLError(.invalidAuthorizationSpecification, message, detail: detail)
    }
  }
}
