// The aggregates that every database has, with PostgreSQL's result types: sums of integers widen, averages of integers are
// numeric, variances follow Youngs and Cramer for floats and exact sums for the rest.
// Source: PostgreSQL manual, 9.21; E. A. Youngs, E. M. Cramer, Technometrics 13 (1971).

import SQLTypes

struct AggregateCatalog {
  private(set) var aggregates: [AggregateFunction] = []
  private var nextOID: UInt32 = 9500

  private mutating func oid(_ name: String, _ arguments: [SQLType]) -> OID {
    if let known = FunctionOIDs.oid(name, arguments, .function) { return known }
    nextOID += 1
    return OID(nextOID)
  }

  /// Aggregates whose rows come in the order of WITHIN GROUP: the value is their first argument, direct ones follow.
  static let orderedSet: Set<String> = ["percentile_cont", "percentile_disc", "mode"]

  private mutating func add(
    _ name: String, _ arguments: [SQLType], _ result: SQLType, _ makeState: @escaping @Sendable () -> any AggregateState
  ) {
    aggregates.append(
      AggregateFunction(name, oid: oid(name, arguments), arguments, returns: result, makeState: makeState))
  }

  private mutating func polymorphic(
    _ name: String, _ arguments: [SQLType], _ result: SQLType,
    _ specialize: @escaping @Sendable ([SQLType]) throws(SQLError) -> (@Sendable () -> any AggregateState)
  ) {
    aggregates.append(
      AggregateFunction(
        name, oid: oid(name, arguments), polymorphic: arguments, returns: result, specialize: specialize))
  }

  static func complete() -> [AggregateFunction] {
    var catalog = AggregateCatalog()
    catalog.addCounts()
    catalog.addSums()
    catalog.addAverages()
    catalog.addExtremes()
    catalog.addLogic()
    catalog.addCollections()
    catalog.addVariances()
    return catalog.aggregates
  }

  private mutating func addCounts() {
    add("count", [], .int8) { CountState() }
    polymorphic("count", [.any], .int8) { (_) in { CountState() } }
  }

  private mutating func addSums() {
    add("sum", [.int2], .int8) { IntegerSumState() }
    add("sum", [.int4], .int8) { IntegerSumState() }
    add("sum", [.int8], .numeric) {
      FoldState<Int128, Int64>(
        0, kind: .numeric, add: { $0 += Int128($1) }, combine: { $0 += $1 },
        result: { (sum, _) in .numeric(Numeric(coefficient: sum, scale: 0)) })
    }
    add("sum", [.numeric], .numeric) {
      FoldState<Numeric, Numeric>(
        .zero, kind: .numeric, add: { (sum, x) throws(SQLError) in sum = try sum.adding(x) },
        combine: { (sum, x) throws(SQLError) in sum = try sum.adding(x) }, result: { (sum, _) in .numeric(sum) })
    }
    add("sum", [.float8], .float8) {
      FoldState<Double, Double>(
        0, kind: .float64, add: { (sum, x) throws(SQLError) in sum = try floatSum(sum, x) },
        combine: { (sum, x) throws(SQLError) in sum = try floatSum(sum, x) }, result: { (sum, _) in .float64(sum) })
    }
    add("sum", [.float4], .float4) {
      FoldState<Double, Double>(
        0, kind: .float64, add: { (sum, x) throws(SQLError) in sum = try singleSum(sum, x) },
        combine: { (sum, x) throws(SQLError) in sum = try singleSum(sum, x) }, result: { (sum, _) in .float64(sum) })
    }
    add("sum", [.interval], .interval) {
      FoldState<Interval, Bytes>(
        Interval(), kind: .bytes, add: { (sum, x) throws(SQLError) in sum = try sum.adding(Interval(bytes: x)) },
        combine: { (sum, x) throws(SQLError) in sum = try sum.adding(x) }, result: { (sum, _) in sum.datum })
    }
  }

  private mutating func addAverages() {
    for type in [SQLType.int2, .int4, .int8] {
      add("avg", [type], .numeric) {
        FoldState<Int128, Int64>(
          0, kind: .numeric, add: { $0 += Int128($1) }, combine: { $0 += $1 },
          result: { (sum, count) throws(SQLError) in
            .numeric(try Numeric(coefficient: sum, scale: 0).divided(by: Numeric(count)))
          })
      }
    }
    add("avg", [.numeric], .numeric) {
      FoldState<Numeric, Numeric>(
        .zero, kind: .numeric, add: { (sum, x) throws(SQLError) in sum = try sum.adding(x) },
        combine: { (sum, x) throws(SQLError) in sum = try sum.adding(x) },
        result: { (sum, count) throws(SQLError) in .numeric(try sum.divided(by: Numeric(count))) })
    }
    for type in [SQLType.float4, .float8] {
      add("avg", [type], .float8) {
        FoldState<Double, Double>(
          0, kind: .float64, add: { (sum, x) throws(SQLError) in sum = try floatSum(sum, x) },
          combine: { (sum, x) throws(SQLError) in sum = try floatSum(sum, x) },
          result: { (sum, count) in .float64(sum / Double(count)) })
      }
    }
    add("avg", [.interval], .interval) {
      FoldState<Interval, Bytes>(
        Interval(), kind: .bytes, add: { (sum, x) throws(SQLError) in sum = try sum.adding(Interval(bytes: x)) },
        combine: { (sum, x) throws(SQLError) in sum = try sum.adding(x) },
        result: { (sum, count) throws(SQLError) in try sum.divided(by: Double(count)).datum })
    }
  }

