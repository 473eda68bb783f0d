// Finds a cycle of waits. Every cycle contains the wait that closed it, so looking from each new wait, in the moment it
// begins, finds every deadlock of one reactor at once. Edges are asked for and not stored: lock queues move all the time.
// A range elsewhere answers the same question through a push; then the edges come by message.

enum DeadlockDetector {
  /// The members of a cycle through `start`, in waiting order and beginning with it, or nil.
  static func cycle(from start: LockOwner, blockers: (LockOwner) -> [LockOwner]) -> [LockOwner]? {
    var visited: Set<ObjectIdentifier> = []
    var path: [LockOwner] = [start]
    var pending: [[LockOwner]] = [blockers(start).reversed()]
    while !path.isEmpty {
      guard let next = pending[pending.count - 1].popLast() else {
        path.removeLast()
        pending.removeLast()
        continue
      }
      if next === start { return path }
      guard visited.insert(ObjectIdentifier(next)).inserted else { continue }
      path.append(next)
      pending.append(blockers(next).reversed())
    }
    return nil
  }
}
