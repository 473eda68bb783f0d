// TLS beneath the shell's blocking socket, against an echo server of the tests' own; and what sslmode and its companions mean.
// The certificates were made with openssl for these tests only, from 2020 to 2120, for the host "localhost".

import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import Shell

private enum Fixture {
  static let authority = """
    -----BEGIN CERTIFICATE-----
    MIIBVjCB/aADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB3Rlc3QgY2Ew
    IBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBIxEDAOBgNVBAMMB3Rl
    c3QgY2EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQhiNNVHpASUjYoTo2f0Fkr
    +XG59na+ighgzZGGWS0DZDpkBbGt3AhhOBWNwlWB/w9CdHISoCwTvECRfxOPFtnU
    o0IwQDAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBhjAdBgNVHQ4EFgQU
    ILiUOqFZ9O6ljzkpHkbNYYztr5IwCgYIKoZIzj0EAwIDSAAwRQIhALgbbsM+tUBN
    1qZMPx1xL6dq/wV7eiMIswnczgLeuCUcAiARRI1t0DyopB+luaexpYtF0bc8Yq3F
    ycGdFqXsvluDaA==
    -----END CERTIFICATE-----
    """
  static let certificate = """
    -----BEGIN CERTIFICATE-----
    MIIBozCCAUqgAwIBAgIBAjAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAd0ZXN0IGNh
    MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAUMRIwEAYDVQQDDAl0
    ZXN0IG5vZGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASQnPPl2U9cIO9xnja6
    UJZzvDOnxSSjNti4WnX51F1KBMmDl8wUxhJO/CCuKSM4kUtqZrkU8v2IMgpHSsxE
    7iEeo4GMMIGJMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQM
    MAoGCCsGAQUFBwMBMBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAdBgNVHQ4EFgQU4ipv
    Azz2OJoWpHHBjVGHrTWxdBMwHwYDVR0jBBgwFoAUILiUOqFZ9O6ljzkpHkbNYYzt
    r5IwCgYIKoZIzj0EAwIDRwAwRAIgXhz7AnvFpN+61KDmmi9c5IHVCVx25REZp77d
    NG5N1UQCICjvgs0SipCEjUYVUaX79H3+vfWp1NQIyZ+2M3Bm8F1l
    -----END CERTIFICATE-----
    """
  static let key = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMHmCuz0kuaQMg791
    P074QYtVr6JfRWuHsEOF8npbQYuhRANCAASQnPPl2U9cIO9xnja6UJZzvDOnxSSj
    Nti4WnX51F1KBMmDl8wUxhJO/CCuKSM4kUtqZrkU8v2IMgpHSsxE7iEe
    -----END PRIVATE KEY-----
    """

  static func trusting() throws -> TLSConfiguration {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)))
    return configuration
  }
}

/// Sends back what it gets. `@unchecked Sendable`: without state.
private final class Echo: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    context.writeAndFlush(data, promise: nil)
  }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

private final class EchoServer {
  private let channel: any Channel

  init(isEncrypted: Bool) throws {
    var context: NIOSSLContext?
    if isEncrypted {
      context = try NIOSSLContext(
        configuration: TLSConfiguration.makeServerConfiguration(
          certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(Fixture.certificate.utf8)).map {
            .certificate($0)
          },
          privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(Fixture.key.utf8), format: .pem))))
    }
    channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { [context] channel in
        channel.eventLoop.makeCompletedFuture {
          if let context { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
          try channel.pipeline.syncOperations.addHandler(Echo())
        }
      }
      .bind(host: "127.0.0.1", port: 0).wait()
  }

  deinit { channel.close(promise: nil) }

  func connect() throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(channel.localAddress?.port ?? 0).bigEndian)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(result == 0)
    return descriptor
  }
}

@Suite struct EncryptedTunnelTests {
  @Test func bytesComeBackWhole() throws {
    let server = try EchoServer(isEncrypted: true)
    let tunnel = try EncryptedTunnel.open(over: try server.connect(), host: "localhost", try Fixture.trusting())
    defer { close(tunnel.near) }
    let sent = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    // Both ways at once, or both sides would wait for each other once all buffers are full.
    let near = tunnel.near
    let sender = Thread {
      var place = 0
      while place < sent.count {
        let count = sent.withUnsafeBytes { send(near, $0.baseAddress! + place, $0.count - place, Int32(MSG_NOSIGNAL)) }
        if count <= 0 { break }
        place += count
      }
    }
    sender.start()
    var received: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while received.count < sent.count {
      let count = recv(near, &piece, piece.count, 0)
      if count <= 0 { break }
      received += piece[..<count]
    }
    #expect(received == sent)
    #expect(tunnel.failure == nil)
  }

  private func failure(host: String, isEncrypted: Bool = true, _ configuration: TLSConfiguration) throws -> String {
    let server = try EchoServer(isEncrypted: isEncrypted)
    do {
      let tunnel = try EncryptedTunnel.open(over: try server.connect(), host: host, configuration)
      close(tunnel.near)
      return "none"
    } catch let failure as ConnectionFailure {
      return failure.description
    }
  }

  @Test func certificatesAreVerified() throws {
    let trusting = try Fixture.trusting()
    #expect(try failure(host: "localhost", trusting) == "none")
    for host in ["example.com", "127.0.0.1"] {
      #expect(try failure(host: host, trusting) == "SSL error: server certificate does not match host name")
    }
    var configuration = trusting
    configuration.certificateVerification = .noHostnameVerification
    #expect(try failure(host: "example.com", configuration) == "none")
    // The machine's authorities know nothing of the tests'.
    configuration.trustRoots = .default
    #expect(try failure(host: "localhost", configuration) == "SSL error: certificate verify failed")
    configuration.certificateVerification = .none
    #expect(try failure(host: "localhost", configuration) == "none")
    #expect(try failure(host: "localhost", isEncrypted: false, trusting).hasPrefix("SSL error: "))
  }

  @Test func modesAreThoseOfLibpq() throws {
    func encryption(_ parameters: String) throws -> ClientEncryption {
      try ClientEncryption(try ConnectionURL(parsing: "postgresql://u@h/d?\(parameters)"))
    }
    let folder = NSTemporaryDirectory() + "/meridian-shell-tests-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (name, text) in [("ca.crt", Fixture.authority), ("own.crt", Fixture.certificate), ("own.key", Fixture.key)] {
      #expect(FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: Data(text.utf8)))
    }
    #expect(try encryption("application_name=x").mode == .prefer)
    let root = "sslrootcert=\(folder)/ca.crt"
    for (mode, verification) in [
      ("disable", CertificateVerification.none), ("allow", .none), ("prefer", .none),
      ("require", .noHostnameVerification),
      ("verify-ca", .noHostnameVerification), ("verify-full", .fullVerification),
    ] {
      #expect(try encryption("sslmode=\(mode)&\(root)").configuration().certificateVerification == verification)
    }
    #expect(throws: ConnectionFailure.self) { try encryption("sslmode=on") }
    #expect(throws: ConnectionFailure.self) {
      try encryption("sslmode=require&sslrootcert=\(folder)/none.crt").configuration()
    }
    let own = "sslmode=require&\(root)&sslcert=\(folder)/own.crt&sslkey=\(folder)/own.key"
    chmod("\(folder)/own.key", 0o644)
    #expect(throws: ConnectionFailure.self) { try encryption(own).configuration() }
    chmod("\(folder)/own.key", 0o600)
    #expect(try encryption(own).configuration().certificateChain.count == 1)
  }
}
