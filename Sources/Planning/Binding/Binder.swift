// From syntax tree to typed algebra: names become columns, overloads are chosen, casts made explicit, aggregates and
// sub-queries put at their level. One binder serves one statement; its parts are the extensions beside this file.
// Contract: errors carry PostgreSQL's SQLSTATE, message and position.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

struct Binder {
  let context: BindingContext
  let registry = FunctionRegistry.shared

  let builder: ExpressionBuilder

  init(_ context: BindingContext) {
    self.context = context
    builder = ExpressionBuilder(settings: context.settings, parameters: context.parameters)
  }

  var names: CatalogNames { context.names }

  // MARK: Conditions

  /// A condition of WHERE, ON or HAVING as conjuncts; EXISTS and IN at the top become semi and anti joins of the scope.
  func bindCondition(_ condition: Expression, _ scope: Scope) throws(SQLError) -> [ScalarExpression] {
    var conjuncts: [ScalarExpression] = []
    try bindConjunct(condition, negated: false, scope, into: &conjuncts)
    return conjuncts
  }

  private func bindConjunct(
    _ condition: Expression, negated: Bool, _ scope: Scope, into conjuncts: inout [ScalarExpression]
  ) throws(SQLError) {
    switch condition {
    case .and(let list) where !negated:
      for part in list { try bindConjunct(part, negated: false, scope, into: &conjuncts) }
    case .or(let list) where negated:
      for part in list { try bindConjunct(part, negated: true, scope, into: &conjuncts) }
    case .not(let operand, _) where operand.hasTopSubquery:
      try bindConjunct(operand, negated: !negated, scope, into: &conjuncts)
    case .exists(let query, let position) where scope.clause.refusesSubqueries == nil:
      _ = position
      let bound = try bindSubquery(query, scope)
      scope.attachments.append(Attachment(kind: negated ? .anti : .semi, relation: bound.relation))
    case .inSubquery(let operand, let query, let isNegated, let position) where scope.clause.refusesSubqueries == nil:
      let comparisons = try bindSubqueryComparison(operand, "=", query, scope, at: position)
      attachQuantified(comparisons, isAll: false, negated: negated != isNegated, scope)
    case .quantifiedSubquery(let comparison, let query) where scope.clause.refusesSubqueries == nil:
      let comparisons = try bindSubqueryComparison(
        comparison.left, comparison.operator.symbol, query, scope, at: comparison.operator.position)
      attachQuantified(comparisons, isAll: comparison.isAll, negated: negated, scope)
    default:
      let bound = try bind(condition, scope)
      var result = try coerceToBoolean(bound, scope.clause.argumentName, at: condition)
      if negated { result = .not(result) }
      conjuncts += result.conjuncts
    }
  }

  /// `x op ANY (query)` as semi join, `ALL` and negations as anti joins that mind NULLs.
  private func attachQuantified(
    _ comparison: SubqueryComparison, isAll: Bool, negated: Bool, _ scope: Scope
  ) {
    let condition = comparison.condition
    switch (isAll, negated) {
    case (false, false):
      scope.attachments.append(Attachment(kind: .semi, relation: comparison.relation, conditions: condition.conjuncts))
    case (false, true):
      // No row for which the comparison is true or unknown.
      scope.attachments.append(
        Attachment(kind: .anti, relation: comparison.relation, conditions: notFalse(condition)))
    case (true, false):
      scope.attachments.append(
        Attachment(
          kind: .anti, relation: comparison.relation, conditions: [.booleanTest(condition, .isNotTrue)]))
    case (true, true):
      scope.attachments.append(
        Attachment(kind: .semi, relation: comparison.relation, conditions: [.booleanTest(condition, .isFalse)]))
    }
  }

  /// The conjuncts of `condition IS NOT FALSE`, simpler when nothing can be NULL.
  private func notFalse(_ condition: ScalarExpression) -> [ScalarExpression] {
    isNullable(condition) ? [.booleanTest(condition, .isNotFalse)] : condition.conjuncts
  }

  /// Whether an expression may be NULL.
  func isNullable(_ expression: ScalarExpression) -> Bool {
    switch expression {
    case .constant(let value, _): value.isNull
    case .column(let id, _): context.columns[id].isNullable
    case .parameter, .outer: true
    case .isNull, .booleanTest, .isDistinct: false
    case .call(let function, let arguments, _, _):
      !(function.isStrict && (function.comparison != nil || function.form != .function))
        || arguments.contains(where: isNullable)
    case .coalesce(let list, _): list.allSatisfy(isNullable)
    default: expression.children.contains(where: isNullable)
    }
  }

