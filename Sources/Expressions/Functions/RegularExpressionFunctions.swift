// Functions and operators of regular expressions that give text, numbers or truth.
// Source: PostgreSQL manual, 9.7.2, 9.7.3.

import SQLTypes

/// The expression of a pattern argument, compiled once for a constant.
struct PatternSource {
  private let constant: RegularExpression?
  private let flags: RegularExpressionFlags
  private var last: (pattern: [UInt8], expression: RegularExpression, match: RegularExpression.Match)?

  init(_ column: ColumnVector, _ flags: RegularExpressionFlags) throws(SQLError) {
    self.flags = flags
    constant =
      column.count == 1 && !column.nulls[0]
      ? try RegularExpression.compiled(column.bytes[0].withUnsafeBytes { Array($0) }, flags) : nil
    if let constant { last = ([], constant, try RegularExpression.Match(constant)) }
  }

  mutating func expression(
    _ pattern: Bytes
  ) throws(SQLError) -> (expression: RegularExpression, match: RegularExpression.Match) {
    if let last, constant != nil || last.pattern.withUnsafeBytes({ equalBytes($0, pattern) }) {
      return (last.expression, last.match)
    }
    let expression = try RegularExpression.compiled(pattern, flags)
    let match = try RegularExpression.Match(expression)
    last = (Array(pattern), expression, match)
    return (expression, match)
  }
}

extension RegularExpression {
  static func compiled(_ pattern: [UInt8], _ flags: RegularExpressionFlags) throws(SQLError) -> RegularExpression {
    try pattern.withUnsafeBufferPointer { (bytes) throws(SQLError) in try compiled(Bytes(bytes), flags) }
  }
}

extension FunctionCatalog {
  mutating func addRegularExpressions() {
    for (symbol, negated, ignoresCase) in [
      ("~", false, false), ("!~", true, false), ("~*", false, true), ("!~*", true, true),
    ] {
      infix(symbol, .text, .text, .bool) { (a, n, _) throws(SQLError) in
        var source = try PatternSource(a[1], RegularExpressionFlags(ignoresCase: ignoresCase))
        return try map2(a, n) { (x: Bytes, pattern: Bytes) throws(SQLError) -> Bool in
          let (expression, match) = try source.expression(pattern)
          return try expression.firstMatch(in: x, match) != negated
        }
      }
    }
    addReplacements()
    addExtractions()
    addMatchArrays(2)
    addMatchArrays(3)
    addSimilar()
  }

