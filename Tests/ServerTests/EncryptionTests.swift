// A node with certificates: real psql by certificate and by password, who is refused and in which words, and messages that no
// client sends. Texts and states are PostgreSQL's, but for the one that PostgreSQL draws from its pg_hba.conf.

import Certificates
import Foundation
import Server
import Testing

private let psql = "/usr/bin/psql"

/// Runs what blocks on a thread of its own: the node in this process needs those that tests run on.
private func blocking<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
  try await withCheckedThrowingContinuation { continuation in
    DispatchQueue(label: "blocking").async { continuation.resume(with: Result { try body() }) }
  }
}

/// A node that listens on all interfaces, and the certificates to reach it.
private final class SecureNode: Sendable {
  let node: Node
  let folder: String
  var port: Int { node.sqlAddress.port }
  var certificates: CertificateFolder { CertificateFolder(folder + "/certs") }

  private init(_ node: Node, _ folder: String) {
    self.node = node
    self.folder = folder
  }

  static func start() async throws -> SecureNode {
    let folder = try TestNode.makeFolder()
    let certificates = CertificateFolder(folder + "/certs")
    try certificates.create()
    let now = Int64(Date().timeIntervalSince1970)
    let made = try CertificateAuthority.make(lifetime: CertificateLifetime(now: now, seconds: 86_400))
    let authority = try CertificateAuthority(certificate: made.certificate, key: made.key)
    let lifetime = CertificateLifetime(now: now, seconds: 3600)
    try CertificateFolder.write(
      made, certificate: certificates.authorityCertificate, key: certificates.authorityKey, overwrites: false)
    try CertificateFolder.write(
      try authority.issueNode(hosts: ["localhost"], lifetime: lifetime), certificate: certificates.nodeCertificate,
      key: certificates.nodeKey, overwrites: false)
    for user in ["postgres", "nobody"] {
      try CertificateFolder.write(
        try authority.issueClient(user: user, lifetime: lifetime), certificate: certificates.clientCertificate(user),
        key: certificates.clientKey(user), overwrites: false)
    }
    var configuration = TestNode.configuration(folder)
    configuration.sqlAddress.host = "0.0.0.0"
    configuration.certificates = certificates.path
    return SecureNode(try await Node.start(configuration), folder)
  }

  func stop() async {
    await node.stop()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Runs a statement in psql; what it printed and what it complained of.
  func run(
    _ sql: String, user: String, password: String? = nil, certificate: String? = nil, host: String = "localhost",
    mode: String = "verify-full", more: String = ""
  ) async throws -> (output: String, complaint: String) {
    var target = "host=\(host) port=\(port) dbname=postgres user=\(user) sslmode=\(mode) "
    target += "sslrootcert=\(certificates.authorityCertificate) connect_timeout=20 \(more)"
    if let certificate {
      target += " sslcert=\(certificates.clientCertificate(certificate)) sslkey=\(certificates.clientKey(certificate))"
    }
    let arguments = ["-X", "-A", "-t", "-w", "-v", "VERBOSITY=verbose", "-c", sql, target]
    let environment = ["HOME": folder, "PATH": "/usr/bin", "PGPASSWORD": password ?? ""]
    return try await blocking {
      let process = Process()
      process.executableURL = URL(filePath: psql)
      process.arguments = arguments
      process.environment = environment
      let (output, complaint) = (Pipe(), Pipe())
      process.standardOutput = output
      process.standardError = complaint
      process.standardInput = FileHandle.nullDevice
      try process.run()
      let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      let complained = String(decoding: complaint.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      return (said.trimmingCharacters(in: .newlines), complained.trimmingCharacters(in: .newlines))
    }
  }

  func raw() throws -> RawConnection { try RawConnection(port: port) }
}

/// Bytes to and from the server on a blocking socket.
private final class RawConnection: Sendable {
  private let descriptor: Int32

  init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(result == 0)
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  func send(_ bytes: [UInt8]) {
    _ = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
  }

  /// What the server has to say; empty when it has closed.
  func receive() async throws -> [UInt8] {
    try await blocking {
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      let count = recv(self.descriptor, &buffer, buffer.count, 0)
      return Array(buffer.prefix(max(0, count)))
    }
  }

  func receiveToEnd() async throws -> [UInt8] {
    var all: [UInt8] = []
    while true {
      let piece = try await receive()
      if piece.isEmpty { return all }
      all += piece
    }
  }

  static func number(_ value: Int) -> [UInt8] { withUnsafeBytes(of: UInt32(value).bigEndian) { Array($0) } }

  static let encryptionRequest = number(8) + number(80_877_103)

  static func startup(user: String) -> [UInt8] {
    let body = number(196_608) + Array("user\0\(user)\0database\0postgres\0\0".utf8)
    return number(body.count + 4) + body
  }

  static func password(_ body: [UInt8]) -> [UInt8] { Array("p".utf8) + number(body.count + 4) + body }

  static func choose(_ mechanism: String, _ message: String) -> [UInt8] {
    Array(mechanism.utf8) + [0] + number(message.utf8.count) + Array(message.utf8)
  }
}

@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: psql), "psql is not installed"))
struct EncryptionTests {
  @Test func psqlComesInByCertificateAndByPassword() async throws {
    let node = try await SecureNode.start()
    let made = try await node.run(
      """
      create user app password 'geheim';
      create role expired login password 'geheim' valid until '2020-01-01';
      create role nopassword login;
      create role noentry password 'geheim';
      select rolpassword like 'SCRAM-SHA-256$4096:%$%:%' from pg_authid where rolname = 'app'
      """, user: "postgres", certificate: "postgres")
    #expect(made.complaint == "" && made.output.hasSuffix("t"))

    let bound = try await node.run(
      "select current_user", user: "app", password: "geheim", more: "channel_binding=require")
    #expect(bound == ("app", ""))
    #expect(
      try await node.run("select 1", user: "app", password: "geheim", mode: "require", more: "channel_binding=disable")
        == ("1", ""))
    // On loopback the password suffices.
    #expect(try await node.run("select 1", user: "app", password: "geheim", mode: "disable") == ("1", ""))
    // A certificate of somebody else does not help, and does not hinder.
    #expect(try await node.run("select 1", user: "app", password: "geheim", certificate: "postgres") == ("1", ""))

