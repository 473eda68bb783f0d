// A range is cut in two by one command of its log: on every replica the right half becomes a range of its own, at the same point
// of the left one's history. So the halves cover what the whole covered, whatever happens in between, and nothing but the
// range itself must agree; where ranges are is told to `meta` afterwards (Docs/Decisions/0011).
//
// Contract: every command under way is applied before the cut, none that was evaluated before is proposed after: the whole range
// is latched, and commands carry the bounds for which they were evaluated. The right half begins above everything that was
// read under the left one's lease. Locks of the right half are lost, and whoever held some is told.
// The right half's state is in the same batch as the cut; its log begins behind entries that never were. A crash in between
// replays the cut, and then the right half's own log.

import Clocks
import Encoding
import Raft
import Reactors
import Storage

extension Replica {
  /// Cuts the range at `key`, if its generation is the given one; what lies from there on becomes the range `number`, never used before.
  public func split(
    at key: Key, into number: RangeID, isPinned: Bool = false, in generation: UInt64
  ) async -> RangeFailure? {
    if let refusal = refusal(at: .zero) ?? refusal(of: key) { return refusal }
    guard key > descriptor.span.start else { return nil }
    guard descriptor.generation == generation else { return outOfRange(KeySpan(key)) }
    return await restructure {
      var command = Command(range: id, batch: WriteBatch(), largestTimestamp: .zero)
      if !shard.faults.forgetsReadsAtSplit { command.closedTimestamp = readBelow }
      var right = descriptor.next { $0.span.start = key }
      right.id = number
      right.spanGeneration = 1
      right.isPinned = isPinned
      command.change = .split(right)
      return command
    }
  }

  /// Above everything that was read under this lease, and all earlier ones.
  var readBelow: Timestamp { max(shard.timestampCache.globalFloor, leaseStart.next) }

  /// Proposes a command that changes the range as a whole, made and applied while nothing else is under way in it.
  func restructure(_ makeCommand: () -> Command) async -> RangeFailure? {
    guard !isChanging else { return .unavailable("another change of range \(id) is under way") }
    isChanging = true
    defer { isChanging = false }
    guard !group.membership.isJoint else { return .unavailable("the members of range \(id) are being changed") }
    // Whatever comes from now on waits; whatever is under way is waited for.
    let latch = latches.acquire(keys: [], spans: [descriptor.span], timestamp: .zero)
    structuralLatch = latch
    func giveUp(_ failure: RangeFailure) -> RangeFailure {
      // Under another lease it is gone already.
      if structuralLatch === latch {
        structuralLatch = nil
        latches.release(latch)
      }
      return failure
    }
    while let other = latches.first(besides: latch) {
      if let failure = await wait(other.makeWaiter(), key: nil, timeout: 0) { return giveUp(failure) }
    }
    guard holdsLease, structuralLatch === latch else { return giveUp(unavailable) }
    guard let proposal = propose(makeCommand(), latch: latch) else { return giveUp(unavailable) }
    proposal.onEnded = { [unowned self] in if structuralLatch === latch { structuralLatch = nil } }
    switch await proposal.value(on: shard.reactor) {
    case .applied: return nil
    case .lost: return unavailable
    case .stopped(let reason): return .unavailable(reason)
    }
  }

  /// Adds the cut to what is being applied, on every replica alike.
  func split(off right: RangeDescriptor, into batch: inout WriteBatch) throws(StorageError) {
    precondition(
      descriptor.span.contains(right.span) && right.span.end == descriptor.span.end
        && right.span.start > descriptor.span.start,
      "\(id) with \(descriptor.span) is to be cut at \(right.span)")
    descriptor.span.end = right.span.start
    descriptor.rightNeighbor = right.id
    descriptor.generation = right.generation
    descriptor.spanGeneration += 1
    batch.put(.local, LocalKeys.descriptor(id), descriptor.encoded())
    guard let own = right.replica(on: shard.support.node), try shard.mayHold(right.id, own.replica) else {
      // The right half has been here already, and gone.
      LocalKeys.clear(right.span, into: &batch)
      return
    }
    var state = AppliedState()
    state.index = AppliedState.initialPosition.index
    state.term = AppliedState.initialPosition.term
    state.closedTimestamp = applied.closedTimestamp
    state.largestTimestamp = applied.largestTimestamp
    state.collectionThreshold = applied.collectionThreshold
    batch.put(.local, LocalKeys.descriptor(right.id), right.encoded())
    batch.put(.local, LocalKeys.appliedState(right.id), state.encoded())
  }

  /// The cut is written: the right half is opened, and what is known of it here is forgotten.
  func splitApplied(_ right: RangeDescriptor) {
    shard.directory.set(descriptor)
    // Durable before anything that the right half vouches for: whatever takes the state back, the split is applied again before a snapshot
    // could come in its place.
    group.writeCommit()
    shard.logger.info(
      "the range was split", metadata: ["range": "\(id)", "right": "\(right.id)", "at": "\(right.span.start)"])
    if holdsLease {
      shard.unpublished.insert(id)
      for (id, epoch) in locks.releaseAll(in: right.span) { bereaved.insert(id, epoch: epoch) }
      for entry in registry.sorted { letGo(of: right.span, entry) }
    }
    shard.takeSplit(right, leads: holdsLease)
  }

