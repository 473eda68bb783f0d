// One member of a simulated group: the process around a `RaftNode`. It writes the journal and saves the state, applies
// entries, and carries messages, each as events of its machine; it lasts until the process dies.
//
// Ordering: a journal record is durable before the responses that rest on it are delivered; entries are applied once they
// are durable here; the log is cut below a saved state only once that is durable under its name.
// After an error of the disk the process exits at once: what it could not sync it never acknowledges.

import Raft
import Reactors

final class RaftMember {
  let id: PeerID
  let machine: SimulatedMachine
  unowned let group: RaftGroup
  let storage: MemoryStorage
  private(set) var node: RaftNode<MemoryStorage>
  private(set) var ledger: Ledger

  // Writing
  private var writes: [Message] = []
  private var isWriting = false
  private var journalByteCount: Int
  private var syncedByteCount: Int
  /// The first index of the journal file; behind `storage.firstIndex` once the log has been cut.
  private var journalFirstIndex: LogIndex
  /// What the state file holds.
  private var savedIndex: LogIndex
  private var isSaving = false

  // Applying
  private var applies: [Message] = []
  private var isApplying = false

  private var isGathering = false
  /// Proposals made here whose clients wait.
  private var waiting: Set<UInt64> = []
  private var random: RandomSource

  private var plan: RaftPlan { group.plan }
  private var disk: SimulatedDisk { machine.disk }

  init(_ id: PeerID, _ machine: SimulatedMachine, _ group: RaftGroup, _ recovered: RecoveredMember) {
    self.id = id
    self.machine = machine
    self.group = group
    storage = recovered.storage
    ledger = recovered.ledger
    journalByteCount = recovered.journalByteCount
    syncedByteCount = recovered.journalByteCount
    journalFirstIndex = recovered.storage.firstIndex
    savedIndex = recovered.savedIndex
    random = group.world.makeRandom("member \(id) life \(machine.life)")
    var applied = ledger.index
    if group.options.planted == .applyTwice, applied >= storage.firstIndex, applied > .zero {
      // As if the applied index had been written apart from the state, and before it.
      applied = applied.previous
      ledger.index = applied
    }
    node = RaftNode(id: id, settings: group.plan.settings, storage: storage, applied: applied, seed: random.next())
  }

  /// Begins to live.
  func start() {
    group.checked { checker throws(SafetyChecker.Violation) in
      checker.restarted(id)
      if group.options.planted != .applyTwice {
        try checker.observeState(at: ledger.index, hash: ledger.hash, of: id)
      }
    }
    // Members do not tick in step.
    let offset = random.draw(0...plan.tick)
    machine.schedule(afterNanoseconds: offset) { [self] in tick() }
    work()
  }

  private func tick() {
    machine.schedule(afterNanoseconds: plan.tick) { [self] in tick() }
    node.tick()
    work()
  }

  // MARK: What it is told

  func receive(_ message: Message) {
    guard message.to == id else { return }
    if message.kind == .readIndex, mustRefuseReads { return }
    // What would make the core stop is a broken promise that is worth a name.
    if message.term >= node.term {
      if message.kind == .heartbeat, message.commit > node.lastEntryID.index {
        group.fail(.forgot(id, "entries up to \(message.commit); its log ends at \(node.lastEntryID.index)"))
        return
      }
      if message.kind == .append {
        for entry in message.entries where entry.index <= node.commitIndex && entry.index >= node.firstIndex {
          if let term = node.term(at: entry.index), term != entry.term,
            message.index >= node.commitIndex.previous
              || node.term(at: message.index) == message.logTerm
          {
            group.fail(.committedReplaced(id, entry.index, term, entry.term))
            return
          }
        }
      }
    }
    try? node.step(message)
    work()
  }

  /// Proposes a command; its client waits for an answer here.
  func propose(_ command: UInt64, _ data: [UInt8]) {
    guard (try? node.propose(data)) != nil else { return }
    waiting.insert(command)
    work()
  }

  /// Asks for an index at which a read may be served.
  func read(_ context: [UInt8]) {
    if mustRefuseReads { return }
    node.requestReadIndex(context)
    work()
  }

  /// The core, like etcd's, lets the leader of a group with a single voter answer reads at once: even when its commit
  /// index is older than what it acknowledged before a restart, and even when that voter is somebody else, since it was
  /// removed itself. Both gave stale reads here. So its owner refuses reads until the leader has committed an entry of
  /// its term, and while it is no voter; who asked will ask again.
  private var mustRefuseReads: Bool {
    node.isLeader && (node.term(at: node.commitIndex) != node.term || !node.membership.voters.contains(id))
  }

