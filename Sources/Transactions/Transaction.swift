// The coordinator of one transaction: reads at one timestamp, buffers writes until commit, remembers what it read so that
// its timestamp may move forward, and commits in one command where one range holds everything.
//
//   open -> committed | rolled back, once; `restart` keeps it open with a new epoch or a new identity
// After an error other than `retry` the owner rolls back (or back to a savepoint); after `retry` it may `restart`.
// Source: Docs/Transactions.md.

import Clocks
import Encoding
import Ranges
import Reactors
import Storage

/// One transaction, confined to its gateway's reactor: not `Sendable`, one request at a time.
public final class Transaction {
  enum State {
    case open, committed, rolledBack
    /// Whether it committed cannot be known.
    case unknown
  }

  let system: TransactionSystem
  var header: TransactionHeader
  var buffer = WriteBuffer()
  var reads = ReadSet()
  /// The newest version met, deletions included: a reader may not tell before that is certainly past.
  var observed = Timestamp.zero
  var state = State.open
  /// Savepoints that somebody may roll back to.
  var savepoints: [UInt32] = []
  /// Where the statement under way began, if it may have to be undone by itself.
  var statementMark: UInt32?
  /// Spans that nobody else can address before this transaction commits.
  var privateSpans = PrivateSpans()
  /// Whether a lock may be held anywhere.
  var mayHoldLocks = false
  /// The largest sequence that was sent on as an intent.
  var flushedSequence: UInt32 = 0
  /// The leases under which it holds locks.
  var leases: [(range: RangeID, lease: UInt64)] = []
  /// Where a wait may be under way, for `cancelWait`.
  var waitingAt: RangeDescriptor?
  /// Set by `cancelWait`: further waits end before they begin.
  private(set) var isCancelled = false
  /// Keys that must stand as they are read from now until the commit, whatever the isolation level: what the meaning of the
  /// writes hangs on, such as descriptors of tables. Few, each once.
  public private(set) var dependencies: [Key] = []
  private var heartbeatTimer: TimerToken?
  let isDeclaredReadOnly: Bool
  /// Set by `commit`.
  public internal(set) var commitTimestamp: Timestamp?

  init(_ system: TransactionSystem, _ header: TransactionHeader, isDeclaredReadOnly: Bool) {
    self.system = system
    self.header = header
    self.isDeclaredReadOnly = isDeclaredReadOnly
  }

  deinit {
    heartbeatTimer?.cancel()
    // Its owner went away without an end: what it holds must not wait for expiry.
    if state == .open, mayHoldLocks || header.hasIntents {
      for range in system.router.all { system.post(.abort, header, to: range) }
    }
  }

  // MARK: - What it is

  public var id: TransactionID { header.id }

  /// Numbers from counters outside of this and any other transaction.
  public var numbers: NumberReserve { system.numbers }

  /// What the transaction sees: everything committed at or below.
  public var readTimestamp: Timestamp { header.readTimestamp }

  /// May be changed until the first request.
  public var isolation: IsolationLevel {
    get { header.isolation }
    set { header.isolation = newValue }
  }

  /// Whether nothing has been written so far.
  public var isReadOnly: Bool { buffer.isEmpty && !header.hasIntents }

  /// Nanoseconds to wait for one lock; 0: for ever.
  public var lockTimeout: Int64 {
    get { header.lockTimeout }
    set { header.lockTimeout = max(0, newValue) }
  }

  /// What it calls itself in messages to others; empty: by its id.
  public var label: String {
    get { header.label }
    set { header.label = newValue }
  }

  // MARK: - Memory

  /// An empty block whose memory other transactions have used before; give it back.
  public func takeScratch() -> KeyValueBlock {
    var block = KeyValueBlock()
    swap(&block, &system.scratch)
    return block
  }

  public func giveBack(scratch block: consuming KeyValueBlock) {
    if block.byteCapacity > 1 << 16 { return }
    block.removeAll()
    system.scratch = block
  }

