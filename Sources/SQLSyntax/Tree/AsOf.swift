// `AS OF SYSTEM TIME`: the time at which a statement, or a transaction, reads. CockroachDB's clause and its place.
//
// A statement reads at one time. The clause counts where it stands in a statement's own query; sub-selects may repeat it, which the
// planner checks.

/// `AS OF SYSTEM TIME expression`
public struct AsOfClause: Sendable, Equatable {
  public var time: Expression
  public var position: SourcePosition

  public init(_ time: Expression, position: SourcePosition = .unknown) {
    self.time = time
    self.position = position
  }
}

extension SelectStatement {
  /// The clause of the query itself, or of the first operand of its set operations that has one.
  public var asOf: AsOfClause? {
    switch body {
    case .select(let core): core.asOf
    case .values: nil
    case .setOperation(let operation): operation.left.asOf ?? operation.right.asOf
    }
  }
}

extension Statement {
  /// When the statement is to read; nil: now. Also of statements that write, which may not have one.
  public var asOf: AsOfClause? {
    switch self {
    case .select(let query): query.asOf
    case .insert(let insert): if case .query(let query) = insert.source { query.asOf } else { nil }
    case .createTableAs(let creation): creation.query.asOf
    case .copy(let copy): if case .query(let statement) = copy.source { statement.asOf } else { nil }
    case .explain(let explain): explain.statement.asOf
    case .declareCursor(let cursor): cursor.query.asOf
    default: nil
    }
  }
}
