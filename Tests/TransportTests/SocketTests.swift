// The same over real sockets on loopback, in the clear and encrypted.

import Logging
import NIOSSL
import Reactors
import Synchronization
import Testing

@testable import Transport

@Suite struct SocketTests {
  private static let second: Int64 = 1_000_000_000

  private static func certificates(
    _ certificate: String, _ key: String, authority: String = authorityCertificate
  ) throws -> TransportSecurity {
    let nodes = try [nodeCertificate, elsewhereCertificate, strangerCertificate].map {
      try NIOSSLCertificate(bytes: Array($0.utf8), format: .pem).toDERBytes()
    }
    return .certificates(
      try TransportCertificates(
        chain: [NIOSSLCertificate(bytes: Array(certificate.utf8), format: .pem)],
        key: NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem),
        authorities: [NIOSSLCertificate(bytes: Array(authority.utf8), format: .pem)], isNode: { nodes.contains($0) }))
  }

  private static var node: TransportSecurity {
    get throws { try certificates(nodeCertificate, nodeKey) }
  }

  /// Whether the slow call is at work.
  private final class Begun: Sendable {
    let isBegun = Atomic<Bool>(false)
  }

  /// Two nodes; the first talks to the second.
  private struct Pair {
    let environments: [ProductionEnvironment]
    let transports: [NodeTransport]
    let address: NodeAddress
    let log = LogLines()
    let begun = Begun()

    init(
      _ near: TransportSecurity, _ far: TransportSecurity, host: String = "127.0.0.1", reactorCount: Int = 1
    ) async throws {
      environments = (0..<2).map { _ in ProductionEnvironment(reactorCount: reactorCount) }
      let log = self.log
      let begun = self.begun
      transports = zip(environments, [near, far]).enumerated().map { index, pair in
        NodeTransport(
          environment: pair.0,
          identity: NodeIdentity(
            clusterID: ClusterID(high: 1, low: 1), nodeID: NodeID(rawValue: UInt32(index + 1)), binaryVersion: "test",
            bootID: UInt64(index + 1), reactorCount: reactorCount),
          carrier: SocketCarrier(environment: pair.0, security: pair.1), logger: log.logger())
      }
      transports[1].onCall(1) { _, message, reactor in
        if message.body == [250] {
          begun.isBegun.store(true, ordering: .relaxed)
          await reactor.sleep(nanoseconds: 300 * SocketTests.second)
        }
        return .success(message)
      }
      address = try await transports[1].listen(on: NodeAddress(host: "127.0.0.1", port: 0))
      transports[0].setAddress(of: NodeID(rawValue: 2), NodeAddress(host: host, port: address.port))
    }

    func call(
      _ message: NodeMessage, class messageClass: MessageClass = .system, reactor: Int = 0
    ) async -> Result<NodeMessage, TransportError> {
      let transport = transports[0]
      return await environments[0].reactors[reactor].perform { reactor in
        do throws(TransportError) {
          return .success(
            try await transport.call(
              message, to: NodeID(rawValue: 2), class: messageClass, timeoutNanoseconds: 120 * SocketTests.second,
              on: reactor))
        } catch {
          return .failure(error)
        }
      }
    }

    func stop() async throws {
      for transport in transports { await transport.stop() }
      for environment in environments { try await environment.shutdown() }
    }
  }

  private static func talk(_ security: TransportSecurity, host: String) async throws {
    let pair = try await Pair(security, security, host: host, reactorCount: 2)
    let payloads = [0, 1, 40_000, 3_000_000].enumerated().map { [UInt8](repeating: UInt8($0), count: $1) }
    let large = NodeMessage(kind: 1, body: [1, 2, 3], payloads: payloads)
    #expect(await pair.call(large, class: .bulk) == .success(large))
    // Two hundred at once, from both reactors, in all classes.
    let count = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<200 {
        group.addTask {
          let message = NodeMessage(
            kind: 1, body: [UInt8(number)], payloads: [[UInt8](repeating: UInt8(number), count: number * 50)])
          let reply = await pair.call(
            message, class: MessageClass.allCases[number % 3], reactor: number / 3 % 2)
          return reply == .success(message)
        }
      }
      var count = 0
      for await isRight in group where isRight { count += 1 }
      return count
    }
    #expect(count == 200)
    // The other side breaks off: a call under way ends at once.
    async let broken = pair.call(NodeMessage(kind: 1, body: [250]))
    while !pair.begun.isBegun.load(ordering: .relaxed) { _ = await pair.call(NodeMessage(kind: 1)) }
    await pair.transports[1].stop()
    #expect(await broken == .failure(.closed(mayHaveBeenExecuted: true)))
    try await pair.stop()
  }

  @Test func `Two nodes talk in the clear`() async throws { try await Self.talk(.insecure, host: "127.0.0.1") }

  @Test func `Two nodes talk encrypted, by address and by name`() async throws {
    try await Self.talk(Self.node, host: "127.0.0.1")
    let pair = try await Pair(Self.node, Self.node, host: "localhost")
    #expect(await pair.call(NodeMessage(kind: 1)) == .success(NodeMessage(kind: 1)))
    try await pair.stop()
  }

  private static func refusal(_ near: TransportSecurity, _ far: TransportSecurity) async throws -> String {
    let pair = try await Pair(near, far)
    let result = await pair.call(NodeMessage(kind: 1))
    try await pair.stop()
    guard case .failure(let error) = result else { return "let in" }
    #expect(!error.mayHaveBeenExecuted)
    return error.description
  }

  @Test func `Who is no node of this cluster is not let in`() async throws {
    let client = try Self.certificates(clientCertificate, clientKey)
    #expect(try await Self.refusal(client, Self.node).contains("the certificate shown is not a node's"))
    let stranger = try Self.certificates(strangerCertificate, strangerKey, authority: authorityCertificate)
    #expect(try await Self.refusal(stranger, Self.node) != "let in")
    // Somebody else's node, and one whose certificate is for another host.
    #expect(try await Self.refusal(Self.node, stranger).contains("CERTIFICATE_VERIFY_FAILED"))
    let elsewhere = try Self.certificates(elsewhereCertificate, elsewhereKey)
    #expect(try await Self.refusal(Self.node, elsewhere) != "let in")
    // One side encrypts, the other does not.
    #expect(try await Self.refusal(Self.node, .insecure) != "let in")
    #expect(try await Self.refusal(.insecure, Self.node) != "let in")
  }

  @Test func `A port that nobody listens on is told as such`() async throws {
    let pair = try await Pair(.insecure, .insecure)
    pair.transports[0].setAddress(of: NodeID(rawValue: 2), NodeAddress(host: "127.0.0.1", port: 1))
    guard case .failure(.unreachable(let text)) = await pair.call(NodeMessage(kind: 1)) else {
      Issue.record("somebody answers on port 1")
      return
    }
    #expect(text.hasPrefix("the connection to node n2 failed: ") && text.contains("refused"), "\(text)")
    await #expect(throws: TransportError.self) {
      _ = try await pair.transports[0].listen(on: pair.address)
    }
    try await pair.stop()
  }

  @Test func `The loopback network serves real threads, too`() async throws {
    let network = LoopbackNetwork(fate: { .deliver(afterNanoseconds: $0.byteCount % 3 == 0 ? 0 : 50_000) })
    let environments = (0..<3).map { _ in ProductionEnvironment(reactorCount: 2) }
    var transports: [NodeTransport] = []
    for (index, environment) in environments.enumerated() {
      let address = NodeAddress(host: "memory", port: index + 1)
      let transport = NodeTransport(
        environment: environment,
        identity: NodeIdentity(
          clusterID: ClusterID(high: 1, low: 1), nodeID: NodeID(rawValue: UInt32(index + 1)), binaryVersion: "test",
          bootID: UInt64(index + 1)),
        carrier: network.carrier(for: address, reactors: environment.reactors), logger: LogLines().logger())
      transport.onCall(1) { from, message, _ in
        .success(NodeMessage(kind: 1, body: message.body + [UInt8(from?.rawValue ?? 0)]))
      }
      for other in 0..<3 {
        transport.setAddress(of: NodeID(rawValue: UInt32(other + 1)), NodeAddress(host: "memory", port: other + 1))
      }
      _ = try await transport.listen(on: address)
      transports.append(transport)
    }
    let all = transports
    let count = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<200 {
        group.addTask {
          let (from, to) = (number % 3, (number + 1 + number / 3 % 2) % 3)
          return await environments[from].reactors[number / 6 % 2].perform { reactor in
            let reply = try? await all[from].call(
              NodeMessage(kind: 1, body: [UInt8(number)]), to: NodeID(rawValue: UInt32(to + 1)),
              class: MessageClass.allCases[number / 12 % 3], timeoutNanoseconds: 10 * Self.second, on: reactor)
            return reply?.body == [UInt8(number), UInt8(from + 1)]
          }
        }
      }
      var count = 0
      for await isRight in group where isRight { count += 1 }
      return count
    }
    #expect(count == 200)
    network.disconnect(NodeAddress(host: "memory", port: 1))
    for transport in transports { await transport.stop() }
    for environment in environments { try await environment.shutdown() }
  }
}
