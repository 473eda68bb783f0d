// An aggregate function: its signature, and vectorised states for many groups at once.
// Source: PostgreSQL manual, 9.21.

import SQLTypes

/// The states of one aggregate call for all groups; group indexes are dense from 0. Confined to one operator.
public protocol AggregateState: AnyObject {
  /// Makes room for groups up to `groupCount`.
  func grow(toGroupCount groupCount: Int)
  /// Adds row `i` of the arguments to group `groups[i]`; each argument has `rowCount` rows.
  func update(groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext) throws(SQLError)
  /// Adds group `i` of another state of the same call to group `groups[i]`, for partial aggregation.
  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError)
  /// One value for each group, in order.
  func finish(groupCount: Int) throws(SQLError) -> ColumnVector
}

public final class AggregateFunction: Sendable {
  public let name: String
  public let oid: OID
  public let arguments: [SQLType]
  public let result: SQLType
  public let makeState: @Sendable () -> any AggregateState
  /// Polymorphic aggregates only: the aggregate for the types of an actual call.
  let specialize: (@Sendable (_ arguments: [SQLType]) throws(SQLError) -> (@Sendable () -> any AggregateState))?

  public init(
    _ name: String, oid: OID = .invalid, _ arguments: [SQLType], returns result: SQLType,
    makeState: @escaping @Sendable () -> any AggregateState
  ) {
    self.name = name
    self.oid = oid
    self.arguments = arguments
    self.result = result
    self.makeState = makeState
    specialize = nil
  }

  init(
    _ name: String, oid: OID, polymorphic arguments: [SQLType], returns result: SQLType,
    specialize: @escaping @Sendable ([SQLType]) throws(SQLError) -> (@Sendable () -> any AggregateState)
  ) {
    self.name = name
    self.oid = oid
    self.arguments = arguments
    self.result = result
    self.specialize = specialize
    makeState = { preconditionFailure("a polymorphic aggregate is specialised before it runs") }
  }

  func specialized(_ arguments: [SQLType], returns result: SQLType) throws(SQLError) -> AggregateFunction {
    guard let specialize else { return self }
    return AggregateFunction(name, oid: oid, arguments, returns: result, makeState: try specialize(arguments))
  }
}

/// The outcome of resolving an aggregate call.
public struct ResolvedAggregate: Sendable {
  public var function: AggregateFunction
  /// One per actual argument: what it must be coerced to.
  public var argumentTypes: [SQLType]
}

extension FunctionRegistry {
  /// Whether a function of this name is an aggregate.
  public func isAggregate(_ name: String) -> Bool { aggregates[name] != nil }

  /// Whether an aggregate takes WITHIN GROUP.
  public func isOrderedSet(_ name: String) -> Bool { AggregateCatalog.orderedSet.contains(name) }

  /// Resolves `name(arguments…)`; `count(*)` is `count` without arguments.
  /// - Throws: 42883 if there is no such aggregate, 42725 if several are equally good.
  public func resolveAggregate(_ name: String, _ arguments: [SQLType]) throws(SQLError) -> ResolvedAggregate {
    let candidates = aggregates[name] ?? []
    let signatures = candidates.map { Signature(arguments: $0.arguments, result: $0.result, variadic: nil) }
    let chosen = candidates[try Resolution.function(name, arguments, signatures)]
    let bound = try Polymorphism.bind(
      Signature(arguments: chosen.arguments, result: chosen.result, variadic: nil), arguments, name: name)
    return ResolvedAggregate(
      function: try chosen.specialized(bound.arguments, returns: bound.result), argumentTypes: bound.arguments)
  }
}
