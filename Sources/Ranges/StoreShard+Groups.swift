// What the groups of one reactor have in common: their messages leave in one batch per node and turn, their ticks come from
// one timer, and a message for a replica that is not here yet makes one.

import Encoding
import Raft
import Reactors
import Storage
import Transport

extension StoreShard {
  // MARK: - Sending

  func post(_ envelope: RangeEnvelope, to node: NodeID) {
    guard network != nil else { return }
    if let place = outgoing.firstIndex(where: { $0.node == node }) {
      outgoing[place].envelopes.append(envelope)
    } else {
      outgoing.append((node, [envelope]))
    }
    guard !isFlushScheduled else { return }
    isFlushScheduled = true
    let me = Confined(self, to: reactor)
    reactor.enqueue { reactor in me.access(on: reactor).flush(on: reactor) }
  }

  private func flush(on reactor: isolated Reactor) {
    isFlushScheduled = false
    let batches = outgoing
    outgoing = []
    guard let network else { return }
    for (node, envelopes) in batches {
      let (body, payloads) = RangeEnvelope.encode(envelopes)
      network.send(
        NodeMessage(kind: StoreMessageKind.groups, body: body, payloads: payloads), to: node, class: .raft,
        from: reactor)
    }
  }

  // MARK: - Receiving

  func receive(_ envelope: RangeEnvelope, from node: NodeID) {
    guard stopReason == nil else { return }
    if let replica = replica(envelope.range), replica.replicaID >= envelope.to {
      guard replica.replicaID == envelope.to else { return tellThatItIsGone(envelope, to: node) }
      switch envelope.content {
      case .removed:
        // Only a member that has left hears nothing else any more.
        remove(replica)
      case .merged: hearOfMerge(replica)
      case .gone(let term): replica.group.forgetPromise(to: node, in: term)
      case .stateless: replica.replaceStateless(envelope.from, on: node)
      case .group(let message):
        if replica.isInitialized, !replica.isOutside, replica.hasLeft(envelope.from) {
          // Its vote may be needed as long as a restart can take a voter back to when it was one. A learner's word does not count: the only
          // voter that stayed may know less.
          if replica.hasVote, replica.knowsMembersDurably {
            post(
              RangeEnvelope(range: envelope.range, to: envelope.from, from: envelope.to, content: .removed), to: node)
            return
          }
          replica.writeDownCommit()
        }
        // Of who leads it may not have heard yet that it is a member.
        if replica.descriptor.node(of: envelope.from.peer) == nil { replica.noteOrigin(of: envelope.from, node) }
        if replica.isMute { return replica.complain(to: envelope.from, on: node) }
        replica.group.receive(message, from: envelope.from.peer)
      }
      return
    }
    guard case .group(let message) = envelope.content else { return }
    guard envelope.to.rawValue > 0 else { return tellThatItIsGone(envelope, to: node) }
    do throws(StorageError) {
      guard let made = try makeReplica(envelope.range, envelope.to) else {
        switch try leastReplica(of: envelope.range) {
        case .max?:
          post(
            RangeEnvelope(range: envelope.range, to: envelope.from, from: envelope.to, content: .merged), to: node)
        case let least? where envelope.to < least: tellThatItIsGone(envelope, to: node)
        default: break
        }
        return
      }
      made.noteOrigin(of: envelope.from, node)
      made.group.receive(message, from: envelope.from.peer)
    } catch {
      fail(error)
    }
  }

  /// A range is no more, of which there is still a replica here.
  private func hearOfMerge(_ replica: Replica) {
    if let target = replica.descriptor.mergingInto {
      // What it holds is the other's, whose replica here, if there is one, may be yet to come to the merge.
      if !directory.awaits(target, at: replica.descriptor.span.start) { remove(replica) }
    } else if !replica.isInitialized || replica.isOutside {
      remove(replica)
    } else {
      // One that is not even frozen left its range before, if this is true: whoever serves the keys now knows (`take(_:of:)`), and is asked
      // once no leader is known here. It may rest, since the store of the last one that it knew lives.
      replica.group.forgetLeader()
    }
  }

  /// Ranges whose replica here has heard of no leader for so many nanoseconds, or is frozen or left alone.
  public func lonely(for nanoseconds: Int64) -> [RangeDescriptor] {
    let now = reactor.environment.monotonicNow().nanoseconds
    let found = awake.filter { replica in
      !replica.isRemoved && replica.lonelySince.map { now - $0 >= nanoseconds } ?? false
    }
    return found.map(\.descriptor).sorted { $0.id < $1.id }
  }

  /// Takes in what whoever serves the first key of a lonely replica says: that its range goes on without it, or is no more.
  public func take(_ current: RangeDescription, of range: RangeID) {
    guard let replica = replica(range), replica.isInitialized, !replica.group.isLeader,
      current.descriptor.generation > replica.descriptor.generation,
      current.descriptor.span.contains(replica.descriptor.span.start)
    else { return }
    if current.descriptor.id != range {
      // A range loses its first key by being merged, and by nothing else.
      let start = replica.descriptor.span.start
      if let target = replica.descriptor.mergingInto, directory.awaits(target, at: start) { return }
    } else if !current.isDurable || replica.replicaID >= current.descriptor.nextReplica
      || current.descriptor.replicas.contains(where: { $0.replica == replica.replicaID })
    {
      return
    }
    logger.info("a replica that was left behind goes", metadata: ["range": "\(range)"])
    remove(replica)
  }

