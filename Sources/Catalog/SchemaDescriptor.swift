// Schemas, databases and roles: small values, replaced as a whole like every descriptor.

import Encoding
import SQLTypes

public struct SchemaDescriptor: Sendable, Hashable {
  public var oid: OID
  public var name: String
  public var owner: OID
  /// The database that it is part of; invalid: the system's, in every database.
  public var database: OID
  public var comment: String?
  /// Nil: as it was made.
  public var acl: [Grant]?

  public init(oid: OID, name: String, owner: OID, database: OID, comment: String? = nil) {
    self.oid = oid
    self.name = name
    self.owner = owner
    self.database = database
    self.comment = comment
  }
}

public struct DatabaseDescriptor: Sendable, Hashable {
  public var oid: OID
  public var name: String
  public var owner: OID
  public var isTemplate: Bool
  public var allowsConnections: Bool
  public var comment: String?

  public init(
    oid: OID, name: String, owner: OID, isTemplate: Bool = false, allowsConnections: Bool = true,
    comment: String? = nil
  ) {
    self.oid = oid
    self.name = name
    self.owner = owner
    self.isTemplate = isTemplate
    self.allowsConnections = allowsConnections
    self.comment = comment
  }
}

public struct RoleMembership: Sendable, Hashable {
  public var role: OID
  /// Whether the member may make others members.
  public var isAdministrator: Bool

  public init(role: OID, isAdministrator: Bool = false) {
    self.role = role
    self.isAdministrator = isAdministrator
  }
}

public struct RoleDescriptor: Sendable, Hashable {
  public var oid: OID
  public var name: String
  public var isSuperuser = false
  public var canLogin = false
  public var createsDatabases = false
  public var createsRoles = false
  public var inherits = true
  public var isReplication = false
  public var bypassesRowSecurity = false
  /// -1: no limit.
  public var connectionLimit: Int32 = -1
  /// A verifier (`SCRAM-SHA-256$…`), never the password itself; nil: no login by password.
  public var password: String?
  /// Microseconds since 2000-01-01 UTC after which the password is void.
  public var validUntil: Int64?
  public var comment: String?
  public var memberOf: [RoleMembership] = []

  public init(oid: OID, name: String) {
    self.oid = oid
    self.name = name
  }
}

/// Any object that has a key of its own.
public enum CatalogObject: Sendable {
  case relation(TableDescriptor)
  case schema(SchemaDescriptor)
  case database(DatabaseDescriptor)
  case role(RoleDescriptor)
  case type(TypeDescriptor)
  case function(FunctionDescriptor)

  public var oid: OID {
    switch self {
    case .relation(let table): table.oid
    case .schema(let schema): schema.oid
    case .database(let database): database.oid
    case .role(let role): role.oid
    case .type(let type): type.oid
    case .function(let function): function.oid
    }
  }

  /// The letter of its kind in its key.
  var kind: Character {
    switch self {
    case .relation: "r"
    case .schema: "n"
    case .database: "d"
    case .role: "o"
    case .type: "t"
    case .function: "f"
    }
  }

  public var key: Key { KeyLayout.descriptor(kind: kind, oid) }
}
