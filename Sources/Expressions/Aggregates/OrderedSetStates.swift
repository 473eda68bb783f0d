// percentile_cont, percentile_disc and mode: their rows come sorted. Two-argument statistics: corr, covar_*, regr_*.
// Source: PostgreSQL manual, 9.21; the sums of squares follow Youngs and Cramer as those of variances do.

import SQLTypes

/// The values of each group in order, and the fraction asked for in it.
final class OrderedSetState: AggregateState {
  enum Rule: Sendable { case continuous, discrete, mode }
  private let rule: Rule
  private let info: TypeInfo
  private var values: [ColumnVector] = []
  private var fractions: [Datum] = []
  /// Several fractions at once: an array of them is asked for, and one of values given.
  private let givesArray: Bool

  init(_ rule: Rule, _ type: SQLType, givesArray: Bool = false) {
    self.rule = rule
    self.givesArray = givesArray
    guard let info = TypeInfo.find(type.oid) else { preconditionFailure("a value has a type") }
    self.info = info
  }

  func grow(toGroupCount groupCount: Int) {
    while values.count < groupCount {
      values.append(ColumnVector(info.kind))
      fractions.append(.null)
    }
  }

  /// The value comes first, then the fraction, the same in every row of a group.
  func update(
    groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext
  ) throws(SQLError) {
    if arguments.count > 1 {
      for row in 0..<rowCount where fractions[Int(groups[row])].isNull {
        fractions[Int(groups[row])] = arguments[1].datum(row)
      }
    }
    for row in 0..<rowCount where !arguments[0].nulls[row] {
      values[Int(groups[row])].append(arguments[0], row: row)
    }
  }

  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError) {
    guard let other = other as? OrderedSetState else { preconditionFailure("states of one call merge") }
    for (group, target) in groups.enumerated() {
      if fractions[Int(target)].isNull { fractions[Int(target)] = other.fractions[group] }
      values[Int(target)].append(contentsOf: other.values[group])
    }
  }

  func finish(groupCount: Int) throws(SQLError) -> ColumnVector {
    var result = ColumnVector(givesArray ? .bytes : info.kind, capacity: groupCount)
    for group in 0..<groupCount {
      let fraction = fractions[group]
      result.append(givesArray ? try array(values[group], fraction) : try value(values[group], fraction))
    }
    return result
  }

  private func array(_ sorted: ColumnVector, _ fraction: Datum) throws(SQLError) -> Datum {
    guard case .bytes(let bytes) = fraction, sorted.count > 0 else { return .null }
    var array = try ArrayValue(bytes)
    array.elementOID = info.oid
    for index in array.elements.indices { array.elements[index] = try value(sorted, array.elements[index]) }
    return array.datum
  }

  private func value(_ sorted: ColumnVector, _ fraction: Datum) throws(SQLError) -> Datum {
    if rule == .mode { return mode(sorted) }
    guard case .float64(let share) = fraction else { return .null }
    guard share >= 0, share <= 1 else {
      let shown = String(decoding: TypeInfo.find(SQLType.float8.oid)?.text(.float64(share)) ?? [], as: UTF8.self)
      throw SQLError(.numericValueOutOfRange, "percentile value \(shown) is not between 0 and 1")
    }
    let count = sorted.count
    if count == 0 { return .null }
    if rule == .discrete {
      return sorted.datum(max(0, Int((share * Double(count)).rounded(.up)) - 1))
    }
    let place = share * Double(count - 1)
    let (low, high) = (Int(place.rounded(.down)), Int(place.rounded(.up)))
    guard low != high else { return sorted.datum(low) }
    switch (sorted.datum(low), sorted.datum(high)) {
    case (.float64(let a), .float64(let b)): return .float64(a + (place - Double(low)) * (b - a))
    case (.bytes(let a), .bytes(let b)):
      let (x, y) = (Interval(a), Interval(b))
      return try x.adding(try y.subtracting(x).multiplied(by: place - Double(low))).datum
    default: return .null
    }
  }

  /// The value that comes most often, of several the first.
  private func mode(_ sorted: ColumnVector) -> Datum {
    var best = (value: Datum.null, count: 0)
    var start = 0
    for row in 0..<sorted.count {
      if row > start && info.compare(sorted, row, sorted, start) != 0 { start = row }
      if row - start + 1 > best.count { best = (sorted.datum(start), row - start + 1) }
    }
    return best.value
  }
}

/// Sums over pairs (y, x) of floats.
final class PairState: AggregateState {
  enum Rule: String, Sendable, CaseIterable {
    case corr, covarPop = "covar_pop", covarSamp = "covar_samp"
    case avgX = "regr_avgx", avgY = "regr_avgy", intercept = "regr_intercept", r2 = "regr_r2", slope = "regr_slope"
    case sxx = "regr_sxx", sxy = "regr_sxy", syy = "regr_syy"
  }

