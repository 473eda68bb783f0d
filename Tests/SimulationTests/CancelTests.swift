// Waits for other nodes that are told to end.

import Encoding
import Testing

@testable import Ranges
@testable import Simulation
@testable import Transactions

@Suite struct CancelTests {
  private static let key = Key(Array("k".utf8))

  /// Takes the key's lock through a node and holds it for ten seconds, or stops waiting for it after half a second.
  private func lock(through number: Int, isPatient: Bool, _ cluster: TestCluster) -> TestCluster.Pending<Void> {
    cluster.begin(number) { system async throws(TransactionError) in
      let transaction = system.begin()
      let me = Confined(transaction, to: system.reactor)
      if !isPatient {
        _ = system.reactor.schedule(afterNanoseconds: 500_000_000) { reactor in me.access(on: reactor).cancelWait() }
      }
      var block = KeyValueBlock()
      do throws(TransactionError) {
        _ = try await transaction.get(Self.key, lock: LockRequest(.exclusive), into: &block)
      } catch {
        await transaction.rollback()
        throw error
      }
      await system.reactor.sleep(nanoseconds: 10_000_000_000)
      await transaction.rollback()
    }
  }

  /// Nobody says a second time that a statement shall end.
  @Test(arguments: [false, true]) func `A cancel that is lost on its way is said again`(isLost: Bool) throws {
    let cluster = TestCluster(3, delay: 100_000)
    #expect(cluster.put("k", "0", through: 1)?.value != nil)
    let holder = try #require(cluster.serving().first)
    let other = holder % 3 + 1
    let first = lock(through: holder, isPatient: true, cluster)
    cluster.run(seconds: 0.1)
    let second = lock(through: other, isPatient: false, cluster)
    cluster.run(seconds: 0.45)
    if isLost {
      cluster.lose { $0.source == SimulatedNode.address(other) && $0.target == SimulatedNode.address(holder) }
    }
    cluster.run(seconds: 0.1)
    cluster.heal()
    let answer = try #require(cluster.wait(for: second, withinSeconds: 3))
    guard case .failure(.cancelled) = answer.result else {
      Issue.record("the wait ended with \(answer)")
      return
    }
    #expect(try #require(cluster.wait(for: first)).result.get() == ())
    cluster.end()
  }
}
