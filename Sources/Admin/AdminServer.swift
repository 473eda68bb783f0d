// The HTTP door for operators and their tools: `/health` for load balancers, `/metrics` for Prometheus.

import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Reactors

/// What the pages tell; implemented by the node.
public protocol AdminSource: Sendable {
  /// Why the node cannot serve; nil if it can.
  func complaint() async -> String?
  func metrics() async -> [MetricFamily]
  /// Version and addresses, shown at `/`.
  var summary: String { get }
}

public final class AdminServer: Sendable {
  private let channel: any Channel

  public var address: SocketAddress? { channel.localAddress }

  private init(channel: any Channel) { self.channel = channel }

  /// - Parameter encryption: HTTPS if given.
  /// - Throws: the system's error, for instance that the port is taken.
  public static func start(
    host: String, port: Int, environment: ProductionEnvironment, encryption: NIOSSLContext? = nil,
    source: any AdminSource
  ) async throws -> AdminServer {
    let reactors = environment.reactors
    let bootstrap = ServerBootstrap(group: environment.eventLoopGroup)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let reactor = reactors.first(where: { ProductionEnvironment.eventLoop(of: $0) === channel.eventLoop })
          else { preconditionFailure("a child channel runs on one of the environment's loops") }
          if let encryption {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: encryption))
          }
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
          try channel.pipeline.syncOperations.addHandler(
            AdminHandler(source: source, reactor: reactor, channel: channel))
        }
      }
    return AdminServer(channel: try await bootstrap.bind(host: host, port: port).get())
  }

  public func stop() async { try? await channel.close().get() }
}

/// One HTTP connection. `@unchecked Sendable`: used on the channel's loop only, which is its reactor's.
private final class AdminHandler: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let source: any AdminSource
  private let reactor: Reactor
  private let channel: any Channel
  private var head: HTTPRequestHead?

  init(source: any AdminSource, reactor: Reactor, channel: any Channel) {
    self.source = source
    self.reactor = reactor
    self.channel = channel
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break
    case .end:
      guard let head else { return }
      self.head = nil
      reactor.assumeIsolated { reactor in reactor.run { _ in await self.answer(head) } }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func answer(_ head: HTTPRequestHead) async {
    let path = String(head.uri.prefix { $0 != "?" })
    guard head.method == .GET || head.method == .HEAD else {
      respond(head, .methodNotAllowed, "only GET is supported\n")
      return
    }
    switch path {
    case "/": respond(head, .ok, source.summary)
    case "/health":
      if let complaint = await source.complaint() {
        respond(head, .serviceUnavailable, complaint + "\n")
      } else {
        respond(head, .ok, "ok\n")
      }
    case "/metrics":
      respond(head, .ok, MetricFamily.text(await source.metrics()), type: "text/plain; version=0.0.4; charset=utf-8")
    default: respond(head, .notFound, "no such page; there are /health and /metrics\n")
    }
  }

  private func respond(
    _ request: HTTPRequestHead, _ status: HTTPResponseStatus, _ text: String, type: String = "text/plain; charset=utf-8"
  ) {
    var headers = HTTPHeaders()
    headers.add(name: "content-type", value: type)
    headers.add(name: "content-length", value: String(text.utf8.count))
    if !request.isKeepAlive { headers.add(name: "connection", value: "close") }
    channel.write(
      HTTPServerResponsePart.head(HTTPResponseHead(version: request.version, status: status, headers: headers)),
      promise: nil)
    if request.method != .HEAD {
      channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(string: text))), promise: nil)
    }
    let channel = self.channel
    let closes = !request.isKeepAlive
    channel.writeAndFlush(HTTPServerResponsePart.end(nil)).whenComplete { _ in
      if closes { channel.close(promise: nil) }
    }
  }
}
