// The keys that a plan reads, as far as they are known before it runs.

import Encoding
import Expressions
import Planning
import SQLTypes

public enum ReadSpans {
  /// What the plan's scans read: their keys, or the whole index where those hang on other rows.
  public static func of(_ plan: QueryPlan, _ context: EvaluationContext) throws(SQLError) -> [KeySpan] {
    var spans: [KeySpan] = []
    try collect(plan.root, context, into: &spans)
    return spans
  }

  private static func collect(
    _ plan: PhysicalPlan, _ context: EvaluationContext, into spans: inout [KeySpan]
  ) throws(SQLError) {
    if case .scan(let scan) = plan.operation {
      let codec = try TableCodec(scan.table)
      guard let index = codec.index(scan.index.id) else {
        preconditionFailure("table \(scan.table.name) has no index \(scan.index.id) that it is read by")
      }
      for number in scan.spans.indices {
        guard scan.spans[number].isKnown else {
          spans.append(KeySpan(prefix: Key(index.prefix)))
          continue
        }
        if let range = try SpanBuilder.range(scan.spans, number, of: index, context) {
          spans.append(range.span)
        }
      }
      // What the index lacks lies anywhere in the primary one.
      if !index.isPrimary, !scan.spans.isEmpty { spans.append(KeySpan(prefix: Key(codec.primary.prefix))) }
    }
    for input in plan.inputs { try collect(input, context, into: &spans) }
  }
}

extension IndexSpan {
  /// Whether its values hang on nothing but parameters.
  fileprivate var isKnown: Bool {
    (equal + [lower?.value, upper?.value].compactMap { $0 }).allSatisfy(\.isKnown)
  }
}

extension ScalarExpression {
  fileprivate var isKnown: Bool {
    switch self {
    case .column, .outer: false
    default: children.allSatisfy(\.isKnown)
    }
  }
}
