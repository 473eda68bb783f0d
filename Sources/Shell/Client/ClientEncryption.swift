// Whether and how a connection is encrypted: libpq's sslmode, sslrootcert, sslcert and sslkey.
//
//     disable       never                          verify-ca     TLS with a certificate of a trusted authority
//     allow         if the server insists          verify-full   and that names the host
//     prefer        if the server can (default)
//     require       TLS; verified if sslrootcert is there
//
// Source: PostgreSQL manual, 34.1.2 "Parameter Key Words", 34.19 "SSL Support".

import Foundation
import NIOSSL

struct ClientEncryption {
  enum Mode: String, CaseIterable {
    case disable, allow, prefer, require
    case verifyAuthority = "verify-ca"
    case verifyHost = "verify-full"
  }

  var mode = Mode.prefer
  /// The authorities' file; `system` are the machine's.
  private var authorities: String?
  private var certificate: String?
  private var key: String?

  init(_ url: ConnectionURL) throws(ConnectionFailure) {
    for parameter in url.parameters {
      switch parameter.name {
      case "sslmode":
        guard let mode = Mode(rawValue: parameter.value) else {
          throw ConnectionFailure(description: "invalid sslmode value: \"\(parameter.value)\"")
        }
        self.mode = mode
      case "sslrootcert": authorities = parameter.value
      case "sslcert": certificate = parameter.value
      case "sslkey": key = parameter.value
      default: break
      }
    }
    let home = NSHomeDirectory() + "/.postgresql/"
    func standard(_ name: String) -> String? { FileManager.default.fileExists(atPath: home + name) ? home + name : nil }
    authorities = authorities ?? standard("root.crt")
    if certificate == nil, key == nil, let found = standard("postgresql.crt") { certificate = found }
    if certificate != nil, key == nil { key = standard("postgresql.key") }
    if mode == .verifyAuthority || mode == .verifyHost, authorities == nil {
      throw ConnectionFailure(
        description: "root certificate file \"\(home)root.crt\" does not exist\n"
          + "Either provide the file with sslrootcert, use the system's trusted roots with sslrootcert=system, "
          + "or change sslmode to disable server certificate verification.")
    }
  }

  /// What the TLS library is told. Reads the files.
  func configuration() throws(ConnectionFailure) -> TLSConfiguration {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    configuration.shutdownTimeout = .seconds(1)
    switch mode {
    case .verifyHost: configuration.certificateVerification = .fullVerification
    case .verifyAuthority: configuration.certificateVerification = .noHostnameVerification
    case .require where authorities != nil: configuration.certificateVerification = .noHostnameVerification
    case .disable, .allow, .prefer, .require: configuration.certificateVerification = .none
    }
    if configuration.certificateVerification != .none, let authorities, authorities != "system" {
      guard let found = try? NIOSSLCertificate.fromPEMFile(authorities), !found.isEmpty else {
        throw ConnectionFailure(description: "could not read root certificate file \"\(authorities)\"")
      }
      configuration.trustRoots = .certificates(found)
    }
    guard let certificate else { return configuration }
    guard let chain = try? NIOSSLCertificate.fromPEMFile(certificate), !chain.isEmpty else {
      throw ConnectionFailure(description: "could not read certificate file \"\(certificate)\"")
    }
    guard let key else {
      throw ConnectionFailure(description: "certificate present, but not private key file; give it with sslkey")
    }
    var facts = stat()
    guard stat(key, &facts) == 0 else {
      throw ConnectionFailure(description: "certificate present, but not private key file \"\(key)\"")
    }
    let forbidden: mode_t = facts.st_uid == 0 && getuid() != 0 ? 0o037 : 0o077
    guard facts.st_mode & forbidden == 0 else {
      throw ConnectionFailure(
        description: "private key file \"\(key)\" has group or world access; "
          + "file must have permissions u=rw (0600) or less")
    }
    guard let text = FileManager.default.contents(atPath: key),
      let loaded = try? NIOSSLPrivateKey(bytes: Array(text), format: .pem)
    else { throw ConnectionFailure(description: "could not load private key file \"\(key)\"") }
    configuration.certificateChain = chain.map { .certificate($0) }
    configuration.privateKey = .privateKey(loaded)
    return configuration
  }
}
