// The border between the protocol and what carries it: sockets in production, an in-process network in tests, demonstrations and
// simulations. A link carries whole frames in order, or breaks.
//
// Contract: a link and its owner belong to one reactor, and everything of both happens on it. `received` and `becameWritable` come after
// `opened`; `closed` comes last and at most once. After the owner has called `close`, nothing comes any more, `closed` included.

import Reactors

/// One connection.
public protocol Link: AnyObject, Sendable {
  /// Whose link it is, for logs.
  var peer: String { get }
  /// False while more waits in the link than it should hold; `becameWritable` tells when that has gone.
  var isWritable: Bool { get }
  /// Frames leave at the next `flush` at the latest.
  func write(_ frame: Frame, on reactor: isolated Reactor)
  func flush(on reactor: isolated Reactor)
  /// While true nothing is received, and after a while the other side cannot send.
  func pauseReading(_ isPaused: Bool, on reactor: isolated Reactor)
  /// Ends it, after what has been flushed if that can be sent without waiting.
  func close(on reactor: isolated Reactor)
}

/// What a link tells.
public protocol LinkOwner: AnyObject, Sendable {
  /// The link that was dialled stands. Accepted links stand from the beginning.
  func opened(_ link: any Link, on reactor: isolated Reactor)
  func received(_ frame: Frame, on reactor: isolated Reactor)
  func becameWritable(on reactor: isolated Reactor)
  /// The link has broken, or never came about.
  func closed(_ reason: String, on reactor: isolated Reactor)
}

/// A network.
public protocol Carrier: AnyObject, Sendable {
  /// Accepts links from now on, and spreads them over the reactors.
  /// - Returns: the address with the real port, if 0 was asked for.
  /// - Throws: `unreachable` if the address cannot be listened on.
  func listen(
    on address: NodeAddress, accept: @escaping @Sendable (any Link, isolated Reactor) -> any LinkOwner
  ) async throws(TransportError) -> NodeAddress

  /// Dials; the link belongs to `reactor`.
  func dial(_ address: NodeAddress, owner: any LinkOwner, limit nanoseconds: Int64, on reactor: isolated Reactor)

  /// Listens no more. Links stay.
  func stopListening() async
}
