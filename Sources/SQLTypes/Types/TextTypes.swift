// HOT: The string types: `text`, `varchar(n)`, `char(n)` (bpchar), `name`, one-byte `"char"`, `unknown` and
// text-like
// catalog types. Values are UTF-8 bytes, ordered bytewise (collation "C"); lengths count characters.

enum UTF8Text {
  /// Error 22021 unless the bytes are UTF-8 without NUL, as PostgreSQL demands of every text.
  static func check(_ text: UnsafeRawBufferPointer) throws(SQLError) {
    var index = 0
    while index < text.count {
      let byte = text[index]
      if byte < 0x80 {
        if byte == 0 { throw invalid(text, index, 1) }
        index += 1
        continue
      }
      let length: Int
      switch byte {
      case 0xC2...0xDF: length = 2
      case 0xE0...0xEF: length = 3
      case 0xF0...0xF4: length = 4
      default:
        throw invalid(
          text, index,
          byte >= 0xC0 && byte < 0xE0
            ? 2 : byte >= 0xE0 && byte < 0xF0 ? 3 : byte >= 0xF0 && byte < 0xF8 ? 4 : 1)
      }
      guard index + length <= text.count else { throw invalid(text, index, length) }
      for offset in 1..<length where text[index + offset] & 0xC0 != 0x80 {
        throw invalid(text, index, length)
      }
      let second = text[index + 1]
      // Overlong forms, surrogates, beyond U+10FFFF.
      if (byte == 0xE0 && second < 0xA0) || (byte == 0xED && second > 0x9F) || (byte == 0xF0 && second < 0x90)
        || (byte == 0xF4 && second > 0x8F)
      {
        throw invalid(text, index, length)
      }
      index += length
    }
  }

  private static func invalid(_ text: UnsafeRawBufferPointer, _ index: Int, _ length: Int) -> SQLError {
    var message = "invalid byte sequence for encoding \"UTF8\":"
    let digits = Array("0123456789abcdef".utf8)
    for byte in text[index..<min(index + length, text.count)] {
      message += " 0x" + String(decoding: [digits[Int(byte >> 4)], digits[Int(byte & 15)]], as: UTF8.self)
    }
    return SQLError(.characterNotInRepertoire, message)
  }

  /// The byte offset behind `count` characters, or nil when there are no more than that.
  @inline(__always)
  static func offset(ofCharacter count: Int, in text: UnsafeRawBufferPointer) -> Int? {
    if text.count <= count { return nil }
    var characters = 0
    for index in 0..<text.count where text[index] & 0xC0 != 0x80 {
      if characters == count { return index }
      characters += 1
    }
    return nil
  }
}

/// Checks a text as the wire must before anything else sees it. Error 22021.
public func checkUTF8(_ text: UnsafeRawBufferPointer) throws(SQLError) { try UTF8Text.check(text) }

/// `text`, and types that are shown and read the same.
struct TextType: TypeBehavior {
  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    try UTF8Text.check(text)
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

/// `varchar(n)` and `char(n)`.
struct LimitedTextType: TypeBehavior {
  /// In error messages of the modifier: `varchar`, `char`.
  let shortName: String
  let sqlName: String
  let isPadded: Bool

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    try UTF8Text.check(text)
    return .bytes(try fit(text, modifier, isExplicit: false))
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

  func coerce(_ value: Datum, modifier: Int32, isExplicit: Bool) throws(SQLError) -> Datum {
    guard case .bytes(let bytes) = value else { return value }
    return .bytes(
      try Text.withBytes(bytes) { (text: UnsafeRawBufferPointer) throws(SQLError) in
        try fit(text, modifier, isExplicit: isExplicit)
      })
  }

  /// Blanks beyond the length go silently; other characters only by an explicit cast.
  private func fit(_ text: UnsafeRawBufferPointer, _ modifier: Int32, isExplicit: Bool) throws(SQLError)
    -> [UInt8]
  {
    guard modifier >= 4 else { return Array(text) }
    let limit = Int(modifier) - 4
    guard let end = UTF8Text.offset(ofCharacter: limit, in: text) else {
      var result = Array(text)
      if isPadded { BlankPadding.pad(&result, from: 0, to: limit) }
      return result
    }
    if !isExplicit {
      for byte in text[end...] where byte != 0x20 {
        throw SQLError(.stringDataRightTruncation, "value too long for type \(sqlName)(\(limit))")
      }
    }
    return Array(text[..<end])
  }

