// Work on whole spans: clearing what was dropped, collecting old versions in slices, and estimates for the planner.

import Clocks
import Encoding
import Storage

extension Replica {
  /// Removes everything in `span`, past versions and intents included. For what is dropped and no longer read.
  public func clear(_ span: KeySpan) async -> RangeFailure? {
    guard let span = span.intersection(descriptor.span) else { return nil }
    while true {
      if let refusal = refusal(at: .zero) { return refusal }
      guard let busy = latches.conflict(span) else { break }
      if let failure = await wait(busy.makeWaiter(), key: span.start, timeout: 0) { return failure }
    }
    var batch = WriteBatch()
    MVCC.clear(span, into: &batch)
    guard let proposal = propose(batch, over: [], spans: [span], at: shard.clock.now()) else {
      return unavailable
    }
    switch await proposal.value(on: shard.reactor) {
    case .applied: return nil
    case .lost: return .notLeaseholder(descriptor, leader: leaderNode)
    case .stopped(let reason): return .unavailable(reason)
    }
  }

  /// Deletes versions that no read at or above `threshold` sees. Slices, between which others are served.
  public func collectGarbage(below threshold: Timestamp) async -> RangeFailure? {
    var rest: KeySpan? = descriptor.span
    if threshold > collectionThreshold { collectionThreshold = threshold }
    while let span = rest {
      if let refusal = refusal(at: .zero) { return refusal }
      var batch = WriteBatch()
      do throws(StorageError) {
        let outcome = try shard.reader.collectGarbage(
          in: span, below: threshold, limit: Limits.sliceKeys, visitLimit: 2 * Limits.sliceKeys, into: &batch)
        rest = outcome.resume
        shard.counters.versionsCollected &+= UInt64(outcome.collected)
      } catch {
        shard.fail(error)
        return .unavailable("\(error)")
      }
      if batch.isEmpty {
        await shard.reactor.sleep(nanoseconds: 10_000_000)
        continue
      }
      guard let proposal = propose(batch, largestTimestamp: .zero, latch: nil) else { return unavailable }
      if case .stopped(let reason) = await proposal.value(on: shard.reactor) { return .unavailable(reason) }
      await shard.reactor.sleep(nanoseconds: 20_000_000)
    }
    collectedIndex = appliedPosition.index
    return nil
  }

  /// Bytes of the range's data, as the engine estimates them; 0 if it cannot tell.
  public var approximateByteCount: UInt64 {
    let span = descriptor.span
    return (try? shard.engine.approximateSize(.data, start: span.start.bytes, end: span.end.bytes)) ?? 0
  }

  /// Bytes and rows of a span, from the engine's file sizes and a sample of its rows.
  public func statistics(_ span: KeySpan) -> RangeStatistics {
    var statistics = RangeStatistics()
    guard holdsLease, let span = span.intersection(descriptor.span) else { return statistics }
    do throws(StorageError) {
      var sample = KeyValueBlock()
      let outcome = try shard.reader.scan(
        span, ReadOptions(at: .max, mayHaveIntents: false), limits: ScanLimits(rows: 256, bytes: 1 << 18),
        into: &sample)
      guard outcome.resume != nil, sample.count > 0 else {
        statistics.byteCount = UInt64(sample.byteCount)
        statistics.rowCount = UInt64(sample.count)
        return statistics
      }
      statistics.byteCount = try shard.engine.approximateSize(
        .data, start: span.start.bytes, end: span.end.bytes)
      // Each version carries a timestamp, a checksum and a kind besides its key and value.
      let average = UInt64(max(1, sample.byteCount / sample.count + 18))
      statistics.rowCount = max(UInt64(sample.count), statistics.byteCount / average)
      return statistics
    } catch {
      shard.fail(error)
      return statistics
    }
  }
}
