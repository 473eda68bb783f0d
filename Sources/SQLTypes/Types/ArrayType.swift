// Text and binary forms of array types: `{a,b,NULL,"x y"}`, `[0:1]={1,2}`, `{{1,2},{3,4}}`; and of the two
// old vector
// types of the catalog, shown as `1 2 3`.

struct ArrayType: TypeBehavior {
  let elementOID: OID

  static func info(_ element: TypeInfo) -> TypeInfo {
    TypeInfo(
      element.arrayOID.rawValue, "_" + element.name, element.sqlName + "[]", kind: .bytes, length: -1,
      category: element.category == .pseudo ? .pseudo : .array, element: element.oid.rawValue,
      order: element.isOrderable ? .array : .none, behavior: ArrayType(elementOID: element.oid))
  }

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    var parser = ArrayParser(text)
    try parser.parse()
    guard let element = TypeInfo.find(elementOID) else { throw ArrayReader.malformed }
    var elements: [Datum] = []
    elements.reserveCapacity(parser.elements.count)
    for item in parser.elements {
      guard let item else {
        elements.append(.null)
        continue
      }
      elements.append(try element.input(item, modifier: modifier, settings: settings))
    }
    return ArrayValue(elementOID: elementOID, dimensions: parser.dimensions, elements: elements).datum
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { bytes in
      guard let value = try? ArrayValue(bytes), let type = TypeInfo.find(value.elementOID) else { return }
      ArrayType.append(value, type, settings, &output)
    }
  }

  private static func append(
    _ value: ArrayValue, _ type: TypeInfo, _ settings: FormatSettings, _ output: inout [UInt8]
  ) {
    if value.dimensions.isEmpty {
      output.append(contentsOf: "{}".utf8)
      return
    }
    if value.dimensions.contains(where: { $0.lowerBound != 1 }) {
      for dimension in value.dimensions {
        output.append(UInt8(ascii: "["))
        Text.append(Int64(dimension.lowerBound), to: &output)
        output.append(UInt8(ascii: ":"))
        Text.append(Int64(dimension.lowerBound) + Int64(dimension.length) - 1, to: &output)
        output.append(UInt8(ascii: "]"))
      }
      output.append(UInt8(ascii: "="))
    }
    // A brace opens wherever the element's index is a multiple of an inner dimension's size.
    var sizes: [Int] = []
    var size = 1
    for dimension in value.dimensions.reversed() {
      size *= dimension.length
      sizes.append(size)
    }
    for (index, element) in value.elements.enumerated() {
      if index > 0 { output.append(type.delimiter) }
      for size in sizes where index % size == 0 { output.append(UInt8(ascii: "{")) }
      if element.isNull {
        output.append(contentsOf: "NULL".utf8)
      } else {
        appendElement(type.text(element, settings: settings), type.delimiter, &output)
      }
      for size in sizes where (index + 1) % size == 0 { output.append(UInt8(ascii: "}")) }
    }
  }

  private static func appendElement(_ text: [UInt8], _ delimiter: UInt8, _ output: inout [UInt8]) {
    let isNullWord = text.count == 4 && text.map { Text.lower($0) } == Array("null".utf8)
    let needsQuotes =
      text.isEmpty || isNullWord
      || text.contains { byte in
        byte == delimiter || byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}")
          || byte == UInt8(ascii: "\"")
          || byte == UInt8(ascii: "\\") || Text.isBlank(byte)
      }
    guard needsQuotes else {
      output.append(contentsOf: text)
      return
    }
    output.append(UInt8(ascii: "\""))
    for byte in text {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { output.append(UInt8(ascii: "\\")) }
      output.append(byte)
    }
    output.append(UInt8(ascii: "\""))
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    // The elements are read one by one: they must be well formed before anything compares or shows them.
    let value = try ArrayValue(bytes)
    if value.elementOID != elementOID {
      throw SQLError(
        .datatypeMismatch,
        "binary data has array element type \(value.elementOID) "
          + "(\(TypeInfo.format(SQLType(value.elementOID)))) instead of expected \(elementOID) "
          + "(\(TypeInfo.format(SQLType(elementOID))))")
    }
    return value.datum
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
  }

  func coerce(_ value: Datum, modifier: Int32, isExplicit: Bool) throws(SQLError) -> Datum {
    guard case .bytes(let bytes) = value, let element = TypeInfo.find(elementOID) else { return value }
    var array = try ArrayValue(bytes)
    for index in array.elements.indices {
      array.elements[index] = try element.coerce(
        array.elements[index], modifier: modifier, isExplicit: isExplicit)
    }
    return array.datum
  }

  func modifier(_ arguments: [Int64]) throws(SQLError) -> Int32? {
    guard let element = TypeInfo.find(elementOID) else { return nil }
    return try element.behavior.modifier(arguments)
  }

  func displayName(_ name: String, modifier: Int32) -> String {
    (TypeInfo.find(elementOID)?.formatted(modifier: modifier) ?? "???") + "[]"
  }
}

