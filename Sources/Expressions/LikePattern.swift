// HOT: Matching of LIKE patterns: `%` any text, `_` one character, `\` takes the next character literally.
// A mismatch goes back to the last `%` only, so a match takes at most text × pattern steps; constant patterns of the
// common forms (word, prefix%, %suffix, %part%) become one comparison or search.
// Source: PostgreSQL manual, 9.7.1.

import Glibc
import SQLTypes

/// A pattern made ready for many texts.
enum LikePattern {
  case exact([UInt8])
  case prefix([UInt8])
  case suffix([UInt8])
  case part([UInt8])
  case general([UInt8])

  /// - Parameter pattern: with `\` as its escape.
  init(_ pattern: Bytes) {
    var literal: [UInt8] = []
    var begins = false
    var ends = false
    var index = 0
    while index < pattern.count {
      switch pattern[index] {
      case UInt8(ascii: "%"):
        if index == 0 {
          begins = true
        } else if index == pattern.count - 1 {
          ends = true
        } else {
          self = .general(Array(pattern))
          return
        }
      case UInt8(ascii: "_"), UInt8(ascii: "\\"):
        self = .general(Array(pattern))
        return
      default: literal.append(pattern[index])
      }
      index += 1
    }
    if begins && ends {
      self = .part(literal)
    } else if begins {
      self = pattern.count == 1 ? .part([]) : .suffix(literal)
    } else {
      self = ends ? .prefix(literal) : .exact(literal)
    }
  }

  func matches(_ text: Bytes) throws(SQLError) -> Bool {
    switch self {
    case .exact(let literal): return literal.withUnsafeBytes { equalBytes(text, $0) }
    case .prefix(let literal):
      return literal.withUnsafeBytes { text.count >= $0.count && equalBytes(text.part(0..<$0.count), $0) }
    case .suffix(let literal):
      return literal.withUnsafeBytes {
        text.count >= $0.count && equalBytes(text.part(text.count - $0.count..<text.count), $0)
      }
    case .part(let literal): return literal.withUnsafeBytes { UTF8Text.find($0, in: text) != nil }
    case .general(let pattern):
      return try pattern.withUnsafeBufferPointer { (pattern) throws(SQLError) -> Bool in
        try LikePattern.matches(text, Bytes(pattern))
      }
    }
  }

  static func matches(_ text: Bytes, _ pattern: Bytes) throws(SQLError) -> Bool {
    var t = 0
    var p = 0
    /// The place after the last `%`, and where in the text the attempt that follows it began.
    var resumeP = -1
    var resumeT = 0
    while t < text.count {
      var isMatch = false
      if p < pattern.count {
        switch pattern[p] {
        case UInt8(ascii: "%"):
          p += 1
          resumeP = p
          resumeT = t
          continue
        case UInt8(ascii: "_"):
          p += 1
          t += UTF8Text.length(text, at: t)
          continue
        case UInt8(ascii: "\\"):
          guard p + 1 < pattern.count else {
            throw SQLError(.invalidEscapeSequence, "LIKE pattern must not end with escape character")
          }
          if pattern[p + 1] == text[t] {
            p += 2
            isMatch = true
          }
        default:
          if pattern[p] == text[t] {
            p += 1
            isMatch = true
          }
        }
      }
      if isMatch {
        t += 1
      } else if resumeP >= 0 {
        resumeT += UTF8Text.length(text, at: resumeT)
        t = resumeT
        p = resumeP
      } else {
        return false
      }
    }
    while p < pattern.count && pattern[p] == UInt8(ascii: "%") { p += 1 }
    return p == pattern.count
  }