  /// What a transaction has in the right half is the right half's business.
  private func letGo(of span: KeySpan, _ entry: RegisteredTransaction) {
    let (inside, outside) = KeySpans.cut(entry.unresolvedSpans, by: descriptor.span)
    entry.unresolvedSpans = inside
    if hasRecord(of: entry) {
      if entry.record.status == .committed {
        for part in outside {
          entry.spansElsewhere = KeySpans.adding(part, to: entry.spansElsewhere, limit: Limits.spansPerRecord)
        }
      }
      let clears = KeySpans.cut(entry.record.spansToClear, by: descriptor.span)
      if entry.record.status.isFinal {
        entry.record.spansToClear = clears.inside
        entry.clearsElsewhere += clears.outside
      }
    } else if span.contains(entry.record.anchor) {
      // Its record has gone over, and all that is known of it there.
      entry.record.becomeForeign()
      entry.tellOnlookers()
      entry.spansElsewhere = []
      entry.clearsElsewhere = []
      entry.heardAt = .min
    }
  }
}

extension StoreShard {
  /// Whether a replica with this number may live here: none that came later has.
  func mayHold(_ range: RangeID, _ id: ReplicaID) throws(StorageError) -> Bool {
    guard !faults.forgetsRemovals, let least = try leastReplica(of: range) else { return true }
    return id >= least
  }

  /// Which replicas of a range may still come, if one has been here and gone; `max`: none ever will.
  func leastReplica(of range: RangeID) throws(StorageError) -> ReplicaID? {
    guard let bytes = try engine.get(.local, LocalKeys.tombstone(range)) else { return nil }
    let least = bytes.withUnsafeBytes { raw -> UInt64? in
      var reader = ByteReader(raw)
      return reader.readVarint()
    }
    guard let least else { throw .corruption("the tombstone of range \(range) is damaged") }
    return ReplicaID(least)
  }

  /// Opens the right half of a split on the reactor where it lives.
  func takeSplit(_ right: RangeDescriptor, leads: Bool) {
    do throws(StorageError) {
      // It may be opened only later, but nothing else may come to its place meanwhile.
      if try onDisk(right.id)?.descriptor == right { directory.set(right) }
    } catch {
      return fail(error)
    }
    let place = Int(right.id.rawValue % UInt64(reactor.environment.reactors.count))
    if place == reactor.index {
      openSplit(right, leads: leads)
      return
    }
    let other = siblings(place)
    reactor.environment.reactors[place].enqueue { reactor in
      other.access(on: reactor).openSplit(right, leads: leads)
    }
  }

  private func openSplit(_ right: RangeDescriptor, leads: Bool) {
    guard stopReason == nil, let own = right.replica(on: support.node) else { return }
    let me = Confined(self, to: reactor)
    if leaving.contains(right.id) {
      // What an earlier replica left is being swept up.
      _ = reactor.schedule(afterNanoseconds: 10_000_000) { reactor in
        me.access(on: reactor).openSplit(right, leads: leads)
      }
      return
    }
    do throws(StorageError) {
      let known = replica(right.id)
      if let known, known.isInitialized, known.replicaID >= own.replica { return }
      // Where the split has left nothing, others may have come to its place since.
      guard try onDisk(right.id)?.own == own.replica else { return }
      guard try mayHold(right.id, own.replica), (known?.replicaID ?? own.replica) == own.replica else {
        // A later replica was here, or waits here, for a snapshot.
        var batch = WriteBatch()
        LocalKeys.clear(right.span, into: &batch)
        batch.delete(.local, LocalKeys.descriptor(right.id))
        batch.delete(.local, LocalKeys.appliedState(right.id))
        try engine.write(batch)
        reader.noteWritten(batch)
        directory.remove(right.id)
        return
      }
      guard let known else {
        try open(right, own.replica, leads: leads)
        return
      }
      // It was made for a message, and has nothing but perhaps a vote, which must be on disk before it is read again.
      known.retire("range \(right.id) comes into being")
      drop(right.id)
      leaving.insert(right.id)
      writer.perform { [reactor] in
        reactor.enqueue { reactor in
          let shard = me.access(on: reactor)
          shard.leaving.remove(right.id)
          shard.openSplit(right, leads: leads)
        }
      }
    } catch {
      fail(error)
    }
  }

  /// What the state says of a replica of the range.
  func onDisk(_ range: RangeID) throws(StorageError) -> (descriptor: RangeDescriptor, own: ReplicaID)? {
    guard let bytes = try engine.get(.local, LocalKeys.descriptor(range)) else { return nil }
    guard let descriptor = RangeDescriptor(encoded: bytes), let own = descriptor.replica(on: support.node) else {
      throw .corruption("the descriptor of range \(range) is damaged")
    }
    return (descriptor, own.replica)
  }

  func open(_ descriptor: RangeDescriptor, _ id: ReplicaID, leads: Bool) throws(StorageError) {
    let opened = try opener.open(descriptor, id, on: self)
    add(opened)
    // Its own log may hold further splits, which were undone together with the one that made it.
    for right in opened.takeSplitOff() { takeSplit(right, leads: leads) }
    let isAlone = descriptor.replicas.count == 1
    if leads || isAlone { opened.group.campaign() }
  }
}
