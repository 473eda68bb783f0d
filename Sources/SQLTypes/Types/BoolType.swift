// `boolean`: 0 or 1 in an int64 column; `t` and `f` on the wire.

struct BoolType: TypeBehavior {
  static let info = TypeInfo(
    16, "bool", "boolean", kind: .int64, length: 1, category: .boolean, isPreferred: true, array: 1000,
    order: .integer, behavior: BoolType())

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    let word = Text.trimmed(text)
    if Text.abbreviates(word, "true") || Text.abbreviates(word, "yes") || Text.equalsIgnoringCase(word, "on")
      || Text.equalsIgnoringCase(word, "1")
    {
      return .bool(true)
    }
    if Text.abbreviates(word, "false") || Text.abbreviates(word, "no") || Text.equalsIgnoringCase(word, "off")
      || Text.equalsIgnoringCase(word, "of") || Text.equalsIgnoringCase(word, "0")
    {
      return .bool(false)
    }
    throw .invalidInput("boolean", text)
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    output.append(UInt8(ascii: vector.int64s[row] != 0 ? "t" : "f"))
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .bool(try bytes.integer(UInt8.self) != 0)
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    output.append(vector.int64s[row] != 0 ? 1 : 0)
  }
}
