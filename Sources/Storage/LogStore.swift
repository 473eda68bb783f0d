// The raft log of all ranges of a store, and their hard states, in an engine of their own.
//
// Contract: once `write(_:sync: true)` returned, what the batch holds survives a crash. One batch carries the work of
// many ranges, so one sync serves them all (group commit). The log of a range is contiguous from `firstIndex` on.
//
//   key     | range, 8 bytes BE | 0 |                       hard state: varint term, vote, commit, lead node, lead epoch, replica
//           | 0, 8 bytes BE | kind |                        record of the store itself
//           | range, 8 bytes BE | 1 |                       compaction: varint index, term of the last entry dropped
//           | range, 8 bytes BE | 2 | index, 8 bytes BE |   entry: varint 4 × term + kind, payload
//           | range, 8 bytes BE | 3 | number, 8 bytes BE |  piece of a snapshot that is being received
//           | range, 8 bytes BE | 4 |                       end of such a snapshot: all pieces are there
//   value   | CRC-32C of what follows, 4 bytes LE | … |

import Encoding

/// One entry of a range's log.
public struct LogEntry: Sendable, Equatable {
  public var index: UInt64
  public var term: UInt64
  /// What the payload is, 0...3; the owner of the log knows.
  public var kind: UInt8
  public var payload: [UInt8]

  public init(index: UInt64, term: UInt64, kind: UInt8 = 0, payload: [UInt8]) {
    self.index = index
    self.term = term
    self.kind = kind
    self.payload = payload
  }
}

/// What a raft member must remember besides its log.
public struct HardState: Sendable, Equatable {
  public var term: UInt64
  /// The node voted for in `term`; 0 for none.
  public var vote: UInt64
  public var commit: UInt64
  /// The node that was promised support as the leader of `term`, and the epoch of that; 0: none was.
  public var leadNode: UInt64
  public var leadEpoch: UInt64
  /// Whose it is: a range may have had another replica here before, whose promises are not this one's.
  public var replica: UInt64

  public init(
    term: UInt64 = 0, vote: UInt64 = 0, commit: UInt64 = 0, leadNode: UInt64 = 0, leadEpoch: UInt64 = 0,
    replica: UInt64 = 0
  ) {
    self.term = term
    self.vote = vote
    self.commit = commit
    self.leadNode = leadNode
    self.leadEpoch = leadEpoch
    self.replica = replica
  }
}

/// A place in a log.
public struct LogPosition: Sendable, Equatable {
  public var index: UInt64
  public var term: UInt64

  public init(index: UInt64, term: UInt64) {
    self.index = index
    self.term = term
  }

  public static let zero = LogPosition(index: 0, term: 0)
}

/// Changes of the logs of any number of ranges, made durable together.
public struct LogBatch: Sendable {
  public private(set) var changes = WriteBatch()

  public init() {}

  public var isEmpty: Bool { changes.isEmpty }
  public var byteCount: Int { changes.byteCount }

  public mutating func removeAll() {
    changes.removeAll(keepingCapacity: true)
  }

