// Nodes that talk over a simulated network: calls, order, losses, partitions, restarts, bounds. Times are virtual and exact: every packet
// takes 1 ms unless a test says otherwise.

import Reactors
import Synchronization
import Testing

@testable import Transport

@Suite struct TransportTests {
  typealias Nodes = SimulatedNodes

  /// What a closure of the network looks at, changed by the test.
  private final class Faults: Sendable {
    let isCut = Atomic<Bool>(false)
    let delay = Atomic<Int64>(1_000_000)
  }

  @Test func `A call is answered, refused, or of unknown kind`() {
    let nodes = Nodes()
    nodes.run(seconds: 0.5)
    nodes.call("a", from: 0, to: 1, kind: 1)
    nodes.call("b", from: 0, to: 1, kind: 2)
    nodes.call("c", from: 0, to: 1, kind: 77)
    nodes.call("d", from: 0, to: 6, kind: 1)
    nodes.call("e", from: 0, to: 0, kind: 1)
    nodes.call("f", from: 0, to: 0, kind: 2)
    nodes.run(seconds: 0.5)
    #expect(
      nodes.lines == [
        "d: the address of node n7 is not known at 500", "e: [1, 9] at 500", "f: not today at 500",
        "a: [1, 9] at 502", "b: not today at 502", "c: unknown kind of request: 77 at 502",
      ])
  }

  @Test func `A call waits for the connection to be made`() {
    let nodes = Nodes()
    nodes.run(seconds: 0.5)
    // Dial and accept, greeting and answer, call and reply: the bulk connection was not wanted before.
    nodes.call("a", from: 0, to: 1, kind: 1, class: .bulk)
    nodes.run(seconds: 0.1)
    #expect(nodes.lines == ["a: [1, 9] at 506"])
  }

  @Test func `Messages come in order, with their sender and their payloads`() {
    let payload = [UInt8](repeating: 7, count: 5)
    let nodes = Nodes(prepare: { transport, nodes in
      transport.onMessage(5) { from, message, _ in
        nodes.lines.append("\(from) \(message.body[0]) \(message.payloads == [payload])")
      }
    })
    nodes.run(seconds: 0.1)
    nodes.on(1) { reactor in
      for number in 0..<3 as Range<UInt8> {
        let isSent = nodes.transports[1].send(
          NodeMessage(kind: 5, body: [number], payloads: [payload]), to: Nodes.node(0), class: .raft, from: reactor)
        #expect(isSent)
      }
      // To itself, and to nobody.
      let toItself = nodes.transports[1].send(
        NodeMessage(kind: 5, body: [3]), to: Nodes.node(1), class: .raft, from: reactor)
      let toNobody = nodes.transports[1].send(NodeMessage(kind: 5), to: Nodes.node(7), class: .raft, from: reactor)
      #expect(toItself && !toNobody)
    }
    nodes.run(seconds: 0.1)
    #expect(nodes.lines == ["n2 3 false", "n2 0 true", "n2 1 true", "n2 2 true"])
  }

  @Test func `What is sent in one turn leaves with one flush`() {
    let world = SimulatedWorld(seed: 1)
    let network = LoopbackNetwork()
    let counts = FlushCounts()
    let received = Mutex(0)
    let transports = (0..<2).map { index in
      let environment = SimulatedEnvironment(SimulatedMachine(index, world))
      let carrier = network.carrier(for: Nodes.address(index), reactors: environment.reactors)
      let transport = NodeTransport(
        environment: environment,
        identity: NodeIdentity(
          clusterID: Nodes.cluster, nodeID: Nodes.node(index), binaryVersion: "", bootID: UInt64(index + 1)),
        carrier: index == 0 ? CountingCarrier(carrier, counts) : carrier, logger: LogLines().logger())
      transport.onMessage(5) { _, _, _ in received.withLock { $0 += 1 } }
      environment.reactors[0].enqueue { reactor in
        reactor.run { _ in _ = try? await transport.listen(on: Nodes.address(index)) }
      }
      return (transport, environment)
    }
    transports[0].0.setAddress(of: Nodes.node(1), Nodes.address(1))
    let send: @Sendable (isolated Reactor) -> Void = { reactor in
      for _ in 0..<100 {
        transports[0].0.send(NodeMessage(kind: 5), to: Nodes.node(1), class: .raft, from: reactor)
      }
    }
    transports[0].1.reactors[0].enqueue(send)
    world.run(until: 1000)
    // The greeting, then what was sent while the connection was made.
    #expect(received.withLock { $0 } == 100)
    counts.reset()
    transports[0].1.reactors[0].enqueue(send)
    world.run(until: 2000)
    #expect(received.withLock { $0 } == 200)
    #expect(counts.values == [100, 1])
  }

  /// Its objects go on for a while as a ghost, in simulations.
  @Test func `A process that has died is not connected, though its call was on the way`() {
    let world = SimulatedWorld(seed: 1)
    let network = LoopbackNetwork { _ in .deliver(afterNanoseconds: 1000) }
    let received = Mutex(0)
    let transports = (0..<2).map { index in
      let environment = SimulatedEnvironment(SimulatedMachine(index, world))
      let transport = NodeTransport(
        environment: environment,
        identity: NodeIdentity(
          clusterID: Nodes.cluster, nodeID: Nodes.node(index), binaryVersion: "", bootID: UInt64(index + 1)),
        carrier: network.carrier(for: Nodes.address(index), reactors: environment.reactors),
        logger: LogLines().logger())
      transport.onMessage(5) { _, _, _ in received.withLock { $0 += 1 } }
      environment.reactors[0].enqueue { reactor in
        reactor.run { _ in _ = try? await transport.listen(on: Nodes.address(index)) }
      }
      return (transport, environment)
    }
    world.run(until: 100)
    transports[0].0.setAddress(of: Nodes.node(1), Nodes.address(1))
    transports[0].1.reactors[0].enqueue { reactor in
      transports[0].0.send(NodeMessage(kind: 5), to: Nodes.node(1), class: .raft, from: reactor)
    }
    world.run(until: 600)
    network.disconnect(Nodes.address(0))
    world.run(until: 1_000_000)
    #expect(received.withLock { $0 } == 0)
  }

  @Test func `A call ends at its deadline, and its late reply goes nowhere`() {
    let nodes = Nodes()
    nodes.run(seconds: 1)
    nodes.call("a", from: 0, to: 1, kind: 3, seconds: 2)
    nodes.call("b", from: 0, to: 1, kind: 3, seconds: 1)
    nodes.call("c", from: 0, to: 1, kind: 3, seconds: 6)
    nodes.run(seconds: 10)
    #expect(
      nodes.lines == [
        "b: the request timed out, it may have been executed at 2000",
        "a: the request timed out, it may have been executed at 3000", "c: [1] at 6002",
      ])
  }

  @Test func `When a process dies its calls end at once, and the next ones fail fast until it is back`() {
    let nodes = Nodes()
    nodes.run(seconds: 1)
    nodes.call("a", from: 0, to: 1, kind: 3)
    nodes.run(seconds: 0.1)
    nodes.crash(1)
    nodes.run(seconds: 0.1)
    nodes.call("b", from: 0, to: 1, kind: 1)
    // Before the wait after a failure is over nothing is tried.
    nodes.run(seconds: 0.02)
    nodes.call("c", from: 0, to: 1, kind: 1)
    nodes.run(seconds: 1.88)
    #expect(
      nodes.lines == [
        "a: the connection was lost, the request may have been executed at 1100",
        "b: the connection to node n2 failed: connection refused at 1201",
        "c: the connection to node n2 failed: connection refused at 1220",
      ])
    nodes.lines = []
    nodes.reboot(1)
    nodes.run(seconds: 0.05)
    // It has called, so it has been called back without waiting, and the connection stands.
    nodes.call("d", from: 0, to: 1, kind: 1)
    nodes.run(seconds: 0.1)
    #expect(nodes.lines == ["d: [1, 9] at 3152"])
  }

  @Test func `What had not left when the connection broke was certainly not executed`() {
    // The dial arrives, the answer to the greeting never does.
    let nodes = Nodes(fate: { packet in
      if packet.source.host == "m1", packet.content == .frame(.hello, 0) { return .lose }
      return .deliver(afterNanoseconds: 1_000_000)
    })
    nodes.call("a", from: 0, to: 1, kind: 1, seconds: 1)
    nodes.call("b", from: 0, to: 1, kind: 1, seconds: 10)
    nodes.run(seconds: 5)
    #expect(
      nodes.lines == [
        "a: the request timed out unsent at 1000", "b: node n2 at m1:26258 does not answer at 3000",
      ])
  }

  @Test func `Lost frames cost their own calls only`() {
    let nodes = Nodes(fate: { packet in
      packet.content == .frame(.call, 2) ? .lose : .deliver(afterNanoseconds: 1_000_000)
    })
    nodes.run(seconds: 1)
    nodes.call("a", from: 0, to: 1, kind: 2, seconds: 1)
    nodes.call("b", from: 0, to: 1, kind: 1, seconds: 1)
    nodes.run(seconds: 2)
    #expect(nodes.lines == ["b: [1, 9] at 1002", "a: the request timed out, it may have been executed at 2000"])
  }

  @Test func `A silent peer is reported down and up again, and calls to it end`() {
    let faults = Faults()
    let nodes = Nodes(
      fate: { _ in faults.isCut.load(ordering: .relaxed) ? .lose : .deliver(afterNanoseconds: 1_000_000) },
      prepare: { transport, nodes in
        transport.onPeerStateChange { peer, state, reactor in
          let text =
            switch state {
            case .up(let identity): "up, boot \(identity.bootID)"
            case .down: "down"
            }
          nodes.lines.append("\(transport.identity.nodeID!) sees \(peer) \(text) at \(nodes.world.now / 1_000_000)")
        }
      })
    nodes.run(seconds: 2.5)
    #expect(nodes.lines == ["n1 sees n2 up, boot 2 at 6", "n2 sees n1 up, boot 1 at 6"])
    #expect(nodes.transports[0].peers().map(\.isUp) == [nil, true])
    nodes.lines = []
    faults.isCut.store(true, ordering: .relaxed)
    nodes.call("a", from: 0, to: 1, kind: 1, seconds: 100)
    nodes.run(seconds: 6)
    // The last answer came at 2,002: the first beat that is more than 3 s later is the one at 6,000.
    #expect(
      nodes.lines == [
        "n1 sees n2 down at 6000", "n2 sees n1 down at 6000",
        "a: the connection was lost, the request may have been executed at 6000",
      ])
    #expect(nodes.transports[0].peer(Nodes.node(1))?.isUp == false)
    #expect(nodes.transports[0].peer(Nodes.node(1))?.isConnected == false)
    nodes.lines = []
    // Nobody waits for a connection to it to be made.
    nodes.call("b", from: 0, to: 1, kind: 1, seconds: 100)
    nodes.run(seconds: 0.001)
    #expect(nodes.lines.count == 1 && nodes.lines[0].hasPrefix("b: n2 ") || nodes.lines[0].hasPrefix("b: node n2 "))
    nodes.lines = []
    faults.isCut.store(false, ordering: .relaxed)
    nodes.run(seconds: 5)
    #expect(nodes.lines.count == 2)
    nodes.lines = []
    nodes.crash(1)
    nodes.reboot(1)
    nodes.run(seconds: 2)
    // A restart within the three intervals is news as well.
    #expect(nodes.lines.contains { $0.hasPrefix("n1 sees n2 up, boot 3") })
    #expect(!nodes.lines.contains { $0.contains("down") })
  }

  @Test func `Heartbeats measure the way and the other clock`() throws {
    // The second machine's clock is 5 ms ahead and 100 parts in a million fast; the way there takes 3 ms, the way back 1 ms.
    let nodes = Nodes(
      clocks: [SimulatedClock(), SimulatedClock(offset: 5_000_000, driftPerMillion: 100)],
      fate: { .deliver(afterNanoseconds: $0.target.host == "m1" ? 3_000_000 : 1_000_000) })
    nodes.run(seconds: 30.5)
    let status = try #require(nodes.transports[0].peer(Nodes.node(1)))
    #expect(status.isConnected && status.isUp == true)
    // By the slower of two clocks.
    #expect(abs(try #require(status.roundTrip) - 4_000_000) < 1000)
    let clock = try #require(status.clock)
    // 5 ms and 100 us for each second; known to 2 ms (half the round trip) and the drift of half a second.
    #expect(abs(clock.offset - 8_050_000) <= clock.uncertainty)
    #expect((2_000_000...2_110_000).contains(clock.uncertainty))
    #expect(status.lastHeard != nil && status.identity?.nodeID == Nodes.node(1))
    #expect(status.address == Nodes.address(1))
  }

  @Test func `Nodes of another cluster, number or version are refused, and that is said once`() throws {
    let nodes = Nodes(3)
    var wrong = nodes.identity(1)
    wrong.clusterID = ClusterID(high: 7, low: 7)
    nodes.crash(1)
    nodes.machines[1].boot()
    _ = nodes.make(1, wrong)
    nodes.crash(2)
    nodes.machines[2].boot()
    var other = nodes.identity(2)
    other.nodeID = NodeID(rawValue: 9)
    _ = nodes.make(2, other)
    nodes.run(seconds: 0.1)
    nodes.call("a", from: 0, to: 1, kind: 1)
    nodes.call("b", from: 0, to: 2, kind: 1)
    nodes.run(seconds: 30)
    let first = try #require(nodes.lines.first { $0.hasPrefix("a:") })
    #expect(
      first.contains("refused the connection: one node belongs to cluster 00000000-0000-0001-0000-000000000001, "))
    #expect(nodes.lines.contains { $0.contains("refused the connection: this is node n9, not node n3") })
    #expect(nodes.log.all.count { $0.contains("error: ") && $0.contains("this is node n9") } == 1)
    #expect(nodes.log.all.count { $0.contains("error: ") && $0.contains("one node belongs to cluster") } == 1)
    #expect(nodes.transports[0].peer(Nodes.node(1))?.isConnected == false)
  }

  @Test func `A node that has no number yet may call an address, and is known once it has joined`() {
    let nodes = Nodes(prepare: { transport, nodes in
      transport.onCall(10) { from, _, _ in .success(NodeMessage(kind: 10, body: [UInt8(from?.rawValue ?? 0)])) }
      transport.onMessage(11) { from, _, _ in nodes.lines.append("message from \(from)") }
    })
    nodes.crash(1)
    nodes.machines[1].boot()
    let joiner = nodes.make(1, NodeIdentity(binaryVersion: "new", bootID: 50))
    nodes.run(seconds: 0.1)
    let ask: @Sendable (isolated Reactor) async -> Void = { reactor in
      let reply = try? await joiner.call(
        NodeMessage(kind: 10), to: Nodes.address(0), timeoutNanoseconds: Nodes.second, on: reactor)
      nodes.lines.append("\(reply?.body ?? [])")
    }
    nodes.on(1, ask)
    nodes.run(seconds: 0.1)
    joiner.setIdentity(
      NodeIdentity(clusterID: Nodes.cluster, nodeID: NodeID(rawValue: 4), binaryVersion: "new", bootID: 50))
    joiner.setAddress(of: Nodes.node(0), Nodes.address(0))
    nodes.run(seconds: 0.1)
    nodes.on(1) { reactor in
      await ask(reactor)
      joiner.send(NodeMessage(kind: 11), to: Nodes.node(0), class: .system, from: reactor)
    }
    nodes.run(seconds: 2)
    #expect(nodes.lines == ["[0]", "[4]", "message from n4"])
    // It has told its address.
    #expect(nodes.transports[0].peer(NodeID(rawValue: 4))?.address == Nodes.address(1))
    #expect(nodes.transports[0].peer(NodeID(rawValue: 4))?.isUp == true)
  }

  @Test func `A member that calls an address does not end its connection to the node there`() {
    let nodes = Nodes()
    nodes.run(seconds: 0.5)
    nodes.call("slow", from: 0, to: 1, kind: 3)
    nodes.on(0) { reactor in
      let reply = try? await nodes.transports[0].call(
        NodeMessage(kind: 1), to: Nodes.address(1), timeoutNanoseconds: Nodes.second, on: reactor)
      nodes.lines.append("\(reply?.body ?? [])")
    }
    nodes.run(seconds: 6)
    #expect(nodes.lines == ["[9]", "slow: [1] at 5502"])
  }

  @Test func `A queue that is full sheds messages and refuses calls; bulk calls wait`() {
    var options = TransportOptions()
    options.raftQueueByteCount = 100_000
    options.systemQueueByteCount = 100_000
    options.bulkQueueByteCount = 100_000
    let faults = Faults()
    let nodes = Nodes(
      options: options,
      fate: { _ in .deliver(afterNanoseconds: faults.delay.load(ordering: .relaxed)) },
      prepare: { transport, nodes in
        transport.onMessage(5) { _, message, _ in nodes.lines.append("got \(message.body[0])") }
      })
    nodes.run(seconds: 0.1)
    let payload = [UInt8](repeating: 0, count: 60_000)
    // Within one turn: two fit (60,033 bytes and what is left of 100,000), so the second is shed.
    nodes.on(0) { reactor in
      for number in 0..<3 as Range<UInt8> {
        let isSent = nodes.transports[0].send(
          NodeMessage(kind: 5, body: [number], payloads: number == 2 ? [] : [payload]), to: Nodes.node(1),
          class: .raft, from: reactor)
        #expect(isSent == (number != 1))
      }
    }
    nodes.run(seconds: 0.1)
    #expect(nodes.lines == ["got 0", "got 2"])
    #expect(nodes.transports[0].peer(Nodes.node(1))?.shedCount == 1)
    nodes.lines = []
    for messageClass in [MessageClass.system, .bulk] {
      for name in ["a", "b", "c"] {
        nodes.on(0) { reactor in
          do {
            let reply = try await nodes.transports[0].call(
              NodeMessage(kind: 1, payloads: [payload]), to: Nodes.node(1), class: messageClass,
              timeoutNanoseconds: Nodes.second, on: reactor)
            nodes.lines.append("\(messageClass) \(name) \(reply.payloads == [payload])")
          } catch {
            nodes.lines.append("\(messageClass) \(name) \(error)")
          }
        }
      }
      nodes.run(seconds: 0.1)
    }
    #expect(
      nodes.lines.sorted() == [
        "bulk a true", "bulk b true", "bulk c true", "system a true", "system b too many messages wait to be sent",
        "system c too many messages wait to be sent",
      ])
  }

  @Test func `Who sends in bulk faster than the receiver works is held back, and loses nothing`() {
    var options = TransportOptions()
    options.workingBulkByteCount = 500_000
    options.workingByteCount = 500_000
    options.bulkQueueByteCount = 300_000
    let working = Mutex((now: 0, most: 0))
    let nodes = Nodes(
      options: options,
      prepare: { transport, nodes in
        transport.onCall(20) { _, message, reactor in
          working.withLock { $0 = ($0.now + message.byteCount, max($0.most, $0.now + message.byteCount)) }
          await reactor.sleep(nanoseconds: 10_000_000)
          working.withLock { $0.now -= message.byteCount }
          return .success(NodeMessage(kind: 20))
        }
      })
    nodes.run(seconds: 0.1)
    for messageClass in [MessageClass.bulk, .raft] {
      for _ in 0..<60 {
        nodes.on(0) { reactor in
          do {
            _ = try await nodes.transports[0].call(
              NodeMessage(kind: 20, payloads: [[UInt8](repeating: 0, count: 100_000)]), to: Nodes.node(1),
              class: messageClass, timeoutNanoseconds: 10 * Nodes.second, on: reactor)
            nodes.lines.append("\(messageClass)")
          } catch {
            nodes.lines.append("\(messageClass) \(error)")
          }
        }
      }
      nodes.run(seconds: 3)
    }
    #expect(nodes.lines.count { $0 == "bulk" } == 60)
    #expect(working.withLock { $0.most } <= 700_000)
    // In the other classes who comes too fast is told.
    #expect(nodes.lines.count { $0 == "raft" } >= 4)
    #expect(nodes.lines.contains("raft too many requests are in work already"))
  }

  @Test func `A process that has come in another's place gets its calls`() {
    let nodes = Nodes(
      3,
      prepare: { transport, nodes in
        transport.onCall(40) { _, _, _ in .success(NodeMessage(kind: 40, body: [UInt8(transport.identity.bootID)])) }
      })
    nodes.run(seconds: 1)
    nodes.call("a", from: 0, to: 1, kind: 40)
    nodes.call("b", from: 0, to: 1, kind: 3)
    nodes.run(seconds: 0.1)
    // The node's disk has moved to the third machine; the end of the old process has not been noticed.
    nodes.crash(2)
    nodes.machines[2].boot()
    let moved = nodes.make(
      2, NodeIdentity(clusterID: Nodes.cluster, nodeID: Nodes.node(1), binaryVersion: "test", bootID: 99))
    moved.setAddress(of: Nodes.node(0), Nodes.address(0))
    nodes.run(seconds: 1.5)
    nodes.call("c", from: 0, to: 1, kind: 40)
    nodes.run(seconds: 0.1)
    #expect(nodes.lines.count == 3)
    #expect(nodes.lines.first == "a: [2] at 1002")
    #expect(nodes.lines.dropFirst().first?.hasPrefix("b: the connection was lost, the request may have") == true)
    #expect(nodes.lines.last == "c: [99] at 2602")
  }

  @Test func `Each reactor has its own connections`() {
    let nodes = Nodes(
      reactorCount: 3,
      prepare: { transport, nodes in
        transport.onCall(30) { _, _, reactor in .success(NodeMessage(kind: 30, body: [UInt8(reactor.index)])) }
      })
    nodes.run(seconds: 0.1)
    for reactor in 0..<3 {
      nodes.on(0, reactor: reactor) { reactor in
        let reply = try? await nodes.transports[0].call(
          NodeMessage(kind: 30), to: Nodes.node(1), class: .raft, timeoutNanoseconds: Nodes.second, on: reactor)
        nodes.lines.append("\(reply?.body ?? [])")
      }
    }
    nodes.run(seconds: 0.1)
    // The accepting side spreads them; its first connection was the one of the heartbeats.
    #expect(nodes.lines.sorted() == ["[0]", "[1]", "[2]"])
  }

  @Test func `A node that has been dismissed is left alone, turned away and told`() {
    let nodes = Nodes(prepare: { transport, nodes in transport.onDismissal { nodes.lines.append("told that \($0)") } })
    nodes.run(seconds: 0.5)
    nodes.transports[0].dismiss(Nodes.node(1))
    nodes.run(seconds: 2)
    #expect(nodes.transports[0].peers().map(\.id) == [Nodes.node(0)])
    #expect(nodes.lines.first == "told that node n2 has been decommissioned")
    #expect(Set(nodes.lines).count == 1)
    nodes.lines = []
    nodes.transports[0].setAddress(of: Nodes.node(1), Nodes.address(1))
    nodes.call("a", from: 0, to: 1, kind: 1)
    nodes.run(seconds: 0.1)
    #expect(nodes.lines == ["a: the address of node n2 is not known at 2500"])
  }

  @Test func `A transport that has stopped does nothing`() {
    let nodes = Nodes()
    nodes.run(seconds: 2.5)
    nodes.call("b", from: 0, to: 1, kind: 3)
    nodes.run(seconds: 0.1)
    nodes.on(1) { _ in await nodes.transports[1].stop() }
    nodes.run(seconds: 0.1)
    #expect(nodes.lines.last == "b: the connection was lost, the request may have been executed at 2601")
    nodes.on(0) { _ in await nodes.transports[0].stop() }
    nodes.run(seconds: 0.1)
    nodes.call("c", from: 0, to: 1, kind: 1)
    nodes.run(seconds: 100)
    #expect(nodes.lines.last?.hasPrefix("c: ") == true)
  }

  @Test func `A run is a function of its seed`() {
    func run(_ seed: UInt64) -> UInt64 {
      let random = Mutex(RandomSource(seed: seed))
      let nodes = Nodes(
        3, seed: seed,
        fate: { _ in
          random.withLock { random in
            if random.chance(percent: 5) { return .lose }
            if random.chance(percent: 1) { return .reset }
            return .deliver(afterNanoseconds: random.exponential(mean: 2_000_000))
          }
        })
      for round in 0..<40 {
        nodes.call("\(round)", from: round % 3, to: (round + 1) % 3, kind: round % 2 == 0 ? 1 : 3, seconds: 1)
        nodes.run(seconds: 0.1)
      }
      nodes.crash(1)
      nodes.run(seconds: 5)
      nodes.reboot(1)
      nodes.run(seconds: 5)
      for line in nodes.lines { nodes.world.note(UInt64(line.utf8.count), 0, line) }
      return nodes.world.traceHash
    }
    #expect(run(3) == run(3))
    #expect(run(3) != run(4))
  }
}

