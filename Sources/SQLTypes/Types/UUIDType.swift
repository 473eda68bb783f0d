// `uuid`: 16 bytes, ordered bytewise.

struct UUIDType: TypeBehavior {
  static let info = TypeInfo(
    2950, "uuid", kind: .bytes, length: 16, category: .userDefined, array: 2951, order: .bytes,
    behavior: UUIDType())

  /// 32 hexadecimal digits; a hyphen may follow each group of four, braces may enclose all.
  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    var result: [UInt8] = []
    result.reserveCapacity(16)
    var index = 0
    let hasBraces = text.first == UInt8(ascii: "{")
    if hasBraces { index += 1 }
    for at in 0..<16 {
      guard index + 1 < text.count, let high = ByteaType.hexValue(text[index]),
        let low = ByteaType.hexValue(text[index + 1])
      else { throw .invalidInput("uuid", text) }
      result.append(high << 4 | low)
      index += 2
      if at % 2 == 1, at < 15, index < text.count, text[index] == UInt8(ascii: "-") { index += 1 }
    }
    if hasBraces {
      guard index < text.count, text[index] == UInt8(ascii: "}") else { throw .invalidInput("uuid", text) }
      index += 1
    }
    guard index == text.count else { throw .invalidInput("uuid", text) }
    return .bytes(result)
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { bytes in
      for index in 0..<bytes.count {
        if index == 4 || index == 6 || index == 8 || index == 10 { output.append(UInt8(ascii: "-")) }
        ByteaType.appendHex(bytes[index], to: &output)
      }
    }
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    if bytes.count < 16 { throw .insufficientData }
    if bytes.count > 16 { throw .excessData }
    return .bytes(Array(bytes))
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
  }
}
