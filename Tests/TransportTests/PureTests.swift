// The parts that are values: addresses, the greeting, the table of calls, the queue, the backoff.

import Reactors
import Testing

@testable import Transport

@Suite struct NameTests {
  @Test func `Addresses are read as people write them`() {
    #expect(NodeAddress("db1:26258") == NodeAddress(host: "db1", port: 26258))
    #expect(NodeAddress("[::1]:5") == NodeAddress(host: "::1", port: 5))
    #expect(NodeAddress("db1", defaultPort: 7) == NodeAddress(host: "db1", port: 7))
    #expect(NodeAddress("[::1]", defaultPort: 7)?.description == "[::1]:7")
    for wrong in ["", "db1", ":1", "db1:", "db1:x", "db1:65536", "::1:5", "[::1]5", "db1:+5", "db1:-1", "[]:1"] {
      #expect(NodeAddress(wrong) == nil, "\(wrong)")
    }
  }

  @Test func `A cluster's number is written as a UUID`() {
    let id = ClusterID(high: 0x0123_4567_89AB_CDEF, low: 0x8123_4567_89AB_CDEF)
    #expect(id.description == "01234567-89ab-cdef-8123-456789abcdef")
    #expect(ClusterID("01234567-89AB-cdef-8123-456789abcdef") == id)
    #expect(ClusterID("0123456789abcdef8123456789abcdef") == id)
    for wrong in ["", "01234567-89ab-cdef-8123-456789abcde", "01234567-89ab-cdef-8123-456789abcdeg", "é"] {
      #expect(ClusterID(wrong) == nil)
    }
    var random = RandomSource(seed: 1)
    let drawn = ClusterID(&random)
    #expect(drawn.high >> 12 & 0xF == 4 && drawn.low >> 62 == 2)
    #expect(ClusterID(drawn.description) == drawn)
    #expect(NodeID(rawValue: 3).description == "n3")
  }
}

@Suite struct HandshakeTests {
  static let cluster = ClusterID(high: 1, low: 2)
  private let own = NodeIdentity(
    clusterID: cluster, nodeID: NodeID(rawValue: 1), binaryVersion: "1.0", protocolVersion: 3,
    oldestProtocolVersion: 2, bootID: 100)

  private func other(_ change: (inout NodeIdentity) -> Void = { _ in }) -> NodeIdentity {
    var identity = NodeIdentity(
      clusterID: Self.cluster, nodeID: NodeID(rawValue: 2), binaryVersion: "1.1", protocolVersion: 3,
      oldestProtocolVersion: 2, bootID: 200)
    change(&identity)
    return identity
  }

  private func judge(_ identity: NodeIdentity, dialled: UInt32? = 1) -> Rejection.Code? {
    let greeting = Greeting(
      identity: identity, messageClass: .raft, dialledNode: dialled.map { NodeID(rawValue: $0) }, reactor: 0)
    let code = Handshake.judge(greeting, by: own)?.code
    // Both sides find the same faults.
    let swapped = dialled == 1 ? Handshake.judge(answer: identity, dialled: identity.nodeID, by: own)?.code : code
    #expect(swapped == code)
    return code
  }

