// Transactions that laid down intents: what a request does that meets one, how its end becomes true everywhere, and who
// cleans up after a coordinator that died.
//
// Readers never wait for a living transaction's intents: they push it, which is a word in the leaseholder's memory: it
// will commit above the reader. Whoever wants to write waits in the key's queue, where the intent stands as a lock.
// The end is one command, whatever the number of intents: the record. Intents are settled afterwards in slices, those
// that somebody waits for at once. A coordinator without a heartbeat for `Limits.transactionExpiry` is given up.
//
// A transaction's record lies in the range of its anchor. Another range that meets its intents answers with an inquiry, which
// whoever asked carries to the record's range, and brings the answer back (`take`): ranges do not speak with each other.

import Clocks
import Encoding
import Reactors
import Storage

enum SettleStep {
  /// Not in the way of a read at the given timestamp.
  case pass
  case wait(Waiter)
  /// A living transaction's: it counts as a lock.
  case live
  /// Only the range of its record knows.
  case ask(TransactionInquiry)
  case failed(RangeFailure)
}

/// A transaction that has ended, and whose traces in other ranges are left.
public struct UnsettledTransaction: Sendable {
  public var fate: TransactionFate
  /// Where its intents are.
  public var spans: [KeySpan]
  /// What is to be cleared.
  public var clears: [KeySpan]

  public init(fate: TransactionFate, spans: [KeySpan], clears: [KeySpan]) {
    self.fate = fate
    self.spans = spans
    self.clears = clears
  }
}

extension TransactionRegistry {
  func mayHaveIntents(besides id: TransactionID) -> Bool {
    if hasStrangers { return true }
    guard unresolved > 0 else { return false }
    if unresolved > 1 { return true }
    guard let own = self[id] else { return true }
    return !own.mayHaveIntents
  }
}

extension Replica {
  /// Nil if a transaction's own intents still stand.
  func checkOwnIntents(_ header: TransactionHeader) -> RangeFailure? {
    guard header.hasIntents else { return nil }
    if let entry = registry[header.id], !entry.record.status.isFinal, entry.finishing == nil { return nil }
    return Self.givenUp
  }

  /// Whether the transaction's record lies, or would lie, in this range.
  func hasRecord(of entry: RegisteredTransaction) -> Bool { descriptor.span.contains(entry.record.anchor) }

  private var monotonic: Int64 { shard.reactor.environment.monotonicNow().nanoseconds }

  /// What an intent of another transaction means to a read at `timestamp`, or to a writer (nil).
  func settle(_ intent: Intent, readAt timestamp: Timestamp?) throws(StorageError) -> SettleStep {
    let entry: RegisteredTransaction
    if let known = registry[intent.transaction] {
      entry = known
    } else {
      // No record: its coordinator died before the first heartbeat, and the intent's age counts.
      entry = register(
        TransactionInquiry(
          id: intent.transaction, anchor: intent.anchor, epoch: intent.epoch, timestamp: intent.timestamp, reader: nil),
        spans: [KeySpan(intent.key)])
    }
    switch entry.record.status {
    case .committed:
      if let timestamp, entry.record.timestamp > timestamp { return .pass }
      return try resolveNow(intent, entry)
    case .aborted:
      return try resolveNow(intent, entry)
    case .staging: return settleStaged(entry, readAt: timestamp)
    case .pending:
      if let latch = entry.finishing {
        if let timestamp, let end = entry.finishingAt, end > timestamp { return .pass }
        return .wait(latch.makeWaiter())
      }
      if !hasRecord(of: entry) {
        if let timestamp {
          if entry.leastCommit > timestamp { return .pass }
        } else if entry.heardAt != .min, monotonic - entry.heardAt < Limits.heartbeatInterval {
          return .live
        }
        return .ask(inquiry(entry, reader: timestamp))
      }
      guard let timestamp else { return .live }
      pass(entry, timestamp)
      return .pass
    }
  }

  func inquiry(_ entry: RegisteredTransaction, reader: Timestamp?) -> TransactionInquiry {
    TransactionInquiry(
      id: entry.record.id, anchor: entry.record.anchor, epoch: entry.record.epoch, timestamp: entry.record.timestamp,
      reader: reader)
  }

