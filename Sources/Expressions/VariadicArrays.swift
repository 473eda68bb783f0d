// f(…, VARIADIC array): the array's elements are the last arguments, as many as each row has.
// Source: PostgreSQL manual, 38.5.6.

import SQLTypes

extension FunctionRegistry {
  /// The function of these leading arguments and an array of the others.
  /// Errors: 42804 if the last argument is no array, 42883 if no variadic function fits.
  public func resolveVariadic(_ name: String, _ arguments: [SQLType]) throws(SQLError) -> ResolvedCall {
    guard let array = arguments.last else { return try resolveFunction(name, arguments) }
    guard let element = array.element else {
      throw SQLError(.datatypeMismatch, "VARIADIC argument must be an array")
    }
    let leading = Array(arguments.dropLast())
    let one = try resolveFunction(name, leading + [element])
    guard functions(named: name).contains(where: { $0.oid == one.function.oid && $0.variadic != nil }) else {
      // Only a variadic function takes its arguments in an array.
      _ = try resolveFunction(name, leading + [array, array, array, array, array, array])
      return one
    }
    let types = Array(one.argumentTypes.prefix(leading.count)) + [array]
    let formatsNothing = name == "format"
    let function = ScalarFunction(
      name, types, returns: one.function.result, volatility: one.function.volatility, isStrict: false
    ) { [self] (columns, count, context) throws(SQLError) in
      var known: [Int: ScalarFunction] = [:]
      var result = ColumnVector(one.function.result.kind, capacity: count)
      for row in 0..<count {
        var values = columns.dropLast().map { column in
          ColumnVector(column.kind, repeating: column.datum(row), count: 1)
        }
        let last = columns[columns.count - 1]
        if last.nulls[row] && !formatsNothing {
          result.appendNull()
          continue
        }
        let elements = last.nulls[row] ? [] : try ArrayValue(last.bytes[row]).elements
        for value in elements { values.append(ColumnVector(element.kind, repeating: value, count: 1)) }
        // Of nothing, what nothing but NULL gives.
        let isBare = elements.isEmpty && (try? resolveFunction(name, leading)) == nil
        if isBare { values.append(ColumnVector(element.kind, repeating: .null, count: 1)) }
        let function: ScalarFunction
        if let found = known[values.count] {
          function = found
        } else {
          let types = leading + Array(repeating: element, count: values.count - leading.count)
          function = try resolveFunction(name, types).function
          known[values.count] = function
        }
        result.append(try Evaluator.apply(function, values, 1, context).datum(0))
      }
      return result
    }
    return ResolvedCall(function: function, argumentTypes: types)
  }
}
