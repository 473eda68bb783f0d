// The environment of a real node: one NIO loop per reactor, the kernel's clocks, real threads, seeds from the kernel.

import Glibc
import NIOCore
import NIOPosix

/// A reactor's executor on an NIO event loop. Swift jobs are enqueued on the loop without an allocation of their own.
final class EventLoopReactorExecutor: ReactorExecutor {
  let eventLoop: any EventLoop
  private let loopExecutor: any NIOSerialEventLoopExecutor

  init(_ eventLoop: any EventLoop) {
    guard let loopExecutor = eventLoop as? any NIOSerialEventLoopExecutor else {
      preconditionFailure("an event loop of NIOPosix is a serial executor")
    }
    self.eventLoop = eventLoop
    self.loopExecutor = loopExecutor
  }

  func enqueue(_ job: consuming ExecutorJob) { loopExecutor.enqueue(job) }
  func asUnownedSerialExecutor() -> UnownedSerialExecutor { loopExecutor.asUnownedSerialExecutor() }
  func checkIsolated() { eventLoop.preconditionInEventLoop() }

  func execute(_ work: @escaping @Sendable () -> Void) { eventLoop.execute(work) }

  func schedule(afterNanoseconds nanoseconds: Int64, _ work: @escaping @Sendable () -> Void) -> TimerToken {
    let scheduled = eventLoop.scheduleTask(in: .nanoseconds(nanoseconds)) { work() }
    return TimerToken { scheduled.cancel() }
  }
}

public final class ProductionEnvironment: Environment {
  private let group: MultiThreadedEventLoopGroup
  private let seed: UInt64
  /// Written once, before `init` returns; reactors hold the environment, so it cannot be a `let`.
  private nonisolated(unsafe) var startedReactors: [Reactor] = []

  public var reactors: [Reactor] { startedReactors }

  /// - Parameter reactorCount: event loops to start; the machine's cores when nil.
  public init(reactorCount: Int? = nil) {
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
