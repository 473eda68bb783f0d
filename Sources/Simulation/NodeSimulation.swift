// Workloads (b) and (c): a whole single node below the wire, and a cluster of them, under crashes, faults of disks and network,
// and changes of who has and who leads the range. The nodes' code is that of production, on a simulated environment; by the
// seed, clients speak SQL, or are transactions over keys.

import Checkers
import Encoding
import Ranges
import Reactors
import Sessions
import Storage
import Transactions
import Transport

/// `@unchecked Sendable`: used by the thread of its world alone.
final class NodeSimulation: @unchecked Sendable {
  /// What the seed decides.
  private struct Plan {
    var faults: FaultSet
    var clients: ClientWorkload.Plan
    var crashInterval: Int64
    var flushInterval: Int64
    /// In about so many reads one comes with a flipped bit, where bits rot.
    var readsPerFlip: Int
    /// Whether some clients lay intents early.
    var hasSmallBuffers: Bool
    /// Whether clients speak SQL, or in keys.
    var speaksSQL: Bool
    // Of a cluster
    var packetDelay: Int64
    var changeInterval: Int64
    var splitInterval: Int64
    var supportDuration: Int64
    /// In what time each range's replicas are compared once; 0: only at the end.
    var checkInterval: Int64
  }

  /// The part of the network's state that its closure needs. `@unchecked Sendable`: used by the thread of its world alone.
  private final class Weather: @unchecked Sendable {
    var random: RandomSource
    var delay: Int64
    var resetsPerMillion = 0
    /// Directions in which nothing passes, by the numbers of nodes.
    var cut: Set<[NodeAddress]> = []
    /// Whether only the messages of groups are lost there, so that stores go on hearing each other.
    var cutsGroupsOnly = false

    /// The kind of the messages of groups.
    private static let groups: UInt16 = 1

    init(_ random: RandomSource, delay: Int64) {
      self.random = random
      self.delay = delay
    }

    func fate(_ packet: LoopbackNetwork.Packet) -> LoopbackNetwork.Fate {
      if cut.contains([packet.source, packet.target]) {
        if !cutsGroupsOnly { return .lose }
        if case .frame(_, Self.groups) = packet.content { return .lose }
      }
      if resetsPerMillion > 0, random.draw(below: 1_000_000) < resetsPerMillion { return .reset }
      return .deliver(afterNanoseconds: 10_000 + random.exponential(mean: delay))
    }
  }

  /// One pass over all nodes. `@unchecked Sendable`: used by the thread of its world alone.
  private final class Comparison: @unchecked Sendable {
    var nodesLeft: Int
    /// Why a range could not be compared, for the last of those.
    var obstacle: String?
    /// Of the ranges that are served.
    var spans: [KeySpan] = []
    init(_ nodeCount: Int) { nodesLeft = nodeCount }

    /// Where keys begin that nobody serves, or two do; nil: each key is served once.
    var gap: Key? {
      var reached = Key.min
      for span in spans.sorted(by: { $0.start < $1.start }) {
        if span.start != reached { return min(span.start, reached) }
        reached = span.end
      }
      return reached == Key.max ? nil : reached
    }
  }

  private let options: SimulationOptions
  private let world: SimulatedWorld
  private var random: RandomSource
  private let plan: Plan
  private let weather: Weather
  private let decisions = NodeDecisions()
  private var nodes: [SimulatedNode] = []
  private var workload: ClientWorkload!
  private var isEnding = false
  private var isHealed = false
  private var isPlaced = false
  private var violation: String?
  private var violationTime: Int64 = 0
  private var crashCount = 0
  private var changeCount = 0
  /// Whether commits over several ranges take one round.
  private let stagesCommits: Bool
  /// Nanoseconds behind true time at which the past is closed.
  private let closedLag: Int64
  private var staleReads: StaleReads!
  private var splitCount = 0
  private var mergeCount = 0
  private var clockFault: ClockFault?
  /// The most replicas that the range was seen to have.
  private var largestReplicaCount = 1

