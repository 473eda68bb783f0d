// How a call ends without a reply. What the caller must know is whether the request may have been executed all the same: a write
// that may have been must be asked about, one that was not can be sent elsewhere.

/// Why there is no reply.
public enum TransportError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is no connection and none could be made; nothing was sent.
  case unreachable(String)
  /// Too much waits to be sent already; nothing was sent.
  case overloaded
  /// The other node, or its handler, turned the request down.
  case refused(String)
  case timedOut(mayHaveBeenExecuted: Bool)
  /// The connection broke while the call was under way.
  case closed(mayHaveBeenExecuted: Bool)

  /// False if the request certainly was not executed. What a handler that refuses has done before is the handler's to say: it counts as
  /// nothing here.
  public var mayHaveBeenExecuted: Bool {
    switch self {
    case .unreachable, .overloaded, .refused: false
    case .timedOut(let may), .closed(let may): may
    }
  }

  public var description: String {
    switch self {
    case .unreachable(let reason): reason
    case .overloaded: "too many messages wait to be sent"
    case .refused(let reason): reason
    case .timedOut(let may): may ? "the request timed out, it may have been executed" : "the request timed out unsent"
    case .closed(let may):
      may
        ? "the connection was lost, the request may have been executed"
        : "the connection was lost before the request was sent"
    }
  }
}

/// A handler's no to a call, in words for the caller.
public struct CallRefusal: Error, Hashable, Sendable {
  public var text: String
  public init(_ text: String) { self.text = text }
}
