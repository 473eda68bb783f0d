// HOT: what a transaction has read, so that its timestamp may move forward where nothing of it changed since.
// Over a limit of bytes neighbours are joined over the gaps between them: the set then covers more than was read, which may cost a
// retry, but never hides a change.

import Encoding
import Ranges

struct ReadSet {
  private(set) var footprint = ReadFootprint()
  /// Of keys and bounds of spans, with what a list spends on each.
  private(set) var byteCount = 0
  /// What a list of keys spends on one beside its bytes: the reference, and the head of the array.
  static let keyOverhead = 40

  var isEmpty: Bool { footprint.isEmpty }

  /// - Parameter limit: bytes beyond which the set is condensed.
  @inline(__always)
  mutating func add(_ key: Key, limit: Int) {
    footprint.keys.append(key)
    byteCount += key.bytes.count + Self.keyOverhead
    if byteCount > limit { condense(limit) }
  }

  mutating func add(_ span: KeySpan, limit: Int) {
    if span.isEmpty { return }
    // Pages of one scan grow together.
    if let last = footprint.spans.last {
      if last.end == span.start {
        replaceLast(KeySpan(start: last.start, end: span.end))
        return
      }
      if last.start == span.end {
        replaceLast(KeySpan(start: span.start, end: last.end))
        return
      }
      if last == span { return }
    }
    footprint.spans.append(span)
    byteCount += Self.size(span)
    if byteCount > limit { condense(limit) }
  }

  mutating func removeAll() {
    footprint.keys.removeAll(keepingCapacity: true)
    footprint.spans.removeAll(keepingCapacity: true)
    byteCount = 0
  }

  private mutating func replaceLast(_ span: KeySpan) {
    let last = footprint.spans.count - 1
    byteCount += Self.size(span) - Self.size(footprint.spans[last])
    footprint.spans[last] = span
  }

  private static func size(_ span: KeySpan) -> Int {
    span.start.bytes.count + span.end.bytes.count + 2 * keyOverhead
  }

  /// Joins neighbours until a quarter of the limit is taken, so that it is not come to again at once; one span always stays.
  private mutating func condense(_ limit: Int) {
    var spans = footprint.spans + footprint.keys.map { KeySpan($0) }
    footprint.keys.removeAll()
    repeat {
      spans = KeySpans.condensed(spans, limit: max(1, spans.count / 2))
      byteCount = spans.reduce(0) { $0 + Self.size($1) }
    } while byteCount > limit / 4 && spans.count > 1
    footprint.spans = spans
  }
}
