// Several nodes in one process, each with its own threads, store and sockets on loopback: for demonstrations and tests. The first begins the
// cluster, the others join it.

import Logging
import Transport

public final class LocalCluster: Sendable {
  /// In the order of their start; node n has number n.
  public let nodes: [Node]

  private init(_ nodes: [Node]) { self.nodes = nodes }

  /// Starts them, and waits until all serve.
  /// - Parameters:
  ///   - count: at least 1.
  ///   - prepare: changes a node's configuration, which names a store in memory and any free ports, before it starts.
  /// - Throws: `NodeStartError`.
  public static func start(
    count: Int, prepare: (Int, inout NodeConfiguration) -> Void = { _, _ in }
  ) async throws -> LocalCluster {
    var nodes: [Node] = []
    do {
      for index in 0..<max(1, count) {
        var configuration = NodeConfiguration(store: nil)
        configuration.sqlAddress.port = 0
        configuration.httpAddress.port = 0
        var cluster = ClusterConfiguration()
        cluster.rpcAddress.port = 0
        // They read one clock, whatever looks after it.
        cluster.timeSources = .oneMachine
        cluster.seekInterval = 200_000_000
        cluster.join = nodes.compactMap(\.rpcAddress)
        configuration.cluster = cluster
        prepare(index, &configuration)
        let node = try await Node.start(configuration)
        nodes.append(node)
        if index == 0, node.nodeID == nil, case .refused(let reason) = await node.initialise() {
          throw NodeStartError(description: reason)
        }
        guard await node.untilReady() else {
          throw NodeStartError(description: "node \(index + 1) stopped before it served")
        }
      }
    } catch {
      for node in nodes.reversed() { await node.stop() }
      throw error
    }
    return LocalCluster(nodes)
  }

  /// Stops all nodes, the first one last.
  public func stop() async {
    for node in nodes.reversed() { await node.stop() }
  }
}
