// The only door to time, timers, randomness, threads and the executors that tasks run on. Node code never asks the
// system for any of these: in production they are NIO's loops, the kernel's clocks and real threads; in simulation one
// thread, virtual time and seeded randomness. A run in simulation is a pure function of its seed.

/// A point on the clock that never jumps: nanoseconds since some moment before the process began.
public struct MonotonicInstant: Hashable, Comparable, Sendable {
  public var nanoseconds: Int64
  public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
  public static func < (a: MonotonicInstant, b: MonotonicInstant) -> Bool { a.nanoseconds < b.nanoseconds }
  public func advanced(by nanoseconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: self.nanoseconds &+ nanoseconds)
  }
}

/// Runs blocking work (fsync, password hashing, long reads) away from the reactors, in the order of submission for a
/// worker of one thread.
public protocol Worker: Sendable {
  func submit(_ work: @escaping @Sendable () -> Void)
  /// Finishes what was submitted, then ends. Work submitted later is dropped.
  func stop()
}

/// What `ntp_adjtime` returns: the clock's state, its status bits, and the largest error in microseconds.
public struct KernelClockState: Hashable, Sendable {
  public var state: Int32
  public var status: Int32
  public var maximumError: Int64

  public init(state: Int32, status: Int32, maximumError: Int64) {
    self.state = state
    self.status = status
    self.maximumError = maximumError
  }
}

/// Everything that a node needs from the machine beneath it, other than disk and network, whose doors are
/// `Storage.Engine` and the channel handlers built on a reactor.
public protocol Environment: AnyObject, Sendable {
  /// One per core unless told otherwise; fixed for the life of the node.
  var reactors: [Reactor] { get }
  func monotonicNow() -> MonotonicInstant
  /// Nanoseconds since the Unix epoch by the machine's clock. May jump; only `Clocks` makes sense of it.
  func wallNow() -> Int64
  /// Nanoseconds by the machine's oscillator, which no time service speeds up or slows down.
  func steadyNow() -> Int64
  /// What the kernel says of its clock; nil if it says nothing.
  func kernelClock() -> KernelClockState?
  /// A copy of what a ClockBound daemon has written, which it may have been writing meanwhile; nil if there is none.
  func clockBoundMemory() -> [UInt8]?
  /// A generator of its own for each label, so that one more draw in one subsystem shifts nothing in another.
  func makeRandom(_ label: String) -> RandomSource
  /// A worker with `threads` threads, named for debuggers.
  func makeWorker(_ name: String, threads: Int) -> any Worker
}

extension Environment {
  // What a machine has that nobody looks after.
  public func steadyNow() -> Int64 { monotonicNow().nanoseconds }
  public func kernelClock() -> KernelClockState? { nil }
  public func clockBoundMemory() -> [UInt8]? { nil }
}
