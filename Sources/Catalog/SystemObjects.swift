// What every database has from its first moment: the system's schemas and roles, which are constants of the program and
// are never stored, and the objects of a fresh store (genesis), which are ordinary, may be altered or dropped, and are
// stored together with the first change of the catalog.
// OIDs below 16384 are PostgreSQL's own where it has the object.

import SQLTypes

extension OID {
  /// OIDs of users' objects begin here.
  public static let firstUser = OID(16384)

  public static let pgCatalogSchema = OID(11)
  public static let toastSchema = OID(99)
  public static let publicSchema = OID(2200)
  /// Where PostgreSQL 15's initdb puts it on Debian.
  public static let informationSchema = OID(13207)
  public static let meridianCatalogSchema = OID(15000)

  public static let bootstrapSuperuser = OID(10)
  public static let databaseOwnerRole = OID(6171)

  public static let template1Database = OID(1)
  public static let template0Database = OID(4)
  public static let postgresDatabase = OID(5)

  /// Object classes (`pg_description.classoid`, `pg_depend.classid`): the catalogs that hold them.
  public static let pgClass = OID(1259)
  public static let pgConstraint = OID(2606)
  public static let pgNamespace = OID(2615)
  public static let pgAttrdef = OID(2604)
  public static let pgAuthid = OID(1260)
  public static let pgDatabase = OID(1262)
  public static let pgType = OID(1247)
  public static let pgProc = OID(1255)
}

public enum SystemObjects {
  public static let schemas: [SchemaDescriptor] = [
    SchemaDescriptor(
      oid: .pgCatalogSchema, name: "pg_catalog", owner: .bootstrapSuperuser, database: .invalid,
      comment: "system catalog schema"),
    SchemaDescriptor(
      oid: .informationSchema, name: "information_schema", owner: .bootstrapSuperuser, database: .invalid),
    SchemaDescriptor(
      oid: .meridianCatalogSchema, name: "meridian_catalog", owner: .bootstrapSuperuser, database: .invalid,
      comment: "the state of this cluster"),
  ]

  /// PostgreSQL's predefined roles (manual, section 22.5).
  public static let roles: [RoleDescriptor] = [
    (6171, "pg_database_owner"), (6181, "pg_read_all_data"), (6182, "pg_write_all_data"), (3373, "pg_monitor"),
    (3374, "pg_read_all_settings"), (3375, "pg_read_all_stats"), (3377, "pg_stat_scan_tables"),
    (4569, "pg_read_server_files"), (4570, "pg_write_server_files"), (4571, "pg_execute_server_program"),
    (4200, "pg_signal_backend"), (4544, "pg_checkpoint"),
  ].map { RoleDescriptor(oid: OID($0.0), name: $0.1) }

  /// The objects of a fresh store.
  public static let genesis: [CatalogObject] = {
    var superuser = RoleDescriptor(oid: .bootstrapSuperuser, name: "postgres")
    superuser.isSuperuser = true
    superuser.canLogin = true
    superuser.createsDatabases = true
    superuser.createsRoles = true
    superuser.isReplication = true
    superuser.bypassesRowSecurity = true
    return [
      .role(superuser),
      .schema(
        SchemaDescriptor(
          oid: .publicSchema, name: "public", owner: .databaseOwnerRole, database: .postgresDatabase,
          comment: "standard public schema")),
      .database(
        DatabaseDescriptor(
          oid: .template1Database, name: "template1", owner: .bootstrapSuperuser, isTemplate: true,
          comment: "default template for new databases")),
      .database(
        DatabaseDescriptor(
          oid: .template0Database, name: "template0", owner: .bootstrapSuperuser, isTemplate: true,
          allowsConnections: false, comment: "unmodifiable empty database")),
      .database(
        DatabaseDescriptor(
          oid: .postgresDatabase, name: "postgres", owner: .bootstrapSuperuser,
          comment: "default administrative connection database")),
    ]
  }()

  static let genesisOIDs = Set(genesis.map(\.oid))

  static func isConstant(schema oid: OID) -> Bool { schemas.contains { $0.oid == oid } }
  static func isConstant(role oid: OID) -> Bool { roles.contains { $0.oid == oid } }
}
