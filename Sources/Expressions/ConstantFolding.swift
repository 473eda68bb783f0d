// Computes at planning time what does not depend on rows, parameters or time. An error leaves the expression as it is:
// its row may never be reached.
// Source: PostgreSQL manual, 38.7.

import SQLTypes

public enum ConstantFolding {
  /// Services for functions that need none: immutable ones.
  private final class NoServices: SessionServices {
    var currentUser: String { "" }
    var sessionUser: String { "" }
    var currentDatabase: String { "" }
    func currentSchemas(includingImplicit: Bool) -> [String] { [] }
    func setting(_ name: String) -> String? { nil }
    func catalogFunction(_ name: String, _ arguments: [Datum]) throws(SQLError) -> Datum { throw unavailable }
    func nextValue(ofSequence oid: OID) throws(SQLError) -> Int64 { throw unavailable }
    func currentValue(ofSequence oid: OID) throws(SQLError) -> Int64 { throw unavailable }
    func setValue(ofSequence oid: OID, to value: Int64, isCalled: Bool) throws(SQLError) { throw unavailable }
    private var unavailable: SQLError { SQLError(.internalError, "an immutable function asked for the session") }
  }

  /// A call of an immutable function with constant arguments becomes its value, if it has one.
  static func foldCall(_ expression: ScalarExpression) -> ScalarExpression {
    guard case .call(let function, let arguments, let type, _) = expression else { return expression }
    guard function.volatility == .immutable, arguments.allSatisfy(\.isConstant) else { return expression }
    return value(expression, type)
  }

  private static func value(_ expression: ScalarExpression, _ type: SQLType) -> ScalarExpression {
    let services = NoServices()
    let context = EvaluationContext(services: services)
    guard let value = try? Evaluator.value(expression, context) else { return expression }
    return .constant(value, type)
  }

  /// The expression with everything folded that can be: immutable calls of constants, decided AND, OR and CASE,
  /// NULL arguments of strict functions.
  public static func fold(_ expression: ScalarExpression) -> ScalarExpression {
    switch expression {
    case .constant, .column, .parameter, .outer: return expression
    case .call(let function, let arguments, let type, let position):
      let folded = arguments.map(fold)
      let call = ScalarExpression.call(function, folded, type: type, position: position)
      if function.isStrict && function.volatility != .volatile && folded.contains(where: \.isNullConstant)
        && folded.allSatisfy({ !$0.isVolatile })
      {
        return .constant(.null, type)
      }
      return foldCall(call)
    case .and(let operands): return connective(operands, decisive: false)
    case .or(let operands): return connective(operands, decisive: true)
    case .not(let operand):
      let folded = fold(operand)
      switch folded {
      case .constant(.int64(let value), _): return .constant(.bool(value == 0), .bool)
      case .constant(.null, _): return .constant(.null, .bool)
      case .not(let inner): return inner
      default: return .not(folded)
      }
    case .isNull(let operand, let negated):
      let folded = fold(operand)
      if case .constant(let value, _) = folded { return .constant(.bool(value.isNull != negated), .bool) }
      return .isNull(folded, negated: negated)
    case .booleanTest(let operand, let test):
      let folded = ScalarExpression.booleanTest(fold(operand), test)
      if case .booleanTest(.constant, _) = folded { return value(folded, .bool) }
      return folded
    case .isDistinct(let left, let right, let equality, let negated):
      let folded = ScalarExpression.isDistinct(fold(left), fold(right), equality: equality, negated: negated)
      if case .isDistinct(.constant, .constant, let equality, _) = folded, equality.volatility == .immutable {
        return value(folded, .bool)
      }
      return folded
    case .conditional(let branches, let otherwise, let type):
      var kept: [CaseBranch] = []
      for branch in branches {
        let condition = fold(branch.condition)
        if case .constant(let value, _) = condition {
          if value == .bool(true) {
            let result = fold(branch.result)
            return kept.isEmpty ? result.retyped(type) : .conditional(kept, otherwise: result, type: type)
          }
          continue
        }
        kept.append(CaseBranch(condition: condition, result: fold(branch.result)))
      }
      let last = fold(otherwise)
      if kept.isEmpty, case .constant(let value, _) = last { return .constant(value, type) }
      return .conditional(kept, otherwise: last, type: type)
    case .coalesce(let operands, let type):
      var kept: [ScalarExpression] = []
      for operand in operands {
        let folded = fold(operand)
        if folded.isNullConstant { continue }
        kept.append(folded)
        if folded.isConstant { break }
      }
      if kept.isEmpty { return .constant(.null, type) }
      return kept.count == 1 ? kept[0].retyped(type) : .coalesce(kept, type: type)
    case .inList(let operand, let list, let equality, let negated):
      let folded = ScalarExpression.inList(
        fold(operand), list.map(fold), equality: equality, negated: negated)
      if case .inList(.constant, let list, _, _) = folded, equality.volatility == .immutable,
        list.allSatisfy(\.isConstant)
      {
        return value(folded, .bool)
      }
      return folded
    }
  }

  private static func connective(_ operands: [ScalarExpression], decisive: Bool) -> ScalarExpression {
    var kept: [ScalarExpression] = []
    for operand in operands {
      let folded = fold(operand)
      if case .constant(let value, _) = folded {
        if value == .bool(decisive) {
          // Only what stands before it could still fail or matter; SQL lets us skip that.
          return folded
        }
        if value == .bool(!decisive) { continue }
      }
      switch folded {
      case .and(let inner) where !decisive: kept += inner
      case .or(let inner) where decisive: kept += inner
      default: kept.append(folded)
      }
    }
    if kept.isEmpty { return .constant(.bool(!decisive), .bool) }
    if kept.count == 1 { return kept[0] }
    return decisive ? .or(kept) : .and(kept)
  }
}

extension ScalarExpression {
  public var isConstant: Bool { if case .constant = self { true } else { false } }
  public var isNullConstant: Bool { if case .constant(.null, _) = self { true } else { false } }

  /// The direct sub-expressions, in the order of evaluation.
  public var children: [ScalarExpression] {
    switch self {
    case .constant, .column, .parameter, .outer: []
    case .call(_, let arguments, _, _): arguments
    case .and(let operands), .or(let operands), .coalesce(let operands, _): operands
    case .not(let operand), .isNull(let operand, _), .booleanTest(let operand, _): [operand]
    case .isDistinct(let left, let right, _, _): [left, right]
    case .conditional(let branches, let otherwise, _): branches.flatMap { [$0.condition, $0.result] } + [otherwise]
    case .inList(let operand, let list, _, _): [operand] + list
    }
  }

  /// Whether it may give another value at each evaluation.
  public var isVolatile: Bool { volatility == .volatile }

  /// The least steady of the functions in it; parameters, columns and outer values count as immutable.
  public var volatility: Volatility {
    var worst: Volatility = .immutable
    switch self {
    case .call(let function, _, _, _): worst = function.volatility
    case .isDistinct(_, _, let equality, _), .inList(_, _, let equality, _): worst = equality.volatility
    default: break
    }
    for child in children {
      let other = child.volatility
      if other.rawValue > worst.rawValue { worst = other }
    }
    return worst
  }
}
