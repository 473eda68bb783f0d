// `double precision` and `real`, both in float64 columns; a real is a double that a Float holds exactly.

struct DoubleType: TypeBehavior {
  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .float64(try FloatText.double(text))
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    FloatText.append(vector.float64s[row], extraDigits: settings.extraFloatDigits, to: &output)
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .float64(Double(bitPattern: try bytes.integer(UInt64.self)))
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    output.appendBigEndian(vector.float64s[row].bitPattern)
  }
}

struct RealType: TypeBehavior {
  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .float64(Double(try FloatText.float(text)))
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    FloatText.append(Float(vector.float64s[row]), extraDigits: settings.extraFloatDigits, to: &output)
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .float64(Double(Float(bitPattern: try bytes.integer(UInt32.self))))
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    output.appendBigEndian(Float(vector.float64s[row]).bitPattern)
  }
}

enum FloatTypes {
  static let infos: [TypeInfo] = [
    TypeInfo(
      700, "float4", "real", kind: .float64, length: 4, category: .numeric, array: 1021, order: .float,
      behavior: RealType()),
    TypeInfo(
      701, "float8", "double precision", aliases: ["float"], kind: .float64, length: 8, category: .numeric,
      isPreferred: true, array: 1022, order: .float, behavior: DoubleType()),
  ]
}
