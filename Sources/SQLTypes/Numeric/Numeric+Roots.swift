// The square root of a `numeric`, exact to its last digit.
// Source: PostgreSQL manual, 9.3 (`sqrt`): at least 16 significant digits, and the argument's scale at least.

import BigInt

extension Numeric {
  /// Error 2201F for a negative number.
  public func squareRoot() throws(SQLError) -> Numeric {
    if isNaN { return self }
    if isNegative {
      throw SQLError(.invalidArgumentForPowerFunction, "cannot take square root of a negative number")
    }
    if isInfinite { return self }
    guard let value = wide else { return .nan }
    // The digits before the point that the root has, reckoned in groups of four as PostgreSQL does.
    let digits = value.coefficient.isZero ? 1 : value.coefficient.magnitude.description.utf8.count - value.scale
    let groups = digits > 0 ? (digits + 3) / 4 : -((-digits) / 4)
    let weight = groups * 2 - 1
    let scale = min(max(16 - weight, value.scale, 0), 1000)
    // root * 10^(scale+1), so that the last digit rounds.
    let shift = 2 * (scale + 1) - value.scale
    let magnitude = value.coefficient.magnitude * BigUInt(10).power(max(0, shift))
    let root = (shift < 0 ? magnitude / BigUInt(10).power(-shift) : magnitude).squareRoot()
    return try Numeric(wide: BigInt((root + 5) / 10), scale: scale)
  }
}