  init(_ options: SimulationOptions, seed: UInt64, onTrace: ((Int64, String) -> Void)?) {
    self.options = options
    world = SimulatedWorld(seed: seed)
    world.onTrace = onTrace
    random = world.makeRandom("node faults")
    var drawn = world.makeRandom("node plan")
    var faults = options.faults ?? []
    if options.faults == nil {
      for bit in FaultSet.names.indices where drawn.chance(percent: 70) {
        faults.insert(FaultSet(rawValue: 1 << UInt32(bit)))
      }
    }
    // Drawn in any case, so that whoever names it gets the same run.
    let check = drawn.draw(below: Self.checks.count)
    plan = Plan(
      faults: faults,
      clients: ClientWorkload.Plan(
        workload: options.check ?? (options.violatesClock ? .append : Self.checks[check]), isolation: options.isolation,
        clientCount: drawn.pick([1, 3, 6, 12]), thinkTime: drawn.pick([1, 10, 50]) * .millisecond,
        keys: ScriptSource.Keys(count: drawn.pick([2, 4, 6, 40]), life: drawn.pick([20, 60, 1000]))),
      crashInterval: drawn.pick([300, 2000, 8000]) * .millisecond,
      flushInterval: drawn.pick([20, 500, 5000]) * .millisecond, readsPerFlip: drawn.pick([300, 3000, 30_000]),
      hasSmallBuffers: drawn.chance(percent: 50), speaksSQL: drawn.chance(percent: 40),
      packetDelay: drawn.pick([20_000, 200_000, 5 * .millisecond]),
      changeInterval: drawn.pick([500, 3000]) * .millisecond, splitInterval: drawn.pick([200, 2000]) * .millisecond,
      supportDuration: drawn.pick([300, 1000, 3000]) * .millisecond,
      checkInterval: drawn.pick([0, 0, 1]) * .second)
    var commits = world.makeRandom("commits")
    stagesCommits = options.rounds.map { $0 == 1 } ?? commits.chance(percent: 50)
    var closing = world.makeRandom("closed timestamps")
    closedLag = closing.pick([10, 100, 1000, 3000]) * .millisecond
    weather = Weather(world.makeRandom("network"), delay: plan.packetDelay)
    workload = ClientWorkload(world, plan.clients, random: world.makeRandom("node clients"))
    staleReads = StaleReads(
      world, lag: closedLag, isBank: plan.clients.workload == .bank && !plan.speaksSQL)
    let count = options.workload == .cluster ? options.nodes ?? drawn.pick([3, 3, 5]) : 1
    if count > 1 {
      let weather = weather
      let network = LoopbackNetwork { weather.fate($0) }
      var ids = world.makeRandom("cluster")
      let cluster = ClusterID(&ids)
      nodes = (1...count).map {
        SimulatedNode($0, world, network: network, cluster: cluster, peers: Array(1...count))
      }
    } else {
      nodes = [SimulatedNode(1, world)]
    }
    for node in nodes {
      node.decisions = decisions
      node.onOpen = { [unowned self] in await opened($0, $1, $2) }
      node.onDeath = { [unowned self] in died($0, $1, $2) }
      node.onRefusal = { [unowned self] in fail($0) }
    }
  }

  /// What is drawn from: the checker of cycles sees most.
  private static let checks = Workload.allCases + [.append, .append, .append, .bank]

  private var isCluster: Bool { nodes.count > 1 }

  // MARK: The run

