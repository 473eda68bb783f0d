// What other stores have said of the past that they have closed, as one reactor remembers it. Pure.
//
// Contract: what is answered for a range was promised for it, by whoever led it, at a position that the asking replica has applied. After a
// gap in what a store says nothing new is believed of its ranges at rest until it has begun anew; what was closed before stays closed.

import Clocks
import Transport

struct ClosedTimestampReceiver {
  /// From one reactor of another store.
  private struct Stream {
    var node: NodeID
    var reactor: Int
    var life: UInt64
    /// Of the last update.
    var number: UInt64
    var isBroken: Bool
    var closed: Timestamp
    var resting: [RangeID: ClosedPosition] = [:]
  }

  /// What has been closed in a range behind a position, apart from what is said of ranges at rest.
  struct Note: Equatable {
    var position: ClosedPosition
    var closed: Timestamp
  }

  private var streams: [Stream] = []

  /// Takes an update. Its notes are for the replicas; if something was missed the sender is to begin anew.
  mutating func receive(_ update: ClosedTimestampUpdate, from node: NodeID) -> (notes: [Note], mustBeginAnew: Bool) {
    var notes = update.awake.map { Note(position: $0, closed: update.closed) }
    let known = streams.firstIndex { $0.node == node && $0.reactor == update.reactor }
    if let known, streams[known].life == update.life, update.number <= streams[known].number {
      return (notes, false)
    }
    if update.beginsAnew {
      var stream = Stream(
        node: node, reactor: update.reactor, life: update.life, number: update.number, isBroken: false,
        closed: update.closed)
      for position in update.rested { stream.resting[position.range] = position }
      if let known { streams[known] = stream } else { streams.append(stream) }
      return (notes, false)
    }
    guard let known else { return (notes, true) }
    if streams[known].life != update.life || update.number != streams[known].number + 1 {
      streams[known].isBroken = true
    }
    if streams[known].isBroken { return (notes, true) }
    streams[known].number = update.number
    for range in update.woken {
      guard let position = streams[known].resting.removeValue(forKey: range) else { continue }
      notes.append(Note(position: position, closed: streams[known].closed))
    }
    for position in update.rested { streams[known].resting[position.range] = position }
    streams[known].closed = max(streams[known].closed, update.closed)
    return (notes, false)
  }

  /// What is closed in a range at rest, for a replica that has applied its log up to `index` and knows of a leader in `term`; zero if
  /// nothing is.
  func closed(_ range: RangeID, term: UInt64, index: UInt64) -> Timestamp {
    var closed = Timestamp.zero
    for stream in streams where stream.closed > closed {
      guard let position = stream.resting[range], position.term == term, position.index <= index else { continue }
      closed = stream.closed
    }
    return closed
  }
}
