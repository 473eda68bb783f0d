// Keys as people read them: `/Min`, `/System/03…`, `/Table/16384/1/'abc'/7`. Only for show: what a key's columns are is guessed from their
// encoding, which tells numbers, texts and NULL apart; anything else is shown as hexadecimal digits.

import Encoding
import SQLTypes

public enum KeyText {
  public static func text(_ key: Key) -> String {
    if key == .min { return "/Min" }
    if key == .max { return "/Max" }
    return key.bytes.withUnsafeBytes { raw in
      var reader = ByteReader(raw)
      switch reader.readUInt8() {
      case KeyLayout.system: return "/System" + rest(reader)
      case KeyLayout.tableData:
        guard let table = reader.readOrderedUInt64() else { return "/Table" + rest(reader) }
        if reader.isAtEnd { return "/Table/\(table)" }
        guard let index = reader.readOrderedUInt64() else { return "/Table/\(table)" + rest(reader) }
        return "/Table/\(table)/\(index)" + columns(&reader)
      default: return "/" + hexadecimal(raw)
      }
    }
  }

  /// The table whose data a key belongs to.
  public static func table(_ key: Key) -> OID? {
    key.bytes.withUnsafeBytes { raw in
      var reader = ByteReader(raw)
      guard reader.readUInt8() == KeyLayout.tableData, let table = reader.readOrderedUInt64() else { return nil }
      return UInt32(exactly: table).map { OID($0) }
    }
  }

  private static func columns(_ reader: inout ByteReader) -> String {
    var text = ""
    while !reader.isAtEnd {
      var attempt = reader
      switch reader.rest[0] {
      case 0x00, 0xFF:
        _ = attempt.readUInt8()
        text += "/NULL"
      case 0x60:
        var bytes: [UInt8] = []
        guard attempt.readOrderedBytes(into: &bytes) else { return text + rest(reader) }
        if let string = String(validating: bytes, as: UTF8.self), !string.contains(where: { $0.isNewline }) {
          text += "/'\(string.replacing("'", with: "''"))'"
        } else {
          text += "/\\x" + bytes.withUnsafeBytes { hexadecimal($0) }
        }
      case 0x80...0xFE, 0x01...0x1F:
        guard let number = attempt.readOrderedInt64() else { return text + rest(reader) }
        text += "/\(number)"
      default: return text + rest(reader)
      }
      reader = attempt
    }
    return text
  }

  private static func rest(_ reader: ByteReader) -> String {
    reader.isAtEnd ? "" : "/" + hexadecimal(reader.rest)
  }

  private static func hexadecimal(_ bytes: UnsafeRawBufferPointer) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
