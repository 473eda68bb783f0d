// Operators of json and jsonb: access, containment, existence, concatenation and deletion; and the functions that look at a
// document's shape. Source: PostgreSQL manual, 9.16.

import SQLTypes

/// A path of keys and indexes, as `#>` takes it; nil where an element is NULL.
struct JSONPath {
  var steps: [[UInt8]?]

  init(_ array: Bytes) throws(SQLError) {
    steps = try ArrayValue(array).elements.map { element in
      if case .bytes(let text) = element { text } else { nil }
    }
  }

  init(_ steps: [[UInt8]?]) { self.steps = steps }

  /// An array's index that a step says, if it is a number.
  static func index(_ step: [UInt8]) -> Int? {
    // As strtoint reads it: blanks before are passed over.
    var text = step[...]
    while let first = text.first, first == 0x20 { text = text.dropFirst() }
    return Int32(String(decoding: text, as: UTF8.self)).map(Int.init)
  }

  /// An element of the document; jsonb's scalars count as arrays of themselves.
  static func element(_ cursor: JSONCursor, _ index: Int, isBinary: Bool) -> Range<Int>? {
    switch cursor.kind(cursor.root) {
    case .array: cursor.element(cursor.root, index)
    case .object: nil
    default: isBinary && (index == 0 || index == -1) ? cursor.root : nil
    }
  }

  /// The place that the path leads to.
  func find(_ cursor: JSONCursor) -> Range<Int>? {
    var place = cursor.root
    for step in steps {
      guard let step else { return nil }
      switch cursor.kind(place) {
      case .object:
        guard let next = step.withUnsafeBytes({ cursor.member(place, $0) }) else { return nil }
        place = next
      case .array:
        guard let index = JSONPath.index(step), let next = cursor.element(place, index) else { return nil }
        place = next
      default: return nil
      }
    }
    return place
  }
}

