// A machine of a simulation: clocks, a disk, and a process that lives, is paused, and dies.
// What is scheduled on a machine belongs to the life in which that happened: after a crash it never runs.

/// A simulated machine.
public final class SimulatedMachine {
  public let id: Int
  public unowned let world: SimulatedWorld
  public var clock: SimulatedClock
  public let disk: SimulatedDisk
  public private(set) var isUp = true
  /// Counts the lives of the process.
  public private(set) var life = 0
  /// True time until which nothing runs here.
  public private(set) var pausedUntil: Int64 = 0
  /// How many times longer than usual its workers take: a disk that has trouble.
  public var workSlowdown: Int64 = 1

  public init(_ id: Int, _ world: SimulatedWorld, clock: SimulatedClock = SimulatedClock()) {
    self.id = id
    self.world = world
    self.clock = clock
    disk = SimulatedDisk(world, label: "disk \(id)")
  }

  /// The process dies; the system beneath goes on, and what was written but not synced is still there.
  public func killProcess() {
    isUp = false
    life += 1
    pausedUntil = 0
  }

  /// The machine loses power: whatever was not synced is lost, in part or whole.
  public func losePower() {
    killProcess()
    disk.losePower()
  }

  /// A new process begins.
  public func boot() {
    precondition(!isUp, "a machine is booted when it is down")
    isUp = true
    life += 1
  }

  /// Nothing runs here for a while: the process is stopped, or the machine moved to another host.
  public func pause(forNanoseconds nanoseconds: Int64) {
    pausedUntil = max(pausedUntil, world.now + nanoseconds)
  }

  /// Lets a paused machine go on.
  public func resume() { pausedUntil = 0 }

  /// Runs `work` here after `nanoseconds` by this machine's clock.
  @discardableResult
  public func schedule(afterNanoseconds nanoseconds: Int64, _ work: @escaping () -> Void) -> TimerToken {
    world.schedule(afterNanoseconds: clock.trueDuration(nanoseconds), on: self, work)
  }
}
