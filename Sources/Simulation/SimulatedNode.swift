// One node of a simulation: disks that outlive the process, and the process: store, network, gateway of production, on a simulated
// environment of its own for each life.
//
// A crash leaves of the state what was flushed, and of the log what was synced, or after the mere death of the process
// all that was written. The old process goes on as a ghost that reaches neither disk nor network nor the record, until it has
// failed and is freed.

import Catalog
import Clocks
import Execution
import Logging
import Placement
import Ranges
import Reactors
import Sessions
import Storage
import Transactions
import Transport

/// `@unchecked Sendable`: used by the thread of its world alone.
final class SimulatedNode: @unchecked Sendable {
  /// How clients reach one life of the node.
  struct Door {
    var gateway: Gateway
    /// Lays intents as soon as something is written.
    var hasty: TransactionSystem
    var keeper: RangeKeeper
  }

  /// What is asked of every life.
  struct Settings {
    var store = StoreOptions()
    var hasClockFaults = false
    /// Whether nodes of a cluster go by cluster time.
    var goesByClusterTime = false
    /// By how much the node's clock is off, and by how much every node admits that its own may be; nil: drawn where clocks have faults.
    var clock: (offset: Int64, error: Int64)?
    /// By how much the node's clock is fast, in parts per million, if `clock` is given.
    var driftPerMillion: Int64 = 0
    /// How its transactions keep to real time.
    var order = RealTimeOrder.strict
    /// Nanoseconds between two heartbeats of the transport; nil: as in production.
    var heartbeatInterval: Int64?
    /// In about so many reads one comes with a flipped bit; nil: none.
    var readsPerFlip: Int?
  }

  let number: Int
  let world: SimulatedWorld
  private let network: LoopbackNetwork?
  private let identity: StoreIdentity?
  private let peers: [Int]
  private var random: RandomSource

  // The disk
  let stateDisk = MemoryEngine()
  let logDisk = MemoryEngine()

  // The process
  private(set) var life = 0
  /// Of all lives: what a ghost still does may need them.
  private(set) var environments: [SimulatedEnvironment] = []
  private var stores: [Store] = []
  private var doors: [Door] = []
  private var transports: [NodeTransport] = []
  private(set) var engines: [SimulatedEngine] = []
  private(set) var store: Store?
  private(set) var watch: ClockWatch?
  /// Of all lives, as for `stores`.
  private var watches: [ClockWatch] = []
  private(set) var door: Door?
  private(set) var drivers: [PlacementDriver] = []

  /// What operators, or those who look after the cluster, have decided about nodes; shared by all of a simulation.
  var decisions: NodeDecisions?
  /// The store of a life is open.
  var onOpen: (SimulatedNode, Int, Door) async -> Void = { _, _, _ in }
  /// A life ended by its own doing: its disk failed.
  var onDeath: (SimulatedNode, Int, String) -> Void = { _, _, _ in }
  /// The store of a life does not open, and no fault excuses that.
  var onRefusal: (String) -> Void = { _ in }

  /// - Parameters:
  ///   - network: nil for a node that is alone.
  ///   - peers: the numbers of all nodes.
  init(
    _ number: Int, _ world: SimulatedWorld, network: LoopbackNetwork? = nil, cluster: ClusterID? = nil,
    peers: [Int] = []
  ) {
    self.number = number
    self.world = world
    self.network = network
    self.peers = peers
    random = world.makeRandom("node \(number)")
    identity = cluster.map { StoreIdentity(cluster: $0, node: NodeID(rawValue: UInt32(number))) }
  }

  static func address(_ number: Int) -> NodeAddress { NodeAddress(host: "n\(number)", port: 1) }

  var isUp: Bool { store != nil }

  func isAlive(_ life: Int) -> Bool { life == self.life }

