// All committed objects at one catalog version. Immutable, shared by every statement of that version on every reactor.
// Invariant: names within a schema are one namespace for tables, views, sequences and indexes, as in PostgreSQL; a
// snapshot of version v is the same on every node.

import Encoding
import SQLTypes

/// A relation's name within its schema, or a schema's within its database.
struct ScopedName: Hashable, Sendable {
  var scope: OID
  var name: String
}

/// What a relation's name stands for.
public enum NamedRelation: Sendable {
  case relation(TableDescriptor)
  case index(IndexDescriptor, of: TableDescriptor)

  public var oid: OID {
    switch self {
    case .relation(let table): table.oid
    case .index(let index, _): index.oid
    }
  }
}

/// The objects by OID and by name. A value, copied when a transaction changes the catalog.
struct CatalogContents: Sendable {
  private(set) var relations: [OID: TableDescriptor] = [:]
  private(set) var schemas: [OID: SchemaDescriptor] = [:]
  private(set) var databases: [OID: DatabaseDescriptor] = [:]
  private(set) var roles: [OID: RoleDescriptor] = [:]
  private(set) var types: [OID: TypeDescriptor] = [:]
  private(set) var functions: [OID: FunctionDescriptor] = [:]
  /// Several may have one name.
  private(set) var functionNames: [ScopedName: [OID]] = [:]
  private(set) var typeNames: [ScopedName: OID] = [:]
  /// The OID of a relation, or of an index.
  private(set) var relationNames: [ScopedName: OID] = [:]
  /// The table of each index.
  private(set) var indexTables: [OID: OID] = [:]
  /// The table of each constraint.
  private(set) var constraintTables: [OID: OID] = [:]
  private(set) var schemaNames: [ScopedName: OID] = [:]
  private(set) var databaseNames: [String: OID] = [:]
  private(set) var roleNames: [String: OID] = [:]

  init() {
    for schema in SystemObjects.schemas { put(.schema(schema)) }
    for role in SystemObjects.roles { put(.role(role)) }
  }

  /// - Parameter isPast: others know the object as it was changed since, and values of its type by that.
  mutating func put(_ object: CatalogObject, isPast: Bool = false) {
    switch object {
    case .relation(let table):
      if let old = relations[table.oid] { forgetNames(of: old) }
      relations[table.oid] = table
      if !isPast { table.refreshRowType() }
      relationNames[ScopedName(scope: table.schema, name: table.name)] = table.oid
      for index in table.allIndexes where !index.name.isEmpty {
        relationNames[ScopedName(scope: table.schema, name: index.name)] = index.oid
        indexTables[index.oid] = table.oid
        if index.isConstraint { constraintTables[index.constraintOID] = table.oid }
      }
      for check in table.checks { constraintTables[check.oid] = table.oid }
      for key in table.foreignKeys { constraintTables[key.oid] = table.oid }
    case .schema(let schema):
      if let old = schemas[schema.oid] { schemaNames[ScopedName(scope: old.database, name: old.name)] = nil }
      schemas[schema.oid] = schema
      schemaNames[ScopedName(scope: schema.database, name: schema.name)] = schema.oid
    case .database(let database):
      if let old = databases[database.oid] { databaseNames[old.name] = nil }
      databases[database.oid] = database
      databaseNames[database.name] = database.oid
    case .role(let role):
      if let old = roles[role.oid] { roleNames[old.name] = nil }
      roles[role.oid] = role
      roleNames[role.name] = role.oid
    case .type(let type):
      if let old = types[type.oid] { typeNames[ScopedName(scope: old.schema, name: old.name)] = nil }
      types[type.oid] = type
      typeNames[ScopedName(scope: type.schema, name: type.name)] = type.oid
      if !isPast || TypeInfo.find(type.oid) == nil { type.register() }
    case .function(let function):
      if let old = functions[function.oid] { forgetName(of: old) }
      functions[function.oid] = function
      functionNames[ScopedName(scope: function.schema, name: function.name), default: []].append(function.oid)
    }
  }

  private mutating func forgetName(of function: FunctionDescriptor) {
    functionNames[ScopedName(scope: function.schema, name: function.name)]?.removeAll { $0 == function.oid }
  }

  mutating func remove(_ object: CatalogObject) {
    switch object {
    case .relation(let table):
      if let old = relations.removeValue(forKey: table.oid) { forgetNames(of: old) }
    case .schema(let schema):
      if let old = schemas.removeValue(forKey: schema.oid) {
        schemaNames[ScopedName(scope: old.database, name: old.name)] = nil
      }
    case .database(let database):
      if let old = databases.removeValue(forKey: database.oid) { databaseNames[old.name] = nil }
    case .role(let role):
      if let old = roles.removeValue(forKey: role.oid) { roleNames[old.name] = nil }
    case .type(let type):
      if let old = types.removeValue(forKey: type.oid) {
        typeNames[ScopedName(scope: old.schema, name: old.name)] = nil
      }
    case .function(let function):
      if let old = functions.removeValue(forKey: function.oid) { forgetName(of: old) }
    }
  }

