// Functions of text that cut, search and join. Positions and lengths count characters from 1.
// Source: PostgreSQL manual, 9.4 "String Functions and Operators".

import SQLTypes

extension FunctionCatalog {
  mutating func addTextFunctions() {
    addLengths()
    addCase()
    addSubstrings()
    addSearches()
    addTrims()
    addPadding()
    addCharacters()
  }

  private mutating func addLengths() {
    for name in ["length", "char_length", "character_length"] {
      function(name, [.text], .int4) { (a, n, _) throws(SQLError) in
        try map1(a, n) { (x: Bytes) in Int64(UTF8Text.count(x)) }
      }
      function(name, [.bpchar], .int4) { (a, n, _) throws(SQLError) in
        try map1(a, n) { (x: Bytes) in Int64(UTF8Text.count(withoutTrailingBlanks(x))) }
      }
    }
    function("length", [.bytea], .int4) { (a, n, _) throws(SQLError) in try map1(a, n) { (x: Bytes) in Int64(x.count) }
    }
    for type in [SQLType.text, .bpchar, .bytea] {
      function("octet_length", [type], .int4) { (a, n, _) throws(SQLError) in
        try map1(a, n) { (x: Bytes) in Int64(x.count) }
      }
    }
    for type in [SQLType.text, .bytea] {
      function("bit_length", [type], .int4) { (a, n, _) throws(SQLError) in
        try map1(a, n) { (x: Bytes) in Int64(x.count) * 8 }
      }
    }
  }

