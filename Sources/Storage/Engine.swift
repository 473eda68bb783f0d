// An ordered store of bytes: what the rest of the database asks of RocksDB, or of memory.
//
// Three families of keys, each ordered by memcmp:
//   data    versions of user keys                  (MVCCFormat.swift)
//   locks   intents and replicated locks           (Intent.swift)
//   local   what belongs to a range or the store and has no versions: applied index, descriptors, records
// A write batch is atomic over all families. A state engine writes no log of its own: what a batch wrote survives a
// crash once it is flushed, and a flush takes all families at one point of the order of writes. So what is found
// after a crash is always a prefix of the batches written, and the raft log brings back the rest.
// All protocols are class-bound: an existential costs a witness call, never a box.

import Encoding

/// A family of keys; the raw value is its number in write batches.
public enum ColumnFamily: UInt8, Sendable, CaseIterable {
  case data = 0
  case locks = 1
  case local = 2
}

/// Which part of a family an iterator may see.
public struct IteratorBounds: Sendable {
  /// Inclusive; nil for no bound.
  public var lower: [UInt8]?
  /// Exclusive; nil for no bound.
  public var upper: [UInt8]?
  /// Only for `data`: the iterator serves reads of one key at a time, and after a seek sees only versions of the key
  /// sought. This lets the engine pass over files by their filters.
  public var isPointRead: Bool

  public init(lower: [UInt8]? = nil, upper: [UInt8]? = nil, isPointRead: Bool = false) {
    self.lower = lower
    self.upper = upper
    self.isPointRead = isPointRead
  }

  public static let all = IteratorBounds()
  public static let pointRead = IteratorBounds(isPointRead: true)
}

/// A consistent view of the store: the engine itself (always the newest state) or a snapshot of it.
public protocol EngineReader: AnyObject, Sendable {
  /// Calls `body` once with the value of `key`, or with nil if there is none. The bytes live only during the call.
  func read(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Void
  ) throws(StorageError)

  /// An iterator over the state at this moment; it stands nowhere until the first seek. Not to be shared by threads.
  func makeIterator(_ family: ColumnFamily, _ bounds: IteratorBounds) throws(StorageError)
    -> any EngineIterator

  /// A number that changes with every write that this reader can see; constant for a snapshot.
  var sequence: UInt64 { get }
}

/// A cursor over one family. It sees the state of the moment when it was made.
public protocol EngineIterator: AnyObject {
  /// Moves to the first key at or above `key`.
  func seek(_ key: UnsafeRawBufferPointer)
  /// Moves to the last key at or below `key`.
  func seekForPrevious(_ key: UnsafeRawBufferPointer)
  func seekToFirst()
  func seekToLast()
  /// Only while valid.
  func next()
  /// Only while valid.
  func previous()
  /// Whether the cursor stands on a key. False at the ends, and after a fault: see `checkStatus`.
  var isValid: Bool { get }
  /// Only while valid; the bytes live until the cursor moves or goes away.
  var key: UnsafeRawBufferPointer { get }
  /// Only while valid; the bytes live until the cursor moves or goes away.
  var value: UnsafeRawBufferPointer { get }
  /// Throws if the cursor became invalid by a fault and not by reaching an end.
  func checkStatus() throws(StorageError)
}

/// A frozen view; it keeps old data on disk as long as it lives.
public protocol EngineSnapshot: EngineReader {}

/// A store that can be written.
public protocol Engine: EngineReader {
  /// Applies the batch atomically. With `sync` it returns only when the batch is durable; that is for log engines: a
  /// state engine has no log, there `sync` does not matter.
  func write(_ batch: WriteBatch, sync: Bool) throws(StorageError)

  func snapshot() -> any EngineSnapshot

  /// Makes everything written so far durable, all families at one point. Slow: never on a reactor.
  func flush() throws(StorageError)

  /// The value of a key in the state that a crash at this moment would leave.
  func readPersisted(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Void
  ) throws(StorageError)

  /// A number that is another one once what `readPersisted` sees has changed.
  var persistedMark: UInt64 { get }

  /// About how many bytes the keys from `start` up to `end` take on disk and in memory.
  func approximateSize(_ family: ColumnFamily, start: [UInt8], end: [UInt8]) throws(StorageError) -> UInt64

  /// Writes an openable copy of the store into `path`, which must not exist.
  func checkpoint(to path: String) throws(StorageError)

  /// How busy the engine is.
  func pressure() -> EnginePressure

  /// Numbers about the engine by name, for metrics and diagnosis.
  func metrics() -> [(name: String, value: UInt64)]
}

/// What tells that writes outrun the background work: slow clients down before the engine stalls them.
public struct EnginePressure: Sendable, Equatable {
  /// Files in the first level that wait to be merged; writes are slowed at 20 and stopped at 36.
  public var firstLevelFiles: UInt64 = 0
  /// Bytes that compaction still has to rewrite.
  public var pendingCompactionBytes: UInt64 = 0
  /// Memory tables that wait to be written out.
  public var waitingMemoryTables: UInt64 = 0
  /// Whether the engine holds back or refuses writes now.
  public var isStalled = false

  public init() {}
}

extension EngineReader {
  /// A copy of the value of `key`, or nil.
  public func get(_ family: ColumnFamily, _ key: [UInt8]) throws(StorageError) -> [UInt8]? {
    var copy: [UInt8]?
    try key.span.withUnsafeBytes { (key) throws(StorageError) in
      try read(family, key) { value in copy = value.map { [UInt8]($0) } }
    }
    return copy
  }

  /// Appends the value of `key` to `buffer`; false if there is none.
  public func get(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, appendingTo buffer: inout [UInt8]
  ) throws(StorageError) -> Bool {
    var found = false
    try read(family, key) { value in
      guard let value else { return }
      found = true
      buffer.append(contentsOf: value)
    }
    return found
  }
}

extension Engine {
  /// A copy of the value that a crash at this moment would leave, or nil.
  public func getPersisted(_ family: ColumnFamily, _ key: [UInt8]) throws(StorageError) -> [UInt8]? {
    var copy: [UInt8]?
    try key.span.withUnsafeBytes { (key) throws(StorageError) in
      try readPersisted(family, key) { value in copy = value.map { [UInt8]($0) } }
    }
    return copy
  }

  /// Applies the batch without waiting for it to be durable.
  public func write(_ batch: WriteBatch) throws(StorageError) {
    try write(batch, sync: false)
  }
}

extension EngineIterator {
  public func seek(_ key: [UInt8]) {
    key.withUnsafeBytes { seek($0) }
  }

  public func seekForPrevious(_ key: [UInt8]) {
    key.withUnsafeBytes { seekForPrevious($0) }
  }
}
