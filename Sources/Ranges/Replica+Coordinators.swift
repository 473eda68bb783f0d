// Locks of transactions whose coordinator was on a node that has died. Such a coordinator gives nothing back, and what it holds is in no
// record that would expire.
//
// A request from another node brings the epoch in which this store supports that node (`StoreLiveness`). Once that epoch is over, because support
// was withdrawn or the node has begun another life, the transaction's locks are released.
// The node may live all the same, cut off from this one. What a transaction read under its locks is not looked at again when it commits, so one that
// lost them may not go on: its id is kept, and its next request that counts on locks is refused with a retry.

import DequeModule
import Encoding
import Reactors
import Storage
import Transport

/// One life of another node that coordinates transactions.
struct Coordinator: Hashable, Sendable {
  var node: NodeID
  /// In which it was supported; nil: it was not known well enough.
  var epoch: SupportEpoch?
  /// Monotonic nanoseconds of when it asked.
  var since: Int64
}

/// Who lost its locks, and in which epoch, the latest so many of them. Whoever has begun anew since counts on nothing of before.
struct BereavedTransactions {
  /// A hundred thousand die at once only with tens of thousands of connections to the node.
  static let limit = 100_000
  private var epochs: [TransactionID: UInt32] = [:]
  private var order: Deque<TransactionID> = []

  mutating func insert(_ id: TransactionID, epoch: UInt32) {
    guard epochs.updateValue(epoch, forKey: id) == nil else { return }
    order.append(id)
    if order.count > Self.limit { epochs[order.removeFirst()] = nil }
  }

  var isEmpty: Bool { epochs.isEmpty }
  func contains(_ id: TransactionID, epoch: UInt32) -> Bool { epochs[id].map { $0 >= epoch } ?? false }
}

extension StoreSupport {
  /// The life of a node that asks now.
  func coordinator(_ node: NodeID, at monotonic: Int64) -> Coordinator {
    Coordinator(node: node, epoch: supportedEpoch(of: node), since: monotonic)
  }

  func isOver(_ coordinator: Coordinator, at monotonic: Int64) -> Bool {
    if let epoch = coordinator.epoch { return !supports(coordinator.node, in: epoch) }
    // Whoever lives asks for support within a second.
    return supportedEpoch(of: coordinator.node) == nil && monotonic - coordinator.since > Limits.transactionExpiry
  }
}

extension Replica {
  /// Releases what transactions of the dead hold. Called about once a second while there are locks.
  func releaseLocksOfTheDead() {
    guard holdsLease, !locks.isEmpty else { return }
    let now = shard.reactor.environment.monotonicNow().nanoseconds
    for owner in locks.remoteOwners {
      guard let coordinator = owner.coordinator else { continue }
      if shard.support.isOver(coordinator, at: now) {
        // With its intents in place nobody else may have its locks: first it is aborted, and the next call finds it so.
        if let entry = registry[owner.id], !entry.record.status.isFinal {
          if entry.record.status == .pending, entry.finishing == nil, hasRecord(of: entry) { giveUp(entry) }
          continue
        }
        bereaved.insert(owner.id, epoch: owner.epoch)
        locks.release(owner.id)
      } else if coordinator.epoch == nil {
        owner.coordinator?.epoch = shard.support.supportedEpoch(of: coordinator.node)
      }
    }
  }
}
