// What `start` and `start-single-node` take alike.

import ArgumentParser
import Logging
import Server

extension ListenAddress: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
  public var defaultValueDescription: String { description }
}

extension LogFormat: ExpressibleByArgument {}

extension Logger.Level: @retroactive ExpressibleByArgument {}

/// A number of bytes with a unit: `512MiB`, `1GiB`, `64MB`.
struct ByteCount: ExpressibleByArgument {
  var bytes: Int

  init(bytes: Int) { self.bytes = bytes }

  init?(argument: String) {
    let units: [(String, Int)] = [
      ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("kB", 1000), ("KB", 1000),
      ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1),
    ]
    let unit = units.first { argument.hasSuffix($0.0) }
    let digits = argument.dropLast(unit?.0.count ?? 0)
    guard let number = Double(digits), number >= 0, number * Double(unit?.1 ?? 1) < 1e15 else { return nil }
    bytes = Int(number * Double(unit?.1 ?? 1))
  }

  var defaultValueDescription: String { "\(bytes >> 20)MiB" }
}

struct ServingOptions: ParsableArguments {
  @Option(help: "The folder that holds the node's data; made if it does not exist.")
  var store: String

  @Option(help: ArgumentHelp("Where SQL clients connect.", valueName: "host:port"))
  var sqlAddr = ListenAddress(host: "127.0.0.1", port: 26257)

  @Option(help: ArgumentHelp("Where /health and /metrics are served.", valueName: "host:port"))
  var httpAddr = ListenAddress(host: "127.0.0.1", port: 8080)

  @Option(help: "Event loops that sessions and ranges are spread over.")
  var reactors: Int = NodeConfiguration.defaultReactorCount

  @Option(help: ArgumentHelp("Memory for data read or written lately: blocks and rows.", valueName: "size"))
  var cache = ByteCount(bytes: NodeConfiguration.defaultCacheByteCount)

  @Option(help: "Clients that may be connected at once.")
  var maxConnections = 1000

  @Option(
    help: ArgumentHelp("The folder of ca.crt, node.crt and node.key: clients are authenticated.", valueName: "folder"))
  var certsDir: String?

  @Flag(help: "Allow addresses beyond loopback without certificates: anybody who reaches the port is let in.")
  var insecure = false

  @Option(help: "How log lines on stderr look.")
  var logFormat = LogFormat.text

  @Option(help: "The least severe log lines to write.")
  var logLevel = Logger.Level.info

  func validate() throws {
    guard (1...256).contains(reactors) else { throw ValidationError("--reactors must be between 1 and 256") }
    guard cache.bytes >= 1 << 20 else { throw ValidationError("--cache must be at least 1MiB") }
    guard maxConnections > 0 else { throw ValidationError("--max-connections must be at least 1") }
    if certsDir != nil, insecure { throw ValidationError("--certs-dir and --insecure exclude each other") }
    for (flag, address) in [("--sql-addr", sqlAddr), ("--http-addr", httpAddr)]
    where !address.isLoopback && !insecure && certsDir == nil {
      throw ValidationError(
        "\(flag) \(address) is reachable from other machines and clients are not authenticated; give certificates with --certs-dir (see `meridian cert --help`), or pass --insecure to let everybody in"
      )
    }
  }

  var configuration: NodeConfiguration {
    var configuration = NodeConfiguration(store: store)
    configuration.sqlAddress = sqlAddr
    configuration.httpAddress = httpAddr
    configuration.certificates = certsDir
    configuration.reactorCount = reactors
    configuration.cacheByteCount = cache.bytes
    configuration.connectionLimit = maxConnections
    configuration.logFormat = logFormat
    configuration.logLevel = logLevel
    return configuration
  }
}
