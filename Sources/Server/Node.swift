// One running node: the environment, the store, a gateway on every reactor, and the doors to the outside. The only place that knows all
// rooms.
//
// A node alone opens its store and serves. A node of a cluster opens its doors first, and serves SQL once it is a member: it was one when it
// was last stopped, it begins the cluster (`meridian init`), or a member gives it a number (see `Node+Joining`).

import Admin
import Catalog
import Certificates
import Clocks
import Execution
import Logging
import NIOCore
import NIOPosix
import PGWire
import Placement
import Ranges
import Reactors
import SQLTypes
import Sessions
import Storage
import Glibc
import Synchronization
import Transactions
import Transport

public final class Node: SessionFactory, AdminSource {
  enum Limits {
    /// Time between two looks for data of dropped tables and indexes to clear.
    static let upkeepNanoseconds: Int64 = 15_000_000_000
    /// Time that clients get to end their sessions when the node stops.
    static let drainNanoseconds: Int64 = 5_000_000_000
    /// Time that what the node does on its own gets to end when it stops.
    static let roundNanoseconds: Int64 = 2_000_000_000
  }

  /// What there is once the node has a place in a cluster.
  struct Member: Sendable {
    var identity: StoreIdentity
    var store: Store
    var placement: PlacementDriver
    /// By reactor.
    var gateways: [Confined<Gateway>]
    var keepers: [Confined<RangeKeeper>]
    /// Whether sessions are let in.
    var isServing: Bool
  }

  public let logger: Logger
  public let configuration: NodeConfiguration
  let environment: ProductionEnvironment
  let local: LocalStore
  let clockWatch: ClockWatch
  var clock: NodeClock { clockWatch.clock }
  /// The way to other nodes; nil for a node alone.
  let transport: NodeTransport?
  /// Writes what the node itself keeps in its store.
  let recordWorker: any Worker
  let membership = Mutex<Member?>(nil)
  let joining = Mutex(JoiningState())
  let directory = Mutex(DirectoryState())
  /// Settings of the cluster that are not what they are initially, by name.
  let settingValues = Mutex<[String: Int64]>([:])
  private let passwords: PasswordHasher
  private let startTime: MonotonicInstant
  private let doors = Mutex<Doors?>(nil)
  let life = Mutex(Life())

  private struct Doors {
    var wire: WireServer
    var admin: AdminServer
    var registry: ConnectionRegistry
    var sqlAddress: ListenAddress
    var httpAddress: ListenAddress
  }

  struct Life {
    /// Leases are handed on and clients sent away, to stop then.
    var isDraining = false
    var isStopping = false
    /// Rounds that are under way.
    var roundCount = 0
    var readinessWaiters: [UnsafeContinuation<Bool, Never>] = []
  }

  private init(
    configuration: NodeConfiguration, logger: Logger, environment: ProductionEnvironment, local: LocalStore,
    clockWatch: ClockWatch, transport: NodeTransport?
  ) {
    self.configuration = configuration
    self.logger = logger
    self.environment = environment
    self.local = local
    self.clockWatch = clockWatch
    self.transport = transport
    passwords = PasswordHasher(environment: environment)
    recordWorker = environment.makeWorker("node-records", threads: 1)
    startTime = environment.monotonicNow()
  }

  // MARK: Start

  /// Opens the store and the doors. A node alone, and one that has its place in a cluster, serves from then on.
  /// - Throws: `NodeStartError` with a sentence for the operator; nothing was changed then.
  public static func start(_ configuration: NodeConfiguration) async throws -> Node {
    let environment = ProductionEnvironment(
      reactorCount: configuration.reactorCount, clockBoundFiles: configuration.clockBoundFiles)
    let logger = Logger(label: "meridian") { label in
      StructuredLogHandler(
        label: label, format: configuration.logFormat, level: configuration.logLevel, environment: environment)
    }
    do {
      return try await open(configuration, environment, logger)
    } catch {
      try? await environment.shutdown()
      throw error
    }
  }

