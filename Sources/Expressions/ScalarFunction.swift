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
/// If the function `broadcasts`, an argument of one row stands for the same value in all rows; it is not NULL if the
/// function is strict. The result always has `rowCount` rows.
public typealias ScalarKernel =
  @Sendable (_ arguments: [ColumnVector], _ rowCount: Int, _ context: EvaluationContext) throws(SQLError) ->
  ColumnVector

/// How a function is written.
public enum FunctionForm: UInt8, Sendable, Hashable {
  case function
  /// `left name right`
  case infix
  /// `name right`
  case prefix
}

/// An order comparison, as an index can answer it.
public enum Comparison: UInt8, Sendable, Hashable, CaseIterable {
  case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

  public var name: String {
    switch self {
    case .equal: "="
    case .notEqual: "<>"
    case .less: "<"
    case .lessOrEqual: "<="
    case .greater: ">"
    case .greaterOrEqual: ">="
    }
  }

  /// `a op b` is `b op.swapped a`.
  public var swapped: Comparison {
    switch self {
    case .equal, .notEqual: self
    case .less: .greater
    case .lessOrEqual: .greaterOrEqual
    case .greater: .less
    case .greaterOrEqual: .lessOrEqual
    }
  }

  /// `NOT (a op b)` is `a op.negated b`.
  public var negated: Comparison {
    switch self {
    case .equal: .notEqual
    case .notEqual: .equal
    case .less: .greaterOrEqual
    case .lessOrEqual: .greater
    case .greater: .lessOrEqual
    case .greaterOrEqual: .less
    }
  }
}

/// A scalar function, operator or cast. Functions are compared by identity: the registry makes each one once, except for
/// those made for particular types of a polymorphic signature.
public final class ScalarFunction: Sendable {
  /// The operator's symbol or the function's name.
  public let name: String
  /// `pg_operator.oid` of operators, `pg_proc.oid` of functions.
  public let oid: OID
  public let form: FunctionForm
  /// With a variadic function the last of these is the type that repeats, once or more often.
  public let arguments: [SQLType]
  /// The element type that the last argument repeats, if variadic.
  public let variadic: SQLType?
  public let result: SQLType
  public let volatility: Volatility
  /// NULL in, NULL out, without a call.
  public let isStrict: Bool
  /// The kernel takes one-row columns for constants.
  public let broadcasts: Bool
  /// What this operator compares, if it is one of the six of its types' default order.
  public let comparison: Comparison?
  public let kernel: ScalarKernel
  /// Polymorphic functions only: makes the kernel for the types of an actual call.
  public let specialize: (@Sendable (_ arguments: [SQLType]) throws(SQLError) -> ScalarKernel)?

  public init(
    _ name: String, oid: OID = .invalid, _ arguments: [SQLType], variadic: SQLType? = nil, returns result: SQLType,
    volatility: Volatility = .immutable, isStrict: Bool = true, form: FunctionForm = .function,
    broadcasts: Bool = false, comparison: Comparison? = nil,
    specialize: (@Sendable ([SQLType]) throws(SQLError) -> ScalarKernel)? = nil, kernel: @escaping ScalarKernel
  ) {
    self.name = name
    self.oid = oid
    self.form = form
    self.arguments = arguments
    self.variadic = variadic
    self.result = result
    self.volatility = volatility
    self.isStrict = isStrict
    self.broadcasts = broadcasts
    self.comparison = comparison
    self.specialize = specialize
    self.kernel = kernel
  }

  /// The function of a polymorphic signature for actual types; any other function is itself.
  func specialized(_ arguments: [SQLType], returns result: SQLType) throws(SQLError) -> ScalarFunction {
    guard let specialize else { return self }
    return ScalarFunction(
      name, oid: oid, arguments, returns: result, volatility: volatility, isStrict: isStrict, form: form,
      broadcasts: broadcasts, comparison: comparison, kernel: try specialize(arguments))
  }
}
