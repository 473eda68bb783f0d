// Aggregates and table functions with PostgreSQL 15's results, in one state and merged from two.

import Expressions
import SQLTypes
import Testing

@Suite struct AggregateTests {
  /// The aggregate over a column of values in PostgreSQL's text form, once whole and once in two merged parts.
  private func result(_ name: String, _ type: SQLType, _ values: [String?], delimiter: String? = nil) throws -> String {
    let info = try #require(TypeInfo.find(type.oid))
    var column = ColumnVector(info.kind)
    for value in values { column.append(try value.map { try info.input($0) } ?? .null) }
    let services = TestServices()
    let context = EvaluationContext(services: services)
    let resolved = try FunctionRegistry.shared.resolveAggregate(name, delimiter == nil ? [type] : [type, .text])
    var arguments = [column]
    if let cast = Casts.find(from: type.oid, to: resolved.argumentTypes[0].oid), !resolved.argumentTypes[0].isAny {
      arguments = [try cast.apply(column, isExplicit: false, settings: .standard)]
    }
    if let delimiter { arguments.append(ColumnVector(.bytes, repeating: .text(delimiter), count: values.count)) }

    func show(_ column: ColumnVector) -> String {
      guard let info = TypeInfo.find(resolved.function.result.oid), !column.nulls[0] else { return "∅" }
      return String(decoding: info.text(column.datum(0)), as: UTF8.self) + " : " + info.sqlName
    }
    let whole = resolved.function.makeState()
    whole.grow(toGroupCount: 1)
    try whole.update(
      groups: Array(repeating: 0, count: values.count), arguments: arguments, rowCount: values.count, context: context)
    let first = resolved.function.makeState()
    let second = resolved.function.makeState()
    for (state, rows) in [(first, Array(0..<values.count / 2)), (second, Array(values.count / 2..<values.count))] {
      state.grow(toGroupCount: 1)
      try state.update(
        groups: Array(repeating: 0, count: rows.count), arguments: arguments.map { $0.gather(rows.map(Int32.init)) },
        rowCount: rows.count, context: context)
    }
    try first.merge(second, groups: [0])
    let one = show(try whole.finish(groupCount: 1))
    #expect(show(try first.finish(groupCount: 1)) == one, "\(name) merged")
    return one
  }

