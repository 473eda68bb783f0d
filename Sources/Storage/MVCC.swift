// HOT: writes of versions and intents, as changes in a batch.
//
// Nothing here writes to the engine: evaluation fills a batch, the batch travels through the log, and applying it is
// one engine write. Whether a write is allowed (latches, locks, versions above it) the caller has found out before.
// A batch may hold at most one intent operation per key, since these read the intent that stands in the engine.

import Clocks
import Encoding

/// What became of an attempt to write an intent.
public enum IntentOutcome: Sendable, Equatable {
  case written
  /// Another transaction's intent stands on the key; nothing was written.
  case conflict(Intent)
}

/// How a transaction ended, as far as its intents go.
public enum IntentResolution: Sendable, Equatable {
  /// Values not in `ignored` become versions at `timestamp`; intents of other epochs than `epoch` are void.
  case commit(at: Timestamp, epoch: UInt32, ignored: [ClosedRange<UInt32>])
  case abort
  /// The transaction lives on, but commits no lower than `timestamp`: its intent moves there.
  case push(to: Timestamp)
}

/// Writing versions and intents.
public enum MVCC {
  /// Puts a committed version; nil for a deletion.
  public static func put(
    _ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer?, at timestamp: Timestamp,
    into batch: inout WriteBatch
  ) {
    batch.put(
      .data, keyCount: MVCCFormat.stemCount(key) + MVCCFormat.suffixCount,
      valueCount: MVCCFormat.valueHeaderCount + (payload?.count ?? 0)
    ) { buffer in
      KeyEncoding.appendEscaped(key, to: &buffer)
      buffer.append(0)
      timestamp.appendInverted(to: &buffer)
    } value: { buffer in
      MVCCFormat.appendValue(payload, to: &buffer)
    }
  }

  public static func put(
    _ key: Key, _ payload: [UInt8], at timestamp: Timestamp, into batch: inout WriteBatch
  ) {
    key.bytes.withUnsafeBytes { key in
      payload.withUnsafeBytes { payload in put(key, payload, at: timestamp, into: &batch) }
    }
  }

  /// Puts a deletion.
  public static func delete(_ key: Key, at timestamp: Timestamp, into batch: inout WriteBatch) {
    key.bytes.withUnsafeBytes { put($0, nil, at: timestamp, into: &batch) }
  }

  /// Writes an intent of `transaction` (its `sequence` is the number of this write); nil for a deletion. An earlier
  /// value of the same epoch goes into the history; a repeated sequence replaces what it wrote.
  /// - Parameter isFresh: the caller knows that no intent stands on the key.
  public static func putIntent(
    _ reader: MVCCReader, _ key: Key, _ value: [UInt8]?, transaction: TransactionView, anchor: Key,
    at timestamp: Timestamp, isFresh: Bool = false, into batch: inout WriteBatch
  ) throws(StorageError) -> IntentOutcome {
    var intent = Intent(
      key: key, transaction: transaction.id, anchor: anchor, epoch: transaction.epoch, timestamp: timestamp,
      sequence: transaction.sequence, value: value)
    if !isFresh, let standing = try reader.intent(key) {
      guard standing.transaction == transaction.id else { return .conflict(standing) }
      intent.timestamp = max(timestamp, standing.timestamp)
      if standing.epoch == transaction.epoch {
        intent.history = standing.history.filter { $0.sequence < transaction.sequence }
        if standing.sequence < transaction.sequence {
          intent.history.append(Intent.EarlierValue(sequence: standing.sequence, value: standing.value))
        }
      }
    }
    batch.put(.locks, MVCCFormat.stem(key), intent.encoded())
    return .written
  }

  /// Settles the intent of a transaction on a key; false if it has none there (settled already).
  public static func resolveIntent(
    _ reader: MVCCReader, _ key: Key, of transaction: TransactionID, _ resolution: IntentResolution,
    into batch: inout WriteBatch
  ) throws(StorageError) -> Bool {
    guard let intent = try reader.intent(key), intent.transaction == transaction else { return false }
    resolve(intent, resolution, into: &batch)
    return true
  }

  /// Settles a transaction's intents in a span, at most `limit`; returns how many, and what is left to look at.
  public static func resolveIntents(
    _ reader: MVCCReader, in span: KeySpan, of transaction: TransactionID, _ resolution: IntentResolution,
    limit: Int = Int.max, into batch: inout WriteBatch
  ) throws(StorageError) -> (count: Int, resume: KeySpan?) {
    var count = 0
    var rest = span
    while true {
      let page = try reader.intents(in: rest, limit: intentPage)
      for intent in page where intent.transaction == transaction {
        if count == limit { return (count, KeySpan(start: intent.key, end: span.end)) }
        resolve(intent, resolution, into: &batch)
        count += 1
      }
      guard page.count == intentPage, let last = page.last else { return (count, nil) }
      rest = KeySpan(start: last.key.next, end: span.end)
    }
  }

  /// Intents read at a time, so that a large transaction does not stand in memory whole.
  private static let intentPage = 256

  /// Settles an intent that the caller has just read.
  public static func resolve(_ intent: Intent, _ resolution: IntentResolution, into batch: inout WriteBatch) {
    let stem = MVCCFormat.stem(intent.key)
    switch resolution {
    case .abort:
      batch.delete(.locks, stem)
    case .commit(let timestamp, let epoch, let ignored):
      batch.delete(.locks, stem)
      let view = TransactionView(id: intent.transaction, epoch: epoch, ignored: ignored)
      switch intent.visible(to: view) {
      case .nothing: break
      case .deleted: delete(intent.key, at: timestamp, into: &batch)
      case .value(let bytes): put(intent.key, bytes, at: timestamp, into: &batch)
      }
    case .push(let timestamp):
      guard intent.timestamp < timestamp else { return }
      var moved = intent
      moved.timestamp = timestamp
      batch.put(.locks, stem, moved.encoded())
    }
  }

  /// Where the engine's families hold what lies in `span`: from, and up to.
  public static func bounds(_ span: KeySpan) -> (lower: [UInt8], upper: [UInt8]) {
    (MVCCFormat.bound(span.start), MVCCFormat.bound(span.end))
  }

  /// Removes everything in a span, past versions and intents included: for what was dropped, and is no longer read.
  public static func clear(_ span: KeySpan, into batch: inout WriteBatch) {
    guard !span.isEmpty else { return }
    let start = MVCCFormat.bound(span.start)
    let end = MVCCFormat.bound(span.end)
    batch.deleteRange(.data, start: start, end: end)
    batch.deleteRange(.locks, start: start, end: end)
  }
}
