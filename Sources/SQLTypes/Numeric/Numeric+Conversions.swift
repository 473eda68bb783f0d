// `Numeric` to and from machine numbers, with PostgreSQL's rounding (half away from zero) and error texts.

extension Numeric {
  /// The nearest integer, or the error 22003 that names the type: `bigint out of range`, `cannot convert NaN
  /// to bigint`.
  public func int64(typeName: String = "bigint") throws(SQLError) -> Int64 {
    if isNaN { throw SQLError(.featureNotSupported, "cannot convert NaN to \(typeName)") }
    if isInfinite { throw SQLError(.featureNotSupported, "cannot convert infinity to \(typeName)") }
    let whole = scale == 0 ? self : try rounded(toScale: 0, .nearest)
    guard let small = whole.small, let result = Int64(exactly: small.coefficient) else {
      throw SQLError(.numericValueOutOfRange, "\(typeName) out of range")
    }
    return result
  }

  /// The nearest double. Error 22003 when the value is beyond the doubles.
  public func double() throws(SQLError) -> Double {
    switch value {
    case .nan: return .nan
    case .positiveInfinity: return .infinity
    case .negativeInfinity: return -.infinity
    case .small(let high, let low, let scale):
      // Exact when both fit 53 bits and ten's power is exact in a double.
      if high == Int64(bitPattern: low) >> 63, scale <= 22, Int64(bitPattern: low).magnitude < 1 << 53 {
        return Double(Int64(bitPattern: low)) / Numeric.exactPowers[Int(scale)]
      }
    case .big: break
    }
    var bytes: [UInt8] = []
    append(to: &bytes)
    return try Text.withBytes(bytes) { (text: UnsafeRawBufferPointer) throws(SQLError) in
      try FloatText.double(text)
    }
  }

  private static let exactPowers: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20,
    1e21, 1e22,
  ]

  /// The nearest double, infinite or zero beyond their range.
  var approximateDouble: Double {
    if let value = try? double() { return value }
    if magnitude < .one { return 0 }
    return isNegative ? -.infinity : .infinity
  }

  /// 15 significant digits of a double, as PostgreSQL's cast takes them; 6 of a real.
  public init(_ value: Double, significantDigits: Int = 15) throws(SQLError) {
    if value.isNaN {
      self = .nan
    } else if value.isInfinite {
      self = value < 0 ? .negativeInfinity : .infinity
    } else {
      var bytes: [UInt8] = []
      FloatText.append(value, significantDigits: significantDigits, to: &bytes)
      self = try Text.withBytes(bytes) { (text: UnsafeRawBufferPointer) throws(SQLError) in
        try Numeric(text: text)
      }
    }
  }
}
