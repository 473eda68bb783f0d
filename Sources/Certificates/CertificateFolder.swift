// The folder that holds a cluster's certificates and keys:
//
//     ca.crt  ca.key              the authority; its key belongs on no node
//     node.crt  node.key          what this node shows
//     client.USER.crt  .key       what USER logs in with
//
// Contract: a key is never readable by others, not even while it is written; an existing file is replaced whole or not at all,
// and only when asked to. Keys come before their certificates.

import Glibc

public struct CertificateFolder: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  public var authorityCertificate: String { "\(path)/ca.crt" }
  public var authorityKey: String { "\(path)/ca.key" }
  public var nodeCertificate: String { "\(path)/node.crt" }
  public var nodeKey: String { "\(path)/node.key" }
  public func clientCertificate(_ user: String) -> String { "\(path)/client.\(user).crt" }
  public func clientKey(_ user: String) -> String { "\(path)/client.\(user).key" }

  /// Makes the folder, for its owner only, if it does not exist.
  public func create() throws(CertificateFailure) {
    if mkdir(path, 0o700) != 0, errno != EEXIST {
      throw CertificateFailure(description: "cannot make the folder \"\(path)\": \(Self.systemError())")
    }
  }

  public static func exists(_ file: String) -> Bool { access(file, F_OK) == 0 }

  /// Writes a pair; refuses, before anything is written, if one of the files exists and `overwrites` is false.
  public static func write(
    _ issued: IssuedCertificate, certificate: String, key: String, overwrites: Bool
  ) throws(CertificateFailure) {
    for file in [certificate, key] where !overwrites && exists(file) {
      throw CertificateFailure(description: "\"\(file)\" exists; pass --overwrite to replace it")
    }
    try write(issued.key, to: key, mode: 0o600)
    try write(issued.certificate, to: certificate, mode: 0o644)
  }

  private static func write(_ text: String, to file: String, mode: mode_t) throws(CertificateFailure) {
    let draft = file + ".new"
    unlink(draft)
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    guard descriptor >= 0 else {
      throw CertificateFailure(description: "cannot write \"\(draft)\": \(systemError())")
    }
    var bytes = Array(text.utf8)[...]
    var isWritten = true
    while isWritten, !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      isWritten = count > 0
      if isWritten { bytes = bytes.dropFirst(count) }
    }
    isWritten = isWritten && fsync(descriptor) == 0
    close(descriptor)
    guard isWritten, rename(draft, file) == 0 else {
      let reason = systemError()
      unlink(draft)
      throw CertificateFailure(description: "cannot write \"\(file)\": \(reason)")
    }
  }

  /// A file's text.
  public static func read(_ file: String) throws(CertificateFailure) -> String {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CertificateFailure(description: "cannot read \"\(file)\": \(systemError())") }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 14)
    while true {
      let count = Glibc.read(descriptor, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw CertificateFailure(description: "cannot read \"\(file)\": \(systemError())") }
      if count == 0 { break }
      bytes += piece[..<count]
      guard bytes.count <= 1 << 20 else {
        throw CertificateFailure(description: "\"\(file)\" is no certificate or key")
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A private key's text; refuses keys that others may read, as PostgreSQL does (a key of root's may be readable by its group).
  public static func readKey(_ file: String) throws(CertificateFailure) -> String {
    var facts = stat()
    guard stat(file, &facts) == 0 else {
      throw CertificateFailure(description: "cannot read \"\(file)\": \(systemError())")
    }
    let forbidden: mode_t = facts.st_uid == 0 && getuid() != 0 ? 0o037 : 0o077
    guard facts.st_mode & forbidden == 0 else {
      throw CertificateFailure(
        description: "private key file \"\(file)\" has group or world access; chmod 600 makes it the owner's only")
    }
    return try read(file)
  }

  private static func systemError() -> String { String(cString: strerror(errno)) }
}
