// JSON text to a tree, or only checked: a token at a time, with PostgreSQL's complaints about what stands where.
// Source: RFC 8259; PostgreSQL's jsonapi.c for what each mistake is called.

struct JSONReader {
  /// Deeper documents are refused, so that nothing that walks them runs out of stack.
  static let maximumDepth = 1000

  private enum Token {
    case string, number, objectStart, objectEnd, arrayStart, arrayEnd, colon, comma, `true`, `false`, null, end
  }

  private let bytes: UnsafeRawBufferPointer
  /// Else the text is checked only, and values are not made.
  private let builds: Bool
  private let typeName: String
  private var token = Token.end
  private var tokenStart = 0
  private var tokenEnd = 0
  private var string: [UInt8] = []

  private init(_ bytes: UnsafeRawBufferPointer, builds: Bool) {
    self.bytes = bytes
    self.builds = builds
    typeName = "json"
  }

  /// The document. Errors 22P02, 22P05, 54001.
  static func value(_ bytes: UnsafeRawBufferPointer) throws(SQLError) -> JSONValue {
    var reader = JSONReader(bytes, builds: true)
    return try reader.document()
  }

  /// Checks that the text is a document.
  static func check(_ bytes: UnsafeRawBufferPointer) throws(SQLError) {
    var reader = JSONReader(bytes, builds: false)
    _ = try reader.document()
  }

  private mutating func document() throws(SQLError) -> JSONValue {
    try advance()
    let value = try value()
    if token != .end { throw expected("Expected end of input, but found") }
    return value
  }

  /// An object or array that has begun and not ended.
  private struct Container {
    var isObject: Bool
    var key: [UInt8] = []
    var members: [JSONValue.Member] = []
    var elements: [JSONValue] = []

    mutating func add(_ value: JSONValue) {
      if isObject { members.append(JSONValue.Member(key: key, value: value)) } else { elements.append(value) }
    }

    var value: JSONValue { isObject ? .object(unordered: members) : .array(elements) }
  }

