// What becomes of a transaction that laid down intents, on disk beside its anchor key and in memory at the leaseholder.
//
//   | PENDING | --heartbeat--> PENDING --commit--> COMMITTED   final
//                                      --expired, rollback--> ABORTED   final
// The record is created lazily: by the first heartbeat, by the end, or by whoever aborts. While it is missing, the
// memory of the leaseholder and, after a restart, the age of its intents stand for it. A commit asks the memory first:
// once it says aborted, or does not know a transaction that laid intents, the commit is refused.
// A finished record goes away when all intents are settled.
//
// A transaction that ingested into spans of its own (new tables and indexes) names them before the first row is there;
// when it ends they are cleared, unless its commit took them off the record.
//
//   version 2 | status | epoch, varint | timestamp, 12 | heartbeat wall, 8 BE | count, spans of intents
//             | count, spans to clear | count, ignored ranges

import Clocks
import Encoding
import Storage

enum TransactionStatus: UInt8, Sendable {
  case pending = 0
  case committed = 1
  case aborted = 2
}

struct TransactionRecord: Sendable, Equatable {
  var id: TransactionID
  var status: TransactionStatus
  var epoch: UInt32 = 0
  /// Committed: the commit timestamp. Otherwise the highest timestamp of an intent known.
  var timestamp = Timestamp.zero
  /// Wall nanoseconds of the last sign of life.
  var heartbeat: Int64 = 0
  /// Where the intents are.
  var spans: [KeySpan] = []
  /// What is to be cleared once the transaction has ended.
  var spansToClear: [KeySpan] = []
  var ignored: [ClosedRange<UInt32>] = []

  static func key(_ range: RangeID, _ id: TransactionID) -> [UInt8] {
    var key = LocalKeys.records(range)
    ValueEncoding.appendBigEndian(id.high, to: &key)
    ValueEncoding.appendBigEndian(id.low, to: &key)
    return key
  }

  func encoded() -> [UInt8] {
    var body: [UInt8] = [2, status.rawValue]
    ValueEncoding.appendVarint(UInt64(epoch), to: &body)
    timestamp.appendEncoded(to: &body)
    ValueEncoding.appendBigEndian(heartbeat, to: &body)
    for spans in [spans, spansToClear] {
      ValueEncoding.appendVarint(UInt64(spans.count), to: &body)
      for span in spans {
        ValueEncoding.appendLengthPrefixed(span.start.bytes, to: &body)
        ValueEncoding.appendLengthPrefixed(span.end.bytes, to: &body)
      }
    }
    ValueEncoding.appendVarint(UInt64(ignored.count), to: &body)
    for range in ignored {
      ValueEncoding.appendVarint(UInt64(range.lowerBound), to: &body)
      ValueEncoding.appendVarint(UInt64(range.upperBound), to: &body)
    }
    return LocalKeys.sealed(body)
  }

  init(id: TransactionID, status: TransactionStatus) {
    self.id = id
    self.status = status
  }

  /// Reads a record under its key; nil if damaged.
  init?(key: UnsafeRawBufferPointer, encoded bytes: [UInt8]) {
    guard key.count >= 16 else { return nil }
    var name = ByteReader(key, offset: key.count - 16)
    guard let high = name.readBigEndian(UInt64.self), let low = name.readBigEndian(UInt64.self) else {
      return nil
    }
    let id = TransactionID(high: high, low: low)
    guard let record = LocalKeys.opened(bytes, { Self.decode(id, &$0) }) else { return nil }
    self = record
  }

  private static func decode(_ id: TransactionID, _ reader: inout ByteReader) -> TransactionRecord? {
    guard reader.readUInt8() == 2,
      let status = reader.readUInt8().flatMap(TransactionStatus.init(rawValue:)),
      let epoch = reader.readVarint().flatMap(UInt32.init(exactly:)),
      let timestamp = reader.readBytes(Timestamp.encodedCount).flatMap(Timestamp.init(encoded:)),
      let heartbeat = reader.readBigEndian(Int64.self),
      let spans = decodeSpans(&reader), let spansToClear = decodeSpans(&reader)
    else { return nil }
    var record = TransactionRecord(id: id, status: status)
    record.epoch = epoch
    record.timestamp = timestamp
    record.heartbeat = heartbeat
    record.spans = spans
    record.spansToClear = spansToClear
    guard let ignoredCount = reader.readVarint(), ignoredCount <= UInt64(reader.remaining) else { return nil }
    for _ in 0..<ignoredCount {
      guard let low = reader.readVarint().flatMap(UInt32.init(exactly:)),
        let high = reader.readVarint().flatMap(UInt32.init(exactly:)), low <= high
      else { return nil }
      record.ignored.append(low...high)
    }
    return record
  }

