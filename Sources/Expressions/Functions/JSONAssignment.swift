// SET document['a'][0] = …: what is missing on the way is made, arrays filled up with nulls.
// Source: PostgreSQL manual, 8.14.5; its jsonfuncs.c for the messages.

import SQLTypes

extension FunctionCatalog {
  mutating func addJSONAssignment() {
    function(JSONAssignment.name, [.jsonb, .textArray, .jsonb], .jsonb, isStrict: false) { (a, n, _) throws(SQLError) in
      try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8] in
        var steps: [[UInt8]] = []
        for step in try ArrayValue(row.bytes(1)).elements {
          guard case .bytes(let text) = step else {
            throw SQLError(.nullValueNotAllowed, "jsonb subscript in assignment must not be null")
          }
          steps.append(text)
        }
        // NULL is the document null.
        let value: JSONValue = row.isNull(2) ? .null : try JSONValue(row.bytes(2))
        let whole: JSONValue? = row.isNull(0) ? nil : try JSONValue(row.bytes(0))
        return try JSONAssignment.assigned(whole, steps[...], value, 1).text
      }
    }
  }
}

public enum JSONAssignment {
  /// A name that SQL text cannot call by accident.
  public static let name = "jsonb assignment"

  /// `whole` nil: there is nothing yet at this place.
  static func assigned(
    _ whole: JSONValue?, _ path: ArraySlice<[UInt8]>, _ value: JSONValue, _ level: Int
  ) throws(SQLError) -> JSONValue {
    guard let step = path.first else { return value }
    let rest = path.dropFirst()
    switch whole ?? (JSONPath.index(step) == nil ? .object(unordered: []) : .array([])) {
    case .object(let members):
      let place = members.firstIndex { $0.key == step }
      let new = try assigned(place.map { members[$0].value }, rest, value, level + 1)
      var changed = members
      if let place { changed[place].value = new } else { changed.append(JSONValue.Member(key: step, value: new)) }
      return .object(unordered: changed)
    case .array(var elements):
      let shown = String(decoding: step, as: UTF8.self)
      guard let index = JSONPath.index(step) else {
        throw SQLError(
          .invalidTextRepresentation, "path element at position \(level) is not an integer: \"\(shown)\"")
      }
      let place = index < 0 ? elements.count + index : index
      if place < 0 {
        throw SQLError(.invalidParameterValue, "path element at position \(level) is out of range: \(shown)")
      }
      if place > 1 << 24 {
        throw SQLError(
          .programLimitExceeded, "total size of jsonb array elements exceeds the maximum of 268435455 bytes")
      }
      let known = elements.indices.contains(place) ? elements[place] : nil
      let new = try assigned(known, rest, value, level + 1)
      while elements.count <= place { elements.append(.null) }
      elements[place] = new
      return .array(elements)
    default:
      throw SQLError(
        .invalidParameterValue, "cannot replace existing key",
        detail: "The path assumes key is a composite object, but it is a scalar value.")
    }
  }
}
