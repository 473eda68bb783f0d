// Defects of transactions that only show when something happens at the one moment that matters: each is planted, and a run that leads up to
// that moment shows it. The same run without the plant must hold.

import Encoding
import Ranges
import Storage
import Synchronization
import Testing
import Transport

@testable import Simulation
@testable import Transactions

@Suite struct TransactionPlantTests {
  private static func key(_ text: String) -> Key { Key(Array(text.utf8)) }

  private func cluster(_ plant: WritableKeyPath<PlantedFaults, Bool>, isPlanted: Bool) -> TestCluster {
    TestCluster(3) { _, settings in
      settings.store.faults[keyPath: plant] = isPlanted
      // What is late is late, not lost.
      settings.heartbeatInterval = 5 * .second
      // Nor is it too late because the past is closed, which would hide what is planted.
      settings.store.closedLag = 60 * .second
    }
  }

  /// Has a node take over a range's lease.
  private func move(_ range: UInt64, to number: Int, _ cluster: TestCluster) throws {
    for _ in 0..<5 {
      guard let holder = cluster.serving(range).first, holder != number else { break }
      _ = cluster.act(holder, range) { _, replica in
        guard let heir = replica.descriptor.replicas.first(where: { $0.node.rawValue == UInt32(number) }) else {
          return
        }
        try? await replica.transferLease(to: heir.node)
      }
      cluster.run(seconds: 1)
    }
    #expect(cluster.serving(range) == [number])
  }

