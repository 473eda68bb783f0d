// The engines of a simulated store: in memory, with faults, and for one life of the node's process. What the disk holds
// outlives the process; once the process is dead nothing of it reaches the disk any more, so that the rest of it may run
// out, fail and be freed.

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

  init(_ disk: MemoryEngine) { self.disk = disk }

  /// The process is gone.
  func disconnect() { isOpen = false }

  private func check() throws(StorageError) {
    if !isOpen { throw .inputOutput("the process is dead") }
    if let error = failure?() { throw error }
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

  func read(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Void
  ) throws(StorageError) { try disk.read(family, key, body) }

  func readPersisted(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Void
  ) throws(StorageError) { try disk.readPersisted(family, key, body) }

  func makeIterator(_ family: ColumnFamily, _ bounds: IteratorBounds) throws(StorageError) -> any EngineIterator {
    try disk.makeIterator(family, bounds)
  }

  var sequence: UInt64 { disk.sequence }
  func snapshot() -> any EngineSnapshot { disk.snapshot() }

  func approximateSize(_ family: ColumnFamily, start: [UInt8], end: [UInt8]) throws(StorageError) -> UInt64 {
    try disk.approximateSize(family, start: start, end: end)
  }

  func checkpoint(to path: String) throws(StorageError) { try disk.checkpoint(to: path) }
  func pressure() -> EnginePressure { disk.pressure() }
  func metrics() -> [(name: String, value: UInt64)] { disk.metrics() }
}