  func begin(_ settings: Settings) {
    life += 1
    let life = life
    let machine = SimulatedMachine(number * 1_000_000 + life, world)
    if settings.hasClockFaults { machine.clock = drawClock() }
    if let clock = settings.clock {
      machine.clock = SimulatedClock(offset: clock.offset)
      machine.clock.setDrift(perMillion: settings.driftPerMillion, at: world.now)
    }
    // The monotonic clock begins anew with each machine; the wall clock is about that of the last one.
    let environment = SimulatedEnvironment(machine)
    environments.append(environment)
    let state = SimulatedEngine(stateDisk)
    let log = SimulatedEngine(logDisk)
    engines = [state, log]
    if let reads = settings.readsPerFlip {
      for engine in engines { engine.rot(one: reads, random: world.makeRandom("rot \(number) \(life)")) }
    }
    world.note(3, UInt64(life), "node \(number), life \(life) begins")
    // Clocks of a cluster are off by what they admit.
    let error = settings.clock?.error ?? (settings.hasClockFaults && network != nil ? Self.admittedError : 0)
    var logger = Logger(label: "node \(number)")
    logger.handler = TraceLogHandler(label: "node \(number)", life: life, world: world)
    let silent = logger
    let local = LocalStore.on(state: state, log: log)
    var transport: NodeTransport?
    if let network, let identity {
      let made = NodeTransport(
        environment: environment,
        identity: NodeIdentity(
          clusterID: identity.cluster, nodeID: identity.node, binaryVersion: "simulated",
          bootID: UInt64(number) << 32 | UInt64(life), advertisedAddress: Self.address(number)),
        carrier: network.carrier(for: Self.address(number), reactors: environment.reactors),
        options: Self.options(settings), logger: silent)
      for peer in peers where peer != number {
        made.setAddress(of: NodeID(rawValue: UInt32(peer)), Self.address(peer))
      }
      transports.append(made)
      transport = made
    }
    let wire = transport
    let watch: ClockWatch
    do throws(UnusableTimeSource) {
      watch = try ClockWatch(
        environment: environment,
        choice: network != nil && settings.goesByClusterTime
          ? TimeSourceChoice("cluster", statedError: .second)
          : error > 0 ? TimeSourceChoice("bound", statedError: error) : .oneMachine,
        local: local, transport: transport, logger: silent,
        onFatal: { [self] reason in
          if isAlive(life) { onDeath(self, life, reason) }
        })
    } catch {
      refused("node \(number) does not begin", "\(error)")
      return
    }
    self.watch = watch
    watches.append(watch)
    environment.reactors[0].enqueue { [self] reactor in
      reactor.run { [self] reactor in
        do throws(StorageError) {
          if let identity {
            if try StoreIdentity.read(from: local) == nil {
              if identity.node.rawValue == 1 {
                _ = try StoreIdentity.bootstrap(local, cluster: identity.cluster)
              } else {
                try identity.write(to: local)
              }
            }
          }
          watch.clock.set(settings.order)
          watch.enter(identity?.node ?? NodeID(rawValue: 1))
          if watch.choice.isClusterTime, let wire {
            await listen(wire)
            guard await watch.untilReady() else { return }
          }
          let store = try await Store.open(
            environment: environment, local: local, clock: watch.clock, network: wire, clockWatch: watch,
            options: settings.store, logger: silent,
            onFatal: { [self] reason in
              if isAlive(life) { onDeath(self, life, reason) }
            })
          stores.append(store)
          guard isAlive(life) else { return }
          if let wire {
            // Connections that were made before the store was there know nothing of it.
            if watch.choice.isClusterTime { wire.setIdentity(wire.identity) } else { await listen(wire) }
          }
          guard isAlive(life) else { return }
          self.store = store
          if let wire { drive(store, wire, silent) }
          let gateway = Gateway(
            reactor: reactor, environment: environment, transactions: TransactionSystem(store, on: reactor),
            catalog: CatalogCache(), sequences: SequenceService(), rowIDs: RowIDGenerator(node: Int64(number)),
            logger: silent)
          let door = Door(
            gateway: gateway, hasty: TransactionSystem(store, on: reactor), keeper: RangeKeeper(gateway.transactions))
          if wire != nil { haveGathered(by: door.keeper) }
          door.keeper.start()
          door.hasty.bufferLimit = 1
          doors.append(door)
          self.door = door
          await onOpen(self, life, door)
        } catch {
          guard isAlive(life) else { return }
          refused("the store of node \(number) does not open", "\(error)")
        }
      }
    }
  }