  private mutating func put(_ key: [UInt8], bodyCount: Int, _ body: (inout [UInt8]) -> Void) {
    changes.put(.data, keyCount: key.count, valueCount: 4 + bodyCount) {
      $0.append(contentsOf: key)
    } value: { buffer in
      let start = buffer.count
      buffer.append(contentsOf: repeatElement(0, count: 4))
      body(&buffer)
      buffer.withUnsafeMutableBytes { raw in
        let checksum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: raw[(start + 4)...]))
        raw.storeBytes(of: checksum.littleEndian, toByteOffset: start, as: UInt32.self)
      }
    }
  }

  private mutating func putNumbers(_ key: [UInt8], _ numbers: [UInt64]) {
    put(key, bodyCount: numbers.reduce(0) { $0 + ValueEncoding.varintCount($1) }) { buffer in
      for number in numbers { ValueEncoding.appendVarint(number, to: &buffer) }
    }
  }

  /// Appends an entry, or replaces the one of the same index; entries behind a replaced one are not removed.
  public mutating func append(
    range: UInt64, index: UInt64, term: UInt64, kind: UInt8 = 0, payload: UnsafeRawBufferPointer
  ) {
    let head = term << 2 | UInt64(kind & 3)
    put(LogStore.key(range, 2, index), bodyCount: ValueEncoding.varintCount(head) + payload.count) { buffer in
      ValueEncoding.appendVarint(head, to: &buffer)
      buffer.append(contentsOf: payload)
    }
  }

  public mutating func append(range: UInt64, _ entry: LogEntry) {
    entry.payload.withUnsafeBytes {
      append(range: range, index: entry.index, term: entry.term, kind: entry.kind, payload: $0)
    }
  }

  /// Removes the entries from `index` on: a new leader's log disagreed.
  public mutating func removeEntries(range: UInt64, from index: UInt64) {
    changes.deleteRange(.data, start: LogStore.key(range, 2, index), end: LogStore.key(range, 3))
  }

  /// Deletions of a span burden every read that comes after, until they are merged away: worth it only for many entries.
  private static let singleDeletions: UInt64 = 64

  /// Drops the entries up to and with `position`, which are applied and flushed.
  /// - Parameter first: the index of the first entry that may be there; 0: it is not known.
  public mutating func compact(range: UInt64, from first: UInt64 = 0, through position: LogPosition) {
    guard position.index < UInt64.max else { return }
    if first > 0, first <= position.index, position.index - first < Self.singleDeletions {
      for index in first...position.index { changes.delete(.data, LogStore.key(range, 2, index)) }
    } else {
      changes.deleteRange(.data, start: LogStore.key(range, 2), end: LogStore.key(range, 2, position.index + 1))
    }
    putNumbers(LogStore.key(range, 1), [position.index, position.term])
  }

  public mutating func setHardState(range: UInt64, _ state: HardState) {
    putNumbers(
      LogStore.key(range, 0), [state.term, state.vote, state.commit, state.leadNode, state.leadEpoch, state.replica])
  }

  /// Keeps a record of the store itself, which is no range's.
  public mutating func setStoreRecord(_ kind: UInt8, _ bytes: [UInt8]) {
    put(LogStore.key(0, kind), bodyCount: bytes.count) { $0.append(contentsOf: bytes) }
  }

  /// Removes everything of a range.
  public mutating func removeRange(_ range: UInt64) {
    changes.deleteRange(.data, start: LogStore.key(range, 0), end: LogStore.key(range, 5))
  }

  /// Keeps a piece of a snapshot.
  public mutating func putSnapshotPiece(range: UInt64, number: UInt64, _ bytes: [UInt8]) {
    put(LogStore.key(range, 3, number), bodyCount: bytes.count) { $0.append(contentsOf: bytes) }
  }

  /// Notes that all pieces of a snapshot are there.
  public mutating func putSnapshotEnd(range: UInt64, _ bytes: [UInt8]) {
    put(LogStore.key(range, 4), bodyCount: bytes.count) { $0.append(contentsOf: bytes) }
  }

  /// Removes a snapshot, whole or in part.
  public mutating func removeSnapshot(range: UInt64) {
    changes.deleteRange(.data, start: LogStore.key(range, 3), end: LogStore.key(range, 5))
  }
}

/// Reads and writes the logs of a store's ranges.
public final class LogStore: Sendable {
  public let engine: any Engine

  public init(_ engine: any Engine) {
    self.engine = engine
  }

  static func key(_ range: UInt64, _ kind: UInt8, _ index: UInt64? = nil) -> [UInt8] {
    var key = [UInt8]()
    key.reserveCapacity(17)
    ValueEncoding.appendBigEndian(range, to: &key)
    key.append(kind)
    if let index { ValueEncoding.appendBigEndian(index, to: &key) }
    return key
  }

  /// Applies a batch; with `sync` it is durable on return.
  public func write(_ batch: LogBatch, sync: Bool) throws(StorageError) {
    try engine.write(batch.changes, sync: sync)
  }

  private static func open(_ value: UnsafeRawBufferPointer, range: UInt64) throws(StorageError) -> ByteReader {
    guard value.count >= 4,
      CRC32C.checksum(UnsafeRawBufferPointer(rebasing: value[4...]))
        == UInt32(littleEndian: value.loadUnaligned(as: UInt32.self))
    else { throw .corruption("a record of the log of range \(range) fails its checksum") }
    return ByteReader(value, offset: 4)
  }

  private static func malformed(_ range: UInt64) -> StorageError {
    .corruption("a record of the log of range \(range) is malformed")
  }

  private func numbers(_ range: UInt64, _ kind: UInt8, count: Int) throws(StorageError) -> [UInt64]? {
    guard let value = try engine.get(.data, Self.key(range, kind)) else { return nil }
    return try value.span.withUnsafeBytes { (raw) throws(StorageError) -> [UInt64] in
      var reader = try Self.open(raw, range: range)
      var numbers: [UInt64] = []
      for _ in 0..<count {
        guard let number = reader.readVarint() else { throw Self.malformed(range) }
        numbers.append(number)
      }
      return numbers
    }
  }

  /// Nil for one that was never written.
  public func storeRecord(_ kind: UInt8) throws(StorageError) -> [UInt8]? {
    guard let value = try engine.get(.data, Self.key(0, kind)) else { return nil }
    return try value.span.withUnsafeBytes { (raw) throws(StorageError) -> [UInt8] in
      [UInt8](try Self.open(raw, range: 0).rest)
    }
  }

