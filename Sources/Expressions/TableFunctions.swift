// The functions that give rows: generate_series over numbers and times, unnest, regexp_matches and their like.
// Source: PostgreSQL manual, 9.25, 9.19, 9.7.3.

import SQLTypes

extension TableFunction {
  /// A function that gives one row of nothing after a time in seconds.
  fileprivate convenience init(
    _ name: String, oid: UInt32, _ argument: SQLType, delay: @escaping @Sendable (Datum) -> Double
  ) {
    self.init(
      name, oid: OID(oid), [argument], columns: [(name: name, type: .void)], volatility: .volatile,
      delay: { delay($0[0]) }
    ) { (_, _) in PreparedRows([ColumnVector(SQLType.void.storageKind, repeating: SQLType.void.nothing, count: 1)]) }
  }

  /// Polymorphic: what `bind` made of the declared types.
  fileprivate func bound(_ arguments: [SQLType], column: SQLType) -> TableFunction {
    TableFunction(
      name, oid: oid, arguments, columns: [(name: columns[0].name, type: column)], volatility: volatility,
      isStrict: isStrict, isProcedure: isProcedure, delay: delay, generate: generate)
  }
}

/// Rows from a closure that gives one value at a time; one column.
final class GeneratedRows: TableFunctionRows {
  private let kind: PhysicalKind
  private let nextValue: () throws(SQLError) -> Datum?
  private var isDone = false

  init(_ kind: PhysicalKind, _ nextValue: @escaping () throws(SQLError) -> Datum?) {
    self.kind = kind
    self.nextValue = nextValue
  }

  func next(maximumRowCount: Int) throws(SQLError) -> Batch? {
    if isDone { return nil }
    var column = ColumnVector(kind, capacity: maximumRowCount)
    while column.count < maximumRowCount {
      guard let value = try nextValue() else {
        isDone = true
        break
      }
      column.append(value)
    }
    return column.count == 0 ? nil : Batch(columns: [column], rowCount: column.count)
  }
}

/// generate_series of integers, filled a batch at a time.
final class IntegerSeries: TableFunctionRows {
  private var current: Int64?
  private let stop: Int64
  private let step: Int64

  init(_ start: Int64, _ stop: Int64, _ step: Int64) throws(SQLError) {
    if step == 0 { throw SQLError(.invalidParameterValue, "step size cannot equal zero") }
    self.stop = stop
    self.step = step
    current = step > 0 ? (start <= stop ? start : nil) : (start >= stop ? start : nil)
  }

  func next(maximumRowCount: Int) throws(SQLError) -> Batch? {
    guard var value = current else { return nil }
    var values: [Int64] = []
    values.reserveCapacity(maximumRowCount)
    while values.count < maximumRowCount {
      values.append(value)
      let (following, overflow) = value.addingReportingOverflow(step)
      if overflow || (step > 0 ? following > stop : following < stop) {
        current = nil
        return Batch(columns: [ColumnVector(int64s: values)], rowCount: values.count)
      }
      value = following
    }
    current = value
    return Batch(columns: [ColumnVector(int64s: values)], rowCount: values.count)
  }
}

struct TableFunctionCatalog {
  private(set) var functions: [TableFunction] = []
  private var nextOID: UInt32 = 9800

  static func complete() -> [TableFunction] {
    var catalog = TableFunctionCatalog()
    catalog.addIntegerSeries()
    catalog.addNumericSeries()
    catalog.addArrays()
    catalog.addTexts()
    catalog.addTimeSeries()
    catalog.addJSON()
    catalog.addDelays()
    catalog.addPartitions()
    return catalog.functions
  }

  /// The catalog answers with numbers, row after row.
  private mutating func addPartitions() {
    @Sendable func numbers(_ name: String, _ arguments: [Datum], _ context: EvaluationContext) throws(SQLError)
      -> [Int64?]
    {
      guard case .bytes(let text) = try context.services.catalogFunction(name, arguments) else { return [] }
      return String(decoding: text, as: UTF8.self).split(separator: ",").map { Int64($0) }
    }
    add("pg_partition_ancestors", [.regclass], columns: [("relid", .regclass)], .stable) {
      (arguments, context) throws(SQLError) in
      PreparedRows([ColumnVector(int64s: try numbers("pg_partition_ancestors", arguments, context).compactMap { $0 })])
    }
    let shape: [(name: String, type: SQLType)] = [
      ("relid", .regclass), ("parentrelid", .regclass), ("isleaf", .bool), ("level", .int4),
    ]
    add("pg_partition_tree", [.regclass], columns: shape, .stable) { (arguments, context) throws(SQLError) in
      let all = try numbers("pg_partition_tree", arguments, context)
      return PreparedRows(
        shape.indices.map { place in
          var column = ColumnVector(.int64)
          for row in stride(from: place, to: all.count, by: shape.count) {
            column.append(all[row].map { .int64($0) } ?? .null)
          }
          return column
        })
    }
  }

