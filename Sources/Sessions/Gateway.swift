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
  let plans = PlanCache(capacity: 4096)
  let codecs = CodecCache()
  var random: RandomSource
  let tableStatistics: any StatisticsProvider = NoStatistics()
  public internal(set) var counters = GatewayCounters()

  public init(
    reactor: Reactor, environment: any Environment, transactions: TransactionSystem, catalog: CatalogCache,
    sequences: SequenceService, rowIDs: RowIDGenerator, logger: Logger
  ) {
    self.reactor = reactor
    self.environment = environment
    self.transactions = transactions
    self.catalog = catalog
    self.sequences = sequences
    self.rowIDs = rowIDs
    self.logger = logger
    random = environment.makeRandom("gateway \(reactor.index)")
  }

  /// The catalog as a transaction sees it.
  func view(in transaction: Transaction, user: String, database: OID) async throws(SQLError) -> CatalogView {
    let view: CatalogView
    do throws(TransactionError) {
      view = try await catalog.view(in: transaction)
    } catch {
      throw SQLError(error, relation: { _ in nil })
    }
    view.user = user
    view.database = database
    return view
  }

  /// Whether `collectDroppedStorage` is under way on this reactor.
  private var isCollecting = false

  /// Clears the data of indexes that no descriptor knows any more, behind the sessions' backs. What fails now is tried again after
  /// the next schema change, or when the node starts.
  public func collectDroppedStorage() {
    guard !isCollecting else { return }
    isCollecting = true
    let box = Confined(self, to: reactor)
    reactor.enqueue { reactor in
      reactor.run { reactor in
        let gateway = box.access(on: reactor)
        await gateway.collect()
        gateway.isCollecting = false
      }
    }
  }

  private func collect() async {
    do throws(TransactionError) {
      let reader = transactions.begin(label: "collecting dropped storage")
      let entries = try await reader.entries(KeySpan(prefix: KeyLayout.garbageList))
      _ = try await reader.commit()
      for row in 0..<entries.count {
        let entry = entries.key(row)
        guard let (table, index) = KeyLayout.garbageEntry(entry) else { continue }
        try await transactions.clear(KeySpan(prefix: KeyLayout.index(table, index)))
        let remover = transactions.begin(label: "collecting dropped storage")
        remover.delete(entry)
        _ = try await remover.commit()
      }
    } catch {
      logger.warning("dropped storage stays for now", metadata: ["reason": "\(error)"])
    }
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
