// Clocks of running nodes: sources that can be used and that cannot, cluster time over real sockets, and what becomes of contradictions.

import Clocks
import Foundation
import Ranges
import Synchronization
import Testing
import Transport

@testable import Server

/// What nodes said before they would have ended the process.
private final class Ends: Sendable {
  private let reasons = Mutex<[String]>([])
  var all: [String] { reasons.withLock { $0 } }
  func note(_ reason: String) { reasons.withLock { $0.append(reason) } }
}

@Suite(.timeLimit(.minutes(5)))
struct ClockTests {
  private static func configuration(
    _ sources: String, store: String? = nil, join: [NodeAddress] = [], machine: String = "here", error: Int64? = nil,
    ends: Ends = Ends()
  ) throws -> NodeConfiguration {
    var configuration = NodeConfiguration(store: store)
    configuration.sqlAddress.port = 0
    configuration.httpAddress.port = 0
    configuration.cacheByteCount = 16 << 20
    configuration.logLevel = .critical
    configuration.onFatal = { ends.note($0) }
    configuration.clockBoundFiles = []
    var cluster = ClusterConfiguration()
    cluster.rpcAddress.port = 0
    cluster.join = join
    cluster.machineBootID = machine
    cluster.timeSources = try TimeSourceChoice(sources, statedError: error)
    cluster.seekInterval = 50_000_000
    cluster.directoryInterval = 200_000_000
    configuration.cluster = cluster
    return configuration
  }

