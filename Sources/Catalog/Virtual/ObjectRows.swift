// Schemas, databases, roles, comments, types, functions, operators, and the fixed rows of small catalogs.

import Expressions
import SQLTypes

extension SystemRelations {
  private static let aclArray = SQLType(OID(1034))

  static let namespaceRows: RowSource = { (view, _, rows) throws(SQLError) in
    for schema in view.schemas {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(schema.oid)
        row["nspname"] = .text(schema.name)
        row["nspowner"] = .oid(schema.owner)
        if let acl = schema.acl {
          row["nspacl"] = try .parsed(aclArray, view.text(acl))
        } else if schema.database == .invalid {
          row["nspacl"] = try .parsed(aclArray, "{postgres=UC/postgres,=U/postgres}")
        } else if schema.owner == .databaseOwnerRole {
          row["nspacl"] = try .parsed(
            aclArray, "{pg_database_owner=UC/pg_database_owner,=U/pg_database_owner}")
        }
      }
    }
  }

  static let databaseRows: RowSource = { (view, _, rows) throws(SQLError) in
    for database in view.snapshot.databases {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(database.oid)
        row["datname"] = .text(database.name)
        row["datdba"] = .oid(database.owner)
        row["encoding"] = .int(6)
        row["datlocprovider"] = .text("c")
        row["datistemplate"] = .bool(database.isTemplate)
        row["datallowconn"] = .bool(database.allowsConnections)
        row["datconnlimit"] = .int(-1)
        row["dattablespace"] = .int(1663)
        row["datcollate"] = .text("C.UTF-8")
        row["datctype"] = .text("C.UTF-8")
        if database.isTemplate {
          row["datacl"] = try .parsed(aclArray, "{=c/postgres,postgres=CTc/postgres}")
        }
      }
    }
  }

  /// pg_authid, and pg_roles, which hides passwords.
  static let roleRows: RowSource = { (view, _, rows) throws(SQLError) in
    let hidesPasswords = rows.name == "pg_roles"
    if !hidesPasswords && !view.isSuperuser {
      throw SQLError(.insufficientPrivilege, "permission denied for table pg_authid")
    }
    for role in view.snapshot.roles {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(role.oid)
        row["rolname"] = .text(role.name)
        row["rolsuper"] = .bool(role.isSuperuser)
        row["rolinherit"] = .bool(role.inherits)
        row["rolcreaterole"] = .bool(role.createsRoles)
        row["rolcreatedb"] = .bool(role.createsDatabases)
        row["rolcanlogin"] = .bool(role.canLogin)
        row["rolreplication"] = .bool(role.isReplication)
        row["rolbypassrls"] = .bool(role.bypassesRowSecurity)
        row["rolconnlimit"] = .int(role.connectionLimit)
        row["rolpassword"] = hidesPasswords ? .text("********") : .text(optional: role.password)
        row["rolvaliduntil"] = role.validUntil.map { .int64($0) } ?? .null
      }
    }
  }

  /// pg_user and pg_shadow.
  static let userRows: RowSource = { (view, _, rows) throws(SQLError) in
    let hidesPasswords = rows.name == "pg_user"
    if !hidesPasswords && !view.isSuperuser {
      throw SQLError(.insufficientPrivilege, "permission denied for view pg_shadow")
    }
    for role in view.snapshot.roles where role.canLogin {
      try rows.add { (row) throws(SQLError) in
        row["usename"] = .text(role.name)
        row["usesysid"] = .oid(role.oid)
        row["usecreatedb"] = .bool(role.createsDatabases)
        row["usesuper"] = .bool(role.isSuperuser)
        row["userepl"] = .bool(role.isReplication)
        row["usebypassrls"] = .bool(role.bypassesRowSecurity)
        row["passwd"] = hidesPasswords ? .text("********") : .text(optional: role.password)
        row["valuntil"] = role.validUntil.map { .int64($0) } ?? .null
      }
    }
  }

  static let descriptionRows: RowSource = { (view, _, rows) throws(SQLError) in
    func add(_ object: OID, _ kind: OID, column: UInt32 = 0, _ text: String?) throws(SQLError) {
      guard let text else { return }
      try rows.add { (row) throws(SQLError) in
        row["objoid"] = .oid(object)
        row["classoid"] = .oid(kind)
        row["objsubid"] = .int(column)
        row["description"] = .text(text)
      }
    }
    for schema in view.schemas { try add(schema.oid, .pgNamespace, schema.comment) }
    for type in view.types { try add(type.oid, OID(1247), type.comment) }
    for relation in view.relations {
      try add(relation.oid, .pgClass, relation.comment)
      for column in relation.columns { try add(relation.oid, .pgClass, column: column.id, column.comment) }
      for index in relation.visibleIndexes {
        try add(index.oid, .pgClass, index.comment)
        try add(index.constraintOID, .pgConstraint, index.constraintComment)
      }
      for check in relation.checks { try add(check.oid, .pgConstraint, check.comment) }
      for key in relation.foreignKeys { try add(key.oid, .pgConstraint, key.comment) }
    }
  }

  static let sharedDescriptionRows: RowSource = { (view, _, rows) throws(SQLError) in
    let objects =
      view.snapshot.databases.map { ($0.oid, OID.pgDatabase, $0.comment) }
      + view.snapshot.roles.map { ($0.oid, OID.pgAuthid, $0.comment) }
    for (object, kind, comment) in objects {
      guard let comment else { continue }
      try rows.add { (row) throws(SQLError) in
        row["objoid"] = .oid(object)
        row["classoid"] = .oid(kind)
        row["description"] = .text(comment)
      }
    }
  }

  static let typeRows: RowSource = { (view, _, rows) throws(SQLError) in
    for type in view.types { try addUserTypeRows(type, &rows) }
    for type in SystemTypes.all {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(type.oid)
        row["typname"] = .text(type.name)
        row["typnamespace"] = .oid(.pgCatalogSchema)
        row["typowner"] = .oid(.bootstrapSuperuser)
        row["typlen"] = .int(type.length)
        row["typbyval"] = .bool(type.isByValue)
        row["typtype"] = .text(type.kind)
        row["typcategory"] = .text(type.category)
        row["typispreferred"] = .bool(type.isPreferred)
        row["typisdefined"] = .bool(true)
        row["typdelim"] = .text(type.delimiter)
        row["typsubscript"] = .oid(type.subscriptHandler)
        row["typelem"] = .oid(type.element)
        row["typarray"] = .oid(type.array)
        for (name, function) in zip(
          ["typinput", "typoutput", "typreceive", "typsend", "typmodin", "typmodout", "typanalyze"], type.functions)
        {
          row[name] = .oid(function)
        }
        row["typalign"] = .text(type.alignment)
        row["typstorage"] = .text(type.storage)
        row["typtypmod"] = .int(-1)
        row["typcollation"] = .oid(type.collation)
      }
    }
  }

  /// A user's type and the type of its arrays.
  private static func addUserTypeRows(_ type: TypeDescriptor, _ rows: inout VirtualRows) throws(SQLError) {
    let info = TypeInfo.find(type.oid)
    let (letter, category, functions): (String, String, [UInt32]) =
      switch type.definition {
      // enum_in, record_in, domain_in and their kin.
      case .enumerated: ("e", "E", [3506, 3507, 3532, 3533])
      case .composite: ("c", "C", [2290, 2291, 2402, 2403])
      case .domain:
        ("d", info.map { String(UnicodeScalar($0.category.rawValue)) } ?? "U", [2597, 0, 2598, 0])
      }
    for isArray in [false, true] where !isArray || type.arrayOID != .invalid {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(isArray ? type.arrayOID : type.oid)
        row["typname"] = .text(isArray ? "_" + type.name : type.name)
        row["typnamespace"] = .oid(type.schema)
        row["typowner"] = .oid(type.owner)
        row["typlen"] = .int(isArray ? -1 : info?.length ?? 4)
        row["typbyval"] = .bool(!isArray && info?.kind == .int64)
        row["typtype"] = .text(isArray ? "b" : letter)
        row["typcategory"] = .text(isArray ? "A" : category)
        row["typisdefined"] = .bool(true)
        row["typdelim"] = .text(",")
        row["typelem"] = .oid(isArray ? type.oid : .invalid)
        row["typarray"] = .oid(isArray ? .invalid : type.arrayOID)
        // Or array_in and its kin.
        let functions: [UInt32] = isArray ? [750, 751, 2400, 2401] : functions
        if !isArray, let domain = type.domain {
          row["typbasetype"] = .oid(domain.base.oid)
          row["typnotnull"] = .bool(domain.isNotNull)
          row["typdefault"] = domain.defaultSQL.map { .text($0) } ?? .null
        }
        for (name, function) in zip(["typinput", "typoutput", "typreceive", "typsend"], functions) {
          row[name] = .oid(OID(function))
        }
        row["typalign"] = .text("i")
        row["typstorage"] = .text(isArray || info?.kind == .bytes ? "x" : "p")
        row["typtypmod"] = .int(isArray ? -1 : type.domain?.base.modifier ?? -1)
      }
    }
  }

  static let enumRows: RowSource = { (view, _, rows) throws(SQLError) in
    for type in view.types {
      for (index, label) in type.labels.enumerated() {
        try rows.add { (row) throws(SQLError) in
          row["oid"] = .oid(label.oid)
          row["enumtypid"] = .oid(type.oid)
          row["enumsortorder"] = .float64(Double(index + 1))
          row["enumlabel"] = .text(label.name)
        }
      }
    }
  }

  static let functionRows: RowSource = { (view, _, rows) throws(SQLError) in
    for function in view.functions {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(function.oid)
        row["proname"] = .text(function.name)
        row["pronamespace"] = .oid(function.schema)
        row["proowner"] = .oid(function.owner)
        row["prolang"] = .int(function.isProcedural ? 13_000 : 14)
        row["procost"] = .float64(100)
        row["prorows"] = .float64(function.returnsSet ? 1000 : 0)
        if function.isVariadic, let last = function.parameters.last {
          row["provariadic"] = .oid(TypeInfo.find(last.type.oid)?.elementOID ?? .invalid)
        }
        row["prokind"] = .text("f")
        row["proisstrict"] = .bool(function.isStrict)
        row["proretset"] = .bool(function.returnsSet)
        row["provolatile"] = .text(function.volatilityLetter)
        row["proparallel"] = .text("u")
        row["pronargs"] = .int(function.parameters.count)
        row["pronargdefaults"] = .int(function.parameters.count { $0.defaultSQL != nil })
        row["prorettype"] = .oid(function.result.oid)
        row["proargtypes"] = try .parsed(
          SQLType(OID(30)), function.parameters.map(\.type.oid.description).joined(separator: " "))
        if (function.parameters + function.outputs).contains(where: { $0.name != nil }) {
          let names = (function.parameters + function.outputs).map { "\"\($0.name ?? "")\"" }
          row["proargnames"] = try .parsed(.textArray, "{\(names.joined(separator: ","))}")
        }
        row["prosrc"] = .text(function.isStandard ? "" : function.body)
      }
    }
    for function in SystemProcedures.all {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(function.oid)
        row["proname"] = .text(function.name)
        row["pronamespace"] = .oid(.pgCatalogSchema)
        row["proowner"] = .oid(.bootstrapSuperuser)
        row["prolang"] = .int(12)
        row["procost"] = .float64(1)
        row["prorows"] = .float64(function.returnsSet ? 1000 : 0)
        row["provariadic"] = .oid(function.variadic)
        row["prokind"] = .text(function.kind)
        row["proisstrict"] = .bool(function.isStrict)
        row["proretset"] = .bool(function.returnsSet)
        row["provolatile"] = .text(function.volatility)
        row["proparallel"] = .text("s")
        row["pronargs"] = .int(function.arguments.count)
        row["prorettype"] = .oid(function.result)
        row["proargtypes"] = try .parsed(
          SQLType(OID(30)), function.arguments.map(\.description).joined(separator: " "))
        row["prosrc"] = .text(function.name)
      }
    }
  }

  static let aggregateRows: RowSource = { (_, _, rows) throws(SQLError) in
    for function in SystemProcedures.all where function.kind == "a" {
      try rows.add { (row) throws(SQLError) in
        row["aggfnoid"] = .oid(function.oid)
        row["aggkind"] = .text("n")
        row["aggfinalmodify"] = .text("r")
        row["aggmfinalmodify"] = .text("r")
        row["aggtranstype"] = .oid(function.result)
      }
    }
  }

  static let operatorRows: RowSource = { (_, _, rows) throws(SQLError) in
    for function in FunctionRegistry.shared.allScalars where function.form != .function {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(function.oid)
        row["oprname"] = .text(function.name)
        row["oprnamespace"] = .oid(.pgCatalogSchema)
        row["oprowner"] = .oid(.bootstrapSuperuser)
        row["oprkind"] = .text(function.form == .prefix ? "l" : "b")
        row["oprcanmerge"] = .bool(function.comparison == .equal)
        row["oprcanhash"] = .bool(function.comparison == .equal)
        if function.form == .infix, let left = function.arguments.first { row["oprleft"] = .oid(left.oid) }
        if let right = function.arguments.last { row["oprright"] = .oid(right.oid) }
        row["oprresult"] = .oid(function.result.oid)
        row["oprcode"] = .oid(OperatorFunctions.procedure(of: function))
      }
    }
  }

  static let operatorClassRows: RowSource = { (_, _, rows) throws(SQLError) in
    for entry in SystemTypes.operatorClasses {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(entry.oid)
        row["opcmethod"] = .int(403)
        row["opcname"] = .text(entry.name)
        row["opcnamespace"] = .oid(.pgCatalogSchema)
        row["opcowner"] = .oid(.bootstrapSuperuser)
        row["opcfamily"] = .oid(entry.family)
        row["opcintype"] = .oid(entry.type)
        row["opcdefault"] = .bool(true)
      }
    }
  }

  static let operatorFamilyRows: RowSource = { (_, _, rows) throws(SQLError) in
    var seen: Set<OID> = []
    for entry in SystemTypes.operatorClasses where seen.insert(entry.family).inserted {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(entry.family)
        row["opfmethod"] = .int(403)
        row["opfname"] = .text(entry.familyName)
        row["opfnamespace"] = .oid(.pgCatalogSchema)
        row["opfowner"] = .oid(.bootstrapSuperuser)
      }
    }
  }

  static let accessMethodRows: RowSource = { (_, _, rows) throws(SQLError) in
    for (oid, name, handler, type) in [(2, "heap", 3, "t"), (403, "btree", 330, "i")] {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .int(oid)
        row["amname"] = .text(name)
        row["amhandler"] = .int(handler)
        row["amtype"] = .text(type)
      }
    }
  }

  static let collationRows: RowSource = { (_, _, rows) throws(SQLError) in
    for (oid, name, provider, locale) in [
      (100, "default", "d", nil), (950, "C", "c", "C"), (951, "POSIX", "c", "POSIX"),
    ] as [(Int, String, String, String?)] {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .int(oid)
        row["collname"] = .text(name)
        row["collnamespace"] = .oid(.pgCatalogSchema)
        row["collowner"] = .oid(.bootstrapSuperuser)
        row["collprovider"] = .text(provider)
        row["collisdeterministic"] = .bool(true)
        row["collencoding"] = .int(-1)
        row["collcollate"] = .text(optional: locale)
        row["collctype"] = .text(optional: locale)
      }
    }
  }

  static let languageRows: RowSource = { (_, _, rows) throws(SQLError) in
    for (oid, name, isTrusted) in [(12, "internal", false), (14, "sql", true), (13_000, "plpgsql", true)] {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .int(oid)
        row["lanname"] = .text(name)
        row["lanowner"] = .oid(.bootstrapSuperuser)
        row["lanpltrusted"] = .bool(isTrusted)
      }
    }
  }

  static let tablespaceRows: RowSource = { (_, _, rows) throws(SQLError) in
    for (oid, name) in [(1663, "pg_default"), (1664, "pg_global")] {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .int(oid)
        row["spcname"] = .text(name)
        row["spcowner"] = .oid(.bootstrapSuperuser)
      }
    }
  }
}
