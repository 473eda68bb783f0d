// A range's keys go to the range on its left, whose replicas live on the same nodes: see Docs/Decisions/0011.
//
//   freeze        a command of the right range: nothing is served any more, and nothing changes
//   confirm       every replica of it has applied that, durably (`Store.confirmFrozen`)
//   merge         a command of the left range: on every replica alike it takes the right one's keys over
//   keep apart    instead: the left range gets another generation, so that the merge can happen no more
//   thaw          a command of the right range, after that: it serves again
//
// Contract: a range is frozen for one generation of the left one, and in no other can it be merged; so whoever has seen the left range in
// a later one, with the right one still its neighbour, knows that it may thaw. (That it ends where the other began would not do: it may have
// been cut there again after the merge. But that makes another range.) A node's state holds both ranges and goes back after a crash as a whole: with
// the frozen state durable everywhere, the merge finds what it needs whenever it is applied, or applied again.
// Locks of the right half are lost, as when its lease moves. What its leaseholder knew of transactions is found out anew.

import Clocks
import Encoding
import Raft
import Reactors
import Storage
import Transport

extension Replica {
  // MARK: - The right half

  /// Ends all service, for `target` to take the keys over, if nothing has changed since `generation`.
  func freeze(into target: MergeTarget, in generation: UInt64) async -> RangeResponse {
    if descriptor.mergingInto == target, group.isLeader { return .frozen(FrozenRange(descriptor, applied)) }
    if let refusal = refusal(at: .zero) { return .failed(refusal) }
    guard descriptor.generation == generation else { return .failed(.unavailable("range \(id) is being changed")) }
    let others = descriptor.replicas.filter { $0.replica != replicaID }
    guard others.allSatisfy({ $0.kind == .voter && isCaughtUp($0.replica.peer) }) else {
      return .failed(.unavailable("a replica of range \(id) lags behind"))
    }
    let failure = await restructure {
      var command = Command(range: id, batch: WriteBatch(), largestTimestamp: .zero)
      if !shard.faults.forgetsReadsAtMerge { command.closedTimestamp = readBelow }
      command.change = .edit(
        descriptor.next {
          $0.spanGeneration += 1
          $0.mergingInto = target
        })
      return command
    }
    if let failure { return .failed(failure) }
    guard descriptor.mergingInto == target else { return .failed(unavailable) }
    return .frozen(FrozenRange(descriptor, applied))
  }

  /// It is frozen: who held locks is told, and the lease ends.
  func freezeApplied() {
    for (id, epoch) in locks.releaseAll(in: descriptor.span) { bereaved.insert(id, epoch: epoch) }
    loseLease()
  }

  /// Serves again; only once the merge can happen no more. Of a range that is not frozen in `generation` this does nothing.
  func thaw(_ generation: UInt64) async -> RangeFailure? {
    guard isInitialized else { return unavailable }
    guard descriptor.isFrozen, descriptor.generation == generation else {
      return descriptor.generation < generation ? unavailable : nil
    }
    guard group.isLeader, applied.term == group.term else { return unavailable }
    var command = Command(descriptor, readsBelow: .zero, lease: group.term)
    let next = descriptor.next {
      $0.spanGeneration += 1
      $0.mergingInto = nil
    }
    command.change = .edit(next)
    guard group.propose(command.encoded()) != nil else { return unavailable }
    return await untilGeneration(next.generation)
  }

  /// Since how many nanoseconds this member leads a range that is frozen; nil: it does not.
  public func frozenTime(at monotonic: Int64) -> Int64? {
    guard let frozenSince, descriptor.isFrozen, group.isLeader else { return nil }
    return monotonic - frozenSince
  }

  private func untilGeneration(_ generation: UInt64) async -> RangeFailure? {
    let deadline = monotonic + 10_000_000_000
    while descriptor.generation < generation {
      await shard.reactor.sleep(nanoseconds: 10_000_000)
      if monotonic > deadline { return .unavailable("range \(id) has committed nothing for a while") }
      guard group.isLeader else { return unavailable }
    }
    return nil
  }

  // MARK: - The left half

  /// Sees to it that `range`, which begins at `key`, is not merged into this one in `generation`, and answers how this one stands then: with
  /// `range` as its neighbour, if it has not been merged already.
  func keepApart(_ range: RangeID, from key: Key, in generation: UInt64) async -> RangeResponse {
    if isKeptApart(from: range, generation) { return .description(whole) }
    if let refusal = refusal(at: .zero) { return .failed(refusal) }
    guard descriptor.span.end == key else { return .failed(outOfRange(KeySpan(key))) }
    if descriptor.rightNeighbor == range, descriptor.generation <= generation, let failure = await edit({ _ in }) {
      return .failed(failure)
    }
    return .description(whole)
  }

