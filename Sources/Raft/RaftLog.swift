// HOT: the log of one member: what is on disk, what is on its way there, what is committed and what is applied.
// Invariants: applied <= applying <= committed <= lastIndex; committed entries never change; the budget for entries that
// are handed out to be applied counts until they are.
// Source: Raft dissertation, sections 3.5, 3.6 and 3.8.

/// One member's log.
struct RaftLog<Storage: LogStorage> {
  /// What an append from a leader did.
  struct Appended {
    /// The last index that the append vouches for.
    var lastIndex: LogIndex
    /// An entry that stood in the way: its index, its term, the term that replaced it.
    var conflict: (index: LogIndex, existing: Term, replacement: Term)?
    var splice: UnstableLog.Splice
  }

  let storage: Storage
  private(set) var unstable: UnstableLog
  private(set) var committed: LogIndex
  /// The last entry handed out to be applied.
  private(set) var applying: LogIndex
  /// The last entry that is applied.
  private(set) var applied: LogIndex

  /// The limit on bytes handed out and not yet applied.
  private let applyBudget: Int
  private var applyingByteCount = 0
  private var isApplyingPaused = false

  init(_ storage: Storage, applyBudget: Int) {
    self.storage = storage
    self.applyBudget = applyBudget
    unstable = UnstableLog(after: storage.lastIndex)
    let compacted = storage.firstIndex.previous
    committed = compacted
    applying = compacted
    applied = compacted
  }

  // MARK: Extent

  var firstIndex: LogIndex { unstable.firstIndex ?? storage.firstIndex }
  var lastIndex: LogIndex { unstable.lastIndex ?? storage.lastIndex }

  var lastID: EntryID {
    let index = lastIndex
    guard let term = term(at: index) else { preconditionFailure("the last entry of a log has a term") }
    return EntryID(term: term, index: index)
  }

  /// The term of an entry; nil for one that is compacted away or not there yet. The one before the first is known.
  func term(at index: LogIndex) -> Term? {
    if let term = unstable.term(at: index) { return term }
    guard index.next >= firstIndex, index <= lastIndex else { return nil }
    return storage.term(at: index)
  }

  func matches(_ id: EntryID) -> Bool { term(at: id.index) == id.term }

  // MARK: Reading

  /// Entries from `start` to the end, within `byteCount` but at least one.
  func entries(from start: LogIndex, byteCount: Int) throws(LogStorageError) -> [Entry] {
    let last = lastIndex
    return start > last ? [] : try slice(start..<last.next, byteCount: byteCount)
  }

  func slice(_ range: Range<LogIndex>, byteCount: Int) throws(LogStorageError) -> [Entry] {
    if range.lowerBound < firstIndex { throw .compacted }
    precondition(range.upperBound <= lastIndex.next, "read beyond the end of the log")
    if range.isEmpty { return [] }
    if range.lowerBound >= unstable.offset {
      return Array(unstable.slice(range).prefix(byteCount: byteCount))
    }
    let cut = min(range.upperBound, unstable.offset)
    var entries = try storage.entries(range.lowerBound..<cut, byteCount: byteCount)
    precondition(!entries.isEmpty, "the storage returned no entry of its range")
    // A shorter answer than asked for means that the limit was reached.
    if cut == range.upperBound || entries.count < cut - range.lowerBound { return entries }
    let rest = byteCount - entries.encodedByteCount
    if rest <= 0 { return entries }
    let more = unstable.slice(unstable.offset..<range.upperBound).prefix(byteCount: rest)
    if more.count == 1, more.encodedByteCount > rest { return entries }
    entries += more
    return entries
  }

  /// Whether an entry in the range is a configuration change. Reads a page at a time.
  func containsChange(_ range: Range<LogIndex>) -> Bool {
    var start = range.lowerBound
    while start < range.upperBound {
      guard let page = try? slice(start..<range.upperBound, byteCount: max(1, applyBudget)) else {
        preconditionFailure("committed entries that are not applied must be readable")
      }
      if page.contains(where: { $0.kind != .normal }) { return true }
      start = start + page.count
    }
    return false
  }

