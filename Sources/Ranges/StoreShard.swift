// One reactor's share of a store: its replicas and what they share. Plain, unsynchronised, confined to the reactor.

import Clocks
import Encoding
import Logging
import Raft
import Reactors
import Storage
import Transport

/// Numbers that a shard counts, for metrics.
public struct ShardCounters: Sendable {
  public var reads: UInt64 = 0
  public var scans: UInt64 = 0
  public var commands: UInt64 = 0
  public var latchWaits: UInt64 = 0
  public var lockWaits: UInt64 = 0
  /// Locks that a leaseholder has taken over from the one before, and those that were lost where it handed its lease on.
  public var locksInherited: UInt64 = 0
  public var locksLost: UInt64 = 0
  public var deadlocks: UInt64 = 0
  public var refreshFailures: UInt64 = 0
  public var appliedBytes: UInt64 = 0
  public var intentsResolved: UInt64 = 0
  public var versionsCollected: UInt64 = 0
  /// Ranges whose replicas were compared.
  public var checks: UInt64 = 0
  /// Reads of the past that were served without the lease, and those that were left to the leaseholder.
  public var closedReads: UInt64 = 0
  public var closedReadsRefused: UInt64 = 0
  /// Of now: nanoseconds by which the closed timestamps of replicas that do not lead lie behind, at most.
  public var closedLag: Int64 = 0
  /// Of now: ranges that make no progress, as far as their replicas here can tell.
  public var stalledRanges: UInt64 = 0
  /// Of now: replicas, and those of them that do not rest.
  public var replicas: UInt64 = 0
  public var awakeReplicas: UInt64 = 0
  public init() {}

  public static func + (a: ShardCounters, b: ShardCounters) -> ShardCounters {
    var sum = ShardCounters()
    sum.reads = a.reads &+ b.reads
    sum.scans = a.scans &+ b.scans
    sum.commands = a.commands &+ b.commands
    sum.latchWaits = a.latchWaits &+ b.latchWaits
    sum.lockWaits = a.lockWaits &+ b.lockWaits
    sum.locksInherited = a.locksInherited &+ b.locksInherited
    sum.locksLost = a.locksLost &+ b.locksLost
    sum.deadlocks = a.deadlocks &+ b.deadlocks
    sum.refreshFailures = a.refreshFailures &+ b.refreshFailures
    sum.appliedBytes = a.appliedBytes &+ b.appliedBytes
    sum.intentsResolved = a.intentsResolved &+ b.intentsResolved
    sum.checks = a.checks &+ b.checks
    sum.closedReads = a.closedReads &+ b.closedReads
    sum.closedReadsRefused = a.closedReadsRefused &+ b.closedReadsRefused
    sum.closedLag = max(a.closedLag, b.closedLag)
    sum.stalledRanges = a.stalledRanges &+ b.stalledRanges
    sum.replicas = a.replicas &+ b.replicas
    sum.awakeReplicas = a.awakeReplicas &+ b.awakeReplicas
    sum.versionsCollected = a.versionsCollected &+ b.versionsCollected
    return sum
  }
}

/// Switches that only tests and simulation set, to see that their checks catch what they plant.
package struct PlantedFaults: Sendable {
  package var skipsTimestampCache = false
  /// Whoever moves a transaction forward does not look whether what it read has changed.
  package var skipsRefresh = false
  /// Who writes at the timestamp at which another transaction has read takes that read for its own.
  package var takesEqualTimestampsForOneOwner = false
  /// A commit of which nobody knows whether it was made is said not to have been made.
  package var retriesAmbiguousCommits = false
  /// A restart neither tells the clock what time was reached before, nor the timestamp cache what may have been read.
  package var forgetsTimeAtRestart = false
  /// A leaseholder serves although its lease may have ended.
  package var ignoresLeaseEnd = false
  /// Members vote for others although they have promised to follow a leader.
  package var breaksPromises = false
  /// A new leaseholder does not know what earlier ones served, nor what is committed with it.
  package var forgetsReadsAtLease = false
  /// Snapshots miss some of the versions there are.
  package var cutsSnapshots = false
  /// A snapshot's pieces are those of its beginning, and it says that it holds what was applied at its end.
  package var snapshotsMissTail = false
  /// A replica that was removed may come back, with nothing of what it had vouched for, and votes.
  package var forgetsRemovals = false
  /// Replicas that do not lead apply some commands without their effects.
  package var losesAppliedWrites = false
  /// The right half of a split does not know what was read there before.
  package var forgetsReadsAtSplit = false
  /// Whoever finds that a promised write of a staged commit is missing does not prevent it.
  package var letsMissingWritesCome = false
  /// Intents of a staged commit are settled before its record says that it has committed.
  package var settlesTooEarly = false
  /// Who takes over a range's keys does not know what was read there before.
  package var forgetsReadsAtMerge = false
  /// Writers are acknowledged before their commit is certainly past.
  package var skipsCommitWait = false
  /// Readers are answered before the newest version that they met is certainly past.
  package var skipsReadersWait = false
  /// Readers do not look ahead where writers do not wait.
  package var doesNotLookAhead = false
  /// Transactions begin at the earliest time that may be now.
  package var readsAtEarliest = false
  /// Leaseholders write below what they have closed.
  package var writesIntoThePast = false
  /// Who takes over a range's keys does not know what was closed there.
  package var forgetsClosedAtMerge = false

  package init() {}
}

