// Makes replicas from what is on disk: after a restart, and empty ones for messages that speak of them.

import Clocks
import Encoding
import Raft
import Reactors
import Storage

final class ReplicaOpener: Sendable {
  let local: LocalStore
  private let clock: NodeClock
  private let writer: LogWriter
  private let support: StoreSupport
  private let settings: RaftSettings

  init(local: LocalStore, clock: NodeClock, writer: LogWriter, support: StoreSupport) {
    self.local = local
    self.clock = clock
    self.writer = writer
    self.support = support
    do {
      settings = try RaftSettings(
        maxMessageByteCount: 1 << 20, maxUncommittedByteCount: Limits.uncommittedBytes,
        inflightLimits: InflightLimits(count: 256, byteCount: 32 << 20), forwardsProposals: false,
        // It leads on until another one can: see `Replica.askToGo`.
        stepsDownOnRemoval: false, eventLevel: .off)
    } catch {
      preconditionFailure("the settings of raft are not sound: \(error)")
    }
  }

  /// The ranges that have a replica here.
  func descriptors() throws(StorageError) -> [RangeDescriptor] {
    var found: [RangeDescriptor] = []
    let cursor = try local.state.makeIterator(
      .local, IteratorBounds(lower: [UInt8(ascii: "r")], upper: [UInt8(ascii: "s")]))
    cursor.seekToFirst()
    while cursor.isValid {
      // 'r', the range's number, and what it is.
      if cursor.key.count == 10, cursor.key[9] == UInt8(ascii: "d") {
        guard let descriptor = RangeDescriptor(encoded: [UInt8](cursor.value)) else {
          throw .corruption("the descriptor of a range is damaged")
        }
        found.append(descriptor)
      }
      cursor.next()
    }
    try cursor.checkStatus()
    return found
  }

  /// Opens a replica: replays what is committed and not applied.
  func open(
    _ descriptor: RangeDescriptor, _ replicaID: ReplicaID, on shard: StoreShard
  ) throws(StorageError) -> Replica {
    let id = descriptor.id
    var applied = AppliedState()
    if let bytes = try local.state.get(.local, LocalKeys.appliedState(id)) {
      applied = try AppliedState(encoded: bytes, range: id)
    }
    var compacted = try local.log.compacted(range: id.rawValue)
    var last = try local.log.last(range: id.rawValue)
    var stored = try local.log.hardState(range: id.rawValue) ?? Storage.HardState(replica: replicaID.rawValue)
    let isOthers = stored.replica != replicaID.rawValue
    if isOthers {
      // What an earlier replica left, whose removal was cut short: see below.
      stored = Storage.HardState(replica: replicaID.rawValue)
      compacted = .zero
      last = .zero
    }
    if applied.index > 0, compacted == .zero {
      // It came into being by a split, and nothing of its log has been cut yet.
      compacted = AppliedState.initialPosition
      if last == .zero { last = compacted }
    }
    // The state may have gone back to before the split that made this range, and its log not: until the split is applied again,
    // or a snapshot comes, nobody may hear from a member that has forgotten what it vouched for.
    let isMute = applied.index == 0 && compacted == .zero && max(last.index, stored.commit) > 0
    if isMute { last = .zero }
    guard last.index >= applied.index else {
      throw .corruption("the state of range \(id) is at entry \(applied.index), its log ends at \(last.index)")
    }
    guard compacted.index <= applied.index else {
      throw .corruption(
        "the log of range \(id) begins after entry \(compacted.index), the state ends at \(applied.index)")
    }
    let membership = descriptor.membership
    // What is durable above may be committed or not: even of a group of one, which may have grown since. The commit index is written
    // with every entry, so whoever has appended a change of the members knows after a restart that the one before was committed.
    let commit = isMute ? 0 : max(stored.commit, applied.index)
    guard commit <= last.index else {
      throw .corruption("the log of range \(id) ends at \(last.index), but entry \(commit) was committed")
    }
    let hardState = Raft.HardState(
      term: Term(max(stored.term, last.term)), vote: PeerID(stored.term < last.term ? 0 : stored.vote),
      commit: LogIndex(commit))
    let log = ReplicaLog(
      range: id, store: local.log, base: EntryID(term: Term(compacted.term), index: LogIndex(compacted.index)),
      last: EntryID(term: Term(last.term), index: LogIndex(last.index)), hardState: hardState, membership: membership,
      onFailure: { [unowned shard] in shard.fail($0) })
    let lead =
      stored.leadNode == 0
      ? nil
      : LeadSupport(
        term: Term(stored.term), node: .init(rawValue: UInt32(truncatingIfNeeded: stored.leadNode)),
        epoch: stored.leadEpoch)
    let group = ConsensusGroup(
      range: id, reactor: shard.reactor.index, id: replicaID.peer, log: log, lead: lead, settings: settings,
      applied: LogIndex(applied.index), seed: shard.randomSeed(), support: support, writer: writer)
    group.breaksPromises = shard.faults.breaksPromises
    let replica = Replica(descriptor, replicaID: replicaID, shard: shard, group: group, applied: applied)
    if isMute { replica.fallMute() }
    if isOthers {
      // Whatever the group writes comes behind it; pieces of snapshots do not.
      replica.isLogOthers = true
      let opened = Confined(replica, to: shard.reactor)
      let reactor = shard.reactor
      writer.removeRange(id) { reactor.enqueue { opened.access(on: $0).isLogOthers = false } }
    }
    try replica.replay(local.log, through: commit)
    if !isMute {
      // What is committed and was left to the group must be in memory, too: it cannot go on without.
      let first = min(commit, replica.applied.index) + 1
      log.preload(try local.log.entries(range: id.rawValue, from: first).map(Entry.init))
    }
    if !shard.faults.forgetsTimeAtRestart { clock.update(ClockTimestamp(reached: replica.largestTimestamp)) }
    guard clock.drift <= Limits.clockJump else {
      throw .refused(
        "this machine's clock is \(clock.drift / 1_000_000_000) seconds behind what the store has seen")
    }
    return replica
  }
}
