// Nodes of a cluster in this process, over real sockets: how they come together, what they serve, who is turned away, and restarts.

import Certificates
import Clocks
import Foundation
import Ranges
import Synchronization
import Testing
import Transport

@testable import Server

/// What nodes said before they would have ended the process.
private final class Deaths: Sendable {
  private let reasons = Mutex<[String]>([])
  var all: [String] { reasons.withLock { $0 } }
  func note(_ reason: String) { reasons.withLock { $0.append(reason) } }
}

@Suite(.timeLimit(.minutes(5)))
struct ClusterTests {
  private static func configuration(
    store: String? = nil, join: [NodeAddress?] = [], machine: String = "here", clockError: Int64? = nil,
    deaths: Deaths = Deaths()
  ) -> NodeConfiguration {
    var configuration = NodeConfiguration(store: store)
    configuration.sqlAddress.port = 0
    configuration.httpAddress.port = 0
    configuration.cacheByteCount = 16 << 20
    configuration.logLevel = .critical
    configuration.onFatal = { deaths.note($0) }
    var cluster = ClusterConfiguration()
    cluster.rpcAddress.port = 0
    cluster.join = join.compactMap { $0 }
    cluster.machineBootID = machine
    cluster.timeSources = clockError.flatMap { try? TimeSourceChoice("bound", statedError: $0) } ?? .oneMachine
    cluster.seekInterval = 50_000_000
    cluster.directoryInterval = 500_000_000
    configuration.cluster = cluster
    return configuration
  }

  private static func client(_ node: Node) async throws -> TestClient {
    try await TestClient.connect(port: node.sqlAddress.port)
  }

  /// What it throws; empty if it does not.
  private static func complaint(_ body: () async throws -> Void) async -> String {
    do {
      try await body()
      return ""
    } catch {
      return "\(error)"
    }
  }

