// A range that has lost its quorum says so at once to whoever asks, with the replicas that are missing, and serves again as soon as it can.

import Encoding
import Ranges
import Testing

@testable import Simulation
@testable import Transactions

@Suite struct AvailabilityTests {
  @Test func `Without a quorum requests fail at once after ten seconds, and name who is missing`() throws {
    let cluster = TestCluster(3)
    #expect(cluster.put("k", "1", through: 3)?.value != nil)
    cluster.kill(1)
    cluster.kill(2)
    // Ten seconds are what an election may take at the worst, and support must have run out before.
    let first = try #require(cluster.get("k", through: 3))
    #expect(first.unavailable != nil && first.seconds > 9 && first.seconds < 16, "\(first)")
    cluster.run(seconds: 5)
    let read = try #require(cluster.get("k", through: 3))
    let reason = try #require(read.unavailable)
    #expect(read.seconds < 0.5)
    for word in ["range r1 has had no leaseholder for", "on node 1 (silent for", "on node 2 (silent for"] {
      #expect(reason.contains(word), "\(reason)")
    }
    #expect(cluster.put("k", "2", through: 3)?.unavailable != nil)
    #expect(cluster.look(3) { $0.stall } != nil)
    cluster.begin(1)
    cluster.run(seconds: 6)
    #expect(cluster.get("k", through: 3)?.value == "1")
    #expect(cluster.look(3) { $0.stall } == .some(nil))
    cluster.end()
  }

  @Test func `A node without a replica knows when all replicas are out of reach`() throws {
    let cluster = TestCluster(4)
    let holders = try #require(cluster.look(1) { $0.descriptor.replicas.map { Int($0.node.rawValue) } })
    #expect(holders.count == 3)
    let outside = try #require((1...4).first { !holders.contains($0) })
    #expect(cluster.put("k", "1", through: outside)?.value != nil)
    for holder in holders { cluster.kill(holder) }
    cluster.run(seconds: 15)
    let read = try #require(cluster.get("k", through: outside))
    #expect(read.seconds < 0.5)
    #expect(read.unavailable?.contains("range r1 cannot be reached: missing: replica") == true, "\(read)")
    for holder in holders { cluster.begin(holder) }
    cluster.run(seconds: 6)
    #expect(cluster.get("k", through: outside)?.value == "1")
    cluster.end()
  }

  // Members that had promised to follow it, and did not tick, took it for the leader and refused their votes for ever.
  @Test func `A leader that steps down while its store is believed to live is elected again`() throws {
    let cluster = TestCluster(3)
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    let leader = try #require(cluster.serving().first)
    cluster.silenceGroups(of: leader)
    let write = cluster.begin(leader) { system async throws(TransactionError) in
      let transaction = system.begin()
      transaction.put(Key([9]), [1])
      _ = try await transaction.commit()
    }
    cluster.run(seconds: 6)
    #expect(cluster.serving().isEmpty)
    cluster.heal()
    cluster.run(seconds: 4)
    #expect(cluster.serving() == [leader])
    #expect(cluster.wait(for: write) != nil)
    #expect(cluster.put("k", "2", through: leader)?.value != nil)
    cluster.end()
  }

  // It asked nobody but the replicas that it knew of, and of newer ones nobody told it.
  @Test func `A gateway finds a range whose replicas it knows of have gone silent`() throws {
    let cluster = TestCluster(4)
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    let leader = try #require(cluster.serving().first)
    for other in 1...4 where other != leader {
      let learnt = cluster.ask(other) { system async throws(TransactionError) in
        // As when the range had one replica; whoever has heard of newer ones knows better.
        system.router = RangeRouter([
          RangeDescriptor(
            id: RangeID(1), span: .all, replicas: [.init(node: .init(rawValue: UInt32(leader)), replica: .init(1))],
            nextReplica: .init(2))
        ])
        return system.beginning >= 0
      }
      #expect(learnt?.value == true)
    }
    cluster.isolate(leader)
    cluster.run(seconds: 12)
    for other in 1...4 where other != leader {
      let write = try #require(cluster.put("k", "\(other)", through: other))
      #expect(write.value != nil && write.seconds < 4, "through \(other): \(write)")
    }
    cluster.end()
  }

  @Test func `Where commands are not committed although the lease stands, what waits is ended`() throws {
    let cluster = TestCluster(3)
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    #expect(cluster.put("other", "1", through: 1)?.value != nil)
    let leader = try #require(cluster.serving().first)
    let others = [1, 2, 3].filter { $0 != leader }
    // The disks of both others stand still; they go on answering whatever needs no disk.
    for other in others { cluster.nodes[other - 1].environments.last?.machine.workSlowdown = 10_000_000 }
    let write = try #require(cluster.put("k", "2", through: leader))
    guard case .failure(.ambiguousCommit(let reason)) = write.result else {
      Issue.record("\(write)")
      return
    }
    #expect(reason.contains("has committed nothing for 10 s: the nodes of all its other replicas answer"), "\(reason)")
    #expect(write.seconds > 9 && write.seconds < 12)
    let next = try #require(cluster.put("other", "2", through: leader))
    #expect(next.unavailable != nil && next.seconds < 0.5, "\(next)")
    // What is under way may be committed yet, so who would read it waits, and is not let wait; others are served.
    let read = try #require(cluster.get("k", through: leader))
    #expect(read.unavailable != nil && read.seconds < 0.5, "\(read)")
    #expect(cluster.get("other", through: leader)?.value == "1")
    for other in others {
      cluster.kill(other)
      cluster.begin(other)
    }
    cluster.run(seconds: 6)
    #expect(cluster.get("k", through: leader)?.value == "2")
    #expect(cluster.put("k", "3", through: leader)?.value != nil)
    cluster.end()
  }
}