  /// Also a replica that does not lead, or is behind, knows this for certain.
  private func isKeptApart(from range: RangeID, _ generation: UInt64) -> Bool {
    isInitialized && descriptor.rightNeighbor == range && descriptor.generation > generation
  }

  /// The cut at which this range begins was a person's, or is no more.
  func pin(_ isPinned: Bool, at key: Key) async -> RangeFailure? {
    if let refusal = refusal(at: .zero) ?? refusal(of: key) { return refusal }
    if descriptor.span.start != key || descriptor.isPinned == isPinned { return nil }
    return await edit { $0.isPinned = isPinned }
  }

  /// A change of the descriptor that leaves keys, replicas and service as they are.
  private func edit(_ change: (inout RangeDescriptor) -> Void) async -> RangeFailure? {
    guard !isChanging else { return .unavailable("another change of range \(id) is under way") }
    isChanging = true
    defer { isChanging = false }
    var command = Command(range: id, batch: WriteBatch(), largestTimestamp: .zero)
    command.change = .edit(descriptor.next(change))
    guard let proposal = propose(command, latch: nil) else { return unavailable }
    switch await proposal.value(on: shard.reactor) {
    case .applied: return nil
    case .lost: return unavailable
    case .stopped(let reason): return .unavailable(reason)
    }
  }

  /// Takes over the keys of the range to the right, which is frozen for that on every node.
  func merge(_ right: FrozenRange) async -> RangeFailure? {
    if let refusal = refusal(at: .zero) { return refusal }
    if descriptor.span.contains(right.descriptor.span) { return nil }
    guard descriptor.span.end == right.descriptor.span.start else { return outOfRange(right.descriptor.span) }
    guard RangeChange.merge(right).fits(descriptor), descriptor.isBeside(right.descriptor) else {
      return .unavailable("range \(id) has changed")
    }
    let failure = await restructure {
      var command = Command(range: id, batch: WriteBatch(), largestTimestamp: .zero)
      command.change = .merge(right)
      return command
    }
    if let failure { return failure }
    return descriptor.span.contains(right.descriptor.span) ? nil : unavailable
  }

  // MARK: - Applying, on every replica

  func isMerge(_ entry: Entry) -> Bool { entry.kind == .normal && Command.isMerge(entry.data) }

  /// The range whose keys an entry takes over; nil if the command is void.
  func rightHalf(_ entry: Entry) throws(StorageError) -> FrozenRange? {
    guard case .merge(let right)? = try decode(entry).change, RangeChange.merge(right).fits(descriptor) else {
      return nil
    }
    return right
  }

  /// Whether the right half does nothing any more on this store; if not, applying goes on once it does.
  func makeWay(for right: FrozenRange) throws(StorageError) -> Bool {
    if madeWay == right.descriptor.id { return true }
    let me = Confined(self, to: shard.reactor)
    let isDone = shard.retireFrozen(right.descriptor.id) { reactor in
      let replica = me.access(on: reactor)
      guard !replica.isRemoved, replica.shard.stopReason == nil else { return false }
      replica.madeWay = right.descriptor.id
      let entries = replica.held
      replica.held = []
      replica.apply(entries)
      return true
    }
    if isDone { madeWay = right.descriptor.id }
    return isDone
  }

  /// What the range is from here on.
  func edit(to next: RangeDescriptor, into batch: inout WriteBatch) {
    precondition(
      next.span == descriptor.span && next.replicas == descriptor.replicas,
      "\(descriptor) is edited to \(next)")
    frozenSince = next.isFrozen ? monotonic : nil
    if next.isFrozen { shard.frozen.insert(id) } else { shard.frozen.remove(id) }
    descriptor = next
    shard.directory.set(next)
    if holdsLease { shard.unpublished.insert(id) }
    batch.put(.local, LocalKeys.descriptor(id), next.encoded())
  }

  /// Takes the right half's keys over. Its replica here does nothing any more.
  func absorb(_ right: FrozenRange, into batch: inout WriteBatch) throws(StorageError) {
    guard let (known, _) = try shard.onDisk(right.descriptor.id), known == right.descriptor,
      known.span.start == descriptor.span.end
    else {
      throw .corruption("range \(right.descriptor.id) is to be merged into \(id), and is not here as it was frozen")
    }
    descriptor.span.end = right.descriptor.span.end
    descriptor.rightNeighbor = right.descriptor.rightNeighbor
    descriptor.generation = max(descriptor.generation, right.descriptor.generation) + 1
    descriptor.spanGeneration += 1
    if !shard.faults.forgetsClosedAtMerge {
      applied.closedTimestamp = max(applied.closedTimestamp, right.applied.closedTimestamp)
    }
    applied.largestTimestamp = max(applied.largestTimestamp, right.applied.largestTimestamp)
    applied.collectionThreshold = max(applied.collectionThreshold, right.applied.collectionThreshold)
    batch.put(.local, LocalKeys.descriptor(id), descriptor.encoded())
    LocalKeys.bury(right.descriptor.id, below: .max, into: &batch)
  }

