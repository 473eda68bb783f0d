// Changes of the catalog by one transaction: every change goes to the transaction's buffer as descriptors, and to its
// view, in one step, so that the transaction's next statement sees it and a rollback forgets it. What is not metadata
// (filling an index, rewriting a table) is the executor's, between two steps here.
//
// Contract: a writer holds the exclusive lock on the version key, so changes of the catalog queue; one is made for each
// statement. It needs no wait afterwards: all changes are synchronous. They check names, owners and dependencies with
// PostgreSQL's errors, and change nothing when they throw.

import Clocks
import Encoding
import SQLTypes
import Transactions

public final class CatalogWriter {
  public let view: CatalogView
  let storage: any CatalogStorage
  private var nextOID: UInt32
  private var drewOID = false
  /// Made new for each statement; tells generations of sequences apart, those of transactions that rolled back included.
  private var generation: UInt64

  /// Locks the catalog against other changes and reads where OIDs stand. `view` is the view that the transaction has.
  /// Error `.retry` if the catalog has changed since the view was made.
  public init(_ view: CatalogView, in storage: some CatalogStorage) async throws(TransactionError) {
    self.view = view
    self.storage = storage
    storage.depend(on: KeyLayout.catalogVersion)
    let lock = LockRequest(.exclusive)
    let version = try CatalogSnapshot.decodeVersion(await storage.value(KeyLayout.catalogVersion, lock: lock))
    // Own changes of earlier statements have already written the next version.
    guard version == view.version else {
      throw .retry(reason: "the schema was changed by another transaction", key: KeyLayout.catalogVersion)
    }
    let stored = try await storage.value(KeyLayout.nextOID, lock: lock)
    let next = try CatalogSnapshot.decodeVersion(stored)
    guard let next = UInt32(exactly: next) else { throw .unavailable("the catalog's OID counter is damaged") }
    nextOID = max(next, OID.firstUser.rawValue)
    generation = UInt64(bitPattern: storage.readWallTime)
    try await storage.reserveStorageIDs()
  }

  /// Error 54000 once all four billion are used.
  func makeOID() throws(SQLError) -> OID {
    let (next, overflow) = nextOID.addingReportingOverflow(1)
    if overflow { throw SQLError(.programLimitExceeded, "no more object identifiers are available") }
    defer { nextOID = next }
    drewOID = true
    return OID(nextOID)
  }

  /// A place for the data of an index of `table` that no transaction has ever written to. Error 54000.
  func makeStorageID(of table: OID) throws(SQLError) -> UInt32 {
    guard let id = storage.takeStorageID() else {
      throw SQLError(.programLimitExceeded, "one statement cannot make so many indexes")
    }
    storage.declarePrivate(KeySpan(prefix: KeyLayout.index(table, id)))
    return id
  }

  /// A generation later than that of the same sequence before.
  func makeGeneration(after previous: UInt64 = 0) -> UInt64 {
    generation = max(generation, previous) &+ 1
    return generation
  }

  /// Writes the objects as they are to be now, and those that are to be no more.
  func apply(put: [CatalogObject] = [], remove: [CatalogObject] = []) {
    var contents = view.snapshot.contents
    if view.committed.version == 0 {
      // A fresh store gets its first objects together with the first change; again after a rollback to a savepoint.
      for object in SystemObjects.genesis where contents.contains(object) {
        storage.put(object.key, DescriptorCoding.encode(contents.current(object)))
      }
    }
    for object in remove {
      contents.remove(object)
      storage.delete(object.key)
    }
    for object in put {
      contents.put(object)
      storage.put(object.key, DescriptorCoding.encode(object))
    }
    let version = view.committed.version + 1
    storage.put(KeyLayout.catalogVersion, CatalogSnapshot.encodeVersion(version))
    if drewOID { storage.put(KeyLayout.nextOID, CatalogSnapshot.encodeVersion(UInt64(nextOID))) }
    view.snapshot = CatalogSnapshot(version: version, contents: contents)
  }

  /// Notes that nothing refers to an index's data any more.
  func discardStorage(table: OID, index: UInt32) {
    storage.put(KeyLayout.garbage(table, index), DroppedStorage.entry(droppedAt: storage.readWallTime))
  }

  // MARK: Look-ups that must succeed

  func table(_ oid: OID) throws(SQLError) -> TableDescriptor {
    guard let table = view.relation(oid) else {
      throw SQLError(.undefinedTable, "relation with OID \(oid) does not exist")
    }
    return table
  }

  func tableToChange(_ oid: OID) throws(SQLError) -> TableDescriptor {
    let table = try table(oid)
    try requireOwnership(of: table)
    return table
  }

  // MARK: Privileges

  /// Error 42501 unless the user owns the relation or is a superuser; nobody may change the system's.
  func requireOwnership(of table: TableDescriptor) throws(SQLError) {
    if case .virtual = table.kind {
      throw SQLError(.insufficientPrivilege, "permission denied: \"\(table.name)\" is a system catalog")
    }
    try requireOwner(table.owner, "\(table.kindName) \(table.name)")
  }

  func requireOwner(_ owner: OID, _ what: String) throws(SQLError) {
    guard view.acts(for: owner) else { throw SQLError(.insufficientPrivilege, "must be owner of \(what)") }
  }

  /// Error 42501 unless the user may make objects in the schema.
  func requireCreation(in schema: SchemaDescriptor) throws(SQLError) {
    if schema.database == .invalid || !view.holds(.create, on: schema) {
      throw SQLError(.insufficientPrivilege, "permission denied for schema \(schema.name)")
    }
  }

  func schemaToCreateIn(_ oid: OID) throws(SQLError) -> SchemaDescriptor {
    guard let schema = view.schema(oid) else {
      throw SQLError(.invalidSchemaName, "schema with OID \(oid) does not exist")
    }
    try requireCreation(in: schema)
    return schema
  }
}

extension CatalogContents {
  /// Whether the object still is there.
  func contains(_ object: CatalogObject) -> Bool {
    switch object {
    case .relation(let table): relations[table.oid] != nil
    case .schema(let schema): schemas[schema.oid] != nil
    case .database(let database): databases[database.oid] != nil
    case .role(let role): roles[role.oid] != nil
    case .type(let type): types[type.oid] != nil
    case .function(let function): functions[function.oid] != nil
    }
  }

  /// The object as it is now.
  func current(_ object: CatalogObject) -> CatalogObject {
    switch object {
    case .relation(let table): relations[table.oid].map { .relation($0) } ?? object
    case .schema(let schema): schemas[schema.oid].map { .schema($0) } ?? object
    case .database(let database): databases[database.oid].map { .database($0) } ?? object
    case .role(let role): roles[role.oid].map { .role($0) } ?? object
    case .type(let type): types[type.oid].map { .type($0) } ?? object
    case .function(let function): functions[function.oid].map { .function($0) } ?? object
    }
  }
}

extension CatalogView {
  /// Whether the current role has the rights of `role`: it is a superuser, that role, or the database's owner where
  /// `pg_database_owner` is meant.
  public func acts(for role: OID) -> Bool {
    if isSuperuser { return true }
    let own = userOID
    return own != .invalid && rolesActed(by: own).contains(role)
  }
}

extension TableDescriptor {
  /// As messages call it: `table`, `view`, `sequence`.
  public var kindName: String {
    switch kind {
    case .table, .virtual: "table"
    case .view: "view"
    case .sequence: "sequence"
    }
  }
}