  private static func decodeSpans(_ reader: inout ByteReader) -> [KeySpan]? {
    guard let count = reader.readVarint(), count <= UInt64(reader.remaining) else { return nil }
    var spans: [KeySpan] = []
    for _ in 0..<count {
      guard let start = reader.readLengthPrefixed(), let end = reader.readLengthPrefixed() else { return nil }
      spans.append(KeySpan(start: Key(copying: start), end: Key(copying: end)))
    }
    return spans
  }

  /// How its intents are to be settled; only of a finished one.
  var resolution: IntentResolution {
    status == .committed ? .commit(at: timestamp, epoch: epoch, ignored: ignored) : .abort
  }
}

/// A transaction with intents, as the leaseholder of its record knows it.
final class RegisteredTransaction {
  var record: TransactionRecord
  /// Readers have seen past its intents up to here: it commits above.
  var leastCommit = Timestamp.zero
  /// Set while the command that ends it is in flight.
  var finishing: Latch?
  /// The commit timestamp of that command; nil when it aborts.
  var finishingAt: Timestamp?
  /// Whether intents may be left.
  var isResolved = false
  /// Monotonic nanoseconds of the end, for forgetting an aborted one whose coordinator never came.
  var finishedAt: Int64 = 0

  /// The coordinator itself gave up, or has heard of it: nobody will ask any more.
  var coordinatorKnows = false
  /// What is still to be looked through for intents, once it is finished.
  var unresolvedSpans: [KeySpan]

  /// Whether there are, or may be, intents of it: a transaction that only ingests has none.
  var mayHaveIntents: Bool { !isResolved && !record.spans.isEmpty }

  init(_ record: TransactionRecord) {
    self.record = record
    unresolvedSpans = KeySpans.normalized(record.spans)
  }
}

/// The transactions with intents of one range.
final class TransactionRegistry {
  private(set) var entries: [TransactionID: RegisteredTransaction] = [:]
  /// Intents of transactions that nobody registered may exist: after a restart, until they are looked for.
  var hasStrangers = false
  /// How many transactions may have intents.
  private(set) var unresolved = 0

  /// Whether any intent may exist.
  var mayHaveIntents: Bool { unresolved > 0 || hasStrangers }

  func addSpan(_ span: KeySpan, to entry: RegisteredTransaction) {
    if !entry.mayHaveIntents && !entry.isResolved { unresolved += 1 }
    entry.record.spans = KeySpans.adding(span, to: entry.record.spans, limit: 256)
    entry.unresolvedSpans = KeySpans.normalized(entry.record.spans)
  }

  /// The part of `span` in which intents may exist, nil if there is none: what reads look through beside the versions. Whatever was
  /// resolved lies outside of it, for the engine would have to pass over every one of those deletions.
  func intentSpan(in span: KeySpan) -> KeySpan? {
    guard mayHaveIntents else { return nil }
    if hasStrangers { return span }
    var hull: KeySpan?
    for entry in entries.values where !entry.isResolved {
      for unresolved in entry.unresolvedSpans {
        guard let common = unresolved.intersection(span) else { continue }
        hull = hull.map { KeySpan(start: min($0.start, common.start), end: max($0.end, common.end)) } ?? common
      }
    }
    return hull
  }

  func mayHaveIntent(at key: Key) -> Bool {
    guard mayHaveIntents else { return false }
    if hasStrangers { return true }
    return entries.values.contains { entry in
      !entry.isResolved && entry.unresolvedSpans.contains { $0.contains(key) }
    }
  }

  subscript(id: TransactionID) -> RegisteredTransaction? { entries[id] }

  func add(_ record: TransactionRecord) -> RegisteredTransaction {
    let entry = RegisteredTransaction(record)
    entries[record.id] = entry
    if entry.mayHaveIntents { unresolved += 1 }
    return entry
  }

  func markResolved(_ entry: RegisteredTransaction) {
    guard !entry.isResolved else { return }
    if entry.mayHaveIntents { unresolved -= 1 }
    entry.isResolved = true
  }

  func remove(_ id: TransactionID) {
    guard let entry = entries.removeValue(forKey: id) else { return }
    markResolved(entry)
  }

  /// In the order of their ids, so that a run repeats.
  var sorted: [RegisteredTransaction] { entries.values.sorted { $0.record.id < $1.record.id } }
}
