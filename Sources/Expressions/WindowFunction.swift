// The functions that look at a row's place in its window: row_number, rank, lag and so on. Aggregates become window functions by OVER and need no entry here. Source: PostgreSQL manual, 9.22.

import SQLTypes

/// A window function: its signature, and which of the few rules computes it.
public final class WindowFunction: Sendable {
  public enum Rule: UInt8, Sendable, Hashable {
    case rowNumber, rank, denseRank, percentRank, cumulativeDistribution, bucket
    /// The argument as of another row of the partition.
    case lag, lead
    /// The argument as of a row of the frame.
    case firstValue, lastValue, nthValue
  }

  public let name: String
  public let oid: OID
  public let rule: Rule
  public let arguments: [SQLType]
  public let result: SQLType

  init(_ name: String, oid: UInt32, _ rule: Rule, _ arguments: [SQLType], returns result: SQLType) {
    self.name = name
    self.oid = OID(oid)
    self.rule = rule
    self.arguments = arguments
    self.result = result
  }
}

/// The outcome of resolving a window function's call.
public struct ResolvedWindowFunction: Sendable {
  public var function: WindowFunction
  /// One per actual argument: what it must be coerced to.
  public var argumentTypes: [SQLType]
  public var result: SQLType
}

extension FunctionRegistry {
  /// Every window function that is no aggregate, for the catalogs.
  public static let windowFunctions: [WindowFunction] = [
    WindowFunction("row_number", oid: 3100, .rowNumber, [], returns: .int8),
    WindowFunction("rank", oid: 3101, .rank, [], returns: .int8),
    WindowFunction("dense_rank", oid: 3102, .denseRank, [], returns: .int8),
    WindowFunction("percent_rank", oid: 3103, .percentRank, [], returns: .float8),
    WindowFunction("cume_dist", oid: 3104, .cumulativeDistribution, [], returns: .float8),
    WindowFunction("ntile", oid: 3105, .bucket, [.int4], returns: .int4),
    WindowFunction("lag", oid: 3106, .lag, [.anyelement], returns: .anyelement),
    WindowFunction("lag", oid: 3107, .lag, [.anyelement, .int4], returns: .anyelement),
    WindowFunction("lag", oid: 3108, .lag, [.anycompatible, .int4, .anycompatible], returns: .anycompatible),
    WindowFunction("lead", oid: 3109, .lead, [.anyelement], returns: .anyelement),
    WindowFunction("lead", oid: 3110, .lead, [.anyelement, .int4], returns: .anyelement),
    WindowFunction("lead", oid: 3111, .lead, [.anycompatible, .int4, .anycompatible], returns: .anycompatible),
    WindowFunction("first_value", oid: 3112, .firstValue, [.anyelement], returns: .anyelement),
    WindowFunction("last_value", oid: 3113, .lastValue, [.anyelement], returns: .anyelement),
    WindowFunction("nth_value", oid: 3114, .nthValue, [.anyelement, .int4], returns: .anyelement),
  ]

  private static let windowFunctionsByName = Dictionary(grouping: windowFunctions, by: \.name)

  /// Whether a name is that of a window function that is no aggregate.
  public func isWindowFunction(_ name: String) -> Bool { Self.windowFunctionsByName[name] != nil }

  /// Resolves `name(arguments…) OVER …` among the window functions that are no aggregates.
  /// - Throws: 42883 if there is no such function, 42725 if several are equally good.
  public func resolveWindowFunction(_ name: String, _ arguments: [SQLType]) throws(SQLError) -> ResolvedWindowFunction {
    let candidates = Self.windowFunctionsByName[name] ?? []
    let signatures = candidates.map { Signature(arguments: $0.arguments, result: $0.result, variadic: nil) }
    let chosen = candidates[try Resolution.function(name, arguments, signatures)]
    let bound = try Polymorphism.bind(
      Signature(arguments: chosen.arguments, result: chosen.result, variadic: nil), arguments, name: name)
    return ResolvedWindowFunction(function: chosen, argumentTypes: bound.arguments, result: bound.result)
  }
}
