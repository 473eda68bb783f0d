// HOT: what a source said of the time at one moment, and how that ages until it says something new.
//
// An estimate bounds true time relative to one of the machine's clocks, so that an interval at any later moment takes a look at that clock
// and an addition. Which clock it is matters:
//   wall       the machine's time of day, where the source vouches for that clock itself, steps included
//   monotonic  the time of day without its steps: what was found when the source was asked, carried on
//   steady     the oscillator, which no time service corrects: what cluster time is measured by
// Bounds move apart as the estimate ages, since two clocks drift; how fast is part of what the source says.

/// The machine's clocks, read together. All in nanoseconds.
public struct ClockReading: Hashable, Sendable {
  /// Since 1970; read before the others.
  public var wall: Int64
  public var monotonic: Int64
  public var steady: Int64

  public init(wall: Int64, monotonic: Int64, steady: Int64) {
    self.wall = wall
    self.monotonic = monotonic
    self.steady = steady
  }
}

/// Bounds of true time relative to one of the machine's clocks.
public struct ClockEstimate: Hashable, Sendable {
  public enum Base: UInt8, Sendable {
    case wall, monotonic, steady
  }

  public var base: Base
  /// True time less the clock's, at the least and at the most, in nanoseconds.
  public var lower: Int64
  public var upper: Int64
  /// From when on the bounds move apart: by the monotonic clock, or the steady one if that is the base.
  public var asOf: Int64
  /// How fast, in parts per billion.
  public var driftPerBillion: Int64
  /// From then on they move apart as fast as two clocks may that nobody looks after.
  public var trustedUntil: Int64

  /// How fast two machines' clocks may drift apart: a good crystal is off by 50 parts in a million, one that is left alone in the heat by 200.
  public static let freeDriftPerBillion: Int64 = 500_000

  public init(
    base: Base, lower: Int64, upper: Int64, asOf: Int64, driftPerBillion: Int64 = 0, trustedUntil: Int64 = .max
  ) {
    precondition(lower <= upper, "an estimate of the time contradicts itself")
    self.base = base
    self.lower = lower
    self.upper = upper
    self.asOf = asOf
    self.driftPerBillion = driftPerBillion
    self.trustedUntil = trustedUntil
  }

  /// By how much each bound has moved.
  @inlinable
  public func widening(at now: Int64) -> Int64 {
    if driftPerBillion == 0, now <= trustedUntil { return 0 }
    let trusted = Swift.max(0, Swift.min(now, Swift.max(trustedUntil, asOf)) &- asOf)
    let free = Swift.max(0, now &- Swift.max(trustedUntil, asOf))
    return Self.drift(trusted, driftPerBillion) &+ Self.drift(free, Self.freeDriftPerBillion)
  }

  /// Rounded up.
  @inlinable
  public static func drift(_ nanoseconds: Int64, _ perBillion: Int64) -> Int64 {
    nanoseconds / 1_000_000_000 &* perBillion
      &+ (nanoseconds % 1_000_000_000 &* perBillion &+ 999_999_999) / 1_000_000_000
  }

  /// The bounds when the machine's clocks show this.
  @inlinable
  public func interval(at reading: ClockReading) -> ClockInterval {
    let now = base == .steady ? reading.steady : reading.monotonic
    let wider = widening(at: now)
    let clock =
      switch base {
      case .wall: reading.wall
      case .monotonic: reading.monotonic
      case .steady: reading.steady
      }
    let (earliest, below) = clock.addingReportingOverflow(lower &- wider)
    let (latest, above) = clock.addingReportingOverflow(upper &+ wider)
    return ClockInterval(earliest: below ? Int64.min : earliest, latest: above ? Int64.max : latest)
  }
}