  /// The merge is written.
  func mergeApplied(_ right: FrozenRange) throws(StorageError) {
    shard.directory.set(descriptor, inPlaceOf: right.descriptor.id)
    shard.logger.info(
      "a range was merged",
      metadata: ["range": "\(id)", "right": "\(right.descriptor.id)", "at": "\(right.descriptor.span.start)"])
    shard.sweepUp(right.descriptor.id)
    sizedIndex = 0
    if holdsLease { try takeOver(right) }
  }

  /// The leaseholder learns what it can of transactions in the right half: as under a new lease, from records and intents.
  private func takeOver(_ right: FrozenRange) throws(StorageError) {
    let span = right.descriptor.span
    wake()
    shard.unpublished.insert(id)
    shard.clock.update(ClockTimestamp(reached: applied.largestTimestamp))
    if !shard.faults.forgetsReadsAtMerge, !shard.faults.forgetsClosedAtMerge { beginLeaseAnew() }
    for entry in registry.sorted { takeBack(span, entry) }
    let recorded = try loadRecords(in: span)
    for entry in registry.sorted
    where entry.record.status == .pending && span.contains(entry.record.anchor) && !recorded.contains(entry.record.id) {
      // Without a record it may have been given up there, and been forgotten: then it must not commit. Its coordinator is told.
      entry.record.status = .aborted
      locks.release(entry.record.id)
      finish(entry)
    }
  }

  /// What a transaction that ended here left in the right half is this range's own business now.
  private func takeBack(_ span: KeySpan, _ entry: RegisteredTransaction) {
    let left = KeySpans.cut(entry.spansElsewhere, by: span)
    let clears = KeySpans.cut(entry.clearsElsewhere, by: span)
    if left.inside.isEmpty, clears.inside.isEmpty { return }
    entry.spansElsewhere = left.outside
    entry.clearsElsewhere = clears.outside
    entry.record.spansToClear += clears.inside
    registry.reopen(entry, left.inside)
    resolutions.append(entry.record.id)
    startResolving()
  }

  private var monotonic: Int64 { shard.reactor.environment.monotonicNow().nanoseconds }
}

extension StoreShard {
  /// Takes the replica of a frozen range out of the way of the range that takes its keys over, on whichever reactor it lives. True: at once.
  /// Otherwise `isOver` is called later, on this reactor; it answers whether the keys were taken.
  func retireFrozen(_ range: RangeID, then isOver: @escaping @Sendable (isolated Reactor) -> Bool) -> Bool {
    let place = Int(range.rawValue % UInt64(reactor.environment.reactors.count))
    if place == reactor.index, retireFrozenHere(range) { return true }
    // Rows of another reactor's ranges may be remembered here from a time when they were this one's.
    if place != reactor.index { reader.forgetAll() }
    let other = siblings(place)
    let reactors = reactor.environment.reactors
    reactors[place].enqueue { [own = reactor] home in
      home.run { home in
        while !other.access(on: home).retireFrozenHere(range) {
          if other.access(on: home).stopReason != nil { break }
          await home.sleep(nanoseconds: 10_000_000)
        }
        own.enqueue { own in
          if isOver(own) { return }
          reactors[place].enqueue { other.access(on: $0).bringBack(range) }
        }
      }
    }
    return false
  }

  /// False: a snapshot is being installed in it, or it is being swept up; ask again.
  private func retireFrozenHere(_ range: RangeID) -> Bool {
    guard stopReason == nil, !leaving.contains(range) else { return false }
    if let replica = replica(range) {
      precondition(replica.descriptor.isFrozen, "\(replica) is to be merged and is not frozen")
      replica.retire("range \(range) has been merged")
      drop(range)
    }
    leaving.insert(range)
    return true
  }

  /// Its keys were not taken over after all.
  private func bringBack(_ range: RangeID) {
    leaving.remove(range)
    guard stopReason == nil, replica(range) == nil else { return }
    do throws(StorageError) {
      if let (descriptor, own) = try onDisk(range) { try open(descriptor, own, leads: false) }
    } catch {
      fail(error)
    }
  }
}
