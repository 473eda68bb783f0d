// HOT: the newest versions of keys read lately, so that the hottest keys (the catalog's version, which every transaction
// reads; counters; small tables) cost a hash and a comparison instead of a descent through the engine.
//
// A direct-mapped table of fixed slots in one piece of memory: no allocation, no list to maintain; two keys of one slot take
// it from each other. Contract: whoever owns the reader tells it of every batch that was written, before the next read;
// a slot then holds the newest version of its key, or nothing.
//
//   slot   hash, 8 (0: empty) | wall, 8 | logical, 4 | stem count, 2 | payload count, 2 | stem | payload

import Clocks
import Encoding

final class VersionCache {
  private static let slotByteCount = 512
  private static let headerCount = 24
  private static let slotCount = 8192

  private let memory: UnsafeMutableRawPointer

  init() {
    memory = .allocate(byteCount: Self.slotCount * Self.slotByteCount, alignment: 64)
    removeAll()
  }

  deinit { memory.deallocate() }

  @inline(__always)
  private func slot(_ hash: UInt64) -> UnsafeMutableRawPointer {
    memory + Int(truncatingIfNeeded: (hash >> 32) & UInt64(Self.slotCount - 1)) * Self.slotByteCount
  }

  @inline(__always)
  private func holds(
    _ slot: UnsafeMutableRawPointer, _ stem: UnsafeRawBufferPointer, _ hash: UInt64
  ) -> Bool {
    guard slot.load(as: UInt64.self) == hash, Int(slot.load(fromByteOffset: 20, as: UInt16.self)) == stem.count else {
      return false
    }
    return compareBytes(UnsafeRawBufferPointer(start: slot + Self.headerCount, count: stem.count), stem) == 0
  }

  /// The newest version of a key, if it is here; the bytes live until the next call.
  @inline(__always)
  func find(
    _ stem: UnsafeRawBufferPointer, _ hash: UInt64
  ) -> (version: Timestamp, payload: UnsafeRawBufferPointer)? {
    let slot = slot(hash)
    guard holds(slot, stem, hash) else { return nil }
    let version = Timestamp(
      wall: slot.load(fromByteOffset: 8, as: Int64.self), logical: slot.load(fromByteOffset: 16, as: Int32.self))
    let count = Int(slot.load(fromByteOffset: 22, as: UInt16.self))
    return (version, UnsafeRawBufferPointer(start: slot + Self.headerCount + stem.count, count: count))
  }

  /// Keeps the newest version of a key, if it fits.
  @inline(__always)
  func keep(
    _ stem: UnsafeRawBufferPointer, _ hash: UInt64, _ version: Timestamp, _ payload: UnsafeRawBufferPointer
  ) {
    guard Self.headerCount + stem.count + payload.count <= Self.slotByteCount else { return }
    let slot = slot(hash)
    slot.storeBytes(of: hash, as: UInt64.self)
    slot.storeBytes(of: version.wall, toByteOffset: 8, as: Int64.self)
    slot.storeBytes(of: version.logical, toByteOffset: 16, as: Int32.self)
    slot.storeBytes(of: UInt16(stem.count), toByteOffset: 20, as: UInt16.self)
    slot.storeBytes(of: UInt16(payload.count), toByteOffset: 22, as: UInt16.self)
    let bytes = slot + Self.headerCount
    if let start = stem.baseAddress { bytes.copyMemory(from: start, byteCount: stem.count) }
    if let start = payload.baseAddress { (bytes + stem.count).copyMemory(from: start, byteCount: payload.count) }
  }

  func removeAll() {
    for index in 0..<Self.slotCount { (memory + index * Self.slotByteCount).storeBytes(of: 0, as: UInt64.self) }
  }

  /// Follows what was written: a newer version takes the place of the one kept, anything else empties the slot.
  func note(_ batch: borrowing WriteBatch) {
    let isWhole = batch.visit { change in
      switch change {
      case .put(.data, let key, let value): note(key, value)
      case .delete(.data, let key): note(key, nil)
      case .deleteRange(.data, _, _): removeAll()
      case .put, .delete, .deleteRange: break
      }
    }
    if !isWhole { removeAll() }
  }

  private func note(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) {
    guard let stem = MVCCFormat.stem(of: key), let written = MVCCFormat.timestamp(of: key) else { return }
    let hash = KeyHash.hash(stem)
    guard let kept = find(stem, hash) else { return }
    slot(hash).storeBytes(of: 0, as: UInt64.self)
    guard let value, written >= kept.version, let payload = try? MVCCFormat.payload(of: value, key: key) else { return }
    keep(stem, hash, written, payload)
  }
}
