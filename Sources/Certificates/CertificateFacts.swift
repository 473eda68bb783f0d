// What a server wants to know of a certificate that TLS has already verified, or of its own.

import Crypto
import SwiftASN1
import X509

public struct CertificateFacts: Sendable, Hashable {
  /// The subject's common name; nil if there is none, more than one, or one that is not text.
  public var commonName: String?
  /// Whether it is one that a node shows to other nodes: its common name is `node`, and it is good for servers, which no client's is.
  public var isNode: Bool
  /// `tls-server-end-point`: the certificate hashed as its signature hashes, at least with SHA-256; nil for signatures without a
  /// single hash. Source: RFC 5929, section 4.1.
  public var channelBinding: [UInt8]?

  /// - Parameter der: the certificate's bytes; nil if they are none.
  public init?(der: [UInt8]) {
    guard let certificate = try? Certificate(derEncoded: der) else { return nil }
    var names: [String?] = []
    for relative in certificate.subject {
      for attribute in relative where attribute.type == .RDNAttributeType.commonName {
        names.append(String(attribute.value))
      }
    }
    commonName = names.count == 1 ? names[0] : nil
    let usages = (try? certificate.extensions.extendedKeyUsage) ?? nil
    isNode = commonName == "node" && (usages?.contains(.serverAuth) ?? false)
    switch certificate.signatureAlgorithm {
    case .ecdsaWithSHA256, .sha256WithRSAEncryption, .sha1WithRSAEncryption:
      channelBinding = Array(SHA256.hash(data: der))
    case .ecdsaWithSHA384, .sha384WithRSAEncryption: channelBinding = Array(SHA384.hash(data: der))
    case .ecdsaWithSHA512, .sha512WithRSAEncryption: channelBinding = Array(SHA512.hash(data: der))
    default: channelBinding = nil
    }
  }
}
