// What one node tells another. The transport knows neither kinds nor bodies: the room that owns a kind encodes its body (protobuf,
// by custom), and attaches what is large and opaque, log entries for one, as payloads that pass no codec.

/// A message between nodes.
public struct NodeMessage: Hashable, Sendable {
  /// Says whose it is and what its body means.
  public var kind: UInt16
  public var body: [UInt8]
  /// Raw bytes behind the body.
  public var payloads: [[UInt8]]

  public init(kind: UInt16, body: [UInt8] = [], payloads: [[UInt8]] = []) {
    self.kind = kind
    self.body = body
    self.payloads = payloads
  }

  /// Of the body and the payloads.
  public var byteCount: Int {
    var count = body.count
    for payload in payloads { count += payload.count }
    return count
  }
}

/// Messages of different classes travel on different connections, so that the large never hold up the urgent.
public enum MessageClass: UInt8, CaseIterable, Sendable {
  /// Heartbeats, liveness, requests of statements.
  case system
  /// Consensus.
  case raft
  /// Snapshots and other streams: who sends faster than the receiver takes is made to wait.
  case bulk
}
