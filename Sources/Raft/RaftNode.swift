// One member of a Raft group as a value: messages, ticks and proposals go in; state to persist, entries to apply and
// messages to send come out as `Ready`. No I/O, no clock, no ambient randomness: the election timeout is drawn from a
// generator seeded by the owner. The same inputs give the same outputs.
//
// Invariants (dissertation, figure 3.2): at most one leader per term; a leader only appends; logs that share an entry
// share everything before it; what is committed stays in the log of every later leader; no two members apply different
// entries at one index. The rest of the type stands in files by role: Election, Step, Leader, Replication, Follower, Reads,
// Transfer, MembershipApplication, Readiness.
// A configuration takes effect when it is applied, not when it is appended. Sources: dissertation; reference, section 1.

/// A member of a Raft group.
public struct RaftNode<Storage: LogStorage> {
  public let id: PeerID
  let settings: RaftSettings

  // Persisted
  public internal(set) var term: Term = .zero
  public internal(set) var vote: PeerID = .none
  var log: RaftLog<Storage>

  // Volatile
  public internal(set) var role: Role = .follower
  public internal(set) var leader: PeerID = .none
  public internal(set) var isLearner = false
  public internal(set) var tracker = ProgressTracker()

  // Leading
  /// Who leadership is being handed to.
  public internal(set) var transferee: PeerID = .none
  /// At or above the index of the last change that may not be applied yet: the next one waits until it is.
  var pendingChangeIndex: LogIndex = .zero
  /// Payload in the log beyond the commit index. May underestimate, never overestimates.
  var uncommittedByteCount = 0
  var reads = ReadQueue()
  /// Reads that came before this leader had committed an entry of its term.
  var deferredReads: [Message] = []

  // Time, in ticks. Bounded by twice the election timeout.
  var electionElapsed: Int32 = 0
  var heartbeatElapsed: Int32 = 0
  /// Drawn anew, from the election timeout up to twice that, whenever the role changes.
  package var randomizedElectionTimeout: Int32 = 0
  var random: ElectionRandom

  // Going out
  /// May leave before anything is persisted.
  var messages: [Message] = []
  /// Answers that vouch for state which must be on disk before they leave.
  var messagesAfterAppend: [Message] = []
  var readStates: [ReadState] = []
  var acceptedSoftState = SoftState()
  var acceptedHardState = HardState()
  /// Synchronous mode: what this member tells itself once the last `Ready` is done.
  var stepsOnAdvance: [Message] = []
  var isReadyOutstanding = false
  var events: [RecordedEvent] = []

  /// Starts a member from what its storage holds, as a follower.
  /// - Parameters:
  ///   - id: never given to another member of the group, nor to this one again once it was removed.
  ///   - applied: the last entry that the application has applied, durably; zero when unknown.
  ///   - seed: of the generator for election timeouts; members should differ.
  public init(id: PeerID, settings: RaftSettings, storage: Storage, applied: LogIndex = .zero, seed: UInt64) {
    precondition(id != .none && !id.isLocalThread, "a member needs an id of its own")
    self.id = id
    self.settings = settings
    log = RaftLog(storage, applyBudget: settings.maxApplyingByteCount)
    random = ElectionRandom(seed: seed)

    let (hardState, membership) = storage.initialState()
    guard let restored = ProgressTracker(restoring: membership, lastIndex: log.lastIndex) else {
      preconditionFailure("the persisted membership is not sound: \(membership)")
    }
    switchMembership(restored)
    if !hardState.isEmpty {
      log.restoreCommit(hardState.commit)
      term = hardState.term
      vote = hardState.vote
    }
    if applied > .zero { log.finishApplying(through: applied, byteCount: 0) }
    becomeFollower(term, leader: .none)
    record(.info) { node in
      .restarted(
        voters: node.tracker.membership.voters.all, term: node.term, commit: node.log.committed,
        applied: node.log.applied,
        last: node.log.lastID)
    }
    acceptedSoftState = softState
    acceptedHardState = hardState.isEmpty ? self.hardState : hardState
  }

  // MARK: What it is

  public var softState: SoftState { SoftState(leader: leader, role: role) }
  public var hardState: HardState { HardState(term: term, vote: vote, commit: log.committed) }
  public var membership: Membership { tracker.membership }
  public var commitIndex: LogIndex { log.committed }
  public var appliedIndex: LogIndex { log.applied }
  public var firstIndex: LogIndex { log.firstIndex }
  public var lastEntryID: EntryID { log.lastID }
  public var isLeader: Bool { role == .leader }

  /// The term of an entry in the log, on disk or on its way there.
  public func term(at index: LogIndex) -> Term? { log.term(at: index) }

