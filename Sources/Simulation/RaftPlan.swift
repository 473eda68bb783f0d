// What the seed decides about a group before it starts: its size, its limits, how good network and disks are. Limits are
// drawn down to their extremes, since that is where rare branches live: one entry in a message, logs of a few entries.

import Raft
import Reactors

struct RaftPlan {
  var voterCount: Int
  var learnerCount = 0
  var machineCount: Int
  var faults: FaultSet
  var settings: RaftSettings
  var settingsText: String
  /// Nanoseconds by a machine's clock.
  var tick: Int64
  var clientInterval: Int64
  var operatorInterval: Int64
  var maxPayloadByteCount: Int
  /// Applied entries after which the state is saved and the log cut, and how many of them stay.
  var entriesPerSnapshot: Int
  var entriesKept: Int
  var statePaddingCount: Int
  var journalByteLimit: Int
  /// Appends that one write may carry.
  var appendsPerWrite: Int
  /// Nanoseconds for which work is gathered before it is taken out of the node; 0: at once.
  var gatheringTime: Int64
  var applyTime: Int64
  var meanSyncTime: Int64
  /// How often two members stand for election at once, on average; nil for never.
  var contestInterval: Int64?
  /// How often a member loses power right after it has given its vote.
  var lossesAfterVotePercent = 0
  /// The mean time that a process stays down.
  var downTime: Int64
  /// Fewer voters are never agreed on.
  var minimumVoterCount: Int

  init(_ options: SimulationOptions, _ random: inout RandomSource) {
    voterCount = options.nodes ?? random.pick([1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 5, 7])
    var faults = options.faults ?? []
    if options.faults == nil {
      for bit in FaultSet.ofGroup where random.chance(percent: 70) {
        faults.insert(FaultSet(rawValue: 1 << UInt32(bit)))
      }
    }
    if options.shape == .countLearnerVotes {
      learnerCount = 2
    } else if voterCount > 1, random.chance(percent: 40) {
      learnerCount = random.draw(1...2)
    }
    let spareCount = faults.contains(.membership) ? random.draw(0...2) : 0
    machineCount = voterCount + learnerCount + spareCount
    // A disk that rots takes its member with it: the others must be able to do without.
    if voterCount < 3 { faults.remove(.rot) }
    minimumVoterCount = faults.contains(.rot) ? 3 : 1
    self.faults = faults

    tick = random.pick([20, 50, 100, 100, 200]) * .millisecond
    clientInterval = random.pick([10, 20, 50, 100, 200]) * .millisecond
    operatorInterval = random.pick([500, 1000, 3000]) * .millisecond
    maxPayloadByteCount = random.pick([1, 30, 200, 200, 2000, 9000])
    entriesPerSnapshot = random.pick([3, 10, 50, 50, 500])
    entriesKept = random.pick([0, 1, 5, 20])
    statePaddingCount = random.pick([0, 100, 5000, 20_000])
    journalByteLimit = random.pick([2_000, 20_000, 100_000])
    appendsPerWrite = random.pick([1, 2, 100])
    gatheringTime = random.pick([0, 0, 0, 100_000, 2_000_000])
    applyTime = random.pick([1_000, 100_000, 5_000_000])
    meanSyncTime = random.pick([200_000, 1_000_000, 5_000_000, 20_000_000])

    downTime = random.pick([20, 200, 2000]) * .millisecond
    if faults.contains(.transfers), random.chance(percent: 25) {
      contestInterval = random.pick([100, 300, 1000]) * .millisecond
      if faults.contains(.power) { lossesAfterVotePercent = random.pick([0, 5, 30]) }
    }

    let isContested = options.shape == .skipPersistingVote || options.shape == .commitEarlierTerms
    if isContested {
      // These two show only while leaders come and go and logs are short.
      contestInterval = 60 * .millisecond
      lossesAfterVotePercent = options.shape == .skipPersistingVote ? 50 : 5
      clientInterval = 200 * .millisecond
      downTime = 5 * .millisecond
      meanSyncTime = 1_000_000
    }

    let electionTicks = random.draw(4...12)
    let heartbeatTicks = random.draw(1...max(1, electionTicks / 4))
    let messageByteCount = isContested ? 0 : random.pick([0, 100, 1000, 32_768])
    let inflightCount = random.pick([1, 2, 8, 128])
    let uncommittedByteCount = random.pick([1, 5_000, 1 << 20])
    let applyingByteCount = random.pick([1, 1_000, 1 << 20])
    let checksQuorum = random.chance(percent: 70) && !isContested
    let usesPreVote = random.chance(percent: 70) && !isContested
    let forwardsProposals = random.chance(percent: 50)
    let stepsDownOnRemoval = random.chance(percent: 50)
    var planted: PlantedFaults = []
    if options.planted == .countLearnerVotes { planted = .countsLearnerVotes }
    if options.planted == .commitEarlierTerms { planted = .commitsEarlierTerms }
    do {
      settings = try RaftSettings(
        electionTicks: electionTicks, heartbeatTicks: heartbeatTicks, usesAsynchronousStorage: true,
        maxMessageByteCount: messageByteCount, maxApplyingByteCount: applyingByteCount,
        maxUncommittedByteCount: uncommittedByteCount,
        inflightLimits: InflightLimits(count: inflightCount, byteCount: 1 << 20), checksQuorum: checksQuorum,
        usesPreVote: usesPreVote, readMode: .quorum, forwardsProposals: forwardsProposals, validatesChanges: true,
        stepsDownOnRemoval: stepsDownOnRemoval, eventLevel: .off, plantedFaults: planted)
    } catch {
      preconditionFailure("settings that are drawn are sound: \(error)")
    }
    settingsText =
      "election \(electionTicks)/\(heartbeatTicks) ticks of \(tick / .millisecond) ms, message \(messageByteCount) B, "
      + "inflight \(inflightCount), quota \(uncommittedByteCount) B, applying \(applyingByteCount) B, "
      + "snapshot every \(entriesPerSnapshot) keeping \(entriesKept), quorum check \(checksQuorum), "
      + "pre-vote \(usesPreVote), faults \(faults.description)"
  }
}