    for (user, password, certificate) in [
      ("app", "Geheim", nil), ("app", "Geheim", "postgres"), ("expired", "geheim", nil), ("nopassword", "x", nil),
      ("postgres", "x", nil), ("unknown", "x", nil), ("postgres", "x", "nobody"),
    ] {
      let refused = try await node.run("select 1", user: user, password: password, certificate: certificate)
      #expect(refused.complaint.hasSuffix("FATAL:  password authentication failed for user \"\(user)\""))
    }
    #expect(
      try await node.run("select 1", user: "noentry", password: "geheim").complaint
        .hasSuffix("FATAL:  role \"noentry\" is not permitted to log in"))
    #expect(
      try await node.run("select 1", user: "nobody", certificate: "nobody").complaint
        .hasSuffix("FATAL:  role \"nobody\" does not exist"))
    #expect(
      try await node.run("select 1", user: "app", password: "geheim", host: "127.0.0.1").complaint
        .contains("does not match host name \"127.0.0.1\""))

    if let address = Self.otherAddress() {
      #expect(
        try await node.run("select 1", user: "app", password: "geheim", host: address, mode: "require") == ("1", ""))
      let plain = try await node.run("select 1", user: "app", password: "geheim", host: address, mode: "disable")
      #expect(
        plain.complaint.contains(
          "FATAL:  connections from host \"\(address)\" must be encrypted, user \"app\", database \"postgres\", no encryption"
        ))
    }
    await node.stop()
  }

  @Test func rolesKeepVerifiers() async throws {
    let node = try await SecureNode.start()
    func run(_ sql: String) async throws -> (output: String, complaint: String) {
      try await node.run(sql, user: "postgres", certificate: "postgres")
    }
    // What PostgreSQL 15 keeps of 'pencil'.
    let verifier =
      "SCRAM-SHA-256$4096:aPZb6re2R7il19MHNwy0qw==$AltF8itaq+qK5t7bgoWeuw3zjRNYHbc4Qx/kf5nUrrw=:sJjHmVUchGilQrP54mmvQ4ZgAPKV/Q9sl7UF+ClkS7k="
    _ = try await run("create role ready login encrypted password '\(verifier)'")
    #expect(try await run("select passwd from pg_shadow where usename = 'ready'").output == verifier)
    #expect(try await run("select rolpassword from pg_roles where rolname = 'ready'").output == "********")
    #expect(try await node.run("select 1", user: "ready", password: "pencil") == ("1", ""))
    _ = try await run("alter user ready with password 'pen'")
    #expect(try await node.run("select 1", user: "ready", password: "pencil").output == "")
    #expect(try await node.run("select 1", user: "ready", password: "pen") == ("1", ""))
    _ = try await node.run("alter role ready password 'own'", user: "ready", password: "pen")
    #expect(try await node.run("select 1", user: "ready", password: "own") == ("1", ""))
    _ = try await run("alter role ready password null")
    #expect(try await run("select rolpassword is null from pg_authid where rolname = 'ready'").output == "t")
    #expect(try await node.run("select 1", user: "ready", password: "own").output == "")
    #expect(
      try await run("alter role ready password ''").complaint
        == "NOTICE:  00000: empty string is not a valid password, clearing password")
    #expect(
      try await run("create role twice password 'a' password 'b'").complaint
        .hasPrefix("ERROR:  42601: conflicting or redundant options"))
    #expect(
      try await run("create role md password 'md5\(String(repeating: "a", count: 32))'").complaint.hasPrefix(
        "ERROR:  0A000"))
    #expect(try await run("drop role ready").output == "DROP ROLE")
    await node.stop()
  }

  @Test func whatComesInTheClearIsNotTakenForEncrypted() async throws {
    let node = try await SecureNode.start()
    let stuffed = try node.raw()
    stuffed.send(RawConnection.encryptionRequest + RawConnection.startup(user: "postgres"))
    let answer = String(decoding: try await stuffed.receiveToEnd(), as: UTF8.self)
    #expect(answer.hasPrefix("E") && answer.contains("received unencrypted data after SSL request"))

    let garbled = try node.raw()
    garbled.send(RawConnection.encryptionRequest)
    #expect(try await garbled.receive() == Array("S".utf8))
    garbled.send(RawConnection.startup(user: "postgres"))
    // At most a TLS alert.
    #expect(try await garbled.receiveToEnd().first.map { $0 == 0x15 } ?? true)

    let early = try node.raw()
    early.send(RawConnection.startup(user: "postgres"))
    #expect(try await early.receive().first == UInt8(ascii: "R"))
    early.send(Array("Q".utf8) + RawConnection.number(13) + Array("select 1\0".utf8))
    #expect(String(decoding: try await early.receiveToEnd(), as: UTF8.self).contains("08P01"))
    await node.stop()
  }

  @Test func mutatedLoginsAreRefused() async throws {
    let node = try await SecureNode.start()
    _ = try await node.run("create user app password 'geheim'", user: "postgres", certificate: "postgres")
    var seed: UInt64 = 7
    func random(_ limit: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(seed >> 33) % limit
    }
    func mutated(_ bytes: [UInt8]) -> [UInt8] {
      var bytes = bytes
      for _ in 0..<random(4) where !bytes.isEmpty {
        let place = random(bytes.count)
        switch random(3) {
        case 0: bytes[place] = UInt8(random(256))
        case 1: bytes.remove(at: place)
        default: bytes.insert(UInt8(random(256)), at: place)
        }
      }
      return bytes
    }
    var finals = 0
    for _ in 0..<300 {
      let connection = try node.raw()
      connection.send(RawConnection.startup(user: "app"))
      #expect(try await connection.receive().starts(with: Array("R".utf8)))
      connection.send(
        RawConnection.password(mutated(RawConnection.choose("SCRAM-SHA-256", "n,,n=,r=abcdefghijkl"))))
      let answer = try await connection.receive()
      guard answer.first == UInt8(ascii: "R") else {
        #expect(answer.first == UInt8(ascii: "E"))
        continue
      }
      finals += 1
      let nonce = answer.dropFirst(9).prefix { $0 != UInt8(ascii: ",") }
      let final = Array("c=biws,".utf8) + nonce + Array(",p=\(String(repeating: "A", count: 43))=".utf8)
      connection.send(RawConnection.password(mutated(final)))
      #expect(try await connection.receive().first == UInt8(ascii: "E"))
    }
    #expect(finals > 50)
    #expect(try await node.run("select 1", user: "app", password: "geheim") == ("1", ""))
    await node.stop()
  }

  /// This machine's first address that is not loopback.
  private static func otherAddress() -> String? {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return nil }
    defer { freeifaddrs(list) }
    var next = list
    while let entry = next?.pointee {
      next = entry.ifa_next
      guard let address = entry.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET) else { continue }
      var text = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
      let name = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { four -> String in
        var bytes = four.pointee.sin_addr
        inet_ntop(AF_INET, &bytes, &text, socklen_t(INET_ADDRSTRLEN))
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      }
      if !name.hasPrefix("127.") { return name }
    }
    return nil
  }
}
