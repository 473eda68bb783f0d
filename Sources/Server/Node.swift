// One running node: the environment, the store, a gateway on every reactor, and the two doors to the outside. The only place that
// knows all rooms.

import Admin
import Catalog
import Certificates
import Clocks
import Execution
import Logging
import NIOCore
import NIOPosix
import PGWire
import Ranges
import Reactors
import SQLTypes
import Sessions
import Storage
import Glibc
import Synchronization
import Transactions

public final class Node: SessionFactory, AdminSource {
  enum Limits {
    /// Time between two looks for data of dropped tables and indexes to clear.
    static let upkeepNanoseconds: Int64 = 15_000_000_000
    /// Time that clients get to end their sessions when the node stops.
    static let drainNanoseconds: Int64 = 5_000_000_000
  }

  public let logger: Logger
  public let configuration: NodeConfiguration
  private let environment: ProductionEnvironment
  private let store: Store
  /// By reactor.
  private let gateways: [Confined<Gateway>]
  private let passwords: PasswordHasher
  private let startTime: MonotonicInstant
  private let doors = Mutex<Doors?>(nil)
  private let isStopping = Mutex(false)

  private struct Doors {
    var wire: WireServer
    var admin: AdminServer
    var registry: ConnectionRegistry
    var sqlAddress: ListenAddress
    var httpAddress: ListenAddress
  }

  private init(
    configuration: NodeConfiguration, logger: Logger, environment: ProductionEnvironment, store: Store,
    gateways: [Confined<Gateway>], passwords: PasswordHasher
  ) {
    self.passwords = passwords
    self.configuration = configuration
    self.logger = logger
    self.environment = environment
    self.store = store
    self.gateways = gateways
    startTime = environment.monotonicNow()
  }

  // MARK: Start

  /// Opens the store, replays its log, and serves.
  /// - Throws: `NodeStartError` with a sentence for the operator; nothing was changed then.
  public static func start(_ configuration: NodeConfiguration) async throws -> Node {
    let environment = ProductionEnvironment(reactorCount: configuration.reactorCount)
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
    var random = environment.makeRandom("store identity")
    let newID = LocalStore.StoreID(high: random.next(), low: random.next())
    let store: Store
    do {
      let local = try LocalStore.open(
        directory: configuration.store, cacheByteCount: configuration.cacheByteCount, newID: newID)
      let clock = NodeClock(environment: environment, source: OneClockSource())
      store = try await Store.open(environment: environment, local: local, clock: clock, logger: logger) { reason in
        // Better no node than one that acknowledges what it cannot keep.
        logger.critical("the node stops: its store failed", metadata: ["reason": "\(reason)"])
        exit(1)
      }
    } catch {
      throw NodeStartError(description: "cannot open the store: \(error)")
    }
    let catalog = CatalogCache()
    let sequences = SequenceService()
    let rowIDs = RowIDGenerator(node: 1)
    let passwords = PasswordHasher(environment: environment)
    var gateways: [Confined<Gateway>] = []
    for reactor in environment.reactors {
      gateways.append(
        await reactor.perform { reactor in
          let transactions = TransactionSystem(store, on: reactor)
          return Confined(
            Gateway(
              reactor: reactor, environment: environment, transactions: transactions, catalog: catalog,
              sequences: sequences, rowIDs: rowIDs, passwords: passwords, logger: logger),
            to: reactor)
        })
    }
    let node = Node(
      configuration: configuration, logger: logger, environment: environment, store: store, gateways: gateways,
      passwords: passwords)
    node.scheduleUpkeep()
    do {
      try await node.listen(certificates)
    } catch {
      await store.stop()
      throw error
    }
    return node
  }

