// What must happen when a network breaks in one direction: nothing that clients' histories would tell.

import Ranges
import Reactors
import Synchronization
import Testing
import Transport

@testable import Simulation

@Suite struct PartitionTests {
  private final class Links: Sendable {
    let cut = Mutex<Set<[NodeAddress]>>([])
  }

  /// The nodes whose replicas serve now. Looking takes a moment of virtual time.
  private func serving(_ nodes: [SimulatedNode], _ world: SimulatedWorld) -> [Int] {
    let found = Mutex<[Int]>([])
    for node in nodes {
      guard let store = node.store, let environment = node.environments.last else { continue }
      let number = node.number
      environment.reactors[0].enqueue { reactor in
        guard let replica = store.shard(on: reactor).replica(RangeID(1)), replica.servesNow else { return }
        found.withLock { $0.append(number) }
      }
    }
    world.run(until: world.now + .millisecond)
    return found.withLock { $0.sorted() }
  }

  @Test(arguments: [true, false]) func `A leader with one deaf or dumb side gives way to those that hear each other`(
    _ isDeaf: Bool
  ) throws {
    let world = SimulatedWorld(seed: 5)
    let links = Links()
    let network = LoopbackNetwork { packet in
      links.cut.withLock { $0.contains([packet.source, packet.target]) }
        ? .lose : .deliver(afterNanoseconds: 100_000)
    }
    var ids = world.makeRandom("cluster")
    let cluster = ClusterID(&ids)
    let nodes = (1...3).map { SimulatedNode($0, world, network: network, cluster: cluster, peers: [1, 2, 3]) }
    for node in nodes { node.begin(SimulatedNode.Settings()) }
    world.run(until: 10 * .second)
    let leader = try #require(serving(nodes, world).first)
    let one = SimulatedNode.address(leader)
    let others = nodes.map(\.number).filter { $0 != leader }
    links.cut.withLock { cut in
      for other in others.map(SimulatedNode.address) { cut.insert(isDeaf ? [other, one] : [one, other]) }
    }
    world.run(until: world.now + 9 * .second)
    let later = serving(nodes, world)
    #expect(later.count == 1 && later != [leader], "node \(leader) led, \(later) serve")
    links.cut.withLock { $0 = [] }
    world.run(until: world.now + 5 * .second)
    #expect(serving(nodes, world) == later)
    for node in nodes { node.end() }
    world.run(until: world.now + 5 * .second)
  }
}
