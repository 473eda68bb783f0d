// HOT: from an index span's expressions to keys. Bounds are in the order of values: on a descending column the lower
// bound ends the keys. A bound keeps NULLs out, wherever the index puts them.

import Encoding
import Expressions
import Planning
import SQLTypes

enum SpanBuilder {
  enum Range {
    case key(Key)
    case span(KeySpan)

    var span: KeySpan {
      switch self {
      case .key(let key): KeySpan(key)
      case .span(let span): span
      }
    }
  }

  /// The keys of one span out of a list; nil when it is empty.
  static func range(
    _ spans: [IndexSpan], _ number: Int, of index: IndexCodec, _ context: EvaluationContext
  ) throws(SQLError) -> Range? {
    var bytes = index.prefix
    bytes.reserveCapacity(bytes.count + 24)
    let next = spans[number].equal.count
    precondition(next <= index.columns.count, "a span names columns of its index")
    for position in 0..<next {
      let value = try Evaluator.value(spans[number].equal[position], context)
      if value.isNull { return nil }
      append(value, index, position, to: &bytes)
    }
    if next == index.columns.count {
      // All columns are given: one entry if it must be the only one, else all those with some suffix.
      return index.isPrimary || index.descriptor.isUnique ? .key(Key(bytes)) : .span(KeySpan(prefix: Key(bytes)))
    }
    let span = spans[number]
    let column = index.columns[next]
    if span.nextIsNull {
      KeyEncoding.appendNull(column.nulls, to: &bytes)
      return .span(KeySpan(prefix: Key(bytes)))
    }
    guard span.lower != nil || span.upper != nil else { return .span(KeySpan(prefix: Key(bytes))) }
    let (first, last) = column.isDescending ? (span.upper, span.lower) : (span.lower, span.upper)
    let prefix = Key(bytes)
    let start: Key
    if let first {
      let value = try Evaluator.value(first.value, context)
      if value.isNull { return nil }
      append(value, index, next, to: &bytes)
      start = first.isInclusive ? Key(bytes) : Key(bytes).prefixEnd
    } else {
      start = column.nulls == .first ? Key(prefix.bytes + [0x01]) : prefix
    }
    let end: Key
    if let last {
      let value = try Evaluator.value(last.value, context)
      if value.isNull { return nil }
      bytes = prefix.bytes
      append(value, index, next, to: &bytes)
      end = last.isInclusive ? Key(bytes).prefixEnd : Key(bytes)
    } else {
      end = column.nulls == .last ? Key(prefix.bytes + [0xFF]) : prefix.prefixEnd
    }
    let result = KeySpan(start: start, end: end)
    return result.isEmpty ? nil : .span(result)
  }

  @inline(__always)
  private static func append(_ value: Datum, _ index: IndexCodec, _ column: Int, to bytes: inout [UInt8]) {
    index.columns[column].info.encodeKey(
      value, descending: index.columns[column].isDescending, nulls: index.columns[column].nulls, into: &bytes)
  }

  /// Orders keys and drops repetitions, which `IN ($1, $2)` may contain.
  static func sort(_ keys: inout [Key], isReverse: Bool) {
    keys.sort()
    var kept = 0
    for index in keys.indices where index == 0 || keys[index] != keys[kept - 1] {
      keys[kept] = keys[index]
      kept += 1
    }
    keys.removeLast(keys.count - kept)
    if isReverse { keys.reverse() }
  }

  /// Orders spans and joins those that overlap, so that no row comes twice.
  static func sort(_ spans: inout [KeySpan], isReverse: Bool) {
    spans.sort { $0.start < $1.start }
    var merged: [KeySpan] = []
    merged.reserveCapacity(spans.count)
    for span in spans {
      if let last = merged.last, span.start < last.end {
        if last.end < span.end { merged[merged.count - 1].end = span.end }
      } else {
        merged.append(span)
      }
    }
    spans = isReverse ? merged.reversed() : merged
  }
}
