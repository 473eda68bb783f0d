// A node's store: two engines, one log writer, and on each reactor a shard with the replicas of ranges `rangeID mod R`.
//
// Opening replays each range's log above its applied index, and only then serves. While open, the state is flushed when
// enough log has been applied, and the log cut below what a crash would leave of the state: a log entry is dropped only
// once its effects are durable. Nothing that blocks runs on a reactor: syncs happen on the log writer's thread, flushes
// on a maintenance thread. After a fault of the disk nothing is acknowledged any more and `onFatal` is called, once.

import Clocks
import Encoding
import Logging
import Raft
import Reactors
import Storage
import Synchronization
import Transport

/// Whether ranges may be merged.
public enum RangeMerging: Sendable {
  /// Not all members of the cluster know how.
  case unknown
  /// Where somebody asks for it.
  case onDemand
  /// Small neighbours by themselves, too.
  case automatic
}

public struct StoreOptions: Sendable {
  /// Nanoseconds that past versions are kept.
  public var versionLifetime: Int64 = 4 * 3600 * 1_000_000_000
  /// Nanoseconds between looks for old versions; 0: never.
  public var collectionInterval: Int64 = 600 * 1_000_000_000
  /// Nanoseconds between looks whether the log can be cut.
  public var maintenanceInterval: Int64 = 10 * 1_000_000_000
  /// Nanoseconds for which other stores are asked to believe that this one lives: about the time until others serve its ranges
  /// when it dies.
  public var supportDuration: Int64 = Limits.supportDuration
  /// Bytes of snapshots that leave in a second.
  public var snapshotRate = Limits.snapshotBytesPerSecond
  /// Nanoseconds in which each range's replicas are compared once; 0: never.
  public var checkInterval: Int64 = 24 * 3600 * 1_000_000_000
  /// Requests a second above which a range is cut; 0: never.
  public var splitLoad: UInt64 = 0
  public var merging = RangeMerging.unknown
  /// Whether commits over several ranges are made in one round (`StagedCommit`), which all members of the cluster must know.
  public var stagesCommits = true
  /// Whether transactions tell other nodes their priority, which all members of the cluster must know.
  public var tellsPriorities = true
  /// Whether the past is closed, and read on any replica, which all members of the cluster must know.
  public var closesPast = true
  /// Nanoseconds behind true time at which it is.
  public var closedLag = Limits.closedLag
  /// For tests and simulation.
  package var faults = PlantedFaults()
  public init() {}
}

public final class Store: Sendable {
  public let environment: any Environment
  public let clock: NodeClock
  public let local: LocalStore
  public let identity: StoreIdentity
  /// The way to other nodes; nil for a node that is alone.
  public let network: NodeTransport?
  /// Compares the clocks of nodes; nil for a node whose clock nobody doubts.
  public let clockWatch: ClockWatch?
  let support: StoreSupport
  let options: Mutex<StoreOptions>
  private let logWorker: any Worker
  private let maintenanceWorker: any Worker
  private let snapshotWorker: any Worker
  private let opener: ReplicaOpener
  let writer: LogWriter
  let directory = StoreDirectory()
  private let pacing: SnapshotPacing
  /// How far behind the past is closed.
  let closing: Closing
  private let knownPlaces = Mutex<[NodeID: [String]]>([:])
  /// Built once by `open`, before anything else runs; each shard is confined to its reactor.
  private nonisolated(unsafe) var shards: [Confined<StoreShard>] = []
  private let state = Mutex(State())
  private let onFatal: @Sendable (String) -> Void

  private struct State {
    var isStopped = false
    var hasFailed = false
    /// Of the state engine, when logs were last cut, by reactor.
    var cutMarks: [Int: UInt64] = [:]
  }

