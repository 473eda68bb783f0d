// HOT: A link over TCP, with TLS before it or without. It gathers the frames of a turn in one buffer; large payloads go as buffers of their
// own, and everything leaves with one gathered write.

import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Reactors

/// `@unchecked Sendable`: confined to its reactor, whose executor is the channel's event loop; NIO calls it there.
final class SocketLink: ChannelInboundHandler, Link, @unchecked Sendable {
  typealias InboundIn = ByteBuffer

  enum Limits {
    /// The buffer of a turn goes to the channel when it passes this.
    static let bufferByteCount = 1 << 17
    /// What may wait in the channel: enough for a fast network, little enough for what is urgent to be dropped before it is stale.
    static let writeWaterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 1 << 18, high: 1 << 20)
  }

  private let channel: any Channel
  private let reactor: Reactor
  private let encryption: NIOSSLHandler?
  private let security: TransportSecurity
  private let isAccepted: Bool
  private var owner: (any LinkOwner)?
  private var isPeerChecked = false
  private var decoder = FrameDecoder()
  private var isDelivering = false
  private var isPaused = false
  private var outgoing = ByteBuffer()
  /// Written since the last flush, `outgoing` included.
  private var unflushedByteCount = 0
  private var failure: String?

  let peer: String

  init(
    _ channel: any Channel, _ reactor: Reactor, _ security: TransportSecurity, encryption: NIOSSLHandler?,
    isAccepted: Bool, peer: String
  ) {
    self.channel = channel
    self.reactor = reactor
    self.security = security
    self.encryption = encryption
    self.isAccepted = isAccepted
    self.peer = peer
  }

  func own(_ owner: any LinkOwner) { self.owner = owner }

  // MARK: From the channel

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    decoder.append(unwrapInboundIn(data))
    reactor.assumeIsolated { deliver(on: $0) }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    guard channel.isWritable else { return }
    reactor.assumeIsolated { owner?.becameWritable(on: $0) }
  }

  func channelInactive(context: ChannelHandlerContext) { ended(failure ?? "the other side closed it") }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    failure = failure ?? Self.describe(error)
    context.close(promise: nil)
  }

  private func ended(_ reason: String) {
    guard let owner else { return }
    self.owner = nil
    reactor.assumeIsolated { owner.closed(reason, on: $0) }
  }

  static func describe(_ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      if let first = error.connectionErrors.first { return describe(first.error) }
      if let failure = error.dnsAError ?? error.dnsAAAAError { return describe(failure) }
      return "no address found"
    case let error as IOError: return String(cString: strerror(error.errnoCode)).lowercased()
    case let error as NIOSSLExtraError where error == .failedToValidateHostname:
      return "the certificate shown does not name that host"
    case NIOSSLError.handshakeFailed(let reason): return "the TLS handshake failed: \(reason)"
    case ChannelError.connectTimeout: return "connecting took too long"
    default: return "\(error)"
    }
  }

  private func deliver(on reactor: isolated Reactor) {
    guard !isDelivering else { return }
    isDelivering = true
    defer { isDelivering = false }
    if !isPeerChecked {
      isPeerChecked = true
      guard isPeerANode else {
        rejectPeer(on: reactor)
        return
      }
    }
    do {
      while !isPaused, let owner, let frame = try decoder.next() { owner.received(frame, on: reactor) }
    } catch {
      fail("the protocol was broken: \(error)")
    }
  }

  /// What TLS lets through is somebody whom the authority knows; perhaps a client.
  private var isPeerANode: Bool {
    guard case .certificates(let certificates) = security else { return true }
    guard let shown = try? encryption?.peerCertificate?.toDERBytes() else { return false }
    return certificates.isNode(shown)
  }

  private func rejectPeer(on reactor: isolated Reactor) {
    let text = "the certificate shown is not a node's"
    if isAccepted {
      write(Handshake.frame(Rejection(code: .notANode, text: text)), on: reactor)
      flush(on: reactor)
    }
    fail(text)
  }

  private func fail(_ reason: String) {
    failure = reason
    channel.close(promise: nil)
    ended(reason)
  }

  // MARK: From the owner

  var isWritable: Bool { channel.isWritable && unflushedByteCount < Limits.writeWaterMark.high }

  func write(_ frame: Frame, on reactor: isolated Reactor) {
    guard owner != nil else { return }
    unflushedByteCount += frame.byteCount
    FrameEncoder.encode(frame, into: &outgoing) { channel.pipeline.syncOperations.write(NIOAny($0), promise: nil) }
    if outgoing.readableBytes >= Limits.bufferByteCount { passOn() }
  }

  /// Hands the buffer of the turn to the channel. Its memory is used again, unless it has grown or the channel still holds it.
  private func passOn() {
    guard outgoing.readableBytes > 0 else { return }
    channel.pipeline.syncOperations.write(NIOAny(outgoing), promise: nil)
    if outgoing.capacity > Limits.bufferByteCount * 2 { outgoing = ByteBuffer() } else { outgoing.clear() }
  }

  func flush(on reactor: isolated Reactor) {
    guard unflushedByteCount > 0 else { return }
    passOn()
    unflushedByteCount = 0
    channel.pipeline.syncOperations.flush()
  }

  func pauseReading(_ isPaused: Bool, on reactor: isolated Reactor) {
    guard self.isPaused != isPaused else { return }
    self.isPaused = isPaused
    try? channel.syncOptions?.setOption(.autoRead, value: !isPaused)
    if !isPaused { deliver(on: reactor) }
  }

  func close(on reactor: isolated Reactor) {
    guard owner != nil else { return }
    owner = nil
    channel.close(promise: nil)
  }
}