  /// The best guess where this log ends to agree with another one that has a single known entry: the last index up to
  /// `index` whose term is not above `term`. A term of zero means that it is unknown there.
  func lastAgreement(_ index: LogIndex, _ term: Term) -> EntryID {
    var index = index
    while index > .zero {
      guard let own = self.term(at: index) else { return EntryID(term: .zero, index: index) }
      if own <= term { return EntryID(term: own, index: index) }
      index = index.previous
    }
    return EntryID(term: .zero, index: .zero)
  }

  // MARK: Appending

  /// Takes a leader's entries after `previous`. Nil when `previous` is not in this log.
  mutating func append(after previous: EntryID, _ entries: [Entry], commit: LogIndex) -> Appended? {
    guard matches(previous) else { return nil }
    var result = Appended(lastIndex: previous.index + entries.count, conflict: nil, splice: .extended)
    if let position = entries.firstIndex(where: { !matches($0.id) }) {
      let first = entries[position].id
      precondition(first.index > committed, "a leader replaces an entry that is committed: \(first)")
      if first.index <= lastIndex {
        result.conflict = (first.index, term(at: first.index) ?? .zero, first.term)
      }
      result.splice = unstable.splice(entries[position...])
    }
    self.commit(through: min(commit, result.lastIndex))
    return result
  }

  /// Takes the leader's own entries, which follow the last one.
  mutating func extend(_ entries: [Entry]) {
    guard let first = entries.first else { return }
    precondition(first.index == lastIndex.next, "a leader only extends its log")
    let splice = unstable.splice(entries[...])
    assert(splice == .extended)
  }

  // MARK: Committing

  /// Never moves backwards.
  mutating func commit(through index: LogIndex) {
    guard index > committed else { return }
    precondition(index <= lastIndex, "committed \(index) beyond the end \(lastIndex): was the log damaged or lost?")
    committed = index
  }

  /// After a restart.
  mutating func restoreCommit(_ index: LogIndex) {
    precondition(
      index >= committed && index <= lastIndex, "the persisted commit \(index) is outside of the log")
    committed = index
  }

  // MARK: Applying

  /// How far entries may be applied. Those that are not on disk here may be once they are committed, if the owner
  /// writes before it applies.
  private func appliableIndex(includingUnstable: Bool) -> LogIndex {
    includingUnstable ? committed : min(committed, unstable.offset.previous)
  }

  func hasEntriesToApply(includingUnstable: Bool) -> Bool {
    // A snapshot comes before any entry.
    !isApplyingPaused && unstable.snapshot == nil
      && applying < appliableIndex(includingUnstable: includingUnstable)
  }

  func entriesToApply(includingUnstable: Bool) -> [Entry] {
    guard hasEntriesToApply(includingUnstable: includingUnstable) else { return [] }
    let range = applying.next..<appliableIndex(includingUnstable: includingUnstable).next
    precondition(applyBudget > applyingByteCount, "applying goes on beyond its budget")
    guard let entries = try? slice(range, byteCount: applyBudget - applyingByteCount) else {
      preconditionFailure("committed entries that are not applied must be readable")
    }
    return entries
  }

  mutating func beginApplying(through index: LogIndex, byteCount: Int, includingUnstable: Bool) {
    precondition(index <= committed, "only what is committed is applied")
    applying = index
    applyingByteCount += byteCount
    // Also paused when the budget cut the batch short: the next entry would exceed it.
    isApplyingPaused =
      applyingByteCount >= applyBudget || index < appliableIndex(includingUnstable: includingUnstable)
  }

  mutating func finishApplying(through index: LogIndex, byteCount: Int) {
    precondition(index >= applied && index <= committed, "applied \(index) outside of \(applied)...\(committed)")
    applied = index
    applying = max(applying, index)
    applyingByteCount = max(0, applyingByteCount - byteCount)
    isApplyingPaused = applyingByteCount >= applyBudget
  }

  // MARK: Snapshots and the disk

  /// A snapshot takes the place of the log.
  mutating func restore(_ snapshot: Snapshot) {
    committed = snapshot.index
    unstable.restore(snapshot)
  }

  func snapshot() -> Snapshot? { unstable.snapshot ?? storage.snapshot() }

  mutating func beginWriting() { unstable.beginWriting() }
  mutating func stabilize(_ id: EntryID) -> UnstableLog.Stabilization { unstable.stabilize(id) }
  mutating func stabilizeSnapshot(_ index: LogIndex) { unstable.stabilizeSnapshot(index) }
}
