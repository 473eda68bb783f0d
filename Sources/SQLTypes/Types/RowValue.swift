// Rows as values: `record`, and composite types. In memory, in rows and on the wire they have one layout, PostgreSQL's binary
// form:
//   int32 fields, per field uint32 type, int32 byte count (-1: NULL) and the value's binary form; all big endian.
// In keys: per field 02, its type, its key | 03 NULL, then 01; all complemented if descending. Rows compare field by field,
// NULL above all. Source: PostgreSQL manual, 8.16 and 9.24.6.

import Encoding

public struct RowValue: Sendable, Hashable {
  /// As many as there are values.
  public var types: [OID]
  public var values: [Datum]

  public init(types: [OID], values: [Datum]) {
    self.types = types
    self.values = values
  }

  /// Reads the layout above. Error 22P03 when it is malformed.
  public init(_ bytes: UnsafeRawBufferPointer) throws(SQLError) {
    var reader = ByteReader(bytes)
    guard let count = reader.readBigEndian(Int32.self) else { throw .insufficientData }
    // A field takes eight bytes at least: a hostile count cannot make us reserve more than was sent.
    guard count >= 0, Int(count) * 8 <= reader.remaining else { throw .insufficientData }
    types = []
    values = []
    types.reserveCapacity(Int(count))
    values.reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let oid = reader.readBigEndian(UInt32.self), let length = reader.readBigEndian(Int32.self) else {
        throw .insufficientData
      }
      types.append(OID(oid))
      if length == -1 {
        values.append(.null)
        continue
      }
      guard length >= 0, let field = reader.readBytes(Int(length)) else { throw .insufficientData }
      guard let type = TypeInfo.find(OID(oid)) else {
        throw SQLError(.invalidBinaryRepresentation, "type with OID \(oid) does not exist")
      }
      values.append(try type.receive(field))
    }
    if !reader.isAtEnd { throw .excessData }
  }

  public init(_ bytes: [UInt8]) throws(SQLError) {
    self = try Text.withBytes(bytes) { (buffer: UnsafeRawBufferPointer) throws(SQLError) in try RowValue(buffer) }
  }

  /// The layout above.
  public var bytes: [UInt8] {
    var output: [UInt8] = []
    output.appendBigEndian(Int32(truncatingIfNeeded: values.count))
    for (oid, value) in zip(types, values) {
      output.appendBigEndian(oid.rawValue)
      guard let type = TypeInfo.find(oid) else {
        output.appendBigEndian(Int32(-1))
        continue
      }
      var vector = ColumnVector(type.kind)
      vector.append(value)
      ArrayValue.appendElement(type, vector, 0, to: &output)
    }
    return output
  }

  public var datum: Datum { .bytes(bytes) }

  /// PostgreSQL's `record_cmp`. Fields of different types are told apart by their types; damaged values by their bytes.
  static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    guard let x = try? RowValue(a), let y = try? RowValue(b) else { return compareBytes(a, b) }
    for index in 0..<min(x.values.count, y.values.count) {
      let (left, right) = (x.values[index], y.values[index])
      switch (left.isNull, right.isNull) {
      case (true, true): continue
      case (true, false): return 1
      case (false, true): return -1
      case (false, false): break
      }
      if x.types[index] != y.types[index] { return x.types[index] < y.types[index] ? -1 : 1 }
      let order = TypeInfo.find(x.types[index])?.compare(left, right) ?? 0
      if order != 0 { return order }
    }
    return x.values.count == y.values.count ? 0 : x.values.count < y.values.count ? -1 : 1
  }

  static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
    guard let row = try? RowValue(bytes) else { return Mix.hash(seed, bytes) }
    var hash = Mix.hash(seed, UInt64(truncatingIfNeeded: row.values.count))
    for (oid, value) in zip(row.types, row.values) {
      guard !value.isNull, let type = TypeInfo.find(oid) else {
        hash = Mix.hash(hash, 0)
        continue
      }
      var vector = ColumnVector(type.kind)
      vector.append(value)
      hash = type.hash(vector, 0, seed: hash)
    }
    return hash
  }

  static func appendKey(_ bytes: UnsafeRawBufferPointer, descending: Bool, to key: inout [UInt8]) {
    let start = key.count
    guard let row = try? RowValue(bytes) else { preconditionFailure("a row value in memory is well formed") }
    for (oid, value) in zip(row.types, row.values) {
      key.append(value.isNull ? 3 : 2)
      KeyEncoding.appendInt64(Int64(oid.rawValue), to: &key)
      if !value.isNull, let type = TypeInfo.find(oid) { type.encodeKey(value, nulls: .last, into: &key) }
    }
    key.append(1)
    if descending { for index in start..<key.count { key[index] = ~key[index] } }
  }

  static func decodeKey(
    _ reader: inout ByteReader, descending: Bool, into output: inout [UInt8]
  ) throws(SQLError) {
    var row = RowValue(types: [], values: [])
    let flip: UInt8 = descending ? 0xFF : 0
    while true {
      guard let mark = reader.readUInt8().map({ $0 ^ flip }), (1...3).contains(mark) else { throw TypeInfo.damagedKey }
      if mark == 1 { break }
      guard let number = reader.readOrderedInt64(descending: descending), let oid = UInt32(exactly: number),
        let type = TypeInfo.find(OID(oid))
      else { throw TypeInfo.damagedKey }
      row.types.append(OID(oid))
      if mark == 3 {
        row.values.append(.null)
        continue
      }
      var vector = ColumnVector(type.kind)
      try type.decodeKey(&reader, descending: descending, into: &vector)
      row.values.append(vector.datum(0))
    }
    output.append(contentsOf: row.bytes)
  }

  // MARK: Text

  /// `(1,"a b",)`: NULL is nothing, the empty string a pair of quotes.
  static func appendText(_ bytes: UnsafeRawBufferPointer, _ settings: FormatSettings, to output: inout [UInt8]) {
    guard let row = try? RowValue(bytes) else { return }
    output.append(UInt8(ascii: "("))
    for index in row.values.indices {
      if index > 0 { output.append(UInt8(ascii: ",")) }
      guard !row.values[index].isNull, let type = TypeInfo.find(row.types[index]) else { continue }
      let text = type.text(row.values[index], settings: settings)
      let needsQuotes =
        text.isEmpty
        || text.contains { byte in
          byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "(")
            || byte == UInt8(ascii: ")") || byte == UInt8(ascii: ",") || Text.isBlank(byte)
        }
      if !needsQuotes {
        output.append(contentsOf: text)
        continue
      }
      output.append(UInt8(ascii: "\""))
      for byte in text {
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { output.append(byte) }
        output.append(byte)
      }
      output.append(UInt8(ascii: "\""))
    }
    output.append(UInt8(ascii: ")"))
  }

  /// The fields of a row's text; nil for NULL. Error 22P02.
  static func fields(_ text: UnsafeRawBufferPointer, count: Int) throws(SQLError) -> [[UInt8]?] {
    func malformed(_ detail: String) -> SQLError {
      SQLError(
        .invalidTextRepresentation, "malformed record literal: \"\(Text.string(text))\"", detail: detail)
    }
    var index = 0
    func skipBlanks() { while index < text.count, Text.isBlank(text[index]) { index += 1 } }
    skipBlanks()
    guard index < text.count, text[index] == UInt8(ascii: "(") else { throw malformed("Missing left parenthesis.") }
    index += 1
    var fields: [[UInt8]?] = []
    for column in 0..<count {
      if column > 0 {
        guard index < text.count, text[index] == UInt8(ascii: ",") else { throw malformed("Too few columns.") }
        index += 1
      }
      if index < text.count, text[index] == UInt8(ascii: ",") || text[index] == UInt8(ascii: ")") {
        fields.append(nil)
        continue
      }
      var field: [UInt8] = []
      var isQuoted = false
      scan: while true {
        guard index < text.count else { throw malformed("Unexpected end of input.") }
        let byte = text[index]
        if !isQuoted, byte == UInt8(ascii: ",") || byte == UInt8(ascii: ")") { break scan }
        index += 1
        switch byte {
        case UInt8(ascii: "\\"):
          guard index < text.count else { throw malformed("Unexpected end of input.") }
          field.append(text[index])
          index += 1
        case UInt8(ascii: "\""):
          if !isQuoted {
            isQuoted = true
          } else if index < text.count, text[index] == UInt8(ascii: "\"") {
            field.append(byte)
            index += 1
          } else {
            isQuoted = false
          }
        default: field.append(byte)
        }
      }
      fields.append(field)
    }
    guard index < text.count, text[index] == UInt8(ascii: ")") else { throw malformed("Too many columns.") }
    index += 1
    skipBlanks()
    if index < text.count { throw malformed("Junk after right parenthesis.") }
    return fields
  }
}
