// What a node knows of another from talking to it.

/// Whether a peer answers.
public enum PeerState: Hashable, Sendable {
  /// It answers heartbeats. Reported again with another `bootID` when it has been restarted meanwhile.
  case up(NodeIdentity)
  /// It has answered none for some intervals; all connections to it are given up, and tried again.
  case down
}

/// A snapshot of what is known of a peer. Times are in nanoseconds.
public struct PeerStatus: Hashable, Sendable {
  public var id: NodeID
  public var address: NodeAddress?
  /// Nil until it has answered for the first time.
  public var identity: NodeIdentity?
  /// Whether the connection that carries heartbeats stands.
  public var isConnected: Bool
  /// Nil until it has been found either up or down.
  public var isUp: Bool?
  /// Smoothed.
  public var roundTrip: Int64?
  /// How far its wall clock is ahead of ours.
  public var clock: ClockOffset?
  /// When it last answered a heartbeat, by this node's monotonic clock.
  public var lastHeard: Int64?
  /// Messages that were not sent because too much waited already, since this node began.
  public var shedCount: Int
  /// Messages that were not sent, or were lost before they left, for want of a connection.
  public var unsentCount: Int
}
