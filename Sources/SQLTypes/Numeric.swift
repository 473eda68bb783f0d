// PostgreSQL's `numeric`: exact decimal arithmetic of any precision.

/// A decimal number, NaN or an infinity.
public struct Numeric: Sendable, Hashable {
  var coefficient: Int64
  public static let zero = Numeric(coefficient: 0)
}
