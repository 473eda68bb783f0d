// Deadlocks over several ranges. As long as anybody waits for a lock of a range that is served here, it is looked again and again who does;
// where one of them was there before, the waits of all nodes are gathered, too. A cycle is believed the second time that it is seen, and
// the node of its youngest sends that away. So a deadlock lasts for three looks and twice the way to the other nodes.

import Ranges
import Storage

/// What is known from one look to the next.
struct WaitWatch {
  var search = DeadlockSearch()
  /// Who waited here at the last look.
  var waiting: Set<TransactionID> = []
}

extension RangeKeeper {
  /// Nanoseconds between two looks where few wait and nodes are few.
  private static let lookInterval: Int64 = 20_000_000
  /// Nanoseconds more for each wait and each node, so that looks take a few percent of a core at most.
  private static let pausePerWait: Int64 = 10_000
  private static let pausePerNode: Int64 = 1_000_000

  /// Looks for deadlocks until nobody waits here.
  func watchWaits() {
    guard waitWatch == nil, !isStopped else { return }
    waitWatch = WaitWatch()
    look(after: Self.lookInterval)
  }

  /// By a timer, which goes with its reactor: a task asleep would hold the store for ever.
  private func look(after nanoseconds: Int64) {
    let me = Confined(self, to: system.reactor)
    _ = system.reactor.schedule(afterNanoseconds: nanoseconds) { reactor in
      reactor.run { reactor in await me.access(on: reactor).look() }
    }
  }

  private func look() async {
    let now = system.shard.lockWaiters
    guard var watch = waitWatch, !now.isEmpty, !isStopped, !system.store.isStopped else {
      waitWatch = nil
      return
    }
    let lasting = now.intersection(watch.waiting)
    watch.waiting = now
    var pause = Self.lookInterval
    if lasting.isEmpty {
      watch.search = DeadlockSearch()
    } else {
      let store = system.store
      let reactor = system.reactor
      let peers = store.peersUp
      let waits = await system.together(peers.count + 1) { place in
        place == 0 ? await store.ownLockWaits() : await store.lockWaits(of: peers[place - 1], on: reactor)
      }.flatMap { $0 }
      pause += Int64(waits.count) * Self.pausePerWait + Int64(peers.count) * Self.pausePerNode
      for victim in watch.search.victims(among: waits) where lasting.contains(victim.id) {
        system.shard.breakWait(of: victim.id, victim.cycle)
      }
    }
    waitWatch = watch
    look(after: pause)
  }
}
