// A function or operator over values: its signature as PostgreSQL's `pg_proc` would have it, and the kernel that computes
// a whole column at once. Name resolution, planning, folding and execution all meet in this one value, so that a new
// function is one new entry.


import SQLTypes
/// What may change between two calls with the same arguments (PostgreSQL manual, 38.7).
public enum Volatility: UInt8, Sendable, Hashable {
  case immutable, stable, volatile
}

/// Computes one column from argument columns of `rowCount` rows each.
/// A strict function's kernel sees rows with NULL arguments too (their values are zero or empty); the evaluator marks
/// their results NULL, so the kernel must neither fail on them nor trap.
public typealias ScalarKernel =
  @Sendable (_ arguments: [ColumnVector], _ rowCount: Int, _ context: EvaluationContext) throws(SQLError) -> ColumnVector

/// A scalar function, operator or cast.
public final class ScalarFunction: Sendable {
  public let name: String
  public let oid: OID
  public let arguments: [SQLType]
  /// The element type that the last argument repeats, if variadic.
  public let variadic: SQLType?
  public let result: SQLType
  public let volatility: Volatility
  /// NULL in, NULL out, without a call.
  public let isStrict: Bool
  public let kernel: ScalarKernel

  public init(
    _ name: String, oid: OID = .invalid, _ arguments: [SQLType], variadic: SQLType? = nil, returns result: SQLType,
    volatility: Volatility = .immutable, isStrict: Bool = true, kernel: @escaping ScalarKernel
  ) {
    self.name = name
    self.oid = oid
    self.arguments = arguments
    self.variadic = variadic
    self.result = result
    self.volatility = volatility
    self.isStrict = isStrict
    self.kernel = kernel
  }
}
