// Whether transactions are ordered as they happened, and how a cluster changes from one answer to the other.
//
// Two rules keep a read from missing what was acknowledged before it began. By the first, writers wait until their commit is certainly past, so
// that the latest time that may be now lies above it. By the second they do not, and readers look further ahead: what lies up to `lookahead`
// above the latest time that may be now may have been acknowledged before, and moves the reader above it. Each needs that all nodes keep it. A
// node that does both, waits and looks ahead, goes with either; so all pass through that on the way.
//
// A node is done with changing once every member has read the setting at or after the time at which this node read what it goes by, and says
// so: whoever has done so goes by the same, or by something newer, and then waits for this node in turn. So no two are ever done with different
// answers. A node says so only when all that it acknowledged before is certainly past. Source: Docs/Decisions/0036-external-consistency.md.

/// What a node does.
public enum RealTimeOrder: Hashable, Sendable {
  /// Transactions read at the latest time that may be now, and writers wait until their commit is certainly past.
  case strict
  /// As strict, and readers look ahead.
  case changing
  /// Transactions read at about now, readers look ahead, and commits are acknowledged unless they lie further ahead than those look.
  case perKey

  /// Nanoseconds above the latest time that may be now up to which a commit may have been acknowledged. More costs reads that begin anew beside
  /// writes, less costs writers a wait where clocks are off by more.
  public static let lookahead: Int64 = 250_000_000

  public var waits: Bool { self != .perKey }
  public var looksAhead: Bool { self != .strict }
}

/// Where a node is on the way. Times are nanoseconds since 1970: of transactions, or of the node's clock where that is said.
public struct RealTimeOrderSwitch: Sendable {
  /// What the cluster is set to, and since when this node knows; nil before it does. 0: it never was anything else.
  private var wanted: (isStrict: Bool, since: Int64)?
  /// When the setting was last read here, and when it had been before that changed something.
  private var lastRead: Int64 = 0
  private var readBefore: Int64 = 0
  /// What was acknowledged before the change is certainly past when the clock's `earliest` is here.
  private var quietFrom = Int64.min
  private var members: [UInt32] = []
  private var membersRead: Int64 = 0
  private var heard: [UInt32: Int64] = [:]

  public init() {}

  /// The setting stood so at a time.
  /// - Parameters:
  ///   - everStood: whether it has been set at all.
  ///   - latest: by this node's clock, now.
  public mutating func learn(isStrict: Bool, everStood: Bool = true, at time: Int64, latest: Int64) {
    guard time >= lastRead else { return }
    if !everStood {
      wanted = (isStrict, 0)
    } else if wanted?.isStrict != isStrict || wanted?.since == 0 {
      if lastRead == 0 || latest > quietFrom { readBefore = lastRead }
      wanted = (isStrict, time)
      quietFrom = latest + RealTimeOrder.lookahead
    }
    lastRead = time
  }

  /// All other members at a time.
  public mutating func know(_ members: [UInt32], at time: Int64) {
    guard time >= membersRead else { return }
    membersRead = time
    self.members = members
  }

  /// What others are told: when the setting was last read, as far as that may be built on.
  /// - Parameter earliest: by this node's clock, now.
  public func report(at earliest: Int64) -> Int64 { earliest > quietFrom ? lastRead : readBefore }

  /// What another node told.
  public mutating func hear(_ peer: UInt32, read time: Int64) { heard[peer] = max(heard[peer] ?? 0, time) }

  /// Nil: as a node that serves no clients yet.
  /// - Parameter earliest: by this node's clock, now.
  public func order(at earliest: Int64) -> RealTimeOrder? {
    guard let wanted else { return nil }
    guard wanted.since > 0 else { return wanted.isStrict ? .strict : .changing }
    // Who joins later reads the setting later than this node did.
    guard report(at: earliest) >= wanted.since, membersRead >= wanted.since,
      members.allSatisfy({ heard[$0] ?? 0 >= wanted.since })
    else { return .changing }
    return wanted.isStrict ? .strict : .perKey
  }
}
