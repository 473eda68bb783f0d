// What commands ask a running node: over its rpc address, with a node's certificate if the cluster has certificates.

import Certificates
import Logging
import Ranges
import Reactors
import Sessions
import Transport

/// Why a command about a cluster came to nothing, in words for an operator.
public struct ClusterFailure: Error, Sendable, CustomStringConvertible {
  public var description: String
  public init(description: String) { self.description = description }
}

/// A way to one node.
public struct ClusterClient: Sendable {
  public var host: NodeAddress
  /// The folder of `node.crt`, `node.key` and `ca.crt`; nil: in the clear.
  public var certificates: String?

  public init(host: NodeAddress, certificates: String? = nil) {
    self.host = host
    self.certificates = certificates
  }

  enum Limits {
    /// The node asks the others whether there is a cluster first, some of which may not answer.
    static let initialisation: Int64 = 60_000_000_000
    /// One report for each node.
    static let status: Int64 = 60_000_000_000
    /// Leases are handed on and sessions end.
    static let drain: Int64 = 60_000_000_000
    /// The replicas of one range are read through.
    static let check = CheckRequest.patience + 10_000_000_000
  }

  /// Begins a cluster on the node.
  /// - Returns: its id.
  /// - Throws: `ClusterFailure`: not reachable, initialised already.
  public func initialise() async throws -> ClusterID {
    let reply = try await call(NodeMessage(kind: ClusterCall.initialise), Limits.initialisation)
    switch InitialisationReply(reply) {
    case .begun(let cluster): return cluster
    case .already(let cluster, let node):
      throw ClusterFailure(
        description: "the cluster is initialised already: the node at \(host) is \(node) of cluster \(cluster)")
    case .refused(let reason): throw ClusterFailure(description: reason)
    case nil: throw senseless
    }
  }

  /// The cluster's nodes as the node sees them, in the order of their numbers.
  /// - Throws: `ClusterFailure`: not reachable, not initialised.
  public func status() async throws -> [NodeStatus] {
    let reply = try await call(NodesRequest(withReports: true).message(ClusterCall.nodes), Limits.status)
    guard let nodes = NodesReply(reply) else { throw senseless }
    guard nodes.identity != nil else {
      throw ClusterFailure(
        description:
          "the node at \(host) belongs to no cluster yet; `meridian init --host \(host)` begins one")
    }
    return nodes.nodes
  }

  /// Has a node leave the cluster, or looks how far it is.
  /// - Throws: `ClusterFailure`: not reachable, no such node.
  public func decommission(_ node: NodeID) async throws -> DecommissionReply {
    let reply = try await call(DecommissionRequest(node).message(ClusterCall.decommission), Limits.status)
    switch DecommissionReply(reply) {
    case .refused(let reason): throw ClusterFailure(description: reason)
    case nil: throw senseless
    case .some(let answer): return answer
    }
  }

  /// Has the node hand its leases on and send its clients away.
  /// - Returns: how many ranges it still leads.
  /// - Throws: `ClusterFailure`: not reachable.
  public func drain() async throws -> Int {
    guard let reply = DrainReply(try await call(NodeMessage(kind: ClusterCall.drain), Limits.drain)) else {
      throw senseless
    }
    return reply.leaseCount
  }

  /// Has a node compare the replicas of the next range that it leads.
  /// - Returns: which one that was, and what came of it; nil: that was the last.
  /// - Throws: `ClusterFailure`: not reachable, or the node that leads is not.
  public func check(_ node: NodeID, after range: UInt64) async throws -> RangeCheck? {
    let request = CheckRequest(node: node, after: RangeID(range))
    guard let reply = CheckReply(try await call(request.message(ClusterCall.check), Limits.check)) else {
      throw senseless
    }
    return reply.check
  }

  private var senseless: ClusterFailure {
    ClusterFailure(description: "the node at \(host) gave an answer that makes no sense")
  }

  private func call(_ message: NodeMessage, _ timeout: Int64) async throws -> NodeMessage {
    let environment = ProductionEnvironment(reactorCount: 1)
    let result: Result<NodeMessage, ClusterFailure>
    do throws(NodeStartError) {
      var security = TransportSecurity.insecure
      if let certificates {
        security = .certificates(
          try NodeCertificates(folder: CertificateFolder(certificates), environment: environment).transport)
      }
      result = await call(message, timeout, environment, security)
    } catch {
      result = .failure(ClusterFailure(description: error.description))
    }
    try? await environment.shutdown()
    return try result.get()
  }

  private func call(
    _ message: NodeMessage, _ timeout: Int64, _ environment: ProductionEnvironment, _ security: TransportSecurity
  ) async -> Result<NodeMessage, ClusterFailure> {
    var random = environment.makeRandom("boot")
    let host = self.host
    let transport = NodeTransport(
      environment: environment,
      identity: NodeIdentity(
        binaryVersion: ServerVersion.meridian, bootID: random.next(), machineBootID: MachineBoot.id),
      carrier: SocketCarrier(environment: environment, security: security),
      // What goes wrong is told by what the command prints.
      logger: Logger(label: "meridian") { _ in SwiftLogNoOpLogHandler() })
    let result = await environment.reactors[0].perform { reactor -> Result<NodeMessage, ClusterFailure> in
      do throws(TransportError) {
        return .success(
          try await transport.call(message, to: host, timeoutNanoseconds: timeout, on: reactor))
      } catch {
        switch error {
        case .unreachable(let reason):
          return .failure(ClusterFailure(description: "cannot reach a node at \(host): \(reason)"))
        default: return .failure(ClusterFailure(description: "cannot talk to the node at \(host): \(error)"))
        }
      }
    }
    await transport.stop()
    return result
  }
}
