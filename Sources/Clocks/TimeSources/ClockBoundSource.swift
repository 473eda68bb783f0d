// What a ClockBound daemon says in the shared memory that it writes for everybody on the machine. All numbers are in the machine's byte order.
//
//   version 2                                   version 1
//    0  magic, two UInt32                        the same
//    8  UInt32 bytes of the segment              the same
//   12  UInt16 version                           the same
//   14  UInt16 generation                        the same: odd while it is being written, 0 before the first time
//   16  as of: Int64 s, Int64 ns, monotonic      the same
//   32  void after: the same                     the same
//   48  Int64 bound, ns                          the same
//   56  UInt64 disruption marker                 UInt32 drift, parts per billion | UInt32 reserved
//   64  UInt32 drift, parts per billion          Int32 status
//   68  Int32 status
//   72  UInt8 whether disruptions are told
//
// The error is the bound, and the drift's share of the time since `as of`; it is nothing to go by from `void after` on. That the daemon has
// been silent for some seconds, and the clock runs free since, changes no bound.
// Source: aws/clock-bound, docs/PROTOCOL.md and the description of its shared memory.

/// A ClockBound daemon's shared memory, as read.
public struct ClockBoundSegment: Hashable, Sendable {
  public enum Status: Int32, Sendable {
    case unknown = 0
    case synchronised = 1
    case runningFree = 2
    /// The machine was suspended or moved: nothing is known until the daemon has looked again.
    case disrupted = 3
  }

  public var generation: UInt16
  /// Nanoseconds of the monotonic clock.
  public var asOf: Int64
  public var voidAfter: Int64
  /// Nanoseconds.
  public var bound: Int64
  public var driftPerBillion: Int64
  public var status: Status

  static let magic: (UInt32, UInt32) = (0x414D_5A4E, 0x4342_0200)

  /// - Throws: why the bytes cannot be used, for an operator.
  public init(_ bytes: [UInt8]) throws(UnusableTimeSource) {
    func refuse(_ why: String) -> UnusableTimeSource { UnusableTimeSource("ClockBound's shared memory \(why)") }
    func number<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
      bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: T.self) }
    }
    guard bytes.count >= 16 else { throw refuse("is too short") }
    guard number(0, UInt32.self) == Self.magic.0, number(4, UInt32.self) == Self.magic.1 else {
      throw refuse("does not begin as it should")
    }
    let version = number(12, UInt16.self)
    let count: Int
    switch version {
    case 1: count = 72
    case 2: count = 80
    default: throw refuse("is of version \(version), and only 1 and 2 are known")
    }
    guard number(8, UInt32.self) >= UInt32(count), bytes.count >= count else { throw refuse("is too short") }
    generation = number(14, UInt16.self)
    guard generation != 0 else { throw refuse("has not been written yet") }
    guard generation % 2 == 0 else { throw refuse("is being written") }
    func time(_ offset: Int) throws(UnusableTimeSource) -> Int64 {
      let (whole, overflow) = number(offset, Int64.self).multipliedReportingOverflow(by: 1_000_000_000)
      let (sum, above) = whole.addingReportingOverflow(number(offset + 8, Int64.self))
      guard !overflow, !above else { throw refuse("holds times that are none") }
      return sum
    }
    asOf = try time(16)
    voidAfter = try time(32)
    bound = number(48, Int64.self)
    driftPerBillion = Int64(number(version == 1 ? 56 : 64, UInt32.self))
    guard bound >= 0, driftPerBillion < 1_000_000_000 else { throw refuse("holds bounds that are none") }
    let code = number(version == 1 ? 64 : 68, Int32.self)
    guard let status = Status(rawValue: code) else { throw refuse("holds an unknown status, \(code)") }
    self.status = status
  }

  /// Reads until two copies agree that nothing was written in between.
  /// - Parameter copy: the bytes as they are now; nil if there are none.
  public static func consistentCopy(_ copy: () -> [UInt8]?) -> [UInt8]? {
    var last = copy()
    // A write takes microseconds and comes once a second.
    for _ in 0..<8 {
      let next = copy()
      if next == last { return next }
      last = next
    }
    return last
  }
}

/// ClockBound's shared memory.
public struct ClockBoundSource: TimeSource {
  /// The clock that `as of` was read on ticks coarsely, and may be read a little later than another one.
  static let coarseness: Int64 = 1_000

  public init() {}

  public func estimate(_ readings: TimeReadings) throws(UnusableTimeSource) -> ClockEstimate {
    guard let bytes = readings.clockBound else { throw UnusableTimeSource("there is no ClockBound daemon") }
    let segment = try ClockBoundSegment(bytes)
    let age = readings.clocks.monotonic &- segment.asOf
    guard age >= -Self.coarseness else {
      throw UnusableTimeSource("ClockBound's shared memory is of another run of the machine")
    }
    switch segment.status {
    case .unknown: throw UnusableTimeSource("ClockBound does not know how far the clock may be off")
    case .disrupted: throw UnusableTimeSource("ClockBound says that the clock was disrupted", isDisruption: true)
    case .synchronised, .runningFree: break
    }
    guard readings.clocks.monotonic < segment.voidAfter else {
      throw UnusableTimeSource("ClockBound has said nothing for \(age / 1_000_000_000) s")
    }
    let error = segment.bound &+ ClockEstimate.drift(max(0, age), segment.driftPerBillion)
    return readings.estimate(
      error: error, driftPerBillion: segment.driftPerBillion, trustedUntil: segment.voidAfter)
  }
}
