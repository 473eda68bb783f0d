// SQL text that the catalog keeps (defaults, checks, predicates, views), parsed again when it is used.

import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  static func parseExpression(_ sql: String) throws(SQLError) -> Expression {
    try Parser.parseExpression(Array(sql.utf8))
  }

  /// A view's query.
  static func parseQuery(_ sql: String) throws(SQLError) -> SelectStatement {
    let statements = try Parser.parse(Array(sql.utf8))
    guard statements.count == 1, case .select(let query) = statements[0].statement else {
      throw SQLError(.dataCorrupted, "a view's definition is no query")
    }
    return query
  }

  // MARK: Functions by name

  func isAggregate(_ name: String) -> Bool { registry.isAggregate(name) }
  func isTableFunction(_ name: String) -> Bool { registry.isTableFunction(name) }

  func resolveAggregate(_ name: String, _ types: [SQLType]) throws(SQLError) -> ResolvedAggregate {
    try registry.resolveAggregate(name, types)
  }

  func aggregateFunction(_ name: String, _ types: [SQLType]) -> AggregateFunction? {
    try? registry.resolveAggregate(name, types).function
  }

  func resolveTableFunction(_ name: String, _ types: [SQLType]) throws(SQLError) -> ResolvedTableFunction {
    try registry.resolveTableFunction(name, types)
  }
}
