// `meridian start`: a node of a cluster, until SIGTERM or SIGINT.

import ArgumentParser
import Server

/// How far a clock may be off: `10ms`, `250us`, `1s`.
struct ClockError: ExpressibleByArgument {
  var nanoseconds: Int64

  init?(argument: String) {
    guard let nanoseconds = ClusterFlags.clockError(argument) else { return nil }
    self.nanoseconds = nanoseconds
  }
}

/// `500ms`, `3s`, `5m`.
struct DurationOption: ExpressibleByArgument {
  var nanoseconds: Int64

  init?(argument: String) {
    guard let nanoseconds = ClusterFlags.duration(argument) else { return nil }
    self.nanoseconds = nanoseconds
  }
}

struct StartCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Start a node of a cluster.",
    discussion: """
      Start every node with the addresses of some others, then begin the cluster,
      once, on any one of them. Three nodes on one machine:

      J=localhost:26258,localhost:26268,localhost:26278
      meridian start --insecure --store n1 --join $J
      meridian start --insecure --store n2 --join $J --sql-addr localhost:26267 \\
        --rpc-addr localhost:26268 --http-addr localhost:8081
      meridian start --insecure --store n3 --join $J --sql-addr localhost:26277 \\
        --rpc-addr localhost:26278 --http-addr localhost:8082
      meridian init --host localhost:26258
      meridian node status --host localhost:26258

      A new store waits until `meridian init` is called here, or until a node of
      --join is in a cluster, which it then joins: a node that is added later
      needs no `init`. While it waits SQL clients are turned away (57P03), and
      /health says why. A store that was in a cluster goes back to it, and finds
      the others by what it knew of them even if those of --join are gone. When
      SQL is served, one line is printed with the addresses and a URL.

      With --certs-dir nodes show each other node.crt, which must be of one
      authority and name the hosts that others call the node by (see `meridian
      cert create-node --help`); clients are asked who they are, as
      `start-single-node --help` tells. With --insecure nothing is encrypted, and
      everybody who reaches a port is let in, to the data of all nodes as well.

      Nodes on one machine read one clock. As soon as there are several machines,
      every node must know by how much its clock may be off; commits wait for
      about twice as long. --clock-source says what it knows that from: the bound
      that you state with --max-clock-error, a ClockBound daemon (clockbound), or
      the kernel, which chrony or ntpd tell (ntp); several may be named with commas
      between them. Without any time service, `cluster` has the nodes elect one
      whose clock counts, and measure it over the network; then all nodes need it.
      auto, unless given: the stated bound and ClockBound, where they are there,
      or else one-machine. With clockbound, ntp and cluster a node whose clock may
      be off by more than --max-clock-error (250ms unless given) does not serve. A
      source that was asked for and cannot be used keeps the node from starting,
      and a node whose clock contradicts those of a majority exits.

      When a node dies others serve its ranges after about --support-duration.
      Shorter is sooner, but a node that stands still for as long loses its
      ranges, too. SIGTERM hands ranges on to others first (see `meridian node
      drain --help`).
      """)

  @OptionGroup var options: ServingOptions

  @Option(help: ArgumentHelp("Where other nodes connect.", valueName: "host:port"))
  var rpcAddr = ListenAddress(host: "127.0.0.1", port: ClusterFlags.defaultPort)

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
      "What the node knows the time from: auto, one-machine, bound, clockbound, ntp, cluster.", valueName: "source,...")
  )
  var clockSource = "auto"

  @Option(
    help: ArgumentHelp("How far this machine's clock may be off, for instance 10ms.", valueName: "duration"))
  var maxClockError: ClockError?

  @Option(
    help: ArgumentHelp(
      "For how long others believe that this node lives when they hear nothing; 3s unless given.", valueName: "duration"
    ))
  var supportDuration: DurationOption?

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
    var flags = ClusterFlags()
    flags.rpcAddress = rpcAddr
    flags.advertisedAddress = advertiseAddr
    flags.join = join
    flags.locality = locality
    flags.clockSource = clockSource
    flags.maximumClockError = maxClockError?.nanoseconds
    flags.supportDuration = supportDuration?.nanoseconds
    do {
      return try flags.configuration()
    } catch {
      throw ValidationError(error.description)
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
