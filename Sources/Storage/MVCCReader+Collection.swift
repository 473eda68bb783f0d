// Garbage collection of versions, and statistics over them.
//
// A version is garbage once a newer version of its key stands at or below the threshold: no read at or above the
// threshold sees it. A deletion that is itself the newest at or below the threshold is garbage too, but only together
// with everything below it: it goes last, else what it hides would come back.
// The caller guarantees that no read below the threshold happens any more, and applies the batch as a command.

import Clocks
import Encoding

/// What one step of garbage collection did.
public struct CollectionOutcome: Sendable, Equatable {
  /// Where to go on; nil when the span is done.
  public var resume: KeySpan?
  /// Versions deleted by the batch.
  public var collected = 0
  /// Bytes of their keys and values.
  public var collectedBytes = 0
  /// Versions looked at.
  public var visited = 0

  init() {}
}

/// What lies in a span.
public struct MVCCStatistics: Sendable, Equatable {
  /// Keys whose newest version is a value, and the bytes of these keys and values.
  public var liveKeys = 0
  public var liveBytes = 0
  /// Keys with any version.
  public var keys = 0
  /// All versions, deletions included, and their bytes.
  public var versions = 0
  public var versionBytes = 0
  public var intents = 0

  public init() {}
}

extension MVCCReader {
  /// Adds deletions of garbage in `span` to `batch`, until `limit` versions are collected or `visitLimit` looked at.
  public func collectGarbage(
    in span: KeySpan, below threshold: Timestamp, limit: Int = 10_000, visitLimit: Int = 1_000_000,
    into batch: inout WriteBatch
  ) throws(StorageError) -> CollectionOutcome {
    var outcome = CollectionOutcome()
    guard !span.isEmpty else { return outcome }
    let cursor = try source.makeIterator(
      .data, IteratorBounds(lower: MVCCFormat.bound(span.start), upper: MVCCFormat.bound(span.end)))
    cursor.seekToFirst()
    var stem: [UInt8] = []
    var isShadowed = false
    /// Versions of this key above the threshold, looked at one by one.
    var newer = 0
    var hiddenDeletion: [UInt8]?
    while cursor.isValid {
      let key = cursor.key
      guard let here = MVCCFormat.stem(of: key), let version = MVCCFormat.timestamp(of: key) else {
        throw .corruption("key \(Key(copying: key)) has no timestamp")
      }
      let isSameKey = stem.withUnsafeBytes { compareBytes($0, here) == 0 }
      if !isSameKey {
        drop(&hiddenDeletion, &outcome, &batch)
        stem.removeAll(keepingCapacity: true)
        stem.append(contentsOf: here)
        isShadowed = false
        newer = 0
      }
      // Between keys, or where something of this key has gone already: the next step begins with it again and must get further. In
      // the middle of a key its deletion stays.
      if outcome.collected >= limit || (outcome.visited >= visitLimit && (!isSameKey || isShadowed && !batch.isEmpty)) {
        outcome.resume = KeySpan(start: try MVCCFormat.userKey(stem: here), end: span.end)
        return outcome
      }
      outcome.visited += 1
      if isShadowed {
        batch.delete(.data, key)
        outcome.collected += 1
        outcome.collectedBytes += key.count + cursor.value.count
      } else if version <= threshold {
        isShadowed = true
        if try MVCCFormat.payload(of: cursor.value, key: key) == nil { hiddenDeletion = [UInt8](key) }
      } else {
        newer += 1
        if newer == Self.stepLimit {
          // A row that is written all the time: what is too young to go is passed over in one go.
          var target = stem
          threshold.appendInverted(to: &target)
          cursor.seek(target)
          continue
        }
      }
      cursor.next()
    }
    try cursor.checkStatus()
    drop(&hiddenDeletion, &outcome, &batch)
    return outcome
  }

  private func drop(_ deletion: inout [UInt8]?, _ outcome: inout CollectionOutcome, _ batch: inout WriteBatch) {
    guard let key = deletion else { return }
    batch.delete(.data, key)
    outcome.collected += 1
    outcome.collectedBytes += key.count + MVCCFormat.valueHeaderCount
    deletion = nil
  }

  /// Counts keys, versions and intents of a span by reading it whole.
  public func statistics(of span: KeySpan) throws(StorageError) -> MVCCStatistics {
    var statistics = MVCCStatistics()
    guard !span.isEmpty else { return statistics }
    let cursor = try source.makeIterator(
      .data, IteratorBounds(lower: MVCCFormat.bound(span.start), upper: MVCCFormat.bound(span.end)))
    cursor.seekToFirst()
    var stem: [UInt8] = []
    while cursor.isValid {
      let key = cursor.key
      guard let here = MVCCFormat.stem(of: key) else {
        throw .corruption("key \(Key(copying: key)) has no timestamp")
      }
      statistics.versions += 1
      statistics.versionBytes += key.count + cursor.value.count
      if !stem.withUnsafeBytes({ compareBytes($0, here) == 0 }) {
        stem.removeAll(keepingCapacity: true)
        stem.append(contentsOf: here)
        statistics.keys += 1
        if let payload = try MVCCFormat.payload(of: cursor.value, key: key) {
          statistics.liveKeys += 1
          statistics.liveBytes += try MVCCFormat.userKey(stem: here).bytes.count + payload.count
        }
      }
      cursor.next()
    }
    try cursor.checkStatus()
    statistics.intents = try intents(in: span).count
    return statistics
  }
}
