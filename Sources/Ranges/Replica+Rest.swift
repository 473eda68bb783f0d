// Most ranges of a store do nothing most of the time, and there may be tens of thousands. A replica rests while nothing is left to do for it:
// its group has nothing to say, its leaseholder remembers nothing that anybody waits for. Then no tick comes, and it is little more than
// its descriptor, its lease and how far it has applied. Whatever happens to it wakes it first: a request, a message, a command, a change
// of what stores promise each other.
//
// Contract: whoever gives a replica something that ticks or keepers must look after wakes it.

extension Replica {
  @inline(__always)
  func wake() { if !isAwake { shard.wake(self) } }

  /// Whether nothing looks after it any more.
  package var isResting: Bool { !isAwake }

  /// Whether ticks have nothing to do here any more; then what is not needed at rest is given back.
  func goesToRest() -> Bool {
    guard isRemoved || mayRest else { return false }
    isAwake = false
    if !isRemoved {
      releaseIdleMemory()
      restClosed()
    }
    return true
  }

  private var mayRest: Bool {
    guard group.isQuiet, group.isWritten, isInitialized, !isOutside, !isMute, !isChanging, !isChecking,
      !descriptor.isFrozen, held.isEmpty,
      leaderNode != nil, group.isLeader == holdsLease, pending.isEmpty, progress.obstacle == nil,
      snapshotsUnderWay.isEmpty
    else { return false }
    guard holdsLease else { return true }
    return locks.isEmpty && latches.isEmpty && registry.entries.isEmpty && !registry.hasStrangers
      && resolutions.isEmpty && load.isNone && sizedIndex == applied.index
  }

  private func releaseIdleMemory() {
    group.releaseIdleMemory()
    latches.releaseIdleMemory()
    locks.releaseIdleMemory()
    registry.releaseIdleMemory()
    if bereaved.isEmpty { bereaved = BereavedTransactions() }
    if waits.isEmpty { waits = [:] }
    if leaseWaiters.isEmpty { leaseWaiters = [] }
    quota.releaseIdleMemory()
    pending = []
    resolutions = []
    snapshotsUnderWay = []
    // Whoever leads is in the descriptor.
    origins = []
  }
}
