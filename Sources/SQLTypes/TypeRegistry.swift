// The table of all types. A new type is a new file in `Types/` and one line here; its array type follows from
// it.

final class TypeRegistry: Sendable {
  static let shared = TypeRegistry()

  /// By ascending OID.
  let types: [TypeInfo]
  /// Position in `types` plus one by OID, for the OIDs below 8192 that all built-in types have.
  private let positions: [UInt16]
  private let byName: [String: TypeInfo]

  private init() {
    let elements: [TypeInfo] =
      [BoolType.info, ByteaType.info, NumericType.info, UUIDType.info]
      + IntegerTypes.infos + FloatTypes.infos + TextTypes.infos + DateTimeTypes.infos + TimeTypes.infos
      + JSONTypes.infos
      + PseudoTypes.infos
    let arrays = elements.compactMap { element in
      element.arrayOID == .invalid ? nil : ArrayType.info(element)
    }
    let all = (elements + arrays + VectorType.infos).sorted { $0.oid < $1.oid }
    var positions = [UInt16](repeating: 0, count: 8192)
    var byName: [String: TypeInfo] = [:]
    for (index, type) in all.enumerated() {
      positions[Int(type.oid.rawValue)] = UInt16(index + 1)
      byName[type.name] = type
    }
    // A catalog name wins over an alias: `char` and `name[]`.
    for type in all {
      for name in [type.sqlName] + type.aliases where byName[name] == nil { byName[name] = type }
    }
    types = all
    self.positions = positions
    self.byName = byName
  }

  @inline(__always)
  func find(_ oid: OID) -> TypeInfo? {
    guard oid.rawValue < 8192 else { return oid.rawValue >= UserTypes.firstOID ? UserTypes.find(oid) : nil }
    let position = positions[Int(oid.rawValue)]
    return position == 0 ? nil : types[Int(position) - 1]
  }

  func find(name: String) -> TypeInfo? {
    if let type = byName[name] { return type }
    guard name.hasSuffix("[]") else { return nil }
    var element = name
    while element.hasSuffix("[]") { element.removeLast(2) }
    return byName[element].flatMap { find($0.arrayOID) }
  }
}
