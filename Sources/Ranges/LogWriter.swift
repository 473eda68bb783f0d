// One thread per store that makes the logs of all its ranges durable: whatever was queued since the last sync is
// appended in one batch and synced once (group commit); then each reactor concerned is told in one hop.
//
// Contract: entries of one range are written in the order of submission. After an error of the disk nothing more is
// written and nobody is told anything: what could not be synced is never acknowledged.

import Reactors
import Storage
import Synchronization

/// One entry on its way to the disk.
struct LogAppend: Sendable {
  var reactor: Int
  var range: RangeID
  var position: LogPosition
  var payload: [UInt8]
}

/// What became durable for one range.
struct SyncedLog: Sendable {
  var range: RangeID
  var position: LogPosition
}

final class LogWriter: Sendable {
  private struct State {
    var appends: [LogAppend] = []
    var compactions: [SyncedLog] = []
    var hardStates: [(RangeID, HardState)] = []
    var isScheduled = false
    var hasFailed = false
    var isEmpty: Bool { appends.isEmpty && compactions.isEmpty && hardStates.isEmpty }
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

  func append(_ entry: LogAppend) {
    enqueue { $0.appends.append(entry) }
  }

  /// Drops a range's entries through a position that is applied and durable in the state.
  func compact(_ range: RangeID, through position: LogPosition) {
    enqueue { $0.compactions.append(SyncedLog(range: range, position: position)) }
  }

  func setHardState(_ range: RangeID, _ hardState: HardState) {
    enqueue { $0.hardStates.append((range, hardState)) }
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
        state.appends = []
        state.compactions = []
        state.hardStates = []
        return work
      }
      guard let work else { return }
      do throws(StorageError) {
        try write(work)
      } catch {
        state.withLock { state in
          state.hasFailed = true
          state.appends = []
        }
        onFailure(error)
        return
      }
    }
  }

  private func write(_ work: borrowing State) throws(StorageError) {
    var batch = LogBatch()
    for (range, hardState) in work.hardStates { batch.setHardState(range: range.rawValue, hardState) }
    for entry in work.appends {
      entry.payload.withUnsafeBytes {
        batch.append(
          range: entry.range.rawValue, index: entry.position.index, term: entry.position.term, payload: $0)
      }
    }
    for compaction in work.compactions {
      batch.compact(range: compaction.range.rawValue, through: compaction.position)
    }
    try log.write(batch, sync: true)
    // One message per reactor, ranges in the order of their first entry, each with its last position.
    var reactors: [Int] = []
    var synced: [[SyncedLog]] = []
    for entry in work.appends {
      let place: Int
      if let known = reactors.firstIndex(of: entry.reactor) {
        place = known
      } else {
        place = reactors.count
        reactors.append(entry.reactor)
        synced.append([])
      }
      if let index = synced[place].lastIndex(where: { $0.range == entry.range }) {
        synced[place][index].position = entry.position
      } else {
        synced[place].append(SyncedLog(range: entry.range, position: entry.position))
      }
    }
    for (reactor, ranges) in zip(reactors, synced) { onSynced(reactor, ranges) }
  }
}
