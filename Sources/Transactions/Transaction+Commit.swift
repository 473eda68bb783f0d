// Sending writes on: all of them in the one command of the commit, or, when they are many or lie in several ranges, before: as
// versions into spans that are this transaction's alone, as intents elsewhere.
//
// The commit is one command of one range, home: the one that holds the anchor. What lies there is written by it at once; what lies
// in other ranges has been laid down as intents before, and the record that the command writes decides about them. Everything
// that was read or locked in other ranges is made sure of, up to the commit timestamp, before that command is sent: home may not
// move it any more. So the commit survives its coordinator: without the record the intents expire, with it whoever
// meets them finds it.

import Clocks
import Encoding
import Ranges
import Storage

extension Transaction {
  /// Writes of one command of a flush; a command is evaluated in one step, during which the reactor serves nobody else.
  private static let flushChunk = 1_000
  /// Flush commands on their way at a time.
  private static let flushDepth = 4
  /// After so many attempts to commit, what is left in home is laid down as intents, too.
  private static let patience = 4

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

  // MARK: - The commit

  func commitWrites() async throws(TransactionError) -> Timestamp {
    // A long command would hold the reactor up; once there are intents, a few more cost nothing but their settling.
    if mustFlush { try await ingest() }
    if mustFlush { try await flush() }
    let writes = buffer.sortedWrites()
    if !isAnchored, let first = writes.first { anchor(at: first.key) }
    /// Others than home were made sure of up to here.
    var timestamp = max(header.readTimestamp, laidAt)
    /// Writes that are still to be laid down or sent with the commit, and whether anything else than home is concerned.
    var prepared: Set<Key> = []
    var attempts = 0
    while true {
      attempts += 1
      let home = try await system.range(of: header.anchor)
      var own: [KeyWrite] = []
      var others: [(range: RangeDescriptor, writes: [KeyWrite])] = []
      for part in try await system.split(prepared.isEmpty ? writes : writes.filter { !prepared.contains($0.key) }) {
        // Readers that come again and again could keep a write that nobody sees ahead of them for ever, not an intent.
        if part.range.id == home.id, attempts <= Self.patience { own = part.writes } else { others.append(part) }
      }
      if attempts == 1, try await mayStage(home, others, at: timestamp) {
        switch try await stage(home, own, others, at: timestamp) {
        case .committed(let committed):
          settleElsewhere(home, at: committed, isStaged: true)
          return committed
        case .tooLow(let least): timestamp = max(timestamp, least)
        case .moved: break
        }
        for part in others { prepared.formUnion(part.writes.map(\.key)) }
        others = []
      }
      if !others.isEmpty {
        timestamp = max(timestamp, try await prepare(others))
        for part in others { prepared.formUnion(part.writes.map(\.key)) }
      }
      let (reads, isAlone) = try await holdElsewhere(home, upTo: timestamp)
      var request = WriteRequest(.commit, writes: own, reads: reads)
      request.privateSpans = privateSpans.abandoned
      request.intentSpans = intentSpans
      // Versions that were ingested elsewhere may lie in a past that is closed there, unless the commit stands above.
      if !isAlone || !prepared.isEmpty || laidAt > header.readTimestamp { request.fixedTimestamp = timestamp }
      switch try await sendCommit(request, to: home) {
      case .committed(let committed):
        settleElsewhere(home, at: committed)
        return committed
      case .tooLow(let least): timestamp = max(timestamp, least)
      case .moved: break
      }
    }
  }

  enum CommitAnswer {
    case committed(Timestamp)
    /// It would have to stand at or above.
    case tooLow(Timestamp)
    /// Home is not what it was taken for.
    case moved
  }

