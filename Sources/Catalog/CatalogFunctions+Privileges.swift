// has_table_privilege and its kin, as the catalog's grants have it; databases, functions and types are open to everybody.

import SQLTypes

extension CatalogFunctions {
  private static let tablePrivileges: Set<String> = [
    "select", "insert", "update", "delete", "truncate", "references", "trigger",
  ]
  private static let privilegesByFunction: [String: Set<String>] = [
    "has_table_privilege": tablePrivileges,
    "has_column_privilege": ["select", "insert", "update", "references"],
    "has_any_column_privilege": ["select", "insert", "update", "references"],
    "has_sequence_privilege": ["usage", "select", "update"],
    "has_schema_privilege": ["create", "usage"],
    "has_database_privilege": ["create", "connect", "temporary", "temp"],
    "has_function_privilege": ["execute"],
    "has_language_privilege": ["usage"],
    "has_type_privilege": ["usage"],
    "has_tablespace_privilege": ["create"],
    "has_foreign_data_wrapper_privilege": ["usage"],
    "has_server_privilege": ["usage"],
    "has_parameter_privilege": ["set", "alter system"],
    "pg_has_role": ["usage", "member"],
  ]

  func privilege(_ call: Call) throws(SQLError) -> Datum {
    guard let known = Self.privilegesByFunction[call.name] else {
      throw SQLError(.undefinedFunction, "function \(call.name) does not exist")
    }
    // With a role in front, or for the current one.
    let ownCount = call.name == "has_column_privilege" ? 3 : 2
    let hasRole = call.arguments.count > ownCount
    let object = hasRole ? 1 : 0
    let role = hasRole ? try self.role(call, 0) : view.snapshot.role(named: view.user)
    let wanted = try privileges(call.text(call.arguments.count - 1) ?? "", known)
    guard let role else { return .bool(false) }
    let asRole = CatalogView(view.snapshot)
    asRole.user = role.name
    asRole.database = view.database
    asRole.searchPath = view.searchPath
    asRole.temporary = view.temporary
    switch call.name {
    case "has_table_privilege", "has_column_privilege", "has_any_column_privilege", "has_sequence_privilege":
      guard let relation = try relation(call, object) else { return .null }
      if call.name == "has_column_privilege", let name = call.text(object + 1), relation.column(named: name) == nil {
        throw .undefinedColumn(name, of: relation.name)
      }
      var columns: [UInt32] = []
      if call.name == "has_column_privilege" {
        let named = call.text(object + 1).flatMap { relation.column(named: $0)?.id }
        columns = [named ?? UInt32(clamping: call.integer(object + 1) ?? 0)]
      }
      return .bool(
        wanted.contains { word in
          guard let privilege = Privileges.named(word) else { return false }
          if call.name == "has_table_privilege" || call.name == "has_sequence_privilege" {
            return asRole.holdsWhole(privilege, on: relation)
          }
          return asRole.holds(privilege, on: relation, columns: columns)
        })
    case "has_schema_privilege":
      let schema: SchemaDescriptor?
      if let name = call.text(object) {
        schema = try view.schema(required: name)
      } else {
        schema = view.schema(call.oid(object))
      }
      guard let schema else { return .null }
      return .bool(wanted.contains { word in Privileges.named(word).map { asRole.holds($0, on: schema) } ?? false })
    case "has_database_privilege":
      let database: DatabaseDescriptor?
      if let name = call.text(object) {
        guard let found = view.snapshot.database(named: name) else { throw .undefinedDatabase(name) }
        database = found
      } else {
        database = view.snapshot.database(call.oid(object))
      }
      guard let database else { return .null }
      // PUBLIC may connect and make temporary tables.
      return .bool(asRole.acts(for: database.owner) || wanted.contains { $0 != "create" })
    case "pg_has_role":
      guard let target = try self.role(call, object) else { return .null }
      return .bool(asRole.acts(for: target.oid))
    case "has_function_privilege":
      if let name = call.text(object) {
        _ = try CatalogObjectNames(view).object(named: Array(name.utf8), type: OID(2202))
      }
      return .bool(true)
    case "has_type_privilege", "has_language_privilege": return .bool(true)
    default: return .bool(role.isSuperuser)
    }
  }

  private func relation(_ call: Call, _ index: Int) throws(SQLError) -> TableDescriptor? {
    guard let text = call.text(index) else { return view.relation(call.oid(index)) }
    let (schema, name) = try NameText.relation(text)
    if let schema { _ = try view.schema(required: schema) }
    guard let found = view.relation(name, schema: schema) else {
      throw .undefinedRelation(schema.map { "\($0).\(name)" } ?? name)
    }
    return found
  }

  private func role(_ call: Call, _ index: Int) throws(SQLError) -> RoleDescriptor? {
    guard let name = call.text(index) else { return view.snapshot.role(call.oid(index)) }
    guard let role = view.snapshot.role(named: name) else { throw .undefinedRole(name) }
    return role
  }

  /// `SELECT, INSERT WITH GRANT OPTION`: any of these will do. Error 22023 for an unknown one.
  private func privileges(_ text: String, _ known: Set<String>) throws(SQLError) -> [String] {
    var wanted: [String] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      var word = part.lowercased()
      while word.first == " " { word.removeFirst() }
      while word.last == " " { word.removeLast() }
      let spelled = String(part.drop { $0 == " " })
      for suffix in [" with grant option", " with admin option"] where word.hasSuffix(suffix) {
        word.removeLast(suffix.count)
      }
      guard known.contains(word) else {
        throw SQLError(.invalidParameterValue, "unrecognized privilege type: \"\(spelled)\"")
      }
      wanted.append(word)
    }
    return wanted
  }
}
