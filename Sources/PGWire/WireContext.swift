// What all connections of a node share: who may come in, where sessions are made, who is connected.

import Logging
import Reactors
import SQLTypes
import Sessions

/// Makes sessions; implemented by the node.
public protocol SessionFactory: Sendable {
  /// - Throws: 28000 for an unknown role, 3D000 for an unknown database.
  func makeSession(
    on reactor: Reactor, user: String, database: String, parameters: [(name: String, value: String)], process: Int32,
    client: any ClientChannel
  ) async throws(SQLError) -> Session

  /// The verifier of a role's password; nil if there is no such role, or no password that is valid now.
  func passwordVerifier(of user: String, on reactor: Reactor) async throws(SQLError) -> String?
}

public final class WireContext: Sendable {
  let sessions: any SessionFactory
  public let registry: ConnectionRegistry
  let security: WireSecurity
  let logger: Logger

  public init(
    sessions: any SessionFactory, registry: ConnectionRegistry, security: WireSecurity = .open, logger: Logger
  ) {
    self.sessions = sessions
    self.security = security
    self.registry = registry
    self.logger = logger
  }
}
