// How a replica reaches agreement on the order of its commands: the place that Raft fills. Today a group of one member:
// an entry is committed once it is durable here.
//
// Contract: committed entries are handed over in order, each once, on the replica's reactor, and only when they survive
// a crash. A proposal may be lost; then another entry is committed at its index, or the group is told to stop.

import DequeModule
import Storage

/// Orders commands. Confined to its replica's reactor.
protocol ConsensusGroup: AnyObject {
  /// Where new entries begin their life now.
  var term: UInt64 { get }
  /// Appends a command to the log, to be committed later. Nil: this member cannot propose now.
  func propose(_ payload: [UInt8]) -> LogPosition?
  /// The log writer made entries durable up to `position`. Returns what is committed thereby.
  func synced(through position: LogPosition) -> [LogEntry]
  /// The last entry of the log.
  var last: LogPosition { get }
}

/// A group whose only member is this replica.
final class SingleMemberLog: ConsensusGroup {
  let term: UInt64
  private(set) var last: LogPosition
  private var unsynced: Deque<LogEntry> = []
  private let range: RangeID
  private let reactor: Int
  private let writer: LogWriter

  /// - Parameter last: the last entry on disk; new ones follow it, in a term of their own.
  init(range: RangeID, reactor: Int, last: LogPosition, term: UInt64, writer: LogWriter) {
    self.range = range
    self.reactor = reactor
    self.last = last
    self.term = term
    self.writer = writer
  }

  func propose(_ payload: [UInt8]) -> LogPosition? {
    last = LogPosition(index: last.index + 1, term: term)
    unsynced.append(LogEntry(index: last.index, term: term, payload: payload))
    writer.append(LogAppend(reactor: reactor, range: range, position: last, payload: payload))
    return last
  }

  func synced(through position: LogPosition) -> [LogEntry] {
    var committed: [LogEntry] = []
    while let first = unsynced.first, first.index <= position.index {
      committed.append(first)
      unsynced.removeFirst()
    }
    return committed
  }
}
