// A journal gives back what was synced whatever a loss of power does to the rest, and says so when the disk has lost
// what it had promised to keep. States and options come back from their text and bytes.

import Reactors
import Testing

@testable import Raft
@testable import Simulation

@Suite struct RaftJournalTests {
  private func entry(_ index: UInt64, term: UInt64 = 2, count: Int = 20) -> Entry {
    Entry(
      term: Term(term), index: LogIndex(index), data: [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: count)
    )
  }

  private func record(_ synced: Int, _ entries: [Entry], state: HardState? = nil) -> RaftJournal.Record {
    var record = RaftJournal.Record(syncedByteCount: synced)
    record.entries = entries
    record.hardState = state
    return record
  }

  @Test func `Records add up, later entries replace earlier ones`() {
    var bytes: [UInt8] = []
    record(0, [entry(1), entry(2), entry(3)], state: HardState(term: 2, vote: 1, commit: 1)).encode(into: &bytes)
    record(0, [entry(2, term: 3)], state: HardState(term: 3, vote: 2, commit: 1)).encode(into: &bytes)
    let journal = RaftJournal(reading: bytes)
    #expect(journal.entries == [entry(1), entry(2, term: 3)])
    #expect(journal.hardState == HardState(term: 3, vote: 2, commit: 1))
    #expect(journal.byteCount == bytes.count && !journal.isDamaged)
    var snapshot = RaftJournal.Record()
    snapshot.snapshot = Snapshot(index: 9, term: 3, membership: Membership(voters: [1, 2]), data: [7])
    snapshot.encode(into: &bytes)
    record(0, [entry(10, term: 3)]).encode(into: &bytes)
    let later = RaftJournal(reading: bytes)
    #expect(later.base == EntryID(term: 3, index: 9) && later.entries == [entry(10, term: 3)])
    #expect(later.snapshot?.data == [7])
  }

  @Test func `A torn tail is cut off, and nothing that was synced with it`() {
    var cutShort = 0
    for seed in UInt64(1)...150 {
      var random = RandomSource(seed: seed)
      var file = SimulatedFile()
      var syncedCount = 0
      var synced = 0
      var total: UInt64 = 0
      for _ in 0..<random.draw(2...10) {
        total += 1
        var bytes: [UInt8] = []
        record(syncedCount, [entry(total, count: random.draw(0...3000))]).encode(into: &bytes)
        file.append(bytes)
        if random.chance(percent: 50) {
          file.finishSync(file.beginSync())
          syncedCount = file.bytes.count
          synced = Int(total)
        }
      }
      file.lose(&random)
      let journal = RaftJournal(reading: file.bytes)
      #expect(!journal.isDamaged && journal.entries.count >= synced && journal.byteCount >= syncedCount)
      #expect(journal.entries.map(\.index.rawValue) == (0..<journal.entries.count).map { UInt64($0 + 1) })
      if journal.entries.count < Int(total) { cutShort += 1 }
    }
    #expect(cutShort > 20)
  }

  @Test func `Rot in what is known to have been durable is not taken for a torn tail`() {
    var bytes: [UInt8] = []
    for index in 1...UInt64(6) { record(bytes.count, [entry(index)]).encode(into: &bytes) }
    let provable = RaftJournal(reading: bytes).provableByteCount
    #expect(provable > 0 && provable < bytes.count)
    for byte in 0..<bytes.count {
      var rotten = bytes
      rotten[byte] ^= 0x10
      let journal = RaftJournal(reading: rotten)
      #expect(journal.byteCount <= byte)
      #expect(journal.isDamaged == (byte < provable), "byte \(byte)")
    }
  }

  @Test func `A state comes back from its bytes, damaged ones do not`() {
    var ledger = Ledger(after: EntryID(term: 1, index: 10), Membership(voters: [1, 2, 3], learners: [4]))
    ledger.apply(Entry(term: 2, index: 11, data: Ledger.command(7, delta: -5, paddingCount: 3)))
    #expect(ledger.sum == -5 && ledger.commandCount == 1)
    let bytes = ledger.encode(paddingCount: 40)
    #expect(Ledger(decoding: bytes) == ledger)
    for byte in bytes.indices {
      var damaged = bytes
      damaged[byte] ^= 4
      #expect(Ledger(decoding: damaged) == nil)
    }
    #expect(Ledger(decoding: []) == nil)
    // An entry twice, or in another order, shows.
    var twice = ledger
    twice.apply(Entry(term: 2, index: 11, data: Ledger.command(7, delta: -5, paddingCount: 3)))
    #expect(twice.hash != ledger.hash)
  }

  @Test func `Faults are named`() {
    #expect(FaultSet(parsing: "all") == .all)
    #expect(FaultSet(parsing: "none") == [])
    #expect(FaultSet(parsing: "loss,full-disks,transfers") == [.loss, .fullDisks, .transfers])
    #expect(FaultSet(parsing: "gremlins") == nil)
    #expect(FaultSet.all.contains(.transfers) && FaultSet([.loss, .rot]).description == "loss,rot")
  }

  @Test func `The checker notices states, entries and acknowledgements that do not fit`() throws {
    var checker = SafetyChecker(base: 10)
    try checker.observeApplied(entry(11), stateHash: 1, by: 1)
    try checker.observeApplied(entry(12), stateHash: 2, by: 1)
    try checker.observeApplied(entry(11), stateHash: 1, by: 2)
    #expect(throws: SafetyChecker.Violation.stateDiffers(2, 12)) {
      try checker.observeApplied(entry(12), stateHash: 3, by: 2)
    }
    #expect(throws: SafetyChecker.Violation.appliedDiffers(2, 12)) {
      try checker.observeApplied(entry(12, term: 3), stateHash: 2, by: 2)
    }
    #expect(throws: SafetyChecker.Violation.appliedOutOfOrder(2, 14)) {
      try checker.observeApplied(entry(14), stateHash: 2, by: 2)
    }
    try checker.observe([entry(11), entry(12)], after: 1)
    #expect(throws: SafetyChecker.Violation.logsDisagree(EntryID(term: 2, index: 12))) {
      try checker.observe([entry(12, count: 3)], after: 2)
    }
    checker.acknowledged(12)
    try checker.observeEnd(of: 1, at: 12)
    #expect(throws: SafetyChecker.Violation.lostAcknowledged(3, 12)) { try checker.observeEnd(of: 3, at: 11) }
  }
}