  private init(
    environment: any Environment, clock: NodeClock, local: LocalStore, identity: StoreIdentity, liveness: StoreLiveness,
    network: NodeTransport?, clockWatch: ClockWatch?, options: StoreOptions, logger: Logger,
    onFatal: @escaping @Sendable (String) -> Void
  ) {
    self.environment = environment
    self.clock = clock
    self.local = local
    self.identity = identity
    self.network = network
    self.clockWatch = clockWatch
    self.options = Mutex(options)
    self.onFatal = onFatal
    logWorker = environment.makeWorker("log-writer", threads: 1)
    maintenanceWorker = environment.makeWorker("store-upkeep", threads: 1)
    snapshotWorker = environment.makeWorker("snapshots", threads: 1)
    pacing = SnapshotPacing(rate: options.snapshotRate)
    let checkRate = CheckRate()
    closing = Closing(lag: options.closesPast ? options.closedLag : nil)
    support = StoreSupport(node: identity.node, liveness, clock: clock, environment: environment)
    let link = Link()
    writer = LogWriter(
      log: local.log, worker: logWorker,
      onSynced: { reactor, ranges in link.store?.synced(reactor, ranges) },
      onFailure: { error in link.store?.failed(error) })
    opener = ReplicaOpener(local: local, clock: clock, writer: writer, support: support)
    link.store = self
    for reactor in environment.reactors {
      let shard = StoreShard(
        reactor: reactor, clock: clock, engine: local.state,
        rowCacheByteCount: local.rowCacheByteCount / environment.reactors.count, writer: writer, opener: opener,
        support: support, directory: directory, snapshotWorker: snapshotWorker, pacing: pacing,
        checkRate: checkRate, closing: closing, network: network,
        logger: logger,
        onFatal: { reason in link.store?.failed(reason) })
      shard.faults = options.faults
      shard.siblings = { index in
        guard let store = link.store else { preconditionFailure("a shard outlived its store") }
        return store.confinedShard(index)
      }
      shards.append(Confined(shard, to: reactor))
    }
  }

  /// Lets the log writer, which is made first, reach the store. `@unchecked Sendable`: written once, before any use.
  private final class Link: @unchecked Sendable {
    weak var store: Store?
  }

  /// Opens a store: replays what the state lacks, and serves from then on. A store that belongs to no cluster yet begins one of its own.
  /// - Parameters:
  ///   - network: the way to other nodes, which does not listen yet: the store sees to its messages.
  ///   - clockWatch: is shown what other nodes claim of the time.
  ///   - onFatal: the disk failed; the node must exit. Called once, on any thread.
  public static func open(
    environment: any Environment, local: LocalStore, clock: NodeClock, network: NodeTransport? = nil,
    clockWatch: ClockWatch? = nil, options: StoreOptions = StoreOptions(),
    logger: Logger = Logger(label: "meridian.store"), onFatal: @escaping @Sendable (String) -> Void
  ) async throws(StorageError) -> Store {
    var random = environment.makeRandom("cluster")
    let identity: StoreIdentity
    if let known = try StoreIdentity.read(from: local) {
      identity = known
    } else {
      identity = try StoreIdentity.bootstrap(local, cluster: ClusterID(&random))
    }
    try Quarantine.check(local.log)
    let known = try local.log.storeRecord(StoreSupport.recordKind)
    guard
      let (liveness, record) = StoreSupport.restored(
        from: known, duration: options.supportDuration, clock: clock, environment: environment)
    else { throw .corruption("the store's record of whom it supports is damaged") }
    var epochs = LogBatch()
    epochs.setStoreRecord(StoreSupport.recordKind, record)
    try local.log.write(epochs, sync: true)
    let store = Store(
      environment: environment, clock: clock, local: local, identity: identity, liveness: liveness, network: network,
      clockWatch: clockWatch, options: options, logger: logger, onFatal: onFatal)
    do throws(StorageError) {
      try await store.openReplicas()
    } catch {
      // Timers of those that were opened may outlive the store.
      await store.stopShards("the store does not open")
      throw error
    }
    store.beginNetworking()
    store.scheduleMaintenance()
    store.scheduleCollection()
    store.beginChecking()
    return store
  }

