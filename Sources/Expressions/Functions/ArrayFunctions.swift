// Arrays: constructor, subscript, `= ANY`, comparison, and the everyday functions; GREATEST and LEAST of any type.
// Source: PostgreSQL manual, 8.15, 9.19, 9.24, 9.18.4.

import SQLTypes

/// GREATEST and LEAST.
enum Extremes {
  static func function(greatest: Bool, _ type: SQLType, count: Int) throws(SQLError) -> ScalarFunction {
    let kernel = try kernel(greatest: greatest, type)
    return ScalarFunction(
      greatest ? "greatest" : "least", Array(repeating: type, count: count), returns: type, isStrict: false,
      broadcasts: true, kernel: kernel)
  }

  static func kernel(greatest: Bool, _ type: SQLType) throws(SQLError) -> ScalarKernel {
    guard let info = TypeInfo.find(type.oid), info.isOrderable else {
      throw SQLError(
        .undefinedFunction, "could not identify a comparison function for type \(type.displayName)")
    }
    return { (a, n, _) throws(SQLError) in
      var result = ColumnVector(info.kind, capacity: n)
      for row in 0..<n {
        var best = -1
        for index in a.indices {
          let place = row & lastRow(a[index])
          if a[index].nulls[place] { continue }
          if best < 0 {
            best = index
            continue
          }
          let order = info.compare(a[index], place, a[best], row & lastRow(a[best]))
          if greatest ? order > 0 : order < 0 { best = index }
        }
        if best < 0 { result.appendNull() } else { result.append(a[best], row: row & lastRow(a[best])) }
      }
      return result
    }
  }
}

/// `x op ANY (array)` and `x op ALL (array)`.
enum ArrayQuantifier {
  static func function(_ comparison: ScalarFunction, arrayType: SQLType, all: Bool) -> ScalarFunction {
    ScalarFunction(
      "\(comparison.name) \(all ? "ALL" : "ANY")", [comparison.arguments[0], arrayType], returns: .bool,
      volatility: comparison.volatility, isStrict: true, broadcasts: true
    ) { (a, n, context) throws(SQLError) in
      var result = ColumnVector(.int64, capacity: n)
      var constantElements: ColumnVector?
      for row in 0..<n {
        let place = row & lastRow(a[0])
        if a[0].nulls[place] || a[1].nulls[row & lastRow(a[1])] {
          result.appendNull()
          continue
        }
        let elements: ColumnVector
        if let constantElements {
          elements = constantElements
        } else {
          elements = try ArrayQuantifier.elements(a[1], row & lastRow(a[1]), comparison.arguments[1])
          if a[1].count == 1 { constantElements = elements }
        }
        if elements.count == 0 {
          result.int64s.append(all.int64)
          continue
        }
        let value = a[0].count == 1 ? a[0] : a[0].gather([Int32(row)])
        let truth = Evaluator.expand(
          try Evaluator.apply(comparison, [value, elements], elements.count, context), elements.count)
        var decided = false
        var sawNull = false
        for index in 0..<truth.count {
          if truth.nulls[index] {
            sawNull = true
          } else if (truth.int64s[index] != 0) != all {
            decided = true
            break
          }
        }
        if !decided && sawNull { result.appendNull() } else { result.int64s.append((decided != all).int64) }
      }
      return result
    }
  }

  static func elements(_ column: ColumnVector, _ row: Int, _ type: SQLType) throws(SQLError) -> ColumnVector {
    let array = try ArrayValue(column.bytes[row])
    var elements = ColumnVector(type.kind, capacity: array.elements.count)
    for element in array.elements { elements.append(element) }
    return elements
  }
}