  private struct Sums {
    var count = 0.0
    var x = 0.0
    var xx = 0.0
    var y = 0.0
    var yy = 0.0
    var xy = 0.0
  }

  private let rule: Rule
  private var sums: [Sums] = []

  init(_ rule: Rule) { self.rule = rule }

  func grow(toGroupCount groupCount: Int) {
    if groupCount > sums.count { sums += Array(repeating: Sums(), count: groupCount - sums.count) }
  }

  func update(
    groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext
  ) throws(SQLError) {
    for row in 0..<rowCount where !arguments[0].nulls[row] && !arguments[1].nulls[row] {
      let (y, x) = (arguments[0].float64s[row], arguments[1].float64s[row])
      var s = sums[Int(groups[row])]
      let before = s
      s.count += 1
      s.x += x
      s.y += y
      if before.count > 0 {
        let (dx, dy) = (x * s.count - s.x, y * s.count - s.y)
        let scale = 1 / (s.count * before.count)
        s.xx += dx * dx * scale
        s.yy += dy * dy * scale
        s.xy += dx * dy * scale
        let isOver = s.x.isInfinite || s.xx.isInfinite || s.y.isInfinite || s.yy.isInfinite || s.xy.isInfinite
        if isOver && before.x.isFinite && before.y.isFinite && x.isFinite && y.isFinite {
          throw ArithmeticErrors.overflow
        }
      } else {
        // What is not finite makes everything of it NaN.
        if !x.isFinite { (s.xx, s.xy) = (.nan, .nan) }
        if !y.isFinite { (s.yy, s.xy) = (.nan, .nan) }
      }
      sums[Int(groups[row])] = s
    }
  }

  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError) {
    guard let other = other as? PairState else { preconditionFailure("states of one call merge") }
    for (group, target) in groups.enumerated() {
      let (a, b) = (sums[Int(target)], other.sums[group])
      if b.count == 0 { continue }
      if a.count == 0 {
        sums[Int(target)] = b
        continue
      }
      let n = a.count + b.count
      let (dx, dy) = (a.x / a.count - b.x / b.count, a.y / a.count - b.y / b.count)
      let weight = a.count * b.count / n
      sums[Int(target)] = Sums(
        count: n, x: a.x + b.x, xx: a.xx + b.xx + weight * dx * dx, y: a.y + b.y, yy: a.yy + b.yy + weight * dy * dy,
        xy: a.xy + b.xy + weight * dx * dy)
    }
  }

  func finish(groupCount: Int) throws(SQLError) -> ColumnVector {
    var result = ColumnVector(.float64, capacity: groupCount)
    for s in sums[0..<groupCount] { result.append(value(s).map { .float64($0) } ?? .null) }
    return result
  }

  private func value(_ s: Sums) -> Double? {
    if s.count < 1 { return nil }
    switch rule {
    case .corr: return s.xx == 0 || s.yy == 0 ? nil : s.xy / (s.xx * s.yy).squareRoot()
    case .covarPop: return s.xy / s.count
    case .covarSamp: return s.count < 2 ? nil : s.xy / (s.count - 1)
    case .avgX: return s.x / s.count
    case .avgY: return s.y / s.count
    case .intercept: return s.xx == 0 ? nil : (s.y - s.x * s.xy / s.xx) / s.count
    case .r2: return s.xx == 0 ? nil : s.yy == 0 ? 1 : s.xy * s.xy / (s.xx * s.yy)
    case .slope: return s.xx == 0 ? nil : s.xy / s.xx
    case .sxx: return s.xx
    case .sxy: return s.xy
    case .syy: return s.yy
    }
  }
}

/// regr_count: pairs in which neither is NULL.
final class PairCountState: AggregateState {
  private var counts: [Int64] = []

  func grow(toGroupCount groupCount: Int) {
    if groupCount > counts.count { counts += Array(repeating: 0, count: groupCount - counts.count) }
  }

  func update(
    groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext
  ) throws(SQLError) {
    for row in 0..<rowCount where !arguments[0].nulls[row] && !arguments[1].nulls[row] {
      counts[Int(groups[row])] += 1
    }
  }

  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError) {
    guard let other = other as? PairCountState else { preconditionFailure("states of one call merge") }
    for (group, target) in groups.enumerated() { counts[Int(target)] += other.counts[group] }
  }

  func finish(groupCount: Int) throws(SQLError) -> ColumnVector {
    ColumnVector(int64s: Array(counts[0..<groupCount]))
  }
}
