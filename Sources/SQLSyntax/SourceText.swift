// The query string as bytes: UTF-8 check, decoding of identifiers and strings from tokens.
//
// Contract: everything decoded is valid UTF-8 without NUL. Error texts and positions are PostgreSQL 15's.
// Source: PostgreSQL manual, sections 4.1.1 and 4.1.2; RFC 3629 for what UTF-8 is.

import SQLTypes

enum SourceText {
  /// Refuses what is no UTF-8 (or holds a NUL) with 22021, and what is too long.
  static func check(_ source: [UInt8]) throws(SQLError) {
    guard source.count <= SyntaxLimits.maximumSourceLength else {
      throw SQLError(.programLimitExceeded, "query string is too long")
    }
    let bad = source.withUnsafeBufferPointer { firstInvalidByte($0) }
    if let bad { throw invalidEncoding(source, at: bad) }
  }

  /// The offset of the first byte that is not part of a valid character, or of the first NUL.
  static func firstInvalidByte(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    var at = 0
    let count = bytes.count
    while at < count {
      // Eight bytes of ASCII without NUL at a time: no high bit, and no byte that borrows when 1 is taken.
      if count - at >= 8 {
        let word = UnsafeRawPointer(bytes.baseAddress! + at).loadUnaligned(as: UInt64.self)
        if (word | (word &- 0x0101_0101_0101_0101)) & 0x8080_8080_8080_8080 == 0 {
          at += 8
          continue
        }
      }
      let length = characterLength(bytes, at)
      if length == 0 { return at }
      at += length
    }
    return nil
  }

  /// The length of the valid character at `at`, 0 when there is none.
  private static func characterLength(_ bytes: UnsafeBufferPointer<UInt8>, _ at: Int) -> Int {
    let first = bytes[at]
    if first < 0x80 { return first == 0 ? 0 : 1 }
    func follows(_ offset: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
      at + offset < bytes.count && range.contains(bytes[at + offset])
    }
    switch first {
    case 0xC2...0xDF: return follows(1) ? 2 : 0
    case 0xE0: return follows(1, 0xA0...0xBF) && follows(2) ? 3 : 0
    case 0xED: return follows(1, 0x80...0x9F) && follows(2) ? 3 : 0
    case 0xE1...0xEF: return follows(1) && follows(2) ? 3 : 0
    case 0xF0: return follows(1, 0x90...0xBF) && follows(2) && follows(3) ? 4 : 0
    case 0xF1...0xF3: return follows(1) && follows(2) && follows(3) ? 4 : 0
    case 0xF4: return follows(1, 0x80...0x8F) && follows(2) && follows(3) ? 4 : 0
    default: return 0
    }
  }

  /// `invalid byte sequence for encoding "UTF8": 0xe9 0x20`, naming the bytes that the first one promises.
  static func invalidEncoding(_ bytes: [UInt8], at offset: Int) -> SQLError {
    let first = bytes[offset]
    let promised = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF8 ? 4 : 1
    let shown = bytes[offset..<min(offset + promised, bytes.count)].map { byte in
      let digits = String(byte, radix: 16)
      return "0x" + (digits.utf8.count < 2 ? "0" : "") + digits
    }
    return SQLError(
      .characterNotInRepertoire,
      "invalid byte sequence for encoding \"UTF8\": \(shown.joined(separator: " "))")
  }

  // MARK: - Identifiers

  /// An unquoted identifier or key word: folded, and cut to 63 bytes.
  static func foldedName(_ source: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> String {
    let length = truncatedLength(source, start, end)
    return String(unsafeUninitializedCapacity: length) { buffer in
      for i in 0..<length { buffer[i] = foldASCII(source[start + i]) }
      return length
    }
  }

  /// A name as it is, cut to 63 bytes at a character's boundary.
  static func truncatedName(_ bytes: [UInt8]) -> String {
    let length = bytes.withUnsafeBufferPointer { truncatedLength($0, 0, bytes.count) }
    return String(decoding: bytes[..<length], as: UTF8.self)
  }

  private static func truncatedLength(_ source: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Int {
    var length = end - start
    if length > SyntaxLimits.maximumIdentifierLength {
      length = SyntaxLimits.maximumIdentifierLength
      while length > 0, source[start + length] & 0xC0 == 0x80 { length -= 1 }
    }
    return length
  }

  // MARK: - Quoted pieces

  /// The pieces of a quoted token's content, one per line of a continued string, without their quotes.
  /// `prefix` is the length of what stands before the first quote.
  static func pieces(
    _ source: UnsafeBufferPointer<UInt8>, _ token: Token, quote: UInt8, escapes: Bool, prefix: Int
  ) -> [Range<Int>] {
    var result: [Range<Int>] = []
    let end = Int(token.end)
    var at = Int(token.start) + prefix + 1
    var begin = at
    while at < end {
      let byte = source[at]
      if escapes, byte == UInt8(ascii: "\\") {
        at += 2
      } else if byte != quote {
        at += 1
      } else if at + 1 < end, source[at + 1] == quote {
        at += 2
      } else {
        result.append(begin..<at)
        // On to the next piece: only white space and comments lie between.
        at += 1
        while at < end, source[at] != quote {
          if source[at] == UInt8(ascii: "-") {
            while at < end, source[at] != 0x0A, source[at] != 0x0D { at += 1 }
          } else {
            at += 1
          }
        }
        at += 1
        begin = at
      }
    }
    return result
  }

  /// Content of a token in quotes, with doubled quotes halved; no escapes.
  static func unquoted(
    _ source: UnsafeBufferPointer<UInt8>, _ token: Token, quote: UInt8, prefix: Int
  ) -> [UInt8] {
    if token.isPlain {
      return Array(source[(Int(token.start) + prefix + 1)..<(Int(token.end) - 1)])
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(token.end - token.start))
    for piece in pieces(source, token, quote: quote, escapes: false, prefix: prefix) {
      var at = piece.lowerBound
      while at < piece.upperBound {
        bytes.append(source[at])
        at += source[at] == quote ? 2 : 1
      }
    }
    return bytes
  }

  /// The text between the tags of a dollar-quoted string.
  static func dollarContent(_ source: UnsafeBufferPointer<UInt8>, _ token: Token) -> [UInt8] {
    var tag = Int(token.start) + 1
    while source[tag] != UInt8(ascii: "$") { tag += 1 }
    let length = tag + 1 - Int(token.start)
    return Array(source[(tag + 1)..<(Int(token.end) - length)])
  }
}
