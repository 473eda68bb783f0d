// E'…' and U&'…': strings and identifiers whose content is written with escapes.
//
// Contract: the result is valid UTF-8 without NUL, or the error is PostgreSQL 15's with its position.
// Source: PostgreSQL manual, sections 4.1.1, 4.1.2.2 and 4.1.2.3.

import SQLTypes

/// A lexical error inside a string: what is wrong, and the byte offset it points at.
struct EscapeError: Error {
  var state: SQLState = .syntaxError
  var message: String
  var detail: String?
  var hint: String?
  /// Byte offset, and whether the message names the text from there to `end` (`at or near "…"`).
  var offset: Int
  var quotesUpTo: Int?
  /// For invalid bytes: the whole decoded text has no position of its own.
  var hasPosition = true
}

struct EscapedStrings {
  let source: UnsafeBufferPointer<UInt8>
  private var bytes: [UInt8] = []
  private var pendingSurrogate: UInt32?

  init(_ source: UnsafeBufferPointer<UInt8>) { self.source = source }

  // MARK: - E'…'

  /// The content of an `.escapeString` token.
  mutating func escapeString(_ token: Token) throws(EscapeError) -> [UInt8] {
    if token.isPlain { return Array(source[(Int(token.start) + 2)..<(Int(token.end) - 1)]) }
    bytes.reserveCapacity(Int(token.end - token.start))
    var sawRawByte = false
    for piece in SourceText.pieces(source, token, quote: UInt8(ascii: "'"), escapes: true, prefix: 1) {
      var at = piece.lowerBound
      while at < piece.upperBound {
        let byte = source[at]
        if byte == UInt8(ascii: "\\") {
          at = try escape(at, piece.upperBound, Int(token.start), &sawRawByte)
          continue
        }
        try refuseOpenSurrogate(at, at + 1)
        bytes.append(byte)
        at += byte == UInt8(ascii: "'") ? 2 : 1
      }
    }
    if pendingSurrogate != nil {
      let quote = Int(token.end) - 1
      throw EscapeError(message: "invalid Unicode surrogate pair", offset: quote, quotesUpTo: quote + 1)
    }
    if sawRawByte { try checkEncoding() }
    return bytes
  }

  private func refuseOpenSurrogate(_ at: Int, _ end: Int) throws(EscapeError) {
    guard pendingSurrogate != nil else { return }
    throw EscapeError(message: "invalid Unicode surrogate pair", offset: at, quotesUpTo: end)
  }