  private mutating func addCase() {
    function("lower", [.text], .text) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Bytes, out) in UTF8Text.appendLower(x, to: &out) }
    }
    function("upper", [.text], .text) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Bytes, out) in UTF8Text.appendUpper(x, to: &out) }
    }
    function("initcap", [.text], .text) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Bytes, out) in UTF8Text.appendCapitalised(x, to: &out) }
    }
  }

  private mutating func addSubstrings() {
    for name in ["substring", "substr"] {
      function(name, [.text, .int4], .text) { (a, n, _) throws(SQLError) in
        try build2(a, n) { (x: Bytes, start: Int64, out) throws(SQLError) in
          out.append(try substring(x, start, nil))
        }
      }
      function(name, [.text, .int4, .int4], .text) { (a, n, _) throws(SQLError) in
        try build3(a, n) { (x: Bytes, start: Int64, length: Int64, out) throws(SQLError) in
          out.append(try substring(x, start, length))
        }
      }
      function(name, [.bytea, .int4], .bytea) { (a, n, _) throws(SQLError) in
        try build2(a, n) { (x: Bytes, start: Int64, out) throws(SQLError) in
          out.append(try byteSubstring(x, start, nil))
        }
      }
      function(name, [.bytea, .int4, .int4], .bytea) { (a, n, _) throws(SQLError) in
        try build3(a, n) { (x: Bytes, start: Int64, length: Int64, out) throws(SQLError) in
          out.append(try byteSubstring(x, start, length))
        }
      }
    }
    function("left", [.text, .int4], .text) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (x: Bytes, count: Int64, out) in
        let end =
          count >= 0
          ? UTF8Text.offset(x, advancing: Int(count)) : UTF8Text.offset(x, beforeEnd: Int(-count))
        out.append(x.part(0..<end))
      }
    }
    function("right", [.text, .int4], .text) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (x: Bytes, count: Int64, out) in
        let start =
          count >= 0
          ? UTF8Text.offset(x, beforeEnd: Int(count)) : UTF8Text.offset(x, advancing: Int(-count))
        out.append(x.part(start..<x.count))
      }
    }
    function("overlay", [.text, .text, .int4, .int4], .text) { (a, n, _) throws(SQLError) in
      try map4(a, n) { (x: Bytes, new: Bytes, start: Int64, length: Int64) throws(SQLError) -> [UInt8] in
        try overlay(x, new, start, length)
      }
    }
    function("overlay", [.text, .text, .int4], .text) { (a, n, _) throws(SQLError) in
      try map3(a, n) { (x: Bytes, new: Bytes, start: Int64) throws(SQLError) -> [UInt8] in
        try overlay(x, new, start, Int64(UTF8Text.count(new)))
      }
    }
    function("split_part", [.text, .text, .int4], .text) { (a, n, _) throws(SQLError) in
      try build3(a, n) { (x: Bytes, delimiter: Bytes, field: Int64, out) throws(SQLError) in
        if field == 0 { throw SQLError(.invalidParameterValue, "field position must not be zero") }
        out.append(splitPart(x, delimiter, Int(field)))
      }
    }
  }

  private mutating func addSearches() {
    for name in ["position", "strpos"] {
      function(name, [.text, .text], .int4) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (x: Bytes, needle: Bytes) in
          guard let found = UTF8Text.find(needle, in: x) else { return 0 as Int64 }
          return Int64(UTF8Text.count(x.part(0..<found))) + 1
        }
      }
    }
    function("position", [.bytea, .bytea], .int4) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, needle: Bytes) in Int64(UTF8Text.find(needle, in: x).map { $0 + 1 } ?? 0) }
    }
    function("starts_with", [.text, .text], .bool) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, start: Bytes) in
        x.count >= start.count && equalBytes(x.part(0..<start.count), start)
      }
    }
    infix("^@", .text, .text, .bool) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, start: Bytes) in
        x.count >= start.count && equalBytes(x.part(0..<start.count), start)
      }
    }
    function("replace", [.text, .text, .text], .text) { (a, n, _) throws(SQLError) in
      try build3(a, n) { (x: Bytes, old: Bytes, new: Bytes, out) throws(SQLError) in
        if old.isEmpty { return out.append(x) }
        var from = 0
        while let found = UTF8Text.find(old, in: x, from: from) {
          out.append(x.part(from..<found))
          try out.checkRoom(for: new.count + x.count)
          out.append(new)
          from = found + old.count
        }
        out.append(x.part(from..<x.count))
      }
    }
    for type in [SQLType.text, .bytea] {
      infix("||", type, type, type) { (a, n, _) throws(SQLError) in
        try build2(a, n) { (x: Bytes, y: Bytes, out) throws(SQLError) in
          try out.checkRoom(for: x.count + y.count)
          out.append(x)
          out.append(y)
        }
      }
    }
  }

  private mutating func addTrims() {
    for (name, atStart, atEnd) in [("btrim", true, true), ("ltrim", true, false), ("rtrim", false, true)] {
      function(name, [.text], .text) { (a, n, _) throws(SQLError) in
        try build1(a, n) { (x: Bytes, out) in
          var range = 0..<x.count
          while atStart, let byte = range.first, x[byte] == 0x20 { range = range.dropFirst() }
          while atEnd, let byte = range.last, x[byte] == 0x20 { range = range.dropLast() }
          out.append(x.part(range))
        }
      }
      function(name, [.text, .text], .text) { (a, n, _) throws(SQLError) in
        try build2(a, n) { (x: Bytes, set: Bytes, out) in
          out.append(trim(x, set, atStart: atStart, atEnd: atEnd))
        }
      }
      function(name, [.bytea, .bytea], .bytea) { (a, n, _) throws(SQLError) in
        try build2(a, n) { (x: Bytes, set: Bytes, out) in
          var range = 0..<x.count
          while atStart, let byte = range.first, set.contains(x[byte]) { range = range.dropFirst() }
          while atEnd, let byte = range.last, set.contains(x[byte]) { range = range.dropLast() }
          out.append(x.part(range))
        }
      }
    }
  }

  private mutating func addPadding() {
    for (name, atStart) in [("lpad", true), ("rpad", false)] {
      function(name, [.text, .int4, .text], .text) { (a, n, _) throws(SQLError) in
        try build3(a, n) { (x: Bytes, length: Int64, fill: Bytes, out) throws(SQLError) in
          try appendPadded(x, to: length, fill, atStart: atStart, &out)
        }
      }
      function(name, [.text, .int4], .text) { (a, n, _) throws(SQLError) in
        try build2(a, n) { (x: Bytes, length: Int64, out) throws(SQLError) in
          var blank: UInt8 = 0x20
          try withUnsafeBytes(of: &blank) { (fill) throws(SQLError) in
            try appendPadded(x, to: length, fill, atStart: atStart, &out)
          }
        }
      }
    }
    function("repeat", [.text, .int4], .text) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (x: Bytes, count: Int64, out) throws(SQLError) in
        if count <= 0 || x.isEmpty { return }
        let (total, overflow) = x.count.multipliedReportingOverflow(by: Int(count))
        if overflow || total > Limits.columnByteCount { throw requestedLengthTooLarge }
        try out.checkRoom(for: total)
        // In pieces: appending a letter at a time takes four times as long.
        let copies = min(Int(count), max(1, 4096 / x.count))
        let piece = [UInt8](unsafeUninitializedCapacity: copies * x.count) { target, filled in
          for copy in 0..<copies {
            UnsafeMutableRawBufferPointer(target).baseAddress!.advanced(by: copy * x.count).copyMemory(
              from: x.baseAddress!, byteCount: x.count)
          }
          filled = copies * x.count
        }
        try piece.withBytes { (piece) throws(SQLError) in
          for _ in 0..<(Int(count) / copies) { out.append(piece) }
        }
        for _ in 0..<(Int(count) % copies) { out.append(x) }
      }
    }
    function("reverse", [.text], .text) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Bytes, out) in
        var end = x.count
        while end > 0 {
          let start = UTF8Text.offset(x.part(0..<end), beforeEnd: 1)
          out.append(x.part(start..<end))
          end = start
        }
      }
    }
  }

  private mutating func addCharacters() {
    function("translate", [.text, .text, .text], .text) { (a, n, _) throws(SQLError) in
      try build3(a, n) { (x: Bytes, from: Bytes, to: Bytes, out) in translate(x, from, to, &out) }
    }
    function("ascii", [.text], .int4) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Bytes) in x.isEmpty ? 0 : Int64(UTF8Text.firstScalar(x)) }
    }
    function("chr", [.int4], .text) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (code: Int64, out) throws(SQLError) in
        if code < 0 { throw SQLError(.invalidParameterValue, "character number must be positive") }
        if code == 0 { throw SQLError(.programLimitExceeded, "null character not permitted") }
        if code > 0x10FFFF {
          throw SQLError(.programLimitExceeded, "requested character too large for encoding: \(code)")
        }
        guard let scalar = Unicode.Scalar(UInt32(code)) else {
          throw SQLError(.programLimitExceeded, "requested character not valid for encoding: \(code)")
        }
        UTF8Text.append(scalar, to: &out)
      }
    }
    function("to_hex", [.int4], .text) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Int64, out) in
        out.append(contentsOf: String(UInt32(truncatingIfNeeded: x), radix: 16).utf8)
      }
    }
    function("to_hex", [.int8], .text) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Int64, out) in
        out.append(contentsOf: String(UInt64(bitPattern: x), radix: 16).utf8)
      }
    }
  }
}

