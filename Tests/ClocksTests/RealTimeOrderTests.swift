// Nodes that change how they keep to real time, in random orders: no two may keep rules that do not go together, and who looks no further
// than the present must not miss what was acknowledged without a wait.

import Clocks
import Testing

@Suite struct RealTimeOrderTests {
  private struct Node {
    var order = RealTimeOrderSwitch()
    var mode = RealTimeOrder.strict
    /// By how much the middle of its interval is off.
    var offset: Int64
  }

  private struct Message {
    var from: UInt32
    var to: Int
    var read: Int64
  }

  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  private static let error: Int64 = 40_000_000

  /// What went wrong, if anything; and in how many steps nodes were done with changing, to either.
  /// - Parameter isHasty: nodes say that they have read the setting before what they acknowledged is past.
  private func run(seed: UInt64, isHasty: Bool = false) -> (wrong: String?, strict: Int, perKey: Int) {
    var random = Generator(state: seed)
    var now: Int64 = 1_000_000_000_000
    /// Changes of the setting.
    var changes: [(time: Int64, isStrict: Bool)] = []
    var nodes = (0..<3).map { _ in Node(offset: Int64.random(in: -Self.error...Self.error, using: &random)) }
    var messages: [Message] = []
    /// The largest timestamp that was acknowledged.
    var acknowledged: Int64 = 0
    var counts = (strict: 0, perKey: 0)
    let ids: [UInt32] = [0, 1, 2]
    for _ in 0..<4000 {
      now += Int64.random(in: 1...4_000_000, using: &random)
      let place = Int.random(in: 0..<3, using: &random)
      let middle = now + nodes[place].offset
      let (earliest, latest) = (middle - Self.error, middle + Self.error)
      switch Int.random(in: 0..<1000, using: &random) {
      case 0: changes.append((now, Bool.random(using: &random)))
      case 1:
        // It starts anew, and serves once it has read the setting.
        nodes[place].order = RealTimeOrderSwitch()
        nodes[place].mode = .changing
        fallthrough
      case 2..<200:
        let time = Int64.random(in: (now - 20_000_000)...now, using: &random)
        let last = changes.last { $0.time <= time }
        nodes[place].order.know(ids.filter { $0 != UInt32(place) }, at: time)
        nodes[place].order.learn(
          isStrict: last?.isStrict ?? true, everStood: last != nil, at: time,
          latest: isHasty ? latest - 2 * RealTimeOrder.lookahead : latest)
      case 200..<400:
        for to in 0..<3 where to != place {
          if messages.count == 30 { messages.removeFirst() }
          messages.append(Message(from: UInt32(place), to: to, read: nodes[place].order.report(at: earliest)))
        }
      case 400..<700:
        if let message = messages.randomElement(using: &random) {
          nodes[message.to].order.hear(message.from, read: message.read)
        }
      case 700..<850:
        // A write is acknowledged: without a wait as far ahead as that allows.
        acknowledged = max(acknowledged, nodes[place].mode.waits ? earliest - 1 : earliest + RealTimeOrder.lookahead)
      default:
        let reach = nodes[place].mode.looksAhead ? latest + RealTimeOrder.lookahead : latest
        if acknowledged > reach {
          return ("a read misses what was acknowledged, seed \(seed)", counts.strict, counts.perKey)
        }
      }
      for place in nodes.indices {
        if let mode = nodes[place].order.order(at: now + nodes[place].offset - Self.error) { nodes[place].mode = mode }
      }
      let modes = Set(nodes.map(\.mode))
      if modes.contains(.strict), modes.contains(.perKey) {
        return ("two rules that do not go together, seed \(seed)", counts.strict, counts.perKey)
      }
      if modes == [.strict] { counts.strict += 1 }
      if modes == [.perKey] { counts.perKey += 1 }
    }
    return (nil, counts.strict, counts.perKey)
  }

  @Test func `Whatever the order of events, the rules of all nodes go together`() {
    var counts = (strict: 0, perKey: 0)
    for seed in UInt64(0)..<12 {
      let outcome = run(seed: seed)
      #expect(outcome.wrong == nil)
      counts.strict += outcome.strict
      counts.perKey += outcome.perKey
    }
    #expect(counts.strict > 1_500 && counts.perKey > 1_500, "\(counts)")
  }

  @Test func `Who does not wait until what it acknowledged is past is found out`() {
    #expect((UInt64(0)..<40).contains { run(seed: $0, isHasty: true).wrong != nil })
  }

  @Test func `A setting that was never touched needs nobody's word`() {
    var order = RealTimeOrderSwitch()
    #expect(order.order(at: 5) == nil)
    order.learn(isStrict: true, everStood: false, at: 10, latest: 10)
    #expect(order.order(at: 11) == .strict)
  }

  @Test func `A node by itself changes once what it acknowledged is past`() {
    var order = RealTimeOrderSwitch()
    order.learn(isStrict: false, at: 10, latest: 12)
    order.know([], at: 20)
    #expect(order.order(at: 11) == .changing)
    #expect(order.order(at: 13 + RealTimeOrder.lookahead) == .perKey)
  }
}
