// HOT: reads. A read that meets nothing in its way runs from start to end in one call, allocates nothing of its own and
// suspends nowhere. Order of a plain read: writes in flight at or below its timestamp, the timestamp cache, versions.
// A locking read stands in line first, and then must find no version above its read timestamp.

import Clocks
import Encoding
import Storage

/// How far a read came.
public enum ReadStep {
  case done
  /// Begin again once this wait is over.
  case wait(ReadWait)
  case failed(RangeFailure)
}

/// What a read waits for; opaque to gateways.
public struct ReadWait {
  let waiter: Waiter
  let key: Key?
}

extension Replica {
  /// Appends `key` and its value at the header's read timestamp, if it has one, to `block`. `observed` rises to the
  /// newest version met, deletions included.
  public func get(
    _ key: Key, _ header: TransactionHeader, lock: LockRequest?, observed: inout Timestamp,
    into block: inout KeyValueBlock
  ) -> ReadStep {
    if let lock { return lockingGet(key, header, lock, observed: &observed, into: &block) }
    if let refusal = refusal(header) { return .failed(refusal) }
    return get(
      key, at: header.readTimestamp, uncertainUpTo: header.uncertainUpTo, owner: header.tag, { header },
      observed: &observed, into: &block)
  }

  /// The same for a plain read of a transaction that holds no locks here: what counts of its header as long as nothing is in the way,
  /// since a header that somebody holds is copied for each call.
  public func get(
    _ key: Key, at timestamp: Timestamp, uncertainUpTo: Timestamp, owner: UInt64, _ header: () -> TransactionHeader,
    observed: inout Timestamp, into block: inout KeyValueBlock
  ) -> ReadStep {
    let shard = shard
    if let refusal = refusal(at: timestamp) ?? refusal(of: key) { return .failed(refusal) }
    shard.counters.reads &+= 1
    noteRequest(key)
    if timestamp < applied.collectionThreshold { return .failed(tooOld) }
    let hash = KeyHash.hash(key.bytes)
    // A commit may have been acknowledged before it is applied.
    if let latch = latches.conflict(key, hash: hash, upTo: max(timestamp, uncertainUpTo)) {
      return wait(latch, key)
    }
    if !shard.faults.skipsTimestampCache {
      shard.timestampCache.noteRead(hash: hash, at: timestamp, owner: owner)
    }
    do throws(StorageError) {
      if uncertainUpTo > timestamp { return try getCertain(key, header(), observed: &observed, into: &block) }
      if registry.mayHaveIntents {
        return try getAmongIntents(key, header(), observed: &observed, into: &block)
      }
      let version = try shard.reader.get(key, at: timestamp, into: &block)
      if version > observed { observed = version }
      return .done
    } catch {
      return failed(error)
    }
  }

  /// Reads what also stands at the end of the transaction's uncertainty, or fails with what is newer.
  private func getCertain(
    _ key: Key, _ header: TransactionHeader, observed: inout Timestamp, into block: inout KeyValueBlock
  ) throws(StorageError) -> ReadStep {
    let rows = block.count
    var later = header
    later.readTimestamp = header.uncertainUpTo
    var met = Timestamp.zero
    let step = try getAmongIntents(key, later, observed: &met, into: &block)
    guard case .done = step else { return step }
    if met > header.readTimestamp {
      block.truncate(rows: rows)
      return .failed(.writeTooOld(met, key: key))
    }
    observed = max(observed, met)
    return .done
  }

  private func getAmongIntents(
    _ key: Key, _ header: TransactionHeader, observed: inout Timestamp, into block: inout KeyValueBlock
  ) throws(StorageError) -> ReadStep {
    if let failure = checkOwnIntents(header) { return .failed(failure) }
    var options = ReadOptions(at: header.readTimestamp, transaction: header.view)
    while true {
      let outcome = try shard.reader.get(key, options, into: &block)
      guard let intent = outcome.intent else {
        if outcome.version > observed { observed = outcome.version }
        return .done
      }
      switch try settle(intent, readAt: header.readTimestamp) {
      case .pass: options.passed.append(intent.transaction)
      case .wait(let waiter): return .wait(ReadWait(waiter: waiter, key: key))
      case .ask(let inquiry): return .failed(.conflict([inquiry]))
      case .live: preconditionFailure("a plain read pushes what lives")
      case .failed(let failure): return .failed(failure)
      }
    }
  }

