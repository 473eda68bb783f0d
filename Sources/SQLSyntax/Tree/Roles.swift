// Roles and privileges: CREATE and ALTER ROLE, GRANT and REVOKE of privileges and of membership.

/// One option of CREATE ROLE or ALTER ROLE.
public enum RoleOption: Sendable, Equatable {
  case superuser(Bool)
  case createDatabase(Bool)
  case createRole(Bool)
  case inherit(Bool)
  case login(Bool)
  case replication(Bool)
  case bypassRowLevelSecurity(Bool)
  case connectionLimit(Int32)
  /// `nil`: PASSWORD NULL.
  case password(String?)
  case validUntil(String)
  case inRoles([RoleName])
  case members([RoleName])
  case adminMembers([RoleName])
  /// SYSID, accepted and ignored as PostgreSQL does.
  case systemID(Int32)
}

/// CREATE ROLE, USER or GROUP.
public struct CreateRoleStatement: Sendable, Equatable {
  public enum Spelling: Sendable, Hashable { case role, user, group }
  /// USER implies LOGIN.
  public var spelling: Spelling
  public var name: Identifier
  public var options: [RoleOption]
  public init(spelling: Spelling, name: Identifier, options: [RoleOption] = []) {
    self.spelling = spelling
    self.name = name
    self.options = options
  }
}

/// ALTER ROLE or USER.
public struct AlterRoleStatement: Sendable, Equatable {
  public enum Action: Sendable, Equatable {
    case options([RoleOption])
    /// `[IN DATABASE d] SET …` or RESET.
    case set(SetStatement, database: Identifier?)
  }
  /// `nil`: ALL (only with `set`).
  public var role: RoleName?
  public var action: Action
  public init(role: RoleName?, action: Action) {
    self.role = role
    self.action = action
  }
}

/// One privilege with its columns: `SELECT (a, b)`.
public struct Privilege: Sendable, Hashable {
  /// Lower case: `select`, `insert`, `usage`, `create` …
  public var name: String
  public var columns: [Identifier]
  public init(_ name: String, columns: [Identifier] = []) {
    self.name = name
    self.columns = columns
  }
}

/// GRANT and REVOKE on objects.
public struct GrantStatement: Sendable, Equatable {
  public enum Target: Sendable, Equatable {
    /// Tables, sequences, schemas, databases, types, domains, tablespaces.
    case objects(ObjectKind, [QualifiedName])
    /// `ALL TABLES|SEQUENCES|FUNCTIONS IN SCHEMA …`: the plural word, lower case.
    case allInSchemas(String, [Identifier])
    /// Functions, procedures or routines (the word, lower case), with argument types if written.
    case routines(String, [RoutineSignature])
  }
  public struct RoutineSignature: Sendable, Equatable {
    public var name: QualifiedName
    /// `nil` when no list was written.
    public var argumentTypes: [TypeName]?
    public init(_ name: QualifiedName, argumentTypes: [TypeName]?) {
      self.name = name
      self.argumentTypes = argumentTypes
    }
  }
  public var isGrant: Bool
  /// Empty: ALL.
  public var privileges: [Privilege]
  /// `ALL (a, b)`: the columns of ALL.
  public var allColumns: [Identifier]
  public var target: Target
  public var grantees: [RoleName]
  /// WITH GRANT OPTION, or GRANT OPTION FOR.
  public var grantOption: Bool
  public var grantedBy: RoleName?
  public var behavior: DropBehavior

  public init(
    isGrant: Bool, privileges: [Privilege], allColumns: [Identifier] = [], target: Target,
    grantees: [RoleName], grantOption: Bool = false, grantedBy: RoleName? = nil,
    behavior: DropBehavior = .restrict
  ) {
    self.isGrant = isGrant
    self.privileges = privileges
    self.allColumns = allColumns
    self.target = target
    self.grantees = grantees
    self.grantOption = grantOption
    self.grantedBy = grantedBy
    self.behavior = behavior
  }
}

/// GRANT and REVOKE of membership in roles.
public struct GrantRoleStatement: Sendable, Equatable {
  public var isGrant: Bool
  public var roles: [Identifier]
  public var members: [RoleName]
  /// WITH ADMIN OPTION, or ADMIN OPTION FOR.
  public var adminOption: Bool
  public var grantedBy: RoleName?
  public var behavior: DropBehavior
  public init(
    isGrant: Bool, roles: [Identifier], members: [RoleName], adminOption: Bool = false,
    grantedBy: RoleName? = nil, behavior: DropBehavior = .restrict
  ) {
    self.isGrant = isGrant
    self.roles = roles
    self.members = members
    self.adminOption = adminOption
    self.grantedBy = grantedBy
    self.behavior = behavior
  }
}
