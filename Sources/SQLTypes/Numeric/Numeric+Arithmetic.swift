// HOT: Sums, products, quotients and rounding of `Numeric`, first in Int128, then in any precision.
// The display scale of a result follows PostgreSQL: sums and remainders have the larger scale, products the
// sum of the
// scales, quotients at least 16 significant digits. Ties round away from zero.

import BigInt

extension Numeric {
  static let divisionByZero = SQLError(.divisionByZero, "division by zero")

  public func adding(_ other: Numeric) throws(SQLError) -> Numeric {
    if let x = small, let y = other.small {
      if x.scale == y.scale {
        let (sum, overflow) = x.coefficient.addingReportingOverflow(y.coefficient)
        if !overflow { return Numeric(coefficient: sum, scale: x.scale) }
      } else if x.scale < y.scale {
        if let scaled = PowersOfTen.scale(x.coefficient, by: y.scale - x.scale) {
          let (sum, overflow) = scaled.addingReportingOverflow(y.coefficient)
          if !overflow { return Numeric(coefficient: sum, scale: y.scale) }
        }
      } else if let scaled = PowersOfTen.scale(y.coefficient, by: x.scale - y.scale) {
        let (sum, overflow) = x.coefficient.addingReportingOverflow(scaled)
        if !overflow { return Numeric(coefficient: sum, scale: x.scale) }
      }
    }
    guard let x = wide, let y = other.wide else {
      if isNaN || other.isNaN { return .nan }
      if isInfinite && other.isInfinite { return sign == other.sign ? self : .nan }
      return isInfinite ? self : other
    }
    let scale = max(x.scale, y.scale)
    let p = x.scale < scale ? x.coefficient * PowersOfTen.big(scale - x.scale) : x.coefficient
    let q = y.scale < scale ? y.coefficient * PowersOfTen.big(scale - y.scale) : y.coefficient
    return try Numeric(wide: p + q, scale: scale)
  }

  public func subtracting(_ other: Numeric) throws(SQLError) -> Numeric { try adding(other.negated) }

  public var negated: Numeric {
    switch value {
    case .small: break
    case .big(let coefficient, let scale): return Numeric(.big(coefficient: -coefficient, scale: scale))
    case .nan: return self
    case .positiveInfinity: return .negativeInfinity
    case .negativeInfinity: return .infinity
    }
    guard let x = small else { return self }
    return Numeric(coefficient: -x.coefficient, scale: x.scale)
  }

  public var magnitude: Numeric { isNegative ? negated : self }

  /// -1, 0 or 1; NaN for NaN.
  public var signum: Numeric {
    if isNaN { return self }
    switch sign {
    case .negative: return Numeric(-1)
    case .zero: return .zero
    case .positive: return .one
    }
  }

  public func multiplied(by other: Numeric) throws(SQLError) -> Numeric {
    if let x = small, let y = other.small, x.scale + y.scale <= Limits.scale {
      let (product, overflow) = x.coefficient.multipliedReportingOverflow(by: y.coefficient)
      if !overflow { return Numeric(coefficient: product, scale: x.scale + y.scale) }
    }
    guard let x = wide, let y = other.wide else {
      if isNaN || other.isNaN || isZero || other.isZero { return .nan }
      return isNegative == other.isNegative ? .infinity : .negativeInfinity
    }
    let product = x.coefficient * y.coefficient
    let scale = x.scale + y.scale
    if scale <= Limits.scale { return try Numeric(wide: product, scale: scale) }
    return try Numeric(
      wide: Numeric.rounded(product, droppingDigits: scale - Limits.scale), scale: Limits.scale)
  }

  /// Position of the leading base-10000 digit relative to the decimal point, and that digit. (0, 0) for zero.
  /// The result scales of division and roots are defined on these.
  var leadingGroup: (weight: Int, group: Int) {
    guard let wide, !wide.coefficient.isZero else { return (0, 0) }
    let digits: Int
    if let small {
      digits = PowersOfTen.digitCount(small.coefficient.magnitude)
    } else {
      digits = PowersOfTen.digitCount(wide.coefficient.magnitude)
    }
    let exponent = digits - 1 - wide.scale
    let weight = exponent >= 0 ? exponent / 4 : -((3 - exponent) / 4)
    let shift = wide.scale + 4 * weight
    if let small, shift <= 38, shift >= -4 {
      let magnitude = small.coefficient.magnitude
      let group =
        shift >= 0
        ? magnitude / UInt128(PowersOfTen.table[shift]) : magnitude * UInt128(PowersOfTen.table[-shift])
      return (weight, Int(group))
    }
    let magnitude = BigInt(wide.coefficient.magnitude)
    return (
      weight, Int(shift >= 0 ? magnitude / PowersOfTen.big(shift) : magnitude * PowersOfTen.big(-shift))
    )
  }

  /// The scale of a quotient: at least 16 significant digits, and not less than either operand's scale.
  static func quotientScale(_ x: Numeric, _ y: Numeric) -> Int {
    let a = x.leadingGroup
    let b = y.leadingGroup
    var weight = a.weight - b.weight
    if a.group <= b.group { weight -= 1 }
    let scale = max(Limits.significantDigits - weight * 4, x.scale, y.scale, 0)
    return min(scale, Limits.resultScale)
  }

