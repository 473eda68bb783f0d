// `json`, which keeps its text as written, and `jsonb`, which is its canonical text (see `JSONValue`) and has an order.
// Source: PostgreSQL manual, 8.14; Docs/Decisions/0020.

enum JSONTypes {
  static let infos: [TypeInfo] = [
    TypeInfo(
      114, "json", kind: .bytes, length: -1, category: .userDefined, array: 199, order: .none, fast: .bytes,
      behavior: JSONType()),
    TypeInfo(
      3802, "jsonb", kind: .bytes, length: -1, category: .userDefined, array: 3807, order: .json, fast: .bytes,
      behavior: JSONBType()),
  ]
}

struct JSONType: TypeBehavior {
  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    try JSONReader.check(text)
    return .bytes(Array(text))
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

struct JSONBType: TypeBehavior {
  /// The version of the binary form: a byte before the text.
  private static let version: UInt8 = 1

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .bytes(try JSONReader.value(text).text)
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    guard let version = bytes.first else { throw .insufficientData }
    guard version == Self.version else {
      throw SQLError(.featureNotSupported, "unsupported jsonb version number \(version)")
    }
    return .bytes(try JSONReader.value(UnsafeRawBufferPointer(rebasing: bytes.dropFirst())).text)
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    output.append(Self.version)
    vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
  }
}
