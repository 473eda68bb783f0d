// EXPLAIN: the plan as text, and with ANALYZE what running it showed.

import Catalog
import Execution
import Planning
import SQLTypes

extension Session {
  func runExplain(
    _ explain: ExplainPlan, _ active: ActiveTransaction, _ catalog: CatalogView
  ) async throws(SQLError) {
    var instrumentation: Instrumentation?
    var elapsed: Double?
    try check(explain.query, active, catalog)
    if explain.options.isAnalyze {
      try requireWritable(active, explain.query)
      active.depend(on: explain.query.dependencies)
      let environment = gateway.environment
      let measured = Instrumentation { environment.monotonicNow().nanoseconds }
      let context = executionContext(parameters: [], active, catalog)
      context.instrumentation = measured
      let begin = environment.monotonicNow().nanoseconds
      let execution = try Executor.run(explain.query, context)
      while try await execution.next() != nil {}
      elapsed = Double(environment.monotonicNow().nanoseconds - begin) / 1e6
      instrumentation = measured
    }
    let lines = Explain.text(
      explain,
      measure: instrumentation.map { instrumentation in
        { plan in instrumentation.statistics(of: plan).map(Self.measure) }
      }, executionTime: elapsed)
    send(
      columns: [ResultColumn(name: "QUERY PLAN", type: .text)], rows: lines.map { [.text($0)] }, tag: "EXPLAIN")
  }

  /// Averages over loops, in milliseconds.
  private static func measure(_ statistics: NodeStatistics) -> ExplainMeasure {
    let loops = Double(max(1, statistics.loops))
    return ExplainMeasure(
      startupTime: Double(statistics.startupTime) / loops / 1e6, totalTime: Double(statistics.totalTime) / loops / 1e6,
      rows: Double(statistics.rows) / loops, loops: statistics.loops)
  }
}
