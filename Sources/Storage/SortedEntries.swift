// An ordered map of byte strings as a value: copying it is cheap, so a copy is a snapshot.
//
// Entries stand in chunks of at most 128, chunks in an array; both are copied on write. A lookup is two binary
// searches. Each entry is one immutable allocation, so that pointers to its bytes stay good as long as any copy of the
// map, or an iterator, holds it.

import Encoding

/// One key with its value; never changes.
final class MemoryEntry: Sendable {
  nonisolated(unsafe) private let base: UnsafeMutableRawPointer
  private let keyCount: Int
  private let valueCount: Int

  init(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    base = UnsafeMutableRawPointer.allocate(byteCount: max(1, key.count + value.count), alignment: 1)
    keyCount = key.count
    valueCount = value.count
    UnsafeMutableRawBufferPointer(start: base, count: key.count).copyMemory(from: key)
    UnsafeMutableRawBufferPointer(start: base + key.count, count: value.count).copyMemory(from: value)
  }

  deinit {
    base.deallocate()
  }

  var key: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: keyCount) }
  var value: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base + keyCount, count: valueCount) }
}

/// A position in `SortedEntries`; the end is the chunk behind the last.
struct EntryPosition: Equatable {
  var chunk: Int
  var index: Int
}

struct SortedEntries: Sendable {
  private(set) var chunks: [[MemoryEntry]] = []
  private static let chunkLimit = 128

  var end: EntryPosition { EntryPosition(chunk: chunks.count, index: 0) }

  /// The first entry at or above `key`.
  func lowerBound(_ key: UnsafeRawBufferPointer) -> EntryPosition {
    var low = 0
    var high = chunks.count
    while low < high {
      let middle = (low + high) / 2
      if compareBytes(chunks[middle][chunks[middle].count - 1].key, key) < 0 {
        low = middle + 1
      } else {
        high = middle
      }
    }
    guard low < chunks.count else { return end }
    return EntryPosition(chunk: low, index: index(in: chunks[low], of: key))
  }

  private func index(in chunk: [MemoryEntry], of key: UnsafeRawBufferPointer) -> Int {
    var low = 0
    var high = chunk.count
    while low < high {
      let middle = (low + high) / 2
      if compareBytes(chunk[middle].key, key) < 0 { low = middle + 1 } else { high = middle }
    }
    return low
  }

  subscript(position: EntryPosition) -> MemoryEntry? {
    position.chunk < chunks.count ? chunks[position.chunk][position.index] : nil
  }

  func after(_ position: EntryPosition) -> EntryPosition {
    position.index + 1 < chunks[position.chunk].count
      ? EntryPosition(chunk: position.chunk, index: position.index + 1)
      : EntryPosition(chunk: position.chunk + 1, index: 0)
  }

  /// The position before, or nil at the first.
  func before(_ position: EntryPosition) -> EntryPosition? {
    if position.index > 0 { return EntryPosition(chunk: position.chunk, index: position.index - 1) }
    guard position.chunk > 0 else { return nil }
    return EntryPosition(chunk: position.chunk - 1, index: chunks[position.chunk - 1].count - 1)
  }

  func entry(_ key: UnsafeRawBufferPointer) -> MemoryEntry? {
    guard let entry = self[lowerBound(key)], compareBytes(entry.key, key) == 0 else { return nil }
    return entry
  }

  mutating func put(_ entry: MemoryEntry) {
    guard !chunks.isEmpty else {
      chunks.append([entry])
      return
    }
    var position = lowerBound(entry.key)
    if position == end {
      position = EntryPosition(chunk: chunks.count - 1, index: chunks[chunks.count - 1].count)
    } else if compareBytes(chunks[position.chunk][position.index].key, entry.key) == 0 {
      chunks[position.chunk][position.index] = entry
      return
    }
    chunks[position.chunk].insert(entry, at: position.index)
    if chunks[position.chunk].count > Self.chunkLimit {
      let half = Self.chunkLimit / 2
      let upper = Array(chunks[position.chunk][half...])
      chunks[position.chunk].removeSubrange(half...)
      chunks.insert(upper, at: position.chunk + 1)
    }
  }

  mutating func remove(_ key: UnsafeRawBufferPointer) {
    let position = lowerBound(key)
    guard let entry = self[position], compareBytes(entry.key, key) == 0 else { return }
    chunks[position.chunk].remove(at: position.index)
    if chunks[position.chunk].isEmpty { chunks.remove(at: position.chunk) }
  }

  mutating func removeRange(start: UnsafeRawBufferPointer, end: UnsafeRawBufferPointer) {
    var position = lowerBound(start)
    while position.chunk < chunks.count {
      let stop = index(in: chunks[position.chunk], of: end)
      if stop <= position.index { return }
      let wasWholeTail = stop == chunks[position.chunk].count
      chunks[position.chunk].removeSubrange(position.index..<stop)
      if chunks[position.chunk].isEmpty {
        chunks.remove(at: position.chunk)
      } else {
        position.chunk += 1
      }
      position.index = 0
      if !wasWholeTail { return }
    }
  }

  /// The bytes of the keys and values between two keys.
  func byteCount(start: UnsafeRawBufferPointer, end: UnsafeRawBufferPointer) -> Int {
    var total = 0
    var position = lowerBound(start)
    while let entry = self[position], compareBytes(entry.key, end) < 0 {
      total += entry.key.count + entry.value.count
      position = after(position)
    }
    return total
  }
}