  private mutating func addExtremes() {
    for (name, greatest) in [("max", true), ("min", false)] {
      for type in [
        SQLType.int2, .int4, .int8, .oid, .float4, .float8, .numeric, .text, .bpchar, .date, .time, .timetz, .timestamp,
        .timestamptz, .interval,
      ] {
        guard let info = TypeInfo.find(type.oid) else { continue }
        add(name, [type], type) { ExtremeState(info, greatest: greatest) }
      }
      polymorphic(name, [.anyenum], .anyenum) { (types) throws(SQLError) in
        guard let info = TypeInfo.find(types[0].oid) else {
          throw SQLError(.undefinedObject, "type with OID \(types[0].oid) does not exist")
        }
        return { ExtremeState(info, greatest: greatest) }
      }
      polymorphic(name, [.anyarray], .anyarray) { (types) throws(SQLError) in
        guard let info = TypeInfo.find(types[0].oid), info.isOrderable else {
          throw SQLError(
            .undefinedFunction, "could not identify a comparison function for type \(types[0].displayName)")
        }
        return { ExtremeState(info, greatest: greatest) }
      }
    }
  }

  private mutating func addLogic() {
    for (name, isAnd) in [("bool_and", true), ("every", true), ("bool_or", false)] {
      add(name, [.bool], .bool) {
        FoldState<Bool, Bool>(
          isAnd, kind: .int64, add: { $0 = isAnd ? $0 && $1 : $0 || $1 },
          combine: { $0 = isAnd ? $0 && $1 : $0 || $1 }, result: { (value, _) in .bool(value) })
      }
    }
    for type in [SQLType.int2, .int4, .int8] {
      add("bit_and", [type], type) {
        FoldState<Int64, Int64>(
          -1, kind: .int64, add: { $0 &= $1 }, combine: { $0 &= $1 }, result: { (value, _) in .int64(value) })
      }
      add("bit_or", [type], type) {
        FoldState<Int64, Int64>(
          0, kind: .int64, add: { $0 |= $1 }, combine: { $0 |= $1 }, result: { (value, _) in .int64(value) })
      }
      add("bit_xor", [type], type) {
        FoldState<Int64, Int64>(
          0, kind: .int64, add: { $0 ^= $1 }, combine: { $0 ^= $1 }, result: { (value, _) in .int64(value) })
      }
    }
  }

  private mutating func addCollections() {
    add("string_agg", [.text, .text], .text) { StringState() }
    add("string_agg", [.bytea, .bytea], .bytea) { StringState() }
    for (prefix, result) in [("json", SQLType.json), ("jsonb", .jsonb)] {
      polymorphic("\(prefix)_agg", [.anyelement], result) { (types) in
        { JSONTextState(types, isBinary: result == .jsonb) }
      }
      polymorphic("\(prefix)_object_agg", [.any, .any], result) { (types) in
        { JSONTextState(types, isBinary: result == .jsonb) }
      }
    }
    add("percentile_cont", [.float8, .float8], .float8) { OrderedSetState(.continuous, .float8) }
    add("percentile_cont", [.interval, .float8], .interval) { OrderedSetState(.continuous, .interval) }
    polymorphic("percentile_disc", [.anyelement, .float8], .anyelement) { (types) in
      { OrderedSetState(.discrete, types[0]) }
    }
    add("percentile_cont", [.float8, .float8Array], .float8Array) {
      OrderedSetState(.continuous, .float8, givesArray: true)
    }
    add("percentile_cont", [.interval, .float8Array], SQLType(OID(1187))) {
      OrderedSetState(.continuous, .interval, givesArray: true)
    }
    polymorphic("percentile_disc", [.anyelement, .float8Array], .anyarray) { (types) in
      { OrderedSetState(.discrete, types[0], givesArray: true) }
    }
    polymorphic("mode", [.anyelement], .anyelement) { (types) in { OrderedSetState(.mode, types[0]) } }
    add("regr_count", [.float8, .float8], .int8) { PairCountState() }
    for rule in PairState.Rule.allCases { add(rule.rawValue, [.float8, .float8], .float8) { PairState(rule) } }
    polymorphic("array_agg", [.anynonarray], .anyarray) { (types) in
      let element = types[0]
      return { ArrayState(element) }
    }
    polymorphic("array_agg", [.anyarray], .anyarray) { (_) in { NestedArrayState() } }
  }