  @Test func `Who fits is let in`() {
    #expect(judge(other()) == nil)
    #expect(judge(other(), dialled: nil) == nil)
    // One that wants to join.
    #expect(
      judge(
        other {
          $0.clusterID = nil
          $0.nodeID = nil
        }, dialled: nil) == nil)
    // A newer one that still speaks our newest.
    #expect(
      judge(
        other {
          $0.protocolVersion = 4
          $0.oldestProtocolVersion = 3
        }) == nil)
  }

  @Test func `Who does not fit is told why`() {
    #expect(judge(other { $0.clusterID = ClusterID(high: 1, low: 3) }) == .otherCluster)
    #expect(judge(other { $0.protocolVersion = 1 }) == .protocolVersion)
    #expect(
      judge(
        other {
          $0.protocolVersion = 5
          $0.oldestProtocolVersion = 4
        }) == .protocolVersion)
    #expect(judge(other(), dialled: 5) == .otherNode)
    #expect(judge(other { $0.bootID = 100 }) == .itself)
    #expect(judge(other { $0.nodeID = NodeID(rawValue: 1) }) == .itself)
    #expect(Handshake.judge(answer: other(), dialled: NodeID(rawValue: 3), by: own)?.code == .otherNode)
    #expect(
      Handshake.judge(answer: other { $0.nodeID = nil }, dialled: NodeID(rawValue: 3), by: own)?.text
        == "a node that has not joined a cluster yet answers in place of node n3")
  }

  @Test func `Greetings survive the wire`() {
    let greeting = Greeting(
      identity: other {
        $0.machineBootID = "b1"
        $0.reactorCount = 4
        $0.advertisedAddress = NodeAddress(host: "h", port: 9)
      }, messageClass: .bulk, dialledNode: NodeID(rawValue: 7), reactor: 3)
    #expect(Handshake.greeting(Handshake.frame(greeting)) == greeting)
    #expect(Handshake.answer(Handshake.frame(own)) == .success(own))
    let rejection = Rejection(code: .otherNode, text: "no")
    #expect(Handshake.answer(Handshake.frame(rejection)) == .failure(rejection))
    #expect(Handshake.greeting(Frame(.message, NodeMessage(kind: 0))) == nil)
    #expect(Handshake.answer(Frame(.hello, NodeMessage(kind: 0, body: [0xFF]))) == nil)
  }
}

@Suite struct ConnectionStateTests {
  @Test func `A call leaves the table once, and is said to be sent only if it was`() {
    var table = CallTable<String>()
    let calls = ["a", "b", "c", "d"].enumerated().map { table.add($1, deadline: Int64(10 * ($0 + 1))) }
    #expect(calls == [1, 2, 3, 4])
    table.sent(1)
    table.sent(2)
    #expect(table.finish(2) == "b")
    #expect(table.finish(2) == nil)
    #expect(table.expire(now: 9).isEmpty)
    #expect(table.earliestDeadline == 10)
    #expect(table.expire(now: 30).map { "\($0.waiter) \($0.isSent)" } == ["a true", "c false"])
    #expect(table.add("e", deadline: 100) == 5)
    #expect(table.end().map(\.waiter) == ["d", "e"])
    #expect(table.isEmpty && table.earliestDeadline == nil)
  }

  @Test func `A queue sheds what passes its bound, but takes any frame when it is empty`() {
    func frame(_ count: Int, _ purpose: Frame.Purpose = .message) -> Frame {
      Frame(purpose, NodeMessage(kind: 0, body: [UInt8](repeating: 0, count: count)))
    }
    // Each takes its body and 32 bytes.
    var queue = SendQueue(limit: 300)
    let pushed = [queue.push(frame(1000)), queue.push(frame(0))]
    #expect(pushed == [true, false])
    #expect(queue.pop()?.message.body.count == 1000)
    #expect(queue.byteCount == 0 && queue.pop() == nil)
    let more = [68, 68, 68, 1].map { queue.push(frame($0, $0 == 68 ? .message : .call)) }
    #expect(more == [true, true, true, false])
    #expect(queue.byteCount == 300)
    #expect(queue.removeAll() == 3)
    #expect(queue.isEmpty && queue.byteCount == 0)
  }

  @Test func `Waits double up to their bound and lie in the upper half`() {
    var random = RandomSource(seed: 1)
    var backoff = Backoff(shortest: 100, longest: 1000)
    for bound in [100, 200, 400, 800, 1000, 1000] as [Int64] {
      #expect((bound / 2...bound).contains(backoff.fail(&random)))
    }
    for _ in 0..<100 { #expect((500...1000).contains(backoff.fail(&random))) }
    backoff.succeed()
    #expect((50...100).contains(backoff.fail(&random)))
  }
}

@Suite struct PeerClockTests {
  @Test func `The offset is the reading less the middle of the round trip`() {
    var clock = PeerClock()
    #expect(clock.offset(monotonic: 0, wall: 0) == nil)
    // Sent at 1000, received at 1600: the middle is 1300. There it was 9,300; our wall clock is 5,000 ahead of the monotonic one, so
    // it was 6,300 here: the peer is 3,000 ahead, give or take 300.
    clock.record(sent: 1000, received: 1600, wall: 9300)
    #expect(clock.roundTrip == 600)
    // 300 ns have passed since the middle: less than a nanosecond of drift, rounded up.
    #expect(clock.offset(monotonic: 1600, wall: 6600) == ClockOffset(offset: 3000, uncertainty: 301))
    // Our wall clock is set back by 1,000: the peer is further ahead by that.
    #expect(clock.offset(monotonic: 1600, wall: 5600)?.offset == 4000)
    // After one second the clocks may have drifted apart by 200 microseconds.
    #expect(
      clock.offset(monotonic: 1_000_001_300, wall: 1_000_006_300) == ClockOffset(offset: 3000, uncertainty: 200_300))
  }