  /// The pattern with `escape` (empty or one character) in place of `\`.
  static func escaping(_ pattern: Bytes, _ escape: Bytes, into out: inout [UInt8]) throws(SQLError) {
    if escape.isEmpty {
      for byte in pattern {
        if byte == UInt8(ascii: "\\") { out.append(byte) }
        out.append(byte)
      }
      return
    }
    if UTF8Text.length(escape, at: 0) != escape.count {
      throw SQLError(
        .invalidEscapeSequence, "invalid escape string", hint: "Escape string must be empty or one character.")
    }
    if escape.count == 1 && escape[0] == UInt8(ascii: "\\") { return out.append(pattern) }
    var index = 0
    var isEscaped = false
    while index < pattern.count {
      let length = UTF8Text.length(pattern, at: index)
      let character = pattern.part(index..<index + length)
      if !isEscaped && equalBytes(character, escape) {
        out.append(UInt8(ascii: "\\"))
        isEscaped = true
      } else {
        if character[0] == UInt8(ascii: "\\") && !isEscaped { out.append(UInt8(ascii: "\\")) }
        out.append(character)
        isEscaped = false
      }
      index += length
    }
  }
}

extension ScalarFunction {
  /// What an index needs of `x LIKE pattern`: the bytes that every match begins with (maybe none), and whether the pattern
  /// is nothing but them (equality) or them and a final `%`.
  public static func likePrefix(of pattern: [UInt8]) -> (prefix: [UInt8], isExact: Bool, isWhole: Bool) {
    var prefix: [UInt8] = []
    var index = 0
    while index < pattern.count {
      switch pattern[index] {
      case UInt8(ascii: "%"): return (prefix, false, index == pattern.count - 1)
      case UInt8(ascii: "_"): return (prefix, false, false)
      case UInt8(ascii: "\\"):
        guard index + 1 < pattern.count else { return (prefix, false, false) }
        index += 1
        prefix.append(pattern[index])
      default: prefix.append(pattern[index])
      }
      index += 1
    }
    return (prefix, true, true)
  }
}

extension FunctionCatalog {
  mutating func addLike() {
    for (symbol, negated, ignoresCase) in [
      ("~~", false, false), ("!~~", true, false), ("~~*", false, true), ("!~~*", true, true),
    ] {
      infix(symbol, .text, .text, .bool) { (a, n, _) throws(SQLError) in
        try likeKernel(a, n, negated: negated, ignoresCase: ignoresCase)
      }
      // character(n) keeps its blanks here.
      infix(symbol, .bpchar, .text, .bool) { (a, n, _) throws(SQLError) in
        try likeKernel(a, n, negated: negated, ignoresCase: ignoresCase)
      }
    }
    function("like", [.text, .text], .bool) { (a, n, _) throws(SQLError) in
      try likeKernel(a, n, negated: false, ignoresCase: false)
    }
    function("notlike", [.text, .text], .bool) { (a, n, _) throws(SQLError) in
      try likeKernel(a, n, negated: true, ignoresCase: false)
    }
    function("like_escape", [.text, .text], .text) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (pattern: Bytes, escape: Bytes, out) throws(SQLError) in
        try LikePattern.escaping(pattern, escape, into: &out)
      }
    }
  }
}

private func likeKernel(
  _ arguments: [ColumnVector], _ rowCount: Int, negated: Bool, ignoresCase: Bool
) throws(SQLError) -> ColumnVector {
  if ignoresCase {
    let lower = try arguments.map { (column) throws(SQLError) -> ColumnVector in
      try build1([column], column.count) { (x: Bytes, out) in UTF8Text.appendLower(x, to: &out) }
    }
    return try likeKernel(lower, rowCount, negated: negated, ignoresCase: false)
  }
  if arguments[1].count == 1 {
    let pattern = arguments[1].bytes.withBytes(0) { LikePattern($0) }
    return try map1([arguments[0]], rowCount) { (x: Bytes) throws(SQLError) -> Bool in
      try pattern.matches(x) != negated
    }
  }
  return try map2(arguments, rowCount) { (x: Bytes, pattern: Bytes) throws(SQLError) -> Bool in
    try LikePattern.matches(x, pattern) != negated
  }
}
