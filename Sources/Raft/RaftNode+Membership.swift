// Changes of the members take effect when their entry is applied. The owner applies them in order, or tells of a
// refusal by applying steps for no peer.
// Invariant: a change of more than one voter passes through a joint configuration; a leader leaves one that asks for it
// as soon as it has applied everything up to its last change.
// Source: Raft dissertation, chapter 4; deviation from it: there a configuration counts from its append.

extension RaftNode {
  /// Applies a committed change. The owner keeps the result with its applied state.
  /// - Throws: when the change does not fit the members, which then stay as they are. The same on every member.
  @discardableResult
  public mutating func apply(_ change: ConfigurationChange) throws(MembershipError) -> Membership {
    let changer = MembershipChanger(tracker, lastIndex: log.lastIndex)
    switchMembership(try changer.applying(change))
    return tracker.membership
  }

  mutating func switchMembership(_ changed: ProgressTracker) {
    tracker.membership = changed.membership
    tracker.members = changed.members
    record(.info) { node in .switchedMembership(node.tracker.membership) }
    let position = tracker.position(of: id)
    isLearner = position.map { tracker.members[$0].progress.isLearner } ?? false
    guard role == .leader else { return }
    if position == nil || isLearner {
      if settings.stepsDownOnRemoval { becomeFollower(term, leader: .none) }
      return
    }
    if tracker.membership.voters.incoming.isEmpty { return }

    if advanceCommit() {
      // Fewer have to agree than before.
      broadcastAppend()
    } else {
      // Newcomers need not wait for a heartbeat.
      for position in tracker.members.indices where tracker.members[position].id != id {
        sendAppend(position, evenIfEmpty: false)
      }
    }
    if transferee != .none, !tracker.membership.voters.contains(transferee) { transferee = .none }
  }

  /// Entries up to `index` are applied.
  mutating func finishApplying(through index: LogIndex, byteCount: Int) {
    let applied = max(index, log.applied)
    log.finishApplying(through: applied, byteCount: byteCount)
    guard tracker.membership.leavesAutomatically, role == .leader, applied >= pendingChangeIndex else { return }
    // An empty change has no payload that a quota could refuse. While leadership is handed on it is dropped, and tried
    // again with the next entry that is applied, here or by the next leader.
    do {
      try take(Message(.propose, from: id, entries: [Entry(kind: .configurationChange)]))
      record(.info) { node in .leavingJoint(node.tracker.membership, failure: nil) }
    } catch {
      record(.debug) { node in .leavingJoint(node.tracker.membership, failure: error) }
    }
  }
}
