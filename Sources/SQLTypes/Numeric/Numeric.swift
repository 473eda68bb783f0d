// HOT: PostgreSQL's `numeric`: exact decimal numbers with a display scale, NaN and infinities.
// A finite value is coefficient * 10^-scale, 0 <= scale <= 16383. Invariant: a coefficient that fits in an
// Int128
// (other than Int128.min) is held inline, only a larger one is boxed; so equal values of equal scale are laid
// out
// alike. `==`, `<` and hashing are SQL's: the scale does not count, NaN equals itself and is above
// everything.
// Source: PostgreSQL manual, 8.1.2 "Arbitrary Precision Numbers".

import BigInt

/// A decimal number, NaN or an infinity. Up to 131072 digits before the decimal point and 16383 after it.
public struct Numeric: Sendable {
  enum Value: Sendable {
    case small(high: Int64, low: UInt64, scale: UInt16)
    indirect case big(coefficient: BigInt, scale: UInt16)
    case nan, positiveInfinity, negativeInfinity
  }

  enum Sign: Sendable { case negative, zero, positive }

  /// Limits of the format, from PostgreSQL's documentation and its `numeric` header.
  enum Limits {
    /// Most digits after the decimal point.
    static let scale = 16383
    /// Most digits before the decimal point.
    static let integerDigits = 131072
    /// The scale that inexact results (division, roots, logarithms) are cut to.
    static let resultScale = 1000
    /// What `round` and `trunc` clamp the requested scale to.
    static let roundingScale = 2000
    /// Inexact results have at least as many significant digits.
    static let significantDigits = 16
    /// Largest magnitude of |x| in exp(x).
    static let exponent = 6000.0
  }

  var value: Value

  init(_ value: Value) { self.value = value }

  public static let zero = Numeric(.small(high: 0, low: 0, scale: 0))
  public static let one = Numeric(.small(high: 0, low: 1, scale: 0))
  public static let nan = Numeric(.nan)
  public static let infinity = Numeric(.positiveInfinity)
  public static let negativeInfinity = Numeric(.negativeInfinity)

  /// `coefficient * 10^-scale`. `scale` is at most 16383.
  @inline(__always)
  public init(coefficient: Int128, scale: Int) {
    precondition(scale >= 0 && scale <= Limits.scale, "a scale is 0...16383")
    if coefficient == Int128.min {
      value = .big(coefficient: BigInt(exactly128: coefficient), scale: UInt16(scale))
    } else {
      value = .small(
        high: Int64(truncatingIfNeeded: coefficient >> 64), low: UInt64(truncatingIfNeeded: coefficient),
        scale: UInt16(scale))
    }
  }

  @inline(__always)
  public init(_ integer: Int64) {
    value = .small(high: integer >> 63, low: UInt64(bitPattern: integer), scale: 0)
  }

  static let overflow = SQLError(.numericValueOutOfRange, "value overflows numeric format")

  /// `coefficient * 10^-scale` for any scale; error 22003 when the value is beyond the format.
  init(wide coefficient: BigInt, scale: Int) throws(SQLError) {
    if scale < 0 {
      if coefficient.isZero {
        self = .zero
        return
      }
      if PowersOfTen.digitCount(coefficient.magnitude) - scale > Limits.integerDigits { throw Numeric.overflow }
      try self.init(wide: coefficient * BigInt(10).power(-scale), scale: 0)
      return
    }
    if scale > Limits.scale { throw Numeric.overflow }
    if coefficient.magnitude.bitWidth <= 127 {
      self.init(coefficient: coefficient.narrowed, scale: scale)
      return
    }
    // The bit length decides, except for the one length that the limit falls into.
    let limitBits = Double(Limits.integerDigits + scale) * 3.321928094887362
    let bits = Double(coefficient.magnitude.bitWidth)
    if bits - 1 >= limitBits
      || (bits > limitBits && PowersOfTen.digitCount(coefficient.magnitude) - scale > Limits.integerDigits)
    {
      throw Numeric.overflow
    }
    self.init(.big(coefficient: coefficient, scale: UInt16(scale)))
  }

  /// The coefficient when it is held inline.
  @inline(__always)
  var small: (coefficient: Int128, scale: Int)? {
    guard case .small(let high, let low, let scale) = value else { return nil }
    return (Int128(high) << 64 | Int128(low), Int(scale))
  }

  /// Coefficient and scale of a finite value.
  var wide: (coefficient: BigInt, scale: Int)? {
    switch value {
    case .small(let high, let low, let scale):
      return (BigInt(exactly128: Int128(high) << 64 | Int128(low)), Int(scale))
    case .big(let coefficient, let scale): return (coefficient, Int(scale))
    case .nan, .positiveInfinity, .negativeInfinity: return nil
    }
  }

  public var isNaN: Bool { if case .nan = value { true } else { false } }

