// Floating-point numbers from and to PostgreSQL's text: the shortest digits that read back the same
// (extra_float_digits
// above 0), laid out as C's %g would with 15 (real: 6) digits of precision; or that many digits, rounded.
// Source: PostgreSQL manual, 8.1.3 "Floating-Point Types".

import Glibc

enum FloatText {
  /// Appends a `double precision`.
  static func append(_ value: Double, extraDigits: Int, to output: inout [UInt8]) {
    if !value.isFinite {
      appendSpecial(value, to: &output)
    } else if extraDigits > 0 {
      appendShortest(
        value.magnitude < 0x1p53 ? value.description : offMidpoint(value, value.description), limit: 15, to: &output)
    } else {
      append(value, significantDigits: max(1, 15 + extraDigits), to: &output)
    }
  }

  /// Appends a `real`.
  static func append(_ value: Float, extraDigits: Int, to output: inout [UInt8]) {
    if !value.isFinite {
      appendSpecial(Double(value), to: &output)
    } else if extraDigits > 0 {
      appendShortest(
        value.magnitude < 0x1p24 ? value.description : offMidpoint(value, value.description), limit: 6, to: &output)
    } else {
      append(Double(value), significantDigits: max(1, 6 + extraDigits), to: &output)
    }
  }

  private static func appendSpecial(_ value: Double, to output: inout [UInt8]) {
    output.append(contentsOf: (value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity").utf8)
  }

  /// C's `%.*g`; the value is finite.
  static func append(_ value: Double, significantDigits: Int, to output: inout [UInt8]) {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
      let count = withVaList([Int32(truncatingIfNeeded: min(significantDigits, 40)), value]) {
        vsnprintf(buffer.baseAddress, 64, "%.*g", $0)
      }
      for index in 0..<min(max(Int(count), 0), 63) { output.append(UInt8(bitPattern: buffer[index])) }
    }
  }

  /// PostgreSQL takes no digits that lie exactly half-way to a neighbour (1e23), though they would read back
  /// the same
  /// under round-half-even. Such digits d * 10^k are odd multiples of a power of two with one bit more than
  /// the
  /// significand, which needs 5^k < 2^54: then the shortest other digits that read back the same are taken.
  private static func offMidpoint<T: BinaryFloatingPoint & LosslessStringConvertible>(
    _ value: T, _ description: String
  ) -> String {
    var digits: UInt64 = 0
    var fractionDigits = 0
    var sawPoint = false
    let parts = description.split(separator: "e")
    for byte in parts[0].utf8 {
      if byte == UInt8(ascii: ".") { sawPoint = true }
      guard Text.isDigit(byte) else { continue }
      let (product, overflow) = digits.multipliedReportingOverflow(by: 10)
      if overflow { return description }
      digits = product &+ UInt64(byte - 48)
      if sawPoint { fractionDigits += 1 }
    }
    var exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) - fractionDigits
    while digits != 0, digits % 10 == 0 {
      digits /= 10
      exponent += 1
    }
    guard digits != 0, exponent >= 0, exponent <= 23 else { return description }
    digits >>= UInt64(digits.trailingZeroBitCount)
    for _ in 0..<exponent {
      let (product, overflow) = digits.multipliedReportingOverflow(by: 5)
      if overflow { return description }
      digits = product
    }
    guard 64 - digits.leadingZeroBitCount == T.significandBitCount + 2 else { return description }
    let midpoint = T(description)
    for precision in 1...17 {
      var bytes: [UInt8] = []
      append(Double(value), significantDigits: precision, to: &bytes)
      let candidate = String(decoding: bytes, as: UTF8.self)
      // A different text of the midpoint itself would have the same exact value: compare as decimals.
      if T(candidate) == midpoint, (try? Numeric(text: candidate)) != (try? Numeric(text: description)) {
        return candidate
      }
    }
    return description
  }

