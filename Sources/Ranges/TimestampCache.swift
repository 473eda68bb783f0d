// HOT: the largest timestamp at which each key was read, so that nobody writes beneath a read.
//
// Contract: a read is noted before it is answered, gaps between a scan's rows and keys that do not exist included. A
// write by transaction T must lie at or above `floor(…, owner: T)`: above every read of others, at or above T's own.
// Bounded by forgetting: what is dropped raises the low-water mark, which counts as a read of every key by everybody.
// After a restart, and when a lease arrives, the mark starts at the clock's latest reading.
// Points and spans are kept apart: a hash table of key hashes (two keys of one hash share the larger read: safe), and
// a step function over the key space. Each has two generations; when the young one is full, the old one is dropped.

import Clocks
import Encoding

public final class TimestampCache {
  private var young: PointReads
  private var old: PointReads
  private var youngSpans = SpanReads()
  private var oldSpans = SpanReads()
  private let pointLimit: Int
  private let spanLimit: Int

  /// Counts as a read of every key by nobody in particular.
  public private(set) var lowWater: Timestamp

  /// - Parameters:
  ///   - pointLimit: slots of a generation of points, a power of two; 32 bytes each.
  ///   - spanLimit: steps of a generation of spans.
  public init(lowWater: Timestamp, pointLimit: Int = 1 << 17, spanLimit: Int = 4096) {
    self.lowWater = lowWater
    self.pointLimit = pointLimit
    self.spanLimit = spanLimit
    young = PointReads(slots: min(1024, pointLimit))
    old = PointReads(slots: min(1024, pointLimit))
  }

  /// Counts everything up to `timestamp` as read.
  public func raiseLowWater(to timestamp: Timestamp) {
    if timestamp > lowWater { lowWater = timestamp }
  }

  /// Notes a read of one key. `owner` 0: nobody.
  @inline(__always)
  public func noteRead(hash: UInt64, at timestamp: Timestamp, owner: UInt64) {
    if timestamp <= lowWater { return }
    if young.note(hash: hash, at: timestamp, owner: owner) { return }
    growOrRotate()
    _ = young.note(hash: hash, at: timestamp, owner: owner)
  }

  public func noteRead(_ key: Key, at timestamp: Timestamp, owner: UInt64) {
    noteRead(hash: KeyHash.hash(key.bytes), at: timestamp, owner: owner)
  }

  /// Notes a read of all keys of a span.
  public func noteRead(_ span: KeySpan, at timestamp: Timestamp, owner: UInt64) {
    if timestamp <= lowWater || span.isEmpty { return }
    youngSpans.note(span, at: timestamp, owner: owner)
    if youngSpans.count > spanLimit {
      raiseLowWater(to: oldSpans.largest)
      oldSpans = youngSpans
      youngSpans = SpanReads()
    }
  }

  /// The lowest timestamp at which `owner` may write `key`.
  public func floor(_ key: Key, owner: UInt64) -> Timestamp {
    var floor = lowWater.next
    let hash = KeyHash.hash(key.bytes)
    young.raise(&floor, hash: hash, owner: owner)
    old.raise(&floor, hash: hash, owner: owner)
    youngSpans.raise(&floor, key: key, owner: owner)
    oldSpans.raise(&floor, key: key, owner: owner)
    return floor
  }

  /// A timestamp above every read of anything: for commands over whole spans, which are rare.
  public var globalFloor: Timestamp {
    var largest = lowWater
    for candidate in [young.largest, old.largest, youngSpans.largest, oldSpans.largest] {
      if candidate > largest { largest = candidate }
    }
    return largest.next
  }

  private func growOrRotate() {
    if young.slotCount < pointLimit {
      young.grow()
      return
    }
    raiseLowWater(to: old.largest)
    swap(&old, &young)
    young = PointReads(slots: pointLimit)
  }
}

/// One generation of point reads: open addressing, linear probing, no removal.
private struct PointReads: ~Copyable {
  private struct Slot {
    var hash: UInt64
    var wall: Int64
    var owner: UInt64
    var logical: Int32
  }

  private var slots: UnsafeMutableBufferPointer<Slot>
  private var used = 0
  private(set) var largest = Timestamp.zero

  var slotCount: Int { slots.count }

  init(slots count: Int) {
    slots = .allocate(capacity: count)
    slots.initialize(repeating: Slot(hash: 0, wall: 0, owner: 0, logical: 0))
  }

  deinit { slots.deallocate() }