  func propose(_ change: ConfigurationChange) {
    try? node.propose(change)
    work()
  }

  func act(_ body: (inout RaftNode<MemoryStorage>) -> Void) {
    body(&node)
    work()
  }

  // MARK: Work

  /// Takes out what there is to do, at once or when more has gathered.
  private func work() {
    if plan.gatheringTime == 0 {
      drain()
    } else if !isGathering, node.hasReady {
      isGathering = true
      machine.schedule(afterNanoseconds: random.draw(0...plan.gatheringTime)) { [self] in
        isGathering = false
        drain()
      }
    }
  }

  private func drain() {
    while node.hasReady, !group.hasFailed {
      let ready = node.ready()
      if let softState = ready.softState {
        group.note(7, UInt64(softState.role.rawValue), "\(id) is \(softState.role) in term \(node.term)")
      }
      for read in ready.readStates { group.readReturned(read) }
      for message in ready.messages {
        switch message.kind {
        case .storageAppend: writes.append(message)
        case .storageApply: applies.append(message)
        case .snapshot:
          // Not the last one saved, which may be older than the member that it is for, and would mean nothing to it.
          var message = message
          message.snapshot = Snapshot(
            index: ledger.index, term: ledger.term, membership: ledger.membership,
            data: ledger.encode(paddingCount: plan.statePaddingCount))
          group.send(message, from: machine)
        default: group.send(message, from: machine)
        }
      }
    }
    group.checked { checker throws(SafetyChecker.Violation) in try checker.observe(node) }
    write()
    apply()
  }

  private func deliver(_ responses: [Message]) {
    for response in responses {
      if response.to == id { try? node.step(response) } else { group.send(response, from: machine) }
    }
  }

  // MARK: The journal

  private func write() {
    guard !isWriting, !writes.isEmpty, !group.hasFailed else { return }
    isWriting = true
    if journalByteCount > plan.journalByteLimit, storage.firstIndex > journalFirstIndex {
      rewriteJournal()
      return
    }
    let batch = Array(writes.prefix(plan.appendsPerWrite))
    writes.removeFirst(batch.count)
    var bytes: [UInt8] = []
    var mustSync = false
    var known = storage.hardState
    for message in batch {
      if let first = message.entries.first {
        let previous = previousTerm(of: first.index, in: batch)
        group.checked { checker throws(SafetyChecker.Violation) in
          if let previous { try checker.observe(message.entries, after: previous) }
        }
      }
      var record = RaftJournal.Record(syncedByteCount: syncedByteCount)
      record.hardState = message.hardState
      if group.options.planted == .skipPersistingVote { record.hardState?.vote = .none }
      record.snapshot = message.snapshot
      record.entries = message.entries
      if let state = message.hardState {
        // A commit index alone is a shortcut, not a promise.
        if state.term != known.term || state.vote != known.vote { mustSync = true }
        known = state
      }
      if message.snapshot != nil || !message.entries.isEmpty { mustSync = true }
      if !record.isEmpty { record.encode(into: &bytes) }
    }
    if bytes.isEmpty {
      machine.schedule(afterNanoseconds: 1_000) { [self] in finishWrite(batch) }
      return
    }
    do {
      try disk.append(RaftGroup.journalName, bytes)
    } catch {
      group.exit(machine, "its disk is full")
      return
    }
    journalByteCount += bytes.count
    if !mustSync {
      machine.schedule(afterNanoseconds: 10_000) { [self] in finishWrite(batch) }
      return
    }
    let end = journalByteCount
    let isHasty = group.options.planted == .acknowledgeBeforeSync
    disk.sync(RaftGroup.journalName, on: machine) { [self] error in
      if error != nil {
        group.exit(machine, "a sync failed")
        return
      }
      syncedByteCount = end
      if isHasty {
        isWriting = false
        write()
      } else {
        finishWrite(batch)
      }
    }
    if isHasty {
      install(batch)
      for message in batch { deliver(message.responses) }
      work()
    }
  }

  /// The term before an entry that is about to be written, in the log or in what is written with it.
  private func previousTerm(of index: LogIndex, in batch: [Message]) -> Term? {
    for message in batch.reversed() {
      if let entry = message.entries.first(where: { $0.index.next == index }) { return entry.term }
      if let snapshot = message.snapshot, snapshot.index.next == index { return snapshot.term }
    }
    return storage.term(at: index.previous)
  }

  private func finishWrite(_ batch: [Message]) {
    isWriting = false
    install(batch)
    for message in batch { deliver(message.responses) }
    work()
    write()
    let vote = batch.last { $0.hardState != nil }?.vote ?? .none
    if vote != .none, vote != id, !group.isHealed, random.chance(percent: plan.lossesAfterVotePercent) {
      group.losePower(machine, "power lost after a vote")
    }
  }