  private static func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    for _ in 0..<1000 {
      if try await condition() { return true }
      try? await Task.sleep(nanoseconds: 20_000_000)
    }
    return false
  }

  /// What a ClockBound daemon would write, version 2.
  private static func segment(status: Int32) -> [UInt8] {
    let now = Int64(ProcessInfo.processInfo.systemUptime)
    var bytes: [UInt8] = []
    func put<T: FixedWidthInteger>(_ value: T) { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }
    put(UInt32(0x414D_5A4E))
    put(UInt32(0x4342_0200))
    put(UInt32(80))
    put(UInt16(2))
    put(UInt16(4))
    for number in [now, 0, now + 1000, 0, 30_000, 0] as [Int64] { put(number) }
    put(UInt32(50_000))
    put(status)
    put(UInt64(0))
    return bytes
  }

  @Test func `A source that was asked for and cannot be used keeps the node from starting`() async throws {
    do {
      let node = try await Node.start(try Self.configuration("clockbound"))
      await node.stop()
      Issue.record("it started")
    } catch let error as NodeStartError {
      #expect(error.description == "time source clockbound cannot be used: there is no ClockBound daemon")
    }
  }

  @Test func `A node goes by ClockBound until that says that the clock was disrupted`() async throws {
    let folder = try TestNode.makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = folder + "/shm0"
    #expect(FileManager.default.createFile(atPath: file, contents: Data(Self.segment(status: 1))))
    let ends = Ends()
    var configuration = try Self.configuration("auto", ends: ends)
    configuration.clockBoundFiles = [folder + "/none", file]
    let node = try await Node.start(configuration)
    _ = await node.initialise()
    #expect(await node.untilReady())
    let client = try await TestClient.connect(port: node.sqlAddress.port)
    await client.query("create table t (k int); insert into t values (1)")
    #expect(await client.query("select k from t").value == "1")
    let clock = await client.query("show clock").values.first ?? ""
    #expect(clock.hasPrefix("1,clockbound,0."), "\(clock)")
    let metrics = await node.metrics().first { $0.name == "meridian_clock_error_seconds" }
    #expect((metrics?.samples.first?.value ?? 1) < 0.01)
    let handle = try #require(FileHandle(forWritingAtPath: file))
    try handle.write(contentsOf: Data(Self.segment(status: 3)))
    try handle.close()
    #expect(
      await Self.eventually {
        ends.all == ["time source clockbound cannot be used: ClockBound says that the clock was disrupted"]
      })
    await node.stop()
  }

  @Test func `Nodes of several machines agree on the time without any time service`() async throws {
    let folder = try TestNode.makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let ends = Ends()
    func start(_ index: Int, join: [Node]) async throws -> Node {
      while true {
        do {
          return try await Node.start(
            try Self.configuration(
              "cluster", store: "\(folder)/\(index)", join: join.compactMap(\.rpcAddress), machine: "m\(index)",
              ends: ends))
        } catch let error as NodeStartError where error.description.contains("another process holds the store") {
          // It is let go when the node is not referred to any more.
          try await Task.sleep(nanoseconds: 20_000_000)
        }
      }
    }
    var nodes: [Node] = []
    for index in 0..<3 {
      nodes.append(try await start(index, join: nodes))
      if index == 0 { _ = await nodes[0].initialise() }
      #expect(await nodes[index].untilReady())
    }
    var clients: [TestClient] = []
    for node in nodes { clients.append(try await TestClient.connect(port: node.sqlAddress.port)) }
    await clients[1].query("create table t (k int); insert into t values (1)")
    #expect(await clients[2].query("select k from t").value == "1")
    // With other tests beside a lease may lapse: whose it is then is a matter of who runs first, but it is one node's, and soon.
    #expect(
      await Self.eventually {
        let references = Set(nodes.map(\.clockWatch.reference))
        guard references.count == 1, let reference = references.first ?? nil else { return false }
        let rows = await clients[0].query("show clock").values
        return rows.count == 3
          && rows.allSatisfy { $0.contains(",cluster,") && $0.contains(" ms,\(reference.rawValue),") }
          && nodes.allSatisfy { $0.clock.interval().error < 20_000_000 }
      })

    #expect(
      await Self.eventually {
        await clients[0].query("select cardinality(voters) from meridian_catalog.ranges").value == "3"
      })
    // A node comes back with the time that the others know.
    await nodes.removeLast().stop()
    let again = try await start(2, join: nodes)
    #expect(again.nodeID == nil)
    #expect(await again.untilReady())
    #expect(again.nodeID == NodeID(rawValue: 3))
    let client = try await TestClient.connect(port: again.sqlAddress.port)
    await client.query("insert into t values (2)")
    #expect(await clients[1].query("select count(*) from t").value == "2")
    #expect(ends.all.isEmpty)
    await again.stop()
    for node in nodes.reversed() { await node.stop() }
  }

  @Test func `Clocks of one kind do not mix with those of the other`() async throws {
    let first = try await Node.start(try Self.configuration("cluster"))
    _ = await first.initialise()
    #expect(await first.untilReady())
    let ends = Ends()
    let other = try await Node.start(
      try Self.configuration("one-machine", join: [try #require(first.rpcAddress)], ends: ends))
    #expect(await Self.eventually { !ends.all.isEmpty })
    #expect(
      ends.all.first?.hasSuffix("the cluster's nodes were started with --clock-source cluster, and the node was not")
        == true)
    await other.stop()
    await first.stop()
  }

  @Test func `Who contradicts a majority ends, and the cluster keeps what was claimed`() async throws {
    let ends = Ends()
    let cluster = try await LocalCluster.start(count: 3) { index, configuration in
      if let own = try? Self.configuration(
        "auto", join: configuration.cluster?.join ?? [], machine: "m\(index)", error: 5_000_000, ends: ends)
      {
        configuration = own
      }
    }
    let nodes = cluster.nodes
    let client = try await TestClient.connect(port: nodes[1].sqlAddress.port)
    let watch = nodes[0].clockWatch
    /// As a node would claim whose clock is a second ahead.
    func claim() -> ClockInterval {
      let own = nodes[0].clock.interval()
      return ClockInterval(earliest: own.earliest + 1_000_000_000, latest: own.latest + 1_000_000_000)
    }
    // Once it agrees with the third, a contradiction with the second is not its own fault.
    try? await Task.sleep(nanoseconds: 1_100_000_000)
    #expect(!watch.judge(claim(), of: NodeID(rawValue: 2), since: nil))
    #expect(ends.all.isEmpty && watch.incidentCount == 1)
    #expect(await nodes[0].complaint() == nil)
    let table = "select node_id, other_node_id, kind from meridian_catalog.clock_incidents"
    #expect(await Self.eventually { await client.query(table).values == ["1,2,ahead"] })
    #expect(
      await client.query(
        "select other_earliest - earliest between '0.9s' and '1.1s' from meridian_catalog.clock_incidents"
      )
      .value == "t")
    #expect(await Self.eventually { watch.incidents.isEmpty })
    // The next heartbeat heals it.
    try? await Task.sleep(nanoseconds: 1_100_000_000)
    _ = watch.judge(claim(), of: NodeID(rawValue: 2), since: nil)
    _ = watch.judge(claim(), of: NodeID(rawValue: 3), since: nil)
    #expect(await Self.eventually { !ends.all.isEmpty })
    #expect(
      ends.all == [
        "this node's clock cannot be reconciled with those of a majority of the nodes: it contradicts n2, n3"
      ])
    await cluster.stop()
  }
}
