// What a member finds on its disk when its process begins: journal and state put together again.

import Raft
import Reactors

struct RecoveredMember {
  var storage: MemoryStorage
  var ledger: Ledger
  var savedIndex: LogIndex
  var journalByteCount: Int

  enum Failure: Error {
    /// The disk has lost what it had promised to keep, and checksums show it.
    case damaged(String)
    /// All checksums fit, and yet the member has vouched for more than it finds.
    case forgot(String)
  }

  /// A member that has never written anything.
  init() {
    storage = MemoryStorage()
    ledger = Ledger(after: EntryID(term: .zero, index: .zero), Membership())
    savedIndex = .zero
    journalByteCount = 0
  }

  init(reading disk: SimulatedDisk) throws(Failure) {
    let bytes = (try? disk.read(RaftGroup.journalName)) ?? []
    let stateBytes = try? disk.read(RaftGroup.stateName)
    if bytes.isEmpty, stateBytes == nil {
      self = RecoveredMember()
      return
    }
    let journal = RaftJournal(reading: bytes)
    if journal.isDamaged { throw .damaged("its journal from byte \(journal.byteCount) on") }
    var state: Ledger?
    if let stateBytes {
      // Under its name only once it was durable.
      guard let decoded = Ledger(decoding: stateBytes) else { throw .damaged("its state") }
      state = decoded
    }
    var hardState = journal.hardState
    let saved = state?.index ?? .zero
    var start = state
    if let snapshot = journal.snapshot, snapshot.index > saved {
      guard let received = Ledger(decoding: snapshot.data) else { throw .damaged("the snapshot it received") }
      start = received
    }
    let ledger = start ?? Ledger(after: EntryID(term: .zero, index: .zero), Membership())
    guard ledger.index >= journal.base.index else {
      throw .forgot("its state ends at \(ledger.index), its log begins after \(journal.base.index)")
    }
    let last = journal.base.index + journal.entries.count
    guard ledger.index <= last else { throw .forgot("its state is at \(ledger.index), its log ends at \(last)") }
    guard hardState.commit <= last else {
      throw .forgot("entries up to \(hardState.commit) were committed, its log ends at \(last)")
    }
    let image = stateBytes.flatMap { ledger.index == saved ? $0 : nil } ?? journal.snapshot?.data ?? []
    if ledger.index == journal.base.index {
      storage = MemoryStorage(
        Snapshot(index: ledger.index, term: journal.base.term, membership: ledger.membership, data: image))
    } else {
      storage = MemoryStorage(Snapshot(index: journal.base.index, term: journal.base.term))
    }
    storage.append(journal.entries)
    storage.makeSnapshot(at: ledger.index, membership: ledger.membership, data: image)
    hardState.commit = max(hardState.commit, ledger.index)
    storage.save(hardState)
    self.ledger = ledger
    savedIndex = saved
    journalByteCount = journal.byteCount
  }
}
