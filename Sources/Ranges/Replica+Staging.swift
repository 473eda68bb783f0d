// The range's part in commits of one round (`StagedCommit`): the record that is staged, what is asked about promised writes, and the end.
//
// While a record is staged nobody may push the transaction: it may have committed already. Readers below its timestamp pass, others wait
// until the coordinator says what came of it. If that does not come within `Limits.transactionExpiry`, they are given the record to find out
// themselves.

import Clocks
import Encoding
import Storage

extension Replica {
  /// Lays down what the transaction writes in the range of its record, and the record that names what is on its way to others.
  func proposeStaging(
    _ request: WriteRequest, _ header: TransactionHeader, at timestamp: Timestamp
  ) throws(StorageError) -> WriteStep {
    guard let entry = registered(header) else { return .failed(Self.givenUp) }
    var batch = WriteBatch()
    if !request.writes.isEmpty, let failure = try putIntents(request.writes, header, at: timestamp, into: &batch) {
      return .failed(failure)
    }
    var record = entry.record
    record.status = .staging
    record.timestamp = timestamp
    record.epoch = header.epoch
    record.ignored = header.ignored
    record.heartbeat = shard.clock.interval().latest
    record.promised = request.promised
    record.spans = KeySpans.condensed(record.spans + request.intentSpans, limit: Limits.spansPerRecord)
    batch.put(.local, record.key, record.encoded())
    let keys = request.writes.map(\.key)
    guard let proposal = propose(batch, over: keys, at: timestamp) else { return .failed(unavailable) }
    if let first = keys.first, let last = keys.last {
      registry.addSpan(KeySpan(start: first, end: last.next), to: entry)
    }
    entry.finishing = proposal.latch
    entry.finishingAt = timestamp
    proposal.onApplied = { [unowned self] in
      entry.finishing = nil
      entry.finishingAt = nil
      self.registry.addSpans(request.intentSpans, to: entry)
      record.spans = entry.record.spans
      entry.record = record
      if let owner = self.locks.owner(header.id) { self.locks.dropReplicated(owner, keys) }
    }
    return .proposed(proposal, timestamp)
  }

  /// What a request at `timestamp` that met an intent of a staged transaction does; nil timestamp: a writer.
  func settleStaged(_ entry: RegisteredTransaction, readAt timestamp: Timestamp?) -> SettleStep {
    guard let timestamp else { return .live }
    if timestamp < entry.record.timestamp { return .pass }
    if let latch = entry.finishing { return .wait(latch.makeWaiter()) }
    if isExpired(entry) { return .ask(inquiry(entry, reader: timestamp)) }
    return .wait(entry.makeOnlooker())
  }

  /// Whether promised writes are there. The first that is not is prevented: it is too late for it to be committed at the timestamp that the
  /// fate names.
  func verify(_ fate: TransactionFate, _ promised: [PromisedWrite], _ header: TransactionHeader) async -> RangeResponse
  {
    for write in promised {
      while true {
        if let refusal = refusal(at: fate.timestamp) ?? refusal(of: write.key) { return .failed(refusal) }
        if let latch = latches.conflict(write.key) {
          // It may be the very write.
          if let failure = await wait(ReadWait(waiter: latch.makeWaiter(), key: nil), header) {
            return .failed(failure)
          }
          continue
        }
        do throws(StorageError) {
          let intent = try shard.reader.intent(write.key)
          if write.isKept(by: intent, of: fate.id, epoch: fate.epoch, at: fate.timestamp) { break }
        } catch {
          shard.fail(error)
          return .failed(.unavailable("\(error)"))
        }
        if !shard.faults.letsMissingWritesCome {
          shard.timestampCache.noteRead(write.key, at: fate.timestamp, owner: 0)
        }
        return .verified(false)
      }
    }
    return .verified(true)
  }

  /// Writes down what came of a staged commit, if nobody has; answers how the transaction stands then.
  func conclude(_ fate: TransactionFate, isCommitted: Bool) async -> RangeResponse {
    while true {
      if let refusal = refusal(at: .zero) ?? refusal(of: fate.anchor) { return .failed(refusal) }
      guard let entry = registry[fate.id] else {
        return .failed(.ambiguous("how its commit ended is not known any more"))
      }
      if let latch = structuralLatch ?? entry.finishing {
        _ = await latch.makeWaiter().value(on: shard.reactor)
        continue
      }
      var record = entry.record
      guard record.conclude(staged: fate.timestamp, epoch: fate.epoch, isCommitted: isCommitted) else {
        return .fate(self.fate(of: entry))
      }
      var batch = WriteBatch()
      batch.put(.local, record.key, record.encoded())
      guard let proposal = propose(batch, over: [], at: isCommitted ? fate.timestamp : .zero) else {
        return .failed(unavailable)
      }
      entry.finishing = proposal.latch
      entry.finishingAt = isCommitted ? fate.timestamp : nil
      proposal.ending = record.id
      proposal.onApplied = { [unowned self] in
        record.spans = entry.record.spans
        entry.record = record
        self.finish(entry)
      }
      switch await proposal.value(on: shard.reactor) {
      case .applied: continue
      case .lost: return .failed(unavailable)
      case .stopped(let reason): return .failed(.unavailable(reason))
      }
    }
  }
}
