// Work on whole spans: clearing what was dropped, collecting old versions in slices, and estimates for the planner.

import Clocks
import Encoding
import Storage

extension Replica {
  /// Removes everything in `span`, past versions and intents included. For what is dropped and no longer read.
  public func clear(_ span: KeySpan) async -> RangeFailure? {
    let whole = span
    guard let span = whole.intersection(descriptor.span) else { return outOfRange(whole) }
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
    case .applied: return span == whole ? nil : outOfRange(whole)
    case .lost: return .notLeaseholder(descriptor, leader: leaderNode)
    case .stopped(let reason): return .unavailable(reason)
    }
  }

  /// Deletes versions that no read at or above `threshold` sees. Slices, between which others are served.
  public func collectGarbage(below threshold: Timestamp) async -> RangeFailure? {
    var rest: KeySpan? = descriptor.span
    while let span = rest?.intersection(descriptor.span) {
      if let refusal = refusal(at: .zero) { return refusal }
      if let latch = structuralLatch {
        _ = await latch.makeWaiter().value(on: shard.reactor)
        continue
      }
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
      var command = Command(range: id, batch: batch, largestTimestamp: .zero)
      command.collectedBelow = threshold
      guard let proposal = propose(command, latch: nil) else { return unavailable }
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

extension Replica {
  /// Whether anything is known of transactions with intents or records here.
  public var hasTransactions: Bool { !registry.entries.isEmpty }

  /// A key that halves the range, if it holds more than `limit` bytes. Nil also where one key holds it all.
  public func splitKey(above limit: UInt64) -> Key? {
    guard holdsLease else { return nil }
    let isUnknown = sizedIndex == 0
    sizedIndex = applied.index
    guard bytesSinceSizing >= limit / 8 || isUnknown else { return nil }
    bytesSinceSizing = 0
    do throws(StorageError) {
      let bounds = MVCC.bounds(descriptor.span)
      let size = try shard.engine.approximateSize(.data, start: bounds.lower, end: bounds.upper)
      guard size > limit, let key = try middle(of: size), descriptor.span.contains(key), key > descriptor.span.start,
        key >= MetaKeys.span.end
      else { return nil }
      return key
    } catch {
      shard.fail(error)
      return nil
    }
  }

  /// The first key above which about half of the range lies: bounds are halved by their leading bytes, as numbers.
  private func middle(of size: UInt64) throws(StorageError) -> Key? {
    let bounds = MVCC.bounds(descriptor.span)
    var low = bounds.lower
    var high = bounds.upper
    for _ in 0..<96 {
      let guess = Self.halfway(low, high)
      if guess <= Key(low) { break }
      if try shard.engine.approximateSize(.data, start: bounds.lower, end: guess.bytes) < size / 2 {
        low = guess.bytes
      } else {
        high = guess.bytes
      }
    }
    return try shard.reader.firstKey(atOrAbove: high, below: bounds.upper)
  }

  /// The byte string between two others, as fractions of one.
  private static func halfway(_ low: [UInt8], _ high: [UInt8]) -> Key {
    let count = max(low.count, high.count) + 1
    func digit(_ bytes: [UInt8], _ place: Int) -> Int { place < bytes.count ? Int(bytes[place]) : 0 }
    var sum: [Int] = (0..<count).map { digit(low, $0) + digit(high, $0) }
    for place in stride(from: count - 1, to: 0, by: -1) where sum[place] > 255 {
      sum[place] -= 256
      sum[place - 1] += 1
    }
    var half: [UInt8] = []
    var carry = 0
    for place in 0..<count {
      let value = carry * 256 + sum[place]
      half.append(UInt8(truncatingIfNeeded: value / 2))
      carry = value % 2
    }
    while half.last == 0 { half.removeLast() }
    return Key(half)
  }
}