  @Test func `The best of several readings counts, until it has aged`() {
    var clock = PeerClock()
    clock.record(sent: 0, received: 1_000_000, wall: 500_000)
    clock.record(sent: 2_000_000, received: 2_100_000, wall: 2_060_000)
    // 8 to 1, then one eighth of the way from 1,000,000 to 100,000.
    #expect(clock.roundTrip == 887_500)
    // The second is better: middle 2,050,000, read 10,000 above it, error 50,000 and 10 ns of drift over 50,000 ns.
    #expect(clock.offset(monotonic: 2_100_000, wall: 2_100_000) == ClockOffset(offset: 10_000, uncertainty: 50_010))
    // A worse one that agrees changes nothing.
    clock.record(sent: 3_000_000, received: 5_000_000, wall: 4_200_000)
    #expect(clock.offset(monotonic: 5_000_000, wall: 5_000_000)?.offset == 10_000)
    // 20 s later a reading with an error of 1 ms beats one of 50 us that has aged by 4 ms.
    clock.record(sent: 20_000_000_000, received: 20_002_000_000, wall: 20_001_300_000)
    #expect(clock.offset(monotonic: 20_002_000_000, wall: 20_002_000_000)?.offset == 300_000)
  }

  @Test func `A peer's clock that has been set makes the old readings void`() {
    var clock = PeerClock()
    clock.record(sent: 0, received: 100, wall: 50)
    // A second ahead now, and a worse reading than the one before.
    clock.record(sent: 1000, received: 11_000, wall: 1_000_006_000)
    #expect(clock.offset(monotonic: 11_000, wall: 11_000)?.offset == 1_000_000_000)
  }

  @Test func `The truth lies within the bound, whatever the two ways take`() {
    var random = RandomSource(seed: 7)
    for _ in 0..<200 {
      var clock = PeerClock()
      let offset = random.draw(-1_000_000_000...1_000_000_000 as ClosedRange<Int64>)
      // Parts in a million that the peer is fast; ours is right.
      let drift = random.draw(-200...200 as ClosedRange<Int64>)
      func theirs(_ time: Int64) -> Int64 { time + offset + time / 1_000_000 * drift }
      var now: Int64 = 1_000_000_000
      for _ in 0..<30 {
        let there = random.exponential(mean: 300_000)
        let back = random.exponential(mean: 300_000)
        clock.record(sent: now, received: now + there + back, wall: theirs(now + there))
        now += there + back + random.draw(0...1_000_000_000 as ClosedRange<Int64>)
        guard let found = clock.offset(monotonic: now, wall: now) else {
          Issue.record("nothing measured")
          return
        }
        // One nanosecond for the division above.
        #expect(abs(found.offset - (theirs(now) - now)) <= found.uncertainty + 201)
      }
    }
  }

  @Test func `Nonsense is not measured`() {
    var clock = PeerClock()
    clock.record(sent: 100, received: 50, wall: 0)
    clock.record(sent: Int64.min, received: Int64.max, wall: 0)
    #expect(clock.roundTrip == nil)
    clock.record(sent: 0, received: 10, wall: Int64.max)
    clock.record(sent: 20, received: 30, wall: Int64.min)
    clock.record(sent: 0, received: Int64.max, wall: 7)
    _ = clock.offset(monotonic: Int64.max, wall: Int64.min)
    _ = clock.offset(monotonic: Int64.min, wall: Int64.max)
  }
}