  private func lockingGet(
    _ key: Key, _ header: TransactionHeader, _ request: LockRequest, observed: inout Timestamp,
    into block: inout KeyValueBlock
  ) -> ReadStep {
    if let refusal = refusal(header) ?? refusal(of: key) { return .failed(refusal) }
    shard.counters.reads &+= 1
    noteRequest(key)
    do throws(StorageError) {
      let owner: LockOwner
      switch try lock(key, header, request) {
      case .locked(let held):
        owner = held
      case .skipped: return .done
      case .wait(let waiter): return .wait(ReadWait(waiter: waiter, key: key))
      case .failed(let failure): return .failed(failure)
      }
      let rows = block.count
      let options = ReadOptions(
        at: header.readTimestamp, transaction: header.view, mayHaveIntents: header.hasIntents)
      let outcome = try shard.reader.get(key, options, into: &block)
      if outcome.newer > header.readTimestamp {
        block.truncate(rows: rows)
        return .failed(tooOld(outcome.newer, key, header))
      }
      locks.markCurrent(key, by: owner)
      if outcome.version > observed { observed = outcome.version }
      return .done
    } catch {
      return failed(error)
    }
  }

  /// Appends the rows of `span`, which shrinks to what remains; empty at the end of the span.
  public func scan(
    _ span: inout KeySpan, _ header: TransactionHeader, isReverse: Bool, limits: ScanLimits,
    lock: LockRequest?, observed: inout Timestamp, into block: inout KeyValueBlock
  ) -> ReadStep {
    if let refusal = refusal(header) ?? refusal(of: span) { return .failed(refusal) }
    shard.counters.scans &+= 1
    noteRequest(span)
    do throws(StorageError) {
      if let lock {
        return try lockingScan(
          &span, header, isReverse: isReverse, limits: limits, request: lock, observed: &observed, into: &block)
      }
      let timestamp = header.readTimestamp
      if timestamp < applied.collectionThreshold { return .failed(tooOld) }
      let horizon = max(timestamp, header.uncertainUpTo)
      if !latches.isEmpty, let latch = latches.conflict(span, upTo: horizon) { return wait(latch, nil) }
      var options = ReadOptions(at: horizon, mayHaveIntents: false)
      if let failure = checkOwnIntents(header) { return .failed(failure) }
      if let intentSpan = registry.intentSpan(in: span) {
        options.mayHaveIntents = true
        options.intentSpan = intentSpan
        options.transaction = header.view
      }
      let rows = block.count
      while true {
        let outcome = try shard.reader.scan(span, options, limits: limits, reverse: isReverse, into: &block)
        if !outcome.intents.isEmpty {
          block.truncate(rows: rows)
          var inquiries: [TransactionInquiry] = []
          for intent in outcome.intents where !options.passed.contains(intent.transaction) {
            if inquiries.contains(where: { $0.id == intent.transaction }) { continue }
            switch try settle(intent, readAt: horizon) {
            case .pass: options.passed.append(intent.transaction)
            case .wait(let waiter): return .wait(ReadWait(waiter: waiter, key: intent.key))
            case .ask(let inquiry): inquiries.append(inquiry)
            case .live: preconditionFailure("a plain read pushes what lives")
            case .failed(let failure): return .failed(failure)
            }
          }
          if !inquiries.isEmpty { return .failed(.conflict(inquiries)) }
          continue
        }
        if outcome.newest > timestamp {
          // The same stands at both ends of the uncertainty, or the transaction has to move.
          block.truncate(rows: rows)
          return .failed(.writeTooOld(outcome.newest, key: nil))
        }
        if outcome.newest > observed { observed = outcome.newest }
        finish(&span, outcome.resume, header, isReverse: isReverse)
        return .done
      }
    } catch {
      return failed(error)
    }
  }

  /// Notes what a page of a scan covered, its gaps included, and shrinks the span to the rest.
  private func finish(
    _ span: inout KeySpan, _ resume: KeySpan?, _ header: TransactionHeader, isReverse: Bool
  ) {
    var covered = span
    if let resume {
      if isReverse { covered.start = resume.end } else { covered.end = resume.start }
      span = resume
    } else if isReverse {
      span.end = span.start
    } else {
      span.start = span.end
    }
    if !shard.faults.skipsTimestampCache {
      shard.timestampCache.noteRead(covered, at: header.readTimestamp, owner: header.tag)
    }
  }

