// `numeric`, with its precision and scale.

struct NumericType: TypeBehavior {
  static let info = TypeInfo(
    1700, "numeric", aliases: ["decimal", "dec"], kind: .numeric, length: -1, category: .numeric, array: 1231,
    order: .numeric, behavior: NumericType())

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .numeric(try Numeric(text: text).applying(modifier: modifier))
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.numerics[row].append(to: &output)
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .numeric(try Numeric(wire: bytes).applying(modifier: modifier))
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.numerics[row].appendWire(to: &output)
  }

  func coerce(_ value: Datum, modifier: Int32, isExplicit: Bool) throws(SQLError) -> Datum {
    guard case .numeric(let number) = value else { return value }
    return .numeric(try number.applying(modifier: modifier))
  }

  func modifier(_ arguments: [Int64]) throws(SQLError) -> Int32? {
    guard arguments.count == 1 || arguments.count == 2 else {
      throw SQLError(.invalidParameterValue, "invalid NUMERIC type modifier")
    }
    if arguments[0] < 1 || arguments[0] > 1000 {
      throw SQLError(
        .invalidParameterValue, "NUMERIC precision \(arguments[0]) must be between 1 and 1000")
    }
    let scale = arguments.count == 2 ? arguments[1] : 0
    if scale < -1000 || scale > 1000 {
      throw SQLError(.invalidParameterValue, "NUMERIC scale \(scale) must be between -1000 and 1000")
    }
    return Numeric.modifier(precision: Int(arguments[0]), scale: Int(scale))
  }

  func displayName(_ name: String, modifier: Int32) -> String {
    guard let (precision, scale) = Numeric.precisionAndScale(modifier) else { return name }
    return "\(name)(\(precision),\(scale))"
  }
}
