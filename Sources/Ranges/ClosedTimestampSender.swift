// The past that the leaseholders of one reactor have closed, and what they still have to tell other stores about it.
//
// Contract: once `closed` is raised, no leaseholder of the reactor lets anything be written at or below it, in whatever range. That is one
// value for all of them, since a command is evaluated and proposed in one step, and each range's log is in the order of its proposals:
// whoever has applied everything that was proposed before has all that will ever stand at or below.
// It lies below true time at every moment, hence below the beginning of every later lease: nobody has to hand it on.
// Pure: times come in, messages go out.

import Clocks
import Transport

struct ClosedTimestampSender {
  /// What one store has yet to be told.
  private struct Audience {
    var node: NodeID
    /// Of the last update.
    var number: UInt64 = 0
    var mustBeginAnew = true
    var woken: Set<RangeID> = []
    var rested: [RangeID: ClosedPosition] = [:]

    mutating func beginAnew() {
      mustBeginAnew = true
      woken = []
      rested = [:]
    }
  }

  /// Changes to be told to one store; beyond it everything is told anew, which is less.
  private static let changeLimit = 50_000

  let life: UInt64
  let reactor: Int
  private(set) var closed = Timestamp.zero
  /// Ranges at rest were told of in an era; those of an earlier one are not spoken for any more.
  private(set) var era: UInt64 = 1
  /// Ascending by node.
  private var audiences: [Audience] = []

  /// - Parameter life: names the store's life among those that others have heard of.
  init(life: UInt64, reactor: Int) {
    self.life = life
    self.reactor = reactor
  }

  /// Nothing is written any more at or below `timestamp`.
  mutating func close(at timestamp: Timestamp) { closed = max(closed, timestamp) }

  /// A range has come to rest; its other replicas are on `nodes`.
  mutating func rest(_ position: ClosedPosition, on nodes: some Sequence<NodeID>) {
    for node in nodes {
      guard let place = audiences.firstIndex(where: { $0.node == node }), !audiences[place].mustBeginAnew else {
        continue
      }
      audiences[place].rested[position.range] = position
      bound(place)
    }
  }

  /// A range rests no more: what is closed from now on says nothing about it.
  mutating func wake(_ range: RangeID) {
    for place in audiences.indices where !audiences[place].mustBeginAnew {
      audiences[place].rested[range] = nil
      audiences[place].woken.insert(range)
      bound(place)
    }
  }

  private mutating func bound(_ place: Int) {
    if audiences[place].rested.count + audiences[place].woken.count > Self.changeLimit { audiences[place].beginAnew() }
  }

  /// A lease may have ended that a range at rest stands on: none of them is spoken for, until it rests again.
  mutating func beginEra() {
    era += 1
    for place in audiences.indices { audiences[place].beginAnew() }
  }

  /// A store has not heard everything.
  mutating func beginAnew(for node: NodeID) {
    if let place = audiences.firstIndex(where: { $0.node == node }) { audiences[place].beginAnew() }
  }

  /// What a store is to be told now.
  /// - Parameter resting: all that rest and are spoken for, of which the store has replicas; asked for only if need be.
  mutating func update(
    for node: NodeID, awake: [ClosedPosition], resting: () -> [ClosedPosition]
  ) -> ClosedTimestampUpdate {
    let place: Int
    if let known = audiences.firstIndex(where: { $0.node == node }) {
      place = known
    } else {
      place = audiences.firstIndex { $0.node > node } ?? audiences.count
      audiences.insert(Audience(node: node), at: place)
    }
    audiences[place].number += 1
    var update = ClosedTimestampUpdate(
      life: life, reactor: reactor, number: audiences[place].number, beginsAnew: audiences[place].mustBeginAnew,
      closed: closed, awake: awake)
    if update.beginsAnew {
      update.rested = resting()
    } else {
      update.woken = audiences[place].woken.sorted()
      update.rested = audiences[place].rested.values.sorted { $0.range < $1.range }
    }
    audiences[place].mustBeginAnew = false
    audiences[place].woken = []
    audiences[place].rested = [:]
    return update
  }
}
