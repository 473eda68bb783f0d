// What a node is told when it starts.

import Logging

public struct NodeConfiguration: Sendable {
  /// One loop for each core but one, which the log writer, the workers and the machine's other work keep: with a single range,
  /// whose requests all meet on one reactor, a second loop costs hops and gains nothing. See Docs/Decisions.
  public static let defaultReactorCount = 1
  public static let defaultCacheByteCount = 256 << 20

  /// The folder that holds everything.
  public var store: String
  public var sqlAddress = ListenAddress(host: "127.0.0.1", port: 26257)
  public var httpAddress = ListenAddress(host: "127.0.0.1", port: 8080)
  /// The folder of `node.crt`, `node.key` and `ca.crt`; nil: no encryption, and everybody who reaches the node is let in.
  public var certificates: String?
  public var reactorCount = NodeConfiguration.defaultReactorCount
  public var cacheByteCount = NodeConfiguration.defaultCacheByteCount
  public var connectionLimit = 1000
  public var logFormat = LogFormat.text
  public var logLevel = Logger.Level.info

  public init(store: String) { self.store = store }
}

/// Why a node did not start, in words for its operator.
public struct NodeStartError: Error, Sendable, CustomStringConvertible {
  public var description: String
}
