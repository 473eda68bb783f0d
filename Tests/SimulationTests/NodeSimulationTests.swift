// A single node keeps its promises under crashes and faults of the disk; the checker of histories sees what breaks them.

import Testing

@testable import Simulation

@Suite struct NodeSimulationTests {
  private func options(_ seconds: Int64, _ faults: FaultSet? = nil) -> SimulationOptions {
    var options = SimulationOptions()
    options.workload = .node
    options.duration = seconds * .second
    options.faults = faults
    return options
  }

  // Clients of seeds 2 and 3 speak SQL, that of seed 5 does not.
  @Test(arguments: [2, 3, 5] as [UInt64])
  func `Crashes and faults of the disk break nothing`(_ seed: UInt64) {
    let outcome = Simulator.run(options(1, .all), seed: seed)
    #expect(outcome.violation == nil, "\(outcome.line)")
    #expect(Simulator.run(options(1, .all), seed: seed) == outcome)
  }

  @Test func `Planted: without the timestamp cache histories have cycles`() {
    var planted = options(2, [.crashes])
    planted.check = .append
    planted.planted = .forgetTimestampCache
    let violations = (1...6).lazy.compactMap { Simulator.run(planted, seed: $0).violation }
    #expect(violations.first != nil)
  }

  @Test func `Planted: a restart that forgets what time it was loses writes`() {
    var options = options(3, [.crashes, .clocks])
    options.check = .append
    #expect(Simulator.run(options, seed: 41).violation == nil)
    options.planted = .forgetTimeAtRestart
    let seeds: [UInt64] = [41, 43, 49]
    let violations = seeds.lazy.compactMap { Simulator.run(options, seed: $0).violation }
    #expect(violations.first != nil)
  }

  @Test func `Bits that rot end the process and reach no client`() {
    let outcome = Simulator.run(options(2, [.rot]), seed: 7)
    #expect(outcome.violation == nil, "\(outcome.line)")
    // One crash is that at the end.
    #expect(outcome.crashCount > 1)
  }
}
