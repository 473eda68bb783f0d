// Parts of the key space that a transaction has to itself until it commits: tables and indexes that it makes, under ids that
// were never used before. Nobody else can address a key there, so reads need not be remembered, locks need not be held, and
// what outgrows the buffer is written as versions at once instead of intents.
//
// Such a write cannot be undone alone, only together with the span: while a savepoint stands that was set after the span was
// declared, writes go the long way. A span whose declaration is rolled back is abandoned, and cleared at the end.

import Encoding

struct PrivateSpans {
  private struct Entry {
    var span: KeySpan
    /// The number of its declaration among the transaction's writes.
    var sequence: UInt32
    var holdsRows = false
  }

  /// In the order of declaration.
  private var entries: [Entry] = []
  /// Declared, written to, and rolled back.
  private(set) var abandoned: [KeySpan] = []
  /// The transaction's last write when it ingested last.
  private(set) var lastIngested: UInt32?

  @inline(__always)
  var isEmpty: Bool { entries.isEmpty }

  mutating func add(_ span: KeySpan, sequence: UInt32) {
    entries.append(Entry(span: span, sequence: sequence))
  }

  func contains(_ key: Key) -> Bool { entries.contains { $0.span.contains(key) } }

  func contains(_ span: KeySpan) -> Bool {
    entries.contains { $0.span.start <= span.start && span.end <= $0.span.end }
  }

  /// Whether every span was declared after the write `sequence`.
  func allMade(after sequence: UInt32) -> Bool { entries.allSatisfy { $0.sequence > sequence } }

  /// The spans that may be ingested into while `savepoints` stand.
  func open(savepoints: [UInt32]) -> [KeySpan] {
    let last = savepoints.max() ?? 0
    return entries.filter { savepoints.isEmpty || $0.sequence > last }.map(\.span)
  }

  mutating func noteIngestion(into spans: [KeySpan], sequence: UInt32) {
    lastIngested = sequence
    for index in entries.indices where spans.contains(entries[index].span) { entries[index].holdsRows = true }
  }

  mutating func rollback(to sequence: UInt32) {
    while let last = entries.last, last.sequence > sequence {
      if last.holdsRows { abandoned.append(last.span) }
      entries.removeLast()
    }
  }
}