  func sendCommit(_ request: WriteRequest, to home: RangeDescriptor) async throws(TransactionError)
    -> CommitAnswer
  {
    // A commit that waits for others takes locks.
    mayHoldLocks = true
    var before = bindings.first { $0.range == home.id }
    if let first = request.writes.first, let last = request.writes.last {
      before = note(home, KeySpan(start: first.key, end: last.key.next))
    }
    waitingAt.append(home)
    defer { waitingAt.removeAll { $0.id == home.id } }
    let header = try header(for: home)
    var failure = RangeFailure.notLeaseholder(nil, leader: nil)
    if let replica = system.replica(home) {
      let lease = replica.lease(of: header.id)
      switch await replica.write(request, header) {
      case .written(let timestamp):
        noteStaged(request, home, lease)
        return .committed(timestamp)
      case .failed(let reason): failure = reason
      }
    }
    // Whoever serves it now is found by asking, also if the lease has moved while the commit waited here.
    if case .notLeaseholder = failure {
      let reply = await system.ask(.write(request), header, home)
      switch reply.response {
      case .written(let timestamp):
        noteStaged(request, home, reply.lease)
        return .committed(timestamp)
      case .failed(let reason): failure = reason
      default: throw .unavailable("a range gave an answer to another question")
      }
    }
    switch failure {
    case .writeTooOld(let least, _): return .tooLow(least)
    case .outOfRange(let known):
      await system.learn(known, refusedBy: home)
      takeBack(home, to: before)
      return .moved
    case .conflict(let inquiries):
      try await system.settle(inquiries, in: home)
      return .moved
    case .notLeaseholder: throw .retry(reason: "the range's lease moved", key: nil)
    case .ambiguous:
      if system.shard.faults.retriesAmbiguousCommits { throw .retry(reason: "its outcome is not known", key: nil) }
      loseSight(of: home)
      throw TransactionError(failure)
    default: throw TransactionError(failure)
    }
  }

  /// Lays down what lies outside of home, ranges beside each other. Returns the timestamp above which the commit must stand.
  private func prepare(
    _ parts: [(range: RangeDescriptor, writes: [KeyWrite])]
  ) async throws(TransactionError) -> Timestamp {
    let outcomes = await system.together(parts.count) { index -> Result<Timestamp, TransactionError> in
      do throws(TransactionError) {
        return .success(try await self.lay(parts[index].writes, .prepare))
      } catch {
        return .failure(error)
      }
    }
    var timestamp = Timestamp.zero
    for outcome in outcomes { timestamp = max(timestamp, try outcome.get()) }
    return timestamp
  }

  /// Makes sure that what was read outside of home holds up to `timestamp`, and that locks there are still held. Returns what was read in home, and
  /// whether that is all.
  func holdElsewhere(
    _ home: RangeDescriptor, writing: Set<RangeID> = [], upTo timestamp: Timestamp
  ) async throws(TransactionError) -> (reads: ReadFootprint, isAlone: Bool) {
    let all = footprint(with: header.isolation == .serializable ? reads.footprint : ReadFootprint())
    if bindings.allSatisfy({ $0.range == home.id }), all.isInside(home.span) { return (all, true) }
    var own = ReadFootprint()
    var others: [(range: RangeDescriptor, reads: ReadFootprint)] = []
    for part in try await system.split(all) {
      if part.range.id == home.id { own = part.reads } else { others.append(part) }
    }
    let isAlone = others.isEmpty && bindings.allSatisfy { $0.range == home.id || !$0.isBound }
    if timestamp == header.readTimestamp { others = [] }
    try await hold(others, besides: home, writing: writing, upTo: timestamp)
    return (own, isAlone)
  }

  /// It cannot be known whether it committed: nothing of it is undone, and nobody will come back for its locks. A commit that is still under way and
  /// counts on them is refused.
  func loseSight(of home: RangeDescriptor) {
    state = .unknown
    for binding in bindings where !binding.hasIntents {
      var header = header
      header.hasIntents = false
      if binding.range != home.id {
        // What was read under them was made sure of before the commit left.
        system.post(over: binding.hull, header) { .release([$0]) }
      } else if !self.header.hasIntents {
        // Otherwise they go with the record.
        header.locksLease = binding.lease
        system.post(over: binding.hull, header) { .abort([$0]) }
      }
    }
  }

