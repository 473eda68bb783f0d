// What heartbeats tell of a peer's clock, as a value: the round trip, how far the peer's wall clock is ahead of ours, and the bound
// on the error of that.
//
//     ours    sent ─────────────── middle ─────────────── received
//     theirs             wall, read at some moment between the two
//
// The peer's reading belongs to some moment of the round trip, so it is at most half of it away from the middle, however unequal the
// two ways are. Readings are kept against our monotonic clock, hence a jump of our own wall clock falsifies nothing. As a reading ages
// the two clocks may drift apart by `driftPerMillion`, so that of several the one with the least bound now is the best.
// A new reading that cannot agree with the best one means that the peer's clock has been set: the old ones are dropped.
// Source: Cristian, "Probabilistic clock synchronization", 1989.

/// How far another clock is ahead, in nanoseconds; the truth lies within `uncertainty` on either side.
public struct ClockOffset: Hashable, Sendable {
  public var offset: Int64
  public var uncertainty: Int64

  public init(offset: Int64, uncertainty: Int64) {
    self.offset = offset
    self.uncertainty = uncertainty
  }
}

/// A peer's clock as heartbeats show it. All times are in nanoseconds.
public struct PeerClock: Hashable, Sendable {
  /// How fast two clocks may drift apart: a good crystal is off by 50 parts in a million, and a clock that is being corrected by more.
  public static let driftPerMillion: Int64 = 200
  /// Readings that are kept: the last quarter of a minute.
  public static let windowCount = 15

  private struct Reading: Hashable, Sendable {
    /// By our monotonic clock.
    var middle: Int64
    /// The peer's wall clock less our monotonic one.
    var difference: Int64
    /// Half of the round trip, rounded up.
    var error: Int64

    func error(at now: Int64) -> Int64 {
      let age = max(0, now &- middle)
      return error &+ age / 1_000_000 &* driftPerMillion &+ (age % 1_000_000 &* driftPerMillion + 999_999) / 1_000_000
    }
  }

  private var readings: [Reading] = []
  /// Smoothed: an eighth of each new round trip and seven of what was before (RFC 6298).
  public private(set) var roundTrip: Int64?

  public init() {}

  /// Takes note of a heartbeat that was `sent` and `received` at these moments of our monotonic clock.
  /// - Parameter wall: the peer's wall clock between the two.
  public mutating func record(sent: Int64, received: Int64, wall: Int64) {
    let (trip, overflow) = received.subtractingReportingOverflow(sent)
    guard !overflow, trip >= 0 else { return }
    roundTrip = roundTrip.map { $0 + (trip - $0) / 8 } ?? trip
    let middle = sent + trip / 2
    let reading = Reading(middle: middle, difference: wall &- middle, error: trip - trip / 2)
    if let best = best(at: received) {
      let (distance, overflow) = reading.difference.subtractingReportingOverflow(best.difference)
      let sum = best.error(at: received) &+ reading.error(at: received)
      if overflow || distance == Int64.min || abs(distance) > sum { readings.removeAll() }
    }
    if readings.count == Self.windowCount { readings.removeFirst() }
    readings.append(reading)
  }

  /// How far the peer's wall clock is ahead of ours, at this moment of our clocks; nil before the first heartbeat.
  public func offset(monotonic: Int64, wall: Int64) -> ClockOffset? {
    guard let best = best(at: monotonic) else { return nil }
    return ClockOffset(
      offset: best.difference &- (wall &- monotonic), uncertainty: best.error(at: monotonic))
  }

  private func best(at now: Int64) -> Reading? {
    readings.min { $0.error(at: now) < $1.error(at: now) }
  }

  /// Forgets everything: the peer has been restarted, perhaps on another machine.
  public mutating func reset() { self = PeerClock() }
}
