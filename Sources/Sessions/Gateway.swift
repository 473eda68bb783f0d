// What the sessions of one reactor share: the way into transactions, the catalog, sequences, plans, time.
// Confined to its reactor.

import Catalog
import Clocks
import Execution
import Logging
import Reactors
import SQLTypes
import Transactions

public final class Gateway {
  public let reactor: Reactor
  public let environment: any Environment
  public let transactions: TransactionSystem
  public let catalog: CatalogCache
  public let sequences: SequenceService
  public let logger: Logger
  let plans = PlanCache(capacity: 4096)
  let codecs = CodecCache()
  var random: RandomSource
  public internal(set) var counters = GatewayCounters()

  public init(
    reactor: Reactor, environment: any Environment, transactions: TransactionSystem, catalog: CatalogCache,
    sequences: SequenceService, logger: Logger
  ) {
    self.reactor = reactor
    self.environment = environment
    self.transactions = transactions
    self.catalog = catalog
    self.sequences = sequences
    self.logger = logger
    random = environment.makeRandom("gateway \(reactor.index)")
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
