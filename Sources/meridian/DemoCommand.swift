// `meridian demo`: a cluster in this process and a prompt on it.

import ArgumentParser
import Foundation
import Logging
import Server
import Sessions
import Shell

struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Try a cluster: several nodes in this process, in memory, and an SQL prompt.",
    discussion: """
      Every node has its own threads, store and ports, as if it ran by itself; the ports are any that are free, and each node's
      URL is printed. The first begins the cluster, the others join it, and the prompt is on the first. Leaving the prompt
      ends everything, and nothing is kept.

      meridian demo --nodes 3
      meridian demo --nodes 3 --no-shell
      """)

  @Option(help: "How many nodes.")
  var nodes = 3

  @Option(
    help: ArgumentHelp(
      "For how long nodes believe that another one lives when they hear nothing; 3s unless given.",
      valueName: "duration"))
  var supportDuration: DurationOption?

  @Flag(help: "Only run, until SIGTERM or SIGINT.")
  var noShell = false

  @Option(help: "The least severe log lines to write.")
  var logLevel = Logger.Level.error

  func validate() throws {
    guard (1...16).contains(nodes) else { throw ValidationError("--nodes must be between 1 and 16") }
  }

  mutating func run() async throws {
    let cluster: LocalCluster
    let level = logLevel
    var flags = ClusterFlags()
    flags.supportDuration = supportDuration?.nanoseconds
    do {
      let duration = try flags.configuration().supportDuration
      cluster = try await LocalCluster.start(count: nodes) { index, configuration in
        configuration.logLevel = level
        configuration.cluster?.supportDuration = duration
        configuration.cluster?.locality = Locality("region=demo,zone=z\(index + 1)") ?? Locality()
      }
    } catch let error as NodeStartError {
      complain(error.description)
      throw ExitCode.failure
    }
    for node in cluster.nodes {
      announce(
        "\(node.nodeID.map { "\($0)" } ?? "?"): \(node.url)  rpc=\(node.rpcAddress.map { "\($0)" } ?? "") http=\(node.httpAddress)"
      )
    }
    var status: Int32 = 0
    if noShell {
      _ = await nextEndingSignal()
    } else {
      let url = ConnectionURL(port: cluster.nodes[0].sqlAddress.port)
      status = await Self.prompt(ShellConfiguration(url: url, version: ServerVersion.meridian))
    }
    await cluster.stop()
    if status != 0 { throw ExitCode(status) }
  }

  /// The shell waits for its user and for the server: not on a thread that the nodes' tasks may need.
  private static func prompt(_ configuration: ShellConfiguration) async -> Int32 {
    await withCheckedContinuation { continuation in
      let thread = Thread { continuation.resume(returning: Shell(configuration).run()) }
      thread.stackSize = 8 << 20
      thread.start()
    }
  }
}
