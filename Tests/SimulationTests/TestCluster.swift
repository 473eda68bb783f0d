// A few nodes of a simulation for tests that say themselves what happens to whom, and when.

import Encoding
import Ranges
import Reactors
import Storage
import Synchronization
import Transactions
import Transport

@testable import Simulation

/// `@unchecked Sendable`: used by the thread of its world alone.
final class TestCluster: @unchecked Sendable {
  private final class Links: Sendable {
    let fate = Mutex<@Sendable (LoopbackNetwork.Packet) -> LoopbackNetwork.Fate?>({ _ in nil })
  }

  let world: SimulatedWorld
  let nodes: [SimulatedNode]
  let decisions = NodeDecisions()
  private let links = Links()
  private let settings: (Int) -> SimulatedNode.Settings
  /// Why nodes ended by themselves, or did not begin.
  private(set) var ends: [Int: String] = [:]

  /// Begins the nodes, and gives them ten seconds to come together.
  /// - Parameters:
  ///   - delay: nanoseconds that a packet takes.
  ///   - edit: changes what is asked of a node, by its number.
  init(
    _ count: Int, seed: UInt64 = 5, delay: Int64 = 100_000,
    _ edit: @escaping (Int, inout SimulatedNode.Settings) -> Void = { _, _ in }
  ) {
    let world = SimulatedWorld(seed: seed)
    let links = links
    let network = LoopbackNetwork { packet in
      links.fate.withLock { $0(packet) } ?? .deliver(afterNanoseconds: delay)
    }
    var ids = world.makeRandom("cluster")
    let cluster = ClusterID(&ids)
    self.world = world
    nodes = (1...count).map { SimulatedNode($0, world, network: network, cluster: cluster, peers: Array(1...count)) }
    settings = { number in
      var settings = SimulatedNode.Settings()
      settings.store.checkInterval = 0
      edit(number, &settings)
      return settings
    }
    for node in nodes {
      node.decisions = decisions
      node.onDeath = { [unowned self] node, _, reason in ends[node.number] = reason }
      node.onRefusal = { [unowned self] reason in ends[node.number] = reason }
      begin(node.number)
    }
    run(seconds: 10)
  }

  func run(seconds: Double) { world.run(until: world.now + Int64(seconds * 1e9)) }

  /// What becomes of packets from now on; nil: they arrive as always.
  func decide(_ fate: @escaping @Sendable (LoopbackNetwork.Packet) -> LoopbackNetwork.Fate?) {
    links.fate.withLock { $0 = fate }
  }

  /// Packets that are lost from now on.
  func lose(_ isLost: @escaping @Sendable (LoopbackNetwork.Packet) -> Bool) { decide { isLost($0) ? .lose : nil } }

  /// Nothing passes between one node and the others, in both directions.
  func isolate(_ numbers: Int...) {
    let apart = Set(numbers.map(SimulatedNode.address))
    lose { apart.contains($0.source) != apart.contains($0.target) }
  }

  /// Messages between replicas of a node and others are lost, in both directions or only to it; stores go on hearing each other.
  func silenceGroups(of number: Int, onlyToIt: Bool = false) {
    let one = SimulatedNode.address(number)
    lose { packet in
      guard case .frame(_, 1) = packet.content else { return false }
      return packet.target == one || !onlyToIt && packet.source == one
    }
  }

  /// The node's process stands still for a while.
  func pause(_ number: Int, seconds: Double) {
    nodes[number - 1].environments.last?.machine.pause(forNanoseconds: Int64(seconds * 1e9))
  }

  func heal() { decide { _ in nil } }

  func kill(_ number: Int) { nodes[number - 1].crash(losingPower: false) }
  func begin(_ number: Int) { nodes[number - 1].begin(settings(number)) }

  func end() {
    for node in nodes { node.end() }
    run(seconds: 5)
  }

  /// Runs something on a node's reactor.
  private func perform(
    _ number: Int, _ body: @escaping @Sendable (isolated Reactor, Store, Confined<SimulatedNode.Door>) async -> Void
  ) {
    let node = nodes[number - 1]
    guard let store = node.store, let door = node.door, let environment = node.environments.last else { return }
    let reactor = environment.reactors[0]
    let shared = Confined(door, to: reactor)
    reactor.enqueue { reactor in reactor.run { reactor in await body(reactor, store, shared) } }
  }

  /// What a node says of its replica of a range; nil if it has none. Looking takes a moment of virtual time.
  func look<Value: Sendable>(
    _ number: Int, _ range: UInt64 = 1, _ body: @escaping @Sendable (Replica) -> Value
  ) -> Value? {
    let found = Mutex<Value?>(nil)
    perform(number) { reactor, store, _ in
      guard let replica = store.shard(on: reactor).replica(RangeID(range)) else { return }
      let value = body(replica)
      found.withLock { $0 = value }
    }
    run(seconds: 0.001)
    return found.withLock { $0 }
  }