  mutating func add(
    _ name: String, _ arguments: [SQLType], _ result: SQLType, _ volatility: Volatility = .immutable,
    generate:
      @escaping @Sendable (_ arguments: [Datum], _ context: EvaluationContext) throws(SQLError) ->
      any TableFunctionRows
  ) {
    add(name, arguments, columns: [(name, result)], volatility, generate: generate)
  }

  mutating func add(
    _ name: String, _ arguments: [SQLType], columns: [(name: String, type: SQLType)],
    _ volatility: Volatility = .immutable,
    generate:
      @escaping @Sendable (_ arguments: [Datum], _ context: EvaluationContext) throws(SQLError) ->
      any TableFunctionRows
  ) {
    var oid = FunctionOIDs.oid(name, arguments, .function)
    if oid == nil {
      nextOID += 1
      oid = OID(nextOID)
    }
    functions.append(
      TableFunction(
        name, oid: oid ?? .invalid, arguments, columns: columns, volatility: volatility, generate: generate))
  }

  private mutating func addIntegerSeries() {
    for type in [SQLType.int4, .int8] {
      add("generate_series", [type, type], type) { (a, _) throws(SQLError) in
        try IntegerSeries(a[0].int64, a[1].int64, 1)
      }
      add("generate_series", [type, type, type], type) { (a, _) throws(SQLError) in
        try IntegerSeries(a[0].int64, a[1].int64, a[2].int64)
      }
    }
  }

  private mutating func addNumericSeries() {
    for count in [2, 3] {
      add("generate_series", Array(repeating: .numeric, count: count), .numeric) { (a, _) throws(SQLError) in
        let step = count == 3 ? a[2].numeric : .one
        let stop = a[1].numeric
        for (value, what) in [(a[0].numeric, "start"), (stop, "stop"), (step, "step size")] where !value.isFinite {
          throw SQLError(
            .invalidParameterValue,
            "\(what)\(what == "step size" ? "" : " value") cannot be \(value.isNaN ? "NaN" : "infinity")")
        }
        if step.isZero { throw SQLError(.invalidParameterValue, "step size cannot equal zero") }
        var current = a[0].numeric
        return GeneratedRows(.numeric) { () throws(SQLError) -> Datum? in
          if step.isNegative ? current < stop : stop < current { return nil }
          let value = current
          current = try current.adding(step)
          return .numeric(value)
        }
      }
    }
  }

  private mutating func addArrays() {
    add("unnest", [.anyarray], .anyelement) { (a, _) throws(SQLError) in
      guard case .bytes(let bytes) = a[0] else { return GeneratedRows(.bytes) { nil } }
      let array = try ArrayValue(bytes)
      var index = 0
      return GeneratedRows(SQLType(array.elementOID).kind) {
        guard index < array.elements.count else { return nil }
        index += 1
        return array.elements[index - 1]
      }
    }
    for count in [2, 3] {
      add("generate_subscripts", [.anyarray, .int4] + (count == 3 ? [.bool] : []), .int4) { (a, _) throws(SQLError) in
        guard case .bytes(let bytes) = a[0] else { return GeneratedRows(.int64) { nil } }
        let dimensions = try ArrayValue(bytes).dimensions
        let wanted = a[1].int64
        guard wanted >= 1, wanted <= Int64(dimensions.count) else { return GeneratedRows(.int64) { nil } }
        let dimension = dimensions[Int(wanted) - 1]
        let (first, last) = (Int64(dimension.lowerBound), Int64(dimension.lowerBound + dimension.length - 1))
        return count == 3 && a[2].int64 != 0
          ? try IntegerSeries(last, first, -1) : try IntegerSeries(first, last, 1)
      }
    }
  }

