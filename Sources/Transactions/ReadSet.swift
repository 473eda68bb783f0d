// HOT: what a transaction has read, so that its timestamp may move forward where nothing of it changed since.
// Over a limit of keys and spans they are condensed: the set then covers more than was read, which may cost a retry, but
// never hides a change.

import Encoding
import Ranges

struct ReadSet {
  private(set) var footprint = ReadFootprint()
  /// Keys and spans together; at about 100 bytes each this bounds a transaction's memory for reads to some megabytes.
  static let limit = 20_000

  var isEmpty: Bool { footprint.isEmpty }

  mutating func add(_ key: Key) {
    footprint.keys.append(key)
    if footprint.keys.count + footprint.spans.count > Self.limit { condense() }
  }

  mutating func add(_ span: KeySpan) {
    if span.isEmpty { return }
    // Pages of one scan grow together.
    if let last = footprint.spans.last {
      if last.end == span.start {
        footprint.spans[footprint.spans.count - 1].end = span.end
        return
      }
      if last.start == span.end {
        footprint.spans[footprint.spans.count - 1].start = span.start
        return
      }
      if last == span { return }
    }
    footprint.spans.append(span)
    if footprint.keys.count + footprint.spans.count > Self.limit { condense() }
  }

  mutating func removeAll() {
    footprint.keys.removeAll(keepingCapacity: true)
    footprint.spans.removeAll(keepingCapacity: true)
  }

  private mutating func condense() {
    let spans = footprint.spans + footprint.keys.map { KeySpan($0) }
    footprint.keys.removeAll()
    footprint.spans = KeySpans.condensed(spans, limit: Self.limit / 4)
  }
}