  /// Notes a transaction of which nothing is known but an intent, whose age then counts.
  private func register(_ inquiry: TransactionInquiry, spans: [KeySpan]) -> RegisteredTransaction {
    var record = TransactionRecord(id: inquiry.id, anchor: inquiry.anchor, status: .pending)
    record.epoch = inquiry.epoch
    record.timestamp = inquiry.timestamp
    record.heartbeat = inquiry.timestamp.wall
    record.spans = spans
    wake()
    let entry = registry.add(record)
    // What readers pushed it above, only earlier leaseholders knew.
    if hasRecord(of: entry) { entry.leastCommit = leaseStart }
    startSweeping()
    return entry
  }

  /// A reader sees past the intents of a pending transaction, which therefore commits above.
  private func pass(_ entry: RegisteredTransaction, _ reader: Timestamp) {
    entry.leastCommit = max(entry.leastCommit, reader.next)
  }

  // MARK: - Between ranges

  /// Answers for a transaction whose record lies, or would lie, here.
  public func inquire(_ inquiry: TransactionInquiry) async -> RangeResponse {
    while true {
      if let refusal = refusal(at: inquiry.reader ?? .zero) ?? refusal(of: inquiry.anchor) { return .failed(refusal) }
      let entry = registry[inquiry.id] ?? register(inquiry, spans: [])
      var fate = fate(of: entry)
      if entry.record.status.isFinal { return .fate(fate) }
      if entry.record.status == .staging, entry.finishing == nil {
        if isExpired(entry) { return .fate(fate) }
        fate.promised = []
        if let reader = inquiry.reader, reader >= fate.timestamp {
          guard inquiry.waits else { return .fate(fate) }
          switch await entry.makeOnlooker().value(on: shard.reactor) {
          case .granted: continue
          default: return .failed(unavailable)
          }
        }
        fate.status = .pending
        return .fate(fate)
      }
      fate.status = .pending
      fate.promised = []
      if let latch = entry.finishing {
        if let reader = inquiry.reader, let end = entry.finishingAt, end > reader {
          fate.timestamp = end
          return .fate(fate)
        }
        _ = await latch.makeWaiter().value(on: shard.reactor)
        continue
      }
      if isExpired(entry) {
        if let latch = structuralLatch {
          _ = await latch.makeWaiter().value(on: shard.reactor)
        } else {
          giveUp(entry)
          if entry.finishing == nil { return .failed(unavailable) }
        }
        continue
      }
      fate.timestamp = .zero
      if let reader = inquiry.reader {
        pass(entry, reader)
        // A later leaseholder knows nothing of this, but it begins above whatever was read here. The anchor itself was not read: others,
        // the reader perhaps, may write it.
        shard.timestampCache.noteRead(TransactionRecord.push(entry.record.id), at: reader, owner: 0)
        fate.timestamp = entry.leastCommit
      }
      return .fate(fate)
    }
  }

  /// Takes in what the ranges of their records say of transactions that have intents here.
  public func take(_ fates: [TransactionFate]) {
    guard holdsLease else { return }
    for fate in fates {
      guard let entry = registry[fate.id], entry.record.status == .pending, !hasRecord(of: entry) else { continue }
      entry.heardAt = monotonic
      if fate.status == .staging { entry.stagedElsewhere = fate.timestamp }
      guard fate.status.isFinal else {
        entry.leastCommit = max(entry.leastCommit, fate.timestamp)
        continue
      }
      entry.record.status = fate.status
      entry.record.timestamp = fate.timestamp
      entry.record.epoch = fate.epoch
      entry.record.ignored = fate.ignored
      locks.release(fate.id)
      finish(entry)
    }
  }

  /// Settles the intents in `spans` of a transaction that has ended.
  public func resolve(_ fate: TransactionFate, _ spans: [KeySpan]) async -> RangeFailure? {
    let (inside, outside) = KeySpans.cut(spans, by: descriptor.span)
    if let refusal = refusal(at: .zero) { return refusal }
    // Once the record has gone, so have its intents, everywhere: the span has come here by a merge since.
    let isForgotten = descriptor.span.contains(fate.anchor) && registry[fate.id] == nil
    if !inside.isEmpty, !isForgotten {
      let entry =
        registry[fate.id]
        ?? register(
          TransactionInquiry(
            id: fate.id, anchor: fate.anchor, epoch: fate.epoch, timestamp: fate.timestamp, reader: nil), spans: inside)
      for span in inside { registry.addSpan(span, to: entry) }
      take([fate])
      if !entry.isResolved, entry.record.status.isFinal {
        let isSettled: Bool = await shard.reactor.suspend { continuation in
          if entry.isResolved { continuation.resume(returning: true) } else { entry.waiters.append(continuation) }
        }
        if !isSettled { return unavailable }
      }
      // It may have been cut meanwhile, and what was to be settled be another's.
      if let lost = KeySpans.cut(inside, by: descriptor.span).outside.first { return outOfRange(lost) }
    }
    guard let first = outside.first else { return nil }
    return outOfRange(first)
  }