  private static func open(
    _ configuration: NodeConfiguration, _ environment: ProductionEnvironment, _ logger: Logger
  ) async throws(NodeStartError) -> Node {
    var certificates: NodeCertificates?
    if let folder = configuration.certificates {
      certificates = try NodeCertificates(folder: CertificateFolder(folder), environment: environment)
    }
    let local: LocalStore
    var identity: StoreIdentity?
    let book: [NodeRecord]
    do throws(StorageError) {
      var random = environment.makeRandom("store identity")
      let newID = LocalStore.StoreID(high: random.next(), low: random.next())
      if let directory = configuration.store {
        local = try LocalStore.open(directory: directory, cacheByteCount: configuration.cacheByteCount, newID: newID)
      } else {
        local = LocalStore.inMemory(id: newID)
      }
      identity = try StoreIdentity.read(from: local)
      book = try NodeBook.read(from: local)
      if configuration.cluster == nil, identity == nil {
        var random = environment.makeRandom("cluster")
        identity = try StoreIdentity.bootstrap(local, cluster: ClusterID(&random))
      }
    } catch {
      throw NodeStartError(description: "cannot open the store: \(error)")
    }
    if let known = identity, book.contains(where: { $0.node == known.node && $0.standing == .gone }) {
      throw NodeStartError(description: goneText(known.node))
    }
    if configuration.cluster == nil, let known = identity,
      known.node.rawValue != 1 || book.contains(where: { $0.node != known.node })
    {
      throw NodeStartError(
        description:
          "the store is that of node \(known.node) of a cluster of several nodes; start it with `meridian start`")
    }
    let transport = configuration.cluster.map {
      makeTransport($0, identity, certificates, environment: environment, logger: logger)
    }
    let clockWatch: ClockWatch
    do throws(UnusableTimeSource) {
      let onFatal = configuration.onFatal
      clockWatch = try ClockWatch(
        environment: environment, choice: configuration.cluster?.timeSources ?? .oneMachine, local: local,
        transport: transport, logger: logger
      ) { reason in
        logger.critical("the node stops: its clock is not to be trusted", metadata: ["reason": "\(reason)"])
        onFatal(reason)
      }
    } catch {
      throw NodeStartError(description: error.description)
    }
    let node = Node(
      configuration: configuration, logger: logger, environment: environment, local: local, clockWatch: clockWatch,
      transport: transport)
    do throws(NodeStartError) {
      node.registerCalls()
      // With cluster time the store is opened once other nodes have told it.
      if let identity, !clockWatch.choice.isClusterTime {
        do throws(StorageError) {
          // Whose record is in the store's copy has written it to the cluster before, see `NodeRecord`.
          try await node.becomeMember(
            identity, isServing: configuration.cluster == nil || book.contains { $0.node == identity.node })
        } catch {
          throw NodeStartError(description: "cannot open the store: \(error)")
        }
      }
      node.know(book)
      try await node.listen(certificates)
    } catch {
      await node.stop()
      throw error
    }
    node.scheduleUpkeep()
    node.beginMembership(identity)
    return node
  }

  /// Opens the store as one of a cluster's, and makes a gateway on every reactor. What the store wants of the network is registered
  /// then.
  func becomeMember(_ identity: StoreIdentity, isServing: Bool) async throws(StorageError) {
    clockWatch.enter(identity.node)
    if clockWatch.choice.isClusterTime {
      announce(identity)
      guard await clockWatch.untilReady() else { throw .inputOutput("the node is stopping") }
    }
    let logger = self.logger
    let onFatal = configuration.onFatal
    var options = StoreOptions()
    options.stagesCommits = false
    options.closesPast = false
    options.tellsPriorities = false
    if let cluster = configuration.cluster { options.supportDuration = cluster.supportDuration }
    let store = try await Store.open(
      environment: environment, local: local, clock: clock, network: transport, clockWatch: clockWatch,
      options: options, logger: logger
    ) { reason in
      // Better no node than one that acknowledges what it cannot keep.
      logger.critical("the node stops: its store failed", metadata: ["reason": "\(reason)"])
      onFatal(reason)
    }
    let catalog = CatalogCache()
    let sequences = SequenceService()
    let rowIDs = RowIDGenerator(node: Int64(identity.node.rawValue))
    let placement = PlacementDriver(store, logger: logger) { [weak self] in self?.placementNodes ?? [] }
    var gateways: [Confined<Gateway>] = []
    var keepers: [Confined<RangeKeeper>] = []
    for reactor in environment.reactors {
      gateways.append(
        await reactor.perform { [environment, passwords] reactor in
          let transactions = TransactionSystem(store, on: reactor)
          let gateway = Gateway(
            reactor: reactor, environment: environment, transactions: transactions, catalog: catalog,
            sequences: sequences, rowIDs: rowIDs, passwords: passwords, logger: logger)
          gateway.cluster = self
          return Confined(gateway, to: reactor)
        })
      let gateway = gateways[gateways.count - 1]
      keepers.append(
        await reactor.perform { reactor in
          let keeper = RangeKeeper(gateway.access(on: reactor).transactions)
          keeper.gather = { await placement.gather($0, on: $1) }
          keeper.start()
          return Confined(keeper, to: reactor)
        })
    }
    let member = Member(
      identity: identity, store: store, placement: placement, gateways: gateways, keepers: keepers, isServing: isServing
    )
    membership.withLock { $0 = member }
    if transport != nil { placement.start() }
  }