  /// A member that has promised its vote asks for the replica that it follows, since others campaign: see `Replica.askForLeader`.
  private func tellThatItIsGone(_ envelope: RangeEnvelope, to node: NodeID) {
    guard case .group(.fortified(let term, _)) = envelope.content, term > .zero,
      replica(envelope.range)?.group.isLeader != true
    else { return }
    post(
      RangeEnvelope(range: envelope.range, to: envelope.from, from: envelope.to, content: .gone(term: term)), to: node)
  }

  /// A replica without anything, in place of an older one; nil if it has been removed already.
  func makeReplica(_ range: RangeID, _ id: ReplicaID) throws(StorageError) -> Replica? {
    guard !leaving.contains(range), try mayHold(range, id) else { return nil }
    if replica(range) == nil, let (descriptor, own) = try onDisk(range) {
      // A split has made it, and it was to be opened in a moment.
      if id < own { return nil }
      try open(descriptor, own, leads: false)
      if id == own { return replica(range) }
    }
    if let old = replica(range) { remove(old) }
    if leaving.contains(range) { return nil }
    let replica = try opener.open(
      RangeDescriptor(
        id: range, span: KeySpan(start: .min, end: .min), generation: 0, replicas: [], nextReplica: ReplicaID(0)), id,
      on: self)
    add(replica)
    return replica
  }

  /// Takes a replica away for good, with all that it holds.
  func remove(_ replica: Replica) {
    guard self.replica(replica.id) === replica else { return }
    replica.retire("range \(replica.id) has left this node")
    drop(replica.id)
    do throws(StorageError) {
      var batch = WriteBatch()
      if replica.isInitialized {
        LocalKeys.clear(replica.descriptor.span, into: &batch)
      } else if let made = try onDisk(replica.id), made.own == replica.replicaID {
        // A split has made it, and it was to be opened in a moment.
        LocalKeys.clear(made.descriptor.span, into: &batch)
      }
      LocalKeys.bury(replica.id, below: ReplicaID(replica.replicaID.rawValue + 1), into: &batch)
      try engine.write(batch)
      reader.noteWritten(batch)
      directory.remove(replica.id)
    } catch {
      fail(error)
    }
    leaving.insert(replica.id)
    sweepUp(replica.id)
  }

  /// Removes the log of a range that has no replica here any more. First the state is made durable, which says so: a log without its state is swept up
  /// after a restart, but the state without its log would be taken for a replica. Until both are done nothing takes its place.
  func sweepUp(_ range: RangeID) {
    let place = Int(range.rawValue % UInt64(reactor.environment.reactors.count))
    let home = reactor.environment.reactors[place]
    let shard = siblings(place)
    snapshotWorker.submit { [engine, writer] in
      do throws(StorageError) {
        try engine.flush()
      } catch {
        let failure = error
        home.enqueue { home in shard.access(on: home).fail(failure) }
        return
      }
      writer.removeRange(range) {
        home.enqueue { home in shard.access(on: home).leaving.remove(range) }
      }
    }
  }

  // MARK: - Time

  func wake(_ replica: Replica) {
    replica.wakeClosed()
    replica.isAwake = true
    awake.append(replica)
  }

  /// Wakes the next of those that shall look at what stores promise each other now.
  private func wakeSome() {
    let count = min(wakeCount, sortedReplicas.count, Limits.wokenPerTick)
    wakeCount = count == 0 ? 0 : wakeCount - count
    for _ in 0..<count {
      let place = place(of: nextToWake)
      let replica = sortedReplicas[place == sortedReplicas.count ? 0 : place]
      replica.wake()
      nextToWake = RangeID(replica.id.rawValue + 1)
    }
  }

  func tick() {
    guard stopReason == nil else { return }
    tickCount &+= 1
    // Before support is looked at: as long as that holds, nobody else has held a lease at the time that is told.
    closePast()
    let promises = support.promises
    if promises != self.promises {
      if !self.promises.received.allSatisfy(promises.received.contains) { closedSender.beginEra() }
      self.promises = promises
      if wakeCount == 0 { nextToWake = RangeID(0) }
      wakeCount = sortedReplicas.count
    }
    wakeSome()
    let ticking = awake.filter { !$0.isRemoved }
    if tickCount % 10 == 0 { for replica in ticking { replica.releaseLocksOfTheDead() } }
    for replica in ticking {
      replica.noteLoneliness()
      if replica.isOutside {
        if tickCount % 5 == 0 { replica.askToGo() }
      } else if (tickCount &+ replica.id.rawValue) % 50 == 0, replica.isInitialized,
        replica.leaderNode == nil || replica.descriptor.isFrozen
      {
        // It may have been removed, and nobody has told: a learner would wait for ever. Or its range was merged.
        replica.askWhetherItHasLeft()
      }
      replica.tick()
    }
    awake.removeAll { $0.goesToRest() }
    if tickCount % Self.ticksPerUpdate == 0 { tellOfClosedPast() }
  }
}
