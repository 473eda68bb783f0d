// What Raft reads back of the log that its owner has written. Synchronous: the tail of a log is cached, and a read that
// misses the cache blocks no longer than a local disk.
// Contract: reads show every append whose response has been handed to the node. An error of the disk is the owner's to
// deal with (it must stop the member), so that these calls fail only in the ways that the protocol knows.

/// Why entries cannot be read.
public enum LogStorageError: Error, Hashable, Sendable {
  /// They have been compacted away; a snapshot stands for them.
  case compacted
  /// They are not there yet.
  case unavailable
}

/// The stable part of one group's log.
public protocol LogStorage {
  /// What was last persisted, and the members as of the last applied entry.
  func initialState() -> (hardState: HardState, membership: Membership)

  /// Entries from the first of `range` on, until its end or until `byteCount` is reached, but at least one.
  func entries(_ range: Range<LogIndex>, byteCount: Int) throws(LogStorageError) -> [Entry]

  /// The term of an entry from the one before `firstIndex`, which is kept for matching, to `lastIndex`; otherwise nil.
  func term(at index: LogIndex) -> Term?

  /// The first entry that has not been compacted away; one after `lastIndex` when all have.
  var firstIndex: LogIndex { get }

  var lastIndex: LogIndex { get }

  /// A snapshot to send, no older than `firstIndex - 1`; nil when none can be had just now. Whoever it is for must be a
  /// member in it, or will ignore it for good: the owner sends the newest applied state, not the last one saved.
  func snapshot() -> Snapshot?
}
