// TLS beneath a client that reads and writes a plain blocking socket: one end of a pair of sockets is the client's, the other is
// relayed, encrypted, to the server by an event loop. The client stays what it is, `poll` and all.
//
//     client == plain bytes == near | far == plain bytes == relay == TLS == server
//
// Contract: when one side ends, so does the other, after what was sent has been passed on; a slow side slows the other down.

import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization

final class EncryptedTunnel: Sendable {
  /// The client's end; the client closes it.
  let near: Int32
  private let lastFailure: Mutex<String?>

  private init(near: Int32) {
    self.near = near
    lastFailure = Mutex(nil)
  }

  /// What went wrong after the handshake, if anything; a server that refuses the client's certificate says so only then.
  var failure: String? { lastFailure.withLock { $0 } }

  fileprivate func failed(_ error: any Error) {
    lastFailure.withLock { failure in
      if failure == nil { failure = Self.describe(error) }
    }
  }

  /// Makes TLS of a connected socket, which is the tunnel's from now on whatever happens.
  /// - Parameter host: what the user calls the server: its certificate is compared with it, and the server is told.
  static func open(
    over socket: Int32, host: String, _ configuration: TLSConfiguration
  ) throws(ConnectionFailure) -> EncryptedTunnel {
    var pair: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0 else {
      close(socket)
      throw ConnectionFailure(description: "could not make a pair of sockets: \(String(cString: strerror(errno)))")
    }
    let tunnel = EncryptedTunnel(near: pair[0])
    do {
      try tunnel.connect(far: pair[1], socket: socket, host: host, configuration)
    } catch {
      close(pair[0])
      throw ConnectionFailure(description: "SSL error: \(describe(error))")
    }
    return tunnel
  }

  private func connect(far: Int32, socket: Int32, host: String, _ configuration: TLSConfiguration) throws {
    let context: NIOSSLContext
    do {
      context = try NIOSSLContext(configuration: configuration)
    } catch {
      close(far)
      close(socket)
      throw error
    }
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let (inner, outer) = Relay.pair()
    let handshake = loop.makePromise(of: Void.self)
    // An address is compared with the certificate's addresses, and never sent as a name.
    let name = (try? SocketAddress(ipAddress: host, port: 0)) == nil ? host : nil
    let plain: any Channel
    do {
      plain = try ClientBootstrap(group: loop)
        .channelOption(.autoRead, value: false)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(inner) }
        }
        .withConnectedSocket(far).wait()
    } catch {
      close(socket)
      handshake.fail(error)
      throw error
    }
    do {
      _ = try ClientBootstrap(group: loop)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandlers([
              NIOSSLClientHandler(context: context, serverHostname: name),
              HandshakeWatch(promise: handshake, tunnel: self), outer,
            ])
          }
        }
        .withConnectedSocket(socket).wait()
    } catch {
      handshake.fail(error)
      plain.close(promise: nil)
      throw error
    }
    try handshake.futureResult.wait()
    try plain.setOption(.autoRead, value: true).wait()
  }

  /// The library's error in the words of its user.
  private static func describe(_ error: any Error) -> String {
    let text = "\(error)"
    if text.contains("CERTIFICATE_VERIFY_FAILED") { return "certificate verify failed" }
    if let error = error as? NIOSSLExtraError {
      if error == .failedToValidateHostname { return "server certificate does not match host name" }
      return error.description
    }
    // An alert's or error's name: TLSV1_ALERT_UNKNOWN_CA, WRONG_VERSION_NUMBER.
    for word in text.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" })
    where word.contains("ALERT") || word == "WRONG_VERSION_NUMBER" {
      return word.lowercased().replacingOccurrences(of: "_", with: " ")
    }
    if error is ChannelError { return "the server closed the connection" }
    return text
  }
}

/// Tells how the handshake ends, and what goes wrong later. `@unchecked Sendable`: used on its channel's loop only.
private final class HandshakeWatch: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private var promise: EventLoopPromise<Void>?
  private let tunnel: EncryptedTunnel

  init(promise: EventLoopPromise<Void>, tunnel: EncryptedTunnel) {
    self.promise = promise
    self.tunnel = tunnel
  }

  private func end(_ error: (any Error)?) {
    guard let promise else { return }
    self.promise = nil
    if let error { promise.fail(error) } else { promise.succeed() }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .handshakeCompleted? = event as? TLSUserEvent { end(nil) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Servers that are killed do not say goodbye.
    if case .uncleanShutdown? = error as? NIOSSLError {} else { tunnel.failed(error) }
    end(error)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    end(ChannelError.eof)
    context.fireChannelInactive()
  }
}

/// Passes bytes on to its partner on the same loop. `@unchecked Sendable`: used on that loop only.
private final class Relay: ChannelDuplexHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private var partner: Relay?
  private var context: ChannelHandlerContext?
  private var holdsRead = false

  static func pair() -> (Relay, Relay) {
    let (a, b) = (Relay(), Relay())
    a.partner = b
    b.partner = a
    return (a, b)
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    partner = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    partner?.context?.write(Self.wrapOutboundOut(Self.unwrapInboundIn(data)), promise: nil)
  }

  func channelReadComplete(context: ChannelHandlerContext) { partner?.context?.flush() }

  func channelInactive(context: ChannelHandlerContext) {
    partner?.context?.close(promise: nil)
    context.fireChannelInactive()
  }

  func read(context: ChannelHandlerContext) {
    if partner?.context?.channel.isWritable ?? true { context.read() } else { holdsRead = true }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable, let partner, partner.holdsRead {
      partner.holdsRead = false
      partner.context?.read()
    }
    context.fireChannelWritabilityChanged()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
