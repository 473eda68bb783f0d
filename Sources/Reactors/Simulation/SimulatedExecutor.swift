// The executor of simulated reactors: jobs and closures become events of the world. It is a serial executor for actors
// and a task executor besides: tasks that prefer it keep their child tasks and nonisolated functions here, and a task
// that a continuation resumes finds its way back to its actor through it.
// Nothing ever runs within `enqueue`: work begins when its event's turn has come.

/// A reactor's executor in a simulation.
///
/// `@unchecked Sendable`: used by the thread of its world alone.
final class SimulatedExecutor: ReactorExecutor, TaskExecutor, @unchecked Sendable {
  private unowned let world: SimulatedWorld
  private let machine: SimulatedMachine

  init(_ machine: SimulatedMachine) {
    world = machine.world
    self.machine = machine
  }

  func enqueue(_ job: consuming ExecutorJob) {
    world.checkThread()
    world.push(.job(UnownedJob(job), self), after: 0, machine)
  }

  var wayBack: any TaskExecutor { self }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
  func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }

  func isIsolatingCurrentContext() -> Bool? { world.current === self }

  func checkIsolated() {
    precondition(world.current === self, "this belongs to a reactor of machine \(machine.id), which is not running")
  }

  func execute(_ work: @escaping @Sendable () -> Void) {
    world.schedule(after: 0, machine, self, work)
  }

  func schedule(afterNanoseconds nanoseconds: Int64, _ work: @escaping @Sendable () -> Void) -> TimerToken {
    world.schedule(after: machine.clock.trueDuration(nanoseconds), machine, self, work)
  }
}
