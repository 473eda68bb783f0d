// Defects that only show when something happens at the one moment that matters: each is planted, and a run that leads up to that moment
// shows it. The same run without the plant must hold.

import Clocks
import Encoding
import Ranges
import Testing
import Transactions

@testable import Simulation

@Suite struct PlantTests {
  private func cluster(
    _ plant: WritableKeyPath<PlantedFaults, Bool>, isPlanted: Bool, count: Int = 3,
    _ edit: @escaping (Int, inout SimulatedNode.Settings) -> Void = { _, _ in }
  ) -> TestCluster {
    TestCluster(count) { number, settings in
      settings.store.faults[keyPath: plant] = isPlanted
      edit(number, &settings)
    }
  }

  @Test(arguments: [false, true]) func `A leaseholder serves after its lease has ended`(_ isPlanted: Bool) throws {
    let cluster = self.cluster(\.ignoresLeaseEnd, isPlanted: isPlanted)
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    let old = try #require(cluster.serving().first)
    let other = try #require([1, 2, 3].first { $0 != old })
    cluster.isolate(old)
    cluster.pause(old, seconds: 8)
    cluster.run(seconds: 6)
    #expect(cluster.put("k", "2", through: other)?.value != nil)
    // The process goes on, and its first turn is a client's, before it hears of anything.
    cluster.run(seconds: 8 - 6)
    let read = cluster.begin(old) { system async throws(TransactionError) in
      let transaction = system.begin(isReadOnly: true)
      var block = KeyValueBlock()
      _ = try await transaction.get(Key(Array("k".utf8)), into: &block)
      await transaction.rollback()
      return String(decoding: block.value(0), as: UTF8.self)
    }
    cluster.run(seconds: 0.05)
    cluster.heal()
    #expect(cluster.wait(for: read)?.value == (isPlanted ? "1" : "2"))
    cluster.end()
  }

  @Test(arguments: [false, true]) func `Members break their promise, and two hold the lease`(_ isPlanted: Bool) throws {
    let cluster = self.cluster(\.breaksPromises, isPlanted: isPlanted)
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    cluster.run(seconds: 2)
    let old = try #require(cluster.serving().first)
    cluster.silenceGroups(of: old)
    cluster.run(seconds: 5)
    let serving = cluster.serving()
    if isPlanted {
      #expect(serving.count == 2 && serving.contains(old), "\(serving)")
      let new = try #require(serving.first { $0 != old })
      #expect(cluster.put("k", "2", through: new)?.value != nil)
      #expect(cluster.get("k", through: old)?.value == "1")
    } else {
      #expect(serving == [old])
      #expect(cluster.get("k", through: old)?.value == "1")
    }
    cluster.end()
  }

  /// One node's clock is five seconds ahead of the others', within what all admit.
  private func skewed(_ plant: WritableKeyPath<PlantedFaults, Bool>, isPlanted: Bool) -> TestCluster {
    cluster(plant, isPlanted: isPlanted) { number, settings in
      settings.store.supportDuration = 20 * .second
      settings.clock = (offset: (number == 1 ? 2500 : -2500) * .millisecond, error: 3 * .second)
    }
  }

  /// The leaseholder is the node whose clock is ahead, and nothing was written for long.
  private func settleOnFirst(_ cluster: TestCluster) throws {
    cluster.run(seconds: 20)
    if cluster.serving() != [1] {
      let old = try #require(cluster.serving().first)
      _ = cluster.act(old) { _, replica in try? await replica.transferLease(to: .init(rawValue: 1)) }
      cluster.run(seconds: 5)
    }
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    cluster.run(seconds: 15)
    #expect(cluster.serving() == [1])
  }

  @Test(arguments: [false, true]) func `A new leaseholder does not know what was read`(_ isPlanted: Bool) throws {
    let cluster = skewed(\.forgetsReadsAtLease, isPlanted: isPlanted)
    try settleOnFirst(cluster)
    let reader = cluster.readTwice("k", through: 1, secondsBetween: 20)
    cluster.run(seconds: 0.01)
    _ = cluster.act(1) { _, replica in try? await replica.transferLease(to: .init(rawValue: 2)) }
    #expect(cluster.put("k", "2", through: 2)?.value != nil)
    #expect(cluster.wait(for: reader)?.value == (isPlanted ? ["1", "2"] : ["1", "1"]))
    cluster.end()
  }

