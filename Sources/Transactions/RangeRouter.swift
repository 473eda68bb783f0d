// Which range holds a key, and who served it last. Today one range holds all; nothing else may know that.

import Encoding
import Ranges
import Transport

struct RangeRouter {
  /// Ascending by start; together they cover the key space.
  private var descriptors: [RangeDescriptor]
  /// Who served a range last, as far as is known.
  private var leaseholders: [RangeID: NodeID] = [:]

  init(_ descriptors: [RangeDescriptor]) {
    precondition(!descriptors.isEmpty, "the key space has at least one range")
    self.descriptors = descriptors.sorted { $0.span.start < $1.span.start }
  }

  @inline(__always)
  func lookup(_ key: Key) -> RangeDescriptor {
    if descriptors.count == 1 { return descriptors[0] }
    return descriptors[position(key)]
  }

  private func position(_ key: Key) -> Int {
    var low = 0
    var high = descriptors.count
    while low < high {
      let middle = (low + high) / 2
      if descriptors[middle].span.start <= key { low = middle + 1 } else { high = middle }
    }
    return max(0, low - 1)
  }

  /// The range that a scan of `span` meets first, and its part of the span.
  func first(_ span: KeySpan, isReverse: Bool) -> (range: RangeDescriptor, part: KeySpan) {
    if descriptors.count == 1 { return (descriptors[0], span) }
    var place = position(isReverse ? span.end : span.start)
    if isReverse && place > 0 && descriptors[place].span.start == span.end { place -= 1 }
    let range = descriptors[place]
    return (range, span.intersection(range.span) ?? span)
  }

  /// Cuts ascending writes where ranges end.
  func split(_ writes: [KeyWrite]) -> [(range: RangeDescriptor, writes: [KeyWrite])] {
    guard descriptors.count > 1, let first = writes.first else {
      return [(descriptors[0], writes)]
    }
    var parts: [(range: RangeDescriptor, writes: [KeyWrite])] = [(lookup(first.key), [])]
    for write in writes {
      if !parts[parts.count - 1].range.span.contains(write.key) { parts.append((lookup(write.key), [])) }
      parts[parts.count - 1].writes.append(write)
    }
    return parts
  }

  /// Cuts what was read where ranges end.
  func split(_ reads: ReadFootprint) -> [(range: RangeDescriptor, reads: ReadFootprint)] {
    if descriptors.count == 1 { return [(descriptors[0], reads)] }
    return descriptors.compactMap { descriptor in
      var part = ReadFootprint()
      part.keys = reads.keys.filter { descriptor.span.contains($0) }
      part.spans = reads.spans.compactMap { $0.intersection(descriptor.span) }
      return part.isEmpty ? nil : (descriptor, part)
    }
  }

  var all: [RangeDescriptor] { descriptors }

  // MARK: - Who serves

  func leaseholder(of range: RangeID) -> NodeID? { leaseholders[range] }

  mutating func setLeaseholder(_ node: NodeID?, of range: RangeID) { leaseholders[range] = node }

  /// A replica has told what it knows of its range.
  mutating func learn(_ descriptor: RangeDescriptor) {
    guard let place = descriptors.firstIndex(where: { $0.id == descriptor.id }),
      descriptors[place].generation < descriptor.generation
    else { return }
    descriptors[place] = descriptor
  }

  func descriptor(of range: RangeID) -> RangeDescriptor? { descriptors.first { $0.id == range } }
}