  private mutating func addTexts() {
    for count in [2, 3] {
      add("regexp_matches", Array(repeating: .text, count: count), .textArray) { (a, _) throws(SQLError) in
        let flags =
          try a.count == 3 ? RegularExpressionFlags(letters: a[2].text, allowsGlobal: true) : RegularExpressionFlags()
        let text = a[0].text
        let expression = try RegularExpression.compiled(a[1].text, flags)
        let match = try RegularExpression.Match(expression)
        var from: Int? = 0
        return GeneratedRows(.bytes) { () throws(SQLError) -> Datum? in
          guard let start = from else { return nil }
          return try text.withBytes { (bytes) throws(SQLError) -> Datum? in
            guard try expression.firstMatch(in: bytes, from: start, match), let range = match.range(0) else {
              from = nil
              return nil
            }
            from = flags.isGlobal ? RegularExpression.next(after: range, in: bytes) : nil
            return match.groups(expression, bytes).datum
          }
        }
      }
      add("regexp_split_to_table", Array(repeating: .text, count: count), .text) { (a, _) throws(SQLError) in
        let flags =
          try a.count == 3 ? RegularExpressionFlags(letters: a[2].text, allowsGlobal: false) : RegularExpressionFlags()
        let parts = try RegularExpression.split(a[0].text, a[1].text, flags)
        var index = 0
        return GeneratedRows(.bytes) {
          guard index < parts.count else { return nil }
          index += 1
          return .bytes(parts[index - 1])
        }
      }
      add("string_to_table", Array(repeating: .text, count: count), .text) { (a, _) throws(SQLError) in
        let parts = TextSplit.parts(a[0].text, a[1].text)
        var index = 0
        return GeneratedRows(.bytes) {
          guard index < parts.count else { return nil }
          index += 1
          return a.count == 3 && parts[index - 1] == a[2].text ? .null : .bytes(parts[index - 1])
        }
      }
    }
  }
}

extension SQLType {
  fileprivate var storageKind: PhysicalKind { TypeInfo.find(oid)?.kind ?? .bytes }
  fileprivate var nothing: Datum { storageKind == .int64 ? .int64(0) : .bytes([]) }
}

extension TableFunctionCatalog {
  /// pg_sleep and pg_sleep_for: they wait without keeping anybody else from working.
  mutating func addDelays() {
    functions.append(TableFunction("pg_sleep", oid: 2626, .float8) { $0.float64 })
    functions.append(
      TableFunction("pg_sleep_for", oid: 3935, .interval) { value in
        let interval = Interval(value.text)
        return Double(interval.microseconds) / 1e6 + Double(interval.days) * 86400
          + Double(interval.months) * 30 * 86400
      })
  }
}

extension Datum {
  /// The value of an argument that the caller has checked not to be NULL.
  var int64: Int64 { if case .int64(let value) = self { value } else { 0 } }
  var float64: Double { if case .float64(let value) = self { value } else { 0 } }
  var numeric: Numeric { if case .numeric(let value) = self { value } else { .zero } }
  var text: [UInt8] { if case .bytes(let value) = self { value } else { [] } }
}

extension [UInt8] {
  func withBytes<R>(_ body: (Bytes) throws(SQLError) -> R) throws(SQLError) -> R {
    try withUnsafeBufferPointer { (buffer) throws(SQLError) -> R in try body(Bytes(buffer)) }
  }
}

/// The outcome of resolving a table function call.
public struct ResolvedTableFunction: Sendable {
  public var function: TableFunction
  public var argumentTypes: [SQLType]
}

extension FunctionRegistry {
  public func isTableFunction(_ name: String) -> Bool { tableFunctions[name] != nil }

  /// Resolves a call of a function that gives rows. Errors as `resolveFunction`.
  public func resolveTableFunction(
    _ name: String, _ arguments: [SQLType]
  ) throws(SQLError) -> ResolvedTableFunction {
    let candidates = tableFunctions[name] ?? []
    let signatures = candidates.map { Signature(arguments: $0.arguments, result: $0.columns[0].type, variadic: nil) }
    let index = try Resolution.function(name, arguments, signatures)
    let bound = try Polymorphism.bind(signatures[index], arguments, name: name)
    if candidates[index].columns.count > 1 {
      return ResolvedTableFunction(function: candidates[index], argumentTypes: bound.arguments)
    }
    return ResolvedTableFunction(
      function: candidates[index].bound(bound.arguments, column: bound.result), argumentTypes: bound.arguments)
  }
}

extension TableFunctionCatalog {
  /// generate_series of timestamps by an interval; with a time zone a day is as long as the zone's day.
  mutating func addTimeSeries() {
    for type in [SQLType.timestamp, .timestamptz] {
      add("generate_series", [type, type, .interval], type, type == .timestamptz ? .stable : .immutable) {
        (a, context) throws(SQLError) in
        let stop = a[1].int64
        let step = Interval(a[2].text)
        let zero = Interval()
        if step == zero { throw SQLError(.invalidParameterValue, "step size cannot equal zero") }
        let descends = step < zero
        let zone = context.settings.timeZone
        var current: Int64? = a[0].int64
        return GeneratedRows(.int64) { () throws(SQLError) -> Datum? in
          guard let value = current, descends ? value >= stop : value <= stop else { return nil }
          current =
            DateTime.isInfinite(timestamp: value)
            ? nil
            : type == .timestamptz
              ? try DateTime.adding(step, toTimestamptz: value, zone: zone)
              : try DateTime.adding(step, toTimestamp: value)
          return .int64(value)
        }
      }
    }
  }
}