  /// What a leader knows of each member, sorted by id; empty on others.
  public var progress: [(id: PeerID, progress: ProgressView)] {
    guard isLeader else { return [] }
    return tracker.members.map { ($0.id, view($0.progress)) }
  }

  func view(_ progress: Progress) -> ProgressView {
    ProgressView(progress: progress, limits: settings.inflightLimits)
  }

  // MARK: What it is told

  /// One tick has passed.
  public mutating func tick() {
    if role == .leader { tickLeader() } else { tickElection() }
  }

  /// Takes a message from another member or a response of a local thread.
  public mutating func step(_ message: Message) throws(StepError) {
    if message.kind.isLocal, !message.from.isLocalThread { throw .localMessage }
    if message.kind.isResponse, !message.from.isLocalThread, tracker.position(of: message.from) == nil {
      throw .unknownPeer
    }
    try take(message)
  }

  /// Asks for an entry with `data` to be appended. Taking it is no promise: it is in when it is applied.
  /// - Returns: on a leader, the entry.
  @discardableResult
  public mutating func propose(_ data: [UInt8]) throws(StepError) -> EntryID {
    try take(Message(.propose, from: id, entries: [Entry(data: data)]))
    return log.lastID
  }

  /// Asks for a change of the members. If it cannot be made just now, an empty entry takes its place.
  /// - Parameter asSingle: in the form with exactly one step.
  public mutating func propose(_ change: ConfigurationChange, asSingle: Bool = false) throws(StepError) {
    precondition(!asSingle || (change.steps.count == 1 && change.transition == .automatic))
    let kind: EntryKind = asSingle ? .singleConfigurationChange : .configurationChange
    try take(Message(.propose, from: id, entries: [Entry(kind: kind, data: change.encode())]))
  }

  /// Starts an election now.
  public mutating func campaign() {
    takeLocal(Message(.hup, from: id))
  }

  /// Asks for an index that a linearizable read must wait for. The answer comes as a `ReadState`, or never: the caller
  /// repeats the request when it takes long.
  public mutating func requestReadIndex(_ context: [UInt8]) {
    takeLocal(Message(.readIndex, entries: [Entry(data: context)]))
  }

  /// Hands leadership on. Given up after an election timeout.
  public mutating func transferLeadership(to peer: PeerID) {
    takeLocal(Message(.transferLeader, from: peer))
  }

  /// Knows no leader until one is heard from, so that another can be voted for at once.
  public mutating func forgetLeader() {
    takeLocal(Message(.forgetLeader))
  }

  /// A message could not be sent.
  public mutating func reportUnreachable(_ peer: PeerID) {
    takeLocal(Message(.unreachable, from: peer))
  }

  /// A snapshot for `peer` has arrived, or failed to.
  public mutating func reportSnapshot(_ peer: PeerID, hasFailed: Bool) {
    takeLocal(Message(.snapshotStatus, from: peer, isRejection: hasFailed))
  }

  /// As the leader: tells everybody who leads, as with the next heartbeat.
  public mutating func sendHeartbeats() {
    takeLocal(Message(.beat, from: id))
  }

  /// Gives back what only a busy group needs.
  public mutating func releaseIdleMemory() {
    for position in tracker.members.indices { tracker.members[position].progress.releaseIdleMemory() }
    if role == .leader || role == .follower { tracker.resetVotes() }
    if messages.isEmpty { messages = [] }
  }

  /// Takes what cannot fail, or whose failure the sender cannot use.
  mutating func takeLocal(_ message: Message) {
    try? take(message)
  }

  // MARK: Events

  /// Events since the last call, oldest first.
  public mutating func takeEvents() -> [RecordedEvent] {
    defer { events = [] }
    return events
  }

  @inline(__always)
  /// Records what `event` tells of this member; not asked for when nobody listens.
  mutating func record(_ level: EventLevel, _ event: (borrowing Self) -> RaftEvent) {
    guard level >= settings.eventLevel else { return }
    let event = event(self)
    events.append(RecordedEvent(level: level, event: event))
  }

  // MARK: Sending

  /// Queues a message. Votes and acknowledgements, granted or not, wait until everything they may rest on is on disk
  /// (dissertation, section 3.8); they may be for this member itself, which votes and appends like any other.
  mutating func send(_ message: consuming Message) {
    if message.from == .none { message.from = id }
    switch message.kind {
    case .vote, .preVote, .voteResponse, .preVoteResponse:
      precondition(message.term != .zero, "a vote belongs to a term")
    case .propose, .readIndex:
      // Forwarded as if they were the receiver's own.
      break
    default:
      message.term = term
    }
    switch message.kind {
    case .appendResponse, .voteResponse, .preVoteResponse:
      messagesAfterAppend.append(message)
    default:
      precondition(message.to != id, "a \(message.kind) to oneself")
      messages.append(message)
    }
  }
}
