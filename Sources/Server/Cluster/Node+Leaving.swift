// How a node goes: drained, to be stopped and to come back, or decommissioned, for good.
//
// Drain: leases are handed on first, while clients go on; then clients are sent away. A node that is stopped drains itself.
//
// Decommission: the node's record says that it leaves, so that every leaseholder moves its replicas elsewhere and gives it no new ones. Once
// every member that lives knows that, and none knows of a replica there, the record says that it is gone, for ever. From then on the others
// turn it away. Each call does what can be done now and tells what is left, so that it may be repeated, by anybody, after any failure.

import Logging
import PGWire
import Placement
import Ranges
import Reactors
import Transactions
import Transport

extension Node {
  private enum LeavingLimits {
    /// Time for leases to be handed on when the node stops.
    static let handOverNanoseconds: Int64 = 5_000_000_000
  }

  // MARK: Drain

  /// Whether the node is about to be stopped, or has been dismissed.
  var isDraining: Bool { life.withLock { $0.isDraining } }

  /// Hands leases on, then sends clients away. The node stays a member, and may be stopped then without anybody's noticing.
  /// - Returns: how many ranges it still leads, for want of others that could.
  public func drain() async -> Int {
    let isNews = life.withLock { life in
      defer { life.isDraining = true }
      return !life.isDraining
    }
    if isNews { logger.info("draining") }
    var left = 0
    if transport != nil, let member {
      left = await member.placement.handOver(withinNanoseconds: LeavingLimits.handOverNanoseconds)
    }
    if let wire = openWire { await wire.drain(on: environment.reactors[0], nanoseconds: Limits.drainNanoseconds) }
    if isNews { logger.info("drained", metadata: ["leases": "\(left)"]) }
    return left
  }

  // MARK: Dismissal

  /// Why a node that has left the cluster does not serve.
  static func goneText(_ node: NodeID) -> String {
    "node \(node) has been decommissioned; with an empty store it joins again, under a new number"
  }

  /// The node has been decommissioned: it serves nobody any more, and says why until it is stopped. It does not start again.
  func leave() {
    guard let own = member?.identity.node else { return }
    let isNews = directory.withLock { directory in
      defer { directory.isGone = true }
      return !directory.isGone
    }
    guard isNews else { return }
    logger.critical("\(Self.goneText(own))")
    endServing()
    var records = knownRecords
    for place in records.indices where records[place].node == own { records[place].standing = .gone }
    save(records)
    environment.reactors[0].enqueue { reactor in
      reactor.run { _ in _ = await self.drain() }
    }
  }

  // MARK: Decommission

  func answerDecommission(
    _ message: NodeMessage, on reactor: isolated Reactor
  ) async -> Result<NodeMessage, CallRefusal> {
    guard let request = DecommissionRequest(message) else { return .failure(CallRefusal("the request makes no sense")) }
    let reply: DecommissionReply
    do throws(TransactionError) {
      reply = try await decommission(request.node, on: reactor)
    } catch {
      return .failure(CallRefusal("the node's record cannot be changed now: \(error)"))
    }
    return .success(reply.message(ClusterCall.decommission))
  }

  private func decommission(
    _ node: NodeID, on reactor: isolated Reactor
  ) async throws(TransactionError) -> DecommissionReply {
    guard let member, member.isServing, let transport else {
      return .refused("the node serves no cluster: \(obstacle)")
    }
    let transactions = member.gateways[reactor.index].access(on: reactor).transactions
    guard let record = try await change(node, to: .leaving, transactions) else {
      return .refused("the cluster has no node \(node)")
    }
    if record.standing == .gone { return .gone }
    let records = try await Self.readRecords(transactions).records
    know(records, besides: member.identity.node)
    let (count, obstacle) = await replicas(on: node, records, member, transport, on: reactor)
    if count > 0 || obstacle != nil { return .leaving(replicaCount: count, obstacle: obstacle) }
    _ = try await change(node, to: .gone, transactions)
    logger.info("a node has been decommissioned", metadata: ["node": "\(node)"])
    let after = try await Self.readRecords(transactions).records
    know(after, besides: member.identity.node)
    return .gone
  }

  /// How many ranges have a replica on a node, as far as those that live know, and why it is not certain that none has.
  private func replicas(
    on node: NodeID, _ records: [NodeRecord], _ member: Member, _ transport: NodeTransport,
    on reactor: isolated Reactor
  ) async -> (count: Int, obstacle: String?) {
    var led = 0
    var known = 0
    var obstacle: String?
    var takers = 0
    for record in records where record.standing != .gone {
      let isOwn = record.node == member.identity.node
      let health = isOwn ? PlacementNode.Health.live : health(of: record.node)
      if health == .live, record.standing == .member { takers += 1 }
      // Who is dead, or leaves itself, leads nothing.
      if health != .live, record.node == node || record.standing == .leaving || health == .dead { continue }
      guard let report = isOwn ? await report(member) : try? await report(of: record.node, transport, on: reactor)
      else {
        obstacle = "node \(record.node) cannot be asked what it knows of"
        continue
      }
      if !report.leaving.contains(node) { obstacle = "node \(record.node) does not know yet that node \(node) leaves" }
      if let holding = report.holdings.first(where: { $0.node == node }) {
        led += holding.led
        known = max(known, holding.known)
      }
      if record.node == node { known = max(known, report.replicaCount) }
    }
    let count = max(led, known)
    let factor = member.placement.factor
    if count > 0, takers < factor, obstacle == nil {
      obstacle = "ranges have \(factor) replicas, and without node \(node) only \(takers) nodes live: start another one"
    }
    return (count, obstacle)
  }

  /// Says what has been decided about a node, unless more has been already.
  /// - Returns: its record as it was left; nil if there is none.
  private func change(
    _ node: NodeID, to standing: NodeStanding, _ transactions: TransactionSystem
  ) async throws(TransactionError) -> NodeRecord? {
    let now = environment.wallNow()
    return try await Self.edit(node, transactions) { record in
      guard var record, record.standing.rawValue < standing.rawValue else { return nil }
      record.standing = standing
      record.standingTime = now
      return record
    }
  }
}
