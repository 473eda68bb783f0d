// Roles and privileges. PostgreSQL's grammar: CreateRoleStmt, AlterRoleStmt, GrantStmt, GrantRoleStmt.

import SQLTypes

extension SyntaxParser {
  /// A RoleSpec. `public` is no key word, and `none` is refused.
  mutating func roleName() throws(ParseFailure) -> RoleName {
    let at = position
    switch token.keyword {
    case .current_role:
      advance()
      return .currentRole(at)
    case .current_user:
      advance()
      return .currentUser(at)
    case .session_user:
      advance()
      return .sessionUser(at)
    default: break
    }
    guard isNonReservedWord(token) else { throw syntaxError() }
    let name = try takeName()
    if name.text == "public" { return .public(at) }
    if name.text == "none" {
      throw grammarError("role name \"none\" is reserved", at, state: .reservedName)
    }
    return .named(name)
  }

  mutating func roleNames() throws(ParseFailure) -> [RoleName] {
    var list = [try roleName()]
    while accept(.comma) { list.append(try roleName()) }
    return list
  }

  /// A RoleId: a name that is no special word.
  private mutating func roleID() throws(ParseFailure) -> Identifier {
    let at = position
    switch try roleName() {
    case .named(let name): return name
    case .public:
      throw grammarError("role name \"public\" is reserved", at, state: .reservedName)
    case .sessionUser:
      throw grammarError("SESSION_USER cannot be used as a role name here", at, state: .reservedName)
    case .currentUser:
      throw grammarError("CURRENT_USER cannot be used as a role name here", at, state: .reservedName)
    case .currentRole:
      throw grammarError("CURRENT_ROLE cannot be used as a role name here", at, state: .reservedName)
    }
  }

  mutating func createRole() throws(ParseFailure) -> CreateRoleStatement {
    let spelling: CreateRoleStatement.Spelling =
      isAt(.role) ? .role : isAt(.user) ? .user : .group
    advance()
    let name = try roleID()
    _ = accept(.with)
    return CreateRoleStatement(spelling: spelling, name: name, options: try roleOptions(isCreate: true))
  }

  mutating func alterRole() throws(ParseFailure) -> Statement {
    let isGroup = isAt(.group)
    advance()
    if isAt(.all), !isGroup {
      advance()
      return .alterRole(AlterRoleStatement(role: nil, action: try roleSetting()))
    }
    let at = position
    let role = try roleName()
    if isAt(.rename) {
      guard case .named(let name) = role else {
        throw grammarError("role name is reserved", at, state: .reservedName)
      }
      advance()
      try expect(.to)
      let target = TableReference(QualifiedName(name))
      return .rename(RenameStatement(.role, name: target, newName: try roleID()))
    }
    if isGroup, isAt(.add) || isAt(.drop) {
      // ALTER GROUP g ADD USER u is GRANT g TO u.
      guard case .named(let name) = role else {
        throw grammarError("role name is reserved", at, state: .reservedName)
      }
      let isAdd = isAt(.add)
      advance()
      try expect(.user)
      return .grantRole(GrantRoleStatement(isGrant: isAdd, roles: [name], members: try roleNames()))
    }
    if isAt(.set) || isAt(.reset) || isAt(.in) && isNext(.database) {
      return .alterRole(AlterRoleStatement(role: role, action: try roleSetting()))
    }
    _ = accept(.with)
    return .alterRole(AlterRoleStatement(role: role, action: .options(try roleOptions(isCreate: false))))
  }

  private mutating func roleSetting() throws(ParseFailure) -> AlterRoleStatement.Action {
    var database: Identifier?
    if accept(.in) {
      try expect(.database)
      database = try name()
    }
    return .set(try setOrReset(), database: database)
  }

  private mutating func roleOptions(isCreate: Bool) throws(ParseFailure) -> [RoleOption] {
    var options: [RoleOption] = []
    while let option = try roleOption(isCreate) { options.append(option) }
    return options
  }

  private mutating func roleOption(_ isCreate: Bool) throws(ParseFailure) -> RoleOption? {
    let at = position
    switch token.keyword {
    case .password, .encrypted:
      if accept(.encrypted) {
        try expect(.password)
        return .password(try stringText())
      }
      advance()
      return .password(accept(.null) ? nil : try stringText())
    case .unencrypted:
      throw grammarError(
        "UNENCRYPTED PASSWORD is no longer supported", at, state: .featureNotSupported,
        hint: "Remove UNENCRYPTED to store the password in encrypted form instead.")
    case .inherit:
      advance()
      return .inherit(true)
    case .connection:
      advance()
      try expect(.limit)
      return .connectionLimit(try signedInteger())
    case .valid:
      advance()
      try expect(.until)
      return .validUntil(try stringText())
    case .user:
      advance()
      return .members(try roleNames())
    case .sysid where isCreate:
      advance()
      return .systemID(try integer())
    case .admin where isCreate:
      advance()
      return .adminMembers(try roleNames())
    case .role where isCreate:
      advance()
      return .members(try roleNames())
    case .in where isCreate:
      advance()
      guard accept(.role) || accept(.group) else { throw syntaxError() }
      return .inRoles(try roleNames())
    default: break
    }
    guard token.kind == .identifier else { return nil }
    let word = try takeName().text
    switch word {
    case "superuser": return .superuser(true)
    case "nosuperuser": return .superuser(false)
    case "createrole": return .createRole(true)
    case "nocreaterole": return .createRole(false)
    case "createdb": return .createDatabase(true)
    case "nocreatedb": return .createDatabase(false)
    case "login": return .login(true)
    case "nologin": return .login(false)
    case "replication": return .replication(true)
    case "noreplication": return .replication(false)
    case "bypassrls": return .bypassRowLevelSecurity(true)
    case "nobypassrls": return .bypassRowLevelSecurity(false)
    case "noinherit": return .inherit(false)
    default: throw grammarError("unrecognized role option \"\(word)\"", at)
    }
  }

