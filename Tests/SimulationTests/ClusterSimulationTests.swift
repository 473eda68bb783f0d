// Several nodes keep their promises under faults of network, disks and machines, while members come and go and leases move.

import Testing

@testable import Simulation

@Suite struct ClusterSimulationTests {
  private func options(_ seconds: Int64, _ faults: FaultSet? = nil) -> SimulationOptions {
    var options = SimulationOptions()
    options.workload = .cluster
    options.nodes = 3
    options.duration = seconds * .second
    options.faults = faults
    return options
  }

  // Seeds that once showed: a removal that a crash undid in half, a restart that took a stale singleton for the whole range.
  @Test(arguments: [12, 23, 67] as [UInt64])
  func `All faults at once break nothing`(_ seed: UInt64) {
    let outcome = Simulator.run(options(2, .all), seed: seed)
    #expect(outcome.violation == nil, "\(outcome.line)")
  }

  @Test func `The same seed gives the same run`() {
    #expect(Simulator.run(options(1, .all), seed: 5) == Simulator.run(options(1, .all), seed: 5))
  }

  /// A planted bug is searched for from a seed on that is known to show it.
  private func violation(_ bug: PlantedBug, _ options: SimulationOptions, from seeds: [UInt64]) -> String? {
    var options = options
    options.planted = bug
    return seeds.lazy.compactMap { Simulator.run(options, seed: $0).violation }.first
  }

  // Once a flush that was carried out, although nobody had heard of that, left intents that its transaction did not know of.
  @Test func `Leases that are handed on lose nothing`() {
    let outcome = Simulator.run(options(5, [.partitions, .pauses, .transfers, .membership]), seed: 13)
    #expect(outcome.violation == nil, "\(outcome.line)")
  }

  @Test func `Planted: snapshots that miss versions lose writes`() {
    #expect(violation(.cutSnapshots, options(3, [.membership, .transfers]), from: [23, 33, 53]) != nil)
  }
}
