// One range on one store: proposes commands, applies them in the order of the log, and serves requests in between.
//
// A plain class that its reactor owns. Every request is evaluated in one synchronous step: latches, locks, evaluation.
// Where it must wait, the step returns what to wait for, and the request begins again once that is over; nothing is
// remembered across a wait but the locks it holds.
// Contract: what a command changes here is told to nobody before it is committed and applied; the applied index stands in
// the same engine batch as the changes, so replay after a crash goes on exactly where the state ends.
// Applying either succeeds or ends the node: there is no skipping.

import Clocks
import DequeModule
import Encoding
import Reactors
import Storage

public final class Replica {
  public internal(set) var descriptor: RangeDescriptor
  unowned let shard: StoreShard
  let latches = LatchManager()
  let locks = LockTable()
  let registry = TransactionRegistry()
  var group: any ConsensusGroup
  private(set) var applied: AppliedState
  private var pending: Deque<Proposal> = []
  /// Transactions whose intents are still to be settled, first come first served.
  var resolutions: Deque<TransactionID> = []
  var isResolving = false
  var isSweeping = false
  /// Where the search for intents of unregistered transactions goes on after a restart.
  var strangerCursor: KeySpan?
  /// Reads below see a thinned past and are refused.
  var collectionThreshold = Timestamp.zero
  /// Where the log stood when the last collection ended.
  var collectedIndex: UInt64 = 0
  /// What transactions wait for here now; each makes one request at a time.
  var waits: [TransactionID: Waiter] = [:]
  private let appliedKey: [UInt8]

  init(_ descriptor: RangeDescriptor, shard: StoreShard, group: any ConsensusGroup, applied: AppliedState) {
    self.descriptor = descriptor
    self.shard = shard
    self.group = group
    self.applied = applied
    appliedKey = LocalKeys.appliedState(descriptor.id)
  }

  var id: RangeID { descriptor.id }

  var largestTimestamp: Timestamp { applied.largestTimestamp }

  /// Whether anything was applied since the last look for old versions.
  var hasNewGarbage: Bool { applied.index > collectedIndex }

  /// Up to where the log is applied.
  public var appliedPosition: LogPosition { LogPosition(index: applied.index, term: applied.term) }

  // MARK: - Proposing

  /// Sends a command on its way. The caller holds the latch over its keys. Nil when nothing can be proposed.
  func propose(_ batch: WriteBatch, largestTimestamp: Timestamp, latch: Latch?) -> Proposal? {
    let command = Command(range: id, batch: batch, largestTimestamp: largestTimestamp)
    guard shard.stopReason == nil, let position = group.propose(command.encoded()) else { return nil }
    let proposal = Proposal(position: position, command: command, latch: latch)
    pending.append(proposal)
    shard.counters.commands &+= 1
    return proposal
  }

  /// Takes the latch over `keys` and proposes. Nil, with the latch given back, when nothing can be proposed.
  func propose(
    _ batch: WriteBatch, over keys: [Key], spans: [KeySpan] = [], at timestamp: Timestamp
  ) -> Proposal? {
    let latch = latches.acquire(keys: keys, spans: spans, timestamp: timestamp)
    if let proposal = propose(batch, largestTimestamp: timestamp, latch: latch) { return proposal }
    latches.release(latch)
    return nil
  }

  var unavailable: RangeFailure { .unavailable(shard.stopReason ?? "range \(id) takes no commands now") }

  // MARK: - Applying

  func synced(through position: LogPosition) {
    let committed = group.synced(through: position)
    if !committed.isEmpty { apply(committed) }
  }

  private func apply(_ entries: [LogEntry]) {
    var batch = WriteBatch()
    var finished: [Proposal] = []
    do throws(StorageError) {
      for entry in entries {
        precondition(entry.index == applied.index + 1, "\(id) applies entry \(entry.index) after \(applied.index)")
        var own: Proposal?
        while let first = pending.first, first.position.index <= entry.index {
          pending.removeFirst()
          if first.position == LogPosition(index: entry.index, term: entry.term) {
            own = first
          } else {
            lose(first)
          }
        }
        if let own {
          note(own.command)
          if batch.isEmpty {
            batch = own.command.batch
            own.command.batch = WriteBatch()
          } else {
            batch.append(contentsOf: own.command.batch)
          }
          finished.append(own)
        } else {
          let command = try decode(entry)
          note(command)
          batch.append(contentsOf: command.batch)
        }
        applied.index = entry.index
        applied.term = entry.term
        shard.unflushedLogBytes &+= entry.payload.count
        if batch.byteCount > Limits.applyBatchBytes { try writeOut(&batch, &finished) }
      }
      try writeOut(&batch, &finished)
    } catch {
      shard.fail(error)
    }
  }

