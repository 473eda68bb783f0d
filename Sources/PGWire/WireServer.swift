// The listening socket and the handler between a channel and its connection. A channel lives on one reactor's loop from
// accept to close; everything here runs on that loop.

import Logging
import NIOCore
import NIOPosix
import Reactors
import SQLTypes

/// Hands the channel's events to its connection. `@unchecked Sendable`: NIO calls it on the channel's loop only.
final class WireHandler: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer

  private let connection: WireConnection

  init(connection: WireConnection) { self.connection = connection }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = unwrapInboundIn(data)
    buffer.withUnsafeReadableBytes { connection.received($0) }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    connection.reactor.assumeIsolated { connection.writabilityChanged(on: $0) }
  }

  func channelInactive(context: ChannelHandlerContext) {
    connection.reactor.assumeIsolated { connection.closed(on: $0) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    connection.context.logger.debug("client connection failed", metadata: ["error": "\(error)"])
    context.close(promise: nil)
  }
}

public final class WireServer: Sendable {
  private let channel: any Channel
  private let context: WireContext

  /// Where clients reach it; the port is the real one if 0 was asked for.
  public var address: SocketAddress? { channel.localAddress }

  private init(channel: any Channel, context: WireContext) {
    self.channel = channel
    self.context = context
  }

  /// Listens. Connections go to the environment's reactors in turn.
  /// - Throws: the system's error, for instance that the port is taken.
  public static func start(
    host: String, port: Int, environment: ProductionEnvironment, context: WireContext
  ) async throws -> WireServer {
    let reactors = environment.reactors
    let turns = reactors.map { _ in LoopTurn() }
    let bootstrap = ServerBootstrap(group: environment.eventLoopGroup)
      .serverChannelOption(.backlog, value: 256)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let reactor = reactors.first(where: { ProductionEnvironment.eventLoop(of: $0) === channel.eventLoop })
          else { preconditionFailure("a child channel runs on one of the environment's loops") }
          let connection = WireConnection(
            channel: channel, reactor: reactor, turn: turns[reactor.index], context: context)
          try channel.pipeline.syncOperations.addHandler(WireHandler(connection: connection))
          if context.security.certificates != nil { connection.limitLogin() }
        }
      }
    let channel = try await bootstrap.bind(host: host, port: port).get()
    return WireServer(channel: channel, context: context)
  }

  /// Takes no more clients and ends all sessions: idle ones at once, others when their transactions end, those that have not
  /// after `nanoseconds` by force. Returns at the latest one second after that.
  public func drain(on reactor: Reactor, nanoseconds: Int64) async {
    try? await channel.close().get()
    for (isForced, limit) in [(false, nanoseconds), (true, 1_000_000_000)] where context.registry.count > 0 {
      context.registry.closeAll(isForced: isForced)
      let step: Int64 = 10_000_000
      var waited: Int64 = 0
      while context.registry.count > 0, waited < limit {
        await reactor.sleep(nanoseconds: step)
        waited += step
      }
    }
    context.registry.closeAll(isForced: true)
  }
}
