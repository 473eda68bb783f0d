// HOT: latches keep requests away from writes in flight: evaluated and proposed, not yet applied.
//
// Reads are evaluated in one synchronous step and hold nothing. A write takes its latch, over all of its keys at once, in
// the step that evaluates it, and gives it back when its command is applied; so latches never wait for one another
// while held, and cannot deadlock. A reader waits only for writes at or below its timestamp.
// A filter of counters by key hash lets the common read pass with one look.

import Clocks
import Encoding

/// The keys of one write in flight.
final class Latch {
  /// Ascending.
  let keys: [Key]
  let spans: [KeySpan]
  let timestamp: Timestamp
  /// 0: nobody. A transaction does not conflict with its own latch when it reads.
  let owner: UInt64
  fileprivate var position = 0
  fileprivate var waiters: [Waiter] = []

  init(keys: [Key], spans: [KeySpan], timestamp: Timestamp, owner: UInt64) {
    self.keys = keys
    self.spans = spans
    self.timestamp = timestamp
    self.owner = owner
  }

  func covers(_ key: Key) -> Bool {
    if let first = keys.first, let last = keys.last, first <= key, key <= last {
      let index = lowerBound(key)
      if index < keys.count && keys[index] == key { return true }
    }
    return spans.contains { $0.contains(key) }
  }

  func covers(_ span: KeySpan) -> Bool {
    if let first = keys.first, let last = keys.last, first < span.end, span.start <= last {
      let index = lowerBound(span.start)
      if index < keys.count && keys[index] < span.end { return true }
    }
    return spans.contains { $0.overlaps(span) }
  }

  private func lowerBound(_ key: Key) -> Int {
    var low = 0
    var high = keys.count
    while low < high {
      let middle = (low + high) / 2
      if keys[middle] < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// A waiter that ends when the latch is released.
  func makeWaiter() -> Waiter {
    let waiter = Waiter()
    waiters.append(waiter)
    return waiter
  }
}

final class LatchManager {
  private var held: [Latch] = []
  private var spanned = 0
  private static let filterBits = 12
  /// Empty until the first latch over single keys is taken: most ranges are idle.
  private var filter: [UInt32] = []

  var isEmpty: Bool { held.isEmpty }

  /// Any latch but this one.
  func first(besides latch: Latch) -> Latch? { held.first { $0 !== latch } }

  @inline(__always)
  private static func slot(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash &>> (64 - 12)) }

  /// A write in flight over `key` at or below `timestamp`, or nil.
  @inline(__always)
  func conflict(_ key: Key, hash: UInt64, upTo timestamp: Timestamp) -> Latch? {
    if held.isEmpty { return nil }
    if spanned == 0 && (filter.isEmpty || filter[Self.slot(hash)] == 0) { return nil }
    return search(key, upTo: timestamp)
  }

  private func search(_ key: Key, upTo timestamp: Timestamp) -> Latch? {
    for latch in held where latch.timestamp <= timestamp && latch.covers(key) { return latch }
    return nil
  }

  /// Any write in flight over `key`.
  func conflict(_ key: Key) -> Latch? {
    conflict(key, hash: held.isEmpty ? 1 : KeyHash.hash(key.bytes), upTo: .max)
  }

  /// A write in flight over some key of `span` at or below `timestamp`, or nil.
  func conflict(_ span: KeySpan, upTo timestamp: Timestamp = .max) -> Latch? {
    for latch in held where latch.timestamp <= timestamp && latch.covers(span) { return latch }
    return nil
  }

  /// Takes a latch. The caller has seen, in the same step, that nothing conflicts.
  func acquire(keys: [Key], spans: [KeySpan] = [], timestamp: Timestamp, owner: UInt64 = 0) -> Latch {
    let latch = Latch(keys: keys, spans: spans, timestamp: timestamp, owner: owner)
    latch.position = held.count
    held.append(latch)
    if filter.isEmpty, !keys.isEmpty { filter = [UInt32](repeating: 0, count: 1 << Self.filterBits) }
    if !spans.isEmpty { spanned += 1 }
    for key in keys { filter[Self.slot(KeyHash.hash(key.bytes))] += 1 }
    return latch
  }

  /// Gives a latch back and wakes whoever waited for it.
  func release(_ latch: Latch) {
    let last = held.removeLast()
    if last !== latch {
      held[latch.position] = last
      last.position = latch.position
    }
    if !latch.spans.isEmpty { spanned -= 1 }
    for key in latch.keys { filter[Self.slot(KeyHash.hash(key.bytes))] -= 1 }
    let waiters = latch.waiters
    latch.waiters = []
    for waiter in waiters { waiter.finish(.granted) }
  }

  /// Most ranges are idle, and the filter is by far the largest part of one.
  func releaseIdleMemory() {
    guard held.isEmpty else { return }
    held = []
    filter = []
  }

  /// Ends every wait: the replica stops.
  func stop(_ reason: String) {
    for latch in held {
      for waiter in latch.waiters { waiter.finish(.stopped(reason)) }
      latch.waiters = []
    }
  }
}