  /// After the commit: what it left in other ranges is settled there, which nobody waits for.
  /// - Parameter isStaged: the record is yet to say that the transaction has committed; until it does, the intents are what says so.
  private func settleElsewhere(_ home: RangeDescriptor, at timestamp: Timestamp, isStaged: Bool = false) {
    for binding in bindings where binding.range != home.id && !binding.hasIntents {
      var released = header
      released.hasIntents = false
      released.readTimestamp = timestamp
      system.post(over: binding.hull, released) { .release([$0]) }
    }
    let elsewhere = KeySpans.cut(KeySpans.condensed(intentSpans, limit: Limits.spansPerRecord), by: home.span).outside
    guard !elsewhere.isEmpty || isStaged else { return }
    let fate = TransactionFate(
      id: header.id, anchor: header.anchor, status: .committed, timestamp: timestamp, epoch: header.epoch,
      ignored: header.ignored)
    let system = Confined(system, to: system.reactor)
    self.system.reactor.enqueue { reactor in
      reactor.run { reactor in
        // What does not come to pass now, the keeper of the record's range does later.
        let system = system.access(on: reactor)
        if isStaged, !system.shard.faults.settlesTooEarly {
          guard let concluded = try? await system.conclude(fate, isCommitted: true), concluded.status == .committed
          else {
            return
          }
        }
        try? await system.settleElsewhere(UnsettledTransaction(fate: fate, spans: elsewhere, clears: []))
      }
    }
  }

  private var mustFlush: Bool {
    (header.hasIntents && buffer.keyCount > Self.flushChunk) || buffer.byteCount > 2 * system.bufferLimit
  }

  private func anchor(at key: Key) {
    header.anchor = key
    isAnchored = true
  }

  // MARK: - Before the commit

  /// Writes what is buffered for spans of this transaction's own.
  private func ingest() async throws(TransactionError) {
    let spans = privateSpans.open(savepoints: savepoints)
    guard !spans.isEmpty else { return }
    let writes = buffer.take(in: spans)
    guard let first = writes.first else { return }
    let touched = spans.filter { span in writes.contains { span.contains($0.key) } }
    if !isAnchored { anchor(at: first.key) }
    let undeclared = touched.filter { !declaredSpans.contains($0) }
    if !undeclared.isEmpty {
      // Home knows what is to be cleared before the first row is there.
      try await declare(undeclared)
      declaredSpans += undeclared
    }
    privateSpans.noteIngestion(into: touched, sequence: header.sequence)
    _ = try await lay(writes, .ingest)
  }

  /// Has home note spans that go if the transaction does not commit.
  private func declare(_ spans: [KeySpan]) async throws(TransactionError) {
    header.hasIntents = true
    beginHeartbeats()
    var request = WriteRequest(.ingest, writes: [])
    request.privateSpans = spans
    mayHoldLocks = true
    while true {
      let home = try await system.range(of: header.anchor)
      let reply = await system.ask(.write(request), try header(for: home), home)
      switch reply.response {
      case .written:
        try bind(to: home, lease: reply.lease, over: KeySpan(header.anchor), hasIntents: true)
        return
      case .failed(.outOfRange): continue
      case .failed(let failure): throw TransactionError(failure)
      default: throw .unavailable("a range gave an answer to another question")
      }
    }
  }

  /// Lays the buffered writes down as intents.
  func flush() async throws(TransactionError) {
    let marks = statementMark.map { savepoints + [$0] } ?? savepoints
    for round in buffer.rounds(savepoints: marks) {
      if !isAnchored, let first = round.first { anchor(at: first.key) }
      _ = try await lay(round, .flush)
    }
    flushedSequence = header.sequence
    buffer.removeAll()
  }

  /// Lays writes down, range by range. Returns the largest of their timestamps.
  /// - Parameter least: where they are to stand at least.
  func lay(
    _ writes: [KeyWrite], _ purpose: WriteRequest.Purpose, from least: Timestamp? = nil
  ) async throws(TransactionError) -> Timestamp {
    var rest = writes[...]
    var timestamp = Timestamp.zero
    while let first = rest.first {
      let range = try await system.range(of: first.key)
      let part = rest.prefix { range.span.contains($0.key) }
      let count = try await send(part, purpose, from: least, to: range, &timestamp)
      rest = rest.dropFirst(count)
    }
    laidAt = max(laidAt, timestamp)
    return timestamp
  }