  func modifier(_ arguments: [Int64]) throws(SQLError) -> Int32? {
    guard arguments.count == 1 else { throw SQLError(.invalidParameterValue, "invalid type modifier") }
    if arguments[0] < 1 {
      throw SQLError(.invalidParameterValue, "length for type \(shortName) must be at least 1")
    }
    if arguments[0] > 10_485_760 {
      throw SQLError(.invalidParameterValue, "length for type \(shortName) cannot exceed 10485760")
    }
    return Int32(arguments[0]) + 4
  }

  func displayName(_ name: String, modifier: Int32) -> String {
    modifier >= 4 ? "\(name)(\(modifier - 4))" : name
  }
}

/// `name`: text cut to 63 bytes, at a character's border.
struct NameType: TypeBehavior {
  static let limit = 63

  static func cut(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    if text.count <= limit { return text }
    var end = limit
    while end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
    return UnsafeRawBufferPointer(rebasing: text[..<end])
  }

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    try UTF8Text.check(text)
    return .bytes(Array(NameType.cut(text)))
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    try UTF8Text.check(bytes)
    if bytes.count > NameType.limit {
      throw SQLError(
        .nameTooLong, "identifier too long", detail: "Identifier must be less than 64 characters.")
    }
    return .bytes(Array(bytes))
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
  }
}

/// `"char"`: one byte; the zero byte is no byte at all here and is shown as the empty string. Bytes beyond
/// ASCII are
/// written `\377`.
struct SingleByteType: TypeBehavior {
  static func parse(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    if text.count == 4, text[0] == UInt8(ascii: "\\"), text[1...].allSatisfy({ $0 >= 48 && $0 <= 55 }) {
      let byte = (text[1] - 48) << 6 | (text[2] - 48) << 3 | (text[3] - 48)
      return byte == 0 ? [] : [byte]
    }
    return Array(text.prefix(1))
  }

  static func append(_ byte: UInt8?, to output: inout [UInt8]) {
    guard let byte else { return }
    if byte < 0x80 {
      output.append(byte)
    } else {
      output.append(UInt8(ascii: "\\"))
      output.append(48 + (byte >> 6))
      output.append(48 + ((byte >> 3) & 7))
      output.append(48 + (byte & 7))
    }
  }

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .bytes(SingleByteType.parse(text))
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { SingleByteType.append($0.first, to: &output) }
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    let byte = try bytes.integer(UInt8.self)
    return .bytes(byte == 0 ? [] : [byte])
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { output.append($0.first ?? 0) }
  }
}

enum TextTypes {
  static let infos: [TypeInfo] = [
    TypeInfo(
      18, "char", "\"char\"", kind: .bytes, length: 1, category: .internal, array: 1002, order: .bytes,
      behavior: SingleByteType()),
    TypeInfo(
      19, "name", kind: .bytes, length: 64, category: .string, array: 1003, order: .bytes, fast: .bytes,
      behavior: NameType()),
    TypeInfo(
      25, "text", kind: .bytes, length: -1, category: .string, isPreferred: true, array: 1009, order: .bytes,
      fast: .bytes, behavior: TextType()),
    TypeInfo(
      194, "pg_node_tree", kind: .bytes, length: -1, category: .internal, order: .bytes, fast: .bytes,
      behavior: TextType()),
    TypeInfo(
      705, "unknown", kind: .bytes, length: -2, category: .unknown, order: .bytes, fast: .bytes,
      behavior: TextType()),
    TypeInfo(
      1033, "aclitem", kind: .bytes, length: 12, category: .userDefined, array: 1034, order: .bytes,
      fast: .bytes,
      behavior: TextType()),
    TypeInfo(
      1042, "bpchar", "character", kind: .bytes, length: -1, category: .string, array: 1014,
      order: .blankPadded,
      fast: .bytes, behavior: LimitedTextType(shortName: "char", sqlName: "character", isPadded: true)),
    TypeInfo(
      1043, "varchar", "character varying", kind: .bytes, length: -1, category: .string, array: 1015,
      order: .bytes,
      fast: .bytes,
      behavior: LimitedTextType(shortName: "varchar", sqlName: "character varying", isPadded: false)),
  ]
}
