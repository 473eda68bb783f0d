// Arrays changed and searched as a whole: array_replace, array_positions, array_fill, trim_array, array_dims.
// Source: PostgreSQL manual, 9.19.

import SQLTypes

extension FunctionCatalog {
  mutating func addArrayEditing() {
    polymorphic(
      "array_replace", [.anycompatiblearray, .anycompatible, .anycompatible], .anycompatiblearray, isStrict: false
    ) { (types) in
      let info = TypeInfo.find(types[1].oid)
      return { (a, n, _) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
          if row.isNull(0) { return nil }
          var array = try ArrayValue(a[0].bytes[row.index(0)])
          let (old, new) = (row.datum(1), row.datum(2))
          for index in array.elements.indices where ArrayEditing.isSame(array.elements[index], old, info) {
            array.elements[index] = new
          }
          return array.bytes
        }
      }
    }
    polymorphic("array_positions", [.anycompatiblearray, .anycompatible], SQLType(OID(1007)), isStrict: false) {
      (types) in
      let info = TypeInfo.find(types[1].oid)
      return { (a, n, _) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
          if row.isNull(0) { return nil }
          let array = try ArrayValue(a[0].bytes[row.index(0)])
          if array.dimensions.count > 1 {
            throw SQLError(
              .featureNotSupported, "searching for elements in multidimensional arrays is not supported")
          }
          let wanted = row.datum(1)
          let first = array.dimensions.first?.lowerBound ?? 1
          let found = array.elements.indices.filter { ArrayEditing.isSame(array.elements[$0], wanted, info) }
          return ArrayValue(elementOID: SQLType.int4.oid, found.map { .int64(Int64($0 + first)) }).bytes
        }
      }
    }
    polymorphic("trim_array", [.anyarray, .int4], .anyarray) { (_) in
      { (a, n, _) throws(SQLError) in
        try map2(a, n) { (bytes: Bytes, count: Int64) throws(SQLError) -> [UInt8] in
          var array = try ArrayValue(bytes)
          let length = array.dimensions.first?.length ?? 0
          guard count >= 0, count <= Int64(length) else {
            throw SQLError(
              .arraySubscriptError, "number of elements to trim must be between 0 and \(length)")
          }
          if array.dimensions.isEmpty || count == 0 { return array.bytes }
          let rowSize = array.elements.count / length
          array.dimensions[0].length -= Int(count)
          array.elements.removeLast(Int(count) * rowSize)
          // As a slice, it begins at 1.
          for index in array.dimensions.indices { array.dimensions[index].lowerBound = 1 }
          if array.elements.isEmpty { array.dimensions = [] }
          return array.bytes
        }
      }
    }
    polymorphic("array_dims", [.anyarray], .text) { (_) in
      { (a, n, _) throws(SQLError) in
        try map1(a, n) { (bytes: Bytes) throws(SQLError) -> [UInt8]? in
          let dimensions = try ArrayReader(bytes).dimensions
          if dimensions.isEmpty { return nil }
          return Array(
            dimensions.map { "[\($0.lowerBound):\($0.lowerBound + $0.length - 1)]" }.joined().utf8)
        }
      }
    }
    for count in [2, 3] {
      let arguments = [SQLType.anyelement] + Array(repeating: SQLType(OID(1007)), count: count - 1)
      polymorphic("array_fill", arguments, .anyarray, isStrict: false) { (types) in
        let element = types[0]
        return { (a, n, _) throws(SQLError) in
          try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8] in
            try ArrayEditing.filled(
              row.datum(0), element, lengths: row.isNull(1) ? nil : row.bytes(1),
              bounds: count == 3 ? (row.isNull(2) ? nil : row.bytes(2)) : [])
          }
        }
      }
    }
  }
}

enum ArrayEditing {
  /// Equal, or both NULL.
  static func isSame(_ a: Datum, _ b: Datum, _ info: TypeInfo?) -> Bool {
    if a.isNull || b.isNull { return a.isNull && b.isNull }
    return info.map { $0.compare(a, b) == 0 } ?? (a == b)
  }

  /// `bounds` empty: 1 for every dimension; nil is NULL.
  static func filled(
    _ value: Datum, _ element: SQLType, lengths: [UInt8]?, bounds: [UInt8]?
  ) throws(SQLError) -> [UInt8] {
    guard let lengths, let bounds else {
      throw SQLError(.nullValueNotAllowed, "dimension array or low bound array cannot be null")
    }
    func integers(_ bytes: [UInt8]) throws(SQLError) -> [Int] {
      let array = try ArrayValue(bytes)
      if array.dimensions.count > 1 {
        throw SQLError(
          .arraySubscriptError, "wrong number of array subscripts",
          detail: "Dimension array must be one dimensional.")
      }
      var result: [Int] = []
      for value in array.elements {
        guard case .int64(let number) = value else {
          throw SQLError(.nullValueNotAllowed, "dimension values cannot be null")
        }
        result.append(Int(number))
      }
      return result
    }
    let sizes = try integers(lengths)
    let first = bounds.isEmpty ? Array(repeating: 1, count: sizes.count) : try integers(bounds)
    guard first.count == sizes.count else {
      throw SQLError(
        .arraySubscriptError, "wrong number of array subscripts",
        detail: "Low bound array has different size than dimensions array.")
    }
    if sizes.count > ArrayValue.maximumDimensions {
      throw SQLError(
        .programLimitExceeded,
        "number of array dimensions (\(sizes.count)) exceeds the maximum allowed (\(ArrayValue.maximumDimensions))")
    }
    var count = 1
    for size in sizes {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      if size < 0 || overflow || product > 1 << 24 {
        throw SQLError(.programLimitExceeded, "array size exceeds the maximum allowed (134217727)")
      }
      count = product
    }
    if sizes.isEmpty || count == 0 { return ArrayValue(elementOID: element.oid, []).bytes }
    return ArrayValue(
      elementOID: element.oid,
      dimensions: zip(sizes, first).map { ArrayValue.Dimension(length: $0, lowerBound: $1) },
      elements: Array(repeating: value, count: count)
    ).bytes
  }
}