  /// The quotient with PostgreSQL's choice of scale. Error 22012 for a zero divisor.
  public func divided(by other: Numeric) throws(SQLError) -> Numeric {
    guard let special = try specialQuotient(other) else {
      return try divided(by: other, scale: Numeric.quotientScale(self, other))
    }
    return special
  }

  /// The integer quotient, truncated (`div`).
  public func integerQuotient(dividingBy other: Numeric) throws(SQLError) -> Numeric {
    if let special = try specialQuotient(other) { return special }
    guard let x = wide, let y = other.wide else { return .nan }
    let shift = y.scale - x.scale
    let p = shift > 0 ? x.coefficient * PowersOfTen.big(shift) : x.coefficient
    let q = shift < 0 ? y.coefficient * PowersOfTen.big(-shift) : y.coefficient
    return try Numeric(wide: p / q, scale: 0)
  }

  private func specialQuotient(_ other: Numeric) throws(SQLError) -> Numeric? {
    if isFinite && other.isFinite {
      if other.isZero { throw Numeric.divisionByZero }
      return nil
    }
    if isNaN || other.isNaN { return .nan }
    if isInfinite {
      if other.isInfinite { return .nan }
      if other.isZero { throw Numeric.divisionByZero }
      return isNegative == other.isNegative ? .infinity : .negativeInfinity
    }
    return .zero
  }

  /// The quotient of finite values, rounded to `scale` digits after the point; the divisor is not zero.
  func divided(by other: Numeric, scale: Int) throws(SQLError) -> Numeric {
    if let x = small, let y = other.small {
      let shift = scale + y.scale - x.scale
      if shift >= 0, let numerator = PowersOfTen.scale(x.coefficient, by: shift) {
        return Numeric(coefficient: Numeric.roundedQuotient(numerator, y.coefficient), scale: scale)
      }
      if shift < 0, let denominator = PowersOfTen.scale(y.coefficient, by: -shift) {
        return Numeric(coefficient: Numeric.roundedQuotient(x.coefficient, denominator), scale: scale)
      }
    }
    guard let x = wide, let y = other.wide else { return .nan }
    let shift = scale + y.scale - x.scale
    let numerator = shift > 0 ? x.coefficient * PowersOfTen.big(shift) : x.coefficient
    let denominator = shift < 0 ? y.coefficient * PowersOfTen.big(-shift) : y.coefficient
    return try Numeric(wide: Numeric.roundedQuotient(numerator, denominator), scale: scale)
  }

  /// Rounded half away from zero. Neither operand is Int128.min.
  static func roundedQuotient(_ numerator: Int128, _ denominator: Int128) -> Int128 {
    if let x = Int64(exactly: numerator), let y = Int64(exactly: denominator) {
      // 64-bit division is many times cheaper; -2^63 / -1 cannot happen since it goes through magnitudes.
      let (quotient, remainder) = x.magnitude.quotientAndRemainder(dividingBy: y.magnitude)
      let magnitude = Int128(quotient) + (remainder >= y.magnitude - remainder ? 1 : 0)
      return (x < 0) != (y < 0) ? -magnitude : magnitude
    }
    let (quotient, remainder) = numerator.quotientAndRemainder(dividingBy: denominator)
    if remainder.magnitude >= denominator.magnitude - remainder.magnitude {
      return (numerator < 0) != (denominator < 0) ? quotient - 1 : quotient + 1
    }
    return quotient
  }

  static func roundedQuotient(_ numerator: BigInt, _ denominator: BigInt) -> BigInt {
    let (quotient, remainder) = numerator.quotientAndRemainder(dividingBy: denominator)
    if remainder.magnitude * 2 >= denominator.magnitude {
      return (numerator.sign == .minus) != (denominator.sign == .minus) ? quotient - 1 : quotient + 1
    }
    return quotient
  }

  static func rounded(_ coefficient: BigInt, droppingDigits count: Int) -> BigInt {
    count <= 0 ? coefficient : roundedQuotient(coefficient, PowersOfTen.big(count))
  }

  /// The remainder of truncating division; it has the sign of the dividend. Error 22012 for a zero divisor.
  public func remainder(dividingBy other: Numeric) throws(SQLError) -> Numeric {
    guard isFinite && other.isFinite else {
      if isNaN || other.isNaN { return .nan }
      if isInfinite {
        if other.isZero { throw Numeric.divisionByZero }
        return .nan
      }
      return self
    }
    if other.isZero { throw Numeric.divisionByZero }
    let scale = max(self.scale, other.scale)
    if let x = small, let y = other.small,
      let p = PowersOfTen.scale(x.coefficient, by: scale - x.scale),
      let q = PowersOfTen.scale(y.coefficient, by: scale - y.scale)
    {
      return Numeric(coefficient: p % q, scale: scale)
    }
    guard let x = wide, let y = other.wide else { return .nan }
    let p = x.coefficient * PowersOfTen.big(scale - x.scale)
    let q = y.coefficient * PowersOfTen.big(scale - y.scale)
    return try Numeric(wide: p % q, scale: scale)
  }

