// An aggregate function: its signature, and vectorised states for many groups at once.

import SQLTypes

/// The states of one aggregate call for all groups; group indexes are dense from 0. Confined to one operator.
public protocol AggregateState: AnyObject {
  /// Makes room for groups up to `groupCount`.
  func grow(toGroupCount groupCount: Int)
  /// Adds row `i` of the arguments to group `groups[i]`.
  func update(groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext) throws(SQLError)
  /// One value for each group, in order.
  func finish(groupCount: Int) throws(SQLError) -> ColumnVector
}

public final class AggregateFunction: Sendable {
  public let name: String
  public let oid: OID
  public let arguments: [SQLType]
  public let result: SQLType
  public let makeState: @Sendable () -> any AggregateState

  public init(
    _ name: String, oid: OID = .invalid, _ arguments: [SQLType], returns result: SQLType,
    makeState: @escaping @Sendable () -> any AggregateState
  ) {
    self.name = name
    self.oid = oid
    self.arguments = arguments
    self.result = result
    self.makeState = makeState
  }
}
