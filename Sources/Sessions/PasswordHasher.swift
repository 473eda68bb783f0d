// What CREATE ROLE and ALTER ROLE keep of a password. Thousands of rounds of hashing would stop a reactor's other clients for
// milliseconds, so they run on a worker of their own, which is started when the first password comes.
// Source: PostgreSQL manual, CREATE ROLE (`PASSWORD`), 53.8 "pg_authid".

import Catalog
import Credentials
import Reactors
import SQLTypes
import Synchronization

public final class PasswordHasher: Sendable {
  private let environment: any Environment
  private let secrets: SecretSource
  private let worker = Mutex<(any Worker)?>(nil)

  public init(environment: any Environment) {
    self.environment = environment
    var random = environment.makeRandom("password salts")
    secrets = SecretSource(&random)
  }

  /// What to keep for a password as it stands in a statement: itself if it is a verifier, else its verifier; nil for the empty
  /// password, which is none.
  /// - Throws: 0A000 for a hash of the kind that PostgreSQL has given up.
  nonisolated(nonsending) func verifier(for text: String) async throws(SQLError) -> String? {
    if text.isEmpty { return nil }
    let bytes = Array(text.utf8)
    if bytes.count == 35, text.hasPrefix("md5"), bytes.dropFirst(3).allSatisfy(Self.isLowerHexadecimal) {
      throw SQLError(
        .featureNotSupported, "MD5 password hashes are not supported",
        hint: "Give the password itself, or a SCRAM-SHA-256 verifier.")
    }
    if let ready = SCRAMVerifier(text) {
      return await compute { ready.matches(password: []) } ? nil : text
    }
    let salt = secrets.bytes(SCRAMVerifier.Limits.saltByteCount)
    return await compute { SCRAMVerifier(password: bytes, salt: salt).description }
  }

  /// Ends the worker. Called when the node stops.
  public func stop() {
    worker.withLock { worker in
      defer { worker = nil }
      return worker
    }?.stop()
  }

  private nonisolated(nonsending) func compute<R: Sendable>(_ work: @escaping @Sendable () -> R) async -> R {
    let worker = self.worker.withLock { worker in
      if let worker { return worker }
      let made = environment.makeWorker("passwords", threads: 1)
      worker = made
      return made
    }
    return await withUnsafeContinuation { continuation in
      worker.submit { continuation.resume(returning: work()) }
    }
  }

  private static func isLowerHexadecimal(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }
}

extension Gateway {
  /// The verifier of a role's password; nil if there is no such role, or no password that is valid now.
  public func passwordVerifier(of user: String) async throws(SQLError) -> String? {
    let transaction = transactions.begin(label: "a login")
    let role: RoleDescriptor?
    do throws(SQLError) {
      role = try await view(in: transaction, user: user, database: .postgresDatabase).snapshot.role(named: user)
    } catch {
      await transaction.rollback()
      throw error
    }
    await transaction.rollback()
    guard let role, let password = role.password else { return nil }
    if let end = role.validUntil, end < now { return nil }
    return password
  }
}
