// Who is a member, and where: each member writes its record when it starts, reads everybody's every few seconds, and keeps a copy in its
// store. A node whose copy leads nowhere asks those that it was told to join.

import Admin
import Encoding
import Logging
import Ranges
import Reactors
import Sessions
import Storage
import Transactions
import Transport

struct DirectoryState {
  /// What is listened on, once it is.
  var rpcAddress: NodeAddress?
  /// In the order of the nodes' numbers.
  var records: [NodeRecord] = []
  /// What the store's copy holds.
  var savedRecords: [NodeRecord] = []
  /// When this node began, in nanoseconds since 1970; its record says so once it is written.
  var startTime: Int64 = 0
  var isRecordWritten = false
  /// Whether the node has been decommissioned.
  var isGone = false
  /// What members last said of themselves.
  var reports: [NodeID: NodeReport] = [:]
  var lastFailure: String?
  var clockComplaint: String?
}

extension Node {
  // MARK: Rounds

  /// What members do.
  func beginMemberRounds() {
    scheduleDirectory(afterNanoseconds: 0)
    schedulePeers(afterNanoseconds: 0)
  }

  /// Apart from the directory's rounds, which may wait for ranges that only peers can serve.
  private func schedulePeers(afterNanoseconds nanoseconds: Int64) {
    schedule(afterNanoseconds: nanoseconds) { node, reactor in
      guard let transport = node.transport, let interval = node.configuration.cluster?.directoryInterval else { return }
      await node.findPeers(transport, on: reactor)
      await node.gatherReports(transport, on: reactor)
      node.schedulePeers(afterNanoseconds: interval)
    }
  }

  private func scheduleDirectory(afterNanoseconds nanoseconds: Int64) {
    schedule(afterNanoseconds: nanoseconds) { node, reactor in
      await node.refreshDirectory(on: reactor)
      if let interval = node.configuration.cluster?.directoryInterval {
        // Until the node is known it is in a hurry.
        node.scheduleDirectory(afterNanoseconds: node.isReady ? interval : interval / 10)
      }
    }
  }

  private func refreshDirectory(on reactor: isolated Reactor) async {
    guard let member, !directory.withLock({ $0.isGone }) else { return }
    let transactions = member.gateways[reactor.index].access(on: reactor).transactions
    do throws(TransactionError) {
      if !directory.withLock({ $0.isRecordWritten }) {
        let own = ownRecord(member)
        _ = try await Self.edit(own.node, transactions) { known in
          // What has been decided about the node stands.
          var record = own
          record.standing = known?.standing ?? .member
          record.standingTime = known?.standingTime ?? 0
          return record
        }
        directory.withLock { $0.isRecordWritten = true }
      }
      let records = try await Self.readRecords(transactions)
      know(records, besides: member.identity.node)
      save(records)
      if records.contains(where: { $0.node == member.identity.node && $0.standing == .gone }) {
        leave()
        return
      }
      try await readSettings(transactions)
      guard value(.version) <= Int64(ClusterVersion.latest) else {
        fail("the cluster is at version \(value(.version)), and this binary knows only \(ClusterVersion.latest)")
        return
      }
      try await upgradeCluster(records)
      beginServing()
      try await reportClockIncidents(transactions)
      directory.withLock { $0.lastFailure = nil }
    } catch {
      let text = "\(error)"
      let isNews = directory.withLock { directory in
        defer { directory.lastFailure = text }
        return directory.lastFailure != text
      }
      if isNews, !isStopping {
        logger.warning("the list of the cluster's nodes cannot be read or written", metadata: ["reason": "\(text)"])
      }
    }
  }

  // MARK: Records

