// The settings of a group. One immutable object serves all groups of a store, so that a group spends eight bytes on it.
// Times are in ticks; how long a tick is, is the owner's business.

/// Why settings are refused.
public enum RaftSettingsError: Error, Hashable, Sendable {
  case heartbeatWithoutInterval
  case electionNotAboveHeartbeat
  case noInflightMessages
  case inflightBytesBelowMessage
  case nothingToApply
  /// A lease holds only while a leader that has lost its quorum steps down.
  case leaseWithoutCheckQuorum
}

/// How linearizable reads are served.
public enum ReadMode: UInt8, Sendable {
  /// The leader asks a quorum whether it still leads.
  case quorum
  /// The leader trusts its lease, hence the clocks of the members.
  case lease
}

/// Settings that groups share.
public final class RaftSettings: Sendable {
  /// A follower that hears from no leader for this many ticks, or up to twice as many, starts an election.
  public let electionTicks: Int
  public let heartbeatTicks: Int
  /// Whether `ready` hands writes to the append and apply threads as messages: the way of production. Otherwise the
  /// owner carries out each `Ready` and calls `advance`.
  public let usesAsynchronousStorage: Bool
  /// Bytes of entries in one append; zero for one entry at a time.
  public let maxMessageByteCount: Int
  /// Bytes of entries that are handed out to be applied and are not yet.
  public let maxApplyingByteCount: Int
  /// Bytes of payload in the leader's log beyond what is committed; proposals beyond it are dropped.
  public let maxUncommittedByteCount: Int
  public let inflightLimits: InflightLimits
  /// Whether a leader that does not hear from a quorum steps down, and members that hear from a leader refuse votes.
  public let checksQuorum: Bool
  /// Whether an election begins by asking if it could be won, so that a member that was cut off disturbs nobody.
  public let usesPreVote: Bool
  public let readMode: ReadMode
  public let forwardsProposals: Bool
  /// Whether proposed changes are checked against the members. If not, the owner must refuse unsound ones.
  public let validatesChanges: Bool
  /// Whether a leader that is removed or made a learner steps down.
  public let stepsDownOnRemoval: Bool
  /// Events below this level are not recorded.
  public let eventLevel: EventLevel
  /// Safety deliberately broken, to see that a checker notices. Never set outside of tests and simulation.
  package let plantedFaults: PlantedFaults

  public convenience init(
    electionTicks: Int = 10, heartbeatTicks: Int = 1, usesAsynchronousStorage: Bool = true,
    maxMessageByteCount: Int = 32 << 10, maxApplyingByteCount: Int = 64 << 20,
    maxUncommittedByteCount: Int = 16 << 20,
    inflightLimits: InflightLimits = InflightLimits(count: 128, byteCount: 32 << 20), checksQuorum: Bool = true,
    usesPreVote: Bool = true, readMode: ReadMode = .quorum, forwardsProposals: Bool = true,
    validatesChanges: Bool = true, stepsDownOnRemoval: Bool = true, eventLevel: EventLevel = .warning
  ) throws(RaftSettingsError) {
    try self.init(
      electionTicks: electionTicks, heartbeatTicks: heartbeatTicks, usesAsynchronousStorage: usesAsynchronousStorage,
      maxMessageByteCount: maxMessageByteCount, maxApplyingByteCount: maxApplyingByteCount,
      maxUncommittedByteCount: maxUncommittedByteCount, inflightLimits: inflightLimits, checksQuorum: checksQuorum,
      usesPreVote: usesPreVote, readMode: readMode, forwardsProposals: forwardsProposals,
      validatesChanges: validatesChanges, stepsDownOnRemoval: stepsDownOnRemoval, eventLevel: eventLevel,
      plantedFaults: [])
  }

  package init(
    electionTicks: Int, heartbeatTicks: Int, usesAsynchronousStorage: Bool, maxMessageByteCount: Int,
    maxApplyingByteCount: Int, maxUncommittedByteCount: Int, inflightLimits: InflightLimits, checksQuorum: Bool,
    usesPreVote: Bool, readMode: ReadMode, forwardsProposals: Bool, validatesChanges: Bool, stepsDownOnRemoval: Bool,
    eventLevel: EventLevel, plantedFaults: PlantedFaults
  ) throws(RaftSettingsError) {
    if heartbeatTicks <= 0 { throw .heartbeatWithoutInterval }
    if electionTicks <= heartbeatTicks { throw .electionNotAboveHeartbeat }
    if inflightLimits.count <= 0 { throw .noInflightMessages }
    if inflightLimits.byteCount < maxMessageByteCount { throw .inflightBytesBelowMessage }
    if maxApplyingByteCount <= 0 { throw .nothingToApply }
    if readMode == .lease, !checksQuorum { throw .leaseWithoutCheckQuorum }
    self.electionTicks = electionTicks
    self.heartbeatTicks = heartbeatTicks
    self.usesAsynchronousStorage = usesAsynchronousStorage
    self.maxMessageByteCount = maxMessageByteCount
    self.maxApplyingByteCount = maxApplyingByteCount
    self.maxUncommittedByteCount = maxUncommittedByteCount
    self.inflightLimits = inflightLimits
    self.checksQuorum = checksQuorum
    self.usesPreVote = usesPreVote
    self.readMode = readMode
    self.forwardsProposals = forwardsProposals
    self.validatesChanges = validatesChanges
    self.stepsDownOnRemoval = stepsDownOnRemoval
    self.eventLevel = eventLevel
    self.plantedFaults = plantedFaults
  }
}

/// Ways to break Raft on purpose. Each has a test in which a checker notices.
package struct PlantedFaults: OptionSet, Sendable {
  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Learners are asked for their vote, and it counts.
  package static let countsLearnerVotes = PlantedFaults(rawValue: 1)
  /// An entry of an earlier term is committed once a quorum has it (dissertation, figure 3.7).
  package static let commitsEarlierTerms = PlantedFaults(rawValue: 2)
}
