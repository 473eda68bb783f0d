// A reactor owns a share of the node: some client connections and some replicas. It is an actor on an executor of its
// own (an NIO loop in production), so what it owns are plain classes and structs without locks, and the compiler checks
// that nobody else touches them. What crosses between reactors is `Sendable`.
//
// Contract: work handed to `enqueue` runs in order; a task begun with `run` starts at once when called on the reactor
// and suspends only where it truly waits. Nothing on a reactor blocks.

/// What a reactor runs on: a serial executor with timers. Implemented by the production and the simulated environment.
public protocol ReactorExecutor: SerialExecutor {
  /// What a reactor's tasks prefer while they wait: resumed by a continuation they come back to the reactor at once, where others
  /// first pass through a thread of the global executor.
  var wayBack: any TaskExecutor { get }
  func execute(_ work: @escaping @Sendable () -> Void)
  /// Resumes a task that prefers `wayBack`; called on the executor, which may run it there and then.
  func resume(_ continuation: UnsafeContinuation<Void, Never>)
  /// Runs `work` on the executor after `nanoseconds`; the token cancels it.
  func schedule(afterNanoseconds nanoseconds: Int64, _ work: @escaping @Sendable () -> Void) -> TimerToken
}

extension ReactorExecutor {
  public func resume(_ continuation: UnsafeContinuation<Void, Never>) { continuation.resume() }
}

/// Cancels a timer. Cancelling twice, or after it fired, does nothing.
public struct TimerToken: Sendable {
  private let cancellation: @Sendable () -> Void
  public init(_ cancellation: @escaping @Sendable () -> Void) { self.cancellation = cancellation }
  public func cancel() { cancellation() }
}

public actor Reactor {
  public nonisolated let index: Int
  public nonisolated let executor: any ReactorExecutor
  /// The environment outlives its reactors.
  public nonisolated unowned let environment: any Environment

  public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  public init(index: Int, executor: any ReactorExecutor, environment: any Environment) {
    self.index = index
    self.executor = executor
    self.environment = environment
  }

  /// Runs `work` on this reactor, later, from any thread.
  public nonisolated func enqueue(_ work: @escaping @Sendable (isolated Reactor) -> Void) {
    executor.execute { self.assumeIsolated { reactor in work(reactor) } }
  }

  /// Begins a task on this reactor. Called on the reactor it runs at once, up to its first true suspension.
  public func run(_ work: @escaping @Sendable (isolated Reactor) async -> Void) {
    Task.immediate { await work(self) }
  }

  /// Begins a task that lives long, in a later turn. Whatever resumes it brings it straight back to this reactor.
  public nonisolated func spawn(_ work: @escaping @Sendable (isolated Reactor) async -> Void) {
    spawn(preferring: executor.wayBack, work)
  }

  private nonisolated func spawn(
    preferring wayBack: some TaskExecutor, _ work: @escaping @Sendable (isolated Reactor) async -> Void
  ) {
    Task(executorPreference: wayBack) { await work(self) }
  }

  /// Resumes a task that `spawn` began, within this call where the executor can. Called on the reactor.
  public nonisolated func resume(_ continuation: UnsafeContinuation<Void, Never>) { executor.resume(continuation) }

  /// Runs `work` here and hands its result back to the caller's executor: the one hop each way of a request to a
  /// range that another reactor owns.
  public func perform<R: Sendable>(_ work: @Sendable (isolated Reactor) async throws -> R) async rethrows -> R {
    try await work(self)
  }

  public nonisolated func schedule(
    afterNanoseconds nanoseconds: Int64, _ work: @escaping @Sendable (isolated Reactor) -> Void
  ) -> TimerToken {
    executor.schedule(afterNanoseconds: nanoseconds) { self.assumeIsolated { reactor in work(reactor) } }
  }

  /// Suspends the calling task, one of this reactor's, until the continuation is resumed. `body` runs on this reactor, perhaps in a
  /// later turn: it looks whether there is still something to wait for.
  public nonisolated func suspend<Value: Sendable>(
    _ body: (UnsafeContinuation<Value, Never>) -> Void
  ) async -> Value {
    await suspend(preferring: executor.wayBack, body)
  }

  private nonisolated func suspend<Value: Sendable>(
    preferring wayBack: some TaskExecutor, _ body: (UnsafeContinuation<Value, Never>) -> Void
  ) async -> Value {
    await withTaskExecutorPreference(wayBack) { await withUnsafeContinuation(body) }
  }

  /// Suspends the calling task for a while. It resumes on its own executor.
  public nonisolated func sleep(nanoseconds: Int64) async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      _ = executor.schedule(afterNanoseconds: nanoseconds) { continuation.resume() }
    }
  }
}
