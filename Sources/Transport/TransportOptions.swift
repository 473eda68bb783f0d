// Every bound and every time of the transport, each with its reason.

/// What may be tuned. Times are in nanoseconds.
public struct TransportOptions: Sendable {
  /// Between two heartbeats to a peer. A silent peer is found after four of them at the latest.
  public var heartbeatInterval: Int64 = 1_000_000_000
  /// A peer that has answered nothing for more than this many intervals is down, and its connections are given up.
  public var silentHeartbeatCount: Int64 = 3
  /// For connecting, encryption and greeting together: a distant continent needs five round trips of 0.3 s.
  public var dialLimit: Int64 = 3_000_000_000
  /// The wait after the first failure to connect; it doubles up to the longest.
  public var shortestBackoff: Int64 = 50_000_000
  /// As long as a restarted node waits at worst until it is called again, unless it calls first.
  public var longestBackoff: Int64 = 1_000_000_000
  /// A connection to an address rather than to a node is kept this long after its last call.
  public var addressIdleLimit: Int64 = 10_000_000_000

  /// What may wait to be sent on one connection, in bytes. Raft's flow control keeps below its bound; the others show a peer that does not
  /// keep up.
  public var systemQueueByteCount = 4 << 20
  public var raftQueueByteCount = 32 << 20
  public var bulkQueueByteCount = 8 << 20
  /// Requests of one connection that may be in work at once, in bytes and in number; beyond, calls are refused, those of the bulk class made to wait.
  public var workingByteCount = 32 << 20
  public var workingBulkByteCount = 8 << 20
  public var workingCallCount = 4096

  public init() {}

  func queueByteCount(_ messageClass: MessageClass) -> Int {
    switch messageClass {
    case .system: systemQueueByteCount
    case .raft: raftQueueByteCount
    case .bulk: bulkQueueByteCount
    }
  }
}
