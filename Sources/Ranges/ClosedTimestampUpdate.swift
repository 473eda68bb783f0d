// What the leaseholders of one reactor tell another store, five times a second, of the past that they have closed: in none of the ranges
// named is anything written any more at or below `closed`, by any command behind the position that stands beside each.
//
// Ranges at rest are named once, when they come to rest, and once more when they wake; in between an update that names nobody speaks for all
// of them. So ten thousand idle ranges cost as much as one. Ranges that are awake are named each time.
//
//   varint life, reactor, number | begins anew, 1 byte | closed, 12 bytes
//   | count, { varint range }                       woken
//   | count, { varint range, term, index }          came to rest
//   | count, { varint range, term, index }          awake

import Clocks

/// Up to where a replica must have applied the log before what is closed means something to it.
struct ClosedPosition: Hashable, Sendable {
  var range: RangeID
  /// Of the leadership that says so.
  var term: UInt64
  var index: UInt64
}

struct ClosedTimestampUpdate: Equatable, Sendable {
  /// Names a life of the sending store.
  var life: UInt64
  /// The sender's, whose updates are numbered apart from those of others.
  var reactor: Int
  /// From 1 on, without gaps. Behind a gap nothing holds but what was closed before.
  var number: UInt64
  /// Those that come to rest here are all that rest.
  var beginsAnew: Bool
  var closed: Timestamp
  /// Ascending, as all the lists are.
  var woken: [RangeID] = []
  var rested: [ClosedPosition] = []
  var awake: [ClosedPosition] = []

  func encoded() -> [UInt8] {
    var writer = RangeWriter()
    writer.put(life)
    writer.put(reactor)
    writer.put(number)
    writer.put(beginsAnew)
    writer.put(closed)
    writer.put(woken) { $0.put($1.rawValue) }
    for positions in [rested, awake] {
      writer.put(positions) { writer, position in
        writer.put(position.range.rawValue)
        writer.put(position.term)
        writer.put(position.index)
      }
    }
    return writer.bytes
  }

  init(
    life: UInt64, reactor: Int, number: UInt64, beginsAnew: Bool, closed: Timestamp, woken: [RangeID] = [],
    rested: [ClosedPosition] = [], awake: [ClosedPosition] = []
  ) {
    self.life = life
    self.reactor = reactor
    self.number = number
    self.beginsAnew = beginsAnew
    self.closed = closed
    self.woken = woken
    self.rested = rested
    self.awake = awake
  }

  init(encoded bytes: [UInt8]) throws(MalformedMessage) {
    self = try bytes.span.withUnsafeBytes { (raw) throws(MalformedMessage) -> ClosedTimestampUpdate in
      var reader = RangeReader(raw)
      var update = ClosedTimestampUpdate(
        life: try reader.number(), reactor: try reader.number(Int.self), number: try reader.number(),
        beginsAnew: try reader.flag(), closed: try reader.timestamp())
      for _ in 0..<(try reader.count()) { update.woken.append(RangeID(try reader.number())) }
      update.rested = try Self.positions(&reader)
      update.awake = try Self.positions(&reader)
      return update
    }
  }

  private static func positions(_ reader: inout RangeReader) throws(MalformedMessage) -> [ClosedPosition] {
    var positions: [ClosedPosition] = []
    for _ in 0..<(try reader.count()) {
      positions.append(
        ClosedPosition(range: RangeID(try reader.number()), term: try reader.number(), index: try reader.number()))
    }
    return positions
  }

  /// The part about ranges for which `isOwn` holds.
  func restricted(to isOwn: (RangeID) -> Bool) -> ClosedTimestampUpdate {
    ClosedTimestampUpdate(
      life: life, reactor: reactor, number: number, beginsAnew: beginsAnew, closed: closed,
      woken: woken.filter(isOwn), rested: rested.filter { isOwn($0.range) }, awake: awake.filter { isOwn($0.range) })
  }
}
