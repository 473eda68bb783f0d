// JSON documents as rows: json_populate_record, json_to_record and their kin. The planner says what row is wanted.
// Source: PostgreSQL manual, 9.16; its jsonfuncs.c for the messages.

import SQLTypes

public enum JSONPopulation {
  /// Whether a function of this name makes rows of documents: over a base row or not, one or many.
  public static func rule(of name: String) -> (isBinary: Bool, hasBase: Bool, givesSet: Bool)? {
    for (prefix, isBinary) in [("json_", false), ("jsonb_", true)] where name.hasPrefix(prefix) {
      switch name.dropFirst(prefix.count) {
      case "populate_record": return (isBinary, true, false)
      case "populate_recordset": return (isBinary, true, true)
      case "to_record": return (isBinary, false, false)
      case "to_recordset": return (isBinary, false, true)
      default: return nil
      }
    }
    return nil
  }

  /// `name(base, document)`: one row of `row`'s shape.
  public static func recordFunction(_ name: String, row: SQLType, document: SQLType) -> ScalarFunction {
    ScalarFunction(
      name, [row, document], returns: row, volatility: .stable, isStrict: false, broadcasts: true
    ) { (a, n, context) throws(SQLError) in
      guard let shape = RowShape.of(row) else { throw undetermined(name) }
      return try mapAllRows(a, n) { (reader) throws(SQLError) -> [UInt8]? in
        let base = reader.isNull(0) ? nil : try RowValue(reader.bytes(0))
        if reader.isNull(1) { return base?.bytes }
        return try reader.text(1) { (text) throws(SQLError) in
          let cursor = JSONCursor(text)
          if cursor.kind(cursor.root) == .null { return nil }
          return try Populator(cursor: cursor, settings: context.settings)
            .row(cursor.root, shape, base: base).bytes
        }
      }
    }
  }

  /// `name(base, document)`: a row for each element.
  public static func setFunction(_ name: String, row: SQLType, document: SQLType, shape: RowShape) -> TableFunction {
    TableFunction(
      name, [row, document], columns: shape.fields.map { ($0.name, $0.type) }, volatility: .stable, isStrict: false
    ) { (a, context) throws(SQLError) in
      var columns = shape.fields.map { ColumnVector($0.type.kind) }
      let base: RowValue? = if case .bytes(let bytes) = a[0] { try RowValue(bytes) } else { nil }
      guard case .bytes(let text) = a[1] else { return PreparedRows(columns) }
      try text.withBytes { (bytes: Bytes) throws(SQLError) in
        let cursor = JSONCursor(bytes)
        switch cursor.kind(cursor.root) {
        case .array: break
        case .object: throw SQLError(.invalidParameterValue, "cannot call \(name) on an object")
        default: throw SQLError(.invalidParameterValue, "cannot call \(name) on a scalar")
        }
        let populator = Populator(cursor: cursor, settings: context.settings)
        try cursor.forEachElement(cursor.root) { (element) throws(SQLError) in
          guard cursor.kind(element) == .object else {
            throw SQLError(.invalidParameterValue, "argument of \(name) must be an array of objects")
          }
          let row = try populator.row(element, shape, base: base)
          for index in columns.indices { columns[index].append(row.values[index]) }
          return true
        }
      }
      return PreparedRows(columns)
    }
  }

  public static func undetermined(_ name: String) -> SQLError {
    SQLError(
      .featureNotSupported, "could not determine row type for result of \(name)",
      hint:
        "Provide a non-null record argument, or call the function in the FROM clause using a column definition list.")
  }
}

private struct Populator {
  let cursor: JSONCursor
  let settings: FormatSettings

  func row(_ value: Range<Int>, _ shape: RowShape, base: RowValue?) throws(SQLError) -> RowValue {
    switch cursor.kind(value) {
    case .object: break
    case .array: throw SQLError(.invalidParameterValue, "cannot call populate_composite on an array")
    default: throw SQLError(.invalidParameterValue, "cannot call populate_composite on a scalar")
    }
    var row = RowValue(types: shape.fields.map(\.type.oid), values: [])
    for (index, field) in shape.fields.enumerated() {
      let found = Array(field.name.utf8).withUnsafeBytes { cursor.member(value, $0) }
      if let found {
        let known = base.flatMap { index < $0.values.count ? $0.values[index] : nil } ?? .null
        row.values.append(try self.value(found, field.type, base: known))
      } else if let base, index < base.values.count, base.types[index] == field.type.oid {
        row.values.append(base.values[index])
      } else {
        row.values.append(.null)
      }
    }
    return row
  }

  private func value(_ value: Range<Int>, _ type: SQLType, base: Datum = .null) throws(SQLError) -> Datum {
    let kind = cursor.kind(value)
    guard let info = TypeInfo.find(type.oid) else { return .null }
    if type.oid == SQLType.json.oid || type.oid == SQLType.jsonb.oid {
      if kind == .null && type.oid == SQLType.json.oid { return .null }
      return try info.input(Array(cursor.bytes[value]), settings: settings)
    }
    if kind == .null { return .null }
    if info.category == .composite || type.oid == SQLType.record.oid, let shape = RowShape.of(type) {
      if kind == .string { return try info.input(cursor.string(value), settings: settings) }
      let known: RowValue? = if case .bytes(let bytes) = base { try? RowValue(bytes) } else { nil }
      return try row(value, shape, base: known).datum
    }
    if info.isArray {
      if kind == .string { return try info.input(cursor.string(value), modifier: type.modifier, settings: settings) }
      return try array(value, SQLType(info.elementOID, modifier: type.modifier))
    }
    let text = kind == .string ? cursor.string(value) : Array(cursor.bytes[value])
    return try info.input(text, modifier: type.modifier, settings: settings)
  }

  private static let expectedArray = SQLError(.invalidTextRepresentation, "expected JSON array")
  private static let malformedArray = SQLError(
    .invalidTextRepresentation, "malformed JSON array",
    detail: "Multidimensional arrays must have sub-arrays with matching dimensions.")

  /// An array of as many dimensions as its first elements are nested.
  private func array(_ value: Range<Int>, _ element: SQLType) throws(SQLError) -> Datum {
    guard cursor.kind(value) == .array else { throw Self.expectedArray }
    var lengths: [Int?] = []
    var depth: Int?
    var elements: [Datum] = []
    func add(_ value: Range<Int>, _ level: Int) throws(SQLError) {
      guard cursor.kind(value) == .array else { throw Self.expectedArray }
      if lengths.count == level { lengths.append(nil) }
      var count = 0
      var isFirst = true
      try cursor.forEachElement(value) { (item) throws(SQLError) in
        if isFirst, depth == nil, cursor.kind(item) != .array { depth = level + 1 }
        isFirst = false
        if let depth, level + 1 >= depth {
          elements.append(try self.value(item, element))
        } else {
          try add(item, level + 1)
        }
        count += 1
        return true
      }
      if depth == nil { depth = level + 1 }
      if let known = lengths[level] {
        if known != count { throw Self.malformedArray }
      } else {
        lengths[level] = count
      }
    }
    try add(value, 0)
    let dimensions = elements.isEmpty ? [] : lengths.map { ArrayValue.Dimension(length: $0 ?? 0) }
    return ArrayValue(elementOID: element.oid, dimensions: dimensions, elements: elements).datum
  }
}
