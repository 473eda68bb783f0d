// HOT: a set of byte strings, each with a dense number: open addressing over 64-bit hashes, keys one after the other in
// one array. Grouping, joins, DISTINCT and set operations all compare values through their key encoding, in which equal
// values, and NULLs, are equal bytes.

import Encoding
import SQLTypes

struct KeyTable {
  private var bytes: [UInt8] = []
  /// Where each key ends in `bytes`.
  private var ends: [Int] = []
  private var hashes: [UInt64] = []
  /// Key number + 1, 0 for free; a power of two, at most 7/8 full.
  private var slots: [Int32] = []
  private var mask = 0

  /// Most tables that a statement on one row makes stay empty: they share this.
  private static let noSlots: [Int32] = [0]

  init() { slots = Self.noSlots }

  var count: Int { ends.count }

  /// What the table occupies, about.
  var byteCount: Int { bytes.capacity + 16 * ends.capacity + 4 * slots.count }

  mutating func removeAll() { self = KeyTable() }

  @inline(__always)
  static func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
    var hash: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: key.count)
    var offset = 0
    while offset + 8 <= key.count {
      hash = mix(hash, key.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    var rest: UInt64 = 0
    while offset < key.count {
      rest = rest << 8 | UInt64(key[offset])
      offset += 1
    }
    return mix(hash, rest)
  }

  @inline(__always)
  private static func mix(_ hash: UInt64, _ value: UInt64) -> UInt64 {
    let (high, low) = (hash ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: value ^ 0xE703_7ED1_A0B4_28DB)
    return (high ^ low) &+ (hash << 1 | hash >> 63)
  }

  /// The number of `key`, or nil.
  @inline(__always)
  func find(_ key: UnsafeRawBufferPointer) -> Int? {
    let hash = KeyTable.hash(key)
    var slot = Int(truncatingIfNeeded: hash) & mask
    while true {
      let entry = Int(slots[slot]) - 1
      if entry < 0 { return nil }
      if hashes[entry] == hash && isEqual(entry, key) { return entry }
      slot = (slot + 1) & mask
    }
  }

  @inline(__always)
  func find(_ key: [UInt8]) -> Int? { key.withUnsafeBytes { find($0) } }

  /// The number of `key`, which is new if it was not there.
  @inline(__always)
  mutating func insert(_ key: UnsafeRawBufferPointer) -> (number: Int, isNew: Bool) {
    let hash = KeyTable.hash(key)
    var slot = Int(truncatingIfNeeded: hash) & mask
    while true {
      let entry = Int(slots[slot]) - 1
      if entry < 0 { break }
      if hashes[entry] == hash && isEqual(entry, key) { return (entry, false) }
      slot = (slot + 1) & mask
    }
    let number = ends.count
    bytes.append(contentsOf: key)
    ends.append(bytes.count)
    hashes.append(hash)
    slots[slot] = Int32(number + 1)
    if (number + 1) * 8 > slots.count * 7 { grow() }
    return (number, true)
  }

  @inline(__always)
  mutating func insert(_ key: [UInt8]) -> (number: Int, isNew: Bool) {
    key.withUnsafeBytes { insert($0) }
  }

  @inline(__always)
  private func isEqual(_ entry: Int, _ key: UnsafeRawBufferPointer) -> Bool {
    let start = entry == 0 ? 0 : ends[entry - 1]
    guard ends[entry] - start == key.count else { return false }
    return bytes.withUnsafeBytes {
      compareBytes(UnsafeRawBufferPointer(rebasing: $0[start..<start + key.count]), key) == 0
    }
  }

  private mutating func grow() {
    slots = [Int32](repeating: 0, count: max(64, slots.count * 2))
    mask = slots.count - 1
    for (number, hash) in hashes.enumerated() {
      var slot = Int(truncatingIfNeeded: hash) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = Int32(number + 1)
    }
  }
}

/// The encoded keys of a batch's rows, one after the other; reused from batch to batch.
struct RowKeys {
  private(set) var bytes: [UInt8] = []
  private(set) var ends: [Int] = []
  /// Whether a part of the row's key is NULL.
  private(set) var hasNull: [Bool] = []

  /// The keys made of `columns`, whose types are `infos`; NULL equals NULL.
  mutating func encode(_ columns: [ColumnVector], _ infos: [TypeInfo], rowCount: Int) {
    bytes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    hasNull.removeAll(keepingCapacity: true)
    for row in 0..<rowCount {
      var anyNull = false
      for index in infos.indices {
        anyNull = anyNull || columns[index].nulls[row]
        infos[index].encodeKey(columns, index, row, nulls: .last, into: &bytes)
      }
      ends.append(bytes.count)
      hasNull.append(anyNull)
    }
  }

  @inline(__always)
  func withKey<R>(_ row: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    let start = row == 0 ? 0 : ends[row - 1]
    return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<ends[row]])) }
  }
}