  @Test func sumsAndAverages() throws {
    #expect(try result("sum", .int4, ["1", nil, "2"]) == "3 : bigint")
    #expect(
      try result("sum", .int8, ["9223372036854775807", "9223372036854775807"]) == "18446744073709551614 : numeric")
    #expect(try result("sum", .numeric, ["1.5", "2.25", nil]) == "3.75 : numeric")
    #expect(try result("sum", .float8, ["1.5", "2.25"]) == "3.75 : double precision")
    #expect(try result("sum", .float4, ["0.1", "0.2"]) == "0.3 : real")
    #expect(try result("sum", .int4, [nil, nil]) == "∅")
    #expect(try result("avg", .int4, ["1", "2"]) == "1.5000000000000000 : numeric")
    #expect(try result("avg", .int4, ["1", "2", "2"]) == "1.6666666666666667 : numeric")
    #expect(try result("avg", .int8, ["10000000000", "2"]) == "5000000001.00000000 : numeric")
    #expect(try result("avg", .numeric, ["1.5", "2.25"]) == "1.8750000000000000 : numeric")
    #expect(try result("avg", .float8, ["1", "2"]) == "1.5 : double precision")
  }

  @Test func countsAndExtremes() throws {
    #expect(try result("count", .int4, ["1", nil, "2"]) == "2 : bigint")
    #expect(try result("count", .text, [nil]) == "0 : bigint")
    #expect(try result("max", .int4, ["1", nil, "7", "3"]) == "7 : integer")
    #expect(try result("min", .text, ["b", "a", nil]) == "a : text")
    #expect(try result("max", .varchar, ["b", "a", nil]) == "b : text")
    #expect(try result("min", .numeric, ["1.50", "-2"]) == "-2 : numeric")
    #expect(try result("max", .float8, ["1", "NaN", "3"]) == "NaN : double precision")
    #expect(try result("max", .date, ["2020-01-01", "2021-01-01"]) == "2021-01-01 : date")
    #expect(try result("max", .int4, [nil]) == "∅")
  }

  @Test func collections() throws {
    #expect(try result("string_agg", .text, ["a", nil, "b", "c"], delimiter: ", ") == "a, b, c : text")
    #expect(try result("array_agg", .int4, ["1", nil, "3"]) == "{1,NULL,3} : integer[]")
    #expect(try result("bool_and", .bool, ["t", nil, "f"]) == "f : boolean")
    #expect(try result("bool_or", .bool, ["t", nil, "f"]) == "t : boolean")
    #expect(try result("every", .bool, ["t", "t"]) == "t : boolean")
    #expect(try result("bit_and", .int4, ["7", "5"]) == "5 : integer")
    #expect(try result("bit_or", .int4, ["2", "5"]) == "7 : integer")
  }

  @Test func variances() throws {
    #expect(try result("variance", .int4, ["1", "2", "4"]) == "2.3333333333333333 : numeric")
    #expect(try result("stddev", .int4, ["1", "2", "4"]) == "1.5275252316519467 : numeric")
    #expect(try result("var_pop", .float8, ["1", "2", "3", "6"]) == "3.5 : double precision")
    #expect(try result("stddev_pop", .numeric, ["1", "2", "4"]) == "1.2472191289246471 : numeric")
    #expect(try result("stddev_samp", .float8, ["5"]) == "∅")
    #expect(try result("var_pop", .numeric, ["5"]) == "0 : numeric")
  }

  @Test func resolutionErrors() {
    #expect {
      try FunctionRegistry.shared.resolveAggregate("sum", [.text])
    } throws: { ($0 as? SQLError)?.message == "function sum(text) does not exist" }
    #expect {
      try FunctionRegistry.shared.resolveAggregate("avg", [.unknown])
    } throws: { ($0 as? SQLError)?.message == "function avg(unknown) is not unique" }
    #expect {
      try FunctionRegistry.shared.resolveAggregate("bool_and", [.int4])
    } throws: { ($0 as? SQLError)?.message == "function bool_and(integer) does not exist" }
  }

  @Test func tableFunctions() throws {
    let context = EvaluationContext(services: TestServices())
    func rows(_ name: String, _ types: [SQLType], _ arguments: [Datum]) throws -> [Datum] {
      let call = try FunctionRegistry.shared.resolveTableFunction(name, types)
      let rows = try call.function.generate(arguments, context)
      var all: [Datum] = []
      while let batch = try rows.next(maximumRowCount: 3) {
        all += (0..<batch.rowCount).map { batch.columns[0].datum($0) }
      }
      return all
    }
    #expect(try rows("generate_series", [.int4, .int4], [.int64(1), .int64(5)]) == (1...5).map { .int64($0) })
    #expect(
      try rows("generate_series", [.int4, .int4, .int4], [.int64(5), .int64(1), .int64(-2)])
        == [5, 3, 1].map { .int64($0) })
    #expect(try rows("generate_series", [.int4, .int4], [.int64(5), .int64(1)]).isEmpty)
    #expect(
      try rows("generate_series", [.int8, .int8], [.int64(.max - 1), .int64(.max)]) == [.int64(.max - 1), .int64(.max)])
    let array = ArrayValue(elementOID: SQLType.int4.oid, [.int64(1), .null]).datum
    #expect(try rows("unnest", [SQLType(OID(1007))], [array]) == [.int64(1), .null])
    let day = Interval(days: 1).datum
    #expect(
      try rows(
        "generate_series", [.timestamp, .timestamp, SQLType(OID(1186))], [.int64(0), .int64(86_400_000_000), day])
        == [.int64(0), .int64(86_400_000_000)])
  }
}

extension SQLType {
  fileprivate var isAny: Bool { oid.rawValue == 2276 }
}