  func run() -> SimulationOutcome {
    for node in nodes { node.begin(settings) }
    for node in nodes {
      if !plan.faults.isDisjoint(with: [.crashes, .power]) { crashTurn(node) }
      diskTurn(node)
      flushTurn(node)
      if plan.faults.contains(.pauses) { pauseTurn(node) }
      if plan.faults.contains(.slowDisks) { slowTurn(node) }
    }
    if isCluster {
      if plan.faults.contains(.loss) { weather.resetsPerMillion = 100 }
      if plan.faults.contains(.partitions) { partitionTurn() }
      if !plan.faults.isDisjoint(with: [.membership, .transfers]) { changeTurn() }
      if plan.faults.contains(.membership) { decisionTurn() }
    }
    if isCluster { staleTurn() }
    if plan.faults.contains(.splits) { splitTurn() }
    if plan.faults.contains(.merges) { mergeTurn() }
    if options.violatesClock, isCluster {
      clockFault = ClockFault(
        world, nodes, random: world.makeRandom("clock fault"), isGradual: options.goesByClusterTime,
        isAlone: plan.faults.isDisjoint(with: [
          .partitions, .crashes, .power, .pauses, .loss, .failingDisks, .fullDisks,
        ]))
      clockFault?.begin { [unowned self] in !isEnding }
    }
    world.run(until: options.duration)
    if violation == nil { finish() }
    // Ghosts fail and go.
    isEnding = true
    for node in nodes { node.end() }
    let end = world.now
    world.run(until: end + 5 * .second)
    return SimulationOutcome(
      seed: world.seed, violation: violation, simulatedTime: violation == nil ? end : violationTime,
      eventCount: world.eventCount, crashCount: crashCount, traceHash: world.traceHash,
      summary: (isCluster ? "\(nodes.count) nodes, " : "")
        + "\(plan.clients.clientCount) \(plan.speaksSQL ? "SQL " : "")clients, \(workload.summary), \(crashCount) crashes"
        + (isCluster ? ", \(staleReads.count) stale reads" : "")
        + (splitCount > 0 ? ", \(splitCount) splits" : "") + (mergeCount > 0 ? ", \(mergeCount) merges" : "")
        + (clockFault.map { ", \($0.summary)" } ?? "")
        + (isCluster ? ", \(changeCount) changes, \(largestReplicaCount) replicas" : ""))
  }

  private func fail(_ what: String) {
    if violation != nil { return }
    violation = what
    violationTime = world.now
    world.note(1, 0, "FAILED: \(what)")
    world.stop()
  }

  /// Faults end, every node starts once more, and what they hold is compared with what was acknowledged.
  private func finish() {
    isEnding = true
    isHealed = true
    world.note(2, 0, "healing begins")
    weather.resetsPerMillion = 0
    weather.cut = []
    decisions.leaving = []
    decisions.draining = []
    decisions.dead = []
    if let wrong = clockFault?.complaint { return fail(wrong) }
    for node in nodes {
      crash(node, losingPower: plan.faults.contains(.power), restarts: false)
      node.begin(settings)
    }
    // There may be much to read.
    var (left, deadline) = (workload.leftToRead, world.now + 120 * .second)
    while workload.report == nil || isCluster && !staleReads.isVerified, violation == nil, world.now < deadline {
      world.run(until: world.now + .second / 2)
      if workload.leftToRead != left { (left, deadline) = (workload.leftToRead, world.now + 120 * .second) }
    }
    if violation != nil { return }
    if workload.report == nil || isCluster && !staleReads.isVerified {
      fail("no progress after healing")
      tellOfReplicas()
    } else if let wrong = workload.violation(promised: realTime) {
      fail(wrong)
    } else if isCluster {
      let limit = world.now + 60 * .second
      while !isPlaced, world.now < limit {
        lookForReplicas()
        world.run(until: world.now + .second / 2)
      }
      if !isPlaced {
        fail("the range does not get its replicas after healing")
        tellOfReplicas()
      }
      if violation == nil { compareReplicas() }
    }
  }

  /// Every range's replicas are compared, again until all of them can be.
  private func compareReplicas() {
    let limit = world.now + 60 * .second
    while violation == nil {
      let pass = Comparison(nodes.count)
      for node in nodes {
        guard let store = node.store, let environment = node.environments.last else { return fail("a node ended") }
        environment.reactors[0].enqueue { reactor in
          reactor.run { [self] reactor in
            let led = store.shard(on: reactor).sortedReplicas.filter(\.holdsLease)
            pass.spans += led.map(\.descriptor.span)
            for replica in store.shard(on: reactor).frozenReplicas { pass.obstacle = "\(replica)" }
            for replica in led where replica.descriptor.replicas.count > 1 {
              let outcome = await replica.checkConsistency()
              switch outcome {
              case .equal(_, _, let silent) where silent.isEmpty: break
              case .equal, .notChecked: pass.obstacle = "\(replica.descriptor.id), \(outcome)"
              case .different(let text): fail(text)
              }
            }
            pass.nodesLeft -= 1
          }
        }
      }
      while pass.nodesLeft > 0, violation == nil, world.now < limit { world.run(until: world.now + .second / 10) }
      // A lease, or a split, may just have been on its way.
      if pass.nodesLeft == 0, pass.obstacle == nil, let gap = pass.gap {
        pass.obstacle = "the keys from \(gap) on are not served by one range"
      }
      if pass.nodesLeft == 0, pass.obstacle == nil { return }
      if world.now >= limit {
        fail("the replicas of a range cannot be compared: \(pass.obstacle ?? "it waits")")
        tellOfReplicas()
      }
    }
  }