public final class StoreShard {
  public let reactor: Reactor
  public let clock: NodeClock
  let engine: any Engine
  let reader: MVCCReader
  let writer: LogWriter
  let timestampCache: TimestampCache
  let logger: Logger
  /// Tells the node that it must not go on; the shard refuses everything from then on.
  let onFatal: @Sendable (String) -> Void
  public internal(set) var counters = ShardCounters()
  /// Waits for locks that have ended.
  public internal(set) var contention = ContentionLog()
  package var faults = PlantedFaults()
  /// Why nothing is served any more.
  private(set) var stopReason: String?
  private(set) var replicas: [RangeID: Replica] = [:]
  /// The only replica, so that one range costs no hashing.
  package private(set) var single: Replica?
  private var random: RandomSource
  /// Log bytes applied since the state was last flushed for the log's sake.
  var unflushedLogBytes = 0
  /// Is told that somebody begins to wait for a lock, which may close a cycle over several ranges.
  public var onLockWait: (() -> Void)?
  /// How replicas come into being.
  let opener: ReplicaOpener
  let support: StoreSupport
  /// Of the whole store.
  let directory: StoreDirectory
  /// The store's part on another reactor; set by the store.
  var siblings: (Int) -> Confined<StoreShard> = { _ in preconditionFailure("a shard without a store") }
  /// Reads the state for snapshots, and flushes what they bring.
  let snapshotWorker: any Worker
  let pacing: SnapshotPacing
  let checkRate: CheckRate
  /// The way to other nodes; nil for a node that is alone.
  let network: NodeTransport?
  /// Messages of this turn.
  var outgoing: [(node: NodeID, envelopes: [RangeEnvelope])] = []
  var isFlushScheduled = false
  /// Ranges whose replica has been removed from here, and whose log is yet to be.
  var leaving: Set<RangeID> = []
  var tickCount: UInt64 = 0
  /// Those that a tick has something to do for. The others rest: they cost nothing until a request, a message or a change of what stores
  /// promise each other wakes them.
  var awake: [Replica] = []
  /// What stores promised each other at the last tick.
  var promises = StoreSupport.Promises()
  /// How many are to be woken since those promises have changed, and which is the next.
  var wakeCount = 0
  var nextToWake = RangeID(0)
  /// Raised whenever a replica comes or goes, or its descriptor or its lease changes: what was summed up of all need not be summed up again
  /// while it stays the same.
  public internal(set) var changeCount: UInt64 = 0
  var summedUp = ShardHoldings()
  /// Ranges whose replica here is frozen.
  var frozen: Set<RangeID> = []
  /// Served here, with descriptors that are to be published.
  var unpublished: Set<RangeID> = []
  /// How far behind true time the past is closed, in nanoseconds; shared by all reactors.
  let closing: Closing
  var closedSender: ClosedTimestampSender
  var closedReceiver = ClosedTimestampReceiver()

  init(
    reactor: Reactor, clock: NodeClock, engine: any Engine, rowCacheByteCount: Int, writer: LogWriter,
    opener: ReplicaOpener, support: StoreSupport, directory: StoreDirectory, snapshotWorker: any Worker,
    pacing: SnapshotPacing, checkRate: CheckRate, closing: Closing,
    network: NodeTransport?, logger: Logger,
    onFatal: @escaping @Sendable (String) -> Void
  ) {
    self.reactor = reactor
    self.clock = clock
    self.engine = engine
    self.reader = MVCCReader(engine, cacheByteCount: rowCacheByteCount)
    self.writer = writer
    self.opener = opener
    self.support = support
    self.directory = directory
    self.snapshotWorker = snapshotWorker
    self.pacing = pacing
    self.checkRate = checkRate
    self.closing = closing
    closedSender = ClosedTimestampSender(life: support.life, reactor: reactor.index)
    self.network = network
    self.logger = logger
    self.onFatal = onFatal
    random = reactor.environment.makeRandom("shard \(reactor.index)")
    // Whatever was read before a lease lies at or below the clock when it begins; acquiring one raises this.
    timestampCache = TimestampCache(lowWater: clock.now())
  }

