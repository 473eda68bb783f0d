// The catalog as one transaction sees it: the committed snapshot of its version with its own changes laid over, and
// the search path by which names are found. Confined to its transaction.
// Source: PostgreSQL manual, section 5.9.3 "The Schema Search Path".

import Expressions
import SQLTypes

/// A point in a transaction's catalog changes, taken with a savepoint.
public struct CatalogMark: Sendable {
  /// Nil: nothing had been changed.
  let snapshot: CatalogSnapshot?
}

public final class CatalogView {
  /// The catalog with this transaction's own changes.
  public internal(set) var snapshot: CatalogSnapshot { didSet { forgetObjects() } }
  /// What others see.
  public let committed: CatalogSnapshot

  /// The value of `search_path`, its names unquoted; `$user` stands for the user's name.
  public var searchPath: [String] = ["$user", "public"] { didSet { if searchPath != oldValue { forgetNames() } } }
  /// The current role: owner of what is made.
  public var user: String = "postgres" { didSet { if user != oldValue { forgetNames() } } }
  /// The database connected to: its schemas, and the system's, are all that is seen.
  public var database: OID = .postgresDatabase { didSet { if database != oldValue { forgetNames() } } }

  /// The session's schema for temporary objects, searched before all others unless the path names it.
  public var temporary: TemporarySchema? { didSet { if temporary != oldValue { forgetNames() } } }

  /// The schemas searched, resolved; forgotten when the path or the catalog changes.
  private var path: (version: ObjectIdentifier, all: [OID], explicit: [OID])?
  /// What `objectNames` gave last.
  private var names: (any ObjectNames)?
  private var knownSuperuser: Bool?

  private func forgetNames() {
    path = nil
    forgetObjects()
  }

  private func forgetObjects() {
    names = nil
    knownSuperuser = nil
  }

  /// Whether the current role may do everything.
  public var isSuperuser: Bool {
    if let knownSuperuser { return knownSuperuser }
    let isSuperuser = snapshot.role(named: user)?.isSuperuser ?? false
    knownSuperuser = isSuperuser
    return isSuperuser
  }

  /// Names of objects as values of `regclass` and its kin.
  public func objectNames() -> any ObjectNames {
    if let names { return names }
    let made = CatalogObjectNames(self)
    names = made
    return made
  }

  public init(_ snapshot: CatalogSnapshot) {
    self.snapshot = snapshot
    self.committed = snapshot
  }

  public var hasChanges: Bool { snapshot !== committed }

  /// The version of the catalog; while there are own changes, that which their commit would make.
  public var version: UInt64 { snapshot.version }

  /// The version under which plans made now may be kept for others: none while there are uncommitted changes.
  public var shareableVersion: UInt64? { hasChanges ? nil : snapshot.version }

  public func mark() -> CatalogMark { CatalogMark(snapshot: hasChanges ? snapshot : nil) }

  /// Forgets the changes since `mark`; the caller rolls its transaction back to the savepoint taken with it.
  public func rollback(to mark: CatalogMark) { snapshot = mark.snapshot ?? committed }

  // MARK: Search path

  private func resolvedPath() -> (version: ObjectIdentifier, all: [OID], explicit: [OID]) {
    if let path, path.version == ObjectIdentifier(snapshot) { return path }
    var explicit: [OID] = []
    for name in searchPath {
      guard let schema = schema(named: name == "$user" ? user : name), !explicit.contains(schema.oid)
      else { continue }
      explicit.append(schema.oid)
    }
    var all = explicit.contains(.pgCatalogSchema) ? explicit : [.pgCatalogSchema] + explicit
    if let temporary = temporarySchema, !explicit.contains(temporary.oid) { all.insert(temporary.oid, at: 0) }
    let resolved = (ObjectIdentifier(snapshot), all, explicit)
    path = resolved
    return resolved
  }