  private mutating func addVariances() {
    for (name, isSample, isRoot) in [
      ("var_pop", false, false), ("var_samp", true, false), ("variance", true, false), ("stddev_pop", false, true),
      ("stddev_samp", true, true), ("stddev", true, true),
    ] {
      for type in [SQLType.float4, .float8] {
        add(name, [type], .float8) {
          FoldState<FloatMoments, Double>(
            FloatMoments(), kind: .float64, add: { (moments, x) throws(SQLError) in try moments.add(x) },
            combine: { (moments, other) throws(SQLError) in try moments.merge(other) },
            result: { (moments, _) in
              moments.variance(isSample: isSample).map { .float64(isRoot ? $0.squareRoot() : $0) } ?? .null
            })
        }
      }
      for type in [SQLType.int2, .int4, .int8] {
        add(name, [type], .numeric) {
          FoldState<NumericMoments, Int64>(
            NumericMoments(), kind: .numeric,
            add: { (moments, x) throws(SQLError) in try moments.add(Numeric(x)) },
            combine: { (moments, other) throws(SQLError) in try moments.merge(other) },
            result: { (moments, _) throws(SQLError) in
              try moments.result(isSample: isSample, isRoot: isRoot).map { .numeric($0) } ?? .null
            })
        }
      }
      add(name, [.numeric], .numeric) {
        FoldState<NumericMoments, Numeric>(
          NumericMoments(), kind: .numeric, add: { (moments, x) throws(SQLError) in try moments.add(x) },
          combine: { (moments, other) throws(SQLError) in try moments.merge(other) },
          result: { (moments, _) throws(SQLError) in
            try moments.result(isSample: isSample, isRoot: isRoot).map { .numeric($0) } ?? .null
          })
      }
    }
  }
}

private func floatSum(_ a: Double, _ b: Double) throws(SQLError) -> Double {
  let sum = a + b
  if sum.isInfinite && a.isFinite && b.isFinite { throw ArithmeticErrors.overflow }
  return sum
}

private func singleSum(_ a: Double, _ b: Double) throws(SQLError) -> Double {
  let sum = Float(a) + Float(b)
  if sum.isInfinite && a.isFinite && b.isFinite { throw ArithmeticErrors.overflow }
  return Double(sum)
}

/// Number, sum, and sum of squared differences from the mean.
struct FloatMoments: Sendable {
  private var count = 0.0
  private var sum = 0.0
  private var squares = 0.0

  mutating func add(_ x: Double) throws(SQLError) {
    let before = sum
    count += 1
    sum += x
    if count > 1 {
      let difference = x * count - sum
      squares += difference * difference / (count * (count - 1))
      if sum.isInfinite || squares.isInfinite {
        if x.isFinite && before.isFinite { throw ArithmeticErrors.overflow }
        squares = .nan
      }
    } else if !x.isFinite {
      squares = .nan
    }
  }

  mutating func merge(_ other: FloatMoments) throws(SQLError) {
    if other.count == 0 { return }
    if count == 0 {
      self = other
      return
    }
    let difference = sum / count - other.sum / other.count
    squares += other.squares + count * other.count * difference * difference / (count + other.count)
    sum += other.sum
    count += other.count
  }

  func variance(isSample: Bool) -> Double? {
    if isSample { return count <= 1 ? nil : squares / (count - 1) }
    return squares / count
  }
}

/// Number, sum and sum of squares, exactly.
struct NumericMoments: Sendable {
  private var count: Int64 = 0
  private var sum = Numeric.zero
  private var squares = Numeric.zero

  mutating func add(_ x: Numeric) throws(SQLError) {
    count += 1
    sum = try sum.adding(x)
    squares = try squares.adding(try x.multiplied(by: x))
  }

  mutating func merge(_ other: NumericMoments) throws(SQLError) {
    count += other.count
    sum = try sum.adding(other.sum)
    squares = try squares.adding(other.squares)
  }

  func result(isSample: Bool, isRoot: Bool) throws(SQLError) -> Numeric? {
    if isSample && count <= 1 { return nil }
    if !sum.isFinite || !squares.isFinite { return .nan }
    let n = Numeric(count)
    let numerator = try n.multiplied(by: squares).subtracting(try sum.multiplied(by: sum))
    if numerator.isZero || numerator.isNegative { return .zero }
    let divisor = try n.multiplied(by: isSample ? Numeric(count - 1) : n)
    let variance = try numerator.divided(by: divisor)
    // The root has as many digits as the quotient beneath it.
    return isRoot ? try variance.squareRoot(scale: variance.scale) : variance
  }
}
