// rank(…) WITHIN GROUP (ORDER BY …) and its kin: where a row that is not there would stand. Each is a count of the rows that would
// come before it. Source: PostgreSQL manual, 9.21, "Hypothetical-Set Aggregate Functions".

import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  static let hypotheticalSets: Set<String> = ["rank", "dense_rank", "percent_rank", "cume_dist"]

  func bindHypotheticalSet(
    _ call: FunctionCall, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    let name = call.name.name.text
    // The direct arguments belong to the group, not to its rows.
    let direct = try call.arguments.mapTyped { (argument: FunctionCall.Argument) throws(SQLError) in
      try bind(argument.value, scope)
    }
    guard call.arguments.count == call.orderBy.count else {
      let keys = try call.orderBy.mapTyped { (item: SortItem) throws(SQLError) in
        try bindUnmentioned(item.expression, scope)
      }
      let types = (direct.map(\.type) + keys).map(\.shown).joined(separator: ", ")
      throw context.error(
        .undefinedFunction, "function \(name)(\(types)) does not exist",
        hint:
          "To use the hypothetical-set aggregate \(name), the number of hypothetical direct arguments (here \(call.arguments.count)) must match the number of ordering columns (here \(call.orderBy.count)).",
        at: position)
    }
    for (value, item) in zip(direct, call.orderBy) {
      let key = try bindUnmentioned(item.expression, scope)
      guard try coerceIfPossible(value, to: key, .implicit, at: item.expression.leftmost) != nil else {
        throw context.error(
          .datatypeMismatch, "WITHIN GROUP types \(key.shown) and \(value.type.shown) cannot be matched",
          at: item.expression.leftmost)
      }
    }
    let keys = call.orderBy
    let values = call.arguments.map(\.value)
    let before = Self.precedes(keys, values, orEqual: name == "cume_dist")
    func count(_ filter: Expression?, distinct: Bool = false) -> Expression {
      let filters = [filter, call.filter].compactMap { $0 }
      let row = Expression.row(keys.map(\.expression), isExplicit: true, .unknown)
      return .function(
        FunctionCall(
          QualifiedName(Identifier("count")), distinct ? [FunctionCall.Argument(row)] : [], isStar: !distinct,
          isDistinct: distinct, filter: filters.count > 1 ? .and(filters) : filters.first, position: position))
    }
    func plus(_ a: Expression, _ b: Expression) -> Expression { .binary(OperatorName("+", position: position), a, b) }
    func share(_ a: Expression, of b: Expression) -> Expression {
      let float = TypeName(.system("float8", position), position: position)
      return .binary(OperatorName("/", position: position), .cast(a, float, position), .cast(b, float, position))
    }
    let one = Expression.literal(.integer(1), .unknown)
    switch name {
    case "rank": return try bind(plus(count(before), one), scope)
    case "dense_rank": return try bind(plus(count(before, distinct: true), one), scope)
    case "cume_dist": return try bind(share(plus(count(before), one), of: plus(count(nil), one)), scope)
    default:
      let zero = Expression.literal(.integer(0), .unknown)
      let isEmpty = Expression.binary(OperatorName("=", position: position), count(nil), zero)
      return try bind(
        .caseWhen(
          CaseExpression(
            operand: nil, branches: [.init(condition: isEmpty, result: zero)],
            otherwise: share(count(before), of: count(nil)), position: position)), scope)
    }
  }

  /// The type of an expression over the group's rows.
  private func bindUnmentioned(_ expression: Expression, _ scope: Scope) throws(SQLError) -> SQLType {
    let isInAggregate = scope.isInAggregate
    scope.isInAggregate = true
    defer { scope.isInAggregate = isInAggregate }
    return try resolveUnknown(try bind(expression, scope)).type
  }

  /// Whether a row of these keys stands before one of these values, or in the same place.
  private static func precedes(_ keys: [SortItem], _ values: [Expression], orEqual: Bool) -> Expression {
    var result: Expression = .literal(.boolean(orEqual), .unknown)
    for (item, value) in zip(keys, values).reversed() {
      let key = item.expression
      let at = key.position
      let isDescending: Bool =
        switch item.direction {
        case .descending?: true
        case .using(let name)?: name.symbol == ">"
        default: false
        }
      let nullsFirst = item.nulls.map { $0 == .first } ?? isDescending
      func isNull(_ operand: Expression, _ negated: Bool) -> Expression {
        .isTest(operand, .null, negated: negated, at)
      }
      let less = Expression.or([
        .binary(OperatorName(isDescending ? ">" : "<", position: at), key, value),
        .and([isNull(key, !nullsFirst), isNull(value, nullsFirst)]),
      ])
      result = .or([less, .and([.isDistinctFrom(key, value, negated: true, at), result])])
    }
    return result
  }
}
