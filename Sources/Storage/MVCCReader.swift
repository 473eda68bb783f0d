// HOT: reads of one key at a timestamp.
//
// A reader belongs to one thread, and is meant to be kept: it reuses its cursor and buffers from read to read. Over an
// engine it always sees the newest state (its cursor is replaced once something was written), over a snapshot what the
// snapshot froze. A point read costs one seek: to the newest version of the key, which also tells whether there is a
// version above the read's timestamp, and then usually no step further.

import Clocks
import Encoding

/// How a read looks at the versions it meets.
public struct ReadOptions: Sendable {
  /// Versions above it are not seen, only reported.
  public var timestamp: Timestamp
  /// The reading transaction, whose own intents are visible to it; nil for none.
  public var transaction: TransactionView?
  /// False if the caller knows that the keys read bear no intent: then `locks` is not looked at.
  public var mayHaveIntents: Bool
  /// The only part of a scan's span in which there may be intents, if the caller knows one.
  public var intentSpan: KeySpan?
  /// Intents of others are in the way even above the timestamp, since the reader is about to write.
  public var isLocking: Bool
  /// Transactions whose intents are not in the way: their timestamps were pushed above this read.
  public var passed: [TransactionID] = []

  public init(
    at timestamp: Timestamp, transaction: TransactionView? = nil, mayHaveIntents: Bool = true,
    isLocking: Bool = false
  ) {
    self.timestamp = timestamp
    self.transaction = transaction
    self.mayHaveIntents = mayHaveIntents
    self.isLocking = isLocking
  }
}

/// What a read of one key met.
public struct PointOutcome: Sendable {
  /// Whether the key has a value at the timestamp.
  public var isFound = false
  /// The version that decided, a deletion included; `zero` if there was none.
  public var version = Timestamp.zero
  /// The newest version above the read's timestamp; `zero` if there is none.
  public var newer = Timestamp.zero
  /// Another transaction's intent that must be settled first; nothing else is filled in then.
  public var intent: Intent?

  init() {}
}

/// Reads versions from an engine or a snapshot; not to be shared by threads.
public final class MVCCReader {
  public let source: any EngineReader
  /// The cursor of point reads, good as long as the source's sequence is still `pointSequence`.
  private var pointCursor: (any EngineIterator)?
  private var pointSequence: UInt64 = 0
  private var target: [UInt8] = []
  private let cache: VersionCache?
  /// Versions stepped over one by one before a seek is cheaper.
  static let stepLimit = 6

  /// - Parameter cacheByteCount: memory for the newest versions of keys in use; if it is not 0, the owner tells `noteWritten` of
  ///   every batch.
  public init(_ source: any EngineReader, cacheByteCount: Int = 0) {
    self.source = source
    cache = cacheByteCount > 0 ? VersionCache(byteCount: cacheByteCount) : nil
    target.reserveCapacity(256)
  }

  /// Lets go of what the reader keeps for the next read. Call it when idle: a cursor pins old files and memory tables.
  public func release() {
    pointCursor = nil
  }

  /// The engine was written to without the reader's being told.
  public func forgetAll() {
    pointCursor = nil
    cache?.removeAll()
  }

  /// A batch was written to the engine.
  public func noteWritten(_ batch: borrowing WriteBatch) { cache?.note(batch) }

  func cursorForPointRead() throws(StorageError) -> any EngineIterator {
    let now = source.sequence
    if let pointCursor, pointSequence == now { return pointCursor }
    pointCursor = nil
    let cursor = try source.makeIterator(.data, .pointRead)
    pointCursor = cursor
    // Taken before the cursor was made: a write in between makes the next read renew it, never keep it.
    pointSequence = now
    return cursor
  }

  /// Appends the value of `key` at the timestamp to `value`.
  public func get(
    _ key: Key, _ options: ReadOptions, appendingTo value: inout [UInt8]
  ) throws(StorageError) -> PointOutcome {
    try key.bytes.span.withUnsafeBytes { (key) throws(StorageError) in
      try read(key, options) { value.append(contentsOf: $0) }
    }
  }