  // MARK: Types

  /// The type that a type name means.
  /// Errors: 42704; 42601 and 22023 for bad modifiers.
  func resolveType(_ name: TypeName) throws(SQLError) -> SQLType {
    if name.isColumnType { throw context.unsupported("%TYPE is", at: name.position) }
    if name.isSetOf {
      throw context.error(.datatypeMismatch, "type \"\(name.name)\" may not be a set here", at: name.position)
    }
    let schema = name.name.schema?.text
    var found: TypeInfo?
    if schema == nil || schema == "pg_catalog" {
      // SQL's own spellings were mapped by the parser; what remains are names of pg_type.
      found = TypeInfo.all.first { $0.name == name.name.name.text }
    }
    if found == nil, let own = names.catalog.type(named: name.name.name.text, schema: schema) {
      found = TypeInfo.find(own.oid)
    }
    // A table's name is that of the type of its rows.
    if found == nil, case .relation(let table)? = try names.namedRelation(name.name) { found = table.rowType }
    guard var info = found else {
      let shown = name.arrayBounds.isEmpty ? "\(name.name)" : "\(name.name)[]"
      throw context.error(.undefinedObject, "type \"\(shown)\" does not exist", at: name.position)
    }
    var modifier: Int32 = -1
    if !name.modifiers.isEmpty {
      var arguments: [Int64] = []
      for argument in name.modifiers {
        guard case .literal(.integer(let value), _) = argument else {
          if case .extractedLiteral = argument { throw literalNeeded }
          if case .unary(let minus, .literal(.integer(let value), _)) = argument, minus.symbol == "-" {
            arguments.append(-value)
            continue
          }
          throw context.error(
            .syntaxError, "type modifiers must be simple constants or identifiers", at: argument.position)
        }
        arguments.append(value)
      }
      modifier = try context.located(name.position) { () throws(SQLError) in try info.modifier(arguments: arguments) }
    }
    if !name.arrayBounds.isEmpty {
      guard info.arrayOID != .invalid, let array = TypeInfo.find(info.arrayOID) else {
        throw context.error(
          .undefinedObject, "could not find array type for data type \(info.sqlName)", at: name.position)
      }
      info = array
    }
    return SQLType(info.oid, modifier: modifier)
  }
}

extension Clause {
  /// What a boolean argument is called when it is not boolean.
  var argumentName: String {
    switch self {
    case .joinOn: "JOIN/ON"
    case .having: "HAVING"
    case .filter: "FILTER"
    case .check: "CHECK"
    case .indexPredicate: "WHERE"
    default: "WHERE"
    }
  }
}

extension Expression {
  /// Whether negation can be turned into an anti join.
  var hasTopSubquery: Bool {
    switch self {
    case .exists, .inSubquery, .quantifiedSubquery: true
    case .not(let operand, _): operand.hasTopSubquery
    case .or(let list): list.contains(where: \.hasTopSubquery)
    default: false
    }
  }

  /// Where PostgreSQL points for an expression as a whole: its leftmost token.
  var leftmost: SourcePosition {
    func least(_ positions: [SourcePosition]) -> SourcePosition {
      let known = positions.filter { $0.offset >= 0 }
      return known.min { $0.offset < $1.offset } ?? .unknown
    }
    switch self {
    case .binary(let name, let left, _): return least([left.leftmost, name.position])
    case .and(let list), .or(let list): return list.first?.leftmost ?? .unknown
    case .isTest(let operand, _, _, let position): return least([operand.leftmost, position])
    case .isDistinctFrom(let left, _, _, let position): return least([left.leftmost, position])
    case .between(let between): return least([between.value.leftmost, between.position])
    case .inList(let operand, _, _, let position): return least([operand.leftmost, position])
    case .inSubquery(let operand, _, _, let position): return least([operand.leftmost, position])
    case .like(let like): return least([like.value.leftmost, like.position])
    case .quantifiedArray(let comparison, _), .quantifiedSubquery(let comparison, _):
      return least([comparison.left.leftmost, comparison.operator.position])
    case .cast(let operand, _, let position): return least([operand.leftmost, position])
    case .function(let call): return least([call.name.position, call.position])
    case .collate(let operand, _, let position): return least([operand.leftmost, position])
    default: return position
    }
  }
}
