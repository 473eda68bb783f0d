// Writes: the last command of a transaction that one range holds whole (one command, no intents, no record), the end of
// one that laid intents down before, and the laying down itself. Rows of tables and indexes that the transaction has made
// itself are ingested: nobody can address them before it commits, so they are versions at once, met by no check.
//
// Evaluation, in one synchronous step under the locks that it holds:
//   1. nobody else may hold a lock on, or be writing, any of the keys; else wait and begin again
//   2. the timestamp rises above all reads of others, above the newest versions, above what readers pushed
//   3. if it rose above the read timestamp, what was read must hold up to it; else the transaction begins anew
//   4. the latch is taken and the command proposed; whoever reads at or above waits for it to be applied
// A key under an exclusive lock whose newest version was seen by the locking read needs no look at its versions.

import Clocks
import Encoding
import Storage

enum WriteStep {
  case proposed(Proposal, Timestamp)
  case wait(ReadWait)
  case failed(RangeFailure)
}

enum RefreshStep {
  case holds
  case conflict(Key)
  case wait(ReadWait)
  case failed(RangeFailure)
}

/// A write that is proposed and not yet applied.
public struct WriteUnderWay {
  let proposal: Proposal
  public let timestamp: Timestamp
  let purpose: WriteRequest.Purpose
}

/// What became of the attempt to propose a write.
public enum WriteStart {
  case under(WriteUnderWay)
  case failed(RangeFailure)
}

/// How a write ended.
public enum WriteOutcome: Sendable {
  case written(Timestamp)
  case failed(RangeFailure)
}

extension Replica {
  /// Evaluates, replicates and applies; returns once the writes are there, with their timestamp.
  public func write(_ request: WriteRequest, _ header: TransactionHeader) async -> WriteOutcome {
    switch await startWrite(request, header) {
    case .under(let write): await finish(write)
    case .failed(let failure): .failed(failure)
    }
  }

  /// Evaluates and proposes; what is on its way is finished by `finish`.
  public func startWrite(_ request: WriteRequest, _ header: TransactionHeader) async -> WriteStart {
    while true {
      if quota.isFull { await untilQuotaIsFree() }
      switch evaluate(request, header) {
      case .wait(let read):
        if let failure = await wait(read, header) { return .failed(failure) }
      case .failed(let failure): return .failed(failure)
      case .proposed(let proposal, let timestamp):
        return .under(WriteUnderWay(proposal: proposal, timestamp: timestamp, purpose: request.purpose))
      }
    }
  }

  /// Waits until a write is applied.
  public func finish(_ write: WriteUnderWay) async -> WriteOutcome {
    switch await write.proposal.value(on: shard.reactor) {
    case .applied: .written(write.timestamp)
    // Another entry stands where the command was to stand: it did not happen.
    case .lost: .failed(.retry(reason: "the range's lease moved while the write was under way", key: nil))
    case .stopped(let reason):
      .failed(write.purpose == .commit || write.purpose == .stage ? .ambiguous(reason) : .unavailable(reason))
    }
  }