  /// One range up to `m`, which node 2 leads, and one from there on, which node 3 leads. Node 1 knows that.
  private func twoRanges(_ cluster: TestCluster) throws {
    #expect(cluster.put("a", "0", through: 1)?.value != nil)
    #expect(cluster.put("m", "0", through: 1)?.value != nil)
    let right = cluster.ask(1) { system async throws(TransactionError) -> UInt64 in
      try await system.split(at: Self.key("m"))
      return try await system.range(of: Self.key("m")).id.rawValue
    }
    try move(1, to: 2, cluster)
    try move(try #require(right?.value), to: 3, cluster)
    #expect(cluster.get("a", through: 1)?.value == "0")
    #expect(cluster.get("m", through: 1)?.value == "0")
  }

  private static func read(_ key: String, _ transaction: Transaction) async throws(TransactionError) -> String? {
    var block = KeyValueBlock()
    guard try await transaction.get(Self.key(key), into: &block) else { return nil }
    return String(decoding: block.value(0), as: UTF8.self)
  }

  @Test(arguments: [false, true])
  func `A write of a staged commit comes after it was found to be missing`(_ isPlanted: Bool) throws {
    let cluster = self.cluster(\.letsMissingWritesCome, isPlanted: isPlanted)
    try twoRanges(cluster)
    // The record comes at once, the write to the other range late, and nothing more is heard of the coordinator until then.
    let calls = Atomic<Int>(0)
    let isCalled = { @Sendable (packet: LoopbackNetwork.Packet) -> Bool in
      guard packet.source == SimulatedNode.address(1), case .frame(.call, _) = packet.content else { return false }
      return true
    }
    cluster.decide { packet in
      guard isCalled(packet) else { return nil }
      if packet.target == SimulatedNode.address(3) { return .deliver(afterNanoseconds: 9_000_000_000) }
      return calls.wrappingAdd(1, ordering: .relaxed).oldValue == 0 ? nil : .lose
    }
    let commit = cluster.begin(1) { system async throws(TransactionError) in
      let transaction = system.begin()
      transaction.put(Self.key("a"), Array("1".utf8))
      transaction.put(Self.key("m"), Array("1".utf8))
      do throws(TransactionError) {
        _ = try await transaction.commit()
      } catch {
        await transaction.rollback()
        throw error
      }
    }
    cluster.run(seconds: 2)
    let read = cluster.begin(2) { system async throws(TransactionError) in
      let transaction = system.begin(isReadOnly: true)
      let value = try await Self.read("a", transaction)
      _ = try await transaction.commit()
      return value
    }
    cluster.run(seconds: 6)
    cluster.heal()
    // The reader has settled that the commit was not made.
    #expect(cluster.wait(for: read, withinSeconds: 0.1)?.value == "0")
    let outcome = try #require(cluster.wait(for: commit))
    #expect((outcome.value != nil) == isPlanted, "\(outcome)")
    #expect(cluster.get("a", through: 3)?.value == "0")
    cluster.end()
  }

  @Test(arguments: [false, true]) func `Equal timestamps are taken for one owner's`(_ isPlanted: Bool) throws {
    let cluster = self.cluster(\.takesEqualTimestampsForOneOwner, isPlanted: isPlanted)
    for key in ["x", "y"] { #expect(cluster.put(key, "0", through: 1)?.value != nil) }
    cluster.run(seconds: 1)
    // Both begin at the same moment of two clocks that agree, each reads what the other one writes.
    let both = [(1, "x", "y"), (2, "y", "x")].map { number, other, own in
      cluster.begin(number) { system async throws(TransactionError) -> Int64 in
        let transaction = system.begin()
        do throws(TransactionError) {
          _ = try await Self.read(other, transaction)
          await system.reactor.sleep(nanoseconds: 500_000_000)
          transaction.put(Self.key(own), Array("1".utf8))
          let begun = transaction.readTimestamp.wall
          _ = try await transaction.commit()
          return begun
        } catch {
          await transaction.rollback()
          throw error
        }
      }
    }
    let outcomes = both.compactMap { cluster.wait(for: $0) }
    #expect(outcomes.count == 2)
    #expect(outcomes.count { $0.value != nil } == (isPlanted ? 2 : 1), "\(outcomes)")
    cluster.end()
  }

  @Test(arguments: [false, true]) func `Nobody looks whether what was read has changed`(_ isPlanted: Bool) throws {
    let cluster = self.cluster(\.skipsRefresh, isPlanted: isPlanted)
    #expect(cluster.put("k", "0", through: 1)?.value != nil)
    let slow = cluster.begin(1) { system async throws(TransactionError) in
      let transaction = system.begin()
      do throws(TransactionError) {
        let before = try await Self.read("k", transaction) ?? ""
        await system.reactor.sleep(nanoseconds: 500_000_000)
        transaction.put(Self.key("k"), Array((before + "s").utf8))
        _ = try await transaction.commit()
      } catch {
        await transaction.rollback()
        throw error
      }
    }
    cluster.run(seconds: 0.1)
    #expect(cluster.put("k", "1", through: 2)?.value != nil)
    let outcome = try #require(cluster.wait(for: slow))
    #expect((outcome.value != nil) == isPlanted, "\(outcome)")
    #expect(cluster.get("k", through: 3)?.value == (isPlanted ? "0s" : "1"))
    cluster.end()
  }

  @Test(arguments: [false, true]) func `A commit whose outcome is not known is tried again`(_ isPlanted: Bool) throws {
    let cluster = self.cluster(\.retriesAmbiguousCommits, isPlanted: isPlanted)
    #expect(cluster.put("k", "", through: 1)?.value != nil)
    try move(1, to: 2, cluster)
    #expect(cluster.get("k", through: 1)?.value == "")
    // The answer to the second request, the commit, is lost with its connection.
    let replies = Atomic<Int>(0)
    cluster.decide { packet in
      guard packet.target == SimulatedNode.address(1), packet.source == SimulatedNode.address(2),
        case .frame(.reply, _) = packet.content
      else { return nil }
      return replies.wrappingAdd(1, ordering: .relaxed).oldValue == 1 ? .reset : nil
    }
    let append = cluster.ask(1) { system async throws(TransactionError) in
      let transaction = system.begin()
      while true {
        do throws(TransactionError) {
          let before = try await Self.read("k", transaction) ?? ""
          transaction.put(Self.key("k"), Array((before + "x").utf8))
          _ = try await transaction.commit()
          return
        } catch {
          guard case .retry = error else {
            await transaction.rollback()
            throw error
          }
          await transaction.restart()
        }
      }
    }
    cluster.heal()
    if !isPlanted, case .failure(.ambiguousCommit)? = append?.result {
    } else {
      #expect(isPlanted, "\(String(describing: append))")
    }
    #expect(cluster.get("k", through: 3)?.value == (isPlanted ? "xx" : "x"))
    cluster.end()
  }
}
