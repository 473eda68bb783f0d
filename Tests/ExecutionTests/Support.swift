// What the tests of execution share: a store in memory with a reactor and its gateway, contexts and plans without a
// planner, and rows as arrays of datums.

import Catalog
import Clocks
import Encoding
import Expressions
import Planning
import Ranges
import Reactors
import SQLTypes
import Storage
import Testing
import Transactions

@testable import Execution

final class TestServices: SessionServices {
  var currentUser: String { "postgres" }
  var sessionUser: String { "postgres" }
  var currentDatabase: String { "postgres" }
  func currentSchemas(includingImplicit: Bool) -> [String] { ["public"] }
  func setting(_ name: String) -> String? { nil }
  func catalogFunction(_ name: String, _ arguments: [Datum]) throws(SQLError) -> Datum { .null }
  func nextValue(ofSequence oid: OID) throws(SQLError) -> Int64 { 0 }
  func currentValue(ofSequence oid: OID) throws(SQLError) -> Int64 { 0 }
  func setValue(ofSequence oid: OID, to value: Int64, isCalled: Bool) throws(SQLError) {}
}

/// A reactor's gateway with what executions share. Used on its reactor only.
final class Bench {
  let system: TransactionSystem
  let codecs = CodecCache()
  let rowIDs = RowIDGenerator(node: 1)
  let services = TestServices()
  var workMemory = 64 << 20

  init(_ system: TransactionSystem) { self.system = system }

  /// A store in memory and `body` on its reactor.
  static func run<R: Sendable>(_ body: @Sendable (isolated Reactor, Bench) async throws -> R) async throws -> R {
    let environment = ProductionEnvironment(reactorCount: 1)
    let store = try await Store.open(
      environment: environment, local: .inMemory(), clock: NodeClock(environment: environment), onFatal: { _ in })
    let result: Result<R, any Error>
    do {
      result = .success(
        try await environment.reactors[0].perform { reactor in
          try await body(reactor, Bench(TransactionSystem(store, on: reactor)))
        })
    } catch {
      result = .failure(error)
    }
    await store.stop()
    try await environment.shutdown()
    return try result.get()
  }

  func context(_ transaction: Transaction) -> ExecutionContext {
    let context = ExecutionContext(
      transaction: transaction, evaluation: EvaluationContext(services: services), codecs: codecs, rowIDs: rowIDs)
    context.limits.workMemory = workMemory
    return context
  }

  /// All rows of a plan, in a transaction of its own.
  @discardableResult
  func rows(_ plan: PhysicalPlan, in given: Transaction? = nil) async throws -> [[Datum]] {
    let transaction = given ?? system.begin()
    let query = try Executor.run(plan.query, context(transaction))
    var rows: [[Datum]] = []
    do {
      while let batch = try await query.next() {
        #expect(batch.rowCount > 0 && batch.rowCount <= Batch.maximumRowCount)
        for row in 0..<batch.rowCount { rows.append(batch.row(row)) }
      }
      if given == nil { _ = try await transaction.commit() }
    } catch {
      if given == nil { await transaction.rollback() }
      throw error
    }
    return rows
  }

  /// The error that a plan ends in.
  func error(_ plan: PhysicalPlan) async -> SQLError? {
    do {
      try await rows(plan)
      return nil
    } catch {
      return error as? SQLError
    }
  }
}

extension PhysicalPlan {
  var query: QueryPlan {
    QueryPlan(
      kind: .select, root: self, columns: [], parameterTypes: [], outerSlotCount: 4, sequences: [:],
      writing: "SELECT", catalogVersion: 1)
  }

  static func values(_ rows: [[Datum]], _ types: [SQLType]) -> PhysicalPlan {
    PhysicalPlan(.values(rows.map { row in zip(row, types).map { .constant($0, $1) } }), output: types)
  }
}

/// Gives prepared batches of any size, to try the seams between batches.
final class BatchSource: VirtualTableProvider {
  private let batches: [Batch]

  init(_ rows: [[Datum]], _ types: [SQLType], size: Int) {
    var batches: [Batch] = []
    for start in stride(from: 0, to: rows.count, by: size) {
      var batch = Batch(kinds: types.map(\.storage))
      for row in rows[start..<min(rows.count, start + size)] { batch.append(row: row) }
      batches.append(batch)
    }
    self.batches = batches
  }

  func rows(of table: TableDescriptor, columns: [UInt32]) async throws(SQLError) -> [Batch] { batches }
}

func column(_ index: Int, _ type: SQLType = .int8) -> ScalarExpression { .column(index, type) }
func constant(_ value: Int64, _ type: SQLType = .int8) -> ScalarExpression { .constant(.int64(value), type) }

func compare(_ comparison: Comparison, _ left: ScalarExpression, _ right: ScalarExpression) -> ScalarExpression {
  guard let function = FunctionRegistry.shared.comparison(comparison, of: left.type) else {
    preconditionFailure("the type has an order")
  }
  return .call(function, [left, right], type: .bool, position: -1)
}

func call(_ symbol: String, _ left: ScalarExpression, _ right: ScalarExpression) -> ScalarExpression {
  guard let function = FunctionRegistry.shared.exactOperator(symbol, left.type, right.type) else {
    preconditionFailure("there is an operator \(symbol)")
  }
  return .call(function, [left, right], type: function.result, position: -1)
}

/// Rows of integers in an order of their own, to be compared as multisets.
func sorted(_ rows: [[Datum]]) -> [[Datum]] {
  rows.sorted { a, b in
    for (x, y) in zip(a, b) where x != y { return (x.int ?? .min) < (y.int ?? .min) }
    return false
  }
}

extension Datum {
  var int: Int64? { if case .int64(let value) = self { value } else { nil } }
}

/// Random rows of (key or NULL, value).
func randomPairs(_ random: inout RandomSource, count: Int, keys: Int64) -> [[Datum]] {
  (0..<count).map { _ in
    [
      Int.random(in: 0..<6, using: &random) == 0 ? .null : .int64(Int64.random(in: 0..<keys, using: &random)),
      .int64(Int64.random(in: 0..<10, using: &random)),
    ]
  }
}
