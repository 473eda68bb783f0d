// Roles: made, changed and dropped.

import SQLTypes

extension CatalogWriter {
  func requireRoleAdministration() throws(SQLError) {
    guard let role = view.snapshot.role(named: view.user), role.isSuperuser || role.createsRoles else {
      throw SQLError(.insufficientPrivilege, "permission denied")
    }
  }

  private func checkRoleName(_ name: String) throws(SQLError) {
    if name == "public" || name == "none" {
      throw SQLError(.reservedName, "role name \"\(name)\" is reserved")
    }
    if name.hasPrefix("pg_") {
      throw SQLError(
        .reservedName, "role name \"\(name)\" is reserved",
        detail: "Role names starting with \"pg_\" are reserved.")
    }
  }

  public func createRole(name: String, _ options: RoleOptions) throws(SQLError) -> RoleDescriptor {
    guard let own = view.snapshot.role(named: view.user), own.isSuperuser || own.createsRoles else {
      throw SQLError(.insufficientPrivilege, "permission denied to create role")
    }
    if !own.isSuperuser { try refuseSuperuserOptions(options, "create") }
    try checkRoleName(name)
    if view.snapshot.role(named: name) != nil {
      throw SQLError(.duplicateObject, "role \"\(name)\" already exists")
    }
    var role = RoleDescriptor(oid: try makeOID(), name: name)
    role.apply(options)
    apply(put: [.role(role)])
    var notices: [SQLError] = []
    try changeMembership(of: [role.oid], in: options.inRoles, isGrant: true, adminOption: false, &notices)
    try changeMembership(of: options.members, in: [role.oid], isGrant: true, adminOption: false, &notices)
    try changeMembership(of: options.administrators, in: [role.oid], isGrant: true, adminOption: true, &notices)
    return role
  }

  private func refuseSuperuserOptions(_ options: RoleOptions, _ verb: String) throws(SQLError) {
    for (isWanted, what) in [
      (options.isSuperuser, "superusers"), (options.isReplication, "replication users"),
      (options.bypassesRowSecurity, "bypassrls users"),
    ] where isWanted == true {
      throw SQLError(.insufficientPrivilege, "must be superuser to \(verb) \(what)")
    }
  }

  public func alterRole(name: String, _ options: RoleOptions) throws(SQLError) -> RoleDescriptor {
    guard var role = view.snapshot.role(named: name) else { throw .undefinedRole(name) }
    if SystemObjects.isConstant(role: role.oid) { try checkRoleName(name) }
    let own = view.snapshot.role(named: view.user)
    if own?.isSuperuser != true {
      if role.isSuperuser || options.isSuperuser != nil {
        throw SQLError(
          .insufficientPrivilege, "must be superuser to alter superuser roles or change superuser attribute")
      }
      var passwordOnly = RoleOptions()
      passwordOnly.password = options.password
      passwordOnly.removesPassword = options.removesPassword
      guard own?.createsRoles == true || (own?.oid == role.oid && options == passwordOnly) else {
        throw SQLError(.insufficientPrivilege, "permission denied")
      }
      try refuseSuperuserOptions(options, "alter")
    }
    role.apply(options)
    apply(put: [.role(role)])
    return role
  }

  public func renameRole(_ old: String, to name: String) throws(SQLError) -> RoleDescriptor {
    try requireRoleAdministration()
    guard var role = view.snapshot.role(named: old) else { throw .undefinedRole(old) }
    if role.name == view.user { throw SQLError(.featureNotSupported, "current user cannot be renamed") }
    try checkRoleName(old)
    try checkRoleName(name)
    if view.snapshot.role(named: name) != nil {
      throw SQLError(.duplicateObject, "role \"\(name)\" already exists")
    }
    role.name = name
    apply(put: [.role(role)])
    return role
  }

  public func dropRoles(_ oids: [OID]) throws(SQLError) {
    guard let own = view.snapshot.role(named: view.user), own.isSuperuser || own.createsRoles else {
      throw SQLError(.insufficientPrivilege, "permission denied to drop role")
    }
    var roles: [CatalogObject] = []
    for oid in oids {
      guard let role = view.snapshot.role(oid) else {
        throw SQLError(.undefinedObject, "role with OID \(oid) does not exist")
      }
      if role.oid == own.oid { throw SQLError(.objectInUse, "current user cannot be dropped") }
      if role.isSuperuser && !own.isSuperuser {
        throw SQLError(.insufficientPrivilege, "must be superuser to drop superusers")
      }
      if SystemObjects.isConstant(role: oid) || oid == .bootstrapSuperuser {
        throw SQLError(
          .dependentObjectsStillExist,
          "cannot drop role \(role.name) because it is required by the database system")
      }
      let owned = ownedObjects(oid)
      if !owned.isEmpty {
        throw SQLError(
          .dependentObjectsStillExist, "role \"\(role.name)\" cannot be dropped because some objects depend on it",
          detail: owned.joined(separator: "\n"))
      }
      roles.append(.role(role))
    }
    // Nobody is a member of what is gone.
    var members: [CatalogObject] = []
    for var member in view.snapshot.roles
    where !oids.contains(member.oid) && member.memberOf.contains(where: { oids.contains($0.role) }) {
      member.memberOf.removeAll { oids.contains($0.role) }
      members.append(.role(member))
    }
    apply(put: members, remove: roles)
  }

  private func ownedObjects(_ role: OID) -> [String] {
    var found: [String] = []
    for database in view.snapshot.databases where database.owner == role {
      found.append("owner of database \(quoteIdentifier(database.name))")
    }
    for schema in view.snapshot.schemas where schema.owner == role {
      found.append("owner of schema \(quoteIdentifier(schema.name))")
    }
    for relation in view.relations
    where relation.owner != role
      && (relation.grants + relation.columns.flatMap(\.acl)).contains(where: { $0.grantee == role })
    {
      found.append("privileges for \(describe(relation))")
    }
    for schema in view.schemas where schema.owner != role && (schema.acl ?? []).contains(where: { $0.grantee == role })
    {
      found.append("privileges for schema \(quoteIdentifier(schema.name))")
    }
    var elsewhere: [OID: Int] = [:]
    for relation in view.snapshot.relations where relation.owner == role {
      let database = view.snapshot.schema(relation.schema)?.database ?? .invalid
      if database == view.database {
        found.append("owner of \(describe(relation))")
      } else {
        elsewhere[database, default: 0] += 1
      }
    }
    for database in elsewhere.keys.sorted() {
      let count = elsewhere[database] ?? 0
      let name = view.snapshot.database(database)?.name ?? ""
      found.append("\(count) object\(count == 1 ? "" : "s") in database \(quoteIdentifier(name))")
    }
    return found
  }
}

extension RoleDescriptor {
  /// Takes over what the options say.
  mutating func apply(_ options: RoleOptions) {
    isSuperuser = options.isSuperuser ?? isSuperuser
    canLogin = options.canLogin ?? canLogin
    createsDatabases = options.createsDatabases ?? createsDatabases
    createsRoles = options.createsRoles ?? createsRoles
    inherits = options.inherits ?? inherits
    isReplication = options.isReplication ?? isReplication
    bypassesRowSecurity = options.bypassesRowSecurity ?? bypassesRowSecurity
    connectionLimit = options.connectionLimit ?? connectionLimit
    password = options.removesPassword ? nil : options.password ?? password
    validUntil = options.validUntil ?? validUntil
  }
}
