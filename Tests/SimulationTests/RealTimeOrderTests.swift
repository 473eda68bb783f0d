// Clusters that are not externally consistent: commits do not wait for clocks, and readers find them all the same.

import Clocks
import Testing

@testable import Simulation

@Suite struct RealTimeOrderTests {
  /// The first node's clock is as far ahead as all admit, the others' as far behind.
  private func cluster(_ order: RealTimeOrder, doesNotLookAhead: Bool = false) -> TestCluster {
    TestCluster(3) { number, settings in
      settings.order = order
      settings.store.faults.doesNotLookAhead = doesNotLookAhead
      settings.clock = (offset: (number == 1 ? 90 : -90) * .millisecond, error: 100 * .millisecond)
    }
  }

  @Test func `Commits wait for clocks only where the order of real time is kept`() throws {
    func seconds(_ order: RealTimeOrder) throws -> Double {
      let cluster = cluster(order)
      #expect(cluster.put("k", "0", through: 1)?.value != nil)
      let put = try #require(cluster.put("k", "1", through: 1))
      #expect(put.value != nil)
      cluster.end()
      return put.seconds
    }
    #expect(try seconds(.strict) > 0.19)
    #expect(try seconds(.changing) > 0.19)
    #expect(try seconds(.perKey) < 0.05)
  }

  @Test(arguments: [false, true]) func `Readers see what was acknowledged without a wait`(_ isPlanted: Bool) throws {
    let cluster = cluster(.perKey, doesNotLookAhead: isPlanted)
    #expect(cluster.put("k", "0", through: 1)?.value != nil)
    cluster.run(seconds: 2)
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    #expect(cluster.get("k", through: 2)?.value == (isPlanted ? "0" : "1"))
    cluster.end()
  }

  @Test func `Histories are linearizable key by key, and serializable`() {
    var options = SimulationOptions()
    options.workload = .cluster
    options.duration = 3 * .second
    options.isExternallyConsistent = false
    options.faults = [.clocks, .transfers, .splits]
    for seed in UInt64(1)...6 {
      let outcome = Simulator.run(options, seed: seed)
      #expect(outcome.violation == nil, "\(outcome.line)")
    }
  }
}
