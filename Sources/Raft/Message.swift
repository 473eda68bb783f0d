// What members of a group tell each other, and a member its own threads for the log and for applying.
// One flat struct for all kinds: most fields are shared by most kinds, and a codec stays one function.
// Which fields a kind uses is said beside it. Term zero: the message is local, or stands outside of terms.
// Source: Raft dissertation, figure 3.1 and sections 3.10, 6.4, 9.6; reference 1.1 for the numbering.

/// What a message says.
public enum MessageKind: UInt8, Sendable, CaseIterable {
  /// Local: start an election.
  case hup = 0
  /// Local: send heartbeats.
  case beat = 1
  /// Entries to be appended by the leader. Forwarded without a term.
  case propose = 2
  /// Leader's entries after (`logTerm`, `index`), and its commit index.
  case append = 3
  /// `index`: the last one acknowledged. Rejected: `index` refused, (`rejectionHint`, `logTerm`) a guess.
  case appendResponse = 4
  /// Candidate's request in `term`, with its last entry.
  case vote = 5
  case voteResponse = 6
  case snapshot = 7
  /// `commit`: as far as the receiver's log is known to match.
  case heartbeat = 8
  case heartbeatResponse = 9
  /// Local: a send to `from` failed.
  case unreachable = 10
  /// Local: the snapshot for `from` arrived, or not (`isRejection`).
  case snapshotStatus = 11
  /// Local: step down unless a quorum was heard from.
  case checkQuorum = 12
  /// Lead on to `from`.
  case transferLeader = 13
  /// The receiver shall start an election at once.
  case timeoutNow = 14
  /// One entry whose data is the reader's own.
  case readIndex = 15
  case readIndexResponse = 16
  /// Would you vote for me in `term`?
  case preVote = 17
  case preVoteResponse = 18
  /// To the append thread: entries, hard state (`term`, `vote`, `commit`, all or none), snapshot; then `responses`.
  case storageAppend = 19
  /// From the append thread: the log is on disk through (`logTerm`, `index`), if any.
  case storageAppendResponse = 20
  /// To the apply thread: committed entries; then `responses`.
  case storageApply = 21
  case storageApplyResponse = 22
  /// The receiver shall know no leader until one is heard from.
  case forgetLeader = 23

  /// Whether only this node itself may have sent it.
  public var isLocal: Bool {
    switch self {
    case .hup, .beat, .unreachable, .snapshotStatus, .checkQuorum, .storageAppend, .storageAppendResponse,
      .storageApply, .storageApplyResponse:
      true
    default: false
    }
  }

  /// Whether it answers, so that only a member can have sent it.
  public var isResponse: Bool {
    switch self {
    case .appendResponse, .voteResponse, .heartbeatResponse, .unreachable, .readIndexResponse, .preVoteResponse,
      .storageAppendResponse, .storageApplyResponse:
      true
    default: false
    }
  }

  var isVoteRequest: Bool { self == .vote || self == .preVote }

  /// The answer to a request for votes.
  var voteAnswer: MessageKind { self == .preVote ? .preVoteResponse : .voteResponse }
}

/// A message.
public struct Message: Hashable, Sendable {
  /// What rides along.
  public enum Context: Hashable, Sendable {
    case none
    /// The vote was asked for on the leader's order: leases do not stand against it.
    case leadershipTransfer
    /// Heartbeats: answering this confirms the first `count` reads since the leader's election.
    case reads(UInt64)
  }

  public var kind: MessageKind
  public var isRejection: Bool
  public var to: PeerID
  public var from: PeerID
  public var term: Term
  public var logTerm: Term
  public var index: LogIndex
  public var commit: LogIndex
  public var vote: PeerID
  public var rejectionHint: LogIndex
  public var context: Context
  public var entries: [Entry]
  public var snapshot: Snapshot?
  /// To local threads: to be delivered, in order, once the work of the message is durable.
  public var responses: [Message]

  public init(
    _ kind: MessageKind, to: PeerID = .none, from: PeerID = .none, term: Term = .zero, log: EntryID? = nil,
    index: LogIndex = .zero, commit: LogIndex = .zero, isRejection: Bool = false, entries: [Entry] = [],
    snapshot: Snapshot? = nil, context: Context = .none
  ) {
    self.kind = kind
    self.isRejection = isRejection
    self.to = to
    self.from = from
    self.term = term
    self.logTerm = log?.term ?? .zero
    self.index = log?.index ?? index
    self.commit = commit
    self.vote = .none
    self.rejectionHint = .zero
    self.context = context
    self.entries = entries
    self.snapshot = snapshot
    self.responses = []
  }

  /// (`logTerm`, `index`).
  var log: EntryID { EntryID(term: logTerm, index: index) }

  /// The hard state that a `storageAppend` carries, or nil.
  public var hardState: HardState? {
    let state = HardState(term: term, vote: vote, commit: commit)
    return kind == .storageAppend && !state.isEmpty ? state : nil
  }
}
