// The log of one replica as its Raft core reads it: the end of it in memory, the rest on disk.
//
// Contract: it shows exactly what has been made durable. The owner appends here what the log writer has reported, in the
// order of submission, before the core hears of it. What is applied everywhere it is needed may be dropped from memory;
// reading it again goes to the disk, on the reactor, which only happens for a member that lags.

import DequeModule
import Encoding
import Raft
import Storage

final class ReplicaLog: LogStorage {
  private let range: RangeID
  private let store: LogStore
  /// The last entry that was cut away.
  private(set) var base: EntryID
  private(set) var lastID: EntryID
  /// The end of the log: entries up to and with `lastID`.
  private var tail: Deque<Entry> = []
  private var tailByteCount = 0
  private let hardState: Raft.HardState
  private let membership: Membership
  private let onFailure: (StorageError) -> Void
  /// Makes a snapshot for a member whose next entry is gone; nil while none can be had.
  var makeSnapshot: () -> Snapshot? = { nil }

  init(
    range: RangeID, store: LogStore, base: EntryID, last: EntryID, hardState: Raft.HardState, membership: Membership,
    onFailure: @escaping (StorageError) -> Void
  ) {
    self.range = range
    self.store = store
    self.base = base
    lastID = last
    self.hardState = hardState
    self.membership = membership
    self.onFailure = onFailure
  }

  // MARK: - What the core reads

  func initialState() -> (hardState: Raft.HardState, membership: Membership) { (hardState, membership) }

  var firstIndex: LogIndex { base.index.next }
  var lastIndex: LogIndex { lastID.index }

  /// The first entry in memory.
  private var tailStart: LogIndex { lastID.index.next - tail.count }

  func entries(_ wanted: Range<LogIndex>, byteCount: Int) throws(LogStorageError) -> [Entry] {
    if wanted.lowerBound < firstIndex { throw .compacted }
    if wanted.upperBound > lastIndex.next { throw .unavailable }
    if wanted.lowerBound >= tailStart {
      let from = wanted.lowerBound - tailStart
      return Array(tail[from..<(from + (wanted.upperBound - wanted.lowerBound))].prefix(byteCount: byteCount))
    }
    do throws(StorageError) {
      let stored = try store.entries(
        range: range.rawValue, from: wanted.lowerBound.rawValue, to: wanted.upperBound.rawValue, byteLimit: byteCount)
      if stored.isEmpty { throw .corruption("the log of range \(range) has no entry \(wanted.lowerBound)") }
      return stored.map(Entry.init)
    } catch {
      onFailure(error)
      throw .unavailable
    }
  }

  func term(at index: LogIndex) -> Term? {
    if index == lastID.index { return lastID.term }
    if index == base.index { return base.term }
    guard index >= firstIndex, index < lastID.index else { return nil }
    if index >= tailStart { return tail[index - tailStart].term }
    do throws(StorageError) {
      return try store.term(range: range.rawValue, index: index.rawValue).map { Term($0) }
    } catch {
      onFailure(error)
      return nil
    }
  }

  func snapshot() -> Snapshot? { makeSnapshot() }

  // MARK: - What the owner tells

  /// Entries are durable; what stood from the first of them on has given way.
  func append(_ entries: [Entry]) {
    guard let first = entries.first, let last = entries.last else { return }
    precondition(first.index > base.index && first.index <= lastID.index.next, "a log must not have holes")
    if first.index <= lastID.index {
      let kept = first.index < tailStart ? 0 : first.index - tailStart
      while tail.count > kept { tailByteCount -= tail.removeLast().encodedByteCount }
    }
    tail.append(contentsOf: entries)
    tailByteCount += entries.encodedByteCount
    lastID = last.id
  }

  /// The end of the log as it was found on disk, before anything else.
  func preload(_ entries: [Entry]) {
    tail = Deque(entries)
    tailByteCount = entries.encodedByteCount
  }

  /// Entries through `index` need no longer be in memory, as far as that saves bytes above `limit`.
  func forget(through index: LogIndex, keeping limit: Int) {
    while tailByteCount > limit, let first = tail.first, first.index <= index {
      tailByteCount -= first.encodedByteCount
      tail.removeFirst()
    }
  }

  func releaseIdleMemory() { if tail.isEmpty { tail = [] } }

  /// Entries through `id` are gone from the disk, or about to be.
  func cut(through id: EntryID) {
    guard id.index > base.index, id.index <= lastID.index else { return }
    base = id
    forget(through: id.index, keeping: 0)
  }
}

extension Entry {
  init(_ stored: LogEntry) {
    self.init(
      term: Term(stored.term), index: LogIndex(stored.index), kind: EntryKind(rawValue: stored.kind) ?? .normal,
      data: stored.payload)
  }
}