  func evaluate(_ request: WriteRequest, _ header: TransactionHeader) -> WriteStep {
    if let refusal = refusal(header) { return .failed(refusal) }
    if let failure = checkOwnIntents(header) { return .failed(failure) }
    if let first = request.writes.first, let last = request.writes.last,
      let refusal = refusal(of: first.key) ?? refusal(of: last.key)
    {
      return .failed(refusal)
    }
    noteRequest(request.writes)
    if request.writes.isEmpty || header.hasIntents && request.purpose == .commit || request.purpose == .stage,
      let refusal = refusal(of: header.anchor)
    {
      return .failed(refusal)
    }
    if let latch = structuralLatch { return .wait(ReadWait(waiter: latch.makeWaiter(), key: nil)) }
    if request.purpose == .ingest { return proposeIngestion(request, header) }
    do throws(StorageError) {
      let owner = locks.owner(header.id)
      let mayMeetIntents = registry.mayHaveIntents(besides: header.id)
      // Whoever reads what a staged commit has written waits for its end. If that waited for a lock of the reader's, nobody would see the cycle.
      let waits = request.purpose != .prepare || request.fixedTimestamp == nil
      if let step = try makeWay(request.writes, header, owner, mayMeetIntents, waits: waits) { return step }

      let read = header.readTimestamp
      var timestamp = max(read, request.fixedTimestamp ?? .zero)
      if !shard.faults.forgetsReadsAtLease { timestamp = max(timestamp, closedFloor.next) }
      if !shard.faults.forgetsReadsAtLease, !shard.faults.forgetsTimeAtRestart {
        timestamp = max(timestamp, leaseStart.next)
      }
      if let entry = registry[header.id] {
        timestamp = max(timestamp, entry.leastCommit, entry.record.timestamp)
      }
      let versions = request.writes.count >= 8 ? try shard.reader.newestVersions() : nil
      for write in request.writes {
        if !shard.faults.skipsTimestampCache {
          let floor = shard.timestampCache.floor(write.key, owner: header.tag)
          if floor > timestamp, !shard.faults.takesEqualTimestampsForOneOwner || floor > timestamp.next {
            timestamp = floor
          }
        }
        if write.isNew { continue }
        if let owner, locks.holdsCurrent(write.key, by: owner) { continue }
        let newest: Timestamp
        if let versions {
          newest = try versions.newest(write.key)
        } else {
          newest = try shard.reader.newestVersion(write.key)
        }
        guard newest >= timestamp || newest > read else { continue }
        if header.isolation == .repeatableRead && newest > read {
          return .failed(collision("a concurrent transaction wrote the row", at: write.key, header))
        }
        if newest >= timestamp { timestamp = newest.next }
      }
      let ends = request.purpose == .commit || request.purpose == .stage
      if ends, timestamp > read, !request.reads.isEmpty {
        switch try checkRefresh(request.reads, header, to: timestamp) {
        case .holds: break
        case .conflict(let key):
          shard.counters.refreshFailures &+= 1
          return .failed(collision("what it read was changed by a concurrent transaction", at: key, header))
        case .wait(let read): return .wait(read)
        case .failed(let failure): return .failed(failure)
        }
      }
      if ends, let fixed = request.fixedTimestamp, timestamp > fixed {
        return .failed(.writeTooOld(timestamp, key: nil))
      }
      switch request.purpose {
      case .commit: return try proposeCommit(request, header, owner, at: timestamp)
      case .stage:
        if let owner { noteReadsUnderLock(owner, at: timestamp, besides: request.writes.map(\.key), header) }
        return try proposeStaging(request, header, at: timestamp)
      case .flush, .prepare:
        if request.purpose == .prepare, let owner {
          noteReadsUnderLock(owner, at: timestamp, besides: request.writes.map(\.key), header)
        }
        return try proposeFlush(request, header, at: timestamp)
      case .ingest: preconditionFailure("ingestion is not evaluated")
      }
    } catch {
      shard.fail(error)
      return .failed(.unavailable("\(error)"))
    }
  }

  /// Nil when nobody is in the way of any write.
  private func makeWay(
    _ writes: [KeyWrite], _ header: TransactionHeader, _ owner: LockOwner?, _ mayMeetIntents: Bool, waits: Bool
  ) throws(StorageError) -> WriteStep? {
    for write in writes {
      var isHeld = locks.isContended(write.key, by: owner)
      if !isHeld && mayMeetIntents, let intent = try shard.reader.intent(write.key) {
        isHeld = intent.transaction != header.id
      }
      if isHeld {
        switch try lock(write.key, header, LockRequest(.exclusive, wait: waits ? .wait : .fail)) {
        case .locked, .skipped: break
        case .failed(.lockNotAvailable):
          return .failed(collision("a concurrent transaction has locked the row", at: write.key, header))
        case .wait(let waiter): return .wait(ReadWait(waiter: waiter, key: write.key))
        case .failed(let failure): return .failed(failure)
        }
      }
      if let latch = latches.conflict(write.key) {
        return .wait(ReadWait(waiter: latch.makeWaiter(), key: write.key))
      }
    }
    return nil
  }

  /// About what a command with these writes takes.
  private static func byteCount(of writes: [KeyWrite]) -> Int {
    writes.reduce(64) { $0 + $1.key.bytes.count + ($1.value?.count ?? 0) + 32 }
  }

  private static func tooLarge(_ bytes: Int) -> WriteStep {
    .failed(.limit("a command of \(bytes) bytes is larger than \(Limits.commandBytes)"))
  }

