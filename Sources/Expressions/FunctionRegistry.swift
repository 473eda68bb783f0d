// All functions, operators, aggregates and table functions, by name. Built once; an entry is added by the file of its
// topic (`Functions/…`), and gets PostgreSQL's OID from `FunctionOIDs` where PostgreSQL has it.

import SQLTypes

/// The functions that a database knows from the beginning. Immutable.
public final class FunctionRegistry: Sendable {
  /// The one instance: functions are compared by identity.
  public static let shared = FunctionRegistry()

  private let scalars: [String: [ScalarFunction]]
  private let infix: [String: [ScalarFunction]]
  private let prefix: [String: [ScalarFunction]]
  let aggregates: [String: [AggregateFunction]]
  let tableFunctions: [String: [TableFunction]]
  /// Every aggregate and every function that gives rows, for the catalogs.
  public let allAggregates: [AggregateFunction]
  public let allTableFunctions: [TableFunction]
  /// Every scalar function and operator in the order of definition, for the catalogs.
  public let allScalars: [ScalarFunction]

  private init() {
    let catalog = FunctionCatalog.complete()
    allScalars = catalog.scalars
    var scalars: [String: [ScalarFunction]] = [:]
    var infix: [String: [ScalarFunction]] = [:]
    var prefix: [String: [ScalarFunction]] = [:]
    for function in catalog.scalars {
      switch function.form {
      case .function: scalars[function.name, default: []].append(function)
      case .infix: infix[function.name, default: []].append(function)
      case .prefix: prefix[function.name, default: []].append(function)
      }
    }
    allAggregates = AggregateCatalog.complete()
    aggregates = Dictionary(grouping: allAggregates, by: \.name)
    allTableFunctions = TableFunctionCatalog.complete()
    tableFunctions = Dictionary(grouping: allTableFunctions, by: \.name)
    self.scalars = scalars
    self.infix = infix
    self.prefix = prefix
  }

  /// The overloads of a function; operators are not among them.
  public func functions(named name: String) -> [ScalarFunction] { scalars[name] ?? [] }

  public func operators(named name: String, _ form: FunctionForm) -> [ScalarFunction] {
    (form == .prefix ? prefix[name] : infix[name]) ?? []
  }

  /// The operator with exactly these argument types.
  public func exactOperator(_ name: String, _ left: SQLType, _ right: SQLType) -> ScalarFunction? {
    infix[name]?.first { $0.arguments[0].oid == left.oid && $0.arguments[1].oid == right.oid }
  }

  /// A comparison between two values of one type, as its default order has it; nil if the type has no order.
  public func comparison(_ comparison: Comparison, of type: SQLType) -> ScalarFunction? {
    let own = type.oid == SQLType.varchar.oid ? .text : type
    if let found = exactOperator(comparison.name, own, own) { return found }
    guard
      let call = try? resolveOperator(comparison.name, left: type, right: type),
      call.function.comparison == comparison
    else { return nil }
    return call.function
  }

  /// A comparison between values of two types, by PostgreSQL's rules.
  public func comparison(_ comparison: Comparison, _ left: SQLType, _ right: SQLType) throws(SQLError) -> ResolvedCall {
    try resolveOperator(comparison.name, left: left, right: right)
  }
}

/// Where the topics put their functions.
struct FunctionCatalog {
  private(set) var scalars: [ScalarFunction] = []
  /// OIDs for what PostgreSQL lacks: beyond those of its own functions and below the first user object's (16384).
  private var nextOID: UInt32 = 9000

  static func complete() -> FunctionCatalog {
    var catalog = FunctionCatalog()
    catalog.addComparisons()
    catalog.addIntegerArithmetic()
    catalog.addFloatArithmetic()
    catalog.addNumericArithmetic()
    for type in [SQLType.bpchar, .char, .interval] { catalog.compareByOrder(type) }
    catalog.addArrays()
    catalog.addRows()
    catalog.addTextFunctions()
    catalog.addLike()
    catalog.addRegularExpressions()
    catalog.addRegularExpressionSearch()
    catalog.addBytes()
    catalog.addIdentifiers()
    catalog.addFormatting()
    catalog.addSession()
    catalog.addDateTime()
    catalog.addDateTimeFormats()
    catalog.addNumberFormats()
    catalog.addEnums()
    catalog.addArrayEditing()
    catalog.addArraySubscripts()
    catalog.addTimes()
    catalog.addPeriods()
    catalog.addJSONOperators()
    catalog.addJSONBuilding()
    catalog.addJSONAssignment()
    catalog.addTransitions()
    catalog.addOperatorFunctions()
    catalog.addReadTimes()
    return catalog
  }

  /// Operators under the names of their procedures.
  private mutating func addOperatorFunctions() {
    let taken = Set(scalars.filter { $0.form == .function }.map(\.oid))
    scalars += scalars.compactMap(OperatorFunctions.function).filter { !taken.contains($0.oid) }
  }

  private mutating func oid(
    _ name: String, _ arguments: [SQLType], _ form: FunctionForm
  ) -> OID {
    if let known = FunctionOIDs.oid(name, arguments, form) { return known }
    nextOID += 1
    return OID(nextOID)
  }

  /// Adds a strict function whose kernel broadcasts constants.
  mutating func function(
    _ name: String, _ arguments: [SQLType], _ result: SQLType, _ volatility: Volatility = .immutable,
    variadic: SQLType? = nil, isStrict: Bool = true, kernel: @escaping ScalarKernel
  ) {
    scalars.append(
      ScalarFunction(
        name, oid: oid(name, arguments, .function), arguments, variadic: variadic, returns: result,
        volatility: volatility, isStrict: isStrict, broadcasts: true, kernel: kernel))
  }

  /// Adds a function whose kernel depends on the types of the call.
  mutating func polymorphic(
    _ name: String, _ arguments: [SQLType], _ result: SQLType, _ volatility: Volatility = .immutable,
    variadic: SQLType? = nil, isStrict: Bool = true, form: FunctionForm = .function, comparison: Comparison? = nil,
    specialize: @escaping @Sendable ([SQLType]) throws(SQLError) -> ScalarKernel
  ) {
    scalars.append(
      ScalarFunction(
        name, oid: oid(name, arguments, form), arguments, variadic: variadic, returns: result,
        volatility: volatility, isStrict: isStrict, form: form, broadcasts: true, comparison: comparison,
        specialize: specialize
      ) { (_, _, _) throws(SQLError) -> ColumnVector in
        throw SQLError(.internalError, "function \(name) was called without its types")
      })
  }

  mutating func infix(
    _ name: String, _ left: SQLType, _ right: SQLType, _ result: SQLType, _ volatility: Volatility = .immutable,
    comparison: Comparison? = nil, isStrict: Bool = true, kernel: @escaping ScalarKernel
  ) {
    scalars.append(
      ScalarFunction(
        name, oid: oid(name, [left, right], .infix), [left, right], returns: result, volatility: volatility,
        isStrict: isStrict, form: .infix, broadcasts: true, comparison: comparison, kernel: kernel))
  }

  mutating func prefix(_ name: String, _ right: SQLType, _ result: SQLType, kernel: @escaping ScalarKernel) {
    scalars.append(
      ScalarFunction(
        name, oid: oid(name, [right], .prefix), [right], returns: result, form: .prefix, broadcasts: true,
        kernel: kernel))
  }
}