  private mutating func addReplacements() {
    function("regexp_replace", [.text, .text, .text], .text) { (a, n, _) throws(SQLError) in
      var source = try PatternSource(a[1], RegularExpressionFlags())
      return try build3(a, n) { (x: Bytes, pattern: Bytes, new: Bytes, out) throws(SQLError) in
        let (expression, match) = try source.expression(pattern)
        try replace(x, expression, match, with: new, start: 0, occurrence: 1, &out)
      }
    }
    function("regexp_replace", [.text, .text, .text, .text], .text) { (a, n, _) throws(SQLError) in
      try map4(a, n) { (x: Bytes, pattern: Bytes, new: Bytes, letters: Bytes) throws(SQLError) -> [UInt8] in
        if let first = letters.first, first &- 48 < 10 {
          throw SQLError(
            .invalidParameterValue,
            "invalid regular expression option: \"\(String(decoding: [first], as: UTF8.self))\"",
            hint:
              "If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly."
          )
        }
        let flags = try RegularExpressionFlags(letters: letters, allowsGlobal: true)
        return try replaceOnce(x, pattern, new, 1, flags.isGlobal ? 0 : 1, flags)
      }
    }
    function("regexp_replace", [.text, .text, .text, .int4], .text) { (a, n, _) throws(SQLError) in
      try map4(a, n) { (x: Bytes, pattern: Bytes, new: Bytes, start: Int64) throws(SQLError) -> [UInt8] in
        try replaceOnce(x, pattern, new, start, 1, RegularExpressionFlags())
      }
    }
    function("regexp_replace", [.text, .text, .text, .int4, .int4], .text) { (a, n, _) throws(SQLError) in
      try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
        try row.text(0) { (x) throws(SQLError) in
          try row.text(1) { (pattern) throws(SQLError) in
            try row.text(2) { (new) throws(SQLError) in
              try replaceOnce(x, pattern, new, row.int64(3), row.int64(4), RegularExpressionFlags())
            }
          }
        }
      }
    }
    function("regexp_replace", [.text, .text, .text, .int4, .int4, .text], .text) { (a, n, _) throws(SQLError) in
      try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
        try row.text(0) { (x) throws(SQLError) in
          try row.text(1) { (pattern) throws(SQLError) in
            try row.text(2) { (new) throws(SQLError) in
              let flags = try row.text(5) { (letters) throws(SQLError) in
                try RegularExpressionFlags(letters: letters, allowsGlobal: true)
              }
              return try replaceOnce(x, pattern, new, row.int64(3), row.int64(4), flags)
            }
          }
        }
      }
    }
  }

  private mutating func addExtractions() {
    let extract: ScalarKernel = { (a, n, _) throws(SQLError) in
      var source = try PatternSource(a[1], RegularExpressionFlags())
      return try map2(a, n) { (x: Bytes, pattern: Bytes) throws(SQLError) -> [UInt8]? in
        let (expression, match) = try source.expression(pattern)
        guard try expression.firstMatch(in: x, match) else { return nil }
        return match.range(expression.groupCount > 0 ? 1 : 0).map { Array(x.part($0)) }
      }
    }
    function("substring", [.text, .text], .text, kernel: extract)
    function("regexp_like", [.text, .text], .bool) { (a, n, _) throws(SQLError) in
      var source = try PatternSource(a[1], RegularExpressionFlags())
      return try map2(a, n) { (x: Bytes, pattern: Bytes) throws(SQLError) -> Bool in
        let (expression, match) = try source.expression(pattern)
        return try expression.firstMatch(in: x, match)
      }
    }
    function("regexp_like", [.text, .text, .text], .bool) { (a, n, _) throws(SQLError) in
      try map3(a, n) { (x: Bytes, pattern: Bytes, letters: Bytes) throws(SQLError) -> Bool in
        let flags = try RegularExpressionFlags(letters: letters, allowsGlobal: false)
        let expression = try RegularExpression.compiled(pattern, flags)
        return try expression.firstMatch(in: x, try RegularExpression.Match(expression))
      }
    }
    function("regexp_count", [.text, .text], .int4) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, pattern: Bytes) throws(SQLError) -> Int64 in
        try countMatches(x, pattern, 1, RegularExpressionFlags())
      }
    }
    function("regexp_count", [.text, .text, .int4], .int4) { (a, n, _) throws(SQLError) in
      try map3(a, n) { (x: Bytes, pattern: Bytes, start: Int64) throws(SQLError) -> Int64 in
        try countMatches(x, pattern, start, RegularExpressionFlags())
      }
    }
    function("regexp_count", [.text, .text, .int4, .text], .int4) { (a, n, _) throws(SQLError) in
      try map4(a, n) { (x: Bytes, pattern: Bytes, start: Int64, letters: Bytes) throws(SQLError) -> Int64 in
        try countMatches(x, pattern, start, try RegularExpressionFlags(letters: letters, allowsGlobal: false))
      }
    }
    function("regexp_substr", [.text, .text], .text) { (a, n, _) throws(SQLError) in
      var source = try PatternSource(a[1], RegularExpressionFlags())
      return try map2(a, n) { (x: Bytes, pattern: Bytes) throws(SQLError) -> [UInt8]? in
        let (expression, match) = try source.expression(pattern)
        guard try expression.firstMatch(in: x, match) else { return nil }
        return match.range(0).map { Array(x.part($0)) }
      }
    }
    function("regexp_instr", [.text, .text], .int4) { (a, n, _) throws(SQLError) in
      var source = try PatternSource(a[1], RegularExpressionFlags())
      return try map2(a, n) { (x: Bytes, pattern: Bytes) throws(SQLError) -> Int64 in
        let (expression, match) = try source.expression(pattern)
        guard try expression.firstMatch(in: x, match), let range = match.range(0) else { return 0 }
        return Int64(UTF8Text.count(x.part(0..<range.lowerBound))) + 1
      }
    }
  }

  private mutating func addMatchArrays(_ count: Int) {
    let arguments = Array(repeating: SQLType.text, count: count)
    @Sendable func flags(_ row: RowReader) throws(SQLError) -> RegularExpressionFlags {
      if count < 3 { return RegularExpressionFlags() }
      return try row.text(2) { (letters) throws(SQLError) in
        try RegularExpressionFlags(letters: letters, allowsGlobal: false)
      }
    }
    function("regexp_match", arguments, .textArray) { (a, n, _) throws(SQLError) in
      try mapRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
        let expression = try RegularExpression.compiled(a[1].bytes[row.index(1)], try flags(row))
        let match = try RegularExpression.Match(expression)
        return try row.text(0) { (x) throws(SQLError) in
          try expression.firstMatch(in: x, match) ? match.groups(expression, x).bytes : nil
        }
      }
    }
    function("regexp_split_to_array", arguments, .textArray) { (a, n, _) throws(SQLError) in
      try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
        let parts = try RegularExpression.split(a[0].bytes[row.index(0)], a[1].bytes[row.index(1)], try flags(row))
        return ArrayValue(elementOID: SQLType.text.oid, parts.map { .bytes($0) }).bytes
      }
    }
  }

  private mutating func addSimilar() {
    for name in ["similar_to_escape", "similar_escape"] {
      if name == "similar_to_escape" {
        function(name, [.text], .text) { (a, n, _) throws(SQLError) in
          try map1(a, n) { (pattern: Bytes) throws(SQLError) -> [UInt8] in
            try SimilarPattern.regularExpression(pattern, escape: [UInt8(ascii: "\\")])
          }
        }
      }
      function(name, [.text, .text], .text) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (pattern: Bytes, escape: Bytes) throws(SQLError) -> [UInt8] in
          try SimilarPattern.regularExpression(pattern, escape: Array(escape))
        }
      }
    }
    function("substring", [.text, .text, .text], .text) { (a, n, _) throws(SQLError) in
      try map3(a, n) { (x: Bytes, pattern: Bytes, escape: Bytes) throws(SQLError) -> [UInt8]? in
        let translated = try SimilarPattern.regularExpression(pattern, escape: Array(escape))
        let expression = try RegularExpression.compiled(translated, RegularExpressionFlags())
        let match = try RegularExpression.Match(expression)
        guard try expression.firstMatch(in: x, match) else { return nil }
        return match.range(expression.groupCount > 0 ? 1 : 0).map { Array(x.part($0)) }
      }
    }
  }
}

