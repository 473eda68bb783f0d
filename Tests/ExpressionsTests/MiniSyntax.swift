// A small reader of expressions in PostgreSQL's own syntax, so that one line of text serves PostgreSQL (for the expected
// value) and these tests: literals, casts `x::type`, calls `f(a, b)`, operators in parentheses `(a + b)`, `(- a)`, `ARRAY[…]`,
// `coalesce`, `nullif`, `greatest`, `least`, `(a IN (b, c))`, `(a IS DISTINCT FROM b)`, `(a = ANY (b))`.

import Expressions
import SQLTypes

struct MiniSyntax {
  private var text: [UInt8]
  private var index = 0
  let builder: ExpressionBuilder
  var columns: [String: (Int, SQLType)] = [:]

  struct Failure: Error { var message: String }

  init(_ text: String, builder: ExpressionBuilder = ExpressionBuilder()) {
    self.text = Array(text.utf8)
    self.builder = builder
  }

  static func parse(
    _ text: String, columns: [String: (Int, SQLType)] = [:], builder: ExpressionBuilder = ExpressionBuilder()
  ) throws -> ScalarExpression {
    var reader = MiniSyntax(text, builder: builder)
    reader.columns = columns
    let expression = try reader.expression()
    reader.skipBlanks()
    guard reader.index == reader.text.count else {
      throw Failure(message: "rest after \(reader.index) in \(text)")
    }
    return expression
  }

  private var peek: UInt8 { index < text.count ? text[index] : 0 }

  private mutating func skipBlanks() { while peek == 32 { index += 1 } }

  private mutating func accept(_ word: String) -> Bool {
    skipBlanks()
    let bytes = Array(word.utf8)
    guard text[index...].starts(with: bytes) else { return false }
    let end = index + bytes.count
    // A word ends where letters end.
    if let last = bytes.last, MiniSyntax.isLetter(last), end < text.count, MiniSyntax.isLetter(text[end]) {
      return false
    }
    index = end
    return true
  }

  private mutating func expect(_ word: String) throws {
    guard accept(word) else {
      throw Failure(message: "expected \(word) at \(index) in \(String(decoding: text, as: UTF8.self))")
    }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (byte | 32) &- 97 < 26 || (byte | 32 >= 97 && byte | 32 <= 122) || byte == 95 || (byte >= 48 && byte <= 57)
  }

  private static let operatorBytes = Set("+-*/<>=~!@#%^&|?".utf8)

  private mutating func name() -> String {
    skipBlanks()
    let start = index
    while MiniSyntax.isLetter(peek) { index += 1 }
    return String(decoding: text[start..<index], as: UTF8.self)
  }

  private mutating func operatorName() -> String {
    skipBlanks()
    let start = index
    while MiniSyntax.operatorBytes.contains(peek) { index += 1 }
    return String(decoding: text[start..<index], as: UTF8.self)
  }

  private mutating func list(_ end: String) throws -> [ScalarExpression] {
    var items: [ScalarExpression] = []
    if accept(end) { return items }
    repeat { items.append(try expression()) } while accept(",")
    try expect(end)
    return items
  }

  private mutating func type() throws -> SQLType {
    var words = name()
    if words == "double" { words += " " + name() }
    if words == "timestamp" && accept("with time zone") { words = "timestamp with time zone" }
    var arguments: [Int64] = []
    if accept("(") {
      repeat { arguments.append(Int64(name()) ?? 0) } while accept(",")
      try expect(")")
    }
    if words == "char" { words = "bpchar" }
    if accept("[]") { words += "[]" }
    guard let info = TypeInfo.find(name: words) else { throw Failure(message: "type \(words)") }
    return SQLType(info.oid, modifier: arguments.isEmpty ? -1 : try info.modifier(arguments: arguments))
  }

  mutating func expression() throws -> ScalarExpression {
    skipBlanks()
    if peek == 45, index + 1 < text.count, text[index + 1] >= 48, text[index + 1] <= 57 {
      // As in PostgreSQL the sign binds less than `::`.
      index += 1
      return try builder.operator("-", nil, try expression())
    }
    var result = try primary()
    while accept("::") { result = try builder.coerce(result, to: try type(), .explicit) }
    return result
  }

  private mutating func primary() throws -> ScalarExpression {
    skipBlanks()
    if peek == 39 || (peek == 69 && index + 1 < text.count && text[index + 1] == 39) { return try string() }
    if peek >= 48 && peek <= 57 { return try number() }
    if accept("(") { return try parenthesised() }
    if accept("NULL") { return .constant(.null, .unknown) }
    if accept("true") { return .constant(.bool(true), .bool) }
    if accept("false") { return .constant(.bool(false), .bool) }
    if accept("ARRAY[") { return try builder.array(try list("]")) }
    if accept("CASE") { return try conditional() }
    let name = name()
    guard accept("(") else {
      guard let (index, type) = columns[name] else { throw Failure(message: "column \(name)") }
      return .column(index, type)
    }
    let arguments = try list(")")
    switch name {
    case "coalesce": return try builder.coalesce(arguments)
    case "nullif": return try builder.nullIf(arguments[0], arguments[1])
    case "greatest": return try builder.extreme(arguments, greatest: true)
    case "least": return try builder.extreme(arguments, greatest: false)
    default: return try builder.call(name, arguments)
    }
  }

  private mutating func conditional() throws -> ScalarExpression {
    var branches: [(condition: ScalarExpression, result: ScalarExpression)] = []
    var otherwise: ScalarExpression?
    while accept("WHEN") {
      let condition = try expression()
      try expect("THEN")
      branches.append((condition, try expression()))
    }
    if accept("ELSE") { otherwise = try expression() }
    try expect("END")
    return try builder.conditional(branches, otherwise: otherwise)
  }

