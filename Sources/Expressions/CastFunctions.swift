// Casts as scalar functions, made from the conversions of `SQLTypes.Casts`. Where two types lie alike in memory (int4 and
// int8, varchar and text) no function is needed: the expression is only given the other type.
// Source: PostgreSQL manual, 4.2.9, 10.4.

import SQLTypes

enum CastFunctions {
  /// Whether the text form of a type depends on the session's settings.
  private static func dependsOnSettings(_ type: SQLType) -> Bool {
    switch type.category {
    case .dateTime, .timespan: true
    case .array: type.element.map(dependsOnSettings) ?? true
    default:
      // bytea, floats and names of objects are shown as settings and catalogs say.
      [17, 24, 700, 701, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191].contains(type.oid.rawValue)
    }
  }

  private static func volatility(_ cast: Cast, _ source: SQLType, _ target: SQLType) -> Volatility {
    if cast.isRelabeling { return .immutable }
    if cast.isInputOutput || (source.isArray && target.isArray) {
      return dependsOnSettings(source) || dependsOnSettings(target) ? .stable : .immutable
    }
    // Conversions to or from a time with a zone look at the session's zone.
    let hasZone = source.oid == SQLType.timestamptz.oid || target.oid == SQLType.timestamptz.oid
    return hasZone ? .stable : .immutable
  }

  static func function(_ cast: Cast, _ source: SQLType, _ target: SQLType, isExplicit: Bool) -> ScalarFunction {
    ScalarFunction(
      TypeInfo.find(target.oid)?.name ?? "cast", [source], returns: target,
      volatility: volatility(cast, source, target)
    ) { (a, _, context) throws(SQLError) in
      try cast.apply(a[0], isExplicit: isExplicit, settings: context.settings)
    }
  }

  /// Fits values of `type` into its modifier.
  static func modifier(_ type: SQLType, isExplicit: Bool) -> ScalarFunction {
    let limit = Int(type.modifier) - 4
    let isVarchar = type.oid == SQLType.varchar.oid
    return ScalarFunction(
      TypeInfo.find(type.oid)?.name ?? "cast", [type.unmodified], returns: type
    ) { (a, n, _) throws(SQLError) in
      // Mostly every text fits: then the column stays as it is.
      if isVarchar && (0..<n).allSatisfy({ a[0].bytes.range($0).count <= limit }) { return a[0] }
      return try Casts.coerce(a[0], to: type, isExplicit: isExplicit)
    }
  }
}
