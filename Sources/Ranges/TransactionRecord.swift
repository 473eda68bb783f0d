// What becomes of a transaction that laid down intents, on disk beside its anchor key and in memory at the leaseholder of the
// range that holds the anchor. Other ranges with intents of the transaction know of it what that one has told.
//
//   | PENDING | --heartbeat--> PENDING --commit--> COMMITTED   final
//                                      --expired, rollback--> ABORTED   final
//                                      --stage--> STAGING --all writes are there--> COMMITTED
//                                                         --one is prevented--> ABORTED      (`StagedCommit`)
// The record is created lazily: by the first heartbeat, by the end, or by whoever aborts. While it is missing, the
// memory of the leaseholder and, after a restart, the age of its intents stand for it. A commit asks the memory first:
// once it says aborted, or does not know a transaction that laid intents, the commit is refused.
// A committed record goes away when all intents are settled, in all ranges; an aborted one when those of its own range are: where no
// record is, an intent that is old enough is that of an aborted transaction.
//
// A transaction that ingested into spans of its own (new tables and indexes) names them before the first row is there;
// when it ends they are cleared, unless its commit took them off the record.
//
//   version 3 | status | epoch, varint | timestamp, 12 | heartbeat wall, 8 BE | count, spans of intents
//             | count, spans to clear | count, ignored ranges | anchor, length prefixed
//   version 4, of staged ones, the same and | count, promised writes: key, length prefixed, sequence, varint

import Clocks
import Encoding
import Storage

/// How far a transaction has come.
public enum TransactionStatus: UInt8, Sendable {
  case pending = 0
  case committed = 1
  case aborted = 2
  /// Committed if all promised writes are there.
  case staging = 3

  /// Whether it stays so.
  public var isFinal: Bool { self == .committed || self == .aborted }
}

struct TransactionRecord: Sendable, Equatable {
  var id: TransactionID
  /// The key beside which the record lies.
  var anchor: Key
  var status: TransactionStatus
  var epoch: UInt32 = 0
  /// Committed or staging: the commit timestamp. Otherwise the highest timestamp of an intent known.
  var timestamp = Timestamp.zero
  /// Wall nanoseconds of the last sign of life.
  var heartbeat: Int64 = 0
  /// Where the intents are.
  var spans: [KeySpan] = []
  /// What is to be cleared once the transaction has ended.
  var spansToClear: [KeySpan] = []
  var ignored: [ClosedRange<UInt32>] = []
  /// Staging: what must be there in other ranges.
  var promised: [PromisedWrite] = []

  var key: [UInt8] { LocalKeys.record(anchor, id) }

  /// What the timestamp cache calls an aborted transaction that is forgotten: no key, so that no span covers it.
  static func tombstone(_ id: TransactionID) -> Key { mark(0, id) }

  /// What the timestamp cache calls a transaction that readers have pushed.
  static func push(_ id: TransactionID) -> Key { mark(1, id) }

  private static func mark(_ kind: UInt8, _ id: TransactionID) -> Key {
    var bytes: [UInt8] = Key.max.bytes + [kind]
    ValueEncoding.appendBigEndian(id.high, to: &bytes)
    ValueEncoding.appendBigEndian(id.low, to: &bytes)
    return Key(bytes)
  }

  func encoded() -> [UInt8] {
    var body: [UInt8] = [status == .staging ? 4 : 3, status.rawValue]
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
    ValueEncoding.appendLengthPrefixed(anchor.bytes, to: &body)
    if status == .staging {
      ValueEncoding.appendVarint(UInt64(promised.count), to: &body)
      for write in promised {
        ValueEncoding.appendLengthPrefixed(write.key.bytes, to: &body)
        ValueEncoding.appendVarint(UInt64(write.sequence), to: &body)
      }
    }
    return LocalKeys.sealed(body)
  }