  private func openReplicas() async throws(StorageError) {
    try SnapshotInstaller(local).installAll()
    var opened: Set<RangeID> = []
    while true {
      // Replaying a split makes another one.
      let found = try opener.descriptors().map(\.id).filter { !opened.contains($0) }
      if found.isEmpty { break }
      for range in found {
        opened.insert(range)
        try await openReplica(range)
      }
    }
    if network == nil { await untilServing() }
    if state.withLock({ $0.hasFailed }) { throw .inputOutput("the store failed while it was opened") }
  }

  /// Nothing is served any more. Returns the ranges that were here.
  @discardableResult
  private func stopShards(_ reason: String) async -> [RangeID] {
    var found: [RangeID] = []
    for (index, reactor) in environment.reactors.enumerated() {
      let shard = shards[index]
      found += await reactor.perform { reactor in
        shard.access(on: reactor).stop(reason)
        return shard.access(on: reactor).sortedReplicas.map(\.id)
      }
    }
    return found
  }

  /// Of a node that is alone: suspends until every range is served. Only then does the clock know what time was reached before, and no
  /// transaction may begin below. A range may be split by what its log still holds, and the halves are waited for, too.
  private func untilServing() async {
    var isQuiet = false
    // Halves on other reactors come with a hop: the last pass must find nothing new.
    while !isQuiet {
      isQuiet = true
      for (index, reactor) in environment.reactors.enumerated() {
        let shard = shards[index]
        let hasWaited = await reactor.perform { reactor -> Bool in
          guard
            let replica = shard.access(on: reactor).sortedReplicas.first(where: {
              // What is frozen is served once somebody has found out whether it was merged.
              !$0.holdsLease && !$0.descriptor.isFrozen
            })
          else {
            return false
          }
          await replica.untilServing()
          return shard.access(on: reactor).stopReason == nil
        }
        if hasWaited { isQuiet = false }
      }
    }
  }

