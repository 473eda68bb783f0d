// HOT: a transaction's writes until they are sent on.
//
// A list of writes in the order of their making, an index from key to its latest write, and, made only when somebody
// needs it, the order of the keys. Undoing to a savepoint takes writes off the end of the list and lets the index point
// at what stood before. Each write has a sequence number; numbers ascend and are never used twice.

import Encoding
import Ranges

struct WriteBuffer {
  struct Entry {
    var key: Key
    /// Nil deletes.
    var value: [UInt8]?
    var sequence: UInt32
    /// The position of the write to the same key before this one, or -1.
    var before: Int32
    var isNew = false

    var write: KeyWrite { KeyWrite(key: key, value: value, sequence: sequence, isNew: isNew) }
  }

  private(set) var entries: [Entry] = []
  private var latest: [Key: Int32] = [:]
  /// Positions of latest writes, by key; valid for the first `orderedCount` writes unless `isOrderStale`.
  private var order: [Int32] = []
  private var orderedCount = 0
  private var isOrderStale = false
  private(set) var byteCount = 0

  /// What an entry costs besides its bytes.
  private static let overhead = 120

  var isEmpty: Bool { entries.isEmpty }
  /// Keys with a write.
  var keyCount: Int { latest.count }

  mutating func put(_ key: Key, _ value: [UInt8]?, sequence: UInt32, isNew: Bool = false) {
    let position = Int32(entries.count)
    let before = latest.updateValue(position, forKey: key) ?? -1
    byteCount += key.bytes.count + (value?.count ?? 0) + Self.overhead
    entries.append(Entry(key: key, value: value, sequence: sequence, before: before, isNew: isNew))
  }

  /// The latest write to `key`.
  func find(_ key: Key) -> Entry? {
    guard let position = latest[key] else { return nil }
    return entries[Int(position)]
  }

  mutating func removeAll() {
    entries.removeAll(keepingCapacity: true)
    latest.removeAll(keepingCapacity: true)
    order.removeAll(keepingCapacity: true)
    orderedCount = 0
    isOrderStale = false
    byteCount = 0
  }

  /// Takes the writes to keys in `spans` out: the latest for each key, ascending.
  mutating func take(in spans: [KeySpan]) -> [KeyWrite] {
    bringInOrder()
    var taken: [KeyWrite] = []
    for span in spans.sorted(by: { $0.start < $1.start }) {
      for place in positions(in: span) {
        taken.append(ordered(place).write)
      }
    }
    guard !taken.isEmpty else { return [] }
    let kept =
      taken.count == latest.count
      ? [] : entries.filter { entry in !spans.contains { $0.contains(entry.key) } }
    removeAll()
    for entry in kept { put(entry.key, entry.value, sequence: entry.sequence, isNew: entry.isNew) }
    return taken
  }

  /// Undoes the writes above `sequence`.
  mutating func rollback(to sequence: UInt32) {
    guard let last = entries.last, last.sequence > sequence else { return }
    while let entry = entries.last, entry.sequence > sequence {
      entries.removeLast()
      byteCount -= entry.key.bytes.count + (entry.value?.count ?? 0) + Self.overhead
      latest[entry.key] = entry.before < 0 ? nil : entry.before
    }
    isOrderStale = true
  }

  // MARK: - In order

  private mutating func bringInOrder() {
    if !isOrderStale && orderedCount == entries.count { return }
    if isOrderStale || orderedCount == 0 || entries.count - orderedCount > orderedCount {
      order.removeAll(keepingCapacity: true)
      order.reserveCapacity(latest.count)
      var isAscending = true
      var previous: Int32 = -1
      for position in entries.indices where isLatest(position) {
        if previous >= 0 && entries[position].key < entries[Int(previous)].key { isAscending = false }
        previous = Int32(position)
        order.append(previous)
      }
      if !isAscending { order.sort { entries[Int($0)].key < entries[Int($1)].key } }
    } else {
      var fresh: [Int32] = []
      for position in orderedCount..<entries.count where isLatest(position) { fresh.append(Int32(position)) }
      fresh.sort { entries[Int($0)].key < entries[Int($1)].key }
      merge(fresh)
    }
    orderedCount = entries.count
    isOrderStale = false
  }

  @inline(__always)
  private func isLatest(_ position: Int) -> Bool {
    latest[entries[position].key] == Int32(position)
  }

  private mutating func merge(_ fresh: [Int32]) {
    var merged: [Int32] = []
    merged.reserveCapacity(order.count + fresh.count)
    var old = 0
    for position in fresh {
      let key = entries[Int(position)].key
      while old < order.count, entries[Int(order[old])].key < key {
        merged.append(order[old])
        old += 1
      }
      // An older write to the same key gives way.
      if old < order.count, entries[Int(order[old])].key == key { old += 1 }
      merged.append(position)
    }
    merged.append(contentsOf: order[old...])
    order = merged
  }

  /// The positions in `ordered` whose keys lie in `span`.
  mutating func positions(in span: KeySpan) -> Range<Int> {
    bringInOrder()
    let start = lowerBound(span.start)
    return start..<max(start, lowerBound(span.end))
  }

  /// The latest write at a place of the key order, as `positions(in:)` counts them.
  func ordered(_ place: Int) -> Entry { entries[Int(order[place])] }

  private func lowerBound(_ key: Key) -> Int {
    var low = 0
    var high = order.count
    while low < high {
      let middle = (low + high) / 2
      if entries[Int(order[middle])].key < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The latest writes, ascending by key.
  mutating func sortedWrites() -> [KeyWrite] {
    bringInOrder()
    return order.map { entries[Int($0)].write }
  }

  /// All writes that a savepoint could bring back, in rounds: each round ascends by key and holds a key once, rounds
  /// ascend by sequence for each key. Without savepoints there is one round.
  mutating func rounds(savepoints: [UInt32]) -> [[KeyWrite]] {
    let last = sortedWrites()
    guard !savepoints.isEmpty, entries.count > latest.count else { return [last] }
    var byKey: [[KeyWrite]] = []
    for write in last {
      var versions: [KeyWrite] = [write]
      var position = latest[write.key].map { entries[Int($0)].before } ?? -1
      while position >= 0 {
        let entry = entries[Int(position)]
        // Between it and the next kept one somebody could roll back to.
        if let kept = versions.last,
          savepoints.contains(where: { $0 >= entry.sequence && $0 < kept.sequence })
        {
          versions.append(entry.write)
        }
        position = entry.before
      }
      byKey.append(versions.reversed())
    }
    var rounds: [[KeyWrite]] = []
    let depth = byKey.reduce(0) { max($0, $1.count) }
    for round in 0..<depth {
      rounds.append(byKey.compactMap { round < $0.count ? $0[round] : nil })
    }
    return rounds
  }
}
