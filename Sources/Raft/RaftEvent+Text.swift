// The text of each event, in the words of etcd/raft's transcripts: the conformance tests compare it byte for byte.
// Ids are hexadecimal, everything else decimal. Source: reference 2.5.

extension RaftEvent {
  /// - Parameter id: the member that the event happened in.
  public func text(of id: PeerID) -> String {
    switch self {
    case .restarted(let voters, let term, let commit, let applied, let last):
      let peers = voters.map(\.description).joined(separator: ",")
      return "newRaft \(id) [peers: [\(peers)], term: \(term), commit: \(commit), applied: \(applied), "
        + "lastindex: \(last.index), lastterm: \(last.term)]"
    case .became(let role, let term):
      let name =
        switch role {
        case .follower: "follower"
        case .candidate: "candidate"
        case .preCandidate: "pre-candidate"
        case .leader: "leader"
        }
      return "\(id) became \(name) at term \(term)"
    case .steppedDownWithoutQuorum:
      return "\(id) stepped down to follower since quorum is not active"
    case .forgotLeader(let leader, let term):
      return "\(id) forgetting leader \(leader) at term \(term)"
    case .keptLeaderForLease:
      return "ignoring MsgForgetLeader due to ReadOnlyLeaseBased"

    case .electionStarted(let term):
      return "\(id) is starting a new election at term \(term)"
    case .alreadyLeads:
      return "\(id) ignoring MsgHup because already leader"
    case .cannotCampaign:
      return "\(id) is unpromotable and can not campaign"
    case .cannotCampaignBeforeApplying(let term):
      return "\(id) cannot campaign at term \(term) since there are still pending configuration changes to apply"
    case .voteRequested(let kind, let peer, let last, let term):
      return "\(id) [logterm: \(last.term), index: \(last.index)] sent \(kind) request to \(peer) at term \(term)"
    case .voteDecided(let decision, let request, let last, let vote, let term):
      let end: String
      let verb: String
      switch decision {
      case .cast: (verb, end) = ("cast \(request.kind) for", "")
      case .rejected: (verb, end) = ("rejected \(request.kind) from", "")
      case .inLease(let remaining):
        (verb, end) = ("ignored \(request.kind) from", ": lease is not expired (remaining ticks: \(remaining))")
      }
      return "\(id) [logterm: \(last.term), index: \(last.index), vote: \(vote)] \(verb) \(request.from) "
        + "[logterm: \(request.logTerm), index: \(request.index)] at term \(term)\(end)"
    case .voteReceived(let kind, let from, let isRejection, let term):
      return "\(id) received \(kind)\(isRejection ? " rejection" : "") from \(from) at term \(term)"
    case .votesCounted(let kind, let granted, let rejected):
      return "\(id) has received \(granted) \(kind) votes and \(rejected) vote rejections"

    case .higherTerm(let kind, let from, let term, let own):
      return "\(id) [term: \(own)] received a \(kind) message with higher term from \(from) [term: \(term)]"
    case .lowerTerm(let kind, let from, let term, let own):
      return "\(id) [term: \(own)] ignored a \(kind) message with lower term from \(from) [term: \(term)]"
    case .ignoredEarlierWrite(let kind, let term, let own):
      return "\(id) [term: \(own)] ignored entry appends from a \(kind) message with lower term [term: \(term)]"

    case .droppedWithoutLeader(let what, let term):
      let name =
        switch what {
        case .proposal: "proposal"
        case .transfer: "leader transfer msg"
        case .read: "index reading msg"
        }
      return "\(id) no leader at term \(term); dropping \(name)"
    case .droppedUnforwarded(let leader, let term):
      return "\(id) not forwarding to leader \(leader) at term \(term); dropping proposal"
    case .droppedDuringTransfer(let target, let term):
      return "\(id) [term \(term)] transfer leadership to \(target) is in progress; dropping proposal"
    case .droppedOverQuota:
      return "\(id) appending new entries to log would exceed uncommitted entry size limit; dropping proposal"

    case .foundConflict(let index, let existing, let replacement):
      return "found conflict at index \(index) [existing term: \(existing), conflicting term: \(replacement)]"
    case .spliced(.replaced(let index)):
      return "replace the unstable entries from index \(index)"
    case .spliced(.truncated(let index)):
      return "truncate the unstable entries before index \(index)"
    case .stabilizationIgnored(let entry, .missing):
      return "entry at index \(entry.index) missing from unstable log; ignoring"
    case .stabilizationIgnored(let entry, .matchesSnapshot):
      return "entry at index \(entry.index) matched unstable snapshot; ignoring"
    case .stabilizationIgnored(let entry, .mismatch(let term)):
      return "entry at (index,term)=(\(entry.index),\(entry.term)) mismatched with entry at "
        + "(\(entry.index),\(term)) in unstable log; ignoring"
    case .refusedAppend(let previous, let own, let from):
      return "\(id) [logterm: \(own), index: \(previous.index)] rejected MsgApp "
        + "[logterm: \(previous.term), index: \(previous.index)] from \(from)"

    case .appendRefused(let hint, let from, let index):
      return "\(id) received MsgAppResp(rejected, hint: (index \(hint.index), term \(hint.term))) from \(from) "
        + "for index \(index)"
    case .loweredProgress(let peer, let progress):
      return "\(id) decreased progress of \(peer) to [\(progress)]"
    case .noProgress(let peer):
      return "\(id) no progress available for \(peer)"
    case .unreachable(let peer, let progress):
      return "\(id) failed to send message to \(peer) because it is unreachable [\(progress)]"

    case .snapshotWithheld(let peer):
      return "ignore sending snapshot to \(peer) since it is not recently active"
    case .snapshotUnavailable(let peer):
      return "\(id) failed to send snapshot to \(peer) because snapshot is temporarily unavailable"
    case .snapshotSent(let peer, let snapshot, let firstIndex, let commit, let progress):
      return "\(id) [firstindex: \(firstIndex), commit: \(commit)] sent snapshot[index: \(snapshot.index), "
        + "term: \(snapshot.term)] to \(peer) [\(progress)]"
    case .replicationPaused(let peer, let progress):
      return "\(id) paused sending replication messages to \(peer) [\(progress)]"
    case .replicationResumed(let peer, let progress):
      return "\(id) recovered from needing snapshot, resumed sending replication messages to \(peer) [\(progress)]"
    case .snapshotReported(let peer, let hasFailed, let progress):
      return "\(id) snapshot \(hasFailed ? "failed" : "succeeded"), resumed sending replication messages to \(peer) "
        + "[\(progress)]"
    case .restoring(let snapshot, let log):
      return "log [\(log)] starts to restore snapshot [index: \(snapshot.index), term: \(snapshot.term)]"
    case .restored(let snapshot, let commit, let last):
      return "\(id) [commit: \(commit), lastindex: \(last.index), lastterm: \(last.term)] restored snapshot "
        + "[index: \(snapshot.index), term: \(snapshot.term)]"
    case .fastForwarded(let snapshot, let commit, let last):
      return "\(id) [commit: \(commit), lastindex: \(last.index), lastterm: \(last.term)] fast-forwarded commit to "
        + "snapshot [index: \(snapshot.index), term: \(snapshot.term)]"
    case .snapshotDone(let snapshot, let commit, let isIgnored):
      return "\(id) [commit: \(commit)] \(isIgnored ? "ignored" : "restored") snapshot [index: \(snapshot.index), "
        + "term: \(snapshot.term)]"
    case .snapshotForOthers(let membership):
      return "\(id) attempted to restore snapshot but it is not in the ConfState \(membership); should never happen"

    case .switchedMembership(let membership):
      return "\(id) switched to configuration \(membership)"
    case .ignoredChange(let change, let membership, let reason):
      let why =
        switch reason {
        case .pending(let index, let applied):
          "possible unapplied conf change at index \(index) (applied to \(applied))"
        case .mustLeaveJoint: "must transition out of joint config first"
        case .notJoint: "not in joint state; refusing empty conf change"
        }
      return "\(id) ignoring conf change \(change) at config \(membership): \(why)"
    case .leavingJoint(let membership, nil):
      return "initiating automatic transition out of joint configuration \(membership)"
    case .leavingJoint(let membership, let failure?):
      return "not initiating automatic transition out of joint configuration \(membership): \(failure)"

    case .transfer(let what, let peer, let term):
      switch what {
      case .started: return "\(id) [term \(term)] starts to transfer leadership to \(peer)"
      case .underWay:
        return "\(id) [term \(term)] transfer leadership to \(peer) is in progress, ignores request to same node "
          + "\(peer)"
      case .aborted: return "\(id) [term \(term)] abort previous transferring leadership to \(peer)"
      case .toSelf: return "\(id) is already leader. Ignored transferring leadership to self"
      case .toLearner: return "\(id) is learner. Ignored transferring leadership"
      case .sentAtOnce:
        return "\(id) sends MsgTimeoutNow to \(peer) immediately as \(peer) already has up-to-date log"
      case .sentAfterAppend: return "\(id) sent MsgTimeoutNow to \(peer) after received MsgAppResp"
      }
    case .timeoutNowReceived(let from, let term):
      return "\(id) [term \(term)] received MsgTimeoutNow from \(from) and starts an election to get leadership."
    case .timeoutNowIgnored(let from, let term, let role):
      return "\(id) [term \(term) state \(role)] ignored MsgTimeoutNow from \(from)"

    case .malformedReadResponse(let from, let count):
      return "\(id) invalid format of MsgReadIndexResp from \(from), entries count: \(count)"
    }
  }
}
