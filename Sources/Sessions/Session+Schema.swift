// DDL: the operation that the planner made is carried out in the session's transaction; index builds outside of blocks get
// transactions of their own for their steps.

import Catalog
import Execution
import Expressions
import Planning
import SQLSyntax
import SQLTypes
import Transactions

extension Session {
  /// - Parameter tag: nil: a part of a statement.
  func runSchema(
    _ operation: SchemaOperation, tag: String?, _ active: ActiveTransaction, _ catalog: CatalogView
  ) async throws(SQLError) {
    let operation = try await hashingPassword(of: operation)
    if case .createTableAs(_, _, let source, _) = operation { try catalog.check(source.requirements) }
    let execution = executionContext(parameters: [], active, catalog)
    if case .scatter(let table, let index) = operation {
      try await scatter(table, index, catalog)
      if let tag { client.send(commandTag: tag) }
      return
    }
    // Steps are transactions of their own: they would wait for ever for what earlier statements of this one have locked.
    let isAlone = !active.isExplicit && active.statementCount <= 1 && tag != nil
    let steps: SessionSteps? = isAlone ? SessionSteps(session: self) : nil
    let context = SchemaContext(
      execution: execution, view: catalog, compiler: PlannerCompiler(session: self, catalog: catalog), steps: steps)
    let outcome = try await SchemaExecutor.run(operation, context)
    noteCommitAction(of: operation, catalog)
    for notice in outcome.notices { client.send(notice: notice, severity: "NOTICE") }
    if let rowCount = outcome.rowCount {
      client.send(commandTag: "SELECT \(rowCount)")
    } else if let tag {
      client.send(commandTag: tag)
    }
  }

  /// CREATE SCHEMA with what is made in it: one statement, of which each part sees those before.
  func runCreateSchema(
    _ statement: CreateSchemaStatement, _ text: [UInt8], _ active: ActiveTransaction
  ) async throws(SQLError) {
    var bare = statement
    bare.elements = []
    let name = statement.name?.text ?? statement.owner?.name ?? user
    for part in [.createSchema(bare)] + (try statement.orderedElements(in: name)) {
      let catalog = try await catalog(of: active)
      try await makeTemporarySchema(for: part, active, catalog)
      schemaBeingMade = part == .createSchema(bare) ? nil : name
      defer { schemaBeingMade = nil }
      guard case .schema(let operation) = try planner(catalog).plan(part, source: text, allowsParameters: false) else {
        throw SQLError(.internalError, "an element of CREATE SCHEMA is no DDL")
      }
      try requireWritable(active, "CREATE SCHEMA")
      try await runSchema(operation, tag: nil, active, catalog)
    }
    client.send(commandTag: "CREATE SCHEMA")
  }

  /// The operation with a verifier in place of the password that the statement gave.
  private func hashingPassword(of operation: SchemaOperation) async throws(SQLError) -> SchemaOperation {
    func hashed(_ options: RoleOptions) async throws(SQLError) -> RoleOptions {
      guard let password = options.password else { return options }
      var options = options
      options.password = try await gateway.passwords.verifier(for: password)
      if options.password == nil {
        options.removesPassword = true
        client.send(
          notice: SQLError(.successfulCompletion, "empty string is not a valid password, clearing password"),
          severity: "NOTICE")
      }
      return options
    }
    switch operation {
    case .createRole(let name, let options): return .createRole(name: name, try await hashed(options))
    case .alterRole(let name, let options): return .alterRole(name: name, try await hashed(options))
    default: return operation
    }
  }

  /// The tag that PostgreSQL answers a utility statement with.
  static func commandTag(of statement: Statement) -> String {
    switch statement {
    case .createTable: "CREATE TABLE"
    case .createTableAs(let statement): statement.isMaterializedView ? "CREATE MATERIALIZED VIEW" : "CREATE TABLE AS"
    case .createIndex: "CREATE INDEX"
    case .createView: "CREATE VIEW"
    case .createFunction: "CREATE FUNCTION"
    case .dropFunction: "DROP FUNCTION"
    case .createTrigger: "CREATE TRIGGER"
    case .createRule: "CREATE RULE"
    case .dropFromTable(let statement): "DROP \(statement.kind.rawValue.uppercased())"
    case .anonymousBlock: "DO"
    case .refresh: "REFRESH MATERIALIZED VIEW"
    case .createSchema: "CREATE SCHEMA"
    case .createEnum, .createComposite: "CREATE TYPE"
    case .createDomain: "CREATE DOMAIN"
    case .alterDomain: "ALTER DOMAIN"
    case .alterEnum: "ALTER TYPE"
    case .createDatabase: "CREATE DATABASE"
    case .alterDatabase: "ALTER DATABASE"
    case .createSequence: "CREATE SEQUENCE"
    case .alterSequence: "ALTER SEQUENCE"
    case .alterTable(let statement): "ALTER \(statement.kind.rawValue.uppercased())"
    case .rename(let statement): "ALTER \(Self.altered(statement.kind))"
    case .setSchema(let statement): "ALTER \(Self.altered(statement.kind))"
    case .changeOwner(let statement): "ALTER \(Self.altered(statement.kind))"
    case .drop(let statement): "DROP \(statement.kind.rawValue.uppercased())"
    case .truncate: "TRUNCATE TABLE"
    case .comment: "COMMENT"
    case .createRole: "CREATE ROLE"
    case .alterRole: "ALTER ROLE"
    case .grant(let statement): statement.isGrant ? "GRANT" : "REVOKE"
    case .grantRole(let statement): statement.isGrant ? "GRANT ROLE" : "REVOKE ROLE"
    case .insert: "INSERT"
    case .update: "UPDATE"
    case .delete: "DELETE"
    case .copy: "COPY"
    default: "SELECT"
    }
  }

