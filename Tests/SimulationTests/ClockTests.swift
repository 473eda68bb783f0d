// Clocks of simulated nodes: at the worst edge of their bounds, beyond them, and without any time service.

import Encoding
import Ranges
import Testing
import Transactions
import Transport

@testable import Simulation

@Suite struct ClockTests {
  /// One node's clock is ahead, the others' behind, all by as much as they admit.
  private func edge(_ plant: WritableKeyPath<PlantedFaults, Bool>, isPlanted: Bool) -> TestCluster {
    let cluster = TestCluster(3) { number, settings in
      settings.store.faults[keyPath: plant] = isPlanted
      settings.clock = (offset: (number == 1 ? 300 : -300) * .millisecond, error: 300 * .millisecond)
    }
    #expect(cluster.put("k", "0", through: 2)?.value != nil)
    cluster.run(seconds: 10)
    return cluster
  }

  @Test(arguments: [false, true]) func `Writers that do not wait are not seen by who comes later`(_ isPlanted: Bool) {
    let cluster = edge(\.skipsCommitWait, isPlanted: isPlanted)
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    #expect(cluster.get("k", through: 2)?.value == (isPlanted ? "0" : "1"))
    cluster.end()
  }

  @Test(arguments: [false, true]) func `Readers that do not wait see what later ones do not`(_ isPlanted: Bool) {
    let cluster = edge(\.skipsReadersWait, isPlanted: isPlanted)
    let write = cluster.begin(1) { system async throws(TransactionError) in
      let transaction = system.begin()
      transaction.put(Key(Array("k".utf8)), [0x31])
      _ = try await transaction.commit()
    }
    // It is there, and not yet acknowledged.
    cluster.run(seconds: 0.1)
    #expect(cluster.get("k", through: 1)?.value == "1")
    #expect(cluster.get("k", through: 2)?.value == (isPlanted ? "0" : "1"))
    #expect(cluster.wait(for: write)?.value != nil)
    cluster.end()
  }

  @Test(arguments: [false, true]) func `Who begins at the earliest time misses what was acknowledged`(_ isPlanted: Bool)
  {
    let cluster = edge(\.readsAtEarliest, isPlanted: isPlanted)
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    #expect(cluster.get("k", through: 2)?.value == (isPlanted ? "0" : "1"))
    cluster.end()
  }

  @Test func `A node whose clock leaves its bound ends, and others have kept why`() throws {
    let cluster = TestCluster(3) { _, settings in settings.clock = (offset: 0, error: 5 * .millisecond) }
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    let victim = try #require(cluster.serving().first)
    cluster.nodes[victim - 1].environments.last?.machine.clock.jump(byNanoseconds: 500 * .millisecond)
    cluster.run(seconds: 3)
    #expect(cluster.ends.keys.sorted() == [victim])
    #expect(cluster.ends[victim]?.contains("cannot be reconciled with those of a majority") == true)
    let incidents = cluster.nodes.filter { $0.number != victim }.flatMap { $0.watch?.incidents ?? [] }
    #expect(!incidents.isEmpty && incidents.allSatisfy { $0.other == NodeID(rawValue: UInt32(victim)) })
    // Nearly half a second, less both bounds and the slack.
    #expect(incidents.allSatisfy { (480...490).contains($0.excess / .millisecond) && $0.kind == .ahead })
    cluster.kill(victim)
    let other = try #require([1, 2, 3].first { $0 != victim })
    cluster.run(seconds: 8)
    #expect(cluster.put("k", "2", through: other)?.value != nil)
    // Started again, with the clock put right, it still knows why it ended.
    cluster.begin(victim)
    cluster.run(seconds: 5)
    #expect(cluster.get("k", through: victim)?.value == "2")
    #expect(cluster.nodes[victim - 1].watch?.incidents.isEmpty == false)
    cluster.end()
  }

  @Test func `A request from too far ahead is refused`() throws {
    let cluster = TestCluster(3) { _, settings in settings.clock = (offset: 0, error: 5 * .millisecond) }
    let leader = try #require(cluster.serving().first)
    let other = try #require([1, 2, 3].first { $0 != leader })
    let answer = cluster.ask(other, withinSeconds: 20) { system async throws(TransactionError) in
      let far = system.currentTimestamp().adding(nanoseconds: 1_500 * .millisecond)
      let transaction = system.beginRead(asOf: far)
      var block = KeyValueBlock()
      return try await transaction.get(Key([7]), into: &block)
    }
    let reason = try #require(answer?.unavailable)
    #expect(reason == "a request's timestamp lies too far ahead of this node's clock: some clock is wrong")
    cluster.end()
  }

