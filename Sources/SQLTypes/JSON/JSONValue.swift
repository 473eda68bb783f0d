// A JSON document as a tree, and its canonical text, which is how jsonb is stored: members by length of key, then bytes, each
// key once, one blank after `:` and `,`, numbers as numeric prints them, strings with the fewest escapes.
// Source: RFC 8259; PostgreSQL manual, 8.14.

public indirect enum JSONValue: Sendable {
  public struct Member: Sendable {
    public var key: [UInt8]
    public var value: JSONValue
    public init(key: [UInt8], value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  case null
  case bool(Bool)
  case number(Numeric)
  /// Without escapes.
  case string([UInt8])
  case array([JSONValue])
  /// In canonical order, each key once.
  case object([Member])

  /// Members in canonical order; of equal keys the last wins.
  public static func object(unordered members: [Member]) -> JSONValue {
    var kept: [Member] = []
    for (place, member) in members.enumerated().sorted(by: { a, b in
      let order = compareKeys(a.element.key, b.element.key)
      return order != 0 ? order < 0 : a.offset < b.offset
    }) {
      _ = place
      if let last = kept.last, last.key == member.key { kept.removeLast() }
      kept.append(member)
    }
    return .object(kept)
  }

  /// Shorter keys first, equally long ones by bytes.
  public static func compareKeys(_ a: [UInt8], _ b: [UInt8]) -> Int {
    if a.count != b.count { return a.count < b.count ? -1 : 1 }
    for (x, y) in zip(a, b) where x != y { return x < y ? -1 : 1 }
    return 0
  }

  /// As `jsonb_typeof` names it.
  public var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "boolean"
    case .number: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }

  public var isScalar: Bool {
    switch self {
    case .array, .object: false
    default: true
    }
  }

  /// The canonical text.
  public var text: [UInt8] {
    var output: [UInt8] = []
    append(to: &output)
    return output
  }

  public func append(to output: inout [UInt8]) {
    switch self {
    case .null: output.append(contentsOf: "null".utf8)
    case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
    case .number(let value): value.append(to: &output)
    case .string(let text): JSONText.appendString(text, to: &output)
    case .array(let elements):
      output.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { output.append(contentsOf: ", ".utf8) }
        element.append(to: &output)
      }
      output.append(UInt8(ascii: "]"))
    case .object(let members):
      output.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { output.append(contentsOf: ", ".utf8) }
        JSONText.appendString(member.key, to: &output)
        output.append(contentsOf: ": ".utf8)
        member.value.append(to: &output)
      }
      output.append(UInt8(ascii: "}"))
    }
  }

  /// `jsonb_pretty`: four blanks for each level.
  public func appendPretty(to output: inout [UInt8], depth: Int = 0) {
    func newLine(_ depth: Int) {
      output.append(0x0A)
      output.append(contentsOf: repeatElement(0x20, count: 4 * depth))
    }
    switch self {
    case .array(let elements):
      output.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        newLine(depth + 1)
        element.appendPretty(to: &output, depth: depth + 1)
      }
      newLine(depth)
      output.append(UInt8(ascii: "]"))
    case .object(let members):
      output.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        newLine(depth + 1)
        JSONText.appendString(member.key, to: &output)
        output.append(contentsOf: ": ".utf8)
        member.value.appendPretty(to: &output, depth: depth + 1)
      }
      newLine(depth)
      output.append(UInt8(ascii: "}"))
    default: append(to: &output)
    }
  }

  /// `a @> b`: everything of `other` is in this value, at the same place. `isTop`: an array also contains a scalar.
  public func contains(_ other: JSONValue, isTop: Bool = true) -> Bool {
    switch (self, other) {
    case (.object(let mine), .object(let theirs)):
      return theirs.allSatisfy { member in
        mine.first { $0.key == member.key }.map { $0.value.contains(member.value, isTop: false) } ?? false
      }
    case (.array(let mine), .array(let theirs)):
      return theirs.allSatisfy { element in
        mine.contains { candidate in
          if element.isScalar || candidate.isScalar { return candidate.isEqual(to: element) }
          return candidate.contains(element, isTop: false)
        }
      }
    case (.array(let mine), _) where isTop && other.isScalar: return mine.contains { $0.isEqual(to: other) }
    default: return isEqual(to: other)
    }
  }

  public func isEqual(to other: JSONValue) -> Bool {
    switch (self, other) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.number(let a), .number(let b)): Numeric.compare(a, b) == 0
    case (.string(let a), .string(let b)): a == b
    case (.array(let a), .array(let b)):
      a.count == b.count && zip(a, b).allSatisfy { $0.isEqual(to: $1) }
    case (.object(let a), .object(let b)):
      a.count == b.count && zip(a, b).allSatisfy { $0.key == $1.key && $0.value.isEqual(to: $1.value) }
    default: false
    }
  }
}

public enum JSONText {
  /// Appends a string in quotes, escaped as little as JSON allows.
  public static func appendString(_ text: some Sequence<UInt8>, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    for byte in text {
      switch byte {
      case 0x08: output.append(contentsOf: "\\b".utf8)
      case 0x09: output.append(contentsOf: "\\t".utf8)
      case 0x0A: output.append(contentsOf: "\\n".utf8)
      case 0x0C: output.append(contentsOf: "\\f".utf8)
      case 0x0D: output.append(contentsOf: "\\r".utf8)
      case UInt8(ascii: "\""): output.append(contentsOf: "\\\"".utf8)
      case UInt8(ascii: "\\"): output.append(contentsOf: "\\\\".utf8)
      case 0..<0x20:
        let digits = Array("0123456789abcdef".utf8)
        output.append(contentsOf: "\\u00".utf8)
        output.append(digits[Int(byte >> 4)])
        output.append(digits[Int(byte & 15)])
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }
}