  // MARK: - Statements

  /// A statement begins: under READ COMMITTED it sees everything committed before now.
  public func beginStatement() {
    guard header.isolation == .readCommitted, state == .open else { return }
    header.readTimestamp = system.store.clock.now()
    reads.removeAll()
    // With writes under way, whoever called `depend` finds out whether it still holds at the new timestamp.
    if isReadOnly { dependencies.removeAll() }
  }

  /// Makes the commit fail with `retry` if `key` changes between the read timestamp of now and the commit. Costs no read.
  public func depend(on key: Key) {
    guard !isDeclaredReadOnly, !dependencies.contains(key) else { return }
    dependencies.append(key)
  }

  /// What must hold when the read timestamp moves, or at the commit.
  func footprint(with reads: ReadFootprint) -> ReadFootprint {
    var all = reads
    all.keys += dependencies
    return all
  }

  /// Begins anew after `retry`: a fresh timestamp, no writes. Locks are kept unless intents had been laid down.
  public func restart() async {
    guard state == .open else { return }
    if header.hasIntents {
      await giveUpEverywhere()
      header.id = system.makeID(at: system.store.clock.now())
      header.hasIntents = false
      header.epoch = 0
    } else {
      header.epoch += 1
    }
    header.readTimestamp = system.store.clock.now()
    header.ignored = []
    leases = []
    buffer.removeAll()
    reads.removeAll()
    dependencies.removeAll()
    savepoints = []
    statementMark = nil
    privateSpans = PrivateSpans()
    observed = .zero
    flushedSequence = 0
  }

  // MARK: - Writes

  /// Buffers a write. The caller has made sure of what the statement must see (unique keys, locks) by locking reads.
  public func put(_ key: Key, _ value: [UInt8]) { put(key, value, isNew: false) }

  /// - Parameter isNew: the key holds a number that nobody ever used.
  public func put(_ key: Key, _ value: [UInt8], isNew: Bool) {
    precondition(!isDeclaredReadOnly, "a transaction begun read-only writes")
    header.sequence &+= 1
    buffer.put(key, value, sequence: header.sequence, isNew: isNew)
  }

  public func delete(_ key: Key) {
    precondition(!isDeclaredReadOnly, "a transaction begun read-only writes")
    header.sequence &+= 1
    buffer.put(key, nil, sequence: header.sequence)
  }

  /// Declares that nobody else can address a key of `span` before this transaction commits: a table or an index that it makes,
  /// whose id was never used before. Many writes there are ingested as versions, without intents; whatever becomes of the
  /// transaction, what is not committed goes.
  public func declarePrivate(_ span: KeySpan) {
    precondition(!isDeclaredReadOnly, "a transaction begun read-only writes")
    header.sequence &+= 1
    privateSpans.add(span, sequence: header.sequence)
  }

  public func savepoint() -> Savepoint {
    if savepoints.last != header.sequence { savepoints.append(header.sequence) }
    return Savepoint(sequence: Int32(truncatingIfNeeded: header.sequence))
  }

  /// Undoes the writes since `savepoint`, which stays valid. Locks are kept.
  public func rollback(to savepoint: Savepoint) {
    undo(to: UInt32(truncatingIfNeeded: max(0, savepoint.sequence)))
  }

  /// A statement begins that may have to be undone by itself; the mark of the one before is forgotten.
  public func markStatement() { statementMark = header.sequence }

  /// Undoes what was written since `markStatement`. False if some of it was ingested, which cannot be undone: then only the
  /// whole transaction can be given up.
  public func undoStatement() -> Bool {
    guard let mark = statementMark else { preconditionFailure("a statement is undone that has no mark") }
    if let ingested = privateSpans.lastIngested, ingested > mark, !privateSpans.allMade(after: mark) { return false }
    undo(to: mark)
    return true
  }

