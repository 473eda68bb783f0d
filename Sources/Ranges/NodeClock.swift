// A node's one clock, shared by its reactors: hybrid logical time over the machine's wall clock and a bounded error.
//
// Invariants: timestamps given out ascend strictly, over all reactors. The wall reading never goes back: a backward step
// of the machine's clock is bridged by the monotonic clock until the wall has caught up, so commit-wait always ends.
// A restart forgets reads, not writes: replicas tell the clock the largest timestamp that they ever applied. That is
// enough: a transaction that begins after the restart lies above every write before it, hence no dependency can
// lead from a new transaction to an old one, and no cycle can close. Source: Docs/Transactions.md.

import Clocks
import Reactors
import Synchronization

public final class NodeClock: Sendable {
  private struct State {
    var hybrid = HybridLogicalClock()
    var wall: Int64
    var monotonic: Int64
  }

  private let environment: any Environment
  private let source: any TimeSource
  private let state: Mutex<State>

  public init(environment: any Environment, source: any TimeSource = OneClockSource()) {
    self.environment = environment
    self.source = source
    state = Mutex(
      State(wall: environment.wallNow(), monotonic: environment.monotonicNow().nanoseconds))
  }

  private func steadyWall(_ state: inout State) -> Int64 {
    // The wall first: where the thread stands still in between, the bridge then falls short, and the wall is taken. The other way round it would
    // lead ahead of the wall from then on, by as long as the thread stood still.
    let wall = environment.wallNow()
    let monotonic = environment.monotonicNow().nanoseconds
    let bridged = state.wall &+ max(0, monotonic &- state.monotonic)
    // The two clocks are read a little apart; only a step makes them disagree by more than a scheduling pause.
    state.wall = wall >= bridged || bridged &- wall < 1_000_000 ? max(wall, state.wall) : bridged
    state.monotonic = monotonic
    return state.wall
  }

  /// The timestamp of a transaction that begins now: at least `latest`, above everything given out before.
  public func now() -> Timestamp {
    state.withLock { state in
      let wall = steadyWall(&state)
      let reached = state.hybrid.now(wall: wall).timestamp
      let latest = source.interval(wallNow: wall).latestTimestamp
      return max(reached, latest)
    }
  }

  /// The bounds of true time.
  public func interval() -> ClockInterval {
    state.withLock { state in source.interval(wallNow: steadyWall(&state)) }
  }

  /// Nanoseconds until a write at `timestamp` may be told to anybody.
  public func commitWait(for timestamp: Timestamp) -> Int64 {
    state.withLock { state in
      // Mostly the last reading is late enough, and the machine's clocks need not be read again.
      if source.interval(wallNow: state.wall).commitWait(for: timestamp) == 0 { return 0 }
      return source.interval(wallNow: steadyWall(&state)).commitWait(for: timestamp)
    }
  }

  /// Takes note of what another clock, or this one in an earlier life, has reached.
  public func update(_ reached: ClockTimestamp) {
    state.withLock { state in
      let wall = steadyWall(&state)
      state.hybrid.update(reached, wall: wall)
    }
  }

  /// How far the hybrid clock runs ahead of the wall, in nanoseconds.
  public var drift: Int64 {
    state.withLock { state in
      let wall = steadyWall(&state)
      return state.hybrid.drift(wall: wall)
    }
  }
}
