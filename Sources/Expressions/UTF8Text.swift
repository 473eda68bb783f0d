// HOT: Characters of UTF-8 text by position, and changes of letter case: ASCII byte by byte, all else through Unicode's
// simple mappings. A character is a code point, as in PostgreSQL.

import Glibc
import SQLTypes

enum UTF8Text {
  @inline(__always)
  static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

  /// The number of characters.
  static func count(_ text: Bytes) -> Int {
    var count = 0
    for byte in text where !isContinuation(byte) { count += 1 }
    return count
  }

  /// The byte offset of the character `count` characters after offset `start`; the length if there are fewer.
  static func offset(_ text: Bytes, advancing count: Int, from start: Int = 0) -> Int {
    var index = start
    var left = count
    while left > 0 && index < text.count {
      index += 1
      while index < text.count && isContinuation(text[index]) { index += 1 }
      left -= 1
    }
    return index
  }

  /// The byte offset of the character `count` characters before the end.
  static func offset(_ text: Bytes, beforeEnd count: Int) -> Int {
    var index = text.count
    var left = count
    while left > 0 && index > 0 {
      index -= 1
      while index > 0 && isContinuation(text[index]) { index -= 1 }
      left -= 1
    }
    return index
  }

  /// The length in bytes of the character at `index`.
  @inline(__always)
  static func length(_ text: Bytes, at index: Int) -> Int {
    let byte = text[index]
    if byte < 0x80 { return 1 }
    var end = index + 1
    while end < text.count && isContinuation(text[end]) { end += 1 }
    return end - index
  }

  /// The first place of `needle` in `text` at or after `start`.
  static func find(_ needle: Bytes, in text: Bytes, from start: Int = 0) -> Int? {
    if needle.isEmpty { return start <= text.count ? start : nil }
    guard text.count - start >= needle.count, let base = text.baseAddress, let other = needle.baseAddress else {
      return nil
    }
    let last = text.count - needle.count
    var index = start
    while index <= last {
      guard let hit = memchr(base + index, Int32(needle[0]), last + 1 - index) else { return nil }
      index = UnsafeRawPointer(hit) - base
      if memcmp(base + index, other, needle.count) == 0 { return index }
      index += 1
    }
    return nil
  }

  @inline(__always)
  static func isASCII(_ text: Bytes) -> Bool {
    for byte in text where byte >= 0x80 { return false }
    return true
  }

  static func appendLower(_ text: Bytes, to out: inout [UInt8]) {
    if isASCII(text) {
      for byte in text { out.append(byte &- 65 < 26 ? byte | 0x20 : byte) }
    } else {
      for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
        append(single(scalar.properties.lowercaseMapping) ?? scalar, to: &out)
      }
    }
  }

  static func appendUpper(_ text: Bytes, to out: inout [UInt8]) {
    if isASCII(text) {
      for byte in text { out.append(byte &- 97 < 26 ? byte & 0xDF : byte) }
    } else {
      for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
        append(single(scalar.properties.uppercaseMapping) ?? scalar, to: &out)
      }
    }
  }

  /// Words begin after anything that is neither a letter nor a digit.
  static func appendCapitalised(_ text: Bytes, to out: inout [UInt8]) {
    var isInWord = false
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
      let properties = scalar.properties
      let mapping = isInWord ? properties.lowercaseMapping : properties.uppercaseMapping
      append(single(mapping) ?? scalar, to: &out)
      isInWord = properties.isAlphabetic || properties.numericType == .decimal
    }
  }

  /// Case mappings to several characters (ß to SS) do not apply, as in C's `towupper`.
  private static func single(_ mapping: String) -> Unicode.Scalar? {
    let scalars = mapping.unicodeScalars
    return scalars.count == 1 ? scalars.first : nil
  }

  @inline(__always)
  static func append(_ scalar: Unicode.Scalar, to out: inout [UInt8]) {
    out.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrapped)
  }

  /// The code point at the beginning of the text, which is not empty.
  static func firstScalar(_ text: Bytes) -> UInt32 {
    let byte = text[0]
    if byte < 0x80 { return UInt32(byte) }
    let length = length(text, at: 0)
    var value = UInt32(byte) & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
    for index in 1..<max(1, length) { value = value << 6 | UInt32(text[index] & 0x3F) }
    return value
  }
}

extension Array<UInt8> {
  @inline(__always)
  mutating func append(_ text: Bytes) { append(contentsOf: text) }

  mutating func append(_ text: StaticString) {
    append(contentsOf: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Fails before a column outgrows its limit; to be called before each growth that the input does not bound.
  @inline(__always)
  func checkRoom(for count: Int) throws(SQLError) {
    if count > Limits.columnByteCount || self.count + count > Limits.columnByteCount { throw Limits.resultTooLarge() }
  }
}

extension UnsafeRawBufferPointer {
  @inline(__always)
  func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }
}
