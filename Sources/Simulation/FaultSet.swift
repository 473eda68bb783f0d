// What may go wrong in a simulation, by name.

/// Faults that are switched on.
public struct FaultSet: OptionSet, Sendable, Hashable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  // The network
  public static let loss = FaultSet(rawValue: 1 << 0)
  public static let duplication = FaultSet(rawValue: 1 << 1)
  /// Packets that overtake each other.
  public static let reordering = FaultSet(rawValue: 1 << 2)
  /// Flipped bits in packets.
  public static let corruption = FaultSet(rawValue: 1 << 3)
  /// Machines cut off, in one direction or both.
  public static let partitions = FaultSet(rawValue: 1 << 4)
  /// Machines whose packets wait, in overlapping spells.
  public static let clogging = FaultSet(rawValue: 1 << 5)

  // Machines
  /// Processes that die and start again.
  public static let crashes = FaultSet(rawValue: 1 << 6)
  /// Machines that lose power, and with it what was not synced.
  public static let power = FaultSet(rawValue: 1 << 7)
  /// Processes that stand still for a while.
  public static let pauses = FaultSet(rawValue: 1 << 8)
  /// Clocks that run fast or slow, and jump; those of a cluster's nodes as far off as they admit, or about.
  public static let clocks = FaultSet(rawValue: 1 << 9)

  // Disks
  public static let slowDisks = FaultSet(rawValue: 1 << 10)
  public static let failingDisks = FaultSet(rawValue: 1 << 11)
  public static let fullDisks = FaultSet(rawValue: 1 << 12)
  /// Bits that rot in what was synced long ago, or flip on their way from the disk.
  public static let rot = FaultSet(rawValue: 1 << 13)

  // What operators do
  /// Members come, go, and change roles.
  public static let membership = FaultSet(rawValue: 1 << 14)
  /// Leadership is handed on, elections are called for, leaders forgotten.
  public static let transfers = FaultSet(rawValue: 1 << 15)

  /// Ranges are cut in two.
  public static let splits = FaultSet(rawValue: 1 << 16)

  /// Ranges are merged with the ones before.
  public static let merges = FaultSet(rawValue: 1 << 17)

  /// Bits that mean something to a single group.
  static let ofGroup = 0..<16

  /// In the order of their bits.
  static let names = [
    "loss", "duplication", "reordering", "corruption", "partitions", "clogging", "crashes", "power", "pauses", "clocks",
    "slow-disks", "failing-disks", "full-disks", "rot", "membership", "transfers",
    "splits", "merges",
  ]

  public static let all = FaultSet(rawValue: UInt32(1 << names.count) - 1)

  /// From names with commas between them, `all` or `none`; nil when a name is unknown.
  public init?(parsing text: String) {
    self = []
    if text == "none" { return }
    for name in text.split(separator: ",") {
      if name == "all" {
        formUnion(.all)
      } else if let bit = Self.names.firstIndex(where: { $0 == name }) {
        insert(FaultSet(rawValue: 1 << UInt32(bit)))
      } else {
        return nil
      }
    }
  }

  public var description: String {
    if self == .all { return "all" }
    if isEmpty { return "none" }
    return Self.names.indices.filter { contains(FaultSet(rawValue: 1 << UInt32($0))) }.map { Self.names[$0] }
      .joined(separator: ",")
  }
}

/// A defect that is put in on purpose, to see that it is found. For tests of the simulator itself.
public enum PlantedBug: String, CaseIterable, Sendable {
  /// The vote of a term is not written to the disk.
  case skipPersistingVote = "skip-persisting-vote"
  /// Learners are asked for their vote, and it counts.
  case countLearnerVotes = "count-learner-votes"
  /// An entry of an earlier term is committed once a quorum has it.
  case commitEarlierTerms = "commit-earlier-terms"
  /// What rests on a write is sent before the write is durable.
  case acknowledgeBeforeSync = "acknowledge-before-sync"
  /// After a restart, entries that the saved state contains are applied again.
  case applyTwice = "apply-twice"
  /// Workload `node`: writes do not look at what was read above them.
  case forgetTimestampCache = "forget-timestamp-cache"
  /// Workload `node`: a restart begins with an empty timestamp cache, and a clock that was told of no earlier life.
  case forgetTimeAtRestart = "forget-time-at-restart"
  /// Workload `cluster`: leaseholders serve although their lease may have ended.
  case serveAfterExpiry = "serve-after-expiry"
  /// Workload `cluster`: members that have promised to follow a leader vote for others, so that two may hold the lease.
  case breakPromises = "break-promises"
  /// Workload `cluster`: a new leaseholder does not know what earlier ones served.
  case forgetReadsAtLease = "forget-reads-at-lease"
  /// Workloads `node` and `cluster`: the right half of a split does not know what was read there before.
  case forgetReadsAtSplit = "forget-reads-at-split"
  /// Workloads `node` and `cluster`: a range that takes over the keys of another does not know what was read there before.
  case forgetReadsAtMerge = "forget-reads-at-merge"
  /// Workload `cluster`: snapshots miss what is applied while they are sent.
  case missSnapshotTail = "miss-snapshot-tail"
  /// Workload `cluster`: replicas that were removed come back empty, and vote.
  case forgetRemovals = "forget-removals"
  /// Workload `cluster`: replicas apply some commands without their effects.
  case loseAppliedWrites = "lose-applied-writes"
  /// Workload `cluster`: writers are acknowledged before their commit is certainly past.
  case skipCommitWait = "skip-commit-wait"
  /// Workload `cluster`: readers are answered before what they saw is certainly past.
  case skipReadersWait = "skip-readers-wait"
  /// Workload `cluster`: transactions begin at the earliest time that may be now.
  case readAtEarliest = "read-at-earliest"
  /// Workload `cluster`: snapshots miss some of the versions there are.
  case cutSnapshots = "cut-snapshots"
  /// Workload `cluster`: leaseholders write below what they have closed, and others have served.
  case writeIntoThePast = "write-into-the-past"
  /// Workload `cluster`: a range that takes over the keys of another does not know what was closed there.
  case forgetClosedAtMerge = "forget-closed-at-merge"
  /// Workload `cluster`: whoever finds that a write of a staged commit is missing does not prevent it.
  case letMissingWritesCome = "let-missing-writes-come"
  /// Workload `cluster`: intents of a staged commit are settled before its record says that it has committed.
  case settleTooEarly = "settle-too-early"
  /// Workloads `node` and `cluster`: a transaction's timestamp moves whatever has become of its reads.
  case skipRefresh = "skip-refresh"
  /// Workload `cluster`: transactions at the same timestamp take each other's reads for their own.
  case oneOwnerPerTimestamp = "one-owner-per-timestamp"
  /// Workload `cluster`: a commit that may have happened is tried again.
  case retryAmbiguousCommits = "retry-ambiguous-commits"
}