  // MARK: - GRANT and REVOKE

  mutating func grantStatement() throws(ParseFailure) -> Statement {
    let isGrant = isAt(.grant)
    advance()
    var option = false
    var isAdminOption = false
    if !isGrant, isAt(.grant) || isAt(.admin), isNext(.option) {
      isAdminOption = isAt(.admin)
      advance()
      advance()
      try expect(.for)
      option = true
    }
    var privileges: [Privilege] = []
    var privilegeNames: [Identifier] = []
    var allColumns: [Identifier] = []
    var isAll = false
    if accept(.all) {
      isAll = true
      _ = accept(.privileges)
      allColumns = try optionalNames()
    } else {
      repeat {
        let at = position
        switch token.keyword {
        case .select, .references, .create:
          let word = token.keyword.text
          advance()
          privilegeNames.append(Identifier(word, position: at))
        case .alter where isNext(.system):
          advance()
          advance()
          privilegeNames.append(Identifier("alter system", position: at))
        default: privilegeNames.append(try name())
        }
        let name = privilegeNames[privilegeNames.count - 1].text
        privileges.append(Privilege(name, columns: try optionalNames()))
      } while accept(.comma)
    }
    if !isAll, !isAt(.on) {
      return .grantRole(try grantRole(isGrant, privilegeNames, privileges, option))
    }
    if isAdminOption { throw syntaxError() }
    try expect(.on)
    let target = try grantTarget()
    try expect(isGrant ? .to : .from)
    var grantees: [RoleName] = []
    repeat {
      _ = accept(.group)
      grantees.append(try roleName())
    } while accept(.comma)
    var grant = GrantStatement(
      isGrant: isGrant, privileges: privileges, allColumns: allColumns, target: target, grantees: grantees,
      grantOption: option)
    if isGrant, accept(.with) {
      try expect(.grant)
      try expect(.option)
      grant.grantOption = true
    }
    grant.grantedBy = try optionalGrantedBy()
    if !isGrant { grant.behavior = optionalBehavior() }
    return .grant(grant)
  }

  private mutating func optionalGrantedBy() throws(ParseFailure) -> RoleName? {
    guard accept(.granted) else { return nil }
    try expect(.by)
    return try roleName()
  }

  private mutating func grantRole(
    _ isGrant: Bool, _ roles: [Identifier], _ privileges: [Privilege], _ option: Bool
  ) throws(ParseFailure) -> GrantRoleStatement {
    if privileges.contains(where: { !$0.columns.isEmpty }) {
      throw grammarError("column names cannot be included in GRANT/REVOKE ROLE", .unknown)
    }
    try expect(isGrant ? .to : .from)
    var grant = GrantRoleStatement(isGrant: isGrant, roles: roles, members: try roleNames(), adminOption: option)
    if isGrant, accept(.with) {
      try expect(.admin)
      try expect(.option)
      grant.adminOption = true
    }
    grant.grantedBy = try optionalGrantedBy()
    if !isGrant { grant.behavior = optionalBehavior() }
    return grant
  }

  private mutating func grantTarget() throws(ParseFailure) -> GrantStatement.Target {
    if accept(.all) {
      switch token.keyword {
      case .tables, .sequences, .functions, .procedures, .routines: break
      default: throw syntaxError()
      }
      let word = token.keyword.text
      advance()
      try expect(.in)
      try expect(.schema)
      return .allInSchemas(word, try names())
    }
    switch token.keyword {
    case .function, .procedure, .routine:
      let word = token.keyword.text
      advance()
      var signatures: [GrantStatement.RoutineSignature] = []
      repeat { signatures.append(try routineSignature()) } while accept(.comma)
      return .routines(word, signatures)
    case .sequence, .schema, .database, .type, .domain, .tablespace:
      // A table may bear one of these words as its name.
      if isColumnID(peek()) { return .objects(try objectKind(), try qualifiedNames()) }
    default: _ = accept(.table)
    }
    return .objects(.table, try qualifiedNames())
  }

  /// `name [(types)]`
  mutating func routineSignature() throws(ParseFailure) -> GrantStatement.RoutineSignature {
    guard isColumnID(token) || isTypeOrFunctionName(token) else { throw syntaxError() }
    let name = try qualifiedName(try takeName())
    guard accept(.leftParen) else { return .init(name, argumentTypes: nil) }
    var types: [TypeName] = []
    if !isAt(.rightParen) {
      repeat {
        // A parameter's name is nothing that tells functions apart.
        let parameter = try functionParameter()
        if parameter.mode != .output { types.append(parameter.type) }
      } while accept(.comma)
    }
    try expect(.rightParen)
    return .init(name, argumentTypes: types)
  }
}