  /// The end of a snapshot whose pieces are all there; nil if there is none.
  public func snapshotEnd(range: UInt64) throws(StorageError) -> [UInt8]? {
    guard let value = try engine.get(.data, Self.key(range, 4)) else { return nil }
    return try value.span.withUnsafeBytes { (raw) throws(StorageError) -> [UInt8] in
      [UInt8](try Self.open(raw, range: range).rest)
    }
  }

  /// A piece of a snapshot; nil if there is none of that number.
  public func snapshotPiece(range: UInt64, number: UInt64) throws(StorageError) -> [UInt8]? {
    guard let value = try engine.get(.data, Self.key(range, 3, number)) else { return nil }
    return try value.span.withUnsafeBytes { (raw) throws(StorageError) -> [UInt8] in
      [UInt8](try Self.open(raw, range: range).rest)
    }
  }

  /// Nil for a range that never wrote one.
  public func hardState(range: UInt64) throws(StorageError) -> HardState? {
    guard let numbers = try numbers(range, 0, count: 6) else { return nil }
    return HardState(
      term: numbers[0], vote: numbers[1], commit: numbers[2], leadNode: numbers[3], leadEpoch: numbers[4],
      replica: numbers[5])
  }

  /// The last entry that compaction dropped; `zero` if it never dropped one.
  public func compacted(range: UInt64) throws(StorageError) -> LogPosition {
    guard let numbers = try numbers(range, 1, count: 2) else { return .zero }
    return LogPosition(index: numbers[0], term: numbers[1])
  }

  /// The last entry, or where compaction ended if there is none.
  public func last(range: UInt64) throws(StorageError) -> LogPosition {
    let cursor = try engine.makeIterator(
      .data, IteratorBounds(lower: Self.key(range, 2), upper: Self.key(range, 3)))
    cursor.seekToLast()
    if cursor.isValid { return try Self.decode(cursor, range: range).position }
    try cursor.checkStatus()
    return try compacted(range: range)
  }

  /// The term of an entry, or of the last one compacted; nil if the log does not reach there.
  public func term(range: UInt64, index: UInt64) throws(StorageError) -> UInt64? {
    if let value = try engine.get(.data, Self.key(range, 2, index)) {
      return try value.span.withUnsafeBytes { (raw) throws(StorageError) -> UInt64 in
        var reader = try Self.open(raw, range: range)
        guard let head = reader.readVarint() else { throw Self.malformed(range) }
        return head >> 2
      }
    }
    let compacted = try compacted(range: range)
    return compacted.index == index ? compacted.term : nil
  }

  /// The entries from `first` up to, and without, `end`, until their payloads reach `byteLimit`; at least one if there
  /// is one. Stops at a gap, which only compaction makes.
  public func entries(
    range: UInt64, from first: UInt64, to end: UInt64 = UInt64.max, byteLimit: Int = Int.max
  ) throws(StorageError) -> [LogEntry] {
    guard first < end else { return [] }
    let cursor = try engine.makeIterator(
      .data, IteratorBounds(lower: Self.key(range, 2, first), upper: Self.key(range, 3)))
    cursor.seekToFirst()
    var entries: [LogEntry] = []
    var expected = first
    var total = 0
    while cursor.isValid {
      let (position, kind, payload) = try Self.decode(cursor, range: range)
      guard position.index == expected, position.index < end else { break }
      total += payload.count
      if total > byteLimit && !entries.isEmpty { break }
      entries.append(LogEntry(index: position.index, term: position.term, kind: kind, payload: [UInt8](payload)))
      expected += 1
      cursor.next()
    }
    try cursor.checkStatus()
    return entries
  }

  private static func decode(
    _ cursor: any EngineIterator, range: UInt64
  ) throws(StorageError) -> (position: LogPosition, kind: UInt8, payload: UnsafeRawBufferPointer) {
    var key = ByteReader(cursor.key, offset: 9)
    guard let index = key.readBigEndian(UInt64.self) else { throw malformed(range) }
    var reader = try open(cursor.value, range: range)
    guard let head = reader.readVarint() else { throw malformed(range) }
    return (LogPosition(index: index, term: head >> 2), UInt8(head & 3), reader.rest)
  }

  /// The ranges that have anything in the log, ascending.
  public func ranges() throws(StorageError) -> [UInt64] {
    let cursor = try engine.makeIterator(.data, .all)
    cursor.seekToFirst()
    var ranges: [UInt64] = []
    while cursor.isValid {
      var key = ByteReader(cursor.key)
      guard let range = key.readBigEndian(UInt64.self) else {
        throw .corruption("the log holds a key that is no log key")
      }
      if range > 0 { ranges.append(range) }
      guard range < UInt64.max else { break }
      cursor.seek(Self.key(range + 1, 0))
    }
    try cursor.checkStatus()
    return ranges
  }
}
