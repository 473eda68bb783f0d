// What a DDL statement is carried out with.

import Catalog
import Expressions
import Planning
import SQLTypes
import Transactions

/// Turns expressions of descriptors, kept as SQL text, into what can be computed.
public protocol ExpressionCompiler: AnyObject {
  /// `sql` over the columns of `table` by ordinal, cast to `type` as an assignment would.
  func compile(_ sql: String, over table: TableDescriptor, as type: SQLType) throws(SQLError) -> ScalarExpression
  /// What rows of a table must satisfy to stand in it, over its columns; nil if it is no partition.
  func partitionGuard(of table: TableDescriptor) throws(SQLError) -> PartitionGuard?
}

/// Transactions of their own for the steps of an online change.
public protocol StepTransactions: AnyObject {
  /// Runs `body` in a new transaction, with the catalog as it is there, commits, and tries again what must be retried.
  /// - Parameter isUndo: it takes back what earlier steps have done: what ends the statement, and how long it waits for locks, is
  ///   not for this one.
  func run(
    isUndo: Bool, _ body: (_ transaction: Transaction, _ view: CatalogView) async throws(SQLError) -> Void
  ) async throws(SQLError)
}

extension StepTransactions {
  func run(
    _ body: (_ transaction: Transaction, _ view: CatalogView) async throws(SQLError) -> Void
  ) async throws(SQLError) { try await run(isUndo: false, body) }
}

/// How far long work has come; read by whoever shows it.
public final class SchemaProgress {
  public internal(set) var phase = ""
  public internal(set) var rowCount = 0
  public init() {}
}

public final class SchemaContext {
  /// The statement's transaction and what its rows are computed with.
  public let execution: ExecutionContext
  /// The catalog as the transaction sees it.
  public let view: CatalogView
  public let compiler: any ExpressionCompiler
  /// Given outside of transaction blocks: indexes are then built in steps that other transactions do not wait for.
  public let steps: (any StepTransactions)?
  public let progress: SchemaProgress

  public init(
    execution: ExecutionContext, view: CatalogView, compiler: any ExpressionCompiler,
    steps: (any StepTransactions)? = nil, progress: SchemaProgress = SchemaProgress()
  ) {
    self.execution = execution
    self.view = view
    self.compiler = compiler
    self.steps = steps
    self.progress = progress
  }

  /// The same, with everything in the statement's own transaction.
  var withoutSteps: SchemaContext {
    SchemaContext(execution: execution, view: view, compiler: compiler, progress: progress)
  }

  func writer(_ transaction: Transaction? = nil, _ view: CatalogView? = nil) async throws(SQLError) -> CatalogWriter {
    do throws(TransactionError) {
      return try await CatalogWriter(view ?? self.view, in: transaction ?? execution.transaction)
    } catch {
      throw SQLError(error, relation: execution.relation)
    }
  }

  func predicates(of table: TableDescriptor) throws(SQLError) -> IndexPredicates {
    var predicates: IndexPredicates = [:]
    for index in table.indexes {
      guard let sql = index.predicateSQL else { continue }
      predicates[index.id] = try compiler.compile(sql, over: table, as: .bool)
    }
    return predicates
  }
}

/// What a DDL statement tells the client beside its tag.
public struct SchemaOutcome: Sendable {
  public var notices: [SQLError] = []
  /// Rows that `CREATE TABLE AS` inserted.
  public var rowCount: Int?
  public init() {}
}