/// `ARRAY[…]`.
enum ArrayConstructor {
  static func call(
    _ elements: [ScalarExpression], _ type: SQLType, _ position: Int32
  ) throws(SQLError) -> ScalarExpression {
    let isNested = type.isArray
    guard let result = isNested ? type : type.array else {
      throw SQLError(.undefinedObject, "could not find array type for data type \(type.displayName)")
    }
    let elementOID = isNested ? (type.element ?? type).oid : type.oid
    let function = ScalarFunction(
      "array", Array(repeating: type, count: elements.count), returns: result.unmodified, isStrict: false,
      broadcasts: true
    ) { (a, n, _) throws(SQLError) in
      try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8] in
        if !isNested { return ArrayValue(elementOID: elementOID, a.indices.map { row.datum($0) }).bytes }
        return try nest(a.indices.map { row.datum($0) }, elementOID).bytes
      }
    }
    return .call(function, elements, type: result.unmodified, position: position)
  }

  private static func nest(_ parts: [Datum], _ elementOID: OID) throws(SQLError) -> ArrayValue {
    let mismatch = SQLError(
      .arraySubscriptError, "multidimensional arrays must have array expressions with matching dimensions")
    var inner: [ArrayValue.Dimension]?
    var elements: [Datum] = []
    for part in parts {
      guard case .bytes(let bytes) = part else { throw mismatch }
      let array = try ArrayValue(bytes)
      if let inner, inner != array.dimensions { throw mismatch }
      inner = array.dimensions
      elements += array.elements
    }
    guard let inner, !inner.isEmpty else { return ArrayValue(elementOID: elementOID, []) }
    if inner.count >= ArrayValue.maximumDimensions {
      throw SQLError(
        .programLimitExceeded,
        "number of array dimensions (\(inner.count + 1)) exceeds the maximum allowed (\(ArrayValue.maximumDimensions))")
    }
    return ArrayValue(
      elementOID: elementOID, dimensions: [ArrayValue.Dimension(length: parts.count)] + inner, elements: elements)
  }
}

extension FunctionCatalog {
  mutating func addArrays() {
    for comparison in Comparison.allCases {
      polymorphic(comparison.name, [.anyarray, .anyarray], .bool, form: .infix, comparison: comparison) {
        (types) throws(SQLError) in try comparisonKernel(comparison, types[0])
      }
    }
    addExtremes()
    addArrayShape()
    addArrayChanges()
    addArrayText()
  }

  /// All six comparisons of a type through its order.
  mutating func compareByOrder(_ type: SQLType) {
    for comparison in Comparison.allCases {
      guard let kernel = try? comparisonKernel(comparison, type) else { continue }
      compare(comparison, type, type, kernel: kernel)
    }
  }

  private mutating func addExtremes() {
    for greatest in [true, false] {
      polymorphic(
        greatest ? "greatest" : "least", [.anycompatible], .anycompatible, variadic: .anycompatible, isStrict: false
      ) { (types) throws(SQLError) in try Extremes.kernel(greatest: greatest, types[0]) }
    }
  }

  private mutating func addArrayShape() {
    let shapes: [(String, @Sendable (ArrayValue.Dimension) -> Int)] = [
      ("array_length", { @Sendable d in d.length }),
      ("array_lower", { @Sendable d in d.lowerBound }),
      ("array_upper", { @Sendable d in d.lowerBound + d.length - 1 }),
    ]
    for (name, pick) in shapes {
      polymorphic(name, [.anyarray, .int4], .int4) { (_) in
        { (a, n, _) throws(SQLError) in
          try map2(a, n) { (x: Bytes, dimension: Int64) throws(SQLError) -> Int64? in
            let dimensions = try ArrayReader(x).dimensions
            guard dimension >= 1 && dimension <= Int64(dimensions.count) else { return nil }
            return Int64(pick(dimensions[Int(dimension) - 1]))
          }
        }
      }
    }
    polymorphic("array_ndims", [.anyarray], .int4) { (_) in
      { (a, n, _) throws(SQLError) in
        try map1(a, n) { (x: Bytes) throws(SQLError) -> Int64? in
          let count = try ArrayReader(x).dimensions.count
          return count == 0 ? nil : Int64(count)
        }
      }
    }
    polymorphic("cardinality", [.anyarray], .int4) { (_) in
      { (a, n, _) throws(SQLError) in
        try map1(a, n) { (x: Bytes) throws(SQLError) -> Int64 in Int64(try ArrayReader(x).elementCount) }
      }
    }
    // The binder turns `a[i]` into a call of this; a subscript out of range gives NULL.
    polymorphic("array_subscript", [.anyarray, .int4], .anyelement) { (types) in
      let kind = (types[0].element ?? .text).kind
      return { (a, n, _) throws(SQLError) in
        var result = ColumnVector(kind, capacity: n)
        for row in 0..<n {
          let place = row & lastRow(a[0])
          let index = row & lastRow(a[1])
          guard !a[0].nulls[place], !a[1].nulls[index] else {
            result.appendNull()
            continue
          }
          let array = try ArrayValue(a[0].bytes[place])
          let (offset, overflow) = a[1].int64s[index].subtractingReportingOverflow(
            Int64(array.dimensions.first?.lowerBound ?? 1))
          if array.dimensions.count == 1 && !overflow && offset >= 0 && offset < Int64(array.elements.count) {
            result.append(array.elements[Int(offset)])
          } else {
            result.appendNull()
          }
        }
        return result
      }
    }
  }