  private static func put(_ write: KeyWrite, at timestamp: Timestamp, into batch: inout WriteBatch) {
    if let value = write.value {
      MVCC.put(write.key, value, at: timestamp, into: &batch)
    } else {
      MVCC.delete(write.key, at: timestamp, into: &batch)
    }
  }

  private func proposeCommit(
    _ request: WriteRequest, _ header: TransactionHeader, _ owner: LockOwner?, at timestamp: Timestamp
  ) throws(StorageError) -> WriteStep {
    let bytes = Self.byteCount(of: request.writes)
    guard bytes <= Limits.commandBytes else { return Self.tooLarge(bytes) }
    var batch = WriteBatch()
    batch.reserveCapacity(bytes)
    var keys: [Key] = []
    keys.reserveCapacity(request.writes.count)
    for write in request.writes {
      keys.append(write.key)
      if header.hasIntents, let intent = try shard.reader.intent(write.key) {
        MVCC.resolve(intent, .abort, into: &batch)
      }
      Self.put(write, at: timestamp, into: &batch)
    }
    if let owner { noteReadsUnderLock(owner, at: timestamp, besides: keys, header) }
    var entry: RegisteredTransaction?
    if header.hasIntents || !request.intentSpans.isEmpty {
      entry = registered(header)
      if entry == nil { return .failed(Self.givenUp) }
    }
    if let entry {
      entry.record.epoch = header.epoch
      entry.record.ignored = header.ignored
      var record = entry.record
      record.status = .committed
      record.timestamp = timestamp
      record.spansToClear = request.privateSpans
      record.spans = KeySpans.condensed(record.spans + request.intentSpans, limit: Limits.spansPerRecord)
      batch.put(.local, record.key, record.encoded())
    }
    guard let proposal = propose(batch, over: keys, at: timestamp) else { return .failed(unavailable) }
    proposal.ending = header.id
    if let entry {
      entry.finishing = proposal.latch
      entry.finishingAt = timestamp
      proposal.onApplied = { [unowned self] in
        entry.record.status = .committed
        entry.record.timestamp = timestamp
        entry.record.spansToClear = request.privateSpans
        self.registry.addSpans(request.intentSpans, to: entry)
        self.finish(entry)
      }
    }
    return .proposed(proposal, timestamp)
  }

  /// Versions at the read timestamp, which is at most the commit's: whoever finds a way to these keys reads above it.
  private func proposeIngestion(_ request: WriteRequest, _ header: TransactionHeader) -> WriteStep {
    let bytes = Self.byteCount(of: request.writes)
    guard bytes <= Limits.commandBytes else { return Self.tooLarge(bytes) }
    var batch = WriteBatch()
    batch.reserveCapacity(bytes)
    let timestamp = header.readTimestamp
    // Whoever reads a past that is closed here must not find a way to these keys: the commit stands above.
    let least = max(timestamp, closedFloor.next)
    for write in request.writes {
      Self.put(write, at: timestamp, into: &batch)
    }
    guard !request.privateSpans.isEmpty else {
      // Declared where the record lies, before.
      guard let proposal = propose(batch, largestTimestamp: timestamp, latch: nil) else { return .failed(unavailable) }
      return .proposed(proposal, least)
    }
    guard let entry = registered(header) else { return .failed(Self.givenUp) }
    var spans = entry.record.spansToClear
    for span in request.privateSpans where !spans.contains(span) { spans.append(span) }
    if spans.count > entry.record.spansToClear.count {
      // The record stands in the same command as the first row that may have to go.
      entry.record.spansToClear = spans
      batch.put(.local, entry.record.key, entry.record.encoded())
    }
    guard let proposal = propose(batch, largestTimestamp: timestamp, latch: nil) else { return .failed(unavailable) }
    return .proposed(proposal, least)
  }

  static let givenUp = RangeFailure.retry(
    reason: "it was given up after its coordinator had been silent too long", key: nil)