  /// Notes whether whoever leads knows of three voters and nobody else.
  private func lookForReplicas() {
    for node in nodes {
      guard let store = node.store, let environment = node.environments.last else { continue }
      environment.reactors[0].enqueue { [self] reactor in
        let led = store.shard(on: reactor).sortedReplicas.filter(\.holdsLease)
        if led.isEmpty { return }
        isPlaced = led.allSatisfy { replica in
          replica.descriptor.replicas.count == 3 && replica.descriptor.replicas.allSatisfy { $0.kind == .voter }
        }
      }
    }
  }

  /// Notes how each replica stands, for whoever looks for what is stuck.
  private func tellOfReplicas() {
    for node in nodes {
      guard let store = node.store, let environment = node.environments.last else { continue }
      let number = node.number
      environment.reactors[0].enqueue { [self] reactor in
        for replica in store.shard(on: reactor).sortedReplicas {
          world.note(11, UInt64(number), "node \(number): \(replica)")
        }
      }
    }
    world.run(until: world.now + .second / 100)
  }

  // MARK: Processes

  private var realTime: ClientWorkload.RealTime {
    options.violatesClock ? .nothing : options.isExternallyConsistent ? .everything : .keys
  }

  private var settings: SimulatedNode.Settings {
    var settings = SimulatedNode.Settings()
    settings.store.maintenanceInterval = .second
    settings.store.collectionInterval = 0
    settings.store.supportDuration = plan.supportDuration
    settings.store.checkInterval = plan.checkInterval
    settings.store.stagesCommits = stagesCommits
    settings.store.closedLag = closedLag
    settings.store.merging = plan.faults.contains(.merges) ? .automatic : .unknown
    switch options.planted {
    case .forgetTimestampCache: settings.store.faults.skipsTimestampCache = true
    case .forgetTimeAtRestart: settings.store.faults.forgetsTimeAtRestart = true
    case .serveAfterExpiry: settings.store.faults.ignoresLeaseEnd = true
    case .breakPromises: settings.store.faults.breaksPromises = true
    case .forgetReadsAtLease: settings.store.faults.forgetsReadsAtLease = true
    case .forgetReadsAtSplit: settings.store.faults.forgetsReadsAtSplit = true
    case .forgetReadsAtMerge: settings.store.faults.forgetsReadsAtMerge = true
    case .writeIntoThePast: settings.store.faults.writesIntoThePast = true
    case .forgetClosedAtMerge: settings.store.faults.forgetsClosedAtMerge = true
    case .missSnapshotTail: settings.store.faults.snapshotsMissTail = true
    case .forgetRemovals: settings.store.faults.forgetsRemovals = true
    case .loseAppliedWrites: settings.store.faults.losesAppliedWrites = true
    case .letMissingWritesCome: settings.store.faults.letsMissingWritesCome = true
    case .settleTooEarly: settings.store.faults.settlesTooEarly = true
    case .skipRefresh: settings.store.faults.skipsRefresh = true
    case .doNotLookAhead: settings.store.faults.doesNotLookAhead = true
    case .oneOwnerPerTimestamp: settings.store.faults.takesEqualTimestampsForOneOwner = true
    case .retryAmbiguousCommits: settings.store.faults.retriesAmbiguousCommits = true
    case .cutSnapshots: settings.store.faults.cutsSnapshots = true
    case .skipCommitWait: settings.store.faults.skipsCommitWait = true
    case .skipReadersWait: settings.store.faults.skipsReadersWait = true
    case .readAtEarliest: settings.store.faults.readsAtEarliest = true
    default: break
    }
    settings.hasClockFaults = plan.faults.contains(.clocks)
    settings.goesByClusterTime = options.goesByClusterTime
    if !options.isExternallyConsistent { settings.order = .perKey }
    if options.violatesClock, !settings.hasClockFaults, isCluster {
      settings.clock = (offset: 0, error: 10 * .millisecond)
    }
    if plan.faults.contains(.rot), !isHealed { settings.readsPerFlip = plan.readsPerFlip }
    return settings
  }