  /// A new transaction's name. The clock's reading in it keeps names apart over restarts, should the seed repeat.
  public func makeTransactionID(at timestamp: Timestamp) -> TransactionID {
    TransactionID(high: random.next(), low: random.next() ^ UInt64(truncatingIfNeeded: timestamp.wall))
  }

  func randomSeed() -> UInt64 { random.next() }

  /// A number in `0..<bound`.
  public func random(below bound: Int64) -> Int64 { Int64.random(in: 0..<max(1, bound), using: &random) }

  /// The replica of a range if it lives here.
  @inline(__always)
  public func replica(_ id: RangeID) -> Replica? {
    if let single, single.descriptor.id == id { return single }
    return replicas[id]
  }

  /// - Parameter wakes: whether it is looked after from the next tick on, and not only in its turn.
  func add(_ replica: Replica, wakes: Bool = true) {
    precondition(replicas[replica.id] == nil, "\(replica.id) has two replicas here")
    replicas[replica.id] = replica
    sortedReplicas.insert(replica, at: place(of: replica.id))
    changeCount &+= 1
    if wakes { replica.wake() } else { wakeCount += 1 }
    if replica.isInitialized { directory.set(replica.descriptor) }
    if replica.descriptor.isFrozen { frozen.insert(replica.id) }
    single = replicas.count == 1 ? replica : nil
  }

  func drop(_ id: RangeID) {
    guard replicas.removeValue(forKey: id) != nil else { return }
    sortedReplicas.remove(at: place(of: id))
    frozen.remove(id)
    changeCount &+= 1
    single = replicas.count == 1 ? replicas.values.first : nil
  }

  /// What this store has of the ranges that overlap a span.
  public func descriptors(overlapping span: KeySpan) -> [RangeDescriptor] { directory.overlapping(span) }

  /// The ranges that are served here and whose descriptors have changed, or may have, since they were last taken; ascending.
  public func takeUnpublished() -> [RangeDescriptor] {
    if unpublished.isEmpty { return [] }
    let taken = unpublished.sorted()
    unpublished = []
    return taken.compactMap { id in
      guard let replica = replica(id), replica.holdsLease else { return nil }
      return replica.descriptor
    }
  }

  /// A range's descriptor could not be published.
  public func putBack(_ range: RangeID) { unpublished.insert(range) }

  /// All of them, in the order of their ids: what is done for each, and often, costs more than all the rest of an idle node.
  public private(set) var sortedReplicas: [Replica] = []

  /// The replica with the next larger id.
  public func firstReplica(after id: RangeID) -> Replica? {
    let place = place(of: RangeID(id.rawValue + 1))
    return place < sortedReplicas.count ? sortedReplicas[place] : nil
  }

  /// Those that wait to be merged, or to serve again, ascending by id.
  public var frozenReplicas: [Replica] { frozen.sorted().compactMap { replica($0) } }
  /// Those that are served here and do not rest, in the order of their ids: whatever has locks, transactions or a load is among them.
  public var busyReplicas: [Replica] { awake.filter(\.holdsLease).sorted { $0.id < $1.id } }

  /// The number of replicas with smaller ids.
  func place(of id: RangeID) -> Int {
    var low = 0
    var high = sortedReplicas.count
    while low < high {
      let middle = (low + high) / 2
      if sortedReplicas[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The log writer made entries durable.
  func synced(_ ranges: [SyncedLog]) {
    guard stopReason == nil else { return }
    for range in ranges { replicas[range.range]?.written(through: range.sequence) }
  }

  /// A fault of the store: stop acknowledging at once, then let the node exit.
  func fail(_ error: StorageError) {
    let reason = "\(error)"
    logger.critical("the store failed", metadata: ["error": "\(reason)"])
    stop(reason)
    onFatal(reason)
  }

  /// Ends every wait; nothing is served any more.
  func stop(_ reason: String) {
    guard stopReason == nil else { return }
    stopReason = reason
    reader.release()
    for replica in sortedReplicas { replica.stop(reason) }
  }
}
