// HOT: `smallint`, `integer`, `bigint`, and the unsigned `oid` and `xid`, all in int64 columns.

struct IntegerType<Wire: FixedWidthInteger & BitwiseCopyable & Sendable>: TypeBehavior {
  /// As error messages name the type.
  let name: String

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    let (value, fault) = Text.parseInteger(text)
    // `Wire(exactly:)` is not specialised: it costs more than the reading.
    if fault == nil, Int64(truncatingIfNeeded: Wire(truncatingIfNeeded: value)) == value { return .int64(value) }
    if fault == .syntax { throw .invalidInput(name, text) }
    throw .outOfRange(name, text)
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    Text.append(vector.int64s[row], to: &output)
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .int64(Int64(truncatingIfNeeded: try bytes.integer(Wire.self)))
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    output.appendBigEndian(Wire(truncatingIfNeeded: vector.int64s[row]))
  }
}

/// `oid` and `xid`: unsigned 32 bits; a negative number in text is taken modulo 2^32, as strtoul does.
struct UnsignedType: TypeBehavior {
  let name: String

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    let (value, fault) = Text.parseInteger(text)
    if fault == .syntax { throw .invalidInput(name, text) }
    if fault == nil, value >= -0x8000_0000, value <= 0xFFFF_FFFF { return .int64(value & 0xFFFF_FFFF) }
    throw .outOfRange(name, text)
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    Text.append(vector.int64s[row], to: &output)
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .int64(Int64(try bytes.integer(UInt32.self)))
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    output.appendBigEndian(UInt32(truncatingIfNeeded: vector.int64s[row]))
  }
}

/// `regclass` and its kin: an OID shown as the object's name when the session can tell it.
struct ObjectReferenceType: TypeBehavior {
  let oid: OID
  let name: String

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    if text.count == 1, text[0] == UInt8(ascii: "-") { return .int64(0) }
    if let first = text.first, Text.isDigit(first) {
      return try UnsignedType(name: "oid").input(text, modifier: -1, settings: settings)
    }
    guard let names = settings.objectNames else { throw .invalidInput(name, text) }
    return .int64(Int64(try names.object(named: Array(text), type: oid).rawValue))
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    let value = vector.int64s[row]
    if value == 0 {
      output.append(UInt8(ascii: "-"))
    } else if let name = settings.objectNames?.name(of: OID(UInt32(truncatingIfNeeded: value)), type: oid) {
      output.append(contentsOf: name)
    } else {
      Text.append(value, to: &output)
    }
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .int64(Int64(try bytes.integer(UInt32.self)))
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    output.appendBigEndian(UInt32(truncatingIfNeeded: vector.int64s[row]))
  }
}

enum IntegerTypes {
  static let infos: [TypeInfo] = [
    TypeInfo(
      20, "int8", "bigint", kind: .int64, length: 8, category: .numeric, array: 1016, order: .integer,
      fast: .integer,
      behavior: IntegerType<Int64>(name: "bigint")),
    TypeInfo(
      21, "int2", "smallint", kind: .int64, length: 2, category: .numeric, array: 1005, order: .integer,
      fast: .integer, behavior: IntegerType<Int16>(name: "smallint")),
    TypeInfo(
      23, "int4", "integer", aliases: ["int"], kind: .int64, length: 4, category: .numeric, array: 1007,
      order: .integer, fast: .integer, behavior: IntegerType<Int32>(name: "integer")),
    TypeInfo(
      26, "oid", kind: .int64, length: 4, category: .numeric, isPreferred: true, array: 1028, order: .integer,
      fast: .integer, behavior: UnsignedType(name: "oid")),
    TypeInfo(
      28, "xid", kind: .int64, length: 4, category: .userDefined, array: 1011, order: .integer,
      fast: .integer,
      behavior: UnsignedType(name: "xid")),
    TypeInfo(
      29, "cid", kind: .int64, length: 4, category: .userDefined, array: 1012, order: .integer,
      fast: .integer,
      behavior: UnsignedType(name: "cid")),
    reference(24, "regproc", array: 1008),
    reference(2202, "regprocedure", array: 2207),
    reference(2203, "regoper", array: 2208),
    reference(2204, "regoperator", array: 2209),
    reference(2205, "regclass", array: 2210),
    reference(2206, "regtype", array: 2211),
    reference(3734, "regconfig", array: 3735),
    reference(3769, "regdictionary", array: 3770),
    reference(4089, "regnamespace", array: 4090),
    reference(4096, "regrole", array: 4097),
    reference(4191, "regcollation", array: 4192),
  ]

  private static func reference(_ oid: UInt32, _ name: String, array: UInt32) -> TypeInfo {
    TypeInfo(
      oid, name, kind: .int64, length: 4, category: .numeric, array: array, order: .integer,
      behavior: ObjectReferenceType(oid: OID(oid), name: name))
  }
}