  private mutating func addArrayChanges() {
    let append: @Sendable ([SQLType]) -> ScalarKernel = { types in
      let element = types[1]
      return { (a, n, _) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8] in
          var array = try oneDimension(row, 0, element)
          array.elements.append(row.datum(1))
          return ArrayValue(
            elementOID: element.oid, array.elements, lowerBound: array.dimensions.first?.lowerBound ?? 1
          ).bytes
        }
      }
    }
    let prepend: @Sendable ([SQLType]) -> ScalarKernel = { types in
      let element = types[0]
      return { (a, n, _) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8] in
          let array = try oneDimension(row, 1, element)
          return ArrayValue(
            elementOID: element.oid, [row.datum(0)] + array.elements,
            lowerBound: array.dimensions.first?.lowerBound ?? 1
          ).bytes
        }
      }
    }
    let join: @Sendable ([SQLType]) -> ScalarKernel = { _ in
      { (a, n, _) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
          if row.isNull(0) { return row.isNull(1) ? nil : a[1].bytes[row.index(1)] }
          if row.isNull(1) { return a[0].bytes[row.index(0)] }
          let left = try ArrayValue(a[0].bytes[row.index(0)])
          let right = try ArrayValue(a[1].bytes[row.index(1)])
          if right.dimensions.isEmpty { return left.bytes }
          if left.dimensions.isEmpty { return right.bytes }
          // An array of one dimension less is one more element.
          if abs(left.dimensions.count - right.dimensions.count) == 1 {
            let (whole, part) = left.dimensions.count > right.dimensions.count ? (left, right) : (right, left)
            if whole.dimensions.dropFirst().elementsEqual(part.dimensions) {
              var dimensions = whole.dimensions
              dimensions[0].length += 1
              return ArrayValue(
                elementOID: left.elementOID, dimensions: dimensions, elements: left.elements + right.elements
              ).bytes
            }
          }
          guard left.dimensions.count == right.dimensions.count,
            left.dimensions.dropFirst() == right.dimensions.dropFirst()
          else {
            throw SQLError(
              .arraySubscriptError, "cannot concatenate incompatible arrays",
              detail: "Arrays with differing dimensions are not compatible for concatenation.")
          }
          var dimensions = left.dimensions
          dimensions[0].length += right.dimensions[0].length
          return ArrayValue(
            elementOID: left.elementOID, dimensions: dimensions, elements: left.elements + right.elements
          ).bytes
        }
      }
    }
    polymorphic(
      "array_append", [.anycompatiblearray, .anycompatible], .anycompatiblearray, isStrict: false, specialize: append)
    polymorphic(
      "array_prepend", [.anycompatible, .anycompatiblearray], .anycompatiblearray, isStrict: false, specialize: prepend)
    polymorphic(
      "array_cat", [.anycompatiblearray, .anycompatiblearray], .anycompatiblearray, isStrict: false, specialize: join)
    polymorphic(
      "||", [.anycompatiblearray, .anycompatible], .anycompatiblearray, isStrict: false, form: .infix,
      specialize: append)
    polymorphic(
      "||", [.anycompatible, .anycompatiblearray], .anycompatiblearray, isStrict: false, form: .infix,
      specialize: prepend)
    polymorphic(
      "||", [.anycompatiblearray, .anycompatiblearray], .anycompatiblearray, isStrict: false, form: .infix,
      specialize: join)
    polymorphic("array_position", [.anycompatiblearray, .anycompatible], .int4, isStrict: false) { (types) in
      let info = TypeInfo.find(types[1].oid)
      return { (a, n, _) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> Int64? in
          if row.isNull(0) { return nil }
          let array = try ArrayValue(a[0].bytes[row.index(0)])
          if array.dimensions.count > 1 {
            throw SQLError(
              .featureNotSupported, "searching for elements in multidimensional arrays is not supported")
          }
          let wanted = row.datum(1)
          let found = array.elements.firstIndex { isSame($0, wanted, info) }
          return found.map { Int64($0 + (array.dimensions.first?.lowerBound ?? 1)) }
        }
      }
    }
    polymorphic("array_remove", [.anycompatiblearray, .anycompatible], .anycompatiblearray, isStrict: false) {
      (types) in
      let info = TypeInfo.find(types[1].oid)
      return { (a, n, _) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
          if row.isNull(0) { return nil }
          let array = try ArrayValue(a[0].bytes[row.index(0)])
          if array.dimensions.count > 1 {
            throw SQLError(
              .featureNotSupported, "removing elements from multidimensional arrays is not supported")
          }
          let unwanted = row.datum(1)
          return ArrayValue(
            elementOID: array.elementOID, array.elements.filter { !isSame($0, unwanted, info) },
            lowerBound: array.dimensions.first?.lowerBound ?? 1
          ).bytes
        }
      }
    }
    // Containment and overlap.
    let tests: [(String, @Sendable ([Datum], [Datum], TypeInfo?) -> Bool)] = [
      ("@>", { @Sendable (a, b, info) in b.allSatisfy { x in a.contains { isEqual($0, x, info) } } }),
      ("<@", { @Sendable (a, b, info) in a.allSatisfy { x in b.contains { isEqual($0, x, info) } } }),
      ("&&", { @Sendable (a, b, info) in a.contains { x in b.contains { isEqual($0, x, info) } } }),
    ]
    for (symbol, test) in tests {
      polymorphic(symbol, [.anyarray, .anyarray], .bool, form: .infix) { (types) in
        let info = types[0].element.flatMap { TypeInfo.find($0.oid) }
        return { (a, n, _) throws(SQLError) in
          try map2(a, n) { (x: Bytes, y: Bytes) throws(SQLError) -> Bool in
            test(try ArrayValue(x).elements, try ArrayValue(y).elements, info)
          }
        }
      }
    }
  }

  private mutating func addArrayText() {
    for count in [2, 3] {
      polymorphic(
        "array_to_string", [.anyarray, .text] + (count == 3 ? [.text] : []), .text, .stable, isStrict: false
      ) { (types) in
        let info = types[0].element.flatMap { TypeInfo.find($0.oid) }
        return { (a, n, context) throws(SQLError) in
          try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
            guard !row.isNull(0), !row.isNull(1), let info else { return nil }
            var out: [UInt8] = []
            var isFirst = true
            for element in try ArrayValue(a[0].bytes[row.index(0)]).elements {
              if element.isNull && (count == 2 || row.isNull(2)) { continue }
              if !isFirst { out.append(contentsOf: a[1].bytes[row.index(1)]) }
              isFirst = false
              out += element.isNull ? a[2].bytes[row.index(2)] : info.text(element, settings: context.settings)
              try out.checkRoom(for: 0)
            }
            return out
          }
        }
      }
      function("string_to_array", [.text, .text] + (count == 3 ? [.text] : []), .textArray, isStrict: false) {
        (a, n, _) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
          if row.isNull(0) { return nil }
          let text = a[0].bytes[row.index(0)]
          let parts = row.isNull(1) ? TextSplit.characters(text) : TextSplit.parts(text, a[1].bytes[row.index(1)])
          let null = count == 3 && !row.isNull(2) ? a[2].bytes[row.index(2)] : nil
          return ArrayValue(
            elementOID: SQLType.text.oid, parts.map { $0 == null ? .null : .bytes($0) }
          ).bytes
        }
      }
    }
  }
}

