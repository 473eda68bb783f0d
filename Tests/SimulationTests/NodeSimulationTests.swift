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
    planted.planted = .forgetTimestampCache
    let violations = (1...6).lazy.compactMap { Simulator.run(planted, seed: $0).violation }
    #expect(violations.first != nil)
  }

  @Test func `Planted: a restart that forgets what time it was loses writes`() {
    var options = options(3, [.crashes, .clocks])
    #expect(Simulator.run(options, seed: 32).violation == nil)
    options.planted = .forgetTimeAtRestart
    let seeds: [UInt64] = [32, 33, 35]
    let violations = seeds.lazy.compactMap { Simulator.run(options, seed: $0).violation }
    #expect(violations.first != nil)
  }

  @Test func `Bits that rot end the process and reach no client`() {
    let outcome = Simulator.run(options(2, [.rot]), seed: 3)
    #expect(outcome.violation == nil, "\(outcome.line)")
    // One crash is that at the end.
    #expect(outcome.crashCount > 1)
  }

  @Test func `The checker of histories sees cycles, losses and stale reads`() {
    func history(_ transactions: [ListTransaction]) -> ListHistory {
      var history = ListHistory()
      for _ in 0..<10 { _ = history.tick() }
      for transaction in transactions { history.add(transaction) }
      return history
    }
    let first = ListTransaction(number: 1, begun: 1, ended: 2, appends: [0])
    let second = ListTransaction(number: 2, begun: 3, ended: 4, reads: [(0, [1])], appends: [0])
    #expect(history([first, second]).violation(final: [0: [1, 2]]) == nil)
    #expect(history([first, second]).violation(final: [0: [1]])?.contains("lost") == true)
    #expect(history([first]).violation(final: [0: [1, 9]])?.contains("nobody wrote") == true)
    let stale = ListTransaction(number: 3, begun: 5, ended: 6, reads: [(0, [1])])
    #expect(history([first, second, stale]).violation(final: [0: [1, 2]])?.contains("cycle") == true)
    // Two that each miss what the other wrote.
    let a = ListTransaction(number: 4, begun: 1, ended: 4, reads: [(1, [])], appends: [2])
    let b = ListTransaction(number: 5, begun: 2, ended: 3, reads: [(2, [])], appends: [1])
    #expect(history([a, b]).violation(final: [1: [5], 2: [4]])?.contains("cycle") == true)
    // Nobody was told of it: it may be missing, but not in part.
    let unknown = ListTransaction(number: 6, begun: 5, ended: nil, appends: [0, 1])
    #expect(history([first, unknown]).violation(final: [0: [1]]) == nil)
    #expect(history([first, unknown]).violation(final: [0: [1, 6]])?.contains("lost") == true)
  }
}
