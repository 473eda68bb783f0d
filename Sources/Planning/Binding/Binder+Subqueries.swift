// Sub-queries in expressions. An expression cannot hold a query, so each becomes an attachment of its scope: a column (or a
// semi or anti join) that the scope's relation gets beside its own before the expression is computed over it.
// Quantified comparisons where a truth value is wanted are computed as the greatest of "false 0, unknown 1, true 2".

import Expressions
import SQLSyntax
import SQLTypes

/// `left op` some row of `relation`, as a condition over both.
struct SubqueryComparison {
  var relation: Relation
  var condition: ScalarExpression
}

extension Binder {
  private func checkAllowed(_ scope: Scope, at position: SourcePosition) throws(SQLError) {
    if let clause = scope.clause.refusesSubqueries {
      throw context.error(.featureNotSupported, "cannot use subquery in \(clause)", at: position)
    }
  }

  func bindScalarSubquery(
    _ query: SelectStatement, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    try checkAllowed(scope, at: position)
    let bound = try bindSubquery(query, scope)
    guard bound.outputs.count == 1 else {
      throw context.error(.syntaxError, "subquery must return only one column", at: position)
    }
    return attachScalar(bound.relation, bound.outputs[0].id, scope)
  }

  /// The one value of a relation as a column of the scope.
  func attachScalar(_ relation: Relation, _ source: ColumnID, _ scope: Scope) -> ScalarExpression {
    let info = context.columns[source]
    let column = context.makeColumn(info.name, info.type)
    attach(Attachment(kind: .scalar(column: column, source: source), relation: relation), scope)
    return context.column(column)
  }

  /// `ARRAY(query)`: the query's one column gathered in its order; an array without elements if it has no rows.
  func bindArraySubquery(
    _ query: SelectStatement, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    try checkAllowed(scope, at: position)
    let bound = try bindSubquery(query, scope)
    guard bound.outputs.count == 1 else {
      throw context.error(.syntaxError, "subquery must return only one column", at: position)
    }
    let element = context.column(bound.outputs[0].id)
    guard let gather = aggregateFunction("array_agg", [element.type]) else {
      throw context.error(
        .undefinedObject, "could not find array type for data type \(element.type.shown)", at: position)
    }
    let array = context.makeColumn("array", gather.result)
    let call = AggregateCall(function: gather, arguments: [element], type: gather.result)
    let gathered = Relation.aggregate(
      bound.relation, keys: [], calls: [ComputedAggregate(id: array, call: call)], isGrouped: false)
    let none = try readLiteral(Array("{}".utf8), as: gather.result, at: position)
    return .coalesce([attachScalar(gathered, array, scope), none], type: gather.result)
  }

  func attach(_ attachment: Attachment, _ scope: Scope) {
    if scope.isInAggregate {
      scope.aggregateAttachments.append(attachment)
    } else {
      scope.attachments.append(attachment)
    }
  }

  /// EXISTS as a value: a row or none, looked at as a NULL test.
  func bindExistsValue(
    _ query: SelectStatement, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    try checkAllowed(scope, at: position)
    let bound = try bindSubquery(query, scope)
    let mark = context.makeColumn("exists", .bool, isNullable: false)
    let one = Relation.limit(bound.relation, count: .constant(.int64(1), .int8), offset: nil)
    let marked = Relation.compute(one, [ComputedColumn(id: mark, expression: .true)])
    return .isNull(attachScalar(marked, mark, scope), negated: true)
  }

  /// `left op` each row of a query.
  func bindSubqueryComparison(
    _ left: Expression, _ name: String, _ query: SelectStatement, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> SubqueryComparison {
    try checkAllowed(scope, at: position)
    let fields: [Expression] = if case .row(let items, _, _) = left { items } else { [left] }
    let values = try fields.mapTyped { (item: Expression) throws(SQLError) in try bind(item, scope) }
    let bound = try bindSubquery(query, scope)
    if bound.outputs.count > values.count {
      throw context.error(.syntaxError, "subquery has too many columns", at: position)
    }
    if bound.outputs.count < values.count {
      throw context.error(.syntaxError, "subquery has too few columns", at: position)
    }
    let condition: ScalarExpression
    if values.count == 1 {
      condition = try makeOperator(name, values[0], context.column(bound.outputs[0].id), at: position, (left, nil))
      guard condition.type.oid == SQLType.bool.oid else {
        throw context.error(
          .datatypeMismatch, "row comparison operator must yield type boolean, not type \(condition.type.shown)",
          at: position)
      }
    } else {
      condition = try compareRows(name, values, bound.outputs.map { context.column($0.id) }, at: position)
    }
    return SubqueryComparison(relation: bound.relation, condition: condition)
  }

  /// `x op ANY (query)` or `ALL` as a truth value.
  func bindQuantifiedValue(
    _ comparison: SubqueryComparison, isAll: Bool, negated: Bool, _ scope: Scope
  ) -> ScalarExpression {
    // For ALL it is the greatest of "true 0, unknown 1, false 2".
    let decisive: ScalarExpression =
      isAll ? .booleanTest(comparison.condition, .isFalse) : .booleanTest(comparison.condition, .isTrue)
    let grade = ScalarExpression.conditional(
      [
        CaseBranch(condition: decisive, result: .constant(.int64(2), .int4)),
        CaseBranch(condition: .isNull(comparison.condition, negated: false), result: .constant(.int64(1), .int4)),
      ], otherwise: .constant(.int64(0), .int4), type: .int4)
    guard let greatest = aggregateFunction("max", [.int4]), let equal = registry.comparison(.equal, of: .int4) else {
      preconditionFailure("max(integer) and = of integers exist")
    }
    let worst = context.makeColumn("max", .int4)
    let call = AggregateCall(function: greatest, arguments: [grade], type: .int4)
    let aggregated = Relation.aggregate(
      comparison.relation, keys: [], calls: [ComputedAggregate(id: worst, call: call)], isGrouped: false)
    let value = attachScalar(aggregated, worst, scope)
    func isGrade(_ grade: Int64) -> ScalarExpression {
      .call(equal, [value, .constant(.int64(grade), .int4)], type: .bool, position: -1)
    }
    let whenDecisive = isAll == negated
    return .conditional(
      [
        CaseBranch(condition: isGrade(2), result: .constant(.bool(whenDecisive), .bool)),
        CaseBranch(condition: isGrade(1), result: .null(.bool)),
      ], otherwise: .constant(.bool(!whenDecisive), .bool), type: .bool)
  }

  /// `(a, b) = (SELECT c, d …)`: the fields come from one row.
  func bindRowSubquery(
    _ name: OperatorName, _ fields: [Expression], _ query: SelectStatement, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    try checkAllowed(scope, at: position)
    let values = try fields.mapTyped { (item: Expression) throws(SQLError) in try bind(item, scope) }
    let bound = try bindSubquery(query, scope)
    guard bound.outputs.count == values.count else {
      throw context.error(
        .syntaxError,
        bound.outputs.count > values.count ? "subquery has too many columns" : "subquery has too few columns",
        at: name.position)
    }
    // The comparison is computed inside: no row gives NULL, as it should.
    let condition = try compareRows(name.symbol, values, bound.outputs.map { context.column($0.id) }, at: name.position)
    let result = context.makeColumn("?column?", .bool)
    let computed = Relation.compute(bound.relation, [ComputedColumn(id: result, expression: condition)])
    return attachScalar(computed, result, scope)
  }
}
