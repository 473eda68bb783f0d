// HOT: the newest versions of keys read or written lately, so that a point read of a row in use costs a hash and a comparison
// instead of a descent through the levels of the engine (measured: 1 µs instead of 5 to 15, most of it cache misses).
//
// A log in a ring: entries are appended, the oldest are overwritten; an entry that is found in the oldest quarter is appended
// again, so that what is read stays. An index of buckets with four places each leads to entries; a place whose entry has
// been overwritten is free. Two allocations in all, no lists, no reference counts.
// Contract: whoever owns the reader tells it of every batch that was written, before the next read; what is found is the
// newest version of its key.
//
//   place   position of the entry in the log / 8, 48 bits | high bits of the hash, 16
//   entry   hash, 8 | wall, 8 | logical, 4 | stem count, 2 | 0, 2 | payload count, 4 | 0, 4 | stem | payload | 0 to 8
// Source: the log-structured design of Chandramouli et al., "FASTER", SIGMOD 2018, without its concurrency.

import Clocks
import Encoding
import Glibc

final class VersionCache {
  private static let headerCount = 32
  private static let placesPerBucket = 4
  /// Entries larger than this part of the ring are not kept.
  private static let largestPart = 64

  private let capacity: Int
  private let ring: UnsafeMutableRawPointer
  private let places: UnsafeMutablePointer<UInt64>
  private let bucketMask: UInt64
  /// Where the next entry goes; grows for ever, the ring is this modulo `capacity`. 0 is no position.
  private var head: UInt64 = 8
  /// Spans that were deleted whole: entries written before are void.
  private var cleared: [(start: [UInt8], end: [UInt8], position: UInt64)] = []

  /// - Parameter byteCount: memory for entries; a tenth more goes to the index. Pages are used as entries come.
  init(byteCount: Int) {
    capacity = max(1 << 20, byteCount) & ~4095
    var buckets = 1
    while buckets * Self.placesPerBucket * 96 < capacity { buckets *= 2 }
    bucketMask = UInt64(buckets - 1)
    ring = Self.map(capacity)
    places = Self.map(buckets * Self.placesPerBucket * 8).assumingMemoryBound(to: UInt64.self)
  }

  deinit {
    munmap(ring, capacity)
    munmap(places, Int(bucketMask + 1) * Self.placesPerBucket * 8)
  }

  /// Zeroed memory in large pages where the kernel has them: entries are met at random, and each page costs a walk.
  private static func map(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let memory = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let memory, memory != MAP_FAILED else {
      preconditionFailure("the system grants \(byteCount) bytes of address space")
    }
    madvise(memory, byteCount, 14 /* MADV_HUGEPAGE */)
    return memory
  }

  @inline(__always)
  private static func position(_ place: UInt64) -> UInt64 { (place >> 16) << 3 }

  @inline(__always)
  private static func word(_ position: UInt64, tag: UInt64) -> UInt64 { ((position >> 3) << 16) | tag }

  @inline(__always)
  private func entry(_ position: UInt64) -> UnsafeMutableRawPointer { ring + Int(position % UInt64(capacity)) }

  @inline(__always)
  private func isAlive(_ position: UInt64) -> Bool { position != 0 && head - position <= UInt64(capacity) }

  @inline(__always)
  private func bucket(_ hash: UInt64) -> UnsafeMutablePointer<UInt64> {
    places + Int(hash & bucketMask) * Self.placesPerBucket
  }

  /// The place that leads to a key's entry.
  @inline(__always)
  private func place(_ stem: UnsafeRawBufferPointer, _ hash: UInt64) -> UnsafeMutablePointer<UInt64>? {
    let bucket = bucket(hash)
    for number in 0..<Self.placesPerBucket {
      let place = bucket[number]
      guard place & 0xFFFF == hash >> 48 else { continue }
      let position = Self.position(place)
      guard isAlive(position) else { continue }
      let entry = entry(position)
      guard entry.load(as: UInt64.self) == hash,
        Int(entry.load(fromByteOffset: 20, as: UInt16.self)) == stem.count,
        compareBytes(UnsafeRawBufferPointer(start: entry + Self.headerCount, count: stem.count), stem) == 0
      else { continue }
      if !cleared.isEmpty, isCleared(stem, position) {
        bucket[number] = 0
        return nil
      }
      return bucket + number
    }
    return nil
  }

  private func isCleared(_ stem: UnsafeRawBufferPointer, _ position: UInt64) -> Bool {
    for span in cleared.reversed() {
      if position >= span.position { return false }
      let isInside = span.start.withUnsafeBytes { compareBytes($0, stem) <= 0 }
      if isInside, span.end.withUnsafeBytes({ compareBytes(stem, $0) < 0 }) { return true }
    }
    return false
  }