/// Text in parts.
enum TextSplit {
  static func characters(_ text: [UInt8]) -> [[UInt8]] {
    text.withUnsafeBytes { bytes in
      var parts: [[UInt8]] = []
      var index = 0
      while index < bytes.count {
        let length = UTF8Text.length(bytes, at: index)
        parts.append(Array(bytes.part(index..<index + length)))
        index += length
      }
      return parts
    }
  }

  /// No parts for the empty text; the whole for an empty delimiter.
  static func parts(_ text: [UInt8], _ delimiter: [UInt8]) -> [[UInt8]] {
    if text.isEmpty { return [] }
    if delimiter.isEmpty { return [text] }
    return text.withUnsafeBytes { text in
      delimiter.withUnsafeBytes { delimiter in
        var parts: [[UInt8]] = []
        var from = 0
        while let found = UTF8Text.find(delimiter, in: text, from: from) {
          parts.append(Array(text.part(from..<found)))
          from = found + delimiter.count
        }
        parts.append(Array(text.part(from..<text.count)))
        return parts
      }
    }
  }
}

private func isEqual(_ a: Datum, _ b: Datum, _ info: TypeInfo?) -> Bool {
  if a.isNull || b.isNull { return false }
  return info.map { $0.compare(a, b) == 0 } ?? (a == b)
}