  /// Appends key and value to `block` if the key has a value at the timestamp.
  public func get(
    _ key: Key, _ options: ReadOptions, into block: inout KeyValueBlock
  ) throws(StorageError) -> PointOutcome {
    try key.bytes.span.withUnsafeBytes { (key) throws(StorageError) in
      try read(key, options) { block.append(key: key, value: $0) }
    }
  }

  /// The same for a key that bears no intent; returns the version that decided, a deletion included, or `zero`.
  public func get(
    _ key: Key, at timestamp: Timestamp, into block: inout KeyValueBlock
  ) throws(StorageError) -> Timestamp {
    try key.bytes.span.withUnsafeBytes { (key) throws(StorageError) in
      MVCCFormat.makeStem(key, into: &target)
      return try readVersion(at: timestamp) { block.append(key: key, value: $0) }.version
    }
  }

  /// Reads one key; calls `deliver` once with the value if there is one. The bytes live only during the call.
  @inline(__always)
  public func read(
    _ key: UnsafeRawBufferPointer, _ options: ReadOptions, _ deliver: (UnsafeRawBufferPointer) -> Void
  ) throws(StorageError) -> PointOutcome {
    var outcome = PointOutcome()
    MVCCFormat.makeStem(key, into: &target)
    if options.mayHaveIntents, let intent = try intent(onStem: target) {
      if let transaction = options.transaction, transaction.id == intent.transaction {
        switch intent.visible(to: transaction) {
        case .nothing: break
        case .deleted:
          outcome.version = intent.timestamp
          return outcome
        case .value(let bytes):
          outcome.version = intent.timestamp
          outcome.isFound = true
          bytes.withUnsafeBytes { deliver($0) }
          return outcome
        }
      } else if intent.blocks(options) {
        outcome.intent = intent
        return outcome
      }
    }
    let read = try readVersion(at: options.timestamp, deliver)
    (outcome.isFound, outcome.version, outcome.newer) = (read.isFound, read.version, read.newer)
    return outcome
  }

  /// What `PointOutcome` says of versions.
  private struct VersionOutcome {
    var isFound = false
    var version = Timestamp.zero
    var newer = Timestamp.zero
  }

  /// Reads the key whose stem is in `target`, whatever its intents.
  @inline(__always)
  private func readVersion(
    at timestamp: Timestamp, _ deliver: (UnsafeRawBufferPointer) -> Void
  ) throws(StorageError) -> VersionOutcome {
    var outcome = VersionOutcome()
    let stemCount = target.count
    var hash: UInt64 = 0
    if let cache {
      let isKept = target.withUnsafeBytes { stem in
        hash = KeyHash.hash(stem)
        guard let (version, payload) = cache.find(stem, hash), version <= timestamp else { return false }
        outcome.version = version
        outcome.isFound = true
        deliver(payload)
        return true
      }
      if isKept { return outcome }
    }
    target.append(contentsOf: repeatElement(0, count: MVCCFormat.suffixCount))
    let cursor = try cursorForPointRead()
    cursor.seek(target)
    var steps = 0
    while cursor.isValid {
      let found = cursor.key
      guard let version = MVCCFormat.timestamp(of: found) else {
        throw .corruption("key \(Key(copying: found)) has no timestamp")
      }
      if version <= timestamp {
        outcome.version = version
        if let payload = try MVCCFormat.payload(of: cursor.value, key: found) {
          outcome.isFound = true
          deliver(payload)
          if steps == 0, let cache {
            target.withUnsafeBytes {
              cache.keep(UnsafeRawBufferPointer(rebasing: $0[..<stemCount]), hash, version, payload)
            }
          }
        }
        return outcome
      }
      if steps == 0 { outcome.newer = version }
      steps += 1
      if steps == Self.stepLimit {
        target.withUnsafeMutableBytes { raw in
          if let base = raw.baseAddress { timestamp.storeInverted(to: base + stemCount) }
        }
        cursor.seek(target)
      } else {
        cursor.next()
      }
    }
    try cursor.checkStatus()
    return outcome
  }