  private mutating func parenthesised() throws -> ScalarExpression {
    skipBlanks()
    let isNegative = peek == 45 && index + 1 < text.count && text[index + 1] >= 48 && text[index + 1] <= 57
    if MiniSyntax.operatorBytes.contains(peek) && !isNegative {
      let symbol = operatorName()
      let operand = try expression()
      try expect(")")
      return try builder.operator(symbol, nil, operand)
    }
    if accept("NOT") {
      let operand = try builder.boolean(try expression(), construct: "NOT")
      try expect(")")
      return .not(operand)
    }
    let left = try expression()
    if accept(")") { return left }
    if accept("IS NOT DISTINCT FROM") {
      return try closing { try $0.builder.isDistinct(left, try $0.expression(), negated: true) }
    }
    if accept("IS DISTINCT FROM") {
      return try closing { try $0.builder.isDistinct(left, try $0.expression(), negated: false) }
    }
    if accept("IS NOT NULL") { return try closing { _ in .isNull(left, negated: true) } }
    if accept("IS NULL") { return try closing { _ in .isNull(left, negated: false) } }
    if accept("IS TRUE") {
      return try closing { try .booleanTest($0.builder.boolean(left, construct: "IS TRUE"), .isTrue) }
    }
    if accept("IS NOT FALSE") {
      return try closing { try .booleanTest($0.builder.boolean(left, construct: "IS NOT FALSE"), .isNotFalse) }
    }
    if accept("AND") {
      return try closing { reader in
        .and([
          try reader.builder.boolean(left, construct: "AND"),
          try reader.builder.boolean(try reader.expression(), construct: "AND"),
        ])
      }
    }
    if accept("OR") {
      return try closing { reader in
        .or([
          try reader.builder.boolean(left, construct: "OR"),
          try reader.builder.boolean(try reader.expression(), construct: "OR"),
        ])
      }
    }
    let negated = accept("NOT IN")
    if negated || accept("IN") {
      try expect("(")
      let items = try list(")")
      return try closing { try $0.builder.inList(left, items, negated: negated) }
    }
    let symbol = operatorName()
    let all = accept("ALL")
    if all || accept("ANY") {
      return try closing { try $0.builder.quantified(symbol, left, try $0.expression(), all: all) }
    }
    return try closing { try $0.builder.operator(symbol, left, try $0.expression()) }
  }

  private mutating func closing(_ body: (inout MiniSyntax) throws -> ScalarExpression) throws -> ScalarExpression {
    let result = try body(&self)
    try expect(")")
    return result
  }

  private mutating func string() throws -> ScalarExpression {
    let isEscaped = peek == 69
    index += isEscaped ? 2 : 1
    var value: [UInt8] = []
    while true {
      guard index < text.count else { throw Failure(message: "open string") }
      let byte = text[index]
      index += 1
      if byte == 39 {
        guard peek == 39 else { break }
        index += 1
        value.append(39)
      } else if isEscaped && byte == 92 {
        let next = text[index]
        index += 1
        value.append(next == 110 ? 10 : next == 116 ? 9 : next)
      } else {
        value.append(byte)
      }
    }
    return .constant(.bytes(value), .unknown)
  }

  private mutating func number() throws -> ScalarExpression {
    let start = index
    while (peek >= 48 && peek <= 57) || peek == 46 || peek == 101 {
      index += peek == 101 && index + 1 < text.count && text[index + 1] == 45 ? 2 : 1
    }
    let digits = String(decoding: text[start..<index], as: UTF8.self)
    if let value = Int64(digits) {
      return .constant(.int64(value), Int32(exactly: value) == nil ? .int8 : .int4)
    }
    return .constant(.numeric(try Numeric(text: digits)), .numeric)
  }
}

/// What the functions here ask of a session: fixed answers.
final class TestServices: SessionServices {
  var currentUser: String { "alice" }
  var sessionUser: String { "bob" }
  var currentDatabase: String { "db" }
  var sequences: [OID: Int64] = [:]
  func currentSchemas(includingImplicit: Bool) -> [String] {
    includingImplicit ? ["pg_catalog", "public"] : ["public"]
  }
  func setting(_ name: String) -> String? { name == "search_path" ? "public" : nil }
  func catalogFunction(_ name: String, _ arguments: [Datum]) throws(SQLError) -> Datum {
    .text("\(name)/\(arguments.count)")
  }
  func nextValue(ofSequence oid: OID) throws(SQLError) -> Int64 {
    sequences[oid, default: 0] += 1
    return sequences[oid, default: 0]
  }
  func currentValue(ofSequence oid: OID) throws(SQLError) -> Int64 {
    guard let value = sequences[oid] else {
      throw SQLError(.objectNotInPrerequisiteState, "currval of sequence \"s\" is not yet defined in this session")
    }
    return value
  }
  func setValue(ofSequence oid: OID, to value: Int64, isCalled: Bool) throws(SQLError) {
    sequences[oid] = isCalled ? value : value - 1
  }
}

/// Names of types for `regtype`.
struct TestNames: ObjectNames {
  func name(of object: OID, type: OID) -> [UInt8]? { TypeInfo.find(object).map { Array($0.sqlName.utf8) } }
  func object(named name: [UInt8], type: OID) throws(SQLError) -> OID {
    TypeInfo.find(name: String(decoding: name, as: UTF8.self))?.oid ?? .invalid
  }
}
