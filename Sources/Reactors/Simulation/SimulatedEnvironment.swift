// The environment of a node in a simulation: the same node code runs on it as in production.
// It lasts for one life of its machine. After a crash the node's objects are dropped and built anew from the disk, on a
// new environment; what the old one had scheduled never runs.

/// One life of a simulated node.
///
/// `@unchecked Sendable`: used by the thread of its world alone.
public final class SimulatedEnvironment: Environment, @unchecked Sendable {
  public let machine: SimulatedMachine
  private let life: Int
  public private(set) var reactors: [Reactor] = []

  public init(_ machine: SimulatedMachine, reactorCount: Int = 1) {
    self.machine = machine
    life = machine.life
    reactors = (0..<reactorCount).map {
      Reactor(index: $0, executor: SimulatedExecutor(machine), environment: self)
    }
  }

  public func monotonicNow() -> MonotonicInstant {
    MonotonicInstant(nanoseconds: machine.clock.monotonic(at: machine.world.now))
  }

  public func wallNow() -> Int64 { machine.clock.wall(at: machine.world.now) }

  public func makeRandom(_ label: String) -> RandomSource {
    machine.world.makeRandom("machine \(machine.id) life \(life) \(label)")
  }

  public func makeWorker(_ name: String, threads: Int) -> any Worker {
    SimulatedWorker(machine, random: makeRandom("worker \(name)"), threads: threads)
  }
}

/// Threads that block, in virtual time: each piece of work takes a drawn while, and is done at the end of it.
///
/// `@unchecked Sendable`: used by the thread of its world alone.
final class SimulatedWorker: Worker, @unchecked Sendable {
  /// The mean time that a piece of work takes: that of a synced write on a good disk, in nanoseconds.
  static let meanDuration: Int64 = 500_000

  private let machine: SimulatedMachine
  private var random: RandomSource
  private var idleThreads: Int
  private var queue: [@Sendable () -> Void] = []
  private var isStopped = false

  init(_ machine: SimulatedMachine, random: RandomSource, threads: Int) {
    self.machine = machine
    self.random = random
    idleThreads = max(1, threads)
  }

  func submit(_ work: @escaping @Sendable () -> Void) {
    if isStopped { return }
    queue.append(work)
    begin()
  }

  /// What was submitted is still done, later: nobody waits for threads on the one thread of a simulation.
  func stop() { isStopped = true }

  private func begin() {
    guard idleThreads > 0, !queue.isEmpty else { return }
    idleThreads -= 1
    let work = queue.removeFirst()
    machine.world.schedule(
      afterNanoseconds: 1_000 + random.exponential(mean: Self.meanDuration * machine.workSlowdown), on: machine
    ) { [self] in
      work()
      idleThreads += 1
      begin()
    }
  }
}