  private func lockingScan(
    _ span: inout KeySpan, _ header: TransactionHeader, isReverse: Bool, limits: ScanLimits,
    request: LockRequest, observed: inout Timestamp, into block: inout KeyValueBlock
  ) throws(StorageError) -> ReadStep {
    if let latch = latches.conflict(span) { return wait(latch, nil) }
    if let failure = checkOwnIntents(header) { return .failed(failure) }
    let intentSpan = registry.intentSpan(in: span)
    var options = ReadOptions(
      at: header.readTimestamp, transaction: header.view, mayHaveIntents: intentSpan != nil, isLocking: true)
    options.intentSpan = intentSpan
    var page = KeyValueBlock()
    var outcome: ScanOutcome
    while true {
      page.removeAll()
      outcome = try shard.reader.scan(span, options, limits: limits, reverse: isReverse, into: &page)
      if outcome.intents.isEmpty { break }
      for intent in outcome.intents where !options.passed.contains(intent.transaction) {
        switch try lock(intent.key, header, request) {
        case .locked: preconditionFailure("an intent of another transaction does not lock for this one")
        case .skipped: options.passed.append(intent.transaction)
        case .wait(let waiter): return .wait(ReadWait(waiter: waiter, key: intent.key))
        case .failed(let failure): return .failed(failure)
        }
      }
    }
    if outcome.newer > header.readTimestamp { return .failed(tooOld(outcome.newer, span.start, header)) }
    if outcome.newest > observed { observed = outcome.newest }
    for row in 0..<page.count {
      let key = page.key(row)
      switch try lock(key, header, request) {
      case .locked(let owner):
        locks.markCurrent(key, by: owner)
        block.append(row: row, of: page)
      case .skipped: continue
      case .wait(let waiter):
        // What came before is locked and delivered; the scan goes on with this row.
        let rest =
          isReverse ? KeySpan(start: span.start, end: key.next) : KeySpan(start: key, end: span.end)
        finish(&span, rest, header, isReverse: isReverse)
        return .wait(ReadWait(waiter: waiter, key: key))
      case .failed(let failure): return .failed(failure)
      }
    }
    finish(&span, outcome.resume, header, isReverse: isReverse)
    return .done
  }

  var tooOld: RangeFailure {
    .limit("versions as old as the transaction's snapshot have been removed")
  }

  // MARK: - Standing in line

  enum LockStep {
    case locked(LockOwner)
    case skipped
    case wait(Waiter)
    case failed(RangeFailure)
  }

  /// Locks a key; an intent of another transaction counts as its lock. Invariant: whoever is granted a key finds no intent
  /// of a living transaction on it, and none comes while it holds the key; hence writes in flight are waited for first.
  func lock(
    _ key: Key, _ header: TransactionHeader, _ request: LockRequest
  ) throws(StorageError) -> LockStep {
    if let latch = latches.conflict(key) { return .wait(latch.makeWaiter()) }
    if registry.mayHaveIntent(at: key), let intent = try shard.reader.intent(key), intent.transaction != header.id {
      switch try settle(intent, readAt: nil) {
      case .pass: break
      case .wait(let waiter): return .wait(waiter)
      case .ask(let inquiry): return .failed(.conflict([inquiry]))
      case .live:
        let holder = locks.owner(
          intent.transaction, start: intent.timestamp, label: [])
        let isAlone = locks.addDiscovered(key, of: holder)
        precondition(isAlone, "\(key) is locked beside an intent of \(intent.transaction)")
      case .failed(let failure): return .failed(failure)
      }
    }
    let owner = locks.owner(
      header.id, start: header.start, label: header.label, priority: header.priority, coordinator: header.coordinator)
    owner.epoch = max(owner.epoch, header.epoch)
    switch locks.acquire(key, request.strength, by: owner, policy: request.wait) {
    case .granted: return .locked(owner)
    case .wait(let waiter): return .wait(waiter)
    case .unavailable:
      return request.wait == .skip ? .skipped : .failed(.lockNotAvailable(key, timedOut: false))
    case .deadlock(let cycle):
      shard.counters.deadlocks &+= 1
      return .failed(.deadlock(cycle))
    case .limit(let text): return .failed(.limit(text))
    }
  }

  func wait(_ latch: Latch, _ key: Key?) -> ReadStep {
    .wait(ReadWait(waiter: latch.makeWaiter(), key: key))
  }

  func failed(_ error: StorageError) -> ReadStep {
    shard.fail(error)
    return .failed(.unavailable("\(error)"))
  }

  /// Suspends until a read may begin again; the failure that ends it otherwise.
  public func wait(_ read: ReadWait, _ header: TransactionHeader) async -> RangeFailure? {
    waits[header.id] = read.waiter
    let failure = await wait(read.waiter, key: read.key, timeout: header.lockTimeout)
    if waits[header.id] === read.waiter { waits[header.id] = nil }
    return failure ?? (read.waiter.isCancelled ? .cancelled : nil)
  }

  /// Ends a wait that its transaction will not begin.
  public func abandon(_ read: ReadWait) { cancel(read.waiter) }
}
