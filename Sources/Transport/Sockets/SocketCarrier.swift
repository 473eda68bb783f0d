// The real network: TCP between event loops, TLS if there are certificates.

import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Reactors
import Synchronization

/// Carries links over TCP.
public final class SocketCarrier: Carrier {
  enum Limits {
    /// A peer that has lost power or its network says nothing: the kernel asks after `idle` seconds, every `interval`, and gives up
    /// after `count` questions; what has been sent and not been acknowledged for `unacknowledged` milliseconds ends the connection, too.
    static let idle = 10
    static let interval = 5
    static let count = 3
    static let unacknowledged = 15_000
  }

  private let environment: ProductionEnvironment
  private let security: TransportSecurity
  private let listener = Mutex<(any Channel)?>(nil)

  public init(environment: ProductionEnvironment, security: TransportSecurity) {
    self.environment = environment
    self.security = security
  }

  private static let options: [(ChannelOptions.Types.SocketOption, Int)] = [
    (.init(level: .tcp, name: .init(rawValue: TCP_NODELAY)), 1),
    (.init(level: .socket, name: .so_keepalive), 1),
    (.init(level: .tcp, name: .init(rawValue: TCP_KEEPIDLE)), Limits.idle),
    (.init(level: .tcp, name: .init(rawValue: TCP_KEEPINTVL)), Limits.interval),
    (.init(level: .tcp, name: .init(rawValue: TCP_KEEPCNT)), Limits.count),
    (.init(level: .tcp, name: .init(rawValue: TCP_USER_TIMEOUT)), Limits.unacknowledged),
  ]

  public func listen(
    on address: NodeAddress, accept: @escaping @Sendable (any Link, isolated Reactor) -> any LinkOwner
  ) async throws(TransportError) -> NodeAddress {
    let reactors = environment.reactors
    let security = self.security
    var bootstrap = ServerBootstrap(group: environment.eventLoopGroup)
      .serverChannelOption(.backlog, value: 256)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.writeBufferWaterMark, value: SocketLink.Limits.writeWaterMark)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let reactor = reactors.first(where: { ProductionEnvironment.eventLoop(of: $0) === channel.eventLoop })
          else { preconditionFailure("a child channel runs on one of the environment's loops") }
          var encryption: NIOSSLHandler?
          if case .certificates(let certificates) = security {
            let handler = NIOSSLServerHandler(context: certificates.server)
            try channel.pipeline.syncOperations.addHandler(handler)
            encryption = handler
          }
          let peer = channel.remoteAddress.map { "\($0.ipAddress ?? "?"):\($0.port ?? 0)" } ?? "?"
          let link = SocketLink(channel, reactor, security, encryption: encryption, isAccepted: true, peer: peer)
          try channel.pipeline.syncOperations.addHandler(link)
          reactor.assumeIsolated { link.own(accept(link, $0)) }
        }
      }
    for (option, value) in Self.options { bootstrap = bootstrap.childChannelOption(option, value: value) }
    do {
      let channel = try await bootstrap.bind(host: address.host, port: address.port).get()
      listener.withLock { $0 = channel }
      return NodeAddress(host: address.host, port: channel.localAddress?.port ?? address.port)
    } catch {
      throw .unreachable("cannot listen on \(address): \(SocketLink.describe(error))")
    }
  }

  public func dial(
    _ address: NodeAddress, owner: any LinkOwner, limit nanoseconds: Int64, on reactor: isolated Reactor
  ) {
    let security = self.security
    let here: Reactor = reactor
    var bootstrap = ClientBootstrap(group: ProductionEnvironment.eventLoop(of: reactor))
      .connectTimeout(.nanoseconds(nanoseconds))
      .channelOption(.writeBufferWaterMark, value: SocketLink.Limits.writeWaterMark)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          var encryption: NIOSSLHandler?
          if case .certificates(let certificates) = security {
            // An IP address is no server name; it is checked against the certificate all the same.
            let isNumeric = (try? SocketAddress(ipAddress: address.host, port: 0)) != nil
            let handler = try NIOSSLClientHandler(
              context: certificates.client, serverHostname: isNumeric ? nil : address.host)
            try channel.pipeline.syncOperations.addHandler(handler)
            encryption = handler
          }
          let link = SocketLink(
            channel, here, security, encryption: encryption, isAccepted: false, peer: "\(address)")
          link.own(owner)
          try channel.pipeline.syncOperations.addHandler(link)
        }
      }
    for (option, value) in Self.options { bootstrap = bootstrap.channelOption(option, value: value) }
    bootstrap.connect(host: address.host, port: address.port).whenComplete { result in
      here.assumeIsolated { reactor in
        switch result {
        case .success(let channel):
          guard let link = try? channel.pipeline.syncOperations.handler(type: SocketLink.self) else {
            owner.closed("the other side closed it", on: reactor)
            return
          }
          owner.opened(link, on: reactor)
        case .failure(let error): owner.closed(SocketLink.describe(error), on: reactor)
        }
      }
    }
  }

  public func stopListening() async {
    let channel = listener.withLock { listener in
      defer { listener = nil }
      return listener
    }
    try? await channel?.close().get()
  }
}