private func isSame(_ a: Datum, _ b: Datum, _ info: TypeInfo?) -> Bool {
  a.isNull || b.isNull ? a.isNull && b.isNull : isEqual(a, b, info)
}

/// The array of an argument, empty for NULL, that a single element joins.
private func oneDimension(_ row: RowReader, _ argument: Int, _ element: SQLType) throws(SQLError) -> ArrayValue {
  if row.isNull(argument) { return ArrayValue(elementOID: element.oid, []) }
  let array = try ArrayValue(row.arguments[argument].bytes[row.index(argument)])
  if array.dimensions.count > 1 {
    throw SQLError(.dataException, "argument must be empty or one-dimensional array")
  }
  return array
}

/// A comparison of two values of a type through the type's order.
func comparisonKernel(_ comparison: Comparison, _ type: SQLType) throws(SQLError) -> ScalarKernel {
  guard let info = TypeInfo.find(type.oid), info.isOrderable else {
    throw SQLError(
      .undefinedFunction, "could not identify a comparison function for type \(type.displayName)")
  }
  if let element = type.element, let info = TypeInfo.find(element.oid), !info.isOrderable {
    throw SQLError(
      .undefinedFunction, "could not identify a comparison function for type \(element.displayName)")
  }
  return { (a, n, _) throws(SQLError) in
    var result = ColumnVector(.int64, capacity: n)
    let nulls = nullMask(of: a, n)
    let (lastA, lastB) = (lastRow(a[0]), lastRow(a[1]))
    for row in 0..<n {
      if nulls[row] {
        result.appendNull()
        continue
      }
      let order = info.compare(a[0], row & lastA, a[1], row & lastB)
      let isTrue =
        switch comparison {
        case .equal: order == 0
        case .notEqual: order != 0
        case .less: order < 0
        case .lessOrEqual: order <= 0
        case .greater: order > 0
        case .greaterOrEqual: order >= 0
        }
      result.int64s.append(isTrue.int64)
    }
    return result
  }
}
