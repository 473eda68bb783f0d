// The executor as sessions see it: a plan and a context make an execution, pulled a batch at a time, so that a portal may
// stop after any number of rows and go on later. A prepared statement keeps its execution and begins it anew, which
// costs no allocation of operators.

import Catalog
import Expressions
import Planning
import SQLTypes
import Transactions

/// Keeps an execution of a plan for the next time: a place that is found once and then filled and emptied without being looked for.
public final class ExecutionSlot {
  public let plan: QueryPlan
  private var execution: QueryExecution?

  public init(_ plan: QueryPlan) { self.plan = plan }

  public func take() -> QueryExecution? {
    let taken = execution
    execution = nil
    return taken
  }

  public func put(_ done: QueryExecution) {
    // At rest neither keeps the other beyond the slot's own life.
    done.slot = nil
    execution = done
  }
}

public final class QueryExecution {
  public let plan: QueryPlan
  public let context: ExecutionContext
  private let root: Operator
  /// The root, if it is a scan and nothing more, as most statements of applications are: a call that is known when compiling needs no
  /// look at the executor after it (Decisions/0040).
  private let scan: ScanOperator?
  private var isDone = false
  /// Where it comes to rest at its end, if its owner said so.
  public var slot: ExecutionSlot?

  /// Prepares to run `plan`. The context's parameters and transaction may still change until the first `next`.
  public init(_ plan: QueryPlan, _ context: ExecutionContext) throws(SQLError) {
    self.plan = plan
    self.context = context
    root = try OperatorBuilder(context: context, drawsFromSequences: !plan.sequences.isEmpty).build(plan.root)
    scan = root as? ScanOperator
    prepareSlots()
  }

  /// The next rows, or nil after the last; errors of the transaction come as what a client may see. Batches have at least
  /// one row. A statement without result rows does its work in the first call.
  public func next() async throws(SQLError) -> Batch? {
    if isDone { return nil }
    let next = if let scan { try await scan.next() } else { try await root.next() }
    guard let batch = next else {
      isDone = true
      if !context.references.isEmpty { try await context.references.finish(context) }
      return nil
    }
    return batch
  }

  /// Whether `next` would return nil, if that is known already: whoever asks need not call it.
  public var isExhausted: Bool { isDone || root.isExhausted && context.references.isEmpty }

  /// Like `next`, for a statement that is a part of another: what foreign keys ask is left to that one.
  func nextWithinStatement() async throws(SQLError) -> Batch? {
    if isDone { return nil }
    guard let batch = try await root.next() else {
      isDone = true
      return nil
    }
    return batch
  }

  /// Rows inserted, updated or deleted so far.
  public var affectedRows: Int { context.affectedRows }

  /// Whether it holds little enough to be kept at rest.
  public var isWorthKeeping: Bool { context.instrumentation == nil && context.memory.used < 64 << 10 }

  /// Makes the next call of `next` run the plan again, in another transaction. Parameters are in the context.
  public func restart(in transaction: Transaction) {
    context.transaction = transaction
    context.affectedRows = 0
    context.materialized.removeAll()
    context.workingTables.removeAll()
    context.transitions.removeAll()
    context.touched = nil
    isDone = false
    prepareSlots()
    root.rewind(.restart)
  }

  private func prepareSlots() {
    let missing = plan.outerSlotCount - context.evaluation.outer.count
    if missing > 0 { context.evaluation.outer += Array(repeating: .null, count: missing) }
  }
}