  /// The schemas of the search path that exist, in order; `pg_catalog` comes first unless the path names it.
  public func searchSchemas(includingImplicit: Bool = true) -> [OID] {
    includingImplicit ? resolvedPath().all : resolvedPath().explicit
  }

  /// `current_schemas()`.
  public func searchSchemaNames(includingImplicit: Bool) -> [String] {
    searchSchemas(includingImplicit: includingImplicit).compactMap { snapshot.schema($0)?.name }
  }

  /// `current_schema()`, where objects are made whose name has no schema.
  public var creationSchema: SchemaDescriptor? { resolvedPath().explicit.first.flatMap(snapshot.schema) }

  /// The schema for a new object: the one named, or the first of the path.
  /// Errors: 3F000 `schema "x" does not exist`, `no schema has been selected to create in`.
  public func schemaForCreation(_ name: String?) throws(SQLError) -> SchemaDescriptor {
    if let name { return try schema(required: name) }
    guard let schema = creationSchema else {
      throw SQLError(.invalidSchemaName, "no schema has been selected to create in")
    }
    return schema
  }

  public func schema(named name: String) -> SchemaDescriptor? {
    name == TemporarySchema.alias ? temporarySchema : snapshot.schema(named: name, in: database)
  }

  /// Error 3F000 if there is none.
  public func schema(required name: String) throws(SQLError) -> SchemaDescriptor {
    guard let schema = schema(named: name) else { throw .undefinedSchema(name) }
    return schema
  }

  // MARK: All of this database

  /// The schemas of this database and the system's, by OID.
  public var schemas: [SchemaDescriptor] {
    snapshot.schemas.filter { $0.database == database || $0.database == .invalid }
  }

  /// Users' relations of this database, by OID.
  public var relations: [TableDescriptor] {
    snapshot.relations.filter { snapshot.schema($0.schema)?.database == database }
  }

  // MARK: Names

  /// What a possibly qualified name stands for; nil if there is nothing, or no such schema.
  public func namedRelation(_ name: String, schema: String? = nil) -> NamedRelation? {
    if let schema {
      return self.schema(named: schema).flatMap { snapshot.namedRelation(name, in: $0.oid) }
    }
    for schema in resolvedPath().all {
      if let found = snapshot.namedRelation(name, in: schema) { return found }
    }
    return nil
  }

  /// A table, view, sequence or virtual relation; nil too where the name is that of an index.
  public func relation(_ name: String, schema: String? = nil) -> TableDescriptor? {
    if case .relation(let table)? = namedRelation(name, schema: schema) { table } else { nil }
  }

  public func index(_ name: String, schema: String? = nil) -> (table: TableDescriptor, index: IndexDescriptor)? {
    if case .index(let index, let table)? = namedRelation(name, schema: schema) { (table, index) } else { nil }
  }

  public func relation(_ oid: OID) -> TableDescriptor? { snapshot.relation(oid) }
  public func schema(_ oid: OID) -> SchemaDescriptor? { snapshot.schema(oid) }

  /// Whether the bare name finds this relation or index (`pg_table_is_visible`); nil if it does not exist.
  public func isVisible(relation oid: OID) -> Bool? {
    guard let found = snapshot.namedRelation(oid) else { return nil }
    return namedRelation(found.name)?.oid == oid
  }

  /// The name as a user would have to write it: quoted where needed, qualified where the bare name finds another.
  public func displayName(of relation: NamedRelation) -> String {
    let name = quoteIdentifier(relation.name)
    if namedRelation(relation.name)?.oid == relation.oid { return name }
    return quoteIdentifier(snapshot.schema(relation.schema)?.name ?? "") + "." + name
  }

  /// The current role. A role that was dropped under its session owns nothing.
  public var userOID: OID { snapshot.roleOID(named: user) ?? .invalid }
}

extension NamedRelation {
  public var name: String {
    switch self {
    case .relation(let table): table.name
    case .index(let index, _): index.name
    }
  }

  public var schema: OID {
    switch self {
    case .relation(let table): table.schema
    case .index(_, let table): table.schema
    }
  }
}
