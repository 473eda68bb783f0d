// The conditions of a domain over the values that are to be of it. Source: PostgreSQL manual, CREATE DOMAIN.

import SQLTypes

public enum DomainCheck {
  public struct Condition: Sendable {
    public var name: String
    /// Over one column, the value.
    public var expression: ScalarExpression

    public init(name: String, expression: ScalarExpression) {
      self.name = name
      self.expression = expression
    }
  }

  /// Gives its argument back. Errors 23502, 23514. Stable, so that it runs where the value is used and not while planning.
  public static func function(
    _ domain: String, _ type: SQLType, isNotNull: Bool, conditions: [Condition]
  ) -> ScalarFunction {
    ScalarFunction(domain, [type], returns: type, volatility: .stable, isStrict: false) {
      (a, n, context) throws(SQLError) in
      let batch = Batch(columns: [Evaluator.expand(a[0], n)], rowCount: n)
      if isNotNull, !batch.columns[0].nulls.isEmpty, (0..<n).contains(where: { batch.columns[0].nulls[$0] }) {
        throw SQLError(.notNullViolation, "domain \(domain) does not allow null values")
      }
      for condition in conditions {
        let result = try Evaluator.evaluate(condition.expression, batch, context)
        for row in 0..<n where !result.nulls[row] && result.int64s[row] == 0 {
          var error = SQLError(
            .checkViolation, "value for domain \(domain) violates check constraint \"\(condition.name)\"")
          error.constraint = condition.name
          throw error
        }
      }
      return batch.columns[0]
    }
  }
}
