// A type as written: `numeric(10,2)[]`, `timestamp(3) with time zone`, `setof myschema.mytype`.
//
// Contract: SQL's own spellings are already mapped to PostgreSQL's names in `pg_catalog` as its grammar
// does: `int` is `pg_catalog.int4`, `character varying` is `pg_catalog.varchar`, `char` is
// `pg_catalog.bpchar` with modifier 1, `float(24)` is `pg_catalog.float4`. Nothing is looked up.

/// A type name with its modifiers and array bounds, unresolved.
public struct TypeName: Sendable, Equatable {
  public var name: QualifiedName
  /// What stood in parentheses, e.g. precision and scale. Empty when absent.
  public var modifiers: [Expression]
  /// `interval day to second`: which fields are kept; `nil` when all are.
  public var intervalFields: IntervalFields?
  /// One element per pair of brackets; the bound is `nil` for `[]`.
  public var arrayBounds: [Int32?]
  public var isSetOf: Bool
  /// `table.column%TYPE`: `name` is then the dotted path to a column.
  public var isColumnType: Bool
  public var position: SourcePosition

  public init(
    _ name: QualifiedName, modifiers: [Expression] = [], intervalFields: IntervalFields? = nil,
    arrayBounds: [Int32?] = [], isSetOf: Bool = false, isColumnType: Bool = false,
    position: SourcePosition = .unknown
  ) {
    self.name = name
    self.modifiers = modifiers
    self.intervalFields = intervalFields
    self.arrayBounds = arrayBounds
    self.isSetOf = isSetOf
    self.isColumnType = isColumnType
    self.position = position
  }
}

/// The field restriction of an interval type. PostgreSQL manual, section 8.5.4.
public enum IntervalFields: String, Sendable, Hashable, CaseIterable {
  case year = "year"
  case month = "month"
  case day = "day"
  case hour = "hour"
  case minute = "minute"
  case second = "second"
  case yearToMonth = "year to month"
  case dayToHour = "day to hour"
  case dayToMinute = "day to minute"
  case dayToSecond = "day to second"
  case hourToMinute = "hour to minute"
  case hourToSecond = "hour to second"
  case minuteToSecond = "minute to second"
}