  /// The memory of a transaction that has intents or a record here; nil if it was, or may have been, given up.
  func registered(_ header: TransactionHeader) -> RegisteredTransaction? {
    if let known = registry[header.id] {
      return !known.record.status.isFinal && known.finishing == nil ? known : nil
    }
    if header.hasIntentsElsewhere, descriptor.span.contains(header.anchor) {
      // Whoever met one of those may have asked here before, and been told that it was given up: under an earlier lease, or so long ago
      // that it is forgotten.
      let tombstone = TransactionRecord.tombstone(header.id)
      let isOlder = header.named <= leaseStart && locks.owner(header.id)?.isUnquestioned != true
      if isOlder || shard.timestampCache.floor(tombstone, owner: 0) > header.named.next {
        return nil
      }
    }
    var record = TransactionRecord(id: header.id, anchor: header.anchor, status: .pending)
    record.epoch = header.epoch
    record.heartbeat = shard.clock.interval().latest
    let entry = registry.add(record)
    startSweeping()
    return entry
  }

  private func proposeFlush(
    _ request: WriteRequest, _ header: TransactionHeader, at timestamp: Timestamp
  ) throws(StorageError) -> WriteStep {
    guard let first = request.writes.first, let last = request.writes.last else {
      return .failed(.limit("a flush without writes"))
    }
    var batch = WriteBatch()
    if let failure = try putIntents(request.writes, header, at: timestamp, into: &batch) { return .failed(failure) }
    let keys = request.writes.map(\.key)
    guard let entry = registered(header) else { return .failed(Self.givenUp) }
    guard let proposal = propose(batch, over: keys, at: timestamp) else { return .failed(unavailable) }
    entry.record.epoch = header.epoch
    entry.record.timestamp = max(entry.record.timestamp, timestamp)
    registry.addSpan(KeySpan(start: first.key, end: last.key.next), to: entry)
    proposal.onApplied = { [unowned self] in
      if let owner = self.locks.owner(header.id) { self.locks.dropReplicated(owner, keys) }
    }
    return .proposed(proposal, timestamp)
  }

  /// Adds intents to a command; why it cannot be, if so.
  func putIntents(
    _ writes: [KeyWrite], _ header: TransactionHeader, at timestamp: Timestamp, into batch: inout WriteBatch
  ) throws(StorageError) -> RangeFailure? {
    guard let first = writes.first, let last = writes.last else { return nil }
    var view = header.view
    // Bulk writers come in order and meet nothing: one look at the whole chunk saves one per key.
    let isFresh = try shard.reader.intents(in: KeySpan(start: first.key, end: last.key.next), limit: 1).isEmpty
    for write in writes {
      view.sequence = write.sequence
      let outcome = try MVCC.putIntent(
        shard.reader, write.key, write.value, transaction: view, anchor: header.anchor, at: timestamp,
        isFresh: isFresh, into: &batch)
      guard outcome == .written else {
        // Somebody's whom nobody knows here, from before this lease: to be looked for, and meanwhile in the way.
        registry.hasStrangers = true
        strangerCursor = descriptor.span
        startSweeping()
        return .retry(reason: "an unfinished transaction of an earlier lease wrote the row", key: write.key)
      }
    }
    return nil
  }

  /// Keys locked and not written were read, and nobody could write them so far; from now on the timestamp cache keeps
  /// writers above the transaction's timestamp.
  func noteReadsUnderLock(
    _ owner: LockOwner, at timestamp: Timestamp, besides written: [Key], _ header: TransactionHeader
  ) {
    guard !shard.faults.skipsTimestampCache else { return }
    for lock in owner.held where !binaryContains(written, lock.key) {
      shard.timestampCache.noteRead(lock.key, at: timestamp, owner: header.tag)
    }
  }

  private func binaryContains(_ keys: [Key], _ key: Key) -> Bool {
    var low = 0
    var high = keys.count
    while low < high {
      let middle = (low + high) / 2
      if keys[middle] < key { low = middle + 1 } else { high = middle }
    }
    return low < keys.count && keys[low] == key
  }

  /// Gives a transaction's locks back without writing anything.
  public func release(_ header: TransactionHeader) -> RangeFailure? {
    if let refusal = refusal(header) { return refusal }
    if let owner = locks.owner(header.id) {
      noteReadsUnderLock(owner, at: header.readTimestamp, besides: [], header)
    }
    // Where it has intents whose fate is not known here its locks stand for those: they go when it is.
    if let entry = registry[header.id], !entry.record.status.isFinal, entry.mayHaveIntents { return nil }
    locks.release(header.id)
    return nil
  }

  // MARK: - Refresh