  private func listen(_ certificates: NodeCertificates?) async throws(NodeStartError) {
    if let transport, let cluster = configuration.cluster {
      do {
        let bound = try await transport.listen(on: cluster.rpcAddress)
        directory.withLock { $0.rpcAddress = bound }
      } catch {
        throw NodeStartError(description: "\(error)".replacing("listen on", with: "listen for other nodes on"))
      }
    }
    let registry = ConnectionRegistry(
      limit: configuration.connectionLimit, random: environment.makeRandom("cancel keys"))
    let context = WireContext(
      sessions: self, registry: registry, security: certificates.map { .certificates($0.wire) } ?? .open,
      logger: logger)
    let sql = configuration.sqlAddress
    let wire: WireServer
    do {
      wire = try await WireServer.start(host: sql.host, port: sql.port, environment: environment, context: context)
    } catch {
      throw Self.listenError(sql, "SQL", error)
    }
    let http = configuration.httpAddress
    let admin: AdminServer
    do {
      admin = try await AdminServer.start(
        host: http.host, port: http.port, environment: environment, encryption: certificates?.http, source: self)
    } catch {
      await wire.drain(on: environment.reactors[0], nanoseconds: 0)
      throw Self.listenError(http, "HTTP", error)
    }
    let open = Doors(
      wire: wire, admin: admin, registry: registry,
      sqlAddress: ListenAddress(host: sql.host, port: wire.address?.port ?? sql.port),
      httpAddress: ListenAddress(host: http.host, port: admin.address?.port ?? http.port))
    doors.withLock { $0 = open }
  }

  private static func listenError(_ address: ListenAddress, _ what: String, _ error: any Error) -> NodeStartError {
    if let error = error as? IOError, error.errnoCode == EADDRINUSE {
      return NodeStartError(
        description: "cannot listen for \(what) on \(address): the address is in use by another process")
    }
    return NodeStartError(description: "cannot listen for \(what) on \(address): \(error)")
  }

  // MARK: Rounds

  var isStopping: Bool { life.withLock { $0.isStopping } }

  /// Has `round` run on the first reactor after a while, unless the node has stopped. The node is not kept alive by waiting.
  func schedule(
    afterNanoseconds nanoseconds: Int64, _ round: @escaping @Sendable (Node, isolated Reactor) async -> Void
  ) {
    _ = environment.reactors[0].schedule(afterNanoseconds: nanoseconds) { [weak self] reactor in
      self?.run(round, on: reactor)
    }
  }

  private func run(
    _ round: @escaping @Sendable (Node, isolated Reactor) async -> Void, on reactor: isolated Reactor
  ) {
    let begins = life.withLock { life in
      if life.isStopping { return false }
      life.roundCount += 1
      return true
    }
    guard begins else { return }
    reactor.run { reactor in
      await round(self, reactor)
      self.life.withLock { $0.roundCount -= 1 }
    }
  }

  /// When the process began, by its monotonic clock.
  var startNanoseconds: Int64 { startTime.nanoseconds }
  var uptimeNanoseconds: Int64 { environment.monotonicNow().nanoseconds - startTime.nanoseconds }

  /// The node cannot go on.
  func fail(_ reason: String) {
    logger.critical("the node stops", metadata: ["reason": "\(reason)"])
    configuration.onFatal(reason)
  }

  // MARK: Facts

  var member: Member? { membership.withLock { $0 } }

  public var sqlAddress: ListenAddress { doors.withLock { $0?.sqlAddress } ?? configuration.sqlAddress }
  public var httpAddress: ListenAddress { doors.withLock { $0?.httpAddress } ?? configuration.httpAddress }

  /// Where other nodes connect; nil for a node alone.
  public var rpcAddress: NodeAddress? {
    configuration.cluster.map { cluster in directory.withLock { $0.rpcAddress } ?? cluster.rpcAddress }
  }

  /// The node's number; nil while it belongs to no cluster.
  public var nodeID: NodeID? { member?.identity.node }

  /// Whether SQL is served.
  public var isReady: Bool { member?.isServing ?? false }

