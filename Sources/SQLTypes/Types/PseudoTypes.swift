// Types that no stored value has: `void`, `any…`, `trigger`. They appear in signatures and in the catalog.

struct PseudoType: TypeBehavior {
  let name: String

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    if name == "void" { return .bytes([]) }
    if name == "cstring" { return .bytes(Array(text)) }
    throw SQLError(.featureNotSupported, "cannot accept a value of type \(name)")
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    try input(bytes, modifier: modifier, settings: settings)
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
  }
}

enum PseudoTypes {
  static let infos: [TypeInfo] = [
    RecordType.info, pseudo(2275, "cstring", length: -2, array: 1263),
    pseudo(2276, "any", sqlName: "\"any\""), pseudo(2277, "anyarray", length: -1), pseudo(2278, "void"),
    pseudo(2279, "trigger"), pseudo(2280, "language_handler"), pseudo(2281, "internal", length: 8),
    pseudo(2283, "anyelement"), pseudo(2776, "anynonarray"), pseudo(3500, "anyenum"),
    pseudo(3831, "anyrange", length: -1), pseudo(3838, "event_trigger"), pseudo(5077, "anycompatible"),
    pseudo(5078, "anycompatiblearray", length: -1),
  ]

  private static func pseudo(
    _ oid: UInt32, _ name: String, sqlName: String? = nil, length: Int = 4, array: UInt32 = 0
  ) -> TypeInfo {
    TypeInfo(
      oid, name, sqlName, kind: .bytes, length: length, category: .pseudo, array: array, order: .none,
      behavior: PseudoType(name: name))
  }
}