  func ownRecord(_ member: Member) -> NodeRecord {
    let cluster = configuration.cluster ?? ClusterConfiguration()
    let address = transport?.identity.advertisedAddress ?? cluster.rpcAddress
    let sql = sqlAddress
    // Others reach this node's SQL where they reach it otherwise.
    let host = sql.host == "0.0.0.0" || sql.host == "::" ? address.host : sql.host
    let now = environment.wallNow()
    let start = directory.withLock { directory in
      if directory.startTime == 0 { directory.startTime = now }
      return directory.startTime
    }
    var record = NodeRecord(
      node: member.identity.node, address: address, sqlAddress: NodeAddress(host: host, port: sql.port),
      locality: cluster.locality, binaryVersion: ServerVersion.meridian, startTime: start,
      machineBootID: cluster.machineBootID)
    record.clusterVersion = Int64(ClusterVersion.latest)
    return record
  }

  /// Changes a node's record, if `change` returns another one.
  /// - Returns: the record as it is then.
  static func edit(
    _ node: NodeID, _ transactions: TransactionSystem, _ change: (NodeRecord?) -> NodeRecord?
  ) async throws(TransactionError) -> NodeRecord? {
    var attempt = 0
    while true {
      let writer = transactions.begin(label: "a node's record")
      do throws(TransactionError) {
        var block = KeyValueBlock()
        _ = try await writer.get(ClusterKeys.record(of: node), lock: LockRequest(.exclusive), into: &block)
        let known = block.count > 0 ? NodeRecord(block.value(0)) : nil
        if let next = change(known) {
          writer.put(ClusterKeys.record(of: node), next.encoded)
          _ = try await writer.commit()
          return next
        }
        await writer.rollback()
        return known
      } catch {
        await writer.rollback()
        // Done twice is as good as once.
        switch error {
        case .retry, .ambiguousCommit: attempt += 1
        default: throw error
        }
        guard attempt < 10 else { throw error }
        await transactions.backOff(attempt)
      }
    }
  }

  /// Everybody's.
  static func readRecords(_ transactions: TransactionSystem) async throws(TransactionError) -> [NodeRecord] {
    let reader = transactions.begin(isReadOnly: true, label: "the nodes' records")
    do throws(TransactionError) {
      let block = try await reader.entries(KeySpan(prefix: ClusterKeys.records))
      await reader.rollback()
      return (0..<block.count).compactMap { NodeRecord(block.value($0)) }
    } catch {
      await reader.rollback()
      throw error
    }
  }

  var knownRecords: [NodeRecord] { directory.withLock { $0.records } }

  /// Takes note of the store's copy.
  func know(_ saved: [NodeRecord]) {
    directory.withLock { $0.savedRecords = saved }
    know(saved, besides: member?.identity.node)
  }

  /// Takes note of where nodes are. What was known before says nothing against what a node has told itself since.
  func know(_ records: [NodeRecord], besides own: NodeID?) {
    let known = directory.withLock { directory in
      defer { directory.records = records }
      return directory.records
    }
    for record in records where record.node != own {
      if record.standing == .gone {
        transport?.dismiss(record.node)
        continue
      }
      if known.first(where: { $0.node == record.node })?.address == record.address { continue }
      transport?.setAddress(of: record.node, record.address)
    }
    member?.store.setPlaces(places)
  }

  func save(_ records: [NodeRecord]) {
    let isNews = directory.withLock { directory in
      defer { directory.savedRecords = records }
      return directory.savedRecords != records
    }
    guard isNews else { return }
    recordWorker.submit { [local, logger] in
      do throws(StorageError) {
        try NodeBook.write(records, to: local)
      } catch {
        logger.error("the list of the cluster's nodes cannot be kept", metadata: ["reason": "\(error)"])
      }
    }
  }

