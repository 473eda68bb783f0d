// What a node is told when it starts.

import Clocks
import Glibc
import Logging
import Ranges
import Reactors
import Transport

public struct NodeConfiguration: Sendable {
  /// One loop for each core but one, which the log writer, the workers and the machine's other work keep: with a single range,
  /// whose requests all meet on one reactor, a second loop costs hops and gains nothing. See Docs/Decisions.
  public static let defaultReactorCount = 1
  /// A quarter of the machine's memory, at most 1 GiB; pages are taken as they are used.
  public static let defaultCacheByteCount = min(
    1 << 30, max(64 << 20, sysconf(Int32(_SC_PHYS_PAGES)) / 4 * sysconf(Int32(_SC_PAGESIZE))))

  /// The folder that holds everything; nil: memory, which is gone when the node stops.
  public var store: String?
  public var sqlAddress = ListenAddress(host: "127.0.0.1", port: 26257)
  public var httpAddress = ListenAddress(host: "127.0.0.1", port: 8080)
  /// The folder of `node.crt`, `node.key` and `ca.crt`; nil: no encryption, and everybody who reaches the node is let in.
  public var certificates: String?
  public var reactorCount = NodeConfiguration.defaultReactorCount
  public var cacheByteCount = NodeConfiguration.defaultCacheByteCount
  public var connectionLimit = 1000
  public var logFormat = LogFormat.text
  public var logLevel = Logger.Level.info
  /// Where a ClockBound daemon may keep what it says.
  public var clockBoundFiles = ProductionEnvironment.clockBoundFiles
  /// Nil: the node is a cluster by itself and talks to no other.
  public var cluster: ClusterConfiguration?
  /// What becomes of the process when the node cannot go on; the reason has been logged.
  public var onFatal: @Sendable (String) -> Void = { _ in exit(1) }

  public init(store: String?) { self.store = store }
}

/// What a node of a cluster is told beyond that.
public struct ClusterConfiguration: Sendable {
  /// Where other nodes connect.
  public var rpcAddress = NodeAddress(host: "127.0.0.1", port: 26258)
  /// What other nodes are told to connect to, if that is not `rpcAddress`.
  public var advertisedAddress: NodeAddress?
  /// Nodes to ask for the cluster.
  public var join: [NodeAddress] = []
  public var locality = Locality()
  /// What the node knows the time from.
  public var timeSources = TimeSourceChoice.automatic
  /// Which run of which machine's kernel this is; nodes that agree in it read the same clock.
  public var machineBootID = MachineBoot.id
  /// Nanoseconds for which other nodes are asked to believe that this one lives: about the time until others serve its ranges when it dies.
  public var supportDuration: Int64 = StoreOptions().supportDuration
  /// Nanoseconds between two questions whether there is a cluster to join.
  public var seekInterval: Int64 = 1_000_000_000
  /// Nanoseconds between two looks at who else is a member, and where.
  public var directoryInterval: Int64 = 3_000_000_000

  public init() {}
}

/// The kernel's number for its run since the machine was started.
public enum MachineBoot {
  /// Empty if the kernel does not tell.
  public static let id: String = {
    let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = read(file, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)).filter { $0 > 32 }, as: UTF8.self)
  }()
}

/// Why a node did not start, in words for its operator.
public struct NodeStartError: Error, Sendable, CustomStringConvertible {
  public var description: String
}