  private mutating func forgetNames(of table: TableDescriptor) {
    relationNames[ScopedName(scope: table.schema, name: table.name)] = nil
    for index in table.allIndexes where !index.name.isEmpty {
      relationNames[ScopedName(scope: table.schema, name: index.name)] = nil
      indexTables[index.oid] = nil
      constraintTables[index.constraintOID] = nil
    }
    for check in table.checks { constraintTables[check.oid] = nil }
    for key in table.foreignKeys { constraintTables[key.oid] = nil }
  }
}

public final class CatalogSnapshot: Sendable {
  /// The value of `KeyLayout.catalogVersion`; 0: a fresh store.
  public let version: UInt64
  let contents: CatalogContents

  init(version: UInt64, contents: CatalogContents) {
    self.version = version
    self.contents = contents
  }

  /// The catalog made of these objects and the system's own.
  public convenience init(version: UInt64, objects: [CatalogObject]) {
    var contents = CatalogContents()
    for object in objects { contents.put(object) }
    self.init(version: version, contents: contents)
  }

  /// The catalog of a fresh store.
  public static let genesis = CatalogSnapshot(version: 0, objects: SystemObjects.genesis)

  /// Whether what stands at these keys, descriptors of relations and the version, is the same in both.
  public func agrees(with other: CatalogSnapshot, on keys: [Key]) -> Bool {
    if self === other || version == other.version { return true }
    return keys.allSatisfy { key in
      guard let oid = KeyLayout.describedRelation(key) else { return false }
      let (mine, theirs) = (contents.relations[oid], other.contents.relations[oid])
      if mine === theirs { return true }
      guard let mine, let theirs else { return false }
      return DescriptorCoding.encode(.relation(mine)) == DescriptorCoding.encode(.relation(theirs))
    }
  }

  // MARK: By OID

  /// A table, view, sequence or virtual relation; nil for an index.
  public func relation(_ oid: OID) -> TableDescriptor? {
    contents.relations[oid] ?? VirtualTable.withOID(oid)?.descriptor
  }

  public func schema(_ oid: OID) -> SchemaDescriptor? { contents.schemas[oid] }
  public func database(_ oid: OID) -> DatabaseDescriptor? { contents.databases[oid] }
  public func role(_ oid: OID) -> RoleDescriptor? { contents.roles[oid] }

  /// An index by the OID of its own relation.
  public func index(_ oid: OID) -> (table: TableDescriptor, index: IndexDescriptor)? {
    guard let table = contents.indexTables[oid].flatMap({ contents.relations[$0] }),
      let index = table.allIndexes.first(where: { $0.oid == oid })
    else { return nil }
    return (table, index)
  }

  /// The table that has a constraint.
  public func table(ofConstraint oid: OID) -> TableDescriptor? {
    contents.constraintTables[oid].flatMap { contents.relations[$0] }
  }

  /// A relation or an index.
  public func namedRelation(_ oid: OID) -> NamedRelation? {
    if let table = relation(oid) { return .relation(table) }
    if let (table, index) = index(oid) { return .index(index, of: table) }
    return nil
  }

  // MARK: By name

  /// A schema of the database, or the system's of that name.
  public func schema(named name: String, in database: OID) -> SchemaDescriptor? {
    let found =
      contents.schemaNames[ScopedName(scope: database, name: name)]
      ?? contents.schemaNames[ScopedName(scope: .invalid, name: name)]
    return found.flatMap(schema)
  }

  public func database(named name: String) -> DatabaseDescriptor? { contents.databaseNames[name].flatMap(database) }
  public func roleOID(named name: String) -> OID? { contents.roleNames[name] }
  public func role(named name: String) -> RoleDescriptor? { contents.roleNames[name].flatMap(role) }

  /// What the name stands for in this schema.
  public func namedRelation(_ name: String, in schema: OID) -> NamedRelation? {
    if let oid = contents.relationNames[ScopedName(scope: schema, name: name)] { return namedRelation(oid) }
    if let virtual = VirtualTable.named(name, in: schema) { return .relation(virtual.descriptor) }
    return nil
  }

  /// A table, view, sequence or virtual relation of this name; nil too if the name is that of an index.
  public func relation(named name: String, in schema: OID) -> TableDescriptor? {
    if case .relation(let table)? = namedRelation(name, in: schema) { table } else { nil }
  }

  // MARK: All objects, in the order of their OIDs

  /// Users' relations, without the virtual ones.
  public var relations: [TableDescriptor] { contents.relations.values.sorted { $0.oid < $1.oid } }
  public var schemas: [SchemaDescriptor] { contents.schemas.values.sorted { $0.oid < $1.oid } }
  public var databases: [DatabaseDescriptor] { contents.databases.values.sorted { $0.oid < $1.oid } }
  public var roles: [RoleDescriptor] { contents.roles.values.sorted { $0.oid < $1.oid } }

  public func relations(in schema: OID) -> [TableDescriptor] {
    relations.filter { $0.schema == schema }
  }
}
