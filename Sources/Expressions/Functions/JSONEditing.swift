// Changes of jsonb documents: `||`, `-`, `#-`, jsonb_set, jsonb_insert, jsonb_strip_nulls.
// Source: PostgreSQL manual, 9.16; its jsonfuncs.c for what happens where a path leads nowhere.

import SQLTypes

enum JSONEditing {
  enum Change {
    case set(JSONValue, creates: Bool)
    case insert(JSONValue, isAfter: Bool)
    case delete
  }

  static func concatenated(_ left: JSONValue, _ right: JSONValue) -> JSONValue {
    if case .object(let a) = left, case .object(let b) = right { return .object(unordered: a + b) }
    func elements(_ value: JSONValue) -> [JSONValue] { if case .array(let list) = value { list } else { [value] } }
    return .array(elements(left) + elements(right))
  }

  /// Members of these keys, or elements that are these strings, left out.
  static func removing(_ keys: [[UInt8]], from value: JSONValue) throws(SQLError) -> JSONValue {
    switch value {
    case .object(let members): return .object(members.filter { !keys.contains($0.key) })
    case .array(let elements):
      return .array(
        elements.filter { element in
          if case .string(let text) = element { !keys.contains(text) } else { true }
        })
    default: throw SQLError(.invalidParameterValue, "cannot delete from scalar")
    }
  }

  static func removing(elementAt index: Int, from value: JSONValue) throws(SQLError) -> JSONValue {
    switch value {
    case .object: throw SQLError(.invalidParameterValue, "cannot delete from object using integer index")
    case .array(var elements):
      let place = index < 0 ? elements.count + index : index
      if elements.indices.contains(place) { elements.remove(at: place) }
      return .array(elements)
    default: throw SQLError(.invalidParameterValue, "cannot delete from scalar")
    }
  }

  /// Object members that are null left out, at every depth.
  static func withoutNulls(_ value: JSONValue) -> JSONValue {
    switch value {
    case .array(let elements): return .array(elements.map(withoutNulls))
    case .object(let members):
      return .object(
        members.compactMap { member in
          if case .null = member.value { return nil }
          return JSONValue.Member(key: member.key, value: withoutNulls(member.value))
        })
    default: return value
    }
  }

  /// The document with a change at the end of the path; unchanged where the path leads nowhere.
  static func edited(_ value: JSONValue, _ path: [[UInt8]?], _ change: Change) throws(SQLError) -> JSONValue {
    if value.isScalar {
      if case .delete = change { throw SQLError(.invalidParameterValue, "cannot delete path in scalar") }
      throw SQLError(.invalidParameterValue, "cannot set path in scalar")
    }
    if path.isEmpty { return value }
    return try edited(value, path[...], change)
  }

  private static func edited(
    _ value: JSONValue, _ path: ArraySlice<[UInt8]?>, _ change: Change
  ) throws(SQLError) -> JSONValue {
    guard let first = path.first else { return value }
    let level = path.startIndex
    guard let step = first else {
      throw SQLError(.nullValueNotAllowed, "path element at position \(level + 1) is null")
    }
    let rest = path.dropFirst()
    switch value {
    case .object(var members):
      let place = members.firstIndex { $0.key == step }
      if !rest.isEmpty {
        guard let place else { return value }
        members[place].value = try edited(members[place].value, rest, change)
        return .object(members)
      }
      switch change {
      case .delete:
        if let place { members.remove(at: place) }
        return .object(members)
      case .set(let new, let creates):
        if let place {
          members[place].value = new
          return .object(members)
        }
        return creates ? .object(unordered: members + [JSONValue.Member(key: step, value: new)]) : value
      case .insert(let new, _):
        if place != nil {
          throw SQLError(
            .invalidParameterValue, "cannot replace existing key",
            hint: "Try using the function jsonb_set to replace key value.")
        }
        return .object(unordered: members + [JSONValue.Member(key: step, value: new)])
      }
    case .array(var elements):
      if elements.isEmpty, case .delete = change { return value }
      guard let written = JSONPath.index(step) else {
        throw SQLError(
          .invalidTextRepresentation,
          "path element at position \(level + 1) is not an integer: \"\(String(decoding: step, as: UTF8.self))\"")
      }
      // Beyond the ends a new element goes to that end.
      let place = written < 0 ? elements.count + written : written
      let isThere = elements.indices.contains(place)
      if !rest.isEmpty {
        guard isThere else { return value }
        elements[place] = try edited(elements[place], rest, change)
        return .array(elements)
      }
      switch change {
      case .delete: if isThere { elements.remove(at: place) }
      case .set(let new, let creates):
        if isThere {
          elements[place] = new
        } else if creates {
          if place < 0 { elements.insert(new, at: 0) } else { elements.append(new) }
        }
      case .insert(let new, let isAfter):
        if isThere {
          elements.insert(new, at: isAfter ? place + 1 : place)
        } else if place < 0 {
          elements.insert(new, at: 0)
        } else {
          elements.append(new)
        }
      }
      return .array(elements)
    default: return value
    }
  }
}
