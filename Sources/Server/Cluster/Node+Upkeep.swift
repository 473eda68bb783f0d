// Clears what dropped tables, truncations and rewrites left behind, once no transaction of any node can want it, and no read of the past.
//
// Only the node that serves the first range does. What it clears was dropped before a limit that lies below the clocks of all nodes when it
// begins by as much as versions are kept, and below every transaction that is open on any node then: the members are listed, and asked, after the limit was taken, and a
// node that is not listed yet begins its first transaction later. A member that cannot be asked blocks clearing.

import Catalog
import Clocks
import Encoding
import Ranges
import Reactors
import Transactions
import Transport

extension Node {
  func scheduleUpkeep() {
    schedule(afterNanoseconds: Limits.upkeepNanoseconds) { node, reactor in
      await node.clearDroppedStorage(on: reactor)
      node.scheduleUpkeep()
    }
  }

  private func clearDroppedStorage(on reactor: isolated Reactor) async {
    guard let member, member.isServing else { return }
    let first = RangeID(1)
    let store = member.store
    let serves = await store.reactor(of: first).perform { reactor in
      store.shard(on: reactor).replica(first)?.holdsLease ?? false
    }
    guard serves else { return }
    let transactions = member.gateways[reactor.index].access(on: reactor).transactions
    do throws(TransactionError) {
      guard let limit = try await clearingLimit(member, transactions, on: reactor) else { return }
      _ = try await DroppedStorage.clear(in: transactions, droppedBefore: limit)
    } catch {
      logger.warning("dropped storage stays for now", metadata: ["reason": "\(error)"])
    }
  }

  /// Nil if a member cannot be asked.
  func clearingLimit(
    _ member: Member, _ transactions: TransactionSystem, on reactor: isolated Reactor
  ) async throws(TransactionError) -> Int64? {
    // Reads in the past see what was dropped since.
    var limit = clock.interval().earliest - member.store.versionLifetime
    if let transport {
      for record in try await Self.readRecords(transactions) where record.node != member.identity.node {
        if record.standing == .gone {
          // By then everybody turns it away.
          if environment.wallNow() - record.standingTime > Self.dismissalTime { continue }
          return nil
        }
        do throws(TransportError) {
          let report = try await report(of: record.node, transport, on: reactor)
          if let oldest = report.oldestTransaction { limit = min(limit, oldest) }
        } catch {
          logger.info(
            "dropped storage stays: a node cannot be asked for its transactions",
            metadata: ["node": "\(record.node)", "reason": "\(error)"])
          return nil
        }
      }
    }
    if let oldest = await oldestTransaction(member) { limit = min(limit, oldest) }
    return limit
  }

  /// Of this node's sessions; nanoseconds since 1970.
  func oldestTransaction(_ member: Member) async -> Int64? {
    var oldest: Int64?
    for (index, gateway) in member.gateways.enumerated() {
      let begin = await environment.reactors[index].perform { gateway.access(on: $0).oldestTransaction }
      if let begin { oldest = min(oldest ?? begin, begin) }
    }
    return oldest
  }

  /// What others are told of this node.
  func report(_ member: Member) async -> NodeReport {
    var report = NodeReport()
    report.oldestTransaction = await oldestTransaction(member)
    report.isDraining = isDraining
    report.clock = clockStatus
    // Before the ranges are looked at: what is given to a node from now on is given by who knows nothing better.
    report.leaving = knownRecords.filter { $0.standing != .member }.map(\.node)
    let store = member.store
    var led: [NodeID: Int] = [:]
    var known: [NodeID: Int] = [:]
    for reactor in environment.reactors {
      let held = await reactor.perform { store.shard(on: $0).holdings }
      report.replicaCount += held.replicaCount
      report.leaseCount += held.leaseCount
      known.merge(held.known, uniquingKeysWith: +)
      led.merge(held.led, uniquingKeysWith: +)
    }
    report.holdings = known.sorted { $0.key < $1.key }.map { node, count in
      NodeReport.Holding(node: node, led: led[node] ?? 0, known: count)
    }
    return report
  }

  /// Nanoseconds after which no member takes requests of a decommissioned node any more: each reads the records every three seconds.
  private static let dismissalTime: Int64 = 60_000_000_000

  /// Nanoseconds that a member gets to report.
  static let reportTimeout: Int64 = 2_000_000_000
}
