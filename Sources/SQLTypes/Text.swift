// HOT: Small readers and writers of UTF-8 text that the types share: blanks, digits, integers, case-blind
// words.
// Nothing here allocates except by growing the output.

/// Bytes of text, ASCII rules, as C's `isspace` and `tolower` in the C locale.
enum Text {
  @inline(__always)
  static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

  @inline(__always)
  static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }

  @inline(__always)
  static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 }

  @inline(__always)
  static func lower(_ byte: UInt8) -> UInt8 { byte >= 65 && byte <= 90 ? byte | 0x20 : byte }

  @inline(__always)
  static func skipBlanks(_ text: UnsafeRawBufferPointer, _ from: Int) -> Int {
    var index = from
    while index < text.count, isBlank(text[index]) { index += 1 }
    return index
  }

  /// The end of the text without its trailing blanks.
  @inline(__always)
  static func endTrimmed(_ text: UnsafeRawBufferPointer) -> Int {
    var end = text.count
    while end > 0, isBlank(text[end - 1]) { end -= 1 }
    return end
  }

  static func trimmed(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let start = skipBlanks(text, 0)
    let end = endTrimmed(text)
    return UnsafeRawBufferPointer(rebasing: text[start..<max(start, end)])
  }

  /// `word` is ASCII in lower case.
  static func equalsIgnoringCase(_ text: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
    guard text.count == word.utf8CodeUnitCount else { return false }
    for index in 0..<text.count where lower(text[index]) != word.utf8Start[index] { return false }
    return true
  }

  /// Whether `text` is a beginning, at least one byte long, of the ASCII lower-case `word`.
  static func abbreviates(_ text: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
    guard text.count > 0, text.count <= word.utf8CodeUnitCount else { return false }
    for index in 0..<text.count where lower(text[index]) != word.utf8Start[index] { return false }
    return true
  }

  static func string(_ text: UnsafeRawBufferPointer) -> String { String(decoding: text, as: UTF8.self) }

  static func withBytes<R>(
    _ string: String, _ body: (UnsafeRawBufferPointer) throws(SQLError) -> R
  ) throws(SQLError) -> R {
    let bytes = Array(string.utf8)
    return try withBytes(bytes, body)
  }

  static func withBytes<R>(
    _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws(SQLError) -> R
  ) throws(SQLError) -> R {
    var result: Result<R, SQLError>?
    bytes.withUnsafeBytes { buffer in
      do throws(SQLError) { result = .success(try body(buffer)) } catch { result = .failure(error) }
    }
    guard let result else { preconditionFailure("withUnsafeBytes calls its body") }
    return try result.get()
  }

  /// Appends decimal digits, two at a time, into place.
  @inline(__always)
  static func append(_ value: Int64, to output: inout [UInt8]) {
    if value < 0 { output.append(UInt8(ascii: "-")) }
    append(value.magnitude, to: &output)
  }

  @inline(__always)
  static func append(_ value: UInt64, to output: inout [UInt8]) {
    if value < 10 {
      output.append(48 &+ UInt8(truncatingIfNeeded: value))
      return
    }
    // 20 digits at most; they are made from the right in registers' worth of stack and copied once.
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { buffer in
      var at = 20
      var left = value
      while left >= 100 {
        let pair = Int(truncatingIfNeeded: left % 100)
        left /= 100
        at -= 2
        buffer[at] = 48 &+ UInt8(truncatingIfNeeded: pair / 10)
        buffer[at + 1] = 48 &+ UInt8(truncatingIfNeeded: pair % 10)
      }
      if left >= 10 {
        at -= 2
        buffer[at] = 48 &+ UInt8(truncatingIfNeeded: left / 10)
        buffer[at + 1] = 48 &+ UInt8(truncatingIfNeeded: left % 10)
      } else {
        at -= 1
        buffer[at] = 48 &+ UInt8(truncatingIfNeeded: left)
      }
      output.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[at..<20]))
    }
  }

  static func append(_ value: UInt128, to output: inout [UInt8]) {
    if value <= UInt128(UInt64.max) {
      append(UInt64(truncatingIfNeeded: value), to: &output)
      return
    }
    let split: UInt128 = 10_000_000_000_000_000_000
    let (high, low) = value.quotientAndRemainder(dividingBy: split)
    append(high, to: &output)
    appendPadded(UInt64(truncatingIfNeeded: low), width: 19, to: &output)
  }

  /// At least `width` digits, with zeros on the left.
  static func appendPadded(_ value: UInt64, width: Int, to output: inout [UInt8]) {
    var needed: UInt64 = 10
    var digits = 1
    while digits < 19, value >= needed {
      needed *= 10
      digits += 1
    }
    var missing = width - digits
    while missing > 0 {
      output.append(48)
      missing -= 1
    }
    append(value, to: &output)
  }

  enum IntegerFault { case syntax, range }

  /// An integer with an optional sign between blanks.
  static func parseInteger(_ text: UnsafeRawBufferPointer) -> (value: Int64, fault: IntegerFault?) {
    var index = skipBlanks(text, 0)
    var negative = false
    if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
      negative = text[index] == UInt8(ascii: "-")
      index += 1
    }
    guard index < text.count, isDigit(text[index]) else { return (0, .syntax) }
    var value: Int64 = 0
    var overflows = false
    while index < text.count, isDigit(text[index]) {
      let digit = Int64(text[index] &- 48)
      let (product, first) = value.multipliedReportingOverflow(by: 10)
      let (next, second) =
        negative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
      if first || second {
        overflows = true
        break
      }
      value = next
      index += 1
    }
    if overflows { return (0, .range) }
    index = skipBlanks(text, index)
    return index == text.count ? (value, nil) : (0, .syntax)
  }
}