private let requestedLengthTooLarge = SQLError(.programLimitExceeded, "requested length too large")
private let negativeLength = SQLError(.substringError, "negative substring length not allowed")

func withoutTrailingBlanks(_ text: Bytes) -> Bytes {
  var end = text.count
  while end > 0 && text[end - 1] == 0x20 { end -= 1 }
  return text.part(0..<end)
}

/// The 0-based character range `[start, end)` that SQL's `FROM start FOR length` means; nil for an open end.
private func substringRange(_ start: Int64, _ length: Int64?) throws(SQLError) -> (start: Int, end: Int?) {
  guard let length else { return (Int(max(start, 1)) - 1, nil) }
  if length < 0 { throw negativeLength }
  let (end, overflow) = start.addingReportingOverflow(length)
  let first = Int(max(start, 1)) - 1
  return (first, overflow ? nil : max(first, Int(max(end, 1)) - 1))
}

private func substring(_ text: Bytes, _ start: Int64, _ length: Int64?) throws(SQLError) -> Bytes {
  let range = try substringRange(start, length)
  let begin = UTF8Text.offset(text, advancing: range.start)
  guard let end = range.end else { return text.part(begin..<text.count) }
  return text.part(begin..<UTF8Text.offset(text, advancing: end - range.start, from: begin))
}

