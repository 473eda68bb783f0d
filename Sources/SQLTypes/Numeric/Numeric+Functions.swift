// Roots, exponentials, logarithms and powers of `Numeric`. Results have PostgreSQL's scales: about 16
// significant
// digits, at least the operands' scale, at most 1000; they are computed as fixed-point integers with guard
// digits and
// rounded once. Errors: 2201E for logarithms, 2201F for powers and roots, 22003 for overflow.

import BigInt
import Glibc

extension Numeric {
  private static func resultScale(weight: Int, _ scales: Int...) -> Int {
    var scale = max(Limits.significantDigits - weight, 0)
    for other in scales { scale = max(scale, other) }
    return min(scale, Limits.resultScale)
  }

  // MARK: Square root

  public func squareRoot() throws(SQLError) -> Numeric {
    if isNaN { return self }
    if isNegative {
      throw SQLError(
        .invalidArgumentForPowerFunction, "cannot take square root of a negative number")
    }
    guard isFinite else { return self }
    // The result's weight from the operand's leading base-10000 digit.
    let weight = leadingGroup.weight
    return try squareRoot(scale: Numeric.resultScale(weight: (weight + 1) * 4 / 2 - 1, scale))
  }

  /// The root of a value that is not negative, rounded to `scale` digits after the point, which are no fewer than its own.
  public func squareRoot(scale: Int) throws(SQLError) -> Numeric {
    guard let x = wide else { return self }
    // sqrt(c * 10^-s) * 10^r = sqrt(c * 10^(2r - s)); r >= s.
    let radicand = (x.coefficient * PowersOfTen.big(2 * scale - x.scale)).magnitude
    let root = radicand.squareRoot()
    // Nearest: up when the remainder is beyond root, that is (root + 1/2)^2.
    let up = radicand - root * root > root
    return try Numeric(wide: BigInt(up ? root + 1 : root), scale: scale)
  }

  // MARK: Exponential

  public func exponential() throws(SQLError) -> Numeric {
    if isNaN { return self }
    guard isFinite else { return isNegative ? .zero : self }
    let approximate = approximateDouble
    let digits = max(-Double(Limits.roundingScale), min(Double(Limits.roundingScale), approximate * 0.434294481903252))
    let scale = Numeric.resultScale(weight: Int(digits), self.scale)
    return try Numeric.exponential(self, approximate: approximate, scale: scale)
  }

  private static func exponential(_ x: Numeric, approximate: Double, scale: Int) throws(SQLError) -> Numeric {
    if approximate.magnitude >= Limits.exponent {
      if approximate > 0 { throw overflow }
      return Numeric(coefficient: 0, scale: scale)
    }
    guard let value = x.wide else { return x }
    let precision = scale + max(0, Int(approximate * 0.4343)) + 24
    let fixed = FixedPoint.scale(value.coefficient, from: value.scale, to: precision)
    let result = FixedPoint.exponential(fixed, precision)
    return try Numeric(wide: rounded(result, droppingDigits: precision - scale), scale: scale)
  }

  // MARK: Logarithms

  /// The decimal weight of ln(self), as estimated for the result's scale; the value is positive.
  private var logarithmWeight: Int {
    if let near = try? subtracting(.one), near.magnitude <= Numeric(coefficient: 1, scale: 1) {
      if near.isZero { return 0 }
      // log10 of the difference from 1.
      let lead = near.leadingGroup
      return lead.weight * 4 + Int(log10(Double(lead.group)))
    }
    let logarithm = approximateLogarithm
    return Int(log10(logarithm.magnitude))
  }

  /// ln of a positive value, from its two leading base-10000 digits.
  private var approximateLogarithm: Double {
    let lead = leadingGroup
    guard let wide else { return 0 }
    // Two groups: the coefficient cut or extended to the place of the second one.
    let shift = wide.scale + 4 * (lead.weight - 1)
    let groups =
      shift >= 0 ? wide.coefficient / PowersOfTen.big(shift) : wide.coefficient * PowersOfTen.big(-shift)
    return Glibc.log(Double(Int(groups))) + Double((lead.weight - 1) * 4) * 2.302585092994046
  }

  private func checkLogarithm() throws(SQLError) {
    switch sign {
    case .negative:
      throw SQLError(.invalidArgumentForLogarithm, "cannot take logarithm of a negative number")
    case .zero: throw SQLError(.invalidArgumentForLogarithm, "cannot take logarithm of zero")
    case .positive: return
    }
  }

