// Rows as values: ROW(…), their fields, their comparisons. Source: PostgreSQL manual, 4.2.4, 4.2.13 and 9.24.6.

import SQLTypes

/// Functions over rows that the planner makes for the shape at hand; SQL text cannot call them by name.
public enum RowFunctions {
  /// The name of the constructor, as expressions are shown.
  static let constructorName = "row"

  /// `ROW(…)` of values of these types.
  public static func constructor(_ types: [SQLType], returns result: SQLType) -> ScalarFunction {
    let oids = types.map(\.oid)
    return ScalarFunction(constructorName, types, returns: result, isStrict: false, broadcasts: true) {
      (a, n, _) throws(SQLError) in
      try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8] in
        RowValue(types: oids, values: a.indices.map(row.datum)).bytes
      }
    }
  }

  /// The values that an expression puts together by `ROW(…)`; nil if it is another.
  public static func constructed(_ expression: ScalarExpression) -> [ScalarExpression]? {
    if case .call(let function, let arguments, _, _) = expression, function.name == constructorName,
      function.oid == .invalid
    {
      return arguments
    }
    return nil
  }

  /// The field at `index` of a row. What a row was stored without is NULL.
  public static func field(_ index: Int, named name: String, of row: SQLType, type: SQLType) -> ScalarFunction {
    ScalarFunction("." + name, [row], returns: type, broadcasts: true) { (a, n, _) throws(SQLError) in
      var result = ColumnVector(type.kind, capacity: n)
      var reader = RowReader(arguments: a, row: 0)
      for position in 0..<n {
        reader.row = position
        if reader.isNull(0) {
          result.appendNull()
          continue
        }
        let row = try RowValue(reader.bytes(0))
        guard index < row.values.count, row.types[index] == type.oid else {
          result.appendNull()
          continue
        }
        result.append(row.values[index])
      }
      return result
    }
  }

  /// `row IS NULL`: every field is; `IS NOT NULL`: no field is.
  public static func nullTest(_ row: SQLType, isNegated: Bool) -> ScalarFunction {
    ScalarFunction(
      isNegated ? "row is not null" : "row is null", [row], returns: .bool, isStrict: false, broadcasts: true
    ) { (a, n, _) throws(SQLError) in
      try mapAllRows(a, n) { (reader) throws(SQLError) -> Bool in
        if reader.isNull(0) { return !isNegated }
        let row = try RowValue(reader.bytes(0))
        return row.values.allSatisfy { $0.isNull != isNegated }
      }
    }
  }
}

extension FunctionCatalog {
  mutating func addRows() {
    guard let info = TypeInfo.find(SQLType.record.oid) else { preconditionFailure("record is a type") }
    for comparison in Comparison.allCases {
      compare(comparison, .record, .record) { (a, n, _) throws(SQLError) in
        try mapRows(a, n) { (row) throws(SQLError) -> Bool in
          try RowComparison.check(row.bytes(0), row.bytes(1))
          let order = info.compare(a[0], row.index(0), a[1], row.index(1))
          return switch comparison {
          case .equal: order == 0
          case .notEqual: order != 0
          case .less: order < 0
          case .lessOrEqual: order <= 0
          case .greater: order > 0
          case .greaterOrEqual: order >= 0
          }
        }
      }
    }
  }
}

private enum RowComparison {
  /// Error 42804 unless the fields have the same types.
  static func check(_ left: [UInt8], _ right: [UInt8]) throws(SQLError) {
    let (x, y) = (try RowValue(left), try RowValue(right))
    for index in 0..<min(x.types.count, y.types.count) where x.types[index] != y.types[index] {
      throw SQLError(
        .datatypeMismatch,
        "cannot compare dissimilar column types \(TypeInfo.format(SQLType(x.types[index]))) and "
          + "\(TypeInfo.format(SQLType(y.types[index]))) at record column \(index + 1)")
    }
    if x.types.count != y.types.count {
      throw SQLError(.datatypeMismatch, "cannot compare record types with different numbers of columns")
    }
  }
}
