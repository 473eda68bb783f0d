// What AS OF SYSTEM TIME says, resolved: one of three functions, or a constant. It is computed by the session before the statement is
// planned, since what names mean depends on it.
// Source: CockroachDB's documentation, "AS OF SYSTEM TIME".

import Expressions
import SQLSyntax
import SQLTypes

/// When a statement reads, as an expression without a row.
public enum ReadTime: Sendable {
  /// Of the types text (any of the others, written), int8 and numeric (nanoseconds since 1970), timestamptz, interval (from now).
  case constant(ScalarExpression)
  /// Short enough ago that any replica can tell.
  case follower
  /// The newest time that the nearest replicas can tell, this one (timestamptz) or this long ago (interval) at worst. The second
  /// says whether the statement fails rather than go farther; nil: no.
  case bounded(ScalarExpression, nearestOnly: ScalarExpression?)
}

extension StatementPlanner {
  /// Errors: 42601 for what is no constant, 42804 for a constant of another type, and those of any expression.
  /// - Parameter isForStatement: bounds are for single statements; a transaction reads at one time that is known when it begins.
  public func planReadTime(
    _ clause: AsOfClause, isForStatement: Bool, source: [UInt8], parameterTypes: [SQLType?] = [],
    allowsParameters: Bool
  ) throws(SQLError) -> ReadTime {
    let context = makeContext(source, parameterTypes, allowsParameters: allowsParameters)
    return try Binder(context).bindReadTime(clause, isForStatement: isForStatement)
  }
}

extension Binder {
  func bindReadTime(_ clause: AsOfClause, isForStatement: Bool) throws(SQLError) -> ReadTime {
    let scope = Scope(parent: nil, ctes: [])
    scope.clause = .asOf
    let place = clause.time.leftmost
    let bound = try bind(clause.time, scope)
    if case .call(let function, let arguments, _, _) = bound {
      switch function.name {
      case ReadTimeFunctions.follower: return .follower
      case ReadTimeFunctions.maxStaleness, ReadTimeFunctions.minTimestamp:
        guard isForStatement else { break }
        for argument in arguments { try requireConstant(argument, isForStatement: true, at: place) }
        return .bounded(arguments[0], nearestOnly: arguments.count > 1 ? arguments[1] : nil)
      default: break
      }
    }
    try requireConstant(bound, isForStatement: isForStatement, at: place)
    for type in [SQLType.text, .int8, .numeric, .timestamptz, .interval] where isAccepted(bound.type, as: type) {
      if let result = try coerceIfPossible(bound, to: type, .assignment, at: place) {
        return .constant(FoldConstants.expression(result))
      }
    }
    throw context.error(
      .datatypeMismatch,
      "AS OF SYSTEM TIME takes a timestamp, an interval or a number, not a value of type \(bound.type.shown)",
      at: place)
  }

  /// Whether a value of `type` is read as one of `target`.
  private func isAccepted(_ type: SQLType, as target: SQLType) -> Bool {
    switch type.oid {
    case SQLType.unknown.oid, SQLType.varchar.oid, SQLType.bpchar.oid: target.oid == SQLType.text.oid
    case SQLType.int2.oid, SQLType.int4.oid: target.oid == SQLType.int8.oid
    case SQLType.timestamp.oid, SQLType.date.oid: target.oid == SQLType.timestamptz.oid
    default: type.oid == target.oid
    }
  }

  /// What changes from call to call is no time to read at. Casts may hang on settings.
  private func requireConstant(
    _ expression: ScalarExpression, isForStatement: Bool, at place: SourcePosition
  ) throws(SQLError) {
    if case .call(let function, _, _, _) = expression, function.volatility != .immutable, function.form == .function,
      function.oid != .invalid
    {
      let allowed =
        isForStatement
        ? "constants, \(ReadTimeFunctions.minTimestamp)(), \(ReadTimeFunctions.maxStaleness)() and \(ReadTimeFunctions.follower)() are"
        : "constants and \(ReadTimeFunctions.follower)() are"
      throw context.error(.syntaxError, "only \(allowed) allowed in AS OF SYSTEM TIME", at: place)
    }
    for child in expression.children { try requireConstant(child, isForStatement: isForStatement, at: place) }
  }

  /// A SELECT that says when it reads: only what the whole statement says.
  func checkReadTime(_ core: SelectCore) throws(SQLError) {
    guard let clause = core.asOf else { return }
    guard let stated = context.asOf else {
      throw context.error(
        .syntaxError, "AS OF SYSTEM TIME must be given for the statement as a whole",
        hint: "Write it after the FROM list of the statement's own query.", at: clause.position)
    }
    guard stated == clause else {
      throw context.error(
        .syntaxError, "a statement cannot read at different times",
        hint: "Give AS OF SYSTEM TIME the same time everywhere.",
        at: clause.position)
    }
  }
}