  /// Nothing of a transaction that ended here is left in `settled`. More may have become other ranges' business meanwhile.
  public func forget(_ id: TransactionID, anchor: Key, settled: [KeySpan]) -> RangeFailure? {
    if let refusal = refusal(at: .zero) ?? refusal(of: anchor) { return refusal }
    guard let entry = registry[id], entry.record.status.isFinal else { return nil }
    for span in settled {
      entry.spansElsewhere = KeySpans.cut(entry.spansElsewhere, by: span).outside
      entry.clearsElsewhere = KeySpans.cut(entry.clearsElsewhere, by: span).outside
    }
    guard entry.spansElsewhere.isEmpty, entry.clearsElsewhere.isEmpty else { return nil }
    resolutions.append(id)
    startResolving()
    return nil
  }

  /// What ended here and is not settled in other ranges, although its coordinator has had `patience` nanoseconds for that.
  public func unsettled(after patience: Int64) -> [UnsettledTransaction] {
    guard holdsLease else { return [] }
    let now = monotonic
    return registry.sorted.compactMap { entry in
      guard entry.record.status.isFinal, entry.finishing == nil, now - entry.finishedAt >= patience,
        !entry.spansElsewhere.isEmpty || !entry.clearsElsewhere.isEmpty
      else { return nil }
      return UnsettledTransaction(fate: fate(of: entry), spans: entry.spansElsewhere, clears: entry.clearsElsewhere)
    }
  }

  /// Transactions of other ranges with intents here, of which nothing was heard for a while; and those of this range whose coordinator has
  /// not said for long what came of the staged commit.
  public func doubtful() -> [TransactionInquiry] {
    guard holdsLease else { return [] }
    let now = monotonic
    return registry.sorted.compactMap { entry in
      if entry.record.status == .staging {
        return entry.finishing == nil && isExpired(entry) ? inquiry(entry, reader: nil) : nil
      }
      guard entry.record.status == .pending, !hasRecord(of: entry),
        entry.heardAt == .min || now - entry.heardAt >= Limits.heartbeatInterval
      else { return nil }
      return inquiry(entry, reader: nil)
    }
  }

  func fate(of entry: RegisteredTransaction) -> TransactionFate {
    TransactionFate(
      id: entry.record.id, anchor: entry.record.anchor, status: entry.record.status, timestamp: entry.record.timestamp,
      epoch: entry.record.epoch, ignored: entry.record.ignored, promised: entry.record.promised)
  }

  /// Settles an intent of a finished transaction, and some of its neighbours, ahead of the others.
  private func resolveNow(
    _ intent: Intent, _ entry: RegisteredTransaction
  ) throws(StorageError) -> SettleStep {
    if let latch = latches.conflict(intent.key) { return .wait(latch.makeWaiter()) }
    // What the record names may reach into the next range, whose replica here is another one's business.
    let end = min(entry.record.spans.first { $0.contains(intent.key) }?.end ?? intent.key.next, descriptor.span.end)
    let intents = try shard.reader.intents(in: KeySpan(start: intent.key, end: end), limit: 200)
    guard let proposal = proposeResolution(intents, entry) else { return .failed(unavailable) }
    guard let latch = proposal.latch else { return .failed(unavailable) }
    return .wait(latch.makeWaiter())
  }

  /// Proposes to settle those of `intents` that are the transaction's and in nobody's hands. Nil: cannot propose.
  private func proposeResolution(_ intents: [Intent], _ entry: RegisteredTransaction) -> Proposal? {
    var batch = WriteBatch()
    var keys: [Key] = []
    let resolution = entry.record.resolution
    for intent in intents
    where intent.transaction == entry.record.id && latches.conflict(intent.key) == nil {
      MVCC.resolve(intent, resolution, into: &batch)
      keys.append(intent.key)
      if batch.byteCount > Limits.resolutionBatchBytes { break }
    }
    let timestamp = entry.record.status == .committed ? entry.record.timestamp : .zero
    guard let proposal = propose(batch, over: keys, at: timestamp) else { return nil }
    shard.counters.intentsResolved &+= UInt64(keys.count)
    return proposal
  }

