// Starting, stopping and starting again: what was acknowledged is there, what stands in the way is told in words.

import Foundation
import Server
import Testing

@Suite(.timeLimit(.minutes(5)))
struct LifeCycleTests {
  @Test func aRestartKeepsWhatWasAcknowledged() async throws {
    let folder = try TestNode.makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var node: TestNode? = try await TestNode.start(folder)
    var client = try await #require(node).client()
    await client.query("create table kept (k serial primary key, v text unique); create index on kept (v)")
    await client.query("insert into kept (v) select 'v' || g from generate_series(1, 300) g")
    await client.query("begin; insert into kept (v) values ('lost')")
    await client.drop()
    await node?.node.stop()
    node = nil
    node = try await TestNode.start(folder)
    client = try await #require(node).client()
    #expect(await client.query("select count(*), max(k) from kept").values == ["300,300"])
    #expect(await client.query("insert into kept (v) values ('v7')").state == "23505")
    #expect(await client.query("insert into kept (v) values ('lost') returning k > 300").value == "t")
    await node?.node.stop()
  }

  @Test func aStopWaitsForTransactionsAndEndsIdleSessions() async throws {
    let folder = try TestNode.makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var node: TestNode? = try await TestNode.start(folder)
    let clients = try await #require(node).clients(2)
    await clients[0].query("create table draining (k int)")
    await clients[0].query("begin; insert into draining values (1)")
    let idle = clients[1].listen()
    let stop = Task { [node = node?.node] in await node?.stop() }
    let end = await idle.value()
    #expect(end.state == "57P01")
    #expect(end.error?.message == "terminating connection due to administrator command")
    #expect(await clients[0].query("commit").tags == ["COMMIT"])
    await stop.value
    node = nil
    let again = try await TestNode.start(folder)
    #expect(await (try await again.client()).query("select count(*) from draining").value == "1")
    await again.node.stop()
  }

  private func failure(_ configuration: NodeConfiguration) async -> String {
    do {
      await (try await Node.start(configuration)).stop()
      return ""
    } catch { return "\(error)" }
  }

  @Test func aStoreInUseIsLeftAlone() async throws {
    let folder = try TestNode.makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let node = try await TestNode.start(folder)
    let message = await failure(TestNode.configuration(folder))
    #expect(message.contains("cannot open the store"))
    #expect(message.contains("another process holds the store"))
    #expect(await (try await node.client()).query("select 1").value == "1")
    await node.node.stop()
  }

  @Test func aTakenPortIsTold() async throws {
    let folder = try TestNode.makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let other = try await TestNode.shared().node
    var configuration = TestNode.configuration(folder)
    configuration.sqlAddress = other.sqlAddress
    #expect(
      await failure(configuration).contains("cannot listen for SQL on \(other.sqlAddress): the address is in use"))
    configuration = TestNode.configuration(folder)
    configuration.httpAddress = other.httpAddress
    #expect(await failure(configuration).contains("cannot listen for HTTP on \(other.httpAddress)"))
    // The store was let go, and nothing is damaged.
    let node = try await TestNode.start(folder)
    #expect(await (try await node.client()).query("select 1").value == "1")
    await node.node.stop()
  }

  @Test func aDamagedStoreIsRefused() async throws {
    let folder = try TestNode.makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    await (try await TestNode.start(folder)).node.stop()
    let path = folder + "/store/STORE"
    let good = try Data(contentsOf: URL(fileURLWithPath: path))
    for bad in [Data(), Data(good.prefix(good.count / 2)), Data(good.map { $0 ^ 0x55 })] {
      try bad.write(to: URL(fileURLWithPath: path))
      #expect(await failure(TestNode.configuration(folder)).contains("cannot open the store"))
    }
    try good.write(to: URL(fileURLWithPath: path))
    let again = try await TestNode.start(folder)
    await again.node.stop()
  }
}
