// Lists of spans that stay short: when there are too many, neighbours are joined over the gap between them. A joined
// span covers more than was asked for: for intents that costs a longer look, for reads a needless conflict, never a miss.

import Encoding

public enum KeySpans {
  /// The spans sorted and merged where they touch.
  static func normalized(_ spans: [KeySpan]) -> [KeySpan] {
    let sorted = spans.sorted { $0.start < $1.start }
    var merged: [KeySpan] = []
    for span in sorted where !span.isEmpty {
      if let last = merged.last, span.start <= last.end {
        if merged[merged.count - 1].end < span.end { merged[merged.count - 1].end = span.end }
      } else {
        merged.append(span)
      }
    }
    return merged
  }

  /// Whether a key lies in one of `spans`, which are normalized.
  static func contain(_ spans: [KeySpan], _ key: Key) -> Bool {
    var low = 0
    var high = spans.count
    while low < high {
      let middle = (low + high) / 2
      if spans[middle].start <= key { low = middle + 1 } else { high = middle }
    }
    return low > 0 && spans[low - 1].contains(key)
  }

  /// At most `limit` spans that cover `spans`: neighbours join in pairs.
  public static func condensed(_ spans: [KeySpan], limit: Int) -> [KeySpan] {
    var merged = normalized(spans)
    while merged.count > limit {
      var half: [KeySpan] = []
      half.reserveCapacity(merged.count / 2 + 1)
      var index = 0
      while index < merged.count {
        let last = min(index + 1, merged.count - 1)
        half.append(KeySpan(start: merged[index].start, end: merged[last].end))
        index += 2
      }
      merged = half
    }
    return merged
  }

  /// What of `spans` lies in `span`, and what does not.
  public static func cut(_ spans: [KeySpan], by span: KeySpan) -> (inside: [KeySpan], outside: [KeySpan]) {
    var inside: [KeySpan] = []
    var outside: [KeySpan] = []
    for part in spans {
      if let common = part.intersection(span) { inside.append(common) }
      if part.start < span.start {
        outside.append(KeySpan(start: part.start, end: min(part.end, span.start)))
      }
      if span.end < part.end {
        outside.append(KeySpan(start: max(part.start, span.end), end: part.end))
      }
    }
    return (inside, outside.filter { !$0.isEmpty })
  }

  /// `spans` with another one; neighbours are joined once there are more than `limit`.
  public static func adding(_ span: KeySpan, to spans: [KeySpan], limit: Int) -> [KeySpan] {
    if spans.contains(where: { $0.contains(span) }) { return spans }
    let all = spans + [span]
    return all.count > limit ? condensed(all, limit: limit / 2) : all
  }
}
