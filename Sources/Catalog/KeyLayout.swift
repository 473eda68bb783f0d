// The cut of the key space. Every key begins with one byte that names its kingdom:
//
//   0x04 system: descriptors, names, settings, sequences' values; from 0x04 0x40 on the cluster's nodes (Server)
//   0x10 table data: ordered table OID, ordered index id (never used twice), then the index's key columns
//
// Prefix-free and in order of (table, index), so that a table or an index is one span that a range can hold by itself.

import Encoding
import SQLTypes

public enum KeyLayout {
  static let system: UInt8 = 0x04
  static let tableData: UInt8 = 0x10

  /// The prefix of all keys of a table.
  public static func table(_ table: OID) -> Key {
    var bytes: [UInt8] = [tableData]
    KeyEncoding.appendUInt64(UInt64(table.rawValue), to: &bytes)
    return Key(bytes)
  }

  /// The prefix of all keys of one index of a table.
  public static func index(_ table: OID, _ index: UInt32) -> Key {
    var key = self.table(table)
    KeyEncoding.appendUInt64(UInt64(index), to: &key.bytes)
    return key
  }

  /// Changes with every committed schema change: whoever reads it knows which catalog snapshot is true at its timestamp.
  public static let catalogVersion = Key([system, 0x01])
  /// The next OID to hand out.
  public static let nextOID = Key([system, 0x02])

  /// The next number for an index's data; counted outside of transactions, since a number is never used twice, not even that
  /// of a transaction that rolled back: what it wrote may still lie there.
  public static let nextStorageID = Key([system, 0x07])

  /// The descriptor of one object, by kind (`r` relation, `n` schema, `d` database, `o` role, `t` type).
  public static func descriptor(kind: Character, _ oid: OID) -> Key {
    precondition(kind.isASCII, "descriptor kinds are ASCII letters")
    var bytes: [UInt8] = [system, 0x03, kind.asciiValue ?? 0]
    KeyEncoding.appendUInt64(UInt64(oid.rawValue), to: &bytes)
    return Key(bytes)
  }

  public static let descriptors = Key([system, 0x03])

  /// The descriptor of a relation.
  public static func relation(_ oid: OID) -> Key { descriptor(kind: "r", oid) }

  /// The relation whose descriptor stands at this key; nil for any other key.
  public static func describedRelation(_ key: Key) -> OID? {
    guard key.hasPrefix(descriptors), key.bytes.count > 2, key.bytes[2] == UInt8(ascii: "r") else { return nil }
    return key.bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes, offset: 3)
      guard let oid = reader.readOrderedUInt64(), reader.isAtEnd else { return nil }
      return UInt32(exactly: oid).map { OID($0) }
    }
  }

  /// The value of a sequence: a counter outside the transactions that draw from it, one for each generation.
  public static func sequence(_ oid: OID, generation: UInt64 = 0) -> Key {
    var bytes: [UInt8] = [system, 0x05]
    KeyEncoding.appendUInt64(UInt64(oid.rawValue), to: &bytes)
    KeyEncoding.appendUInt64(generation, to: &bytes)
    return Key(bytes)
  }

  /// Notes that the data of one index of a table is nobody's any more, to be cleared once no reader can want it.
  public static func garbage(_ table: OID, _ index: UInt32) -> Key {
    var key = garbageList
    KeyEncoding.appendUInt64(UInt64(table.rawValue), to: &key.bytes)
    KeyEncoding.appendUInt64(UInt64(index), to: &key.bytes)
    return key
  }

  public static let garbageList = Key([system, 0x06])

  /// The table and index that an entry of the garbage list names; nil if it is damaged.
  public static func garbageEntry(_ key: Key) -> (table: OID, index: UInt32)? {
    guard key.hasPrefix(garbageList) else { return nil }
    return key.bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes, offset: garbageList.bytes.count)
      guard let table = reader.readOrderedUInt64(), let index = reader.readOrderedUInt64(), reader.isAtEnd,
        let table = UInt32(exactly: table), let index = UInt32(exactly: index)
      else { return nil }
      return (OID(table), index)
    }
  }
}
