// Ranges that have too much to bear are cut, so that others can lead a part of them.

import Encoding
import Ranges
import Reactors

extension RangeKeeper {
  /// Cuts those whose requests are known well enough.
  func splitBusy() async {
    let now = system.reactor.environment.monotonicNow().nanoseconds
    let elapsed = now - loadsSeen
    loadsSeen = now
    let limit = system.store.splitLoad
    for replica in system.shard.busyReplicas where replica.holdsLease {
      guard let key = replica.loadSplitKey(above: limit, sinceLastLook: elapsed) else { continue }
      try? await system.split(at: key)
    }
  }
}
