// Where a node's notion of true time comes from, as values: each looks at what the environment has read, and says what that means.
// Invariant asked of every source: true time lies inside the estimate's bounds, at the reading and as the estimate ages.

/// What the environment has read of the machine, all at about one moment.
public struct TimeReadings: Sendable {
  public var clocks: ClockReading
  /// Nanoseconds between the reading of the first and of the last clock.
  public var spread: Int64
  public var kernel: KernelClock?
  /// The shared memory of a ClockBound daemon, if there is one.
  public var clockBound: [UInt8]?

  public init(clocks: ClockReading, spread: Int64 = 0, kernel: KernelClock? = nil, clockBound: [UInt8]? = nil) {
    self.clocks = clocks
    self.spread = spread
    self.kernel = kernel
    self.clockBound = clockBound
  }
}

/// Why a source says nothing, for an operator: lower case, no period.
public struct UnusableTimeSource: Error, Hashable, Sendable, CustomStringConvertible {
  public var description: String
  /// Whether what it said before is void as well.
  public var isDisruption = false

  public init(_ description: String, isDisruption: Bool = false) {
    self.description = description
    self.isDisruption = isDisruption
  }
}

/// Where a node's notion of true time comes from.
public protocol TimeSource: Sendable {
  /// What it says now.
  func estimate(_ readings: TimeReadings) throws(UnusableTimeSource) -> ClockEstimate
}

/// One machine, one kernel clock: all members read the same clock, so it has no error against itself.
public struct OneClockSource: TimeSource {
  public init() {}

  public func estimate(_ readings: TimeReadings) -> ClockEstimate {
    ClockEstimate(base: .wall, lower: 0, upper: 0, asOf: readings.clocks.monotonic)
  }
}

/// A clock that is off by at most a stated number of nanoseconds in either direction.
public struct BoundedErrorSource: TimeSource {
  public let maximumError: Int64

  /// - Parameter maximumError: nanoseconds, not negative.
  public init(maximumError: Int64) {
    precondition(maximumError >= 0, "a clock's error bound is negative")
    self.maximumError = maximumError
  }

  public func estimate(_ readings: TimeReadings) -> ClockEstimate {
    ClockEstimate(base: .wall, lower: -maximumError, upper: maximumError, asOf: readings.clocks.monotonic)
  }
}

extension TimeReadings {
  /// The estimate of a source that says how far the wall clock was off when it was read, carried on by the clock that does not step.
  func estimate(error: Int64, driftPerBillion: Int64, trustedUntil: Int64 = .max) -> ClockEstimate {
    let offset = clocks.wall &- clocks.monotonic
    // The wall was read first: by the time of the other reading it had gone on by up to the spread.
    return ClockEstimate(
      base: .monotonic, lower: offset &- error, upper: offset &+ spread &+ error, asOf: clocks.monotonic,
      driftPerBillion: driftPerBillion, trustedUntil: trustedUntil)
  }
}
