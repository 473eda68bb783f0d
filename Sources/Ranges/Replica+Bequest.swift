// Locks that survive the lease under which they were taken, where one leaseholder hands it on to the next.
//
// What a lock promises to its transaction is that nobody else has locked or written the key since. So they may be taken over by whoever holds the
// very next lease, before it serves anybody: the term after the one in which they were held, without another that has an entry in between. The
// transaction goes on naming the lease under which it took its first lock here; whether it has lost none since is the leaseholder's to know.
// Contract: all that a transaction holds is taken over, or nothing. Not taken over is what a transaction holds that has begun to write here, since what
// a leaseholder knows of its intents does not come along; that is about to end; that has lost locks before; or whose coordinator's node the next
// leaseholder does not take to be alive, in the same life.

import Clocks
import Encoding
import Reactors
import Storage
import Transport

extension Replica {
  /// Names, for a transaction, the lease under which all that it holds here was locked: an earlier one, if the locks came from there.
  @inline(__always)
  public func lease(of id: TransactionID) -> UInt64 {
    locks.hasInherited ? locks.owner(id)?.lease ?? leaseSequence : leaseSequence
  }

  // MARK: - Leaving

  /// What the next leaseholder may take over, for nobody in particular yet; nil if there is nothing.
  func makeBequest() -> LockBequest? {
    guard !locks.isEmpty else { return nil }
    var bequest = LockBequest(
      range: id, giver: shard.support.node, heir: replicaID, lease: leaseSequence,
      madeAt: shard.clock.interval().latest)
    let own = StoreLiveness.Life(node: shard.support.node, epoch: 0)
    let ending = Set(pending.compactMap(\.ending))
    for owner in locks.sortedOwners where !ending.contains(owner.id) {
      var left = LockBequest.Owner(
        id: owner.id, start: owner.start, epoch: owner.epoch, lease: owner.lease ?? leaseSequence,
        isUnquestioned: isUnquestioned(owner), coordinator: own, label: ContentionEvent.cut(owner.label),
        locks: locks.left(by: owner))
      let isOwn = owner.coordinator == nil
      if let coordinator = owner.coordinator, let epoch = coordinator.epoch {
        left.coordinator = StoreLiveness.Life(node: coordinator.node, epoch: epoch)
      } else if !isOwn {
        shard.counters.locksLost &+= UInt64(left.locks.count)
        continue
      }
      if registry[owner.id] != nil || bereaved.contains(owner.id, epoch: owner.epoch) || !bequest.add(left) {
        shard.counters.locksLost &+= UInt64(left.locks.count)
      }
    }
    return bequest.owners.isEmpty ? nil : bequest
  }

  /// Whether a transaction that nothing is known of here can have been given up in this range, where its record may come to lie.
  private func isUnquestioned(_ owner: LockOwner) -> Bool {
    if owner.start <= leaseStart, !owner.isUnquestioned { return false }
    return shard.timestampCache.floor(TransactionRecord.tombstone(owner.id), owner: 0) <= owner.start.next
  }

  /// Sends a bequest ahead of the lease.
  func leave(_ bequest: LockBequest, to heir: ReplicaDescriptor) {
    var bequest = bequest
    bequest.address(to: heir.replica, asking: shard.support.epoch(for: heir.node))
    let me = Confined(self, to: shard.reactor)
    shard.reactor.enqueue { [bequest] reactor in
      me.access(on: reactor).shard.network?.send(
        NodeMessage(kind: StoreMessageKind.bequest, body: bequest.encoded()), to: heir.node, class: .system,
        from: reactor)
    }
  }

  // MARK: - Taking over

  /// Somebody hands on the lease. It counts if this replica holds the next one.
  func hear(_ bequest: LockBequest) {
    guard bequest.heir == replicaID, !holdsLease else { return }
    self.bequest = bequest
  }

  /// A lease begins: its leaseholder takes over what was left to it, if that was under the lease before.
  func takeUpBequest() throws(StorageError) {
    guard let bequest else { return }
    self.bequest = nil
    let age = shard.clock.interval().latest - bequest.madeAt
    let isNext = bequest.lease == previousTerm && age <= LockBequest.lifetime
    var count = 0
    for owner in bequest.owners where isNext {
      guard let coordinator = coordinator(of: owner, from: bequest.giver), registry[owner.id] == nil, try isClear(owner)
      else { continue }
      if locks.inherit(owner, coordinator: coordinator.node == shard.support.node ? nil : coordinator) {
        count += owner.locks.count
      }
    }
    shard.counters.locksInherited &+= UInt64(count)
    shard.counters.locksLost &+= UInt64(bequest.lockCount - count)
    shard.logger.info(
      "took over locks",
      metadata: ["range": "\(id)", "lease": "\(leaseSequence)", "locks": "\(count)", "left": "\(bequest.lockCount)"])
  }

  /// The node that coordinates a transaction, if it is certain that it lives, and has not begun another life since. Epochs are counted for each pair of
  /// stores. One that two of them have in common is of one life all the same, since each life begins above all epochs of those before.
  private func coordinator(of owner: LockBequest.Owner, from giver: NodeID) -> Coordinator? {
    let life = owner.coordinator
    let isAlive =
      life.node == shard.support.node
      ? life.epoch == shard.support.epoch(for: giver) : shard.support.supports(life.node, in: life.epoch)
    guard isAlive else { return nil }
    return Coordinator(
      node: life.node, epoch: life.epoch, since: shard.reactor.environment.monotonicNow().nanoseconds)
  }

  /// Whether no intent of another transaction stands where this one holds a lock. One may that has ended, if the lock was granted since, and nobody was
  /// told yet; but that it has ended may not be known here any more.
  private func isClear(_ owner: LockBequest.Owner) throws(StorageError) -> Bool {
    for lock in owner.locks {
      guard descriptor.span.contains(lock.key) else { return false }
      if registry.mayHaveIntents, try shard.reader.intent(lock.key) != nil { return false }
    }
    return true
  }
}

extension Store {
  func receiveBequest(_ message: NodeMessage, from node: NodeID) {
    guard let bequest = try? LockBequest(encoded: message.body), bequest.giver == node else { return }
    let shard = confinedShard(reactorIndex(of: bequest.range))
    reactor(of: bequest.range).enqueue { reactor in
      shard.access(on: reactor).replica(bequest.range)?.hear(bequest)
    }
  }
}
