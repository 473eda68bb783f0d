// How types turn into each other, as far as name resolution needs to know: categories, preferred types, which casts exist
// and where they apply by themselves, polymorphic pseudo-types, and the common type of several expressions.
// Source: PostgreSQL manual, 10.1-10.5, 38.2.5, and the catalogs pg_type, pg_cast.

import SQLTypes

/// Where a cast may apply: each context also allows those before it.
public typealias CastContext = Cast.Context

extension SQLType {
  static let any = SQLType(OID(2276))
  static let anyarray = SQLType(OID(2277))
  static let anyelement = SQLType(OID(2283))
  static let anynonarray = SQLType(OID(2776))
  static let anyenum = SQLType(OID(3500))
  static let anycompatible = SQLType(OID(5077))
  static let anycompatiblearray = SQLType(OID(5078))

  /// A pseudo-type that stands for the actual type of an argument.
  var isPolymorphic: Bool {
    switch oid.rawValue {
    case 2276, 2277, 2283, 2776, 3500, 5077, 5078: true
    default: false
    }
  }
}

enum TypeRules {
  // MARK: Casts

  /// The cast that takes `source` to `target` in the given context; nil if there is none.
  static func cast(_ source: SQLType, _ target: SQLType, _ context: CastContext) -> Cast? {
    guard let cast = Casts.find(from: source.oid, to: target.oid), cast.context <= context else { return nil }
    return cast
  }

  /// Whether an argument of type `source` may be given where `target` is declared.
  static func canCoerce(_ source: SQLType, _ target: SQLType, _ context: CastContext = .implicit) -> Bool {
    if source.oid == target.oid || source.oid == SQLType.unknown.oid { return true }
    switch target.oid {
    case SQLType.any.oid, SQLType.anyelement.oid, SQLType.anycompatible.oid: return true
    case SQLType.anynonarray.oid: return !source.isArray
    case SQLType.anyenum.oid: return TypeInfo.find(source.oid)?.isEnum == true
    case SQLType.anyarray.oid, SQLType.anycompatiblearray.oid: return source.isArray
    default: return cast(source, target, context) != nil
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
