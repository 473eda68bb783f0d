// The engine in memory: for tests, for `--store memory`, and for the simulator.
//
// It keeps what is written apart from what would survive a crash: `flush`, or a synced write, makes everything so far
// durable, and `crash` throws the rest away, as a power failure would. Thread-safe by one lock around values that are
// copied on write.

import Encoding
import Synchronization

/// The state of all families at one moment.
struct MemoryState: Sendable {
  var families: [SortedEntries] = Array(repeating: SortedEntries(), count: ColumnFamily.allCases.count)
  var sequence: UInt64 = 0
}

/// An engine without files.
public final class MemoryEngine: Engine {
  private struct Contents {
    var current = MemoryState()
    var durable = MemoryState()
    /// Writes ever applied; unlike a state's own number it never goes back.
    var sequence: UInt64 = 0
  }

  private let contents = Mutex(Contents())

  public init() {}

  private init(_ state: MemoryState) {
    contents.withLock { $0 = Contents(current: state, durable: state, sequence: state.sequence) }
  }

  func state() -> MemoryState {
    contents.withLock { $0.current }
  }

  public var sequence: UInt64 {
    contents.withLock { $0.sequence }
  }

  public func read(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Void
  ) throws(StorageError) {
    MemorySnapshot.read(state(), family, key, body)
  }

  public func readPersisted(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Void
  ) throws(StorageError) {
    MemorySnapshot.read(contents.withLock { $0.durable }, family, key, body)
  }

  public func makeIterator(
    _ family: ColumnFamily, _ bounds: IteratorBounds
  ) throws(StorageError) -> any EngineIterator {
    MemoryIterator(state().families[Int(family.rawValue)], bounds)
  }

  public func write(_ batch: WriteBatch, sync: Bool) throws(StorageError) {
    let isWhole = contents.withLock { contents in
      // Changes go to the state in place; a damaged batch must leave nothing behind, so it is walked first.
      guard batch.visit({ _ in }) else { return false }
      contents.sequence += UInt64(batch.count)
      contents.current.sequence = contents.sequence
      _ = batch.visit { change in
        switch change {
        case .put(let family, let key, let value):
          contents.current.families[Int(family.rawValue)].put(MemoryEntry(key: key, value: value))
        case .delete(let family, let key):
          contents.current.families[Int(family.rawValue)].remove(key)
        case .deleteRange(let family, let start, let end):
          contents.current.families[Int(family.rawValue)].removeRange(start: start, end: end)
        }
      }
      if sync { contents.durable = contents.current }
      return true
    }
    if !isWhole { throw .corruption("a write batch does not decode") }
  }

  public func snapshot() -> any EngineSnapshot {
    MemorySnapshot(state())
  }

  public func flush() throws(StorageError) {
    contents.withLock { $0.durable = $0.current }
  }

  public var persistedMark: UInt64 { contents.withLock { $0.durable.sequence } }

  /// Loses what was not durable, as a power failure does. Snapshots and iterators keep what they saw.
  public func crash() {
    contents.withLock { contents in
      contents.current = contents.durable
      contents.sequence += 1
    }
  }

  public func approximateSize(
    _ family: ColumnFamily, start: [UInt8], end: [UInt8]
  ) throws(StorageError) -> UInt64 {
    let entries = state().families[Int(family.rawValue)]
    return start.withUnsafeBytes { start in
      end.withUnsafeBytes { end in UInt64(entries.byteCount(start: start, end: end)) }
    }
  }

  public func checkpoint(to path: String) throws(StorageError) {
    throw .refused("an engine in memory has no files to copy")
  }

  /// A second engine that begins with this one's state.
  public func copy() -> MemoryEngine {
    MemoryEngine(state())
  }

  public func pressure() -> EnginePressure { EnginePressure() }

  public func metrics() -> [(name: String, value: UInt64)] {
    [("sequence", sequence)]
  }
}

/// A frozen view of a `MemoryEngine`.
final class MemorySnapshot: EngineSnapshot {
  private let state: MemoryState

