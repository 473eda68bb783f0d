// One thread per store that makes the logs of all its ranges durable: whatever was queued since the last sync is
// appended in one batch and synced once (group commit); then each reactor concerned is told in one hop.
//
// Contract: writes of one range are carried out in the order of submission. After an error of the disk nothing more is
// written and nobody is told anything: what could not be synced is never acknowledged.

import Raft
import Reactors
import Storage
import Synchronization

/// One range's entries and hard state on their way to the disk.
struct LogWrite: Sendable {
  var reactor: Int
  var range: RangeID
  /// Ascending for each range.
  var sequence: UInt64
  var hardState: Storage.HardState
  /// Whether entries stand where the new ones belong; these and all behind them give way.
  var replacesTail: Bool
  var entries: [Entry]
}

/// What became durable for one range: every write up to a sequence number.
struct SyncedLog: Sendable {
  var range: RangeID
  var sequence: UInt64
}

final class LogWriter: Sendable {
  /// What is to be done, in the order of submission: later work may stand on earlier work of the same range.
  private enum Work {
    case write(LogWrite)
    case compact(RangeID, from: LogIndex, through: LogPosition)
    case remove(RangeID)
    case record(kind: UInt8, [UInt8])
  }

  private struct State {
    var work: [Work] = []
    /// Told once the work before them is durable.
    var completions: [@Sendable () -> Void] = []
    var isScheduled = false
    var hasFailed = false
  }

  private let log: LogStore
  private let worker: any Worker
  private let state = Mutex(State())
  private let onSynced: @Sendable (_ reactor: Int, [SyncedLog]) -> Void
  private let onFailure: @Sendable (StorageError) -> Void

  init(
    log: LogStore, worker: any Worker,
    onSynced: @escaping @Sendable (Int, [SyncedLog]) -> Void,
    onFailure: @escaping @Sendable (StorageError) -> Void
  ) {
    self.log = log
    self.worker = worker
    self.onSynced = onSynced
    self.onFailure = onFailure
  }

  func write(_ write: LogWrite) { submit(.write(write)) }

  /// Drops a range's entries through a position that is applied and durable in the state.
  /// - Parameter first: the index of the first of them.
  func compact(_ range: RangeID, from first: LogIndex, through position: LogPosition) {
    submit(.compact(range, from: first, through: position))
  }

  /// Drops everything of a range; `completion` is called, on the writer's thread, once that is durable.
  func removeRange(_ range: RangeID, completion: @escaping @Sendable () -> Void) {
    submit(.remove(range), completion: completion)
  }

  /// Keeps a record of the store itself; `completion` is called, on the writer's thread, once it is durable.
  func setRecord(_ kind: UInt8, _ bytes: [UInt8], completion: (@Sendable () -> Void)? = nil) {
    submit(.record(kind: kind, bytes), completion: completion)
  }

  /// Calls `work`, on the writer's thread, once everything submitted before is durable.
  func perform(_ work: @escaping @Sendable () -> Void) { submit(nil, completion: work) }

  private func submit(_ work: Work?, completion: (@Sendable () -> Void)? = nil) {
    let mustSchedule = state.withLock { state -> Bool in
      guard !state.hasFailed else { return false }
      if let work { state.work.append(work) }
      if let completion { state.completions.append(completion) }
      guard !state.isScheduled else { return false }
      state.isScheduled = true
      return true
    }
    if mustSchedule { worker.submit { self.drain() } }
  }

  private func drain() {
    while true {
      let (work, completions) = state.withLock { state in
        let taken = (state.work, state.completions)
        state.work = []
        state.completions = []
        if taken.0.isEmpty, taken.1.isEmpty { state.isScheduled = false }
        return taken
      }
      guard !work.isEmpty || !completions.isEmpty else { return }
      do throws(StorageError) {
        if !work.isEmpty { try write(work) }
      } catch {
        state.withLock { state in
          state.hasFailed = true
          state.work = []
          state.completions = []
        }
        onFailure(error)
        return
      }
      for completion in completions { completion() }
    }
  }

  private func write(_ work: [Work]) throws(StorageError) {
    var batch = LogBatch()
    var writes: [LogWrite] = []
    for item in work {
      switch item {
      case .write(let write):
        add(write, to: &batch)
        writes.append(write)
      case .compact(let range, let first, let position):
        batch.compact(range: range.rawValue, from: first.rawValue, through: position)
      case .remove(let range): batch.removeRange(range.rawValue)
      case .record(let kind, let bytes): batch.setStoreRecord(kind, bytes)
      }
    }
    try log.write(batch, sync: true)
    tell(writes)
  }

  private func add(_ write: LogWrite, to batch: inout LogBatch) {
    let range = write.range.rawValue
    if write.replacesTail, let first = write.entries.first {
      batch.removeEntries(range: range, from: first.index.rawValue)
    }
    for entry in write.entries {
      entry.data.withUnsafeBytes {
        batch.append(
          range: range, index: entry.index.rawValue, term: entry.term.rawValue, kind: entry.kind.rawValue, payload: $0)
      }
    }
    batch.setHardState(range: range, write.hardState)
  }

  private func tell(_ writes: [LogWrite]) {
    // One message per reactor, ranges in the order of their first write, each with its last sequence number.
    var reactors: [Int] = []
    var synced: [[SyncedLog]] = []
    for write in writes {
      let place: Int
      if let known = reactors.firstIndex(of: write.reactor) {
        place = known
      } else {
        place = reactors.count
        reactors.append(write.reactor)
        synced.append([])
      }
      if let index = synced[place].lastIndex(where: { $0.range == write.range }) {
        synced[place][index].sequence = write.sequence
      } else {
        synced[place].append(SyncedLog(range: write.range, sequence: write.sequence))
      }
    }
    for (reactor, ranges) in zip(reactors, synced) { onSynced(reactor, ranges) }
  }
}
