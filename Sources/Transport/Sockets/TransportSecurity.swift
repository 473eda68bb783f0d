// How nodes know each other on a real network: both sides show a certificate of the cluster's authority, and it must be a node's. A
// client's certificate, which the same authority issues to roles, opens nothing here. The side that dials checks the host name or IP
// address, too.

import NIOCore
import NIOSSL

/// Whether and how connections between nodes are encrypted.
public enum TransportSecurity: Sendable {
  /// In the clear, with everybody who can reach the port: only where `--insecure` was said.
  case insecure
  case certificates(TransportCertificates)
}

/// What a node shows and whom it trusts.
public struct TransportCertificates: Sendable {
  let server: NIOSSLContext
  let client: NIOSSLContext
  let isNode: @Sendable ([UInt8]) -> Bool

  /// - Parameters:
  ///   - chain: this node's certificate first.
  ///   - isNode: whether a certificate, in DER, which the authority has issued, is a node's.
  /// - Throws: NIOSSL's error if key and certificate do not make a pair.
  public init(
    chain: [NIOSSLCertificate], key: NIOSSLPrivateKey, authorities: [NIOSSLCertificate],
    isNode: @escaping @Sendable ([UInt8]) -> Bool
  ) throws {
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = .tlsv13
    configuration.trustRoots = .certificates(authorities)
    // Who dials has no name to be checked, but must show a certificate.
    configuration.certificateVerification = .noHostnameVerification
    configuration.shutdownTimeout = .seconds(1)
    server = try NIOSSLContext(configuration: configuration)
    configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv13
    configuration.certificateChain = chain.map { .certificate($0) }
    configuration.privateKey = .privateKey(key)
    configuration.trustRoots = .certificates(authorities)
    configuration.certificateVerification = .fullVerification
    configuration.shutdownTimeout = .seconds(1)
    client = try NIOSSLContext(configuration: configuration)
    self.isNode = isNode
  }
}
