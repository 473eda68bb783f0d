// HOT: what a leader makes of messages: proposals, answers of its followers, its own timers.
// Invariants: a leader appends and never overwrites; it commits by counting only entries of its own term, the earlier
// ones with them (dissertation, section 3.6.2 and figure 3.7); one change of the members is under way at a time.

extension RaftNode {
  mutating func takeAsLeader(_ message: Message) throws(StepError) {
    switch message.kind {
    case .beat:
      broadcastHeartbeat()
    case .checkQuorum:
      checkQuorum()
    case .propose:
      try appendProposal(message)
    case .readIndex:
      serveRead(message)
    case .forgetLeader:
      break
    default:
      guard let position = tracker.position(of: message.from) else {
        record(.debug) { _ in .noProgress(of: message.from) }
        return
      }
      takeFromMember(message, position)
    }
  }

  /// - Parameter position: where the sender stands among the members.
  private mutating func takeFromMember(_ message: Message, _ position: Int) {
    switch message.kind {
    case .appendResponse:
      tracker.members[position].progress.isRecentlyActive = true
      if message.isRejection {
        takeRefusal(message, position)
      } else {
        takeAcknowledgement(message, position)
      }
    case .heartbeatResponse:
      takeHeartbeatResponse(message, position)
    case .snapshotStatus:
      takeSnapshotStatus(hasFailed: message.isRejection, position)
    case .unreachable:
      // What was streamed to it is probably lost.
      if tracker.members[position].progress.isReplicating { tracker.members[position].progress.becomeProbe() }
      record(.debug) { node in .unreachable(message.from, node.view(node.tracker.members[position].progress)) }
    case .transferLeader:
      startTransfer(to: message.from, position)
    default:
      break
    }
  }

  /// Steps down when no quorum was heard from since the last check; in any case starts to listen anew.
  private mutating func checkQuorum() {
    if !tracker.isQuorumActive {
      record(.warning) { _ in .steppedDownWithoutQuorum }
      becomeFollower(term, leader: .none)
    }
    for position in tracker.members.indices where tracker.members[position].id != id {
      tracker.members[position].progress.isRecentlyActive = false
    }
  }

  // MARK: Proposals

  private mutating func appendProposal(_ message: Message) throws(StepError) {
    precondition(!message.entries.isEmpty, "a proposal without entries")
    // Removed from the group, and still leading until the others know.
    if tracker.position(of: id) == nil { throw .proposalDropped }
    if transferee != .none {
      record(.debug) { node in .droppedDuringTransfer(to: node.transferee, term: node.term) }
      throw .proposalDropped
    }
    var entries = message.entries
    for position in entries.indices where entries[position].kind != .normal {
      // What cannot be read could not be applied: nobody may append it.
      guard let change = entries[position].change else { throw .proposalDropped }
      if let reason = refusal(of: change), settings.validatesChanges {
        record(.info) { node in .ignoredChange(change, node.tracker.membership, reason: reason) }
        entries[position] = Entry()
      } else {
        pendingChangeIndex = log.lastIndex + (position + 1)
      }
    }
    guard extendLog(entries) else { throw .proposalDropped }
    broadcastAppend()
  }

  private func refusal(of change: ConfigurationChange) -> RaftEvent.ChangeRefusal? {
    if pendingChangeIndex > log.applied { return .pending(at: pendingChangeIndex, applied: log.applied) }
    if tracker.membership.isJoint, !change.steps.isEmpty { return .mustLeaveJoint }
    if !tracker.membership.isJoint, change.steps.isEmpty { return .notJoint }
    return nil
  }

  /// Appends entries of this term. False when the quota for what is not committed refuses them: never if nothing is
  /// outstanding, and never entries without payload.
  mutating func extendLog(_ proposed: [Entry]) -> Bool {
    let byteCount = proposed.payloadByteCount
    if uncommittedByteCount > 0, byteCount > 0,
      byteCount > settings.maxUncommittedByteCount - uncommittedByteCount
    {
      record(.warning) { _ in .droppedOverQuota }
      return false
    }
    uncommittedByteCount += byteCount
    var entries = proposed
    var index = log.lastIndex
    for position in entries.indices {
      index = index.next
      entries[position].term = term
      entries[position].index = index
    }
    log.extend(entries)
    // It acknowledges its own entries like any follower, once they are on disk (dissertation, section 10.2.1).
    send(Message(.appendResponse, to: id, index: index))
    return true
  }

  // MARK: Committing

  /// Commits what a quorum has. True when that is more than before.
  mutating func advanceCommit() -> Bool {
    let index = tracker.committedIndex
    guard index > log.committed, index != .unbounded else { return false }
    guard log.term(at: index) == term || settings.plantedFaults.contains(.commitsEarlierTerms) else { return false }
    log.commit(through: index)
    return true
  }

  /// Whether an entry of this leader's term is committed: only then does it know what is.
  var hasCommittedInTerm: Bool { log.term(at: log.committed) == term }
}
