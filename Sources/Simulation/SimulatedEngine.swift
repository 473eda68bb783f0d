// The engines of a simulated store: in memory, with faults, and for one life of the node's process. What the disk holds
// outlives the process; once the process is dead nothing of it reaches the disk any more, so that the rest of it may run
// out, fail and be freed.

import Reactors
import Storage

/// An engine as one process has it open.
///
/// `@unchecked Sendable`: used by the thread of its world alone.
final class SimulatedEngine: Engine, @unchecked Sendable {
  private let disk: MemoryEngine
  private var isOpen = true
  /// Why the next write fails, if it does.
  var failure: (() -> StorageError?)?
  private(set) var writeCount = 0
  /// Whether a write has failed that the process may have lived through.
  private(set) var hasFailed = false
  /// Draws which values come damaged from the disk; nil: none.
  private var rot: BitRot?

  init(_ disk: MemoryEngine) { self.disk = disk }

  /// The process is gone.
  func disconnect() { isOpen = false }

  /// The disk may have gone back to what was durable: nothing that is left of the process may take that for its own.
  private func checkOpen() throws(StorageError) {
    if !isOpen { throw .inputOutput("the process is dead") }
  }

  private func check() throws(StorageError) {
    try checkOpen()
    if let error = failure?() {
      hasFailed = true
      throw error
    }
  }

  func write(_ batch: WriteBatch, sync: Bool) throws(StorageError) {
    try check()
    writeCount += 1
    try disk.write(batch, sync: sync)
  }

  func flush() throws(StorageError) {
    try check()
    try disk.flush()
  }

  /// From now on about one value in `reads` comes with a flipped bit.
  func rot(one reads: Int, random: RandomSource) { rot = BitRot(readsPerFlip: reads, random: random) }

  /// How many values came damaged.
  var damageCount: Int { rot?.damageCount ?? 0 }

  func read(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Void
  ) throws(StorageError) {
    try checkOpen()
    try disk.read(family, key) { value in
      if let value, let damaged = rot?.damaged(value) {
        damaged.withUnsafeBytes { body($0) }
      } else {
        body(value)
      }
    }
  }

  func readPersisted(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Void
  ) throws(StorageError) { try disk.readPersisted(family, key, body) }

  func makeIterator(_ family: ColumnFamily, _ bounds: IteratorBounds) throws(StorageError) -> any EngineIterator {
    try checkOpen()
    let iterator = try disk.makeIterator(family, bounds)
    return rot.map { RottingIterator(iterator, $0) } ?? iterator
  }

  var sequence: UInt64 { disk.sequence }
  var persistedMark: UInt64 { disk.persistedMark }
  func snapshot() -> any EngineSnapshot { disk.snapshot() }

  func approximateSize(_ family: ColumnFamily, start: [UInt8], end: [UInt8]) throws(StorageError) -> UInt64 {
    try disk.approximateSize(family, start: start, end: end)
  }

  func checkpoint(to path: String) throws(StorageError) { try disk.checkpoint(to: path) }
  func pressure() -> EnginePressure { disk.pressure() }
  func metrics() -> [(name: String, value: UInt64)] { disk.metrics() }
}

/// Decides which values come damaged.
private final class BitRot {
  private let readsPerFlip: Int
  private var random: RandomSource
  private(set) var damageCount = 0

  init(readsPerFlip: Int, random: RandomSource) {
    self.readsPerFlip = readsPerFlip
    self.random = random
  }

  /// The value with a bit flipped; nil, as nearly always, if it comes as it was written.
  func damaged(_ value: UnsafeRawBufferPointer) -> [UInt8]? {
    guard !value.isEmpty, random.draw(below: readsPerFlip) == 0 else { return nil }
    damageCount += 1
    var bytes = [UInt8](value)
    bytes[random.draw(below: bytes.count)] ^= 1 << UInt8(random.draw(below: 8))
    return bytes
  }
}

/// A cursor over a disk whose bits rot.
private final class RottingIterator: EngineIterator {
  private let base: any EngineIterator
  private let rot: BitRot
  /// The damaged value under the cursor, if it is damaged.
  private var damaged: UnsafeMutableRawBufferPointer?

  init(_ base: any EngineIterator, _ rot: BitRot) {
    self.base = base
    self.rot = rot
  }

  deinit { damaged?.deallocate() }

  /// The cursor stands elsewhere: what it reads there may be damaged.
  private func moved() {
    damaged?.deallocate()
    damaged = nil
    guard base.isValid, let bytes = rot.damaged(base.value) else { return }
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    copy.copyBytes(from: bytes)
    damaged = copy
  }

  func seek(_ key: UnsafeRawBufferPointer) {
    base.seek(key)
    moved()
  }

  func seekForPrevious(_ key: UnsafeRawBufferPointer) {
    base.seekForPrevious(key)
    moved()
  }

  func seekToFirst() {
    base.seekToFirst()
    moved()
  }

  func seekToLast() {
    base.seekToLast()
    moved()
  }

  func next() {
    base.next()
    moved()
  }

  func previous() {
    base.previous()
    moved()
  }

  var isValid: Bool { base.isValid }
  var key: UnsafeRawBufferPointer { base.key }
  var value: UnsafeRawBufferPointer { damaged.map { UnsafeRawBufferPointer($0) } ?? base.value }
  func checkStatus() throws(StorageError) { try base.checkStatus() }
}
