// A function that gives rows (`generate_series`, `unnest`), used in `FROM` and in select lists.

import SQLTypes

/// The rows of one call, a batch at a time; confined to one operator.
public protocol TableFunctionRows: AnyObject {
  /// The next batch, or nil after the last one.
  func next(maximumRowCount: Int) throws(SQLError) -> Batch?
}

public final class TableFunction: Sendable {
  public let name: String
  public let oid: OID
  public let arguments: [SQLType]
  /// Name and type of each column of its rows.
  public let columns: [(name: String, type: SQLType)]
  public let volatility: Volatility
  public let isStrict: Bool
  /// A user's function whose body the executor carries out.
  public let isProcedure: Bool
  /// Seconds to wait before the first row, for `pg_sleep`.
  public let delay: (@Sendable (_ arguments: [Datum]) -> Double)?
  public let generate:
    @Sendable (_ arguments: [Datum], _ context: EvaluationContext) throws(SQLError) -> any TableFunctionRows

  public init(
    _ name: String, oid: OID = .invalid, _ arguments: [SQLType], columns: [(name: String, type: SQLType)],
    volatility: Volatility = .immutable, isStrict: Bool = true, isProcedure: Bool = false,
    delay: (@Sendable (_ arguments: [Datum]) -> Double)? = nil,
    generate:
      @escaping @Sendable (_ arguments: [Datum], _ context: EvaluationContext) throws(SQLError) ->
      any TableFunctionRows
  ) {
    self.name = name
    self.oid = oid
    self.arguments = arguments
    self.columns = columns
    self.volatility = volatility
    self.isStrict = isStrict
    self.isProcedure = isProcedure
    self.delay = delay
    self.generate = generate
  }
}
