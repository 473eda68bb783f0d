// `Numeric` as bytes, three ways: PostgreSQL's wire form, the compact form of row values, and the
// order-preserving
// form of keys (which forgets the display scale).
//
// Wire: int16 group count, int16 weight, uint16 sign, uint16 display scale, then base-10000 digits, all big
// endian;
//       sign 0000 positive, 4000 negative, C000 NaN, D000 Infinity, F000 -Infinity.
// Compact: varint scale << 3 | form, then   form 0: zig-zag varint coefficient   1, 2: magnitude of a
// positive or
//       negative coefficient, big endian   3 NaN   4 Infinity   5 -Infinity
// Key: see Encoding's KeyEncoding; the value is ±0.d1d2d3… * 10^exponent.

import BigInt
import Encoding

extension Numeric {
  /// Appends PostgreSQL's binary form.
  public func appendWire(to output: inout [UInt8]) {
    let sign: UInt16
    switch value {
    case .nan: sign = 0xC000
    case .positiveInfinity: sign = 0xD000
    case .negativeInfinity: sign = 0xF000
    case .small, .big: sign = isNegative ? 0x4000 : 0
    }
    guard isFinite else {
      output.appendBigEndian(UInt16(0))
      output.appendBigEndian(UInt16(0))
      output.appendBigEndian(sign)
      // Nobody reads this scale; PostgreSQL sends 32 with an infinity.
      output.appendBigEndian(UInt16(isInfinite ? 32 : 0))
      return
    }
    // Digits before and after the point, in groups of four counted from the point.
    let digits = decimalDigits
    let integerDigits = digits.count - scale
    let lead = integerDigits > 0 ? (4 - integerDigits % 4) % 4 : (-integerDigits) % 4
    var groups: [UInt16] = []
    var weight = integerDigits > 0 ? (integerDigits + 3) / 4 - 1 : -((-integerDigits) / 4) - 1
    var group: UInt16 = 0
    var filled = lead
    for digit in digits {
      group = group * 10 + UInt16(digit)
      filled += 1
      if filled == 4 {
        groups.append(group)
        group = 0
        filled = 0
      }
    }
    if filled > 0 {
      while filled < 4 {
        group *= 10
        filled += 1
      }
      groups.append(group)
    }
    while groups.last == 0 { groups.removeLast() }
    var first = 0
    while first < groups.count, groups[first] == 0 {
      first += 1
      weight -= 1
    }
    if first == groups.count { weight = 0 }
    output.appendBigEndian(UInt16(truncatingIfNeeded: groups.count - first))
    output.appendBigEndian(Int16(truncatingIfNeeded: weight))
    output.appendBigEndian(sign)
    output.appendBigEndian(UInt16(scale))
    for index in first..<groups.count { output.appendBigEndian(groups[index]) }
  }

  /// Reads PostgreSQL's binary form. Error 22P03 for a bad one; digits beyond the display scale are cut.
  public init(wire bytes: UnsafeRawBufferPointer) throws(SQLError) {
    var reader = ByteReader(bytes)
    guard let count = reader.readBigEndian(UInt16.self), let weight = reader.readBigEndian(Int16.self),
      let sign = reader.readBigEndian(UInt16.self), let scale = reader.readBigEndian(UInt16.self)
    else { throw .insufficientData }
    switch sign {
    case 0, 0x4000: break
    case 0xC000:
      self = .nan
      return
    case 0xD000:
      self = .infinity
      return
    case 0xF000:
      self = .negativeInfinity
      return
    default: throw SQLError(.invalidBinaryRepresentation, "invalid sign in external \"numeric\" value")
    }
    if Int(scale) > Limits.scale {
      throw SQLError(.invalidBinaryRepresentation, "invalid scale in external \"numeric\" value")
    }
    var digits: [UInt8] = []
    digits.reserveCapacity(Int(count) * 4)
    for _ in 0..<count {
      guard let group = reader.readBigEndian(UInt16.self) else { throw .insufficientData }
      if group > 9999 {
        throw SQLError(.invalidBinaryRepresentation, "invalid digit in external \"numeric\" value")
      }
      digits.append(UInt8(group / 1000))
      digits.append(UInt8(group / 100 % 10))
      digits.append(UInt8(group / 10 % 10))
      digits.append(UInt8(group % 10))
    }
    if !reader.isAtEnd { throw .excessData }
    let parsed = try Numeric(
      negative: sign != 0, decimalDigits: digits[...], integerDigits: (Int(weight) + 1) * 4)
    self = try parsed.rounded(toScale: Int(scale), .towardZero)
  }

  /// ±d1d2…dk.dk+1… with `integerDigits` (k) digits before the point, which may lie outside the digits.
  /// Digits are
  /// the numbers 0...9. The scale is the least that shows all of them; error 22003 beyond the format.
  init(negative: Bool, decimalDigits digits: ArraySlice<UInt8>, integerDigits: Int) throws(SQLError) {
    var digits = digits
    var integerDigits = integerDigits
    while let first = digits.first, first == 0 {
      digits.removeFirst()
      integerDigits -= 1
    }
    while digits.last == 0 { digits.removeLast() }
    if digits.isEmpty {
      self = .zero
      return
    }
    let magnitude = BigInt(Numeric.integer(decimalDigits: digits))
    try self.init(wide: negative ? -magnitude : magnitude, scale: digits.count - integerDigits)
  }

