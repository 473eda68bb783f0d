// json_agg, jsonb_agg, json_object_agg, jsonb_object_agg: each group's text grows as its rows come.
// Source: PostgreSQL manual, 9.21; its json.c for the blanks.

import SQLTypes

/// The text of an array or object for each group. A group without rows gives NULL.
final class JSONTextState: AggregateState {
  private let printers: [JSONPrinter]
  private let isBinary: Bool
  private var texts: [[UInt8]?] = []

  /// One argument: an array of its values; two: an object.
  init(_ types: [SQLType], isBinary: Bool) {
    printers = types.map { JSONPrinter($0) }
    self.isBinary = isBinary
  }

  private var isObject: Bool { printers.count == 2 }

  func grow(toGroupCount groupCount: Int) {
    if groupCount > texts.count { texts += Array(repeating: nil, count: groupCount - texts.count) }
  }

  func update(
    groups: [Int32], arguments: [ColumnVector], rowCount: Int, context: EvaluationContext
  ) throws(SQLError) {
    for row in 0..<rowCount {
      let group = Int(groups[row])
      var text = texts[group] ?? []
      texts[group] = nil
      let isFirst = text.isEmpty
      if isObject {
        if arguments[0].nulls[row] {
          throw SQLError(
            .invalidParameterValue, isBinary ? "field name must not be null" : "field name must not be null")
        }
        text.append(contentsOf: (isFirst ? "{ " : ", ").utf8)
        try printers[0].appendKey(arguments[0], row, context.settings, to: &text)
        text.append(contentsOf: " : ".utf8)
        try printers[1].append(arguments[1], row, context.settings, to: &text)
      } else {
        text.append(contentsOf: (isFirst ? "[" : ", ").utf8)
        // Arrays stand on lines of their own.
        if !isFirst && printers[0].isContainer && !arguments[0].nulls[row] { text.append(contentsOf: "\n ".utf8) }
        try printers[0].append(arguments[0], row, context.settings, to: &text)
      }
      try text.checkRoom(for: 0)
      texts[group] = text
    }
  }

  func merge(_ other: any AggregateState, groups: [Int32]) throws(SQLError) {
    guard let other = other as? JSONTextState else { preconditionFailure("states of one call merge") }
    for (group, target) in groups.enumerated() {
      guard let text = other.texts[group] else { continue }
      let target = Int(target)
      guard let known = texts[target] else {
        texts[target] = text
        continue
      }
      // Behind the other's opening bracket.
      texts[target] = known + Array(", ".utf8) + text.dropFirst(isObject ? 2 : 1)
    }
  }

  func finish(groupCount: Int) throws(SQLError) -> ColumnVector {
    var column = ColumnVector(.bytes, capacity: groupCount)
    for text in texts[0..<groupCount] {
      guard var text else {
        column.appendNull()
        continue
      }
      text.append(contentsOf: (isObject ? " }" : "]").utf8)
      column.bytes.append(isBinary ? try JSONValue(text).text : text)
    }
    return column
  }
}