/// Splits an array literal into its elements' texts.
struct ArrayParser {
  private let text: UnsafeRawBufferPointer
  private var index = 0
  var dimensions: [ArrayValue.Dimension] = []
  /// nil: NULL.
  var elements: [[UInt8]?] = []
  private var explicit: [ArrayValue.Dimension] = []
  /// Length of each nesting depth, once its first list has closed.
  private var lengths: [Int?] = []
  /// The depth at which elements stand, once the first was seen.
  private var elementDepth: Int?

  /// Where the braces begin: errors about them show the text from there.
  private var shownFrom = 0

  init(_ text: UnsafeRawBufferPointer) { self.text = text }

  private func malformed(_ detail: String) -> SQLError {
    SQLError(
      .invalidTextRepresentation,
      "malformed array literal: \"\(Text.string(UnsafeRawBufferPointer(rebasing: text[shownFrom...])))\"",
      detail: detail)
  }

  mutating func parse() throws(SQLError) {
    index = Text.skipBlanks(text, 0)
    while index < text.count, text[index] == UInt8(ascii: "[") { try parseBounds() }
    if !explicit.isEmpty {
      guard index < text.count, text[index] == UInt8(ascii: "=") else {
        throw malformed("Missing \"=\" after array dimensions.")
      }
      index = Text.skipBlanks(text, index + 1)
    }
    guard index < text.count, text[index] == UInt8(ascii: "{") else {
      throw malformed(
        explicit.isEmpty
          ? "Array value must start with \"{\" or dimension information."
          : "Array contents must start with \"{\".")
    }
    shownFrom = index
    try parseList(depth: 0)
    index = Text.skipBlanks(text, index)
    if index < text.count { throw malformed("Junk after closing right brace.") }
    shownFrom = 0
    if elements.isEmpty {
      if !explicit.isEmpty { throw malformed("Specified array dimensions do not match array contents.") }
      return
    }
    for length in lengths {
      dimensions.append(ArrayValue.Dimension(length: length ?? 0))
    }
    guard explicit.isEmpty || explicit.map(\.length) == dimensions.map(\.length) else {
      throw malformed("Specified array dimensions do not match array contents.")
    }
    if !explicit.isEmpty { dimensions = explicit }
  }

  private mutating func parseBounds() throws(SQLError) {
    index += 1
    var bounds: [Int] = []
    while true {
      var digits = ""
      while index < text.count,
        Text.isDigit(text[index]) || text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+")
      {
        digits.unicodeScalars.append(Unicode.Scalar(text[index]))
        index += 1
      }
      guard let bound = Int32(digits) else {
        throw malformed("\"[\" must introduce explicitly-specified array dimensions.")
      }
      bounds.append(Int(bound))
      guard index < text.count else { throw malformed("Missing \"]\" after array dimensions.") }
      if text[index] == UInt8(ascii: ":"), bounds.count == 1 {
        index += 1
      } else if text[index] == UInt8(ascii: "]") {
        index += 1
        break
      } else {
        throw malformed("Missing \"]\" after array dimensions.")
      }
    }
    let lower = bounds.count == 2 ? bounds[0] : 1
    let upper = bounds[bounds.count - 1]
    if upper < lower { throw SQLError(.arraySubscriptError, "upper bound cannot be less than lower bound") }
    if explicit.count == ArrayValue.maximumDimensions { throw tooDeep(explicit.count + 1) }
    explicit.append(ArrayValue.Dimension(length: upper - lower + 1, lowerBound: lower))
    index = Text.skipBlanks(text, index)
  }

  private func unexpected() -> SQLError {
    malformed("Unexpected \"\(Text.string(UnsafeRawBufferPointer(rebasing: text[index...index])))\" character.")
  }

  private func tooDeep(_ count: Int) -> SQLError {
    SQLError(
      .programLimitExceeded,
      "number of array dimensions (\(count)) exceeds the maximum allowed (\(ArrayValue.maximumDimensions))")
  }

  private let mismatch = "Multidimensional arrays must have sub-arrays with matching dimensions."