  private func note(_ command: Command) {
    if command.largestTimestamp > applied.largestTimestamp {
      applied.largestTimestamp = command.largestTimestamp
    }
    if command.closedTimestamp > applied.closedTimestamp { applied.closedTimestamp = command.closedTimestamp }
  }

  private func writeOut(_ batch: inout WriteBatch, _ finished: inout [Proposal]) throws(StorageError) {
    batch.put(.local, appliedKey, applied.encoded())
    try shard.engine.write(batch)
    shard.reader.noteWritten(batch)
    shard.counters.appliedBytes &+= UInt64(batch.byteCount)
    batch = WriteBatch()
    let proposals = finished
    finished = []
    for proposal in proposals {
      proposal.onApplied?()
      proposal.onApplied = nil
      if let latch = proposal.latch { latches.release(latch) }
      if let ending = proposal.ending { locks.release(ending) }
      proposal.finish(.applied)
    }
  }

  private func lose(_ proposal: Proposal) {
    if let latch = proposal.latch { latches.release(latch) }
    proposal.finish(.lost)
  }

  private func decode(_ entry: LogEntry) throws(StorageError) -> Command {
    guard let command = Command(encoded: entry.payload), command.range == id else {
      throw .corruption("entry \(entry.index) of the log of range \(id) is no command of this range")
    }
    return command
  }

  /// Applies what the log holds above the applied index; before the replica serves anything.
  func replay(_ log: LogStore) throws(StorageError) {
    while true {
      let entries = try log.entries(
        range: id.rawValue, from: applied.index + 1, byteLimit: Limits.applyBatchBytes)
      guard !entries.isEmpty else { return }
      var batch = WriteBatch()
      for entry in entries {
        let command = try decode(entry)
        note(command)
        batch.append(contentsOf: command.batch)
        applied.index = entry.index
        applied.term = entry.term
      }
      batch.put(.local, appliedKey, applied.encoded())
      try shard.engine.write(batch)
      shard.reader.noteWritten(batch)
    }
  }

  // MARK: - Waiting

  /// Suspends until what `waiter` waits for comes to pass; nil: look again.
  func wait(_ waiter: Waiter, key: Key?, timeout: Int64) async -> RangeFailure? {
    var timer: TimerToken?
    let isLock = waiter.lock != nil
    if isLock { shard.counters.lockWaits &+= 1 } else { shard.counters.latchWaits &+= 1 }
    let lockKey = waiter.lock?.key ?? key
    if timeout > 0 && isLock && !waiter.isFinished {
      let locks = Confined(self.locks, to: shard.reactor)
      timer = shard.reactor.schedule(afterNanoseconds: timeout) { reactor in
        locks.access(on: reactor).cancel(waiter, .timedOut)
      }
    }
    let outcome = await waiter.value(on: shard.reactor)
    timer?.cancel()
    switch outcome {
    case .granted: return nil
    case .timedOut: return .lockNotAvailable(lockKey ?? Key.min, timedOut: true)
    case .cancelled: return .cancelled
    case .deadlock(let cycle):
      shard.counters.deadlocks &+= 1
      return .deadlock(cycle)
    case .stopped(let reason): return .unavailable(reason)
    }
  }

  /// Ends whatever a transaction waits for here, be it a lock or a latch: its request does not begin again.
  public func cancelWait(_ id: TransactionID) {
    if let waiter = waits[id] { cancel(waiter) }
  }

  func cancel(_ waiter: Waiter) {
    waiter.isCancelled = true
    if waiter.lock == nil { waiter.finish(.cancelled) } else { locks.cancel(waiter, .cancelled) }
  }

  func stop(_ reason: String) {
    locks.stop(reason)
    latches.stop(reason)
    let proposals = pending
    pending = []
    for proposal in proposals { proposal.finish(.stopped(reason)) }
  }
}
