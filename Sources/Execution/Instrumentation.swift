// What `EXPLAIN ANALYZE` measures at each node of a plan: rows, loops, time to the first row and in all. Present only when
// asked for: an ordinary execution has no wrapper around its operators.

import Planning
import SQLTypes

/// Measured at one node, all loops together.
public struct NodeStatistics: Sendable, Hashable {
  public var rows = 0
  /// How often the node was begun.
  public var loops = 0
  /// Nanoseconds until the first batch, summed over loops.
  public var startupTime: Int64 = 0
  /// Nanoseconds in this node and those beneath it.
  public var totalTime: Int64 = 0
  public init() {}
}

public final class Instrumentation {
  /// Nanoseconds on a clock that never jumps, from the environment.
  let clock: () -> Int64
  private var nodes: [ObjectIdentifier: NodeStatistics] = [:]

  public init(clock: @escaping () -> Int64) { self.clock = clock }

  /// What was measured at a node of the plan that ran; nil if it was never begun.
  public func statistics(of plan: PhysicalPlan) -> NodeStatistics? { nodes[ObjectIdentifier(plan)] }

  func update(_ plan: PhysicalPlan, _ body: (inout NodeStatistics) -> Void) {
    body(&nodes[ObjectIdentifier(plan), default: NodeStatistics()])
  }
}

final class InstrumentedOperator: Operator {
  private let base: Operator
  private let instrumentation: Instrumentation
  private let plan: PhysicalPlan
  private var isBegun = false
  private var elapsed: Int64 = 0
  private var sawBatch = false

  init(_ base: Operator, _ instrumentation: Instrumentation, _ plan: PhysicalPlan) {
    self.base = base
    self.instrumentation = instrumentation
    self.plan = plan
    super.init(base.context, kinds: base.kinds)
  }

  override func next() async throws(SQLError) -> Batch? {
    let start = instrumentation.clock()
    let batch = try await base.next()
    let time = instrumentation.clock() - start
    elapsed += time
    let isFirst = !isBegun
    let isFirstBatch = batch != nil && !sawBatch
    let untilNow = elapsed
    instrumentation.update(plan) { node in
      if isFirst { node.loops += 1 }
      if isFirstBatch { node.startupTime += untilNow }
      node.totalTime += time
      node.rows += batch?.rowCount ?? 0
    }
    isBegun = true
    sawBatch = sawBatch || batch != nil
    return batch
  }

  override func rewind(_ reason: Rewind) {
    isBegun = false
    sawBatch = false
    elapsed = 0
    base.rewind(reason)
  }
}
