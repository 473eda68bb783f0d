// What the authority issues, read back by the library and, where it is installed, by openssl.

import Foundation
import Testing
import X509

@testable import Certificates

@Suite struct CertificateTests {
  static let now = Int64(Date().timeIntervalSince1970)
  static let day: Int64 = 86_400

  private func authority(days: Int64 = 10) throws -> (CertificateAuthority, IssuedCertificate) {
    let made = try CertificateAuthority.make(lifetime: CertificateLifetime(now: Self.now, seconds: days * Self.day))
    return (try CertificateAuthority(certificate: made.certificate, key: made.key), made)
  }

  private var lifetime: CertificateLifetime { CertificateLifetime(now: Self.now, seconds: 5 * Self.day) }

  @Test func aNodeIsNamedByItsHosts() throws {
    let (authority, _) = try authority()
    let issued = try authority.issueNode(
      hosts: ["db.example.com", "*.example.org", "127.0.0.1", "::1"], lifetime: lifetime)
    let certificate = try Certificate(pemEncoded: issued.certificate)
    let names = try #require(try certificate.extensions.subjectAlternativeNames)
    #expect(names.contains(.dnsName("db.example.com")))
    #expect(names.contains(.dnsName("*.example.org")))
    #expect(names.count == 4)
    #expect(Int64(certificate.notValidAfter.timeIntervalSince1970) == Self.now + 5 * Self.day)
    #expect(try Certificate.PrivateKey(pemEncoded: issued.key).publicKey == certificate.publicKey)
    #expect(CertificateFacts(der: try certificate.derBytes())?.isNode == true)
  }

  @Test(arguments: ["", "a b", "-a", "a..b", "*", "a.*.b", "x/y", "1.2.3.4.5.", String(repeating: "a", count: 64)])
  func otherTextsAreNoHosts(_ host: String) throws {
    let (authority, _) = try authority()
    #expect(throws: CertificateFailure.self) { try authority.issueNode(hosts: [host], lifetime: lifetime) }
  }

  @Test func aClientIsItsCommonName() throws {
    let (authority, _) = try authority()
    for user in ["postgres", "Jürgen", "a,CN=postgres", "x y", "node"] {
      let issued = try authority.issueClient(user: user, lifetime: lifetime)
      let der = try Certificate(pemEncoded: issued.certificate).derBytes()
      let facts = try #require(CertificateFacts(der: der))
      #expect(facts.commonName == user)
      #expect(!facts.isNode)
      #expect(facts.channelBinding?.count == 32)
    }
    #expect(CertificateFacts(der: [1, 2, 3]) == nil)
    #expect(throws: CertificateFailure.self) { try authority.issueClient(user: "", lifetime: lifetime) }
  }

  @Test func nothingOutlivesItsAuthority() throws {
    let (authority, _) = try authority(days: 1)
    #expect(throws: CertificateFailure(description: "the certificate would outlive its authority")) {
      try authority.issueClient(user: "a", lifetime: lifetime)
    }
  }

  @Test func anAuthorityNeedsItsOwnKey() throws {
    let (first, one) = try authority()
    let (_, two) = try authority()
    #expect(throws: CertificateFailure.self) { try CertificateAuthority(certificate: one.certificate, key: two.key) }
    #expect(throws: CertificateFailure.self) { try CertificateAuthority(certificate: "x", key: one.key) }
    let client = try first.issueClient(user: "a", lifetime: lifetime)
    #expect(throws: CertificateFailure(description: "the certificate is not that of an authority")) {
      try CertificateAuthority(certificate: client.certificate, key: client.key)
    }
  }

  private func makeFolder() throws -> CertificateFolder {
    let folder = CertificateFolder(NSTemporaryDirectory() + "/meridian-certificates-\(UUID().uuidString)")
    try folder.create()
    return folder
  }

  @Test func keysAreTheOwnersOnlyAndNothingIsReplacedUnasked() throws {
    let folder = try makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    let (_, one) = try authority()
    let (_, two) = try authority()
    func write(_ issued: IssuedCertificate, overwrites: Bool) throws {
      try CertificateFolder.write(
        issued, certificate: folder.authorityCertificate, key: folder.authorityKey, overwrites: overwrites)
    }
    try write(one, overwrites: false)
    let mode = try FileManager.default.attributesOfItem(atPath: folder.authorityKey)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(throws: CertificateFailure.self) { try write(two, overwrites: false) }
    #expect(try CertificateFolder.readKey(folder.authorityKey) == one.key)
    try write(two, overwrites: true)
    #expect(try CertificateFolder.readKey(folder.authorityKey) == two.key)
    chmod(folder.authorityKey, 0o644)
    #expect(throws: CertificateFailure.self) { try CertificateFolder.readKey(folder.authorityKey) }
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")))
  func opensslVerifiesTheChain() async throws {
    let folder = try makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    let (authority, own) = try authority()
    try CertificateFolder.write(
      own, certificate: folder.authorityCertificate, key: folder.authorityKey, overwrites: false)
    try CertificateFolder.write(
      try authority.issueNode(hosts: ["localhost", "127.0.0.1"], lifetime: lifetime),
      certificate: folder.nodeCertificate, key: folder.nodeKey, overwrites: false)
    try CertificateFolder.write(
      try authority.issueClient(user: "app", lifetime: lifetime), certificate: folder.clientCertificate("app"),
      key: folder.clientKey("app"), overwrites: false)
    func openssl(_ arguments: String...) async throws -> Int32 {
      // On a thread of its own: those of the tests are few, and must not wait.
      try await withCheckedThrowingContinuation { continuation in
        DispatchQueue(label: "openssl").async {
          continuation.resume(
            with: Result {
              let process = Process()
              process.executableURL = URL(filePath: "/usr/bin/openssl")
              process.arguments = arguments
              process.standardOutput = FileHandle.nullDevice
              process.standardError = FileHandle.nullDevice
              try process.run()
              process.waitUntilExit()
              return process.terminationStatus
            })
        }
      }
    }
    let trusted = ["-CAfile", folder.authorityCertificate]
    #expect(
      try await openssl(
        "verify", "-x509_strict", trusted[0], trusted[1], "-purpose", "sslserver", "-verify_hostname", "localhost",
        folder.nodeCertificate) == 0)
    #expect(
      try await openssl(
        "verify", "-x509_strict", trusted[0], trusted[1], "-purpose", "sslserver", "-verify_ip", "127.0.0.1",
        folder.nodeCertificate) == 0)
    #expect(
      try await openssl(
        "verify", "-x509_strict", trusted[0], trusted[1], "-purpose", "sslclient", folder.clientCertificate("app"))
        == 0)
    #expect(
      try await openssl(
        "verify", trusted[0], trusted[1], "-purpose", "sslserver", folder.clientCertificate("app")) != 0)
  }
}

extension Certificate {
  fileprivate func derBytes() throws -> [UInt8] { try serializeAsPEM().derBytes }
}
