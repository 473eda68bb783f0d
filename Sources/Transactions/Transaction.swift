// The coordinator of one transaction: reads at one timestamp, buffers writes until commit, remembers what it read so that
// its timestamp may move forward, and commits in one command (`Transaction+Commit`).
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
  /// What it has left in ranges.
  private(set) var bindings: [RangeBinding] = []
  /// Whether `header.anchor` is set: the key beside which its record lies, or will.
  var isAnchored = false
  /// Where its intents are, or may be.
  var intentSpans: [KeySpan] = []
  /// The largest timestamp of an intent: it commits no lower.
  var laidAt = Timestamp.zero
  /// Private spans that home knows of.
  var declaredSpans: [KeySpan] = []
  /// Where waits may be under way, for `cancelWait`.
  var waitingAt: [RangeDescriptor] = []
  /// Set by `cancelWait`: further waits end before they begin.
  private(set) var isCancelled = false
  /// Whether a timer will say again that waits shall end.
  private var repeatsCancel = false
  private static let cancelInterval: Int64 = 100_000_000
  /// Keys that must stand as they are read from now until the commit, whatever the isolation level: what the meaning of the
  /// writes hangs on, such as descriptors of tables. Few, each once.
  public private(set) var dependencies: [Key] = []
  private var heartbeatTimer: TimerToken?
  let isDeclaredReadOnly: Bool
  /// Whether it reads at one timestamp in the past for ever, so that any replica may serve it that knows what was written up to
  /// there.
  public let isHistorical: Bool
  /// Set by `commit`.
  public internal(set) var commitTimestamp: Timestamp?

  init(_ system: TransactionSystem, _ header: TransactionHeader, isDeclaredReadOnly: Bool, isHistorical: Bool) {
    self.system = system
    self.header = header
    self.isDeclaredReadOnly = isDeclaredReadOnly
    self.isHistorical = isHistorical
  }

  deinit {
    heartbeatTimer?.cancel()
    // Its owner went away without an end: what it holds must not wait for expiry.
    if state == .open, mayHoldLocks || header.hasIntents {
      for (span, header) in leftovers { system.post(over: span, header) { .abort([$0]) } }
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

  /// Counts for the locks that it asks for from now on.
  public var priority: TransactionPriority {
    get { header.priority }
    set { header.priority = newValue == .normal || system.store.tellsPriorities ? newValue : .normal }
  }

  /// Whether nothing has been written so far.
  public var isReadOnly: Bool { buffer.isEmpty && !header.hasIntents }

  /// Nanoseconds to wait for one lock; 0: for ever.
  public var lockTimeout: Int64 {
    get { header.lockTimeout }
    set { header.lockTimeout = max(0, newValue) }
  }

  /// What it calls itself in messages to others: the statement that it runs, as it was written, or a few words.
  public var label: [UInt8] {
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
    guard header.isolation == .readCommitted, state == .open, !isHistorical else { return }
    // Never back: what it has read and locked at a later time, given by a node whose clock is ahead, was built upon.
    let (read, uncertain) = system.store.clock.begin()
    header.readTimestamp = max(header.readTimestamp, read)
    header.uncertainUpTo = uncertain
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

  /// The same for several keys, each once.
  public func depend(on keys: [Key]) {
    guard !isDeclaredReadOnly else { return }
    // Mostly the first plan of a transaction, whose list serves as it is.
    if dependencies.isEmpty { dependencies = keys } else { for key in keys { depend(on: key) } }
  }

  /// Begins anew after `retry`: a fresh timestamp, no writes. Locks are kept unless intents had been laid down.
  public func restart() async {
    guard state == .open else { return }
    if header.hasIntents {
      await giveUpEverywhere()
      header.id = system.makeID(at: system.store.clock.now())
      header.hasIntents = false
      header.epoch = 0
      bindings = []
    } else {
      header.epoch += 1
      // Locks are kept, and counted on again only where they are taken again.
      for place in bindings.indices { bindings[place].lease = 0 }
    }
    isAnchored = false
    intentSpans = []
    laidAt = .zero
    declaredSpans = []
    if !isHistorical { header.readTimestamp = system.store.clock.begin().read }
    header.named = header.readTimestamp
    header.ignored = []
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
    guard state == .open, isReadOnly, !mayHoldLocks, readersWait == 0 else { return false }
    state = .committed
    commitTimestamp = header.readTimestamp
    return true
  }

  /// Commits, waits until the commit may be told (commit-wait), and returns the commit timestamp (read-only: the read
  /// timestamp). After `retry` the transaction is still open: restart it, or roll it back.
  public func commit() async throws(TransactionError) -> Timestamp {
    guard state == .open else { throw .unavailable("the transaction has already ended") }
    if isReadOnly {
      if mayHoldLocks { try await releaseEverywhere() }
      state = .committed
      commitTimestamp = header.readTimestamp
      if readersWait > 0 { try await waitUntilPast(observed) }
      return header.readTimestamp
    }
    let timestamp = try await commitWrites()
    state = .committed
    heartbeatTimer?.cancel()
    mayHoldLocks = false
    commitTimestamp = timestamp
    if !system.shard.faults.skipsCommitWait { try await waitUntilPast(timestamp) }
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
    if !repeatsCancel { cancelWaits() }
  }

  private func cancelWaits() {
    repeatsCancel = false
    guard isCancelled, !waitingAt.isEmpty else { return }
    for range in waitingAt {
      if let replica = system.replica(range) {
        replica.cancelWait(header.id)
      } else {
        system.post(over: KeySpan(start: range.span.start, end: range.span.start.next), header) { _ in .cancelWait }
      }
    }
    // Said again until it is heard: it may be lost on its way, or come to a range between two waits of one request.
    repeatsCancel = true
    let me = Confined(self, to: system.reactor)
    _ = system.reactor.schedule(afterNanoseconds: Self.cancelInterval) { reactor in
      me.access(on: reactor).cancelWaits()
    }
  }

  /// A cancelled transaction may wait again.
  public func allowWaits() { isCancelled = false }

  /// Nanoseconds until what was read may be told.
  private var readersWait: Int64 {
    system.shard.faults.skipsReadersWait ? 0 : system.store.clock.commitWait(for: observed)
  }

  /// Suspends until true time is certainly past `timestamp`.
  private func waitUntilPast(_ timestamp: Timestamp) async throws(TransactionError) {
    while true {
      let wait = system.store.clock.commitWait(for: timestamp)
      if wait == 0 { return }
      await system.reactor.sleep(nanoseconds: min(wait, 1_000_000_000))
    }
  }

  /// Gives locks back where nothing was written; fails if some were lost before.
  private func releaseEverywhere() async throws(TransactionError) {
    for binding in bindings {
      var released = header
      released.locksLease = binding.lease
      if let replica = shardReplica(binding) {
        if let failure = replica.release(released) { throw TransactionError(failure) }
      } else {
        try await system.send(over: binding.hull, released) { .release([$0]) }
      }
    }
    mayHoldLocks = false
  }

  private func giveUpEverywhere() async {
    for (span, header) in leftovers {
      // What could not be cleaned expires.
      try? await system.send(over: span, header) { .abort([$0]) }
    }
    mayHoldLocks = false
  }

  /// The replica that a binding speaks of, if it serves on this reactor and still holds all of it.
  private func shardReplica(_ binding: RangeBinding) -> Replica? {
    guard let range = system.router.find(binding.hull.start), range.id == binding.range,
      let replica = system.replica(range), replica.descriptor.span.contains(binding.hull)
    else { return nil }
    return replica
  }

  /// Where there may be locks or intents, and the header with which they are given up.
  private var leftovers: [(span: KeySpan, header: TransactionHeader)] {
    var left: [(span: KeySpan, header: TransactionHeader)] = bindings.map { binding in
      var header = header
      header.hasIntents = binding.hasIntents
      return (binding.hull, header)
    }
    if isAnchored, header.hasIntents, !bindings.contains(where: { $0.hull.contains(header.anchor) }) {
      left.append((KeySpan(header.anchor), header))
    }
    return left
  }

  // MARK: - What it has left in ranges

  /// Notes that something may be left in a range, whatever becomes of a request. Returns what was noted before.
  @discardableResult
  func note(_ range: RangeDescriptor, _ span: KeySpan) -> RangeBinding? {
    let before = bindings.first { $0.range == range.id }
    if let place = bindings.firstIndex(where: { $0.range == range.id }) {
      bindings[place].extend(over: span)
    } else {
      bindings.append(RangeBinding(range: range.id, hull: span))
    }
    return before
  }

  /// The range has refused the request, since it does not hold what was asked: nothing is left there.
  func takeBack(_ range: RangeDescriptor, to before: RangeBinding?) {
    guard let place = bindings.firstIndex(where: { $0.range == range.id }) else { return }
    if let before { bindings[place].hull = before.hull } else { bindings.remove(at: place) }
  }

  /// Locks, and what a leaseholder knows of intents, do not outlive their lease: a transaction that has some is bound to it.
  func bind(
    to range: RangeDescriptor, lease: UInt64, over span: KeySpan, hasIntents: Bool = false
  ) throws(TransactionError) {
    note(range, span)
    guard let place = bindings.firstIndex(where: { $0.range == range.id }) else { return }
    if bindings[place].lease == 0 { bindings[place].lease = lease }
    if hasIntents { bindings[place].hasIntents = true }
    if bindings[place].lease != lease {
      throw .retry(reason: "its locks were lost when the range's lease moved", key: nil)
    }
  }

  /// The last writes to a range are laid down, and its locks looked at, up to a timestamp.
  func notePrepared(_ range: RangeDescriptor, at timestamp: Timestamp) {
    guard let place = bindings.firstIndex(where: { $0.range == range.id }) else { return }
    bindings[place].prepared = max(bindings[place].prepared, timestamp)
  }

  /// The header for a request to one range.
  func header(for range: RangeDescriptor) throws(TransactionError) -> TransactionHeader {
    var header = header
    header.hasIntents = false
    for binding in bindings {
      if binding.range == range.id {
        header.locksLease = binding.lease
        header.hasIntents = binding.hasIntents && binding.isBound
      } else {
        if binding.isBound, binding.hull.overlaps(range.span) {
          throw .retry(reason: "its locks were lost when the range was split", key: nil)
        }
      }
    }
    header.hasIntentsElsewhere = self.header.hasIntents
    return header
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
      var header = transaction.header
      header.hasIntents = false
      header.hasIntentsElsewhere = true
      transaction.system.post(over: KeySpan(header.anchor), header) { _ in .heartbeat }
      transaction.scheduleHeartbeat()
    }
  }
}

/// Lets timers reach a transaction without keeping it.
private struct WeakTransaction {
  weak var value: Transaction?
  init(_ value: Transaction) { self.value = value }
}

/// What a transaction has left in a range.
struct RangeBinding {
  let range: RangeID
  /// The lease under which locks are held and intents were laid; 0: it counts on nothing there.
  var lease: UInt64 = 0
  /// Where, from the first key to the last.
  var hull: KeySpan
  var hasIntents = false
  /// Up to here what is locked there counts as read.
  var prepared = Timestamp.zero

  init(range: RangeID, hull: KeySpan) {
    self.range = range
    self.hull = hull
  }

  var isBound: Bool { lease != 0 }

  mutating func extend(over span: KeySpan) {
    if span.start < hull.start { hull.start = span.start }
    if hull.end < span.end { hull.end = span.end }
  }
}
