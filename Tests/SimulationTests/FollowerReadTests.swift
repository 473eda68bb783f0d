// Reads of the past on replicas that do not lead: what they serve, what they leave to the leaseholder, and what a defect in what is closed
// would show.

import Clocks
import Encoding
import Ranges
import Storage
import Testing
import Transactions

@testable import Simulation

@Suite struct FollowerReadTests {
  private func now(_ cluster: TestCluster, of number: Int) throws -> Timestamp {
    try #require(cluster.ask(number) { system async throws(TransactionError) in system.currentTimestamp() }?.value)
  }

  /// What a key holds as of a time, read through a node.
  private func read(_ key: String, at timestamp: Timestamp, through number: Int, _ cluster: TestCluster)
    -> TestCluster.Answer<String?>?
  {
    cluster.ask(number) { system async throws(TransactionError) -> String? in
      let transaction = system.beginRead(asOf: timestamp)
      var block = KeyValueBlock()
      let exists = try await transaction.get(Key(Array(key.utf8)), into: &block)
      _ = try await transaction.commit()
      return exists ? String(decoding: block.value(0), as: UTF8.self) : nil
    }
  }

  /// How many reads of the past a node's replicas have served, and left to others.
  private func counts(_ number: Int, _ cluster: TestCluster) throws -> (served: UInt64, refused: UInt64) {
    let store = try #require(cluster.nodes[number - 1].store)
    let counters = try #require(
      cluster.ask(number) { _ async throws(TransactionError) in await store.counters() }?.value)
    return (counters.closedReads, counters.closedReadsRefused)
  }

  /// Seconds by which what is closed on a node lies behind.
  private func lag(_ number: Int, range: UInt64 = 1, _ cluster: TestCluster) throws -> Double {
    let closed = try #require(cluster.look(number, range) { $0.closedTimestamp })
    return Double(try now(cluster, of: number).wall - closed.wall) / 1e9
  }

  @Test func `Any replica serves the past, without the leaseholder`() throws {
    let cluster = TestCluster(3)
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    let time = try now(cluster, of: 1)
    #expect(cluster.put("k", "2", through: 1)?.value != nil)
    cluster.run(seconds: 5)
    let leader = try #require(cluster.serving().first)
    let others = [1, 2, 3].filter { $0 != leader }
    for other in others {
      let before = try counts(other, cluster)
      #expect(read("k", at: time, through: other, cluster)?.value == "1")
      #expect(try counts(other, cluster).served == before.served + 1)
      // What has just been is not closed yet.
      #expect(
        read("k", at: try now(cluster, of: other).adding(nanoseconds: -500_000_000), through: other, cluster)?.value
          == "2")
      #expect(try counts(other, cluster).refused == before.refused + 1)
    }
    cluster.isolate(leader)
    #expect(read("k", at: time, through: others[0], cluster)?.value == "1")
    #expect(read("k", at: time, through: leader, cluster)?.value == "1")
    cluster.end()
  }

  @Test func `Ranges at rest are closed all the time, those that wake too`() throws {
    let cluster = TestCluster(3)
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    cluster.run(seconds: 30)
    let leader = try #require(cluster.serving().first)
    let other = leader % 3 + 1
    #expect(cluster.look(leader) { $0.isResting } == true)
    #expect(try lag(other, cluster) < 3.5)
    #expect(cluster.put("k", "2", through: 1)?.value != nil)
    #expect(try lag(other, cluster) < 3.5)
    cluster.run(seconds: 10)
    #expect(try lag(other, cluster) < 3.5)
    // Nothing is heard from the leaseholder's reactor for a while; then all is told anew.
    cluster.lose { packet in
      guard case .frame(_, 4) = packet.content else { return false }
      return packet.target == SimulatedNode.address(other)
    }
    cluster.run(seconds: 5)
    #expect(try lag(other, cluster) > 7)
    #expect(cluster.put("k", "3", through: 1)?.value != nil)
    cluster.run(seconds: 5)
    cluster.heal()
    cluster.run(seconds: 1)
    #expect(try lag(other, cluster) < 3.5)
    // And after the leaseholder's node has died.
    cluster.kill(leader)
    cluster.run(seconds: 15)
    let heir = try #require(cluster.serving().first)
    let last = try #require([1, 2, 3].first { $0 != heir && $0 != leader })
    #expect(try lag(last, cluster) < 3.5)
    cluster.begin(leader)
    cluster.run(seconds: 15)
    #expect(try lag(leader, cluster) < 3.5)
    cluster.end()
  }

  @Test func `An intent is left to the leaseholder, and bounded staleness stays below it`() throws {
    let cluster = TestCluster(3)
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    cluster.run(seconds: 5)
    let leader = try #require(cluster.serving().first)
    let other = leader % 3 + 1
    let writer = cluster.begin(leader) { system async throws(TransactionError) -> Timestamp in
      system.bufferLimit = 1
      let transaction = system.begin()
      transaction.put(Key(Array("k".utf8)), Array("2".utf8))
      try await transaction.flushIfNeeded()
      await system.reactor.sleep(nanoseconds: 20 * .second)
      return try await transaction.commit()
    }
    cluster.run(seconds: 1)
    let time = try now(cluster, of: other)
    cluster.run(seconds: 8)
    let refused = try counts(other, cluster).refused
    let newest = cluster.ask(other) { system async throws(TransactionError) in
      try await system.newestTimestamp(of: [KeySpan(Key(Array("k".utf8)))], atLeast: .zero)
    }
    #expect(try #require(newest?.value) < time)
    #expect(try #require(newest?.value) > time.adding(nanoseconds: -1_100_000_000))
    #expect(read("k", at: try #require(newest?.value), through: other, cluster)?.value == "1")
    #expect(try counts(other, cluster).refused == refused)
    #expect(read("k", at: time, through: other, cluster)?.value == "1")
    #expect(try counts(other, cluster).refused == refused + 1)
    #expect(try #require(cluster.wait(for: writer)?.value) > time)
    cluster.run(seconds: 5)
    #expect(read("k", at: time, through: other, cluster)?.value == "1")
    // Nothing is in the way any more.
    let later = cluster.ask(other) { system async throws(TransactionError) in
      let bound = system.currentTimestamp().adding(nanoseconds: -60 * .second)
      return try await system.newestTimestamp(of: [KeySpan(Key(Array("k".utf8)))], atLeast: bound)
    }
    #expect(read("k", at: try #require(later?.value), through: other, cluster)?.value == "2")
    cluster.end()
  }

  // MARK: Plants

  @Test(arguments: [false, true]) func `A leaseholder writes below what it has closed`(_ isPlanted: Bool) throws {
    let cluster = TestCluster(3) { _, settings in settings.store.faults.writesIntoThePast = isPlanted }
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    cluster.run(seconds: 5)
    let leader = try #require(cluster.serving().first)
    let other = leader % 3 + 1
    let writer = cluster.begin(leader) { system async throws(TransactionError) -> Timestamp in
      let transaction = system.begin()
      transaction.put(Key(Array("k".utf8)), Array("2".utf8))
      await system.reactor.sleep(nanoseconds: 8 * .second)
      return try await transaction.commit()
    }
    cluster.run(seconds: 1)
    let time = try now(cluster, of: other)
    cluster.run(seconds: 5)
    #expect(read("k", at: time, through: other, cluster)?.value == "1")
    #expect(cluster.wait(for: writer)?.value != nil)
    cluster.run(seconds: 1)
    #expect(read("k", at: time, through: other, cluster)?.value == (isPlanted ? "2" : "1"))
    cluster.end()
  }

  /// The right half was closed by a node whose clock is ahead; the left one's, which takes its keys over, is behind.
  @Test(arguments: [false, true]) func `A merge forgets what was closed in the right half`(_ isPlanted: Bool) throws {
    let cluster = TestCluster(3) { number, settings in
      settings.store.faults.forgetsClosedAtMerge = isPlanted
      settings.store.merging = .onDemand
      settings.store.supportDuration = 20 * .second
      settings.store.closedLag = 100 * .millisecond
      settings.clock = (offset: (number == 1 ? 2900 : -2900) * .millisecond, error: 3 * .second)
    }
    cluster.run(seconds: 20)
    #expect(cluster.put("x", "1", through: 1)?.value != nil)
    let start = Key(Array("m".utf8))
    let cut = cluster.ask(1) { system async throws(TransactionError) -> UInt64? in
      try await system.split(at: start)
      return system.shard.descriptors(overlapping: KeySpan(start)).first?.id.rawValue
    }
    let right = try #require(cut?.value ?? nil)
    cluster.run(seconds: 5)
    // The left half is led by the second node, the right one by the first.
    for (range, wanted) in [(UInt64(1), 2), (right, 1)] where cluster.serving(range) != [wanted] {
      let old = try #require(cluster.serving(range).first)
      _ = cluster.act(old, range) { _, replica in
        try? await replica.transferLease(to: .init(rawValue: UInt32(wanted)))
      }
      cluster.run(seconds: 5)
      #expect(cluster.serving(range) == [wanted])
    }
    cluster.run(seconds: 20)
    let writer = cluster.begin(2) { system async throws(TransactionError) -> Timestamp in
      let transaction = system.begin()
      transaction.put(Key(Array("x".utf8)), Array("2".utf8))
      await system.reactor.sleep(nanoseconds: 3 * .second)
      return try await transaction.commit()
    }
    cluster.run(seconds: 0.01)
    let time = try now(cluster, of: 2)
    cluster.run(seconds: 2)
    #expect(read("x", at: time, through: 3, cluster)?.value == "1")
    let merge = cluster.ask(2) { system async throws(TransactionError) in
      if case .merged = try await system.merge(at: start) { return true }
      return false
    }
    #expect(merge?.value == true)
    let committed = try #require(cluster.wait(for: writer)?.value)
    #expect((committed <= time) == isPlanted, "\(committed) \(time)")
    #expect(read("x", at: time, through: 3, cluster)?.value == (isPlanted ? "2" : "1"))
    cluster.end()
  }
}
