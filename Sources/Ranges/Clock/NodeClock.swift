// HOT: A node's one clock, shared by its reactors: hybrid logical time over bounds of true time.
//
// Invariants: timestamps given out ascend strictly, over all reactors. `earliest` never goes back, and so commit-wait always ends. The wall
// reading never goes back: a backward step of the machine's clock is bridged by the monotonic clock until the wall has caught up.
// Where several sources bound the same time it lies in all of their intervals.
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
    var estimates: [ClockEstimate]
    /// Whether an estimate rests on the time of day; on the oscillator.
    var readsWall = false
    var readsSteady = false
    /// The greatest `earliest` that was given out.
    var earliest = Int64.min
    var order = RealTimeOrder.strict

    mutating func set(_ estimates: [ClockEstimate]) {
      self.estimates = estimates
      readsWall = estimates.contains { $0.base == .wall }
      readsSteady = estimates.contains { $0.base == .steady }
    }
  }

  /// How far the bridge over a step back may lead ahead of the wall before it is taken for one. Clocks that go by the wall may contradict each
  /// other by so much without a fault.
  static let bridgeSlack: Int64 = 1_000_000

  private let environment: any Environment
  private let state: Mutex<State>
  /// Nanoseconds that the clocks of a cluster's nodes may be off at most; 0: they are one.
  public let permittedError: Int64

  /// - Parameter estimates: what the sources say; without any the clock must not be read until `set` is called.
  public init(environment: any Environment, estimates: [ClockEstimate], permittedError: Int64 = 0) {
    self.environment = environment
    self.permittedError = permittedError
    var initial = State(
      wall: environment.wallNow(), monotonic: environment.monotonicNow().nanoseconds, estimates: [])
    initial.set(estimates)
    state = Mutex(initial)
  }

  /// A clock that goes by the wall, give or take a bound.
  public convenience init(environment: any Environment, maximumError: Int64 = 0) {
    self.init(
      environment: environment,
      estimates: [ClockEstimate(base: .wall, lower: -maximumError, upper: maximumError, asOf: 0)],
      permittedError: maximumError)
  }

  /// Goes by what the sources say now.
  public func set(_ estimates: [ClockEstimate]) { state.withLock { $0.set(estimates) } }

  private func readWall(_ state: inout State) {
    // The wall first: where the thread stands still in between, the bridge then falls short, and the wall is taken. The other way round it would
    // lead ahead of the wall from then on, by as long as the thread stood still.
    let wall = environment.wallNow()
    let monotonic = environment.monotonicNow().nanoseconds
    let bridged = state.wall &+ max(0, monotonic &- state.monotonic)
    // The two clocks are read a little apart; only a step makes them disagree by more than a scheduling pause.
    state.wall = wall >= bridged || bridged &- wall < Self.bridgeSlack ? max(wall, state.wall) : bridged
    state.monotonic = monotonic
  }

  private func read(_ state: inout State) -> ClockInterval {
    if state.readsWall { readWall(&state) } else { state.monotonic = environment.monotonicNow().nanoseconds }
    let reading = ClockReading(
      wall: state.wall, monotonic: state.monotonic, steady: state.readsSteady ? environment.steadyNow() : 0)
    precondition(!state.estimates.isEmpty, "the clock is read before any source has said anything")
    var interval = state.estimates[0].interval(at: reading)
    for place in state.estimates.indices.dropFirst() {
      // Sources that contradict each other end the node (`ClockWatch`); until then the first counts.
      interval = interval.intersection(state.estimates[place].interval(at: reading)) ?? interval
    }
    state.earliest = max(state.earliest, interval.earliest)
    return ClockInterval(earliest: state.earliest, latest: max(state.earliest, interval.latest))
  }

  /// The timestamp of a transaction that begins now: at least `latest`, above everything given out before.
  public func now() -> Timestamp {
    state.withLock { state in
      let interval = read(&state)
      let reached = state.hybrid.now(wall: interval.middle).timestamp
      return max(reached, interval.latestTimestamp)
    }
  }

  /// What this node does to keep transactions in the order in which they happen.
  public var order: RealTimeOrder { state.withLock { $0.order } }
  public func set(_ order: RealTimeOrder) { state.withLock { $0.order = order } }

  /// What a transaction that begins now reads at, and up to where it must expect what was acknowledged before; zero: nowhere above.
  public func begin() -> (read: Timestamp, uncertain: Timestamp) {
    state.withLock { state in
      let interval = read(&state)
      let reached = state.hybrid.now(wall: interval.middle).timestamp
      let read = state.order.waits ? max(reached, interval.latestTimestamp) : reached
      guard state.order.looksAhead else { return (read, .zero) }
      return (read, Timestamp(wall: interval.latest &+ RealTimeOrder.lookahead &+ 1))
    }
  }

  /// The bounds of true time.
  public func interval() -> ClockInterval { state.withLock { state in read(&state) } }

  /// Nanoseconds until a write at `timestamp` may be told to anybody.
  public func commitWait(for timestamp: Timestamp) -> Int64 {
    state.withLock { state in
      // Mostly the last reading is late enough, and the machine's clocks need not be read again.
      if timestamp.wall < state.earliest { return 0 }
      if state.order.waits { return read(&state).commitWait(for: timestamp) }
      let due = Timestamp(wall: timestamp.wall &- RealTimeOrder.lookahead, logical: timestamp.logical)
      return due.wall < state.earliest ? 0 : read(&state).commitWait(for: due)
    }
  }

  /// Takes note of what another clock, or this one in an earlier life, has reached.
  public func update(_ reached: ClockTimestamp) {
    state.withLock { state in
      let interval = read(&state)
      state.hybrid.update(reached, wall: interval.middle)
    }
  }

  /// How far the hybrid clock runs ahead of true time, in nanoseconds.
  public var drift: Int64 {
    state.withLock { state in
      let interval = read(&state)
      return state.hybrid.drift(wall: interval.middle)
    }
  }

  // MARK: Other nodes' clocks

  /// By how much another node's claim, made before now, proves that one of the two clocks breaks its bound: it lies later than this
  /// node's `latest`. 0 if it does not.
  public func excess(of claim: ClockInterval) -> Int64 {
    state.withLock { state in
      let slack = state.readsWall ? Self.bridgeSlack : 0
      let ahead = claim.earliest.subtractingReportingOverflow(read(&state).latest)
      return ahead.overflow ? (claim.earliest < 0 ? 0 : Int64.max) : max(0, ahead.partialValue &- slack)
    }
  }

  /// The same of a claim that was made after this node's `earliest` was `asked`: it lies before that.
  public func shortfall(of claim: ClockInterval, since asked: Int64) -> Int64 {
    let slack = state.withLock { $0.readsWall } ? Self.bridgeSlack : 0
    let behind = asked.subtractingReportingOverflow(claim.latest)
    return behind.overflow ? (asked < 0 ? 0 : Int64.max) : max(0, behind.partialValue &- slack)
  }

  /// The greatest wall time that a request's timestamp may have: true time is at most `latest`, a sound clock's `latest` is at most twice the
  /// error further, and what a leaseholder does not know of others' reads moves timestamps by as much again. What this node has reached
  /// itself, as after its machine's clock was set back, it does not hold against others.
  public var latestAcceptable: Int64 {
    let reached = state.withLock { state in max(read(&state).latest, state.hybrid.last.wall) }
    let (limit, overflow) = reached.addingReportingOverflow(
      max(Self.leastTolerance, permittedError.multipliedReportingOverflow(by: 4).partialValue))
    return overflow ? Int64.max : limit
  }

  /// Of requests' timestamps: clocks without an error still step back, and are bridged.
  private static let leastTolerance: Int64 = 1_000_000_000
}
