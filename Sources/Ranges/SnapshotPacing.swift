// How fast snapshots leave a store: one at a time to each other store, and all together no faster than a rate, so that filling a
// replica costs those that are served something, but not much.

import Reactors
import Synchronization
import Transport

/// A bucket that fills at a rate. Pure: times come in, waits come out.
struct SnapshotRate {
  /// Bytes a second.
  var rate: Int64
  /// Up to when what was let through before takes at this rate, by the monotonic clock.
  private var busyUntil: Int64 = 0

  init(rate: Int64) { self.rate = rate }

  /// Lets bytes through.
  /// - Returns: nanoseconds to wait before more are.
  mutating func pass(_ byteCount: Int, at now: Int64) -> Int64 {
    let cost = Int64(Double(byteCount) * 1e9 / Double(max(1, rate)))
    busyUntil = max(busyUntil, now) &+ cost
    return busyUntil - now
  }
}

/// Shared by a store's reactors.
final class SnapshotPacing: Sendable {
  private struct State {
    var rate: SnapshotRate
    /// Nodes that a snapshot is on its way to.
    var targets: Set<NodeID> = []
  }

  private let state: Mutex<State>

  init(rate: Int64) { state = Mutex(State(rate: SnapshotRate(rate: rate))) }

  func setRate(_ rate: Int64) { state.withLock { $0.rate.rate = rate } }

  /// False if another one is on its way there.
  func begin(to node: NodeID) -> Bool { state.withLock { $0.targets.insert(node).inserted } }
  func end(to node: NodeID) { state.withLock { _ = $0.targets.remove(node) } }

  func pass(_ byteCount: Int, at now: Int64) -> Int64 { state.withLock { $0.rate.pass(byteCount, at: now) } }
}
