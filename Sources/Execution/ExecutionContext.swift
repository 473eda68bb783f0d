// What one execution of a plan works with: its transaction, the expressions' surroundings, limits, and the doors to what
// lies outside this room (relations computed from the catalog, sequences, temporary files, the clock).
// Confined to the statement's task. A prepared statement's operators keep one context and get a new transaction in it
// for each execution.

import Catalog
import Encoding
import Expressions
import Planning
import SQLTypes
import Transactions

/// Computes the rows of relations that are not stored: `pg_catalog`, `information_schema`, `meridian_catalog`.
public protocol VirtualTableProvider: AnyObject {
  /// All rows of `table`, the columns with these ids in this order. Any number of rows a batch.
  func rows(of table: TableDescriptor, columns: [UInt32]) async throws(SQLError) -> [Batch]
}

/// Values of sequences, taken before expressions that draw from them are computed.
public protocol SequenceReserver: AnyObject {
  /// Makes sure that the next `count` calls of `SessionServices.nextValue(ofSequence:)` need no storage.
  func reserve(_ sequence: OID, count: Int) async throws(SQLError)
}

/// Bounds of an execution.
public struct ExecutionLimits: Sendable, Hashable {
  /// Bytes that sorts, hash tables and buffers of one execution may hold before they spill to temporary files.
  /// PostgreSQL's `work_mem` is per operation; here it is per statement, so the default is larger.
  public var workMemory = 64 << 20
  /// Bytes beyond which an operation that cannot spill fails with 53200.
  public var hardMemory = 1 << 30
  public init() {}

  /// Rows of a scan's first page when the plan has no hint; pages grow from here to a full batch.
  static let firstPageRows = 64
}

/// Bytes held by the operators of one execution.
final class MemoryAccount {
  private(set) var used = 0
  func grow(_ byteCount: Int) { used += byteCount }
  func shrink(_ byteCount: Int) { used = max(0, used - byteCount) }
}

public final class ExecutionContext {
  public var transaction: Transaction
  public let evaluation: EvaluationContext
  /// Its owner's number for the settings in `evaluation`: with the same they need not be set again.
  public var settingsVersion = -1
  public var limits = ExecutionLimits()
  /// Whether the client, or `statement_timeout`, wants the statement to end: the error to end it with, or nil.
  public var interruption: () -> SQLError? = { nil }
  /// Whether the statement has kept its reactor to itself long enough, and what lets others have it for a moment: without that no
  /// cancel request, timeout or other client would be heard while rows are computed.
  public var isTurnOver: () -> Bool = { false }
  public var giveWay: () async -> Void = {}
  /// The message that the execution is for has only just begun: the first look at the clock can be saved.
  public var isRested = false
  /// Waits so many nanoseconds without keeping the reactor.
  public var sleep: (Int64) async -> Void = { _ in }
  public var virtualTables: (any VirtualTableProvider)?
  public var sequences: (any SequenceReserver)?
  /// Names a relation for error messages.
  public var relation: (OID) -> TableDescriptor? = { _ in nil }
  /// Names a schema for error fields.
  public var schemaName: (OID) -> String? = { _ in nil }
  /// Set where tables with foreign keys may be changed.
  public var referencePlanner: (any ReferencePlanner)?
  /// Set where functions in PL/pgSQL may run.
  public var procedures: (any ProcedureLibrary)?
  /// How many functions in PL/pgSQL are under way around it.
  var callDepth = 0
  /// Rows that the statement has changed, for triggers, by the number that its plans bear.
  var transitions: [Int: TransitionTables] = [:]
  /// The transaction's checks that wait for its commit; nil: none may wait.
  public var deferredReferences: DeferredReferences?
  /// What foreign keys ask of this statement's changes; shared with the statements that they run.
  public var references = ReferenceQueue()
  public var spill: any SpillStorage = TemporaryDirectory()
  /// How values appear in error details and are read from COPY.
  var format: FormatSettings { evaluation.settings }
  /// Set for `EXPLAIN ANALYZE`.
  public var instrumentation: Instrumentation?
  public let codecs: CodecCache
  /// Row ids of tables without primary key.
  public let rowIDs: RowIDGenerator

