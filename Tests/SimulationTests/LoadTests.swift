// A range that has too much to bear is cut where its load is halved, unless one key is all that is wanted.

import Clocks
import Encoding
import Ranges
import Reactors
import Storage
import Testing
import Transactions

@testable import Simulation

@Suite struct LoadTests {
  private func cluster() -> TestCluster { TestCluster(3) { _, settings in settings.store.splitLoad = 200 } }

  /// Reads keys one after the other, about a thousand in a second.
  private func read(_ cluster: TestCluster, from leader: Int, _ key: @escaping @Sendable (Int) -> Key) {
    let reader = cluster.begin(leader) { system async throws(TransactionError) in
      for number in 0..<15_000 {
        let transaction = system.begin(isReadOnly: true)
        var block = KeyValueBlock()
        do throws(TransactionError) {
          _ = try await transaction.get(key(number * 7919 % 1000), into: &block)
        } catch {
          // The range is being cut.
        }
        await transaction.rollback()
        await system.reactor.sleep(nanoseconds: 1_000_000)
      }
    }
    #expect(cluster.wait(for: reader)?.value != nil)
  }

  @Test func `A busy range is cut in the middle of its load`() throws {
    let cluster = cluster()
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    let leader = try #require(cluster.serving().first)
    read(cluster, from: leader) { Key([0x70, UInt8($0 / 256), UInt8($0 % 256)]) }
    let end = try #require(cluster.look(leader) { $0.descriptor.span.end })
    #expect(Key([0x70, 1, 100]) < end && end < Key([0x70, 2, 150]), "\(end)")
    cluster.end()
  }

  @Test func `A range that one key makes busy is not cut, and says so`() throws {
    let cluster = cluster()
    #expect(cluster.put("k", "1", through: 1)?.value != nil)
    let leader = try #require(cluster.serving().first)
    read(cluster, from: leader) { _ in Key([0x70, 5]) }
    #expect(cluster.look(leader) { $0.descriptor.span.end } == Key.max)
    let trouble = try #require(cluster.look(leader) { $0.trouble ?? "" })
    #expect(trouble.contains("want the key"), "\(trouble)")
    cluster.end()
  }
}
