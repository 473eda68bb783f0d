// jsonb in keys: bytes whose order is jsonb's. A tag for the kind, then the value; containers begin with their number of
// parts, so that shorter ones come first.
//   01 empty array at the top | 02 null | 03 string | 04 number | 05 boolean 00/01 | 06 array count parts | 07 object count (key value)*
// Source: PostgreSQL manual, 8.14.4: Object > Array > Boolean > Number > String > Null, and its exception for `[]`.

import Encoding

enum JSONKey {
  static func append(_ bytes: UnsafeRawBufferPointer, descending: Bool, to key: inout [UInt8]) {
    // What is stored is valid; were it not, it would stand as its text.
    guard let value = try? JSONReader.value(bytes) else {
      append(.string(Array(bytes)), isTop: true, descending, &key)
      return
    }
    append(value, isTop: true, descending, &key)
  }

  private static func append(_ value: JSONValue, isTop: Bool, _ descending: Bool, _ key: inout [UInt8]) {
    func tag(_ byte: UInt8) { key.append(descending ? ~byte : byte) }
    func string(_ text: [UInt8]) {
      text.withUnsafeBytes { KeyEncoding.appendBytes($0, descending: descending, to: &key) }
    }
    switch value {
    case .null: tag(2)
    case .string(let text):
      tag(3)
      string(text)
    case .number(let number):
      tag(4)
      number.appendKey(descending: descending, to: &key)
    case .bool(let truth):
      tag(5)
      tag(truth ? 1 : 0)
    case .array(let elements):
      if isTop && elements.isEmpty {
        tag(1)
        return
      }
      tag(6)
      KeyEncoding.appendInt64(Int64(elements.count), descending: descending, to: &key)
      for element in elements { append(element, isTop: false, descending, &key) }
    case .object(let members):
      tag(7)
      KeyEncoding.appendInt64(Int64(members.count), descending: descending, to: &key)
      for member in members {
        string(member.key)
        append(member.value, isTop: false, descending, &key)
      }
    }
  }

  /// An equal value, numbers in their shortest form. Error XX001.
  static func decode(_ reader: inout ByteReader, descending: Bool, depth: Int = 0) throws(SQLError) -> JSONValue {
    func byte() throws(SQLError) -> UInt8 {
      guard let byte = reader.readUInt8() else { throw TypeInfo.damagedKey }
      return descending ? ~byte : byte
    }
    func count() throws(SQLError) -> Int {
      guard let count = reader.readOrderedInt64(descending: descending), count >= 0 else {
        throw TypeInfo.damagedKey
      }
      return Int(count)
    }
    func string() throws(SQLError) -> [UInt8] {
      var text: [UInt8] = []
      guard reader.readOrderedBytes(descending: descending, into: &text) else { throw TypeInfo.damagedKey }
      return text
    }
    guard depth <= JSONReader.maximumDepth else { throw TypeInfo.damagedKey }
    switch try byte() {
    case 1: return .array([])
    case 2: return .null
    case 3: return .string(try string())
    case 4: return .number(try Numeric(key: &reader, descending: descending))
    case 5: return .bool(try byte() == 1)
    case 6:
      var elements: [JSONValue] = []
      for _ in 0..<(try count()) {
        elements.append(try decode(&reader, descending: descending, depth: depth + 1))
      }
      return .array(elements)
    case 7:
      var members: [JSONValue.Member] = []
      for _ in 0..<(try count()) {
        let key = try string()
        members.append(
          JSONValue.Member(key: key, value: try decode(&reader, descending: descending, depth: depth + 1)))
      }
      return .object(members)
    default: throw TypeInfo.damagedKey
    }
  }

  static func bytes(_ text: UnsafeRawBufferPointer) -> [UInt8] {
    var key: [UInt8] = []
    append(text, descending: false, to: &key)
    return key
  }
}
