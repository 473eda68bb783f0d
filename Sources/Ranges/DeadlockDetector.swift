// Finds a cycle of waits. Every cycle contains the wait that closed it, so looking from each new wait, in the moment it
// begins, finds every deadlock of one range at once. Edges are asked for and not stored: lock queues move all the time.
// Deadlocks over several ranges are found from the edges of all of them, gathered now and then (`LockWait`).

import Clocks
import Storage

/// Who of a cycle is sent away: the least, which is the youngest of the lowest priority.
public struct VictimRank: Comparable {
  var priority: TransactionPriority
  var start: Timestamp
  var id: TransactionID

  public static func < (a: VictimRank, b: VictimRank) -> Bool {
    if a.priority != b.priority { return a.priority < b.priority }
    return (a.start, a.id) > (b.start, b.id)
  }
}

public enum DeadlockDetector {
  /// The members of a cycle through `start`, in waiting order and beginning with it, or nil.
  public static func cycle(
    from start: TransactionID, blockers: (TransactionID) -> [TransactionID]
  ) -> [TransactionID]? {
    var visited: Set<TransactionID> = []
    var path: [TransactionID] = [start]
    var pending: [[TransactionID]] = [blockers(start).reversed()]
    while !path.isEmpty {
      guard let next = pending[pending.count - 1].popLast() else {
        path.removeLast()
        pending.removeLast()
        continue
      }
      if next == start { return path }
      guard visited.insert(next).inserted else { continue }
      path.append(next)
      pending.append(blockers(next).reversed())
    }
    return nil
  }
}
