// The environment of a real node: one NIO loop per reactor, the kernel's clocks, real threads, seeds from the kernel.

import CKernelClock
import Glibc
import NIOCore
import NIOPosix

/// A reactor's executor on an NIO event loop. It is an executor of its own, not the loop's, so that it can tell the runtime when
/// it runs already: a task begun in a socket's callback then starts there and then, and is not put behind what is queued.
final class EventLoopReactorExecutor: ReactorExecutor {
  let eventLoop: any EventLoop
  private let returning: ReturningExecutor

  init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    returning = ReturningExecutor(eventLoop)
    returning.reactor = self
  }

  var wayBack: any TaskExecutor { returning }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
  func checkIsolated() { eventLoop.preconditionInEventLoop() }
  /// Without this answer a task begun inside a socket's callback would be queued instead of running at once.
  func isIsolatingCurrentContext() -> Bool? { eventLoop.inEventLoop }

  func execute(_ work: @escaping @Sendable () -> Void) { eventLoop.execute(work) }
  func resume(_ continuation: UnsafeContinuation<Void, Never>) { returning.resume(continuation) }

  func schedule(afterNanoseconds nanoseconds: Int64, _ work: @escaping @Sendable () -> Void) -> TimerToken {
    let scheduled = eventLoop.scheduleTask(in: .nanoseconds(nanoseconds)) { work() }
    return TimerToken { scheduled.cancel() }
  }
}

/// Where tasks that belong to a reactor are resumed: on its loop, and already isolated to it. An object apart from the serial
/// executor, through which tasks of others come too: those must leave for their own threads when they leave the reactor.
private final class ReturningExecutor: TaskExecutor {
  private let eventLoop: any EventLoop
  /// Set once, before any task begins, and only read after that. It owns this object, so that it lives as long.
  nonisolated(unsafe) unowned(unsafe) var reactor: EventLoopReactorExecutor!

  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  /// On the loop's thread alone: a task is being resumed that shall run now; and its job.
  nonisolated(unsafe) private var isResuming = false
  nonisolated(unsafe) private var resumed: UnownedJob?

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if eventLoop.inEventLoop, isResuming {
      resumed = job
    } else {
      eventLoop.execute { self.run(job) }
    }
  }

  /// Runs the task within this call: one turn of the loop less, and the task's memory is still there from the last time.
  func resume(_ continuation: UnsafeContinuation<Void, Never>) {
    isResuming = true
    continuation.resume()
    isResuming = false
    if let job = resumed {
      resumed = nil
      run(job)
    }
  }

  private func run(_ job: UnownedJob) {
    job.runSynchronously(isolatedTo: reactor.asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
  }

  func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }
}

public final class ProductionEnvironment: Environment {
  private let group: MultiThreadedEventLoopGroup
  private let seed: UInt64
  /// Written once, before `init` returns; reactors hold the environment, so it cannot be a `let`.
  private nonisolated(unsafe) var startedReactors: [Reactor] = []

  public var reactors: [Reactor] { startedReactors }

  /// Where a ClockBound daemon keeps what it says, in versions 2 and 1 of its protocol.
  public static let clockBoundFiles = ["/var/run/clockbound/shm0", "/var/run/clockbound/shm"]

  private let clockBoundFiles: [String]

  /// - Parameters:
  ///   - reactorCount: event loops to start; the machine's cores when nil.
  ///   - clockBoundFiles: the first of them that can be read is.
  public init(reactorCount: Int? = nil, clockBoundFiles: [String] = ProductionEnvironment.clockBoundFiles) {
    self.clockBoundFiles = clockBoundFiles
    group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, reactorCount ?? System.coreCount))
    var kernel = SystemRandomNumberGenerator()
    seed = kernel.next()
    startedReactors = group.makeIterator().enumerated().map { index, loop in
      Reactor(index: index, executor: EventLoopReactorExecutor(loop), environment: self)
    }
  }

  public func monotonicNow() -> MonotonicInstant {
    MonotonicInstant(nanoseconds: Self.read(CLOCK_MONOTONIC))
  }

  public func wallNow() -> Int64 { Self.read(CLOCK_REALTIME) }

  public func steadyNow() -> Int64 { Self.read(CLOCK_MONOTONIC_RAW) }

  public func kernelClock() -> KernelClockState? {
    var (status, maximumError): (Int32, Int64) = (0, 0)
    let state = meridian_kernel_clock(&status, &maximumError)
    return state < 0 ? nil : KernelClockState(state: state, status: status, maximumError: maximumError)
  }

  public func clockBoundMemory() -> [UInt8]? {
    for path in clockBoundFiles {
      let file = open(path, O_RDONLY | O_CLOEXEC)
      guard file >= 0 else { continue }
      defer { close(file) }
      var bytes = [UInt8](repeating: 0, count: 256)
      let count = Glibc.read(file, &bytes, bytes.count)
      if count > 0 { return Array(bytes.prefix(count)) }
    }
    return nil
  }

  public func makeRandom(_ label: String) -> RandomSource { RandomSource(seed: seed, label: label) }

  public func makeWorker(_ name: String, threads: Int) -> any Worker { ThreadWorker(name, threads: threads) }

  /// The loops of all reactors, for server bootstraps.
  public var eventLoopGroup: any EventLoopGroup { group }

  /// The loop beneath a reactor, for channels that it shall own.
  public static func eventLoop(of reactor: Reactor) -> any EventLoop {
    guard let executor = reactor.executor as? EventLoopReactorExecutor else {
      preconditionFailure("only a production reactor has an event loop")
    }
    return executor.eventLoop
  }

  /// Ends the loops. Nothing may use the reactors afterwards.
  public func shutdown() async throws { try await group.shutdownGracefully() }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
