// Which range holds a key, and who served it last, as far as a gateway knows. What it knows may be out of date: a range refuses
// what it does not hold, and tells of those that do; where nothing is known, `meta` is read.

import Encoding
import Ranges
import Transport

struct RangeRouter {
  /// Ascending by start, none overlapping another; there may be gaps.
  private var descriptors: [RangeDescriptor] = []
  /// Who served a range last, as far as is known.
  private var leaseholders: [RangeID: NodeID] = [:]

  init(_ descriptors: [RangeDescriptor]) {
    for descriptor in descriptors { learn(descriptor) }
  }

  @inline(__always)
  func find(_ key: Key) -> RangeDescriptor? {
    guard let place = position(key), descriptors[place].span.contains(key) else { return nil }
    return descriptors[place]
  }

  /// The range that holds `key`, by its number.
  @inline(__always)
  func findID(_ key: Key) -> RangeID? {
    guard let place = position(key), descriptors[place].span.contains(key) else { return nil }
    return descriptors[place].id
  }

  /// The last range that begins at or below `key`.
  @inline(__always)
  private func position(_ key: Key) -> Int? {
    var low = 0
    var high = descriptors.count
    while low < high {
      let middle = (low + high) / 2
      if descriptors[middle].span.start <= key { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? nil : low - 1
  }

  /// The range that holds the keys just below `end`.
  func find(below end: Key) -> RangeDescriptor? {
    guard var place = position(end) else { return nil }
    if descriptors[place].span.start == end {
      if place == 0 { return nil }
      place -= 1
    }
    return end <= descriptors[place].span.end ? descriptors[place] : nil
  }

  /// Takes in what somebody says of a range. False: what is known is newer.
  @discardableResult
  mutating func learn(_ descriptor: RangeDescriptor) -> Bool {
    if descriptor.span.isEmpty { return false }
    var low = position(descriptor.span.start) ?? 0
    if low < descriptors.count, descriptors[low].span.end <= descriptor.span.start { low += 1 }
    var high = low
    while high < descriptors.count, descriptors[high].span.start < descriptor.span.end { high += 1 }
    for known in descriptors[low..<high] where known.generation > descriptor.generation { return false }
    descriptors.replaceSubrange(low..<high, with: [descriptor])
    return true
  }

  /// What is known of a range turned out to be wrong.
  mutating func forget(_ range: RangeID) {
    descriptors.removeAll { $0.id == range }
    leaseholders[range] = nil
  }

  // MARK: - Who serves

  func leaseholder(of range: RangeID) -> NodeID? { leaseholders[range] }

  mutating func setLeaseholder(_ node: NodeID?, of range: RangeID) { leaseholders[range] = node }
}