  /// The nodes whose replicas of a range serve now.
  func serving(_ range: UInt64 = 1) -> [Int] {
    nodes.map(\.number).filter { look($0, range) { $0.servesNow } == true }
  }

  /// Does something with a replica, and waits for it.
  func act<Value: Sendable>(
    _ number: Int, _ range: UInt64 = 1, withinSeconds limit: Double = 30,
    _ body: @escaping @Sendable (isolated Reactor, Replica) async -> Value
  ) -> Value? {
    let found = Mutex<Value?>(nil)
    perform(number) { reactor, store, _ in
      guard let replica = store.shard(on: reactor).replica(RangeID(range)) else { return }
      let value = await body(reactor, replica)
      found.withLock { $0 = value }
    }
    return wait(limit) { found.withLock { $0 } }
  }

  /// What came of a client's request, and how long it took.
  struct Answer<Value: Sendable>: Sendable {
    var result: Result<Value, TransactionError>
    var seconds: Double

    var value: Value? { try? result.get() }
    var unavailable: String? {
      if case .failure(.unavailable(let reason)) = result { return reason }
      return nil
    }
  }

  /// Something that is under way.
  final class Pending<Value: Sendable>: Sendable {
    fileprivate let result = Mutex<Result<Value, TransactionError>?>(nil)
    fileprivate let begun: Int64
    fileprivate init(_ begun: Int64) { self.begun = begun }
  }

  /// Has a client of a node do something, and waits for it; nil if that takes too long.
  func ask<Value: Sendable>(
    _ number: Int, withinSeconds limit: Double = 60,
    _ body: @escaping @Sendable (TransactionSystem) async throws(TransactionError) -> Value
  ) -> Answer<Value>? {
    wait(for: begin(number, body), withinSeconds: limit)
  }

  /// Has a client of a node do something meanwhile.
  func begin<Value: Sendable>(
    _ number: Int, _ body: @escaping @Sendable (TransactionSystem) async throws(TransactionError) -> Value
  ) -> Pending<Value> {
    let pending = Pending<Value>(world.now)
    perform(number) { reactor, _, door in
      let system = door.access(on: reactor).gateway.transactions
      let result: Result<Value, TransactionError>
      do throws(TransactionError) { result = .success(try await body(system)) } catch { result = .failure(error) }
      pending.result.withLock { $0 = result }
    }
    return pending
  }

  func wait<Value>(for pending: Pending<Value>, withinSeconds limit: Double = 60) -> Answer<Value>? {
    let result = wait(limit) { pending.result.withLock { $0 } }
    return result.map { Answer(result: $0, seconds: Double(world.now - pending.begun) / 1e9) }
  }

  /// Reads a key twice in one transaction, with some seconds in between.
  func readTwice(_ key: String, through number: Int, secondsBetween: Double) -> Pending<[String?]> {
    begin(number) { system async throws(TransactionError) in
      let transaction = system.begin(isReadOnly: true)
      var found: [String?] = []
      for pass in 0..<2 {
        var block = KeyValueBlock()
        let exists = try await transaction.get(Key(Array(key.utf8)), into: &block)
        found.append(exists ? String(decoding: block.value(0), as: UTF8.self) : nil)
        if pass == 0 { await system.reactor.sleep(nanoseconds: Int64(secondsBetween * 1e9)) }
      }
      await transaction.rollback()
      return found
    }
  }

  private func wait<Value>(_ limit: Double, _ value: () -> Value?) -> Value? {
    let deadline = world.now + Int64(limit * 1e9)
    while world.now < deadline {
      if let value = value() { return value }
      world.run(until: world.now + .millisecond)
    }
    return value()
  }

  func put(_ key: String, _ value: String, through number: Int) -> Answer<Void>? {
    ask(number) { system async throws(TransactionError) in
      let transaction = system.begin()
      do throws(TransactionError) {
        transaction.put(Key(Array(key.utf8)), Array(value.utf8))
        _ = try await transaction.commit()
      } catch {
        await transaction.rollback()
        throw error
      }
    }
  }

  func get(_ key: String, through number: Int) -> Answer<String?>? {
    ask(number) { system async throws(TransactionError) in
      let transaction = system.begin(isReadOnly: true)
      do throws(TransactionError) {
        var block = KeyValueBlock()
        let exists = try await transaction.get(Key(Array(key.utf8)), into: &block)
        _ = try await transaction.commit()
        return exists ? String(decoding: block.value(0), as: UTF8.self) : nil
      } catch {
        await transaction.rollback()
        throw error
      }
    }
  }
}
