// How types turn into each other, as far as name resolution needs to know: categories, preferred types, which casts exist
// and where they apply by themselves, polymorphic pseudo-types, and the common type of several expressions.
// Source: PostgreSQL manual, 10.1-10.5, 38.2.5, and the catalogs pg_type, pg_cast.

import SQLTypes

/// Where a cast may apply: each context also allows those before it.
public enum CastContext: UInt8, Sendable, Hashable, Comparable {
  /// Anywhere in an expression.
  case implicit
  /// Storing into a column.
  case assignment
  /// `CAST(x AS t)` and `x::t`.
  case explicit

  public static func < (a: CastContext, b: CastContext) -> Bool { a.rawValue < b.rawValue }
}

/// How a value of one type becomes one of another.
public enum CastMethod: UInt8, Sendable, Hashable {
  /// The value is the same.
  case binary
  case function
  /// Through the text form.
  case text
  /// Element by element.
  case elements
}

extension SQLType {
  static let any = SQLType(OID(2276))
  static let anyarray = SQLType(OID(2277))
  static let anyelement = SQLType(OID(2283))
  static let anynonarray = SQLType(OID(2776))
  static let anycompatible = SQLType(OID(5077))
  static let anycompatiblearray = SQLType(OID(5078))
  static let anycompatiblenonarray = SQLType(OID(5079))

  /// A pseudo-type that stands for the actual type of an argument.
  var isPolymorphic: Bool {
    switch oid.rawValue {
    case 2276, 2277, 2283, 2776, 5077, 5078, 5079: true
    default: false
    }
  }
}

enum TypeRules {

  // MARK: Casts

  private struct CastKey: Hashable {
    var source: UInt32
    var target: UInt32
  }

  private struct CastEntry {
    var context: CastContext
    var method: CastMethod
  }

  private static func castTable(_ rows: [(UInt32, [UInt32], CastContext, CastMethod)]) -> [CastKey: CastEntry] {
    var table: [CastKey: CastEntry] = [:]
    for (source, targets, context, method) in rows {
      for target in targets {
        table[CastKey(source: source, target: target)] = CastEntry(context: context, method: method)
      }
    }
    return table
  }

  /// `pg_cast` of the types that exist here, without the entries that only apply a type's modifier.
  private static let casts: [CastKey: CastEntry] = castTable([
    // bool
    (16, [25, 1042, 1043], .assignment, .function), (16, [23], .explicit, .function),
    // "char"
    (18, [25], .implicit, .function), (18, [1042, 1043], .assignment, .function), (18, [23], .explicit, .function),
    // name
    (19, [25], .implicit, .function), (19, [1042, 1043], .assignment, .function),
    // int8
    (20, [700, 701, 1700, 26, 24, 2205, 2206, 4089], .implicit, .function), (20, [21, 23], .assignment, .function),
    // int2
    (21, [20, 23, 700, 701, 1700, 26, 24, 2205, 2206, 4089], .implicit, .function),
    // int4
    (23, [20, 700, 701, 1700], .implicit, .function), (23, [26, 24, 2205, 2206, 4089], .implicit, .binary),
    (23, [21], .assignment, .function), (23, [16, 18], .explicit, .function),
    // text, varchar, bpchar
    (25, [1042, 1043], .implicit, .binary), (25, [19, 2205], .implicit, .function), (25, [18], .assignment, .function),
    (1043, [25, 1042], .implicit, .binary), (1043, [19, 2205], .implicit, .function),
    (1043, [18], .assignment, .function),
    (1042, [25, 1043, 19], .implicit, .function), (1042, [18], .assignment, .function),
    // oid and its aliases
    (26, [24, 2205, 2206, 4089], .implicit, .binary), (26, [23], .assignment, .binary),
    (26, [20], .assignment, .function),
    (24, [26], .implicit, .binary), (24, [23], .assignment, .binary), (24, [20], .assignment, .function),
    (2205, [26], .implicit, .binary), (2205, [23], .assignment, .binary), (2205, [20], .assignment, .function),
    (2206, [26], .implicit, .binary), (2206, [23], .assignment, .binary), (2206, [20], .assignment, .function),
    (4089, [26], .implicit, .binary), (4089, [23], .assignment, .binary), (4089, [20], .assignment, .function),
    // floats and numeric
    (700, [701], .implicit, .function), (700, [20, 21, 23, 1700], .assignment, .function),
    (701, [20, 21, 23, 700, 1700], .assignment, .function),
    (1700, [700, 701], .implicit, .function), (1700, [20, 21, 23], .assignment, .function),
    // dates and times
    (1082, [1114, 1184], .implicit, .function),
    (1083, [1186, 1266], .implicit, .function), (1266, [1083], .assignment, .function),
    (1114, [1184], .implicit, .function), (1114, [1082, 1083], .assignment, .function),
    (1184, [1082, 1083, 1114, 1266], .assignment, .function),
    (1186, [1083], .assignment, .function),
    // json
    (114, [3802], .assignment, .text), (3802, [114], .assignment, .text),
    (3802, [16, 20, 21, 23, 700, 701, 1700], .explicit, .function),
  ])