  /// Asks until it is so.
  private static func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    for _ in 0..<500 {
      if try await condition() { return true }
      try? await Task.sleep(nanoseconds: 20_000_000)
    }
    return false
  }

  @Test func threeNodesServeOneDatabase() async throws {
    let cluster = try await LocalCluster.start(count: 3) { index, configuration in
      configuration = Self.configuration(join: configuration.cluster?.join ?? [])
      configuration.cluster?.locality = Locality("region=here,zone=z\(index)") ?? Locality()
    }
    let nodes = cluster.nodes
    #expect(nodes.map { $0.nodeID?.rawValue } == [1, 2, 3])
    let (first, third) = (try await Self.client(nodes[0]), try await Self.client(nodes[2]))
    await first.query("create table t (k int primary key, v text); insert into t values (1, 'one'), (2, 'two')")
    #expect(await third.query("select v from t order by k").values == ["one", "two"])
    // What one node has acknowledged the other sees, in both directions.
    for round in 0..<5 {
      await third.query("update t set v = 'round \(round)' where k = 1")
      #expect(await first.query("select v from t where k = 1").value == "round \(round)")
    }
    // Row ids of a table without a primary key hold the node's number.
    await first.query("create table w (v int)")
    for client in [first, third] { await client.query("insert into w select generate_series(1, 10)") }
    #expect(await first.query("select count(*), count(distinct v) from w").values == ["20,10"])
    // A lock that one node's session holds stops another's.
    await first.query("begin; update t set v = 'held' where k = 2")
    let waiting = third.start("update t set v = v || ' and freed' where k = 2")
    try await Task.sleep(nanoseconds: 50_000_000)
    #expect(!waiting.isDone)
    await first.query("commit")
    #expect(await waiting.value().tags == ["UPDATE 1"])
    let freed = await first.query("select v from t where k = 2").value
    #expect(freed == "held and freed")

    // The third node answers for all three.
    let asked = try #require(nodes[2].rpcAddress)
    let isComplete = try await Self.eventually {
      let status = try await ClusterClient(host: asked).status()
      return status.count == 3 && status.allSatisfy { $0.isLive && $0.replicaCount != nil }
    }
    #expect(isComplete)
    let status = try await ClusterClient(host: asked).status()
    #expect(status.map(\.node.rawValue) == [1, 2, 3])
    #expect(status.map(\.address) == nodes.map(\.rpcAddress))
    #expect(status.map(\.sqlAddress.port) == nodes.map(\.sqlAddress.port))
    #expect(
      status.map(\.locality.description) == ["region=here,zone=z0", "region=here,zone=z1", "region=here,zone=z2"])
    // One range, served once.
    #expect(status.compactMap(\.leaseCount).reduce(0, +) == 1)
    // Its replicas are equal, whoever is asked.
    let leader = try #require(status.first { $0.leaseCount == 1 }).node
    let isEqual = try await Self.eventually {
      let check = try await ClusterClient(host: asked).check(leader, after: 0)
      return check?.range == 1 && check?.verdict == .equal && check?.text.hasPrefix("nodes 1, 2, 3 agree") == true
    }
    #expect(isEqual)
    #expect(try await ClusterClient(host: asked).check(leader, after: 1) == nil)
    await cluster.stop()
  }

  @Test func aNodeWaitsUntilThereIsACluster() async throws {
    let node = try await Node.start(Self.configuration())
    let address = try #require(node.rpcAddress)
    #expect(!node.isReady)
    #expect(await node.complaint()?.contains("belongs to no cluster yet: `meridian init --host \(address)`") == true)
    #expect(await Self.complaint { _ = try await Self.client(node) }.hasPrefix("FATAL 57P03: "))
    let client = ClusterClient(host: address)
    #expect(
      await Self.complaint { _ = try await client.status() }
        == "the node at \(address) belongs to no cluster yet; `meridian init --host \(address)` begins one")
    let id = try await client.initialise()
    #expect(await node.untilReady())
    #expect(node.nodeID == NodeID(rawValue: 1))
    #expect(await node.complaint() == nil)
    #expect(await (try await Self.client(node)).query("select 1").value == "1")
    #expect(
      await Self.complaint { _ = try await client.initialise() }
        == "the cluster is initialised already: the node at \(address) is n1 of cluster \(id)")
    await node.stop()
    let unreachable = await Self.complaint { _ = try await client.status() }
    #expect(unreachable.hasPrefix("cannot reach a node at \(address): "))
    #expect(unreachable.hasSuffix("connection refused"))
  }

  @Test func initialisationOfAnotherNodeOfTheClusterBeginsNoSecondOne() async throws {
    let first = try await Node.start(Self.configuration())
    guard case .begun(let cluster) = await first.initialise() else {
      Issue.record("the cluster did not begin")
      return
    }
    #expect(await first.untilReady())
    // It asks those that it was told to join before it does anything.
    let second = try await Node.start(Self.configuration(join: [first.rpcAddress]))
    #expect(await second.initialise() == .already(cluster, NodeID(rawValue: 2)))
    #expect(await second.untilReady())
    await second.stop()
    await first.stop()
  }

  @Test func aRestartedNodeGoesBackToItsCluster() async throws {
    let folder = try TestNode.makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let first = try await Node.start(Self.configuration())
    _ = await first.initialise()
    #expect(await first.untilReady())
    var second: Node? = try await Node.start(Self.configuration(store: folder + "/store", join: [first.rpcAddress]))
    #expect(await second?.untilReady() == true)
    await (try await Self.client(first)).query("create table kept (k int); insert into kept values (7)")
    #expect(await Self.eventually { second?.knownRecords.count == 2 })
    await second?.stop()
    second = nil
    // A node alone would not have its data.
    var alone = Self.configuration(store: folder + "/store")
    alone.cluster = nil
    #expect(
      await Self.complaint { _ = try await Self.restart(alone) }
        == "the store is that of node n2 of a cluster of several nodes; start it with `meridian start`")
    // Nobody tells it where to look: it knows, and it tells the others its new address.
    let again = try await Self.restart(Self.configuration(store: folder + "/store"))
    #expect(again.nodeID == NodeID(rawValue: 2))
    #expect(await again.untilReady())
    #expect(await (try await Self.client(again)).query("select k from kept").value == "7")
    let host = try #require(first.rpcAddress)
    let isBack = try await Self.eventually {
      let status = try await ClusterClient(host: host).status()
      return status.count == 2 && status[1].isLive && status[1].address == again.rpcAddress
    }
    #expect(isBack)
    await again.stop()
    await first.stop()
  }

  @Test func boundedStalenessIsWhatTheNearestReplicasCanTell() async throws {
    let cluster = try await LocalCluster.start(count: 2) { _, configuration in
      configuration = Self.configuration(join: configuration.cluster?.join ?? [])
    }
    let clients = [try await Self.client(cluster.nodes[0]), try await Self.client(cluster.nodes[1])]
    // The cluster's version rises once both have told theirs.
    for _ in 0..<1_000
    where await clients[0].query("set cluster setting ranges.closed_timestamp_lag = '10ms'").state != nil {
      try await Task.sleep(nanoseconds: 10_000_000)
    }
    await clients[0].query("create table stale (k int primary key, v int)")
    await clients[0].query("insert into stale values (1, 7), (2, 8)")
    for client in clients {
      // As soon as everybody knows that it is past.
      var value: String?
      for _ in 0..<1_000 where value == nil {
        value = await client.query("select v from stale as of system time with_max_staleness('1h', true) where k = 1")
          .value
        if value == nil { try await Task.sleep(nanoseconds: 10_000_000) }
      }
      #expect(value == "7")
      #expect(await client.query("select sum(v) from stale as of system time with_max_staleness('0s')").value == "15")
    }
    for node in cluster.nodes { await node.stop() }
  }

  /// A store is let go when the node that had it is no longer referred to, which may be a moment after it has stopped.
  private static func restart(_ configuration: NodeConfiguration) async throws -> Node {
    for _ in 0..<100 {
      do {
        return try await Node.start(configuration)
      } catch let error as NodeStartError where error.description.contains("another process holds the store") {
        try await Task.sleep(nanoseconds: 20_000_000)
      }
    }
    return try await Node.start(configuration)
  }

  @Test func whatDroppedTablesLeftStaysWhileAnyNodeMayReadIt() async throws {
    let cluster = try await LocalCluster.start(count: 2) { _, configuration in
      configuration = Self.configuration(join: configuration.cluster?.join ?? [])
    }
    let (first, second) = (cluster.nodes[0], cluster.nodes[1])
    let member = try #require(first.member)
    func limit() async throws -> Int64? {
      try await first.environment.reactors[0].perform { reactor in
        let transactions = member.gateways[0].access(on: reactor).transactions
        return try await first.clearingLimit(member, transactions, on: reactor)
      }
    }
    // Reads of the past want it as long as they want versions.
    #expect(try await limit() ?? Int64.max <= first.clock.interval().latest - member.store.versionLifetime)
    member.store.setVersionLifetime(nanoseconds: 0)
    let before = first.clock.interval().latest
    #expect(try await limit() ?? 0 >= before)
    let client = try await Self.client(second)
    await client.query("create table t (k int)")
    await client.query("begin; select * from t")
    let begun = first.clock.interval().latest
    #expect(try await limit() ?? Int64.max <= begun)
    await client.query("commit")
    #expect(try await limit() ?? 0 > begun)
    // Who cannot be asked may be reading.
    await second.stop()
    #expect(try await limit() == nil)
    await first.stop()
  }

  /// Its rows are locked on a node that cannot know but by its silence.
  // It waits for real seconds of silence, and what else starves the reactors looks like silence, too.
  @Test(
    .enabled(
      if: ProcessInfo.processInfo.environment["MERIDIAN_MEASURE"] != nil, "set MERIDIAN_MEASURE and run it alone"))
  func whatADeadNodesSessionsLockedIsFreeAgain() async throws {
    let cluster = try await LocalCluster.start(count: 2) { _, configuration in
      configuration = Self.configuration(join: configuration.cluster?.join ?? [])
    }
    let (first, second) = (cluster.nodes[0], cluster.nodes[1])
    let (near, far) = (try await Self.client(first), try await Self.client(second))
    await far.query("create table t (k int primary key, v int); insert into t values (1, 0)")
    await far.query("begin; update t set v = 1 where k = 1")
    // Nothing comes from it any more, as if its machine had lost its network.
    await second.transport?.stop()
    let began = ContinuousClock.now
    #expect(await near.query("update t set v = v + 10 where k = 1").tags == ["UPDATE 1"])
    #expect(ContinuousClock.now - began < .seconds(30))
    #expect(await near.query("select v from t").value == "10")
    await near.drop()
    await first.stop()
    // It waits for its session, which waits for the cluster: nobody here waits for it.
    Task { await second.stop() }
  }

  @Test func aClusterOverSeveralMachinesNeedsABoundOfItsClocks() async throws {
    let first = try await Node.start(Self.configuration())
    _ = await first.initialise()
    #expect(await first.untilReady())
    let deaths = Deaths()
    let stranger = try await Node.start(
      Self.configuration(join: [first.rpcAddress], machine: "there", clockError: 10_000_000, deaths: deaths))
    #expect(await Self.eventually { !deaths.all.isEmpty })
    #expect(deaths.all.first?.contains("the cluster's nodes were started without a bound") == true)
    #expect(stranger.nodeID == nil)
    await stranger.stop()
    await first.stop()

    let bounded = try await LocalCluster.start(count: 2) { index, configuration in
      configuration = Self.configuration(
        join: configuration.cluster?.join ?? [], machine: "m\(index)", clockError: 1_000_000)
    }
    let clients = [try await Self.client(bounded.nodes[0]), try await Self.client(bounded.nodes[1])]
    await clients[1].query("create table t (k int); insert into t values (1)")
    #expect(await clients[0].query("select k from t").value == "1")
    await bounded.stop()
  }

  @Test func nodesWithCertificatesListenToNodesAlone() async throws {
    let folder = try TestNode.makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let now = Int64(Date().timeIntervalSince1970)
    let lifetime = CertificateLifetime(now: now, seconds: 3600)
    /// A folder with an authority's certificate and what it issued as a node's.
    func make(_ name: String, _ made: IssuedCertificate, _ issue: (CertificateAuthority) throws -> IssuedCertificate)
      throws
      -> String
    {
      let certificates = CertificateFolder("\(folder)/\(name)")
      try certificates.create()
      let authority = try CertificateAuthority(certificate: made.certificate, key: made.key)
      try CertificateFolder.write(
        made, certificate: certificates.authorityCertificate, key: certificates.authorityKey, overwrites: false)
      try CertificateFolder.write(
        try issue(authority), certificate: certificates.nodeCertificate, key: certificates.nodeKey, overwrites: false)
      return certificates.path
    }
    let authority = try CertificateAuthority.make(lifetime: CertificateLifetime(now: now, seconds: 86_400))
    let other = try CertificateAuthority.make(lifetime: CertificateLifetime(now: now, seconds: 86_400))
    let good = try make("good", authority) { try $0.issueNode(hosts: ["127.0.0.1"], lifetime: lifetime) }
    let role = try make("role", authority) { try $0.issueClient(user: "node", lifetime: lifetime) }
    let stranger = try make("stranger", other) { try $0.issueNode(hosts: ["127.0.0.1"], lifetime: lifetime) }

    let cluster = try await LocalCluster.start(count: 2) { _, configuration in
      configuration = Self.configuration(join: configuration.cluster?.join ?? [])
      configuration.certificates = good
    }
    let host = try #require(cluster.nodes[1].rpcAddress)
    #expect(try await ClusterClient(host: host, certificates: good).status().count == 2)
    // Who shows none or a stranger's has no connection; whose is a role's is told so.
    for (certificates, answer) in [
      (nil, "cannot reach a node at \(host): "), (stranger, "cannot reach a node at \(host): "),
      (role, "cannot talk to the node at \(host): "),
    ] {
      let complaint = await Self.complaint {
        _ = try await ClusterClient(host: host, certificates: certificates).status()
      }
      #expect(complaint.hasPrefix(answer), "\(certificates ?? "none"): \(complaint)")
    }
    await cluster.stop()
  }

  // MARK: Values

  @Test func flagsMeanWhatTheyMeanOrAreRefusedByName() throws {
    var flags = ClusterFlags()
    flags.join = ["a,b:1", "[::1]:2,a:26258"]
    flags.locality = "region=x"
    flags.advertisedAddress = "db1.example.com"
    flags.maximumClockError = 5
    let cluster = try flags.configuration()
    #expect(cluster.join.map(\.description) == ["a:26258", "b:1", "[::1]:2"])
    #expect(cluster.advertisedAddress == NodeAddress(host: "db1.example.com", port: 26_258))
    #expect(cluster.rpcAddress == NodeAddress(host: "127.0.0.1", port: 26_258))
    #expect(cluster.locality.description == "region=x")
    #expect(cluster.timeSources == (try TimeSourceChoice("auto", statedError: 5)))

    func refusal(_ change: (inout ClusterFlags) -> Void) -> String {
      var flags = ClusterFlags()
      change(&flags)
      do {
        _ = try flags.configuration()
        return ""
      } catch {
        return error.description
      }
    }
    #expect(refusal { _ in } == "")
    #expect(refusal { $0.join = ["a,,b"] }.hasPrefix("--join \"\" "))
    #expect(refusal { $0.join = ["a:x"] }.hasPrefix("--join \"a:x\" "))
    #expect(refusal { $0.join = ["a:0"] }.hasPrefix("--join \"a:0\" "))
    #expect(refusal { $0.locality = "region" }.hasPrefix("--locality region "))
    #expect(refusal { $0.rpcAddress.host = "0.0.0.0" }.contains("--advertise-addr"))
    #expect(refusal { $0.advertisedAddress = "a:b:c" }.hasPrefix("--advertise-addr a:b:c "))
    #expect(
      refusal {
        $0.rpcAddress.port = 0
        $0.advertisedAddress = "a"
      }.hasPrefix("--advertise-addr needs a port"))

    #expect(ClusterFlags.clockError("10ms") == 10_000_000)
    #expect(ClusterFlags.clockError("250us") == 250_000)
    #expect(ClusterFlags.clockError("0.5s") == 500_000_000)
    for text in ["", "ms", "10", "0ms", "-1ms", "6s", "1e99s", "nanms", "10 m"] {
      #expect(ClusterFlags.clockError(text) == nil, "\(text)")
    }
  }

  @Test func aStatusIsARowOfTheTable() throws {
    let record = NodeRecord(
      node: NodeID(rawValue: 7), address: NodeAddress(host: "::1", port: 1),
      sqlAddress: NodeAddress(host: "b", port: 2),
      locality: Locality(), binaryVersion: "0.1.0", startTime: 1_700_000_000_999_999_999, machineBootID: "m")
    var status = NodeStatus(record, isLive: false)
    #expect(NodeStatus.columns.count == status.row.count)
    #expect(
      status.row == ["7", "[::1]:1", "b:2", "", "0.1.0", "2023-11-14T22:13:20Z", "f", "active", nil, nil, nil, nil])
    status.clock.source = "ntp"
    status.clock.error = 12_345_678
    status.isLive = true
    status.replicaCount = 12
    status.leaseCount = 0
    status.isDraining = true
    #expect(status.row.suffix(6) == ["t", "draining", "12", "0", "ntp", "12.346 ms"])
  }

  @Test func clocksAgreeOrTheReasonIsTold() {
    func facts(_ machine: String, _ error: Int64?) -> ClockFacts {
      ClockFacts(machineBootID: machine, maximumError: error)
    }
    #expect(ClockAgreement.objection(toJoining: facts("a", nil), facts("a", nil)) == nil)
    #expect(ClockAgreement.objection(toJoining: facts("a", 5), facts("b", 5)) == nil)
    // Not knowing the machine is no agreement.
    #expect(ClockAgreement.objection(toJoining: facts("", nil), facts("", nil)) != nil)
    #expect(
      ClockAgreement.objection(toJoining: facts("a", nil), facts("b", 5))?.contains("it was started without") == true)
    #expect(ClockAgreement.objection(toJoining: facts("a", 5), facts("b", nil))?.contains("cluster's nodes") == true)
    #expect(ClockAgreement.objection(toJoining: facts("a", nil), facts("b", nil))?.contains("neither") == true)
    var cluster = facts("a", 5)
    cluster.goesByClusterTime = true
    #expect(ClockAgreement.objection(toJoining: cluster, cluster) == nil)
    #expect(ClockAgreement.objection(toJoining: cluster, facts("a", 5))?.contains("--clock-source cluster") == true)
    #expect(ClockAgreement.objection(toJoining: facts("a", nil), cluster)?.contains("the node was not") == true)
  }

  @Test func localitiesAreTiersInTheirOrder() {
    #expect(Locality("region=eu-west-1,zone=b")?.tiers.map(\.name) == ["region", "zone"])
    #expect(Locality("region=eu-west-1,zone=b")?.description == "region=eu-west-1,zone=b")
    #expect(Locality("")?.tiers.isEmpty == true)
    for text in ["x", "x=", "=x", "a=1,a=2", "a=1,", "a=b=c", "a=ü", "a=1 2", "a=" + String(repeating: "x", count: 65)]
    {
      #expect(Locality(text) == nil, "\(text)")
    }
  }

  @Test func messagesSurviveTheirBytesAndIgnoreWhatFollows() throws {
    func survives<M: ClusterMessage & Equatable>(_ message: M) {
      var wire = message.message(40)
      #expect(M(wire) == message)
      wire.body += [1, 2, 3]
      #expect(M(wire) == message)
      for count in 0..<wire.body.count - 3 {
        // Cut off it is nothing, or, where it ends in what may be missing, something else; it never traps.
        _ = M(NodeMessage(kind: 40, body: Array(wire.body.prefix(count))))
      }
    }
    let cluster = ClusterID(high: UInt64.max, low: 1)
    let address = NodeAddress(host: "db.example.com", port: 65_535)
    let node = NodeID(rawValue: 4095)
    survives(JoinRequest(address: address, clock: ClockFacts(machineBootID: "x", maximumError: nil)))
    survives(JoinRequest(address: address, clock: ClockFacts(machineBootID: "", maximumError: 0)))
    survives(
      JoinRequest(address: address, clock: ClockFacts(machineBootID: "", maximumError: 7, goesByClusterTime: true)))
    survives(JoinReply.waiting)
    survives(JoinReply.refused("no"))
    survives(
      JoinReply.joined(StoreIdentity(cluster: cluster, node: node), [JoinReply.Place(node: node, address: address)]))
    survives(InitialisationReply.begun(cluster))
    survives(InitialisationReply.already(cluster, node))
    survives(InitialisationReply.refused("ä"))
    survives(NodesRequest(withReports: true))
    var report = NodeReport()
    survives(report)
    report.oldestTransaction = -5
    report.replicaCount = 300
    report.leaseCount = 1
    report.clock.source = "ntp"
    report.clock.error = 5
    report.clock.reference = NodeID(rawValue: 3)
    report.clock.offsets = [ClockStatus.Offset(node: node, offset: -5, uncertainty: 6)]
    survives(report)
    let record = NodeRecord(
      node: node, address: address, sqlAddress: address, locality: try #require(Locality("a=b")), binaryVersion: "1",
      startTime: 1_700_000_000_000_000_000, machineBootID: "m")
    var status = NodeStatus(record, isLive: true)
    survives(NodesReply(identity: StoreIdentity(cluster: cluster, node: node), nodes: [status]))
    status.isLive = false
    status.replicaCount = 7
    status.leaseCount = 0
    survives(NodesReply(identity: StoreIdentity(cluster: cluster, node: node), nodes: [status]))
    survives(NodesReply(identity: nil, nodes: []))
    #expect(NodeBook.decode(NodeBook.encode([record, record])) == [record, record])
    #expect(NodeBook.decode([200]) == nil)
  }

  @Test func aNodeThatIsDecommissionedEndsWithoutReplicasAndStaysAway() async throws {
    let cluster = try await LocalCluster.start(count: 2) { _, configuration in
      configuration = Self.configuration(join: configuration.cluster?.join ?? [])
    }
    let nodes = cluster.nodes
    let (first, second) = (try await Self.client(nodes[0]), try await Self.client(nodes[1]))
    await first.query("create table t (k int primary key); insert into t select generate_series(1, 1000)")
    #expect(await second.query("select leaseholder from meridian_catalog.ranges").value == "1")
    // Two nodes keep one replica: two would survive no more.
    #expect(await second.query("select voters from meridian_catalog.ranges").value == "{1}")
    let client = ClusterClient(host: nodes[1].rpcAddress!)
    #expect(
      await Self.complaint { _ = try await client.decommission(NodeID(rawValue: 7)) } == "the cluster has no node n7")
    #expect(try await Self.eventually { try await client.decommission(NodeID(rawValue: 1)) == .gone })
    #expect(try await client.decommission(NodeID(rawValue: 1)) == .gone)
    #expect(await second.query("select count(*) from t").value == "1000")
    #expect(await second.query("select voters, leaseholder from meridian_catalog.ranges").values == ["{2},2"])
    #expect(
      await second.query("select state from meridian_catalog.nodes order by node_id").values
        == ["decommissioned", "active"])
    #expect(await Self.eventually { await nodes[0].complaint()?.contains("has been decommissioned") == true })
    let refusal = await Self.complaint { _ = try await Self.client(nodes[0]) }
    #expect(refusal.contains("57P03") || !refusal.isEmpty)
    await cluster.stop()
  }

  @Test func settingsOfTheClusterHoldForEveryNode() async throws {
    let cluster = try await LocalCluster.start(count: 2) { _, configuration in
      configuration = Self.configuration(join: configuration.cluster?.join ?? [])
    }
    let nodes = cluster.nodes
    let (first, second) = (try await Self.client(nodes[0]), try await Self.client(nodes[1]))
    #expect(await Self.eventually { await first.query("show cluster setting cluster.version").value == "6" })
    #expect(await first.query("show cluster setting placement.dead_node_time").value == "5m")
    await first.query("set cluster setting placement.dead_node_time = '90s'")
    #expect(await first.query("show cluster setting placement.dead_node_time").value == "90s")
    #expect(
      await Self.eventually { await second.query("show cluster setting placement.dead_node_time").value == "90s" })
    #expect(await first.query("set cluster setting placement.dead_node_time = 'soon'").state == "22023")
    #expect(await first.query("set cluster setting placement.replicas = 2").state == "22023")
    #expect(await first.query("set cluster setting no.such_thing = 1").state == "42704")
    #expect(await first.query("set cluster setting cluster.version = 1").state == "55000")
    #expect(await first.query("begin; set cluster setting placement.replicas = 5").state == "25001")
    await first.query("rollback")
    await first.query("create role r login")
    await first.query("reset cluster setting placement.dead_node_time")
    #expect(
      await Self.eventually { await second.query("show cluster setting placement.dead_node_time").value == "5m" })
    // All change together, and back.
    #expect(nodes.allSatisfy { $0.clock.order == .strict })
    await second.query("set cluster setting transaction.external_consistency = off")
    #expect(await Self.eventually { nodes.allSatisfy { $0.clock.order == .perKey } })
    await first.query("create table keyed (k int primary key, v int); insert into keyed values (1, 1)")
    #expect(await second.query("update keyed set v = v + 1 returning v").value == "2")
    #expect(await first.query("select v from keyed").value == "2")
    await first.query("reset cluster setting transaction.external_consistency")
    #expect(await Self.eventually { nodes.allSatisfy { $0.clock.order == .strict } })
    await cluster.stop()
  }
}