  private func listen(_ certificates: NodeCertificates?) async throws(NodeStartError) {
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

  // MARK: Upkeep

  /// Clears what dropped tables, truncations and rewrites left behind once no open transaction can want it.
  private func scheduleUpkeep() {
    let reactor = environment.reactors[0]
    _ = reactor.schedule(afterNanoseconds: Limits.upkeepNanoseconds) { [weak self] reactor in
      guard let self else { return }
      reactor.run { _ in
        guard !self.isStopping.withLock({ $0 }) else { return }
        await self.clearDroppedStorage()
        self.scheduleUpkeep()
      }
    }
  }

  private func clearDroppedStorage() async {
    var oldest = environment.wallNow()
    for (index, reactor) in environment.reactors.enumerated() {
      let gateway = gateways[index]
      if let begin = await reactor.perform({ reactor in gateway.access(on: reactor).oldestTransaction }) {
        oldest = min(oldest, begin)
      }
    }
    let transactions = gateways[0].accessAssumingIsolated().transactions
    do throws(TransactionError) {
      _ = try await DroppedStorage.clear(in: transactions, droppedBefore: oldest)
    } catch {
      logger.warning("dropped storage stays for now", metadata: ["reason": "\(error)"])
    }
  }

  // MARK: Facts

  public var sqlAddress: ListenAddress { doors.withLock { $0?.sqlAddress } ?? configuration.sqlAddress }
  public var httpAddress: ListenAddress { doors.withLock { $0?.httpAddress } ?? configuration.httpAddress }

  /// Printed once when the node answers.
  public var readyLine: String {
    "meridian \(ServerVersion.meridian) ready: sql=\(sqlAddress) http=\(httpAddress) "
      + "url=postgresql://postgres@\(sqlAddress)/postgres"
      + (configuration.certificates.map {
        "?sslmode=verify-full&sslrootcert=\(CertificateFolder($0).authorityCertificate)"
      } ?? "")
  }

  // MARK: Sessions

  public func makeSession(
    on reactor: Reactor, user: String, database: String, parameters: [(name: String, value: String)], process: Int32,
    client: any ClientChannel
  ) async throws(SQLError) -> Session {
    // Called on the reactor that the client's channel lives on.
    let gateway = gateways[reactor.index].accessAssumingIsolated()
    return try await Session.open(
      gateway: gateway, client: client, user: user, database: database, parameters: parameters, process: process)
  }

  public func passwordVerifier(of user: String, on reactor: Reactor) async throws(SQLError) -> String? {
    try await gateways[reactor.index].accessAssumingIsolated().passwordVerifier(of: user)
  }

  // MARK: Administration

  public var summary: String { readyLine + "\n/health\n/metrics\n" }

  public func complaint() async -> String? { store.isOverloaded ? "the store is overloaded" : nil }

  public func metrics() async -> [MetricFamily] {
    var totals = GatewayCounters()
    for (index, reactor) in environment.reactors.enumerated() {
      let gateway = gateways[index]
      totals = totals + (await reactor.perform { reactor in gateway.access(on: reactor).counters })
    }
    let shards = await store.counters()
    let uptime = Double(environment.monotonicNow().nanoseconds - startTime.nanoseconds) / 1e9
    var families: [MetricFamily] = [
      MetricFamily("meridian_uptime_seconds", "Time since the node started.", .gauge, uptime),
      MetricFamily("meridian_sql_sessions", "Clients connected.", .gauge, Double(totals.sessions)),
    ]
    func counter(_ name: String, _ help: String, _ value: UInt64) {
      families.append(MetricFamily(name, help, .counter, Double(value)))
    }
    counter("meridian_sql_statements_total", "Statements run.", totals.statements)
    counter("meridian_sql_failed_statements_total", "Statements that ended with an error.", totals.failedStatements)
    counter(
      "meridian_sql_retries_total", "Statements and transactions tried again without the client knowing.",
      totals.retries)
    counter("meridian_sql_commits_total", "Transactions committed.", totals.commits)
    counter("meridian_sql_rollbacks_total", "Transactions rolled back.", totals.rollbacks)
    counter("meridian_sql_plan_cache_hits_total", "Simple queries that found their plan.", totals.planCacheHits)
    counter("meridian_sql_plan_cache_misses_total", "Simple queries that had to be planned.", totals.planCacheMisses)
    counter("meridian_range_reads_total", "Point reads served.", shards.reads)
    counter("meridian_range_scans_total", "Scans served.", shards.scans)
    counter("meridian_range_commands_total", "Replicated commands applied.", shards.commands)
    counter("meridian_range_latch_waits_total", "Requests that waited for a latch.", shards.latchWaits)
    counter("meridian_range_lock_waits_total", "Requests that waited for a lock.", shards.lockWaits)
    counter("meridian_range_deadlocks_total", "Deadlocks broken.", shards.deadlocks)
    counter(
      "meridian_range_refresh_failures_total", "Transactions whose reads could not be moved forward.",
      shards.refreshFailures)
    counter("meridian_range_applied_bytes_total", "Bytes of commands applied.", shards.appliedBytes)
    counter("meridian_range_intents_resolved_total", "Intents turned into versions or removed.", shards.intentsResolved)
    counter(
      "meridian_range_versions_collected_total", "Versions removed by garbage collection.", shards.versionsCollected)
    return families
  }

  // MARK: Stop

  /// Takes no more clients, ends the sessions, flushes the store.
  public func stop() async {
    isStopping.withLock { $0 = true }
    let open = doors.withLock { doors in
      defer { doors = nil }
      return doors
    }
    if let open {
      await open.wire.drain(on: environment.reactors[0], nanoseconds: Limits.drainNanoseconds)
      await open.admin.stop()
    }
    passwords.stop()
    await store.stop()
    try? await environment.shutdown()
  }
}
