// parse_ident and unistr: text as SQL's own lexer would read it. Source: PostgreSQL manual, 9.4; its misc.c for the messages.

import SQLTypes

extension FunctionCatalog {
  mutating func addIdentifiers() {
    for count in [1, 2] {
      function("parse_ident", [.text] + (count == 2 ? [.bool] : []), .textArray) { (a, n, _) throws(SQLError) in
        try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
          let isStrict = count == 1 || row.int64(1) != 0
          let parts = try IdentifierText.parts(row.bytes(0), isStrict: isStrict)
          return ArrayValue(elementOID: SQLType.text.oid, parts.map { .bytes($0) }).bytes
        }
      }
    }
    function("unistr", [.text], .text) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (text: Bytes) throws(SQLError) -> [UInt8] in try UnicodeEscapes.decoded(Array(text)) }
    }
  }
}

private enum IdentifierText {
  static func parts(_ text: [UInt8], isStrict: Bool) throws(SQLError) -> [[UInt8]] {
    let shown = String(decoding: text, as: UTF8.self)
    func invalid(_ detail: String? = nil) -> SQLError {
      SQLError(.invalidParameterValue, "string is not a valid identifier: \"\(shown)\"", detail: detail)
    }
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }
    func begins(_ byte: UInt8) -> Bool {
      byte == UInt8(ascii: "_") || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
        || byte >= 0x80
    }
    func goesOn(_ byte: UInt8) -> Bool {
      begins(byte) || (byte >= 48 && byte <= 57) || byte == UInt8(ascii: "$")
    }
    var parts: [[UInt8]] = []
    var index = 0
    func skipBlanks() { while index < text.count, isBlank(text[index]) { index += 1 } }
    skipBlanks()
    var isAfterDot = false
    while true {
      var isMissing = true
      if index < text.count, text[index] == UInt8(ascii: "\"") {
        index += 1
        var part: [UInt8] = []
        while true {
          guard let end = text[index...].firstIndex(of: UInt8(ascii: "\"")) else {
            throw invalid("String has unclosed double quotes.")
          }
          part += text[index..<end]
          index = end + 1
          guard index < text.count, text[index] == UInt8(ascii: "\"") else { break }
          part.append(UInt8(ascii: "\""))
          index += 1
        }
        if part.isEmpty { throw invalid("Quoted identifier must not be empty.") }
        parts.append(part)
        isMissing = false
      } else if index < text.count, begins(text[index]) {
        let start = index
        while index < text.count, goesOn(text[index]) { index += 1 }
        parts.append(text[start..<index].map { $0 >= 0x41 && $0 <= 0x5A ? $0 + 0x20 : $0 })
        isMissing = false
      }
      if isMissing {
        if index < text.count, text[index] == UInt8(ascii: ".") {
          throw invalid("No valid identifier before \".\".")
        }
        if isAfterDot { throw invalid("No valid identifier after \".\".") }
        throw invalid()
      }
      skipBlanks()
      if index < text.count, text[index] == UInt8(ascii: ".") {
        isAfterDot = true
        index += 1
        skipBlanks()
      } else if index == text.count {
        return parts
      } else {
        if isStrict { throw invalid() }
        return parts
      }
    }
  }
}

private enum UnicodeEscapes {
  static func decoded(_ text: [UInt8]) throws(SQLError) -> [UInt8] {
    var out: [UInt8] = []
    var index = 0
    var pending: UInt32?
    func hex(_ from: Int, _ count: Int) -> UInt32? {
      guard from + count <= text.count else { return nil }
      return UInt32(String(decoding: text[from..<from + count], as: UTF8.self), radix: 16)
    }
    func surrogate() -> SQLError { SQLError(.syntaxError, "invalid Unicode surrogate pair") }
    while index < text.count {
      guard text[index] == UInt8(ascii: "\\") else {
        if pending != nil { throw surrogate() }
        out.append(text[index])
        index += 1
        continue
      }
      if index + 1 < text.count, text[index + 1] == UInt8(ascii: "\\") {
        if pending != nil { throw surrogate() }
        out.append(UInt8(ascii: "\\"))
        index += 2
        continue
      }
      let next = index + 1 < text.count ? text[index + 1] : 0
      let found: (value: UInt32, length: Int)?
      switch next {
      case UInt8(ascii: "+"): found = hex(index + 2, 6).map { ($0, 8) }
      case UInt8(ascii: "u"): found = hex(index + 2, 4).map { ($0, 6) }
      case UInt8(ascii: "U"): found = hex(index + 2, 8).map { ($0, 10) }
      default: found = hex(index + 1, 4).map { ($0, 5) }
      }
      guard let found else {
        throw SQLError(
          .syntaxError, "invalid Unicode escape",
          hint: "Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.")
      }
      index += found.length
      if found.value == 0 || found.value > 0x10FFFF {
        throw SQLError(.invalidParameterValue, "invalid Unicode code point: \(hexText(found.value))")
      }
      var value = found.value
      if let first = pending {
        guard (0xDC00...0xDFFF).contains(value) else { throw surrogate() }
        value = 0x10000 + ((first & 0x3FF) << 10) + (value & 0x3FF)
        pending = nil
      } else if (0xDC00...0xDFFF).contains(value) {
        throw surrogate()
      } else if (0xD800...0xDBFF).contains(value) {
        pending = value
        continue
      }
      guard let scalar = Unicode.Scalar(value) else { throw surrogate() }
      out += Array(String(Character(scalar)).utf8)
    }
    if pending != nil { throw surrogate() }
    return out
  }

  private static func hexText(_ value: UInt32) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
