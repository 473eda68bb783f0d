// How fast snapshots leave a store: one at a time to each other store, and all together no faster than a rate, so that filling a
// replica costs those that are served something, but not much.

import DequeModule
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
    /// Nodes that a snapshot is on its way to, each with those that wait for it to end.
    var targets: [NodeID: Deque<UnsafeContinuation<Void, Never>>] = [:]
  }

  private let state: Mutex<State>

  init(rate: Int64) { state = Mutex(State(rate: SnapshotRate(rate: rate))) }

  func setRate(_ rate: Int64) { state.withLock { $0.rate.rate = rate } }

  /// Resumes `continuation` once no other one is on its way there; then, whatever comes of it, `end` must follow.
  func begin(to node: NodeID, _ continuation: UnsafeContinuation<Void, Never>) {
    let isFree = state.withLock { state in
      let isFree = state.targets[node] == nil
      if isFree { state.targets[node] = [] } else { state.targets[node]?.append(continuation) }
      return isFree
    }
    if isFree { continuation.resume() }
  }

  func end(to node: NodeID) {
    let next = state.withLock { state in
      let next = state.targets[node]?.popFirst()
      if next == nil { state.targets[node] = nil }
      return next
    }
    next?.resume()
  }

  func pass(_ byteCount: Int, at now: Int64) -> Int64 { state.withLock { $0.rate.pass(byteCount, at: now) } }
}
