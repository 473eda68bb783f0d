// A value becomes one of a domain: its conditions are checked there and nowhere else. Source: PostgreSQL manual, 8.18.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  /// The domain that a type is, if it is one.
  func domain(_ type: SQLType) -> (name: String, domain: DomainDefinition)? {
    guard type.oid >= .firstUser, TypeInfo.find(type.oid)?.domainBase != nil,
      let descriptor = names.catalog.snapshot.type(type.oid), let domain = descriptor.domain
    else { return nil }
    return (quoted(descriptor.name), domain)
  }

  /// The value, once it is known to satisfy the domain. Errors at run time: 23502, 23514.
  func checked(
    _ value: ScalarExpression, as type: (name: String, domain: DomainDefinition), at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    if !type.domain.isNotNull && type.domain.checks.isEmpty { return value }
    let base = type.domain.base.valueType
    var conditions: [DomainCheck.Condition] = []
    for check in type.domain.checks {
      let expression = try Binder.parseExpression(check.expressionSQL)
      let (condition, id) = try domainCondition(expression, base)
      let computable = PhysicalPlanner(context, statistics: NoStatistics()).translate(condition, [id])
      conditions.append(DomainCheck.Condition(name: check.name, expression: computable))
    }
    let function = DomainCheck.function(
      type.name, base, isNotNull: type.domain.isNotNull, conditions: conditions)
    return .call(function, [value], type: base, position: position.offset)
  }

  /// A condition over `value`, and the column that this is.
  func domainCondition(
    _ expression: Expression, _ base: SQLType
  ) throws(SQLError) -> (condition: ScalarExpression, column: ColumnID) {
    let id = context.makeColumn("value", base)
    let scope = Scope(parent: nil, ctes: [])
    scope.columns = [ScopeColumn(name: "value", id: id)]
    scope.clause = .check
    return (try coerceToBoolean(try bind(expression, scope), "CHECK", at: expression), id)
  }
}
