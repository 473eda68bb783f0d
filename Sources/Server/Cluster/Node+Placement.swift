// What this node's placement driver knows of the cluster: the records of the directory, who answers, and what members report of themselves
// every few seconds.

import Placement
import Ranges
import Reactors
import Transport

extension Node {
  /// All members as they are known now.
  var placementNodes: [PlacementNode] {
    guard let own = member?.identity.node else { return [] }
    let (records, reports) = directory.withLock { ($0.records, $0.reports) }
    var nodes = records.filter { $0.node != own }.map { record in
      PlacementNode(
        record.node, place: Self.place(record.locality), health: health(of: record.node),
        isLeaving: record.standing != .member, isDraining: reports[record.node]?.isDraining ?? false,
        replicaCount: reports[record.node]?.replicaCount ?? 0)
    }
    nodes.append(
      PlacementNode(
        own, place: Self.place(configuration.cluster?.locality ?? Locality()),
        isLeaving: records.contains { $0.node == own && $0.standing != .member }, isDraining: isDraining))
    return nodes
  }

  /// Where the nodes stand, this one among them.
  var places: [NodeID: [String]] {
    var places: [NodeID: [String]] = [:]
    for record in knownRecords { places[record.node] = Self.place(record.locality) }
    if let own = member?.identity.node { places[own] = Self.place(configuration.cluster?.locality ?? Locality()) }
    return places
  }

  private static func place(_ locality: Locality) -> [String] { locality.tiers.map { "\($0.name)=\($0.value)" } }

  func health(of node: NodeID) -> PlacementNode.Health {
    let peer = transport?.peer(node)
    if peer?.isUp == true, peer?.isConnected == true { return .live }
    // Of a node that was never heard of nobody knows since when.
    let silence = environment.monotonicNow().nanoseconds - max(peer?.lastHeard ?? 0, startNanoseconds)
    return silence >= value(.deadNodeTime) ? .dead : .silent
  }

  /// Asks those that answer what they hold.
  func gatherReports(_ transport: NodeTransport, on reactor: isolated Reactor) async {
    for record in knownRecords where record.standing != .gone && record.node != member?.identity.node {
      guard transport.peer(record.node)?.isUp == true, !isStopping else { continue }
      guard let report = try? await report(of: record.node, transport, on: reactor) else { continue }
      directory.withLock { $0.reports[record.node] = report }
    }
  }

  func report(
    of node: NodeID, _ transport: NodeTransport, on reactor: isolated Reactor
  ) async throws(TransportError) -> NodeReport {
    let reply = try await transport.call(
      NodeMessage(kind: ClusterCall.report), to: node, class: .system, timeoutNanoseconds: Self.reportTimeout,
      on: reactor)
    guard let report = NodeReport(reply) else { throw .refused("the answer makes no sense") }
    return report
  }
}
