// `meridian cert`: the authority of a cluster, the certificates of its nodes and of the roles that log in.

import ArgumentParser
import Certificates
import Foundation

struct CertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cert",
    abstract: "Make certificates for nodes and clients.",
    discussion: """
      meridian cert create-ca
      meridian cert create-node db.example.com localhost 127.0.0.1
      meridian cert create-client postgres
      meridian start-single-node --store my-data --certs-dir certs --sql-addr :26257
      meridian sql --certs-dir certs postgresql://postgres@db.example.com/postgres

      The folder gets ca.crt and ca.key, node.crt and node.key, client.USER.crt and client.USER.key. A node needs ca.crt,
      node.crt and node.key; keep ca.key elsewhere, since who has it can make certificates for anybody.
      """,
    subcommands: [CreateAuthority.self, CreateNode.self, CreateClient.self])
}

/// A time with a unit: `90d`, `12h`, `10y` of 365 days.
struct Lifetime: ExpressibleByArgument {
  var seconds: Int64

  init(days: Int64) { seconds = days * 86_400 }

  init?(argument: String) {
    let units: [Character: Int64] = ["h": 3600, "d": 86_400, "y": 365 * 86_400]
    guard let letter = argument.last, let unit = units[letter], let count = Int64(argument.dropLast()),
      (1...1_000_000).contains(count), count * unit <= 100 * 365 * 86_400
    else { return nil }
    seconds = count * unit
  }

  var defaultValueDescription: String { seconds % 86_400 == 0 ? "\(seconds / 86_400)d" : "\(seconds / 3600)h" }
}

struct CertificateOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The folder of the certificates; made if it does not exist.", valueName: "folder"))
  var certsDir = "certs"

  @Option(help: ArgumentHelp("The authority's key, if it is not ca.key in that folder.", valueName: "file"))
  var caKey: String?

  @Flag(help: "Replace files that exist.")
  var overwrite = false

  var folder: CertificateFolder { CertificateFolder(certsDir) }
  var authorityKey: String { caKey ?? folder.authorityKey }

  /// Issues one certificate, and says what was written.
  func issue(
    lifetime: Lifetime?, certificate: String, key: String,
    _ issue: (CertificateAuthority, CertificateLifetime) throws(CertificateFailure) -> IssuedCertificate
  ) throws {
    let authority = try CertificateAuthority(
      certificate: try CertificateFolder.read(folder.authorityCertificate),
      key: try CertificateFolder.readKey(authorityKey))
    let now = Int64(Date().timeIntervalSince1970)
    var span = CertificateLifetime(now: now, seconds: (lifetime ?? Self.usual).seconds)
    // Unless told otherwise, as long as the authority allows.
    if lifetime == nil { span.end = min(span.end, authority.end) }
    let issued = try issue(authority, span)
    try CertificateFolder.write(issued, certificate: certificate, key: key, overwrites: overwrite)
    print("wrote \(certificate) and \(key)")
  }

  static let usual = Lifetime(days: 5 * 365)
}

struct CreateAuthority: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create-ca", abstract: "Make the authority that nodes and clients trust: ca.crt and ca.key.")

  @OptionGroup var options: CertificateOptions

  @Option(help: ArgumentHelp("How long it is valid: 90d, 12h, 10y.", valueName: "time"))
  var lifetime = Lifetime(days: 10 * 365)

  mutating func run() throws {
    try options.folder.create()
    let span = CertificateLifetime(now: Int64(Date().timeIntervalSince1970), seconds: lifetime.seconds)
    try CertificateFolder.write(
      try CertificateAuthority.make(lifetime: span), certificate: options.folder.authorityCertificate,
      key: options.authorityKey, overwrites: options.overwrite)
    print("wrote \(options.folder.authorityCertificate) and \(options.authorityKey)")
  }
}

struct CreateNode: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create-node", abstract: "Make a node's certificate: node.crt and node.key.")

  @Argument(help: "The names and addresses that clients reach the node by.")
  var hosts: [String]

  @OptionGroup var options: CertificateOptions

  @Option(
    help: ArgumentHelp(
      "How long it is valid: 90d, 12h, 5y. (default: 1825d, at most the authority's)", valueName: "time"))
  var lifetime: Lifetime?

  mutating func run() throws {
    let hosts = self.hosts
    try options.issue(
      lifetime: lifetime, certificate: options.folder.nodeCertificate, key: options.folder.nodeKey
    ) { (authority, span) throws(CertificateFailure) in try authority.issueNode(hosts: hosts, lifetime: span) }
  }
}

struct CreateClient: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create-client",
    abstract: "Make the certificate that a role logs in with: client.USER.crt and client.USER.key.")

  @Argument(help: "The role.")
  var user: String

  @OptionGroup var options: CertificateOptions

  @Option(
    help: ArgumentHelp(
      "How long it is valid: 90d, 12h, 5y. (default: 1825d, at most the authority's)", valueName: "time"))
  var lifetime: Lifetime?

  func validate() throws {
    if user.isEmpty || user.contains("/") {
      throw ValidationError("\"\(user)\" cannot be part of a file's name")
    }
  }

  mutating func run() throws {
    let user = self.user
    try options.issue(
      lifetime: lifetime, certificate: options.folder.clientCertificate(user), key: options.folder.clientKey(user)
    ) { (authority, span) throws(CertificateFailure) in try authority.issueClient(user: user, lifetime: span) }
  }
}