  private func connect(_ number: Int, _ door: SimulatedNode.Door) async throws(ClientFailure) -> any NodeClient {
    if plan.speaksSQL { return try await SQLClient.open(door.gateway, number: number) }
    return KeyClient(plan.hasSmallBuffers && number % 2 == 1 ? door.hasty : door.gateway.transactions)
  }

  /// A node's store is open: its clients begin, or, at the end, everything is read through the first node.
  private func opened(_ node: SimulatedNode, _ life: Int, _ door: SimulatedNode.Door) async {
    let reactor = door.gateway.reactor
    let isAlive: @Sendable () -> Bool = { [unowned self] in node.isAlive(life) && !isEnding }
    if isHealed {
      guard node.number == 1 else { return }
      if clockFault != nil { await reactor.sleep(nanoseconds: ClockFault.reach) }
      while node.isAlive(life), workload.report == nil || isCluster && !staleReads.isVerified {
        do throws(ClientFailure) {
          let client = try await connect(0, door)
          if workload.report == nil { try await workload.readAll(client) { node.isAlive(life) } }
          await client.close()
          if isCluster { try await verifyStaleReads(through: door) }
        } catch {
          await reactor.sleep(nanoseconds: 100 * .millisecond)
        }
      }
      return
    }
    while isAlive() {
      do throws(ClientFailure) {
        let client = try await connect(0, door)
        if node.number == 1 { try await workload.setUp(client) }
        await client.close()
        if workload.isSetUp { break }
        await reactor.sleep(nanoseconds: 10 * .millisecond)
      } catch {
        await reactor.sleep(nanoseconds: 10 * .millisecond)
      }
    }
    let shared = Confined(door, to: reactor)
    for number in 0..<plan.clients.clientCount where number % nodes.count == node.number - 1 {
      await reactor.perform { reactor in
        reactor.run { [self] reactor in
          let door = shared.access(on: reactor)
          while isAlive() {
            if let client = try? await connect(number, door) {
              await workload.act(
                client, number, isReader: isCluster && number % 4 == 3, on: reactor, isAlive: isAlive)
            } else {
              await reactor.sleep(nanoseconds: 50 * .millisecond)
            }
          }
        }
      }
    }
  }

  /// A node gave up: its disk failed.
  private func died(_ node: SimulatedNode, _ life: Int, _ reason: String) {
    if isEnding && !isHealed { return }
    world.note(4, UInt64(life), "node \(node.number), life \(life) ends: \(reason)")
    if let wrong = clockFault?.ended(node, reason) { return fail(wrong) }
    // Not from within the node's own call.
    world.schedule(afterNanoseconds: 0) { [self] in
      if node.isAlive(life) { crash(node, losingPower: false, restarts: true) }
    }
  }

  private func crash(_ node: SimulatedNode, losingPower: Bool, restarts: Bool) {
    crashCount += 1
    node.crash(losingPower: losingPower)
    guard restarts else { return }
    let life = node.life
    world.schedule(afterNanoseconds: 10 * .millisecond + random.exponential(mean: 200 * .millisecond)) { [self] in
      if node.isAlive(life), !isEnding { node.begin(settings) }
    }
  }

  /// Somebody reads the past through some node.
  private func staleTurn() {
    world.schedule(afterNanoseconds: staleReads.pause()) { [self] in
      if isEnding { return }
      let node = staleReads.pick(nodes)
      if let door = node.door, let environment = node.environments.last {
        let (shared, life) = (Confined(door, to: environment.reactors[0]), node.life)
        environment.reactors[0].enqueue { reactor in
          reactor.run { [self] reactor in
            let system = shared.access(on: reactor).gateway.transactions
            let wrong = await staleReads.read(through: system, of: node.number) { node.isAlive(life) }
            if let wrong { fail(wrong) }
          }
        }
      }
      staleTurn()
    }
  }