  /// The decimal digits of the coefficient as numbers 0...9; none for zero.
  var decimalDigits: [UInt8] {
    var digits: [UInt8] = []
    switch value {
    case .small(let high, let low, _):
      let magnitude = (Int128(high) << 64 | Int128(low)).magnitude
      if magnitude == 0 { return [] }
      Text.append(magnitude, to: &digits)
    case .big(let coefficient, _): Numeric.append(coefficient.magnitude, digits: nil, to: &digits)
    case .nan, .positiveInfinity, .negativeInfinity: return []
    }
    for index in digits.indices { digits[index] -= 48 }
    return digits
  }

  /// The form of row values; it keeps the display scale.
  public var compactBytes: [UInt8] {
    var output: [UInt8] = []
    switch value {
    case .small(let high, let low, let scale):
      if high == Int64(bitPattern: low) >> 63 {
        ValueEncoding.appendVarint(UInt64(scale) << 3, to: &output)
        ValueEncoding.appendSignedVarint(Int64(bitPattern: low), to: &output)
      } else {
        ValueEncoding.appendVarint(UInt64(scale) << 3 | (high < 0 ? 2 : 1), to: &output)
        let magnitude = (Int128(high) << 64 | Int128(low)).magnitude
        let skipped = magnitude.leadingZeroBitCount / 8
        withUnsafeBytes(of: magnitude.bigEndian) { output.append(contentsOf: $0[skipped...]) }
      }
    case .big(let coefficient, let scale):
      ValueEncoding.appendVarint(UInt64(scale) << 3 | (coefficient.sign == .minus ? 2 : 1), to: &output)
      for word in coefficient.magnitude.words.reversed() {
        withUnsafeBytes(of: UInt64(word).bigEndian) { output.append(contentsOf: $0) }
      }
    case .nan: output.append(3)
    case .positiveInfinity: output.append(4)
    case .negativeInfinity: output.append(5)
    }
    return output
  }

  /// Reads `compactBytes`. Error XX001 when damaged.
  public init(compact bytes: UnsafeRawBufferPointer) throws(SQLError) {
    var reader = ByteReader(bytes)
    guard let header = reader.readVarint(), header >> 3 <= UInt64(Limits.scale) else {
      throw TypeInfo.damagedRow
    }
    let scale = Int(header >> 3)
    switch header & 7 {
    case 0:
      guard let coefficient = reader.readSignedVarint() else { throw TypeInfo.damagedRow }
      self.init(coefficient: Int128(coefficient), scale: scale)
    case 1, 2:
      let magnitude = reader.rest
      if magnitude.count <= 15 {
        var value: Int128 = 0
        for byte in magnitude { value = value << 8 | Int128(byte) }
        self.init(coefficient: header & 7 == 2 ? -value : value, scale: scale)
        return
      }
      // Words from the least significant on.
      var words: [BigUInt.Word] = []
      var end = magnitude.count
      while end > 0 {
        var word: UInt64 = 0
        for byte in magnitude[max(0, end - 8)..<end] { word = word << 8 | UInt64(byte) }
        words.append(BigUInt.Word(word))
        end -= 8
      }
      let value = BigInt(BigUInt(words: words))
      try self.init(wide: header & 7 == 2 ? -value : value, scale: scale)
    case 3: self = .nan
    case 4: self = .infinity
    case 5: self = .negativeInfinity
    default: throw TypeInfo.damagedRow
    }
  }

  /// Appends the order-preserving form.
  public func appendKey(descending: Bool, to key: inout [UInt8]) {
    switch value {
    case .nan: KeyEncoding.appendDecimal(.notANumber, descending: descending, to: &key)
    case .positiveInfinity: KeyEncoding.appendDecimal(.infinity, descending: descending, to: &key)
    case .negativeInfinity: KeyEncoding.appendDecimal(.negativeInfinity, descending: descending, to: &key)
    case .small, .big:
      let digits = decimalDigits
      digits.withUnsafeBufferPointer {
        KeyEncoding.appendDecimal(
          negative: isNegative, exponent: Int64(digits.count - scale), digits: $0, descending: descending,
          to: &key)
      }
    }
  }

  /// Reads a value from a key, with the least scale that shows it. Error XX001 when damaged.
  public init(key reader: inout ByteReader, descending: Bool) throws(SQLError) {
    var digits: [UInt8] = []
    switch reader.readOrderedDecimal(descending: descending, digits: &digits) {
    case .special(.zero): self = .zero
    case .special(.infinity): self = .infinity
    case .special(.negativeInfinity): self = .negativeInfinity
    case .special(.notANumber): self = .nan
    case .finite(let negative, let exponent):
      guard exponent.magnitude < 1 << 20 else { throw TypeInfo.damagedKey }
      try self.init(negative: negative, decimalDigits: digits[...], integerDigits: Int(exponent))
    case nil: throw TypeInfo.damagedKey
    }
  }
}