  // MARK: - Ends

  /// The transaction's end is applied: its intents are to be settled.
  func finish(_ entry: RegisteredTransaction) {
    entry.finishing = nil
    entry.record.promised = []
    entry.tellOnlookers()
    entry.finishedAt = monotonic
    let (inside, outside) = KeySpans.cut(KeySpans.normalized(entry.record.spans), by: descriptor.span)
    entry.unresolvedSpans = inside
    // Of an aborted one nothing need be known: whoever meets an intent finds no record.
    if entry.record.status == .committed, hasRecord(of: entry) { entry.spansElsewhere = outside }
    let clears = KeySpans.cut(entry.record.spansToClear, by: descriptor.span)
    entry.record.spansToClear = clears.inside
    entry.clearsElsewhere = clears.outside
    resolutions.append(entry.record.id)
    startResolving()
  }

  /// The coordinator gives up. Intents go later; locks at once. If the header names their lease nothing that counts on them is done any more.
  public func abort(_ header: TransactionHeader, _ spans: [KeySpan]) -> RangeFailure? {
    guard holdsLease else { return unavailable }
    let (inside, outside) = KeySpans.cut(spans, by: descriptor.span)
    if registry[header.id] == nil, header.hasIntents, !inside.isEmpty {
      // It was another range's, or another lease's, when they were laid.
      _ = register(
        TransactionInquiry(
          id: header.id, anchor: header.anchor, epoch: header.epoch, timestamp: header.named, reader: nil),
        spans: inside)
    }
    let isCommitting = registry[header.id]?.finishingAt != nil
    if let entry = registry[header.id], entry.record.status != .committed, !isCommitting {
      // Not all need have been found here, if they were laid under another lease, or before a split.
      if header.hasIntents { for span in inside { registry.addSpan(span, to: entry) } }
      entry.coordinatorKnows = true
      if entry.finishing == nil {
        if !entry.record.status.isFinal || header.hasIntents {
          entry.record.status = .aborted
          finish(entry)
        } else if entry.isResolved {
          registry.remove(header.id)
        }
      }
    }
    // A commit may still be under way, and nobody knows.
    if header.locksLease != 0 { bereaved.insert(header.id, epoch: header.epoch) }
    locks.release(header.id)
    return outside.first.map { outOfRange($0) }
  }

  /// Notes that the coordinator lives.
  public func heartbeat(_ header: TransactionHeader) async -> RangeFailure? {
    if let failure = refusal(of: header.anchor) ?? checkOwnIntents(header) { return failure }
    guard structuralLatch == nil else { return nil }
    // Its intents in other ranges may be older than anything here.
    guard let entry = registry[header.id] ?? (header.hasIntentsElsewhere ? registered(header) : nil),
      entry.record.status == .pending, entry.finishing == nil
    else { return nil }
    entry.record.heartbeat = shard.clock.interval().latest
    var batch = WriteBatch()
    batch.put(.local, entry.record.key, entry.record.encoded())
    guard let proposal = propose(batch, largestTimestamp: .zero, latch: nil) else { return unavailable }
    _ = await proposal.value(on: shard.reactor)
    return nil
  }

  func isExpired(_ entry: RegisteredTransaction) -> Bool {
    let limit = entry.record.heartbeat.addingReportingOverflow(Limits.transactionExpiry)
    return !limit.overflow && shard.clock.interval().isCertainlyAfter(limit.partialValue)
  }

  /// Aborts a transaction whose coordinator is silent, and whose record is here.
  func giveUp(_ entry: RegisteredTransaction) {
    guard structuralLatch == nil else { return }
    var record = entry.record
    record.status = .aborted
    var batch = WriteBatch()
    batch.put(.local, record.key, record.encoded())
    guard let proposal = propose(batch, over: [], at: .zero) else { return }
    entry.finishing = proposal.latch
    entry.finishingAt = nil
    proposal.ending = record.id
    proposal.onApplied = { [unowned self] in
      entry.record.status = .aborted
      self.finish(entry)
    }
  }

  // MARK: - Background