  /// Returns how many of the writes were laid down: all, or fewer if the range turns out not to hold what follows.
  private func send(
    _ writes: ArraySlice<KeyWrite>, _ purpose: WriteRequest.Purpose, from least: Timestamp?, to range: RangeDescriptor,
    _ timestamp: inout Timestamp
  ) async throws(TransactionError) -> Int {
    mayHoldLocks = true
    if purpose != .ingest {
      header.hasIntents = true
      beginHeartbeats()
    }
    var start = writes.startIndex
    var underWay: [WriteUnderWay] = []
    var failure: RangeFailure?
    let replica = system.replica(range)
    waitingAt.append(range)
    defer { waitingAt.removeAll { $0.id == range.id } }
    while start < writes.endIndex, failure == nil {
      let end = min(start + Self.flushChunk, writes.endIndex)
      var request = WriteRequest(purpose, writes: Array(writes[start..<end]))
      request.fixedTimestamp = least
      let hull = KeySpan(start: writes[start].key, end: writes[end - 1].key.next)
      var before: RangeBinding?
      if purpose != .ingest {
        // It may be carried out even if nobody hears of it: then the spans say where to look.
        intentSpans = KeySpans.adding(hull, to: intentSpans, limit: Limits.spansPerRecord)
        before = note(range, hull)
      }
      let header: TransactionHeader
      do throws(TransactionError) {
        header = try self.header(for: range)
      } catch {
        for write in underWay { _ = await replica?.finish(write) }
        throw error
      }
      var lease: UInt64 = 0
      if let replica {
        lease = replica.lease(of: header.id)
        switch await replica.startWrite(request, header) {
        case .under(let write):
          underWay.append(write)
          timestamp = max(timestamp, write.timestamp)
        case .failed(let reason): failure = reason
        }
        // Others get their turn before the next command is evaluated.
        if end < writes.endIndex { await Task.yield() }
        if underWay.count >= Self.flushDepth, failure == nil {
          if case .failed(let reason) = await replica.finish(underWay.removeFirst()) { failure = reason }
        }
      } else {
        let reply = await system.ask(.write(request), header, range)
        lease = reply.lease
        switch reply.response {
        case .failed(let reason): failure = reason
        case .written(let written): timestamp = max(timestamp, written)
        default: failure = .unavailable("a range gave an answer to another question")
        }
      }
      if case .conflict(let inquiries) = failure {
        failure = nil
        try await system.settle(inquiries, in: range)
        continue
      }
      if case .outOfRange? = failure, purpose != .ingest { takeBack(range, to: before) }
      // What a leaseholder knows of intents, its successor may not know: like locks, they bind the transaction to the lease.
      if failure == nil, purpose != .ingest {
        try bind(to: range, lease: lease, over: hull, hasIntents: true)
        if purpose == .prepare { notePrepared(range, at: timestamp) }
      }
      if failure == nil { start = end }
      while system.store.isOverloaded && failure == nil && start < writes.endIndex {
        await system.reactor.sleep(nanoseconds: 5_000_000)
      }
    }
    if let replica {
      for write in underWay {
        if case .failed(let reason) = await replica.finish(write) {
          if case .outOfRange? = failure { failure = reason } else { failure = failure ?? reason }
        }
      }
    }
    switch failure {
    case nil: break
    case .outOfRange(let known): await system.learn(known, refusedBy: range)
    case .notLeaseholder: throw .retry(reason: "the range's lease moved", key: nil)
    case .some(let failure): throw TransactionError(failure)
    }
    return start - writes.startIndex
  }
}

extension ReadFootprint {
  func isInside(_ span: KeySpan) -> Bool {
    span == .all || (keys.allSatisfy { span.contains($0) } && spans.allSatisfy { span.contains($0) })
  }
}
