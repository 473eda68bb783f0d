// Bits and bytes: get_bit, set_bit, bit_count, overlay, LIKE over bytea; the binary forms of values (int4send and its kin).
// Source: PostgreSQL manual, 9.5.

import SQLTypes

extension FunctionCatalog {
  mutating func addBytes() {
    addBits()
    addSending()
    for count in [3, 4] {
      function("overlay", [.bytea, .bytea] + Array(repeating: .int4, count: count - 2), .bytea) {
        (a, n, _) throws(SQLError) in
        try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
          let (target, new) = (row.bytes(0), row.bytes(1))
          let start = row.int64(2)
          let length = count > 3 ? row.int64(3) : Int64(new.count)
          if start <= 0 { throw SQLError(.substringError, "negative substring length not allowed") }
          let head = min(Int64(target.count), start - 1)
          let tail = max(head, min(Int64(target.count), start - 1 + length))
          return target[..<Int(head)] + new + target[Int(max(0, length < 0 ? max(0, start - 1 + length) : tail))...]
        }
      }
    }
    // Text is UTF-8 here, and every other encoding is another server's.
    function("convert_to", [.text, .name], .bytea) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, encoding: Bytes) throws(SQLError) -> [UInt8] in
        try EncodingName.requireUTF8(encoding, "destination")
        return Array(x)
      }
    }
    function("convert_from", [.bytea, .name], .text) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, encoding: Bytes) throws(SQLError) -> [UInt8] in
        try EncodingName.requireUTF8(encoding, "source")
        return try EncodingName.validated(Array(x))
      }
    }
    for (symbol, isNegated) in [("~~", false), ("!~~", true)] {
      infix(symbol, .bytea, .bytea, .bool) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (x: Bytes, pattern: Bytes) throws(SQLError) -> Bool in
          try BytePattern.matches(Array(x), Array(pattern)) != isNegated
        }
      }
    }
  }

  private mutating func addBits() {
    function("get_bit", [.bytea, .int8], .int4) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, index: Int64) throws(SQLError) -> Int64 in
        guard index >= 0, index < Int64(x.count) * 8 else {
          throw SQLError(.arraySubscriptError, "index \(index) out of valid range, 0..\(x.count * 8 - 1)")
        }
        return Int64(x[Int(index / 8)] >> UInt8(index % 8)) & 1
      }
    }
    function("set_bit", [.bytea, .int8, .int4], .bytea) { (a, n, _) throws(SQLError) in
      try map3(a, n) { (x: Bytes, index: Int64, bit: Int64) throws(SQLError) -> [UInt8] in
        guard index >= 0, index < Int64(x.count) * 8 else {
          throw SQLError(.arraySubscriptError, "index \(index) out of valid range, 0..\(x.count * 8 - 1)")
        }
        if bit != 0 && bit != 1 { throw SQLError(.invalidParameterValue, "new bit must be 0 or 1") }
        var bytes = Array(x)
        let mask = UInt8(1) << UInt8(index % 8)
        if bit == 1 { bytes[Int(index / 8)] |= mask } else { bytes[Int(index / 8)] &= ~mask }
        return bytes
      }
    }
    function("bit_count", [.bytea], .int8) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Bytes) throws(SQLError) -> Int64 in
        x.reduce(0) { $0 + Int64($1.nonzeroBitCount) }
      }
    }
  }

  private mutating func addSending() {
    let names: [(String, SQLType)] = [
      ("boolsend", .bool), ("byteasend", .bytea), ("charsend", .char), ("namesend", .name), ("int8send", .int8),
      ("int2send", .int2), ("int4send", .int4), ("textsend", .text), ("oidsend", .oid), ("float4send", .float4),
      ("float8send", .float8), ("bpcharsend", .bpchar), ("varcharsend", .varchar), ("date_send", .date),
      ("time_send", .time), ("timetz_send", .timetz), ("timestamp_send", .timestamp),
      ("timestamptz_send", .timestamptz), ("interval_send", .interval), ("numeric_send", .numeric),
      ("uuid_send", .uuid), ("json_send", .json), ("jsonb_send", .jsonb),
    ]
    for (name, type) in names {
      guard let info = TypeInfo.find(type.oid) else { continue }
      function(name, [type], .bytea) { (a, n, context) throws(SQLError) in
        try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
          var out: [UInt8] = []
          info.send(a[0], row.index(0), settings: context.settings, into: &out)
          return out
        }
      }
    }
  }
}

/// LIKE by bytes: `%`, `_`, and a backslash before what stands for itself.
private enum BytePattern {
  static func matches(_ text: [UInt8], _ pattern: [UInt8]) throws(SQLError) -> Bool {
    // Where to go on after the last `%`, if what follows it fails.
    var (at, place) = (0, 0)
    var retry: (text: Int, pattern: Int)?
    while true {
      if place < pattern.count, pattern[place] == UInt8(ascii: "%") {
        retry = (at, place + 1)
        place += 1
        continue
      }
      if at == text.count, place == pattern.count { return true }
      var isMatch = false
      var next = place
      if at < text.count, place < pattern.count {
        if pattern[place] == UInt8(ascii: "\\") {
          guard place + 1 < pattern.count else {
            throw SQLError(.invalidEscapeSequence, "LIKE pattern must not end with escape character")
          }
          isMatch = pattern[place + 1] == text[at]
          next = place + 2
        } else {
          isMatch = pattern[place] == UInt8(ascii: "_") || pattern[place] == text[at]
          next = place + 1
        }
      }
      if isMatch {
        (at, place) = (at + 1, next)
        continue
      }
      guard let last = retry, last.text < text.count else { return false }
      retry = (last.text + 1, last.pattern)
      (at, place) = (last.text + 1, last.pattern)
    }
  }
}

private enum EncodingName {
  static func requireUTF8(_ name: Bytes, _ role: String) throws(SQLError) {
    let text = String(decoding: name, as: UTF8.self)
    let plain = text.lowercased().filter { $0.isLetter || $0.isNumber }
    if plain == "utf8" || plain == "unicode" { return }
    throw SQLError(.invalidParameterValue, "invalid \(role) encoding name \"\(text)\"")
  }

  /// Error 22021 for bytes that are no UTF-8 text.
  static func validated(_ bytes: [UInt8]) throws(SQLError) -> [UInt8] {
    guard let text = TypeInfo.find(SQLType.text.oid) else { return bytes }
    var failure: SQLError?
    bytes.withUnsafeBytes { buffer in
      do throws(SQLError) { _ = try text.receive(buffer) } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }
}
