// Virtual time: events in order, reactors and tasks on simulated executors, machines that pause and die, clocks that
// drift. The same seed gives the same trace; a job that escapes stops the process.

import Testing

@testable import Reactors

@Suite struct SimulatedWorldTests {
  /// Touched by one world's thread only.
  private final class Trace: @unchecked Sendable {
    var lines: [String] = []
  }

  @Test func `The queue hands out events by time, those of one moment in order`() {
    var queue = EventQueue<Int>()
    var random = RandomSource(seed: 1)
    var expected: [(Int64, UInt64)] = []
    for sequence in 0..<2000 {
      let time = Int64(random.draw(below: 50))
      expected.append((time, UInt64(sequence)))
      queue.push(.init(time: time, sequence: UInt64(sequence), payload: sequence))
      if sequence % 3 == 2, let event = queue.pop() {
        expected.sort { $0 < $1 }
        #expect((event.time, event.sequence) == expected.removeFirst())
      }
    }
    expected.sort { $0 < $1 }
    for (time, sequence) in expected {
      let event = queue.pop()
      #expect(event?.time == time && event?.sequence == sequence)
    }
    #expect(queue.pop() == nil)
  }

  @Test func `A reactor's work, tasks and timers run in virtual time`() {
    let world = SimulatedWorld(seed: 1)
    let machine = SimulatedMachine(0, world)
    let environment = SimulatedEnvironment(machine)
    let trace = Trace()
    let reactor = environment.reactors[0]
    reactor.enqueue { reactor in
      trace.lines.append("begin")
      reactor.run { reactor in
        trace.lines.append("task")
        await reactor.sleep(nanoseconds: 3_000_000_000)
        trace.lines.append("woke at \(world.now)")
      }
      trace.lines.append("after the task began")
      let token = reactor.schedule(afterNanoseconds: 10) { _ in trace.lines.append("never") }
      token.cancel()
      _ = reactor.schedule(afterNanoseconds: 2_000_000_000) { _ in trace.lines.append("timer at \(world.now)") }
    }
    world.run(until: 10_000_000_000)
    #expect(
      trace.lines == ["begin", "task", "after the task began", "timer at 2000000000", "woke at 3000000000"])
    #expect(world.now == 10_000_000_000)
  }

  /// Several reactors, workers and child tasks that race.
  private static func race(seed: UInt64) -> (lines: [String], hash: UInt64) {
    let world = SimulatedWorld(seed: seed)
    let trace = Trace()
    var environments: [SimulatedEnvironment] = []
    for id in 0..<3 {
      let environment = SimulatedEnvironment(SimulatedMachine(id, world), reactorCount: 2)
      environments.append(environment)
      let worker = environment.makeWorker("disk", threads: 2)
      for reactor in environment.reactors {
        reactor.enqueue { reactor in
          reactor.run { reactor in
            for round in 0..<5 {
              let random = await withUnsafeContinuation { continuation in
                worker.submit { continuation.resume(returning: round) }
              }
              let other = reactor.environment.reactors[1 - reactor.index]
              let sum = await other.perform { other in
                // Giving way passes by the global executor, too.
                await Task.yield()
                return await child(random) + child(other.index)
              }
              trace.lines.append("\(id).\(reactor.index) \(round) \(sum) \(world.now)")
            }
          }
        }
      }
    }
    world.run(until: 1_000_000_000)
    return (trace.lines, world.traceHash)
  }

  private static func child(_ number: Int) async -> Int { number + 1 }

  @Test func `The same seed gives the same trace`() {
    let first = Self.race(seed: 5)
    #expect(first.lines.count == 30)
    #expect(first == Self.race(seed: 5))
    #expect(first.hash != Self.race(seed: 6).hash)
  }

  @Test func `What a machine scheduled dies with it and waits while it is paused`() {
    let world = SimulatedWorld(seed: 1)
    let machine = SimulatedMachine(0, world)
    let trace = Trace()
    machine.schedule(afterNanoseconds: 100) { trace.lines.append("a \(world.now)") }
    machine.schedule(afterNanoseconds: 200) { trace.lines.append("b \(world.now)") }
    machine.schedule(afterNanoseconds: 5000) { trace.lines.append("never") }
    world.schedule(afterNanoseconds: 50) { machine.pause(forNanoseconds: 1000) }
    world.schedule(afterNanoseconds: 2000) { machine.killProcess() }
    world.schedule(afterNanoseconds: 3000) {
      machine.boot()
      machine.schedule(afterNanoseconds: 500) { trace.lines.append("c \(world.now)") }
    }
    world.run(until: 10_000)
    #expect(trace.lines == ["a 1050", "b 1050", "c 3500"])
  }

  @Test func `A clock runs fast or slow, never backwards; the wall clock may jump`() {
    var clock = SimulatedClock(offset: -5_000, driftPerMillion: 200)
    #expect(clock.monotonic(at: 1_000_000_000) == 1_000_000_000 + 1_000_200_000)
    #expect(clock.wall(at: 0) == SimulatedClock.epoch - 5_000)
    #expect(clock.wall(at: 1_000_000_000) == SimulatedClock.epoch - 5_000 + 1_000_200_000)
    #expect(abs(clock.trueDuration(1_000_200_000) - 1_000_000_000) < 100)
    let before = clock.monotonic(at: 2_000_000_000)
    clock.setDrift(perMillion: -100_000, at: 2_000_000_000)
    #expect(clock.monotonic(at: 2_000_000_000) == before)
    #expect(clock.monotonic(at: 3_000_000_000) == before + 900_000_000)
    let wall = clock.wall(at: 3_000_000_000)
    clock.jump(byNanoseconds: -10_000_000_000)
    #expect(clock.monotonic(at: 3_000_000_000) == before + 900_000_000)
    #expect(clock.wall(at: 3_000_000_000) == wall - 10_000_000_000)
  }

  @Test func `A job that escapes from the simulation stops the process`() async {
    await #expect(processExitsWith: .failure) {
      let world = SimulatedWorld(seed: 1)
      world.schedule(afterNanoseconds: 1) { Task.detached {} }
      world.run(until: 10)
    }
    await #expect(processExitsWith: .failure) {
      let world = SimulatedWorld(seed: 1)
      let environment = SimulatedEnvironment(SimulatedMachine(0, world))
      // The main actor's thread takes the task over, and is stopped when it brings it back.
      environment.reactors[0].enqueue { reactor in
        reactor.run { _ in await MainActor.run {} }
      }
      world.run(until: 10)
      try await Task.sleep(nanoseconds: 10_000_000_000)
    }
    await #expect(processExitsWith: .failure) {
      let world = SimulatedWorld(seed: 1)
      let environment = SimulatedEnvironment(SimulatedMachine(0, world))
      // A sleep wakes on a thread of its own, whatever the world does meanwhile.
      environment.reactors[0].enqueue { reactor in
        reactor.run { _ in try? await Task.sleep(nanoseconds: 50_000_000) }
      }
      world.run(until: 10)
      try await Task.sleep(nanoseconds: 10_000_000_000)
    }
    await #expect(processExitsWith: .success) {
      let world = SimulatedWorld(seed: 1)
      world.run(until: 10)
      await Task.detached {}.value
    }
  }
}
