// The values that reach the disk: entries, the hard state, snapshots.
// Ordering: a hard state and the entries before it are durable before any answer that rests on them leaves the node.
// Source: Raft dissertation, section 3.8.

/// What an entry carries.
public enum EntryKind: UInt8, Sendable {
  /// A command of the application, or nothing: the first entry of each leader.
  case normal = 0
  /// A change with exactly one step, as older members propose it.
  case singleConfigurationChange = 1
  case configurationChange = 2
}

/// One entry of the log.
public struct Entry: Hashable, Sendable {
  public var term: Term
  public var index: LogIndex
  public var kind: EntryKind
  public var data: [UInt8]

  public init(term: Term = .zero, index: LogIndex = .zero, kind: EntryKind = .normal, data: [UInt8] = []) {
    self.term = term
    self.index = index
    self.kind = kind
    self.data = data
  }

  public var id: EntryID { EntryID(term: term, index: index) }

  /// What the entry counts for where entries are bounded in bytes: its payload, term, index and kind.
  public var encodedByteCount: Int { data.count + 17 }

  /// The change that the entry carries; nil for a normal entry, or bytes that are no change.
  public var change: ConfigurationChange? {
    kind == .normal ? nil : ConfigurationChange(decoding: data)
  }
}

extension Collection<Entry> {
  public var encodedByteCount: Int { reduce(0) { $0 + $1.encodedByteCount } }

  /// Bytes of payload alone: nothing for the first entry of a leader and for leaving a joint configuration, which
  /// therefore no quota can refuse.
  public var payloadByteCount: Int { reduce(0) { $0 + $1.data.count } }

  /// The longest prefix within `byteCount`, but at least one entry: no limit may stop progress.
  public func prefix(byteCount limit: Int) -> SubSequence {
    guard var end = indices.first else { return self[startIndex...] }
    var total = 0
    repeat {
      let (sum, overflows) = total.addingReportingOverflow(self[end].encodedByteCount)
      if end != startIndex, overflows || sum > limit { break }
      total = sum
      formIndex(after: &end)
    } while end != endIndex
    return self[startIndex..<end]
  }
}

/// What a member must remember of elections, besides its log.
public struct HardState: Hashable, Sendable {
  public var term: Term
  /// Who got this member's vote in `term`.
  public var vote: PeerID
  /// May lag behind what is committed; it is only a shortcut after a restart.
  public var commit: LogIndex

  public init(term: Term = .zero, vote: PeerID = .none, commit: LogIndex = .zero) {
    self.term = term
    self.vote = vote
    self.commit = commit
  }

  public var isEmpty: Bool { self == HardState() }
}

/// The state after all entries up to `index`, and the members then.
public struct Snapshot: Hashable, Sendable {
  public var index: LogIndex
  public var term: Term
  public var membership: Membership
  /// The application's own: the state, or where to fetch it.
  public var data: [UInt8]

  public init(
    index: LogIndex = .zero, term: Term = .zero, membership: Membership = Membership(), data: [UInt8] = []
  ) {
    self.index = index
    self.term = term
    self.membership = membership
    self.data = data
  }

  public var id: EntryID { EntryID(term: term, index: index) }
  public var isEmpty: Bool { index == .zero }
}