/// Writes and flushes of one node's dialled links.
private final class FlushCounts: Sendable {
  private let counts = Mutex([0, 0])
  var values: [Int] { counts.withLock { $0 } }
  func reset() { counts.withLock { $0 = [0, 0] } }
  func count(_ position: Int) { counts.withLock { $0[position] += 1 } }
}

/// Counts what passes to another carrier.
private final class CountingCarrier: Carrier {
  private let carrier: any Carrier
  private let counts: FlushCounts

  init(_ carrier: any Carrier, _ counts: FlushCounts) {
    self.carrier = carrier
    self.counts = counts
  }

  func listen(
    on address: NodeAddress, accept: @escaping @Sendable (any Link, isolated Reactor) -> any LinkOwner
  ) async throws(TransportError) -> NodeAddress { try await carrier.listen(on: address, accept: accept) }

  func dial(_ address: NodeAddress, owner: any LinkOwner, limit nanoseconds: Int64, on reactor: isolated Reactor) {
    carrier.dial(address, owner: Owner(owner, counts), limit: nanoseconds, on: reactor)
  }

  func stopListening() async { await carrier.stopListening() }

  private final class Owner: LinkOwner {
    private let owner: any LinkOwner
    private let counts: FlushCounts

    init(_ owner: any LinkOwner, _ counts: FlushCounts) {
      self.owner = owner
      self.counts = counts
    }

    func opened(_ link: any Link, on reactor: isolated Reactor) { owner.opened(Counted(link, counts), on: reactor) }
    func received(_ frame: Frame, on reactor: isolated Reactor) { owner.received(frame, on: reactor) }
    func becameWritable(on reactor: isolated Reactor) { owner.becameWritable(on: reactor) }
    func closed(_ reason: String, on reactor: isolated Reactor) { owner.closed(reason, on: reactor) }
  }

  private final class Counted: Link {
    private let link: any Link
    private let counts: FlushCounts

    init(_ link: any Link, _ counts: FlushCounts) {
      self.link = link
      self.counts = counts
    }

    var peer: String { link.peer }
    var isWritable: Bool { link.isWritable }

    func write(_ frame: Frame, on reactor: isolated Reactor) {
      counts.count(0)
      link.write(frame, on: reactor)
    }

    func flush(on reactor: isolated Reactor) {
      counts.count(1)
      link.flush(on: reactor)
    }

    func pauseReading(_ isPaused: Bool, on reactor: isolated Reactor) { link.pauseReading(isPaused, on: reactor) }
    func close(on reactor: isolated Reactor) { link.close(on: reactor) }
  }
}