  private func undo(to sequence: UInt32) {
    guard sequence < header.sequence else { return }
    buffer.rollback(to: sequence)
    savepoints.removeAll { $0 > sequence }
    privateSpans.rollback(to: sequence)
    if flushedSequence > sequence {
      let range = (sequence + 1)...header.sequence
      header.ignored.removeAll { $0.lowerBound >= range.lowerBound }
      header.ignored.append(range)
    }
  }

  // MARK: - The end

  /// Commits what has only read and locked nothing, if that may be told now. False: nothing has happened.
  public func commitAtOnce() -> Bool {
    guard state == .open, isReadOnly, !mayHoldLocks, system.store.clock.commitWait(for: observed) == 0 else {
      return false
    }
    state = .committed
    commitTimestamp = header.readTimestamp
    return true
  }

  /// Commits, waits until the commit may be told (commit-wait), and returns the commit timestamp (read-only: the read
  /// timestamp). After `retry` the transaction is still open: restart it, or roll it back.
  public func commit() async throws(TransactionError) -> Timestamp {
    guard state == .open else { throw .unavailable("the transaction has already ended") }
    if isReadOnly {
      if mayHoldLocks { await releaseEverywhere() }
      state = .committed
      commitTimestamp = header.readTimestamp
      try await waitUntilPast(observed)
      return header.readTimestamp
    }
    let timestamp = try await commitWrites()
    state = .committed
    heartbeatTimer?.cancel()
    mayHoldLocks = false
    commitTimestamp = timestamp
    try await waitUntilPast(timestamp)
    return timestamp
  }

  /// Gives everything up. Never fails: what could not be cleaned expires.
  public func rollback() async {
    guard state == .open else { return }
    state = .rolledBack
    heartbeatTimer?.cancel()
    buffer.removeAll()
    reads.removeAll()
    if mayHoldLocks || header.hasIntents { await giveUpEverywhere() }
  }

  /// Cancels whatever this transaction waits for, now and until `allowWaits`: the request fails with `cancelled`. Called on
  /// its reactor. What only cleans up is not held back.
  public func cancelWait() {
    isCancelled = true
    guard let range = waitingAt else { return }
    let id = header.id
    if let replica = system.replica(range) {
      replica.cancelWait(id)
    } else {
      system.post(.cancelWait, header, to: range)
    }
  }

  /// A cancelled transaction may wait again.
  public func allowWaits() { isCancelled = false }

  /// Suspends until true time is certainly past `timestamp`.
  private func waitUntilPast(_ timestamp: Timestamp) async throws(TransactionError) {
    while true {
      let wait = system.store.clock.commitWait(for: timestamp)
      if wait == 0 { return }
      await system.reactor.sleep(nanoseconds: min(wait, 1_000_000_000))
    }
  }

  private func releaseEverywhere() async {
    for range in system.router.all {
      if let replica = system.replica(range) {
        replica.release(header)
      } else {
        _ = await system.send(.release, header, to: range)
      }
    }
    mayHoldLocks = false
  }

  private func giveUpEverywhere() async {
    for range in system.router.all {
      if let replica = system.replica(range) {
        replica.abort(header)
      } else {
        _ = await system.send(.abort, header, to: range)
      }
    }
    mayHoldLocks = false
  }

  // MARK: - Signs of life

  func beginHeartbeats() {
    guard heartbeatTimer == nil else { return }
    scheduleHeartbeat()
  }

  private func scheduleHeartbeat() {
    let me = Confined(WeakTransaction(self), to: system.reactor)
    heartbeatTimer = system.reactor.schedule(afterNanoseconds: Limits.heartbeatInterval) { reactor in
      guard let transaction = me.access(on: reactor).value, transaction.state == .open,
        transaction.header.hasIntents
      else { return }
      transaction.system.post(
        .heartbeat, transaction.header, to: transaction.system.router.lookup(transaction.header.anchor))
      transaction.scheduleHeartbeat()
    }
  }
}

/// Lets timers reach a transaction without keeping it.
private struct WeakTransaction {
  weak var value: Transaction?
  init(_ value: Transaction) { self.value = value }
}