extension FunctionCatalog {
  mutating func addJSONOperators() {
    compareByOrder(.jsonb)
    for type in [SQLType.json, .jsonb] {
      infix("->", type, .text, type) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (document: Bytes, key: Bytes) throws(SQLError) -> [UInt8]? in
          let cursor = JSONCursor(document)
          guard cursor.kind(cursor.root) == .object else { return nil }
          return cursor.member(cursor.root, key).map { Array(document[$0]) }
        }
      }
      infix("->", type, .int4, type) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (document: Bytes, index: Int64) throws(SQLError) -> [UInt8]? in
          JSONPath.element(JSONCursor(document), Int(index), isBinary: type == .jsonb).map { Array(document[$0]) }
        }
      }
      infix("->>", type, .text, .text) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (document: Bytes, key: Bytes) throws(SQLError) -> [UInt8]? in
          let cursor = JSONCursor(document)
          guard cursor.kind(cursor.root) == .object, let found = cursor.member(cursor.root, key) else { return nil }
          return try cursor.text(found)
        }
      }
      infix("->>", type, .int4, .text) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (document: Bytes, index: Int64) throws(SQLError) -> [UInt8]? in
          let cursor = JSONCursor(document)
          guard let found = JSONPath.element(cursor, Int(index), isBinary: type == .jsonb) else { return nil }
          return try cursor.text(found)
        }
      }
      infix("#>", type, .textArray, type) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (document: Bytes, path: Bytes) throws(SQLError) -> [UInt8]? in
          try JSONPath(path).find(JSONCursor(document)).map { Array(document[$0]) }
        }
      }
      infix("#>>", type, .textArray, .text) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (document: Bytes, path: Bytes) throws(SQLError) -> [UInt8]? in
          let cursor = JSONCursor(document)
          guard let found = try JSONPath(path).find(cursor) else { return nil }
          return try cursor.text(found)
        }
      }
      addJSONShape(type)
    }
    addJSONBOperators()
  }

  private mutating func addJSONShape(_ type: SQLType) {
    let prefix = type == .json ? "json" : "jsonb"
    function("\(prefix)_typeof", [type], .text) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (document: Bytes) throws(SQLError) -> [UInt8] in
        let cursor = JSONCursor(document)
        let name =
          switch cursor.kind(cursor.root) {
          case .null: "null"
          case .bool: "boolean"
          case .number: "number"
          case .string: "string"
          case .array: "array"
          case .object: "object"
          }
        return Array(name.utf8)
      }
    }
    function("\(prefix)_array_length", [type], .int4) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (document: Bytes) throws(SQLError) -> Int64 in
        let cursor = JSONCursor(document)
        switch cursor.kind(cursor.root) {
        case .array: return Int64(cursor.count(cursor.root))
        case .object: throw SQLError(.invalidParameterValue, "cannot get array length of a non-array")
        default: throw SQLError(.invalidParameterValue, "cannot get array length of a scalar")
        }
      }
    }
    for (suffix, isText) in [("", false), ("_text", true)] {
      function("\(prefix)_extract_path\(suffix)", [type, .text], isText ? .text : type, variadic: .text) {
        (a, n, _) throws(SQLError) in
        try mapRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
          var steps: [[UInt8]?] = []
          for index in 1..<a.count { steps.append(row.bytes(index)) }
          let document = row.bytes(0)
          return try document.withBytes { (bytes: Bytes) throws(SQLError) -> [UInt8]? in
            let cursor = JSONCursor(bytes)
            guard let found = JSONPath(steps).find(cursor) else { return nil }
            return isText ? try cursor.text(found) : Array(bytes[found])
          }
        }
      }
    }
  }

  private mutating func addJSONBOperators() {
    @Sendable func contains(_ a: [ColumnVector], _ n: Int, swapped: Bool) throws(SQLError) -> ColumnVector {
      try map2(a, n) { (x: Bytes, y: Bytes) throws(SQLError) -> Bool in
        let (left, right) = (try JSONValue(x), try JSONValue(y))
        return swapped ? right.contains(left) : left.contains(right)
      }
    }
    infix("@>", .jsonb, .jsonb, .bool) { (a, n, _) throws(SQLError) in try contains(a, n, swapped: false) }
    infix("<@", .jsonb, .jsonb, .bool) { (a, n, _) throws(SQLError) in try contains(a, n, swapped: true) }
    infix("?", .jsonb, .text, .bool) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (document: Bytes, key: Bytes) throws(SQLError) -> Bool in
        try JSONExistence.holds(JSONCursor(document), key)
      }
    }
    for (name, all) in [("?|", false), ("?&", true)] {
      infix(name, .jsonb, .textArray, .bool) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (document: Bytes, keys: Bytes) throws(SQLError) -> Bool in
          let cursor = JSONCursor(document)
          for key in try ArrayValue(keys).elements {
            guard case .bytes(let text) = key else { continue }
            let holds = try text.withBytes { (key: Bytes) throws(SQLError) in try JSONExistence.holds(cursor, key) }
            if holds != all { return !all }
          }
          return all
        }
      }
    }
    infix("||", .jsonb, .jsonb, .jsonb) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, y: Bytes) throws(SQLError) -> [UInt8] in
        JSONEditing.concatenated(try JSONValue(x), try JSONValue(y)).text
      }
    }
    infix("-", .jsonb, .text, .jsonb) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (document: Bytes, key: Bytes) throws(SQLError) -> [UInt8] in
        try JSONEditing.removing([Array(key)], from: try JSONValue(document)).text
      }
    }
    infix("-", .jsonb, .textArray, .jsonb) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (document: Bytes, keys: Bytes) throws(SQLError) -> [UInt8] in
        try JSONEditing.removing(try JSONPath(keys).steps.compactMap { $0 }, from: try JSONValue(document)).text
      }
    }
    infix("-", .jsonb, .int4, .jsonb) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (document: Bytes, index: Int64) throws(SQLError) -> [UInt8] in
        try JSONEditing.removing(elementAt: Int(index), from: try JSONValue(document)).text
      }
    }
    infix("#-", .jsonb, .textArray, .jsonb) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (document: Bytes, path: Bytes) throws(SQLError) -> [UInt8] in
        let steps = try JSONPath(path).steps
        return try JSONEditing.edited(try JSONValue(document), steps, .delete).text
      }
    }
    function("jsonb_set", [.jsonb, .textArray, .jsonb], .jsonb) { (a, n, _) throws(SQLError) in
      try map3(a, n) { (document: Bytes, path: Bytes, value: Bytes) throws(SQLError) -> [UInt8] in
        let change = JSONEditing.Change.set(try JSONValue(value), creates: true)
        return try JSONEditing.edited(try JSONValue(document), try JSONPath(path).steps, change).text
      }
    }
    function("jsonb_set", [.jsonb, .textArray, .jsonb, .bool], .jsonb) { (a, n, _) throws(SQLError) in
      try map4(a, n) { (document: Bytes, path: Bytes, value: Bytes, creates: Bool) throws(SQLError) -> [UInt8] in
        let change = JSONEditing.Change.set(try JSONValue(value), creates: creates)
        return try JSONEditing.edited(try JSONValue(document), try JSONPath(path).steps, change).text
      }
    }
    function("jsonb_insert", [.jsonb, .textArray, .jsonb], .jsonb) { (a, n, _) throws(SQLError) in
      try map3(a, n) { (document: Bytes, path: Bytes, value: Bytes) throws(SQLError) -> [UInt8] in
        let change = JSONEditing.Change.insert(try JSONValue(value), isAfter: false)
        return try JSONEditing.edited(try JSONValue(document), try JSONPath(path).steps, change).text
      }
    }
    function("jsonb_insert", [.jsonb, .textArray, .jsonb, .bool], .jsonb) { (a, n, _) throws(SQLError) in
      try map4(a, n) { (document: Bytes, path: Bytes, value: Bytes, isAfter: Bool) throws(SQLError) -> [UInt8] in
        let change = JSONEditing.Change.insert(try JSONValue(value), isAfter: isAfter)
        return try JSONEditing.edited(try JSONValue(document), try JSONPath(path).steps, change).text
      }
    }
    addLaxSetting()
    function("jsonb_strip_nulls", [.jsonb], .jsonb) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (document: Bytes) throws(SQLError) -> [UInt8] in
        JSONEditing.withoutNulls(try JSONValue(document)).text
      }
    }
    function("jsonb_pretty", [.jsonb], .text) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (document: Bytes, out) throws(SQLError) in try JSONValue(document).appendPretty(to: &out) }
    }
  }

  /// jsonb_set_lax: what a NULL for a value means is said by the last argument.
  private mutating func addLaxSetting() {
    function("jsonb_set_lax", [.jsonb, .textArray, .jsonb, .bool, .text], .jsonb, isStrict: false) {
      (a, n, _) throws(SQLError) in
      try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
        if row.isNull(0) || row.isNull(1) || row.isNull(3) { return nil }
        let treatment = row.isNull(4) ? nil : String(decoding: row.bytes(4), as: UTF8.self)
        guard let treatment, ["delete_key", "return_target", "use_json_null", "raise_exception"].contains(treatment)
        else {
          throw SQLError(
            .invalidParameterValue,
            "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or \"raise_exception\"")
        }
        let document = try JSONValue(row.bytes(0))
        let path = try row.bytes(1).withBytes { (bytes: Bytes) throws(SQLError) in try JSONPath(bytes).steps }
        let creates = row.int64(3) != 0
        if !row.isNull(2) {
          return try JSONEditing.edited(document, path, .set(try JSONValue(row.bytes(2)), creates: creates)).text
        }
        switch treatment {
        case "return_target": return document.text
        case "delete_key": return try JSONEditing.edited(document, path, .delete).text
        case "use_json_null": return try JSONEditing.edited(document, path, .set(.null, creates: creates)).text
        default:
          throw SQLError(
            .nullValueNotAllowed, "JSON value must not be null",
            detail: "Exception was raised because null_value_treatment is \"raise_exception\".",
            hint: "To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.")
        }
      }
    }
  }
}

enum JSONExistence {
  /// `?`: a key of the object, a string of the array, or the string itself.
  static func holds(_ cursor: JSONCursor, _ key: Bytes) throws(SQLError) -> Bool {
    switch cursor.kind(cursor.root) {
    case .object: return cursor.member(cursor.root, key) != nil
    case .array:
      var found = false
      try cursor.forEachElement(cursor.root) { (element) throws(SQLError) in
        found = cursor.kind(element) == .string && cursor.isString(element, equalTo: key)
        return !found
      }
      return found
    case .string: return cursor.isString(cursor.root, equalTo: key)
    default: return false
    }
  }
}
