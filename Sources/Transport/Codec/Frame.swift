// HOT: One frame between two nodes, as a value. Links of sockets encode it, those of a simulation hand it over as it is.

/// What travels over a link.
public struct Frame: Hashable, Sendable {
  public enum Purpose: UInt8, Sendable {
    case hello, rejection, message, call, reply, refusal, ping, pong
  }

  public var purpose: Purpose
  /// Joins a call and its reply; 0 in all others.
  public var call: UInt64
  public var message: NodeMessage

  public init(_ purpose: Purpose, call: UInt64 = 0, _ message: NodeMessage) {
    self.purpose = purpose
    self.call = call
    self.message = message
  }

  /// About what it takes on a socket, and in memory while it waits.
  public var byteCount: Int { message.byteCount + 4 * message.payloads.count + 32 }

  /// Bounds on what a peer may make this node hold.
  public enum Limits {
    /// Body and payloads together.
    public static let messageByteCount = 64 << 20
    /// An envelope: some 12,000 payloads.
    static let envelopeByteCount = 1 << 16
    /// The first frame of a connection, which comes from anybody.
    static let greetingByteCount = 1 << 12
  }

  /// Whether it can be sent at all.
  var isWithinLimits: Bool {
    // A payload's length takes at most four bytes in the envelope; the rest of it less than 64.
    message.byteCount <= Limits.messageByteCount && 4 * message.payloads.count + 64 <= Limits.envelopeByteCount
  }
}