  /// Milliseconds from a write's begin to its acknowledgement, through the leaseholder, on average of ten.
  private func latency(error: Int64, delay: Int64) throws -> Double {
    let cluster = TestCluster(3, delay: delay) { _, settings in settings.clock = (offset: 0, error: error) }
    let leader = try #require(cluster.serving().first)
    var sum = 0.0
    for number in 0..<10 {
      let answer = try #require(cluster.put("k", "\(number)", through: leader))
      #expect(answer.value != nil)
      sum += answer.seconds * 100
      cluster.run(seconds: 0.5)
    }
    cluster.end()
    return sum
  }

  @Test func `The wait for the clock hides behind the way to the other nodes`() throws {
    for delay in [500_000, 17_500_000] as [Int64] {
      let without = try latency(error: 0, delay: delay)
      for error in [500_000, 5_000_000, 25_000_000] as [Int64] {
        // Twice the error from when the transaction began; answers are looked for once a millisecond.
        let expected = max(without, Double(2 * error) / 1e6)
        let measured = try latency(error: error, delay: delay)
        #expect(abs(measured - expected) < 2, "\(error) \(delay): \(without), \(measured)")
      }
    }
  }

  /// Three machines without a time service: their times of day are seconds apart, and their oscillators drift.
  private func timeless(_ seed: UInt64 = 5) -> TestCluster {
    TestCluster(3, seed: seed) { number, settings in
      settings.goesByClusterTime = true
      settings.clock = (offset: Int64(number - 2) * 3 * .second, error: 0)
      settings.driftPerMillion = Int64(number - 2) * 200
    }
  }

  /// The clocks of all nodes, read at one moment.
  private func intervals(_ cluster: TestCluster) -> [(earliest: Int64, latest: Int64)] {
    cluster.nodes.compactMap { $0.watch?.clock.interval() }.map { ($0.earliest, $0.latest) }
  }

  @Test func `Without a time service the nodes agree on the time, and the next one goes on with it`() throws {
    let cluster = timeless()
    #expect(cluster.ends.isEmpty)
    #expect(cluster.put("k", "1", through: 3)?.value != nil)
    #expect(cluster.get("k", through: 2)?.value == "1")
    let before = intervals(cluster)
    #expect(before.count == 3)
    // A round trip of 0.2 ms, and what drifts apart in a heartbeat.
    #expect(before.allSatisfy { $0.latest - $0.earliest < 600_000 }, "\(before)")
    #expect(before.map(\.earliest).max() ?? 0 <= before.map(\.latest).min() ?? 0)
    let reference = try #require(cluster.nodes[0].watch?.reference?.rawValue)
    cluster.kill(Int(reference))
    let left = try #require([1, 2, 3].first { $0 != Int(reference) })
    cluster.run(seconds: 6)
    #expect(cluster.nodes[left - 1].watch?.reference.map { $0.rawValue != reference } == true)
    #expect(cluster.put("k", "2", through: left)?.value != nil)
    cluster.begin(Int(reference))
    cluster.run(seconds: 8)
    #expect(cluster.get("k", through: Int(reference))?.value == "2")
    let after = intervals(cluster)
    #expect(after.count == 3 && after.map(\.earliest).max() ?? 0 <= after.map(\.latest).min() ?? 0, "\(after)")
    #expect(cluster.ends.isEmpty, "\(cluster.ends)")
    cluster.end()
  }

  @Test func `An oscillator that runs too fast for cluster time costs its node`() throws {
    let cluster = timeless()
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    let reference = Int(try #require(cluster.nodes[0].watch?.reference?.rawValue))
    let victim = try #require([1, 2, 3].first { $0 != reference })
    cluster.nodes[victim - 1].environments.last?.machine.clock.setDrift(perMillion: 9000, at: cluster.world.now)
    cluster.run(seconds: 10)
    #expect(cluster.ends.keys.sorted() == [victim], "\(cluster.ends)")
    #expect(cluster.get("k", through: reference)?.value == "1")
    cluster.end()
  }

  private func options(_ seconds: Int64, _ faults: FaultSet?) -> SimulationOptions {
    var options = SimulationOptions()
    options.workload = .cluster
    options.nodes = 3
    options.duration = seconds * .second
    options.faults = faults
    return options
  }

  @Test(arguments: [3, 14] as [UInt64]) func `Drawn workloads hold under cluster time`(_ seed: UInt64) {
    var options = options(3, [.clocks, .crashes, .partitions, .transfers])
    options.goesByClusterTime = true
    let outcome = Simulator.run(options, seed: seed)
    #expect(outcome.violation == nil, "\(outcome.line)")
  }

  @Test(arguments: [false, true]) func `A clock that breaks its bound costs its node, and no order of transactions`(
    _ goesByClusterTime: Bool
  ) {
    var options = options(8, [.clocks, .transfers, .splits])
    options.violatesClock = true
    options.goesByClusterTime = goesByClusterTime
    let outcome = Simulator.run(options, seed: 4)
    #expect(outcome.violation == nil, "\(outcome.line)")
    #expect(!outcome.summary.contains(", 0 clocks fenced"), "\(outcome.line)")
  }
}
