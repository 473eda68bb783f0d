// A node's certificates as its doors use them, read once when it starts.

import Certificates
import Credentials
import NIOSSL
import PGWire
import Reactors
import Transport

struct NodeCertificates {
  /// For SQL: clients may show certificates, which are verified against `ca.crt`.
  var wire: WireCertificates
  /// For HTTP: nobody is asked for one.
  var http: NIOSSLContext
  /// For other nodes: both sides show a node's certificate.
  var transport: TransportCertificates

  /// - Throws: `NodeStartError` naming the file that is missing, unreadable, open to others or not what it should be.
  init(folder: CertificateFolder, environment: any Environment) throws(NodeStartError) {
    let keyText: String
    do throws(CertificateFailure) {
      keyText = try CertificateFolder.readKey(folder.nodeKey)
      _ = try CertificateFolder.read(folder.nodeCertificate)
      _ = try CertificateFolder.read(folder.authorityCertificate)
    } catch {
      throw NodeStartError(description: "\(error); `meridian cert --help` tells how certificates are made")
    }
    let chain = try Self.certificates(folder.nodeCertificate)
    let authorities = try Self.certificates(folder.authorityCertificate)
    do {
      let key = try NIOSSLPrivateKey(bytes: Array(keyText.utf8), format: .pem)
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
      configuration.minimumTLSVersion = .tlsv12
      configuration.shutdownTimeout = .seconds(1)
      http = try NIOSSLContext(configuration: configuration)
      configuration.certificateVerification = .optionalVerification
      configuration.trustRoots = .certificates(authorities)
      configuration.sendCANameList = true
      transport = try TransportCertificates(
        chain: chain, key: key, authorities: authorities,
        isNode: { CertificateFacts(der: $0)?.isNode ?? false })
      let facts = CertificateFacts(der: try chain[0].toDERBytes())
      var random = environment.makeRandom("login nonces")
      wire = WireCertificates(
        context: try NIOSSLContext(configuration: configuration), channelBinding: facts?.channelBinding,
        commonName: { CertificateFacts(der: $0)?.commonName }, secrets: SecretSource(&random),
        mockSecret: SecretSource(key: Array(keyText.utf8)).derived("mock verifiers"))
    } catch {
      throw NodeStartError(
        description: "\"\(folder.nodeCertificate)\" and \"\(folder.nodeKey)\" cannot be used: \(error)")
    }
  }

  private static func certificates(_ file: String) throws(NodeStartError) -> [NIOSSLCertificate] {
    let found = try? NIOSSLCertificate.fromPEMFile(file)
    guard let found, !found.isEmpty else { throw NodeStartError(description: "\"\(file)\" holds no certificate") }
    return found
  }
}