  /// Waits until SQL is served; false if the node stops before.
  public func untilReady() async -> Bool {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Bool, Never>) in
      let answer = life.withLock { life -> Bool? in
        if isReady { return true }
        if life.isStopping { return false }
        life.readinessWaiters.append(continuation)
        return nil
      }
      if let answer { continuation.resume(returning: answer) }
    }
  }

  var openWire: WireServer? { doors.withLock { $0?.wire } }

  /// No new sessions are let in any more.
  func endServing() { membership.withLock { $0?.isServing = false } }

  /// The node's record is known to the cluster: sessions are let in.
  func beginServing() {
    if directory.withLock({ $0.isGone }) { return }
    let isNews = membership.withLock { member in
      defer { member?.isServing = true }
      return member?.isServing == false
    }
    guard isNews else { return }
    for waiter in takeWaiters() { waiter.resume(returning: true) }
    logger.info("the node serves SQL", metadata: ["node": "\(nodeID.map { "\($0)" } ?? "?")"])
  }

  func takeWaiters() -> [UnsafeContinuation<Bool, Never>] {
    life.withLock { life in
      defer { life.readinessWaiters = [] }
      return life.readinessWaiters
    }
  }

  private var addresses: String {
    "sql=\(sqlAddress) http=\(httpAddress)" + (rpcAddress.map { " rpc=\($0)" } ?? "")
  }

  /// Where clients connect.
  public var url: String {
    "postgresql://postgres@\(sqlAddress)/postgres"
      + (configuration.certificates.map {
        "?sslmode=verify-full&sslrootcert=\(CertificateFolder($0).authorityCertificate)"
      } ?? "")
  }

  /// Printed once when the node answers.
  public var readyLine: String {
    let number = configuration.cluster == nil ? "" : nodeID.map { " node=\($0)" } ?? ""
    return "meridian \(ServerVersion.meridian) ready: \(addresses)\(number) url=\(url)"
  }

  /// Printed when the node waits for a cluster.
  public var waitingLine: String { "meridian \(ServerVersion.meridian) waiting: \(addresses); \(obstacle)" }

  // MARK: Sessions

  /// The gateway of the reactor that this is called on.
  private func gateway(of reactor: Reactor) throws(SQLError) -> Gateway {
    guard let member, member.isServing, !isDraining else {
      throw SQLError(.cannotConnectNow, "the node is not ready yet", detail: "\(obstacle.capitalizingFirst).")
    }
    return member.gateways[reactor.index].accessAssumingIsolated()
  }

  public func makeSession(
    on reactor: Reactor, user: String, database: String, parameters: [(name: String, value: String)], process: Int32,
    client: any ClientChannel
  ) async throws(SQLError) -> Session {
    // Called on the reactor that the client's channel lives on.
    let gateway = try gateway(of: reactor)
    return try await Session.open(
      gateway: gateway, client: client, user: user, database: database, parameters: parameters, process: process)
  }

  public func passwordVerifier(of user: String, on reactor: Reactor) async throws(SQLError) -> String? {
    try await gateway(of: reactor).passwordVerifier(of: user)
  }

  // MARK: Administration

  public var summary: String { (isReady ? readyLine : waitingLine) + "\n/health\n/metrics\n" }

  public func complaint() async -> String? {
    guard let member, member.isServing else { return obstacle }
    if isDraining { return "the node is draining" }
    if member.store.isOverloaded { return "the store is overloaded" }
    return clockComplaint
  }

  public func metrics() async -> [MetricFamily] {
    var totals = GatewayCounters()
    let member = self.member
    for (index, gateway) in (member?.gateways ?? []).enumerated() {
      totals = totals + (await environment.reactors[index].perform { gateway.access(on: $0).counters })
    }
    let shards = await member?.store.counters() ?? ShardCounters()
    let uptime = Double(uptimeNanoseconds) / 1e9
    return NodeMetrics.families(uptime: uptime, totals, shards)
      + (member.map { NodeMetrics.families($0.store.local) } ?? []) + clusterMetrics() + clockMetrics()
  }

  // MARK: Stop

  /// Hands leases on, ends the sessions, flushes the store.
  public func stop() async {
    _ = await drain()
    member?.placement.stop()
    life.withLock { $0.isStopping = true }
    for waiter in takeWaiters() { waiter.resume(returning: false) }
    clockWatch.stop()
    let open = doors.withLock { doors in
      defer { doors = nil }
      return doors
    }
    if let open { await open.admin.stop() }
    answerInitialisations(.refused("the node is stopping"))
    // What runs on its own ends before its ground goes away.
    var waited: Int64 = 0
    while life.withLock({ $0.roundCount }) > 0, waited < Limits.roundNanoseconds {
      await environment.reactors[0].sleep(nanoseconds: 10_000_000)
      waited += 10_000_000
    }
    await transport?.stop()
    passwords.stop()
    await member?.store.stop()
    recordWorker.stop()
    try? await environment.shutdown()
  }
}

extension String {
  fileprivate var capitalizingFirst: String { prefix(1).uppercased() + dropFirst() }
}
