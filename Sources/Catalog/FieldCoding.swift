// Tagged fields, the bytes of every stored descriptor. A message is a run of
//
//   varint tag | varint byte count | bytes
//
// so that a reader passes over tags that it does not know: a later version adds fields, and an earlier one still reads.
// Integers are zig-zag varints, booleans one byte, text UTF-8, nested messages messages. A tag may repeat: a list.
// Absent means the type's zero, or what the reader says.

import Encoding
import SQLTypes

/// Builds a message. Zero, false, empty and nil are left out, except in lists.
struct FieldWriter {
  private(set) var bytes: [UInt8] = []

  private mutating func field(_ tag: UInt64, _ payload: [UInt8]) {
    ValueEncoding.appendVarint(tag, to: &bytes)
    ValueEncoding.appendLengthPrefixed(payload, to: &bytes)
  }

  mutating func integer(_ tag: UInt64, _ value: Int64?, unless absent: Int64? = 0) {
    guard let value, value != absent else { return }
    var payload: [UInt8] = []
    ValueEncoding.appendSignedVarint(value, to: &payload)
    field(tag, payload)
  }

  mutating func oid(_ tag: UInt64, _ value: OID?) { integer(tag, value.map { Int64($0.rawValue) }) }
  mutating func flag(_ tag: UInt64, _ value: Bool) { if value { field(tag, [1]) } }
  mutating func text(_ tag: UInt64, _ value: String?) { if let value { field(tag, Array(value.utf8)) } }

  mutating func integers(_ tag: UInt64, _ values: some Sequence<Int64>) {
    var payload: [UInt8] = []
    for value in values { ValueEncoding.appendSignedVarint(value, to: &payload) }
    if !payload.isEmpty { field(tag, payload) }
  }

  mutating func message(_ tag: UInt64, _ build: (inout FieldWriter) -> Void) {
    var inner = FieldWriter()
    build(&inner)
    field(tag, inner.bytes)
  }

  mutating func type(_ tag: UInt64, _ value: SQLType) {
    message(tag) {
      $0.oid(1, value.oid)
      $0.integer(2, Int64(value.modifier), unless: -1)
    }
  }
}

/// One field's payload. Every reading answers nil when the bytes do not mean such a value.
struct FieldValue {
  let bytes: UnsafeRawBufferPointer

  var integer: Int64? {
    var reader = ByteReader(bytes)
    guard let value = reader.readSignedVarint(), reader.isAtEnd else { return nil }
    return value
  }

  var uint32: UInt32? { integer.flatMap { UInt32(exactly: $0) } }
  var int32: Int32? { integer.flatMap { Int32(exactly: $0) } }
  var oid: OID? { uint32.map { OID($0) } }
  var flag: Bool? { bytes.count == 1 ? bytes[0] != 0 : nil }
  var text: String? { String(validating: bytes, as: UTF8.self) }

  var uint32s: [UInt32]? {
    var reader = ByteReader(bytes)
    var values: [UInt32] = []
    while !reader.isAtEnd {
      guard let value = reader.readSignedVarint().flatMap({ UInt32(exactly: $0) }) else { return nil }
      values.append(value)
    }
    return values
  }

  var type: SQLType? {
    var type = SQLType(.invalid)
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.oid.store(in: &type.oid)
      case 2: value.int32.store(in: &type.modifier)
      default: true
      }
    }
    return isWhole ? type : nil
  }
}

extension Optional {
  /// Stores the value, if there is one; whether there was.
  func store(in target: inout Wrapped) -> Bool {
    guard let self else { return false }
    target = self
    return true
  }

  func store(in target: inout Wrapped?) -> Bool {
    guard let self else { return false }
    target = self
    return true
  }

  func append(to list: inout [Wrapped]) -> Bool {
    guard let self else { return false }
    list.append(self)
    return true
  }
}

/// Hands each field to `body`, which answers whether it understood it (unknown tags are to be answered with true).
/// False when the message is damaged.
func readFields(_ bytes: UnsafeRawBufferPointer, _ body: (UInt64, FieldValue) -> Bool) -> Bool {
  var reader = ByteReader(bytes)
  while !reader.isAtEnd {
    guard let tag = reader.readVarint(), let payload = reader.readLengthPrefixed(),
      body(tag, FieldValue(bytes: payload))
    else { return false }
  }
  return true
}