  /// Takes the standard library's shortest digits and lays them out PostgreSQL's way: plain when the exponent
  /// is at
  /// least -4 and below `limit`, else `d.ddde+XX`.
  private static func appendShortest(_ description: String, limit: Int, to output: inout [UInt8]) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 40) { digits in
      var count = 0
      var pointAt: Int?
      var exponent = 0
      var inExponent = false
      var negativeExponent = false
      var seen = 0
      for byte in description.utf8 {
        switch byte {
        case UInt8(ascii: "-"): if inExponent { negativeExponent = true } else { output.append(byte) }
        case UInt8(ascii: "+"): break
        case UInt8(ascii: "."): pointAt = seen
        case UInt8(ascii: "e"): inExponent = true
        default:
          if inExponent {
            exponent = exponent * 10 + Int(byte - 48)
          } else {
            seen += 1
            if count < 40 {
              digits[count] = byte
              count += 1
            }
          }
        }
      }
      if negativeExponent { exponent = -exponent }
      // The value is 0.d1d2… * 10^point.
      var point = (pointAt ?? seen) + exponent
      var first = 0
      while first < count, digits[first] == 48 {
        first += 1
        point -= 1
      }
      while count > first, digits[count - 1] == 48 { count -= 1 }
      if first == count {
        output.append(48)
        return
      }
      let scientific = point - 1
      if scientific < -4 || scientific >= limit {
        output.append(digits[first])
        if count - first > 1 {
          output.append(UInt8(ascii: "."))
          output.append(contentsOf: UnsafeMutableBufferPointer(rebasing: digits[(first + 1)..<count]))
        }
        output.append(UInt8(ascii: "e"))
        output.append(UInt8(ascii: scientific < 0 ? "-" : "+"))
        Text.appendPadded(UInt64(scientific.magnitude), width: 2, to: &output)
      } else if point <= 0 {
        output.append(48)
        output.append(UInt8(ascii: "."))
        output.append(contentsOf: repeatElement(48, count: -point))
        output.append(contentsOf: UnsafeMutableBufferPointer(rebasing: digits[first..<count]))
      } else {
        for index in 0..<max(point, count - first) {
          if index == point { output.append(UInt8(ascii: ".")) }
          output.append(first + index < count ? digits[first + index] : 48)
        }
      }
    }
  }

  /// Reads a `double precision`. Error 22P02 or 22003.
  static func double(_ text: UnsafeRawBufferPointer, typeName: String = "double precision") throws(SQLError)
    -> Double
  {
    if let special = special(text) { return special }
    return try scan(text, typeName) { start, end in
      let value = strtod(start, end)
      return (value, value == 0 || value.isInfinite)
    }
  }

  /// Reads a `real`, rounded once.
  static func float(_ text: UnsafeRawBufferPointer) throws(SQLError) -> Float {
    if let special = special(text) { return Float(special) }
    return Float(
      try scan(text, "real") { start, end in
        let value = strtof(start, end)
        return (Double(value), value == 0 || value.isInfinite)
      })
  }

  private static func special(_ text: UnsafeRawBufferPointer) -> Double? {
    let word = Text.trimmed(text)
    guard let first = word.first, first > 0x39 || first == 0x2B || first == 0x2D else { return nil }
    if Text.equalsIgnoringCase(word, "nan") { return .nan }
    if Text.equalsIgnoringCase(word, "infinity") || Text.equalsIgnoringCase(word, "+infinity")
      || Text.equalsIgnoringCase(word, "inf") || Text.equalsIgnoringCase(word, "+inf")
    {
      return .infinity
    }
    if Text.equalsIgnoringCase(word, "-infinity") || Text.equalsIgnoringCase(word, "-inf") {
      return -.infinity
    }
    return nil
  }

  private static func scan(
    _ text: UnsafeRawBufferPointer, _ typeName: String,
    _ convert: (UnsafePointer<CChar>, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> (Double, Bool)
  ) throws(SQLError) -> Double {
    let word = Text.trimmed(text)
    // Only what strtod should see: it would also take words that were handled above, and payloads of NaN.
    guard let first = word.first, Text.isDigit(first) || first == 0x2B || first == 0x2D || first == 0x2E,
      !word.contains(0)
    else { throw .invalidInput(typeName, text) }
    let (value, isExtreme, used, rangeError) = withUnsafeTemporaryAllocation(
      of: CChar.self, capacity: word.count + 1
    ) {
      buffer in
      for index in 0..<word.count { buffer[index] = CChar(bitPattern: word[index]) }
      buffer[word.count] = 0
      guard let base = buffer.baseAddress else { return (0.0, false, 0, false) }
      var end: UnsafeMutablePointer<CChar>? = nil
      errno = 0
      let (value, isExtreme) = convert(base, &end)
      return (value, isExtreme, end.map { $0 - base } ?? 0, errno == ERANGE)
    }
    // A number that is cut short is a syntax error even when out of range.
    if used == 0 { throw .invalidInput(typeName, text) }
    if rangeError && isExtreme {
      throw SQLError(
        .numericValueOutOfRange,
        "\"\(Text.string(UnsafeRawBufferPointer(rebasing: word[..<used])))\" is out of range for type \(typeName)"
      )
    }
    if used != word.count || value.isNaN { throw .invalidInput(typeName, text) }
    return value
  }
}
