// `meridian start`: a node of a cluster, until SIGTERM or SIGINT.

import ArgumentParser
import Foundation
import Server
import Transport

/// How far a clock may be off: `10ms`, `250us`, `1s`.
struct ClockError: ExpressibleByArgument {
  var nanoseconds: Int64

  init?(argument: String) {
    let units: [(String, Double)] = [("us", 1e3), ("ms", 1e6), ("s", 1e9)]
    guard let unit = units.first(where: { argument.hasSuffix($0.0) }),
      let number = Double(argument.dropLast(unit.0.count)), number > 0, number * unit.1 <= 5e9
    else { return nil }
    nanoseconds = Int64((number * unit.1).rounded(.up))
  }
}

struct StartCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Start a node of a cluster.",
    discussion: """
      Start every node with the addresses of some others, then begin the cluster, once, on any one of them:

      meridian start --insecure --store n1 --join localhost:26258,localhost:26268,localhost:26278
      meridian start --insecure --store n2 --join localhost:26258,localhost:26268,localhost:26278 \\
        --sql-addr localhost:26267 --rpc-addr localhost:26268 --http-addr localhost:8081
      meridian start --insecure --store n3 --join localhost:26258,localhost:26268,localhost:26278 \\
        --sql-addr localhost:26277 --rpc-addr localhost:26278 --http-addr localhost:8082
      meridian init --host localhost:26258
      meridian node status --host localhost:26258

      A new store waits until `meridian init` is called here or a node of --join is in a cluster, of which it then becomes
      part; until then SQL clients are turned away (57P03) and /health says why. A store that was in a cluster goes back to it, and
      finds the others by what it knew of them even if those of --join are gone. A node that is added later needs no
      `init`. When SQL is served one line is printed with the addresses and a URL.

      With --certs-dir nodes show each other node.crt, which must name the hosts that other nodes and clients call it by
      (`meridian cert create-node HOST...`, signed by one authority for the whole cluster); clients are asked who they are as
      `start-single-node --help` tells. With --insecure nothing is encrypted and everybody who reaches a port is let in, to
      the data of all nodes as well.

      Nodes on one machine read one clock. As soon as there are several machines every node needs --max-clock-error: the
      bound that the time service (chrony, PTP) keeps. Commits wait for about twice that long.
      """)

  @OptionGroup var options: ServingOptions

  @Option(help: ArgumentHelp("Where other nodes connect.", valueName: "host:port"))
  var rpcAddr = ListenAddress(host: "127.0.0.1", port: 26258)

  @Option(
    help: ArgumentHelp(
      "What other nodes connect to, if it is not --rpc-addr: needed when that is all interfaces.",
      valueName: "host[:port]"))
  var advertiseAddr: String?

  @Option(
    help: ArgumentHelp(
      "Nodes to ask for the cluster; this one may be among them. Their port is 26258 unless given.",
      valueName: "host[:port],..."))
  var join: [String] = []

  @Option(
    help: ArgumentHelp(
      "Where this node stands, from the widest to the narrowest.", valueName: "region=...,zone=..."))
  var locality: String = ""

  @Option(
    help: ArgumentHelp(
      "How far this machine's clock may be off, for instance 10ms. Without it all nodes must run on one machine.",
      valueName: "duration"))
  var maxClockError: ClockError?

  func validate() throws {
    if options.certsDir == nil, !options.insecure {
      throw ValidationError(
        "nodes must know each other: give certificates with --certs-dir (see `meridian cert --help`), or pass --insecure to let everybody in who reaches a port"
      )
    }
    _ = try cluster()
  }

  /// The options as the node takes them.
  func cluster() throws -> ClusterConfiguration {
    var cluster = ClusterConfiguration()
    cluster.rpcAddress = NodeAddress(host: rpcAddr.host, port: rpcAddr.port)
    if let advertiseAddr {
      guard let address = NodeAddress(advertiseAddr, defaultPort: rpcAddr.port) else {
        throw ValidationError("--advertise-addr \(advertiseAddr) is not host or host:port")
      }
      guard address.port > 0 else { throw ValidationError("--advertise-addr needs a port when --rpc-addr has none") }
      cluster.advertisedAddress = address
    } else if rpcAddr.host == "0.0.0.0" || rpcAddr.host == "::" {
      throw ValidationError(
        "--rpc-addr \(rpcAddr) is all interfaces; say with --advertise-addr under which name other nodes reach this one"
      )
    }
    cluster.join = try join.flatMap { try Self.addresses($0) }
    guard let place = Locality(locality) else {
      throw ValidationError("--locality \(locality) is not name=value,name=value with each name once")
    }
    cluster.locality = place
    cluster.maximumClockError = maxClockError?.nanoseconds
    return cluster
  }

  static func addresses(_ list: String) throws -> [NodeAddress] {
    try list.split(separator: ",").map { part in
      guard let address = NodeAddress(String(part), defaultPort: 26258), address.port > 0 else {
        throw ValidationError("--join \(part) is not host or host:port")
      }
      return address
    }
  }

  mutating func run() async throws {
    var configuration = options.configuration
    configuration.cluster = try cluster()
    let node: Node
    do {
      node = try await Node.start(configuration)
    } catch let error as NodeStartError {
      complain(error.description)
      throw ExitCode.failure
    }
    let readiness = Task {
      // A node that joins at once need not say that it waits.
      for _ in 0..<30 where !node.isReady { try? await Task.sleep(for: .milliseconds(100)) }
      if !node.isReady { announce(node.waitingLine) }
      if await node.untilReady() { announce(node.readyLine) }
    }
    let signal = await nextEndingSignal()
    node.logger.info("stopping", metadata: ["signal": "\(signal)"])
    readiness.cancel()
    await node.stop()
  }
}
