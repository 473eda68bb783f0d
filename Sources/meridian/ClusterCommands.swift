// `meridian init` and `meridian node`: what an operator asks a running node.

import ArgumentParser
import Foundation
import Server
import Shell
import Transport

extension NodeAddress: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument, defaultPort: ClusterFlags.defaultPort) }
  public var defaultValueDescription: String { description }
}

/// How a command reaches a node.
struct ClusterOptions: ParsableArguments {
  @Option(help: ArgumentHelp("A node's --rpc-addr.", valueName: "host:port"))
  var host = NodeAddress(host: "127.0.0.1", port: ClusterFlags.defaultPort)

  @Option(
    help: ArgumentHelp(
      "The folder of ca.crt, node.crt and node.key: nodes listen to whoever shows a node's certificate.",
      valueName: "folder"))
  var certsDir: String?

  @Flag(help: "Talk in the clear to a node on another machine, which runs with --insecure.")
  var insecure = false

  func validate() throws {
    if certsDir != nil, insecure { throw ValidationError("--certs-dir and --insecure exclude each other") }
    if certsDir == nil, !insecure, !ListenAddress(host: host.host, port: host.port).isLoopback {
      throw ValidationError("the node at \(host) is on another machine: give --certs-dir, or --insecure if it runs so")
    }
  }

  /// Does what the command is for; complains and ends it if that fails.
  func run<R>(_ body: (ClusterClient) async throws -> R) async throws -> R {
    do {
      return try await body(ClusterClient(host: host, certificates: certsDir))
    } catch let error as ClusterFailure {
      var text = error.description
      if certsDir == nil, text.contains("the other side closed it") {
        text += "; if the cluster has certificates, give --certs-dir"
      } else if certsDir != nil, text.contains("the TLS handshake failed") {
        text += "; if the cluster runs with --insecure, leave --certs-dir out"
      }
      complain(text)
      throw ExitCode.failure
    }
  }
}

struct InitCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Begin a cluster on nodes that wait for one.",
    discussion: """
      To be called once in the life of a cluster, on any one of its first nodes; the others join it through their --join. The
      node asks those first, so that a second call, even on another node, changes nothing.

      meridian init --host localhost:26258
      meridian init --host db1.example.com:26258 --certs-dir certs
      """)

  @OptionGroup var options: ClusterOptions

  mutating func run() async throws {
    let cluster = try await options.run { try await $0.initialise() }
    print("cluster \(cluster) begun on \(options.host)")
  }
}

struct NodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "node", abstract: "Look at the nodes of a cluster, and have them leave.",
    subcommands: [NodeStatusCommand.self, NodeDrainCommand.self, NodeDecommissionCommand.self])
}

struct NodeStatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "List the nodes, whether they live, and how much they hold.",
    discussion: """
      Everything is as the asked node sees it: is_live is whether a node answers its heartbeats, which shows an ended one after
      four seconds at most. state is active, draining, decommissioning or decommissioned. replicas and leases are empty for nodes
      that could not be asked.
      """)

  @OptionGroup var options: ClusterOptions

  @Option(help: "How the table is printed: aligned, unaligned, csv, expanded.")
  var format = ResultFormat.aligned

  mutating func run() async throws {
    let nodes = try await options.run { try await $0.status() }
    var output: [UInt8] = []
    var printing = PrintOptions()
    switch format {
    case .aligned: break
    case .unaligned: printing.format = .unaligned
    case .csv: printing.format = .csv
    case .expanded: printing.expanded = .on
    }
    let table = ResultTable(
      headers: NodeStatus.columns.map(\.name), isRightAligned: NodeStatus.columns.map(\.isNumber),
      rows: nodes.map(\.row))
    TablePrinter.print(table, printing, into: &output)
    FileHandle.standardOutput.write(Data(output))
  }
}

struct NodeDrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain",
    abstract: "Have a node hand on what it leads and send its clients away, to be stopped.",
    discussion: """
      Other nodes take over the node's ranges while its clients go on; then new clients are turned away (57P03), and sessions end
      with their transactions, five seconds later at the latest. The node keeps its replicas. What remains is to stop it, which
      then nobody notices; started again it serves as before. A node that is sent SIGTERM drains by itself.

      meridian node drain --host localhost:26268
      """)

  @OptionGroup var options: ClusterOptions

  mutating func run() async throws {
    let left = try await options.run { try await $0.drain() }
    print(
      left == 0
        ? "the node at \(options.host) has drained"
        : "the node at \(options.host) has drained; it still leads \(left) ranges, for which no other live node has a replica"
    )
  }
}

struct NodeDecommissionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decommission",
    abstract: "Have a node leave the cluster for good.",
    discussion: """
      The node gets no new replicas, and those that it has are moved to other nodes: another one is filled and votes before the
      old one goes. It serves its clients meanwhile. The command prints how many replicas are left whenever that changes, and
      ends when there are none and the node has left: it serves nobody from then on and cannot come back; with an empty store it
      may join under a new number. A node that is dead, or whose store is lost, is decommissioned the same way.

      As long as too few nodes live for the replicas nothing is moved, and the command says so and waits. It may be interrupted
      and repeated, through any other node.

      meridian node decommission 3 --host localhost:26258
      """)

  @Argument(help: "The node's number, as `meridian node status` shows it.")
  var node: UInt32

  @OptionGroup var options: ClusterOptions

  func validate() throws {
    guard node > 0 else { throw ValidationError("nodes have numbers from 1 on") }
  }

  mutating func run() async throws {
    let number = NodeID(rawValue: node)
    try await options.run { client in
      var said = ""
      while true {
        switch try await client.decommission(number) {
        case .gone:
          announce("node \(number) has been decommissioned")
          return
        case .leaving(let count, let obstacle):
          let line = "node \(number): \(count) replicas left" + (obstacle.map { " (\($0))" } ?? "")
          if line != said { announce(line) }
          said = line
        case .refused(let reason): throw ClusterFailure(description: reason)
        }
        try await Task.sleep(for: .seconds(1))
      }
    }
  }
}
