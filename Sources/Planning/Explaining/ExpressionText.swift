// Expressions as EXPLAIN shows them: PostgreSQL's deparsing, with every operator in parentheses and types where a literal
// alone would not tell them. Source: the output of PostgreSQL 15's EXPLAIN and pg_get_expr.

import Expressions
import SQLTypes

struct ExpressionText {
  /// Names of the input's columns.
  var columns: [String]
  /// Names of outer slots.
  var slots: [Int: String]

  func text(_ expression: ScalarExpression) -> String {
    switch expression {
    case .constant(let value, let type): return literal(value, type)
    case .column(let ordinal, _): return ordinal < columns.count ? columns[ordinal] : "?"
    case .parameter(let index, _): return "$\(index + 1)"
    case .outer(let slot, _): return slots[slot] ?? "$outer\(slot)"
    case .call(let function, let arguments, let type, _): return call(function, arguments, type)
    case .and(let list): return "(" + list.map(text).joined(separator: " AND ") + ")"
    case .or(let list): return "(" + list.map(text).joined(separator: " OR ") + ")"
    case .not(let operand): return "(NOT \(text(operand)))"
    case .isNull(let operand, let negated): return "(\(text(operand)) IS \(negated ? "NOT " : "")NULL)"
    case .booleanTest(let operand, let test):
      let words =
        switch test {
        case .isTrue: "IS TRUE"
        case .isNotTrue: "IS NOT TRUE"
        case .isFalse: "IS FALSE"
        case .isNotFalse: "IS NOT FALSE"
        case .isUnknown: "IS UNKNOWN"
        case .isNotUnknown: "IS NOT UNKNOWN"
        }
      return "(\(text(operand)) \(words))"
    case .isDistinct(let left, let right, _, let negated):
      return negated
        ? "(NOT (\(text(left)) IS DISTINCT FROM \(text(right))))" : "(\(text(left)) IS DISTINCT FROM \(text(right)))"
    case .conditional(let branches, let otherwise, let type):
      if branches.isEmpty { return "(\(text(otherwise)))::\(TypeInfo.format(type))" }
      let whens = branches.map { "WHEN \(text($0.condition)) THEN \(text($0.result))" }
      return "CASE \(whens.joined(separator: " ")) ELSE \(text(otherwise)) END"
    case .coalesce(let list, _): return "COALESCE(" + list.map(text).joined(separator: ", ") + ")"
    case .inList(let operand, let list, _, let negated):
      return "(\(text(operand)) \(negated ? "<> ALL" : "= ANY") (\(array(list))))"
    }
  }

  /// A list of values as PostgreSQL writes the array that it makes of them.
  func array(_ list: [ScalarExpression]) -> String {
    let type = list.first?.type ?? .text
    var elements: [String] = []
    for item in list {
      guard case .constant(let value, _) = item else {
        return "ARRAY[" + list.map(text).joined(separator: ", ") + "]"
      }
      elements.append(value.isNull ? "NULL" : element(String(decoding: bare(value, type), as: UTF8.self)))
    }
    return "'{" + elements.joined(separator: ",").replacing("'", with: "''")
      + "}'::\(TypeInfo.format(type.unmodified))[]"
  }

  private func element(_ text: String) -> String {
    let needsQuotes =
      text.isEmpty || text.lowercased() == "null"
      || text.utf8.contains { [0x20, 0x22, 0x2C, 0x5C, 0x7B, 0x7D].contains($0) }
    return needsQuotes ? "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\"" : text
  }

  private func bare(_ value: Datum, _ type: SQLType) -> [UInt8] {
    if case .bytes(let bytes) = value, type.oid == SQLType.unknown.oid { return bytes }
    return TypeInfo.find(type.oid)?.text(value) ?? []
  }

  private func literal(_ value: Datum, _ type: SQLType) -> String {
    let typeName = TypeInfo.format(type)
    if value.isNull { return "NULL::\(typeName)" }
    let text = String(decoding: bare(value, type), as: UTF8.self)
    switch type.oid {
    case SQLType.bool.oid: return text == "t" ? "true" : "false"
    case SQLType.int4.oid: return text.hasPrefix("-") ? "'\(text)'::integer" : text
    case SQLType.numeric.oid
    where type.modifier < 0 && !text.hasPrefix("-") && text.utf8.first.map({ $0 < 0x3A }) == true
      && text.utf8.contains(0x2E):
      return text
    default: return "'\(text.replacing("'", with: "''"))'::\(typeName)"
    }
  }

  private func call(_ function: ScalarFunction, _ arguments: [ScalarExpression], _ type: SQLType) -> String {
    switch function.form {
    case .infix where arguments.count == 2: return "(\(text(arguments[0])) \(function.name) \(text(arguments[1])))"
    case .prefix where arguments.count == 1: return "(\(function.name) \(text(arguments[0])))"
    default: break
    }
    // A cast bears the name of its type.
    if arguments.count == 1, let info = TypeInfo.find(type.oid), info.name == function.name {
      return "(\(text(arguments[0])))::\(TypeInfo.format(type))"
    }
    return "\(function.name)(" + arguments.map(text).joined(separator: ", ") + ")"
  }

  func text(_ key: SortKey) -> String {
    var result = text(key.expression)
    if key.isDescending { result += " DESC" }
    if key.nullsFirst != key.isDescending { result += key.nullsFirst ? " NULLS FIRST" : " NULLS LAST" }
    return result
  }

  func text(_ call: AggregateCall) -> String {
    var inner = call.arguments.isEmpty ? "*" : call.arguments.map(text).joined(separator: ", ")
    if call.isDistinct { inner = "DISTINCT " + inner }
    if !call.order.isEmpty { inner += " ORDER BY " + call.order.map(text).joined(separator: ", ") }
    var result = "\(call.function.name)(\(inner))"
    if let filter = call.filter { result += " FILTER (WHERE \(text(filter)))" }
    return result
  }

  func text(_ call: WindowCall) -> String {
    let isStar: Bool = if case .aggregate = call.function { call.arguments.isEmpty } else { false }
    var result = "\(call.name)(\(isStar ? "*" : call.arguments.map(text).joined(separator: ", ")))"
    if let filter = call.filter { result += " FILTER (WHERE \(text(filter)))" }
    return result + " OVER (?)"
  }
}

extension String {
  /// Every occurrence of one text replaced by another.
  fileprivate func replacing(_ old: String, with new: String) -> String {
    split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
  }
}