  /// While nobody answers, the nodes that this one was told to join are asked where everybody is.
  private func findPeers(_ transport: NodeTransport, on reactor: isolated Reactor) async {
    guard let cluster = configuration.cluster, let own = member?.identity else { return }
    if transport.peers().contains(where: { $0.isUp == true || $0.isConnected }) { return }
    let request = NodesRequest(withReports: false).message(ClusterCall.nodes)
    for address in cluster.join where address != transport.identity.advertisedAddress && !isStopping {
      guard
        let message = try? await transport.call(
          request, to: address, timeoutNanoseconds: Self.reportTimeout, on: reactor),
        let reply = NodesReply(message), let theirs = reply.identity, theirs.cluster == own.cluster
      else { continue }
      // Whoever has answered is where it was called, whatever its record says.
      for status in reply.nodes where status.node != own.node && status.node != theirs.node {
        transport.setAddress(of: status.node, status.address)
      }
      if theirs.node != own.node { transport.setAddress(of: theirs.node, address) }
    }
  }

  // MARK: Status

  /// All members as this node sees them.
  func nodes(withReports: Bool, on reactor: isolated Reactor) async -> NodesReply {
    guard let member else { return NodesReply(identity: nil, nodes: []) }
    var records = knownRecords
    var own = ownRecord(member)
    own.standing = records.first { $0.node == own.node }?.standing ?? .member
    records.removeAll { $0.node == own.node }
    records.append(own)
    records.sort { $0.node < $1.node }
    var nodes: [NodeStatus] = []
    for record in records {
      let isOwn = record.node == own.node
      var status = NodeStatus(record, isLive: isOwn || transport?.peer(record.node)?.isUp == true)
      if withReports, isOwn {
        let report = await report(member)
        status.take(report)
      } else if withReports, status.isLive, let transport {
        if let report = try? await report(of: record.node, transport, on: reactor) { status.take(report) }
      }
      nodes.append(status)
    }
    return NodesReply(identity: member.identity, nodes: nodes)
  }

  func clusterMetrics() -> [MetricFamily] {
    guard let transport else { return [] }
    let peers = transport.peers()
    return [
      MetricFamily(
        "meridian_cluster_nodes", "Members of the cluster, this one included.", .gauge, Double(knownRecords.count)),
      MetricFamily(
        "meridian_cluster_peer_up", "Whether another node answers this one.", .gauge,
        samples: peers.map { ([("node", "\($0.id)")], $0.isUp == true ? 1 : 0) }),
      MetricFamily(
        "meridian_cluster_peer_round_trip_seconds", "Time to another node and back.", .gauge,
        samples: peers.compactMap { peer in peer.roundTrip.map { ([("node", "\(peer.id)")], Double($0) / 1e9) } }),
      MetricFamily(
        "meridian_cluster_peer_clock_offset_seconds", "How far another node's clock is ahead.", .gauge,
        samples: peers.compactMap { peer in
          peer.clock.map { ([("node", "\(peer.id)")], Double($0.offset) / 1e9) }
        }),
    ]
  }

  // MARK: Clocks

  /// What is wrong with the clocks, if anything is.
  var clockComplaint: String? { directory.withLock { $0.clockComplaint } ?? clockWatch.complaint }

  /// A peer answers that did not, or another process of it. It has written its record, or is about to.
  func peerAnswers(_ peer: NodeID, _ identity: NodeIdentity) {
    judgeClock(of: peer, identity)
    schedule(afterNanoseconds: Self.recordDelay) { node, reactor in await node.refreshDirectory(on: reactor) }
  }

  private static let recordDelay: Int64 = 300_000_000

  /// If a peer is on another machine this node's clock must have a bound. The node that came last is the one that must not be.
  private func judgeClock(of peer: NodeID, _ identity: NodeIdentity) {
    guard clockFacts.maximumError == nil, !clockFacts.goesByClusterTime,
      !ClockAgreement.isSameClock(identity.machineBootID, clockFacts.machineBootID)
    else { return }
    let text =
      "node \(peer) runs on another machine, so the clocks may differ, and this node was started without a bound of its clock's error"
    if uptimeNanoseconds < Self.newcomerNanoseconds {
      fail(text)
    } else {
      logger.critical("\(text)")
      directory.withLock { $0.clockComplaint = text }
    }
  }

  /// A node that has run for less counts as the newcomer.
  private static let newcomerNanoseconds: Int64 = 30_000_000_000
}
