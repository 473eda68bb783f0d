// A compiled regular expression over UTF-8 bytes, by PCRE2. A match is bounded in steps and in memory, so that no pattern
// holds up a reactor; a match that reaches the bound is an error. Compiled patterns are kept process-wide, the oldest
// leaving first; they are immutable once compiled and may be used from any thread.
// Source: pcre2api(3).

import CPCRE2
import SQLTypes
import Synchronization

/// `@unchecked`: `code` is never changed after `init`, and PCRE2 lets several threads match with one compiled pattern.
final class RegularExpression: @unchecked Sendable {
  /// Steps of backtracking for one match: some tens of milliseconds.
  private static let matchLimit: UInt32 = 1_000_000
  /// Kibibytes of backtracking memory for one match.
  private static let heapLimit: UInt32 = 20_000

  private let code: OpaquePointer
  private let context: OpaquePointer
  /// The number of capturing groups.
  let groupCount: Int

  private init(_ syntax: RegularExpressionSyntax) throws(SQLError) {
    var options = UInt32(bitPattern: PCRE2_UTF_OPTION)
    let flags = syntax.flags
    if flags.ignoresCase { options |= UInt32(PCRE2_CASELESS) }
    if flags.isLiteral {
      options |= UInt32(PCRE2_LITERAL)
    } else {
      options |= UInt32(PCRE2_UCP) | UInt32(PCRE2_DOLLAR_ENDONLY) | UInt32(PCRE2_NEVER_BACKSLASH_C)
      if !flags.dotStopsAtNewline { options |= UInt32(PCRE2_DOTALL) }
      if flags.anchorsAtNewlines { options |= UInt32(PCRE2_MULTILINE) }
    }
    var errorCode: Int32 = 0
    var errorOffset = 0
    let compiled = syntax.output.withUnsafeBufferPointer { bytes in
      pcre2_compile_8(bytes.baseAddress, bytes.count, options, &errorCode, &errorOffset, nil)
    }
    guard let compiled, let context = pcre2_match_context_create_8(nil) else {
      if let compiled { pcre2_code_free_8(compiled) }
      throw RegularExpressionSyntax.invalid(RegularExpression.reason(errorCode))
    }
    pcre2_set_match_limit_8(context, RegularExpression.matchLimit)
    pcre2_set_heap_limit_8(context, RegularExpression.heapLimit)
    // Where the machine has no JIT, matching interprets.
    pcre2_jit_compile_8(compiled, UInt32(PCRE2_JIT_COMPLETE))
    var count: UInt32 = 0
    pcre2_pattern_info_8(compiled, UInt32(PCRE2_INFO_CAPTURECOUNT), &count)
    code = compiled
    self.context = context
    groupCount = Int(count)
  }

  deinit {
    pcre2_match_context_free_8(context)
    pcre2_code_free_8(code)
  }

  /// PostgreSQL's words for PCRE2's compile errors (pcre2.h, COMPILE_ERROR_…).
  private static func reason(_ code: Int32) -> String {
    switch code {
    case 101, 103: "invalid escape \\ sequence"
    case 104, 105, 187: "invalid repetition count(s)"
    case 106: "brackets [] not balanced"
    case 108, 150: "invalid character range"
    case 109: "quantifier operand invalid"
    case 114, 122: "parentheses () not balanced"
    case 115: "invalid backreference number"
    case 120, 121, 135, 186: "regular expression is too complex"
    case 130: "invalid character class"
    default: "invalid regexp (PCRE2 error \(code))"
    }
  }

  // MARK: Cache

  private struct Key: Hashable {
    var pattern: [UInt8]
    var flags: RegularExpressionFlags
  }

  private struct Cache {
    static let capacity = 256
    var known: [Key: RegularExpression] = [:]
    var ring: [Key] = []
    var oldest = 0

    mutating func insert(_ key: Key, _ expression: RegularExpression) {
      if known.updateValue(expression, forKey: key) != nil { return }
      if ring.count < Cache.capacity {
        ring.append(key)
      } else {
        known[ring[oldest]] = nil
        ring[oldest] = key
        oldest = (oldest + 1) % Cache.capacity
      }
    }
  }

  private static let cache = Mutex(Cache())

  /// The compiled pattern. Error 2201B if it is no regular expression.
  static func compiled(_ pattern: Bytes, _ flags: RegularExpressionFlags) throws(SQLError) -> RegularExpression {
    let key = Key(pattern: Array(pattern), flags: flags)
    if let known = cache.withLock({ $0.known[key] }) { return known }
    let expression = try RegularExpression(try RegularExpressionSyntax(key.pattern, flags))
    cache.withLock { $0.insert(key, expression) }
    return expression
  }