  func startSweeping() {
    guard !isSweeping, holdsLease else { return }
    isSweeping = true
    let me = Confined(self, to: shard.reactor)
    _ = shard.reactor.schedule(afterNanoseconds: Limits.heartbeatInterval) { reactor in
      me.access(on: reactor).sweep()
    }
  }

  private func sweep() {
    isSweeping = false
    guard holdsLease else { return }
    if registry.hasStrangers { findStrangers() }
    let now = monotonic
    for entry in registry.sorted {
      switch entry.record.status {
      case .pending:
        if entry.finishing == nil, hasRecord(of: entry), isExpired(entry) { giveUp(entry) }
      case .staging:
        if isExpired(entry) { entry.tellOnlookers() }
      case .aborted where entry.isResolved && now - entry.finishedAt > 60_000_000_000:
        // A coordinator that comes so late must not take it for one that never was.
        shard.timestampCache.noteRead(TransactionRecord.tombstone(entry.record.id), at: shard.clock.now(), owner: 0)
        registry.remove(entry.record.id)
      case .aborted, .committed: break
      }
    }
    if !registry.entries.isEmpty || registry.hasStrangers { startSweeping() }
  }

  /// After a restart: registers transactions that left intents and no record, a slice at a time.
  private func findStrangers() {
    // The range may have been cut since.
    guard let cursor = strangerCursor?.intersection(descriptor.span) else {
      registry.hasStrangers = false
      return
    }
    do throws(StorageError) {
      let intents = try shard.reader.intents(in: cursor, limit: Limits.sliceKeys)
      for intent in intents {
        if let entry = registry[intent.transaction] {
          registry.reopen(entry, [KeySpan(intent.key)])
          if entry.record.status.isFinal {
            resolutions.append(entry.record.id)
            startResolving()
          }
          continue
        }
        _ = try settle(intent, readAt: .zero)
      }
      if let last = intents.last, intents.count == Limits.sliceKeys {
        strangerCursor = KeySpan(start: last.key.next, end: cursor.end)
      } else {
        strangerCursor = nil
        registry.hasStrangers = false
      }
    } catch {
      shard.fail(error)
    }
  }

  func startResolving() {
    guard !isResolving, !resolutions.isEmpty, holdsLease else { return }
    isResolving = true
    let me = Confined(self, to: shard.reactor)
    shard.reactor.enqueue { reactor in
      reactor.run { reactor in await me.access(on: reactor).resolveAll() }
    }
  }

  /// Settles intents, a slice in flight at a time, finished transactions taking turns.
  private func resolveAll() async {
    while holdsLease, let next = resolutions.popFirst() {
      guard let entry = registry[next], entry.record.status.isFinal else { continue }
      do throws(StorageError) {
        let isDone = try await resolveSlice(entry)
        guard isCurrent(entry) else { continue }
        if isDone {
          try await forget(entry)
        } else {
          resolutions.append(next)
        }
      } catch {
        shard.fail(error)
      }
    }
    isResolving = false
    startResolving()
  }

  /// Whether what was begun for a transaction may go on after a wait: under another lease all that is known begins anew, and what was
  /// proposed under the old one may be lost.
  private func isCurrent(_ entry: RegisteredTransaction) -> Bool { holdsLease && registry[entry.record.id] === entry }

  /// True when nothing is left.
  private func resolveSlice(_ entry: RegisteredTransaction) async throws(StorageError) -> Bool {
    if let latch = structuralLatch {
      _ = await latch.makeWaiter().value(on: shard.reactor)
      return false
    }
    if !entry.record.spansToClear.isEmpty {
      var batch = WriteBatch()
      for span in entry.record.spansToClear { MVCC.clear(span, into: &batch) }
      guard let proposal = propose(batch, largestTimestamp: .zero, latch: nil) else { return await holdOff() }
      entry.record.spansToClear = []
      _ = await proposal.value(on: shard.reactor)
      return entry.unresolvedSpans.isEmpty
    }
    guard let span = entry.unresolvedSpans.last else { return true }
    let intents = try shard.reader.intents(in: span, limit: 500)
    guard let last = intents.last else {
      entry.unresolvedSpans.removeLast()
      return entry.unresolvedSpans.isEmpty
    }
    let own = intents.filter { $0.transaction == entry.record.id }
    if own.isEmpty {
      entry.unresolvedSpans[entry.unresolvedSpans.count - 1].start = last.key.next
      return false
    }
    if let busy = own.lazy.compactMap({ self.latches.conflict($0.key) }).first {
      _ = await busy.makeWaiter().value(on: shard.reactor)
      return false
    }
    guard let proposal = proposeResolution(own, entry) else { return await holdOff() }
    // Looking from the start again would pass over all that was settled before: to the engine they are deletions.
    let isWhole = proposal.latch?.keys.count == own.count
    let reached = (isWhole ? last.key : proposal.latch?.keys.last ?? span.start).next
    entry.unresolvedSpans[entry.unresolvedSpans.count - 1].start = reached
    _ = await proposal.value(on: shard.reactor)
    return false
  }

