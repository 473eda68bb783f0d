// The authority that a cluster's nodes and clients trust: its own certificate and key, and what it issues. All keys are on P-256,
// signatures ECDSA with SHA-256, which every client of the last ten years understands.
// Contract: nothing issued outlives its issuer; a node's certificate names every host that clients may call it by; a client's
// common name is the role that it logs in as.
// Source: RFC 5280; RFC 6125 for host names.

import Crypto
import FoundationEssentials
import Glibc
import SwiftASN1
import X509

/// Why a certificate cannot be made or read, in words for an operator.
public struct CertificateFailure: Error, Sendable, Hashable, CustomStringConvertible {
  public var description: String
}

/// A certificate and its private key as PEM texts.
public struct IssuedCertificate: Sendable, Hashable {
  public var certificate: String
  /// PKCS #8, not encrypted: the file's mode protects it.
  public var key: String
}

/// From when to when, in seconds since the Unix epoch.
public struct CertificateLifetime: Sendable, Hashable {
  public var begin: Int64
  public var end: Int64

  /// From an hour ago, since clocks differ, until `seconds` from now.
  public init(now: Int64, seconds: Int64) {
    begin = now - 3600
    end = now + seconds
  }

  fileprivate var dates: (begin: Date, end: Date) {
    (Date(timeIntervalSince1970: Double(begin)), Date(timeIntervalSince1970: Double(end)))
  }
}

public struct CertificateAuthority: Sendable {
  private let certificate: Certificate
  private let key: Certificate.PrivateKey

  /// When the authority itself ends.
  public var end: Int64 { Int64(certificate.notValidAfter.timeIntervalSince1970) }

  /// Makes a new authority and gives what is to be kept of it.
  public static func make(lifetime: CertificateLifetime) throws(CertificateFailure) -> IssuedCertificate {
    try describing("make the authority") {
      let signingKey = P256.Signing.PrivateKey()
      let key = Certificate.PrivateKey(signingKey)
      let name = try Self.name("Meridian CA")
      let certificate = try Certificate(
        version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
        notValidBefore: lifetime.dates.begin, notValidAfter: lifetime.dates.end, issuer: name, subject: name,
        signatureAlgorithm: .ecdsaWithSHA256,
        extensions: Certificate.Extensions {
          Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
          Critical(KeyUsage(digitalSignature: true, keyCertSign: true, cRLSign: true))
          SubjectKeyIdentifier(hash: key.publicKey)
        },
        issuerPrivateKey: key)
      return try Self.issued(certificate, signingKey)
    }
  }

  /// - Parameters: the PEM texts of `IssuedCertificate`; an RSA or P-384 authority of the operator's own does as well.
  public init(certificate certificateText: String, key keyText: String) throws(CertificateFailure) {
    do {
      certificate = try Certificate(pemEncoded: certificateText)
    } catch {
      throw CertificateFailure(description: "the authority's certificate cannot be read: \(error)")
    }
    do {
      key = try Certificate.PrivateKey(pemEncoded: keyText)
    } catch {
      throw CertificateFailure(description: "the authority's key cannot be read: \(error)")
    }
    guard key.publicKey == certificate.publicKey else {
      throw CertificateFailure(description: "the authority's key does not belong to its certificate")
    }
    guard case .isCertificateAuthority = (try? certificate.extensions.basicConstraints) ?? .notCertificateAuthority
    else { throw CertificateFailure(description: "the certificate is not that of an authority") }
  }

  /// A node's certificate.
  /// - Parameter hosts: names, wildcards (`*.example.com`) and IP addresses that clients reach it by; at least one.
  public func issueNode(hosts: [String], lifetime: CertificateLifetime) throws(CertificateFailure) -> IssuedCertificate
  {
    guard !hosts.isEmpty else { throw CertificateFailure(description: "a node's certificate needs at least one host") }
    var names: [GeneralName] = []
    for host in hosts { names.append(try Self.alternativeName(host)) }
    // A node is the client of other nodes too.
    return try issue(commonName: "node", usages: [.serverAuth, .clientAuth], names: names, lifetime: lifetime)
  }