  /// Whether the reads hold up to `timestamp`; if so they count as reads at it.
  public func refresh(
    _ reads: ReadFootprint, _ header: TransactionHeader, to timestamp: Timestamp
  ) async -> RangeFailure? {
    while true {
      if let refusal = refusal(header) ?? refusal(at: timestamp) { return refusal }
      for key in reads.keys { if let refusal = refusal(of: key) { return refusal } }
      for span in reads.spans { if let refusal = refusal(of: span) { return refusal } }
      do throws(StorageError) {
        switch try checkRefresh(reads, header, to: timestamp) {
        case .holds:
          if let owner = locks.owner(header.id) { noteReadsUnderLock(owner, at: timestamp, besides: [], header) }
          return nil
        case .conflict(let key):
          shard.counters.refreshFailures &+= 1
          return collision("what it read was changed by a concurrent transaction", at: key, header)
        case .failed(let failure): return failure
        case .wait(let read):
          if let failure = await wait(read, header) { return failure }
        }
      } catch {
        shard.fail(error)
        return .unavailable("\(error)")
      }
    }
  }

  private func checkRefresh(
    _ reads: ReadFootprint, _ header: TransactionHeader, to timestamp: Timestamp
  ) throws(StorageError) -> RefreshStep {
    let from = header.readTimestamp
    guard from < timestamp, !shard.faults.skipsRefresh else { return .holds }
    let mayMeetIntents = registry.mayHaveIntents(besides: header.id)
    let options = ReadOptions(at: timestamp, mayHaveIntents: false)
    for key in reads.keys {
      if let latch = latches.conflict(key, hash: KeyHash.hash(key.bytes), upTo: timestamp) {
        return .wait(ReadWait(waiter: latch.makeWaiter(), key: key))
      }
      if mayMeetIntents, let intent = try shard.reader.intent(key),
        let step = try passIntent(intent, header, at: timestamp)
      {
        return step
      }
      let outcome = try key.bytes.span.withUnsafeBytes { (raw) throws(StorageError) in
        try shard.reader.read(raw, options) { _ in }
      }
      if outcome.version > from { return .conflict(key) }
    }
    for span in reads.spans {
      if !latches.isEmpty, let latch = latches.conflict(span, upTo: timestamp) {
        return .wait(ReadWait(waiter: latch.makeWaiter(), key: span.start))
      }
      if mayMeetIntents {
        let intents = try shard.reader.intents(in: span, limit: Limits.intentsPerPass)
        for intent in intents {
          if let step = try passIntent(intent, header, at: timestamp) { return step }
        }
        // More intents than are looked at in one step: rather begin anew than hold the reactor up.
        if intents.count == Limits.intentsPerPass { return .conflict(span.start) }
      }
      if let key = try shard.reader.checkRefresh(span, from: from, to: timestamp, mayHaveIntents: false) {
        return .conflict(key)
      }
    }
    if !shard.faults.skipsTimestampCache {
      for key in reads.keys { shard.timestampCache.noteRead(key, at: timestamp, owner: header.tag) }
      for span in reads.spans { shard.timestampCache.noteRead(span, at: timestamp, owner: header.tag) }
    }
    return .holds
  }

  /// Nil if the intent cannot change what is read at `timestamp`.
  ///
  /// Two that have laid intents into what the other has read would push each other for ever: the one with the larger id yields.
  private func passIntent(
    _ intent: Intent, _ header: TransactionHeader, at timestamp: Timestamp
  ) throws(StorageError) -> RefreshStep? {
    guard intent.transaction != header.id, intent.timestamp <= timestamp else { return nil }
    // A staged one has most likely committed. Two that waited for each other's ends would wait for ever.
    if let staged = registry[intent.transaction]?.stagedAt, staged <= timestamp { return .conflict(intent.key) }
    switch try settle(intent, readAt: timestamp) {
    case .pass:
      let mayBePushed = header.hasIntents || header.hasIntentsElsewhere
      if mayBePushed, intent.transaction < header.id, let entry = registry[intent.transaction],
        entry.record.status == .pending, entry.finishing == nil
      {
        return .conflict(intent.key)
      }
      return nil
    case .wait(let waiter): return .wait(ReadWait(waiter: waiter, key: intent.key))
    case .ask(var inquiry):
      inquiry.waits = false
      return .failed(.conflict([inquiry]))
    case .live: return .conflict(intent.key)
    case .failed(let failure): return .failed(failure)
    }
  }
}
