// Which ranges have replicas on this store, whichever reactor they live on: so that no two replicas that hold anything overlap,
// and so that whoever asks the wrong one can be told of its neighbour.

import Encoding
import Synchronization

final class StoreDirectory: Sendable {
  private struct State {
    /// Replicas that hold something, ascending by start, none overlapping another; a replica that waits for its first snapshot is not among
    /// them.
    var descriptors: [RangeDescriptor] = []
    var starts: [RangeID: Key] = [:]

    /// The number of ranges that begin below `key`.
    func place(of key: Key) -> Int {
      var low = 0
      var high = descriptors.count
      while low < high {
        let middle = (low + high) / 2
        if descriptors[middle].span.start < key { low = middle + 1 } else { high = middle }
      }
      return low
    }

    func overlapping(_ span: KeySpan) -> [RangeDescriptor] {
      var low = place(of: span.start)
      if low > 0, span.start < descriptors[low - 1].span.end { low -= 1 }
      var high = low
      while high < descriptors.count, descriptors[high].span.start < span.end { high += 1 }
      return Array(descriptors[low..<high])
    }

    mutating func remove(_ range: RangeID) {
      guard let start = starts.removeValue(forKey: range) else { return }
      descriptors.remove(at: place(of: start))
    }
  }

  private let state = Mutex(State())

  /// A replica holds what the descriptor says, some of which was another's so far.
  func set(_ descriptor: RangeDescriptor, inPlaceOf other: RangeID? = nil) {
    state.withLock { state in
      if let other { state.remove(other) }
      var place = state.place(of: descriptor.span.start)
      if let start = state.starts.updateValue(descriptor.span.start, forKey: descriptor.id) {
        let before = state.place(of: start)
        if before == place {
          state.descriptors[place] = descriptor
          return
        }
        state.descriptors.remove(at: before)
        if before < place { place -= 1 }
      }
      state.descriptors.insert(descriptor, at: place)
    }
  }

  /// A replica is about to hold what the descriptor says, and to take the place of others. False, and nothing has happened: more than those are
  /// in the way, or about to be.
  func claim(_ descriptor: RangeDescriptor, inPlaceOf others: [RangeID]) -> Bool {
    state.withLock { state in
      let inTheWay = state.overlapping(descriptor.span)
      guard inTheWay.allSatisfy({ $0.id == descriptor.id || others.contains($0.id) }) else { return false }
      for other in others + [descriptor.id] { state.remove(other) }
      state.starts[descriptor.id] = descriptor.span.start
      state.descriptors.insert(descriptor, at: state.place(of: descriptor.span.start))
      return true
    }
  }

  func remove(_ range: RangeID) { state.withLock { $0.remove(range) } }

  /// Whether a merge may be yet to come here: the range that takes the keys from `key` on over has a replica here, and that has not come beyond
  /// it; or another one reaches up to them, from which the range is yet to be cut off here.
  func awaits(_ target: MergeTarget, at key: Key) -> Bool {
    state.withLock { state in
      if let start = state.starts[target.range] {
        return state.descriptors[state.place(of: start)].generation <= target.generation
      }
      let place = state.place(of: key)
      return place > 0 && state.descriptors[place - 1].span.end == key
    }
  }

  /// In the order of their keys.
  func overlapping(_ span: KeySpan) -> [RangeDescriptor] {
    state.withLock { $0.overlapping(span) }
  }
}
