// Who may come in, and how: everybody (a node without certificates, which listens on loopback or was told to be insecure), or
// those who show a client certificate or know a password.
//
//     node              channel     from        then
//     no certificates   plain       anywhere    in
//     certificates      TLS         anywhere    a verified certificate of the role's name, else SCRAM-SHA-256
//     certificates      plain       loopback    SCRAM-SHA-256
//     certificates      plain       elsewhere   refused (28000)
//
// Cancel requests come on plain channels too, from everywhere: libpq knows no other way before version 17, and the secret that they
// carry names one session.

import Credentials
import NIOCore
import NIOSSL

public enum WireSecurity: Sendable {
  case open
  case certificates(WireCertificates)

  var certificates: WireCertificates? {
    switch self {
    case .open: nil
    case .certificates(let certificates): certificates
    }
  }
}

/// What a node with certificates needs to greet its clients.
public struct WireCertificates: Sendable {
  /// Verifies the certificates that clients present; they need not present any.
  public var context: NIOSSLContext
  /// `tls-server-end-point` of the node's certificate, if it has one.
  public var channelBinding: [UInt8]?
  /// The one common name in a certificate's DER bytes.
  public var commonName: @Sendable ([UInt8]) -> String?
  /// Nonces.
  public var secrets: SecretSource
  /// What mock verifiers are derived from: the same after a restart, known to nobody.
  public var mockSecret: [UInt8]

  public init(
    context: NIOSSLContext, channelBinding: [UInt8]?, commonName: @escaping @Sendable ([UInt8]) -> String?,
    secrets: SecretSource, mockSecret: [UInt8]
  ) {
    self.context = context
    self.channelBinding = channelBinding
    self.commonName = commonName
    self.secrets = secrets
    self.mockSecret = mockSecret
  }
}

extension SocketAddress {
  /// Whether the other side is on this machine.
  var isLoopback: Bool {
    guard let text = ipAddress else {
      // A Unix domain socket.
      return true
    }
    return text == "::1" || text.hasPrefix("127.") || text.hasPrefix("::ffff:127.")
  }
}
