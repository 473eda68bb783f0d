// `bytea`: bytes, shown as `\x0a1b` or in the old escape format.

struct ByteaType: TypeBehavior {
  static let info = TypeInfo(
    17, "bytea", kind: .bytes, length: -1, category: .userDefined, array: 1001, order: .bytes,
    behavior: ByteaType())

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    var result: [UInt8] = []
    if text.count >= 2, text[0] == UInt8(ascii: "\\"), text[1] == UInt8(ascii: "x") {
      result.reserveCapacity(text.count / 2)
      var index = 2
      while index < text.count {
        if [0x20, 0x0A, 0x09, 0x0D].contains(text[index]) {
          index += 1
          continue
        }
        let high = try ByteaType.hexDigit(text, index)
        guard index + 1 < text.count else {
          throw SQLError(.invalidParameterValue, "invalid hexadecimal data: odd number of digits")
        }
        result.append(high << 4 | (try ByteaType.hexDigit(text, index + 1)))
        index += 2
      }
      return .bytes(result)
    }
    result.reserveCapacity(text.count)
    var index = 0
    while index < text.count {
      let byte = text[index]
      if byte != UInt8(ascii: "\\") {
        result.append(byte)
        index += 1
      } else if index + 3 < text.count, (48...51).contains(text[index + 1]),
        (48...55).contains(text[index + 2]),
        (48...55).contains(text[index + 3])
      {
        result.append((text[index + 1] - 48) << 6 | (text[index + 2] - 48) << 3 | (text[index + 3] - 48))
        index += 4
      } else if index + 1 < text.count, text[index + 1] == UInt8(ascii: "\\") {
        result.append(UInt8(ascii: "\\"))
        index += 2
      } else {
        throw SQLError(.invalidTextRepresentation, "invalid input syntax for type bytea")
      }
    }
    return .bytes(result)
  }

  private static func hexDigit(_ text: UnsafeRawBufferPointer, _ index: Int) throws(SQLError) -> UInt8 {
    if let digit = hexValue(text[index]) { return digit }
    var end = index + 1
    while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
    let character = Text.string(UnsafeRawBufferPointer(rebasing: text[index..<end]))
    throw SQLError(.invalidParameterValue, "invalid hexadecimal digit: \"\(character)\"")
  }

  static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 65...70: byte - 55
    case 97...102: byte - 87
    default: nil
    }
  }

  @inline(__always)
  static func appendHex(_ byte: UInt8, to output: inout [UInt8]) {
    let (high, low) = (byte >> 4, byte & 15)
    output.append(high < 10 ? high + 48 : high + 87)
    output.append(low < 10 ? low + 48 : low + 87)
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { bytes in
      switch settings.byteaOutput {
      case .hex:
        output.reserveCapacity(output.count + bytes.count * 2 + 2)
        output.append(UInt8(ascii: "\\"))
        output.append(UInt8(ascii: "x"))
        for byte in bytes { ByteaType.appendHex(byte, to: &output) }
      case .escape:
        for byte in bytes {
          if byte == UInt8(ascii: "\\") {
            output.append(byte)
            output.append(byte)
          } else if byte < 0x20 || byte > 0x7E {
            output.append(UInt8(ascii: "\\"))
            output.append(48 + (byte >> 6))
            output.append(48 + ((byte >> 3) & 7))
            output.append(48 + (byte & 7))
          } else {
            output.append(byte)
          }
        }
      }
    }
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .bytes(Array(bytes))
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
  }
}
