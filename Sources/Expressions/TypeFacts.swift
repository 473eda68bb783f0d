// What resolution and evaluation ask about a type by its OID: storage, category, whether preferred, name in messages,
// element. Source: the catalog `pg_type` (typcategory, typispreferred), manual 52.64.

import SQLTypes

extension SQLType {
  private struct Facts {
    var name: String
    var category: Character
    var isPreferred = false
    var kind: PhysicalKind = .bytes
    var array: UInt32 = 0
  }

  private static let facts: [UInt32: Facts] = [
    16: Facts(name: "boolean", category: "B", isPreferred: true, kind: .int64, array: 1000),
    17: Facts(name: "bytea", category: "U", array: 1001),
    18: Facts(name: "\"char\"", category: "Z", array: 1002),
    19: Facts(name: "name", category: "S", array: 1003),
    20: Facts(name: "bigint", category: "N", kind: .int64, array: 1016),
    21: Facts(name: "smallint", category: "N", kind: .int64, array: 1005),
    23: Facts(name: "integer", category: "N", kind: .int64, array: 1007),
    24: Facts(name: "regproc", category: "N", kind: .int64, array: 1008),
    25: Facts(name: "text", category: "S", isPreferred: true, array: 1009),
    26: Facts(name: "oid", category: "N", isPreferred: true, kind: .int64, array: 1028),
    114: Facts(name: "json", category: "U", array: 199),
    700: Facts(name: "real", category: "N", kind: .float64, array: 1021),
    701: Facts(name: "double precision", category: "N", isPreferred: true, kind: .float64, array: 1022),
    705: Facts(name: "unknown", category: "X"),
    1042: Facts(name: "character", category: "S", array: 1014),
    1043: Facts(name: "character varying", category: "S", array: 1015),
    1082: Facts(name: "date", category: "D", kind: .int64, array: 1182),
    1083: Facts(name: "time without time zone", category: "D", kind: .int64, array: 1183),
    1114: Facts(name: "timestamp without time zone", category: "D", kind: .int64, array: 1115),
    1184: Facts(name: "timestamp with time zone", category: "D", isPreferred: true, kind: .int64, array: 1185),
    1186: Facts(name: "interval", category: "T", isPreferred: true, array: 1187),
    1266: Facts(name: "time with time zone", category: "D", array: 1270),
    1700: Facts(name: "numeric", category: "N", kind: .numeric, array: 1231),
    2205: Facts(name: "regclass", category: "N", kind: .int64, array: 2210),
    2206: Facts(name: "regtype", category: "N", kind: .int64, array: 2211),
    4089: Facts(name: "regnamespace", category: "N", kind: .int64, array: 4090),
    2249: Facts(name: "record", category: "P"),
    2276: Facts(name: "\"any\"", category: "P"),
    2277: Facts(name: "anyarray", category: "P"),
    2278: Facts(name: "void", category: "P"),
    2283: Facts(name: "anyelement", category: "P"),
    2776: Facts(name: "anynonarray", category: "P"),
    2950: Facts(name: "uuid", category: "U", array: 2951),
    3802: Facts(name: "jsonb", category: "U", array: 3807),
    5077: Facts(name: "anycompatible", category: "P"),
    5078: Facts(name: "anycompatiblearray", category: "P"),
    5079: Facts(name: "anycompatiblenonarray", category: "P"),
  ]

  private static let elements: [UInt32: UInt32] = {
    var elements: [UInt32: UInt32] = [:]
    for (oid, facts) in facts where facts.array != 0 { elements[facts.array] = oid }
    return elements
  }()

  /// How values of this type lie in memory.
  var kind: PhysicalKind {
    switch oid.rawValue {
    case 23, 20, 16, 21, 26, 1114, 1184, 1082, 1083, 24, 2205, 2206, 4089: .int64
    case 701, 700: .float64
    case 1700: .numeric
    default: .bytes
    }
  }

  /// `pg_type.typcategory`.
  var category: Character { isArray ? "A" : SQLType.facts[oid.rawValue]?.category ?? "U" }
  var isPreferred: Bool { SQLType.facts[oid.rawValue]?.isPreferred ?? false }
  var isPseudo: Bool { category == "P" }
  var isArray: Bool { SQLType.elements[oid.rawValue] != nil }

  /// The type of an array's elements.
  var element: SQLType? { SQLType.elements[oid.rawValue].map { SQLType(OID($0)) } }

  /// The type of arrays of this type.
  var array: SQLType? {
    guard let array = SQLType.facts[oid.rawValue]?.array, array != 0 else { return nil }
    return SQLType(OID(array))
  }

  /// The name in PostgreSQL's messages, without modifier.
  var displayName: String {
    if let element { return element.displayName + "[]" }
    return SQLType.facts[oid.rawValue]?.name ?? "???"
  }
}
