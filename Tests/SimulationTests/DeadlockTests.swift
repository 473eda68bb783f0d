// A cycle of waits over ranges that different nodes serve.

import Encoding
import Ranges
import Storage
import Synchronization
import Testing
import Transactions
import Transport

@testable import Simulation

@Suite struct DeadlockTests {
  /// What happened when, by true time.
  private final class Times: Sendable {
    let closed = Mutex<Int64>(0)
    let broken = Mutex<[(node: Int, at: Int64)]>([])
  }

  /// The node of the youngest is told, though another one's wait closed the cycle; or that of the lowest priority.
  @Test(arguments: [(100_000, nil), (100_000, 2), (15_000_000, nil)] as [(Int64, Int?)])
  func `A deadlock over three nodes is broken soon, and by one`(delay: Int64, low: Int?) throws {
    let cluster = TestCluster(3, delay: delay)
    let keys: [String] = ["a", "m", "x"]
    for key in keys { #expect(cluster.put(key, "0", through: 1)?.value != nil) }
    for (index, key) in keys.enumerated() {
      let start = Key(Array(key.utf8))
      let cut = cluster.ask(1) { system async throws(TransactionError) -> UInt64? in
        try await system.split(at: start)
        await system.reactor.sleep(nanoseconds: 1_000_000_000)
        return system.shard.descriptors(overlapping: KeySpan(start)).first?.id.rawValue
      }
      let range = try #require(cut?.value ?? nil)
      let leader = try #require(cluster.serving(range).first)
      if leader != index + 1 {
        let heir = NodeID(rawValue: UInt32(index + 1))
        let isMoved = cluster.act(leader, range) { _, replica in (try? await replica.transferLease(to: heir)) != nil }
        #expect(isMoved == true)
      }
      cluster.run(seconds: 5)
      #expect(cluster.serving(range) == [index + 1])
    }

    let times = Times()
    let world = cluster.world
    // The oldest begins to wait last.
    let pending = (0..<3).map { index in
      let own = Key(Array(keys[index].utf8))
      let next = Key(Array(keys[(index + 1) % 3].utf8))
      let transaction = cluster.begin(index + 1) { system async throws(TransactionError) -> Bool in
        let transaction = system.begin()
        if index + 1 == low { transaction.priority = .low }
        do throws(TransactionError) {
          var block = KeyValueBlock()
          _ = try await transaction.get(own, lock: LockRequest(.exclusive), into: &block)
          await system.reactor.sleep(nanoseconds: index == 0 ? 5_000_000_000 : 2_000_000_000)
          if index == 0 { times.closed.withLock { $0 = world.now } }
          _ = try await transaction.get(next, lock: LockRequest(.exclusive), into: &block)
          _ = try await transaction.commit()
          return true
        } catch {
          if case .deadlock = error { times.broken.withLock { $0.append((index + 1, world.now)) } }
          await transaction.rollback()
          throw error
        }
      }
      cluster.run(seconds: 0.2)
      return transaction
    }
    let answers = pending.map { cluster.wait(for: $0)?.value }
    let broken = times.broken.withLock { $0 }
    #expect(broken.map(\.node) == [low ?? 3])
    #expect(answers == (1...3).map { $0 == low ?? 3 ? nil : true })
    let lasted = try #require(broken.first?.at) - times.closed.withLock { $0 }
    // Three looks, and the ways of the request, of two questions after waits, and of the answer.
    #expect(lasted < 3 * 25_000_000 + 8 * delay, "\(lasted)")
    cluster.end()
  }
}
