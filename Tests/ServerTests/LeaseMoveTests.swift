// Sessions that hold locks while the lease of their range is handed on: neither they nor those who wait for them notice.

import Ranges
import Testing
import Transport

@testable import Server

@Suite(.timeLimit(.minutes(5)))
struct LeaseMoveTests {
  /// The first node that leads ranges hands their leases on to the next one.
  private func moveLeases(_ nodes: [Node]) async {
    for (index, node) in nodes.enumerated() {
      guard let store = node.member?.store else { continue }
      let heir = NodeID(rawValue: UInt32((index + 1) % nodes.count + 1))
      var count = 0
      for reactor in store.environment.reactors {
        count += await reactor.perform { reactor in
          let led = store.shard(on: reactor).sortedReplicas.filter(\.holdsLease).map(\.descriptor.id)
          for range in led { try? await store.shard(on: reactor).replica(range)?.transferLease(to: heir) }
          return led.count
        }
      }
      if count > 0 { return }
    }
  }

  private func isReplicated(_ client: TestClient) async -> Bool {
    for _ in 0..<500 {
      if await client.query("select min(cardinality(voters)) from meridian_catalog.ranges").value == "3" { return true }
      try? await Task.sleep(nanoseconds: 20_000_000)
    }
    return false
  }

  @Test func aSessionKeepsItsLocksWhereverTheLeaseGoes() async throws {
    let cluster = try await LocalCluster.start(count: 3) { _, configuration in
      configuration.httpAddress.port = 0
      configuration.cacheByteCount = 16 << 20
      configuration.logLevel = .critical
      configuration.cluster?.machineBootID = "here"
      configuration.cluster?.directoryInterval = 500_000_000
    }
    var clients: [TestClient] = []
    for node in cluster.nodes { clients.append(try await TestClient.connect(port: node.sqlAddress.port)) }
    let (a, b, c) = (clients[0], clients[1], clients[2])
    await a.query("create table t (k int primary key, v int); insert into t values (1, 0), (2, 0)")
    #expect(await isReplicated(a))
    for isolation in ["serializable", "repeatable read", "read committed"] {
      await a.query("update t set v = 0")
      await a.query("begin isolation level \(isolation); select v from t where k = 1 for update")
      let waiting = b.start("update t set v = v * 10 where k = 1")
      #expect(await waiting.isBlocked())
      for _ in 0..<2 {
        await moveLeases(cluster.nodes)
        #expect(await waiting.isBlocked())
        #expect(await c.query("select v from t where k = 1 for update nowait").state == "55P03")
        #expect(await c.query("select v from t where k = 1 for update skip locked").values == [])
      }
      #expect(await a.query("update t set v = v + 1 where k = 1").tags == ["UPDATE 1"])
      await moveLeases(cluster.nodes)
      #expect(await a.query("update t set v = v + 1 where k = 2").tags == ["UPDATE 1"])
      #expect(await a.query("commit").tags == ["COMMIT"])
      #expect(await waiting.value().tags == ["UPDATE 1"])
      #expect(await c.query("select v from t order by k for update nowait").values == ["10", "1"])
    }
    var inherited: UInt64 = 0
    for node in cluster.nodes { inherited += await node.member?.store.counters().locksInherited ?? 0 }
    #expect(inherited >= 9)
    await cluster.stop()
  }
}