  /// The newest version of a key, if it is here; the bytes live until the next call.
  @inline(__always)
  func find(
    _ stem: UnsafeRawBufferPointer, _ hash: UInt64
  ) -> (version: Timestamp, payload: UnsafeRawBufferPointer)? {
    guard let place = place(stem, hash) else { return nil }
    var position = Self.position(place.pointee)
    if head - position > UInt64(capacity - capacity / 4) { position = renew(position, place) }
    let entry = entry(position)
    let version = Timestamp(
      wall: entry.load(fromByteOffset: 8, as: Int64.self), logical: entry.load(fromByteOffset: 16, as: Int32.self))
    let count = Int(entry.load(fromByteOffset: 24, as: UInt32.self))
    return (version, UnsafeRawBufferPointer(start: entry + Self.headerCount + stem.count, count: count))
  }

  @inline(__always)
  private func size(stem: Int, payload: Int) -> Int { (Self.headerCount + stem + payload + 7) & ~7 }

  /// Room for an entry at the head, which it moves past it.
  private func append(_ byteCount: Int) -> UInt64 {
    let offset = Int(head % UInt64(capacity))
    if offset + byteCount > capacity { head += UInt64(capacity - offset) }
    defer { head += UInt64(byteCount) }
    return head
  }

  /// Copies an old entry to the head.
  private func renew(_ position: UInt64, _ place: UnsafeMutablePointer<UInt64>) -> UInt64 {
    let old = entry(position)
    let byteCount = size(
      stem: Int(old.load(fromByteOffset: 20, as: UInt16.self)),
      payload: Int(old.load(fromByteOffset: 24, as: UInt32.self)))
    let fresh = append(byteCount)
    memmove(entry(fresh), old, byteCount)
    place.pointee = Self.word(fresh, tag: place.pointee & 0xFFFF)
    return fresh
  }

  /// Keeps the newest version of a key, if it is not too large.
  func keep(
    _ stem: UnsafeRawBufferPointer, _ hash: UInt64, _ version: Timestamp, _ payload: UnsafeRawBufferPointer
  ) {
    let known = place(stem, hash)
    let byteCount = size(stem: stem.count, payload: payload.count)
    guard stem.count <= Int(UInt16.max), byteCount <= capacity / Self.largestPart else {
      known?.pointee = 0
      return
    }
    var position: UInt64 = 0
    if let known {
      // In place where the size allows: a row that is written again and again takes no room.
      let old = Self.position(known.pointee)
      if size(stem: stem.count, payload: Int(entry(old).load(fromByteOffset: 24, as: UInt32.self))) == byteCount {
        position = old
      }
    }
    if position == 0 {
      position = append(byteCount)
      let place = known ?? freePlace(hash)
      place.pointee = Self.word(position, tag: hash >> 48)
    }
    let entry = entry(position)
    entry.storeBytes(of: hash, as: UInt64.self)
    entry.storeBytes(of: version.wall, toByteOffset: 8, as: Int64.self)
    entry.storeBytes(of: version.logical, toByteOffset: 16, as: Int32.self)
    entry.storeBytes(of: UInt16(stem.count), toByteOffset: 20, as: UInt16.self)
    entry.storeBytes(of: UInt32(payload.count), toByteOffset: 24, as: UInt32.self)
    let bytes = entry + Self.headerCount
    if let start = stem.baseAddress { bytes.copyMemory(from: start, byteCount: stem.count) }
    if let start = payload.baseAddress { (bytes + stem.count).copyMemory(from: start, byteCount: payload.count) }
  }

  /// A free place of the bucket, or that of its oldest entry.
  private func freePlace(_ hash: UInt64) -> UnsafeMutablePointer<UInt64> {
    let bucket = bucket(hash)
    var oldest = 0
    for number in 0..<Self.placesPerBucket {
      if !isAlive(Self.position(bucket[number])) { return bucket + number }
      if bucket[number] >> 16 < bucket[oldest] >> 16 { oldest = number }
    }
    return bucket + oldest
  }

  func removeAll() {
    for place in 0..<(Int(bucketMask + 1) * Self.placesPerBucket) { places[place] = 0 }
    cleared.removeAll()
  }

  // MARK: - Following what is written

  /// Takes up what a batch has changed: new versions come in, deleted ones go.
  func note(_ batch: borrowing WriteBatch) {
    let isWhole = batch.visit { change in
      switch change {
      case .put(.data, let key, let value): note(key, value)
      case .delete(.data, let key): note(key, nil)
      case .deleteRange(.data, let start, let end): clear([UInt8](start), [UInt8](end))
      case .put, .delete, .deleteRange: break
      }
    }
    if !isWhole { removeAll() }
  }

  private func note(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) {
    guard let stem = MVCCFormat.stem(of: key), let written = MVCCFormat.timestamp(of: key) else { return }
    let hash = KeyHash.hash(stem)
    let kept = find(stem, hash)?.version
    guard let value else {
      // Old versions are collected without a loss here.
      if kept == written { place(stem, hash)?.pointee = 0 }
      return
    }
    if let kept, kept > written { return }
    if let payload = MVCCFormat.uncheckedPayload(of: value) {
      keep(stem, hash, written, payload)
    } else {
      place(stem, hash)?.pointee = 0
    }
  }

  private func clear(_ start: [UInt8], _ end: [UInt8]) {
    cleared.removeAll { !isAlive($0.position) }
    if cleared.count >= 64 { removeAll() }
    cleared.append((start, end, head))
  }
}