private func startOffset(_ text: Bytes, _ start: Int64) throws(SQLError) -> Int? {
  if start <= 0 {
    throw SQLError(.invalidParameterValue, "invalid value for parameter \"start\": \(start)")
  }
  if start > Int64(text.count) + 1 { return nil }
  return UTF8Text.offset(text, advancing: Int(start) - 1)
}

private func countMatches(
  _ text: Bytes, _ pattern: Bytes, _ start: Int64, _ flags: RegularExpressionFlags
) throws(SQLError) -> Int64 {
  guard var from = try startOffset(text, start) else { return 0 }
  let expression = try RegularExpression.compiled(pattern, flags)
  let match = try RegularExpression.Match(expression)
  var count: Int64 = 0
  while try expression.firstMatch(in: text, from: from, match), let range = match.range(0) {
    count += 1
    guard let next = RegularExpression.next(after: range, in: text) else { break }
    from = next
  }
  return count
}

private func replaceOnce(
  _ text: Bytes, _ pattern: Bytes, _ new: Bytes, _ start: Int64, _ occurrence: Int64, _ flags: RegularExpressionFlags
) throws(SQLError) -> [UInt8] {
  if occurrence < 0 {
    throw SQLError(.invalidParameterValue, "invalid value for parameter \"n\": \(occurrence)")
  }
  var out: [UInt8] = []
  let expression = try RegularExpression.compiled(pattern, flags)
  guard let from = try startOffset(text, start) else { return Array(text) }
  try replace(
    text, expression, try RegularExpression.Match(expression), with: new, start: from, occurrence: occurrence, &out)
  return out
}