  private func verifyStaleReads(through door: SimulatedNode.Door) async throws(ClientFailure) {
    do throws(TransactionError) {
      if let wrong = try await staleReads.verify(through: door.gateway.transactions) { fail(wrong) }
    } catch {
      throw .retry
    }
  }

  // MARK: Faults

  private func crashTurn(_ node: SimulatedNode) {
    // Each node of a cluster dies so much less often that most of the time a quorum lives.
    let mean = plan.crashInterval * Int64(isCluster ? 4 * nodes.count : 1)
    world.schedule(afterNanoseconds: random.exponential(mean: mean)) { [self] in
      if isEnding { return }
      let losesPower = plan.faults.contains(.power) && (!plan.faults.contains(.crashes) || random.chance(percent: 50))
      if node.isUp { crash(node, losingPower: losesPower, restarts: true) }
      crashTurn(node)
    }
  }

  /// What RocksDB does by itself when its memory is full.
  private func flushTurn(_ node: SimulatedNode) {
    world.schedule(afterNanoseconds: random.exponential(mean: plan.flushInterval)) { [self] in
      if isEnding { return }
      try? node.stateDisk.flush()
      flushTurn(node)
    }
  }

  private func diskTurn(_ node: SimulatedNode) {
    world.schedule(afterNanoseconds: random.exponential(mean: 5 * .second)) { [self] in
      if isEnding { return }
      let engine = random.pick(node.engines)
      if plan.faults.contains(.failingDisks), random.chance(percent: 50) {
        world.note(6, 0, "a disk of node \(node.number) fails")
        engine.failure = { .inputOutput("a simulated failure") }
      } else if plan.faults.contains(.fullDisks) {
        world.note(6, 1, "a disk of node \(node.number) is full")
        engine.failure = { .outOfSpace("a simulated disk is full") }
      }
      diskTurn(node)
    }
  }

  /// Disks that take long for a while: hundreds of milliseconds for each sync.
  private func slowTurn(_ node: SimulatedNode) {
    world.schedule(afterNanoseconds: random.exponential(mean: 3 * .second)) { [self] in
      if isEnding { return }
      let machine = node.environments.last?.machine
      machine?.workSlowdown = random.pick([10, 100, 1000])
      world.schedule(afterNanoseconds: random.exponential(mean: 500 * .millisecond)) { machine?.workSlowdown = 1 }
      slowTurn(node)
    }
  }

  private func pauseTurn(_ node: SimulatedNode) {
    world.schedule(afterNanoseconds: random.exponential(mean: 4 * .second)) { [self] in
      if isEnding { return }
      let mean: Int64 = isCluster && random.chance(percent: 20) ? 4 * .second : 300 * .millisecond
      node.environments.last?.machine.pause(forNanoseconds: random.exponential(mean: mean))
      pauseTurn(node)
    }
  }

  /// A node is cut off from some others, in one direction or both.
  private func partitionTurn() {
    world.schedule(afterNanoseconds: random.exponential(mean: 3 * .second)) { [self] in
      if isEnding { return }
      let one = SimulatedNode.address(random.pick(nodes).number)
      let isOneWay = random.chance(percent: 40)
      weather.cutsGroupsOnly = random.chance(percent: 25)
      for node in nodes where random.chance(percent: 70) {
        let other = SimulatedNode.address(node.number)
        weather.cut.insert([one, other])
        if !isOneWay { weather.cut.insert([other, one]) }
      }
      let how = (isOneWay ? " in one direction" : "") + (weather.cutsGroupsOnly ? ", its groups only" : "")
      world.note(9, 0, "\(one.host) is cut off\(how)")
      world.schedule(afterNanoseconds: random.exponential(mean: 2 * .second)) { [self] in
        weather.cut = []
        world.note(9, 1, "the network is whole")
      }
      partitionTurn()
    }
  }

  // MARK: Changes