  @Test(arguments: [false, true]) func `The right half of a split does not know what was read`(_ isPlanted: Bool) throws
  {
    let cluster = skewed(\.forgetsReadsAtSplit, isPlanted: isPlanted)
    try settleOnFirst(cluster)
    let reader = cluster.readTwice("k", through: 1, secondsBetween: 20)
    cluster.run(seconds: 0.01)
    // The first to lead the right half is another node: the first one does not hear whether it was elected.
    let isSplit = cluster.act(1) { _, replica -> Bool in
      let failure = await replica.split(at: Key(Array("k".utf8)), into: RangeID(77), in: replica.descriptor.generation)
      cluster.silenceGroups(of: 1, onlyToIt: true)
      return failure == nil
    }
    #expect(isSplit == true)
    cluster.run(seconds: 3)
    let heir = try #require(cluster.serving(77).first)
    #expect(heir != 1)
    cluster.heal()
    let put = cluster.put("k", "2", through: heir)
    #expect(put?.value != nil, "\(String(describing: put)) \(heir)")
    let read = cluster.wait(for: reader)
    #expect(read?.value == (isPlanted ? ["1", "2"] : ["1", "1"]), "\(String(describing: read))")
    cluster.end()
  }

  /// Has the cluster move a node's replica to the one that has none.
  private func empty(_ number: Int, _ cluster: TestCluster, meanwhile: () -> Void = {}) {
    cluster.decisions.leaving = [number]
    for _ in 0..<20 {
      cluster.run(seconds: 0.2)
      meanwhile()
    }
    cluster.run(seconds: 20)
    cluster.decisions.leaving = []
    #expect(cluster.look(number) { $0.isInitialized } == nil)
  }

  @Test(arguments: [false, true]) func `A replica that was removed comes back empty and votes`(_ isPlanted: Bool) throws
  {
    let cluster = self.cluster(\.forgetsRemovals, isPlanted: isPlanted, count: 4)
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    let leader = try #require(cluster.serving().first)
    let members = try #require(cluster.look(leader) { $0.descriptor.replicas.map { Int($0.node.rawValue) } })
    let followers = members.filter { $0 != leader }
    let (behind, removed) = (followers[0], followers[1])
    // One sleeps through it all; another one's replica goes to the fourth node.
    cluster.isolate(behind)
    empty(removed, cluster)
    #expect(cluster.put("k", "2", through: leader)?.value != nil)
    // Those two are a majority of what the sleeper takes for the members.
    cluster.isolate(behind, removed)
    cluster.run(seconds: 10)
    #expect(cluster.serving().contains(behind) == isPlanted)
    if isPlanted { #expect(cluster.get("k", through: behind)?.value == "1") }
    cluster.end()
  }

  @Test(arguments: [false, true]) func `A snapshot misses what is applied while it is sent`(_ isPlanted: Bool) throws {
    let cluster = self.cluster(\.snapshotsMissTail, isPlanted: isPlanted, count: 4) { _, settings in
      settings.store.snapshotRate = 2000
    }
    cluster.run(seconds: 60)
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    let leader = try #require(cluster.serving().first)
    let members = try #require(cluster.look(leader) { $0.descriptor.replicas.map { Int($0.node.rawValue) } })
    #expect(members.count == 3)
    let leaving = try #require(members.last { $0 != leader })
    // Once at least when the pieces have gone, and the end has not.
    empty(leaving, cluster) { #expect(cluster.put("k", "2", through: leader)?.value != nil) }
    let outcome = cluster.act(leader) { _, replica in await replica.checkConsistency() }
    if case .different? = outcome { #expect(isPlanted) } else { #expect(!isPlanted, "\(String(describing: outcome))") }
    cluster.end()
  }
}
