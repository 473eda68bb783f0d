// UPDATE … SET a[i] = …, a[l:u] = …: an array with elements replaced; one of one dimension grows, with NULLs in gaps.
// Source: PostgreSQL manual, 8.15.4; its arrayfuncs.c for the messages.

import SQLTypes

public enum ArrayAssignment {
  /// A pair of brackets on the left of an assignment.
  public enum Place: Sendable, Hashable {
    case index
    /// Which bounds are written.
    case slice(hasLower: Bool, hasUpper: Bool)

    var isSlice: Bool { if case .slice = self { true } else { false } }
  }

  /// The function of the array, the bounds written from left to right, and the new value: an element, or an array if one of the
  /// places is a slice.
  public static func function(_ array: SQLType, _ places: [Place], value: SQLType) -> ScalarFunction {
    let isSlice = places.contains(where: \.isSlice)
    let element = TypeInfo.find(array.oid)?.elementOID ?? .invalid
    var bounds = 0
    for place in places {
      switch place {
      case .index: bounds += 1
      case .slice(let hasLower, let hasUpper): bounds += (hasLower ? 1 : 0) + (hasUpper ? 1 : 0)
      }
    }
    let types = [array] + Array(repeating: SQLType.int4, count: bounds) + [value]
    return ScalarFunction("array assignment", types, returns: array, isStrict: false, broadcasts: true) {
      (a, n, _) throws(SQLError) in
      try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
        let last = a.count - 1
        if isSlice && row.isNull(last) { return row.isNull(0) ? nil : row.bytes(0) }
        let known = row.isNull(0) ? ArrayValue(elementOID: element, []) : try ArrayValue(row.bytes(0))
        var argument = 1
        func bound() throws(SQLError) -> Int {
          if row.isNull(argument) {
            throw SQLError(.nullValueNotAllowed, "array subscript in assignment must not be null")
          }
          defer { argument += 1 }
          return Int(row.int64(argument))
        }
        var ranges: [(lower: Int?, upper: Int?)] = []
        for place in places {
          switch place {
          case .index:
            let index = try bound()
            // Beside a slice an index n means 1:n.
            ranges.append(isSlice ? (1, index) : (index, index))
          case .slice(let hasLower, let hasUpper):
            let lower = hasLower ? try bound() : nil
            ranges.append((lower, hasUpper ? try bound() : nil))
          }
        }
        let values = isSlice ? try ArrayValue(row.bytes(last)).elements : [row.datum(last)]
        return try assigned(known, ranges, values, isSlice: isSlice).bytes
      }
    }
  }

  private static func wrongNumber() -> SQLError {
    SQLError(.arraySubscriptError, "wrong number of array subscripts")
  }

  private static func assigned(
    _ array: ArrayValue, _ places: [(lower: Int?, upper: Int?)], _ values: [Datum], isSlice: Bool
  ) throws(SQLError) -> ArrayValue {
    func check(_ lower: Int, _ upper: Int) throws(SQLError) {
      if lower > upper {
        throw SQLError(.arraySubscriptError, "upper bound cannot be less than lower bound")
      }
    }
    func checkCount(_ count: Int) throws(SQLError) {
      if count > values.count { throw SQLError(.arraySubscriptError, "source array too small") }
      if count > 1 << 24 {
        throw SQLError(.programLimitExceeded, "array size exceeds the maximum allowed (134217727)")
      }
    }
    if array.dimensions.isEmpty {
      var dimensions: [ArrayValue.Dimension] = []
      for place in places {
        guard let lower = place.lower, let upper = place.upper else {
          throw SQLError(
            .arraySubscriptError, "array slice subscript must provide both boundaries",
            detail: "When assigning to a slice of an empty array value, slice boundaries must be fully specified.")
        }
        try check(lower, upper)
        dimensions.append(ArrayValue.Dimension(length: upper - lower + 1, lowerBound: lower))
      }
      let count = dimensions.reduce(1) { $0 * $1.length }
      try checkCount(count)
      return ArrayValue(elementOID: array.elementOID, dimensions: dimensions, elements: Array(values.prefix(count)))
    }
    if isSlice ? places.count > array.dimensions.count : places.count != array.dimensions.count { throw wrongNumber() }
    var result = array
    if array.dimensions.count == 1 {
      let dimension = array.dimensions[0]
      let end = dimension.lowerBound + dimension.length - 1
      let (lower, upper) = (places[0].lower ?? dimension.lowerBound, places[0].upper ?? end)
      try check(lower, upper)
      try checkCount(upper - lower + 1)
      let first = min(lower, dimension.lowerBound)
      let length = max(upper, end) - first + 1
      guard length <= 1 << 24 else {
        throw SQLError(.programLimitExceeded, "array size exceeds the maximum allowed (134217727)")
      }
      var elements = [Datum](repeating: .null, count: length)
      for (index, value) in array.elements.enumerated() { elements[dimension.lowerBound - first + index] = value }
      for index in 0...(upper - lower) { elements[lower - first + index] = values[index] }
      result.dimensions = [ArrayValue.Dimension(length: length, lowerBound: first)]
      result.elements = elements
      return result
    }
    var ranges: [ClosedRange<Int>] = []
    for (position, dimension) in array.dimensions.enumerated() {
      let place: (lower: Int?, upper: Int?) = position < places.count ? places[position] : (nil, nil)
      let end = dimension.lowerBound + dimension.length - 1
      let (lower, upper) = (place.lower ?? dimension.lowerBound, place.upper ?? end)
      try check(lower, upper)
      if lower < dimension.lowerBound || upper > end {
        throw SQLError(.arraySubscriptError, "array subscript out of range")
      }
      ranges.append((lower - dimension.lowerBound)...(upper - dimension.lowerBound))
    }
    try checkCount(ranges.reduce(1) { $0 * $1.count })
    var next = 0
    func fill(_ depth: Int, _ offset: Int) {
      for place in ranges[depth] {
        let at = offset * array.dimensions[depth].length + place
        if depth + 1 < ranges.count {
          fill(depth + 1, at)
        } else {
          result.elements[at] = values[next]
          next += 1
        }
      }
    }
    fill(0, 0)
    return result
  }
}
