// What resolution and evaluation ask about a type, in short words; the facts are `TypeInfo`'s.

import SQLTypes

extension SQLType {
  /// How values of this type lie in memory.
  public var kind: PhysicalKind {
    switch oid.rawValue {
    case 23, 20, 16, 21, 26, 1114, 1184, 1082: .int64
    case 701, 700: .float64
    case 1700: .numeric
    case 25, 1043, 1042, 17: .bytes
    default: TypeInfo.find(oid)?.kind ?? .bytes
    }
  }

  var category: TypeInfo.Category { TypeInfo.find(oid)?.category ?? .userDefined }
  var isPreferred: Bool { TypeInfo.find(oid)?.isPreferred ?? false }
  var isPseudo: Bool { category == .pseudo }
  /// `int2vector` and `oidvector` too: they are laid out as arrays.
  var isArray: Bool {
    TypeInfo.find(oid).map { $0.elementOID != .invalid && ($0.category == .array || $0.isArray) } ?? false
  }
  var isUnknown: Bool { oid.rawValue == 705 }

  /// The type of an array's elements.
  var element: SQLType? {
    guard let info = TypeInfo.find(oid), info.elementOID != .invalid else { return nil }
    return SQLType(info.elementOID)
  }

  /// The type of arrays of this type.
  var array: SQLType? {
    guard let info = TypeInfo.find(oid), info.arrayOID != .invalid else { return nil }
    return SQLType(info.arrayOID)
  }

  /// The name in PostgreSQL's messages, without modifier.
  var displayName: String { TypeInfo.find(oid)?.sqlName ?? "???" }

  static let interval = SQLType(OID(1186))
  static let timetz = SQLType(OID(1266))
  static let nameArray = SQLType(OID(1003))
  static let float8Array = SQLType(OID(1022))
  static let int4Array = SQLType(OID(1007))
}