  /// False when the table is too full to take another key.
  @inline(__always)
  mutating func note(hash: UInt64, at timestamp: Timestamp, owner: UInt64) -> Bool {
    let mask = slots.count - 1
    var index = Int(truncatingIfNeeded: hash) & mask
    while true {
      if slots[index].hash == hash {
        let known = Timestamp(wall: slots[index].wall, logical: slots[index].logical)
        if timestamp > known {
          slots[index].wall = timestamp.wall
          slots[index].logical = timestamp.logical
          slots[index].owner = owner
        } else if timestamp == known && slots[index].owner != owner {
          slots[index].owner = 0
        }
        break
      }
      if slots[index].hash == 0 {
        if used &* 4 >= slots.count &* 3 { return false }
        used += 1
        slots[index] = Slot(hash: hash, wall: timestamp.wall, owner: owner, logical: timestamp.logical)
        break
      }
      index = (index + 1) & mask
    }
    if timestamp > largest { largest = timestamp }
    return true
  }

  @inline(__always)
  func raise(_ floor: inout Timestamp, hash: UInt64, owner: UInt64) {
    let mask = slots.count - 1
    var index = Int(truncatingIfNeeded: hash) & mask
    while slots[index].hash != 0 {
      if slots[index].hash == hash {
        let read = Timestamp(wall: slots[index].wall, logical: slots[index].logical)
        let least = owner != 0 && slots[index].owner == owner ? read : read.next
        if least > floor { floor = least }
        return
      }
      index = (index + 1) & mask
    }
  }

  mutating func grow() {
    let before = slots
    slots = .allocate(capacity: before.count * 2)
    slots.initialize(repeating: Slot(hash: 0, wall: 0, owner: 0, logical: 0))
    let mask = slots.count - 1
    for slot in before where slot.hash != 0 {
      var index = Int(truncatingIfNeeded: slot.hash) & mask
      while slots[index].hash != 0 { index = (index + 1) & mask }
      slots[index] = slot
    }
    before.deallocate()
  }
}

/// One generation of span reads: a step function, `values[i]` from `starts[i]` up to `starts[i + 1]`.
struct SpanReads {
  struct Read: Equatable {
    var timestamp: Timestamp
    var owner: UInt64
  }

  private(set) var starts: [Key] = []
  private(set) var values: [Read] = []
  private(set) var largest = Timestamp.zero

  var count: Int { starts.count }

  /// The number of steps that start at or below `key`.
  private func position(_ key: Key) -> Int {
    var low = 0
    var high = starts.count
    while low < high {
      let middle = (low + high) / 2
      if starts[middle] <= key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private static let unread = Read(timestamp: .zero, owner: 0)

  private func value(at key: Key) -> Read {
    let position = position(key)
    return position == 0 ? Self.unread : values[position - 1]
  }

  mutating func note(_ span: KeySpan, at timestamp: Timestamp, owner: UInt64) {
    if timestamp > largest { largest = timestamp }
    let first = position(span.start)
    let end = position(span.end)
    // What held before the span's start, what holds from its end on, and the steps inside, raised.
    let before = first == 0 ? Self.unread : values[first - 1]
    let after = end == 0 ? Self.unread : values[end - 1]
    var newStarts: [Key] = []
    var newValues: [Read] = []
    func append(_ start: Key, _ read: Read) {
      var raised = read
      if timestamp > read.timestamp {
        raised = Read(timestamp: timestamp, owner: owner)
      } else if timestamp == read.timestamp && read.owner != owner {
        raised.owner = 0
      }
      if let last = newValues.last, last == raised { return }
      newStarts.append(start)
      newValues.append(raised)
    }
    append(span.start, before)
    for index in first..<end where starts[index] > span.start && starts[index] < span.end {
      append(starts[index], values[index])
    }
    // A step that starts exactly at the span's start lies below `first`; it is replaced.
    let from = first > 0 && starts[first - 1] == span.start ? first - 1 : first
    // A step that starts exactly at the span's end is `end - 1` and stays as the first one behind.
    let endsAtStep = end > 0 && starts[end - 1] == span.end
    if !endsAtStep {
      newStarts.append(span.end)
      newValues.append(after)
    }
    let upTo = endsAtStep ? end - 1 : end
    starts.replaceSubrange(from..<upTo, with: newStarts)
    values.replaceSubrange(from..<upTo, with: newValues)
  }

  func raise(_ floor: inout Timestamp, key: Key, owner: UInt64) {
    if largest < floor { return }
    let read = value(at: key)
    if read.timestamp.isZero { return }
    let least = owner != 0 && read.owner == owner ? read.timestamp : read.timestamp.next
    if least > floor { floor = least }
  }
}
