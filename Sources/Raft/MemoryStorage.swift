// A log in memory, for tests and simulation, and the model that other storages are compared with.
// Invariant: entries are contiguous; `base` stands for everything up to it.

/// A log storage in memory.
public final class MemoryStorage: LogStorage {
  public private(set) var hardState = HardState()
  /// The last snapshot made or received.
  public private(set) var latest: Snapshot
  /// The last entry that is compacted away.
  private var base: EntryID
  private var tail: [Entry] = []

  public init() {
    latest = Snapshot()
    base = latest.id
  }

  /// A log that begins after a snapshot. With an empty index only the members are known.
  public init(_ snapshot: Snapshot) {
    latest = snapshot
    base = snapshot.id
  }

  /// As a restart finds it: the same log in an object of its own.
  public init(copying other: MemoryStorage) {
    hardState = other.hardState
    latest = other.latest
    base = other.base
    tail = other.tail
  }

  // MARK: Reading

  public var firstIndex: LogIndex { base.index.next }
  public var lastIndex: LogIndex { base.index + tail.count }
  /// Every entry that is not compacted away.
  public var entries: [Entry] { tail }

  public func initialState() -> (hardState: HardState, membership: Membership) { (hardState, latest.membership) }

  public func entries(_ range: Range<LogIndex>, byteCount: Int) throws(LogStorageError) -> [Entry] {
    if range.lowerBound < firstIndex { throw .compacted }
    if range.upperBound > lastIndex.next { throw .unavailable }
    let from = range.lowerBound - firstIndex
    let to = range.upperBound - firstIndex
    return Array(tail[from..<to].prefix(byteCount: byteCount))
  }

  public func term(at index: LogIndex) -> Term? {
    if index == base.index { return base.term }
    guard index >= firstIndex, index <= lastIndex else { return nil }
    return tail[index - firstIndex].term
  }

  public func snapshot() -> Snapshot? { latest }

  // MARK: Writing

  public func save(_ state: HardState) { hardState = state }

  /// Appends, replacing whatever stood from the first new entry on.
  public func append(_ entries: [Entry]) {
    guard let last = entries.last, last.index >= firstIndex else { return }
    let fresh = entries.drop { $0.index < firstIndex }
    let position = fresh[fresh.startIndex].index - firstIndex
    precondition(position <= tail.count, "a log must not have holes")
    tail.removeSubrange(position...)
    tail += fresh
  }

  /// Replaces everything by a snapshot. False when a newer one is there.
  @discardableResult
  public func install(_ snapshot: Snapshot) -> Bool {
    guard latest.isEmpty || snapshot.index > latest.index else { return false }
    latest = snapshot
    base = snapshot.id
    tail = []
    return true
  }

  /// Records the state at `index`, which must be in the log, to send to followers that have fallen behind.
  public func makeSnapshot(at index: LogIndex, membership: Membership, data: [UInt8] = []) {
    guard index > latest.index, let term = term(at: index) else { return }
    latest = Snapshot(index: index, term: term, membership: membership, data: data)
  }

  /// Drops every entry up to `index`, which must be applied. False when they are gone already.
  @discardableResult
  public func compact(through index: LogIndex) -> Bool {
    guard index > base.index else { return false }
    precondition(index <= lastIndex, "only what is in the log can be compacted")
    let position = index - firstIndex
    base = tail[position].id
    tail.removeSubrange(...position)
    return true
  }
}
