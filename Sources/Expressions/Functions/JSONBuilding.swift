// Values of any type as JSON: to_json, json_build_object and its kin, and the aggregates that gather documents.
// Source: PostgreSQL manual, 9.16 and 9.21; its json.c for how each type is written and for the blanks of json's text.

import SQLTypes

/// Writes values of one type as JSON text.
struct JSONPrinter: Sendable {
  private enum Form { case bool, number, date, timestamp, timestamptz, json, array, row, string }
  private let info: TypeInfo?
  private let form: Form
  /// Of a row whose fields are known: their names, and how they are written.
  private let fields: [(name: String, printer: JSONPrinter)]
  /// An array or a row, whose JSON stands on a line of its own among others.
  let isContainer: Bool

  init(_ type: SQLType) {
    info = TypeInfo.find(type.oid)
    form =
      switch type.oid {
      case SQLType.bool.oid: .bool
      case SQLType.int2.oid, SQLType.int4.oid, SQLType.int8.oid, SQLType.float4.oid, SQLType.float8.oid,
        SQLType.numeric.oid:
        .number
      case SQLType.date.oid: .date
      case SQLType.timestamp.oid: .timestamp
      case SQLType.timestamptz.oid: .timestamptz
      case SQLType.json.oid, SQLType.jsonb.oid: .json
      default: type.isRow ? .row : info?.isArray == true ? .array : .string
      }
    isContainer = form == .array || form == .row
    fields = RowShape.of(type)?.fields.map { ($0.name, JSONPrinter($0.type)) } ?? []
  }

  var isScalar: Bool { form != .json && form != .array && form != .row }

  /// Appends a value; NULL as null.
  func append(
    _ column: ColumnVector, _ row: Int, _ settings: FormatSettings, to out: inout [UInt8]
  ) throws(SQLError) {
    if column.nulls[row] {
      out.append(contentsOf: "null".utf8)
      return
    }
    switch form {
    case .bool: out.append(contentsOf: (column.int64s[row] != 0 ? "true" : "false").utf8)
    case .json: column.bytes.withBytes(row) { out.append(contentsOf: $0) }
    case .number:
      let text = self.text(column, row, settings)
      // NaN and the infinities are no JSON numbers.
      if text.last.map({ $0 >= 0x30 && $0 <= 0x39 }) == true {
        out.append(contentsOf: text)
      } else {
        JSONText.appendString(text, to: &out)
      }
    case .date: JSONText.appendString(text(column, row, settings), to: &out)
    case .timestamp, .timestamptz:
      var text = text(column, row, settings)
      if let blank = text.firstIndex(of: 0x20), text.first.map({ $0 >= 0x30 && $0 <= 0x39 }) == true {
        text[blank] = UInt8(ascii: "T")
        // A zone is written with its minutes.
        if form == .timestamptz,
          let sign = text.lastIndex(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }),
          sign > blank, text.count - sign == 3
        {
          text.append(contentsOf: ":00".utf8)
        }
      }
      JSONText.appendString(text, to: &out)
    case .array: try appendArray(try ArrayValue(column.bytes[row]), settings, to: &out)
    case .row: try appendRow(try RowValue(column.bytes[row]), settings, to: &out)
    case .string: JSONText.appendString(text(column, row, settings), to: &out)
    }
  }

  /// A row as an object of its fields; they are f1, f2, … where their names are not known.
  func appendRow(
    _ row: RowValue, _ settings: FormatSettings, lineFeeds: Bool = false, to out: inout [UInt8]
  ) throws(SQLError) {
    out.append(UInt8(ascii: "{"))
    for index in row.values.indices {
      if index > 0 { out.append(contentsOf: (lineFeeds ? ",\n " : ",").utf8) }
      let isKnown = index < fields.count
      JSONText.appendString((isKnown ? fields[index].name : "f\(index + 1)").utf8, to: &out)
      out.append(UInt8(ascii: ":"))
      let type = SQLType(row.types[index])
      let printer = isKnown ? fields[index].printer : JSONPrinter(type)
      var value = ColumnVector(type.kind)
      value.append(row.values[index])
      try printer.append(value, 0, settings, to: &out)
    }
    out.append(UInt8(ascii: "}"))
  }

  private func text(_ column: ColumnVector, _ row: Int, _ settings: FormatSettings) -> [UInt8] {
    var text: [UInt8] = []
    guard settings.dateStyle != .iso else {
      info?.output(column, row, settings: settings, into: &text)
      return text
    }
    // JSON's dates are ISO 8601, whatever the session's style.
    var settings = settings
    if form == .date || form == .timestamp || form == .timestamptz { settings.dateStyle = .iso }
    info?.output(column, row, settings: settings, into: &text)
    return text
  }

  /// `lineFeeds`: between the elements of the outermost dimension.
  func appendArray(
    _ array: ArrayValue, _ settings: FormatSettings, lineFeeds: Bool = false, to out: inout [UInt8]
  ) throws(SQLError) {
    guard let element = TypeInfo.find(array.elementOID) else { return }
    let printer = JSONPrinter(SQLType(array.elementOID))
    var values = ColumnVector(element.kind)
    for value in array.elements { values.append(value) }
    if array.dimensions.isEmpty {
      out.append(contentsOf: "[]".utf8)
      return
    }
    var next = 0
    func append(_ dimension: Int) throws(SQLError) {
      out.append(UInt8(ascii: "["))
      for index in 0..<array.dimensions[dimension].length {
        if index > 0 { out.append(contentsOf: (lineFeeds && dimension == 0 ? ",\n " : ",").utf8) }
        if dimension + 1 < array.dimensions.count {
          try append(dimension + 1)
        } else {
          try printer.append(values, next, settings, to: &out)
          next += 1
        }
      }
      out.append(UInt8(ascii: "]"))
    }
    try append(0)
  }

  /// Appends a value as a key: its text in quotes.
  func appendKey(
    _ column: ColumnVector, _ row: Int, _ settings: FormatSettings, to out: inout [UInt8]
  ) throws(SQLError) {
    guard isScalar else {
      throw SQLError(
        .invalidParameterValue, "key value must be scalar, not array, composite, or json")
    }
    if form == .bool {
      JSONText.appendString((column.int64s[row] != 0 ? "true" : "false").utf8, to: &out)
    } else if form == .timestamp || form == .timestamptz {
      try append(column, row, settings, to: &out)
    } else {
      JSONText.appendString(text(column, row, settings), to: &out)
    }
  }
}

