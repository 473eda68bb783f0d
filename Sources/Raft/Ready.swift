// What a member wants done: state to persist, entries to apply, messages to send.
// Ordering, synchronous mode: persist `hardState`, `entries` and `snapshot`, then send `messages`, apply
// `committedEntries`, then call `advance`.
// Ordering, asynchronous mode: send `messages` at once. Those to the append and apply threads carry what must be
// persisted or applied, are worked off in order, and their responses are delivered once that is durable.

/// Who leads, and whether this member does. Not persisted.
public struct SoftState: Hashable, Sendable {
  public var leader: PeerID
  public var role: Role

  public init(leader: PeerID = .none, role: Role = .follower) {
    self.leader = leader
    self.role = role
  }
}

/// What a member is doing.
public enum Role: UInt8, Sendable {
  case follower, candidate, leader
  /// Asks whether an election could be won.
  case preCandidate
}

/// A linearizable read may be served once `index` has been applied.
public struct ReadState: Hashable, Sendable {
  public var index: LogIndex
  /// What the reader handed in.
  public var context: [UInt8]
}

/// Work for the owner of a member.
public struct Ready: Sendable {
  /// Nil when it has not changed.
  public var softState: SoftState?
  /// Nil when it has not changed.
  public var hardState: HardState?
  public var readStates: [ReadState] = []
  /// To be appended, replacing what stands there and after.
  public var entries: [Entry] = []
  /// To be installed in place of the log. Never together with entries.
  public var snapshot: Snapshot?
  public var committedEntries: [Entry] = []
  public var messages: [Message] = []
  /// Whether the write must be durable before messages leave: not for a commit index alone.
  public var mustSync = false

  public init() {}
}

/// Why a message or a proposal was not taken.
public enum StepError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No leader to take it, or one that cannot just now. May be tried again.
  case proposalDropped
  /// A message of a kind that only this node may send came from elsewhere.
  case localMessage
  /// An answer from someone who is no member.
  case unknownPeer

  public var description: String {
    switch self {
    case .proposalDropped: "raft proposal dropped"
    case .localMessage: "raft: cannot step raft local message"
    case .unknownPeer: "raft: cannot step as peer not found"
    }
  }
}
