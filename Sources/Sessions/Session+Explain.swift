// EXPLAIN: the plan as text, and with ANALYZE what running it showed.

import Catalog
import Execution
import Planning
import SQLTypes

extension Session {
  func runExplain(
    _ explain: ExplainPlan, _ active: ActiveTransaction, _ catalog: CatalogView
  ) async throws(SQLError) {
    var statistics: Instrumentation?
    if explain.options.isAnalyze {
      try requireWritable(active, explain.query)
      let context = executionContext(parameters: [], active, catalog)
      let environment = gateway.environment
      let instrumentation = Instrumentation { environment.monotonicNow().nanoseconds }
      context.instrumentation = instrumentation
      let execution = try Executor.run(explain.query, context)
      while try await execution.next() != nil {}
      statistics = instrumentation
    }
    _ = statistics
    throw SQLError(.featureNotSupported, "EXPLAIN is not supported")
  }
}