  enum Direction { case nearest, towardZero, up, down }

  /// To `scale` digits after the point (before it when negative). The result's scale is `max(scale, 0)`.
  func rounded(toScale scale: Int, _ direction: Direction) throws(SQLError) -> Numeric {
    guard isFinite else { return self }
    let drop = self.scale - scale
    let shown = max(scale, 0)
    if drop <= 0 {
      if let x = small, let scaled = PowersOfTen.scale(x.coefficient, by: -drop), shown <= Limits.scale {
        return Numeric(coefficient: scaled, scale: shown)
      }
      guard let x = wide else { return self }
      return try Numeric(wide: x.coefficient * PowersOfTen.big(-drop), scale: shown)
    }
    if let x = small, drop <= 38 {
      let divisor = PowersOfTen.table[drop]
      var quotient = x.coefficient / divisor
      let remainder = x.coefficient % divisor
      switch direction {
      case .nearest:
        if remainder.magnitude >= divisor.magnitude - remainder.magnitude {
          quotient += x.coefficient < 0 ? -1 : 1
        }
      case .towardZero: break
      case .up: if remainder > 0 { quotient += 1 }
      case .down: if remainder < 0 { quotient -= 1 }
      }
      if scale >= 0 { return Numeric(coefficient: quotient, scale: scale) }
      return try Numeric(wide: BigInt(exactly128: quotient) * PowersOfTen.big(-scale), scale: 0)
    }
    guard let x = wide else { return self }
    let divisor = PowersOfTen.big(drop)
    var (quotient, remainder) = x.coefficient.quotientAndRemainder(dividingBy: divisor)
    switch direction {
    case .nearest:
      if remainder.magnitude * 2 >= divisor.magnitude { quotient += x.coefficient.sign == .minus ? -1 : 1 }
    case .towardZero: break
    case .up: if remainder.sign == .plus && !remainder.isZero { quotient += 1 }
    case .down: if remainder.sign == .minus && !remainder.isZero { quotient -= 1 }
    }
    return scale >= 0
      ? try Numeric(wide: quotient, scale: scale)
      : try Numeric(wide: quotient * PowersOfTen.big(-scale), scale: 0)
  }

  private static func clamp(_ scale: Int) -> Int {
    min(max(scale, -Limits.roundingScale), Limits.roundingScale)
  }

  /// `round(x, scale)`: half away from zero.
  public func rounded(toScale scale: Int) throws(SQLError) -> Numeric {
    try rounded(toScale: Numeric.clamp(scale), .nearest)
  }

  /// `trunc(x, scale)`.
  public func truncated(toScale scale: Int) throws(SQLError) -> Numeric {
    try rounded(toScale: Numeric.clamp(scale), .towardZero)
  }

  public func ceiling() throws(SQLError) -> Numeric { try rounded(toScale: 0, .up) }
  public func floor() throws(SQLError) -> Numeric { try rounded(toScale: 0, .down) }
}

/// Modifiers of `numeric(precision, scale)`.
extension Numeric {
  public static func modifier(precision: Int, scale: Int) -> Int32 {
    Int32((precision << 16) | (scale & 0x7FF)) + 4
  }

  /// Precision 1...1000 and scale -1000...1000 of a modifier, nil for -1.
  public static func precisionAndScale(_ modifier: Int32) -> (precision: Int, scale: Int)? {
    guard modifier >= 4 else { return nil }
    let bits = Int(modifier) - 4
    return ((bits >> 16) & 0xFFFF, ((bits & 0x7FF) ^ 1024) - 1024)
  }

  /// Rounds to the modifier's scale. Error 22003 `numeric field overflow` when the precision does not
  /// suffice.
  public func applying(modifier: Int32) throws(SQLError) -> Numeric {
    guard let (precision, scale) = Numeric.precisionAndScale(modifier) else { return self }
    if isNaN { return self }
    if isInfinite {
      throw SQLError(
        .numericValueOutOfRange, "numeric field overflow",
        detail: "A field with precision \(precision), scale \(scale) cannot hold an infinite value.")
    }
    let rounded = try rounded(toScale: scale, .nearest)
    let integerDigits = precision - scale
    // The bound 10^integerDigits, compared at the rounded value's scale.
    let digits: Int
    if let small = rounded.small {
      digits = PowersOfTen.digitCount(small.coefficient.magnitude)
    } else if let wide = rounded.wide {
      digits = PowersOfTen.digitCount(wide.coefficient.magnitude)
    } else {
      digits = 0
    }
    if digits > 0, digits - rounded.scale > integerDigits {
      throw SQLError(
        .numericValueOutOfRange, "numeric field overflow",
        detail:
          "A field with precision \(precision), scale \(scale) must round to an absolute value less than "
          + (integerDigits == 0 ? "1." : "10^\(integerDigits)."))
    }
    return rounded
  }
}
