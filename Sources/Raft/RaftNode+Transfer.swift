// Handing leadership on: the target is brought up to date, then told to hold an election at once. Meanwhile proposals are
// dropped; after an election timeout the leader goes on leading.
// Source: Raft dissertation, section 3.10.

extension RaftNode {
  /// - Parameter position: where the target stands among the members.
  mutating func startTransfer(to target: PeerID, _ position: Int) {
    let progress = tracker.members[position].progress
    if progress.isLearner {
      record(.debug) { node in .transfer(.toLearner, to: target, term: node.term) }
      return
    }
    if transferee != .none {
      if transferee == target {
        record(.info) { node in .transfer(.underWay, to: target, term: node.term) }
        return
      }
      record(.info) { node in .transfer(.aborted, to: node.transferee, term: node.term) }
      transferee = .none
    }
    if target == id {
      record(.debug) { node in .transfer(.toSelf, to: target, term: node.term) }
      return
    }
    record(.info) { node in .transfer(.started, to: target, term: node.term) }
    electionElapsed = 0
    transferee = target
    if progress.match == log.lastIndex {
      send(Message(.timeoutNow, to: target))
      record(.info) { node in .transfer(.sentAtOnce, to: target, term: node.term) }
    } else {
      sendAppend(position, evenIfEmpty: true)
    }
  }
}
