// The states of aggregates over values of any type: min, max, string_agg, array_agg.

import SQLTypes

/// min or max by the type's order.
final class ExtremeState: AggregateState {
  private let info: TypeInfo
  private let greatest: Bool
  private var best: [Datum] = []

  init(_ info: TypeInfo, greatest: Bool) {
    self.info = info
    self.greatest = greatest
  }

  func grow(toGroupCount groupCount: Int) {
    if groupCount > best.count { best += Array(repeating: .null, count: groupCount - best.count) }
  }

  func update(
    groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext
  ) throws(SQLError) {
    let column = arguments[0]
    if column.kind == .int64 {
      for row in 0..<rowCount where !column.nulls[row] {
        let value = column.int64s[row]
        if case .int64(let known) = best[Int(groups[row])], greatest ? value <= known : value >= known { continue }
        best[Int(groups[row])] = .int64(value)
      }
      return
    }
    for row in 0..<rowCount where !column.nulls[row] { take(column.datum(row), Int(groups[row])) }
  }

  private func take(_ value: Datum, _ group: Int) {
    if !best[group].isNull {
      let order = info.compare(value, best[group])
      if greatest ? order <= 0 : order >= 0 { return }
    }
    best[group] = value
  }

  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError) {
    guard let other = other as? ExtremeState else { preconditionFailure("states of one call merge") }
    for (group, target) in groups.enumerated() where !other.best[group].isNull {
      take(other.best[group], Int(target))
    }
  }

  func finish(groupCount: Int) throws(SQLError) -> ColumnVector {
    var column = ColumnVector(info.kind, capacity: groupCount)
    for value in best[0..<groupCount] { column.append(value) }
    return column
  }
}

/// string_agg: the delimiter of a value stands before it, unless it is the first.
final class StringState: AggregateState {
  private var texts: [[UInt8]?] = []
  /// The delimiter of each group's first value, which a merge needs.
  private var firstDelimiters: [[UInt8]] = []

  func grow(toGroupCount groupCount: Int) {
    guard groupCount > texts.count else { return }
    texts += Array(repeating: nil, count: groupCount - texts.count)
    firstDelimiters += Array(repeating: [], count: groupCount - firstDelimiters.count)
  }

  func update(
    groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext
  ) throws(SQLError) {
    let (values, delimiters) = (arguments[0], arguments[1])
    for row in 0..<rowCount where !values.nulls[row] {
      let group = Int(groups[row])
      if texts[group] == nil {
        texts[group] = values.bytes[row]
        firstDelimiters[group] = delimiters.bytes[row]
        continue
      }
      let growth = values.bytes.range(row).count + delimiters.bytes.range(row).count
      try texts[group]?.checkRoom(for: growth)
      if !delimiters.nulls[row] { delimiters.bytes.withBytes(row) { texts[group]?.append($0) } }
      values.bytes.withBytes(row) { texts[group]?.append($0) }
    }
  }

  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError) {
    guard let other = other as? StringState else { preconditionFailure("states of one call merge") }
    for (group, target) in groups.enumerated() {
      guard let text = other.texts[group] else { continue }
      let target = Int(target)
      if texts[target] == nil {
        texts[target] = text
        firstDelimiters[target] = other.firstDelimiters[group]
      } else {
        try texts[target]?.checkRoom(for: text.count + other.firstDelimiters[group].count)
        texts[target]?.append(contentsOf: other.firstDelimiters[group] + text)
      }
    }
  }

  func finish(groupCount: Int) throws(SQLError) -> ColumnVector {
    var column = ColumnVector(.bytes, capacity: groupCount)
    for text in texts[0..<groupCount] { column.append(text.map { .bytes($0) } ?? .null) }
    return column
  }
}

/// array_agg: NULLs are elements too; a group without rows gives NULL.
final class ArrayState: AggregateState {
  private let element: SQLType
  private var groupsOfElements: [[Datum]] = []

  init(_ element: SQLType) { self.element = element }

  func grow(toGroupCount groupCount: Int) {
    if groupCount > groupsOfElements.count {
      groupsOfElements += Array(repeating: [], count: groupCount - groupsOfElements.count)
    }
  }

  func update(
    groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext
  ) throws(SQLError) {
    for row in 0..<rowCount { groupsOfElements[Int(groups[row])].append(arguments[0].datum(row)) }
  }

  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError) {
    guard let other = other as? ArrayState else { preconditionFailure("states of one call merge") }
    for (group, target) in groups.enumerated() {
      groupsOfElements[Int(target)] += other.groupsOfElements[group]
    }
  }

  func finish(groupCount: Int) throws(SQLError) -> ColumnVector {
    var column = ColumnVector(.bytes, capacity: groupCount)
    for elements in groupsOfElements[0..<groupCount] {
      column.append(elements.isEmpty ? .null : ArrayValue(elementOID: element.oid, elements).datum)
    }
    return column
  }
}

/// array_agg over arrays of one shape: an array with one dimension more.
final class NestedArrayState: AggregateState {
  private var arrays: [[ArrayValue]] = []

  func grow(toGroupCount groupCount: Int) {
    if groupCount > arrays.count { arrays += Array(repeating: [], count: groupCount - arrays.count) }
  }

  func update(
    groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext
  ) throws(SQLError) {
    for row in 0..<rowCount {
      if arguments[0].nulls[row] {
        throw SQLError(.nullValueNotAllowed, "cannot accumulate null arrays")
      }
      let array = try ArrayValue(arguments[0].bytes[row])
      if array.dimensions.isEmpty { throw SQLError(.arraySubscriptError, "cannot accumulate empty arrays") }
      if let first = arrays[Int(groups[row])].first, first.dimensions.map(\.length) != array.dimensions.map(\.length) {
        throw SQLError(.arraySubscriptError, "cannot accumulate arrays of different dimensionality")
      }
      arrays[Int(groups[row])].append(array)
    }
  }

  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError) {
    guard let other = other as? NestedArrayState else { preconditionFailure("states of one call merge") }
    for (group, target) in groups.enumerated() { arrays[Int(target)] += other.arrays[group] }
  }

  func finish(groupCount: Int) throws(SQLError) -> ColumnVector {
    var column = ColumnVector(.bytes, capacity: groupCount)
    for group in arrays[0..<groupCount] {
      guard let first = group.first else {
        column.appendNull()
        continue
      }
      if first.dimensions.count == ArrayValue.maximumDimensions {
        throw SQLError(
          .programLimitExceeded,
          "number of array dimensions (\(first.dimensions.count + 1)) exceeds the maximum allowed (\(ArrayValue.maximumDimensions))"
        )
      }
      let dimensions = [ArrayValue.Dimension(length: group.count)] + first.dimensions
      column.append(
        ArrayValue(elementOID: first.elementOID, dimensions: dimensions, elements: group.flatMap(\.elements)).datum)
    }
    return column
  }
}
