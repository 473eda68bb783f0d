// What the sessions of one reactor share: the way into transactions, the catalog, sequences, plans, time.
// Confined to its reactor.

import Catalog
import Clocks
import Encoding
import Execution
import Logging
import Planning
import Ranges
import Reactors
import SQLTypes
import Transactions

public final class Gateway {
  public let reactor: Reactor
  public let environment: any Environment
  public let transactions: TransactionSystem
  public let catalog: CatalogCache
  public let sequences: SequenceService
  public let rowIDs: RowIDGenerator
  public let logger: Logger
  /// Nil where there is no cluster to ask, as in simulations.
  public weak var cluster: (any ClusterService)?
  let passwords: PasswordHasher
  let plans = PlanCache(capacity: 4096)
  let codecs = CodecCache()
  var random: RandomSource
  /// When the node started, in microseconds since 2000-01-01 UTC.
  let startTime: Int64
  let tableStatistics: any StatisticsProvider = NoStatistics()
  public internal(set) var counters = GatewayCounters()

  public init(
    reactor: Reactor, environment: any Environment, transactions: TransactionSystem, catalog: CatalogCache,
    sequences: SequenceService, rowIDs: RowIDGenerator, passwords: PasswordHasher? = nil, logger: Logger
  ) {
    self.passwords = passwords ?? PasswordHasher(environment: environment)
    self.reactor = reactor
    self.environment = environment
    self.transactions = transactions
    self.catalog = catalog
    self.sequences = sequences
    self.rowIDs = rowIDs
    self.logger = logger
    startTime = environment.wallNow() / 1000 - 946_684_800_000_000
    random = environment.makeRandom("gateway \(reactor.index)")
  }

  /// The catalog as a transaction sees it.
  /// - Parameter known: an earlier transaction's view of the same session, given back if the catalog is still the same.
  func view(
    in transaction: Transaction, user: String, database: OID, like known: CatalogView? = nil
  ) async throws(SQLError) -> CatalogView {
    let view: CatalogView
    do throws(TransactionError) {
      view = try await catalog.view(in: transaction, version: catalogVersion(for: transaction), like: known)
      if view === known { return view }
    } catch {
      throw SQLError(error, relation: { _ in nil })
    }
    view.user = user
    view.database = database
    return view
  }

  /// The catalog's version, as it holds for a while.
  private var versionAhead: (read: ReadAhead, version: UInt64)?
  private var isReadingAhead = false

  /// The catalog's version for a transaction, if it is known without a read of its own. Nobody waits for a read ahead,
  /// which could not be cancelled: it serves those that come later.
  func catalogVersion(for transaction: Transaction) -> UInt64? {
    guard transaction.mayReadAhead(KeyLayout.catalogVersion) else { return nil }
    if let versionAhead, transaction.sees(versionAhead.read) { return versionAhead.version }
    if isReadingAhead { return nil }
    isReadingAhead = true
    let me = Confined(self, to: reactor)
    let horizon = transaction.horizon
    reactor.spawn { reactor in await me.access(on: reactor).readVersionAhead(of: horizon) }
    return nil
  }

  private func readVersionAhead(of horizon: Timestamp) async {
    defer { isReadingAhead = false }
    // Whoever needs it reads it, and hears why that fails.
    guard let read = try? await transactions.readAhead(KeyLayout.catalogVersion, of: horizon),
      let version = try? CatalogSnapshot.decodeVersion(read.value)
    else { return }
    versionAhead = (read, version)
  }

  /// When the open transactions of this reactor's sessions began, each at a place that it gives back: what they may still read
  /// must not be cleared. As many places as transactions were ever open together, one for each session.
  private var openTransactions: [Int64] = []
  private var freePlaces: [Int] = []

  func transactionBegan(_ transaction: Transaction) -> Int {
    let wall = transaction.readTimestamp.wall
    guard let place = freePlaces.popLast() else {
      openTransactions.append(wall)
      return openTransactions.count - 1
    }
    openTransactions[place] = wall
    return place
  }

  func transactionEnded(_ place: Int) {
    openTransactions[place] = Int64.max
    freePlaces.append(place)
  }

  /// The wall time of the oldest open transaction's begin, nil if there is none.
  public var oldestTransaction: Int64? {
    guard let oldest = openTransactions.min(), oldest != Int64.max else { return nil }
    return oldest
  }

  /// Microseconds since 2000-01-01 UTC, PostgreSQL's epoch.
  var now: Int64 { environment.wallNow() / 1000 - 946_684_800_000_000 }
}

/// What one reactor's sessions have done, summed over the reactors when metrics are read.
public struct GatewayCounters: Sendable {
  public var sessions = 0
  public var statements: UInt64 = 0
  public var failedStatements: UInt64 = 0
  public var retries: UInt64 = 0
  public var commits: UInt64 = 0
  public var rollbacks: UInt64 = 0
  public var planCacheHits: UInt64 = 0
  public var planCacheMisses: UInt64 = 0

  public init() {}

  public static func + (a: GatewayCounters, b: GatewayCounters) -> GatewayCounters {
    var sum = GatewayCounters()
    sum.sessions = a.sessions + b.sessions
    sum.statements = a.statements &+ b.statements
    sum.failedStatements = a.failedStatements &+ b.failedStatements
    sum.retries = a.retries &+ b.retries
    sum.commits = a.commits &+ b.commits
    sum.rollbacks = a.rollbacks &+ b.rollbacks
    sum.planCacheHits = a.planCacheHits &+ b.planCacheHits
    sum.planCacheMisses = a.planCacheMisses &+ b.planCacheMisses
    return sum
  }
}
