// HOT: sending entries, heartbeats and snapshots to followers, and what their answers change.
// A refused append names where the logs may agree; together with the term there, the leader skips everything that
// cannot match: its own entries of later terms than the follower's at that place.
// Source: Raft dissertation, sections 3.5, 3.8, 10.2.2; reference 1.7 and 1.9.

extension RaftNode {
  // MARK: Sending

  /// Sends an append to every other member, empty if need be.
  mutating func broadcastAppend() {
    for position in tracker.members.indices where tracker.members[position].id != id {
      sendAppend(position, evenIfEmpty: true)
    }
  }

  mutating func broadcastHeartbeat() {
    let context = reads.heartbeatContext
    for position in tracker.members.indices where tracker.members[position].id != id {
      tracker.members[position].progress.releaseIdleMemory()
      // Not beyond what the follower is known to have: it trusts this to be in its log.
      let commit = min(tracker.members[position].progress.match, log.committed)
      send(Message(.heartbeat, to: tracker.members[position].id, commit: commit, context: context))
      tracker.members[position].progress.sentCommit = commit
    }
  }

  /// Sends what comes next, if the member may be sent to. True when a message went out.
  /// - Parameter evenIfEmpty: whether an append without entries is worth sending, to tell the commit index.
  @discardableResult
  mutating func sendAppend(_ position: Int, evenIfEmpty: Bool) -> Bool {
    let progress = tracker.members[position].progress
    if progress.isPaused { return false }
    let previous = progress.next.previous
    // Compacted away: only a snapshot helps.
    guard let previousTerm = log.term(at: previous) else { return sendSnapshot(position) }
    var entries: [Entry] = []
    // A full window is paused, until a heartbeat is answered: then an empty append finds out whether all in flight was
    // lost.
    if !progress.isWindowFull(settings.inflightLimits) {
      do {
        entries = try log.entries(from: progress.next, byteCount: settings.maxMessageByteCount)
      } catch {
        return evenIfEmpty && sendSnapshot(position)
      }
    }
    if entries.isEmpty, !evenIfEmpty { return false }
    let (count, byteCount) = (entries.count, entries.payloadByteCount)
    send(
      Message(
        .append, to: tracker.members[position].id, log: EntryID(term: previousTerm, index: previous),
        commit: log.committed, entries: entries))
    tracker.members[position].progress.sentEntries(
      count, byteCount: byteCount, limits: settings.inflightLimits)
    tracker.members[position].progress.sentCommit = log.committed
    return true
  }

  /// As the leader: sees whether a member that a snapshot was to be sent to has by now what stands before the first entry of the log, as
  /// an application may have given it.
  public mutating func probeFirstEntry(of peer: PeerID) {
    guard isLeader, let position = tracker.position(of: peer), tracker.members[position].progress.isTakingSnapshot
    else {
      return
    }
    tracker.members[position].progress.becomeProbe(from: log.firstIndex)
    sendAppend(position, evenIfEmpty: true)
  }

  private mutating func sendSnapshot(_ position: Int) -> Bool {
    let member = tracker.members[position]
    guard member.progress.isRecentlyActive else {
      record(.debug) { _ in .snapshotWithheld(from: member.id) }
      return false
    }
    guard let snapshot = log.snapshot() else {
      record(.debug) { _ in .snapshotUnavailable(for: member.id) }
      return false
    }
    precondition(!snapshot.isEmpty, "an empty snapshot stands for nothing that could have been compacted")
    record(.debug) { node in
      .snapshotSent(
        to: member.id, snapshot.id, firstIndex: node.log.firstIndex, commit: node.log.committed,
        node.view(member.progress))
    }
    tracker.members[position].progress.becomeSnapshot(snapshot.index)
    record(.debug) { node in .replicationPaused(to: member.id, node.view(node.tracker.members[position].progress)) }
    send(Message(.snapshot, to: member.id, snapshot: snapshot))
    return true
  }

  // MARK: Answers

  mutating func takeRefusal(_ message: Message, _ position: Int) {
    record(.debug) { _ in
      .appendRefused(
        hint: EntryID(term: message.logTerm, index: message.rejectionHint), from: message.from, index: message.index)
    }
    var hint = message.rejectionHint
    // The follower has no term above `logTerm` up to the hint, so no entry of ours of a later term can match there.
    if message.logTerm > .zero { hint = log.lastAgreement(hint, message.logTerm).index }
    guard tracker.members[position].progress.retreat(rejected: message.index, hint: hint) else { return }
    record(.debug) { node in .loweredProgress(of: message.from, node.view(node.tracker.members[position].progress)) }
    if tracker.members[position].progress.isReplicating { tracker.members[position].progress.becomeProbe() }
    sendAppend(position, evenIfEmpty: true)
  }

  mutating func takeAcknowledgement(_ message: Message, _ position: Int) {
    let isNews = tracker.members[position].progress.acknowledge(message.index)
    let progress = tracker.members[position].progress
    // A probe of what was known to match answers where the follower stands, too.
    guard isNews || (progress.match == message.index && progress.isProbing) else { return }
    switch progress.phase {
    case .probe:
      tracker.members[position].progress.becomeReplicate()
    case .snapshot where progress.match.next >= log.firstIndex:
      // Whatever snapshot it took in, its log and ours meet again.
      record(.debug) { node in .replicationResumed(to: message.from, node.view(progress)) }
      tracker.members[position].progress.becomeProbe()
      tracker.members[position].progress.becomeReplicate()
    case .snapshot:
      break
    case .replicate:
      tracker.members[position].progress.freeWindow(through: message.index)
    }

    if advanceCommit() {
      releaseDeferredReads()
      broadcastAppend()
    } else if message.from != id, tracker.members[position].progress.canBumpCommit(log.committed) {
      sendAppend(position, evenIfEmpty: true)
    }
    if message.from != id {
      // Room in the window: fill it.
      while sendAppend(position, evenIfEmpty: false) {}
    }
    if message.from == transferee, tracker.members[position].progress.match == log.lastIndex {
      record(.info) { node in .transfer(.sentAfterAppend, to: message.from, term: node.term) }
      send(Message(.timeoutNow, to: message.from))
    }
  }

  mutating func takeHeartbeatResponse(_ message: Message, _ position: Int) {
    tracker.members[position].progress.isRecentlyActive = true
    tracker.members[position].progress.resume()
    let progress = tracker.members[position].progress
    if progress.match < log.lastIndex || progress.isProbing { sendAppend(position, evenIfEmpty: true) }
    if settings.readMode == .quorum, message.context != .none { confirmReads(message) }
  }

  mutating func takeSnapshotStatus(hasFailed: Bool, _ position: Int) {
    guard tracker.members[position].progress.isTakingSnapshot else { return }
    if hasFailed {
      tracker.members[position].progress.becomeProbeAfterFailedSnapshot()
    } else {
      tracker.members[position].progress.becomeProbe()
    }
    record(.debug) { node in
      .snapshotReported(
        of: node.tracker.members[position].id, hasFailed: hasFailed, node.view(node.tracker.members[position].progress))
    }
    // Its acknowledgement, or else the answer to a heartbeat, tells when to go on.
    tracker.members[position].progress.pause()
  }
}