  public func naturalLogarithm() throws(SQLError) -> Numeric {
    if isNaN { return self }
    try checkLogarithm()
    guard isFinite else { return self }
    let scale = Numeric.resultScale(weight: logarithmWeight, self.scale)
    return try naturalLogarithm(scale: scale)
  }

  /// ln of a positive finite value, rounded to `scale`.
  private func naturalLogarithm(scale: Int) throws(SQLError) -> Numeric {
    let precision = max(scale, 0) + 16
    let result = logarithm(precision)
    return try Numeric(wide: Numeric.rounded(result, droppingDigits: precision - scale), scale: scale)
  }

  /// ln(self) * 10^precision, a few units of the last place off.
  private func logarithm(_ precision: Int) -> BigInt {
    guard let value = wide else { return 0 }
    // self = m * 10^exponent with 1 <= m < 10.
    let digits = PowersOfTen.digitCount(value.coefficient.magnitude)
    let exponent = digits - 1 - value.scale
    let inner = precision + 8
    let mantissa = FixedPoint.scale(value.coefficient, from: digits - 1, to: inner)
    var result = FixedPoint.logarithm(mantissa, inner)
    if exponent != 0 { result += FixedPoint.logarithmOf10(inner) * BigInt(exponent) }
    return Numeric.rounded(result, droppingDigits: 8)
  }

  /// `log(base, self)`.
  public func logarithm(base: Numeric) throws(SQLError) -> Numeric {
    if isNaN || base.isNaN { return .nan }
    try base.checkLogarithm()
    try checkLogarithm()
    if base.isInfinite { return isInfinite ? .nan : .zero }
    if isInfinite { return self }
    let weight = logarithmWeight - base.logarithmWeight
    let scale = Numeric.resultScale(weight: weight, self.scale, base.scale)
    // Enough digits of both logarithms that their quotient is exact to `scale`.
    let precision = scale + max(0, logarithmWeight) + 2 * max(0, -base.logarithmWeight) + 24
    let denominator = base.logarithm(precision)
    if denominator.isZero || base == .one { throw Numeric.divisionByZero }
    let numerator = logarithm(precision) * PowersOfTen.big(scale)
    return try Numeric(wide: Numeric.roundedQuotient(numerator, denominator), scale: scale)
  }

  /// `log(self)`: base 10.
  public func logarithm10() throws(SQLError) -> Numeric { try logarithm(base: Numeric(10)) }

  // MARK: Powers

  private var isInteger: Bool {
    guard isFinite else { return false }
    return trimmed.scale == 0
  }

  private var isOdd: Bool {
    guard let value = trimmed.wide, value.scale == 0 else { return false }
    return value.coefficient.magnitude.words.first.map { $0 & 1 == 1 } ?? false
  }

  public func power(_ exponent: Numeric) throws(SQLError) -> Numeric {
    if let special = try specialPower(exponent) { return special }
    if isZero && exponent.isNegative {
      throw SQLError(
        .invalidArgumentForPowerFunction, "zero raised to a negative power is undefined")
    }
    if isNegative && !exponent.isInteger {
      throw SQLError(
        .invalidArgumentForPowerFunction,
        "a negative number raised to a non-integer power yields a complex result")
    }
    if exponent.isInteger, let small = exponent.trimmed.small, let whole = Int32(exactly: small.coefficient) {
      return try integerPower(Int(whole))
    }
    if isZero { return Numeric(coefficient: 0, scale: Limits.significantDigits) }
    let base = magnitude
    let isNegativeResult = isNegative && exponent.isOdd
    // ln(1) is exactly 0, however large the exponent.
    let logarithmOfBase = base == .one ? 0 : base.estimatedLogarithm
    let estimate = logarithmOfBase == 0 ? 0 : logarithmOfBase * exponent.approximateDouble
    if estimate.magnitude > Double(Limits.roundingScale) * 3.01 {
      if estimate > 0 { throw Numeric.overflow }
      return Numeric(coefficient: 0, scale: Limits.resultScale)
    }
    let digits = estimate * 0.434294481903252
    let scale = Numeric.resultScale(weight: Int(digits), base.scale, exponent.scale)
    guard let power = exponent.wide else { return .nan }
    // exp(exponent * ln(base)): the logarithm carries the exponent's integer digits besides the result's.
    let exponentDigits = max(0, PowersOfTen.digitCount(power.coefficient.magnitude) - power.scale)
    let precision = scale + max(0, Int(digits)) + exponentDigits + 24
    let logarithm = base.logarithm(precision)
    let product = Numeric.rounded(logarithm * power.coefficient, droppingDigits: power.scale)
    let result = FixedPoint.exponential(product, precision)
    let rounded = try Numeric(wide: Numeric.rounded(result, droppingDigits: precision - scale), scale: scale)
    return isNegativeResult ? rounded.negated : rounded
  }

