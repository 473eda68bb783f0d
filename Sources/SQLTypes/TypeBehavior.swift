// What a type must be able to do; `TypeInfo` adds what all types share. An implementation is a small value in
// `Types/`, never asked per row on the paths that `TypeInfo` handles by itself (integers, text).

/// How values are compared, hashed and laid into keys. A closed list, so that kernels switch once per batch.
enum ValueOrder: Sendable {
  case integer, float, numeric, bytes
  /// Bytes without their trailing blanks (`character(n)`).
  case blankPadded
  case interval
  case array
  /// Rows, field by field.
  case record
  /// jsonb's, over its canonical text.
  case json
  /// No order: comparing is an error that name resolution reports (`point`, `json`, `void`).
  case none
}

protocol TypeBehavior: Sendable {
  /// Reads the text form. Errors as PostgreSQL's input function.
  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum

  /// Appends the text form of a row that is not NULL.
  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8])

  /// Reads the binary form. Error 22P03 or the type's own.
  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum

  /// Appends the binary form of a row that is not NULL.
  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8])

  /// Fits a value into the modifier's length or precision.
  func coerce(_ value: Datum, modifier: Int32, isExplicit: Bool) throws(SQLError) -> Datum

  /// The modifier that `name(arguments)` means.
  func modifier(_ arguments: [Int64]) throws(SQLError) -> Int32?

  /// The name with its modifier, as `format_type` gives it.
  func displayName(_ name: String, modifier: Int32) -> String
}

extension TypeBehavior {
  func coerce(_ value: Datum, modifier: Int32, isExplicit: Bool) throws(SQLError) -> Datum { value }
  func modifier(_ arguments: [Int64]) throws(SQLError) -> Int32? { nil }
  func displayName(_ name: String, modifier: Int32) -> String { name }
}

extension SQLError {
  static func invalidInput(_ type: String, _ text: UnsafeRawBufferPointer) -> SQLError {
    SQLError(.invalidTextRepresentation, "invalid input syntax for type \(type): \"\(Text.string(text))\"")
  }

  static func outOfRange(_ type: String, _ text: UnsafeRawBufferPointer) -> SQLError {
    SQLError(.numericValueOutOfRange, "value \"\(Text.string(text))\" is out of range for type \(type)")
  }

  static let insufficientData = SQLError(.protocolViolation, "insufficient data left in message")
  static let excessData = SQLError(.invalidBinaryRepresentation, "incorrect binary data format")
}

extension UnsafeRawBufferPointer {
  /// The buffer's only content, a big-endian integer. Error 08P01 or 22P03 when the length is another.
  @inline(__always)
  func integer<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) throws(SQLError) -> T {
    if count < MemoryLayout<T>.size { throw .insufficientData }
    if count > MemoryLayout<T>.size { throw .excessData }
    return T(bigEndian: loadUnaligned(as: T.self))
  }
}

extension [UInt8] {
  @inline(__always)
  mutating func appendBigEndian<T: FixedWidthInteger>(_ value: T) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }
}
