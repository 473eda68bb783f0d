// Nodes of a test on one simulated world and a loopback network.

import Logging
import Reactors
import Synchronization

@testable import Transport

/// What was logged, at the level of info and above.
final class LogLines: Sendable {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock { $0 } }

  func logger() -> Logger { Logger(label: "test") { _ in LogLinesHandler(sink: self) } }
  fileprivate func append(_ line: String) { lines.withLock { $0.append(line) } }
}

private struct LogLinesHandler: LogHandler {
  var sink: LogLines
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.info
  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    sink.append("\(event.level): \(event.message) \(event.metadata?["reason"].map { "\($0)" } ?? "")")
  }
}

/// `@unchecked Sendable`: used by the thread of its world alone.
final class SimulatedNodes: @unchecked Sendable {
  static let cluster = ClusterID(high: 1, low: 1)
  static let second: Int64 = 1_000_000_000

  let world: SimulatedWorld
  let network: LoopbackNetwork
  let machines: [SimulatedMachine]
  private(set) var environments: [SimulatedEnvironment] = []
  private(set) var transports: [NodeTransport] = []
  let log = LogLines()
  var lines: [String] = []
  private var boots: UInt64 = 0
  private let options: TransportOptions
  private let prepare: (NodeTransport, SimulatedNodes) -> Void

  /// `prepare` registers the handlers of each node.
  init(
    _ count: Int = 2, seed: UInt64 = 1, reactorCount: Int = 1, options: TransportOptions = TransportOptions(),
    clocks: [SimulatedClock]? = nil,
    fate: @escaping @Sendable (LoopbackNetwork.Packet) -> LoopbackNetwork.Fate = { _ in
      .deliver(afterNanoseconds: 1_000_000)
    },
    prepare: @escaping (NodeTransport, SimulatedNodes) -> Void = { _, _ in }
  ) {
    let world = SimulatedWorld(seed: seed)
    self.world = world
    self.options = options
    self.prepare = prepare
    network = LoopbackNetwork(fate: fate)
    machines = (0..<count).map { SimulatedMachine($0, world, clock: clocks?[$0] ?? SimulatedClock()) }
    environments = machines.map { SimulatedEnvironment($0, reactorCount: reactorCount) }
    for index in 0..<count { transports.append(make(index)) }
    for transport in transports {
      for index in 0..<count { transport.setAddress(of: Self.node(index), Self.address(index)) }
    }
  }

  static func node(_ index: Int) -> NodeID { NodeID(rawValue: UInt32(index + 1)) }
  static func address(_ index: Int) -> NodeAddress { NodeAddress(host: "m\(index)", port: 26258) }

  func identity(_ index: Int) -> NodeIdentity {
    boots += 1
    return NodeIdentity(
      clusterID: Self.cluster, nodeID: Self.node(index), binaryVersion: "test", bootID: boots,
      reactorCount: environments[index].reactors.count)
  }

  func make(_ index: Int, _ identity: NodeIdentity? = nil) -> NodeTransport {
    let environment = environments[index]
    let transport = NodeTransport(
      environment: environment, identity: identity ?? self.identity(index),
      carrier: network.carrier(for: Self.address(index), reactors: environment.reactors), options: options,
      logger: log.logger())
    transport.onCall(1) { _, message, _ in
      .success(NodeMessage(kind: 1, body: message.body + [9], payloads: message.payloads))
    }
    transport.onCall(2) { _, _, _ in .failure(CallRefusal("not today")) }
    transport.onCall(3) { _, message, reactor in
      await reactor.sleep(nanoseconds: 5 * Self.second)
      return .success(message)
    }
    prepare(transport, self)
    environment.reactors[0].enqueue { reactor in
      reactor.run { _ in
        do {
          _ = try await transport.listen(on: Self.address(index))
        } catch {
          self.lines.append("\(error)")
        }
      }
    }
    return transport
  }

  /// The process dies, and its sockets with it.
  func crash(_ index: Int) {
    machines[index].killProcess()
    network.disconnect(Self.address(index))
  }

  func reboot(_ index: Int) {
    machines[index].boot()
    environments[index] = SimulatedEnvironment(machines[index], reactorCount: environments[index].reactors.count)
    transports[index] = make(index)
    for other in machines.indices { transports[index].setAddress(of: Self.node(other), Self.address(other)) }
  }

  /// Runs `work` on a node's reactor, in a task.
  func on(_ index: Int, reactor: Int = 0, _ work: @escaping @Sendable (isolated Reactor) async -> Void) {
    environments[index].reactors[reactor].enqueue { $0.run(work) }
  }

  func run(seconds: Double) { world.run(until: world.now + Int64(seconds * 1e9)) }

  /// Calls and records the end.
  func call(
    _ name: String, from: Int, to: Int, kind: UInt16, class messageClass: MessageClass = .system,
    seconds: Double = 10
  ) {
    on(from) { reactor in
      let transport = self.transports[from]
      do {
        let reply = try await transport.call(
          NodeMessage(kind: kind, body: [1]), to: Self.node(to), class: messageClass,
          timeoutNanoseconds: Int64(seconds * 1e9), on: reactor)
        self.lines.append("\(name): \(reply.body) at \(self.world.now / 1_000_000)")
      } catch {
        self.lines.append("\(name): \(error) at \(self.world.now / 1_000_000)")
      }
    }
  }
}
