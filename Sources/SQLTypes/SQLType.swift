// What a value's type is: PostgreSQL's OID and type modifier. Everything known about a type (its name, how it
// is stored,
// read and printed) is one `TypeInfo`, found by OID: a new type is a new file with a new entry.
// Source: PostgreSQL manual, chapter 8, and the catalog `pg_type`.

/// An object identifier, as in PostgreSQL's catalogs.
public struct OID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  public var rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  public init(_ rawValue: UInt32) { self.rawValue = rawValue }
  public var description: String { String(rawValue) }
  public static func < (a: OID, b: OID) -> Bool { a.rawValue < b.rawValue }
  public static let invalid = OID(0)
}

/// How values of a type lie in memory. Four kinds are enough for all types and keep the kernels few:
/// booleans, integers, dates, timestamps and OIDs are `int64`; text, bytea, uuid, json and everything
/// composite are `bytes`.
public enum PhysicalKind: UInt8, Sendable, Hashable {
  case int64, float64, numeric, bytes
}

/// A type as an expression or a column has it.
public struct SQLType: Hashable, Sendable {
  public var oid: OID
  /// PostgreSQL's `atttypmod`: -1 none; varchar(n) is n + 4; numeric(p,s) is ((p << 16) | (s & 0x7ff)) + 4;
  /// timestamp(p) is p.
  public var modifier: Int32

  public init(_ oid: OID, modifier: Int32 = -1) {
    self.oid = oid
    self.modifier = modifier
  }

  public static let bool = SQLType(OID(16))
  public static let bytea = SQLType(OID(17))
  /// PostgreSQL's one-byte `"char"`.
  public static let char = SQLType(OID(18))
  public static let name = SQLType(OID(19))
  public static let int8 = SQLType(OID(20))
  public static let int2 = SQLType(OID(21))
  public static let int4 = SQLType(OID(23))
  public static let text = SQLType(OID(25))
  public static let oid = SQLType(OID(26))
  public static let float4 = SQLType(OID(700))
  public static let float8 = SQLType(OID(701))
  /// A literal or parameter whose type is not decided yet.
  public static let unknown = SQLType(OID(705))
  public static let bpchar = SQLType(OID(1042))
  public static let varchar = SQLType(OID(1043))
  public static let date = SQLType(OID(1082))
  public static let timestamp = SQLType(OID(1114))
  public static let time = SQLType(OID(1083))
  public static let timetz = SQLType(OID(1266))
  public static let timestamptz = SQLType(OID(1184))
  public static let interval = SQLType(OID(1186))
  public static let numeric = SQLType(OID(1700))
  public static let regproc = SQLType(OID(24))
  public static let regclass = SQLType(OID(2205))

  /// Whether its values are objects of the catalog that text names: `regclass`, `regtype` and their kin.
  public var namesObjects: Bool {
    switch oid.rawValue {
    case 24, 2202...2206, 4089, 4096, 4191: true
    // Arrays of them.
    case 1008, 2207...2211, 4090, 4097, 4192: true
    default: false
    }
  }
  public static let regtype = SQLType(OID(2206))
  public static let trigger = SQLType(OID(2279))
  public static let void = SQLType(OID(2278))
  public static let uuid = SQLType(OID(2950))
  public static let textArray = SQLType(OID(1009))
  public static let json = SQLType(OID(114))
  public static let jsonb = SQLType(OID(3802))
  public static let record = SQLType(OID(2249))

  /// The type without its modifier.
  public var unmodified: SQLType { SQLType(oid) }
}
