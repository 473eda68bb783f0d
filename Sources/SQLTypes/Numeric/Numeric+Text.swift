// HOT: `Numeric` from and to text: `-12.50`, `.5`, `1e5`, `NaN`, `Infinity`. Printing shows every digit of
// the scale.

import BigInt

extension Numeric {
  static func syntaxError(_ text: UnsafeRawBufferPointer) -> SQLError {
    SQLError(
      .invalidTextRepresentation,
      "invalid input syntax for type numeric: \"\(String(decoding: text, as: UTF8.self))\"")
  }

  /// Reads PostgreSQL's text form; blanks around it are allowed. Error 22P02, or 22003 beyond the format's
  /// limits.
  public init(text: UnsafeRawBufferPointer) throws(SQLError) {
    let end = Text.endTrimmed(text)
    var index = Text.skipBlanks(text, 0)
    var negative = false
    let start = index
    if index < end, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
      negative = text[index] == UInt8(ascii: "-")
      index += 1
    }
    guard index < end else { throw Numeric.syntaxError(text) }
    if !Text.isDigit(text[index]) && text[index] != UInt8(ascii: ".") {
      let word = UnsafeRawBufferPointer(rebasing: text[index..<end])
      if Text.equalsIgnoringCase(word, "nan"), index == start {
        self = .nan
      } else if Text.equalsIgnoringCase(word, "infinity") || Text.equalsIgnoringCase(word, "inf") {
        self = negative ? .negativeInfinity : .infinity
      } else {
        throw Numeric.syntaxError(text)
      }
      return
    }
    // Up to 36 digits accumulate in two 64-bit halves' worth of Int128; more become a big integer at the end.
    var coefficient: Int128 = 0
    var chunk: UInt64 = 0
    var chunkDigits = 0
    var significant = 0
    var digits = 0
    var scale = 0
    var sawPoint = false
    let firstDigit = index
    var exponent = 0
    scan: while index < end {
      let byte = text[index]
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        digits += 1
        if sawPoint { scale += 1 }
        if significant > 0 || byte != UInt8(ascii: "0") { significant += 1 }
        if significant <= 36 {
          chunk = chunk &* 10 &+ UInt64(byte &- 48)
          chunkDigits += 1
          if chunkDigits == 18 {
            coefficient = coefficient &* PowersOfTen.table[18] &+ Int128(chunk)
            chunk = 0
            chunkDigits = 0
          }
        }
      case UInt8(ascii: "."):
        if sawPoint { throw Numeric.syntaxError(text) }
        sawPoint = true
      default: break scan
      }
      index += 1
    }
    let afterDigits = index
    guard digits > 0 else { throw Numeric.syntaxError(text) }
    if index < end {
      guard text[index] | 0x20 == UInt8(ascii: "e") else { throw Numeric.syntaxError(text) }
      index += 1
      var negativeExponent = false
      if index < end, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
        negativeExponent = text[index] == UInt8(ascii: "-")
        index += 1
      }
      guard index < end else { throw Numeric.syntaxError(text) }
      while index < end {
        guard Text.isDigit(text[index]) else { throw Numeric.syntaxError(text) }
        if exponent < 1 << 40 { exponent = exponent * 10 + Int(text[index] - 48) }
        index += 1
      }
      // Half of what an int holds, as in PostgreSQL.
      if exponent >= Int(Int32.max) / 2 { throw Numeric.overflow }
      if negativeExponent { exponent = -exponent }
    }
    scale -= exponent
    if significant <= 36 {
      if chunkDigits > 0 { coefficient = coefficient &* PowersOfTen.table[chunkDigits] &+ Int128(chunk) }
      if negative { coefficient = -coefficient }
      if scale >= 0 && scale <= Limits.scale {
        self.init(coefficient: coefficient, scale: scale)
      } else {
        try self.init(wide: BigInt(exactly128: coefficient), scale: scale)
      }
      return
    }
    if significant + max(0, -scale) > Limits.integerDigits + Limits.scale { throw Numeric.overflow }
    var plain: [UInt8] = []
    plain.reserveCapacity(digits)
    for at in firstDigit..<afterDigits where text[at] != UInt8(ascii: ".") { plain.append(text[at] - 48) }
    let magnitude = BigInt(Numeric.integer(decimalDigits: plain[...]))
    try self.init(wide: negative ? -magnitude : magnitude, scale: scale)
  }

  public init(text: String) throws(SQLError) {
    self = try Text.withBytes(text) { (bytes: UnsafeRawBufferPointer) throws(SQLError) in
      try Numeric(text: bytes)
    }
  }

  /// The integer written by decimal digits (0...9 each), halves first so that long ones multiply balanced
  /// numbers.
  static func integer(decimalDigits digits: ArraySlice<UInt8>) -> BigUInt {
    if digits.count <= 18 {
      var value: UInt64 = 0
      for digit in digits { value = value * 10 + UInt64(digit) }
      return BigUInt(value)
    }
    let middle = digits.startIndex + digits.count / 2
    let high = integer(decimalDigits: digits[..<middle])
    let low = integer(decimalDigits: digits[middle...])
    return high * BigUInt(10).power(digits.endIndex - middle) + low
  }

  /// Appends the text form, with exactly `scale` digits after the point.
  public func append(to output: inout [UInt8]) {
    switch value {
    case .nan: output.append(contentsOf: "NaN".utf8)
    case .positiveInfinity: output.append(contentsOf: "Infinity".utf8)
    case .negativeInfinity: output.append(contentsOf: "-Infinity".utf8)
    case .small(let high, let low, let scale):
      let coefficient = Int128(high) << 64 | Int128(low)
      if coefficient < 0 { output.append(UInt8(ascii: "-")) }
      let start = output.count
      Text.append(coefficient.magnitude, to: &output)
      Numeric.placePoint(start, Int(scale), &output)
    case .big(let coefficient, let scale):
      if coefficient.sign == .minus { output.append(UInt8(ascii: "-")) }
      let start = output.count
      Numeric.append(coefficient.magnitude, digits: nil, to: &output)
      Numeric.placePoint(start, Int(scale), &output)
    }
  }

  /// Puts the decimal point into the digits that begin at `start`, with zeros before them where needed.
  private static func placePoint(_ start: Int, _ scale: Int, _ output: inout [UInt8]) {
    if scale == 0 { return }
    let digits = output.count - start
    if digits <= scale {
      output.insert(contentsOf: repeatElement(UInt8(ascii: "0"), count: scale - digits + 1), at: start)
    }
    output.insert(UInt8(ascii: "."), at: output.count - scale)
  }

  /// Decimal digits, halves first: padded with zeros to `digits` unless nil.
  static func append(_ value: BigUInt, digits: Int?, to output: inout [UInt8]) {
    let count = digits ?? PowersOfTen.digitCount(value)
    if value.bitWidth <= 128 {
      let start = output.count
      Text.append(UInt128(value), to: &output)
      let missing = count - (output.count - start)
      if missing > 0 {
        output.insert(contentsOf: repeatElement(UInt8(ascii: "0"), count: missing), at: start)
      }
      return
    }
    let low = count / 2
    let (head, tail) = value.quotientAndRemainder(dividingBy: BigUInt(10).power(low))
    append(head, digits: count - low, to: &output)
    append(tail, digits: low, to: &output)
  }
}