  /// From the opening brace past the closing one.
  private mutating func parseList(depth: Int) throws(SQLError) {
    if depth >= ArrayValue.maximumDimensions { throw tooDeep(depth + 1) }
    if lengths.count == depth {
      if let elementDepth, elementDepth < depth { throw malformed(mismatch) }
      lengths.append(nil)
    }
    index = Text.skipBlanks(text, index + 1)
    var count = 0
    if index < text.count, text[index] == UInt8(ascii: "}") {
      // Only the whole array may be empty.
      if depth > 0 { throw malformed("Unexpected \"}\" character.") }
      index += 1
    } else {
      while true {
        guard index < text.count else { throw malformed("Unexpected end of input.") }
        if text[index] == UInt8(ascii: "{") {
          if let elementDepth, elementDepth <= depth { throw malformed("Unexpected \"{\" character.") }
          try parseList(depth: depth + 1)
        } else {
          if text[index] == UInt8(ascii: ",") || text[index] == UInt8(ascii: "}") { throw unexpected() }
          if let elementDepth {
            if elementDepth != depth { throw malformed("Unexpected array element.") }
          } else if lengths.count > depth + 1 {
            throw malformed("Unexpected array element.")
          }
          elementDepth = depth
          elements.append(try parseElement())
        }
        count += 1
        index = Text.skipBlanks(text, index)
        guard index < text.count else { throw malformed("Unexpected end of input.") }
        if text[index] == UInt8(ascii: ",") {
          index = Text.skipBlanks(text, index + 1)
        } else if text[index] == UInt8(ascii: "}") {
          index += 1
          break
        } else {
          let isPunctuation = text[index] == UInt8(ascii: "{") || text[index] == UInt8(ascii: "\\")
          throw isPunctuation ? unexpected() : malformed("Unexpected array element.")
        }
      }
    }
    if let length = lengths[depth] {
      if length != count { throw malformed(mismatch) }
    } else {
      lengths[depth] = count
    }
  }

  private mutating func parseElement() throws(SQLError) -> [UInt8]? {
    var value: [UInt8] = []
    if text[index] == UInt8(ascii: "\"") {
      index += 1
      while true {
        guard index < text.count else { throw malformed("Unexpected end of input.") }
        let byte = text[index]
        index += 1
        if byte == UInt8(ascii: "\"") { return value }
        if byte == UInt8(ascii: "\\") {
          guard index < text.count else { throw malformed("Unexpected end of input.") }
          value.append(text[index])
          index += 1
        } else {
          value.append(byte)
        }
      }
    }
    // Blanks at the end do not count unless they are escaped.
    var significant = 0
    var escaped = false
    scan: while index < text.count {
      let byte = text[index]
      switch byte {
      case UInt8(ascii: ","), UInt8(ascii: "}"): break scan
      case UInt8(ascii: "{"): throw malformed("Unexpected \"{\" character.")
      case UInt8(ascii: "\""): throw malformed("Unexpected array element.")
      case UInt8(ascii: "\\"):
        guard index + 1 < text.count else { throw malformed("Unexpected end of input.") }
        value.append(text[index + 1])
        significant = value.count
        escaped = true
        index += 2
      default:
        value.append(byte)
        if !Text.isBlank(byte) { significant = value.count }
        index += 1
      }
    }
    value.removeSubrange(significant...)
    if value.isEmpty {
      throw malformed(
        index < text.count
          ? "Unexpected \"\(Text.string(UnsafeRawBufferPointer(rebasing: text[index...index])))\" character."
          : "Unexpected end of input.")
    }
    if !escaped, value.count == 4, value.map({ Text.lower($0) }) == Array("null".utf8) { return nil }
    return value
  }
}

/// `int2vector` and `oidvector`: arrays of one dimension from 0 on, shown as numbers between blanks.
struct VectorType: TypeBehavior {
  let elementOID: OID

  static let infos: [TypeInfo] = [
    TypeInfo(
      22, "int2vector", kind: .bytes, length: -1, category: .array, array: 1006, element: 21, order: .array,
      behavior: VectorType(elementOID: OID(21))),
    TypeInfo(
      30, "oidvector", kind: .bytes, length: -1, category: .array, array: 1013, element: 26, order: .array,
      behavior: VectorType(elementOID: OID(26))),
  ]

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    guard let element = TypeInfo.find(elementOID) else { throw ArrayReader.malformed }
    var elements: [Datum] = []
    var index = Text.skipBlanks(text, 0)
    while index < text.count {
      let start = index
      while index < text.count, !Text.isBlank(text[index]) { index += 1 }
      elements.append(
        try element.input(UnsafeRawBufferPointer(rebasing: text[start..<index]), settings: settings))
      index = Text.skipBlanks(text, index)
    }
    return ArrayValue(
      elementOID: elementOID, dimensions: [ArrayValue.Dimension(length: elements.count, lowerBound: 0)],
      elements: elements
    ).datum
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { bytes in
      guard let value = try? ArrayValue(bytes) else { return }
      for (index, element) in value.elements.enumerated() {
        if index > 0 { output.append(0x20) }
        if case .int64(let number) = element { Text.append(number, to: &output) }
      }
    }
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    try ArrayType(elementOID: elementOID).receive(bytes, modifier: modifier, settings: settings)
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
  }
}