  // MARK: Matching

  /// Where a match and its groups lie; reused from match to match.
  final class Match {
    fileprivate let data: OpaquePointer
    fileprivate(set) var groupCount = 0

    init(_ expression: RegularExpression) throws(SQLError) {
      guard let data = pcre2_match_data_create_from_pattern_8(expression.code, nil) else {
        throw SQLError(.outOfMemory, "out of memory")
      }
      self.data = data
    }

    deinit { pcre2_match_data_free_8(data) }

    /// The whole match (0) or a group; nil if the group took no part.
    func range(_ group: Int) -> Range<Int>? {
      guard group < Int(pcre2_get_ovector_count_8(data)), let offsets = pcre2_get_ovector_pointer_8(data) else {
        return nil
      }
      let begin = offsets[2 * group]
      let end = offsets[2 * group + 1]
      return begin == PCRE2_UNSET_OFFSET || end < begin ? nil : begin..<end
    }
  }

  /// Looks for the first match at or after byte `start`.
  func firstMatch(in text: Bytes, from start: Int = 0, _ match: Match) throws(SQLError) -> Bool {
    var empty: UInt8 = 0
    let subject = text.baseAddress?.assumingMemoryBound(to: UInt8.self)
    var result = withUnsafePointer(to: &empty) {
      pcre2_match_8(code, subject ?? $0, text.count, start, 0, match.data, context)
    }
    if result == PCRE2_ERROR_JIT_STACKLIMIT {
      result = withUnsafePointer(to: &empty) {
        pcre2_match_8(code, subject ?? $0, text.count, start, UInt32(PCRE2_NO_JIT), match.data, context)
      }
    }
    if result == PCRE2_ERROR_NOMATCH { return false }
    if result >= 0 { return true }
    switch result {
    case PCRE2_ERROR_MATCHLIMIT, PCRE2_ERROR_HEAPLIMIT, PCRE2_ERROR_DEPTHLIMIT:
      throw SQLError(
        .statementTooComplex, "regular expression failed: too many steps",
        hint: "Simplify the pattern or match shorter texts.")
    default: throw SQLError(.invalidRegularExpression, "regular expression failed: PCRE2 error \(result)")
    }
  }

  /// The place to look for a match after one that ended at `end`: one character on if it was empty.
  static func next(after range: Range<Int>, in text: Bytes) -> Int? {
    if !range.isEmpty { return range.upperBound }
    if range.upperBound >= text.count { return nil }
    return range.upperBound + UTF8Text.length(text, at: range.upperBound)
  }
}

/// `PCRE2_UTF` has the type that Swift gives the literal 0x00080000u.
private let PCRE2_UTF_OPTION = Int32(bitPattern: UInt32(PCRE2_UTF))
/// `~(size_t)0`, a macro that Swift does not import.
private let PCRE2_UNSET_OFFSET = Int(bitPattern: UInt.max)

extension RegularExpression.Match {
  /// The groups of a match as `text[]`; the whole match if the pattern has none.
  func groups(_ expression: RegularExpression, _ text: Bytes) -> ArrayValue {
    let groups = expression.groupCount == 0 ? 0...0 : 1...expression.groupCount
    return ArrayValue(
      elementOID: SQLType.text.oid, groups.map { range($0).map { .bytes(Array(text.part($0))) } ?? .null })
  }
}

extension RegularExpression {
  /// The text between the matches; empty matches at the beginning and the end do not count.
  static func split(_ text: [UInt8], _ pattern: [UInt8], _ flags: RegularExpressionFlags) throws(SQLError) -> [[UInt8]]
  {
    let expression = try compiled(pattern, flags)
    let match = try Match(expression)
    return try text.withBytes { (bytes) throws(SQLError) -> [[UInt8]] in
      var parts: [[UInt8]] = []
      var copied = 0
      var from = 0
      while from < bytes.count, try expression.firstMatch(in: bytes, from: from, match), let range = match.range(0) {
        if range.isEmpty && (range.lowerBound == copied || range.lowerBound == bytes.count) {
          guard let following = next(after: range, in: bytes) else { break }
          from = following
          continue
        }
        parts.append(Array(bytes.part(copied..<range.lowerBound)))
        copied = range.upperBound
        guard let following = next(after: range, in: bytes) else { break }
        from = following
      }
      parts.append(Array(bytes.part(copied..<bytes.count)))
      return parts
    }
  }
}