/// Appends `text` with match number `occurrence` (all with 0) replaced; `\1`…`\9` and `\&` stand for groups and the match.
private func replace(
  _ text: Bytes, _ expression: RegularExpression, _ match: RegularExpression.Match, with new: Bytes, start: Int,
  occurrence: Int64, _ out: inout [UInt8]
) throws(SQLError) {
  var copied = 0
  var from = start
  var found: Int64 = 0
  while try expression.firstMatch(in: text, from: from, match), let range = match.range(0) {
    found += 1
    if occurrence == 0 || found == occurrence {
      out.append(text.part(copied..<range.lowerBound))
      try out.checkRoom(for: new.count + text.count)
      var index = 0
      while index < new.count {
        guard new[index] == UInt8(ascii: "\\"), index + 1 < new.count else {
          out.append(new[index])
          index += 1
          continue
        }
        let next = new[index + 1]
        if next == UInt8(ascii: "&") || (next >= UInt8(ascii: "1") && next <= UInt8(ascii: "9")) {
          let group = next == UInt8(ascii: "&") ? 0 : Int(next - 48)
          if let part = match.range(group) {
            try out.checkRoom(for: part.count)
            out.append(text.part(part))
          }
        } else if next == UInt8(ascii: "\\") {
          out.append(next)
        } else {
          out.append(UInt8(ascii: "\\"))
          out.append(next)
        }
        index += 2
      }
      copied = range.upperBound
      if occurrence != 0 { break }
    }
    guard let next = RegularExpression.next(after: range, in: text) else { break }
    from = next
  }
  out.append(text.part(copied..<text.count))
}

/// SQL's `SIMILAR TO` patterns as regular expressions.
enum SimilarPattern {
  static func regularExpression(_ pattern: Bytes, escape: [UInt8]) throws(SQLError) -> [UInt8] {
    if escape.withUnsafeBytes({ UTF8Text.count($0) }) > 1 {
      throw SQLError(
        .invalidEscapeSequence, "invalid escape string", hint: "Escape string must be empty or one character.")
    }
    var out: [UInt8] = Array("^(?:".utf8)
    var isInBrackets = false
    var separators = 0
    var index = 0
    while index < pattern.count {
      let length = UTF8Text.length(pattern, at: index)
      let character = pattern.part(index..<index + length)
      index += length
      if !escape.isEmpty && escape.withUnsafeBytes({ equalBytes($0, character) }) {
        guard index < pattern.count else { break }
        let nextLength = UTF8Text.length(pattern, at: index)
        let next = pattern.part(index..<index + nextLength)
        index += nextLength
        if next[0] == UInt8(ascii: "\"") && !isInBrackets {
          // The part to be given back lies between two of these.
          separators += 1
          if separators == 1 {
            out.append("){1,1}?(")
          } else if separators == 2 {
            out.append("){1,1}(?:")
          } else {
            throw SQLError(
              .invalidParameterValue,
              "SQL regular expression may not contain more than two escape-double-quote separators")
          }
        } else {
          out.append(UInt8(ascii: "\\"))
          out.append(next)
        }
        continue
      }
      if isInBrackets {
        if character[0] == UInt8(ascii: "\\") { out.append(UInt8(ascii: "\\")) }
        out.append(character)
        if character[0] == UInt8(ascii: "]") { isInBrackets = false }
        continue
      }
      switch character[0] {
      case UInt8(ascii: "["):
        out.append(character)
        isInBrackets = true
      case UInt8(ascii: "%"): out.append(".*")
      case UInt8(ascii: "_"): out.append(".")
      case UInt8(ascii: "("): out.append("(?:")
      case UInt8(ascii: "\\"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "$"):
        out.append(UInt8(ascii: "\\"))
        out.append(character)
      default: out.append(character)
      }
    }
    out.append(")$")
    return out
  }
}
