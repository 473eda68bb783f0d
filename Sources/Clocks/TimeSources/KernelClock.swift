// What the kernel says of its clock: the largest error that the time service (chrony, ntpd) has told it, which the kernel itself lets grow by
// 500 parts in a million once a second until it is told anew.
// A kernel that does not call its clock synchronised tells nothing: `adjtimex` returns TIME_ERROR, or STA_UNSYNC is set.
// Source: adjtimex(2), ntp_gettime(3).

/// What `ntp_adjtime` returned.
public struct KernelClock: Hashable, Sendable {
  /// The clock's state, which the call returns; negative if it failed.
  public var state: Int32
  public var status: Int32
  /// Microseconds.
  public var maximumError: Int64

  public init(state: Int32, status: Int32, maximumError: Int64) {
    self.state = state
    self.status = status
    self.maximumError = maximumError
  }

  /// `TIME_ERROR`.
  static let errorState: Int32 = 5
  /// `STA_UNSYNC`.
  static let unsynchronised: Int32 = 0x40
  /// Microseconds at which the kernel stops to count: nobody tells it anything.
  static let phaseLimit: Int64 = 16_000_000
}

/// `ntp_adjtime`, while the kernel says that its clock is synchronised.
public struct KernelClockSource: TimeSource {
  /// The rate at which the kernel lets its error grow.
  static let driftPerBillion: Int64 = 500_000

  public init() {}

  public func estimate(_ readings: TimeReadings) throws(UnusableTimeSource) -> ClockEstimate {
    guard let kernel = readings.kernel, kernel.state >= 0 else {
      throw UnusableTimeSource("the kernel does not tell how far its clock may be off")
    }
    guard kernel.state != KernelClock.errorState, kernel.status & KernelClock.unsynchronised == 0 else {
      throw UnusableTimeSource("the kernel's clock is not synchronised: no time service (chrony, ntpd) looks after it")
    }
    guard kernel.maximumError >= 0, kernel.maximumError < KernelClock.phaseLimit else {
      throw UnusableTimeSource(
        "the kernel's clock may be off by \(kernel.maximumError / 1_000_000) s, as far as the kernel knows")
    }
    // It grows once a second: up to a second's worth is not in it yet.
    return readings.estimate(
      error: kernel.maximumError * 1000 + Self.driftPerBillion, driftPerBillion: Self.driftPerBillion)
  }
}