  private func openReplica(_ id: RangeID) async throws(StorageError) {
    let shard = shards[reactorIndex(of: id)]
    let failure = await reactor(of: id).perform { reactor -> StorageError? in
      do throws(StorageError) {
        let shard = shard.access(on: reactor)
        if let reason = shard.stopReason { throw .inputOutput(reason) }
        // One that was opened before may have made it, or taken its keys over.
        guard shard.replica(id) == nil, !shard.leaving.contains(id),
          let bytes = try shard.engine.get(.local, LocalKeys.descriptor(id))
        else { return nil }
        guard let descriptor = RangeDescriptor(encoded: bytes) else {
          throw .corruption("the descriptor of range \(id) is damaged")
        }
        // A replica that has applied its own removal stands in its descriptor no more.
        var known = descriptor.replica(on: shard.support.node)?.replica
        if known == nil {
          known = try shard.opener.local.log.hardState(range: id.rawValue).map { ReplicaID($0.replica) }
        }
        guard let replicaID = known else {
          throw .corruption("the store holds a replica of range \(id), which is not on this node")
        }
        let replica = try shard.opener.open(descriptor, replicaID, on: shard)
        replica.isFromDisk = replica.group.last.index > AppliedState.initialPosition.index
        shard.add(replica, wakes: false)
        // They are opened with all others.
        _ = replica.takeSplitOff()
        let membership = replica.group.membership
        // Alone it leads as soon as its vote for itself is on disk; unless its log tells that it is not alone any more.
        if membership.isSingleton, membership.voters.contains(replicaID.peer) { replica.group.campaign() }
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }

  // MARK: - Reaching shards

  public func reactorIndex(of range: RangeID) -> Int {
    Int(range.rawValue % UInt64(environment.reactors.count))
  }

  public func reactor(of range: RangeID) -> Reactor {
    environment.reactors[reactorIndex(of: range)]
  }

  func confinedShard(_ index: Int) -> Confined<StoreShard> { shards[index] }

  /// The part of the store that `reactor` owns.
  public func shard(on reactor: isolated Reactor) -> StoreShard {
    shards[reactor.index].access(on: reactor)
  }

  private func synced(_ reactor: Int, _ ranges: [SyncedLog]) {
    let shard = shards[reactor]
    environment.reactors[reactor].enqueue { reactor in shard.access(on: reactor).synced(ranges) }
  }

  private func failed(_ error: StorageError) { failed("\(error)") }

  private func failed(_ reason: String) {
    let isFirst = state.withLock { state in
      defer { state.hasFailed = true }
      return !state.hasFailed
    }
    guard isFirst else { return }
    for (index, reactor) in environment.reactors.enumerated() {
      let shard = shards[index]
      reactor.enqueue { reactor in shard.access(on: reactor).stop(reason) }
    }
    onFatal(reason)
  }

  // MARK: - Upkeep

  /// Nanoseconds for which past versions are kept.
  public var versionLifetime: Int64 { options.withLock { $0.versionLifetime } }

  /// Changes how long past versions are kept, from the next look on.
  public func setVersionLifetime(nanoseconds: Int64) {
    options.withLock { $0.versionLifetime = max(0, nanoseconds) }
  }

  /// Changes how many bytes of snapshots leave in a second.
  public func setSnapshotRate(bytesPerSecond: Int64) { pacing.setRate(bytesPerSecond) }

  /// Requests a second above which a range is cut; 0: never.
  public var splitLoad: UInt64 { options.withLock { $0.splitLoad } }
  public func setSplitLoad(_ requestsPerSecond: UInt64) { options.withLock { $0.splitLoad = requestsPerSecond } }

  public var merging: RangeMerging { options.withLock { $0.merging } }
  public func setMerging(_ merging: RangeMerging) { options.withLock { $0.merging = merging } }

  public var stagesCommits: Bool { options.withLock { $0.stagesCommits } }
  public func setStagesCommits(_ stages: Bool) { options.withLock { $0.stagesCommits = stages } }

  public var tellsPriorities: Bool { network == nil || options.withLock { $0.tellsPriorities } }
  public func setTellsPriorities(_ tells: Bool) { options.withLock { $0.tellsPriorities = tells } }

  /// Where nodes stand, from the widest part to the narrowest, as far as is known.
  public var places: [NodeID: [String]] { knownPlaces.withLock { $0 } }
  public func setPlaces(_ places: [NodeID: [String]]) { knownPlaces.withLock { $0 = places } }

  /// Whether nothing is served any more.
  public var isStopped: Bool { state.withLock { $0.isStopped || $0.hasFailed } }

  private func scheduleMaintenance() {
    guard !isStopped else { return }
    let interval = options.withLock { $0.maintenanceInterval }
    _ = environment.reactors[0].schedule(afterNanoseconds: interval) { [weak self] _ in
      guard let self else { return }
      for index in environment.reactors.indices { maintain(shard: index) }
      scheduleMaintenance()
    }
  }

  /// Flushes the state if much log rests on it, and cuts the log below what is durable.
  private func maintain(shard index: Int) {
    let shard = shards[index]
    environment.reactors[index].enqueue { [weak self] reactor in
      let shard = shard.access(on: reactor)
      guard let self, shard.unflushedLogBytes > 0, !isStopped else { return }
      let mustFlush = shard.unflushedLogBytes >= Limits.logBytesBeforeFlush
      if mustFlush { shard.unflushedLogBytes = 0 }
      let ranges = shard.sortedReplicas.filter(\.hasLogToCut).map(\.id)
      maintenanceWorker.submit { [weak self] in self?.cutLogs(of: ranges, shard: index, flushing: mustFlush) }
    }
  }

  /// On the maintenance thread.
  private func cutLogs(of ranges: [RangeID], shard: Int?, flushing: Bool) {
    do throws(StorageError) {
      if flushing { try local.state.flush() }
      if let shard {
        // As long as nothing more is durable there is nothing more to cut.
        let mark = local.state.persistedMark
        if state.withLock({ $0.cutMarks.updateValue(mark, forKey: shard) }) == mark { return }
      }
      for range in ranges {
        guard let bytes = try local.state.getPersisted(.local, LocalKeys.appliedState(range)) else { continue }
        let durable = try AppliedState(encoded: bytes, range: range)
        let compacted = try local.log.compacted(range: range.rawValue)
        if durable.index > compacted.index {
          cutLog(of: range, through: LogPosition(index: durable.index, term: durable.term))
        }
      }
    } catch {
      failed(error)
    }
  }

  /// The replica first: it must not look for what the log writer then drops.
  private func cutLog(of range: RangeID, through position: LogPosition) {
    let shard = shards[reactorIndex(of: range)]
    reactor(of: range).enqueue { [writer] reactor in
      // It may have got a snapshot since, and begin behind.
      guard let log = shard.access(on: reactor).replica(range)?.group.log, log.firstIndex.rawValue <= position.index
      else {
        return
      }
      let first = log.firstIndex
      log.cut(through: EntryID(term: Term(position.term), index: LogIndex(position.index)))
      writer.compact(range, from: first, through: position)
    }
  }

  private func scheduleCollection() {
    let interval = options.withLock { $0.collectionInterval }
    guard interval > 0, !isStopped else { return }
    for index in environment.reactors.indices { scheduleCollection(shard: index, interval) }
  }

  private func scheduleCollection(shard index: Int, _ interval: Int64) {
    let shard = shards[index]
    _ = environment.reactors[index].schedule(afterNanoseconds: interval) { [weak self] reactor in
      guard let self, !isStopped else { return }
      reactor.run { [weak self] reactor in
        guard let self else { return }
        let lifetime = options.withLock { $0.versionLifetime }
        let threshold = clock.now().adding(nanoseconds: -lifetime)
        for replica in shard.access(on: reactor).sortedReplicas where replica.holdsLease && replica.hasNewGarbage {
          _ = await replica.collectGarbage(below: threshold)
        }
        if !isStopped { scheduleCollection(shard: index, interval) }
      }
    }
  }

  // MARK: - Reports

  /// The sum over all shards.
  public func counters() async -> ShardCounters {
    var sum = ShardCounters()
    for (index, reactor) in environment.reactors.enumerated() {
      let shard = shards[index]
      let counters = await reactor.perform { reactor in
        var counters = shard.access(on: reactor).counters
        // Whatever makes no progress does not rest.
        let awake = shard.access(on: reactor).awake
        counters.stalledRanges = UInt64(awake.count { $0.progress.isStalled })
        counters.awakeReplicas = UInt64(awake.count)
        counters.replicas = UInt64(shard.access(on: reactor).sortedReplicas.count)
        counters.closedLag = shard.access(on: reactor).closedLag
        return counters
      }
      sum = sum + counters
    }
    return sum
  }

  /// Which other stores this one believes to live.
  public var supportGrants: [StoreSupportGrant] { support.grants }

  /// Whether the engine asks for fewer writes.
  public var isOverloaded: Bool {
    let pressure = local.state.pressure()
    return pressure.isStalled || pressure.waitingMemoryTables >= 2 || pressure.firstLevelFiles >= 18
  }

  // MARK: - The end

  /// Stops serving, waits for what is under way, and leaves a state that needs no replay.
  public func stop() async {
    let isFirst = state.withLock { state in
      defer { state.isStopped = true }
      return !state.isStopped
    }
    guard isFirst else { return }
    // Whatever was proposed gets its chance: the log writer finishes its queue, then the shards stop.
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      logWorker.submit { continuation.resume() }
    }
    let ranges = await stopShards("the node is stopping")
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      maintenanceWorker.submit { [self] in
        if !state.withLock({ $0.hasFailed }) {
          cutLogs(of: ranges, shard: nil, flushing: true)
        }
        continuation.resume()
      }
    }
    // Cutting the log passes through the reactors.
    for reactor in environment.reactors { await reactor.perform { _ in } }
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      logWorker.submit { continuation.resume() }
    }
    logWorker.stop()
    maintenanceWorker.stop()
    snapshotWorker.stop()
  }
}
