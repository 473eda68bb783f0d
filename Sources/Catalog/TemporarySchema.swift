// Where a session's temporary objects are: a schema `pg_temp_<n>` of its own, an ordinary one but for its name, made with the
// session's first temporary object and dropped with all it holds when the session ends. What a node that died has left under
// the name of a session is dropped by the next session of that name, before it uses it.
// Source: PostgreSQL manual, 5.9.3 and CREATE TABLE, "TEMPORARY".

import SQLTypes

/// The session's schema for temporary objects. Known by name and OID both: a transaction that made it may have been undone.
public struct TemporarySchema: Sendable, Hashable {
  public static let prefix = "pg_temp_"
  /// What statements write for the session's own.
  public static let alias = "pg_temp"

  public let oid: OID
  public let name: String
}

extension SchemaDescriptor {
  /// Whether it holds some session's temporary objects.
  public var isTemporary: Bool { name.hasPrefix(TemporarySchema.prefix) }
}

extension CatalogView {
  /// The schema of the session's temporary objects, if it has any.
  public var temporarySchema: SchemaDescriptor? {
    guard let temporary, let schema = snapshot.schema(temporary.oid), schema.name == temporary.name else { return nil }
    return schema
  }

  public func isTemporary(_ relation: TableDescriptor) -> Bool { snapshot.schema(relation.schema)?.isTemporary == true }
}

extension CatalogWriter {
  /// Makes the session's schema for temporary objects; one of its name that is there is another session's that has ended.
  public func createTemporarySchema(name: String) throws(SQLError) {
    if let stale = view.snapshot.schema(named: name, in: view.database) {
      _ = try dropSchemas([stale.oid], cascades: true)
    }
    let schema = SchemaDescriptor(oid: try makeOID(), name: name, owner: view.userOID, database: view.database)
    apply(put: [.schema(schema)])
    view.temporary = TemporarySchema(oid: schema.oid, name: name)
  }

  /// Drops all temporary objects of the session.
  public func dropTemporarySchema() throws(SQLError) {
    guard let schema = view.temporarySchema else { return }
    _ = try dropSchemas([schema.oid], cascades: true)
  }
}