  private static func hexDigit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - 48)
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - 87)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - 55)
    default: nil
    }
  }

  /// One backslash sequence at `at`; returns where it ends.
  private mutating func escape(
    _ at: Int, _ end: Int, _ tokenStart: Int, _ sawRawByte: inout Bool
  ) throws(EscapeError) -> Int {
    let next = source[at + 1]
    if next == UInt8(ascii: "u") || next == UInt8(ascii: "U") {
      let count = next == UInt8(ascii: "u") ? 4 : 8
      var value: UInt32 = 0
      for i in 0..<count {
        guard at + 2 + i < end, let digit = EscapedStrings.hexDigit(source[at + 2 + i]) else {
          throw EscapeError(
            state: .invalidEscapeSequence, message: "invalid Unicode escape",
            hint: "Unicode escapes must be \\uXXXX or \\UXXXXXXXX.", offset: at)
        }
        value = value << 4 | digit
      }
      try append(codePoint: value, at: at, end: at + 2 + count)
      return at + 2 + count
    }
    try refuseOpenSurrogate(at, at + 1)
    switch next {
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0C)
    case UInt8(ascii: "n"): bytes.append(0x0A)
    case UInt8(ascii: "r"): bytes.append(0x0D)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "v"): bytes.append(0x0B)
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      var value: UInt32 = 0
      var length = 0
      while length < 3, at + 1 + length < end, source[at + 1 + length] & 0xF8 == 0x30 {
        value = value << 3 | UInt32(source[at + 1 + length] & 7)
        length += 1
      }
      try append(raw: UInt8(truncatingIfNeeded: value), &sawRawByte)
      return at + 1 + length
    case UInt8(ascii: "x"):
      var value: UInt32 = 0
      var length = 0
      while length < 2, at + 2 + length < end, let digit = EscapedStrings.hexDigit(source[at + 2 + length]) {
        value = value << 4 | digit
        length += 1
      }
      if length == 0 {
        bytes.append(next)
        return at + 2
      }
      try append(raw: UInt8(value), &sawRawByte)
      return at + 2 + length
    default:
      bytes.append(next)
    // The rest of a multi-byte character follows as ordinary bytes.
    }
    return at + 2
  }

  private mutating func append(raw byte: UInt8, _ sawRawByte: inout Bool) throws(EscapeError) {
    if byte == 0 || byte & 0x80 != 0 { sawRawByte = true }
    bytes.append(byte)
  }

  private mutating func append(codePoint value: UInt32, at offset: Int, end: Int) throws(EscapeError) {
    if let high = pendingSurrogate {
      guard (0xDC00...0xDFFF).contains(value) else {
        throw EscapeError(message: "invalid Unicode surrogate pair", offset: offset, quotesUpTo: end)
      }
      pendingSurrogate = nil
      append(scalar: 0x10000 + ((high & 0x3FF) << 10) + (value & 0x3FF))
      return
    }
    if (0xD800...0xDBFF).contains(value) {
      pendingSurrogate = value
      return
    }
    if (0xDC00...0xDFFF).contains(value) {
      throw EscapeError(message: "invalid Unicode surrogate pair", offset: offset, quotesUpTo: end)
    }
    guard value > 0, value <= 0x10FFFF else {
      throw EscapeError(message: "invalid Unicode escape value", offset: offset, quotesUpTo: end)
    }
    append(scalar: value)
  }

  private mutating func append(scalar value: UInt32) {
    guard let scalar = Unicode.Scalar(value) else { return }
    bytes.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
  }

  private func checkEncoding() throws(EscapeError) {
    guard let bad = bytes.withUnsafeBufferPointer({ SourceText.firstInvalidByte($0) }) else { return }
    let error = SourceText.invalidEncoding(bytes, at: bad)
    throw EscapeError(state: error.state, message: error.message, offset: 0, hasPosition: false)
  }

  // MARK: - U&'…'

  /// The content of a `U&` string or identifier: `\XXXX`, `\+XXXXXX` and a doubled escape character.
  mutating func unicode(_ token: Token, quote: UInt8, escape: UInt8) throws(EscapeError) -> [UInt8] {
    for piece in SourceText.pieces(source, token, quote: quote, escapes: false, prefix: 2) {
      var at = piece.lowerBound
      while at < piece.upperBound {
        let byte = source[at]
        if byte != escape {
          try refuseOpenSurrogate(at)
          bytes.append(byte)
          at += byte == quote ? 2 : 1
          continue
        }
        if at + 1 < piece.upperBound, source[at + 1] == escape {
          try refuseOpenSurrogate(at)
          bytes.append(escape)
          at += 2
          continue
        }
        let isLong = at + 1 < piece.upperBound && source[at + 1] == UInt8(ascii: "+")
        let first = at + (isLong ? 2 : 1)
        let count = isLong ? 6 : 4
        var value: UInt32 = 0
        for i in 0..<count {
          guard first + i < piece.upperBound, let digit = EscapedStrings.hexDigit(source[first + i]) else {
            throw EscapeError(
              message: "invalid Unicode escape", hint: "Unicode escapes must be \\XXXX or \\+XXXXXX.", offset: at)
          }
          value = value << 4 | digit
        }
        do {
          try append(codePoint: value, at: at, end: first + count)
        } catch {
          throw EscapeError(message: error.message, offset: at)
        }
        at = first + count
      }
    }
    if pendingSurrogate != nil {
      throw EscapeError(message: "invalid Unicode surrogate pair", offset: Int(token.end) - 1)
    }
    return bytes
  }

  private func refuseOpenSurrogate(_ at: Int) throws(EscapeError) {
    guard pendingSurrogate != nil else { return }
    throw EscapeError(message: "invalid Unicode surrogate pair", offset: at)
  }
}