  init(_ state: MemoryState) {
    self.state = state
  }

  static func read(
    _ state: MemoryState, _ family: ColumnFamily, _ key: UnsafeRawBufferPointer,
    _ body: (UnsafeRawBufferPointer?) -> Void
  ) {
    let entry = state.families[Int(family.rawValue)].entry(key)
    withExtendedLifetime(entry) { body(entry?.value) }
  }

  var sequence: UInt64 { state.sequence }

  func read(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Void
  ) throws(StorageError) {
    Self.read(state, family, key, body)
  }

  func makeIterator(
    _ family: ColumnFamily, _ bounds: IteratorBounds
  ) throws(StorageError) -> any EngineIterator {
    MemoryIterator(state.families[Int(family.rawValue)], bounds)
  }
}

/// A cursor over a copy of one family.
final class MemoryIterator: EngineIterator {
  private let entries: SortedEntries
  private let bounds: IteratorBounds
  private var position: EntryPosition
  private var current: MemoryEntry?
  /// For point reads: the stem of the key sought.
  private var stem: [UInt8] = []

  init(_ entries: SortedEntries, _ bounds: IteratorBounds) {
    self.entries = entries
    self.bounds = bounds
    self.position = entries.end
  }

  var isValid: Bool { current != nil }

  var key: UnsafeRawBufferPointer {
    guard let current else { preconditionFailure("an iterator was read where it stands on nothing") }
    return current.key
  }

  var value: UnsafeRawBufferPointer {
    guard let current else { preconditionFailure("an iterator was read where it stands on nothing") }
    return current.value
  }

  private func settle(_ position: EntryPosition?) {
    guard let position, let entry = entries[position] else {
      current = nil
      return
    }
    self.position = position
    current = isVisible(entry.key) ? entry : nil
  }

  private func isVisible(_ key: UnsafeRawBufferPointer) -> Bool {
    if let lower = bounds.lower, lower.withUnsafeBytes({ compareBytes(key, $0) }) < 0 { return false }
    if let upper = bounds.upper, upper.withUnsafeBytes({ compareBytes(key, $0) }) >= 0 { return false }
    if bounds.isPointRead {
      guard let found = MVCCFormat.stem(of: key) else { return false }
      return stem.withUnsafeBytes { compareBytes(found, $0) } == 0
    }
    return true
  }

  private func remember(_ key: UnsafeRawBufferPointer) {
    guard bounds.isPointRead else { return }
    stem.removeAll(keepingCapacity: true)
    if let sought = MVCCFormat.stem(of: key) { stem.append(contentsOf: sought) }
  }

  func seek(_ key: UnsafeRawBufferPointer) {
    remember(key)
    if let lower = bounds.lower, lower.withUnsafeBytes({ compareBytes(key, $0) }) < 0 {
      lower.withUnsafeBytes { settle(entries.lowerBound($0)) }
    } else {
      settle(entries.lowerBound(key))
    }
  }

  func seekForPrevious(_ key: UnsafeRawBufferPointer) {
    remember(key)
    if let upper = bounds.upper, upper.withUnsafeBytes({ compareBytes(key, $0) }) >= 0 {
      upper.withUnsafeBytes { settle(entries.before(entries.lowerBound($0))) }
      return
    }
    let at = entries.lowerBound(key)
    if let entry = entries[at], compareBytes(entry.key, key) == 0 {
      settle(at)
    } else {
      settle(entries.before(at))
    }
  }

  func seekToFirst() {
    if let lower = bounds.lower {
      lower.withUnsafeBytes { settle(entries.lowerBound($0)) }
    } else {
      settle(EntryPosition(chunk: 0, index: 0))
    }
  }

  func seekToLast() {
    if let upper = bounds.upper {
      upper.withUnsafeBytes { settle(entries.before(entries.lowerBound($0))) }
    } else {
      settle(entries.before(entries.end))
    }
  }

  func next() {
    settle(entries.after(position))
  }

  func previous() {
    settle(entries.before(position))
  }

  func checkStatus() throws(StorageError) {}
}