  /// How a value of `source` becomes one of `target` in the given context; nil if it may not.
  static func castMethod(_ source: SQLType, _ target: SQLType, _ context: CastContext) -> CastMethod? {
    if source.oid == target.oid { return .binary }
    let key = CastKey(source: source.oid.rawValue, target: target.oid.rawValue)
    if let entry = casts[key] { return entry.context <= context ? entry.method : nil }
    if let from = source.element, let to = target.element, source.isArray, target.isArray {
      return castMethod(from, to, context).map { $0 == .binary ? .binary : .elements }
    }
    if target.category == .string && target.oid != SQLType.name.oid && context >= .assignment && !source.isPseudo {
      return .text
    }
    if source.category == .string && context == .explicit && !target.isPseudo { return .text }
    return nil
  }

  /// Whether an argument of type `source` may be given where `target` is declared.
  static func canCoerce(_ source: SQLType, _ target: SQLType, _ context: CastContext = .implicit) -> Bool {
    if source.oid == target.oid || source.oid == SQLType.unknown.oid { return true }
    switch target.oid {
    case SQLType.any.oid, SQLType.anyelement.oid, SQLType.anycompatible.oid: return true
    case SQLType.anynonarray.oid, SQLType.anycompatiblenonarray.oid: return !source.isArray
    case SQLType.anyarray.oid, SQLType.anycompatiblearray.oid: return source.isArray
    default: return castMethod(source, target, context) != nil
    }
  }

  // MARK: Common type

  /// The type that UNION, CASE, COALESCE, GREATEST, IN, VALUES and array elements share (manual, 10.5).
  /// - Parameter construct: as PostgreSQL names it in errors, e.g. "CASE".
  static func commonType(_ types: [SQLType], construct: String) throws(SQLError) -> SQLType {
    guard let first = types.first else { return .text }
    if first.oid != SQLType.unknown.oid && types.allSatisfy({ $0.oid == first.oid }) {
      // The same modifier is kept, differing ones are lost.
      return types.allSatisfy { $0.modifier == first.modifier } ? first : first.unmodified
    }
    let known = types.filter { $0.oid != SQLType.unknown.oid }
    guard var chosen = known.first?.unmodified else { return .text }
    for type in known.dropFirst() where type.oid != chosen.oid {
      if type.category != chosen.category {
        throw SQLError(
          .datatypeMismatch, "\(construct) types \(chosen.displayName) and \(type.displayName) cannot be matched")
      }
      if !chosen.isPreferred && canCoerce(chosen, type) && !canCoerce(type, chosen) { chosen = type.unmodified }
    }
    for type in known where !canCoerce(type, chosen) {
      throw SQLError(
        .cannotCoerce, "\(construct) could not convert type \(type.displayName) to \(chosen.displayName)")
    }
    return chosen
  }
}
