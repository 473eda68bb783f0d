// Domains: a type's values under another name, with conditions that the planner checks where a value becomes one of the domain.
// Expressions never are of a domain: its name is where it is declared, as a column's type or a cast's target.
// Source: PostgreSQL manual, 8.18.

struct DomainType: TypeBehavior {
  let base: TypeInfo
  let modifier: Int32

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    try base.input(text, modifier: self.modifier, settings: settings)
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    base.output(vector, row, settings: settings, into: &output)
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    try base.receive(bytes, modifier: self.modifier, settings: settings)
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    base.send(vector, row, settings: settings, into: &output)
  }
}

extension UserTypes {
  /// Makes a domain known. `base` is no domain itself.
  public static func registerDomain(_ oid: OID, name: String, base: SQLType) {
    guard let info = TypeInfo.find(base.oid) else { return }
    register(
      TypeInfo(
        oid.rawValue, name, quoted(name), kind: info.kind, length: Int(info.length), category: info.category,
        element: info.elementOID.rawValue, order: info.order, fast: info.fast, domainBase: base,
        behavior: DomainType(base: info, modifier: base.modifier)))
  }
}

extension SQLType {
  /// The type that an expression has which is declared to be of this one: a domain's own, any other itself.
  public var valueType: SQLType {
    guard oid.rawValue >= UserTypes.firstOID, let base = TypeInfo.find(oid)?.domainBase else { return self }
    return base
  }
}
