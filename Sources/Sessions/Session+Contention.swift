// What `meridian_catalog` shows of the cluster: facts from whoever knows them, gathered when a relation is read.

import Catalog
import Ranges
import SQLTypes
import Storage

extension Session {
  func facts(for table: TableDescriptor) async -> ClusterFacts {
    switch table.name {
    case "transaction_contention", "locks": await contentionFacts()
    default: await gateway.cluster?.facts() ?? ClusterFacts()
    }
  }

  private func contentionFacts() async -> ClusterFacts {
    func text(_ label: [UInt8]) -> String? { label.isEmpty ? nil : String(decoding: label, as: UTF8.self) }
    var facts = ClusterFacts()
    for report in await gateway.transactions.store.contention(on: gateway.reactor) {
      let node = Int64(report.node.rawValue)
      facts.contention += report.events.map { event in
        ClusterFacts.Contention(
          node: node, range: Int64(clamping: event.range.rawValue), key: event.key, waiter: "\(event.waiter)",
          waitingStatement: text(event.waiterLabel), blocker: "\(event.blocker)",
          blockingStatement: text(event.blockerLabel), beginning: event.beginning / 1000 - 946_684_800_000_000,
          duration: event.duration / 1000, outcome: Self.word(event.outcome))
      }
      facts.locks += report.locks.map { lock in
        ClusterFacts.Lock(
          node: node, key: lock.key, transaction: "\(lock.transaction)", statement: text(lock.label),
          isExclusive: lock.isExclusive, isGranted: lock.isGranted)
      }
    }
    facts.contention.sort { $0.beginning < $1.beginning }
    return facts
  }

  private static func word(_ outcome: ContentionEvent.Outcome) -> String {
    switch outcome {
    case .granted: "granted"
    case .timedOut: "timed out"
    case .cancelled: "cancelled"
    case .deadlock: "deadlock"
    case .stopped: "stopped"
    }
  }
}