  /// The newest version of a key, deletions included; `zero` if it never had one.
  public func newestVersion(_ key: Key) throws(StorageError) -> Timestamp {
    key.bytes.withUnsafeBytes { MVCCFormat.makeStem($0, into: &target) }
    if let cache {
      let kept = target.withUnsafeBytes { cache.find($0, KeyHash.hash($0))?.version }
      if let kept { return kept }
    }
    target.append(contentsOf: repeatElement(0, count: MVCCFormat.suffixCount))
    let cursor = try cursorForPointRead()
    cursor.seek(target)
    guard cursor.isValid else {
      try cursor.checkStatus()
      return .zero
    }
    guard let version = MVCCFormat.timestamp(of: cursor.key) else {
      throw .corruption("key \(Key(copying: cursor.key)) has no timestamp")
    }
    return version
  }

  /// The intent on a key, whoever wrote it.
  public func intent(_ key: Key) throws(StorageError) -> Intent? {
    try intent(onStem: MVCCFormat.stem(key))
  }

  private func intent(onStem stem: [UInt8]) throws(StorageError) -> Intent? {
    var bytes: [UInt8]?
    try stem.span.withUnsafeBytes { (stem) throws(StorageError) in
      try source.read(.locks, stem) { value in bytes = value.map { [UInt8]($0) } }
    }
    guard let bytes else { return nil }
    let key = try stem.span.withUnsafeBytes { (raw) throws(StorageError) in try MVCCFormat.userKey(stem: raw)
    }
    return try bytes.span.withUnsafeBytes { (raw) throws(StorageError) in try Intent(key: key, encoded: raw) }
  }

  /// The intents in a span, ascending, at most `limit`.
  public func intents(in span: KeySpan, limit: Int = Int.max) throws(StorageError) -> [Intent] {
    var found: [Intent] = []
    guard !span.isEmpty else { return found }
    let cursor = try source.makeIterator(
      .locks, IteratorBounds(lower: MVCCFormat.bound(span.start), upper: MVCCFormat.bound(span.end)))
    cursor.seekToFirst()
    while cursor.isValid, found.count < limit {
      let key = try MVCCFormat.userKey(stem: cursor.key)
      found.append(try Intent(key: key, encoded: cursor.value))
      cursor.next()
    }
    try cursor.checkStatus()
    return found
  }

  /// The first key with a version whose engine key lies at or above `lower`, and below `upper`.
  public func firstKey(atOrAbove lower: [UInt8], below upper: [UInt8]) throws(StorageError) -> Key? {
    let cursor = try source.makeIterator(.data, IteratorBounds(lower: lower, upper: upper))
    cursor.seekToFirst()
    // The bound may lie within the versions of a key, which then begins before it.
    var first: Key?
    while cursor.isValid {
      guard let stem = MVCCFormat.stem(of: cursor.key) else {
        throw .corruption("key \(Key(copying: cursor.key)) has no timestamp")
      }
      let key = try MVCCFormat.userKey(stem: stem)
      if MVCCFormat.bound(key).lexicographicallyPrecedes(lower) {
        if first != nil { return nil }
        first = key
        cursor.seek(MVCCFormat.bound(key.next))
        continue
      }
      return key
    }
    try cursor.checkStatus()
    return nil
  }

  /// How many intents the store holds; what a counter of intents starts from.
  public func countIntents() throws(StorageError) -> Int {
    let cursor = try source.makeIterator(.locks, .all)
    cursor.seekToFirst()
    var count = 0
    while cursor.isValid {
      count += 1
      cursor.next()
    }
    try cursor.checkStatus()
    return count
  }
}