  /// Where its disk was at fault the node tries again.
  private func refused(_ what: String, _ reason: String) {
    if engines.contains(where: { $0.damageCount > 0 || $0.hasFailed }) {
      onDeath(self, life, reason)
    } else {
      onRefusal("\(what): \(reason)")
    }
  }

  /// What every node of a cluster admits that its clock may be off.
  private static let admittedError = 60 * Int64.millisecond

  /// In a cluster half of the clocks are as far off as they admit, ahead or behind, and drift back; the others are about right, and drift away.
  private func drawClock() -> SimulatedClock {
    let (offset, drift) = (random.draw(Int64(-50)...50), random.draw(Int64(-200)...200))
    guard network != nil else { return SimulatedClock(offset: offset * .millisecond, driftPerMillion: drift) }
    let isAtEdge = offset % 2 == 0
    var clock = SimulatedClock(
      offset: isAtEdge ? (offset < 0 ? -Self.admittedError : Self.admittedError) : offset * .millisecond / 5)
    clock.setDrift(perMillion: !isAtEdge ? drift : offset < 0 ? abs(drift) : -abs(drift), at: world.now)
    return clock
  }

  private static func options(_ settings: Settings) -> TransportOptions {
    var options = TransportOptions()
    if settings.goesByClusterTime {
      options.silentHeartbeatCount *= 5
      options.heartbeatInterval /= 5
    }
    if let interval = settings.heartbeatInterval { options.heartbeatInterval = interval }
    return options
  }

  private func listen(_ transport: NodeTransport) async {
    do throws(TransportError) {
      _ = try await transport.listen(on: Self.address(number))
    } catch {
      onRefusal("node \(number) does not listen: \(error)")
    }
  }

  /// Has the ranges that this node leads kept at their replicas, where operators want them.
  private func drive(_ store: Store, _ transport: NodeTransport, _ logger: Logger) {
    let driver = PlacementDriver(store, logger: logger) { [peers, number, decisions, weak transport] in
      peers.map { peer in
        let status = transport?.peer(NodeID(rawValue: UInt32(peer)))
        return PlacementNode(
          NodeID(rawValue: UInt32(peer)),
          health: peer == number || status?.isUp == true && status?.isConnected == true
            ? .live : decisions?.dead.contains(peer) == true ? .dead : .silent,
          isLeaving: decisions?.leaving.contains(peer) == true, isDraining: decisions?.draining.contains(peer) == true)
      }
    }
    drivers.append(driver)
    driver.start()
  }

  private func haveGathered(by keeper: RangeKeeper) {
    guard let driver = drivers.last else { return }
    keeper.gather = { await driver.gather($0, on: $1) }
  }

  /// The process dies, and with it, if power is lost, what was not synced.
  func crash(losingPower: Bool) {
    life += 1
    store = nil
    watch = nil
    door = nil
    for engine in engines { engine.disconnect() }
    network?.disconnect(Self.address(number))
    stateDisk.crash()
    if losingPower { logDisk.crash() }
    world.note(5, losingPower ? 1 : 0, "node \(number): " + (losingPower ? "power lost" : "process killed"))
  }

  /// Nothing of it goes on.
  func end() {
    life += 1
    for engine in engines { engine.disconnect() }
    network?.disconnect(Self.address(number))
  }
}

/// What has been decided about nodes, by their numbers. `@unchecked Sendable`: used by the thread of its world alone.
final class NodeDecisions: @unchecked Sendable {
  var leaving: Set<Int> = []
  var draining: Set<Int> = []
  /// Those whose silence counts as death.
  var dead: Set<Int> = []
}

/// Shows what a node logs in the trace of a run.
///
/// `@unchecked Sendable`: used by the thread of its world alone.
private struct TraceLogHandler: LogHandler, @unchecked Sendable {
  let label: String
  let life: Int
  let world: SimulatedWorld
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level {
    get { world.onTrace == nil ? .critical : .info }
    set {}
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let facts = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    world.onTrace?(world.now, "\(label), life \(life): \(event.message)\(facts)")
  }
}
