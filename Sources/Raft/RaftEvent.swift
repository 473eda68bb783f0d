// What happens inside a member, as values: transitions, votes, refusals, repairs. They leave the node as effects that
// its owner drains and counts, traces or drops; the core writes no log of its own.
// An event is only built when its level is recorded, so a silent group pays one comparison.
// The texts are those of etcd/raft's transcripts, which the conformance tests compare.

/// How much an event matters.
public enum EventLevel: UInt8, Comparable, Sendable {
  case debug, info, warning, error, off

  public static func < (a: EventLevel, b: EventLevel) -> Bool { a.rawValue < b.rawValue }
}

/// Something that happened.
public enum RaftEvent: Sendable {
  // Lives and roles
  case restarted(voters: PeerSet, term: Term, commit: LogIndex, applied: LogIndex, last: EntryID)
  case became(Role, term: Term)
  case steppedDownWithoutQuorum
  case forgotLeader(PeerID, term: Term)
  case keptLeaderForLease

  // Elections
  case electionStarted(term: Term)
  case alreadyLeads
  case cannotCampaign
  case cannotCampaignBeforeApplying(term: Term)
  case voteRequested(MessageKind, of: PeerID, last: EntryID, term: Term)
  case voteDecided(VoteDecision, request: Message, last: EntryID, vote: PeerID, term: Term)
  case voteReceived(MessageKind, from: PeerID, isRejection: Bool, term: Term)
  case votesCounted(MessageKind, granted: Int, rejected: Int)

  // Terms
  case higherTerm(MessageKind, from: PeerID, term: Term, own: Term)
  case lowerTerm(MessageKind, from: PeerID, term: Term, own: Term)
  case ignoredEarlierWrite(MessageKind, term: Term, own: Term)

  // Proposals
  case droppedWithoutLeader(Dropped, term: Term)
  case droppedUnforwarded(leader: PeerID, term: Term)
  case droppedDuringTransfer(to: PeerID, term: Term)
  case droppedOverQuota

  // The log
  case foundConflict(at: LogIndex, existing: Term, replacement: Term)
  case spliced(SplicePoint)
  case stabilizationIgnored(EntryID, StabilizationFault)
  case refusedAppend(previous: EntryID, own: Term, from: PeerID)

  // Replication
  case appendRefused(hint: EntryID, from: PeerID, index: LogIndex)
  case loweredProgress(of: PeerID, ProgressView)
  case noProgress(of: PeerID)
  case unreachable(PeerID, ProgressView)

  // Snapshots
  case snapshotWithheld(from: PeerID)
  case snapshotUnavailable(for: PeerID)
  case snapshotSent(to: PeerID, EntryID, firstIndex: LogIndex, commit: LogIndex, ProgressView)
  case replicationPaused(to: PeerID, ProgressView)
  case replicationResumed(to: PeerID, ProgressView)
  case snapshotReported(of: PeerID, hasFailed: Bool, ProgressView)
  case restoring(EntryID, log: String)
  case restored(EntryID, commit: LogIndex, last: EntryID)
  case fastForwarded(EntryID, commit: LogIndex, last: EntryID)
  case snapshotDone(EntryID, commit: LogIndex, isIgnored: Bool)
  case snapshotForOthers(Membership)

  // Membership
  case switchedMembership(Membership)
  case ignoredChange(ConfigurationChange, Membership, reason: ChangeRefusal)
  case leavingJoint(Membership, failure: StepError?)

  // Leadership transfer
  case transfer(TransferEvent, to: PeerID, term: Term)
  case timeoutNowReceived(from: PeerID, term: Term)
  case timeoutNowIgnored(from: PeerID, term: Term, Role)

  // Reads
  case malformedReadResponse(from: PeerID, entryCount: Int)

  public enum VoteDecision: Hashable, Sendable {
    case cast
    case rejected
    /// The leader was heard from: `remaining` ticks until votes are given again.
    case inLease(remaining: Int)
  }

  public enum Dropped: Hashable, Sendable { case proposal, transfer, read }

  public enum StabilizationFault: Hashable, Sendable {
    case missing
    case matchesSnapshot
    case mismatch(Term)
  }

  /// Where unstable entries gave way.
  public enum SplicePoint: Hashable, Sendable {
    case replaced(from: LogIndex)
    case truncated(before: LogIndex)
  }

  public enum ChangeRefusal: Hashable, Sendable {
    case pending(at: LogIndex, applied: LogIndex)
    case mustLeaveJoint
    case notJoint
  }

  public enum TransferEvent: Hashable, Sendable {
    case started, underWay, aborted, toSelf, toLearner, sentAtOnce, sentAfterAppend
  }
}

/// An event with its level.
public struct RecordedEvent: Sendable {
  public var level: EventLevel
  public var event: RaftEvent
}
