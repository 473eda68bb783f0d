// How long commits take where the nodes are far from each other: in round trips, which is what replication costs.

import Encoding
import Ranges
import Testing
import Transactions

@testable import Simulation

@Suite struct CommitRoundTests {
  /// Seconds from the commit's beginning to its answer: of one range, and of ten.
  private func seconds(inRounds rounds: Int) throws -> (one: Double, ten: Double) {
    let cluster = TestCluster(3, delay: 10 * .millisecond) { _, settings in settings.store.stagesCommits = rounds == 1 }
    #expect(cluster.put("a", "0", through: 1)?.value != nil)
    cluster.run(seconds: 5)
    let leader = try #require(cluster.serving().first)
    let letters = "bcdefghij"
    let cut = cluster.ask(leader) { system async throws(TransactionError) -> Bool in
      for letter in letters.utf8 { try await system.split(at: Key([letter])) }
      return true
    }
    #expect(cut?.value == true)
    cluster.run(seconds: 5)
    func commit(_ keys: String) -> Double? {
      let answer = cluster.ask(leader) { system async throws(TransactionError) -> Int64 in
        let transaction = system.begin()
        for letter in keys.utf8 {
          var block = KeyValueBlock()
          _ = try await transaction.get(Key([letter]), lock: LockRequest(.exclusive), into: &block)
          transaction.put(Key([letter]), [1])
        }
        let begun = system.reactor.environment.monotonicNow().nanoseconds
        _ = try await transaction.commit()
        return system.reactor.environment.monotonicNow().nanoseconds - begun
      }
      return (answer?.value).map { Double($0) / 1e9 }
    }
    let one = try #require(commit("a"))
    let ten = try #require(commit("a" + letters))
    cluster.end()
    return (one, ten)
  }

  @Test func `A commit over ten ranges takes one round of replication`() throws {
    let staged = try seconds(inRounds: 1)
    #expect(staged.one >= 0.02 && staged.one < 0.04)
    #expect(staged.ten < staged.one * 1.1, "\(staged)")
  }

  @Test func `Without staging it takes two`() throws {
    let plain = try seconds(inRounds: 2)
    #expect(plain.ten > plain.one * 1.9, "\(plain)")
  }
}
