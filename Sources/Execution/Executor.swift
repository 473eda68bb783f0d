// What a session asks to have its statements carried out.

import Planning
import SQLTypes

public enum Executor {
  /// An execution of `plan`; nothing happens before its first `next`.
  public static func run(_ plan: QueryPlan, _ context: ExecutionContext) throws(SQLError) -> QueryExecution {
    try QueryExecution(plan, context)
  }
}