  /// The certificate that a role logs in with.
  public func issueClient(user: String, lifetime: CertificateLifetime) throws(CertificateFailure) -> IssuedCertificate {
    // RFC 5280's ub-common-name; PostgreSQL's names end at 63 bytes.
    guard !user.isEmpty, user.unicodeScalars.count <= 64, !user.utf8.contains(0) else {
      throw CertificateFailure(description: "\"\(user)\" cannot be a certificate's common name")
    }
    return try issue(commonName: user, usages: [.clientAuth], names: [], lifetime: lifetime)
  }

  private func issue(
    commonName: String, usages: [ExtendedKeyUsage.Usage], names: [GeneralName], lifetime: CertificateLifetime
  ) throws(CertificateFailure) -> IssuedCertificate {
    guard lifetime.end <= end else {
      throw CertificateFailure(description: "the certificate would outlive its authority")
    }
    return try Self.describing("issue the certificate") {
      let signingKey = P256.Signing.PrivateKey()
      let publicKey = Certificate.PublicKey(signingKey.publicKey)
      var extensions = try Certificate.Extensions {
        Critical(BasicConstraints.notCertificateAuthority)
        Critical(KeyUsage(digitalSignature: true, keyAgreement: true))
        try ExtendedKeyUsage(usages)
        SubjectKeyIdentifier(hash: publicKey)
      }
      if let own = try certificate.extensions.subjectKeyIdentifier {
        try extensions.append(
          Certificate.Extension(AuthorityKeyIdentifier(keyIdentifier: own.keyIdentifier), critical: false))
      }
      if !names.isEmpty {
        try extensions.append(Certificate.Extension(SubjectAlternativeNames(names), critical: false))
      }
      let certificate = try Certificate(
        version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
        notValidBefore: lifetime.dates.begin, notValidAfter: lifetime.dates.end, issuer: certificate.subject,
        subject: try Self.name(commonName), extensions: extensions, issuerPrivateKey: key)
      return try Self.issued(certificate, signingKey)
    }
  }

  private static func name(_ commonName: String) throws -> DistinguishedName {
    try DistinguishedName {
      OrganizationName("Meridian")
      CommonName(commonName)
    }
  }

  private static func issued(_ certificate: Certificate, _ key: P256.Signing.PrivateKey) throws -> IssuedCertificate {
    IssuedCertificate(
      certificate: try certificate.serializeAsPEM().pemString + "\n", key: key.pemRepresentation + "\n")
  }

  private static func describing<R>(_ what: String, _ body: () throws -> R) throws(CertificateFailure) -> R {
    do {
      return try body()
    } catch {
      throw CertificateFailure(description: "cannot \(what): \(error)")
    }
  }

  /// An IP address, or a name as DNS allows it.
  private static func alternativeName(_ host: String) throws(CertificateFailure) -> GeneralName {
    if let address = addressBytes(host) { return .ipAddress(ASN1OctetString(contentBytes: address[...])) }
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    let isName =
      host.utf8.count <= 253
      && labels.enumerated().allSatisfy { index, label in
        if index == 0, label == "*" { return labels.count > 1 }
        return (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
          && label.utf8.allSatisfy {
            $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || (48...57).contains($0) || (97...122).contains($0 | 32)
          }
      }
    guard isName else { throw CertificateFailure(description: "\"\(host)\" is neither a host name nor an IP address") }
    return .dnsName(host)
  }

  /// The 4 or 16 bytes of an IP address in text, in network order.
  private static func addressBytes(_ text: String) -> [UInt8]? {
    var four = in_addr()
    if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
    var six = in6_addr()
    if inet_pton(AF_INET6, text, &six) == 1 { return withUnsafeBytes(of: six) { Array($0) } }
    return nil
  }
}