  public var isInfinite: Bool {
    switch value {
    case .positiveInfinity, .negativeInfinity: true
    default: false
    }
  }

  public var isFinite: Bool {
    switch value {
    case .small, .big: true
    default: false
    }
  }

  /// Digits shown after the decimal point; 0 for NaN and infinities.
  public var scale: Int {
    switch value {
    case .small(_, _, let scale), .big(_, let scale): Int(scale)
    default: 0
    }
  }

  /// The sign of a value that is not NaN.
  var sign: Sign {
    switch value {
    case .small(let high, let low, _):
      high < 0 ? .negative : (high | Int64(bitPattern: low)) == 0 ? .zero : .positive
    case .big(let coefficient, _): coefficient.sign == .minus ? .negative : .positive
    case .nan, .positiveInfinity: .positive
    case .negativeInfinity: .negative
    }
  }

  public var isZero: Bool { sign == .zero }
  public var isNegative: Bool { sign == .negative }

  /// Whether the values and their display scales are equal: what a client would see is the same.
  public func identical(_ other: Numeric) -> Bool { scale == other.scale && self == other }
}

extension Numeric: Hashable, Comparable {
  /// Negative, zero or positive as `a` is below, equal to or above `b` in SQL's order.
  public static func compare(_ a: Numeric, _ b: Numeric) -> Int {
    if let x = a.small, let y = b.small {
      if x.scale == y.scale {
        return x.coefficient < y.coefficient ? -1 : x.coefficient > y.coefficient ? 1 : 0
      }
      if x.scale < y.scale, let scaled = PowersOfTen.scale(x.coefficient, by: y.scale - x.scale) {
        return scaled < y.coefficient ? -1 : scaled > y.coefficient ? 1 : 0
      }
      if x.scale > y.scale, let scaled = PowersOfTen.scale(y.coefficient, by: x.scale - y.scale) {
        return x.coefficient < scaled ? -1 : x.coefficient > scaled ? 1 : 0
      }
    }
    return compareSlowly(a, b)
  }

  private static func compareSlowly(_ a: Numeric, _ b: Numeric) -> Int {
    guard let x = a.wide, let y = b.wide else {
      let rankA = a.specialRank
      let rankB = b.specialRank
      return rankA < rankB ? -1 : rankA > rankB ? 1 : 0
    }
    let left = x.coefficient.sign == .minus
    let right = y.coefficient.sign == .minus
    if left != right { return left ? -1 : 1 }
    let p = x.scale < y.scale ? x.coefficient * PowersOfTen.big(y.scale - x.scale) : x.coefficient
    let q = y.scale < x.scale ? y.coefficient * PowersOfTen.big(x.scale - y.scale) : y.coefficient
    return p < q ? -1 : p > q ? 1 : 0
  }

  /// -infinity < finite < infinity < NaN.
  private var specialRank: Int {
    switch value {
    case .negativeInfinity: -1
    case .small, .big: 0
    case .positiveInfinity: 1
    case .nan: 2
    }
  }

  public static func == (a: Numeric, b: Numeric) -> Bool { compare(a, b) == 0 }
  public static func < (a: Numeric, b: Numeric) -> Bool { compare(a, b) < 0 }

  public func hash(into hasher: inout Hasher) {
    switch trimmed.value {
    case .small(let high, let low, let scale):
      hasher.combine(high)
      hasher.combine(low)
      hasher.combine(scale)
    case .big(let coefficient, let scale):
      hasher.combine(coefficient)
      hasher.combine(scale)
    case .nan: hasher.combine(UInt8(1))
    case .positiveInfinity: hasher.combine(UInt8(2))
    case .negativeInfinity: hasher.combine(UInt8(3))
    }
  }

  /// A 64-bit hash, equal for equal values whatever their scales, and the same on every node.
  public func hash64(seed: UInt64) -> UInt64 {
    switch trimmed.value {
    case .small(let high, let low, let scale):
      return Mix.hash(Mix.hash(seed, low), UInt64(bitPattern: high) &+ UInt64(scale) << 48)
    case .big(let coefficient, let scale):
      var hash = Mix.hash(seed, UInt64(scale))
      for word in coefficient.magnitude.words { hash = Mix.hash(hash, UInt64(word)) }
      return hash
    case .nan: return Mix.hash(seed, 0x9E37)
    case .positiveInfinity: return Mix.hash(seed, 0x9E38)
    case .negativeInfinity: return Mix.hash(seed, 0x9E39)
    }
  }