  private static func altered(_ kind: ObjectKind) -> String {
    switch kind {
    case .column, .constraint: "TABLE"
    default: kind.rawValue.uppercased()
    }
  }
}

/// Turns stored expressions into computable ones for the executor.
private final class PlannerCompiler: ExpressionCompiler {
  private unowned let session: Session
  private let catalog: CatalogView

  init(session: Session, catalog: CatalogView) {
    self.session = session
    self.catalog = catalog
  }

  func compile(_ sql: String, over table: TableDescriptor, as type: SQLType) throws(SQLError) -> ScalarExpression {
    try session.planner(catalog).compile(sql, over: table, as: type)
  }

  func partitionGuard(of table: TableDescriptor) throws(SQLError) -> PartitionGuard? {
    try session.planner(catalog).partitionGuard(of: table)
  }
}

/// Transactions for the steps of an online change, each with the catalog as it then is.
private final class SessionSteps: StepTransactions {
  private unowned let session: Session

  init(session: Session) { self.session = session }

  func run(
    isUndo: Bool, _ body: (_ transaction: Transaction, _ view: CatalogView) async throws(SQLError) -> Void
  ) async throws(SQLError) {
    let gateway = session.gateway
    let transaction = gateway.transactions.begin(label: "a schema change")
    if !isUndo {
      transaction.lockTimeout = session.settings.lockTimeout
      session.stepTransaction = transaction
      // What came before there was a step to hear it.
      if session.isInterrupted { transaction.cancelWait() }
    }
    defer { session.stepTransaction = nil }
    var attempt = 0
    while true {
      var view: CatalogView?
      do throws(SQLError) {
        let catalog = try await gateway.view(in: transaction, user: session.user, database: session.database)
        catalog.searchPath = session.settings.searchPath
        catalog.temporary = session.temporary
        transaction.depend(on: KeyLayout.catalogVersion)
        view = catalog
        try await body(transaction, catalog)
        do throws(TransactionError) {
          _ = try await transaction.commit()
        } catch {
          throw SQLError(error, relation: { catalog.relation($0) })
        }
        gateway.catalog.publish(catalog)
        return
      } catch {
        _ = view
        guard error.retry == .transaction, isUndo || session.interruption == nil, attempt < Session.Limits.retryCount
        else {
          await transaction.rollback()
          throw error
        }
        attempt += 1
        await gateway.transactions.backOff(attempt)
        await transaction.restart()
      }
    }
  }
}

extension RoleName {
  fileprivate var name: String? { if case .named(let name) = self { name.text } else { nil } }
}

extension CreateSchemaStatement {
  /// What is to be made, sequences before tables before views before indexes before grants, each named within the schema.
  fileprivate func orderedElements(in schema: String) throws(SQLError) -> [Statement] {
    func named(_ name: inout QualifiedName) throws(SQLError) {
      if let written = name.schema, written.text != schema {
        throw SQLError(
          .invalidSchemaDefinition,
          "CREATE specifies a schema (\(written.text)) different from the one being created (\(schema))")
      }
      name.schema = Identifier(schema, position: name.name.position)
    }
    var sorted: [[Statement]] = Array(repeating: [], count: 5)
    for element in elements {
      switch element {
      case .createSequence(var sequence):
        try named(&sequence.name)
        sorted[0].append(.createSequence(sequence))
      case .createTable(var table):
        try named(&table.name)
        sorted[1].append(.createTable(table))
      case .createView(var view):
        try named(&view.name)
        sorted[2].append(.createView(view))
      case .createIndex(var index):
        try named(&index.table.name)
        sorted[3].append(.createIndex(index))
      default: sorted[4].append(element)
      }
    }
    return sorted.flatMap { $0 }
  }
}
