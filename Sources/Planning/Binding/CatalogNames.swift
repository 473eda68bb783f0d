// Names of objects as statements write them, looked up in one catalog view, with PostgreSQL's errors and positions.

import Catalog
import Encoding
import SQLSyntax
import SQLTypes

/// What of the catalog a statement was resolved to, in order of first use: its plan is wrong once one of them changes.
final class CatalogUses {
  private(set) var keys: [Key] = []

  /// Depends on the whole catalog.
  func addCatalog() { if !keys.contains(KeyLayout.catalogVersion) { keys.append(KeyLayout.catalogVersion) } }

  func add(_ found: NamedRelation) {
    let key: Key
    switch found {
    case .relation(let table), .index(_, of: let table):
      // Relations of the system's own show the whole catalog.
      if case .virtual = table.kind { key = KeyLayout.catalogVersion } else { key = KeyLayout.relation(table.oid) }
    }
    if !keys.contains(key) { keys.append(key) }
  }
}

struct CatalogNames {
  let catalog: CatalogView
  let uses = CatalogUses()

  /// The database connected to.
  var databaseName: String { catalog.snapshot.database(catalog.database)?.name ?? "" }

  /// The schema part of a name, after its catalog part was checked.
  private func schema(of name: QualifiedName) throws(SQLError) -> String? {
    if let catalog = name.catalog, catalog.text != databaseName {
      throw SQLError(
        .featureNotSupported, "cross-database references are not implemented: \"\(name)\"")
    }
    return name.schema?.text
  }

  func namedRelation(_ name: QualifiedName) throws(SQLError) -> NamedRelation? {
    let schema = try schema(of: name)
    let found: NamedRelation?
    if let oid = schema.flatMap(StoredName.relation) {
      // Only of this database: its OID is no way into another.
      found = catalog.relation(oid).flatMap { table in
        let database = catalog.schema(table.schema)?.database
        return database == catalog.database || database == .invalid ? .relation(table) : nil
      }
    } else {
      found = catalog.namedRelation(name.name.text, schema: schema)
    }
    if let found { uses.add(found) }
    return found
  }

  /// A relation that must exist, of any kind.
  /// Errors: 42P01; 42809 for an index.
  func relation(_ name: QualifiedName) throws(SQLError) -> TableDescriptor {
    switch try namedRelation(name) {
    case .relation(let table)?: return table
    case .index?:
      throw SQLError(
        .wrongObjectType, "cannot open relation \"\(name.name.text)\"",
        detail: "This operation is not supported for indexes.")
    case nil:
      throw SQLError(.undefinedTable, "relation \"\(plain(name))\" does not exist")
    }
  }

  /// The name without the database's.
  func plain(_ name: QualifiedName) -> String {
    name.schema.map { "\($0.text).\(name.name.text)" } ?? name.name.text
  }

  func schemaName(_ oid: OID) -> String { catalog.schema(oid)?.name ?? "" }

  /// Where a new object of this name goes. The session has made the schema of temporary ones.
  func schemaForCreation(_ name: QualifiedName, isTemporary: Bool = false) throws(SQLError) -> OID {
    if isTemporary {
      let written = try schema(of: name)
      guard let schema = catalog.temporarySchema else {
        throw SQLError(.invalidSchemaName, "no schema has been selected to create in")
      }
      if let written, written != TemporarySchema.alias, written != schema.name {
        throw SQLError(.invalidTableDefinition, "cannot create temporary relation in non-temporary schema")
      }
      return schema.oid
    }
    let schema = try catalog.schemaForCreation(try schema(of: name))
    if [OID.pgCatalogSchema, .informationSchema, .meridianCatalogSchema].contains(schema.oid) {
      throw SQLError(
        .insufficientPrivilege, "permission denied to create \"\(schema.name).\(name.name.text)\"",
        detail: "System catalog modifications are currently disallowed.")
    }
    return schema.oid
  }

  /// The object of a `regclass` literal: a number, or a name as in SQL text.
  func regclass(_ text: String) throws(SQLError) -> OID {
    if let number = UInt32(text) { return OID(number) }
    let parts = try CatalogNames.splitQualified(text)
    let found = catalog.namedRelation(parts[parts.count - 1], schema: parts.count > 1 ? parts[parts.count - 2] : nil)
    guard let found else {
      throw SQLError(.undefinedTable, "relation \"\(parts.joined(separator: "."))\" does not exist")
    }
    uses.add(found)
    return found.oid
  }

  /// `a.b` and `"A"."b"` taken apart, unquoted parts folded to lower case.
  static func splitQualified(_ text: String) throws(SQLError) -> [String] {
    var parts: [String] = []
    var bytes = Array(text.utf8)[...]
    func invalid() -> SQLError { SQLError(.invalidName, "invalid name syntax") }
    while true {
      while let first = bytes.first, first == 0x20 { bytes.removeFirst() }
      var part: [UInt8] = []
      if bytes.first == UInt8(ascii: "\"") {
        bytes.removeFirst()
        while true {
          guard let byte = bytes.popFirst() else { throw invalid() }
          if byte == UInt8(ascii: "\"") {
            if bytes.first == UInt8(ascii: "\"") { bytes.removeFirst() } else { break }
          }
          part.append(byte)
        }
      } else {
        while let byte = bytes.first, byte != UInt8(ascii: "."), byte != 0x20 {
          bytes.removeFirst()
          part.append(byte >= 0x41 && byte <= 0x5A ? byte + 0x20 : byte)
        }
      }
      if part.isEmpty { throw invalid() }
      parts.append(String(decoding: part, as: UTF8.self))
      while let first = bytes.first, first == 0x20 { bytes.removeFirst() }
      guard let next = bytes.popFirst() else { return parts }
      if next != UInt8(ascii: ".") { throw invalid() }
    }
  }
}

/// An identifier as SQL text has to write it.
func quoted(_ name: String) -> String { quoteIdentifier(name) }
