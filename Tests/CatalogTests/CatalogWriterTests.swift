// Changes of the catalog. Names, errors and details are those that PostgreSQL 15 gives for the same statements.

import Encoding
import SQLTypes
import Testing

@testable import Catalog

struct CatalogWriterTests {
  @Test func chosenNamesAreThoseOfPostgreSQL() async throws {
    let catalog = TestCatalog()
    // create table t(a serial primary key, b int, c int check (c > 0), unique (b, c), check (b > c), check (b < 9));
    // create index on t(b); create index on t(b);
    let table = try await catalog.run { writer in
      try writer.createTable(
        TableDefinition(
          schema: .publicSchema, name: "t", columns: columns("a int4 !", "b int4", "c int4"),
          primaryKey: index(1, primary: true), indexes: [index(2, 3, unique: true, constraint: true)],
          checks: [
            CheckConstraint(oid: .invalid, name: "", expressionSQL: "(c > 0)", columns: [3]),
            CheckConstraint(oid: .invalid, name: "", expressionSQL: "(b > c)", columns: [2, 3]),
            CheckConstraint(oid: .invalid, name: "", expressionSQL: "(b < 9)", columns: [2]),
          ], sequences: [1: SequenceOptions()]))
    }
    let oid = try #require(table?.oid)
    for _ in 0..<2 { try await catalog.run { _ = try $0.addIndex(index(2), to: oid, state: .active) } }
    let view = try await catalog.reloaded()
    let t = try #require(view.relation("t"))
    #expect(t.primaryIndex?.name == "t_pkey")
    #expect(t.indexes.map(\.name) == ["t_b_c_key", "t_b_idx", "t_b_idx1"])
    #expect(t.checks.map(\.name) == ["t_c_check", "t_check", "t_b_check"])
    let sequence = try #require(view.relation("t_a_seq"))
    #expect(t.columns[0].defaultSQL == "nextval('\(sequence.oid)'::regclass)")
    #expect(sequence.oid >= .firstUser)
    // An index's name is taken for tables too.
    let error = await failure {
      try await catalog.run {
        _ = try $0.createTable(TableDefinition(schema: .publicSchema, name: "t_b_idx", columns: columns("a int4")))
      }
    }
    #expect(error?.state == .duplicateTable)
    #expect(error?.message == "relation \"t_b_idx\" already exists")
  }

