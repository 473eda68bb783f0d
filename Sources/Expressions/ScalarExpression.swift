// A typed expression over the columns of one row: every name resolved, every overload chosen, every cast explicit.
// One type serves logical plans (a column is a `ColumnID` of the query) and physical plans (an ordinal of the input batch).
// Sub-queries are no expressions: the planner turns them into joins and applies.

import SQLTypes

/// How `BooleanTest` looks at a boolean.
public enum BooleanTest: UInt8, Sendable, Hashable {
  case isTrue, isNotTrue, isFalse, isNotFalse, isUnknown, isNotUnknown
}

public struct CaseBranch: Sendable {
  public var condition: ScalarExpression
  public var result: ScalarExpression

  public init(condition: ScalarExpression, result: ScalarExpression) {
    self.condition = condition
    self.result = result
  }
}

public indirect enum ScalarExpression: Sendable {
  case constant(Datum, SQLType)
  /// Logical plan: the column's id in the query; physical plan: its ordinal in the input.
  case column(Int, SQLType)
  /// A statement parameter, from 0 (`$1`).
  case parameter(Int, SQLType)
  /// Logical plan: a column id of an enclosing query; physical plan: a slot that the enclosing apply fills for each row.
  case outer(Int, SQLType)
  /// `type` may carry a modifier that the function's result type lacks. `position` is a byte offset in the statement, or -1.
  case call(ScalarFunction, [ScalarExpression], type: SQLType, position: Int32)
  case and([ScalarExpression])
  case or([ScalarExpression])
  case not(ScalarExpression)
  case isNull(ScalarExpression, negated: Bool)
  case booleanTest(ScalarExpression, BooleanTest)
  /// `IS [NOT] DISTINCT FROM`; `equality` is the `=` of both sides' common type.
  case isDistinct(ScalarExpression, ScalarExpression, equality: ScalarFunction, negated: Bool)
  /// The first branch whose condition is true; branches not taken are not computed.
  case conditional([CaseBranch], otherwise: ScalarExpression, type: SQLType)
  case coalesce([ScalarExpression], type: SQLType)
  /// `operand equality ANY (list)`; NULL by SQL's rules.
  case inList(ScalarExpression, [ScalarExpression], equality: ScalarFunction, negated: Bool)

  public var type: SQLType {
    switch self {
    case .constant(_, let type), .column(_, let type), .parameter(_, let type), .outer(_, let type): type
    case .call(_, _, let type, _), .conditional(_, _, let type), .coalesce(_, let type): type
    case .and, .or, .not, .isNull, .booleanTest, .isDistinct, .inList: .bool
    }
  }
}
