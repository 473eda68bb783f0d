// HOT: the end of the log that is not known to be on disk: entries, or a snapshot, waiting to be written or being
// written. Reads see them at once; they are let go when the disk has them.
// Invariants: `entries[i]` stands at `offset + i`; what is below `writingEnd` is being written; offset <= writingEnd.
// `offset` may lie below the end of the stable log: then the next write replaces the rest of it.

/// Entries and a snapshot on their way to the disk.
struct UnstableLog: Sendable {
  /// What became of the entries that an append brought.
  enum Splice: Sendable, Equatable {
    case extended
    /// Every unstable entry gave way, from this index on.
    case replaced(from: LogIndex)
    /// The unstable entries from this index on gave way.
    case truncated(before: LogIndex)
  }

  /// What became of the news that entries are on disk.
  enum Stabilization: Sendable, Equatable {
    case done
    /// No entry there: already let go.
    case missing
    /// The snapshot stands there.
    case matchesSnapshot
    /// Another entry stands there now.
    case mismatch(Term)
  }

  private(set) var snapshot: Snapshot?
  private(set) var entries: [Entry] = []
  private(set) var offset: LogIndex
  private(set) var writingEnd: LogIndex
  private var isWritingSnapshot = false

  init(after lastIndex: LogIndex) {
    offset = lastIndex.next
    writingEnd = lastIndex.next
  }

  /// One after the last entry.
  var end: LogIndex { offset + entries.count }

  /// Where the log begins if a snapshot is about to replace it.
  var firstIndex: LogIndex? { snapshot.map { $0.index.next } }

  /// Where the log ends, if that is known here.
  var lastIndex: LogIndex? {
    entries.isEmpty ? snapshot?.index : end.previous
  }

  func term(at index: LogIndex) -> Term? {
    if index < offset {
      if let snapshot, snapshot.index == index { return snapshot.term }
      return nil
    }
    return index < end ? entries[index - offset].term : nil
  }

  func slice(_ range: Range<LogIndex>) -> ArraySlice<Entry> {
    precondition(range.lowerBound >= offset && range.upperBound <= end, "read beyond the unstable log")
    return entries[(range.lowerBound - offset)..<(range.upperBound - offset)]
  }

  // MARK: Writing

  var hasEntriesToWrite: Bool { writingEnd < end }

  /// Entries that no write has taken yet.
  var entriesToWrite: [Entry] {
    if writingEnd == offset { return entries }
    return hasEntriesToWrite ? Array(entries[(writingEnd - offset)...]) : []
  }

  var hasSnapshotToWrite: Bool { snapshot != nil && !isWritingSnapshot }

  /// The snapshot, unless a write has taken it.
  var snapshotToWrite: Snapshot? { isWritingSnapshot ? nil : snapshot }

  /// Everything there is has been handed to the disk.
  mutating func beginWriting() {
    if !entries.isEmpty { writingEnd = end }
    if snapshot != nil { isWritingSnapshot = true }
  }

  /// The disk has the log up to an entry. The caller vouches that no write under way replaces it.
  mutating func stabilize(_ id: EntryID) -> Stabilization {
    guard let term = term(at: id.index) else { return .missing }
    guard id.index >= offset else { return .matchesSnapshot }
    guard term == id.term else { return .mismatch(term) }
    let count = id.index.next - offset
    // The array itself is dropped with its last entry: idle groups hold none.
    if count == entries.count { entries = [] } else { entries.removeFirst(count) }
    offset = id.index.next
    writingEnd = max(writingEnd, offset)
    return .done
  }

  /// The disk has the snapshot that ends at `index`.
  mutating func stabilizeSnapshot(_ index: LogIndex) {
    guard snapshot?.index == index else { return }
    snapshot = nil
    isWritingSnapshot = false
  }

  // MARK: Changing

  /// A snapshot takes the place of the whole log.
  mutating func restore(_ snapshot: Snapshot) {
    offset = snapshot.index.next
    writingEnd = offset
    entries = []
    self.snapshot = snapshot
    isWritingSnapshot = false
  }

  /// Puts entries where the first of them belongs; what stood there and after gives way.
  mutating func splice(_ fresh: ArraySlice<Entry>) -> Splice {
    guard let from = fresh.first?.index else { return .extended }
    if from == end {
      entries += fresh
      return .extended
    }
    if from <= offset {
      entries = Array(fresh)
      offset = from
      writingEnd = from
      return .replaced(from: from)
    }
    precondition(from < end, "a log must not have holes")
    entries.removeSubrange((from - offset)...)
    entries += fresh
    // What is being written from here on is no longer what must be on disk.
    writingEnd = min(writingEnd, from)
    return .truncated(before: from)
  }
}