  /// The group takes no commands just now: what is left is looked at again a little later.
  private func holdOff() async -> Bool {
    await shard.reactor.sleep(nanoseconds: 10_000_000)
    return false
  }

  /// All intents are settled: the record goes.
  private func forget(_ entry: RegisteredTransaction) async throws(StorageError) {
    guard holdsLease else { return }
    if hasRecord(of: entry) {
      // Somebody else's work first, which ends with `forget`.
      guard entry.spansElsewhere.isEmpty, entry.clearsElsewhere.isEmpty else {
        registry.markResolved(entry)
        entry.finishWaiting(true)
        return
      }
      try await removeRecord(of: entry)
      guard isCurrent(entry) else { return }
    }
    registry.markResolved(entry)
    entry.finishWaiting(true)
    if entry.record.status == .committed || entry.coordinatorKnows { registry.remove(entry.record.id) }
  }

  private func removeRecord(of entry: RegisteredTransaction) async throws(StorageError) {
    while let latch = structuralLatch { _ = await latch.makeWaiter().value(on: shard.reactor) }
    guard isCurrent(entry), hasRecord(of: entry) else { return }
    var batch = WriteBatch()
    batch.delete(.local, entry.record.key)
    if let proposal = propose(batch, largestTimestamp: .zero, latch: nil) {
      _ = await proposal.value(on: shard.reactor)
    }
  }

  /// Brings back what records in a span say, and has its intents looked through if there are any. Returns whose records there are.
  @discardableResult
  func loadRecords(in span: KeySpan) throws(StorageError) -> Set<TransactionID> {
    var found: Set<TransactionID> = []
    let cursor = try shard.engine.makeIterator(
      .local,
      IteratorBounds(lower: LocalKeys.records(from: span.start), upper: LocalKeys.records(from: span.end)))
    cursor.seekToFirst()
    while cursor.isValid {
      guard let record = TransactionRecord(key: cursor.key, encoded: [UInt8](cursor.value)) else {
        throw .corruption("a transaction record of range \(id) is damaged")
      }
      found.insert(record.id)
      if let known = registry[record.id] {
        adopt(record, known)
      } else {
        let entry = registry.add(record)
        // What readers pushed it above, only earlier leaseholders knew.
        entry.leastCommit = leaseStart
        if record.status.isFinal { finish(entry) }
      }
      cursor.next()
    }
    try cursor.checkStatus()
    if try !shard.reader.intents(in: span, limit: 1).isEmpty {
      strangerCursor = KeySpan(
        start: registry.hasStrangers ? strangerCursor?.start ?? span.start : span.start, end: span.end)
      registry.hasStrangers = true
    }
    if !registry.entries.isEmpty || registry.hasStrangers { startSweeping() }
    return found
  }

  /// The record of a transaction that was another range's so far, and of which only its intents here were known.
  private func adopt(_ record: TransactionRecord, _ entry: RegisteredTransaction) {
    registry.reopen(entry, [])
    registry.addSpans(record.spans, to: entry)
    entry.record.spansToClear += record.spansToClear
    entry.record.heartbeat = max(entry.record.heartbeat, record.heartbeat)
    entry.leastCommit = max(entry.leastCommit, leaseStart)
    if entry.record.status == .pending {
      entry.record.status = record.status
      entry.record.timestamp =
        record.status == .pending ? max(entry.record.timestamp, record.timestamp) : record.timestamp
      entry.record.epoch = record.epoch
      entry.record.ignored = record.ignored
      entry.record.promised = record.promised
      if record.status.isFinal { locks.release(record.id) }
    }
    if entry.record.status.isFinal { finish(entry) }
  }
}
