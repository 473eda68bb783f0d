// Elements and slices of arrays of any dimension, and an array with one element replaced. Source: PostgreSQL manual, 8.15.3 and
// 8.15.4; its arrayfuncs.c for what lies outside.

import SQLTypes

extension FunctionCatalog {
  mutating func addArraySubscripts() {
    // One index for each dimension; outside, or with another number of them, NULL.
    polymorphic(ArraySubscripts.element, [.anyarray, .int4], .anyelement, variadic: .int4) { (types) in
      let kind = TypeInfo.find((types[0].element ?? .text).oid)?.kind ?? .bytes
      return { (a, n, _) throws(SQLError) in
        var result = ColumnVector(kind, capacity: n)
        let reader = RowReader(arguments: a, row: 0)
        for row in 0..<n {
          var reader = reader
          reader.row = row
          guard !a.indices.contains(where: reader.isNull) else {
            result.appendNull()
            continue
          }
          let array = try ArrayValue(reader.bytes(0))
          let indexes = (1..<a.count).map { Int(reader.int64($0)) }
          result.append(ArraySubscripts.offset(indexes, array.dimensions).map { array.elements[$0] } ?? .null)
        }
        return result
      }
    }
    // The second argument tells by bits which bounds are given: those that are not stand as 0.
    polymorphic(ArraySubscripts.slice, [.anyarray, .int4, .int4], .anyarray, variadic: .int4) { (_) in
      { (a, n, _) throws(SQLError) in
        try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
          let array = try ArrayValue(row.bytes(0))
          let given = row.int64(1)
          var bounds: [(Int?, Int?)] = []
          for place in stride(from: 2, to: a.count, by: 2) {
            let bit = place - 2
            bounds.append(
              (
                given & (1 << bit) != 0 ? Int(row.int64(place)) : nil,
                given & (1 << (bit + 1)) != 0 ? Int(row.int64(place + 1)) : nil
              ))
          }
          return ArraySubscripts.sliced(array, bounds).bytes
        }
      }
    }
    polymorphic(ArraySubscripts.assign, [.anyarray, .int4, .anyelement], .anyarray, isStrict: false) { (types) in
      let element = types[2]
      return { (a, n, _) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8] in
          if row.isNull(1) {
            throw SQLError(.nullValueNotAllowed, "array subscript in assignment must not be null")
          }
          let array = row.isNull(0) ? ArrayValue(elementOID: element.oid, []) : try ArrayValue(row.bytes(0))
          return try ArraySubscripts.assigned(array, Int(row.int64(1)), row.datum(2)).bytes
        }
      }
    }
  }
}

public enum ArraySubscripts {
  /// Names that SQL text cannot call by accident.
  public static let element = "array element"
  public static let slice = "array slice"
  public static let assign = "array assignment"

  /// The place of an element among all; nil outside.
  static func offset(_ indexes: [Int], _ dimensions: [ArrayValue.Dimension]) -> Int? {
    guard indexes.count == dimensions.count, !indexes.isEmpty else { return nil }
    var offset = 0
    for (index, dimension) in zip(indexes, dimensions) {
      let place = index - dimension.lowerBound
      guard place >= 0, place < dimension.length else { return nil }
      offset = offset * dimension.length + place
    }
    return offset
  }

  /// The part within the bounds; lower bounds become 1. More bounds than dimensions leave nothing.
  static func sliced(_ array: ArrayValue, _ bounds: [(Int?, Int?)]) -> ArrayValue {
    let none = ArrayValue(elementOID: array.elementOID, [])
    guard bounds.count <= array.dimensions.count else { return none }
    var ranges: [Range<Int>] = []
    for (position, dimension) in array.dimensions.enumerated() {
      let (lower, upper) = position < bounds.count ? bounds[position] : (nil, nil)
      let first = max((lower ?? dimension.lowerBound) - dimension.lowerBound, 0)
      let last = min((upper.map { $0 - dimension.lowerBound }) ?? dimension.length - 1, dimension.length - 1)
      guard first <= last else { return none }
      ranges.append(first..<last + 1)
    }
    var elements: [Datum] = []
    func collect(_ depth: Int, _ offset: Int) {
      for place in ranges[depth] {
        let next = offset * array.dimensions[depth].length + place
        if depth + 1 == ranges.count { elements.append(array.elements[next]) } else { collect(depth + 1, next) }
      }
    }
    if !ranges.isEmpty { collect(0, 0) }
    return ArrayValue(
      elementOID: array.elementOID, dimensions: ranges.map { ArrayValue.Dimension(length: $0.count) },
      elements: elements)
  }

  /// An array of one dimension with an element replaced; beyond its ends it grows, with NULLs between.
  static func assigned(_ array: ArrayValue, _ index: Int, _ value: Datum) throws(SQLError) -> ArrayValue {
    guard let dimension = array.dimensions.first else {
      return ArrayValue(elementOID: array.elementOID, [value], lowerBound: index)
    }
    if array.dimensions.count > 1 {
      throw SQLError(.arraySubscriptError, "wrong number of array subscripts")
    }
    var result = array
    let place = index - dimension.lowerBound
    let length = place < 0 ? dimension.length - place : max(dimension.length, place + 1)
    guard length <= 1 << 24 else {
      throw SQLError(.programLimitExceeded, "array size exceeds the maximum allowed (134217727)")
    }
    if place < 0 {
      result.elements = [value] + Array(repeating: .null, count: -place - 1) + array.elements
      result.dimensions[0].lowerBound = index
    } else {
      while result.elements.count <= place { result.elements.append(.null) }
      result.elements[place] = value
    }
    result.dimensions[0].length = result.elements.count
    return result
  }
}