  /// Without recursion, so that no document takes the stack.
  private mutating func value() throws(SQLError) -> JSONValue {
    var open: [Container] = []
    while true {
      var done: JSONValue
      switch token {
      case .string: done = .string(string)
      case .number:
        done =
          builds ? .number(try Numeric(text: UnsafeRawBufferPointer(rebasing: bytes[tokenStart..<tokenEnd]))) : .null
      case .true, .false: done = .bool(token == .true)
      case .null: done = .null
      case .objectStart, .arrayStart:
        let isObject = token == .objectStart
        if open.count == Self.maximumDepth { throw SQLError(.statementTooComplex, "stack depth limit exceeded") }
        try advance()
        var container = Container(isObject: isObject)
        if isObject, token != .objectEnd {
          container.key = try key("Expected string or \"}\", but found")
          open.append(container)
          continue
        }
        if !isObject, token != .arrayEnd {
          switch token {
          case .objectEnd, .colon, .comma, .end: throw expected("Expected array element or \"]\", but found")
          default: break
          }
          open.append(container)
          continue
        }
        done = container.value
      default: throw expected("Expected JSON value, but found")
      }
      try advance()
      // The value belongs to what is open, which may end with it.
      while true {
        guard var container = open.popLast() else { return done }
        if builds { container.add(done) }
        if token == .comma {
          try advance()
          if container.isObject { container.key = try key("Expected string, but found") }
          open.append(container)
          break
        }
        guard token == (container.isObject ? .objectEnd : .arrayEnd) else {
          throw expected("Expected \",\" or \"\(container.isObject ? "}" : "]")\", but found")
        }
        try advance()
        done = builds ? container.value : .null
      }
    }
  }

  /// A member's key and its colon.
  private mutating func key(_ complaint: String) throws(SQLError) -> [UInt8] {
    guard token == .string else { throw expected(complaint) }
    let key = string
    try advance()
    guard token == .colon else { throw expected("Expected \":\", but found") }
    try advance()
    return key
  }

  // MARK: Tokens

  private mutating func advance() throws(SQLError) {
    var position = tokenEnd
    while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
    tokenStart = position
    guard position < bytes.count else {
      token = .end
      tokenEnd = position
      return
    }
    tokenEnd = position + 1
    switch bytes[position] {
    case UInt8(ascii: "{"): token = .objectStart
    case UInt8(ascii: "}"): token = .objectEnd
    case UInt8(ascii: "["): token = .arrayStart
    case UInt8(ascii: "]"): token = .arrayEnd
    case UInt8(ascii: ":"): token = .colon
    case UInt8(ascii: ","): token = .comma
    case UInt8(ascii: "\""):
      try readString()
      token = .string
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      try readNumber()
      token = .number
    default:
      var end = position
      while end < bytes.count, Self.isWord(bytes[end]) { end += 1 }
      if end == position {
        tokenEnd = position + 1
        throw invalidToken()
      }
      tokenEnd = end
      let word = UnsafeRawBufferPointer(rebasing: bytes[position..<end])
      if word.elementsEqual("true".utf8) {
        token = .true
      } else if word.elementsEqual("false".utf8) {
        token = .false
      } else if word.elementsEqual("null".utf8) {
        token = .null
      } else {
        throw invalidToken()
      }
    }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    (byte >= 0x61 && byte <= 0x7A) || (byte >= 0x41 && byte <= 0x5A) || (byte >= 0x30 && byte <= 0x39)
      || byte == 0x5F || byte >= 0x80
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  private mutating func readNumber() throws(SQLError) {
    var position = tokenStart
    var isValid = true
    func digits() -> Bool {
      let start = position
      while position < bytes.count, Self.isDigit(bytes[position]) { position += 1 }
      return position > start
    }
    if bytes[position] == UInt8(ascii: "-") { position += 1 }
    if position < bytes.count, bytes[position] == UInt8(ascii: "0") {
      position += 1
    } else {
      isValid = digits()
    }
    if isValid, position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      isValid = digits()
    }
    if isValid, position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
        position += 1
      }
      isValid = digits()
    }
    let end = position
    while position < bytes.count, Self.isWord(bytes[position]) { position += 1 }
    tokenEnd = position
    if !isValid || position > end { throw invalidToken() }
  }

  private mutating func readString() throws(SQLError) {
    var position = tokenStart + 1
    string.removeAll(keepingCapacity: true)
    var high: UInt32?
    func fail(_ detail: String, _ end: Int) -> SQLError {
      var reader = self
      reader.tokenEnd = end
      return reader.error(detail)
    }
    func pairError(_ detail: String, _ end: Int) -> SQLError { fail(detail, end) }
    while true {
      guard position < bytes.count else {
        tokenEnd = bytes.count
        throw invalidToken()
      }
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") { break }
      if byte < 0x20 {
        throw fail("Character with value 0x\(Self.hex(byte)) must be escaped.", position)
      }
      if byte != UInt8(ascii: "\\") {
        if high != nil {
          throw pairError("Unicode low surrogate must follow a high surrogate.", position)
        }
        if builds { string.append(byte) }
        position += 1
        continue
      }
      position += 1
      guard position < bytes.count else {
        tokenEnd = bytes.count
        throw invalidToken()
      }
      let escape = bytes[position]
      if escape == UInt8(ascii: "u") {
        var code: UInt32 = 0
        for offset in 1...4 {
          guard position + offset < bytes.count, let digit = ByteaType.hexValue(bytes[position + offset]) else {
            throw fail(
              "\"\\u\" must be followed by four hexadecimal digits.", min(bytes.count, position + offset + 1))
          }
          code = code << 4 | UInt32(digit)
        }
        position += 5
        if !builds { continue }
        if code >= 0xD800 && code <= 0xDBFF {
          if high != nil {
            throw pairError("Unicode high surrogate must not follow a high surrogate.", position)
          }
          high = code
          continue
        }
        if code >= 0xDC00 && code <= 0xDFFF {
          guard let first = high else {
            throw pairError("Unicode low surrogate must follow a high surrogate.", position)
          }
          code = 0x10000 + (first & 0x3FF) << 10 + (code & 0x3FF)
          high = nil
        } else if high != nil {
          throw pairError("Unicode low surrogate must follow a high surrogate.", position)
        }
        if code == 0 {
          var error = SQLError(
            .untranslatableCharacter, "unsupported Unicode escape sequence",
            detail: "\\u0000 cannot be converted to text.")
          error.context = fail("", position).context
          throw error
        }
        if let scalar = Unicode.Scalar(code), let units = UTF8.encode(scalar) { string.append(contentsOf: units) }
        continue
      }
      if high != nil { throw pairError("Unicode low surrogate must follow a high surrogate.", position) }
      let plain: UInt8
      switch escape {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = escape
      case UInt8(ascii: "b"): plain = 0x08
      case UInt8(ascii: "f"): plain = 0x0C
      case UInt8(ascii: "n"): plain = 0x0A
      case UInt8(ascii: "r"): plain = 0x0D
      case UInt8(ascii: "t"): plain = 0x09
      default:
        throw fail(
          "Escape sequence \"\\\(String(decoding: [escape], as: UTF8.self))\" is invalid.", position + 1)
      }
      if builds { string.append(plain) }
      position += 1
    }
    if high != nil { throw pairError("Unicode low surrogate must follow a high surrogate.", position) }
    tokenEnd = position + 1
  }

  private static func hex(_ byte: UInt8) -> String {
    let digits = Array("0123456789abcdef")
    return String([digits[Int(byte >> 4)], digits[Int(byte & 15)]])
  }

  // MARK: Errors

  private var tokenText: String { String(decoding: bytes[tokenStart..<tokenEnd], as: UTF8.self) }

  private func invalidToken() -> SQLError { error("Token \"\(tokenText)\" is invalid.") }

  private func expected(_ what: String) -> SQLError {
    token == .end ? error("The input string ended unexpectedly.") : error("\(what) \"\(tokenText)\".")
  }

  private func error(_ detail: String) -> SQLError {
    var result = SQLError(
      .invalidTextRepresentation, "invalid input syntax for type \(typeName)", detail: detail)
    result.context = place
    return result
  }

  /// The line up to the token, its last fifty bytes.
  private var place: String {
    var lineStart = 0
    var line = 1
    for position in 0..<min(tokenStart, bytes.count) where bytes[position] == 0x0A {
      line += 1
      lineStart = position + 1
    }
    let end = tokenEnd
    var start = max(lineStart, end - 50)
    while start < end, bytes[start] & 0xC0 == 0x80 { start += 1 }
    if start - lineStart <= 3 { start = lineStart }
    let isCut = token != .end && end < bytes.count && bytes[end] != 0x0A && bytes[end] != 0x0D
    return "JSON data, line \(line): " + (start > lineStart ? "..." : "")
      + String(decoding: bytes[start..<end], as: UTF8.self) + (isCut ? "..." : "")
  }
}

extension JSONValue {
  /// Reads a document. Errors 22P02, 22P05, 54001.
  public init(_ text: UnsafeRawBufferPointer) throws(SQLError) { self = try JSONReader.value(text) }

  public init(_ text: [UInt8]) throws(SQLError) {
    self = try Text.withBytes(text) { (bytes: UnsafeRawBufferPointer) throws(SQLError) in try JSONReader.value(bytes) }
  }
}