  /// ln of a positive value to the precision of a double.
  private var estimatedLogarithm: Double {
    if let near = try? subtracting(.one), near.magnitude < Numeric(coefficient: 1, scale: 1) {
      return Glibc.log1p(near.approximateDouble)
    }
    guard let value = wide else { return 0 }
    let digits = PowersOfTen.digitCount(value.coefficient.magnitude)
    let lead = FixedPoint.scale(value.coefficient, from: digits - 1, to: 16)
    return Glibc.log(Double(Int(lead)) / 1e16) + Double(digits - 1 - value.scale) * 2.302585092994046
  }

  /// Powers with NaN or an infinity, after the C library's `pow`.
  private func specialPower(_ exponent: Numeric) throws(SQLError) -> Numeric? {
    if isFinite && exponent.isFinite { return nil }
    if isNaN { return exponent.isFinite && exponent.isZero ? .one : .nan }
    if exponent.isNaN { return self == .one ? .one : .nan }
    if self == .one || (exponent.isFinite && exponent.isZero) { return .one }
    if isZero && exponent.isNegative {
      throw SQLError(
        .invalidArgumentForPowerFunction, "zero raised to a negative power is undefined")
    }
    if isNegative && exponent.isFinite && !exponent.isInteger {
      throw SQLError(
        .invalidArgumentForPowerFunction,
        "a negative number raised to a non-integer power yields a complex result")
    }
    if exponent.isInfinite {
      let isLarge: Bool
      if isInfinite {
        isLarge = true
      } else {
        if magnitude == .one { return .one }
        isLarge = magnitude > .one
      }
      return isLarge == !exponent.isNegative ? .infinity : .zero
    }
    // An infinite base and a finite exponent that is not zero.
    if exponent.isNegative { return .zero }
    return isNegative && exponent.isOdd ? .negativeInfinity : .infinity
  }

  /// Unlike other powers these show 16 digits after the point, or as many as the base.
  private func integerPower(_ exponent: Int) throws(SQLError) -> Numeric {
    guard let base = wide else { return self }
    let scale = Numeric.resultScale(weight: 0, self.scale)
    if isZero {
      if exponent < 0 { throw Numeric.divisionByZero }
      return exponent == 0 ? try Numeric.one.rounded(toScale: scale) : Numeric(coefficient: 0, scale: scale)
    }
    // The result's decimal weight, from the leading digits.
    let digits = PowersOfTen.digitCount(base.coefficient.magnitude)
    let lead = FixedPoint.scale(BigInt(base.coefficient.magnitude), from: digits - 1, to: 15)
    let logarithm = log10(Double(Int(lead)) / 1e15) + Double(digits - 1 - base.scale)
    let weight = Double(exponent) * logarithm
    if weight > Double(32_768 * 4) { throw Numeric.overflow }
    if weight + 1 < -Double(scale) { return Numeric(coefficient: 0, scale: scale) }
    switch exponent {
    case 0: return try Numeric.one.rounded(toScale: scale)
    case 1: return try rounded(toScale: scale, .nearest)
    case -1: return try Numeric.one.divided(by: self, scale: scale)
    case 2: return try multiplied(by: self).rounded(toScale: scale, .nearest)
    default: break
    }
    // Binary powers of a number cut to as many significant digits as the result needs, and some more.
    let significant = max(1 + scale + Int(weight.rounded(.up)), 1) + Int(log10(Double(exponent.magnitude))) + 20
    var factor = FloatingDecimal(base.coefficient, -base.scale)
    var result = FloatingDecimal(1, 0)
    var left = exponent.magnitude
    while left > 0 {
      if left & 1 == 1 { result = result.multiplied(by: factor, digits: significant) }
      left >>= 1
      if left > 0 { factor = factor.multiplied(by: factor, digits: significant) }
    }
    if exponent > 0 {
      return try Numeric(wide: FixedPoint.scale(result.coefficient, from: -result.exponent, to: scale), scale: scale)
    }
    // 10^scale / (c * 10^e)
    let shift = scale - result.exponent
    if shift < 0 { return Numeric(coefficient: 0, scale: scale) }
    return try Numeric(
      wide: Numeric.roundedQuotient(PowersOfTen.big(shift), result.coefficient), scale: scale)
  }
}

