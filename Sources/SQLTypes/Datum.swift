// One value, as it lies in memory. Its SQL type is known from its context (a column, an expression), never
// from the value.

/// A value or NULL. Booleans are `.int64(0|1)`, dates days and timestamps microseconds since 2000-01-01
/// (PostgreSQL's epoch).
public enum Datum: Sendable, Hashable {
  case null
  case int64(Int64)
  case float64(Double)
  case numeric(Numeric)
  case bytes([UInt8])

  public static func bool(_ value: Bool) -> Datum { .int64(value ? 1 : 0) }
  public static func text(_ value: String) -> Datum { .bytes(Array(value.utf8)) }

  public var isNull: Bool { if case .null = self { true } else { false } }
}
