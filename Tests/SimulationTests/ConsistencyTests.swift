// Replicas that differ are found, and the store that is wrong is never used again.

import Ranges
import Testing

@testable import Simulation

@Suite struct ConsistencyTests {
  private func fill(_ cluster: TestCluster, through number: Int) {
    for index in 0..<40 { #expect(cluster.put("k\(index)", "\(index)", through: number)?.value != nil) }
  }

  private func check(_ cluster: TestCluster, _ number: Int) -> ConsistencyOutcome? {
    cluster.act(number) { _, replica in await replica.checkConsistency() }
  }

  @Test func `Equal replicas agree, and those that cannot be asked are named`() throws {
    let cluster = TestCluster(3)
    fill(cluster, through: 1)
    let leader = try #require(cluster.serving().first)
    guard case .equal(let checksum, let replicas, let silent)? = check(cluster, leader) else {
      Issue.record("the replicas are not equal")
      return
    }
    #expect(checksum.keyCount > 40 && replicas.count == 3 && silent.isEmpty)
    let other = try #require([1, 2, 3].first { $0 != leader })
    cluster.kill(other)
    guard case .equal(_, let left, let missing)? = check(cluster, leader) else {
      Issue.record("the replicas are not equal")
      return
    }
    #expect(left.count == 2 && missing.map(\.rawValue) == [UInt32(other)])
    cluster.end()
  }

  @Test func `Planted: a replica that loses a write is found by itself, and its store does not open again`() throws {
    let cluster = TestCluster(3) { number, settings in
      if number == 2 { settings.store.faults.losesAppliedWrites = true }
      settings.store.checkInterval = 5 * .second
    }
    if cluster.serving() == [2] {
      _ = cluster.act(2) { _, replica in try? await replica.transferLease(to: .init(rawValue: 1)) }
    }
    fill(cluster, through: 1)
    cluster.run(seconds: 12)
    let reason = try #require(cluster.ends[2])
    #expect(reason.contains("the replicas of range r1 differ at index"), "\(reason)")
    #expect(reason.hasSuffix("wrong: node 2"), "\(reason)")
    #expect(cluster.ends.count == 1)
    cluster.kill(2)
    cluster.begin(2)
    cluster.run(seconds: 1)
    #expect(cluster.ends[2]?.contains("must not be used any more") == true, "\(cluster.ends)")
    #expect(cluster.get("k7", through: 3)?.value == "7")
    cluster.end()
  }

  @Test func `Planted: simulated clusters compare their replicas`() {
    var options = SimulationOptions()
    options.workload = .cluster
    options.nodes = 3
    options.duration = 3 * .second
    options.faults = []
    options.planted = .loseAppliedWrites
    // A seed with which neither clients nor reads of the past notice first.
    let violation = Simulator.run(options, seed: 9).violation
    #expect(violation?.contains("differ at index") == true, "\(violation ?? "none")")
  }
}
