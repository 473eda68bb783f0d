// A simulation: one thread, virtual time, one queue of events. Whatever happens in it, happens as an event: a timer, a
// job of an executor, the end of a write, a packet. Time moves only from one event to the next, so idle time is free.
//
// Invariant: a run is a pure function of its seed and of what its owner asked for. Randomness comes from generators that
// are forked by label, so that one more draw in one part shifts nothing in another. The trace hash covers every event
// in order: two runs that agree in it did the same.
// A Swift job that leaves for the global executor would leave virtual time, too: the process is stopped, with the stack.
// Only tasks that continuations resume pass there by design, on their way back to their actor; they stay events, too.

import CConcurrencyTrap

/// A simulated world.
///
/// `@unchecked Sendable`: built, run and looked at by one thread only; executors that hold it run on that thread.
public final class SimulatedWorld: @unchecked Sendable {
  enum Work {
    case closure(Cancellable)
    case job(UnownedJob, SimulatedExecutor)
    /// A task on its way back to its actor.
    case resumed(UnownedJob)
  }

  /// What a timer token may still take back.
  final class Cancellable {
    var work: (() -> Void)?
    /// The executor that `work` is isolated to.
    let executor: SimulatedExecutor?

    init(_ work: @escaping () -> Void, _ executor: SimulatedExecutor?) {
      self.work = work
      self.executor = executor
    }
  }

  /// An event's work, and the life of the machine that it belongs to: it dies with it and waits while it is paused.
  struct Event {
    var work: Work
    var machine: SimulatedMachine?
    var life: Int
  }

  public let seed: UInt64
  /// Nanoseconds since the beginning.
  public private(set) var now: Int64 = 0
  public private(set) var eventCount = 0
  /// A hash over all events and notes so far.
  public private(set) var traceHash: UInt64 = 0xcbf2_9ce4_8422_2325
  /// Given each line of the trace. Lines are built only for it.
  public var onTrace: ((_ time: Int64, _ line: String) -> Void)?

  private var queue = EventQueue<Event>()
  private var sequence: UInt64 = 0
  private var isStopping = false
  /// The executor whose work runs now.
  private(set) var current: SimulatedExecutor?
  private var currentMachine: SimulatedMachine?
  /// What resumed tasks run on until they are back.
  private lazy var wayBack = ResumedTaskExecutor(self)

  public init(seed: UInt64) {
    self.seed = seed
    meridian_concurrency_trap_install()
  }

  /// A generator for one part of the simulation.
  public func makeRandom(_ label: String) -> RandomSource { RandomSource(seed: seed, label: label) }

  // MARK: Events

  /// Runs `work` after `nanoseconds` of true time. With a machine, only if that is still in the same life then, and not
  /// before it goes on when it is paused.
  @discardableResult
  public func schedule(
    afterNanoseconds nanoseconds: Int64, on machine: SimulatedMachine? = nil, _ work: @escaping () -> Void
  ) -> TimerToken {
    schedule(after: nanoseconds, machine, nil, work)
  }

  @discardableResult
  func schedule(
    after nanoseconds: Int64, _ machine: SimulatedMachine?, _ executor: SimulatedExecutor?,
    _ work: @escaping () -> Void
  ) -> TimerToken {
    let cancellable = Cancellable(work, executor)
    push(.closure(cancellable), after: nanoseconds, machine)
    let held = Confined(cancellable)
    return TimerToken { held.value.work = nil }
  }

  func push(_ work: Work, after nanoseconds: Int64, _ machine: SimulatedMachine?) {
    // A machine that is off does nothing.
    if let machine, !machine.isUp { return }
    sequence += 1
    queue.push(
      EventQueue.Event(
        time: now + max(0, nanoseconds), sequence: sequence,
        payload: Event(work: work, machine: machine, life: machine?.life ?? 0)))
  }

  /// Runs what happens until `time`, or until `stop`.
  public func run(until time: Int64) {
    isStopping = false
    let before = meridian_concurrency_trap_enter(Unmanaged.passUnretained(self).toOpaque()) { context, job in
      guard let context, let job else { return }
      let world = Unmanaged<SimulatedWorld>.fromOpaque(context).takeUnretainedValue()
      world.resume(unsafeBitCast(job, to: UnownedJob.self))
    }
    defer { meridian_concurrency_trap_leave(before) }
    while !isStopping, let next = queue.nextTime, next <= time {
      guard let event = queue.pop() else { break }
      now = max(now, event.time)
      dispatch(event)
    }
    if !isStopping { now = max(now, time) }
  }

  /// Jobs come from within the world only. A task that slept in real time, say, comes from without.
  func checkThread() {
    if meridian_concurrency_trap_context() != Unmanaged.passUnretained(self).toOpaque() {
      meridian_concurrency_trap_stop("it came back from another thread, where it slept or visited another actor")
    }
  }

  /// Lets a task go on.
  fileprivate func resume(_ job: UnownedJob) { push(.resumed(job), after: 0, currentMachine) }

  /// Ends `run` after the event that runs now.
  public func stop() { isStopping = true }

  private func dispatch(_ event: EventQueue<Event>.Event) {
    let payload = event.payload
    if let machine = payload.machine {
      if machine.life != payload.life { return }
      if machine.pausedUntil > now {
        // The sequence stays: what waited runs in its old order, before what came later.
        queue.push(EventQueue.Event(time: machine.pausedUntil, sequence: event.sequence, payload: payload))
        return
      }
    }
    eventCount += 1
    mix(UInt64(bitPattern: now))
    mix(event.sequence)
    currentMachine = payload.machine
    switch payload.work {
    case .closure(let cancellable):
      guard let work = cancellable.work else { return }
      cancellable.work = nil
      current = cancellable.executor
      work()
    case .job(let job, let executor):
      current = executor
      job.runSynchronously(
        isolatedTo: executor.asUnownedSerialExecutor(), taskExecutor: executor.asUnownedTaskExecutor())
    case .resumed(let job): job.runSynchronously(on: wayBack.asUnownedTaskExecutor())
    }
    current = nil
    currentMachine = nil
  }

  // MARK: The trace

  private func mix(_ number: UInt64) {
    traceHash = (traceHash ^ number) &* 0x0000_0100_0000_01b3
    traceHash ^= traceHash >> 29
  }

  /// Puts numbers into the hash of the trace, and a line into the trace itself if anyone reads it.
  public func note(_ a: UInt64, _ b: UInt64 = 0, _ line: @autoclosure () -> String) {
    mix(a)
    mix(b)
    if let onTrace { onTrace(now, line()) }
  }
}

/// Stands for the global executor while a resumed task runs up to the switch to its actor, and while one gives way.
///
/// `@unchecked Sendable`: used by the thread of its world alone.
private final class ResumedTaskExecutor: TaskExecutor, @unchecked Sendable {
  unowned let world: SimulatedWorld

  init(_ world: SimulatedWorld) { self.world = world }

  func enqueue(_ job: consuming ExecutorJob) {
    world.checkThread()
    world.resume(UnownedJob(job))
  }

  func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }
}

/// `@unchecked Sendable`: for what stays on the thread of its world.
struct Confined<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
