// HOT: The states of count, and of the aggregates that fold fixed-width values: sum, avg, bit_and, bool_or and so on.
// A state is arrays indexed by group; NULL arguments are passed over.

import SQLTypes

/// `count(*)` and `count(x)`.
final class CountState: AggregateState {
  private var counts: [Int64] = []

  func grow(toGroupCount groupCount: Int) {
    if groupCount > counts.count { counts += Array(repeating: 0, count: groupCount - counts.count) }
  }

  func update(
    groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext
  ) throws(SQLError) {
    if let nulls = arguments.first?.nulls, !nulls.isEmpty {
      for row in 0..<rowCount where !nulls[row] { counts[Int(groups[row])] += 1 }
    } else {
      for row in 0..<rowCount { counts[Int(groups[row])] += 1 }
    }
  }

  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError) {
    guard let other = other as? CountState else { preconditionFailure("states of one call merge") }
    for (group, target) in groups.enumerated() { counts[Int(target)] += other.counts[group] }
  }

  func finish(groupCount: Int) throws(SQLError) -> ColumnVector { ColumnVector(int64s: Array(counts[0..<groupCount])) }
}

/// Folds the non-NULL arguments of each group with one function; NULL for a group that has none.
final class FoldState<Value: Sendable, Argument: Lane>: AggregateState {
  private var values: [Value] = []
  private var counts: [Int64] = []
  private let empty: Value
  private let resultKind: PhysicalKind
  private let add: (inout Value, Argument) throws(SQLError) -> Void
  private let combine: (inout Value, Value) throws(SQLError) -> Void
  private let result: (Value, Int64) throws(SQLError) -> Datum

  /// - Parameters:
  ///   - empty: what a group begins with.
  ///   - result: the aggregate's value from the fold and the number of values, at least one.
  init(
    _ empty: Value, kind: PhysicalKind, add: @escaping (inout Value, Argument) throws(SQLError) -> Void,
    combine: @escaping (inout Value, Value) throws(SQLError) -> Void,
    result: @escaping (Value, Int64) throws(SQLError) -> Datum
  ) {
    self.empty = empty
    resultKind = kind
    self.add = add
    self.combine = combine
    self.result = result
  }

  func grow(toGroupCount groupCount: Int) {
    guard groupCount > values.count else { return }
    values += Array(repeating: empty, count: groupCount - values.count)
    counts += Array(repeating: 0, count: groupCount - counts.count)
  }

  func update(
    groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext
  ) throws(SQLError) {
    let column = arguments[0]
    try Argument.open(column) { (base) throws(SQLError) -> Void in
      for row in 0..<rowCount where !column.nulls[row] {
        let group = Int(groups[row])
        counts[group] += 1
        try add(&values[group], Argument.read(base, row))
      }
    }
  }

  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError) {
    guard let other = other as? FoldState<Value, Argument> else { preconditionFailure("states of one call merge") }
    for (group, target) in groups.enumerated() where other.counts[group] > 0 {
      if counts[Int(target)] == 0 {
        values[Int(target)] = other.values[group]
      } else {
        try combine(&values[Int(target)], other.values[group])
      }
      counts[Int(target)] += other.counts[group]
    }
  }

  func finish(groupCount: Int) throws(SQLError) -> ColumnVector {
    var column = ColumnVector(resultKind, capacity: groupCount)
    for group in 0..<groupCount {
      column.append(counts[group] == 0 ? .null : try result(values[group], counts[group]))
    }
    return column
  }
}

/// Sums of int2 and int4 in Int64, the commonest of all.
final class IntegerSumState: AggregateState {
  private var sums: [Int64] = []
  private var seen: [Bool] = []

  func grow(toGroupCount groupCount: Int) {
    guard groupCount > sums.count else { return }
    sums += Array(repeating: 0, count: groupCount - sums.count)
    seen += Array(repeating: false, count: groupCount - seen.count)
  }

  func update(
    groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext
  ) throws(SQLError) {
    let values = arguments[0].int64s
    let nulls = arguments[0].nulls
    for row in 0..<rowCount where !nulls[row] {
      let group = Int(groups[row])
      let (sum, overflow) = sums[group].addingReportingOverflow(values[row])
      if overflow { throw ArithmeticErrors.outOfRange(.int8) }
      sums[group] = sum
      seen[group] = true
    }
  }

  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError) {
    guard let other = other as? IntegerSumState else { preconditionFailure("states of one call merge") }
    for (group, target) in groups.enumerated() where other.seen[group] {
      let (sum, overflow) = sums[Int(target)].addingReportingOverflow(other.sums[group])
      if overflow { throw ArithmeticErrors.outOfRange(.int8) }
      sums[Int(target)] = sum
      seen[Int(target)] = true
    }
  }

  func finish(groupCount: Int) throws(SQLError) -> ColumnVector {
    var nulls = NullMask()
    for group in 0..<groupCount where !seen[group] { nulls.insert(group) }
    return ColumnVector(int64s: Array(sums[0..<groupCount]), nulls: nulls)
  }
}
