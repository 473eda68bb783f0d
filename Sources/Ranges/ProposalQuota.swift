// How much of a range's commands may be on its way at once. Who comes when that is full waits, first come first served, until some of
// it is applied: a burst fills the log only as fast as a quorum takes it. Followers that are slower than the quorum hold up nobody:
// what each is sent at a time is bounded by itself (`InflightLimits`), and one that falls too far behind takes a snapshot.

import DequeModule
import Reactors

/// Confined to its replica's reactor.
struct ProposalQuota {
  /// Bytes proposed and not yet applied or lost.
  private(set) var byteCount = 0
  private var waiters: Deque<Waiter> = []

  /// A command of any size may begin while there is room for one byte.
  var isFull: Bool { byteCount >= Limits.proposedBytes }

  mutating func take(_ bytes: Int) { byteCount += bytes }

  mutating func give(_ bytes: Int) {
    byteCount -= bytes
    // Who finds it full again waits again, in the same order.
    if !isFull, !waiters.isEmpty { wakeAll() }
  }

  mutating func makeWaiter() -> Waiter {
    let waiter = Waiter()
    waiters.append(waiter)
    return waiter
  }

  mutating func releaseIdleMemory() { if waiters.isEmpty { waiters = [] } }

  /// Everybody looks again.
  mutating func wakeAll() {
    let all = waiters
    waiters = []
    for waiter in all { waiter.finish(.granted) }
  }
}

extension Replica {
  /// Suspends while too much is on its way. What is proposed then is still refused if the lease has gone.
  func untilQuotaIsFree() async {
    while quota.isFull, holdsLease, !progress.isStalled {
      let waiter = quota.makeWaiter()
      _ = await waiter.value(on: shard.reactor)
    }
  }
}