private func byteSubstring(_ bytes: Bytes, _ start: Int64, _ length: Int64?) throws(SQLError) -> Bytes {
  let range = try substringRange(start, length)
  let begin = min(range.start, bytes.count)
  return bytes.part(begin..<min(range.end ?? bytes.count, bytes.count))
}

private func overlay(_ text: Bytes, _ new: Bytes, _ start: Int64, _ length: Int64) throws(SQLError) -> [UInt8] {
  if start <= 0 { throw negativeLength }
  let after = start + length
  if after > Int64(Int32.max) { throw ArithmeticErrors.outOfRange(.int4) }
  var result = Array(try substring(text, 1, start - 1))
  result.append(new)
  result.append(try substring(text, after, nil))
  return result
}

private func splitPart(_ text: Bytes, _ delimiter: Bytes, _ field: Int) -> Bytes {
  let empty = Bytes(start: nil, count: 0)
  if text.isEmpty { return empty }
  if delimiter.isEmpty { return field == 1 || field == -1 ? text : empty }
  var wanted = field
  if field < 0 {
    var parts = 1
    var from = 0
    while let found = UTF8Text.find(delimiter, in: text, from: from) {
      parts += 1
      from = found + delimiter.count
    }
    wanted = parts + 1 + field
    if wanted <= 0 { return empty }
  }
  var from = 0
  while true {
    let found = UTF8Text.find(delimiter, in: text, from: from)
    if wanted == 1 { return text.part(from..<(found ?? text.count)) }
    guard let found else { return empty }
    from = found + delimiter.count
    wanted -= 1
  }
}

private func trim(_ text: Bytes, _ set: Bytes, atStart: Bool, atEnd: Bool) -> Bytes {
  func contains(_ character: Bytes) -> Bool {
    var index = 0
    while index < set.count {
      let length = UTF8Text.length(set, at: index)
      if equalBytes(set.part(index..<index + length), character) { return true }
      index += length
    }
    return false
  }
  var start = 0
  var end = text.count
  while atStart && start < end {
    let length = UTF8Text.length(text, at: start)
    guard contains(text.part(start..<start + length)) else { break }
    start += length
  }
  while atEnd && start < end {
    let last = UTF8Text.offset(text.part(0..<end), beforeEnd: 1)
    guard contains(text.part(last..<end)) else { break }
    end = last
  }
  return text.part(start..<end)
}

/// Fills up to `length` characters, or cuts the text to as many.
private func appendPadded(
  _ text: Bytes, to length: Int64, _ fill: Bytes, atStart: Bool, _ out: inout [UInt8]
) throws(SQLError) {
  let wanted = Int(max(length, 0))
  let count = UTF8Text.count(text)
  if count >= wanted || fill.isEmpty {
    return out.append(text.part(0..<UTF8Text.offset(text, advancing: wanted)))
  }
  // As many bytes as the longest encoding takes, as PostgreSQL reckons.
  if wanted > Limits.columnByteCount / 4 { throw requestedLengthTooLarge }
  try out.checkRoom(for: wanted * 4)
  if !atStart { out.append(text) }
  let fillCount = UTF8Text.count(fill)
  var missing = wanted - count
  while missing >= fillCount {
    out.append(fill)
    missing -= fillCount
  }
  out.append(fill.part(0..<UTF8Text.offset(fill, advancing: missing)))
  if atStart { out.append(text) }
}

private func translate(_ text: Bytes, _ from: Bytes, _ to: Bytes, _ out: inout [UInt8]) {
  var index = 0
  while index < text.count {
    let length = UTF8Text.length(text, at: index)
    let character = text.part(index..<index + length)
    index += length
    // The same place in both sets; characters beyond the second set vanish.
    var source = 0
    var target = 0
    var isFound = false
    while source < from.count {
      let sourceLength = UTF8Text.length(from, at: source)
      let targetLength = target < to.count ? UTF8Text.length(to, at: target) : 0
      if equalBytes(from.part(source..<source + sourceLength), character) {
        out.append(to.part(target..<target + targetLength))
        isFound = true
        break
      }
      source += sourceLength
      target += targetLength
    }
    if !isFound { out.append(character) }
  }
}
