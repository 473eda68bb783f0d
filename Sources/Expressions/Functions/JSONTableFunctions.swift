// The parts of a document as rows: elements, members, keys. Source: PostgreSQL manual, 9.16.

import SQLTypes

/// Rows made beforehand, given a batch at a time.
final class PreparedRows: TableFunctionRows {
  private let columns: [ColumnVector]
  private var position = 0

  init(_ columns: [ColumnVector]) { self.columns = columns }

  func next(maximumRowCount: Int) throws(SQLError) -> Batch? {
    let count = columns[0].count
    guard position < count else { return nil }
    let end = min(count, position + maximumRowCount)
    let rows = Array(Int32(position)..<Int32(end))
    position = end
    return Batch(columns: columns.map { $0.gather(rows) }, rowCount: rows.count)
  }
}

extension TableFunctionCatalog {
  mutating func addJSON() {
    for (prefix, type) in [("json", SQLType.json), ("jsonb", .jsonb)] {
      for (suffix, isText) in [("", false), ("_text", true)] {
        let value = isText ? SQLType.text : type
        add("\(prefix)_array_elements\(suffix)", [type], columns: [("value", value)]) {
          (a, _) throws(SQLError) in
          try a[0].text.withBytes { (document: Bytes) throws(SQLError) in
            let cursor = JSONCursor(document)
            switch cursor.kind(cursor.root) {
            case .array: break
            case .object:
              throw SQLError(
                .invalidParameterValue,
                type == .jsonb
                  ? "cannot extract elements from an object" : "cannot call json_array_elements\(suffix) on a non-array"
              )
            default:
              throw SQLError(
                .invalidParameterValue,
                type == .jsonb
                  ? "cannot extract elements from a scalar" : "cannot call json_array_elements\(suffix) on a scalar")
            }
            var values = ColumnVector(.bytes)
            try cursor.forEachElement(cursor.root) { (element) throws(SQLError) in
              try JSONParts.append(cursor, element, isText: isText, to: &values)
              return true
            }
            return PreparedRows([values])
          }
        }
        add("\(prefix)_each\(suffix)", [type], columns: [("key", .text), ("value", value)]) { (a, _) throws(SQLError) in
          try a[0].text.withBytes { (document: Bytes) throws(SQLError) in
            let cursor = JSONCursor(document)
            switch cursor.kind(cursor.root) {
            case .object: break
            case .array:
              throw SQLError(
                .invalidParameterValue,
                type == .jsonb
                  ? "cannot call jsonb_each\(suffix) on a non-object" : "cannot deconstruct an array as an object")
            default:
              throw SQLError(
                .invalidParameterValue,
                type == .jsonb ? "cannot call jsonb_each\(suffix) on a non-object" : "cannot deconstruct a scalar")
            }
            var keys = ColumnVector(.bytes)
            var values = ColumnVector(.bytes)
            try cursor.forEachMember(cursor.root) { (key, member) throws(SQLError) in
              keys.bytes.append(cursor.string(key))
              try JSONParts.append(cursor, member, isText: isText, to: &values)
              return true
            }
            return PreparedRows([keys, values])
          }
        }
      }
      let name = "\(prefix)_object_keys"
      add(name, [type], columns: [(name, .text)]) { (a, _) throws(SQLError) in
        try a[0].text.withBytes { (document: Bytes) throws(SQLError) in
          let cursor = JSONCursor(document)
          switch cursor.kind(cursor.root) {
          case .object: break
          case .array: throw SQLError(.invalidParameterValue, "cannot call \(name) on an array")
          default: throw SQLError(.invalidParameterValue, "cannot call \(name) on a scalar")
          }
          var keys = ColumnVector(.bytes)
          try cursor.forEachMember(cursor.root) { (key, _) throws(SQLError) in
            keys.bytes.append(cursor.string(key))
            return true
          }
          return PreparedRows([keys])
        }
      }
    }
  }
}

enum JSONParts {
  static func append(
    _ cursor: JSONCursor, _ value: Range<Int>, isText: Bool, to column: inout ColumnVector
  ) throws(SQLError) {
    if isText {
      if let text = try cursor.text(value) { column.bytes.append(text) } else { column.appendNull() }
    } else {
      column.bytes.append(UnsafeRawBufferPointer(rebasing: cursor.bytes[value]))
    }
  }
}
