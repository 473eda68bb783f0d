// HOT: what a follower makes of its leader's messages, and where it sends what only the leader can do.
// Invariant: an entry that is committed is never replaced; an append is acknowledged only up to what it vouches for.
// Source: Raft dissertation, sections 3.5 and 3.8, 5.1.

extension RaftNode {
  mutating func takeAsFollower(_ message: Message) throws(StepError) {
    switch message.kind {
    case .propose:
      guard leader != .none else {
        record(.info) { node in .droppedWithoutLeader(.proposal, term: node.term) }
        throw .proposalDropped
      }
      guard settings.forwardsProposals else {
        record(.info) { node in .droppedUnforwarded(leader: node.leader, term: node.term) }
        throw .proposalDropped
      }
      forward(message)
    case .append:
      follow(message.from)
      takeAppend(message)
    case .heartbeat:
      follow(message.from)
      log.commit(through: message.commit)
      send(Message(.heartbeatResponse, to: message.from, context: message.context))
    case .snapshot:
      follow(message.from)
      takeSnapshot(message)
    case .transferLeader:
      guard leader != .none else {
        record(.info) { node in .droppedWithoutLeader(.transfer, term: node.term) }
        return
      }
      forward(message)
    case .readIndex:
      guard leader != .none else {
        record(.info) { node in .droppedWithoutLeader(.read, term: node.term) }
        return
      }
      forward(message)
    case .readIndexResponse:
      guard message.entries.count == 1 else {
        record(.error) { _ in .malformedReadResponse(from: message.from, entryCount: message.entries.count) }
        return
      }
      readStates.append(ReadState(index: message.index, context: message.entries[0].data))
    case .forgetLeader:
      // A leader that trusts its lease counts on its followers to remember it.
      guard settings.readMode != .lease else {
        record(.error) { _ in .keptLeaderForLease }
        return
      }
      guard leader != .none else { return }
      record(.info) { node in .forgotLeader(node.leader, term: node.term) }
      leader = .none
    case .timeoutNow:
      // No pre-vote: the leader itself wants this election.
      record(.info) { node in .timeoutNowReceived(from: message.from, term: node.term) }
      startElection(.transfer)
    default:
      break
    }
  }

  private mutating func follow(_ newLeader: PeerID) {
    electionElapsed = 0
    leader = newLeader
  }

  private mutating func forward(_ message: Message) {
    var forwarded = message
    forwarded.to = leader
    send(forwarded)
  }

  private mutating func takeAppend(_ message: Message) {
    let previous = message.log
    if previous.index < log.committed {
      // An old one. All it could bring is there.
      send(Message(.appendResponse, to: message.from, index: log.committed))
      return
    }
    if let appended = log.append(after: previous, message.entries, commit: message.commit) {
      if let conflict = appended.conflict {
        record(.info) { _ in
          .foundConflict(at: conflict.index, existing: conflict.existing, replacement: conflict.replacement)
        }
      }
      switch appended.splice {
      case .extended: break
      case .replaced(let index): record(.info) { _ in .spliced(.replaced(from: index)) }
      case .truncated(let index): record(.info) { _ in .spliced(.truncated(before: index)) }
      }
      send(Message(.appendResponse, to: message.from, index: appended.lastIndex))
      return
    }
    record(.debug) { node in
      .refusedAppend(previous: previous, own: node.log.term(at: previous.index) ?? .zero, from: message.from)
    }
    // Where the logs may agree: nothing here of a later term than the leader has there can.
    let hint = log.lastAgreement(min(previous.index, log.lastIndex), previous.term)
    var answer = Message(.appendResponse, to: message.from, index: previous.index, isRejection: true)
    answer.rejectionHint = hint.index
    answer.logTerm = hint.term
    send(answer)
  }

  // MARK: Snapshots

  private mutating func takeSnapshot(_ message: Message) {
    let snapshot = message.snapshot ?? Snapshot()
    let isRestored = restore(snapshot)
    record(.info) { node in .snapshotDone(snapshot.id, commit: node.log.committed, isIgnored: !isRestored) }
    let index = isRestored ? log.lastIndex : log.committed
    send(Message(.appendResponse, to: message.from, index: index))
  }

  /// Replaces the log and the members by a snapshot. False when it brings nothing.
  private mutating func restore(_ snapshot: Snapshot) -> Bool {
    if snapshot.index <= log.committed { return false }
    precondition(role == .follower, "only a follower takes in a snapshot")
    guard snapshot.membership.contains(id) else {
      record(.warning) { _ in .snapshotForOthers(snapshot.membership) }
      return false
    }
    if log.matches(snapshot.id) {
      // The log has what the snapshot has; the snapshot tells that it is committed.
      record(.info) { node in .fastForwarded(snapshot.id, commit: node.log.committed, last: node.log.lastID) }
      log.commit(through: snapshot.index)
      return false
    }
    record(.info) { node in .restoring(snapshot.id, log: node.log.extent) }
    log.restore(snapshot)
    guard let restored = ProgressTracker(restoring: snapshot.membership, lastIndex: log.lastIndex) else {
      preconditionFailure("the membership of a snapshot is not sound: \(snapshot.membership)")
    }
    switchMembership(restored)
    record(.info) { node in .restored(snapshot.id, commit: node.log.committed, last: node.log.lastID) }
    return true
  }
}

extension RaftLog {
  /// As it stands in events.
  var extent: String {
    "committed=\(committed), applied=\(applied), applying=\(applying), unstable.offset=\(unstable.offset), "
      + "unstable.offsetInProgress=\(unstable.writingEnd), len(unstable.Entries)=\(unstable.entries.count)"
  }
}