  /// A range is cut at a key that somebody has written.
  private func splitTurn() {
    world.schedule(afterNanoseconds: random.exponential(mean: plan.splitInterval)) { [self] in
      if isEnding { return }
      let node = random.pick(nodes)
      let number = random.draw(below: 200)
      if let door = node.door, let environment = node.environments.last {
        let shared = Confined(door, to: environment.reactors[0])
        environment.reactors[0].enqueue { reactor in
          reactor.run { [self] reactor in
            let system = shared.access(on: reactor).gateway.transactions
            do throws(TransactionError) {
              var block = KeyValueBlock()
              let transaction = system.begin(isReadOnly: true)
              _ = try await transaction.scan(
                KeySpan(start: MetaKeys.span.end, end: Key.max), ScanOptions(isReverse: true, rowLimit: 200),
                into: &block)
              if block.count == 0 { return }
              try await system.split(at: block.key(number % block.count))
              splitCount += 1
            } catch {
              return
            }
          }
        }
      }
      splitTurn()
    }
  }

  /// A range that a node has a replica of is merged into the one before. The node may die in the middle, and somebody else see to the rest.
  private func mergeTurn() {
    world.schedule(afterNanoseconds: random.exponential(mean: plan.splitInterval * 3 / 2)) { [self] in
      if isEnding { return }
      let node = random.pick(nodes)
      let number = random.draw(below: 200)
      if let door = node.door, let environment = node.environments.last {
        let shared = Confined(door, to: environment.reactors[0])
        environment.reactors[0].enqueue { reactor in
          reactor.run { [self] reactor in
            let system = shared.access(on: reactor).gateway.transactions
            let starts = system.shard.descriptors(overlapping: .all)
              .map(\.span.start).filter { $0 > Key.min }
            if starts.isEmpty { return }
            if case .merged? = try? await system.merge(at: starts[number % starts.count]) { mergeCount += 1 }
          }
        }
      }
      mergeTurn()
    }
  }

  /// For a while a node is to leave, or counts as dead if it is silent, so that the others take its replicas; or it drains.
  private func decisionTurn() {
    world.schedule(afterNanoseconds: random.exponential(mean: plan.changeInterval * 2)) { [self] in
      if isEnding { return }
      let number = random.pick(nodes).number
      let kind = random.draw(below: 3)
      world.note(
        10, UInt64(number), "node \(number) is to \(["leave", "drain", "count as dead if it is silent"][kind])")
      switch kind {
      case 0: decisions.leaving.insert(number)
      case 1: decisions.draining.insert(number)
      default: decisions.dead.insert(number)
      }
      world.schedule(afterNanoseconds: random.exponential(mean: plan.changeInterval * 3)) { [self] in
        decisions.leaving.remove(number)
        decisions.draining.remove(number)
        decisions.dead.remove(number)
      }
      decisionTurn()
    }
  }

  /// The lease of a range is handed on, or a replica taken away; the node itself adds them again.
  private func changeTurn() {
    world.schedule(afterNanoseconds: random.exponential(mean: plan.changeInterval)) { [self] in
      if isEnding { return }
      let target = NodeID(rawValue: UInt32(random.pick(nodes).number))
      let number = random.draw(below: 1000)
      let transfers =
        plan.faults.contains(.transfers) && (!plan.faults.contains(.membership) || random.chance(percent: 60))
      for node in nodes {
        guard let store = node.store, let environment = node.environments.last else { continue }
        environment.reactors[0].enqueue { [self] reactor in
          let led = store.shard(on: reactor).sortedReplicas.filter(\.holdsLease).map(\.descriptor.id)
          guard !led.isEmpty, let replica = store.shard(on: reactor).replica(led[number % led.count]) else { return }
          let range = replica.descriptor.id
          largestReplicaCount = max(largestReplicaCount, replica.descriptor.replicas.count)
          reactor.run { [self] reactor in
            let replica = store.shard(on: reactor).replica(range)
            do throws(MembershipFailure) {
              if transfers {
                try await replica?.transferLease(to: target)
              } else if let replica, replica.descriptor.replicas.count > 2 {
                try await replica.removeReplica(on: target)
              }
              changeCount += 1
            } catch {
              return
            }
          }
        }
      }
      changeTurn()
    }
  }
}
