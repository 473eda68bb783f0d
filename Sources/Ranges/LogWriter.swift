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
  /// The log begins anew after this entry: a snapshot has come.
  var restart: LogPosition?
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
  private struct State {
    var writes: [LogWrite] = []
    var compactions: [(range: RangeID, position: LogPosition)] = []
    var removals: [RangeID] = []
    var records: [(kind: UInt8, bytes: [UInt8])] = []
    /// Told once everything before them is durable.
    var completions: [@Sendable () -> Void] = []
    var isScheduled = false
    var hasFailed = false
    var isEmpty: Bool {
      writes.isEmpty && compactions.isEmpty && removals.isEmpty && records.isEmpty && completions.isEmpty
    }
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

  func write(_ write: LogWrite) {
    enqueue { $0.writes.append(write) }
  }

  /// Drops a range's entries through a position that is applied and durable in the state.
  func compact(_ range: RangeID, through position: LogPosition) {
    enqueue { $0.compactions.append((range, position)) }
  }

  /// Drops everything of a range.
  func removeRange(_ range: RangeID) {
    enqueue { $0.removals.append(range) }
  }

  /// Keeps a record of the store itself; `completion` is called, on the writer's thread, once it is durable.
  func setRecord(_ kind: UInt8, _ bytes: [UInt8], completion: (@Sendable () -> Void)? = nil) {
    enqueue { state in
      state.records.append((kind, bytes))
      if let completion { state.completions.append(completion) }
    }
  }

  private func enqueue(_ change: (inout State) -> Void) {
    let mustSchedule = state.withLock { state -> Bool in
      change(&state)
      guard !state.isScheduled, !state.hasFailed else { return false }
      state.isScheduled = true
      return true
    }
    if mustSchedule { worker.submit { self.drain() } }
  }

  private func drain() {
    while true {
      let work = state.withLock { state -> State? in
        guard !state.isEmpty, !state.hasFailed else {
          state.isScheduled = false
          return nil
        }
        let work = state
        state.writes = []
        state.compactions = []
        state.removals = []
        state.records = []
        state.completions = []
        return work
      }
      guard let work else { return }
      do throws(StorageError) {
        try write(work)
      } catch {
        state.withLock { state in
          state.hasFailed = true
          state.writes = []
          state.completions = []
        }
        onFailure(error)
        return
      }
    }
  }

  private func write(_ work: borrowing State) throws(StorageError) {
    var batch = LogBatch()
    // What a removed range leaves behind goes first: another replica of it may have come in its place since.
    for range in work.removals { batch.removeRange(range.rawValue) }
    for record in work.records { batch.setStoreRecord(record.kind, record.bytes) }
    for write in work.writes {
      let range = write.range.rawValue
      if let restart = write.restart {
        batch.removeEntries(range: range, from: 0)
        batch.compact(range: range, through: restart)
      }
      if write.replacesTail, let first = write.entries.first {
        batch.removeEntries(range: range, from: first.index.rawValue)
      }
      for entry in write.entries {
        entry.data.withUnsafeBytes {
          batch.append(
            range: range, index: entry.index.rawValue, term: entry.term.rawValue, kind: entry.kind.rawValue,
            payload: $0)
        }
      }
      batch.setHardState(range: range, write.hardState)
    }
    for compaction in work.compactions {
      batch.compact(range: compaction.range.rawValue, through: compaction.position)
    }
    try log.write(batch, sync: true)
    for completion in work.completions { completion() }
    // One message per reactor, ranges in the order of their first write, each with its last sequence number.
    var reactors: [Int] = []
    var synced: [[SyncedLog]] = []
    for write in work.writes {
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