  /// The same value with the least scale that holds it (`trim_scale`).
  public var trimmed: Numeric {
    switch value {
    case .small(let high, let low, let scale):
      if scale == 0 { return self }
      // Most values fit 64 bits, where division is cheap.
      if high == Int64(bitPattern: low) >> 63 {
        var coefficient = Int64(bitPattern: low)
        var left = Int(scale)
        if coefficient == 0 { return .zero }
        while left > 0, coefficient % 10 == 0 {
          coefficient /= 10
          left -= 1
        }
        return Numeric(coefficient: Int128(coefficient), scale: left)
      }
      var coefficient = Int128(high) << 64 | Int128(low)
      var left = Int(scale)
      while left > 0, coefficient % 10 == 0 {
        coefficient /= 10
        left -= 1
      }
      return Numeric(coefficient: coefficient, scale: left)
    case .big(var coefficient, let scale):
      var left = Int(scale)
      while left >= 16 {
        let (quotient, remainder) = coefficient.quotientAndRemainder(dividingBy: PowersOfTen.big(16))
        if !remainder.isZero { break }
        coefficient = quotient
        left -= 16
      }
      while left > 0 {
        let (quotient, remainder) = coefficient.quotientAndRemainder(dividingBy: 10)
        if !remainder.isZero { break }
        coefficient = quotient
        left -= 1
      }
      if coefficient.magnitude.bitWidth <= 127 {
        return Numeric(coefficient: coefficient.narrowed, scale: left)
      }
      return Numeric(.big(coefficient: coefficient, scale: UInt16(left)))
    case .nan, .positiveInfinity, .negativeInfinity: return self
    }
  }
}

extension Numeric: CustomStringConvertible {
  public var description: String {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension BigInt {
  /// The library's own conversion from a negative number of two words loses a word: go through the magnitude.
  init(exactly128 value: Int128) {
    let magnitude = value.magnitude
    let words: [BigUInt.Word] = [
      BigUInt.Word(UInt64(truncatingIfNeeded: magnitude)), BigUInt.Word(UInt64(truncatingIfNeeded: magnitude >> 64)),
    ]
    self.init(sign: value < 0 ? .minus : .plus, magnitude: BigUInt(words: words))
  }

  /// A number of at most 127 bits.
  var narrowed: Int128 {
    var value: Int128 = 0
    for word in magnitude.words.reversed() { value = value << 64 | Int128(word) }
    return sign == .minus ? -value : value
  }
}

/// Powers of ten and counts of decimal digits.
enum PowersOfTen {
  /// 10^0 ... 10^38: all that an Int128 holds.
  static let table: [Int128] = {
    var powers: [Int128] = [1]
    for _ in 0..<38 { powers.append(powers[powers.count - 1] * 10) }
    return powers
  }()

  static func big(_ exponent: Int) -> BigInt {
    exponent <= 38 ? BigInt(exactly128: table[exponent]) : BigInt(10).power(exponent)
  }

  /// `value * 10^exponent`, nil when it overflows.
  @inline(__always)
  static func scale(_ value: Int128, by exponent: Int) -> Int128? {
    guard exponent <= 38 else { return value == 0 ? 0 : nil }
    let (product, overflow) = value.multipliedReportingOverflow(by: table[exponent])
    return overflow ? nil : product
  }

  /// Decimal digits of a magnitude; 0 has none.
  static func digitCount(_ value: UInt128) -> Int {
    if value == 0 { return 0 }
    let bits = 128 - value.leadingZeroBitCount
    // 1233/4096 is a little below log10(2): the estimate is exact or one too small.
    let estimate = (bits * 1233) >> 12
    guard estimate < table.count else { return estimate + 1 }
    return value >= UInt128(table[estimate]) ? estimate + 1 : estimate
  }

  static func digitCount(_ value: BigUInt) -> Int {
    if value.bitWidth <= 128 { return digitCount(UInt128(value)) }
    // The bit length bounds the count within one.
    var estimate = Int(Double(value.bitWidth - 1) * 0.301029995663981195)
    var power = BigUInt(10).power(estimate)
    while power > value {
      estimate -= 1
      power /= 10
    }
    while true {
      let next = power * 10
      if next > value { return estimate + 1 }
      power = next
      estimate += 1
    }
  }
}

/// A stateless mixing function for hash joins and aggregates: the same on every node, unlike `Hasher`.
public enum Mix {
  @inline(__always)
  public static func hash(_ seed: UInt64, _ value: UInt64) -> UInt64 {
    let (high, low) = (seed ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: value ^ 0xD6E8_FEB8_6659_FD93)
    return (high ^ low) &+ seed.byteSwapped
  }

  @inline(__always)
  public static func hash(_ seed: UInt64, _ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash = Mix.hash(seed, UInt64(truncatingIfNeeded: bytes.count))
    var offset = 0
    while offset + 8 <= bytes.count {
      hash = Mix.hash(hash, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    if offset < bytes.count {
      var last: UInt64 = 0
      while offset < bytes.count {
        last = last << 8 | UInt64(bytes[offset])
        offset += 1
      }
      hash = Mix.hash(hash, last)
    }
    return hash
  }
}
