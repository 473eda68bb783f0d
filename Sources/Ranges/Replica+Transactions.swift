// Transactions that laid down intents: what a request does that meets one, how its end becomes true everywhere, and who
// cleans up after a coordinator that died.
//
// Readers never wait for a living transaction's intents: they push it, which is a word in the leaseholder's memory: it
// will commit above the reader. Whoever wants to write waits in the key's queue, where the intent stands as a lock.
// The end is one command, whatever the number of intents: the record. Intents are settled afterwards in slices, those
// that somebody waits for at once. A coordinator without a heartbeat for `Limits.transactionExpiry` is given up.

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
  case failed(RangeFailure)
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
    if let entry = registry[header.id], entry.record.status == .pending, entry.finishing == nil { return nil }
    return .retry(reason: "it was given up after its coordinator had been silent too long", key: nil)
  }

  /// What an intent of another transaction means to a read at `timestamp`, or to a writer (nil).
  func settle(_ intent: Intent, readAt timestamp: Timestamp?) throws(StorageError) -> SettleStep {
    let entry: RegisteredTransaction
    if let known = registry[intent.transaction] {
      entry = known
    } else {
      // No record: its coordinator died before the first heartbeat, and the intent's age counts.
      var record = TransactionRecord(id: intent.transaction, status: .pending)
      record.epoch = intent.epoch
      record.timestamp = intent.timestamp
      record.heartbeat = intent.timestamp.wall
      record.spans = [KeySpan(intent.key)]
      entry = registry.add(record)
      entry.leastCommit = leaseStart
      startSweeping()
    }
    switch entry.record.status {
    case .committed:
      if let timestamp, entry.record.timestamp > timestamp { return .pass }
      return try resolveNow(intent, entry)
    case .aborted:
      return try resolveNow(intent, entry)
    case .pending:
      if let latch = entry.finishing {
        if let timestamp, let end = entry.finishingAt, end > timestamp { return .pass }
        return .wait(latch.makeWaiter())
      }
      guard let timestamp else { return .live }
      entry.leastCommit = max(entry.leastCommit, timestamp.next)
      return .pass
    }
  }

  /// Settles an intent of a finished transaction, and some of its neighbours, ahead of the others.
  private func resolveNow(
    _ intent: Intent, _ entry: RegisteredTransaction
  ) throws(StorageError) -> SettleStep {
    if let latch = latches.conflict(intent.key) { return .wait(latch.makeWaiter()) }
    let end = entry.record.spans.first { $0.contains(intent.key) }?.end ?? intent.key.next
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
    entry.finishedAt = shard.reactor.environment.monotonicNow().nanoseconds
    resolutions.append(entry.record.id)
    startResolving()
  }

  /// The coordinator gives up. Intents go later; locks at once.
  public func abort(_ header: TransactionHeader) {
    if let entry = registry[header.id] {
      if entry.record.status == .pending && entry.finishing == nil {
        entry.record.status = .aborted
        entry.coordinatorKnows = true
        finish(entry)
      } else if entry.record.status == .aborted {
        entry.coordinatorKnows = true
        if entry.isResolved { registry.remove(header.id) }
      }
    }
    locks.release(header.id)
  }

  /// Notes that the coordinator lives.
  public func heartbeat(_ header: TransactionHeader) async -> RangeFailure? {
    if let failure = checkOwnIntents(header) { return failure }
    guard let entry = registry[header.id] else { return nil }
    entry.record.heartbeat = shard.clock.interval().latest
    var batch = WriteBatch()
    batch.put(.local, TransactionRecord.key(id, header.id), entry.record.encoded())
    guard let proposal = propose(batch, largestTimestamp: .zero, latch: nil) else { return unavailable }
    _ = await proposal.value(on: shard.reactor)
    return nil
  }

  /// Aborts a transaction whose coordinator is silent.
  func giveUp(_ entry: RegisteredTransaction) {
    var record = entry.record
    record.status = .aborted
    var batch = WriteBatch()
    batch.put(.local, TransactionRecord.key(id, record.id), record.encoded())
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
    let interval = shard.clock.interval()
    let now = shard.reactor.environment.monotonicNow().nanoseconds
    for entry in registry.sorted {
      switch entry.record.status {
      case .pending:
        let limit = entry.record.heartbeat.addingReportingOverflow(Limits.transactionExpiry)
        if entry.finishing == nil && !limit.overflow && interval.isCertainlyAfter(limit.partialValue) {
          giveUp(entry)
        }
      case .aborted where entry.isResolved && now - entry.finishedAt > 60_000_000_000:
        registry.remove(entry.record.id)
      case .aborted, .committed: break
      }
    }
    if !registry.entries.isEmpty || registry.hasStrangers { startSweeping() }
  }

  /// After a restart: registers transactions that left intents and no record, a slice at a time.
  private func findStrangers() {
    guard let cursor = strangerCursor else {
      registry.hasStrangers = false
      return
    }
    do throws(StorageError) {
      let intents = try shard.reader.intents(in: cursor, limit: Limits.sliceKeys)
      for intent in intents {
        if let entry = registry[intent.transaction] {
          registry.addSpan(KeySpan(intent.key), to: entry)
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
      guard let entry = registry[next], !entry.isResolved, entry.record.status != .pending else { continue }
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
    var batch = WriteBatch()
    batch.delete(.local, TransactionRecord.key(id, entry.record.id))
    if let proposal = propose(batch, largestTimestamp: .zero, latch: nil) {
      _ = await proposal.value(on: shard.reactor)
    }
    guard isCurrent(entry) else { return }
    registry.markResolved(entry)
    if entry.record.status == .committed || entry.coordinatorKnows { registry.remove(entry.record.id) }
  }

  /// Brings back what records say, after replay.
  func loadRecords() throws(StorageError) {
    let start = LocalKeys.records(id)
    let cursor = try shard.engine.makeIterator(
      .local, IteratorBounds(lower: start, upper: Key(start).prefixEnd.bytes))
    cursor.seekToFirst()
    while cursor.isValid {
      guard let record = TransactionRecord(key: cursor.key, encoded: [UInt8](cursor.value)) else {
        throw .corruption("a transaction record of range \(id) is damaged")
      }
      let entry = registry.add(record)
      // What readers pushed it above, only earlier leaseholders knew.
      entry.leastCommit = leaseStart
      if record.status != .pending { finish(entry) }
      cursor.next()
    }
    try cursor.checkStatus()
    if try !shard.reader.intents(in: descriptor.span, limit: 1).isEmpty {
      registry.hasStrangers = true
      strangerCursor = descriptor.span
    }
    if !registry.entries.isEmpty || registry.hasStrangers { startSweeping() }
  }
}