  /// Rows inserted, updated or deleted so far.
  public internal(set) var affectedRows = 0

  let memory = MemoryAccount()
  var materialized: [Int: MaterializedRows] = [:]
  /// Primary keys that the statement has written so far, by table, where several parts of it write: none of them changes what
  /// another has.
  var touched: [OID: KeyTable]?
  /// The rows of the last round of each recursive query under way.
  var workingTables: [Int: RowBuffer] = [:]

  /// `codecs` is one for each reactor, `rowIDs` one for the node.
  public init(
    transaction: Transaction, evaluation: EvaluationContext, codecs: CodecCache, rowIDs: RowIDGenerator
  ) {
    self.transaction = transaction
    self.evaluation = evaluation
    self.codecs = codecs
    self.rowIDs = rowIDs
  }

  /// A context for a statement that runs as a part of this one: the same transaction, session and limits.
  func nested(parameters: [Datum]) -> ExecutionContext {
    let context = ExecutionContext(
      transaction: transaction, evaluation: evaluation.nested(parameters: parameters), codecs: codecs, rowIDs: rowIDs)
    context.limits = limits
    context.interruption = interruption
    context.isTurnOver = isTurnOver
    context.giveWay = giveWay
    context.sleep = sleep
    context.virtualTables = virtualTables
    context.sequences = sequences
    context.relation = relation
    context.schemaName = schemaName
    context.referencePlanner = referencePlanner
    context.procedures = procedures
    context.callDepth = callDepth
    context.deferredReferences = deferredReferences
    context.references = references
    context.spill = spill
    return context
  }

  @inline(__always)
  func checkInterruption() throws(SQLError) {
    if let error = interruption() { throw error }
  }

  /// Called between batches: ends the statement if it shall end, and lets others have their turn.
  @inline(__always)
  func breathe() async throws(SQLError) {
    if isRested {
      isRested = false
      return
    }
    try checkInterruption()
    if isTurnOver() { try await pause() }
  }

  private func pause() async throws(SQLError) {
    await giveWay()
    try checkInterruption()
  }

  /// Waits, in steps short enough for a cancel request to be heard.
  func wait(seconds: Double) async throws(SQLError) {
    // As long as PostgreSQL can count in its timeouts.
    var left = seconds.isNaN ? 0 : Int64(min(max(seconds, 0), 1e9) * 1e9)
    while left > 0 {
      let step = min(left, 50_000_000)
      await sleep(step)
      try checkInterruption()
      left -= step
    }
  }

  /// Whether operators that can spill should do so now.
  var isOverWorkMemory: Bool { memory.used > limits.workMemory }

  /// Error 53200 when an operation that cannot spill holds too much.
  func checkHardMemory() throws(SQLError) {
    if memory.used > limits.hardMemory {
      throw SQLError(
        .outOfMemory, "out of memory",
        detail: "The statement holds \(memory.used) bytes, its limit is \(limits.hardMemory).")
    }
  }

  // MARK: The transaction, with errors as clients see them

  @inline(__always)
  func get(_ key: Key, lock: LockRequest?, into block: inout KeyValueBlock) async throws(SQLError) -> Bool {
    do throws(TransactionError) {
      return try await transaction.get(key, lock: lock, into: &block)
    } catch {
      throw SQLError(error, relation: relation)
    }
  }

  func get(_ keys: [Key], lock: LockRequest?, into block: inout KeyValueBlock) async throws(SQLError) {
    do throws(TransactionError) {
      try await transaction.get(keys, lock: lock, into: &block)
    } catch {
      throw SQLError(error, relation: relation)
    }
  }

  func scan(_ span: KeySpan, _ options: ScanOptions, into block: inout KeyValueBlock) async throws(SQLError) -> KeySpan?
  {
    do throws(TransactionError) {
      return try await transaction.scan(span, options, into: &block)
    } catch {
      throw SQLError(error, relation: relation)
    }
  }

  @inline(__always)
  func flushIfNeeded() async throws(SQLError) {
    if transaction.shouldFlush { try await flush() }
  }

  private func flush() async throws(SQLError) {
    do throws(TransactionError) {
      try await transaction.flushIfNeeded()
    } catch {
      throw SQLError(error, relation: relation)
    }
  }
}
