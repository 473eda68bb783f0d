// Sending writes on: all of them in the one command of the commit, or, when they are many, before: as versions into spans
// that are this transaction's alone, as intents elsewhere.

import Clocks
import Encoding
import Ranges
import Storage

extension Transaction {
  /// Writes of one command of a flush; a command is evaluated in one step, during which the reactor serves nobody else.
  private static let flushChunk = 1_000
  /// Flush commands on their way at a time.
  private static let flushDepth = 4

  /// Whether `flushIfNeeded` has anything to do.
  public var shouldFlush: Bool {
    buffer.byteCount >= system.bufferLimit || header.sequence > UInt32(Int32.max) - 1_000_000
  }

  /// Sends buffered writes on once they pass the limit; bulk writers call it between batches.
  public func flushIfNeeded() async throws(TransactionError) {
    if header.sequence > UInt32(Int32.max) - 1_000_000 {
      throw .limit("a transaction may make at most two billion writes")
    }
    if buffer.byteCount >= system.bufferLimit { try await ingest() }
    if buffer.byteCount >= system.bufferLimit { try await flush() }
  }

  func commitWrites() async throws(TransactionError) -> Timestamp {
    // A long command would hold the reactor up; once there are intents, a few more cost nothing but their settling.
    if mustFlush { try await ingest() }
    if mustFlush { try await flush() }
    var parts = system.router.split(buffer.sortedWrites())
    if parts.count > 1 || (header.hasIntents && parts[0].range != system.router.lookup(header.anchor)) {
      // Several ranges: everything becomes an intent, and the record alone decides.
      try await flush()
      parts = []
    }
    let range = header.hasIntents || parts.isEmpty ? system.router.lookup(header.anchor) : parts[0].range
    let reads = footprint(with: header.isolation == .serializable ? self.reads.footprint : ReadFootprint())
    var request = WriteRequest(.commit, writes: parts.first?.writes ?? [], reads: reads)
    request.privateSpans = privateSpans.abandoned
    mayHoldLocks = true
    let outcome: RangeFailure
    waitingAt = range
    defer { waitingAt = nil }
    if let replica = system.replica(range) {
      switch await replica.write(request, header(for: range)) {
      case .written(let timestamp): return timestamp
      case .failed(let failure): outcome = failure
      }
    } else {
      switch await system.send(.write(request), header(for: range), to: range) {
      case .written(let timestamp): return timestamp
      case .failed(let failure): outcome = failure
      case .rows, .done, .statistics: throw .unavailable("a range gave an answer to another question")
      }
    }
    if case .ambiguous = outcome { state = .unknown }
    if case .notLeaseholder = outcome { throw .retry(reason: "the range's lease moved", key: nil) }
    throw TransactionError(outcome)
  }

  private var mustFlush: Bool {
    (header.hasIntents && buffer.keyCount > Self.flushChunk) || buffer.byteCount > 2 * system.bufferLimit
  }

  /// Writes what is buffered for spans of this transaction's own.
  private func ingest() async throws(TransactionError) {
    let spans = privateSpans.open(savepoints: savepoints)
    guard !spans.isEmpty else { return }
    let writes = buffer.take(in: spans)
    guard !writes.isEmpty else { return }
    let touched = spans.filter { span in writes.contains { span.contains($0.key) } }
    privateSpans.noteIngestion(into: touched, sequence: header.sequence)
    for (range, part) in system.router.split(writes) { try await send(part, .ingest, touched, to: range) }
  }

  /// Lays the buffered writes down as intents.
  func flush() async throws(TransactionError) {
    let marks = statementMark.map { savepoints + [$0] } ?? savepoints
    for round in buffer.rounds(savepoints: marks) {
      for (range, writes) in system.router.split(round) { try await send(writes, .flush, [], to: range) }
    }
    flushedSequence = header.sequence
    buffer.removeAll()
  }

  private func send(
    _ writes: [KeyWrite], _ purpose: WriteRequest.Purpose, _ spans: [KeySpan], to range: RangeDescriptor
  ) async throws(TransactionError) {
    guard let first = writes.first else { return }
    if !header.hasIntents { header.anchor = first.key }
    mayHoldLocks = true
    var start = 0
    var underWay: [WriteUnderWay] = []
    var failure: RangeFailure?
    let replica = system.replica(range)
    while start < writes.count, failure == nil {
      let end = min(start + Self.flushChunk, writes.count)
      var request = WriteRequest(purpose, writes: Array(writes[start..<end]))
      request.privateSpans = spans
      start = end
      waitingAt = range
      var lease: UInt64 = 0
      if let replica {
        lease = replica.leaseSequence
        switch await replica.startWrite(request, header(for: range)) {
        case .under(let write): underWay.append(write)
        case .failed(let reason): failure = reason
        }
        // Others get their turn before the next command is evaluated.
        await Task.yield()
        if underWay.count >= Self.flushDepth, failure == nil {
          if case .failed(let reason) = await replica.finish(underWay.removeFirst()) { failure = reason }
        }
      } else {
        let reply = await system.ask(.write(request), header(for: range), range)
        lease = reply.lease
        if case .failed(let reason) = reply.response { failure = reason }
      }
      waitingAt = nil
      // What a leaseholder knows of intents, its successor may not know: like locks, they bind the transaction to the lease.
      if failure == nil { try noteLease(lease, of: range) }
      if failure == nil && !header.hasIntents {
        header.hasIntents = true
        beginHeartbeats()
      }
      while system.store.isOverloaded && failure == nil && start < writes.count {
        await system.reactor.sleep(nanoseconds: 5_000_000)
      }
    }
    if let replica {
      for write in underWay {
        if case .failed(let reason) = await replica.finish(write), failure == nil { failure = reason }
      }
    }
    if let failure {
      // It may have been carried out all the same: whatever begins anew takes another name, and gives this one up.
      header.hasIntents = true
      if case .notLeaseholder = failure { throw .retry(reason: "the range's lease moved", key: nil) }
      throw TransactionError(failure)
    }
  }
}