  @Test func longNamesAreCutLikePostgreSQL() {
    // create table <60 a>(<60 b> int unique): the index of PostgreSQL 15.
    let a = String(repeating: "a", count: 60)
    let b = String(repeating: "b", count: 60)
    #expect(
      ObjectNaming.objectName(a, b, "key")
        == String(repeating: "a", count: 29) + "_" + String(repeating: "b", count: 29) + "_key")
    #expect(ObjectNaming.objectName(a, "", "pkey") == String(repeating: "a", count: 58) + "_pkey")
    #expect(ObjectNaming.clipped("ééé", toByteCount: 5) == "éé")
  }

  @Test func dropsAskForWhatDepends() async throws {
    let catalog = TestCatalog()
    let (t, v) = try await catalog.run { writer -> (OID, OID) in
      let t = try #require(
        try writer.createTable(TableDefinition(schema: .publicSchema, name: "t", columns: columns("b int4", "c int4"))))
      let v = try writer.createView(
        schema: .publicSchema, name: "v", sql: "SELECT c FROM public.t", columns: columns("c int4"),
        dependencies: [RelationDependency(relation: t.oid, columns: [2])], replaces: false)
      _ = try writer.createView(
        schema: .publicSchema, name: "v2", sql: "SELECT c FROM public.v", columns: columns("c int4"),
        dependencies: [RelationDependency(relation: v.oid, columns: [1])], replaces: false)
      _ = try writer.createView(
        schema: .publicSchema, name: "v3", sql: "SELECT c FROM public.t", columns: columns("c int4"),
        dependencies: [RelationDependency(relation: t.oid, columns: [2])], replaces: false)
      return (t.oid, v.oid)
    }
    let error = await failure { try await catalog.run { _ = try $0.dropRelations([t], cascades: false) } }
    #expect(error?.state == .dependentObjectsStillExist)
    #expect(error?.message == "cannot drop table t because other objects depend on it")
    #expect(
      error?.detail == "view v depends on table t\nview v2 depends on view v\nview v3 depends on table t")
    #expect(error?.hint == "Use DROP ... CASCADE to drop the dependent objects too.")
    let column = await failure {
      try await catalog.run { _ = try $0.dropColumn(of: t, named: "c", ifExists: false, cascades: false) }
    }
    #expect(column?.message == "cannot drop column c of table t because other objects depend on it")
    #expect(
      column?.detail
        == "view v depends on column c of table t\nview v2 depends on view v\nview v3 depends on column c of table t")
    // A column that no view reads goes.
    try await catalog.run { _ = try $0.dropColumn(of: t, named: "b", ifExists: false, cascades: false) }
    let one = try await catalog.run { try $0.dropRelations([v], cascades: true) }
    #expect(one.notices.map(\.message) == ["drop cascades to view v2"])
    let rest = try await catalog.run { try $0.dropRelations([t], cascades: true) }
    #expect(rest.notices.map(\.message) == ["drop cascades to view v3"])
    #expect(try await catalog.reloaded().relations.isEmpty)
  }

  @Test func sequencesOfColumns() async throws {
    let catalog = TestCatalog()
    // create table s.u(x serial, y int generated always as identity);
    let schema = try await catalog.run { try #require(try $0.createSchema(name: "s")) }
    var shape = columns("x int4", "y int4")
    shape[1].identity = .always
    try await catalog.run {
      _ = try $0.createTable(
        TableDefinition(
          schema: schema.oid, name: "u", columns: shape, sequences: [1: SequenceOptions(), 2: SequenceOptions()]))
    }
    let view = try await catalog.view()
    let x = try #require(view.relation("u_x_seq", schema: "s"))
    let y = try #require(view.relation("u_y_seq", schema: "s"))
    let first = await failure { try await catalog.run { _ = try $0.dropRelations([x.oid], cascades: false) } }
    #expect(first?.message == "cannot drop sequence s.u_x_seq because other objects depend on it")
    #expect(first?.detail == "default value for column x of table s.u depends on sequence s.u_x_seq")
    let second = await failure { try await catalog.run { _ = try $0.dropRelations([y.oid], cascades: true) } }
    #expect(second?.message == "cannot drop sequence s.u_y_seq because column y of table s.u requires it")
    #expect(second?.hint == "You can drop column y of table s.u instead.")
    let outcome = try await catalog.run { try $0.dropRelations([x.oid], cascades: true) }
    #expect(outcome.notices.map(\.message) == ["drop cascades to default value for column x of table s.u"])
    let schemaDrop = await failure { try await catalog.run { _ = try $0.dropSchemas([schema.oid], cascades: false) } }
    #expect(schemaDrop?.message == "cannot drop schema s because other objects depend on it")
    #expect(schemaDrop?.detail == "table s.u depends on schema s")
    try await catalog.run { _ = try $0.dropSchemas([schema.oid], cascades: true) }
    #expect(try await catalog.reloaded().relations.isEmpty)
  }

  @Test func reservedAndDuplicateNames() async throws {
    let catalog = TestCatalog()
    func message(_ body: @escaping (CatalogWriter) throws -> Void) async -> String {
      let error = await failure { try await catalog.run(body) }
      return error.map { "\($0.state): \($0.message)" } ?? "none"
    }
    #expect(await message { _ = try $0.createSchema(name: "pg_foo") } == "42939: unacceptable schema name \"pg_foo\"")
    #expect(await message { _ = try $0.createSchema(name: "public") } == "42P06: schema \"public\" already exists")
    #expect(
      await message { _ = try $0.dropSchemas([.pgCatalogSchema], cascades: true) }
        == "2BP01: cannot drop schema pg_catalog because it is required by the database system")
    #expect(
      await message { _ = try $0.createRole(name: "pg_z", RoleOptions()) } == "42939: role name \"pg_z\" is reserved")
    #expect(
      await message { _ = try $0.createRole(name: "postgres", RoleOptions()) }
        == "42710: role \"postgres\" already exists")
    #expect(await message { try $0.dropRoles([.bootstrapSuperuser]) } == "55006: current user cannot be dropped")
    #expect(
      await message { _ = try $0.createDatabase(name: "postgres") } == "42P04: database \"postgres\" already exists")
    #expect(
      await message { _ = try $0.dropDatabase(.postgresDatabase) } == "55006: cannot drop the currently open database")
    #expect(
      await message { _ = try $0.dropDatabase(.template1Database) } == "42809: cannot drop a template database")
    #expect(
      await message {
        _ = try $0.createTable(TableDefinition(schema: .publicSchema, name: "z", columns: columns("a int4", "a int4")))
      } == "42701: column \"a\" specified more than once")
  }

  @Test func constraintsAndKeys() async throws {
    let catalog = TestCatalog()
    let oid = try await catalog.run { writer in
      try #require(
        try writer.createTable(
          TableDefinition(
            schema: .publicSchema, name: "p", columns: columns("a int4", "b int4"), primaryKey: index(1, primary: true))
        )
      ).oid
    }
    let pkey = try #require(try await catalog.view().index("p_pkey")).index
    let dropped = await failure { try await catalog.run { _ = try $0.dropIndexes([pkey.oid], cascades: false) } }
    #expect(dropped?.message == "cannot drop index p_pkey because constraint p_pkey on table p requires it")
    #expect(dropped?.hint == "You can drop constraint p_pkey on table p instead.")
    let second = await failure { try await catalog.run { _ = try $0.swapPrimaryIndex(of: oid, to: index(2)) } }
    #expect(second?.message == "multiple primary keys for table \"p\" are not allowed")
    let missing = await failure {
      try await catalog.run { _ = try $0.dropConstraint(of: oid, named: "zz", ifExists: false, cascades: false) }
    }
    #expect(missing?.message == "constraint \"zz\" of relation \"p\" does not exist")
    #expect(missing?.state == .undefinedObject)
    let null = await failure {
      try await catalog.run { _ = try $0.setNotNull(of: oid, column: "a", isNotNull: false) }
    }
    #expect(null?.message == "column \"a\" is in a primary key")
    // The end of the key is a rewrite under a hidden row id; NOT NULL stays.
    let outcome = try #require(
      try await catalog.run { try $0.dropConstraint(of: oid, named: "p_pkey", ifExists: false, cascades: false) })
    #expect(outcome.isRewritten)
    #expect(outcome.new.primaryIndex?.isConstraint == false)
    #expect(outcome.new.primaryIndex?.id == 2)
    #expect(outcome.new.columns.filter(\.isHidden).map(\.name) == ["rowid"])
    #expect(outcome.new.column(named: "a")?.isNullable == false)
    let swapped = try await catalog.run { try $0.swapPrimaryIndex(of: oid, to: index(2, primary: true)) }
    #expect(swapped.new.primaryIndex?.name == "p_pkey")
    #expect(swapped.new.columns.map(\.name) == ["a", "b"])
    let truncated = try await catalog.run { try $0.replaceStorage(of: oid) }
    #expect(truncated.primaryIndex?.id == 4)
    let garbage = try await catalog.storage.entries(KeySpan(prefix: KeyLayout.garbageList))
    #expect(garbage.count == 3)
    let time = catalog.storage.readWallTime
    #expect(
      DroppedStorage.spans(in: garbage, droppedBefore: time).map(\.data)
        == (1...3).map { KeySpan(prefix: KeyLayout.index(oid, $0)) })
    #expect(DroppedStorage.spans(in: garbage, droppedBefore: time - 1_000_000).count == 2)
  }

  @Test func columnNamesInStoredText() throws {
    #expect(
      StoredColumns.rename("a", to: "Big", in: "((a > 0) AND (a <> 'a'::a) AND (\"a b\" = a(a)) AND CAST(a AS a) > 1)")
        == "((\"Big\" > 0) AND (\"Big\" <> 'a'::a) AND (\"a b\" = a(\"Big\")) AND CAST(\"Big\" AS a) > 1)")
    #expect(StoredColumns.rename("A", to: "b", in: "(\"A\" + a::pg_catalog.int4)") == "(b + a::pg_catalog.int4)")
    #expect(StoredColumns.rename("e5", to: "b", in: "1e5 + e5 + E'e5\\'e5'") == "1e5 + b + E'e5\\'e5'")
  }

  @Test func sequencesInStoredText() {
    let sql = "nextval('16385'::regclass) + nextval(CAST('16386' AS regclass)) + length('16387')"
    #expect(SequenceReferences.relations(in: sql) == [OID(16385), OID(16386)])
    #expect(
      SequenceReferences.replacing(in: sql) { "s'\($0)" }
        == "nextval('s''16385'::regclass) + nextval('s''16386'::regclass) + length('16387')")
    #expect(SequenceReferences.replacing(in: "'it''s' || 'open", name: { _ in "x" }) == "'it''s' || 'open")
  }

  @Test func columnsReadAreFoundWhereTheyAreNotSaid() async throws {
    let catalog = TestCatalog()
    var shape = columns("a int4", "b int4")
    shape[1].generatedSQL = "(a + 1)"
    let made = try await catalog.run { writer in
      try writer.createTable(
        TableDefinition(
          schema: .publicSchema, name: "t", columns: shape,
          checks: [CheckConstraint(oid: .invalid, name: "", expressionSQL: "a > 0 AND b(a) IS NOT NULL")]))
    }
    let t = try #require(made)
    #expect(t.checks[0].columns == [1])
    #expect(t.checks[0].name == "t_a_check")
    #expect(t.columns[1].generatedFrom == [1])
    // alter table t drop column a;
    let error = await failure {
      try await catalog.run { _ = try $0.dropColumn(of: t.oid, named: "a", ifExists: false, cascades: false) }
    }
    #expect(error?.detail == "column b of table t depends on column a of table t")
    let renamed = try await catalog.run { try $0.renameColumn(of: t.oid, from: "a", to: "z") }
    #expect(renamed.checks[0].expressionSQL == "z > 0 AND b(z) IS NOT NULL")
    #expect(renamed.columns[1].generatedSQL == "(z + 1)")
  }

  @Test func savepointsAndPlans() async throws {
    let catalog = TestCatalog()
    let view = try await catalog.view()
    #expect(view.shareableVersion == 0)
    let mark = view.mark()
    let writer = try await CatalogWriter(view, in: catalog.storage)
    _ = try writer.createTable(TableDefinition(schema: .publicSchema, name: "t", columns: columns("a int4")))
    #expect(view.relation("t") != nil)
    #expect(view.shareableVersion == nil)
    view.rollback(to: mark)
    #expect(view.relation("t") == nil)
    #expect(view.shareableVersion == 0)
  }

  @Test func searchPath() async throws {
    let catalog = TestCatalog()
    try await catalog.run { writer in
      let schema = try #require(try writer.createSchema(name: "app"))
      for oid in [OID.publicSchema, schema.oid] {
        _ = try writer.createTable(TableDefinition(schema: oid, name: "t", columns: columns("a int4")))
        _ = try writer.createTable(TableDefinition(schema: oid, name: "pg_class", columns: columns("a int4")))
      }
    }
    let view = try await catalog.view()
    #expect(view.searchSchemaNames(includingImplicit: true) == ["pg_catalog", "public"])
    #expect(view.relation("t")?.schema == .publicSchema)
    #expect(view.relation("pg_class")?.oid == .pgClass)
    view.searchPath = ["app", "nowhere", "public", "pg_catalog"]
    #expect(view.searchSchemaNames(includingImplicit: true) == ["app", "public", "pg_catalog"])
    #expect(view.creationSchema?.name == "app")
    let own = try #require(view.relation("pg_class"))
    #expect(own.oid >= .firstUser)
    #expect(view.isVisible(relation: .pgClass) == false)
    #expect(view.displayName(of: .relation(try #require(view.relation(.pgClass)))) == "pg_catalog.pg_class")
    view.searchPath = ["nowhere"]
    #expect(throws: SQLError(.invalidSchemaName, "no schema has been selected to create in")) {
      try view.schemaForCreation(nil)
    }
  }

  @Test func otherDatabasesAreApart() async throws {
    let catalog = TestCatalog()
    let database = try await catalog.run { writer in
      _ = try writer.createTable(TableDefinition(schema: .publicSchema, name: "t", columns: columns("a int4")))
      return try writer.createDatabase(name: "other")
    }
    let view = try await catalog.view()
    view.database = database.oid
    #expect(view.relation("t") == nil)
    #expect(view.relations.isEmpty)
    #expect(view.schemas.map(\.name).sorted() == ["information_schema", "meridian_catalog", "pg_catalog", "public"])
    try await catalog.run { _ = try $0.dropDatabase(database.oid) }
    #expect(try await catalog.view().snapshot.database(named: "other") == nil)
  }
}
