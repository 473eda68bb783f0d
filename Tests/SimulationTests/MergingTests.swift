// Neighbours on different nodes come together before they are merged; and a merge whose coordinator dies leaves both or one.

import Encoding
import Ranges
import Testing
import Transactions
import Transport

@testable import Simulation

@Suite struct MergingTests {
  private let start = Key(Array("m".utf8))

  /// Two ranges, rows in both.
  private func cluster(_ count: Int) throws -> (TestCluster, right: UInt64) {
    let cluster = TestCluster(count) { _, settings in settings.store.merging = .onDemand }
    for key in ["k", "x"] { #expect(cluster.put(key, "1", through: 1)?.value != nil) }
    cluster.run(seconds: 10)
    let start = start
    let cut = cluster.ask(1) { system async throws(TransactionError) -> UInt64? in
      try await system.split(at: start)
      return system.shard.descriptors(overlapping: KeySpan(start)).first?.id.rawValue
    }
    cluster.run(seconds: 5)
    return (cluster, try #require(cut?.value ?? nil))
  }

  @Test func `Neighbours on different nodes come together and are merged`() throws {
    let (cluster, right) = try cluster(5)
    let leader = try #require(cluster.serving(right).first)
    let before = try #require(cluster.look(leader, right) { $0.descriptor })
    let driver = try #require(cluster.nodes[leader - 1].drivers.last)
    let scattered = cluster.ask(leader) { _ async throws(TransactionError) in await driver.scatter(before.id) }
    #expect(scattered?.value?.hasMovedReplica == true, "\(String(describing: scattered))")
    cluster.run(seconds: 5)
    let heir = try #require(cluster.serving(right).first)
    let after = try #require(cluster.look(heir, right) { $0.descriptor })
    #expect(Set(after.replicas.map(\.node)) != Set(before.replicas.map(\.node)))
    for node in cluster.nodes { node.store?.setMerging(.automatic) }
    cluster.run(seconds: 60)
    let whole = try #require(cluster.serving(1).first)
    #expect(cluster.look(whole) { $0.descriptor.span } == .all)
    #expect(cluster.serving(right) == [])
    #expect(cluster.get("x", through: heir)?.value == "1")
    #expect(cluster.get("k", through: heir)?.value == "1")
    cluster.end()
  }

  /// It rests, and takes a store that lives for its leader's; those that it knows say only that its range is no more.
  @Test func `A replica that slept through its removal and the end of its range makes room`() throws {
    let (cluster, right) = try cluster(4)
    let leader = try #require(cluster.serving(right).first)
    let members = try #require(cluster.look(leader, right) { $0.descriptor.replicas.map { Int($0.node.rawValue) } })
    let whole = try #require(cluster.serving(1).first)
    let sleeper = try #require(members.first { $0 != leader && $0 != whole })
    cluster.silenceGroups(of: sleeper, onlyToIt: true)
    let node = NodeID(rawValue: UInt32(sleeper))
    let heir = NodeID(rawValue: UInt32(try #require((1...4).first { !members.contains($0) })))
    for (place, range) in [(leader, right), (whole, 1)] {
      let isReplaced = cluster.act(place, range) { _, replica in
        do {
          try await replica.removeReplica(on: node)
          // Whoever sees to replicas makes it a voter.
          try await replica.addLearner(on: heir)
          return true
        } catch {
          return false
        }
      }
      #expect(isReplaced == true)
    }
    for node in cluster.nodes { node.store?.setMerging(.automatic) }
    cluster.run(seconds: 60)
    #expect(cluster.serving(right) == [])
    #expect(cluster.look(sleeper, right) { !$0.holdsLease } == true)
    cluster.heal()
    let keeper = try #require(cluster.serving(1).first)
    let addition = cluster.act(keeper) { _, replica in (try? await replica.addLearner(on: node)) != nil }
    #expect(addition == true)
    cluster.run(seconds: 60)
    #expect(cluster.look(sleeper, right) { _ in true } == nil)
    cluster.end()
  }

  /// The right half is frozen, and whoever had it frozen is gone: it serves again after a few seconds.
  @Test func `A merge that nobody goes on with is given up`() throws {
    let (cluster, right) = try cluster(3)
    let leader = try #require(cluster.serving(right).first)
    let other = try #require(cluster.serving(1).first)
    let left = try #require(cluster.look(other) { $0.descriptor })
    let target = MergeTarget(range: left.id, generation: left.generation)
    let isFrozen = cluster.act(leader, right) { _, replica -> Bool in
      guard
        case .frozen = await replica.execute(
          .freeze(into: target, generation: replica.descriptor.generation),
          TransactionHeader(
            id: TransactionID(high: 1, low: 1), start: .zero, readTimestamp: .zero, isolation: .serializable, label: "")
        )
      else { return false }
      return true
    }
    #expect(isFrozen == true)
    #expect(cluster.serving(right) == [])
    // Its leader dies, too.
    cluster.kill(leader)
    cluster.run(seconds: 20)
    cluster.begin(leader)
    let survivor = leader == 1 ? 2 : 1
    #expect(cluster.get("x", through: survivor)?.value == "1")
    #expect(cluster.serving(right).count == 1)
    cluster.end()
  }
}