extension FunctionCatalog {
  mutating func addJSONBuilding() {
    for (name, isBinary) in [("to_json", false), ("to_jsonb", true)] {
      polymorphic(name, [.anyelement], isBinary ? .jsonb : .json, .stable) { (types) in
        let printer = JSONPrinter(types[0])
        return { (a, n, context) throws(SQLError) in
          try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
            var out: [UInt8] = []
            try printer.append(a[0], row.index(0), context.settings, to: &out)
            return isBinary ? try JSONValue(out).text : out
          }
        }
      }
    }
    for count in [1, 2] {
      polymorphic("array_to_json", [.anyarray] + (count == 2 ? [.bool] : []), .json, .stable) { (types) in
        let printer = JSONPrinter(types[0])
        return { (a, n, context) throws(SQLError) in
          try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
            var out: [UInt8] = []
            let lineFeeds = count == 2 && a[1].int64s[row.index(1)] != 0
            try printer.appendArray(
              try ArrayValue(a[0].bytes[row.index(0)]), context.settings, lineFeeds: lineFeeds, to: &out)
            return out
          }
        }
      }
    }
    for (prefix, result) in [("json", SQLType.json), ("jsonb", .jsonb)] {
      addObjects(prefix, result)
      addArrays(prefix, result)
      addTextObjects(prefix, result)
    }
    function("json_strip_nulls", [.json], .json) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (document: Bytes) throws(SQLError) -> [UInt8] in
        var out: [UInt8] = []
        let cursor = JSONCursor(document)
        try JSONStripping.append(cursor, cursor.root, to: &out)
        return out
      }
    }
    addRowToJSON()
  }

  private mutating func addRowToJSON() {
    for count in [1, 2] {
      polymorphic("row_to_json", [.record] + (count == 2 ? [.bool] : []), .json, .stable) { (types) in
        let printer = JSONPrinter(types[0])
        return { (a, n, context) throws(SQLError) in
          try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
            var out: [UInt8] = []
            let lineFeeds = count == 2 && a[1].int64s[row.index(1)] != 0
            try printer.appendRow(try RowValue(row.bytes(0)), context.settings, lineFeeds: lineFeeds, to: &out)
            return out
          }
        }
      }
    }
  }

  private mutating func addObjects(_ prefix: String, _ result: SQLType) {
    function("\(prefix)_build_object", [], result, .stable, isStrict: false) { (_, n, _) throws(SQLError) in
      try map0(n) { () throws(SQLError) -> [UInt8] in Array("{}".utf8) }
    }
    polymorphic("\(prefix)_build_object", [.any], result, .stable, variadic: .any, isStrict: false) { (types) in
      let printers = types.map { JSONPrinter($0) }
      return { (a, n, context) throws(SQLError) in
        if a.count % 2 == 1 {
          throw SQLError(
            .invalidParameterValue, "argument list must have even number of elements",
            hint: "The arguments of \(prefix)_build_object() must consist of alternating keys and values.")
        }
        return try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8] in
          var out: [UInt8] = [UInt8(ascii: "{")]
          for index in stride(from: 0, to: a.count, by: 2) {
            if index > 0 { out.append(contentsOf: ", ".utf8) }
            if row.isNull(index) {
              throw prefix == "json"
                ? SQLError(
                  .invalidParameterValue, "argument \(index + 1) cannot be null", hint: "Object keys should be text.")
                : SQLError(.invalidParameterValue, "argument \(index + 1): key must not be null")
            }
            try printers[index].appendKey(a[index], row.index(index), context.settings, to: &out)
            out.append(contentsOf: " : ".utf8)
            try printers[index + 1].append(a[index + 1], row.index(index + 1), context.settings, to: &out)
          }
          out.append(UInt8(ascii: "}"))
          return result == .jsonb ? try JSONValue(out).text : out
        }
      }
    }
  }

  private mutating func addArrays(_ prefix: String, _ result: SQLType) {
    function("\(prefix)_build_array", [], result, .stable, isStrict: false) { (_, n, _) throws(SQLError) in
      try map0(n) { () throws(SQLError) -> [UInt8] in Array("[]".utf8) }
    }
    polymorphic("\(prefix)_build_array", [.any], result, .stable, variadic: .any, isStrict: false) { (types) in
      let printers = types.map { JSONPrinter($0) }
      return { (a, n, context) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8] in
          var out: [UInt8] = [UInt8(ascii: "[")]
          for index in a.indices {
            if index > 0 { out.append(contentsOf: ", ".utf8) }
            try printers[index].append(a[index], row.index(index), context.settings, to: &out)
          }
          out.append(UInt8(ascii: "]"))
          return result == .jsonb ? try JSONValue(out).text : out
        }
      }
    }
  }

  /// `json_object(text[])` and `json_object(keys, values)`.
  private mutating func addTextObjects(_ prefix: String, _ result: SQLType) {
    @Sendable func object(_ pairs: [(Datum, Datum)]) throws(SQLError) -> [UInt8] {
      var out: [UInt8] = [UInt8(ascii: "{")]
      for (index, (key, value)) in pairs.enumerated() {
        guard case .bytes(let name) = key else {
          throw SQLError(.nullValueNotAllowed, "null value not allowed for object key")
        }
        if index > 0 { out.append(contentsOf: ", ".utf8) }
        JSONText.appendString(name, to: &out)
        out.append(contentsOf: " : ".utf8)
        if case .bytes(let text) = value {
          JSONText.appendString(text, to: &out)
        } else {
          out.append(contentsOf: "null".utf8)
        }
      }
      out.append(UInt8(ascii: "}"))
      return result == .jsonb ? try JSONValue(out).text : out
    }
    function("\(prefix)_object", [.textArray], result) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (bytes: Bytes) throws(SQLError) -> [UInt8] in
        let array = try ArrayValue(bytes)
        var pairs: [(Datum, Datum)] = []
        switch array.dimensions.count {
        case 0: break
        case 1:
          if array.elements.count % 2 == 1 {
            throw SQLError(.arraySubscriptError, "array must have even number of elements")
          }
        case 2:
          if array.dimensions[1].length != 2 {
            throw SQLError(.arraySubscriptError, "array must have two columns")
          }
        default: throw SQLError(.arraySubscriptError, "wrong number of array subscripts")
        }
        for index in stride(from: 0, to: array.elements.count, by: 2) {
          pairs.append((array.elements[index], array.elements[index + 1]))
        }
        return try object(pairs)
      }
    }
    function("\(prefix)_object", [.textArray, .textArray], result) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, y: Bytes) throws(SQLError) -> [UInt8] in
        let (keys, values) = (try ArrayValue(x), try ArrayValue(y))
        guard keys.dimensions.count <= 1, values.dimensions.count <= 1 else {
          throw SQLError(.arraySubscriptError, "wrong number of array subscripts")
        }
        guard keys.elements.count == values.elements.count else {
          throw SQLError(.arraySubscriptError, "mismatched array dimensions")
        }
        return try object(Array(zip(keys.elements, values.elements)))
      }
    }
  }
}

enum JSONStripping {
  /// The text without the members that are null and without blanks.
  static func append(_ cursor: JSONCursor, _ value: Range<Int>, to out: inout [UInt8]) throws(SQLError) {
    switch cursor.kind(value) {
    case .array:
      out.append(UInt8(ascii: "["))
      var isFirst = true
      try cursor.forEachElement(value) { (element) throws(SQLError) in
        if !isFirst { out.append(UInt8(ascii: ",")) }
        isFirst = false
        try append(cursor, element, to: &out)
        return true
      }
      out.append(UInt8(ascii: "]"))
    case .object:
      out.append(UInt8(ascii: "{"))
      var isFirst = true
      try cursor.forEachMember(value) { (key, member) throws(SQLError) in
        if cursor.kind(member) == .null { return true }
        if !isFirst { out.append(UInt8(ascii: ",")) }
        isFirst = false
        JSONText.appendString(cursor.string(key), to: &out)
        out.append(UInt8(ascii: ":"))
        try append(cursor, member, to: &out)
        return true
      }
      out.append(UInt8(ascii: "}"))
    default: out.append(contentsOf: cursor.bytes[value])
    }
  }
}