  init(id: TransactionID, anchor: Key, status: TransactionStatus) {
    self.id = id
    self.anchor = anchor
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
    guard let version = reader.readUInt8(), let status = reader.readUInt8().flatMap(TransactionStatus.init(rawValue:)),
      version == (status == .staging ? 4 : 3),
      let epoch = reader.readVarint().flatMap(UInt32.init(exactly:)),
      let timestamp = reader.readBytes(Timestamp.encodedCount).flatMap(Timestamp.init(encoded:)),
      let heartbeat = reader.readBigEndian(Int64.self),
      let spans = decodeSpans(&reader), let spansToClear = decodeSpans(&reader)
    else { return nil }
    var record = TransactionRecord(id: id, anchor: Key.min, status: status)
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
    guard let anchor = reader.readLengthPrefixed() else { return nil }
    record.anchor = Key(copying: anchor)
    guard status == .staging else { return record }
    guard let count = reader.readVarint(), count <= UInt64(reader.remaining) else { return nil }
    for _ in 0..<count {
      guard let key = reader.readLengthPrefixed(), let sequence = reader.readVarint().flatMap(UInt32.init(exactly:))
      else { return nil }
      record.promised.append(PromisedWrite(key: Key(copying: key), sequence: sequence))
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

  /// It is another range's from now on to say how the transaction stands.
  mutating func becomeForeign() {
    if status == .staging { status = .pending }
    promised = []
  }

  /// How its intents are to be settled; only of a finished one.
  var resolution: IntentResolution {
    status == .committed ? .commit(at: timestamp, epoch: epoch, ignored: ignored) : .abort
  }
}

/// A transaction with intents or a record in a range, as its leaseholder knows it.
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
  /// What is still to be looked through for intents in this range, once it is finished; normalized.
  var unresolvedSpans: [KeySpan]
  /// Of a transaction that committed here: where its intents in other ranges are, until somebody says that they are settled.
  var spansElsewhere: [KeySpan] = []
  /// Of a transaction that ended here: what is to be cleared in other ranges.
  var clearsElsewhere: [KeySpan] = []
  /// Monotonic nanoseconds of when the range of its record was last heard, if that is another one.
  var heardAt: Int64 = .min
  /// Told when its intents here are settled (true), or when that will not be known (false).
  var waiters: [UnsafeContinuation<Bool, Never>] = []
  /// The range of its record, another one, has said that its commit is staged at this timestamp.
  var stagedElsewhere: Timestamp?
  /// Where it may have committed already.
  var stagedAt: Timestamp? { record.status == .staging ? record.timestamp : stagedElsewhere }
  /// Requests that go on once it is known what came of a staged commit, or has been unknown for too long.
  private var onlookers: [Waiter] = []

  /// A waiter that ends when what is known of the staged commit has changed, or should have.
  func makeOnlooker() -> Waiter {
    let waiter = Waiter()
    onlookers.removeAll(where: \.isFinished)
    onlookers.append(waiter)
    return waiter
  }

  func tellOnlookers(_ outcome: WaitOutcome = .granted) {
    let told = onlookers
    onlookers = []
    for waiter in told { waiter.finish(outcome) }
  }

  /// Whether there are, or may be, intents of it: a transaction that only ingests has none.
  var mayHaveIntents: Bool { !isResolved && !record.spans.isEmpty }

  func finishWaiting(_ areSettled: Bool) {
    let told = waiters
    waiters = []
    for waiter in told { waiter.resume(returning: areSettled) }
  }

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

  /// Notes where intents of an ending transaction are, here and elsewhere.
  func addSpans(_ spans: [KeySpan], to entry: RegisteredTransaction) {
    if !entry.mayHaveIntents, !entry.isResolved, !spans.isEmpty { unresolved += 1 }
    entry.record.spans = KeySpans.condensed(entry.record.spans + spans, limit: Limits.spansPerRecord)
  }

  func addSpan(_ span: KeySpan, to entry: RegisteredTransaction) {
    if !entry.mayHaveIntents && !entry.isResolved { unresolved += 1 }
    entry.record.spans = KeySpans.adding(span, to: entry.record.spans, limit: Limits.spansPerRecord)
    entry.unresolvedSpans = KeySpans.normalized(
      KeySpans.adding(span, to: entry.unresolvedSpans, limit: Limits.spansPerRecord))
  }

  /// Nobody here will learn any more when intents are settled.
  func abandonWaiters() {
    for entry in sorted {
      entry.finishWaiting(false)
      entry.tellOnlookers(.stopped("the range is led elsewhere"))
    }
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
      !entry.isResolved && KeySpans.contain(entry.unresolvedSpans, key)
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

  /// There are, or may be, intents of a transaction in more places than were known.
  func reopen(_ entry: RegisteredTransaction, _ spans: [KeySpan]) {
    if entry.isResolved {
      entry.isResolved = false
      if entry.mayHaveIntents { unresolved += 1 }
    }
    for span in spans { addSpan(span, to: entry) }
  }

  func remove(_ id: TransactionID) {
    guard let entry = entries.removeValue(forKey: id) else { return }
    markResolved(entry)
  }

  func releaseIdleMemory() { if entries.isEmpty { entries = [:] } }

  /// In the order of their ids, so that a run repeats.
  var sorted: [RegisteredTransaction] { entries.values.sorted { $0.record.id < $1.record.id } }
}
