// The clocks of one simulated machine as a value: a monotonic one that runs fast or slow, and a wall clock beside it that
// is off and may jump. True time is the world's and nobody's to read.
// Invariant: the monotonic clock never goes back, whatever its rate is set to.

/// The clocks of a machine.
public struct SimulatedClock: Sendable {
  /// 2024-01-01 00:00:00 UTC: where true time begins on the calendar.
  public static let epoch: Int64 = 1_704_067_200_000_000_000

  /// True time when the rate was last set, and what the monotonic clock showed then.
  private var anchor: (time: Int64, reading: Int64)
  /// How much faster than true time the clocks run, in parts per million.
  public private(set) var driftPerMillion: Int64
  /// How far the wall clock is ahead of the monotonic one since `epoch`, in nanoseconds.
  private var wallOffset: Int64

  public init(offset: Int64 = 0, driftPerMillion: Int64 = 0, bootReading: Int64 = 1_000_000_000) {
    anchor = (0, bootReading)
    self.driftPerMillion = driftPerMillion
    wallOffset = offset - bootReading
  }

  public func monotonic(at time: Int64) -> Int64 {
    let elapsed = time - anchor.time
    return anchor.reading + elapsed + elapsed / 1_000_000 * driftPerMillion
      + elapsed % 1_000_000 * driftPerMillion / 1_000_000
  }

  /// Nanoseconds since the Unix epoch as this machine sees it.
  public func wall(at time: Int64) -> Int64 { Self.epoch + wallOffset + monotonic(at: time) }

  /// How much true time passes while this clock counts `nanoseconds`, at today's rate.
  public func trueDuration(_ nanoseconds: Int64) -> Int64 {
    nanoseconds - nanoseconds / (1_000_000 + driftPerMillion) * driftPerMillion
      - nanoseconds % (1_000_000 + driftPerMillion) * driftPerMillion / (1_000_000 + driftPerMillion)
  }

  public mutating func setDrift(perMillion: Int64, at time: Int64) {
    precondition(abs(perMillion) < 500_000, "a clock runs forward")
    anchor = (time, monotonic(at: time))
    driftPerMillion = perMillion
  }

  /// Sets the wall clock forward, or back.
  public mutating func jump(byNanoseconds nanoseconds: Int64) { wallOffset += nanoseconds }
}
