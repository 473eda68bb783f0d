// What one reactor tells of the past that it has closed, and what another one makes of it.

import Clocks
import Testing
import Transport

@testable import Ranges

@Suite struct ClosedTimestampTests {
  private let other = NodeID(rawValue: 2)
  private let me = NodeID(rawValue: 1)

  private func time(_ wall: Int64) -> Timestamp { Timestamp(wall: wall) }

  private func position(_ range: UInt64, term: UInt64 = 3, _ index: UInt64) -> ClosedPosition {
    ClosedPosition(range: RangeID(range), term: term, index: index)
  }

  /// A sender, a receiver, and what rests at the sender's.
  private struct Pair {
    var sender = ClosedTimestampSender(life: 7, reactor: 0)
    var receiver = ClosedTimestampReceiver()
    var resting: [ClosedPosition] = []
    let node = NodeID(rawValue: 1)

    mutating func rest(_ position: ClosedPosition) {
      resting.append(position)
      sender.rest(position, on: [NodeID(rawValue: 2)])
    }

    mutating func wake(_ range: UInt64) {
      resting.removeAll { $0.range.rawValue == range }
      sender.wake(RangeID(range))
    }

    mutating func update(_ wall: Int64, awake: [ClosedPosition] = []) -> ClosedTimestampUpdate {
      sender.close(at: Timestamp(wall: wall))
      return sender.update(for: NodeID(rawValue: 2), awake: awake, resting: { resting })
    }

    @discardableResult
    mutating func tell(_ wall: Int64, awake: [ClosedPosition] = []) -> [ClosedTimestampReceiver.Note] {
      let (notes, mustBeginAnew) = receiver.receive(update(wall, awake: awake), from: node)
      if mustBeginAnew { sender.beginAnew(for: NodeID(rawValue: 2)) }
      return notes
    }

    func closed(_ range: UInt64, term: UInt64 = 3, index: UInt64 = 100) -> Int64 {
      receiver.closed(RangeID(range), term: term, index: index).wall
    }
  }

  @Test func `Ranges at rest are named once`() {
    var pair = Pair()
    pair.rest(position(5, 20))
    pair.tell(1000)
    #expect(pair.closed(5) == 1000)
    let update = pair.update(2000)
    #expect(update.rested.isEmpty && update.woken.isEmpty && !update.beginsAnew)
    _ = pair.receiver.receive(update, from: me)
    #expect(pair.closed(5) == 2000)
    // Not before the replica has come as far, nor under another leader.
    #expect(pair.closed(5, index: 19) == 0)
    #expect(pair.closed(5, term: 4) == 0)
    #expect(pair.closed(6) == 0)
  }

  @Test func `A range that wakes keeps what was closed`() {
    var pair = Pair()
    pair.rest(position(5, 20))
    pair.tell(1000)
    pair.wake(5)
    #expect(pair.tell(2000) == [ClosedTimestampReceiver.Note(position: position(5, 20), closed: time(1000))])
    #expect(pair.closed(5) == 0)
    pair.rest(position(5, 30))
    pair.wake(5)
    pair.rest(position(5, 40))
    pair.tell(3000)
    #expect(pair.closed(5, index: 30) == 0)
    #expect(pair.closed(5, index: 40) == 3000)
  }

  @Test func `Those that are awake are named each time`() {
    var pair = Pair()
    pair.tell(1000)
    #expect(
      pair.tell(2000, awake: [position(8, 12)]) == [
        ClosedTimestampReceiver.Note(position: position(8, 12), closed: time(2000))
      ])
    #expect(pair.closed(8) == 0)
  }

  @Test func `Behind a gap nothing new is believed until all is told anew`() {
    var pair = Pair()
    pair.rest(position(5, 20))
    pair.tell(1000)
    pair.wake(5)
    _ = pair.update(2000)  // lost: the range wakes, and is written to
    #expect(pair.receiver.receive(pair.update(3000), from: me).mustBeginAnew)
    #expect(pair.closed(5) == 1000)
    #expect(pair.receiver.receive(pair.update(4000), from: me).mustBeginAnew)
    #expect(pair.closed(5) == 1000)
    pair.sender.beginAnew(for: other)
    pair.tell(5000)
    #expect(pair.closed(5) == 0)
    pair.rest(position(5, 22))
    pair.tell(6000)
    #expect(pair.closed(5) == 6000)
  }

  @Test func `What comes twice or late changes nothing`() {
    var pair = Pair()
    pair.rest(position(5, 20))
    let first = pair.update(1000)
    let second = pair.update(2000)
    _ = pair.receiver.receive(first, from: me)
    _ = pair.receiver.receive(second, from: me)
    pair.wake(5)
    pair.tell(3000)
    #expect(!pair.receiver.receive(first, from: me).mustBeginAnew)
    #expect(pair.closed(5) == 0)
  }

  @Test func `Another life of the store is not believed before it has told everything`() {
    var pair = Pair()
    pair.rest(position(5, 20))
    pair.tell(1000)
    var next = ClosedTimestampUpdate(life: 8, reactor: 0, number: 2, beginsAnew: false, closed: time(5000))
    #expect(pair.receiver.receive(next, from: me).mustBeginAnew)
    #expect(pair.closed(5) == 1000)
    next.beginsAnew = true
    #expect(!pair.receiver.receive(next, from: me).mustBeginAnew)
    #expect(pair.closed(5) == 0)
  }

  @Test func `When a lease may have ended no range at rest is spoken for`() {
    var pair = Pair()
    pair.rest(position(5, 20))
    pair.tell(1000)
    let era = pair.sender.era
    pair.sender.beginEra()
    #expect(pair.sender.era == era + 1)
    // Those that rest and have not been told of since are not asked for by their owner.
    pair.resting = []
    pair.tell(2000)
    #expect(pair.closed(5) == 0)
  }

  @Test func `What is closed never goes back`() {
    var sender = ClosedTimestampSender(life: 1, reactor: 0)
    sender.close(at: time(10))
    sender.close(at: time(5))
    #expect(sender.closed == time(10))
  }

  @Test func `Updates survive their encoding`() throws {
    let update = ClosedTimestampUpdate(
      life: 9, reactor: 1, number: 300, beginsAnew: true, closed: Timestamp(wall: 1 << 60, logical: 4),
      woken: [RangeID(3)], rested: [position(4, 1 << 40)], awake: [position(5, term: 1, 2), position(6, 1)])
    #expect(try ClosedTimestampUpdate(encoded: update.encoded()) == update)
    for count in 0..<update.encoded().count {
      #expect(throws: MalformedMessage.self) {
        try ClosedTimestampUpdate(encoded: Array(update.encoded().prefix(count)))
      }
    }
    let part = update.restricted { $0.rawValue % 2 == 1 }
    #expect(part.woken == [RangeID(3)] && part.rested.isEmpty && part.awake == [position(5, term: 1, 2)])
  }
}