  /// Shows the node what has been written.
  private func install(_ batch: [Message]) {
    for message in batch {
      if let state = message.hardState { storage.save(state) }
      if let snapshot = message.snapshot { install(snapshot) }
      storage.append(message.entries)
    }
  }

  private func install(_ snapshot: Snapshot) {
    guard storage.install(snapshot), snapshot.index > ledger.index else { return }
    guard let state = Ledger(decoding: snapshot.data) else {
      group.fail(.forgot(id, "the content of the snapshot at \(snapshot.index)"))
      return
    }
    ledger = state
    group.checked { checker throws(SafetyChecker.Violation) in
      try checker.observeState(at: ledger.index, hash: ledger.hash, of: id)
    }
    group.note(8, snapshot.index.rawValue, "\(id) has taken in the snapshot at \(snapshot.index)")
  }

  /// Writes the journal anew, without what is cut away, and puts it in the old one's place.
  private func rewriteJournal() {
    var record = RaftJournal.Record()
    record.hardState = storage.hardState
    if group.options.planted == .skipPersistingVote { record.hardState?.vote = .none }
    let base = storage.firstIndex.previous
    if savedIndex < base {
      // The state file does not reach: the snapshot that was received stands for what is missing.
      record.snapshot = storage.latest
    } else {
      record.base = EntryID(term: storage.term(at: base) ?? .zero, index: base)
    }
    record.entries = storage.entries
    var bytes: [UInt8] = []
    record.encode(into: &bytes)
    disk.create(RaftGroup.newJournalName)
    do {
      try disk.append(RaftGroup.newJournalName, bytes)
    } catch {
      group.exit(machine, "its disk is full")
      return
    }
    let first = storage.firstIndex
    disk.sync(RaftGroup.newJournalName, on: machine) { [self] error in
      if error != nil {
        group.exit(machine, "a sync failed")
        return
      }
      disk.rename(RaftGroup.newJournalName, to: RaftGroup.journalName)
      disk.syncNames(on: machine) { [self] _ in
        journalByteCount = bytes.count
        syncedByteCount = bytes.count
        journalFirstIndex = first
        isWriting = false
        write()
      }
    }
  }

  // MARK: Applying

  private func apply() {
    guard !isApplying, !applies.isEmpty else { return }
    isApplying = true
    machine.schedule(afterNanoseconds: 1_000 + random.draw(0...plan.applyTime)) { [self] in
      isApplying = false
      let message = applies.removeFirst()
      for entry in message.entries {
        // A snapshot that the node has taken in stands for the entry: the members that it changes are changed already.
        if entry.index < node.firstIndex || entry.index <= ledger.index { continue }
        if entry.index != ledger.index.next {
          group.fail(.appliedOutOfOrder(id, entry.index))
          return
        }
        ledger.apply(entry)
        if let change = entry.change, let membership = try? node.apply(change) { ledger.membership = membership }
        group.checked { checker throws(SafetyChecker.Violation) in
          try checker.observeApplied(entry, stateHash: ledger.hash, by: id)
        }
        if let (command, _) = Ledger.decode(entry), waiting.remove(command) != nil { group.acknowledged(entry.index) }
      }
      deliver(message.responses)
      saveState()
      work()
      apply()
    }
  }

  /// Saves the state once enough has been applied, then cuts the log.
  private func saveState() {
    guard !isSaving, ledger.index > savedIndex, ledger.index - savedIndex >= plan.entriesPerSnapshot else { return }
    isSaving = true
    let state = ledger
    let bytes = state.encode(paddingCount: plan.statePaddingCount)
    disk.create(RaftGroup.newStateName)
    do {
      try disk.append(RaftGroup.newStateName, bytes)
    } catch {
      group.exit(machine, "its disk is full")
      return
    }
    disk.sync(RaftGroup.newStateName, on: machine) { [self] error in
      if error != nil {
        group.exit(machine, "a sync failed")
        return
      }
      disk.rename(RaftGroup.newStateName, to: RaftGroup.stateName)
      disk.syncNames(on: machine) { [self] _ in
        isSaving = false
        savedIndex = max(savedIndex, state.index)
        storage.makeSnapshot(at: state.index, membership: state.membership, data: bytes)
        let end = state.index.rawValue - min(UInt64(plan.entriesKept), state.index.rawValue)
        if LogIndex(end) >= storage.firstIndex { storage.compact(through: LogIndex(end)) }
      }
    }
  }
}