/// coefficient * 10^exponent, cut to a number of digits after each product.
private struct FloatingDecimal {
  var coefficient: BigInt
  var exponent: Int

  init(_ coefficient: BigInt, _ exponent: Int) {
    self.coefficient = coefficient
    self.exponent = exponent
  }

  func multiplied(by other: FloatingDecimal, digits: Int) -> FloatingDecimal {
    let product = coefficient * other.coefficient
    // 0.30103 digits a bit; a digit more or less does not matter.
    let excess = Int(Double(product.magnitude.bitWidth) * 0.30103) - digits
    if excess <= 0 { return FloatingDecimal(product, exponent + other.exponent) }
    return FloatingDecimal(Numeric.rounded(product, droppingDigits: excess), exponent + other.exponent + excess)
  }
}

/// Elementary functions on integers that stand for value * 10^precision.
private enum FixedPoint {
  /// Moves a coefficient between scales, rounding half away from zero.
  static func scale(_ coefficient: BigInt, from scale: Int, to precision: Int) -> BigInt {
    precision >= scale
      ? coefficient * PowersOfTen.big(precision - scale)
      : Numeric.rounded(coefficient, droppingDigits: scale - precision)
  }

  /// exp(x): x halved until small, Taylor's series, then squared back. Some 10 units of the last place off
  /// for each
  /// unit of the result's size.
  static func exponential(_ x: BigInt, _ precision: Int) -> BigInt {
    // Guard digits: every squaring doubles the relative error.
    let guardDigits = 12
    let inner = precision + guardDigits
    let unit = PowersOfTen.big(inner)
    var reduced = x * PowersOfTen.big(guardDigits)
    var halvings = 0
    // Below 2^-6 the series gains two digits a term.
    while reduced.magnitude * 64 > unit.magnitude {
      reduced = reduced / 2
      halvings += 1
    }
    var sum = unit + reduced
    var term = reduced
    var index = 2
    while true {
      term = term * reduced / unit / BigInt(index)
      if term.isZero { break }
      sum += term
      index += 1
    }
    for _ in 0..<halvings { sum = sum * sum / unit }
    return Numeric.rounded(sum, droppingDigits: guardDigits)
  }

  /// ln(m), 1 <= m < 10: roots until m is near 1, then 2 atanh((m - 1) / (m + 1)).
  static func logarithm(_ mantissa: BigInt, _ precision: Int) -> BigInt {
    let guardDigits = 8
    let inner = precision + guardDigits
    let unit = PowersOfTen.big(inner)
    var m = mantissa * PowersOfTen.big(guardDigits)
    if m == unit { return 0 }
    var roots = 0
    while (m - unit) * 20 > unit {
      m = BigInt((m * unit).magnitude.squareRoot())
      roots += 1
    }
    let z = (m - unit) * unit / (m + unit)
    let square = z * z / unit
    var sum = z
    var power = z
    var index = 3
    while true {
      power = power * square / unit
      let term = power / BigInt(index)
      if term.isZero { break }
      sum += term
      index += 2
    }
    sum *= BigInt(2)
    return Numeric.rounded(sum << roots, droppingDigits: guardDigits)
  }

  /// ln(10) = 46 atanh(1/31) + 34 atanh(1/49) + 20 atanh(1/161).
  static func logarithmOf10(_ precision: Int) -> BigInt {
    let inner = precision + 6
    let unit = PowersOfTen.big(inner)
    func inverse(_ n: Int) -> BigInt {
      var power = unit / BigInt(n)
      var sum = power
      let square = BigInt(n * n)
      var index = 3
      while true {
        power = power / square
        let term = power / BigInt(index)
        if term.isZero { break }
        sum += term
        index += 2
      }
      return sum
    }
    let sum = inverse(31) * 46 + inverse(49) * 34 + inverse(161) * 20
    return Numeric.rounded(sum, droppingDigits: 6)
  }
}
